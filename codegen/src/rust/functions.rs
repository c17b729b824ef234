//! Functions in both directions: one trait for each exported interface, which the author implements,
//! and one function for each imported reducer and query.
//! Invariant: whatever may write is handed a `ReducerContext` of its own, or a `MigrationContext` around one.

use super::abi::Abi;
use super::format::{docs, tokens};
use super::names::{GLUE, Names, ROOT, camel, relative, snake};
use interstice_wit::{Function, FunctionKind, Interface};
use proc_macro2::{Ident, Span};
use std::fmt::Write;
use syn::PathSegment;
use syn::visit_mut::{self, VisitMut};

/// An exported interface and its trait.
pub(crate) struct Exported<'a> {
    pub(crate) interface: &'a Interface,
    pub(crate) ident: String,
}

impl<'a> Exported<'a> {
    /// The interfaces that the author implements.
    pub(crate) fn all(names: &mut Names<'a>) -> Vec<Self> {
        let schema = names.schema;
        let with_functions = schema.exports.iter().filter(|interface| !interface.functions.is_empty());
        with_functions
            .map(|interface| Self { interface, ident: names.take(&[], camel(&interface.name.name)) })
            .collect()
    }

    /// The trait, at the root of the bindings.
    pub(crate) fn item(&self, names: &Names<'_>) -> String {
        let name = &self.interface.name;
        let mut source = docs(self.interface.docs.as_deref(), &format!("The functions of `{name}`."));
        let _ = writeln!(source, "pub trait {} {{", self.ident);
        for function in &self.interface.functions {
            source += &docs(function.docs.as_deref(), &format!("The function `{}`.", function.name));
            source += &allows(function);
            let (ty, reference) = context_of(function);
            let context = context_name(function);
            let _ = write!(source, "fn {}({context}: {reference}{ty}", snake(&function.name));
            for param in &function.params {
                let _ = write!(source, ", {}: {}", snake(&param.name), names.rust(&param.ty, ROOT));
            }
            let result = function.result.as_ref().map(|ty| format!(" -> {}", names.rust(ty, ROOT)));
            let _ = writeln!(source, "){};", result.unwrap_or_default());
        }
        source + "}\n"
    }

    /// The way from the glue's trait to the author's.
    pub(crate) fn wiring(&self, abi: &Abi) -> String {
        let Some(module) = abi.exports.get(&self.interface.name) else { return String::new() };
        let Some(guest) = abi.guest(module) else { return String::new() };
        let mut source = format!("impl<T: super::{}> {module}::Guest for T {{\n", self.ident);
        // wit-bindgen declares the methods in the order of the interface.
        let methods = guest.items.iter().filter_map(|item| match item {
            syn::TraitItem::Fn(method) => Some(&method.sig),
            _ => None,
        });
        for (function, signature) in self.interface.functions.iter().zip(methods) {
            let mut signature = without_unit(signature);
            Move { from: glue_depth(module), to: GLUE.iter().map(|module| (*module).to_owned()).collect() }
                .visit_signature_mut(&mut signature);
            let arguments: Vec<_> = signature.inputs.iter().filter_map(argument_name).collect();
            let (context, reference) = context_of(function);
            // Nothing is given a name here, since any name may be that of a parameter.
            let _ = writeln!(
                source,
                "#[inline]
                {} {{
                    <T as super::{}>::{}({reference}super::{context}::new(&::interstice::rt::enter()), {})
                }}",
                tokens(&signature),
                self.ident,
                snake(&function.name),
                arguments.join(", ")
            );
        }
        source + "}\n"
    }
}

/// The functions of an imported interface, in its module.
pub(crate) fn imported(names: &Names<'_>, abi: &Abi, interface: &Interface) -> String {
    let Some(module) = abi.imports.get(&interface.name) else { return String::new() };
    let here = names.module(&interface.name);
    let root = relative(ROOT, here);
    let mut source = String::new();
    for function in &interface.functions {
        if !matches!(function.kind, FunctionKind::Reducer | FunctionKind::Query) {
            continue;
        }
        let name = snake(&function.name);
        let Some(signature) = abi.function(module, &name) else { continue };
        let mut signature = without_unit(signature);
        Move { from: glue_depth(module), to: here.clone() }.visit_signature_mut(&mut signature);
        let context = context_name(function);
        let (ty, reference) = context_of(function);
        let inputs: Vec<_> = signature.inputs.iter().map(tokens).collect();
        let arguments: Vec<_> = signature.inputs.iter().filter_map(argument_name).collect();
        let output = tokens(&signature.output);
        let kind = match function.kind {
            FunctionKind::Reducer => {
                "A reducer: it runs in the same transaction, and `Err` undoes what it did."
            }
            _ => "A query.",
        };
        source += &docs(function.docs.as_deref(), &format!("The function `{}`.", function.name));
        let _ = write!(
            source,
            "///\n/// {kind}
            {}pub fn {name}({context}: {reference}{root}{ty}, {}) {output} {{
                let _ = {context};
                {root}abi::{module}::{name}({})
            }}\n",
            allows(function),
            inputs.join(", "),
            arguments.join(", ")
        );
    }
    source
}

fn ident(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(name, Span::call_site()),
    }
}

/// How deep a module of the glue lies below the root of the bindings.
fn glue_depth(module: &str) -> usize {
    module.split("::").count() + 1
}

/// The signature without the `-> ()` that wit-bindgen writes where a function returns nothing.
fn without_unit(signature: &syn::Signature) -> syn::Signature {
    let mut signature = signature.clone();
    if let syn::ReturnType::Type(_, ty) = &signature.output
        && matches!(&**ty, syn::Type::Tuple(tuple) if tuple.elems.is_empty())
    {
        signature.output = syn::ReturnType::Default;
    }
    signature
}

fn argument_name(argument: &syn::FnArg) -> Option<String> {
    match argument {
        syn::FnArg::Typed(argument) => Some(tokens(&argument.pat)),
        syn::FnArg::Receiver(_) => None,
    }
}

/// What the lints would say about a signature that the WIT decides.
fn allows(function: &Function) -> String {
    let mut source = String::new();
    if function.params.len() > 6 {
        source += "#[allow(clippy::too_many_arguments)]\n";
    }
    if matches!(&function.result, Some(interstice_wit::Type::Result { err: None, .. })) {
        source += "#[allow(clippy::result_unit_err)]\n";
    }
    source
}

fn context_of(function: &Function) -> (&'static str, &'static str) {
    match function.kind {
        FunctionKind::Query => ("QueryContext", "&"),
        FunctionKind::Migrate => ("MigrationContext", "&mut "),
        _ => ("ReducerContext", "&mut "),
    }
}

/// `context`, unless a parameter is called so.
fn context_name(function: &Function) -> String {
    let mut name = "context".to_owned();
    while function.params.iter().any(|param| snake(&param.name) == name) {
        name.push('_');
    }
    name
}

/// Rewrites the paths of a signature that is moved from some depth below the root to another module.
struct Move {
    from: usize,
    to: Vec<String>,
}

impl VisitMut for Move {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        let first = path.segments.first().map(|first| first.ident.to_string()).unwrap_or_default();
        let segments = std::mem::take(&mut path.segments).into_iter();
        path.segments = match first.as_str() {
            "super" => {
                let mut from_root: Vec<_> = segments.skip(self.from).collect();
                let last = from_root.pop();
                let modules: Vec<_> = from_root.iter().map(|segment| segment.ident.to_string()).collect();
                let way = relative(&modules, &self.to);
                let way = way.split("::").filter(|step| !step.is_empty());
                way.map(|step| PathSegment::from(ident(step))).chain(last).collect()
            }
            // What the glue calls `_rt::Vec::<u8>` is in the prelude.
            "_rt" => segments.skip(1).collect(),
            _ => segments.collect(),
        };
        visit_mut::visit_path_mut(self, path);
    }

    fn visit_angle_bracketed_generic_arguments_mut(
        &mut self,
        arguments: &mut syn::AngleBracketedGenericArguments,
    ) {
        arguments.colon2_token = None;
        visit_mut::visit_angle_bracketed_generic_arguments_mut(self, arguments);
    }
}
