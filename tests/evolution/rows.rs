//! Rows of the old version of a case: made up, put in, and read again by its importer and by its owner, before and
//! after the store has them in the shape of the new version.

use crate::base::Base;
use crate::case::Case;
use crate::probe::{PROBE, public_tables};
use interstice_codec::row::{self, Batch, from_bytes, to_bytes};
use interstice_codec::{Field, Value, ValueType, arbitrary};
use interstice_log::{NamedCause, NamedOutcome};
use interstice_tests::machine::from_environment;
use interstice_wit::evolution::{self, ColumnSource, TableChange};
use interstice_wit::text::wave;
use interstice_wit::{ColumnIndex, Schema, Table};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// So many rows are tried for a table; those that repeat a key are refused.
const ROWS: usize = 16;

/// More would not come in the first batch of a scan, and nobody here asks for a second one.
const MOST_BYTES: usize = 3000;

/// Rows of one type.
type Rows = Vec<Vec<Value>>;

/// What is in the tables of a case.
pub(crate) struct Filled(Vec<(String, Rows)>);

/// The dice of a case; `INTERSTICE_SEED` throws others.
fn dice(case: &Case) -> TestRunner {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&from_environment("INTERSTICE_SEED").unwrap_or(7).to_le_bytes());
    for (at, byte) in case.title.bytes().enumerate() {
        seed[8 + at % 24] ^= byte;
    }
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

fn column_types(schema: &Schema, table: &Table) -> Vec<ValueType> {
    table.columns.iter().map(|column| schema.value_type(&column.ty)).collect()
}

fn find<'s>(schema: &'s Schema, name: &str) -> &'s Table {
    schema.tables().find(|(_, table)| table.name == name).unwrap().1
}

/// Puts made-up rows into each table of the old version; where the new one has an index that is unique, they are fit
/// for it.
pub(crate) fn fill(base: &Base, case: &Case) -> Filled {
    let mut dice = dice(case);
    let mut filled = Filled(Vec::new());
    for (_, table) in case.old.tables() {
        let types = column_types(&case.old, table);
        let unique = unique_columns(case);
        put(base, &case.old, table, &mut dice, |rows: &Rows, row| {
            let repeats = |at: usize| rows.iter().any(|earlier| earlier[at] == row[at]);
            !(0..row.len()).any(|at| unique.contains(&table.columns[at].name) && repeats(at))
        });
        let bytes =
            base.scan(&case.old.package.unversioned(), &format!("seeding.{}-scan", table.name), 0).unwrap();
        filled.0.push((table.name.clone(), decoded(&bytes, &types)));
    }
    filled
}

/// The columns that stand in a unique index of the new version.
fn unique_columns(case: &Case) -> Vec<String> {
    let name = |table: &Table, at: &ColumnIndex| table.columns[at.0 as usize].name.clone();
    let tables = case.new.tables();
    let indexes = tables.flat_map(|(_, table)| table.indexes.iter().map(move |index| (table, index)));
    let unique = indexes.filter(|(_, index)| index.unique);
    unique.flat_map(|(table, index)| index.columns.iter().map(move |at| name(table, at))).collect()
}

fn put(
    base: &Base,
    schema: &Schema,
    table: &Table,
    dice: &mut TestRunner,
    is_fit: impl Fn(&Rows, &[Value]) -> bool,
) {
    let types = column_types(schema, table);
    let (mut rows, mut total): (Rows, usize) = (Vec::new(), 0);
    for _ in 0..ROWS {
        let row = arbitrary::rows(&types).new_tree(dice).unwrap().current();
        let mut bytes = Vec::new();
        row::encode_all(&row, &types, &mut bytes).unwrap();
        if !is_fit(&rows, &row) || total + bytes.len() > MOST_BYTES {
            continue;
        }
        total += bytes.len();
        let function = format!("seeding.{}-insert", table.name);
        base.ask(&schema.package.unversioned(), &function, &to_bytes(&(bytes,))).unwrap();
        rows.push(row);
    }
}

fn decoded(batch: &[u8], types: &[ValueType]) -> Rows {
    Batch::new(batch).map(|row| row::decode_all(row.unwrap(), types).unwrap()).collect()
}

/// Rows in one order, whatever they came in.
fn sorted(rows: &Rows) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    texts.sort();
    texts
}

/// The rows of each public table as the importer reads them: through the row door by each index that it knew, through
/// the typed door, and their number. All must be the same.
pub(crate) fn known_rows(base: &Base, old: &Schema) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut known = Vec::new();
    for (_, table) in public_tables(old) {
        let (name, types) = (&table.name, column_types(old, table));
        let bytes = base.scan(PROBE, &format!("{name}-rows-scan"), 0)?;
        let rows = decoded(&bytes, &types);
        for index in 1..=table.indexes.len() as u32 {
            let by_index = decoded(&base.scan(PROBE, &format!("{name}-rows-scan"), index)?, &types);
            if sorted(&by_index) != sorted(&rows) {
                return Err(format!("{name} has other rows by index {index}: {by_index:?} and {rows:?}"));
            }
        }
        let answer = base.ask(PROBE, &format!("{name}-typed-scan"), &to_bytes(&(false, 0_u32)))?;
        let fields = table.columns.iter().zip(&types);
        let fields = fields.map(|(column, ty)| Field { name: column.name.clone(), ty: ty.clone() });
        let record = ValueType::Record(fields.collect());
        let typed = row::decode(&answer, &ValueType::List(Box::new(record))).unwrap();
        let expected = Value::List(rows.iter().cloned().map(Value::Record).collect());
        if typed != expected {
            return Err(format!("the typed door of {name} shows {typed:?}, the row door {expected:?}"));
        }
        let count: u64 = from_bytes(&base.ask(PROBE, &format!("{name}-rows-count"), &[])?).unwrap();
        if count != rows.len() as u64 {
            return Err(format!("{name} says that it has {count} rows, and shows {}", rows.len()));
        }
        known.push((name.clone(), bytes));
    }
    Ok(known)
}

impl Filled {
    /// How many rows are in a table.
    pub(crate) fn rows_of(&self, table: &str) -> usize {
        self.0.iter().find(|(name, _)| name == table).map_or(0, |(_, rows)| rows.len())
    }

    /// The owner reads each row of a table that was converted: each column has what it had, in the type of the new
    /// version. Answers how many rows that were.
    pub(crate) fn check_converted(&self, base: &Base, case: &Case) -> Result<usize, String> {
        let mut checked = 0;
        for found in evolution::tables(&case.old, &case.new) {
            let (Some(old), Some(new)) = (&found.old, &found.new) else { continue };
            let (before, after) = (find(&case.old, &old.name), find(&case.new, &new.name));
            let sources = match &found.change {
                TableChange::Automatic { columns, .. } => columns.clone(),
                TableChange::Unchanged => {
                    (0..before.columns.len() as u32).map(|at| ColumnSource::Same(ColumnIndex(at))).collect()
                }
                _ => continue,
            };
            let (was, is) = (column_types(&case.old, before), column_types(&case.new, after));
            let rows = &self.0.iter().find(|(name, _)| *name == old.name).unwrap().1;
            let expected: Vec<Vec<String>> =
                rows.iter().map(|row| converted(row, &was, &is, &sources)).collect();
            let module = case.new.package.unversioned();
            let function = format!("seeding.{}-scan", after.name);
            let read = decoded(&base.scan(&module, &function, 0)?, &is);
            let texts =
                |row: &Vec<Value>| row.iter().zip(&is).map(|(value, ty)| wave::print(value, ty)).collect();
            let found: Vec<Vec<String>> = read.iter().map(texts).collect();
            if found != expected {
                return Err(format!(
                    "{}: the store reads {found:?} where there was {expected:?}",
                    after.name
                ));
            }
            for index in 1..=after.indexes.len() as u32 {
                let by_index = decoded(&base.scan(&module, &function, index)?, &is);
                if sorted(&by_index) != sorted(&read) {
                    return Err(format!("{} has other rows by index {index}: {by_index:?}", after.name));
                }
            }
            checked += rows.len();
        }
        Ok(checked)
    }
}

/// What a row of the old version says, column by column of the new one, as text.
fn converted(row: &[Value], was: &[ValueType], is: &[ValueType], sources: &[ColumnSource]) -> Vec<String> {
    let text = |at: &ColumnIndex| wave::print(&row[at.0 as usize], &was[at.0 as usize]);
    let of = |(source, ty): (&ColumnSource, &ValueType)| match source {
        ColumnSource::Same(at) | ColumnSource::Widened(at) => text(at),
        ColumnSource::MadeOptional(at) => format!("some({})", text(at)),
        ColumnSource::Fitted(_) => unreachable!("only the way back has it"),
        ColumnSource::Default(bytes) => wave::print(&row::decode(bytes, ty).unwrap(), ty),
    };
    sources.iter().zip(is).map(of).collect()
}

/// Puts rows into the tables of the new version: whoever waits for those of the old one is told of each, and takes
/// it. Answers how many events that were.
pub(crate) fn events_are_told(base: Base, case: &Case) -> Result<usize, String> {
    let mut dice = dice(case);
    for (_, table) in case.new.tables() {
        put(&base, &case.new, table, &mut dice, |_, _| true);
    }
    base.node().settle().map_err(|error| error.to_string())?;
    let (mut owed, mut told) = (0, 0);
    for record in base.into_records() {
        owed += record.deliveries.len();
        if let NamedCause::Delivery(_) = record.cause {
            told += 1;
            if !matches!(record.outcome, NamedOutcome::Ok(_)) {
                return Err(format!("a listener failed: {record:?}"));
            }
        }
    }
    if owed == told { Ok(told) } else { Err(format!("{owed} events were owed, and {told} told")) }
}
