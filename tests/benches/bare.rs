//! The baseline: bare wasmtime, a guest that moves bytes, and the maps of the standard library.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::Command;
use wasmtime::component::{Component, Instance, Linker, TypedFunc, WasmList};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, Store, StoreContextMut};

/// What the host functions of the baseline work on.
#[derive(Default)]
pub(crate) struct Maps {
    pub(crate) rows: HashMap<u64, Vec<u8>>,
    /// The ordered primary index.
    pub(crate) ordered: BTreeMap<u64, u64>,
}

/// An instance of the bare guest.
pub(crate) struct Bare {
    pub(crate) store: Store<Maps>,
    instance: Instance,
}

impl Bare {
    pub(crate) fn new() -> Bare {
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::pooling()).concurrency_support(false);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_binary(&engine, &component()).unwrap();
        let mut linker = Linker::<Maps>::new(&engine);
        let mut door = linker.instance("test:bare/door").unwrap();
        door.func_wrap("get", |store: StoreContextMut<'_, Maps>, (key,): (WasmList<u8>,)| {
            let id = number(key.as_le_slice(&store));
            Ok((store.data().rows.get(&id).cloned(),))
        })
        .unwrap();
        door.func_wrap("insert", |mut store: StoreContextMut<'_, Maps>, (row,): (WasmList<u8>,)| {
            let row = row.as_le_slice(&store).to_vec();
            let id = number(&row);
            let maps = store.data_mut();
            maps.ordered.insert(id, id);
            maps.rows.insert(id, row);
            Ok((id,))
        })
        .unwrap();
        door.func_wrap("update", |mut store: StoreContextMut<'_, Maps>, (row,): (WasmList<u8>,)| {
            let row = row.as_le_slice(&store).to_vec();
            let id = number(&row);
            store.data_mut().rows.insert(id, row);
            Ok((id,))
        })
        .unwrap();
        let mut store = Store::new(&engine, Maps::default());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Bare { store, instance }
    }

    pub(crate) fn function<P, R>(&mut self, name: &str) -> TypedFunc<P, R>
    where
        P: wasmtime::component::ComponentNamedList + wasmtime::component::Lower,
        R: wasmtime::component::ComponentNamedList + wasmtime::component::Lift,
    {
        self.instance.get_typed_func(&mut self.store, name).unwrap()
    }
}

fn number(key: &[u8]) -> u64 {
    u64::from_be_bytes(key[..8].try_into().unwrap())
}

/// Builds the guest and makes a component of it, as any toolchain would.
fn component() -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("modules/bare");
    let target = folder.join("../../../target/bare");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--target", "wasm32-unknown-unknown", "--target-dir"])
        .arg(&target)
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(status.success(), "the bare guest builds");
    let core = std::fs::read(target.join("wasm32-unknown-unknown/release/test_bare.wasm")).unwrap();
    wit_component::ComponentEncoder::default().module(&core).unwrap().encode().unwrap()
}
