//! What the host of a running transaction must be able to do, for the guests that run in it.
//! Rows and arguments are bytes of the row codec, keys are bytes of the key codec; tables and
//! functions are handles that linking put there.
//! Invariant: the engine calls a [`Host`] only while a guest runs, and never from two threads.

use crate::fault::Fault;
use std::error::Error;

/// The circumstances of one running transaction.
///
/// It travels in its box from one instance to the next as modules call each other, so that all of
/// them work on the same transaction.
pub trait Host: Sized + Send + 'static {
    /// A table that was linked to a door.
    type Table: Clone + Send + Sync + 'static;
    /// A function of another module that was linked to an import.
    type Target: Clone + Send + Sync + 'static;
    /// Why the host ended the call: a limit, a write in a query, a cycle, a row that is not one.
    type Stop: Error + Send + Sync + 'static;

    /// Appends the row with that primary key, if there is one.
    fn get(&mut self, table: &Self::Table, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Self::Stop>;

    /// Appends the row with that whole key in a unique index, if there is one.
    fn find(
        &mut self,
        table: &Self::Table,
        index: u32,
        key: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, Self::Stop>;

    /// Opens a scan and appends its first batch. A `limit` of 0 is none.
    fn scan(
        &mut self,
        table: &Self::Table,
        range: ScanRange<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Batch, Self::Stop>;

    /// Appends the next batch of a scan; one that says it was the last has closed the scan.
    fn next(&mut self, table: &Self::Table, scan: u32, out: &mut Vec<u8>) -> Result<Batch, Self::Stop>;

    /// Closes a scan before its end.
    fn close(&mut self, table: &Self::Table, scan: u32) -> Result<(), Self::Stop>;

    /// The number of rows.
    fn count(&mut self, table: &Self::Table) -> Result<u64, Self::Stop>;

    /// Inserts a row. The answer is its auto-increment value, or 0 if the table has none.
    fn insert(&mut self, table: &Self::Table, row: &[u8]) -> Result<Result<u64, Violation>, Self::Stop>;

    /// Inserts a batch of rows, all or none, and appends their auto-increment values, 8 bytes
    /// little-endian each, if the table has such a column. A refusal names the offending row by its position.
    fn insert_many(
        &mut self,
        table: &Self::Table,
        rows: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Result<(), (u32, Violation)>, Self::Stop>;

    /// Replaces the row with the same primary key.
    fn update(&mut self, table: &Self::Table, row: &[u8]) -> Result<Result<(), Violation>, Self::Stop>;

    /// Inserts a row or replaces the one with the same primary key, and answers as `insert`.
    fn upsert(&mut self, table: &Self::Table, row: &[u8]) -> Result<Result<u64, Violation>, Self::Stop>;

    /// Deletes the row with that primary key. The answer is whether there was one.
    fn delete(&mut self, table: &Self::Table, key: &[u8]) -> Result<bool, Self::Stop>;

    /// Deletes the rows of a range and says how many there were.
    fn delete_range(
        &mut self,
        table: &Self::Table,
        index: u32,
        low: &[u8],
        high: Option<&[u8]>,
    ) -> Result<u64, Self::Stop>;

    /// Who made the call that runs now.
    fn caller(&mut self) -> Caller;

    /// When the transaction began, in microseconds since the Unix epoch.
    fn timestamp(&mut self) -> u64;

    /// The next 64 random bits of the transaction.
    fn random(&mut self) -> u64;

    /// Leaves a message for the operator.
    fn log(&mut self, level: Level, message: &str);

    /// A guest says why it is about to trap. The fault that follows carries the same.
    fn panicked(&mut self, panic: &Panic);

    /// Calls a function of another module in the same transaction, with at most that fuel. Takes the box along
    /// and gives it back, with the fuel that is left. A fault ends the caller as well.
    fn call(
        self: Box<Self>,
        target: &Self::Target,
        arguments: &[u8],
        result: &mut Vec<u8>,
        fuel: u64,
    ) -> Called<Self>;
}

/// How a call ended: the host that it ran under, the fuel that is left, and what came of it.
pub type Called<H> = (Box<H>, u64, Result<Returned, Fault<<H as Host>::Stop>>);

/// Whether a function returned the `err` of a WIT `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// It returned `ok`, or its type is no `result`.
    Ok,
    /// It returned `err`.
    Err,
}

/// Which rows a scan reads. Keys are in key form; `low` is inclusive, `high` exclusive.
#[derive(Clone, Copy, Debug)]
pub struct ScanRange<'a> {
    /// 0 is the primary key, 1 the first secondary index in the order of names.
    pub index: u32,
    /// The smallest key.
    pub low: &'a [u8],
    /// The key before which the scan ends; `None` is the end of the index.
    pub high: Option<&'a [u8]>,
    /// Whether the largest key comes first.
    pub descending: bool,
    /// The most rows; 0 is all of them.
    pub limit: u32,
}

/// What a scan has appended: rows, each as its length (LEB128) and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The scan to go on with, never 0, or `None` if that was all.
    pub scan: Option<u32>,
    /// How many rows were appended.
    pub rows: u32,
}

/// Why a table refused a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Another row has this primary key.
    DuplicateKey,
    /// Another row has the same values in this unique index.
    DuplicateUnique(u32),
    /// There is no row with this primary key.
    NoSuchRow,
    /// The auto-increment counter is at its largest value.
    CounterOverflow,
}

/// Who made a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client, by the identity that the host knows it by.
    Client(String),
    /// Another module, by its package name without the version.
    Module(String),
    /// The host itself: lifecycle, schedules and subscriptions.
    System,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For following the code step by step.
    Trace,
    /// For finding a mistake.
    Debug,
    /// For knowing what goes on.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

/// What a guest said before it trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// The message of the panic.
    pub message: String,
    /// The source file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}
