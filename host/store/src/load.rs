//! Filling a table at once, from rows in the order of their primary keys, as a snapshot has them.
//! Everything is built beside the table: slots, the primary index and hashes as rows come, the other indexes in
//! the end. Nobody sees a row before all are right, and a load that is given up leaves the table as it was.
//! Invariant: what single inserts refuse is refused here, and what is left is what they leave.

use crate::{
    Recording, Store, StoreError, TableHandle, Version, auto_increment::Asked, error::Violation,
    ordered::Gathered, primary::KeyHash, row::Row, slot::SlotId, state::State, tree::Filling,
};

/// A table that is being filled. Dropping it leaves the table as it was.
pub struct Load {
    store: Store,
    table: TableHandle,
    version: Version,
    /// What will be the table's.
    state: State,
    /// The hashes of the primary keys, by slot.
    hashes: Vec<KeyHash>,
    indexes: Vec<Gathered>,
    last: LastKey,
}

/// The primary key of the last row.
#[derive(Default)]
struct LastKey {
    prefix: u128,
    /// All its bytes, where the prefix is not enough.
    bytes: Vec<u8>,
}

impl Store {
    /// Begins to fill a table that never had a row, as part of this version, which is durable, and from now on
    /// the newest. Limits are not asked, as with [`apply`](Self::apply); and while the table is filled, nothing
    /// else may be written to it.
    ///
    /// # Errors
    /// If the table has or had rows, if a transaction is open, if the version is older than the newest, or if
    /// anybody reads.
    pub fn load(&self, version: Version, table: &TableHandle) -> Result<Load, StoreError> {
        self.0.own(table)?;
        self.arrive(version, table, Recording::Nothing)?;
        let (state, indexes) = {
            let state = table.0.state.read();
            table.0.check_newest(&state)?;
            if !state.is_fresh() {
                return Err(StoreError::NotEmpty(table.id()));
            }
            let gathered = table.0.shape.indexes.iter().map(|shape| {
                Gathered::new(&state.indexes[shape.place], shape.unique.then(|| shape.key.clone()))
            });
            (state.fresh(), gathered.collect())
        };
        Ok(Load {
            store: self.clone(),
            table: table.clone(),
            version,
            state,
            hashes: Vec::new(),
            indexes,
            last: LastKey::default(),
        })
    }
}

impl Load {
    /// Adds the next row.
    ///
    /// # Errors
    /// If it is no row of the table, if its primary key is not after that of the row before, or if the table is
    /// full. Then the load is of no use any more.
    pub fn row(&mut self, row: &[u8]) -> Result<(), StoreError> {
        self.table.0.validate(row)?;
        self.state.check_room()?;
        let (state, shape) = (&mut self.state, &self.table.0.shape);
        let (last, is_first) = (&mut self.last, self.hashes.is_empty());
        let stored = Row::new(row, shape.tag);
        let next = state.exact.with_key_of_row(&stored, |key| {
            let (prefix, bytes) = (key.prefix(), key.bytes());
            let ascends = is_first || (last.prefix, last.bytes.as_slice()) < (prefix, bytes);
            last.prefix = prefix;
            last.bytes.clear();
            last.bytes.extend_from_slice(bytes);
            ascends.then(|| (prefix, key.hash()))
        });
        let Some((prefix, hash)) = next else { return Err(self.not_ascending()) };
        if let Some(counting) = shape.auto_increment
            && let Asked::Number(number) = counting.read(&shape.layout, row)
        {
            state.counter = state.counter.max(number);
        }
        state.row_bytes += stored.allocated_bytes();
        state.live_rows += 1;
        let slot = state.slots.add(stored);
        assert_eq!(slot, SlotId(self.hashes.len() as u32), "slots are given out in order");
        self.hashes.push(hash);
        state.primary.append(prefix, slot, Filling::Full);
        let row = state.slots.get(slot).row();
        for (gathered, shape) in self.indexes.iter_mut().zip(&shape.indexes) {
            gathered.add(&state.indexes[shape.place], slot, row);
        }
        Ok(())
    }

    /// How many rows there are so far.
    pub fn rows(&self) -> u64 {
        self.state.live_rows
    }

    /// Makes the rows those of the table.
    ///
    /// # Errors
    /// If two rows have the same values in a unique index, or if something else was written to the table
    /// meanwhile, or anybody reads: then it is as it was.
    pub fn finish(self) -> Result<(), StoreError> {
        let Self { store, table, version, mut state, hashes, indexes, .. } = self;
        state.exact.fill(&hashes);
        drop(hashes);
        for (number, (gathered, shape)) in (1..).zip(indexes.into_iter().zip(&table.0.shape.indexes)) {
            let built = gathered.build(&mut state.indexes[shape.place], &state.slots);
            built.map_err(|_| Violation::DuplicateUnique(number))?;
        }
        store.arrive(version, &table, Recording::Nothing)?;
        let mut now = table.0.state.write();
        table.0.check_newest(&now)?;
        if !now.is_fresh() {
            return Err(StoreError::NotEmpty(table.id()));
        }
        now.take_rows(state, version, &store.0.memory);
        Ok(())
    }

    #[cold]
    fn not_ascending(&self) -> StoreError {
        StoreError::NotAscending { table: self.table.name().to_owned(), row: self.rows() }
    }
}
