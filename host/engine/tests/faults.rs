//! Whatever a guest does, its call ends in a result or in one typed fault, and the process lives.

#![allow(clippy::unwrap_used)]

#[path = "support/guests.rs"]
mod guests;
mod support;

use guests::{CALLER, FAULTY, caller_schema, faulty_schema, step};
use interstice_codec::row::to_bytes;
use interstice_engine::{Engine, EngineOptions, Fault, Instance, ModuleLink, Panic, Program, Returned};
use std::sync::{Arc, Mutex};
use support::{MapHost, Stop, Target, call, engine, interface_name, on_guest_thread};

fn faulty(engine: &Engine) -> Program<MapHost> {
    let compiled = engine.compile(&wat::parse_str(FAULTY).unwrap(), None).unwrap();
    ModuleLink::new(engine, &compiled, &faulty_schema()).unwrap().finish().unwrap()
}

/// Calls a function of the faulty guest on a fresh instance.
fn fault(name: &'static str, arguments: Vec<u8>) -> Fault<Stop> {
    on_guest_thread(0, move || {
        let program = faulty(&engine());
        let mut instance = program.instantiate().unwrap();
        let function = program.function(&interface_name("bank", "ledger"), name).unwrap();
        let (host, outcome) = call(&mut instance, MapHost::boxed(), function, &arguments);
        let fault = outcome.unwrap_err();
        assert!(instance.is_poisoned());
        let fine = program.function(&interface_name("bank", "ledger"), "fine").unwrap();
        let (_, again) = call(&mut instance, host, fine, &[]);
        assert!(matches!(again, Err(Fault::Poisoned)), "{again:?}");
        fault
    })
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    assert!(matches!(fault("spin", vec![]), Fault::OutOfFuel));
}

#[test]
fn a_loop_of_host_calls_runs_out_of_fuel_as_well() {
    assert!(matches!(fault("ask", vec![]), Fault::OutOfFuel));
}

#[test]
fn a_memory_bomb_meets_the_limit_of_its_instance() {
    let Fault::OutOfMemory { wanted_bytes, limit_bytes } = fault("hoard", vec![]) else {
        panic!("no limit met");
    };
    assert_eq!(limit_bytes, 32 << 20);
    assert!(wanted_bytes > limit_bytes);
}

#[test]
fn a_full_stack_is_a_fault() {
    assert!(matches!(fault("sink", vec![]), Fault::StackOverflow));
}

#[test]
fn a_trap_says_what_and_where() {
    let Fault::Trap(report) = fault("trap", vec![]) else { panic!("no trap") };
    assert!(report.message.contains("unreachable"), "{}", report.message);
    assert!(report.backtrace.contains("trap") || report.backtrace.contains("wasm"), "{}", report.backtrace);
    let Fault::Trap(report) = fault("divide", vec![]) else { panic!("no trap") };
    assert!(report.message.contains("divide by zero"), "{}", report.message);
}

#[test]
fn a_panic_keeps_its_message_and_place() {
    let Fault::Panicked(panic) = fault("panics", vec![]) else { panic!("no panic") };
    let expected =
        Panic { message: "the sum is wrong".into(), file: "src/lib.rs".into(), line: 7, column: 3 };
    assert_eq!(panic, expected);
}

#[test]
fn a_result_above_the_limit_is_refused() {
    assert!(matches!(fault("large", vec![]), Fault::TooLarge { limit_bytes } if limit_bytes == 4 << 20));
}

#[test]
fn a_result_outside_of_memory_is_refused() {
    let Fault::Trap(report) = fault("wild", vec![]) else { panic!("no trap") };
    assert!(report.message.contains("out of the bounds of memory"), "{}", report.message);
}

#[test]
fn arguments_that_do_not_fit_the_parameters_are_refused() {
    let Fault::Arguments(error) = fault("take", vec![3, 1, 2]) else { panic!("not refused") };
    assert_eq!(error.offset, 0);
    assert!(matches!(fault("fine", vec![0]), Fault::Arguments(_)));
}

#[test]
fn arguments_above_the_limit_never_reach_the_guest() {
    on_guest_thread(0, || {
        let program = faulty(&engine());
        let mut instance = program.instantiate().unwrap();
        let ledger = interface_name("bank", "ledger");
        let take = program.function(&ledger, "take").unwrap();
        let (host, outcome) = call(&mut instance, MapHost::boxed(), take, &vec![0; 10 << 20]);
        assert!(matches!(outcome, Err(Fault::TooLarge { .. })), "{outcome:?}");
        // Nothing ran, so the instance is as good as before.
        let (_, outcome) = call(&mut instance, host, take, &to_bytes(&vec![7_u8; 4_000_000]));
        assert_eq!(outcome.unwrap(), (Returned::Ok, vec![]));
    });
}

#[test]
fn memory_of_an_instance_lives_on_between_calls() {
    on_guest_thread(0, || {
        let program = faulty(&engine());
        let mut instance = program.instantiate().unwrap();
        let fine = program.function(&interface_name("bank", "ledger"), "fine").unwrap();
        let (host, outcome) = call(&mut instance, MapHost::boxed(), fine, &[]);
        assert_eq!(outcome.unwrap().1, to_bytes(&1_u64));
        let (_, outcome) = call(&mut instance, host, fine, &[]);
        assert_eq!(outcome.unwrap().1, to_bytes(&2_u64));
        assert_eq!(instance.memory_bytes(), 128 << 10);
    });
}

#[test]
fn a_thread_that_was_not_made_for_guests_is_refused() {
    let program = faulty(&engine());
    let Err(Fault::ThreadStack { left_bytes: None, needed_bytes }) = program.instantiate() else {
        panic!("not refused");
    };
    assert!(needed_bytes > 512 << 10);
}

#[test]
fn no_more_instances_than_the_engine_holds() {
    on_guest_thread(0, || {
        let engine = Engine::new(EngineOptions { max_instances: 2, ..EngineOptions::default() }).unwrap();
        let program = faulty(&engine);
        let held = [program.instantiate().unwrap(), program.instantiate().unwrap()];
        assert!(matches!(program.instantiate(), Err(Fault::NoInstanceLeft(_))));
        drop(held);
        assert!(program.instantiate().is_ok());
    });
}

/// A module that calls the faulty one.
struct Pair {
    shop: Program<MapHost>,
    instance: Instance<MapHost>,
    bank: support::Slot,
}

fn pair() -> Pair {
    let engine = engine();
    let faulty = faulty(&engine);
    let bank: support::Slot = Arc::new(Mutex::new(Some(faulty.instantiate().unwrap())));
    let compiled = engine.compile(&wat::parse_str(CALLER).unwrap(), None).unwrap();
    let (schema, provider) = (caller_schema(), faulty_schema());
    let ledger = interface_name("bank", "ledger");
    let mut link = ModuleLink::new(&engine, &compiled, &schema).unwrap();
    for function in &provider.exports[0].functions {
        let target = Target::Module(Arc::clone(&bank), faulty.function(&ledger, &function.name).unwrap());
        link.function(&ledger, &provider, function, target);
    }
    let shop = link.finish().unwrap();
    let instance = shop.instantiate().unwrap();
    Pair { shop, instance, bank }
}

impl Pair {
    fn call(&mut self, name: &str, arguments: &[u8], fuel: u64) -> (u64, Result<Returned, Fault<Stop>>) {
        let function = self.shop.function(&interface_name("shop", "orders"), name).unwrap();
        let (_, left, outcome) =
            self.instance.call(MapHost::boxed(), function, arguments, &mut Vec::new(), fuel);
        (left, outcome)
    }
}

#[test]
fn a_panic_in_a_nested_call_reaches_the_outermost_caller() {
    on_guest_thread(1, || {
        let mut pair = pair();
        let (_, outcome) = pair.call("panics", &[], 1_000_000);
        assert!(matches!(outcome, Err(Fault::Panicked(panic)) if panic.message == "the sum is wrong"));
        assert!(pair.instance.is_poisoned());
        assert!(pair.bank.lock().unwrap().as_ref().unwrap().is_poisoned());
    });
}

#[test]
fn nested_calls_share_one_budget_of_fuel() {
    on_guest_thread(1, || {
        let (left, outcome) = pair().call("spin", &[], 1_000_000);
        assert!(matches!(outcome, Err(Fault::OutOfFuel)));
        assert_eq!(left, 0);
        let mut pair = pair();
        let (left, outcome) = pair.call("send", &to_bytes(&80_000_u32), 1_000_000);
        outcome.unwrap();
        // The bytes alone cost an eighth of a unit each.
        assert!((970_000..990_000).contains(&left), "{left}");
    });
}

#[test]
fn a_cycle_is_the_hosts_to_stop_and_its_reason_is_kept() {
    on_guest_thread(1, || {
        let mut pair = pair();
        let held = pair.bank.lock().unwrap().take();
        let (_, outcome) = pair.call("spin", &[], 1_000_000);
        assert!(matches!(outcome, Err(Fault::Stopped(Stop("a cycle")))));
        drop(held);
    });
}

#[test]
fn ten_mebibytes_across_modules_meet_a_clear_limit() {
    on_guest_thread(1, || {
        let (_, outcome) = pair().call("send", &to_bytes(&(10_u32 << 20)), 1 << 30);
        let message = outcome.unwrap_err().to_string();
        assert_eq!(message, "a call carries at most 4194304 bytes of arguments, and of results");
        let (_, outcome) = pair().call("send", &to_bytes(&4_000_000_u32), 1 << 30);
        assert_eq!(outcome.unwrap(), Returned::Ok);
    });
}

#[test]
fn an_answer_that_does_not_fit_is_the_hosts_mistake_and_no_argument_of_the_caller() {
    on_guest_thread(1, || {
        let engine = engine();
        let compiled = engine.compile(&wat::parse_str(CALLER).unwrap(), None).unwrap();
        let (schema, provider) = (caller_schema(), faulty_schema());
        let ledger = interface_name("bank", "ledger");
        let mut link = ModuleLink::new(&engine, &compiled, &schema).unwrap();
        for function in &provider.exports[0].functions {
            // It answers with the arguments where nothing is to be answered.
            link.function(&ledger, &provider, function, Target::Echo);
        }
        let shop = link.finish().unwrap();
        let send = shop.function(&interface_name("shop", "orders"), "send").unwrap();
        let (_, outcome) = call(&mut shop.instantiate().unwrap(), MapHost::boxed(), send, &to_bytes(&4_u32));
        let Err(Fault::Trap(report)) = outcome else { panic!("{outcome:?}") };
        assert!(report.message.starts_with("the host's answer does not fit"), "{}", report.message);
    });
}

#[test]
fn engines_programs_and_instances_go_from_thread_to_thread() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Engine>();
    shared::<Program<MapHost>>();
    sent::<Instance<MapHost>>();
    shared::<Fault<Stop>>();
}

/// The most frames of the step guest that fit into its stack.
fn deepest(engine: &Engine) -> u32 {
    let program = step(engine, Target::Echo);
    let function = program.function(&interface_name("bank", "steps"), "step").unwrap();
    let (mut fits, mut overflows) = (0, 1_000_000);
    while overflows - fits > 1 {
        let middle = fits + (overflows - fits) / 2;
        let mut instance = program.instantiate().unwrap();
        match call(&mut instance, MapHost::boxed(), function, &to_bytes(&middle)).1 {
            Ok((_, result)) => {
                assert_eq!(result, to_bytes(&middle));
                fits = middle;
            }
            Err(Fault::StackOverflow) => overflows = middle,
            Err(other) => panic!("{other}"),
        }
    }
    fits
}

/// A chain of modules, each of which fills its stack before it calls the next.
fn chain(engine: &Engine, depth: usize) -> Result<(Returned, Vec<u8>), Fault<Stop>> {
    let frames = deepest(engine);
    let steps = interface_name("bank", "steps");
    let mut program = step(engine, Target::Echo);
    for _ in 0..depth {
        let slot = Arc::new(Mutex::new(Some(program.instantiate().unwrap())));
        let function = program.function(&steps, "step").unwrap();
        program = step(engine, Target::Module(slot, function));
    }
    let function = program.function(&steps, "step").unwrap();
    call(&mut program.instantiate().unwrap(), MapHost::boxed(), function, &to_bytes(&frames)).1
}

#[test]
fn a_chain_of_modules_each_near_its_stack_limit_fits_the_thread_that_was_made_for_it() {
    const DEPTH: usize = 30;
    let result = on_guest_thread(DEPTH, || {
        let engine = engine();
        chain(&engine, DEPTH).unwrap();
        deepest(&engine)
    });
    assert!(result > 1_000, "{result}");
}

#[test]
fn a_chain_that_is_too_long_for_its_thread_is_a_fault_and_no_abort() {
    let outcome = on_guest_thread(5, || chain(&engine(), 12));
    assert!(matches!(outcome, Err(Fault::ThreadStack { left_bytes: Some(_), .. })), "{outcome:?}");
}
