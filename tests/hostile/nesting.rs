//! Modules that call each other with full stacks and large arguments.

use crate::{database, database_with, fails, limits};
use interstice_test::Limits;

/// How deep the hostile module can recurse with one module's stack, found by trying.
fn deepest(database: &interstice_test::Database) -> u32 {
    let (mut works, mut fails) = (1, 100_000);
    while fails - works > 1 {
        let depth = works + (fails - works) / 2;
        match database.try_call("test:hostile", &format!("deep({depth})")) {
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
    let deepest = deepest(&database);
    assert!(deepest > 500, "a stack of half a mebibyte holds more than {deepest} frames");
    // The outer module uses nearly all of its stack, and the inner one all that it could alone.
    let (reply, depth) =
        (database.call_of("test:relay", &format!("deep({})", deepest * 6 / 10)), deepest * 6 / 10);
    assert_eq!(reply, (depth + 100).to_string());
    assert_eq!(
        database
            .try_call("test:hostile", &format!("deep({deepest})"))
            .map(|_| ())
            .map_err(|error| error.code()),
        Ok(())
    );
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
