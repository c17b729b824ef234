//! What a call asks of the host, step by step, in the words of the schemas.
//! Invariant: a step is noted after it was done, so taking note of it changes nothing.

use super::divergence::{Shape, hex};
use crate::catalog::Catalog;
use crate::context::{Context, Target};
use crate::stop::Stop;
use interstice_codec::key::KeyLayout;
use interstice_codec::row::{self, Batch, Layout};
use interstice_codec::{Field, Value, ValueType};
use interstice_engine::{Fault, Returned, Violation};
use interstice_store::TableId;
use interstice_wit::Schema;
use interstice_wit::text::wave;
use std::collections::HashMap;
use std::fmt;

/// One thing that a module asked of the host. Values are in WAVE; keys and rows that no schema explains, in
/// hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// How many calls between modules stand between this and the call that is traced.
    pub level: u32,
    /// What was asked: a function of a table's door such as `get`, or `call`, `random`, `timestamp`,
    /// `caller`, `log`.
    pub operation: &'static str,
    /// The table or the function, such as `acme:bank/account`; empty where there is none.
    pub subject: String,
    /// What was given.
    pub arguments: String,
    /// What came back; empty if nothing does.
    pub result: String,
}

impl fmt::Display for TraceStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = self.level as usize * 2;
        write!(f, "{:indent$}{}", "", self.operation)?;
        if !self.subject.is_empty() {
            write!(f, " {}", self.subject)?;
        }
        write!(f, "({})", self.arguments)?;
        if !self.result.is_empty() {
            write!(f, " -> {}", self.result)?;
        }
        Ok(())
    }
}

/// Takes note of steps.
pub(crate) struct Tracer {
    tables: HashMap<TableId, TracedTable>,
    pub(super) steps: Vec<TraceStep>,
}

/// How the rows and keys of a table are read.
struct TracedTable {
    shape: Option<Shape>,
    /// The columns of each secondary index.
    indexes: Vec<(Vec<Field>, Option<KeyLayout>)>,
}

impl Tracer {
    /// A tracer that knows the tables of a catalog.
    pub(super) fn new(catalog: &Catalog) -> Tracer {
        let mut tracer = Tracer { tables: HashMap::new(), steps: Vec::new() };
        tracer.learn(catalog);
        tracer
    }

    /// Goes on with the tables of another catalog.
    pub(super) fn learn(&mut self, catalog: &Catalog) {
        self.tables.clear();
        for module in catalog.modules() {
            for ((interface, table), id) in module.schema.tables().zip(&module.tables) {
                let name = format!("{}.{}", interface.name.name, table.name);
                let indexes = indexes(&module.schema, table);
                self.tables.insert(*id, TracedTable { shape: Shape::new(&module.schema, &name), indexes });
            }
        }
    }

    fn shape(&self, table: TableId) -> Option<&Shape> {
        self.tables.get(&table)?.shape.as_ref()
    }

    /// A row.
    pub(crate) fn row(&self, table: TableId, row: &[u8]) -> String {
        self.shape(table).map_or_else(|| hex(row), |shape| shape.row(row))
    }

    /// Rows in batch form.
    pub(crate) fn rows(&self, table: TableId, batch: &[u8]) -> String {
        let rows = Batch::new(batch).map(|row| row.map_or_else(|_| hex(batch), |row| self.row(table, row)));
        format!("[{}]", rows.collect::<Vec<_>>().join(", "))
    }

    /// A whole key of an index, 0 being the primary one; the beginning of one in hexadecimal.
    pub(crate) fn key(&self, table: TableId, index: u32, key: &[u8]) -> String {
        let text = || {
            let table = self.tables.get(&table)?;
            let Some(place) = index.checked_sub(1) else { return Some(table.shape.as_ref()?.key_text(key)) };
            let (fields, layout) = table.indexes.get(place as usize)?;
            let values = layout.as_ref()?.decode(key).ok()?;
            Some(match (&values[..], &fields[..]) {
                ([value], [field]) => wave::print(value, &field.ty),
                _ => wave::print(&Value::Record(values), &ValueType::Record(fields.clone())),
            })
        };
        text().unwrap_or_else(|| hex(key))
    }

    /// A range of keys.
    pub(crate) fn range(&self, table: TableId, index: u32, low: &[u8], high: Option<&[u8]>) -> String {
        let by = self.tables.get(&table).and_then(|table| table.indexes.get(index.checked_sub(1)? as usize));
        let by = by
            .map(|(fields, _)| fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", "));
        let by = by.map_or_else(String::new, |columns| format!(" by {columns}"));
        let bound = |key: &[u8]| match key {
            [] => String::new(),
            key => self.key(table, index, key),
        };
        format!("{}..{}{by}", bound(low), high.map(bound).unwrap_or_default())
    }
}

impl Context {
    /// Takes note of a step, if somebody wants to know.
    #[inline]
    pub(crate) fn note(
        &mut self,
        operation: &'static str,
        subject: &str,
        step: impl FnOnce(&Tracer) -> (String, String),
    ) {
        let level = self.level() as u32;
        if let Some(tracer) = &mut self.tracer {
            let (arguments, result) = step(tracer);
            tracer.steps.push(TraceStep { level, operation, subject: subject.to_owned(), arguments, result });
        }
    }

    /// Takes note of a call of another module; the place of the step, for its result.
    pub(crate) fn note_call(&mut self, target: Target, arguments: &[u8]) -> Option<usize> {
        self.tracer.as_ref()?;
        let catalog = self.catalog.clone();
        let function = catalog.function(target);
        let types: Vec<ValueType> = function.params.iter().map(|(_, ty)| ty.clone()).collect();
        let arguments = match row::decode_all(arguments, &types) {
            Ok(values) => {
                let values = values.iter().zip(&types).map(|(value, ty)| wave::print(value, ty));
                values.collect::<Vec<_>>().join(", ")
            }
            Err(_) => hex(arguments),
        };
        self.note("call", &function.full_name, |_| (arguments, String::new()));
        self.tracer.as_ref().map(|tracer| tracer.steps.len() - 1)
    }

    /// Takes note of how a noted call ended.
    pub(crate) fn note_return(
        &mut self,
        place: usize,
        target: Target,
        outcome: &Result<Returned, Fault<Stop>>,
        result: &[u8],
    ) {
        let function = self.catalog.function(target);
        let text = match (outcome, &function.result) {
            (Err(fault), _) => format!("failed: {fault}"),
            (Ok(_), None) => "ok".to_owned(),
            (Ok(_), Some(ty)) => {
                row::decode(result, ty).map_or_else(|_| hex(result), |value| wave::print(&value, ty))
            }
        };
        if let Some(step) = self.tracer.as_mut().and_then(|tracer| tracer.steps.get_mut(place)) {
            step.result = text;
        }
    }
}

/// A refusal of a change as a module sees it.
pub(crate) fn refused(violation: &Violation) -> String {
    match violation {
        Violation::DuplicateKey => "err(duplicate-key)".to_owned(),
        Violation::DuplicateUnique(index) => format!("err(duplicate-unique({index}))"),
        Violation::NoSuchRow => "err(no-such-row)".to_owned(),
        Violation::CounterOverflow => "err(counter-overflow)".to_owned(),
    }
}

fn indexes(schema: &Schema, table: &interstice_wit::Table) -> Vec<(Vec<Field>, Option<KeyLayout>)> {
    let types: Vec<ValueType> = table.columns.iter().map(|column| schema.value_type(&column.ty)).collect();
    let layout = Layout::new(&types);
    let of = |index: &interstice_wit::Index| {
        let positions: Vec<usize> = index.columns.iter().map(|column| column.0 as usize).collect();
        let fields = positions
            .iter()
            .map(|place| Field { name: table.columns[*place].name.clone(), ty: types[*place].clone() })
            .collect();
        (fields, KeyLayout::new(&layout, &positions).ok())
    };
    table.indexes.iter().map(of).collect()
}
