//! From pieces of source to a file that reads well: one item after the other with a line between them.
//! Invariant: what comes out parses, and is the same for the same input.

use crate::CodegenError;
use quote::ToTokens;

/// Formats items, with an empty line between two of them.
pub(crate) fn items(source: &str) -> Result<String, CodegenError> {
    let file = syn::parse_file(source).map_err(|error| CodegenError::Unsupported {
        what: "something in the schema".to_owned(),
        reason: format!("the bindings do not parse: {error}"),
    })?;
    Ok(join(file.items))
}

/// Formats parsed items.
pub(crate) fn join(items: Vec<syn::Item>) -> String {
    let mut text = String::new();
    let mut after_use = false;
    for item in items {
        let is_use = matches!(item, syn::Item::Use(_));
        let is_apart = !(is_use && after_use);
        if is_apart && !text.is_empty() {
            text.push('\n');
        }
        after_use = is_use;
        text += &prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items: vec![item] });
    }
    text
}

/// A module with its docs and the formatted items in it.
pub(crate) fn module(header: &str, name: &str, inner_docs: &str, items: &str) -> String {
    let mut text = format!("{header}pub mod {name} {{\n");
    for line in inner_docs.lines() {
        text += format!("    //! {line}").trim_end();
        text.push('\n');
    }
    if !inner_docs.is_empty() {
        text.push('\n');
    }
    for line in items.lines() {
        if !line.is_empty() {
            text += "    ";
            text += line;
        }
        text.push('\n');
    }
    text += "}\n";
    text
}

/// Docs as outer comments; the fallback where the WIT has none.
pub(crate) fn docs(docs: Option<&str>, fallback: &str) -> String {
    let text = match docs.map(str::trim) {
        Some(text) if !text.is_empty() => text,
        _ => fallback,
    };
    text.lines().map(|line| format!("///{}{line}\n", if line.is_empty() { "" } else { " " })).collect()
}

/// A type as it is written in Rust.
pub(crate) fn tokens(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}
