//! Tables that are filled at once: they must be those that single inserts make, and refuse what those refuse.

use super::*;
use crate::{Change, Recording, Violation};

/// Enough for trees of three levels.
const ROWS: u64 = 9000;

/// A table with every kind of index: of numbers of eight bytes and of sixteen, of text, and of text that begins
/// alike in many rows.
fn everything() -> TableDefinition {
    let index = |name: &str, columns: &[usize], unique| IndexDefinition {
        name: name.to_owned(),
        columns: columns.to_vec(),
        unique,
    };
    TableDefinition {
        name: "everything".to_owned(),
        columns: vec![ValueType::U32, ValueType::U16, ValueType::U64, ValueType::String, ValueType::String],
        primary_key: vec![0],
        auto_increment: Some(0),
        indexes: vec![
            index("small", &[1], false),
            index("number", &[2], true),
            index("text", &[3], true),
            index("address", &[4], true),
            index("text-and-small", &[3, 1], false),
            index("small-and-address", &[1, 4], false),
        ],
    }
}

/// Its row with this number; numbers and texts are in another order than the rows.
fn row_of_everything(id: u32) -> Vec<u8> {
    let mixed = id.wrapping_mul(0x9e37_79b1);
    let text = ["", "\0", "a\0b"][id as usize % 3].to_owned() + &format!("{mixed:x}");
    let address = format!("https://example.org/of/{}/{mixed}", mixed % 3);
    let mut row = Vec::new();
    (id, (mixed >> 8) as u16 % 50, u64::from(mixed) << 7, text, address).encode(&mut row);
    row
}

fn row_of_documents(id: u32) -> Vec<u8> {
    let mixed = id.wrapping_mul(0x9e37_79b1);
    let mut row = Vec::new();
    (
        format!("title {mixed}"),
        (id % 4) as u8,
        format!("in a folder of many {:08}", id / 4),
        id.is_multiple_of(5),
    )
        .encode(&mut row);
    row
}

fn row_of_accounts(id: u32) -> Vec<u8> {
    account(u64::from(id), &format!("owner {id}"), i64::from(id % 7) - 3)
}

type RowOf = fn(u32) -> Vec<u8>;

fn kinds() -> [(TableDefinition, RowOf); 3] {
    [(everything(), row_of_everything), (documents(), row_of_documents), (accounts(), row_of_accounts)]
}

/// A table that was filled at once.
pub(crate) fn loaded(
    definition: &TableDefinition,
    version: Version,
    counter: u64,
    rows: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> (Store, TableHandle) {
    let (store, table) = store_with(definition);
    store.set_counter(version, &table, counter).unwrap();
    let mut load = store.load(version, &table).unwrap();
    rows.into_iter().for_each(|row| load.row(row.as_ref()).unwrap());
    load.finish().unwrap();
    store.set_replayed(version).unwrap();
    (store, table)
}

fn inserted(
    definition: &TableDefinition,
    version: Version,
    counter: u64,
    rows: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> (Store, TableHandle) {
    let (store, table) = store_with(definition);
    store.set_counter(version, &table, counter).unwrap();
    for row in rows {
        store.apply(version, &table, Change::Insert(row.as_ref()), Recording::Nothing).unwrap();
    }
    store.set_replayed(version).unwrap();
    (store, table)
}

/// Asks both for everything, and looks at what they are made of.
fn compare([left, right]: [&(Store, TableHandle); 2], definition: &TableDefinition, version: Version) {
    for (store, _) in [left, right] {
        store.check();
    }
    let readers = [left, right].map(|(store, _)| store.reader(version).unwrap());
    for index in 0..=definition.indexes.len() as u32 {
        for descending in [false, true] {
            let range = KeyRange { index, descending, ..KeyRange::default() };
            let mut scans = readers.iter().zip([left, right]).map(|(reader, (_, table))| {
                drain(&mut reader.scan(table, &range).unwrap(), 1 << 16, usize::MAX)
            });
            let (left, right) = (scans.next().unwrap(), scans.next().unwrap());
            assert!(left == right, "index {index}, descending: {descending}");
        }
    }
    let [left, right] = [left, right].map(|(_, table)| table.0.state.read());
    assert_eq!(
        (left.live_rows, left.counter, left.row_bytes),
        (right.live_rows, right.counter, right.row_bytes)
    );
    assert_eq!((left.slots.len(), left.exact.len()), (right.slots.len(), right.exact.len()));
    assert_eq!(
        (left.undo.is_empty(), left.unsettled.is_empty()),
        (right.undo.is_empty(), right.unsettled.is_empty())
    );
}

#[test]
fn a_loaded_table_is_the_one_that_single_inserts_make() {
    for (definition, row) in kinds() {
        for rows in [0, 1, 2, 64, 65, ROWS] {
            let all: Vec<_> = (1..=rows as u32).map(row).collect();
            for counter in [0, 1 << 30] {
                let single = inserted(&definition, Version(3), counter, &all);
                let at_once = loaded(&definition, Version(3), counter, &all);
                compare([&single, &at_once], &definition, Version(3));
                let memory = [&single, &at_once].map(|(_, table)| table.memory_bytes());
                assert!(memory[1] <= memory[0] || rows < 100, "{memory:?} bytes for {rows} rows");
                assert!(at_once.0.memory_bytes() == at_once.1.memory_bytes(), "it is counted whole");
            }
        }
    }
}

#[test]
fn a_loaded_table_lives_on_as_any_other() {
    for (definition, row) in kinds() {
        let all: Vec<_> = (1..=ROWS as u32).filter(|id| id % 3 > 0).map(row).collect();
        let single = inserted(&definition, Version(1), 0, &all);
        let at_once = loaded(&definition, Version(1), 0, &all);
        for (store, table) in [&single, &at_once] {
            commit(store, |transaction| {
                let key_of = |id: u32| {
                    let mut key = Vec::new();
                    table.key_of_row(&row(id), &mut key).unwrap();
                    key
                };
                for id in (1..=ROWS as u32).filter(|id| id % 3 == 0) {
                    transaction.insert(table, &row(id)).unwrap();
                }
                for id in (1..=ROWS as u32).filter(|id| id % 4 > 0) {
                    assert!(transaction.delete(table, &key_of(id)).unwrap());
                }
                let taken = transaction.insert(table, &row(ROWS as u32)).unwrap_err();
                assert_eq!(taken, Violation::DuplicateKey.into());
            });
            store.set_durable(store.newest());
        }
        compare([&single, &at_once], &definition, Version(2));
        for (store, _) in [&single, &at_once] {
            while store.purge(1000) {}
        }
        compare([&single, &at_once], &definition, Version(2));
    }
}

/// Loads rows, of which one is refused, or the load itself.
#[track_caller]
fn refused(definition: &TableDefinition, rows: &[Vec<u8>], expected: &StoreError) {
    let (store, table) = store_with(definition);
    let mut load = store.load(Version(1), &table).unwrap();
    let loading = rows.iter().try_for_each(|row| load.row(row)).and_then(|()| load.finish());
    assert_eq!(loading.as_ref(), Err(expected));
    assert_eq!(store.reader(Version(1)).unwrap().count(&table), Ok(0), "nobody sees what was refused");
    store.check();
    assert_eq!(table.memory_bytes(), store.memory_bytes());
    commit(&store, |transaction| transaction.insert(&table, &rows[0])).unwrap();
}

#[test]
fn rows_out_of_order_are_refused() {
    for (definition, row) in kinds() {
        let out_of_order = |row| StoreError::NotAscending { table: definition.name.clone(), row };
        refused(&definition, &[row(8), row(9), row(9)], &out_of_order(2));
        refused(&definition, &[row(8), row(4)], &out_of_order(1));
    }
    let refused = StoreError::NotAscending { table: "account".to_owned(), row: 7 };
    assert_eq!(
        refused.to_string(),
        "row 7 of those loaded into table `account`, counted from 0, does not come after the one before it in the \
         order of the primary key"
    );
}

#[test]
fn bytes_that_are_no_row_are_refused() {
    let (store, table) = store_with(&accounts());
    let mut load = store.load(Version(1), &table).unwrap();
    load.row(&account(1, "a", 1)).unwrap();
    assert!(matches!(load.row(&[1, 2, 3]), Err(StoreError::Row { .. })));
}

#[test]
fn two_rows_with_the_same_unique_values_are_refused() {
    let duplicate = |index| StoreError::Violation(Violation::DuplicateUnique(index));
    let row = |id: u32, number: u64, text: &str, address: &str| {
        let mut row = Vec::new();
        (id, 1u16, number, text.to_owned(), address.to_owned()).encode(&mut row);
        row
    };
    let near = "https://example.org/1";
    let first = row(1, 77, "a", near);
    for (second, index) in [
        (row(2, 77, "b", "x"), 2),
        // Within the first bytes of a key, and beyond them, with a row between the two and without.
        (row(2, 78, "a", "x"), 3),
        (row(2, 78, "b", near), 4),
    ] {
        refused(&everything(), &[first.clone(), second.clone()], &duplicate(index));
        let between = row(3, 1, "between", "https://example.org/0");
        refused(&everything(), &[first.clone(), second, between], &duplicate(index));
    }
    for text in
        ["", "0123456789abc", "0123456789abcd", "0123456789abcde", "0123456789abcdef", "\0\0\0\0\0\0\0\0"]
    {
        let rows: Vec<_> = (1..=3).map(|id| row(id, id.into(), text, &format!("{id}"))).collect();
        refused(&everything(), &rows, &duplicate(3));
    }
    // What only begins alike is not the same.
    let texts =
        ["", "\0", "\0\0", "a", "a\0", "ab", "0123456789abcdef", "0123456789abcdefg", "0123456789abcde"];
    let rows =
        (1..).zip(texts).map(|(id, text)| row(id, id.into(), text, &format!("https://example.org/{text}")));
    loaded(&everything(), Version(1), 0, rows).0.check();
}

#[test]
fn a_table_that_is_full_refuses_more_rows() {
    let rows: Vec<_> = (1..=(1 << 16) + 1).map(row_of_accounts).collect();
    let full = StoreError::Limit { name: "table-rows", limit: 1 << 16, found: (1 << 16) + 1 };
    refused(&accounts(), &rows, &full);
}

#[test]
fn only_a_table_that_nobody_reads_and_that_never_had_a_row_is_loaded() {
    let (store, table) = store_with(&accounts());
    let row = account(1, "a", 1);
    let not_empty = Some(StoreError::NotEmpty(TableId(7)));
    let reader = store.reader(Version(0)).unwrap();
    assert_eq!(store.load(Version(1), &table).err(), Some(StoreError::UndoNeeded(TableId(7))));
    drop(reader);
    let load = store.load(Version(1), &table).unwrap();
    let reader = store.reader(Version(1)).unwrap();
    assert_eq!(load.finish(), Err(StoreError::UndoNeeded(TableId(7))));
    drop(reader);
    let mut late = store.load(Version(1), &table).unwrap();
    late.row(&row).unwrap();
    store.apply(Version(1), &table, Change::Insert(&row), Recording::Nothing).unwrap();
    assert_eq!(late.finish().err(), not_empty, "a row came meanwhile");
    assert_eq!(store.load(Version(1), &table).err(), not_empty);
    store.apply(Version(1), &table, Change::Delete(&key((1u64,))), Recording::Nothing).unwrap();
    assert_eq!(store.load(Version(1), &table).err(), not_empty, "it had a row once");
    let open = store.begin(Version(2)).unwrap();
    assert_eq!(store.load(Version(2), &table).err(), Some(StoreError::Busy));
    drop(open);
    let (other, _) = store_with(&accounts());
    assert_eq!(other.load(Version(1), &table).err(), Some(StoreError::ForeignTable(TableId(7))));
    let (asked, newest) = (Version(0), Version(1));
    assert_eq!(store.load(Version(0), &table).err(), Some(StoreError::VersionNotNext { asked, newest }));
}

#[test]
fn a_load_that_is_given_up_leaves_nothing() {
    let (store, table) = store_with(&accounts());
    let before = store.memory_bytes();
    let mut load = store.load(Version(1), &table).unwrap();
    (1..=1000).for_each(|id| load.row(&row_of_accounts(id)).unwrap());
    assert_eq!(load.rows(), 1000);
    assert_eq!(store.reader(Version(1)).unwrap().count(&table), Ok(0), "nobody sees a row before the end");
    drop(load);
    assert_eq!(store.memory_bytes(), before);
    store.check();
}
