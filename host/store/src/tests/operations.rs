//! Each operation by itself: what it does, what it refuses, and that a refusal leaves nothing.

use super::*;
use crate::{Change, Recording, RowChange, Violation};

#[test]
fn a_committed_row_is_found_by_every_index() {
    let (store, table) = store_with(&accounts());
    let row = account(1, "ada", 50);
    assert_eq!(commit(&store, |transaction| transaction.insert(&table, &row)), Ok(1));
    let reader = store.reader(Version(1)).unwrap();
    assert_eq!(reader.row(&table, &key((1u64,))), Some(row.clone()));
    let mut found = Vec::new();
    assert_eq!(reader.find(&table, 2, &key(("ada",)), &mut found), Ok(true));
    assert_eq!(found, row);
    assert_eq!(reader.find(&table, 2, &key(("ad",)), &mut found), Ok(false));
    assert_eq!(reader.find(&table, 2, &key(("ada",))[..3], &mut found), Ok(false));
    let wanted = "unique index";
    assert_eq!(
        reader.find(&table, 1, &key((50i64,)), &mut found),
        Err(StoreError::NoSuchIndex { table: "account".to_owned(), wanted, index: 1 })
    );
    assert_eq!(reader.rows(&table, &KeyRange { index: 1, ..KeyRange::default() }), [row]);
    assert_eq!(reader.count(&table), Ok(1));
    store.check();
}

#[test]
fn a_refused_operation_leaves_nothing() {
    let (store, table) = store_with(&accounts());
    commit(&store, |transaction| {
        transaction.insert(&table, &account(1, "ada", 50)).unwrap();
        transaction.insert(&table, &account(2, "bob", 60)).unwrap();
    });
    let mut transaction = store.begin(Version(2)).unwrap();
    for (refused, violation) in [
        (transaction.insert(&table, &account(1, "cy", 0)).err(), Violation::DuplicateKey),
        (transaction.insert(&table, &account(3, "ada", 0)).err(), Violation::DuplicateUnique(2)),
        (transaction.insert(&table, &account(0, "bob", 0)).err(), Violation::DuplicateUnique(2)),
        (transaction.update(&table, &account(2, "ada", 0)).err(), Violation::DuplicateUnique(2)),
        (transaction.update(&table, &account(3, "cy", 0)).err(), Violation::NoSuchRow),
        (transaction.upsert(&table, &account(2, "ada", 0)).err(), Violation::DuplicateUnique(2)),
        (transaction.upsert(&table, &account(9, "ada", 0)).err(), Violation::DuplicateUnique(2)),
    ] {
        assert_eq!(refused, Some(StoreError::Violation(violation)));
    }
    assert!(matches!(transaction.insert(&table, &[1, 2, 3]), Err(StoreError::Row { .. })));
    assert_eq!(transaction.delete(&table, &key((3u64,))), Ok(false));
    assert_eq!(transaction.delete(&table, b"no key"), Ok(false));
    assert!(transaction.is_empty());
    transaction.changes(|_| panic!("nothing has changed"));
    assert_eq!(transaction.insert(&table, &account(0, "cy", 0)), Ok(3));
    store.check();
}

#[test]
fn insert_many_inserts_all_or_names_the_offender() {
    let (store, table) = store_with(&accounts());
    let mut transaction = store.begin(Version(1)).unwrap();
    transaction.insert(&table, &account(0, "first", 0)).unwrap();
    let mut rows: Vec<_> = (0..1000).map(|row| account(0, &format!("owner {row}"), row)).collect();
    let mut numbers = vec![0xaa];
    rows.push(account(0, "owner 500", 0));
    assert_eq!(
        transaction.insert_many(&table, &batch(&rows), &mut numbers),
        Err(StoreError::InBatch {
            position: 1000,
            source: Box::new(StoreError::Violation(Violation::DuplicateUnique(2)))
        })
    );
    assert_eq!((numbers.len(), transaction.count(&table)), (1, Ok(1)));
    rows.pop();
    let mut torn = batch(&rows);
    torn.pop();
    let error = transaction.insert_many(&table, &torn, &mut numbers).unwrap_err();
    assert!(matches!(error, StoreError::InBatch { position: 999, .. }), "{error:?}");
    assert_eq!(transaction.insert_many(&table, &batch(&rows), &mut numbers), Ok(1000));
    let numbers: Vec<_> =
        numbers[1..].chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(numbers, (2..=1001).collect::<Vec<_>>());
    transaction.commit();
    store.check();
}

#[test]
fn delete_range_takes_exactly_the_range() {
    let (store, table) = store_with(&accounts());
    commit(&store, |transaction| {
        let rows: Vec<_> = (1..=1000).map(|id| account(id, &format!("owner {id}"), id as i64 % 10)).collect();
        transaction.insert_many(&table, &batch(&rows), &mut Vec::new()).unwrap();
    });
    commit(&store, |transaction| {
        let (low, high) = (key((3i64,)), key((5i64,)));
        let range = KeyRange { index: 1, low: &low, high: Some(&high), ..KeyRange::default() };
        assert_eq!(transaction.delete_range(&table, &range), Ok(200));
        assert_eq!(transaction.delete_range(&table, &range), Ok(0));
        let last = KeyRange { descending: true, limit: 7, ..KeyRange::default() };
        assert_eq!(transaction.delete_range(&table, &last), Ok(7));
        assert_eq!(
            transaction.row(&table, &key((992u64,))),
            None,
            "1000 down to 992, of which two were gone"
        );
        assert!(transaction.row(&table, &key((991u64,))).is_some());
    });
    assert_eq!(store.reader(Version(2)).unwrap().count(&table), Ok(793));
    assert_eq!(store.reader(Version(1)).unwrap().count(&table), Ok(1000));
    store.check();
}

#[test]
fn a_number_is_never_issued_again() {
    let (store, table) = store_with(&accounts());
    commit(&store, |transaction| {
        assert_eq!(transaction.insert(&table, &account(0, "a", 0)), Ok(1));
        assert_eq!(transaction.insert(&table, &account(10, "b", 0)), Ok(10));
        assert_eq!(transaction.delete(&table, &key((10u64,))), Ok(true));
        let savepoint = transaction.savepoint();
        assert_eq!(transaction.insert(&table, &account(0, "c", 0)), Ok(11));
        transaction.rollback_to(&savepoint).unwrap();
        assert_eq!(transaction.insert(&table, &account(0, "c", 0)), Ok(11));
        assert_eq!(transaction.delete(&table, &key((11u64,))), Ok(true));
        let mut counter = None;
        transaction.changes(|changes| counter = changes.counter());
        assert_eq!(counter, Some(11));
    });
    let mut aborted = store.begin(Version(2)).unwrap();
    assert_eq!(aborted.insert(&table, &account(0, "d", 0)), Ok(12));
    aborted.abort();
    store.set_durable(Version(1));
    while store.purge(100) {}
    commit(&store, |transaction| {
        assert_eq!(transaction.insert(&table, &account(0, "d", 0)), Ok(12));
        assert_eq!(transaction.upsert(&table, &account(0, "e", 0)), Ok(13));
        assert_eq!(transaction.insert(&table, &account(u64::MAX, "f", 0)), Ok(u64::MAX));
        let overflow = StoreError::Violation(Violation::CounterOverflow);
        assert_eq!(transaction.insert(&table, &account(0, "g", 0)), Err(overflow));
    });
    store.check();
}

#[test]
fn an_upsert_keeps_the_number_of_the_row_that_it_replaces() {
    let mut definition = accounts();
    definition.primary_key = vec![1];
    definition.indexes.clear();
    let (store, table) = store_with(&definition);
    commit(&store, |transaction| {
        assert_eq!(transaction.upsert(&table, &account(0, "a", 1)), Ok(1));
        assert_eq!(transaction.upsert(&table, &account(0, "b", 1)), Ok(2));
        assert_eq!(transaction.upsert(&table, &account(0, "a", 2)), Ok(1));
        assert_eq!(transaction.upsert(&table, &account(5, "a", 2)), Ok(5));
        assert_eq!(transaction.upsert(&table, &account(0, "c", 2)), Ok(6));
        assert_eq!(transaction.all(&table), [account(5, "a", 2), account(2, "b", 1), account(6, "c", 2)]);
    });
}

/// An update may put 0 into the column that counts, if that is no key. Inserting a row and doing so in one
/// transaction leaves an insert of a row with 0 as the net change, and the replay of that used to draw the
/// next number: the rows before and after a restart were not the same.
#[test]
fn a_replayed_row_keeps_the_zero_that_an_update_left_in_its_counter() {
    let mut definition = accounts();
    definition.columns = vec![ValueType::U64, ValueType::String, ValueType::S64];
    definition.auto_increment = Some(2);
    definition.indexes = vec![IndexDefinition { name: "n".to_owned(), columns: vec![2], unique: true }];
    let (store, table) = store_with(&definition);
    let (copy, copied) = store_with(&definition);
    let mut transaction = store.begin(Version(1)).unwrap();
    assert_eq!(transaction.insert(&table, &account(7, "a", 0)), Ok(1));
    transaction.update(&table, &account(7, "a", 0)).unwrap();
    transaction.changes(|changes| {
        copy.set_counter(Version(1), &copied, changes.counter().unwrap()).unwrap();
        for change in changes.rows() {
            let RowChange::Inserted { after } = change else { panic!("{change:?}") };
            copy.apply(Version(1), &copied, Change::Insert(after), Recording::Nothing).unwrap();
        }
    });
    transaction.commit();
    copy.set_replayed(Version(1)).unwrap();
    for (store, table) in [(&store, &table), (&copy, &copied)] {
        assert_eq!(store.reader(Version(1)).unwrap().all(table), [account(7, "a", 0)]);
        commit(store, |transaction| assert_eq!(transaction.insert(table, &account(8, "b", 0)), Ok(2)));
        store.check();
    }
}

/// A database whose operator lowers a limit must open all the same: what is in its log was allowed once.
#[test]
fn a_replay_is_not_held_to_limits_that_came_later() {
    let limits = StoreLimits { row_bytes: 40, key_bytes: 20, ..StoreLimits::default() };
    let store = Store::new(limits, 1);
    let table = store.create_table(TableId(1), &accounts()).unwrap();
    let apply =
        |version, change: Change<'_>| store.apply(Version(version), &table, change, Recording::Nothing);
    let long = "x".repeat(30);
    apply(1, Change::Insert(&account(1, &long, 0))).unwrap();
    apply(2, Change::Update(&account(1, &long, 1))).unwrap();
    assert!(matches!(apply(3, Change::Insert(&[1, 2, 3])), Err(StoreError::Row { .. })), "rows are checked");
    commit(&store, |transaction| {
        assert_eq!(transaction.all(&table), [account(1, &long, 1)]);
        let refused = transaction.update(&table, &account(1, &long, 2)).unwrap_err();
        assert_eq!(refused.to_string(), "limit `row` is 40, found 47");
    });
    store.check();
}

/// A table has a slot for each of 2^31 rows (65,536 in tests); one more used to be a panic.
#[test]
fn a_full_table_refuses_rows_until_there_is_room() {
    let (store, table) = store_with(&accounts());
    let row = |id: u64| account(id, &id.to_string(), 0);
    commit(&store, |transaction| {
        let rows: Vec<_> = (1..=1 << 16).map(row).collect();
        assert_eq!(transaction.insert_many(&table, &batch(&rows), &mut Vec::new()), Ok(1 << 16));
        let full = StoreError::Limit { name: "table-rows", limit: 1 << 16, found: (1 << 16) + 1 };
        assert_eq!(transaction.insert(&table, &row(1 << 20)), Err(full.clone()));
        assert_eq!(transaction.upsert(&table, &row(1 << 20)), Err(full.clone()));
        let many = transaction.insert_many(&table, &batch(&[row(1 << 20)]), &mut Vec::new());
        assert_eq!(many, Err(StoreError::InBatch { position: 0, source: Box::new(full) }));
        assert_eq!(transaction.upsert(&table, &account(5, "5", 9)), Ok(5), "a row that is there needs none");
        assert_eq!(transaction.insert(&table, &row(5)), Err(Violation::DuplicateKey.into()));
    });
    let applied = store.apply(Version(2), &table, Change::Insert(&row(1 << 20)), Recording::Undo);
    assert!(matches!(applied, Err(StoreError::Limit { name: "table-rows", .. })), "{applied:?}");
    commit(&store, |transaction| assert_eq!(transaction.delete(&table, &key((7u64,))), Ok(true)));
    store.set_durable(store.newest());
    while store.purge(1000) {}
    commit(&store, |transaction| assert_eq!(transaction.insert(&table, &row(1 << 20)), Ok(1 << 20)));
}

#[test]
fn limits_are_refused_by_name() {
    let limits = StoreLimits {
        row_bytes: 100,
        key_bytes: 50,
        transaction_bytes: 1000,
        memory_bytes: 1 << 20,
        ..StoreLimits::default()
    };
    let store = Store::new(limits, 1);
    let table = store.create_table(TableId(1), &accounts()).unwrap();
    let mut transaction = store.begin(Version(1)).unwrap();
    let name = |error: StoreError| match error {
        StoreError::Limit { name, .. } => name,
        StoreError::InBatch { source, .. } => match *source {
            StoreError::Limit { name, .. } => name,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    };
    let long = "x".repeat(200);
    assert_eq!(name(transaction.insert(&table, &account(1, &long, 0)).unwrap_err()), "row");
    assert_eq!(name(transaction.insert(&table, &account(1, &long[..60], 0)).unwrap_err()), "key");
    let rows: Vec<_> = (1..100).map(|id| account(id, &format!("{id}"), 0)).collect();
    let refused = transaction.insert_many(&table, &batch(&rows), &mut Vec::new());
    assert_eq!(name(refused.unwrap_err()), "transaction");
    assert_eq!((transaction.size_bytes(), transaction.is_empty()), (0, true));
    transaction.abort();

    let mut id = 0;
    let refused = loop {
        id += 1;
        let mut transaction = store.begin(Version(id)).unwrap();
        let inserted = transaction.insert(&table, &account(id, &format!("{id}"), 0));
        transaction.commit();
        store.set_durable(Version(id));
        if let Err(error) = inserted {
            break error;
        }
    };
    assert_eq!(name(refused), "memory");
    assert!(id > 3000, "refused after {id} rows");
    commit(&store, |transaction| {
        assert_eq!(transaction.update(&table, &account(5, "5", 9)), Ok(()), "a row that does not grow");
        assert_eq!(transaction.delete(&table, &key((6u64,))), Ok(true));
        assert!(transaction.row(&table, &key((5u64,))).is_some());
    });
    store.check();
}

#[test]
fn a_savepoint_of_what_was_rolled_back_is_refused() {
    let (store, table) = store_with(&accounts());
    let mut transaction = store.begin(Version(1)).unwrap();
    let first = transaction.savepoint();
    transaction.insert(&table, &account(0, "a", 0)).unwrap();
    let second = transaction.savepoint();
    let mut scan = transaction.scan(&table, &KeyRange::default()).unwrap();
    transaction.rollback_to(&first).unwrap();
    assert_eq!(transaction.rollback_to(&second), Err(StoreError::RolledBack { what: "savepoint" }));
    assert_eq!(scan.next_batch(&mut Vec::new(), 9, 9), Err(StoreError::RolledBack { what: "scan" }));
    transaction.rollback_to(&first).unwrap();
    let mut scan = transaction.scan(&table, &KeyRange::default()).unwrap();
    transaction.commit();
    assert_eq!(scan.next_batch(&mut Vec::new(), 9, 9), Err(StoreError::TransactionOver { what: "scan" }));
    let mut other = store.begin(Version(2)).unwrap();
    assert_eq!(other.rollback_to(&first), Err(StoreError::TransactionOver { what: "savepoint" }));
}

#[test]
fn only_one_transaction_is_open_and_versions_ascend() {
    let (store, table) = store_with(&accounts());
    let transaction = store.begin(Version(5)).unwrap();
    assert_eq!(store.begin(Version(6)).err(), Some(StoreError::Busy));
    transaction.commit();
    let (asked, newest) = (Version(5), Version(5));
    assert_eq!(store.begin(Version(5)).err(), Some(StoreError::VersionNotNext { asked, newest }));
    drop(store.begin(Version(6)).unwrap());
    let (other, _) = store_with(&accounts());
    let mut transaction = other.begin(Version(1)).unwrap();
    let foreign = Err(StoreError::ForeignTable(TableId(7)));
    assert_eq!(transaction.insert(&table, &account(1, "a", 1)), foreign);
}

#[test]
fn a_scan_in_a_transaction_does_not_see_what_comes_after_it() {
    let (store, table) = store_with(&accounts());
    commit(&store, |transaction| {
        for id in 1..=20 {
            transaction.insert(&table, &account(id, &format!("{id}"), 7)).unwrap();
        }
        let expected = transaction.all(&table);
        for index in 0..=2 {
            let range = KeyRange { index, ..KeyRange::default() };
            let expected_of_index = transaction.rows(&table, &range);
            let savepoint = transaction.savepoint();
            let mut scan = transaction.scan(&table, &range).unwrap();
            let mut batch_bytes = Vec::new();
            let five = ScanBatch { rows: 5, more: true };
            assert_eq!(scan.next_batch(&mut batch_bytes, 1 << 20, 5), Ok(five));
            for id in 1..=20 {
                transaction.update(&table, &account(id, &format!("{}", 100 - id), id as i64)).unwrap();
            }
            transaction.delete(&table, &key((9u64,))).unwrap();
            transaction.insert(&table, &account(0, "3", 7)).unwrap();
            let rest = drain(&mut scan, 64, 2);
            let first: Vec<_> = Batch::new(&batch_bytes).map(|row| row.unwrap().to_vec()).collect();
            assert_eq!([first, rest].concat(), expected_of_index, "index {index}");
            transaction.rollback_to(&savepoint).unwrap();
            assert_eq!(transaction.all(&table), expected);
        }
    });
    store.check();
}

#[test]
fn net_changes_are_what_differs_in_the_end() {
    let (store, table) = store_with(&accounts());
    commit(&store, |transaction| {
        for id in 1..=4 {
            transaction.insert(&table, &account(id, &format!("{id}"), 0)).unwrap();
        }
    });
    let mut transaction = store.begin(Version(2)).unwrap();
    transaction.update(&table, &account(1, "1", 5)).unwrap();
    transaction.update(&table, &account(1, "1", 0)).unwrap();
    transaction.delete(&table, &key((2u64,))).unwrap();
    transaction.insert(&table, &account(2, "2", 9)).unwrap();
    transaction.delete(&table, &key((3u64,))).unwrap();
    transaction.insert(&table, &account(0, "3", 1)).unwrap();
    transaction.insert(&table, &account(0, "gone", 1)).unwrap();
    transaction.delete(&table, &key((6u64,))).unwrap();
    let mut tables = 0;
    transaction.changes(|changes| {
        tables += 1;
        assert_eq!((changes.table().id(), changes.counter()), (TableId(7), Some(6)));
        let (before, gone) = (account(2, "2", 0), account(3, "3", 0));
        let (after, new) = (account(2, "2", 9), account(5, "3", 1));
        assert_eq!(
            changes.rows().collect::<Vec<_>>(),
            [
                RowChange::Updated { before: &before, after: &after },
                RowChange::Deleted { before: &gone },
                RowChange::Inserted { after: &new },
            ]
        );
    });
    assert_eq!(tables, 1);
}

#[test]
fn a_replay_that_does_not_fit_is_refused() {
    let (store, table) = store_with(&accounts());
    let apply =
        |version, change: Change<'_>| store.apply(Version(version), &table, change, Recording::Nothing);
    let (row, key) = (account(1, "a", 1), key((1u64,)));
    assert_eq!(apply(1, Change::Insert(&row)), Ok(()));
    let refused = |violation| Err(StoreError::Violation(violation));
    assert_eq!(apply(1, Change::Insert(&row)), refused(Violation::DuplicateKey));
    assert_eq!(apply(2, Change::Update(&account(2, "a", 1))), refused(Violation::NoSuchRow));
    assert_eq!(apply(2, Change::Update(&account(1, "b", 2))), Ok(()));
    assert_eq!(apply(2, Change::Delete(&key)), Ok(()));
    assert_eq!(apply(2, Change::Delete(&key)), refused(Violation::NoSuchRow));
    store.set_counter(Version(2), &table, 41).unwrap();
    assert_eq!(table.undo_bytes(), 0);
    assert!(matches!(apply(1, Change::Insert(&row)), Err(StoreError::VersionNotNext { .. })));
    assert!(matches!(store.reader(Version(1)), Err(StoreError::VersionNotKept { .. })));
    let reader = store.reader(Version(2)).unwrap();
    assert_eq!(apply(3, Change::Insert(&row)), Err(StoreError::UndoNeeded(TableId(7))));
    assert_eq!(store.apply(Version(3), &table, Change::Insert(&row), Recording::Undo), Ok(()));
    assert_eq!(reader.count(&table), Ok(0));
    commit(&store, |transaction| assert_eq!(transaction.insert(&table, &account(0, "z", 0)), Ok(42)));
    store.check();
}

#[test]
fn a_replay_may_move_unique_values_but_not_leave_two() {
    let (store, table) = store_with(&accounts());
    let apply =
        |version, change: Change<'_>| store.apply(Version(version), &table, change, Recording::Nothing);
    apply(1, Change::Insert(&account(1, "a", 0))).unwrap();
    apply(1, Change::Insert(&account(2, "b", 0))).unwrap();
    apply(2, Change::Update(&account(1, "b", 0))).unwrap();
    apply(2, Change::Update(&account(2, "a", 0))).unwrap();
    store.set_replayed(Version(2)).unwrap();
    store.check();
    apply(3, Change::Update(&account(1, "a", 0))).unwrap();
    let left = StoreError::Violation(Violation::DuplicateUnique(2));
    assert_eq!(store.set_replayed(Version(3)), Err(left));
}

#[test]
fn a_definition_that_makes_no_sense_is_refused() {
    let refused = |change: fn(&mut TableDefinition)| {
        let mut definition = accounts();
        change(&mut definition);
        store().create_table(TableId(1), &definition).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|d| d.primary_key.clear()),
        "table `account` cannot be made: `primary key` has no columns"
    );
    assert_eq!(refused(|d| d.primary_key[0] = 9), "table `account` cannot have the key `primary key`");
    assert_eq!(refused(|d| d.columns[2] = ValueType::F64), "table `account` cannot have the key `balance`");
    assert!(refused(|d| d.auto_increment = Some(1)).contains("column 1 is no integer"));
    assert!(refused(|d| d.indexes = vec![d.indexes[0].clone(); 31]).contains("31 secondary indexes"));
    let (store, _) = store_with(&accounts());
    assert_eq!(store.create_table(TableId(7), &accounts()).err(), Some(StoreError::TableExists(TableId(7))));
}

/// A purge lets a deletion go while an open transaction has inserted the row again; the abort then used to
/// leave a dead row that nothing would ever remove.
#[test]
fn a_deletion_that_is_purged_under_a_new_insert_is_gone_after_the_abort() {
    let (store, table) = store_with(&accounts());
    commit(&store, |transaction| transaction.insert(&table, &account(1, "a", 1)).unwrap());
    commit(&store, |transaction| transaction.delete(&table, &key((1u64,))).unwrap());
    let mut transaction = store.begin(Version(3)).unwrap();
    transaction.insert(&table, &account(1, "b", 2)).unwrap();
    store.set_durable(Version(2));
    while store.purge(100) {}
    transaction.abort();
    store.check();
    assert_eq!(table.0.state.read().slots.used(), 0);
}

/// Tables used to report their memory by bytes of rows alone, so that many small tables took megabytes that
/// the limit did not see.
#[test]
fn the_memory_of_small_tables_counts() {
    let store = store();
    let tables: Vec<_> = (0..50).map(|id| store.create_table(TableId(id), &accounts()).unwrap()).collect();
    commit(&store, |transaction| {
        for table in &tables {
            for id in 1..=300 {
                transaction.insert(table, &account(id, &format!("{id}"), 0)).unwrap();
            }
        }
    });
    let taken: u64 = tables.iter().map(TableHandle::memory_bytes).sum();
    let counted = store.memory_bytes();
    assert!(counted > taken / 2, "{counted} of {taken} bytes are counted");
    store.check();
    drop(tables);
    (0..50).for_each(|id| drop(store.drop_table(TableId(id))));
    store.set_durable(store.newest());
    while store.purge(1000) {}
    assert_eq!(store.memory_bytes(), 0, "a table that is gone takes nothing");
}
