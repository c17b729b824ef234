//! A record as a JSON object.
//! Invariant: nothing that the record holds is left out; bytes without a schema stand as
//! `{"bytes": "<hexadecimal>"}`.

use super::names::{Names, Typed, hex};
use interstice_node::log::{Closed, EventKind, Lifecycle, NamedCause, NamedChange, NamedOutcome, Record};
use interstice_node::{CatalogChange, ModuleChange, describe_caller};
use interstice_wit::text::json;
use serde_json::{Map, Value as Json, json};

pub(super) fn object(record: &Record, names: &Names) -> Json {
    let arguments = match names.arguments(record) {
        Some(arguments) => {
            arguments.iter().map(|(name, typed)| (name.clone(), value(typed))).collect::<Map<_, _>>().into()
        }
        None if record.function.is_none() => Json::Null,
        None => bytes(&record.arguments),
    };
    let writes = record.writes.iter().map(|table| {
        let changes = table.changes.iter().map(|change| {
            let (kind, raw) = match change {
                NamedChange::Insert(row) => ("insert", row),
                NamedChange::Update(row) => ("update", row),
                NamedChange::Delete(key) => ("delete", key),
            };
            let shown = names.row(record, &table.package, &table.table, change);
            json!({ kind: shown.as_ref().map_or_else(|| bytes(raw), value) })
        });
        json!({
            "module": table.package,
            "table": table.table,
            "counter": table.counter,
            "changes": changes.collect::<Vec<_>>(),
        })
    });
    let deliveries = record.deliveries.iter().map(|owed| {
        json!({
            "module": owed.package,
            "function": owed.function,
            "event": event(owed.event),
            "table_module": owed.table_package,
            "table": owed.table,
            "change": owed.change,
        })
    });
    let mut object = json!({
        "sequence": record.sequence.0,
        "timestamp_micros": record.timestamp_micros,
        "cause": cause(&record.cause),
        "module": record.package,
        "version": record.version,
        "artifact": record.artifact.to_string(),
        "function": record.function,
        "caller": describe_caller(&record.caller),
        "arguments": arguments,
        "outcome": outcome(record, names),
        "writes": writes.collect::<Vec<_>>(),
        "deliveries": deliveries.collect::<Vec<_>>(),
    });
    if !record.claims.is_empty() {
        object["claims"] = bytes(&record.claims);
    }
    if let Some(key) = &record.idempotency_key {
        object["idempotency_key"] = bytes(key);
    }
    object
}

fn outcome(record: &Record, names: &Names) -> Json {
    let (branch, raw) = match &record.outcome {
        NamedOutcome::Ok(raw) => ("ok", raw),
        NamedOutcome::Err(raw) => ("err", raw),
        NamedOutcome::Failed(raw) => return json!({ "failed": String::from_utf8_lossy(raw) }),
    };
    let payload = match names.result(record) {
        Some(Some(typed)) => match (value(&typed), &typed.1) {
            (Json::Object(mut result), interstice_codec::ValueType::Result { .. }) => {
                result.remove(branch).unwrap_or(Json::Null)
            }
            (value, _) => value,
        },
        Some(None) => Json::Null,
        None if raw.is_empty() => Json::Null,
        None => bytes(raw),
    };
    json!({ branch: payload })
}

fn cause(cause: &NamedCause) -> Json {
    match cause {
        NamedCause::Call => "call".into(),
        NamedCause::Delivery(Closed { sequence, ordinal }) => {
            json!({ "delivery": { "sequence": sequence.0, "ordinal": ordinal } })
        }
        NamedCause::Schedule { due_micros } => json!({ "schedule": { "due_micros": due_micros } }),
        NamedCause::Lifecycle(event) => lifecycle(*event).into(),
        NamedCause::Install { catalog, .. } => json!({ "install": { "catalog": catalog.to_string() } }),
        NamedCause::Upgrade { catalog, schema } => {
            json!({ "upgrade": { "catalog": catalog.to_string(), "modules": changes(schema) } })
        }
    }
}

/// What became of each module, and of its tables.
fn changes(change: &[u8]) -> Json {
    let Ok(change) = CatalogChange::read(change) else { return bytes(change) };
    let module = |module: &ModuleChange| {
        json!({
            "module": module.package,
            "version": module.to.as_ref().map(|to| to.schema.package.version.to_string()),
            "artifact": module.to.as_ref().map(|to| to.artifact.to_string()),
            "tables": module.tables,
        })
    };
    change.modules.iter().map(module).collect()
}

pub(super) fn lifecycle(event: Lifecycle) -> &'static str {
    match event {
        Lifecycle::Init => "init",
        Lifecycle::Upgrade => "upgraded",
        Lifecycle::Connect => "connect",
        Lifecycle::Disconnect => "disconnect",
    }
}

pub(super) fn event(event: EventKind) -> &'static str {
    match event {
        EventKind::Insert => "insert",
        EventKind::Update => "update",
        EventKind::Delete => "delete",
    }
}

fn value((value, ty): &Typed) -> Json {
    json::to_json(value, ty)
}

fn bytes(bytes: &[u8]) -> Json {
    json!({ "bytes": hex(bytes) })
}
