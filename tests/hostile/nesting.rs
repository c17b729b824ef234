//! Modules that call each other with full stacks and large arguments.

use crate::{database, database_with, fails, limits};
use interstice_test::{Error, Limits};

/// The deepest recursion with which a call succeeds, found by trying; deeper ones overflow the stack.
fn deepest(call: impl Fn(u32) -> Result<String, Error>) -> u32 {
    let (mut works, mut fails) = (1, 100_000);
    while fails - works > 1 {
        let depth = works + (fails - works) / 2;
        match call(depth) {
            Ok(_) => works = depth,
            Err(error) => {
                assert_eq!(error.code(), "module.stack", "{error}");
                fails = depth;
            }
        }
    }
    works
}

#[test]
fn every_module_of_a_chain_has_a_whole_stack_of_its_own() {
    let database = database();
    let inner = deepest(|depth| database.try_call("test:hostile", &format!("deep({depth})")));
    let outer = deepest(|depth| database.try_call("test:relay", &format!("deep({depth}, 0)")));
    assert!(inner > 500, "a stack of half a mebibyte holds more than {inner} frames");
    assert!(outer > 500, "a stack of half a mebibyte holds more than {outer} frames");
    // The outer module uses all of its stack, and the inner one all that it has when it is called alone.
    assert_eq!(database.call(&format!("deep({outer}, {inner})")), (outer + inner).to_string());
    for (outer, inner, place) in
        [(outer, inner + 1, "hostile/deeds.deep"), (outer + 1, inner, "relay/relay.deep")]
    {
        let error = database.try_call("test:relay", &format!("deep({outer}, {inner})")).unwrap_err();
        assert_eq!(error.code(), "module.stack", "{error}");
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[test]
fn ten_mebibytes_between_modules_are_refused_by_the_limit() {
    let says = ["arguments", "4194304", "test:relay/relay.hand-over"];
    fails(&mut database(), "test:relay", "hand-over(10485760)", "caller.limit", &says);
}

#[test]
fn three_mebibytes_between_modules_are_carried() {
    assert_eq!(database().call("hand-over(3145728)"), "3145728");
}

#[test]
fn modules_that_nest_deeper_than_the_limit_are_refused() {
    let mut database = database_with(Limits { depth: 0, ..limits() });
    let says = ["depth", "0 levels deep", "test:hostile/deeds.take"];
    fails(&mut database, "test:relay", "hand-over(1)", "caller.limit", &says);
}
