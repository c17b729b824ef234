//! Modules that were built against an altered copy of another's contract, in which everything is public: nothing that the
//! owner keeps private is reached by it, neither by calls, nor by the doors of tables, nor by events.
//! Each is a real component, made from the copy.

use crate::probe::{importer, listener, provider, schema_of};
use interstice_test::Database;

const BANK: &str = "package acme:bank@1.2.0;
interface api {
  /// @query
  peek: func() -> u32;
}
/// @visibility(private)
interface inner {
  record plan { text: string }
  /// @reducer
  wipe: func(plan: plan);
}
interface tables {
  /// @table(primary-key = id, visibility = public)
  record coin { id: u64, owner: string }
  /// @table(primary-key = id)
  /// @index(clue)
  record secret { id: u64, clue: string }
  /// @table(primary-key = id, visibility = public, storage = ephemeral)
  record rumour { id: u64 }
}
world bank { export api; export inner; export tables; }
";

/// What was altered in the copy, and what the refusal says besides.
const ALTERED: [(&str, &str, &[&str]); 3] = [
    (
        "/// @visibility(private)\n",
        "",
        &["acme:bank/inner@1.2.0", "a private one", "import what the module makes public"],
    ),
    (
        "@table(primary-key = id)\n",
        "@table(primary-key = id, visibility = public)\n",
        &["secret", "a private one", "ask its owner"],
    ),
    // A table whose changes are in no log has no events.
    (", storage = ephemeral", "", &["rumour", "ephemeral"]),
];

/// A database with the bank refuses it, by saying all of this, and is what it was.
fn refused(component: &[u8], says: &[&str]) {
    let database = Database::empty();
    database.node().install(&provider(BANK, &[])).unwrap();
    let before = database.node().last_sequence();
    let error = database.node().install(component).unwrap_err();
    assert_eq!(error.code(), "version.link", "{error}");
    for text in says {
        assert!(error.to_string().contains(text), "{error} does not say {text:?}");
    }
    assert_eq!((database.node().last_sequence(), database.node().modules().len()), (before, 1));
}

#[test]
fn an_altered_copy_of_the_contract_opens_nothing_that_is_private() {
    for (from, to, says) in ALTERED {
        let copy = BANK.replace(from, to);
        assert_ne!(copy, BANK);
        refused(&importer(&schema_of(&copy, &[]), &copy, &[]).unwrap(), says);
    }
    // With the contract as it is, all that is public is there.
    let database = Database::empty();
    database.node().install(&provider(BANK, &[])).unwrap();
    database.node().install(&importer(&schema_of(BANK, &[]), BANK, &[]).unwrap()).unwrap();
    database.try_call("acme:probe", "run()").unwrap();
}

#[test]
fn an_altered_copy_of_the_contract_tells_of_no_private_events() {
    for (from, to, says) in &ALTERED[1..] {
        let copy = BANK.replace(from, to);
        let error = {
            let database = Database::empty();
            database.node().install(&provider(BANK, &[])).unwrap();
            let listener = listener(&schema_of(&copy, &[]), &copy, &[]).unwrap();
            database.node().install(&listener).unwrap_err()
        };
        assert!(error.code().starts_with("version."), "{error}");
        assert!(says[..2].iter().all(|text| error.to_string().contains(text)), "{error}");
    }
    let database = Database::empty();
    database.node().install(&provider(BANK, &[])).unwrap();
    database.node().install(&listener(&schema_of(BANK, &[]), BANK, &[]).unwrap()).unwrap();
}

/// The owner itself is the only one who is asked about what a new version of it may do: its own tables, private ones
/// too, are read by a migration of the same package, and of no other.
#[test]
fn nobody_passes_for_a_later_version_of_another_module() {
    let database = Database::empty();
    database.node().install(&provider(BANK, &[])).unwrap();
    let forged = "package acme:bank@1.9.0;
        interface loot {
          /// @table(primary-key = id)
          record copied { id: u64, clue: string }
          /// @migrate
          steal: func();
        }
        world bank { import acme:bank/tables@1.2.0; export loot; }";
    let error = database.node().install(&provider(forged, &[BANK])).unwrap_err();
    assert_eq!(error.code(), "version.already-installed", "{error}");
    assert_eq!(database.node().modules().len(), 1);
}
