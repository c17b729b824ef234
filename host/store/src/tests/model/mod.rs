//! Random histories of everything that a store can do, against plain maps of which every version is kept
//! whole; `INTERSTICE_CASES=n` makes the campaign longer.
//! After each step the invariants are checked, and all open readers and scans are asked again and again.
//! Invariant: whatever happens meanwhile, each of them answers as the map of its version does.

mod evolving;
mod kinds;
mod steps;

use super::loading::loaded;
use super::*;
use crate::{Change, Recording, RowChange, Savepoint, Violation};
use evolving::Face;
use interstice_codec::key::{KeyLayout, successor};
use kinds::{Kind, kinds};
use proptest::prelude::*;
use std::{collections::BTreeMap, rc::Rc};
use steps::{Seed, Step, cases, steps};

/// A table as it could not be simpler.
#[derive(Clone, Debug, Default, PartialEq)]
struct Plain {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    counter: u64,
    /// Which of the faces that the run has seen.
    face: usize,
    /// The table before each evolution of the open transaction.
    evolved: Vec<Rc<Plain>>,
}

/// An open scan and what is left of its rows.
struct Watched {
    scan: Scan,
    rest: Vec<Vec<u8>>,
    height: usize,
}

struct Run<'a> {
    kind: &'a Kind,
    store: Store,
    /// Every shape that the table has had, those that were taken back included.
    faces: Vec<Face>,
    transaction: Option<Transaction>,
    now: Plain,
    /// Every version that was committed.
    versions: BTreeMap<Version, Plain>,
    savepoints: Vec<(Savepoint, Plain, usize)>,
    scans: Vec<Watched>,
    readers: Vec<(Reader, Vec<Watched>)>,
    /// A second store that follows by replaying net changes.
    copy: (Store, TableHandle),
    /// Grows with each savepoint: tells which scans a rollback ends.
    moment: usize,
}

impl<'a> Run<'a> {
    fn new(kind: &'a Kind) -> Self {
        let (store, table) = store_with(&kind.stages[0].definition);
        Self {
            kind,
            store,
            faces: vec![Face::new(kind, 0, table)],
            transaction: None,
            now: Plain::default(),
            versions: BTreeMap::from([(Version(0), Plain::default())]),
            savepoints: Vec::new(),
            scans: Vec::new(),
            readers: Vec::new(),
            copy: store_with(&kind.stages[0].definition),
            moment: 0,
        }
    }

    fn table(&self) -> &TableHandle {
        &self.faces[self.now.face].table
    }

    fn definition(&self, plain: &Plain) -> &'a TableDefinition {
        &self.kind.stages[self.faces[plain.face].stage].definition
    }

    /// A row of the table as it is now.
    fn make(&self, seed: Seed) -> Vec<u8> {
        (self.kind.stages[self.faces[self.now.face].stage].row)(seed)
    }

    fn key_of(&self, plain: &Plain, columns: &[usize], row: &[u8]) -> Vec<u8> {
        let mut key = Vec::new();
        KeyLayout::new(&self.faces[plain.face].layout, columns).unwrap().extract(row, &mut key);
        key
    }

    fn columns(&self, plain: &Plain, index: u32) -> &'a [usize] {
        match index {
            0 => &self.definition(plain).primary_key,
            index => &self.definition(plain).indexes[index as usize - 1].columns,
        }
    }

    fn primary(&self, plain: &Plain, row: &[u8]) -> Vec<u8> {
        self.key_of(plain, &self.definition(plain).primary_key, row)
    }

    /// The rows of a table between two keys of an index.
    fn range(
        &self,
        plain: &Plain,
        index: u32,
        low: &[u8],
        high: Option<&[u8]>,
        descending: bool,
    ) -> Vec<Vec<u8>> {
        let mut rows: Vec<_> = plain
            .rows
            .iter()
            .map(|(key, row)| {
                let values = self.key_of(plain, self.columns(plain, index), row);
                ([values, key.clone()].concat(), row.clone())
            })
            .collect();
        if index == 0 {
            rows.iter_mut().for_each(|(key, row)| *key = self.primary(plain, row));
        }
        rows.sort();
        rows.retain(|(key, _)| key.as_slice() >= low && high.is_none_or(|high| key.as_slice() < high));
        if descending {
            rows.reverse();
        }
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn bounds(&self, plain: &Plain, index: u32, from: Seed, to: Seed) -> (Vec<u8>, Option<Vec<u8>>) {
        let row = self.kind.stages[self.faces[plain.face].stage].row;
        let mut low = self.key_of(plain, self.columns(plain, index), &row(from));
        let mut high = self.key_of(plain, self.columns(plain, index), &row(to));
        // Some ranges begin or end within a key.
        low.truncate(low.len() - usize::from(from.0 % 3).min(low.len()));
        let bounded = !to.1.is_multiple_of(4) && successor(&mut high);
        (low, bounded.then_some(high))
    }

    /// Where the counter stands in a row, if the table has one: a byte, and so is every column before it.
    fn counter(&self) -> Option<usize> {
        self.definition(&self.now).auto_increment
    }

    /// The number in a row, as operations return it.
    fn number(&self, row: &[u8]) -> u64 {
        self.counter().map_or(0, |at| u64::from(row[at]))
    }

    /// What an insert must do to the plain table.
    fn insert(&self, plain: &mut Plain, row: &[u8]) -> Result<u64, Violation> {
        let mut row = row.to_vec();
        if let Some(at) = self.counter()
            && row[at] == 0
        {
            if plain.counter == u64::from(u8::MAX) {
                return Err(Violation::CounterOverflow);
            }
            row[at] = plain.counter as u8 + 1;
        }
        if plain.rows.contains_key(&self.primary(plain, &row)) {
            return Err(Violation::DuplicateKey);
        }
        self.unique(plain, &row)?;
        Ok(self.put(plain, row))
    }

    /// What an update must do. It may put 0 into the column that counts.
    fn update(&self, plain: &mut Plain, row: &[u8]) -> Result<u64, Violation> {
        if !plain.rows.contains_key(&self.primary(plain, row)) {
            return Err(Violation::NoSuchRow);
        }
        self.unique(plain, row)?;
        Ok(self.put(plain, row.to_vec()))
    }

    /// What an upsert must do: a row that is there keeps its number if the new one has 0.
    fn upsert(&self, plain: &mut Plain, row: &[u8]) -> Result<u64, Violation> {
        let Some(old) = plain.rows.get(&self.primary(plain, row)) else { return self.insert(plain, row) };
        let mut row = row.to_vec();
        if let Some(at) = self.counter()
            && row[at] == 0
        {
            row[at] = old[at];
        }
        self.update(plain, &row)
    }

    fn put(&self, plain: &mut Plain, row: Vec<u8>) -> u64 {
        let number = self.number(&row);
        plain.counter = plain.counter.max(number);
        let key = self.primary(plain, &row);
        plain.rows.insert(key, row);
        number
    }

    fn unique(&self, plain: &Plain, row: &[u8]) -> Result<(), Violation> {
        let key = self.primary(plain, row);
        for (position, index) in self.definition(plain).indexes.iter().enumerate() {
            let wanted = self.key_of(plain, &index.columns, row);
            let taken = |other: &Vec<u8>| self.key_of(plain, &index.columns, other) == wanted;
            if index.unique && plain.rows.iter().any(|(other, row)| *other != key && taken(row)) {
                return Err(Violation::DuplicateUnique(position as u32 + 1));
            }
        }
        Ok(())
    }

    /// The open transaction, or a new one.
    fn writing(&mut self) -> &mut Transaction {
        let next = Version(self.store.newest().0 + 1);
        self.transaction.get_or_insert_with(|| self.store.begin(next).unwrap())
    }

    fn write<T: PartialEq + std::fmt::Debug>(
        &mut self,
        actual: impl FnOnce(&mut Transaction, &TableHandle) -> Result<T, StoreError>,
        expected: impl FnOnce(&Self, &mut Plain) -> Result<T, Violation>,
    ) {
        let table = self.table().clone();
        let actual = actual(self.writing(), &table);
        let mut now = self.now.clone();
        let expected = expected(self, &mut now);
        assert_eq!(actual, expected.map_err(StoreError::Violation));
        if actual.is_ok() {
            self.now = now;
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Insert(seed) => {
                let row = self.make(*seed);
                self.write(|t, table| t.insert(table, &row), |run, plain| run.insert(plain, &row));
            }
            Step::Update(seed) => {
                let row = self.make(*seed);
                self.write(
                    |t, table| t.update(table, &row),
                    |run, plain| run.update(plain, &row).map(|_| ()),
                );
            }
            Step::Upsert(seed) => {
                let row = self.make(*seed);
                self.write(|t, table| t.upsert(table, &row), |run, plain| run.upsert(plain, &row));
            }
            Step::Delete(seed) => {
                let key = self.primary(&self.now, &self.make(*seed));
                self.write(
                    |t, table| t.delete(table, &key),
                    |_, plain| Ok(plain.rows.remove(&key).is_some()),
                );
            }
            Step::InsertMany(seeds) => self.insert_many(seeds),
            Step::DeleteRange { index, from, to, descending, limit } => {
                let index = index % (self.definition(&self.now).indexes.len() as u32 + 1);
                let (low, high) = self.bounds(&self.now, index, *from, *to);
                let range = KeyRange {
                    index,
                    low: &low,
                    high: high.as_deref(),
                    descending: *descending,
                    limit: *limit,
                };
                let expected = |run: &Self, plain: &mut Plain| {
                    let mut rows = run.range(plain, index, &low, high.as_deref(), *descending);
                    rows.truncate(if *limit == 0 { usize::MAX } else { *limit as usize });
                    let keys: Vec<_> = rows.iter().map(|row| run.primary(plain, row)).collect();
                    keys.iter().for_each(|key| drop(plain.rows.remove(key)));
                    Ok(rows.len() as u64)
                };
                self.write(|t, table| t.delete_range(table, &range), expected);
            }
            Step::Savepoint => {
                self.moment += 1;
                let savepoint = (self.writing().savepoint(), self.now.clone(), self.moment);
                self.savepoints.push(savepoint);
            }
            Step::RollBack(which) => self.roll_back(*which),
            Step::OpenScan { index, from, to, descending } => {
                self.open_scans(*index, *from, *to, *descending)
            }
            Step::Batch(rows) => self.read_on(*rows),
            Step::Commit => self.commit(),
            Step::Abort => {
                let changed = self.table().changed();
                self.transaction = None;
                assert_eq!(self.table().changed(), changed);
                self.end();
                self.now = self.versions.values().next_back().unwrap().clone();
            }
            Step::OpenReader(back) => {
                let newest = self.store.newest();
                let version = Version(newest.0.saturating_sub(*back as u64));
                if let Ok(reader) = self.store.reader(version) {
                    self.readers.push((reader, Vec::new()));
                }
            }
            Step::DropReader(which) => {
                if !self.readers.is_empty() {
                    self.readers.swap_remove(which % self.readers.len());
                }
            }
            Step::Durable(behind) => {
                self.store.set_durable(Version(self.store.newest().0.saturating_sub(*behind)));
            }
            Step::Purge(most) => drop(self.store.purge(*most)),
            Step::Reload => self.reload(),
            Step::Evolve => self.evolve(),
        }
    }

    fn insert_many(&mut self, seeds: &[Seed]) {
        let rows: Vec<_> = seeds.iter().map(|seed| self.make(*seed)).collect();
        let table = self.table().clone();
        let mut numbers = Vec::new();
        let actual = self.writing().insert_many(&table, &batch(&rows), &mut numbers);
        let mut now = self.now.clone();
        let inserted: Vec<_> = rows.iter().map(|row| self.insert(&mut now, row)).collect();
        if let Some(position) = inserted.iter().position(Result::is_err) {
            let source = Box::new(StoreError::Violation(inserted[position].unwrap_err()));
            assert_eq!(actual, Err(StoreError::InBatch { position: position as u32, source }));
            assert!(numbers.is_empty());
            return;
        }
        assert_eq!(actual, Ok(rows.len() as u32));
        if self.counter().is_some() {
            let expected: Vec<_> = inserted.into_iter().flat_map(|n| n.unwrap().to_le_bytes()).collect();
            assert_eq!(numbers, expected);
        }
        self.now = now;
    }

    fn roll_back(&mut self, which: usize) {
        if self.savepoints.is_empty() {
            return;
        }
        let position = which % self.savepoints.len();
        let (savepoint, plain, moment) = self.savepoints[position].clone();
        self.writing().rollback_to(&savepoint).unwrap();
        for (later, _, _) in self.savepoints.split_off(position + 1) {
            // A later one is of no use any more, unless nothing happened in between.
            let _ = self.transaction.as_mut().unwrap().rollback_to(&later);
            self.transaction.as_mut().unwrap().rollback_to(&savepoint).unwrap();
        }
        self.now = plain;
        // Scans that were opened after it may be over; those before it must not be.
        self.scans.retain(|watched| watched.height < moment);
    }

    fn open_scans(&mut self, index: u32, from: Seed, to: Seed, descending: bool) {
        let height = self.moment;
        let open = |read: &dyn Fn(&TableHandle, &KeyRange<'_>) -> Scan, plain: &Plain| {
            let index = index % (self.definition(plain).indexes.len() as u32 + 1);
            let (low, high) = self.bounds(plain, index, from, to);
            let range = KeyRange { index, low: &low, high: high.as_deref(), descending, limit: 0 };
            let scan = read(&self.faces[plain.face].table, &range);
            Watched { scan, rest: self.range(plain, index, &low, high.as_deref(), descending), height }
        };
        let mut scans = Vec::new();
        if let Some(transaction) = &self.transaction {
            let read = |table: &TableHandle, range: &KeyRange<'_>| transaction.scan(table, range).unwrap();
            scans.push(open(&read, &self.now));
            scans.extend(self.now.evolved.iter().map(|plain| open(&read, plain)));
        }
        let of_readers: Vec<_> = self
            .readers
            .iter()
            .map(|(reader, _)| {
                let read = |table: &TableHandle, range: &KeyRange<'_>| reader.scan(table, range).unwrap();
                open(&read, &self.versions[&reader.version()])
            })
            .collect();
        self.scans.extend(scans);
        self.readers.iter_mut().zip(of_readers).for_each(|((_, scans), scan)| scans.push(scan));
    }

    /// Reads one batch of every open scan.
    fn read_on(&mut self, rows: usize) {
        let all = self.scans.iter_mut().chain(self.readers.iter_mut().flat_map(|(_, scans)| scans));
        for Watched { scan, rest, .. } in all {
            let mut bytes = Vec::new();
            let found = scan.next_batch(&mut bytes, 4000, rows).unwrap();
            let expected: Vec<_> = rest.drain(..rows.max(1).min(rest.len())).collect();
            assert_eq!(bytes, batch(&expected));
            assert_eq!(found, ScanBatch { rows: expected.len() as u32, more: !rest.is_empty() });
        }
    }

    /// Goes on with tables that are filled at once with the newest version, as after opening a database: what
    /// follows must be the same there as where the rows came one by one.
    fn reload(&mut self) {
        self.transaction = None;
        self.end();
        self.readers.clear();
        let (version, plain) = self.versions.pop_last().unwrap();
        let stage = self.faces[plain.face].stage;
        let definition = self.definition(&plain);
        let fill = || loaded(definition, version, plain.counter, plain.rows.values());
        self.copy = fill();
        self.copy.0.check();
        let (store, table) = fill();
        self.store = store;
        self.faces.push(Face::new(self.kind, stage, table));
        let plain = Plain { face: self.faces.len() - 1, ..plain };
        self.compare(&self.store.reader(version).unwrap(), &plain);
        self.now = plain.clone();
        self.versions = BTreeMap::from([(version, plain)]);
    }

    fn end(&mut self) {
        self.savepoints.clear();
        for mut watched in self.scans.drain(..) {
            let over = watched.scan.next_batch(&mut Vec::new(), 1, 1);
            if let Err(error) = over {
                assert_eq!(error, StoreError::TransactionOver { what: "scan" });
            }
        }
    }

    fn commit(&mut self) {
        let Some(transaction) = self.transaction.take() else { return };
        let version = transaction.version();
        let recording = if version.0 % 2 == 0 { Recording::Undo } else { Recording::Nothing };
        let before = self.follow(version, recording);
        let (copy, table) = &self.copy;
        // Undo of the copy goes at once, so that the next version may do without.
        let apply = |change: Change<'_>| copy.apply(version, table, change, recording).unwrap();
        transaction.changes(|changes| {
            if let Some(counter) = changes.counter() {
                assert_eq!(counter, self.now.counter);
                copy.set_counter(version, table, counter).unwrap();
            }
            for change in changes.rows() {
                match change {
                    RowChange::Inserted { after } => {
                        assert!(!before.rows.contains_key(&self.primary(&before, after)));
                        apply(Change::Insert(after));
                    }
                    RowChange::Updated { before: old, after } => {
                        assert_ne!(old, after);
                        assert_eq!(before.rows[&self.primary(&before, after)], old);
                        apply(Change::Update(after));
                    }
                    RowChange::Deleted { before: old } => {
                        assert_eq!(before.rows[&self.primary(&before, old)], old);
                        apply(Change::Delete(&self.primary(&before, old)));
                    }
                }
            }
        });
        while copy.purge(1000) {}
        let (changed, copy_changed) = (self.table().changed(), table.changed());
        transaction.commit();
        self.now.evolved.clear();
        if before.rows == self.now.rows {
            // Changes that came to nothing may count, but what has not changed since stays known.
            assert!([changed, version].contains(&self.table().changed()));
            assert_eq!(table.changed(), copy_changed);
        } else {
            assert_eq!((self.table().changed(), table.changed()), (version, version));
        }
        self.versions.insert(version, self.now.clone());
        copy.set_replayed(version).unwrap();
        copy.check();
        let reader = copy.reader(version).unwrap();
        assert_eq!(reader.all(table), self.now.rows.values().cloned().collect::<Vec<_>>());
        assert_eq!(table.counter(), self.now.counter);
        drop(reader);
        while copy.purge(1000) {}
        self.end();
    }

    /// Asks everything of whoever reads.
    fn compare(&self, read: &impl Read, plain: &Plain) {
        let table = &self.faces[plain.face].table;
        let definition = self.definition(plain);
        assert_eq!(read.count(table), Ok(plain.rows.len() as u64));
        for index in 0..=definition.indexes.len() as u32 {
            for descending in [false, true] {
                let range = KeyRange { index, descending, ..KeyRange::default() };
                let expected = self.range(plain, index, &[], None, descending);
                assert_eq!(read.rows(table, &range), expected, "index {index}");
            }
        }
        for seed in 0..8 {
            let row = (self.kind.stages[self.faces[plain.face].stage].row)((seed, seed, seed / 2));
            let key = self.primary(plain, &row);
            assert_eq!(read.row(table, &key).as_ref(), plain.rows.get(&key));
            for (position, index) in definition.indexes.iter().enumerate() {
                if index.unique {
                    let wanted = self.key_of(plain, &index.columns, &row);
                    let expected =
                        plain.rows.values().find(|row| self.key_of(plain, &index.columns, row) == wanted);
                    let mut found = Vec::new();
                    let is_there = read.find(table, position as u32 + 1, &wanted, &mut found).unwrap();
                    assert_eq!(is_there.then_some(&found), expected);
                }
            }
        }
    }

    fn check(&self) {
        self.store.check();
        match &self.transaction {
            Some(transaction) => {
                self.compare(transaction, &self.now);
                self.now.evolved.iter().for_each(|plain| self.compare(transaction, plain));
            }
            None => assert_eq!(self.table().counter(), self.now.counter),
        }
        for (reader, _) in &self.readers {
            let plain = &self.versions[&reader.version()];
            self.compare(reader, plain);
            self.refuses_other_faces(reader, plain);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_version_reads_as_it_was_written(kind in 0..4usize, steps in steps()) {
        let kinds = kinds();
        let mut run = Run::new(&kinds[kind]);
        for step in &steps {
            run.step(step);
            run.check();
        }
        // Once nobody reads and everything is durable, nothing of the past is left.
        run.transaction = None;
        run.scans.clear();
        run.readers.clear();
        run.store.set_durable(run.store.newest());
        while run.store.purge(3) {}
        run.store.check();
        prop_assert_eq!(run.table().undo_bytes(), 0);
        prop_assert!(run.table().0.state.read().undo.is_empty());
        let reader = run.store.reader(run.store.newest()).unwrap();
        let last = run.versions.values().next_back().unwrap();
        run.compare(&reader, last);
    }
}
