//! Linking: gives a proven component exactly what it imports, by exact names.
//! Which provider serves an import, and whether its version will do, was decided before; here the
//! structure is compared once more.
//! Invariant: a program that was made here has every import linked, and to nothing that its schema
//! does not allow.

use crate::canonical::Buffer;
use crate::context;
use crate::door;
use crate::dynamic;
use crate::engine::{Compiled, Engine};
use crate::error::{Contradictions, EngineError};
use crate::host::Host;
use crate::imports::{Importable, importable};
use crate::limits::{FUEL_PER_HOST_CALL, fuel_of_bytes};
use crate::program::Program;
use crate::prove::prove;
use crate::signature::Signature;
use crate::state::{State, charge};
use interstice_wit::{Function, InterfaceName, Schema, TypeName};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Linker, LinkerInstance};

/// What a component imports from the database, as its binary says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The tables whose doors it imports, each by its record, in order.
    pub tables: BTreeSet<TypeName>,
    /// The indexes of these tables that it can read by, each beside its table. A row door is given an index by
    /// its number, so that whoever imports such a function of it can read by all.
    pub indexes: BTreeSet<(TypeName, String)>,
    /// The types of other modules' interfaces that it imports, in order.
    pub types: BTreeSet<TypeName>,
    /// The functions of other modules that it imports, in order.
    pub functions: BTreeSet<(InterfaceName, String)>,
}

/// The links of one module, as they are gathered.
pub struct ModuleLink<'a, H: Host> {
    engine: &'a Engine,
    compiled: &'a Compiled,
    schema: &'a Schema,
    tables: HashMap<TypeName, H::Table>,
    functions: HashMap<(String, String), Provided<H::Target>>,
}

/// An interface that a binary imports, with what it imports of it.
struct Imported {
    name: String,
    functions: Vec<String>,
    types: Vec<String>,
}

struct Provided<T> {
    signature: Signature,
    target: T,
}

impl<'a, H: Host> ModuleLink<'a, H> {
    /// Begins to link a component; it is proven against its schema first.
    pub fn new(engine: &'a Engine, compiled: &'a Compiled, schema: &'a Schema) -> Result<Self, EngineError> {
        prove(compiled, schema).map_err(|found| EngineError::Contradictions(Contradictions(found)))?;
        Ok(ModuleLink { engine, compiled, schema, tables: HashMap::new(), functions: HashMap::new() })
    }

    /// What must be linked.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        let importable = importable(self.schema);
        for Imported { name, functions, types } in self.imported() {
            match importable.get(&name) {
                Some(Importable::Door(door)) if !functions.is_empty() => {
                    let interface = door.interface.name.clone();
                    let table = TypeName { interface, name: door.table.name.clone() };
                    let indexes = functions.iter().flat_map(|function| door::indexes(*door, function));
                    needs.indexes.extend(indexes.map(|index| (table.clone(), index.name.clone())));
                    needs.tables.insert(table);
                }
                Some(Importable::Functions(interface)) => {
                    let named = |name| TypeName { interface: interface.name.clone(), name };
                    needs.types.extend(types.into_iter().map(named));
                    let functions = functions.into_iter();
                    needs.functions.extend(functions.map(|function| (interface.name.clone(), function)));
                }
                _ => {}
            }
        }
        needs
    }

    /// Links both doors of a table, named by its record as this module's schema names it.
    pub fn table(&mut self, name: TypeName, table: H::Table) -> &mut Self {
        self.tables.insert(name, table);
        self
    }

    /// Links an imported function, named as this module's schema names it, to a function of the
    /// module that provides it.
    pub fn function(
        &mut self,
        interface: &InterfaceName,
        provider: &Schema,
        function: &Function,
        target: H::Target,
    ) -> &mut Self {
        let signature = Signature::of(provider, function);
        let name = (interface.to_string(), function.name.clone());
        self.functions.insert(name, Provided { signature, target });
        self
    }

    /// Links the component.
    pub fn finish(self) -> Result<Program<H>, EngineError> {
        let importable = importable(self.schema);
        let mut linker = Linker::<State<H>>::new(self.engine.inner());
        for Imported { name: interface, functions, .. } in self.imported() {
            if functions.is_empty() {
                continue;
            }
            let mut instance = linker.instance(&interface).map_err(EngineError::Link)?;
            for function in functions {
                match importable.get(&interface) {
                    Some(Importable::Context) => {
                        context::link(&mut instance, &function).map_err(EngineError::Link)?;
                    }
                    Some(Importable::Door(door)) => {
                        let name = TypeName {
                            interface: door.interface.name.clone(),
                            name: door.table.name.clone(),
                        };
                        let table =
                            self.tables.get(&name).ok_or_else(|| not_linked(&interface, &function))?;
                        door::link(&mut instance, self.schema, *door, &function, table)
                            .map_err(EngineError::Link)?;
                    }
                    _ => self.link_function(&mut instance, &interface, &function)?,
                }
            }
        }
        let pre = linker.instantiate_pre(&self.compiled.component).map_err(EngineError::Link)?;
        Ok(Program::new(self.engine.clone(), pre, self.schema))
    }

    fn link_function(
        &self,
        instance: &mut LinkerInstance<'_, State<H>>,
        interface: &str,
        function: &str,
    ) -> Result<(), EngineError> {
        let provided = self
            .functions
            .get(&(interface.to_owned(), function.to_owned()))
            .ok_or_else(|| not_linked(interface, function))?;
        let component_type = self.compiled.component.component_type();
        let found = component_type.get_import(self.engine.inner(), interface);
        if let Some(ComponentItem::ComponentInstance(found)) = found.map(|found| found.ty)
            && let Some(ComponentItem::ComponentFunc(found)) =
                found.get_export(self.engine.inner(), function).map(|found| found.ty)
            && let Some(difference) = provided.signature.difference(&found)
        {
            return Err(EngineError::ProviderDiffers {
                interface: interface.to_owned(),
                function: function.to_owned(),
                difference,
            });
        }
        let target = provided.target.clone();
        let body: dynamic::Body<H> =
            Arc::new(move |store, arguments| call_target(store, &target, &arguments));
        dynamic::link(instance, function, &provided.signature, body).map_err(EngineError::Link)
    }

    /// Every imported interface of the binary.
    fn imported(&self) -> Vec<Imported> {
        let component_type = self.compiled.component.component_type();
        let engine = self.engine.inner();
        let mut interfaces = Vec::new();
        for (name, item) in component_type.imports(engine) {
            if let ComponentItem::ComponentInstance(instance) = item.ty {
                let mut imported =
                    Imported { name: name.to_owned(), functions: Vec::new(), types: Vec::new() };
                for (name, item) in instance.exports(engine) {
                    match item.ty {
                        ComponentItem::ComponentFunc(_) => imported.functions.push(name.to_owned()),
                        ComponentItem::Type(_) => imported.types.push(name.to_owned()),
                        _ => {}
                    }
                }
                interfaces.push(imported);
            }
        }
        interfaces
    }
}

fn not_linked(interface: &str, function: &str) -> EngineError {
    EngineError::NotLinked { interface: interface.to_owned(), item: function.to_owned() }
}

/// Calls a function of another module: the host goes along, and so does the fuel.
fn call_target<H: Host>(
    store: &mut StoreContextMut<'_, State<H>>,
    target: &H::Target,
    arguments: &Buffer,
) -> wasmtime::Result<Buffer> {
    charge(store, FUEL_PER_HOST_CALL + fuel_of_bytes(arguments.len()))?;
    let fuel = store.get_fuel()?;
    let host = store.data_mut().take_host()?;
    let mut result = Buffer::take();
    let (host, left, outcome) = host.call(target, arguments, &mut result, fuel);
    let state = store.data_mut();
    state.host = Some(host);
    match outcome {
        Ok(_) => {
            store.set_fuel(left.min(fuel))?;
            Ok(result)
        }
        Err(fault) => {
            let halted = state.halt(fault);
            store.set_fuel(left.min(fuel))?;
            Err(halted)
        }
    }
}
