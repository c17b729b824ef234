//! What stands between the parentheses of `module!`.
//! Invariant: a word that is not understood is an error at its place.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::{LitStr, Token, braced};

/// The arguments of the macro.
#[derive(Default)]
pub(crate) struct Input {
    path: Option<LitStr>,
    world: Option<LitStr>,
}

impl Input {
    /// The folder or file with the WIT, relative to the crate.
    pub(crate) fn path(&self) -> String {
        self.path.as_ref().map_or_else(|| "wit".to_owned(), LitStr::value)
    }

    /// The world, if one is named.
    pub(crate) fn world(&self) -> Option<String> {
        self.world.as_ref().map(LitStr::value)
    }

    /// Where to show what is wrong with the WIT.
    pub(crate) fn span(&self) -> Span {
        self.path.as_ref().map_or_else(Span::call_site, LitStr::span)
    }
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut parsed = Self::default();
        if input.is_empty() {
            return Ok(parsed);
        }
        if input.peek(LitStr) {
            parsed.path = Some(input.parse()?);
            return Ok(parsed);
        }
        let fields;
        braced!(fields in input);
        while !fields.is_empty() {
            let name: syn::Ident = fields.parse()?;
            fields.parse::<Token![:]>()?;
            let value: LitStr = fields.parse()?;
            match name.to_string().as_str() {
                "path" => parsed.path = Some(value),
                "world" => parsed.world = Some(value),
                _ => return Err(syn::Error::new(name.span(), "expected `path` or `world`")),
            }
            if !fields.is_empty() {
                fields.parse::<Token![,]>()?;
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Input;

    fn check(source: &str, path: &str, world: Option<&str>) {
        let input: Input = syn::parse_str(source).unwrap();
        assert_eq!((input.path().as_str(), input.world().as_deref()), (path, world), "{source}");
    }

    #[test]
    fn the_folder_is_wit_unless_another_is_named() {
        check("", "wit", None);
        check("\"schema\"", "schema", None);
        check("{}", "wit", None);
        check("{ path: \"schema\" }", "schema", None);
        check("{ world: \"bank\", }", "wit", Some("bank"));
        check("{ path: \"a/b.wit\", world: \"bank\" }", "a/b.wit", Some("bank"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for source in ["wit", "\"a\" \"b\"", "{ paths: \"wit\" }", "{ path: 3 }", "{ path }"] {
            assert!(syn::parse_str::<Input>(source).is_err(), "{source}");
        }
    }
}
