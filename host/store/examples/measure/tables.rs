//! The tables that are measured, with their rows.

use crate::shuffled;
use interstice_codec::{ValueType, row::Encode};
use interstice_store::{
    IndexDefinition, Store, StoreLimits, TableDefinition, TableHandle, TableId, Transaction, Version,
};

/// 32 bytes: a key and three numbers.
pub(crate) fn plain() -> TableDefinition {
    TableDefinition {
        name: "plain".to_owned(),
        columns: vec![ValueType::U64; 4],
        primary_key: vec![0],
        auto_increment: None,
        indexes: Vec::new(),
    }
}

pub(crate) fn plain_row(key: u64, value: u64) -> Vec<u8> {
    let mut row = Vec::new();
    (key, value, value, value).encode(&mut row);
    row
}

pub(crate) fn event() -> TableDefinition {
    TableDefinition {
        name: "event".to_owned(),
        columns: vec![ValueType::U64, ValueType::U64, ValueType::String],
        primary_key: vec![0],
        auto_increment: Some(0),
        indexes: vec![IndexDefinition { name: "account".to_owned(), columns: vec![1], unique: false }],
    }
}

pub(crate) fn person(unique: bool) -> TableDefinition {
    TableDefinition {
        name: "person".to_owned(),
        columns: vec![ValueType::U64, ValueType::String, ValueType::S64],
        primary_key: vec![0],
        auto_increment: None,
        indexes: vec![IndexDefinition { name: "name".to_owned(), columns: vec![1], unique }],
    }
}

pub(crate) fn person_row(key: u64, balance: i64) -> Vec<u8> {
    let mut row = Vec::new();
    let name = format!("{:016x}", key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (key, name, balance).encode(&mut row);
    row
}

pub(crate) fn create(definition: &TableDefinition) -> (Store, TableHandle) {
    let limits = StoreLimits { transaction_bytes: u64::MAX, ..StoreLimits::default() };
    let store = Store::new(limits, 0x5eed_5eed_5eed_5eed);
    let table = store.create_table(TableId(1), definition).expect("the definition is sound");
    (store, table)
}

pub(crate) fn begin(store: &Store) -> Transaction {
    store.begin(Version(store.newest().0 + 1)).expect("no transaction is open")
}

/// Commits as a node does whose log keeps up.
pub(crate) fn commit(store: &Store, transaction: Transaction) {
    let version = transaction.version();
    transaction.commit();
    store.set_durable(version);
}

pub(crate) fn settle(store: &Store) {
    store.set_durable(store.newest());
    while store.purge(1 << 20) {}
}

pub(crate) fn filled(rows: u64) -> (Store, TableHandle) {
    let (store, table) = create(&plain());
    let mut transaction = begin(&store);
    for key in shuffled(rows) {
        transaction.insert(&table, &plain_row(key, key)).expect("the key is new");
    }
    commit(&store, transaction);
    settle(&store);
    (store, table)
}
