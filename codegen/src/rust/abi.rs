//! The canonical-ABI glue, made by wit-bindgen and refitted to our types.
//! wit-bindgen would define every type once more, in modules of its own; it is told to use those of
//! the readable part instead, and its definitions are taken out.
//! Invariant: what is left holds functions and traits only, and speaks of our types only.

use super::names::{self, Names};
use crate::CodegenError;
use interstice_wit::{InterfaceName, PackageName, Schema};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};
use syn::visit_mut::{self, VisitMut};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};
use wit_parser::{InterfaceId, Resolve, TypeId, TypeOwner, WorldId, WorldItem};

/// Where our types stand, in the paths that wit-bindgen is given. Only here; it is replaced by the
/// way up to the root of the bindings.
const ROOT: &str = "__interstice_root";

/// The interface with what the doors share.
const DOOR: &str = "interstice:host/door@0.1.0";

/// The glue of a world.
pub(crate) struct Abi {
    /// What `mod abi` holds.
    pub(crate) items: Vec<syn::Item>,
    /// The modules of imported and exported interfaces.
    pub(crate) imports: BTreeMap<InterfaceName, String>,
    pub(crate) exports: BTreeMap<InterfaceName, String>,
}

/// Makes the glue of a guest world.
pub(crate) fn generate(mut resolve: Resolve, world: WorldId, names: &Names<'_>) -> Result<Abi, CodegenError> {
    let failed = |reason: String| CodegenError::Glue { world: names.schema.world.clone(), reason };
    prune(&mut resolve, world, names.schema);
    let keywords = packages_named_like_keywords(&resolve);
    let modules = Modules::new(&resolve, world);
    let options = Opts {
        runtime_path: Some("::interstice::rt".to_owned()),
        generate_all: true,
        with: remapped_types(&resolve, world, names)?,
        ..Opts::default()
    };
    let mut files = Files::default();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .map_err(|error| failed(format!("{error:#}")))?;
    let (_, source) = files.iter().next().ok_or_else(|| failed("it is empty".to_owned()))?;
    let source = without_impossible_names(&String::from_utf8_lossy(source), &keywords);
    let mut file = syn::parse_file(&source).map_err(|error| failed(error.to_string()))?;
    if let Some((function, parameter)) = hidden_parameter(&file.items) {
        return Err(failed(format!(
            "the imported function `{function}` has a parameter named `{parameter}`, which is also the name of a \
             variable in the bindings, so its value would be lost: give the parameter another name in the \
             WIT of its package"
        )));
    }
    remove_types(&mut file.items, &[]);
    Refit { depth: 1 }.visit_file_mut(&mut file);
    Ok(Abi { items: file.items, imports: modules.imports, exports: modules.exports })
}

/// Takes out what the schema leaves out: of an interface that the world imports for its types alone,
/// the functions and the types that nothing reaches. They may not even be values.
fn prune(resolve: &mut Resolve, world: WorldId, schema: &Schema) {
    let side =
        |exported| interfaces(resolve, world).filter(move |side| side.1 == exported).map(|side| side.0);
    let (imported, exported): (Vec<_>, BTreeSet<_>) = (side(false).collect(), side(true).collect());
    for id in imported {
        let name = interface_name(resolve, id);
        let is_whole = exported.contains(&id) || schema.imports.contains(&name);
        // The doors and the circumstances of a call are in no schema.
        let Some(known) = schema.interface(&name).filter(|_| !is_whole) else { continue };
        let interface = &mut resolve.interfaces[id];
        interface.functions.clear();
        let is_known = |name: &String| known.types.iter().any(|def| def.name == *name);
        let removed: Vec<TypeId> =
            interface.types.iter().filter(|(name, _)| !is_known(name)).map(|(_, id)| *id).collect();
        interface.types.retain(|name, _| is_known(name));
        // A type that names an interface which does not have it would make the whole invalid.
        for id in removed {
            resolve.types[id].owner = TypeOwner::None;
        }
    }
}

/// A parameter of an imported function that a variable of the glue hides: `len0` behind a string, whose
/// length has that name. The function would be given that variable's value, and nobody would notice.
fn hidden_parameter(items: &[syn::Item]) -> Option<(String, String)> {
    items.iter().find_map(|item| match item {
        syn::Item::Mod(module) => hidden_parameter(&module.content.as_ref()?.1),
        syn::Item::Fn(function) => {
            let mut variables = Variables::default();
            variables.of_block(&function.block);
            let hidden = function.sig.inputs.iter().find_map(|input| match input {
                syn::FnArg::Typed(typed) => match &*typed.pat {
                    syn::Pat::Ident(pat) => variables.0.get(&pat.ident).cloned(),
                    _ => None,
                },
                syn::FnArg::Receiver(_) => None,
            })?;
            Some((function.sig.ident.to_string(), hidden.to_string()))
        }
        _ => None,
    })
}

/// The variables that stand beside the parameters of a function, not in an inner scope.
#[derive(Default)]
struct Variables(BTreeSet<Ident>);

impl Variables {
    fn of_block(&mut self, block: &syn::Block) {
        for statement in &block.stmts {
            match statement {
                syn::Stmt::Local(local) => self.of_pattern(&local.pat),
                syn::Stmt::Expr(syn::Expr::Unsafe(inner), _) => self.of_block(&inner.block),
                syn::Stmt::Expr(syn::Expr::Block(inner), _) => self.of_block(&inner.block),
                _ => {}
            }
        }
    }

    fn of_pattern(&mut self, pattern: &syn::Pat) {
        match pattern {
            syn::Pat::Ident(pat) => drop(self.0.insert(pat.ident.clone())),
            syn::Pat::Tuple(tuple) => tuple.elems.iter().for_each(|pat| self.of_pattern(pat)),
            syn::Pat::Type(typed) => self.of_pattern(&typed.pat),
            _ => {}
        }
    }
}

/// Tells wit-bindgen the path of every type in the world.
fn remapped_types(
    resolve: &Resolve,
    world: WorldId,
    names: &Names<'_>,
) -> Result<Vec<(String, WithOption)>, CodegenError> {
    let mut paths = BTreeMap::new();
    for (id, _) in interfaces(resolve, world) {
        for ty in resolve.interfaces[id].types.values() {
            let (key, interface, name) = origin(resolve, *ty);
            let path = if key == format!("{DOOR}/violation") {
                "::interstice::rt::Violation".to_owned()
            } else if interface.package.namespace == "interstice" && interface.package.name == "host" {
                // The circumstances of a call are read by the guest library, not by this glue.
                continue;
            } else {
                let path = names.type_path(&interface, &name);
                let path = path.ok_or_else(|| CodegenError::MissingType { name: key.clone() })?;
                format!("{ROOT}::{path}")
            };
            paths.insert(key, WithOption::Path(path));
        }
    }
    Ok(paths.into_iter().collect())
}

/// A type where it is defined: its key for wit-bindgen, its interface and its name.
fn origin(resolve: &Resolve, ty: TypeId) -> (String, InterfaceName, String) {
    let ty = wit_bindgen_core::dealias(resolve, ty);
    let def = &resolve.types[ty];
    let name = def.name.clone().unwrap_or_default();
    let TypeOwner::Interface(owner) = def.owner else {
        unreachable!("an interface's types are defined in interfaces")
    };
    let interface = interface_name(resolve, owner);
    (format!("{}/{name}", resolve.id_of(owner).unwrap_or_default()), interface, name)
}

fn interface_name(resolve: &Resolve, id: InterfaceId) -> InterfaceName {
    let interface = &resolve.interfaces[id];
    let package = interface.package.map(|package| &resolve.packages[package].name);
    let package = package.expect("the interfaces of a resolved world stand in packages");
    InterfaceName {
        package: PackageName {
            namespace: package.namespace.clone(),
            name: package.name.clone(),
            version: package.version.clone().unwrap_or(Version::new(0, 0, 0)),
        },
        name: interface.name.clone().unwrap_or_default(),
    }
}

/// The interfaces of a world, and whether each is exported.
fn interfaces(resolve: &Resolve, world: WorldId) -> impl Iterator<Item = (InterfaceId, bool)> {
    let world = &resolve.worlds[world];
    let items = world.imports.values().map(|item| (item, false));
    items.chain(world.exports.values().map(|item| (item, true))).filter_map(|(item, exported)| match item {
        WorldItem::Interface { id, .. } => Some((*id, exported)),
        _ => None,
    })
}

/// The modules that wit-bindgen gives to interfaces.
struct Modules {
    imports: BTreeMap<InterfaceName, String>,
    exports: BTreeMap<InterfaceName, String>,
}

impl Modules {
    fn new(resolve: &Resolve, world: WorldId) -> Self {
        let mut modules = Self { imports: BTreeMap::new(), exports: BTreeMap::new() };
        for (id, exported) in interfaces(resolve, world) {
            let name = interface_name(resolve, id);
            let Some(package) = resolve.interfaces[id].package else { continue };
            let package = wit_bindgen_core::name_package_module(resolve, package);
            let path = [name.package.namespace.as_str(), &package, &name.name].map(names::snake).join("::");
            if exported {
                modules.exports.insert(name, format!("exports::{path}"));
            } else {
                modules.imports.insert(name, path);
            }
        }
        modules
    }
}

/// Packages whose module wit-bindgen names without regard to keywords.
fn packages_named_like_keywords(resolve: &Resolve) -> Vec<String> {
    let packages = resolve.packages.iter();
    let modules = packages.map(|(id, _)| wit_bindgen_core::name_package_module(resolve, id));
    modules.filter(|module| names::is_keyword(module)).collect()
}

/// Makes the source parse where a name of the WIT is a keyword that wit-bindgen does not escape.
fn without_impossible_names(source: &str, keywords: &[String]) -> String {
    // No resource is ever generated, so `Self` can only come from a case of that name.
    let mut source = replace_word(source, "Self", "Self_");
    for keyword in keywords {
        source = source
            .replace(&format!("pub mod {keyword} {{"), &format!("pub mod {keyword}_ {{"))
            .replace(&format!("::{keyword}::"), &format!("::{keyword}_::"));
    }
    source
}

/// Replaces an identifier where it stands alone.
fn replace_word(source: &str, word: &str, replacement: &str) -> String {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut replaced = String::with_capacity(source.len());
    let mut end = 0;
    for (start, _) in source.match_indices(word) {
        let bytes = source.as_bytes();
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        if !is_part(before) && !is_part(bytes.get(start + word.len())) {
            replaced.push_str(&source[end..start]);
            replaced.push_str(replacement);
            end = start + word.len();
        }
    }
    replaced.push_str(&source[end..]);
    replaced
}

/// Takes out the types, and the interfaces that the guest library serves.
fn remove_types(items: &mut Vec<syn::Item>, path: &[String]) {
    items.retain_mut(|item| match item {
        syn::Item::Struct(item) => item.ident == "_RetArea",
        syn::Item::Enum(_) | syn::Item::Type(_) => false,
        syn::Item::Impl(item) => !is_impl_for_removed(item),
        syn::Item::Macro(item) => item.mac.path.segments.last().is_none_or(|last| last.ident != "bitflags"),
        // The conversions in here belong to no interface.
        syn::Item::Mod(item) if item.ident == "_rt" => true,
        syn::Item::Mod(item) => {
            let path: Vec<_> = path.iter().cloned().chain([item.ident.to_string()]).collect();
            match &mut item.content {
                _ if path == ["interstice", "host"] => false,
                Some((_, items)) => {
                    remove_types(items, &path);
                    !items.is_empty()
                }
                None => true,
            }
        }
        _ => true,
    });
}

/// wit-bindgen implements `Debug`, `Display`, `Error` and the lifting of enums next to a type.
fn is_impl_for_removed(item: &syn::ItemImpl) -> bool {
    match &*item.self_ty {
        syn::Type::Path(path) => path.path.segments.len() == 1,
        _ => false,
    }
}

/// Replaces the marked paths, and turns the names that wit-bindgen escapes its own way into ours.
struct Refit {
    /// How many modules lie above, up to the root of the bindings.
    depth: usize,
}

impl Refit {
    fn ident(ident: &Ident) -> Option<Ident> {
        let text = ident.to_string();
        if text == "gen" {
            return Some(Ident::new_raw("gen", ident.span()));
        }
        let keyword = text.strip_suffix('_').filter(|keyword| names::is_keyword(keyword))?;
        match keyword {
            "self" | "super" | "crate" => None,
            _ => Some(Ident::new_raw(keyword, ident.span())),
        }
    }

    fn tokens(tokens: TokenStream) -> TokenStream {
        tokens
            .into_iter()
            .map(|token| match token {
                TokenTree::Ident(ident) => TokenTree::Ident(Self::ident(&ident).unwrap_or(ident)),
                TokenTree::Group(group) => {
                    let mut refitted = Group::new(group.delimiter(), Self::tokens(group.stream()));
                    refitted.set_span(group.span());
                    TokenTree::Group(refitted)
                }
                other => other,
            })
            .collect()
    }

    fn way_up(&self) -> impl Iterator<Item = Ident> + use<> {
        (0..self.depth).map(|_| Ident::new("super", Span::call_site()))
    }
}

impl VisitMut for Refit {
    fn visit_item_mod_mut(&mut self, item: &mut syn::ItemMod) {
        self.depth += 1;
        visit_mut::visit_item_mod_mut(self, item);
        self.depth -= 1;
    }

    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        if path.segments.first().is_some_and(|first| first.ident == ROOT) {
            let rest = std::mem::take(&mut path.segments).into_iter().skip(1);
            path.segments = self.way_up().map(syn::PathSegment::from).chain(rest).collect();
        }
        visit_mut::visit_path_mut(self, path);
    }

    fn visit_use_tree_mut(&mut self, tree: &mut syn::UseTree) {
        if let syn::UseTree::Path(path) = tree
            && path.ident == ROOT
        {
            let rest = (*path.tree).clone();
            *tree = self.way_up().fold(rest, |tree, ident| {
                syn::UseTree::Path(syn::UsePath {
                    ident,
                    colon2_token: Default::default(),
                    tree: Box::new(tree),
                })
            });
        }
        visit_mut::visit_use_tree_mut(self, tree);
    }

    fn visit_macro_mut(&mut self, item: &mut syn::Macro) {
        item.tokens = Self::tokens(item.tokens.to_token_stream());
        visit_mut::visit_macro_mut(self, item);
    }

    fn visit_ident_mut(&mut self, ident: &mut Ident) {
        if let Some(refitted) = Self::ident(ident) {
            *ident = refitted;
        }
    }
}

impl Abi {
    /// The function of that name in a module of the glue.
    pub(crate) fn function(&self, module: &str, name: &str) -> Option<&syn::Signature> {
        self.module(module)?.iter().find_map(|item| match item {
            syn::Item::Fn(function) if function.sig.ident == name => Some(&function.sig),
            _ => None,
        })
    }

    /// The methods of the trait `Guest` in a module of the glue; none if nothing is to be implemented.
    pub(crate) fn guest(&self, module: &str) -> Option<&syn::ItemTrait> {
        self.module(module)?.iter().find_map(|item| match item {
            syn::Item::Trait(found) if found.ident == "Guest" => Some(found),
            _ => None,
        })
    }

    /// Takes out the functions of an imported interface, and the modules that are empty then.
    pub(crate) fn remove_import(&mut self, interface: &InterfaceName) {
        fn remove(items: &mut Vec<syn::Item>, path: &[&str]) {
            let Some((first, rest)) = path.split_first() else { return items.clear() };
            items.retain_mut(|item| match item {
                syn::Item::Mod(module) if module.ident == first => match &mut module.content {
                    Some((_, inner)) => {
                        remove(inner, rest);
                        !inner.is_empty()
                    }
                    None => true,
                },
                _ => true,
            });
        }
        if let Some(module) = self.imports.get(interface) {
            remove(&mut self.items, &module.split("::").collect::<Vec<_>>());
        }
    }

    fn module(&self, path: &str) -> Option<&[syn::Item]> {
        let mut items = self.items.as_slice();
        for name in path.split("::") {
            items = items.iter().find_map(|item| match item {
                syn::Item::Mod(module) if module.ident == name => {
                    module.content.as_ref().map(|(_, items)| items.as_slice())
                }
                _ => None,
            })?;
        }
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DoorKind, guest_world, load};
    use std::path::Path;

    /// A compiler that checks its own work, as cargo's `dev` profile makes one, refuses anything else.
    #[test]
    fn what_is_left_of_the_packages_is_valid() {
        let mut pruned = 0;
        for module in ["tests/modules/mid", "tests/modules/top", "examples/shop", "examples/bank-2.0"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(module).join("wit");
            let sources = load(&folder).expect("the module is there");
            let schema = interstice_wit::read(&sources, None).expect("its schema is read");
            let guest = guest_world(&sources, &schema, DoorKind::Rows);
            let (mut resolve, world) = guest.resolve(&sources).expect("its world resolves");
            prune(&mut resolve, world, &schema);
            resolve.assert_valid();
            pruned += resolve.types.iter().filter(|(_, def)| is_orphan(def)).count();
        }
        assert!(pruned > 0, "no module has a type that is taken out");
    }

    fn is_orphan(def: &wit_parser::TypeDef) -> bool {
        def.name.is_some() && def.owner == TypeOwner::None
    }
}
