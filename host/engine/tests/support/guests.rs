//! Small guests as text, each for one thing that a module may do wrong.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use interstice_engine::{Engine, ModuleLink, Program};
use interstice_wit::{Schema, Type};

use super::support::{MapHost, Target, function, interface, interface_name, schema};

/// Exports of `acme:bank/ledger`, each of which ends badly in its own way.
pub const FAULTY: &str = r#"(component
  (import "interstice:host/context@0.1.0" (instance $context
    (export "panicked" (func (param "message" string) (param "file" string) (param "line" u32) (param "column" u32)))
    (export "timestamp" (func (result u64)))))
  (core module $memory
    (memory (export "memory") 2)
    (data (i32.const 16) "the sum is wrong")
    (data (i32.const 32) "src/lib.rs")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (drop (memory.grow (i32.shr_u (i32.add (local.get 3) (i32.const 65535)) (i32.const 16))))
      (i32.const 131072)))
  (core instance $m (instantiate $memory))
  (core func $panicked (canon lower (func $context "panicked") (memory $m "memory")))
  (core func $timestamp (canon lower (func $context "timestamp")))
  (core module $main
    (import "m" "memory" (memory 2))
    (import "context" "panicked" (func $panicked (param i32 i32 i32 i32 i32 i32)))
    (import "context" "timestamp" (func $timestamp (result i64)))
    (global $calls (mut i64) (i64.const 0))
    (func (export "fine") (result i64)
      (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
      (global.get $calls))
    (func (export "spin") (loop $again (br $again)))
    (func (export "ask") (loop $again (drop (call $timestamp)) (br $again)))
    (func (export "hoard") (loop $again (drop (memory.grow (i32.const 16))) (br $again)))
    (func $sink (export "sink") (call $sink) (call $sink))
    (func (export "trap") (unreachable))
    (func (export "divide") (drop (i32.div_u (i32.const 1) (i32.const 0))))
    (func (export "panics")
      (call $panicked (i32.const 16) (i32.const 16) (i32.const 32) (i32.const 10) (i32.const 7) (i32.const 3))
      (unreachable))
    (func (export "large") (result i32)
      (drop (memory.grow (i32.const 200)))
      (i32.store (i32.const 64) (i32.const 0))
      (i32.store (i32.const 68) (i32.const 10485760))
      (i32.const 64))
    (func (export "wild") (result i32)
      (i32.store (i32.const 64) (i32.const -8))
      (i32.store (i32.const 68) (i32.const 64))
      (i32.const 64))
    (func (export "take") (param i32 i32)))
  (core instance $i (instantiate $main
    (with "m" (instance $m))
    (with "context" (instance (export "panicked" (func $panicked)) (export "timestamp" (func $timestamp))))))
  (func $fine (result u64) (canon lift (core func $i "fine")))
  (func $spin (canon lift (core func $i "spin")))
  (func $ask (canon lift (core func $i "ask")))
  (func $hoard (canon lift (core func $i "hoard")))
  (func $sink (canon lift (core func $i "sink")))
  (func $trap (canon lift (core func $i "trap")))
  (func $divide (canon lift (core func $i "divide")))
  (func $panics (canon lift (core func $i "panics")))
  (func $large (result (list u8)) (canon lift (core func $i "large") (memory $m "memory")))
  (func $wild (result (list u8)) (canon lift (core func $i "wild") (memory $m "memory")))
  (func $take (param "bytes" (list u8))
    (canon lift (core func $i "take") (memory $m "memory") (realloc (func $m "realloc"))))
  (instance $exports
    (export "fine" (func $fine)) (export "spin" (func $spin)) (export "ask" (func $ask))
    (export "hoard" (func $hoard)) (export "sink" (func $sink)) (export "trap" (func $trap))
    (export "divide" (func $divide)) (export "panics" (func $panics)) (export "large" (func $large))
    (export "wild" (func $wild)) (export "take" (func $take)))
  (export "acme:bank/ledger@1.2.0" (instance $exports)))"#;

/// The schema of [`FAULTY`].
pub fn faulty_schema() -> Schema {
    let bytes = || Type::List(Box::new(Type::U8));
    let mut functions: Vec<_> = ["spin", "ask", "hoard", "sink", "trap", "divide", "panics"]
        .iter()
        .map(|name| function(name, &[], None))
        .collect();
    functions.push(function("fine", &[], Some(Type::U64)));
    functions.push(function("large", &[], Some(bytes())));
    functions.push(function("wild", &[], Some(bytes())));
    functions.push(function("take", &[("bytes", bytes())], None));
    schema("bank", vec![interface(interface_name("bank", "ledger"), functions)])
}

/// Sinks `n` frames deep into its stack, then calls the next module and hands back what it answers.
pub const STEP: &str = r#"(component
  (import "acme:next/steps@1.2.0" (instance $next (export "step" (func (param "n" u32) (result u32)))))
  (core func $next (canon lower (func $next "step")))
  (core module $main
    (import "next" "step" (func $next (param i32) (result i32)))
    (func $down (param $left i32) (param $n i32) (result i32)
      (if (result i32) (i32.eqz (local.get $left))
        (then (call $next (local.get $n)))
        (else (i32.add (i32.const 0) (call $down (i32.sub (local.get $left) (i32.const 1)) (local.get $n))))))
    (func (export "step") (param $n i32) (result i32)
      (call $down (local.get $n) (local.get $n))))
  (core instance $i (instantiate $main (with "next" (instance (export "step" (func $next))))))
  (func $step (param "n" u32) (result u32) (canon lift (core func $i "step")))
  (instance $exports (export "step" (func $step)))
  (export "acme:bank/steps@1.2.0" (instance $exports)))"#;

/// Links [`STEP`] to what it calls next.
pub fn step(engine: &Engine, next: Target) -> Program<MapHost> {
    let compiled = engine.compile(&wat::parse_str(STEP).unwrap(), None).unwrap();
    let step = function("step", &[("n", Type::U32)], Some(Type::U32));
    let mut schema = schema("bank", vec![interface(interface_name("bank", "steps"), vec![step.clone()])]);
    let home = interface_name("next", "steps");
    schema.imports.push(home.clone());
    schema.foreign.push(interface(home.clone(), vec![step.clone()]));
    let mut link = ModuleLink::new(engine, &compiled, &schema).unwrap();
    link.function(&home, &schema, &step, next);
    link.finish().unwrap()
}

/// Calls functions of [`FAULTY`] in another module.
pub const CALLER: &str = r#"(component
  (import "acme:bank/ledger@1.2.0" (instance $bank
    (export "panics" (func))
    (export "spin" (func))
    (export "take" (func (param "bytes" (list u8))))))
  (core module $memory (memory (export "memory") 200))
  (core instance $m (instantiate $memory))
  (core func $panics (canon lower (func $bank "panics")))
  (core func $spin (canon lower (func $bank "spin")))
  (core func $take (canon lower (func $bank "take") (memory $m "memory")))
  (core module $main
    (import "bank" "panics" (func $panics))
    (import "bank" "spin" (func $spin))
    (import "bank" "take" (func $take (param i32 i32)))
    (func (export "panics") (call $panics))
    (func (export "spin") (call $spin))
    (func (export "send") (param i32) (call $take (i32.const 0) (local.get 0))))
  (core instance $i (instantiate $main (with "bank" (instance
    (export "panics" (func $panics)) (export "spin" (func $spin)) (export "take" (func $take))))))
  (func $panics (canon lift (core func $i "panics")))
  (func $spin (canon lift (core func $i "spin")))
  (func $send (param "length" u32) (canon lift (core func $i "send")))
  (instance $exports (export "panics" (func $panics)) (export "spin" (func $spin)) (export "send" (func $send)))
  (export "acme:shop/orders@1.2.0" (instance $exports)))"#;

/// The schema of [`CALLER`].
pub fn caller_schema() -> Schema {
    let functions = vec![
        function("panics", &[], None),
        function("spin", &[], None),
        function("send", &[("length", Type::U32)], None),
    ];
    let mut schema = schema("shop", vec![interface(interface_name("shop", "orders"), functions)]);
    schema.imports.push(interface_name("bank", "ledger"));
    schema.foreign.extend(faulty_schema().exports);
    schema
}
