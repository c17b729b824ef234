//! Guests that misbehave while they run.

use crate::{database, fails, state};
use interstice_node::CallOptions;

#[test]
fn a_panic_says_its_message_and_place_and_undoes_everything() {
    let says = ["as it was told to: x", "src/lib.rs:", "test:hostile/deeds.panic"];
    fails(&mut database(), "test:hostile", "panic(\"x\")", "module.panic", &says);
}

#[test]
fn a_panic_of_an_inner_module_undoes_the_outer_one_as_well() {
    let says = ["as it was told to: x", "test:hostile/deeds.panic"];
    fails(&mut database(), "test:relay", "panic(\"x\")", "module.panic", &says);
}

#[test]
fn an_endless_loop_ends_when_its_fuel_is_used_up() {
    let says = ["fuel", "50000000", "test:hostile/deeds.loop-forever"];
    fails(&mut database(), "test:hostile", "loop-forever(\"x\")", "module.fuel", &says);
}

#[test]
fn a_memory_bomb_ends_at_the_limit() {
    let says = ["16777216", "guest-memory"];
    fails(&mut database(), "test:hostile", "eat-memory(\"x\")", "module.memory", &says);
}

#[test]
fn a_full_stack_ends_the_call_and_not_the_process() {
    let says = ["stack", "test:hostile/deeds.overflow-stack"];
    fails(&mut database(), "test:hostile", "overflow-stack(\"x\")", "module.stack", &says);
}

#[test]
fn a_full_stack_in_the_guests_own_memory_is_explained() {
    let says = ["out of bounds memory access", "stack"];
    fails(&mut database(), "test:hostile", "overflow-own-stack(\"x\")", "module.trap", &says);
}

#[test]
fn a_row_that_is_too_large_is_refused_by_name() {
    let says = ["limit `row`", "is 1048576, found 1048588"];
    fails(&mut database(), "test:hostile", "write-large-row(1048577)", "caller.limit", &says);
}

#[test]
fn a_key_that_is_too_large_is_refused_by_name() {
    fails(&mut database(), "test:hostile", "write-large-row(2000)", "caller.limit", &["limit `key`", "1024"]);
}

#[test]
fn scans_that_are_never_closed_are_limited() {
    fails(&mut database(), "test:hostile", "forget-scans(1000)", "caller.limit", &["open-scans", "256"]);
}

#[test]
fn scans_that_a_call_forgets_are_closed_with_it() {
    let database = database();
    // The second call could not open as many if those of the first were still there.
    assert_eq!(database.call_of("test:hostile", "forget-scans(200)"), "");
    assert_eq!(database.call_of("test:hostile", "forget-scans(200)"), "");
}

#[test]
fn an_err_of_an_inner_module_undoes_that_module_only() {
    let database = database();
    assert_eq!(database.call("go-on-after-refusal(\"x\")"), "[\"x kept\"]");
    assert_eq!(database.query("entries()"), "[\"x\", \"x\"]");
    assert_eq!(database.query("notes()"), "[\"x kept\"]");
}

#[test]
fn an_err_of_the_outer_module_undoes_the_inner_one_as_well() {
    let database = database();
    let before = state(&database);
    assert_eq!(database.call("refuse-after(\"x\")"), "err(\"no\")");
    assert_eq!(state(&database), before);
}

#[test]
fn an_id_given_to_a_refused_call_is_given_again_but_a_committed_one_never() {
    let mut database = database();
    assert_eq!(database.call_of("test:hostile", "write(\"a\")"), "ok(1)");
    assert_eq!(database.call_of("test:hostile", "refuse(\"b\")"), "err(\"no\")");
    assert_eq!(database.call_of("test:hostile", "write(\"c\")"), "ok(2)");
    database.restart();
    assert_eq!(database.call_of("test:hostile", "write(\"d\")"), "ok(3)");
}

/// What an instance has done before decides when it runs out of memory or fuel. Such a call is run once
/// more on a fresh instance, and nothing of the first attempt is left.
#[test]
fn what_a_used_instance_is_too_full_for_is_done_by_a_fresh_one() {
    let database = database();
    let hoarded: Vec<_> =
        (0..5).map(|call| database.call_of("test:hostile", &format!("hoard(\"{call}\", 6)"))).collect();
    assert_eq!(hoarded, ["1", "2", "1", "2", "1"], "the third is too much for 16 MiB");
    assert_eq!(database.query_of("test:hostile", "notes()"), r#"["0", "1", "2", "3", "4"]"#);
    assert_eq!(database.call_of("test:hostile", "write(\"next\")"), "ok(6)", "no number was lost");
    let aside: Vec<_> = (0..3).map(|_| database.query_of("test:hostile", "hoard-aside(9)")).collect();
    assert_eq!(aside, ["1", "1", "1"], "queries as well");
}

#[test]
fn what_a_used_instance_is_too_slow_for_is_done_by_a_fresh_one() {
    let database = database();
    let times: Vec<_> =
        (0..60).map(|call| database.call_of("test:hostile", &format!("tire(\"{call}\", 1000000)"))).collect();
    let fresh = times.iter().filter(|times| *times == "1").count();
    assert!((2..30).contains(&fresh), "an instance grew too tired {fresh} times: {times:?}");
    let notes: Vec<_> = (0..60).map(|call| format!("\"{call}\"")).collect();
    assert_eq!(database.query_of("test:hostile", "notes()"), format!("[{}]", notes.join(", ")));
}

#[test]
fn what_a_fresh_instance_cannot_do_either_fails() {
    let says = ["16777216", "guest-memory"];
    let mut filled = database();
    filled.call_of("test:hostile", "hoard(\"first\", 6)");
    let error = filled.try_call("test:hostile", "hoard(\"second\", 17)").unwrap_err();
    assert_eq!(error.code(), "module.memory", "{error}");
    fails(&mut database(), "test:hostile", "hoard(\"x\", 17)", "module.memory", &says);
    fails(&mut database(), "test:hostile", "tire(\"x\", 100000000)", "module.fuel", &["50000000"]);
    filled.restart();
    assert_eq!(filled.query_of("test:hostile", "notes()"), r#"["first"]"#);
}

#[test]
fn a_module_sees_who_calls_it() {
    let mut database = database();
    database.set_client("ada");
    assert!(database.query_of("test:hostile", "circumstances()").starts_with("(\"client ada\", "));
    assert!(database.query("circumstances()").starts_with("(\"module test:relay\", "));
}

#[test]
fn a_public_table_of_another_module_is_read_through_its_door() {
    let database = database();
    database.call_of("test:hostile", "write(\"seen\")");
    assert_eq!(database.query("read(1)"), "some(\"seen\")");
    assert_eq!(database.query("read(2)"), "none");
}

#[test]
fn a_transaction_that_grows_for_ever_ends_at_its_limit() {
    let mut limits = crate::limits();
    limits.store.transaction_bytes = 1 << 20;
    limits.fuel = 2_000_000_000;
    let mut database = crate::database_with(limits);
    let says = ["limit `transaction`", "1048576"];
    fails(&mut database, "test:hostile", "write-forever()", "caller.limit", &says);
}

#[test]
fn arguments_that_are_no_values_of_their_types_are_refused_and_leave_nothing() {
    let database = database();
    let before = state(&database);
    let node = database.node();
    let function = node.function("test:hostile", "write").unwrap();
    let good = node.parse_call("test:hostile", "write(\"text\")").unwrap().1;
    let cut = good[..good.len() - 1].to_vec();
    let long = [good.as_slice(), b"more"].concat();
    let not_utf8 = [&good[..good.len() - 1], &[0xff]].concat();
    for arguments in [Vec::new(), cut, long, not_utf8, vec![0xff; 40]] {
        let error = node.call(&function, &arguments, &CallOptions::default()).unwrap_err();
        assert_eq!(error.code(), "caller.bad-arguments", "{arguments:?}: {error}");
        assert!(error.to_string().contains("test:hostile/deeds.write"), "{error}");
        assert_eq!(state(&database), before, "{arguments:?}");
    }
    assert_eq!(database.call_of("test:hostile", "write(\"next\")"), "ok(1)");
}
