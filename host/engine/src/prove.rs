//! Holding a component against the schema that it claims: the section is a claim, the binary is the
//! proof.
//! A table that a component touches only as bytes leaves no trace in the binary, so the host
//! validates every row that enters by a row door.
//! Invariant: a component that was proven exports exactly the functions of its schema, and imports
//! nothing but what its schema allows.

use crate::Compiled;
use crate::context;
use crate::door;
use crate::imports::{Access, Importable, importable};
use crate::signature::{Signature, difference};
use interstice_wit::{Interface, Schema, Type, TypeName};
use std::collections::HashSet;
use thiserror::Error;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};

/// What the Python toolchain exports beside the interfaces; nobody calls it.
const IGNORED_EXPORT: &str = "exports";

/// A point in which a component is not what its schema says.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contradiction {
    /// An interface with functions is not exported.
    #[error("the schema exports `{interface}`, the binary does not")]
    InterfaceAbsent {
        /// Its name.
        interface: String,
    },
    /// A function is not exported.
    #[error("the schema has the function `{function}` in `{interface}`, the binary does not export it")]
    FunctionAbsent {
        /// The interface.
        interface: String,
        /// The function.
        function: String,
    },
    /// The binary exports something that the schema does not have.
    #[error("the binary exports {what} `{name}`, which the schema does not have")]
    ExportUnknown {
        /// Whether it is an interface, a function, …
        what: &'static str,
        /// Its name, with that of its interface.
        name: String,
    },
    /// An exported function has other parameters or another result.
    #[error("the function `{function}` of `{interface}` differs: {difference}")]
    FunctionDiffers {
        /// The interface.
        interface: String,
        /// The function.
        function: String,
        /// Where.
        difference: String,
    },
    /// A type of an interface has another structure.
    #[error("the type `{name}` of `{interface}`{difference}")]
    TypeDiffers {
        /// The interface.
        interface: String,
        /// The type.
        name: String,
        /// Where.
        difference: String,
    },
    /// The binary imports what no module with this schema may import.
    #[error("the binary imports {what} `{name}`, which is not on the list of what this module may import")]
    ImportNotAllowed {
        /// Whether it is an interface, a function, …
        what: &'static str,
        /// Its name, with that of its interface.
        name: String,
    },
    /// An imported function has other parameters or another result than it should.
    #[error("the imported function `{function}` of `{interface}` differs: {difference}")]
    ImportDiffers {
        /// The interface.
        interface: String,
        /// The function.
        function: String,
        /// Where.
        difference: String,
    },
    /// The binary imports a function that changes another module's table.
    #[error("the binary imports `{function}` of `{interface}`, but only the owner of a table changes it")]
    WriteToForeignTable {
        /// The door.
        interface: String,
        /// The function.
        function: String,
    },
    /// The binary imports a table that is private, or whose interface the schema does not import.
    #[error("the binary imports `{interface}`, but that table is private or its interface is not imported")]
    TableNotVisible {
        /// The door.
        interface: String,
    },
}

/// Finds everything in which the component contradicts the schema. The schema must be valid.
pub fn prove(compiled: &Compiled, schema: &Schema) -> Result<(), Vec<Contradiction>> {
    let mut proof = Proof { compiled, schema, found: Vec::new() };
    proof.exports();
    proof.imports();
    if proof.found.is_empty() { Ok(()) } else { Err(proof.found) }
}

struct Proof<'a> {
    compiled: &'a Compiled,
    schema: &'a Schema,
    found: Vec<Contradiction>,
}

impl Proof<'_> {
    fn exports(&mut self) {
        let component = &self.compiled.component;
        let mut seen = HashSet::new();
        let component_type = component.component_type();
        for (name, item) in component_type.exports(component.engine()) {
            if name == IGNORED_EXPORT {
                continue;
            }
            let interface = self.schema.exports.iter().find(|interface| interface.name.to_string() == name);
            match (item.ty, interface) {
                (ComponentItem::ComponentInstance(instance), Some(interface))
                    if item.implements.is_none() =>
                {
                    seen.insert(name.to_owned());
                    self.exported_interface(interface, &instance);
                }
                (item, _) => {
                    self.found.push(Contradiction::ExportUnknown { what: word(&item), name: name.to_owned() })
                }
            }
        }
        for interface in &self.schema.exports {
            let name = interface.name.to_string();
            // An interface of types only may be on either side, or pruned away where nothing uses it.
            if !interface.functions.is_empty() && !seen.contains(&name) {
                self.found.push(Contradiction::InterfaceAbsent { interface: name });
            }
        }
    }

    fn exported_interface(&mut self, interface: &Interface, instance: &ComponentInstance) {
        let mut seen = HashSet::new();
        for (name, item) in instance.exports(self.compiled.component.engine()) {
            match item.ty {
                ComponentItem::ComponentFunc(found) => {
                    match interface.functions.iter().find(|function| function.name == name) {
                        Some(function) => {
                            seen.insert(name.to_owned());
                            if let Some(difference) = Signature::of(self.schema, function).difference(&found)
                            {
                                self.found.push(Contradiction::FunctionDiffers {
                                    interface: interface.name.to_string(),
                                    function: name.to_owned(),
                                    difference,
                                });
                            }
                        }
                        None => self.export_unknown("the function", interface, name),
                    }
                }
                ComponentItem::Type(found) if self.has_type(interface, name) => {
                    self.compare_type(interface, name, &found);
                }
                other => self.export_unknown(word(&other), interface, name),
            }
        }
        for function in &interface.functions {
            if !seen.contains(&function.name) {
                self.found.push(Contradiction::FunctionAbsent {
                    interface: interface.name.to_string(),
                    function: function.name.clone(),
                });
            }
        }
    }

    fn imports(&mut self) {
        let component = &self.compiled.component;
        let importable = importable(self.schema);
        let component_type = component.component_type();
        for (name, item) in component_type.imports(component.engine()) {
            let ComponentItem::ComponentInstance(instance) = &item.ty else {
                self.import_not_allowed(word(&item.ty), name.to_owned());
                continue;
            };
            match importable.get(name) {
                Some(importable) if item.implements.is_none() => {
                    self.imported_interface(name, *importable, instance);
                }
                _ => self.import_not_allowed("the interface", name.to_owned()),
            }
        }
    }

    fn imported_interface(
        &mut self,
        interface: &str,
        importable: Importable<'_>,
        instance: &ComponentInstance,
    ) {
        if let Importable::Door(door) = importable
            && door.access == Access::None
        {
            self.found.push(Contradiction::TableNotVisible { interface: interface.to_owned() });
            return;
        }
        for (name, item) in instance.exports(self.compiled.component.engine()) {
            match item.ty {
                ComponentItem::ComponentFunc(found) => {
                    self.imported_function(interface, importable, name, &found);
                }
                ComponentItem::Type(found) => match importable {
                    Importable::Types(Some(known)) | Importable::Functions(known) => {
                        if self.has_type(known, name) {
                            self.compare_type(known, name, &found);
                        } else {
                            self.import_not_allowed("the type", format!("{interface}.{{{name}}}"));
                        }
                    }
                    // The types of the host and of doors are compared where a function uses them.
                    Importable::Context | Importable::Types(None) | Importable::Door(_) => {}
                },
                other => self.import_not_allowed(word(&other), format!("{interface}.{{{name}}}")),
            }
        }
    }

    fn imported_function(
        &mut self,
        interface: &str,
        importable: Importable<'_>,
        name: &str,
        found: &ComponentFunc,
    ) {
        let signature = match importable {
            Importable::Context => context::signature(name),
            Importable::Types(_) => None,
            Importable::Functions(known) => known
                .functions
                .iter()
                .find(|function| function.name == name)
                .map(|function| Signature::of(self.schema, function)),
            Importable::Door(door) => match door::function(self.schema, door, name) {
                Some(function) if function.writes && door.access != Access::Owner => {
                    self.found.push(Contradiction::WriteToForeignTable {
                        interface: interface.to_owned(),
                        function: name.to_owned(),
                    });
                    return;
                }
                function => function.map(|function| function.signature),
            },
        };
        match signature {
            Some(signature) => {
                if let Some(difference) = signature.difference(found) {
                    self.found.push(Contradiction::ImportDiffers {
                        interface: interface.to_owned(),
                        function: name.to_owned(),
                        difference,
                    });
                }
            }
            None => self.import_not_allowed("the function", format!("{interface}.{{{name}}}")),
        }
    }

    fn has_type(&self, interface: &Interface, name: &str) -> bool {
        interface.types.iter().any(|def| def.name == name)
    }

    fn compare_type(&mut self, interface: &Interface, name: &str, found: &wasmtime::component::Type) {
        let type_name = TypeName { interface: interface.name.clone(), name: name.to_owned() };
        if let Some(difference) = difference(found, &self.schema.value_type(&Type::Named(type_name))) {
            self.found.push(Contradiction::TypeDiffers {
                interface: interface.name.to_string(),
                name: name.to_owned(),
                difference,
            });
        }
    }

    fn export_unknown(&mut self, what: &'static str, interface: &Interface, name: &str) {
        let name = format!("{}.{{{name}}}", interface.name);
        self.found.push(Contradiction::ExportUnknown { what, name });
    }

    fn import_not_allowed(&mut self, what: &'static str, name: String) {
        self.found.push(Contradiction::ImportNotAllowed { what, name });
    }
}

fn word(item: &ComponentItem) -> &'static str {
    match item {
        ComponentItem::ComponentFunc(_) | ComponentItem::CoreFunc(_) => "the function",
        ComponentItem::Module(_) => "the core module",
        ComponentItem::Component(_) => "the component",
        ComponentItem::ComponentInstance(_) => "the interface",
        ComponentItem::Type(_) => "the type",
        ComponentItem::Resource(_) => "the resource",
    }
}
