//! The entry of one transaction in the log, as it is appended and as it is read back, borrowed
//! from the caller's or the log's buffers. Invariant: whatever replay hands out here refers only to
//! definitions that exist.

use crate::definitions::DefinitionId;
use crate::sequence::Sequence;
use crate::write_set::{Write, WriteSet};

/// A record, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordParts<'a> {
    /// Its number; the log refuses any but the next.
    pub sequence: Sequence,
    /// When the transaction began, in microseconds since 1970-01-01 UTC.
    pub timestamp_micros: u64,
    /// Why it ran.
    pub cause: Cause<'a>,
    /// What ran: a function for most causes; a module for install and upgrade.
    pub subject: DefinitionId,
    /// On whose behalf.
    pub caller: Caller<'a>,
    /// The arguments, in the row codec.
    pub arguments: &'a [u8],
    /// What came back.
    pub outcome: Outcome<'a>,
    /// What an authority said of the caller; may be empty.
    pub claims: &'a [u8],
    /// A client's own name for the request, by which a repetition is recognised.
    pub idempotency_key: Option<&'a [u8]>,
    /// What changed.
    pub write_set: WriteSet<'a>,
    /// What is owed to subscriptions for these changes, in the order of delivery.
    pub deliveries: &'a [Owed],
}

impl RecordParts<'_> {
    /// Whether it makes the state no larger, so that it may be taken on a full disk: it deletes rows and does
    /// nothing else with them, or ends a delivery without writing any. Walks the whole write set if so.
    pub(crate) fn only_deletes(&self) -> bool {
        let may_be_empty = match self.cause {
            Cause::Install(_) | Cause::Upgrade(_) => return false,
            Cause::Delivery(_) => true,
            Cause::Call | Cause::Schedule { .. } | Cause::Lifecycle(_) => false,
        };
        let grows = |write| matches!(write, Write::Insert(_) | Write::Update(_));
        (may_be_empty || !self.write_set.is_empty()) && !self.write_set.iter().any(grows)
    }
}

/// Why a transaction ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<'a> {
    /// A client or an operator called.
    Call,
    /// A subscription is given an event. Ends what an earlier record owed.
    Delivery(Closed),
    /// A schedule came due.
    Schedule {
        /// The moment for which it was set, in microseconds since 1970-01-01 UTC.
        due_micros: u64,
    },
    /// Something happened to the module or to a client's connection.
    Lifecycle(Lifecycle),
    /// A module was installed.
    Install(Installed<'a>),
    /// A module was replaced by another version of itself. Closes the segment.
    Upgrade(Installed<'a>),
}

/// The delivery that a record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Closed {
    /// The record that owed it.
    pub sequence: Sequence,
    /// Its place among the deliveries of that record, from zero.
    pub ordinal: u32,
}

/// What a lifecycle handler was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// The module was installed.
    Init,
    /// The module was upgraded.
    Upgrade,
    /// A client connected.
    Connect,
    /// A client disconnected.
    Disconnect,
}

/// A module as it was installed; its package, version and artifact are the record's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed<'a> {
    /// Its schema as JSON.
    pub schema: &'a [u8],
    /// The hash of the catalog from this record on. Segments that begin later carry it.
    pub catalog: [u8; 32],
}

/// On whose behalf a transaction ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A caller with a number.
    Numbered(DefinitionId),
    /// A caller without one, in the node's encoding.
    Inline(&'a [u8]),
}

/// What a function returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Its result, in the row codec.
    Ok(&'a [u8]),
    /// Its own error, in the row codec.
    Err(&'a [u8]),
    /// It trapped or was refused, and its writes were undone; the node's account of why. Only
    /// deliveries and schedules are recorded so.
    Failed(&'a [u8]),
}

impl<'a> Outcome<'a> {
    /// The bytes, whatever they mean.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Ok(bytes) | Self::Err(bytes) | Self::Failed(bytes) => bytes,
        }
    }
}

/// A delivery that a transaction owes to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owed {
    /// The subscription's handler: a function.
    pub subscriber: DefinitionId,
    /// The table whose change is the event.
    pub table: DefinitionId,
    /// The place of the change among all changes of that table in this record, from zero.
    pub change: u32,
    /// What happened to the row.
    pub event: EventKind,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It is new.
    Insert,
    /// It has other values.
    Update,
    /// It is gone.
    Delete,
}
