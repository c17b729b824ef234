//! A record on its own: everything owned, every number resolved to the name that it stands for. For
//! tools that show the log. Invariant: nothing of the record in the log is left out.

use crate::definitions::{Definition, DefinitionId, Definitions, Digest};
use crate::record::{Caller, Cause, Closed, EventKind, Lifecycle, Outcome, RecordParts};
use crate::sequence::Sequence;
use crate::write_set::Write;

/// A record, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub sequence: Sequence,
    /// When the transaction began, in microseconds since 1970-01-01 UTC.
    pub timestamp_micros: u64,
    /// Why it ran.
    pub cause: NamedCause,
    /// The module's package, without the version.
    pub package: String,
    /// The module's version.
    pub version: String,
    /// The module's component.
    pub artifact: Digest,
    /// The function; none for install and upgrade.
    pub function: Option<String>,
    /// On whose behalf, in the node's encoding.
    pub caller: Vec<u8>,
    /// The arguments, in the row codec.
    pub arguments: Vec<u8>,
    /// What came back.
    pub outcome: NamedOutcome,
    /// What an authority said of the caller.
    pub claims: Vec<u8>,
    /// A client's own name for the request.
    pub idempotency_key: Option<Vec<u8>>,
    /// What changed, table by table.
    pub writes: Vec<NamedWrites>,
    /// What is owed to subscriptions.
    pub deliveries: Vec<NamedOwed>,
}

/// Why a transaction ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedCause {
    /// A client or an operator called.
    Call,
    /// A subscription was given an event that this record owed.
    Delivery(Closed),
    /// A schedule came due.
    Schedule {
        /// The moment for which it was set, in microseconds since 1970-01-01 UTC.
        due_micros: u64,
    },
    /// Something happened to the module or to a client's connection.
    Lifecycle(Lifecycle),
    /// A module was installed.
    Install {
        /// Its schema as JSON.
        schema: Vec<u8>,
        /// The hash of the catalog from here on.
        catalog: Digest,
    },
    /// A module was replaced by another version of itself.
    Upgrade {
        /// Its schema as JSON.
        schema: Vec<u8>,
        /// The hash of the catalog from here on.
        catalog: Digest,
    },
}

/// What a function returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedOutcome {
    /// Its result, in the row codec.
    Ok(Vec<u8>),
    /// Its own error, in the row codec.
    Err(Vec<u8>),
    /// It trapped or was refused; the node's account of why.
    Failed(Vec<u8>),
}

/// What changed in one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedWrites {
    /// The package that owns the table.
    pub package: String,
    /// The table.
    pub table: String,
    /// The new auto-increment counter, if it moved.
    pub counter: Option<u64>,
    /// The changes in order.
    pub changes: Vec<NamedChange>,
}

/// One change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedChange {
    /// A new row.
    Insert(Vec<u8>),
    /// A row in place of the one with the same primary key.
    Update(Vec<u8>),
    /// The primary key of a row that is gone.
    Delete(Vec<u8>),
}

/// A delivery that the transaction owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedOwed {
    /// The subscribing module's package.
    pub package: String,
    /// Its handler.
    pub function: String,
    /// The table whose change is the event.
    pub table: String,
    /// The package that owns that table.
    pub table_package: String,
    /// The place of the change among those of that table in this record.
    pub change: u32,
    /// What happened to the row.
    pub event: EventKind,
}

impl Record {
    /// Resolves a record against the definitions that came with it.
    #[must_use]
    pub fn resolve(record: &RecordParts<'_>, definitions: &Definitions) -> Self {
        let Module { package, version, artifact, function } = module(record.subject, definitions);
        let caller = match record.caller {
            Caller::Inline(caller) => caller.to_vec(),
            Caller::Numbered(id) => match definitions.get(id) {
                Some(Definition::Caller(caller)) => caller.clone(),
                _ => Vec::new(),
            },
        };
        let outcome = match record.outcome {
            Outcome::Ok(bytes) => NamedOutcome::Ok(bytes.to_vec()),
            Outcome::Err(bytes) => NamedOutcome::Err(bytes.to_vec()),
            Outcome::Failed(bytes) => NamedOutcome::Failed(bytes.to_vec()),
        };
        Self {
            sequence: record.sequence,
            timestamp_micros: record.timestamp_micros,
            cause: cause(&record.cause),
            package,
            version,
            artifact,
            function,
            caller,
            arguments: record.arguments.to_vec(),
            outcome,
            claims: record.claims.to_vec(),
            idempotency_key: record.idempotency_key.map(<[u8]>::to_vec),
            writes: writes(record, definitions),
            deliveries: deliveries(record, definitions),
        }
    }
}

#[derive(Default)]
struct Module {
    package: String,
    version: String,
    artifact: Digest,
    function: Option<String>,
}

fn module(id: DefinitionId, definitions: &Definitions) -> Module {
    match definitions.get(id) {
        Some(Definition::Function { module: id, name }) => {
            Module { function: Some(name.clone()), ..module(*id, definitions) }
        }
        Some(Definition::Module { package, version, artifact }) => {
            let artifact = match definitions.get(*artifact) {
                Some(Definition::Artifact(digest)) => *digest,
                _ => Digest::default(),
            };
            Module { package: package.clone(), version: version.clone(), artifact, function: None }
        }
        // Records are checked when they are read, so only numbers of another log come here.
        _ => Module::default(),
    }
}

fn cause(cause: &Cause<'_>) -> NamedCause {
    match cause {
        Cause::Call => NamedCause::Call,
        Cause::Delivery(closed) => NamedCause::Delivery(*closed),
        Cause::Schedule { due_micros } => NamedCause::Schedule { due_micros: *due_micros },
        Cause::Lifecycle(event) => NamedCause::Lifecycle(*event),
        Cause::Install(installed) => {
            NamedCause::Install { schema: installed.schema.to_vec(), catalog: Digest(installed.catalog) }
        }
        Cause::Upgrade(installed) => {
            NamedCause::Upgrade { schema: installed.schema.to_vec(), catalog: Digest(installed.catalog) }
        }
    }
}

fn table(id: DefinitionId, definitions: &Definitions) -> (String, String) {
    match definitions.get(id) {
        Some(Definition::Table { package, name }) => (package.clone(), name.clone()),
        _ => (String::new(), String::new()),
    }
}

fn writes(record: &RecordParts<'_>, definitions: &Definitions) -> Vec<NamedWrites> {
    let mut writes: Vec<NamedWrites> = Vec::new();
    for write in record.write_set {
        let change = match write {
            Write::Table { table: id, counter } => {
                let (package, table) = table(id, definitions);
                writes.push(NamedWrites { package, table, counter, changes: Vec::new() });
                continue;
            }
            Write::Insert(row) => NamedChange::Insert(row.to_vec()),
            Write::Update(row) => NamedChange::Update(row.to_vec()),
            Write::Delete(key) => NamedChange::Delete(key.to_vec()),
        };
        writes.last_mut().expect("a write set begins with a table").changes.push(change);
    }
    writes
}

fn deliveries(record: &RecordParts<'_>, definitions: &Definitions) -> Vec<NamedOwed> {
    let owed = record.deliveries.iter();
    owed.map(|owed| {
        let Module { package, function, .. } = module(owed.subscriber, definitions);
        let (table_package, table) = table(owed.table, definitions);
        let function = function.unwrap_or_default();
        NamedOwed { package, function, table, table_package, change: owed.change, event: owed.event }
    })
    .collect()
}
