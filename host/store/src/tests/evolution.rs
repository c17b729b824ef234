//! Tables that evolve: what is read, what is refused, what an abort leaves. The model tests random histories of
//! the same.

use super::*;
use crate::{Change, Evolution, Recording, RowChange, Violation, limits::TABLE_LAYOUTS};
use interstice_codec::row::ColumnSource::{self, Default as Constant, MadeOptional, Same, Widened};

/// Accounts with a note, without the balance's index, and with one over the note.
fn noted() -> Evolution {
    let mut definition = accounts();
    definition.columns.push(ValueType::String);
    definition.indexes = vec![
        IndexDefinition { name: "owner".to_owned(), columns: vec![1], unique: true },
        IndexDefinition { name: "note".to_owned(), columns: vec![3, 2], unique: false },
    ];
    Evolution { definition, columns: vec![Same(0), Same(1), Same(2), Constant(vec![3, b'n', b'e', b'w'])] }
}

fn noted_account(id: u64, owner: &str, balance: i64, note: &str) -> Vec<u8> {
    let mut row = account(id, owner, balance);
    note.to_owned().encode(&mut row);
    row
}

fn with_accounts(count: u64) -> (Store, TableHandle) {
    let (store, table) = store_with(&accounts());
    commit(&store, |transaction| {
        let rows: Vec<_> =
            (1..=count).map(|id| account(id, &format!("owner {id}"), id as i64 % 10)).collect();
        transaction.insert_many(&table, &batch(&rows), &mut Vec::new()).unwrap();
    });
    (store, table)
}

fn evolve(store: &Store, table: &TableHandle, evolution: &Evolution) -> TableHandle {
    commit(store, |transaction| transaction.evolve(table, evolution).unwrap())
}

/// The same columns.
fn same(columns: usize) -> Vec<ColumnSource> {
    (0..columns).map(Same).collect()
}

#[test]
fn rows_stay_where_they_are_and_are_read_in_the_new_shape() {
    let (store, old) = with_accounts(1000);
    let rows_before = old.0.state.read().row_bytes;
    let new = evolve(&store, &old, &noted());
    assert_eq!(new.0.state.read().row_bytes, rows_before, "no row was written");
    let reader = store.reader(Version(2)).unwrap();
    assert_eq!(reader.count(&new), Ok(1000));
    assert_eq!(reader.row(&new, &key((7u64,))), Some(noted_account(7, "owner 7", 7, "new")));
    let mut found = Vec::new();
    assert_eq!(reader.find(&new, 1, &key(("owner 8".to_owned(),)), &mut found), Ok(true));
    assert_eq!(found, noted_account(8, "owner 8", 8, "new"));
    // An index over a column that no row holds: all have the default there, then by balance, then by id.
    let low = key(("new".to_owned(), 9i64));
    let rows = reader.rows(&new, &KeyRange { index: 2, low: &low, ..KeyRange::default() });
    let expected: Vec<_> = (0..100)
        .map(|at| at * 10 + 9)
        .map(|id| noted_account(id, &format!("owner {id}"), 9, "new"))
        .collect();
    assert_eq!(rows, expected);
    store.check();
}

#[test]
fn a_reader_of_an_older_version_goes_on_by_the_handle_that_it_has() {
    let (store, old) = with_accounts(10);
    let reader = store.reader(Version(1)).unwrap();
    let range = KeyRange { index: 1, ..KeyRange::default() };
    let before = reader.rows(&old, &range);
    let mut scan = reader.scan(&old, &range).unwrap();
    let mut first = Vec::new();
    scan.next_batch(&mut first, 1, 1).unwrap();
    let new = evolve(&store, &old, &noted());
    commit(&store, |transaction| {
        transaction.update(&new, &noted_account(1, "owner 1", 500, "moved")).unwrap();
        transaction.delete(&new, &key((2u64,))).unwrap();
        transaction.insert(&new, &noted_account(0, "owner 11", 3, "added")).unwrap();
    });
    store.set_durable(Version(3));
    while store.purge(100) {}
    store.check();
    assert_eq!(reader.rows(&old, &range), before);
    assert_eq!(drain(&mut scan, 1000, 3), before[1..]);
    let refused = |since| Err(StoreError::OtherShape { table: "account".to_owned(), since: Version(since) });
    assert_eq!(reader.count(&new), refused(2));
    assert!(reader.scan(&new, &range).is_err());
    assert_eq!(store.reader(Version(3)).unwrap().count(&old), refused(0));
    assert_eq!(commit(&store, |transaction| transaction.count(&old)), refused(0));
    assert_eq!(
        commit(&store, |transaction| transaction.delete(&old, &key((1u64,)))),
        refused(0).map(|_: u64| true)
    );
    // The balance's index was kept for the reader alone.
    let memory = old.memory_bytes();
    drop((reader, scan));
    store.set_durable(store.newest());
    while store.purge(100) {}
    store.check();
    assert!(old.0.state.read().hidden.is_empty() && old.0.state.read().past.is_empty());
    assert!(old.memory_bytes() < memory);
}

#[test]
fn an_index_that_is_gone_is_let_go_of_though_no_row_changes() {
    let (store, old) = with_accounts(10);
    let new = evolve(&store, &old, &noted());
    store.set_durable(Version(2));
    while store.purge(100) {}
    let state = new.0.state.read();
    assert!(state.hidden.is_empty() && state.indexes[0].keys.is_over());
}

#[test]
fn an_abort_leaves_the_table_as_it_was() {
    let (store, old) = with_accounts(10);
    let all = store.reader(Version(1)).unwrap().all(&old);
    let mut transaction = store.begin(Version(2)).unwrap();
    transaction.update(&old, &account(1, "before", 1)).unwrap();
    let new = transaction.evolve(&old, &noted()).unwrap();
    transaction.insert(&new, &noted_account(0, "after", 1, "new")).unwrap();
    transaction.update(&new, &noted_account(2, "after 2", 2, "new")).unwrap();
    transaction.delete(&new, &key((3u64,))).unwrap();
    let second = transaction.create_table(TableId(8), &documents()).unwrap();
    transaction.drop_table(&new).unwrap();
    assert_eq!(transaction.count(&new), Ok(10), "it can be read until the end");
    assert_eq!(transaction.count(&second), Ok(0));
    transaction.abort();
    store.check();
    let reader = store.reader(Version(1)).unwrap();
    assert_eq!(reader.all(&old), all);
    assert_eq!(old.counter(), 10);
    assert!(store.table(TableId(8)).is_none() && store.table(TableId(7)).is_some());
    assert!(matches!(reader.count(&new), Err(StoreError::OtherShape { .. })));
    // The next evolution has the place and the layout of the one that is gone.
    drop(reader);
    let again = evolve(&store, &old, &noted());
    commit(&store, |transaction| {
        assert_eq!(transaction.insert(&again, &noted_account(0, "x", 1, "y")), Ok(11));
        assert!(matches!(
            transaction.insert(&new, &noted_account(0, "z", 1, "y")),
            Err(StoreError::OtherShape { .. })
        ));
    });
    store.check();
}

#[test]
fn a_savepoint_takes_back_what_tables_became() {
    let (store, old) = with_accounts(3);
    let mut transaction = store.begin(Version(2)).unwrap();
    let start = transaction.savepoint();
    let first = transaction.evolve(&old, &noted()).unwrap();
    transaction.insert(&first, &noted_account(0, "a", 1, "b")).unwrap();
    let middle = transaction.savepoint();
    let mut renamed = noted();
    renamed.definition.name = "konto".to_owned();
    renamed.columns = vec![Same(0), Same(1), Same(2), Same(3)];
    let second = transaction.evolve(&first, &renamed).unwrap();
    assert_eq!(second.name(), "konto");
    transaction.insert(&second, &noted_account(0, "c", 1, "d")).unwrap();
    assert_eq!(transaction.count(&first), Ok(4), "as it was when it got its new name");
    transaction.rollback_to(&middle).unwrap();
    assert_eq!(transaction.insert(&first, &noted_account(0, "c", 1, "d")), Ok(5));
    assert!(transaction.insert(&second, &noted_account(0, "e", 1, "d")).is_err());
    transaction.rollback_to(&start).unwrap();
    assert!(transaction.rollback_to(&middle).is_err());
    assert_eq!(transaction.insert(&old, &account(0, "c", 1)), Ok(4));
    let mut changes = Vec::new();
    transaction.changes(|table| changes.extend(table.rows().map(|row| format!("{row:?}"))));
    assert_eq!(changes.len(), 1);
    transaction.commit();
    store.check();
    assert_eq!(store.reader(Version(2)).unwrap().all(&old).len(), 4);
    assert_eq!(store.table(TableId(7)).unwrap().0.shape.number, 0);
}

#[test]
fn what_was_there_is_told_of_in_the_new_shape() {
    let (store, old) = with_accounts(3);
    commit(&store, |transaction| {
        transaction.update(&old, &account(1, "early", 1)).unwrap();
        let new = transaction.evolve(&old, &noted()).unwrap();
        transaction.update(&new, &noted_account(2, "late", 2, "x")).unwrap();
        transaction.delete(&new, &key((3u64,))).unwrap();
        // An old row that is put there again as it reads is the same row.
        transaction.update(&new, &noted_account(1, "early", 1, "new")).unwrap();
        let mut seen = 0;
        transaction.changes(|changes| {
            assert_eq!((changes.table().since(), changes.counter()), (Version(2), None));
            let rows: Vec<_> = changes.rows().collect();
            let one = (noted_account(1, "owner 1", 1, "new"), noted_account(1, "early", 1, "new"));
            let two = (noted_account(2, "owner 2", 2, "new"), noted_account(2, "late", 2, "x"));
            let three = noted_account(3, "owner 3", 3, "new");
            assert_eq!(
                rows,
                [
                    RowChange::Updated { before: &one.0, after: &one.1 },
                    RowChange::Updated { before: &two.0, after: &two.1 },
                    RowChange::Deleted { before: &three },
                ]
            );
            seen += 1;
        });
        assert_eq!(seen, 1);
    });
    store.check();
}

#[test]
fn rows_that_keep_an_index_from_being_unique_are_named() {
    let (store, old) = with_accounts(30);
    let mut unique = noted();
    unique.definition.indexes[1] =
        IndexDefinition { name: "by-balance".to_owned(), columns: vec![2], unique: true };
    let mut transaction = store.begin(Version(2)).unwrap();
    let error = transaction.evolve(&old, &unique).unwrap_err();
    let StoreError::NotUnique { table, index, rows, more } = &error else { panic!("{error}") };
    assert_eq!((table.as_str(), index.as_str(), rows.len(), *more), ("account", "by-balance", 10, 10));
    // In the order of the index: 10, 20 and 30 have the balance 0.
    assert_eq!(rows[..2], [(key((10u64,)), key((20u64,))), (key((20u64,)), key((30u64,)))]);
    assert!(error.to_string().contains("20 pairs of rows"), "{error}");
    assert_eq!(transaction.insert(&old, &account(0, "goes on", 3)), Ok(31));
    transaction.abort();
    // A new unique index over a column that gets a default has the same value in every row.
    unique.definition.indexes[1].columns = vec![3];
    let mut transaction = store.begin(Version(2)).unwrap();
    assert!(matches!(transaction.evolve(&old, &unique), Err(StoreError::NotUnique { more: 19, .. })));
    transaction.delete_range(&old, &KeyRange { limit: 29, ..KeyRange::default() }).unwrap();
    let new = transaction.evolve(&old, &unique).unwrap();
    let violation = StoreError::Violation(Violation::DuplicateUnique(2));
    assert_eq!(transaction.insert(&new, &noted_account(0, "o", 1, "new")), Err(violation));
    transaction.commit();
    store.check();
}

#[test]
fn what_would_change_the_primary_key_or_does_not_fit_is_refused() {
    let (store, old) = with_accounts(3);
    let refused = |evolution: &Evolution| {
        let error = store.begin(Version(2)).unwrap().evolve(&old, evolution).unwrap_err();
        std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
    };
    let mut other_key = noted();
    other_key.definition.primary_key = vec![1];
    assert!(refused(&other_key).contains("its primary key would be other columns"));
    let mut wider = noted();
    (wider.definition.columns[0], wider.columns[0]) = (ValueType::String, Constant(vec![0]));
    wider.definition.auto_increment = None;
    assert!(refused(&wider).contains("its primary key would be other columns"));
    let mut wrong = noted();
    wrong.columns[3] = Same(0);
    assert_eq!(
        refused(&wrong),
        "table `account` cannot have the new columns: column 3 is of type string, and u64 cannot be turned into that"
    );
    let mut long = noted();
    long.columns[3] = Constant([vec![0xd0, 0x0f], vec![b'n'; 2000]].concat());
    assert_eq!(refused(&long), "limit `key` is 1024, found 2010");
    assert_eq!(store.reader(Version(1)).unwrap().count(&old), Ok(3));
    store.check();
}

#[test]
fn a_counter_goes_on_in_a_wider_column_and_begins_after_what_is_there_in_another() {
    let definition = TableDefinition {
        name: "counted".to_owned(),
        columns: vec![ValueType::U8, ValueType::U8],
        primary_key: vec![0],
        auto_increment: Some(1),
        indexes: Vec::new(),
    };
    let (store, old) = store_with(&definition);
    commit(&store, |transaction| {
        assert_eq!(transaction.insert(&old, &[1, 255]), Ok(255));
        assert!(transaction.insert(&old, &[2, 0]).is_err());
        transaction.delete(&old, &[1]).unwrap();
        assert_eq!(transaction.insert(&old, &[9, 9]), Ok(9));
    });
    let wider = Evolution {
        definition: TableDefinition { columns: vec![ValueType::U8, ValueType::U32], ..definition.clone() },
        columns: vec![Same(0), Widened(1)],
    };
    let wide = evolve(&store, &old, &wider);
    commit(&store, |transaction| {
        assert_eq!(transaction.insert(&wide, &[2, 0, 0, 0, 0]), Ok(256));
        assert_eq!(transaction.upsert(&wide, &[9, 0, 0, 0, 0]), Ok(9), "an old row keeps its number");
    });
    let other = Evolution {
        definition: TableDefinition {
            columns: vec![ValueType::U8, ValueType::U32],
            auto_increment: Some(0),
            ..definition
        },
        columns: same(2),
    };
    let changed = |transaction: &Transaction| {
        let mut counter = None;
        transaction.changes(|changes| counter = changes.counter());
        counter
    };
    let mut transaction = store.begin(Version(4)).unwrap();
    transaction.evolve(&wide, &other).unwrap();
    assert_eq!(changed(&transaction), Some(9));
    transaction.abort();
    assert_eq!(wide.counter(), 256);
    let moved = evolve(&store, &wide, &other);
    commit(&store, |transaction| assert_eq!(transaction.insert(&moved, &[0, 1, 0, 0, 0]), Ok(10)));
    store.check();

    // A table that counts no more has no counter, and begins anew if it counts again: what it was before was left
    // over where it had stayed in memory, and was not where it had been loaded from a snapshot.
    let ended = Evolution {
        definition: TableDefinition { auto_increment: None, ..other.definition.clone() },
        columns: same(2),
    };
    let mut transaction = store.begin(Version(store.newest().0 + 1)).unwrap();
    let plain = transaction.evolve(&moved, &ended).unwrap();
    assert_eq!(changed(&transaction), None);
    assert_eq!(plain.counter(), 0);
    transaction.abort();
    assert_eq!(moved.counter(), 10);
    let plain = evolve(&store, &moved, &ended);
    let mut transaction = store.begin(Version(store.newest().0 + 1)).unwrap();
    let again = transaction.evolve(&plain, &other).unwrap();
    assert_eq!((changed(&transaction), again.counter()), (Some(10), 10));
    transaction.abort();
    store.check();
}

#[test]
fn a_row_of_any_age_is_read_in_one_step() {
    let (store, mut table) = store_with(&TableDefinition {
        name: "aging".to_owned(),
        columns: vec![ValueType::U8, ValueType::U8],
        primary_key: vec![0],
        auto_increment: None,
        indexes: vec![IndexDefinition { name: "number".to_owned(), columns: vec![1], unique: false }],
    });
    let mut evolution = Evolution { definition: accounts(), columns: Vec::new() };
    evolution.definition = TableDefinition {
        name: "aging".to_owned(),
        columns: vec![ValueType::U8, ValueType::U8],
        primary_key: vec![0],
        auto_increment: None,
        indexes: vec![IndexDefinition { name: "number".to_owned(), columns: vec![1], unique: false }],
    };
    let mut row = vec![0, 0];
    commit(&store, |transaction| transaction.insert(&table, &row).unwrap());
    for age in 1..=20u8 {
        evolution.definition.columns.push(ValueType::U8);
        evolution.columns = same(evolution.definition.columns.len() - 1);
        evolution.columns.push(Constant(vec![age]));
        table = evolve(&store, &table, &evolution);
        row[0] = age;
        row.push(100 + age);
        commit(&store, |transaction| transaction.insert(&table, &row).unwrap());
        store.check();
    }
    let rows =
        store.reader(store.newest()).unwrap().rows(&table, &KeyRange { index: 1, ..KeyRange::default() });
    for (born, row) in rows.iter().enumerate() {
        let expected = (1..=20).map(|age| if age <= born { 100 + age as u8 } else { age as u8 });
        assert_eq!(row[..2], [born as u8, 0]);
        assert!(row[2..].iter().copied().eq(expected), "{row:?}");
    }
    let optional = Evolution {
        definition: TableDefinition {
            columns: vec![ValueType::U8, ValueType::Option(Box::new(ValueType::U8))],
            indexes: Vec::new(),
            ..evolution.definition
        },
        columns: vec![Same(0), MadeOptional(21)],
    };
    let last = evolve(&store, &table, &optional);
    let rows = store.reader(store.newest()).unwrap().all(&last);
    assert_eq!((rows[0].as_slice(), rows[20].as_slice()), (&[0, 1, 20][..], &[20, 1, 120][..]));
    store.check();
}

#[test]
fn layouts_run_out_before_rows_are_taken_for_those_of_another() {
    let (store, mut table) = store_with(&TableDefinition {
        name: "restless".to_owned(),
        columns: vec![ValueType::U8, ValueType::U8],
        primary_key: vec![0],
        auto_increment: None,
        indexes: Vec::new(),
    });
    // Two columns that change places, and a third that is there or not.
    let evolution = Evolution {
        definition: TableDefinition {
            name: "restless".to_owned(),
            columns: vec![ValueType::U8, ValueType::U8],
            primary_key: vec![0],
            auto_increment: None,
            indexes: Vec::new(),
        },
        columns: vec![Same(0), Constant(vec![1])],
    };
    commit(&store, |transaction| transaction.insert(&table, &[1, 0]).unwrap());
    let mut transaction = store.begin(Version(2)).unwrap();
    for _ in 1..TABLE_LAYOUTS {
        table = transaction.evolve(&table, &evolution).unwrap();
    }
    let error = transaction.evolve(&table, &evolution).unwrap_err();
    let most = TABLE_LAYOUTS as u64;
    assert_eq!(error, StoreError::Limit { name: "table-layouts", limit: most, found: most + 1 });
    transaction.insert(&table, &[2, 9]).unwrap();
    assert_eq!(transaction.all(&table), [[1, 1], [2, 9]]);
}

#[test]
fn tables_are_made_and_dropped_when_the_transaction_commits() {
    let (store, old) = with_accounts(3);
    let reader = store.reader(Version(1)).unwrap();
    let made = commit(&store, |transaction| {
        let made = transaction.create_table(TableId(8), &documents()).unwrap();
        assert_eq!(
            transaction.create_table(TableId(7), &documents()).unwrap_err(),
            StoreError::TableExists(TableId(7))
        );
        transaction.insert(&made, &interstice_codec::row::to_bytes(&("a", 1u8, "b", true))).unwrap();
        transaction.delete(&old, &key((1u64,))).unwrap();
        transaction.drop_table(&old).unwrap();
        let mut tables = Vec::new();
        transaction.changes(|changes| tables.push(changes.table().id()));
        assert_eq!(tables, [TableId(8)]);
        made
    });
    assert!(store.table(TableId(7)).is_none());
    assert_eq!(reader.count(&old), Ok(3));
    assert!(matches!(reader.count(&made), Err(StoreError::OtherShape { .. })));
    assert_eq!(store.reader(Version(2)).unwrap().count(&made), Ok(1));
    store.set_durable(Version(2));
    drop(reader);
    while store.purge(100) {}
    drop(old);
    assert!(store.memory_bytes() < 64 * 1024, "{}", store.memory_bytes());
}

#[test]
fn a_replay_evolves_as_the_transaction_did() {
    for recording in [Recording::Nothing, Recording::Undo] {
        let (store, table) = store_with(&accounts());
        let apply = |version, table: &TableHandle, change: Change<'_>| {
            store.apply(Version(version), table, change, recording)
        };
        apply(1, &table, Change::Insert(&account(1, "a", 1))).unwrap();
        apply(1, &table, Change::Insert(&account(2, "b", 2))).unwrap();
        let new = store.evolve(Version(2), &table, &noted(), recording).unwrap();
        assert!(matches!(
            apply(2, &table, Change::Delete(&key((1u64,)))),
            Err(StoreError::OtherShape { .. })
        ));
        // Two owners change places, which holds only once both have.
        apply(2, &new, Change::Update(&noted_account(1, "b", 1, "x"))).unwrap();
        apply(2, &new, Change::Update(&noted_account(2, "a", 2, "y"))).unwrap();
        apply(3, &new, Change::Delete(&key((1u64,)))).unwrap();
        store.set_replayed(Version(3)).unwrap();
        store.check();
        assert_eq!(store.reader(Version(3)).unwrap().all(&new), [noted_account(2, "a", 2, "y")]);
        assert_eq!(store.table(TableId(7)).unwrap().since(), Version(2));
        let begun = store.begin(Version(4)).unwrap();
        assert_eq!(store.evolve(Version(4), &new, &noted(), recording).unwrap_err(), StoreError::Busy);
        begun.abort();
    }
}

#[test]
fn a_replay_knows_what_comes_of_a_version_and_not_in_which_order_it_came() {
    // The transaction made the owners differ, and then an index of them unique.
    let mut plain = accounts();
    plain.indexes[1].unique = false;
    let unique = Evolution { definition: accounts(), columns: same(3) };
    for settles in [true, false] {
        let (store, table) = store_with(&plain);
        for id in 1..=3 {
            let change = account(id, "same", 0);
            store.apply(Version(1), &table, Change::Insert(&change), Recording::Nothing).unwrap();
        }
        let new = store.evolve(Version(2), &table, &unique, Recording::Nothing).unwrap();
        for id in 1..=if settles { 2 } else { 1 } {
            let change = account(id, &format!("owner {id}"), 0);
            store.apply(Version(2), &new, Change::Update(&change), Recording::Nothing).unwrap();
        }
        let violation = StoreError::Violation(Violation::DuplicateUnique(2));
        assert_eq!(store.set_replayed(Version(2)), if settles { Ok(()) } else { Err(violation) });
        store.check();
    }
}

#[test]
fn a_replay_does_not_hold_a_version_to_what_was_unique_in_the_middle_of_it() {
    // The transaction deleted one of two equal owners, made an index of them unique and then not again, and inserted
    // the owner once more. Of that a replay sees both evolutions, and then what came of the rows.
    let mut plain = accounts();
    plain.indexes[1].unique = false;
    let (unique, back) = (
        Evolution { definition: accounts(), columns: same(3) },
        Evolution { definition: plain.clone(), columns: same(3) },
    );
    let (store, table) = store_with(&plain);
    for id in 1..=2 {
        let change = account(id, "same", 0);
        store.apply(Version(1), &table, Change::Insert(&change), Recording::Nothing).unwrap();
    }
    let table = store.evolve(Version(2), &table, &unique, Recording::Nothing).unwrap();
    let table = store.evolve(Version(2), &table, &back, Recording::Nothing).unwrap();
    store.apply(Version(2), &table, Change::Delete(&key((1u64,))), Recording::Nothing).unwrap();
    let again = account(3, "same", 0);
    store.apply(Version(2), &table, Change::Insert(&again), Recording::Nothing).unwrap();
    store.set_replayed(Version(2)).unwrap();
    store.check();
    assert_eq!(store.reader(Version(2)).unwrap().count(&table), Ok(2));
}

#[test]
fn an_evolved_table_is_filled_at_once() {
    let (store, table) = store_with(&accounts());
    let new = store.evolve(Version(1), &table, &noted(), Recording::Nothing).unwrap();
    let mut load = store.load(Version(1), &new).unwrap();
    load.row(&noted_account(1, "a", 1, "x")).unwrap();
    load.row(&noted_account(2, "b", 1, "y")).unwrap();
    load.finish().unwrap();
    assert!(matches!(store.load(Version(1), &table), Err(StoreError::OtherShape { .. })));
    store.check();
    let rows = store.reader(Version(1)).unwrap().rows(&new, &KeyRange { index: 2, ..KeyRange::default() });
    assert_eq!(rows, [noted_account(1, "a", 1, "x"), noted_account(2, "b", 1, "y")]);
}
