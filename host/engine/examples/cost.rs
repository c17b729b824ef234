//! What the engine's own steps cost, each beside the same step in bare wasmtime:
//! `cargo run --release -p interstice-engine --example cost`.

#![allow(clippy::unwrap_used)]

#[path = "../tests/support/guests.rs"]
mod guests;
#[path = "../tests/support/mod.rs"]
mod support;

use guests::step;
use std::sync::{Arc, Mutex};

use interstice_engine::{EngineOptions, FunctionIndex, Instance, ModuleLink};
use interstice_wit::Type;
use std::time::Instant;
use support::{MapHost, Target, account, function, interface, interface_name, schema, tables};
use wasmtime::component::{Component, Linker, Val, WasmList};
use wasmtime::{Config, Store, StoreContextMut};

const GUEST: &str = r#"(component
  (import "acme:bank/account-rows@1.2.0" (instance $rows
    (export "get" (func (param "key" (list u8)) (result (option (list u8)))))
    (export "count" (func (result u64)))))
  (core module $memory
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $m (instantiate $memory))
  (core func $get (canon lower (func $rows "get") (memory $m "memory") (realloc (func $m "realloc"))))
  (core func $count (canon lower (func $rows "count")))
  (core module $main
    (import "rows" "get" (func $get (param i32 i32 i32)))
    (import "rows" "count" (func $count (result i64)))
    (func (export "empty"))
    (func (export "three") (param i64 i64 i64) (result i32) i32.const 0)
    (func (export "gets") (param i64)
      (loop $again
        (call $get (i32.const 16) (i32.const 8) (i32.const 32))
        (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
        (br_if $again (i64.ne (local.get 0) (i64.const 0)))))
    (func (export "sums") (param i64)
      (local $sum i64)
      (loop $again
        (local.set $sum (i64.mul (i64.add (local.get $sum) (local.get 0)) (i64.const 31)))
        (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
        (br_if $again (i64.ne (local.get 0) (i64.const 0)))))
    (func (export "counts") (param i64)
      (loop $again
        (drop (call $count))
        (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
        (br_if $again (i64.ne (local.get 0) (i64.const 0))))))
  (core instance $i (instantiate $main
    (with "rows" (instance (export "get" (func $get)) (export "count" (func $count))))))
  (func $empty (canon lift (core func $i "empty")))
  (func $three (param "a" u64) (param "b" u64) (param "c" u64) (result (result)) (canon lift (core func $i "three")))
  (func $gets (param "n" u64) (canon lift (core func $i "gets")))
  (func $sums (param "n" u64) (canon lift (core func $i "sums")))
  (func $counts (param "n" u64) (canon lift (core func $i "counts")))
  (instance $exports (export "empty" (func $empty)) (export "three" (func $three)) (export "gets" (func $gets))
    (export "counts" (func $counts)) (export "sums" (func $sums)))
  (export "acme:bank/ledger@1.2.0" (instance $exports)))"#;

const ROUNDS: u64 = 10_000;

/// The best of a hundred, in nanoseconds a round: other programs only ever make it slower.
fn measure(mut body: impl FnMut(u64)) -> f64 {
    (0..100)
        .map(|_| {
            let start = Instant::now();
            body(ROUNDS);
            start.elapsed().as_nanos() as f64 / ROUNDS as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn bare(config: &Config, label: &str) {
    let engine = wasmtime::Engine::new(config).unwrap();
    let component = Component::new(&engine, wat::parse_str(GUEST).unwrap()).unwrap();
    let mut linker = Linker::<Vec<u8>>::new(&engine);
    let mut rows = linker.instance("acme:bank/account-rows@1.2.0").unwrap();
    rows.func_wrap("get", |store: StoreContextMut<'_, Vec<u8>>, (key,): (WasmList<u8>,)| {
        assert_eq!(key.as_le_slice(&store).len(), 8);
        Ok((Some(store.data().clone()),))
    })
    .unwrap();
    rows.func_wrap("count", |_: StoreContextMut<'_, Vec<u8>>, (): ()| Ok((7_u64,))).unwrap();
    let mut store = Store::new(&engine, vec![1; 33]);
    let _ = store.set_fuel(u64::MAX);
    store.set_epoch_deadline(u64::MAX);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let ledger = instance.get_export_index(&mut store, None, "acme:bank/ledger@1.2.0").unwrap();
    let mut index = |name: &str| instance.get_export_index(&mut store, Some(&ledger), name).unwrap();
    let (empty, three, gets, counts) = (index("empty"), index("three"), index("gets"), index("counts"));
    let typed = instance.get_typed_func::<(), ()>(&mut store, empty).unwrap();
    let ns = measure(|rounds| (0..rounds).for_each(|_| typed.call(&mut store, ()).unwrap()));
    println!("{label}: typed call ()                     {ns:7.1}");
    let func = instance.get_func(&mut store, empty).unwrap();
    let ns = measure(|rounds| (0..rounds).for_each(|_| func.call(&mut store, &[], &mut []).unwrap()));
    println!("{label}: dynamic call ()                   {ns:7.1}");
    let typed = instance.get_typed_func::<(u64, u64, u64), (Result<(), ()>,)>(&mut store, three).unwrap();
    let ns = measure(|rounds| {
        (0..rounds).for_each(|_| assert!(typed.call(&mut store, (1, 2, 3)).unwrap().0.is_ok()))
    });
    println!("{label}: typed call (u64,u64,u64)->result  {ns:7.1}");
    let func = instance.get_func(&mut store, three).unwrap();
    let arguments = [Val::U64(1), Val::U64(2), Val::U64(3)];
    let mut result = [Val::Bool(false)];
    let ns =
        measure(|rounds| (0..rounds).for_each(|_| func.call(&mut store, &arguments, &mut result).unwrap()));
    println!("{label}: dynamic call (u64,u64,u64)        {ns:7.1}");
    let typed = instance.get_typed_func::<(u64,), ()>(&mut store, &gets).unwrap();
    let ns = measure(|rounds| typed.call(&mut store, (rounds,)).unwrap());
    println!("{label}: host get of 33 bytes              {ns:7.1}");
    let sums = instance.get_export_index(&mut store, Some(&ledger), "sums").unwrap();
    let typed = instance.get_typed_func::<(u64,), ()>(&mut store, &sums).unwrap();
    let ns = measure(|rounds| typed.call(&mut store, (rounds,)).unwrap());
    println!("{label}: a round of a loop in the guest    {ns:7.2}");
    let typed = instance.get_typed_func::<(u64,), ()>(&mut store, &counts).unwrap();
    let ns = measure(|rounds| typed.call(&mut store, (rounds,)).unwrap());
    println!("{label}: host count                        {ns:7.1}");
}

fn ours() {
    let engine =
        interstice_engine::Engine::new(EngineOptions { max_instances: 20, ..EngineOptions::default() })
            .unwrap();
    let compiled = engine.compile(&wat::parse_str(GUEST).unwrap(), None).unwrap();
    let ledger = interface_name("bank", "ledger");
    let result = Type::Result { ok: None, err: None };
    let schema = schema(
        "bank",
        vec![
            tables("bank"),
            interface(
                ledger.clone(),
                vec![
                    function("empty", &[], None),
                    function("three", &[("a", Type::U64), ("b", Type::U64), ("c", Type::U64)], Some(result)),
                    function("gets", &[("n", Type::U64)], None),
                    function("counts", &[("n", Type::U64)], None),
                    function("sums", &[("n", Type::U64)], None),
                ],
            ),
        ],
    );
    let mut link = ModuleLink::<MapHost>::new(&engine, &compiled, &schema).unwrap();
    link.table(account("bank"), ());
    let program = link.finish().unwrap();
    let mut instance: Instance<MapHost> = program.instantiate().unwrap();
    let mut host = Some(MapHost::boxed());
    host.as_mut().unwrap().rows.insert(vec![0; 8], vec![1; 33]);
    let mut result = Vec::new();
    let index = |name: &str| program.function(&ledger, name).unwrap();
    let mut call = |index: FunctionIndex, arguments: &[u8]| {
        let (back, _, outcome) = instance.call(host.take().unwrap(), index, arguments, &mut result, 1 << 60);
        outcome.unwrap();
        host = Some(back);
    };
    let empty = index("empty");
    let ns = measure(|rounds| (0..rounds).for_each(|_| call(empty, &[])));
    println!("ours: call ()                              {ns:7.1}");
    let three = index("three");
    let arguments = [1_u64, 2, 3].map(u64::to_le_bytes).concat();
    let ns = measure(|rounds| (0..rounds).for_each(|_| call(three, &arguments)));
    println!("ours: call (u64,u64,u64)->result           {ns:7.1}");
    for (name, label) in
        [("gets", "row get of 33 bytes"), ("counts", "row count"), ("sums", "a round of a loop")]
    {
        let function = index(name);
        let ns = measure(|rounds| call(function, &rounds.to_le_bytes()));
        println!("ours: {label:36} {ns:7.1}");
    }
    let ns = measure(|rounds| (0..rounds / 100).for_each(|_| drop(program.instantiate().unwrap()))) * 100.0;
    println!("ours: fresh instance                       {ns:7.1}");
    nested(&engine);
}

/// A call that goes through one more module than another costs a hop more.
fn nested(engine: &interstice_engine::Engine) {
    let steps = interface_name("bank", "steps");
    let mut next = Target::Echo;
    let mut before = 0.0;
    for depth in 0..3 {
        let program = step(engine, next.clone());
        let function = program.function(&steps, "step").unwrap();
        let mut instance = program.instantiate().unwrap();
        let mut host = Some(MapHost::boxed());
        let mut result = Vec::new();
        let ns = measure(|rounds| {
            for _ in 0..rounds {
                let (back, _, outcome) =
                    instance.call(host.take().unwrap(), function, &[0; 4], &mut result, 1 << 60);
                outcome.unwrap();
                host = Some(back);
            }
        });
        println!("ours: call through {depth} more modules           {ns:7.1} ({:+.1})", ns - before);
        before = ns;
        next = Target::Module(Arc::new(Mutex::new(Some(instance))), function);
    }
}

fn main() {
    let mut config = Config::new();
    config.concurrency_support(false);
    bare(&config, "bare     ");
    config.consume_fuel(true).cranelift_nan_canonicalization(true);
    bare(&config, "bare+fuel");
    config.epoch_interruption(true);
    bare(&config, "bare+fuel+epoch");
    interstice_engine::guest_thread(4 << 20, ours);
}
