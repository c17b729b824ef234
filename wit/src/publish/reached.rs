//! What of a module is written for whoever reads it: a dependent, or a later version of the module.
//! Invariant: whatever a type that is written is made of is written too.

use crate::schema::{
    Function, FunctionKind, Interface, Schema, Table, Type, TypeDef, TypeKind, TypeName, Visibility,
};
use std::collections::BTreeSet;

/// The named types that are written: those of public interfaces, and whatever they are made of.
pub(super) struct Reached<'a> {
    pub(super) schema: &'a Schema,
    pub(super) types: BTreeSet<TypeName>,
    pub(super) reader: Reader,
}

/// Who reads what is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A dependent, to whom private things are not told.
    Dependent,
    /// A later version of the module, which reads its tables.
    LaterSelf,
}

impl<'a> Reached<'a> {
    pub(super) fn of(schema: &'a Schema) -> Self {
        let mut reached = Reached { schema, types: BTreeSet::new(), reader: Reader::Dependent };
        for interface in schema.exports.iter().filter(|interface| is_public(schema, interface)) {
            for def in &interface.types {
                let name = TypeName { interface: interface.name.clone(), name: def.name.clone() };
                if !reached.is_private(&reached.declared(&name)) {
                    reached.add(&name);
                }
            }
            for function in interface.functions.iter().filter(|function| is_callable(function)) {
                function
                    .params
                    .iter()
                    .map(|param| &param.ty)
                    .chain(&function.result)
                    .for_each(|ty| reached.ty(ty));
            }
        }
        reached
    }

    /// The rows of all tables, and whatever they are made of.
    pub(super) fn of_tables(schema: &'a Schema) -> Self {
        let mut reached = Reached { schema, types: BTreeSet::new(), reader: Reader::LaterSelf };
        for interface in schema.exports.iter().filter(|interface| interface.name.package == schema.package) {
            for table in &interface.tables {
                reached.add(&TypeName { interface: interface.name.clone(), name: table.name.clone() });
            }
        }
        reached
    }

    /// Whether an interface is written with its tables and functions, and not for its types alone.
    pub(super) fn is_whole(&self, interface: &Interface) -> bool {
        let is_exported = self.schema.exports.iter().any(|export| export.name == interface.name);
        is_exported
            && match self.reader {
                Reader::Dependent => is_public(self.schema, interface),
                Reader::LaterSelf => !interface.tables.is_empty(),
            }
    }

    /// Whether a table is written with all that is said of it.
    pub(super) fn is_told(&self, table: &Table) -> bool {
        self.reader == Reader::LaterSelf || table.visibility == Visibility::Public
    }

    /// The type that a chain of `use`s ends at.
    pub(super) fn declared(&self, name: &TypeName) -> TypeName {
        let mut name = name.clone();
        while let Some(TypeDef { kind: TypeKind::Use(target), .. }) = self.schema.type_def(&name) {
            name = target.clone();
        }
        name
    }

    /// Whether a type is told to nobody unless something public is made of it: the record of a private
    /// table, and what stands in a private interface.
    fn is_private(&self, name: &TypeName) -> bool {
        let Some(interface) = self.schema.interface(&name.interface) else { return true };
        interface.visibility == Visibility::Private || private_table(interface, &name.name).is_some()
    }

    pub(super) fn add(&mut self, name: &TypeName) {
        let name = self.declared(name);
        if !self.types.insert(name.clone()) {
            return;
        }
        match self.schema.type_def(&name).map(|def| &def.kind) {
            Some(TypeKind::Record(fields)) => fields.iter().for_each(|field| self.ty(&field.ty)),
            Some(TypeKind::Variant(cases)) => {
                cases.iter().filter_map(|case| case.ty.as_ref()).for_each(|ty| self.ty(ty));
            }
            Some(TypeKind::Alias(ty)) => self.ty(ty),
            Some(TypeKind::Enum(_) | TypeKind::Flags(_) | TypeKind::Use(_)) | None => {}
        }
    }

    fn ty(&mut self, ty: &Type) {
        match ty {
            Type::Named(name) => self.add(name),
            Type::List(inner) | Type::Option(inner) => self.ty(inner),
            Type::Result { ok, err } => ok.iter().chain(err).for_each(|side| self.ty(side)),
            Type::Tuple(elements) => elements.iter().for_each(|element| self.ty(element)),
            _ => {}
        }
    }

    pub(super) fn has(&self, interface: &Interface, name: &str) -> bool {
        let name = TypeName { interface: interface.name.clone(), name: name.to_owned() };
        self.types.contains(&self.declared(&name))
    }

    pub(super) fn has_any_of(&self, interface: &Interface) -> bool {
        self.types.iter().any(|name| name.interface == interface.name)
    }
}

fn is_public(schema: &Schema, interface: &Interface) -> bool {
    interface.visibility == Visibility::Public && interface.name.package == schema.package
}

/// A handler is called by the host alone.
pub(super) fn is_callable(function: &Function) -> bool {
    matches!(function.kind, FunctionKind::Reducer | FunctionKind::Query)
}

fn private_table<'a>(interface: &'a Interface, name: &str) -> Option<&'a Table> {
    interface.tables.iter().find(|table| table.name == name && table.visibility == Visibility::Private)
}
