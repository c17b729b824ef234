//! `@on(init)` handlers that do not want to begin.

use crate::module;
use interstice_test::{Database, component_of};

/// Installing must fail with this code and say all of this, and leave everything as it was.
fn is_not_installed(thing: &str, code: &str, says: &[&str]) {
    let mut database = Database::of(module("events"));
    database.call(&format!("put({thing:?}, 1)"));
    database.settle();
    let newborn = component_of(module("newborn"));
    for _ in 0..3 {
        let before = (database.node().last_sequence(), database.node().memory_bytes());
        let error = database.node().install(&newborn).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        for text in says {
            assert!(error.to_string().contains(text), "{error} does not say {text:?}");
        }
        assert_eq!((database.node().last_sequence(), database.node().memory_bytes()), before);
        assert_eq!(database.node().modules().len(), 1);
        database.restart();
    }
    // Nothing of the failures stands in the way of a later success, now or after a restart.
    database.call("remove(1)");
    assert!(database.node().install(&newborn).unwrap().sequence.is_some());
    database.call("put(\"ada\", 1)");
    for _ in 0..2 {
        database.settle();
        assert_eq!(database.query_of("test:newborn", "notes()"), r#"["begun", "noticed ada"]"#);
        database.restart();
    }
}

#[test]
fn a_handler_that_refuses_refuses_the_installation() {
    is_not_installed(
        "not now",
        "module.init-refused",
        &["test:newborn@1.0.0", "handlers.begin", "\"not now\""],
    );
}

#[test]
fn a_handler_that_panics_ends_the_installation() {
    is_not_installed("not ever", "module.panic", &["there is not ever", "handlers.begin"]);
}
