//! The macro `interstice::module!`: Rust bindings of a module's WIT at compile time.
//! The work is done by `interstice-codegen`; here are its input and the telling of its findings.
//! Invariant: a change of any WIT file that was read compiles the crate again.

mod input;
mod report;

use input::Input;
use interstice_codegen::{load, rust_bindings};
use proc_macro2::TokenStream;
use quote::quote;
use std::path::{Path, PathBuf};

/// Writes the bindings of a module in place: its types, its tables' handles, the contexts, one trait
/// for each exported interface, and the macro `export!`.
///
/// `module!()` and `module!("wit")` read the folder `wit` beside the crate's `Cargo.toml`; a folder
/// holds dependencies under `deps/`. `module!({ path: "wit", world: "bank" })` names the world of a
/// package that has several.
#[proc_macro]
pub fn module(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as Input);
    let span = input.span();
    match expand(&input) {
        Ok(bindings) => bindings.into(),
        Err(message) => syn::Error::new(span, message).into_compile_error().into(),
    }
}

fn expand(input: &Input) -> Result<TokenStream, String> {
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let crate_folder = crate_folder.ok_or("`CARGO_MANIFEST_DIR` is not set: build this crate with cargo")?;
    let sources = load(&crate_folder.join(input.path())).map_err(|error| report::chain(&error))?;
    let schema = interstice_wit::read(&sources, input.world().as_deref())
        .map_err(|findings| report::findings(&findings))?;
    let bindings = rust_bindings(&sources, &schema).map_err(|error| report::chain(&error))?;
    let bindings: TokenStream =
        bindings.parse().map_err(|error| format!("the bindings do not parse: {error}"))?;
    let tracked = sources.files().map(|(path, _)| track(Path::new(path)));
    Ok(quote! {
        #(#tracked)*
        #bindings
    })
}

/// Makes the compiler note that the crate depends on the file.
fn track(path: &Path) -> TokenStream {
    let path = proc_macro2::Literal::string(&path.display().to_string());
    quote! { const _: &[u8] = ::core::include_bytes!(#path); }
}
