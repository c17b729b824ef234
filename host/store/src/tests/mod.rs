//! Tests of the store as its users see it.
#![allow(clippy::unwrap_used)]

mod evolution;
mod loading;
mod model;
mod operations;
mod readers;

use crate::{
    IndexDefinition, KeyRange, Reader, Scan, ScanBatch, Store, StoreError, StoreLimits, TableDefinition,
    TableHandle, TableId, Transaction, Version,
};
use interstice_codec::{
    ValueType,
    key::Key,
    row::{Batch, Encode},
};

/// A table of accounts: an auto-increment id, a unique owner, and a balance with an index.
pub(crate) fn accounts() -> TableDefinition {
    TableDefinition {
        name: "account".to_owned(),
        columns: vec![ValueType::U64, ValueType::String, ValueType::S64],
        primary_key: vec![0],
        auto_increment: Some(0),
        indexes: vec![
            IndexDefinition { name: "balance".to_owned(), columns: vec![2], unique: false },
            IndexDefinition { name: "owner".to_owned(), columns: vec![1], unique: true },
        ],
    }
}

/// A table whose keys are long and of many columns: no index holds a whole key in a number.
pub(crate) fn documents() -> TableDefinition {
    TableDefinition {
        name: "document".to_owned(),
        columns: vec![ValueType::String, ValueType::U8, ValueType::String, ValueType::Bool],
        primary_key: vec![2, 1],
        auto_increment: None,
        indexes: vec![
            IndexDefinition { name: "title".to_owned(), columns: vec![0], unique: false },
            IndexDefinition { name: "open-and-title".to_owned(), columns: vec![3, 0], unique: true },
        ],
    }
}

pub(crate) fn store() -> Store {
    Store::new(StoreLimits::default(), 0x5eed)
}

pub(crate) fn store_with(definition: &TableDefinition) -> (Store, TableHandle) {
    let store = store();
    let table = store.create_table(TableId(7), definition).unwrap();
    (store, table)
}

pub(crate) fn account(id: u64, owner: &str, balance: i64) -> Vec<u8> {
    let mut row = Vec::new();
    (id, owner.to_owned(), balance).encode(&mut row);
    row
}

pub(crate) fn key(key: impl Key) -> Vec<u8> {
    key.to_key()
}

/// What can be read from, so that tests treat readers and transactions alike.
pub(crate) trait Read {
    fn get(&self, table: &TableHandle, key: &[u8], out: &mut Vec<u8>) -> Result<bool, StoreError>;
    fn find(
        &self,
        table: &TableHandle,
        index: u32,
        key: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, StoreError>;
    fn scan(&self, table: &TableHandle, range: &KeyRange<'_>) -> Result<Scan, StoreError>;
    fn count(&self, table: &TableHandle) -> Result<u64, StoreError>;

    fn row(&self, table: &TableHandle, key: &[u8]) -> Option<Vec<u8>> {
        let mut row = Vec::new();
        self.get(table, key, &mut row).unwrap().then_some(row)
    }

    fn rows(&self, table: &TableHandle, range: &KeyRange<'_>) -> Vec<Vec<u8>> {
        drain(&mut self.scan(table, range).unwrap(), 100, 3)
    }

    fn all(&self, table: &TableHandle) -> Vec<Vec<u8>> {
        self.rows(table, &KeyRange::default())
    }
}

macro_rules! read {
    ($type:ty) => {
        impl Read for $type {
            fn get(&self, table: &TableHandle, key: &[u8], out: &mut Vec<u8>) -> Result<bool, StoreError> {
                self.get(table, key, out)
            }
            fn find(
                &self,
                table: &TableHandle,
                index: u32,
                key: &[u8],
                out: &mut Vec<u8>,
            ) -> Result<bool, StoreError> {
                self.find(table, index, key, out)
            }
            fn scan(&self, table: &TableHandle, range: &KeyRange<'_>) -> Result<Scan, StoreError> {
                self.scan(table, range)
            }
            fn count(&self, table: &TableHandle) -> Result<u64, StoreError> {
                self.count(table)
            }
        }
    };
}

read!(Reader);
read!(Transaction);

/// All rows that are left in a scan.
pub(crate) fn drain(scan: &mut Scan, max_bytes: usize, max_rows: usize) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    loop {
        let mut batch = Vec::new();
        let ScanBatch { rows: count, more } = scan.next_batch(&mut batch, max_bytes, max_rows).unwrap();
        let found: Vec<_> = Batch::new(&batch).map(|row| row.unwrap().to_vec()).collect();
        assert_eq!(found.len(), count as usize);
        assert!(found.len() <= max_rows && (batch.len() <= max_bytes || found.len() == 1));
        assert!(!more || !found.is_empty(), "a batch is empty and yet there is more");
        rows.extend(found);
        if !more {
            return rows;
        }
    }
}

/// Rows in batch form.
pub(crate) fn batch(rows: &[Vec<u8>]) -> Vec<u8> {
    let mut batch = Vec::new();
    rows.iter().for_each(|row| interstice_codec::row::push_row(row, &mut batch));
    batch
}

/// Runs a transaction that commits as the next version.
pub(crate) fn commit<T>(store: &Store, change: impl FnOnce(&mut Transaction) -> T) -> T {
    let mut transaction = store.begin(Version(store.newest().0 + 1)).unwrap();
    let result = change(&mut transaction);
    transaction.commit();
    result
}
