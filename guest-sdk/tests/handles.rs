//! Handles of a table over a door that a test holds: a sorted map, which sends two rows a batch.
//! What a handle finds is compared with what a plain search of the rows finds.
#![allow(missing_docs, clippy::unwrap_used)]

use interstice::codec::DecodeError;
use interstice::codec::key::KeyColumn;
use interstice::codec::row::{Batch, Decode, Encode, Reader, from_bytes, push_row, to_bytes};
use interstice::rt::{self, ReadDoor, Violation, WriteDoor};
use interstice::{
    Index, InsertError, InsertManyError, Order, Prefix, ReadWrite, Row, Table, UniqueIndex, UniqueIndexes,
    UpdateError,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

/// `(id, group, day)`, with a unique index on `day` and an index on `(group, day)`.
#[derive(Clone, Debug, PartialEq)]
struct Visit {
    id: u32,
    group: String,
    day: u8,
}

impl Encode for Visit {
    fn encode(&self, out: &mut Vec<u8>) {
        self.id.encode(out);
        self.group.encode(out);
        self.day.encode(out);
    }
}

impl Decode for Visit {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: Decode::decode(reader)?, group: Decode::decode(reader)?, day: Decode::decode(reader)? })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unique {
    Day,
}

impl UniqueIndexes for Unique {
    fn from_index(index: u32) -> Option<Self> {
        (index == 1).then_some(Self::Day)
    }

    fn columns(self) -> &'static [&'static str] {
        &["day"]
    }
}

impl Row for Visit {
    const NAME: &'static str = "visit";
    type Primary = ById;
    type Unique = Unique;
    type Generated = u32;
    type Door = Door;

    fn set_generated(&mut self, number: u32) {
        self.id = number;
    }
}

enum ById {}
enum ByDay {}
enum ByGroupAndDay {}

impl Order for ById {
    type Row = Visit;
    type Key<'a> = u32;
    const INDEX: u32 = 0;

    fn encode_key(key: &u32, out: &mut Vec<u8>) {
        key.encode_key(out);
    }
}

impl Order for ByDay {
    type Row = Visit;
    type Key<'a> = u8;
    const INDEX: u32 = 1;

    fn encode_key(key: &u8, out: &mut Vec<u8>) {
        key.encode_key(out);
    }
}

impl Order for ByGroupAndDay {
    type Row = Visit;
    type Key<'a> = (&'a str, u8);
    const INDEX: u32 = 2;

    fn encode_key((group, day): &(&str, u8), out: &mut Vec<u8>) {
        group.encode_key(out);
        day.encode_key(out);
    }
}

macro_rules! prefixes {
    ($($prefix:ty),*) => {$(
        impl Prefix<ByGroupAndDay> for $prefix {
            type Next<'k> = u8;

            fn encode_prefix(&self, out: &mut Vec<u8>) {
                self.encode_key(out);
            }

            fn encode_next(next: &u8, out: &mut Vec<u8>) {
                next.encode_key(out);
            }
        }
    )*};
}

prefixes! { &str, &String }

#[derive(Default)]
struct State {
    rows: BTreeMap<u32, Visit>,
    scans: BTreeMap<u32, Vec<Visit>>,
    crossings: usize,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

const BATCH_ROWS: usize = 2;

struct Door;

impl Door {
    fn with<R>(operation: impl FnOnce(&mut State) -> R) -> R {
        STATE.with_borrow_mut(|state| {
            state.crossings += 1;
            operation(state)
        })
    }
}

fn key_of(index: u32, row: &Visit) -> Vec<u8> {
    let mut key = Vec::new();
    match index {
        0 => ById::encode_key(&row.id, &mut key),
        1 => ByDay::encode_key(&row.day, &mut key),
        _ => ByGroupAndDay::encode_key(&(&*row.group, row.day), &mut key),
    }
    if index == 2 {
        row.id.encode_key(&mut key);
    }
    key
}

impl State {
    fn found(&self, index: u32, low: &[u8], high: Option<&[u8]>) -> Vec<Visit> {
        let mut found: Vec<_> = self.rows.values().cloned().collect();
        found.sort_by_key(|row| key_of(index, row));
        let is_within = |key: &[u8]| key >= low && high.is_none_or(|high| key < high);
        found.retain(|row| is_within(&key_of(index, row)));
        found
    }

    fn batch(rows: &mut Vec<Visit>) -> Vec<u8> {
        let mut batch = Vec::new();
        for row in rows.drain(..BATCH_ROWS.min(rows.len())) {
            push_row(&to_bytes(&row), &mut batch);
        }
        batch
    }

    fn insert(&mut self, mut row: Visit) -> Result<u64, Violation> {
        if row.id == 0 {
            row.id = self.rows.keys().last().copied().unwrap_or(0) + 1;
        } else if self.rows.contains_key(&row.id) {
            return Err(Violation::DuplicateKey);
        }
        if self.rows.values().any(|other| other.day == row.day) {
            return Err(Violation::DuplicateUnique(1));
        }
        let id = row.id;
        self.rows.insert(id, row);
        Ok(u64::from(id))
    }
}

impl ReadDoor for Door {
    fn get(key: &[u8], row: &mut Vec<u8>) -> bool {
        Self::find(0, key, row)
    }

    fn find(index: u32, key: &[u8], row: &mut Vec<u8>) -> bool {
        Self::with(|state| {
            let found = state.rows.values().find(|row| key_of(index, row) == key);
            found.inspect(|found| *row = to_bytes(*found)).is_some()
        })
    }

    fn scan(
        index: u32,
        low: &[u8],
        high: Option<&[u8]>,
        descending: bool,
        limit: u32,
        batch: &mut Vec<u8>,
    ) -> u32 {
        Self::with(|state| {
            let mut rows = state.found(index, low, high);
            if descending {
                rows.reverse();
            }
            if limit > 0 {
                rows.truncate(limit as usize);
            }
            *batch = State::batch(&mut rows);
            if rows.is_empty() {
                return 0;
            }
            let scan = state.crossings as u32;
            state.scans.insert(scan, rows);
            scan
        })
    }

    fn next(scan: u32, batch: &mut Vec<u8>) -> bool {
        Self::with(|state| {
            let rows = state.scans.get_mut(&scan).expect("the scan is open");
            *batch = State::batch(rows);
            let more = !rows.is_empty();
            if !more {
                state.scans.remove(&scan);
            }
            more
        })
    }

    fn close(scan: u32) {
        Self::with(|state| state.scans.remove(&scan).expect("the scan is open"));
    }

    fn count() -> u64 {
        Self::with(|state| state.rows.len() as u64)
    }
}

impl WriteDoor for Door {
    fn insert(row: &[u8]) -> Result<u64, Violation> {
        Self::with(|state| state.insert(from_bytes(row).unwrap()))
    }

    fn insert_many(rows: &[u8], numbers: &mut Vec<u8>) -> Result<(), (u32, Violation)> {
        Self::with(|state| {
            let before = state.rows.clone();
            for (position, row) in Batch::new(rows).enumerate() {
                match state.insert(from_bytes(row.unwrap()).unwrap()) {
                    Ok(number) => numbers.extend(number.to_le_bytes()),
                    Err(violation) => {
                        state.rows = before;
                        return Err((position as u32, violation));
                    }
                }
            }
            Ok(())
        })
    }

    fn update(row: &[u8]) -> Result<(), Violation> {
        Self::with(|state| {
            let row: Visit = from_bytes(row).unwrap();
            state.rows.get_mut(&row.id).map(|found| *found = row).ok_or(Violation::NoSuchRow)
        })
    }

    fn upsert(row: &[u8]) -> Result<u64, Violation> {
        Self::with(|state| {
            let row: Visit = from_bytes(row).unwrap();
            let id = row.id;
            state.rows.insert(id, row);
            Ok(u64::from(id))
        })
    }

    fn delete(key: &[u8]) -> bool {
        Self::with(|state| {
            let id = state.rows.keys().copied().find(|id| id.to_be_bytes() == key);
            id.is_some_and(|id| state.rows.remove(&id).is_some())
        })
    }

    fn delete_range(index: u32, low: &[u8], high: Option<&[u8]>) -> u64 {
        Self::with(|state| {
            let found = state.found(index, low, high);
            found.iter().for_each(|row| {
                state.rows.remove(&row.id);
            });
            found.len() as u64
        })
    }
}

struct Handles {
    table: Table<Visit, ReadWrite>,
    by_day: UniqueIndex<ByDay, ReadWrite>,
    by_group_and_day: Index<ByGroupAndDay, ReadWrite>,
}

fn visit(group: &str, day: u8) -> Visit {
    Visit { id: 0, group: group.to_owned(), day }
}

/// Days 0 to 9 in groups `a`, `b` and `c` by turns, with ids 1 to 10.
fn handles() -> Handles {
    STATE.take();
    let entered = rt::enter();
    let handles = Handles {
        table: Table::new(&entered),
        by_day: UniqueIndex::new(&entered),
        by_group_and_day: Index::new(&entered),
    };
    let ids = handles.table.insert_many((0..10).map(|day| visit(["a", "b", "c"][day as usize % 3], day)));
    assert_eq!(ids.unwrap(), (1..=10).collect::<Vec<u32>>());
    handles
}

fn days(rows: impl Iterator<Item = Visit>) -> Vec<u8> {
    rows.map(|row| row.day).collect()
}

fn open_scans() -> usize {
    STATE.with_borrow(|state| state.scans.len())
}

fn crossings(operation: impl FnOnce()) -> usize {
    let before = STATE.with_borrow(|state| state.crossings);
    operation();
    STATE.with_borrow(|state| state.crossings) - before
}

#[test]
fn every_range_holds_what_its_bounds_say() {
    let Handles { table, by_day, .. } = handles();
    let bounds = |day| [Bound::Unbounded, Bound::Included(day), Bound::Excluded(day)];
    for low in (0..=10).flat_map(bounds) {
        for high in (0..=10).flat_map(bounds) {
            let range = (low, high);
            let wanted: Vec<u8> =
                (0..10).filter(|day| std::ops::RangeBounds::contains(&range, day)).collect();
            assert_eq!(days(by_day.range(range)), wanted, "{range:?}");
            let mut reversed = wanted.clone();
            reversed.reverse();
            assert_eq!(days(by_day.range(range).rev()), reversed, "{range:?}");
            assert_eq!(days(by_day.range(range).limit(3)), wanted[..3.min(wanted.len())]);
        }
    }
    assert_eq!(days(table.range(3..5)), [2, 3]);
    assert_eq!(table.first().unwrap().id, 1);
    assert_eq!(table.last().unwrap().id, 10);
    assert_eq!(open_scans(), 0);
}

#[test]
fn nothing_lies_above_the_largest_key() {
    let Handles { table, by_day, .. } = handles();
    table.insert(visit("z", u8::MAX)).unwrap();
    assert_eq!(days(by_day.range(10..=u8::MAX)), [u8::MAX]);
    assert_eq!(days(by_day.range((Bound::Excluded(u8::MAX), Bound::Unbounded))), [0; 0]);
    assert_eq!(by_day.delete_range((Bound::Excluded(u8::MAX), Bound::Unbounded)), 0);
}

#[test]
fn leading_columns_narrow_an_index() {
    let Handles { by_group_and_day, .. } = handles();
    assert_eq!(days(by_group_and_day.prefix("b")), [1, 4, 7]);
    assert_eq!(days(by_group_and_day.prefix("b").rev()), [7, 4, 1]);
    assert_eq!(days(by_group_and_day.prefix(&"b".to_owned())), [1, 4, 7]);
    assert_eq!(days(by_group_and_day.prefix("")), [0; 0]);
    assert_eq!(days(by_group_and_day.prefix_range("a", 1..=6)), [3, 6]);
    assert_eq!(days(by_group_and_day.prefix_range("a", ..4).rev()), [3, 0]);
    assert_eq!(days(by_group_and_day.get_all(("c", 5))), [5]);
    assert_eq!(days(by_group_and_day.range(("a", 8)..("b", 5))), [9, 1, 4]);
    assert_eq!(by_group_and_day.delete_all(("c", 5)), 1);
    assert_eq!(by_group_and_day.delete_prefix("a"), 4);
    assert_eq!(days(by_group_and_day.iter()), [1, 4, 7, 2, 8]);
}

#[test]
fn a_scan_shows_the_table_as_it_was_when_its_first_row_was_read() {
    let Handles { table, .. } = handles();
    let mut rows = table.iter();
    table.delete(1);
    assert_eq!(rows.next().unwrap().id, 2);
    table.delete(9);
    assert_eq!(rows.map(|row| row.id).collect::<Vec<_>>(), (3..=10).collect::<Vec<_>>());
}

#[test]
fn a_scan_that_is_dropped_is_closed() {
    let Handles { table, .. } = handles();
    let mut rows = table.iter();
    rows.next().unwrap();
    assert_eq!(open_scans(), 1);
    drop(rows);
    assert_eq!(open_scans(), 0);
    drop(table.iter());
    assert_eq!(crossings(|| drop(table.iter())), 0, "a scan that was never read never opened");
    assert_eq!(crossings(|| assert_eq!(table.iter().limit(0).next(), None)), 0);
}

#[test]
fn an_operation_crosses_once_and_a_scan_once_a_batch() {
    let Handles { table, by_day, .. } = handles();
    assert_eq!(crossings(|| assert_eq!(table.get(3).unwrap().day, 2)), 1);
    assert_eq!(crossings(|| assert_eq!(by_day.get(2).unwrap().id, 3)), 1);
    assert_eq!(crossings(|| assert_eq!(table.count(), 10)), 1);
    assert_eq!(crossings(|| assert_eq!(table.iter().count(), 10)), 5);
    assert_eq!(crossings(|| assert!(table.insert_many((10..30).map(|day| visit("d", day))).is_ok())), 1);
    assert_eq!(crossings(|| assert_eq!(table.delete_range(..), 30)), 1);
}

#[test]
fn refusals_are_told_by_name() {
    let Handles { table, .. } = handles();
    let row = table.insert(visit("new", 100)).unwrap();
    assert_eq!(row, Visit { id: 11, group: "new".to_owned(), day: 100 });
    assert_eq!(table.insert(row), Err(InsertError::DuplicateKey));
    assert_eq!(table.insert(visit("new", 3)), Err(InsertError::DuplicateUnique(Unique::Day)));
    let refused = table.insert_many([visit("new", 101), visit("new", 102), visit("new", 3)]);
    let error = InsertError::DuplicateUnique(Unique::Day);
    assert_eq!(refused, Err(InsertManyError { position: 2, error }));
    assert_eq!(refused.unwrap_err().to_string(), "row 2: another row has the same `day`");
    assert_eq!(table.count(), 11);
    assert_eq!(table.update(&visit("nobody", 0)), Err(UpdateError::NoSuchRow));
    assert!(!table.delete(99));
}

#[test]
#[should_panic(expected = "a scan is turned round before its first row is read")]
fn a_scan_cannot_turn_round_under_way() {
    let Handles { table, .. } = handles();
    let mut rows = table.iter();
    rows.next().unwrap();
    drop(rows.rev());
}
