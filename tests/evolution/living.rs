//! A database over several versions of its modules: an importer that was built against the first of them, the way back,
//! data that is taken out and put back, and a database that is kept as bytes and opens for ever.

use crate::base::Base;
use crate::probe::{PROBE, importer, provider, schema_of};
use crate::rows::known_rows;
use interstice_codec::row::{Batch, Decode, from_bytes, to_bytes};
use interstice_node::UpgradeOptions;
use interstice_test::component_of;
use interstice_tests::machine::options;
use std::fs;
use std::path::{Path, PathBuf};

const LEDGER: &str = "test:ledger";
const AUDITOR: &str = "test:auditor";

fn module(name: &str) -> String {
    format!("{}/modules/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What the auditor, which reads by the row door in the bindings of its language, and the probe, which has both doors, know
/// of the ledger.
fn audit(base: &Base) -> Vec<(String, Vec<u8>)> {
    base.node().settle().unwrap();
    let text = fs::read_to_string(module("ledger/wit/ledger.wit")).unwrap();
    let mut known = known_rows(base, &schema_of(&text, &[])).unwrap();
    for query in ["everything()", "by-owner(\"ada\")", "by-amount(0, 20)", "count()", "by-id(2)", "told()"] {
        known.push((query.to_owned(), base.tell(AUDITOR, query).into_bytes()));
    }
    known
}

/// The tables of version 1.1 have further columns, in another order, and other indexes.
#[test]
fn an_importer_reads_a_table_as_it_knew_it_by_both_doors_whatever_becomes_of_the_owner() {
    let mut base = Base::new();
    let text = fs::read_to_string(module("ledger/wit/ledger.wit")).unwrap();
    let (first, next) = (component_of(module("ledger")), component_of(module("ledger-next")));
    base.install(&first).unwrap();
    base.install(&component_of(module("auditor"))).unwrap();
    base.install(&importer(&schema_of(&text, &[]), &text, &[]).unwrap()).unwrap();
    for (owner, amount) in [("ada", 5), ("bob", 20), ("cy", 15)] {
        base.tell(LEDGER, &format!("enter(\"{owner}\", {amount})"));
    }
    let three = audit(&base);
    base.node().snapshot().unwrap();

    base.upgrade(&next).unwrap();
    assert_eq!(audit(&base), three, "the upgrade shows to nobody");
    assert_eq!(base.tell(LEDGER, "notes()"), "[\"old\", \"old\", \"old\"]", "but to the owner");
    base.restart();
    assert_eq!(audit(&base), three, "nor does opening the log again");
    base.tell(LEDGER, "enter(\"dan\", -7)");
    base.tell(LEDGER, "change(2, 12)");
    let four = audit(&base);
    let everything = String::from_utf8(four[1].1.clone()).unwrap();
    assert!(everything.contains("{id: 2, owner: \"bob\", amount: 12}"), "{everything}");
    assert!(everything.ends_with("{id: 4, owner: \"dan\", amount: -7}]"), "{everything}");
    base.node().snapshot().unwrap();
    base.restart();
    assert_eq!(audit(&base), four, "rows of both layouts, from a snapshot");
    base.check_history();
    assert_eq!(audit(&base), four);

    // An index that the table has now, and the reader never knew, is not read by its number.
    let error = base.scan(PROBE, "entry-rows-scan", 3).unwrap_err();
    assert!(error.starts_with("module.misbehaved"), "{error}");

    // Dan's note and the changed one are nothing that version 1.0 could hold.
    let error = base.roll_back(&first).unwrap_err();
    assert!(error.to_string().contains("changed") && error.to_string().contains("no way back"), "{error}");
    assert_eq!(audit(&base), four);
    base.tell(LEDGER, "strike(4)");
    base.tell(LEDGER, "strike(2)");
    let two = audit(&base);
    base.roll_back(&first).unwrap();
    assert_eq!(audit(&base), two, "the way back shows to nobody either");
    base.tell(LEDGER, "enter(\"eve\", 1)");
    let with_eve = audit(&base);
    assert!(String::from_utf8(with_eve[1].1.clone()).unwrap().contains("{id: 5, owner: \"eve\", amount: 1}"));
    base.check_history();
    assert_eq!(audit(&base), with_eve);
    // A probe that looks for an index by a number that there never was gets nothing either.
    for index in [3, 4, u32::MAX] {
        let error = base.scan(PROBE, "entry-rows-scan", index).unwrap_err();
        assert!(error.starts_with("module.misbehaved"), "{index}: {error}");
    }
}

const TILL: &str = "acme:till";

/// A module with one table.
fn till_text(version: &str, columns: &str) -> String {
    format!(
        "package acme:till@{version};
        interface tables {{
          /// @table(primary-key = id, visibility = public)
          {columns}
        }}
        world w {{ export tables; }}"
    )
}

fn till(version: &str, columns: &str) -> Vec<u8> {
    provider(&till_text(version, columns), &[])
}

const PAID: &str = "record coin { id: u64, paid: u32 }";
const NOTED: &str = "record coin { id: u64, paid: u32,
    /// @default(7)
    note: u16 }";
const WIDER: &str = "record coin { id: u64, paid: u64,
    /// @default(7)
    note: u16 }";
const UNIQUE: &str = "/// @unique(paid)
    record coin { id: u64, paid: u32,
    /// @default(7)
    note: u16 }";

/// Rows of these versions.
type Paid = (u64, u32);
type Noted = (u64, u32, u16);
type Wider = (u64, u64, u16);

/// Puts a row in; one that the table refuses is missing afterwards.
fn put<T: interstice_codec::row::Encode>(base: &Base, row: &T) {
    base.ask(TILL, "seeding.coin-insert", &to_bytes(&(to_bytes(row),))).unwrap();
}

fn take_out(base: &Base, id: u64) {
    base.ask(TILL, "seeding.coin-delete", &to_bytes(&(id.to_be_bytes().to_vec(),))).unwrap();
}

fn coins<T: Decode>(base: &Base) -> Vec<T> {
    let batch = base.scan(TILL, "seeding.coin-scan", 0).unwrap();
    Batch::new(&batch).map(|row| from_bytes(row.unwrap()).unwrap()).collect()
}

#[test]
fn the_way_back_is_open_while_every_row_is_one_of_the_older_version() {
    let mut base = Base::new();
    let (paid, noted, wider) = (till("1.0.0", PAID), till("1.1.0", NOTED), till("2.0.0", WIDER));
    base.install(&paid).unwrap();
    put(&base, &(1_u64, 5_u32));
    base.upgrade(&noted).unwrap();
    put(&base, &(2_u64, 6_u32, 7_u16));
    assert_eq!(coins::<Noted>(&base), [(1_u64, 5_u32, 7_u16), (2, 6, 7)]);
    base.roll_back(&paid).unwrap();
    assert_eq!(coins::<Paid>(&base), [(1_u64, 5_u32), (2, 6)]);
    base.restart();
    assert_eq!(coins::<Paid>(&base), [(1_u64, 5_u32), (2, 6)]);

    base.upgrade(&noted).unwrap();
    put(&base, &(3_u64, 1_u32, 8_u16));
    let last = base.node().last_sequence();
    let error = base.roll_back(&paid).unwrap_err();
    assert_eq!(error.code(), "version.upgrade-refused");
    let told = error.to_string();
    assert!(told.contains("id 3 has 8 in `note`") && told.contains("no way back"), "{told}");
    assert_eq!(
        (base.node().last_sequence(), coins::<Noted>(&base).len()),
        (last, 3),
        "{:?}",
        coins::<Noted>(&base)
    );
    take_out(&base, 3);
    base.roll_back(&paid).unwrap();

    base.upgrade(&noted).unwrap();
    base.upgrade(&wider).unwrap();
    assert_eq!(coins::<Wider>(&base), [(1_u64, 5_u64, 7_u16), (2, 6, 7)]);
    put(&base, &(4_u64, u64::from(u32::MAX), 0_u16));
    put(&base, &(5_u64, 1_u64 << 32, 0_u16));
    let told = base.roll_back(&noted).unwrap_err().to_string();
    assert!(told.contains("id 5 has 4294967296 in `paid`") && told.contains("no way back"), "{told}");
    base.check_history();
    take_out(&base, 5);
    base.roll_back(&noted).unwrap();
    put(&base, &(6_u64, 9_u32, 0_u16));
    let kept = [(1, 5, 7), (2, 6, 7), (4, u32::MAX, 0), (6, 9, 0)];
    assert_eq!(coins::<Noted>(&base), kept);
    base.restart();
    assert_eq!(coins::<Noted>(&base), kept);
    base.check_history();
    assert_eq!(coins::<Noted>(&base), kept);
    // And forth again, with rows of every layout.
    base.upgrade(&wider).unwrap();
    base.node().snapshot().unwrap();
    base.restart();
    assert_eq!(coins::<Wider>(&base), kept.map(|(id, paid, note)| (id, u64::from(paid), note)));
    base.check_history();
}

const FIRM: &str = "enum kind { copper, silver }
    /// @table(primary-key = id, visibility = public)
    /// @index(kind, id)
    /// @unique(weight)
    record coin { id: u64, kind: kind, name: string, weight: s16 }";
const LOOSE: &str = "enum kind { copper, silver, gold }
    /// @table(primary-key = id, visibility = public)
    /// @index(kind, id)
    /// @unique(weight)
    record coin { id: u64, kind: kind, name: option<string>, weight: s64 }";

/// An enum with a further case, a string that may be none, a wider integer under a unique index.
#[test]
fn the_way_back_from_more_cases_options_and_wider_integers_is_open_while_nothing_is_written_that_needs_them()
{
    let module = |version: &str, types: &str| {
        let text = format!(
            "package acme:till@{version}; interface tables {{ {types} }} world w {{ export tables; }}"
        );
        provider(&text, &[])
    };
    let (firm, loose) = (module("1.0.0", FIRM), module("2.0.0", LOOSE));
    type Firm = (u64, u8, String, i16);
    type Loose = (u64, u8, Option<String>, i64);
    let mut base = Base::new();
    base.install(&firm).unwrap();
    put(&base, &(1_u64, 1_u8, "one".to_owned(), -1_i16));
    base.upgrade(&loose).unwrap();
    put(&base, &(2_u64, 0_u8, Some("two".to_owned()), 300_i64));
    let loose_rows: [Loose; 2] = [(1, 1, Some("one".to_owned()), -1), (2, 0, Some("two".to_owned()), 300)];
    assert_eq!(coins::<Loose>(&base), loose_rows);
    for (row, told) in [
        ((3_u64, 2_u8, Some("three".to_owned()), 3_i64), "id 3 has gold in `kind`"),
        ((3, 0, None, 3), "id 3 has none in `name`"),
        ((3, 0, Some(String::new()), -40_000), "id 3 has -40000 in `weight`"),
    ] {
        put(&base, &row);
        let last = base.node().last_sequence();
        let error = base.roll_back(&firm).unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("no way back"), "{error}");
        assert_eq!(base.node().last_sequence(), last);
        take_out(&base, 3);
    }
    base.node().snapshot().unwrap();
    base.roll_back(&firm).unwrap();
    // No row was written in between, so that what the two snapshots have in common is looked for.
    base.node().snapshot().unwrap();
    let firm_rows: [Firm; 2] = [(1, 1, "one".to_owned(), -1), (2, 0, "two".to_owned(), 300)];
    assert_eq!(coins::<Firm>(&base), firm_rows);
    put(&base, &(4_u64, 0_u8, "four".to_owned(), 300_i16));
    assert_eq!(coins::<Firm>(&base), firm_rows, "the unique index is that of the narrow integers");
    base.check_history();
    base.restart();
    assert_eq!(coins::<Firm>(&base), firm_rows);
    base.node().snapshot().unwrap();
    base.restart();
    assert_eq!(coins::<Firm>(&base), firm_rows);
    for index in [1, 2] {
        let batch = base.scan(TILL, "seeding.coin-scan", index).unwrap();
        assert_eq!(Batch::new(&batch).count(), 2, "index {index}");
    }
    base.upgrade(&loose).unwrap();
    assert_eq!(coins::<Loose>(&base), loose_rows);
    base.check_history();
}

/// The older version has a unique index that the newer one gave up.
#[test]
fn a_plan_of_the_way_back_tells_of_indexes_and_of_rows_that_keep_one_from_being_unique() {
    let (unique, noted) = (till("1.0.0", UNIQUE), till("1.1.0", NOTED));
    let mut base = Base::new();
    base.install(&unique).unwrap();
    put(&base, &(1_u64, 5_u32, 7_u16));
    base.upgrade(&noted).unwrap();
    put(&base, &(2_u64, 5_u32, 7_u16));
    let back = UpgradeOptions { rollback: true, ..UpgradeOptions::default() };
    let plan = |base: &Base| base.node().plan(&[&unique], &back).unwrap();
    let told = plan(&base);
    assert_eq!(told.modules[0].tables[0].steps, ["the unique index `paid` is built"]);
    let refusal = told.refusals.join("\n");
    assert!(refusal.contains("`paid`") && refusal.contains("cannot be unique"), "{refusal}");
    assert!(base.roll_back(&unique).unwrap_err().to_string().contains("cannot be unique"));
    take_out(&base, 2);
    assert_eq!(plan(&base).refusals, Vec::<String>::new());
    base.roll_back(&unique).unwrap();
    base.check_history();
}

/// By the keys of rows they are found, so a key does not change its bytes on the way back either.
#[test]
fn the_way_back_is_closed_where_the_key_itself_has_further_cases() {
    let module = |version: &str, cases: &str| {
        let text = format!(
            "package acme:till@{version};
            interface tables {{
              enum kind {{ {cases} }}
              /// @table(primary-key = kind, visibility = public)
              record coin {{ kind: kind, amount: u64 }}
            }}
            world w {{ export tables; }}"
        );
        provider(&text, &[])
    };
    let (two, three) = (module("1.0.0", "copper, silver"), module("2.0.0", "copper, silver, gold"));
    let mut base = Base::new();
    base.install(&two).unwrap();
    put(&base, &(1_u8, 5_u64));
    base.upgrade(&three).unwrap();
    let told = base.roll_back(&two).unwrap_err().to_string();
    assert!(told.contains("`kind` is part of the primary key") && told.contains("no way back"), "{told}");
    assert_eq!(coins::<(u8, u64)>(&base), [(1, 5)]);
    base.check_history();
}

/// A public table becomes a private one by another name, and a new one of the same shape takes its name: no item that a
/// reader pins has changed. Whoever is linked already is not led to other rows; who comes later knows no other.
#[test]
fn a_reader_is_not_led_from_its_table_to_another_that_took_the_name() {
    let base = Base::new();
    let first = till_text("1.0.0", PAID);
    let probe = importer(&schema_of(&first, &[]), &first, &[]).unwrap();
    base.install(&provider(&first, &[])).unwrap();
    base.install(&probe).unwrap();
    put(&base, &(1_u64, 5_u32));
    let hidden = format!(
        "{PAID}\n/// @table(primary-key = id)\n/// @renamed-from(coin)\n{}",
        PAID.replace("coin", "hoard")
    );
    let next = till("1.1.0", &hidden);
    let plan = base.node().plan(&[&next], &Default::default()).unwrap();
    assert!(plan.dependents[0].callers.is_some(), "{plan:?}");
    let error = base.upgrade(&next).unwrap_err();
    assert_eq!(error.code(), "version.upgrade-refused");
    assert!(error.to_string().contains("table coin") && error.to_string().contains("is `hoard`"), "{error}");
    base.node().uninstall(PROBE).unwrap();
    base.upgrade(&next).unwrap();
    assert_eq!((base.count(TILL, "seeding.coin-scan"), base.count(TILL, "seeding.hoard-scan")), (0, 1));
    base.install(&probe).unwrap();
}

/// Digests of tables are remembered from snapshot to snapshot; a table that is new under an old name has none.
#[test]
fn what_was_purged_and_is_installed_again_has_nothing_of_what_was_remembered() {
    let mut base = Base::new();
    let paid = till("1.0.0", PAID);
    base.install(&paid).unwrap();
    put(&base, &(1_u64, 5_u32));
    base.node().snapshot().unwrap();
    base.restart();
    base.node().uninstall(TILL).unwrap();
    base.node().snapshot().unwrap();
    base.node().purge(TILL).unwrap();
    base.node().snapshot().unwrap();
    base.install(&paid).unwrap();
    base.node().snapshot().unwrap();
    assert_eq!(coins::<Paid>(&base), []);
    base.restart();
    assert_eq!(coins::<Paid>(&base), []);
    put(&base, &(1_u64, 6_u32));
    base.node().snapshot().unwrap();
    base.restart();
    assert_eq!(coins::<Paid>(&base), [(1_u64, 6_u32)]);
    // Once more, with the very rows that there were before.
    base.node().uninstall(TILL).unwrap();
    base.node().purge(TILL).unwrap();
    base.install(&paid).unwrap();
    put(&base, &(1_u64, 5_u32));
    base.node().snapshot().unwrap();
    base.restart();
    assert_eq!(coins::<Paid>(&base), [(1_u64, 5_u32)]);
    base.check_history();
}

#[test]
fn a_plan_names_the_rows_that_a_new_unique_index_does_not_fit() {
    let base = Base::new();
    base.install(&till("1.0.0", PAID)).unwrap();
    let rows = [(1_u64, 5_u32), (2, 6), (3, 5), (4, 7), (5, 5), (6, 7)];
    rows.iter().for_each(|row| put(&base, row));
    let unique = till("1.1.0", UNIQUE);
    let plan = base.node().plan(&[&unique], &Default::default()).unwrap();
    let refused = base.upgrade(&unique).unwrap_err().to_string();
    assert_eq!(plan.refusals.len(), 1, "{:?}", plan.refusals);
    let told = &plan.refusals[0];
    assert!(told.contains("3 pairs") && told.contains("the rows 1 and 3; 3 and 5; 4 and 6"), "{told}");
    let same = told.split_once(": ").unwrap().1;
    assert!(refused.contains(same), "the plan says {same}, the upgrade {refused}");
    for id in [3, 5, 6] {
        take_out(&base, id);
    }
    assert_eq!(base.node().plan(&[&unique], &Default::default()).unwrap().refusals, Vec::<String>::new());
    base.upgrade(&unique).unwrap();
    assert_eq!(coins::<Noted>(&base), [(1_u64, 5_u32, 7_u16), (2, 6, 7), (4, 7, 7)]);
}

/// Where a database is kept as bytes.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("evolution/kept")
}

/// What becomes of a file that is copied; nothing if it is left out.
type Change<'a> = dyn Fn(&Path, Vec<u8>) -> Option<Vec<u8>> + 'a;

fn copy(from: &Path, to: &Path, change: &Change<'_>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&from, &to, change),
            false => {
                if let Some(bytes) = change(&from, fs::read(&from).unwrap()) {
                    fs::write(to, bytes).unwrap();
                }
            }
        }
    }
}

fn newest_segment(data: &Path) -> PathBuf {
    let segments = fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().path());
    segments.filter(|path| path.extension().is_some_and(|extension| extension == "log")).max().unwrap()
}

/// Makes the database that is kept: modules of which one was upgraded twice, with a snapshot in between, another was
/// uninstalled, and a third purged.
fn make_kept() -> Base {
    let mut base = Base::new();
    let text = till_text("1.0.0", PAID);
    base.install(&provider(&text, &[])).unwrap();
    base.install(&importer(&schema_of(&text, &[]), &text, &[]).unwrap()).unwrap();
    for name in ["left", "gone"] {
        base.install(&provider(&text.replace("acme:till", &format!("acme:{name}")), &[])).unwrap();
        let row = to_bytes(&(to_bytes(&(7_u64, 70_u32)),));
        base.ask(&format!("acme:{name}"), "seeding.coin-insert", &row).unwrap();
    }
    put(&base, &(1_u64, 5_u32));
    base.upgrade(&till("1.1.0", NOTED)).unwrap();
    put(&base, &(2_u64, 6_u32, 8_u16));
    base.node().uninstall("acme:left").unwrap();
    base.node().snapshot().unwrap();
    put(&base, &(3_u64, 7_u32, 9_u16));
    base.upgrade(&till("1.2.0", UNIQUE)).unwrap();
    base.node().uninstall("acme:gone").unwrap();
    base.node().purge("acme:gone").unwrap();
    put(&base, &(4_u64, 8_u32, 10_u16));
    base.close();
    base
}

/// Made anew with `INTERSTICE_BLESS=1` only while no database of the format is in use.
#[test]
fn a_database_that_was_upgraded_opens_for_ever() {
    if std::env::var_os("INTERSTICE_BLESS").is_some() {
        let base = make_kept();
        drop(fs::remove_dir_all(kept()));
        // What is derived is left out, and so are the zeros at the end of the newest segment.
        let newest = newest_segment(base.folder());
        copy(base.folder(), &kept(), &|path, mut bytes| {
            if path == newest {
                let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
                bytes.truncate(used);
            }
            let is_derived = path.extension().is_some_and(|extension| extension == "index");
            (!is_derived && !path.ends_with("LOCK")).then_some(bytes)
        });
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&kept(), folder.path(), &|_, bytes| Some(bytes));
    let newest = fs::OpenOptions::new().write(true).open(newest_segment(folder.path())).unwrap();
    newest.set_len(options().log.segment_bytes).unwrap();
    let mut base = Base::of(folder);
    let check = |base: &Base| {
        assert_eq!(base.versions(), ["acme:till@1.2.0", "acme:probe@0.1.0"]);
        let left: Vec<_> =
            base.node().kept().iter().map(|module| module.schema.package.to_string()).collect();
        assert_eq!(left, ["acme:left@1.0.0"]);
        assert_eq!(coins::<Noted>(base), [(1_u64, 5_u32, 7_u16), (2, 6, 8), (3, 7, 9), (4, 8, 10)]);
        let known = known_rows(base, &schema_of(&till_text("1.0.0", PAID), &[])).unwrap();
        let as_it_was: Vec<(u64, u32)> =
            Batch::new(&known[0].1).map(|row| from_bytes(row.unwrap()).unwrap()).collect();
        assert_eq!(as_it_was, [(1, 5), (2, 6), (3, 7), (4, 8)]);
    };
    check(&base);
    base.check_history();
    check(&base);
    // It goes on: the index is unique, what was left is found again, and what was purged begins anew.
    put(&base, &(5_u64, 8_u32, 0_u16));
    assert_eq!(base.count(TILL, "seeding.coin-scan"), 4, "there is a coin of 8");
    put(&base, &(5_u64, 9_u32, 0_u16));
    assert_eq!(base.count(TILL, "seeding.coin-scan"), 5);
    for (name, rows) in [("left", 1), ("gone", 0)] {
        let text = till_text("1.0.0", PAID).replace("acme:till", &format!("acme:{name}"));
        base.install(&provider(&text, &[])).unwrap();
        assert_eq!(base.count(&format!("acme:{name}"), "seeding.coin-scan"), rows, "{name}");
    }
    base.check_history();
}
