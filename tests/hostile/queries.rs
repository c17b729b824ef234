//! Queries that try to write by means that the bindings give to no author.

use crate::module;
use interstice_test::Database;

/// The ways to write, and what the host calls each.
const MEANS: [(&str, &str); 6] = [
    ("insert", "insert into"),
    ("insert-many", "insert into"),
    ("update", "update"),
    ("upsert", "upsert into"),
    ("delete", "delete from"),
    ("delete-range", "delete from"),
];

fn database() -> Database {
    let database = Database::of(module("events"));
    database.call("put(\"ada\", 1)");
    database.settle();
    database
}

fn state(database: &Database) -> (String, String, u64) {
    (database.query("things()"), database.query("deeds.notes()"), database.node().last_sequence().0)
}

#[test]
fn a_write_in_a_query_is_refused_by_the_host() {
    let mut database = database();
    let before = state(&database);
    for (means, write) in MEANS {
        let error = database.try_query("test:events", &format!("sneak({means:?})")).unwrap_err();
        assert_eq!(error.code(), "module.write-in-query", "{means}: {error}");
        let says = format!("test:events/deeds.sneak tried to write ({write} test:events/thing)");
        assert!(error.to_string().contains(&says), "{means}: {error} does not say {says:?}");
        assert_eq!(state(&database), before, "{means}");
    }
    database.restart();
    assert_eq!(state(&database), before);
}

/// The refusal above is of the query and not of the means.
#[test]
fn the_same_means_write_in_a_reducer() {
    for (means, _) in MEANS {
        let database = database();
        let before = database.query("things()");
        database.call(&format!("forge({means:?})"));
        assert_ne!(database.query("things()"), before, "{means}");
    }
}
