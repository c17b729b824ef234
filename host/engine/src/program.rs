//! A linked component: ready to be instantiated again and again, with its functions resolved.
//! Invariant: a [`FunctionIndex`] of a program names the same function in each of its instances.

use crate::engine::Engine;
use crate::fault::Fault;
use crate::host::Host;
use crate::instance::Instance;
use crate::limits::{INSTANTIATION_FUEL, MAX_DOOR_BYTES};
use crate::state::{MemoryLimit, State};
use interstice_wit::{InterfaceName, Schema, Type};
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, InstancePre};

/// A component with everything that it imports linked to it.
pub struct Program<H: Host> {
    engine: Engine,
    pre: InstancePre<State<H>>,
    functions: Arc<[ExportedFunction]>,
}

/// Which of a program's functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionIndex(u32);

pub(crate) struct ExportedFunction {
    interface: InterfaceName,
    name: String,
    pub(crate) export: ComponentExportIndex,
    /// Whether it returns a `result`.
    pub(crate) fallible: bool,
}

impl<H: Host> Clone for Program<H> {
    fn clone(&self) -> Self {
        Program { engine: self.engine.clone(), pre: self.pre.clone(), functions: Arc::clone(&self.functions) }
    }
}

impl<H: Host> Program<H> {
    /// The component was proven, so every function of the schema is there.
    pub(crate) fn new(engine: Engine, pre: InstancePre<State<H>>, schema: &Schema) -> Self {
        let component = pre.component();
        let mut functions = Vec::new();
        for interface in &schema.exports {
            let instance = component.get_export_index(None, interface.name.to_string().as_str());
            for function in &interface.functions {
                let export =
                    instance.and_then(|instance| component.get_export_index(Some(&instance), &function.name));
                functions.push(ExportedFunction {
                    interface: interface.name.clone(),
                    name: function.name.clone(),
                    export: export.expect("a proven component exports every function of its schema"),
                    fallible: function.result.as_ref().is_some_and(|ty| is_result(schema, ty)),
                });
            }
        }
        Program { engine, pre, functions: functions.into() }
    }

    /// The function of an exported interface.
    pub fn function(&self, interface: &InterfaceName, name: &str) -> Option<FunctionIndex> {
        let position = self
            .functions
            .iter()
            .position(|function| function.name == name && function.interface == *interface)?;
        u32::try_from(position).ok().map(FunctionIndex)
    }

    /// Makes a fresh instance in a store of its own.
    pub fn instantiate(&self) -> Result<Instance<H>, Fault<H::Stop>> {
        let options = self.engine.options();
        crate::instance::check_stack(options.level_bytes())?;
        let mut store = Store::new(
            self.engine.inner(),
            State {
                host: None,
                fault: None,
                panic: None,
                memory: MemoryLimit {
                    used_bytes: 0,
                    limit_bytes: options.max_memory_bytes,
                    table_elements: options.max_table_elements,
                },
            },
        );
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(MAX_DOOR_BYTES);
        let made = store.set_fuel(INSTANTIATION_FUEL).and_then(|()| self.pre.instantiate(&mut store));
        match made {
            Ok(instance) => {
                Ok(Instance::new(store, instance, Arc::clone(&self.functions), options.level_bytes()))
            }
            Err(error) => Err(Fault::of(error, store.data_mut())),
        }
    }
}

impl FunctionIndex {
    pub(crate) fn position(self) -> usize {
        self.0 as usize
    }
}

/// Whether a type is a `result`, behind however many names.
fn is_result(schema: &Schema, ty: &Type) -> bool {
    matches!(schema.value_type(ty), interstice_codec::ValueType::Result { .. })
}
