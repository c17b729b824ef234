//! The engine: wasmtime with the settings that make guests deterministic and bounded.
//! Invariant: two engines with the same options run a component to the same outcome on any machine, but
//! for the depth at which its stack overflows.

use crate::cache::{self, CompileCache};
use crate::error::EngineError;
use crate::limits::EngineOptions;
use std::sync::Arc;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Core instances that one component may have. Our encoder makes up to three of them (the module,
/// its shims and their fix-ups), toolchains that link libraries at run time make one for each.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;

/// Memories that one component may have: an own one for each library would be more than any needs.
const MEMORIES_PER_COMPONENT: u32 = 2;

/// Tables that one component may have, and how many the average one has: its own, and one for shims.
const TABLES_PER_COMPONENT: u32 = 8;
const TABLES_ON_AVERAGE: u32 = 2;

/// The component instances' own bookkeeping, far above what a real component needs.
const INSTANCE_SIZE_BYTES: usize = 1 << 20;

/// Compiles components and runs them under limits. Cloning it is cheap and gives the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    options: Arc<EngineOptions>,
}

/// A compiled component.
#[derive(Clone)]
pub struct Compiled {
    pub(crate) component: Component,
}

impl Compiled {
    /// The functions that the component imports, each behind the name of its interface: all that it can reach.
    pub fn imported_functions(&self) -> Vec<(String, String)> {
        let engine = self.component.engine();
        let mut functions = Vec::new();
        for (interface, item) in self.component.component_type().imports(engine) {
            let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
            let names = instance.exports(engine);
            let names = names.filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
            functions.extend(names.map(|(name, _)| (interface.to_owned(), name.to_owned())));
        }
        functions
    }
}

impl Engine {
    /// Sets up an engine. It reserves address space for all instances at once.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let inner = wasmtime::Engine::new(&config(&options)).map_err(EngineError::Setup)?;
        Ok(Engine { inner, options: Arc::new(options) })
    }

    /// The limits of this engine.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    pub(crate) fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Compiles a component, or finds it in the cache.
    pub fn compile(
        &self,
        artifact: &[u8],
        cache: Option<&dyn CompileCache>,
    ) -> Result<Compiled, EngineError> {
        check_header(artifact)?;
        let Some(cache) = cache else {
            return Ok(Compiled { component: self.compile_anew(artifact)? });
        };
        let key = cache::key(&self.inner, artifact);
        if let Some(component) = cache::load(&self.inner, cache, &key) {
            return Ok(Compiled { component });
        }
        let component = self.compile_anew(artifact)?;
        cache::store(cache, &key, &component);
        Ok(Compiled { component })
    }

    fn compile_anew(&self, artifact: &[u8]) -> Result<Component, EngineError> {
        Component::from_binary(&self.inner, artifact).map_err(|error| self.refusal(error))
    }

    /// Tells a component that needs more memory than there may be from one that is not valid.
    fn refusal(&self, error: wasmtime::Error) -> EngineError {
        // wasmtime has no type of its own for this error.
        let needs_memory = error.chain().any(|cause| cause.to_string().contains("memory does not fit"));
        if needs_memory {
            return EngineError::MemoryTooSmall { limit_bytes: self.options.max_memory_bytes, source: error };
        }
        EngineError::Invalid(error)
    }
}

/// Tells what the file is, before wasmtime says it in its own words.
fn check_header(artifact: &[u8]) -> Result<(), EngineError> {
    match artifact.first_chunk::<8>() {
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(EngineError::CoreModule),
        Some([0, b'a', b's', b'm', ..]) => Ok(()),
        _ => Err(EngineError::NotWasm),
    }
}

fn config(options: &EngineOptions) -> Config {
    let instances = options.max_instances;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(instances.max(MEMORIES_PER_COMPONENT))
        .total_tables(instances.saturating_mul(TABLES_ON_AVERAGE).max(TABLES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_component_instance_size(INSTANCE_SIZE_BYTES)
        .max_core_instance_size(INSTANCE_SIZE_BYTES)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .table_elements(options.max_table_elements)
        .max_memory_size(options.max_memory_bytes);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .consume_fuel(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .concurrency_support(false)
        .max_wasm_stack(options.max_wasm_stack_bytes);
    config
}
