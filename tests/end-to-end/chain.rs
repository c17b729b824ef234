//! Chains of modules whose types pass through several hands, and a module without functions.
//! A module may use types of an interface without importing it. What of that interface it does not use
//! stays out of its schema and its bindings; once that made the bindings fail, and once the `use` by
//! which a type was reached was left out, so that the host refused the component.

use crate::bank::example;
use interstice_test::Database;

fn module(name: &str) -> String {
    format!("{}/modules/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn types_pass_through_a_chain_of_three_modules() {
    let database = Database::of(module("leaf")).with(module("mid")).with(module("top"));
    assert_eq!(
        database.call("run(\"ada\", [(3, 4), (5, 3), (-1, 6)])"),
        concat!(
            "[ok({first: {id: 1, owner: \"ada\", kind: small, size: 3}, ",
            "second: ok({id: 2, owner: \"ada\", kind: big, size: 4})}), ",
            "ok({first: {id: 3, owner: \"ada\", kind: small, size: 5}, ",
            "second: err(known({id: 1, owner: \"ada\", kind: small, size: 3}))}), ",
            "err(negative(-1))]"
        )
    );
    assert_eq!(database.query("sizes(\"ada\")"), "[3, 5, 4]");
    assert_eq!(database.query("corner(\"ada\")"), "{x: 3}");
    assert_eq!(database.query_of("test:leaf", "sum()"), "{items: 3, size: 12}");
    database.call("clear()");
    assert_eq!(database.query_of("test:leaf", "sum()"), "{items: 0, size: 0}");
}

#[test]
fn a_chain_is_there_again_after_a_restart() {
    let mut database = Database::of(module("leaf")).with(module("mid")).with(module("top"));
    database.call("run(\"ada\", [(1, 2)])");
    database.restart();
    assert_eq!(database.query("sizes(\"ada\")"), "[1, 2]");
    assert!(
        database.call("run(\"ada\", [(2, 3)])").contains("known"),
        "{}",
        database.query("sizes(\"ada\")")
    );
}

#[test]
fn a_module_without_functions_is_installed_and_stays() {
    let mut database = Database::of(module("silent")).with(example("bank"));
    database.restart();
    let modules = database.node().modules();
    assert!(modules.iter().any(|module| module.schema.package.unversioned() == "test:silent"));
}
