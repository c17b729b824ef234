//! Where everything in a schema stands in Rust: the module of each interface, the identifier of each
//! type, and the text of a type as seen from a module.
//! Invariant: two things of one module never get the same identifier.

use crate::CodegenError;
use heck::{ToSnakeCase, ToUpperCamelCase};
use interstice_wit::{InterfaceName, PackageName, Schema, Type, TypeDef, TypeKind, TypeName};
use std::collections::{BTreeMap, BTreeSet};

/// A path of modules from the root of the bindings.
pub(crate) type ModulePath = Vec<String>;

/// The module of the glue, from which paths are written like from any other.
pub(crate) const GLUE: &[&str] = &["abi"];

/// The Rust names of a schema.
pub(crate) struct Names<'a> {
    pub(crate) schema: &'a Schema,
    modules: BTreeMap<InterfaceName, ModulePath>,
    types: BTreeMap<TypeName, String>,
    /// What is taken in a module, the root included.
    taken: BTreeMap<ModulePath, BTreeSet<String>>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(schema: &'a Schema) -> Result<Self, CodegenError> {
        let mut names =
            Self { schema, modules: BTreeMap::new(), types: BTreeMap::new(), taken: BTreeMap::new() };
        for reserved in RESERVED_AT_ROOT {
            names.take(&[], (*reserved).to_owned());
        }
        names.place_modules();
        names.place_types();
        names.check_types()?;
        Ok(names)
    }

    fn place_modules(&mut self) {
        let interfaces = || self.schema.exports.iter().chain(&self.schema.foreign).map(|found| &found.name);
        let own = &self.schema.package;
        let foreign: BTreeSet<_> =
            interfaces().map(|name| &name.package).filter(|package| *package != own).collect();
        let interfaces: Vec<_> = interfaces().collect();
        let mut namespaces = BTreeMap::new();
        for package in &foreign {
            if !namespaces.contains_key(&package.namespace) {
                let module = self.take(&[], snake(&package.namespace));
                namespaces.insert(&package.namespace, module);
            }
        }
        for name in interfaces {
            let path = if name.package == *own {
                vec![self.take(&[], snake(&name.name))]
            } else {
                let package = package_module(&name.package, &foreign);
                vec![namespaces[&name.package.namespace].clone(), package, snake(&name.name)]
            };
            self.modules.insert(name.clone(), path);
        }
    }

    fn place_types(&mut self) {
        for interface in self.schema.exports.iter().chain(&self.schema.foreign) {
            let module = self.modules[&interface.name].clone();
            for def in &interface.types {
                let ident = self.take(&module, camel(&def.name));
                self.types.insert(type_name(&interface.name, &def.name), ident);
            }
        }
    }

    /// Every type that is named must be one that has a place.
    fn check_types(&self) -> Result<(), CodegenError> {
        let interfaces = self.schema.exports.iter().chain(&self.schema.foreign);
        for interface in interfaces {
            for def in &interface.types {
                match &def.kind {
                    TypeKind::Record(fields) => fields.iter().try_for_each(|field| self.check(&field.ty))?,
                    TypeKind::Variant(cases) => {
                        cases.iter().filter_map(|case| case.ty.as_ref()).try_for_each(|ty| self.check(ty))?;
                    }
                    TypeKind::Flags(flags) if flags.len() > 32 => {
                        return Err(CodegenError::Unsupported {
                            what: format!("the flags `{}`", def.name),
                            reason: format!("they are {}, and the component model carries 32", flags.len()),
                        });
                    }
                    TypeKind::Enum(_) | TypeKind::Flags(_) => {}
                    TypeKind::Alias(ty) => self.check(ty)?,
                    TypeKind::Use(name) => self.check_name(name)?,
                }
            }
            for function in &interface.functions {
                function.params.iter().try_for_each(|param| self.check(&param.ty))?;
                function.result.iter().try_for_each(|ty| self.check(ty))?;
            }
        }
        Ok(())
    }

    fn check(&self, ty: &Type) -> Result<(), CodegenError> {
        match ty {
            Type::List(inner) | Type::Option(inner) => self.check(inner),
            Type::Result { ok, err } => ok.iter().chain(err).try_for_each(|inner| self.check(inner)),
            Type::Tuple(elements) => elements.iter().try_for_each(|element| self.check(element)),
            Type::Named(name) => self.check_name(name),
            _ => Ok(()),
        }
    }

    fn check_name(&self, name: &TypeName) -> Result<(), CodegenError> {
        if self.types.contains_key(name) {
            Ok(())
        } else {
            Err(CodegenError::MissingType { name: name.to_string() })
        }
    }

    /// Takes an identifier in a module, with as many `_` behind it as it needs to be the only one.
    pub(crate) fn take(&mut self, module: &[String], mut wanted: String) -> String {
        let taken = self.taken.entry(module.to_vec()).or_default();
        while !taken.insert(wanted.clone()) {
            wanted.push('_');
        }
        wanted
    }

    /// The module of an interface.
    pub(crate) fn module(&self, interface: &InterfaceName) -> &ModulePath {
        self.modules.get(interface).expect("every interface of the schema was given a module")
    }

    /// The identifier of a type in its module.
    pub(crate) fn type_ident(&self, interface: &InterfaceName, name: &str) -> &str {
        self.types.get(&type_name(interface, name)).expect("every type of the schema was given an identifier")
    }

    /// The path of a type from the root of the bindings, if the schema holds it.
    pub(crate) fn type_path(&self, interface: &InterfaceName, name: &str) -> Option<String> {
        let ident = self.types.get(&type_name(interface, name))?;
        Some(format!("{}::{ident}", self.modules.get(interface)?.join("::")))
    }

    /// A type as it is written in a module, owned.
    pub(crate) fn rust(&self, ty: &Type, from: &[impl AsRef<str>]) -> String {
        let inner = |ty: &Type| self.rust(ty, from);
        let side = |ty: &Option<Box<Type>>| ty.as_deref().map_or_else(|| "()".to_owned(), inner);
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::U8 => "u8".to_owned(),
            Type::U16 => "u16".to_owned(),
            Type::U32 => "u32".to_owned(),
            Type::U64 => "u64".to_owned(),
            Type::S8 => "i8".to_owned(),
            Type::S16 => "i16".to_owned(),
            Type::S32 => "i32".to_owned(),
            Type::S64 => "i64".to_owned(),
            Type::F32 => "f32".to_owned(),
            Type::F64 => "f64".to_owned(),
            Type::Char => "char".to_owned(),
            Type::String => "String".to_owned(),
            Type::List(element) => format!("Vec<{}>", inner(element)),
            Type::Option(some) => format!("Option<{}>", inner(some)),
            Type::Result { ok, err } => format!("Result<{}, {}>", side(ok), side(err)),
            Type::Tuple(elements) => {
                format!("({})", elements.iter().map(|element| inner(element) + ",").collect::<String>())
            }
            Type::Named(name) => {
                relative(self.module(&name.interface), from) + self.type_ident(&name.interface, &name.name)
            }
        }
    }

    /// What a type is once aliases are followed.
    pub(crate) fn structure<'t>(&'t self, ty: &'t Type) -> Structure<'t> {
        let Type::Named(name) = ty else { return Structure::Unnamed(ty) };
        let def = self.schema.type_def(name).expect("every named type was checked");
        match &def.kind {
            TypeKind::Alias(ty) => self.structure(ty),
            TypeKind::Use(target) => {
                let target = self.schema.type_def(target).expect("every named type was checked");
                Structure::Named(target)
            }
            _ => Structure::Named(def),
        }
    }

    /// Whether some part of the type has the property.
    pub(crate) fn any(&self, ty: &Type, property: &dyn Fn(&Type) -> bool) -> bool {
        let inner = |ty: &Type| self.any(ty, property);
        property(ty)
            || match ty {
                Type::List(inner_type) | Type::Option(inner_type) => inner(inner_type),
                Type::Result { ok, err } => ok.iter().chain(err).any(|side| inner(side)),
                Type::Tuple(elements) => elements.iter().any(inner),
                Type::Named(name) => {
                    let def = self.schema.type_def(name).expect("every named type was checked");
                    self.any_in_def(def, property)
                }
                _ => false,
            }
    }

    pub(crate) fn any_in_def(&self, def: &TypeDef, property: &dyn Fn(&Type) -> bool) -> bool {
        match &def.kind {
            TypeKind::Record(fields) => fields.iter().any(|field| self.any(&field.ty, property)),
            TypeKind::Variant(cases) => {
                cases.iter().filter_map(|case| case.ty.as_ref()).any(|ty| self.any(ty, property))
            }
            TypeKind::Enum(_) | TypeKind::Flags(_) => false,
            TypeKind::Alias(ty) => self.any(ty, property),
            TypeKind::Use(name) => self.any(&Type::Named(name.clone()), property),
        }
    }
}

/// A type with its aliases followed.
pub(crate) enum Structure<'a> {
    /// It has no name.
    Unnamed(&'a Type),
    /// A record, variant, enum or flags.
    Named(&'a TypeDef),
}

/// The root of the bindings.
pub(crate) const ROOT: &[&str] = &[];

/// What the root of the bindings holds for itself.
const RESERVED_AT_ROOT: &[&str] = &[
    "abi",
    "export",
    "FormerTables",
    "Imports",
    "MigrationContext",
    "Option",
    "QueryContext",
    "ReducerContext",
    "Result",
    "String",
    "Tables",
    "Vec",
];

/// What generated code takes from the prelude, and `Self`, which no type can be called.
const PRELUDE: &[&str] = &["Option", "Result", "Self", "String", "Vec"];

fn type_name(interface: &InterfaceName, name: &str) -> TypeName {
    TypeName { interface: interface.clone(), name: name.to_owned() }
}

/// The way from one module to another, ending in `::` unless they are the same.
pub(crate) fn relative(to: &[impl AsRef<str>], from: &[impl AsRef<str>]) -> String {
    let common = to.iter().zip(from).take_while(|(a, b)| a.as_ref() == b.as_ref()).count();
    let up = "super::".repeat(from.len() - common);
    let down: String = to[common..].iter().map(|module| format!("{}::", module.as_ref())).collect();
    up + &down
}

/// The module of a package; with its version where two versions of it meet.
fn package_module(package: &PackageName, all: &BTreeSet<&PackageName>) -> String {
    let versions =
        all.iter().filter(|other| other.namespace == package.namespace && other.name == package.name).count();
    if versions == 1 {
        return snake(&package.name);
    }
    let version = package.version.to_string().replace(['.', '-', '+'], "_");
    format!("{}{version}", package.name.to_snake_case())
}

/// A WIT name as a Rust type or case.
pub(crate) fn camel(name: &str) -> String {
    let ident = name.to_upper_camel_case();
    if PRELUDE.contains(&ident.as_str()) { ident + "_" } else { ident }
}

/// A WIT name as a case of a Rust enum, where only `Self` is impossible.
pub(crate) fn case(name: &str) -> String {
    match name.to_upper_camel_case() {
        ident if ident == "Self" => "Self_".to_owned(),
        ident => ident,
    }
}

/// A WIT name as a Rust field, function or module: raw where it is a keyword.
pub(crate) fn snake(name: &str) -> String {
    escape(&name.to_snake_case())
}

/// A raw identifier if it is a keyword; `self` and its like cannot be raw and get a `_`.
pub(crate) fn escape(ident: &str) -> String {
    match ident {
        "self" | "super" | "crate" => format!("{ident}_"),
        _ if is_keyword(ident) => format!("r#{ident}"),
        _ => ident.to_owned(),
    }
}

/// Whether it is a keyword of the 2024 edition.
pub(crate) fn is_keyword(ident: &str) -> bool {
    // The list of wit-bindgen is that of earlier editions, by which names must stay the same.
    ident == "gen" || wit_bindgen_rust::to_rust_ident(ident) == format!("{ident}_")
}
