//! The rows of a table of a past state, in the order of their keys, and two such tables side by side.
//! Invariant: of two tables every key is looked at once, however many rows there are.

use crate::database::failure;
use crate::exit::Failure;
use interstice_codec::row::{self, Batch};
use interstice_codec::{Field, Value, ValueType};
use interstice_node::store::{KeyRange, Scan, TableHandle};
use interstice_node::{Error, HistoricState, HistoricTable};
use interstice_wit::text::{json, wave};
use std::cmp::Ordering;
use std::collections::VecDeque;

const BATCH_BYTES: usize = 64 << 10;

/// A primary key in key form, and the row that has it.
type KeyedRow = (Vec<u8>, Vec<u8>);

/// Reads the rows of a table.
pub(super) struct Rows {
    scan: Option<Scan>,
    table: Option<TableHandle>,
    batch: Vec<u8>,
    waiting: VecDeque<Vec<u8>>,
}

impl Rows {
    /// The rows of a table; none, if the state has no such table.
    pub(super) fn new(state: &HistoricState, table: Option<&HistoricTable>) -> Result<Rows, Failure> {
        let open = |table: &HistoricTable| state.reader().scan(&table.handle, &KeyRange::default());
        let scan = table.map(open).transpose().map_err(Error::Store).map_err(failure)?;
        let table = table.map(|table| table.handle.clone());
        Ok(Rows { scan, table, batch: Vec::new(), waiting: VecDeque::new() })
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        while self.waiting.is_empty() {
            let Some(scan) = &mut self.scan else { return Ok(None) };
            self.batch.clear();
            let read = scan.next_batch(&mut self.batch, BATCH_BYTES, usize::MAX);
            if !read.map_err(Error::Store).map_err(failure)?.more {
                self.scan = None;
            }
            let rows = Batch::new(&self.batch);
            self.waiting.extend(rows.map(|row| row.expect("the store makes whole batches").to_vec()));
        }
        Ok(self.waiting.pop_front())
    }

    /// The next row with its primary key in key form.
    fn next_with_key(&mut self) -> Result<Option<KeyedRow>, Failure> {
        let Some(row) = self.next()? else { return Ok(None) };
        let table = self.table.as_ref().expect("a row is of a table");
        let mut key = Vec::new();
        table.key_of_row(&row, &mut key).map_err(Error::Store).map_err(failure)?;
        Ok(Some((key, row)))
    }
}

/// What became of a row.
pub(super) enum Change<'r> {
    Added(&'r [u8]),
    Removed(&'r [u8]),
    Changed(&'r [u8], &'r [u8]),
}

/// Shows `tell` all changes in the order of the keys, until it answers that it has seen enough.
pub(super) fn changes(
    mut before: Rows,
    mut after: Rows,
    shapes: &Shapes,
    mut tell: impl FnMut(Change<'_>) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let (mut left, mut right) = (before.next_with_key()?, after.next_with_key()?);
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            // Keys of other types are those of other rows.
            (Some(_), Some(_)) if !shapes.has_same_keys() => Ordering::Less,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        let change = match (&left, &right) {
            (Some((_, old)), _) if order.is_lt() => Some(Change::Removed(old)),
            (_, Some((_, new))) if order.is_gt() => Some(Change::Added(new)),
            (Some((_, old)), Some((_, new))) if !shapes.is_same(old, new) => Some(Change::Changed(old, new)),
            _ => None,
        };
        if let Some(change) = change
            && !tell(change)?
        {
            return Ok(());
        }
        if order.is_le() {
            left = before.next_with_key()?;
        }
        if order.is_ge() {
            right = after.next_with_key()?;
        }
    }
}

/// The columns that a table had at two moments.
pub(super) struct Shapes {
    pub(super) before: Shape,
    pub(super) after: Shape,
}

impl Shapes {
    fn has_same_keys(&self) -> bool {
        let types = |shape: &Shape| -> Vec<ValueType> {
            shape.key.iter().map(|place| shape.fields[*place].ty.clone()).collect()
        };
        types(&self.before) == types(&self.after)
    }

    fn is_same(&self, old: &[u8], new: &[u8]) -> bool {
        match self.before == self.after {
            true => old == new,
            false => self.differences(old, new).is_empty(),
        }
    }

    /// The names of columns that only the table of the first moment has, and those that only the other one has.
    pub(super) fn other_columns(&self) -> (Vec<String>, Vec<String>) {
        let only = |here: &Shape, there: &Shape| {
            let is_only = |field: &&Field| there.fields.iter().all(|other| other.name != field.name);
            here.fields.iter().filter(is_only).map(|field| field.name.clone()).collect()
        };
        (only(&self.before, &self.after), only(&self.after, &self.before))
    }

    /// The columns of both in which two rows differ, with both values in WAVE.
    pub(super) fn differences(&self, old: &[u8], new: &[u8]) -> Vec<(String, String, String)> {
        let (old, new) = (self.before.values(old), self.after.values(new));
        let mut differences = Vec::new();
        for (field, new) in self.after.fields.iter().zip(&new) {
            let was = self.before.fields.iter().position(|other| other.name == field.name);
            let Some(was) = was else { continue };
            let text = [(&self.before.fields[was].ty, &old[was]), (&field.ty, new)]
                .map(|(ty, value)| wave::print(value, ty));
            let [old, new] = text;
            if old != new {
                differences.push((field.name.clone(), old, new));
            }
        }
        differences
    }
}

/// The columns of a table, by which its rows are read.
#[derive(Clone, PartialEq)]
pub(super) struct Shape {
    fields: Vec<Field>,
    key: Vec<usize>,
}

impl Shape {
    /// That of a table of a state.
    pub(super) fn of(state: &HistoricState, table: &HistoricTable) -> Shape {
        for module in state.modules().into_iter().chain(state.kept()) {
            let schema = &module.schema;
            if schema.package.unversioned() != table.package {
                continue;
            }
            for (interface, found) in schema.tables() {
                if format!("{}.{}", interface.name.name, found.name) == table.name {
                    let columns = found.columns.iter();
                    let field = |column: &interstice_wit::Column| Field {
                        name: column.name.clone(),
                        ty: schema.value_type(&column.ty),
                    };
                    return Shape {
                        fields: columns.map(field).collect(),
                        key: found.primary_key.iter().map(|column| column.0 as usize).collect(),
                    };
                }
            }
        }
        unreachable!("the table is of this state")
    }

    fn values(&self, row: &[u8]) -> Vec<Value> {
        let types: Vec<ValueType> = self.fields.iter().map(|field| field.ty.clone()).collect();
        row::decode_all(row, &types).expect("the state holds rows of its schema")
    }

    /// A row in WAVE.
    pub(super) fn text(&self, row: &[u8]) -> String {
        wave::print(&Value::Record(self.values(row)), &ValueType::Record(self.fields.clone()))
    }

    /// A row in JSON.
    pub(super) fn json(&self, row: &[u8]) -> serde_json::Value {
        json::to_json(&Value::Record(self.values(row)), &ValueType::Record(self.fields.clone()))
    }

    /// The primary key of a row in WAVE.
    pub(super) fn key(&self, row: &[u8]) -> String {
        let values = self.values(row);
        let key: Vec<Value> = self.key.iter().map(|place| values[*place].clone()).collect();
        let fields: Vec<Field> = self.key.iter().map(|place| self.fields[*place].clone()).collect();
        match (&key[..], &fields[..]) {
            ([value], [field]) => wave::print(value, &field.ty),
            _ => wave::print(&Value::Record(key), &ValueType::Record(fields)),
        }
    }
}
