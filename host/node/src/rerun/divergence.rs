//! Where a call that was run again did something else than the log says: the first difference, in the words of
//! the schemas. Invariant: what is told apart differs in its bytes; equal records have no difference.

use crate::change::CatalogChange;
use interstice_codec::key::KeyLayout;
use interstice_codec::row::{self, Layout};
use interstice_codec::{Field, Value, ValueType};
use interstice_log::{NamedCause, NamedChange, NamedOutcome, NamedOwed, NamedWrites, Record, Sequence};
use interstice_wit::text::wave;
use interstice_wit::{Schema, Table};
use std::fmt;

/// A record whose call did something else when it was run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The record.
    pub sequence: Sequence,
    /// Its time, in microseconds since the Unix epoch.
    pub timestamp_micros: u64,
    /// The module that ran, with its version.
    pub module: String,
    /// The function that was called; none where modules were installed or changed.
    pub function: Option<String>,
    /// What became of modules that were there, if they were changed, such as `upgraded to 1.3.0`.
    pub change: Option<String>,
    /// Its arguments in WAVE, separated by commas.
    pub arguments: String,
    /// The first difference.
    pub difference: Difference,
}

/// The first difference between a record and what its call did when it was run again. Values are in WAVE.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The function returned something else, or failed where it did not.
    Outcome {
        /// As the log says.
        logged: String,
        /// When it was run again.
        again: String,
    },
    /// A row was changed in another way.
    Row {
        /// The table, such as `acme:bank/tables.account`.
        table: String,
        /// The primary key of the row.
        key: String,
        /// The first column that differs, where both have the row.
        column: Option<String>,
        /// The value or the row as the log says; none if it has no such change.
        logged: Option<String>,
        /// The same when it was run again.
        again: Option<String>,
    },
    /// The auto-increment counter of a table has moved to another number, or one of both has not moved.
    Counter {
        /// The table.
        table: String,
        /// As the log says.
        logged: Option<u64>,
        /// When it was run again.
        again: Option<u64>,
    },
    /// Other deliveries are owed to subscribers.
    Delivery {
        /// The first as the log says, such as `shop:web/events.opened for insert in acme:bank/tables.account`.
        logged: Option<String>,
        /// The same when it was run again.
        again: Option<String>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        match self {
            Difference::Outcome { logged, again } => {
                write!(f, "the outcome: logged {logged}, again {again}")
            }
            Difference::Row { table, key, column, logged, again } => {
                write!(f, "row {key} of {table}")?;
                if let Some(column) = column {
                    write!(f, ", column {column}")?;
                }
                write!(f, ": logged {}, again {}", or(logged), or(again))
            }
            Difference::Counter { table, logged, again } => {
                let or = |value: &Option<u64>| value.map_or("no move".to_owned(), |value| value.to_string());
                write!(f, "the counter of {table}: logged {}, again {}", or(logged), or(again))
            }
            Difference::Delivery { logged, again } => {
                write!(f, "deliveries: logged {}, again {}", or(logged), or(again))
            }
        }
    }
}

/// The schemas by which bytes are understood.
pub(super) trait Schemas {
    /// That of a package, without the version.
    fn schema(&self, package: &str) -> Option<&Schema>;
}

/// What differs first, if anything does.
pub(super) fn compare(logged: &Record, again: &Record, schemas: &dyn Schemas) -> Option<Divergence> {
    let difference = outcome(logged, again, schemas)
        .or_else(|| writes(&logged.writes, &again.writes, schemas))
        .or_else(|| deliveries(&logged.deliveries, &again.deliveries))?;
    Some(Divergence {
        sequence: logged.sequence,
        timestamp_micros: logged.timestamp_micros,
        module: format!("{}@{}", logged.package, logged.version),
        function: logged.function.clone(),
        change: change(logged),
        arguments: arguments(logged, schemas),
        difference,
    })
}

/// What became of modules that were there.
pub(super) fn change(logged: &Record) -> Option<String> {
    let NamedCause::Upgrade { schema, .. } = &logged.cause else { return None };
    let described = CatalogChange::read(schema).map(|change| change.describe(&logged.package));
    Some(described.unwrap_or_else(|_| "changed the catalog".to_owned()))
}

fn outcome(logged: &Record, again: &Record, schemas: &dyn Schemas) -> Option<Difference> {
    let is_same = match (&logged.outcome, &again.outcome) {
        // Why it failed is told in words, which are not part of what a module does.
        (NamedOutcome::Failed(_), NamedOutcome::Failed(_)) => true,
        (logged, again) => logged == again,
    };
    let text = |record: &Record| match &record.outcome {
        NamedOutcome::Failed(reason) => format!("failed: {}", String::from_utf8_lossy(reason)),
        NamedOutcome::Ok(bytes) | NamedOutcome::Err(bytes) => result(record, bytes, schemas),
    };
    (!is_same).then(|| Difference::Outcome { logged: text(logged), again: text(again) })
}

/// The arguments of a record's call, in WAVE.
pub(super) fn arguments(record: &Record, schemas: &dyn Schemas) -> String {
    let text = || {
        let schema = schemas.schema(&record.package)?;
        let function = function(schema, record.function.as_deref()?)?;
        let types: Vec<_> = function.params.iter().map(|param| schema.value_type(&param.ty)).collect();
        let values = row::decode_all(&record.arguments, &types).ok()?;
        let values = values.iter().zip(&types).map(|(value, ty)| wave::print(value, ty));
        Some(values.collect::<Vec<_>>().join(", "))
    };
    text().unwrap_or_else(|| hex(&record.arguments))
}

/// A result of a record's function, in WAVE.
pub(super) fn result(record: &Record, bytes: &[u8], schemas: &dyn Schemas) -> String {
    let text = || {
        let schema = schemas.schema(&record.package)?;
        let ty = schema.value_type(function(schema, record.function.as_deref()?)?.result.as_ref()?);
        Some(wave::print(&row::decode(bytes, &ty).ok()?, &ty))
    };
    match text() {
        Some(text) => text,
        None if bytes.is_empty() => "ok".to_owned(),
        None => hex(bytes),
    }
}

fn function<'s>(schema: &'s Schema, name: &str) -> Option<&'s interstice_wit::Function> {
    let found =
        schema.functions().find(|(at, function)| format!("{}.{}", at.name.name, function.name) == name);
    found.map(|(_, function)| function)
}

fn writes(logged: &[NamedWrites], again: &[NamedWrites], schemas: &dyn Schemas) -> Option<Difference> {
    if logged == again {
        return None;
    }
    let of = |side: &[NamedWrites], table: &NamedWrites| {
        side.iter().find(|other| (&other.package, &other.table) == (&table.package, &table.table)).cloned()
    };
    let nothing = |table: &NamedWrites| NamedWrites { counter: None, changes: Vec::new(), ..table.clone() };
    for table in logged {
        let other = of(again, table).unwrap_or_else(|| nothing(table));
        if let Some(difference) = table_writes(table, &other, schemas) {
            return Some(difference);
        }
    }
    for table in again {
        let other = of(logged, table).unwrap_or_else(|| nothing(table));
        if let Some(difference) = table_writes(&other, table, schemas) {
            return Some(difference);
        }
    }
    // The same changes of the same tables, in another order of tables.
    let order = |side: &[NamedWrites]| {
        let names = side.iter().map(|table| format!("{}/{}", table.package, table.table));
        names.collect::<Vec<_>>().join(", ")
    };
    Some(Difference::Outcome {
        logged: format!("changed in the order {}", order(logged)),
        again: format!("changed in the order {}", order(again)),
    })
}

fn table_writes(logged: &NamedWrites, again: &NamedWrites, schemas: &dyn Schemas) -> Option<Difference> {
    let table = format!("{}/{}", logged.package, logged.table);
    let known = schemas.schema(&logged.package);
    let shape = known.and_then(|schema| Shape::new(schema, &logged.table));
    let longest = logged.changes.len().max(again.changes.len());
    for place in 0..longest {
        let (left, right) = (logged.changes.get(place), again.changes.get(place));
        if left == right {
            continue;
        }
        let key_of = |change: &NamedChange| {
            shape.as_ref().map_or_else(|| hex(bytes(change)), |shape| shape.key(change))
        };
        let key = left.or(right).map(key_of).unwrap_or_default();
        let pair = left.zip(right).filter(|(left, right)| key_of(left) == key_of(right));
        if let (
            Some((
                NamedChange::Insert(left) | NamedChange::Update(left),
                NamedChange::Insert(right) | NamedChange::Update(right),
            )),
            Some(shape),
        ) = (pair, &shape)
            && let Some((column, left, right)) = shape.first_column(left, right)
        {
            return Some(Difference::Row {
                table,
                key,
                column: Some(column),
                logged: Some(left),
                again: Some(right),
            });
        }
        let text = |change: &NamedChange| {
            shape.as_ref().map_or_else(|| hex(bytes(change)), |shape| shape.change(change))
        };
        let (logged, again) = (left.map(text), right.map(text));
        return Some(Difference::Row { table, key, column: None, logged, again });
    }
    (logged.counter != again.counter).then_some(Difference::Counter {
        table,
        logged: logged.counter,
        again: again.counter,
    })
}

fn deliveries(logged: &[NamedOwed], again: &[NamedOwed]) -> Option<Difference> {
    let longest = logged.len().max(again.len());
    let place = (0..longest).find(|place| logged.get(*place) != again.get(*place))?;
    let text = |owed: &NamedOwed| {
        let NamedOwed { package, function, table_package, table, event, change } = owed;
        format!("{package}/{function} for {event:?} in {table_package}/{table} (change {change})")
    };
    let (logged, again) = (logged.get(place).map(text), again.get(place).map(text));
    Some(Difference::Delivery { logged, again })
}

/// A table's columns and primary key.
pub(super) struct Shape {
    fields: Vec<Field>,
    positions: Vec<usize>,
    key: KeyLayout,
}

impl Shape {
    /// The shape of a table by its interface and name.
    pub(super) fn new(schema: &Schema, name: &str) -> Option<Shape> {
        let is_it = |at: &str, table: &Table| format!("{at}.{}", table.name) == name;
        let (_, table) = schema.tables().find(|(at, table)| is_it(&at.name.name, table))?;
        let columns = table.columns.iter();
        let fields: Vec<Field> = columns
            .map(|column| Field { name: column.name.clone(), ty: schema.value_type(&column.ty) })
            .collect();
        let types: Vec<ValueType> = fields.iter().map(|field| field.ty.clone()).collect();
        let positions: Vec<usize> = table.primary_key.iter().map(|column| column.0 as usize).collect();
        let key = KeyLayout::new(&Layout::new(&types), &positions).ok()?;
        Some(Shape { fields, positions, key })
    }

    /// A row in WAVE.
    pub(super) fn row(&self, bytes: &[u8]) -> String {
        match self.values(bytes) {
            Some(values) => wave::print(&Value::Record(values), &ValueType::Record(self.fields.clone())),
            None => hex(bytes),
        }
    }

    /// A primary key in WAVE: the value, or a record of several.
    pub(super) fn key_text(&self, key: &[u8]) -> String {
        let Ok(values) = self.key.decode(key) else { return hex(key) };
        let fields: Vec<Field> = self.positions.iter().map(|place| self.fields[*place].clone()).collect();
        match (&values[..], &fields[..]) {
            ([value], [field]) => wave::print(value, &field.ty),
            _ => wave::print(&Value::Record(values), &ValueType::Record(fields)),
        }
    }

    /// The primary key of a row.
    pub(super) fn key_of_row(&self, row: &[u8]) -> Option<Vec<u8>> {
        self.values(row)?;
        let mut key = Vec::new();
        self.key.extract(row, &mut key);
        Some(key)
    }

    fn values(&self, row: &[u8]) -> Option<Vec<Value>> {
        let types: Vec<ValueType> = self.fields.iter().map(|field| field.ty.clone()).collect();
        row::decode_all(row, &types).ok()
    }

    fn key(&self, change: &NamedChange) -> String {
        match change {
            NamedChange::Delete(key) => self.key_text(key),
            NamedChange::Insert(row) | NamedChange::Update(row) => {
                self.key_of_row(row).map_or_else(|| hex(row), |key| self.key_text(&key))
            }
        }
    }

    fn change(&self, change: &NamedChange) -> String {
        match change {
            NamedChange::Insert(row) => format!("inserted {}", self.row(row)),
            NamedChange::Update(row) => format!("updated to {}", self.row(row)),
            NamedChange::Delete(key) => format!("deleted {}", self.key_text(key)),
        }
    }

    /// The first column in which two rows differ, and its values.
    pub(super) fn first_column(&self, left: &[u8], right: &[u8]) -> Option<(String, String, String)> {
        let (left, right) = (self.values(left)?, self.values(right)?);
        let mut columns = self.fields.iter().zip(left.iter().zip(&right));
        let (field, (left, right)) = columns.find(|(_, (left, right))| left != right)?;
        Some((field.name.clone(), wave::print(left, &field.ty), wave::print(right, &field.ty)))
    }
}

fn bytes(change: &NamedChange) -> &[u8] {
    let (NamedChange::Insert(bytes) | NamedChange::Update(bytes) | NamedChange::Delete(bytes)) = change;
    bytes
}

/// Bytes that no schema explains.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
