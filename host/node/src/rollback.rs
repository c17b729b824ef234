//! The way back to an older version: what becomes of its tables is the reverse of how they came, and it is open only
//! while no row holds what the older version could not have held.
//! Invariant: whoever goes back and forth again finds the rows that there were.

use crate::error::Error;
use interstice_codec::row::{self, Batch, ColumnSource as RowSource, Conversion};
use interstice_codec::{Value, ValueType};
use interstice_store::{KeyRange, Reader, TableHandle};
use interstice_wit::evolution::{self, ColumnSource, Step, TableChange, TableEvolution, shown};
use interstice_wit::text::wave;
use interstice_wit::{Column, ColumnIndex, Index, Schema, Table, TypeName};

/// How many bytes of rows are looked at between two locks of the table.
const BATCH_BYTES: usize = 64 << 10;

/// What becomes of each table on the way back: those of the older version in their order, then those that it does
/// not have.
pub(crate) fn tables_back(current: &Schema, older: &Schema) -> Vec<TableEvolution> {
    let came = evolution::tables(older, current);
    let name = |at: &interstice_wit::Interface, table: &Table| TypeName {
        interface: at.name.clone(),
        name: table.name.clone(),
    };
    let of_older = older.tables().map(|(at, table)| {
        let name = name(at, table);
        let came = came.iter().find(|came| came.old.as_ref() == Some(&name));
        let came = came.expect("every table of the older version has become something");
        let change = match (&came.change, &came.new) {
            (TableChange::Automatic { columns, .. }, Some(new)) => reverse(
                (current, find(current, new).expect("it is the name of a table")),
                (older, table),
                columns,
            ),
            (TableChange::ByFunction { reasons }, _) => TableChange::ByFunction { reasons: reasons.clone() },
            (TableChange::Removed | TableChange::Added, _) | (_, None) => TableChange::Added,
            (TableChange::Unchanged, Some(_)) => TableChange::Unchanged,
        };
        TableEvolution { old: came.new.clone(), new: Some(name), change }
    });
    let gone = came.iter().filter(|came| came.old.is_none()).map(|came| TableEvolution {
        old: came.new.clone(),
        new: None,
        change: TableChange::Removed,
    });
    of_older.chain(gone).collect()
}

/// The table of that name.
pub(crate) fn find<'s>(schema: &'s Schema, name: &TypeName) -> Option<&'s Table> {
    let mut tables = schema.tables();
    tables.find(|(at, table)| at.name == name.interface && table.name == name.name).map(|(_, table)| table)
}

/// The reverse of an automatic change.
fn reverse(
    (schema, current): (&Schema, &Table),
    (older, table): (&Schema, &Table),
    came: &[ColumnSource],
) -> TableChange {
    let (mut columns, mut steps, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for (at, column) in (0..).map(ColumnIndex).zip(&table.columns) {
        let is_of_it = |source: &ColumnSource| match source {
            ColumnSource::Same(was) | ColumnSource::Widened(was) | ColumnSource::MadeOptional(was) => {
                *was == at
            }
            ColumnSource::Default(_) | ColumnSource::Fitted(_) => false,
        };
        let now = came.iter().position(is_of_it);
        match now.map(|now| (now, &came[now])) {
            Some((now, source)) => {
                let Column { name, ty, .. } = &current.columns[now];
                if *name != column.name {
                    steps.push(Step::ColumnRenamed { from: name.clone(), to: column.name.clone() });
                }
                let now = ColumnIndex(now as u32);
                let (from, to) = (schema.value_type(ty), older.value_type(&column.ty));
                if matches!(source, ColumnSource::Same(_)) && from == to {
                    columns.push(ColumnSource::Same(now));
                } else if table.primary_key.contains(&at) {
                    reasons.push(format!(
                        "`{}` is part of the primary key and has a type now whose values do not all fit the one that it \
                         had",
                        column.name
                    ));
                } else {
                    let (column, from, to) = (column.name.clone(), shown(&from), shown(&to));
                    steps.push(Step::ColumnFitted { column, from, to });
                    columns.push(ColumnSource::Fitted(now));
                }
            }
            None => match default_of(older, column) {
                Some(bytes) => {
                    steps.push(Step::ColumnAdded(column.name.clone()));
                    columns.push(ColumnSource::Default(bytes));
                }
                None => reasons.push(format!(
                    "the column `{}` was removed, and has no default in the older version",
                    column.name
                )),
            },
        }
    }
    for (now, source) in came.iter().enumerate() {
        if matches!(source, ColumnSource::Default(_)) {
            steps.push(Step::ColumnRemoved(current.columns[now].name.clone()));
        }
    }
    index_steps(table, current, &columns, &mut steps);
    if table.visibility != current.visibility {
        steps.push(Step::VisibilityChanged { from: current.visibility, to: table.visibility });
    }
    match reasons.is_empty() {
        true => TableChange::Automatic { columns, steps },
        false => TableChange::ByFunction { reasons },
    }
}

/// What becomes of the indexes: the same columns with the same claim are the same index.
fn index_steps(older: &Table, current: &Table, columns: &[ColumnSource], steps: &mut Vec<Step>) {
    let now = |at: &ColumnIndex| match columns.get(at.0 as usize)? {
        ColumnSource::Same(now) | ColumnSource::Fitted(now) => Some(*now),
        _ => None,
    };
    let mut gone: Vec<_> = current.indexes.iter().collect();
    for index in &older.indexes {
        let (name, unique) = (index.name.clone(), index.unique);
        let were: Option<Vec<ColumnIndex>> = index.columns.iter().map(now).collect();
        let is_it = |found: &&Index| Some(&found.columns) == were.as_ref() && found.unique == unique;
        let Some(found) = gone.iter().position(is_it) else {
            steps.push(Step::IndexAdded { name, unique });
            continue;
        };
        let from = gone.remove(found).name.clone();
        let is_fitted = |at: &ColumnIndex| matches!(columns[at.0 as usize], ColumnSource::Fitted(_));
        if from != name {
            steps.push(Step::IndexRenamed { from, to: name.clone() });
        }
        if index.columns.iter().any(is_fitted) {
            steps.push(Step::IndexRebuilt { name, unique });
        }
    }
    steps.extend(
        gone.into_iter().map(|index| Step::IndexRemoved { name: index.name.clone(), unique: index.unique }),
    );
}

fn default_of(schema: &Schema, column: &interstice_wit::Column) -> Option<Vec<u8>> {
    let ty = schema.value_type(&column.ty);
    let Some(default) = &column.default else {
        return matches!(ty, ValueType::Option(_)).then(|| vec![0]);
    };
    let value = wave::parse(default, &ty).ok()?;
    let mut bytes = Vec::new();
    row::encode(&value, &ty, &mut bytes).ok()?;
    Some(bytes)
}

/// The first row that would not be the same again after the way back and forth, in words.
pub(crate) fn lost_row(
    current: &Schema,
    older: &Schema,
    back: &TableEvolution,
    table: &TableHandle,
    reader: &Reader,
) -> Result<Option<String>, Error> {
    let forth = evolution::tables(older, current).into_iter().find(|forth| forth.old == back.new);
    let Some(forth) = forth else { return Ok(None) };
    let (Some(now), Some(then)) = (
        back.old.as_ref().and_then(|name| find(current, name)),
        back.new.as_ref().and_then(|name| find(older, name)),
    ) else {
        return Ok(None);
    };
    let types = |schema: &Schema, table: &Table| -> Vec<ValueType> {
        table.columns.iter().map(|column| schema.value_type(&column.ty)).collect()
    };
    let (now_types, then_types) = (types(current, now), types(older, then));
    let conversions = (
        conversion(&now_types, &then_types, &back.change),
        conversion(&then_types, &now_types, &forth.change),
    );
    let (Ok(back), Ok(forth)) = conversions else {
        return Ok(Some("its rows have values now that the older version does not know".to_owned()));
    };
    let mut scan = reader.scan(table, &KeyRange::default()).map_err(Error::Store)?;
    let (mut batch, mut older_row, mut again) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        batch.clear();
        let read = scan.next_batch(&mut batch, BATCH_BYTES, usize::MAX).map_err(Error::Store)?;
        for row in Batch::new(&batch) {
            let row = row.expect("the store makes whole batches");
            older_row.clear();
            again.clear();
            back.convert_valid(row, &mut older_row);
            forth.convert_valid(&older_row, &mut again);
            if row != again {
                return Ok(Some(lost(now, &now_types, row, &again)));
            }
        }
        if !read.more {
            return Ok(None);
        }
    }
}

/// How a row of one version of a table becomes one of the other.
pub(crate) fn conversion(
    from: &[ValueType],
    to: &[ValueType],
    change: &TableChange,
) -> Result<Conversion, ()> {
    let sources: Vec<RowSource> = match change {
        TableChange::Automatic { columns, .. } => columns.iter().map(row_source).collect(),
        _ => return if from == to { Ok(Conversion::identity(from)) } else { Err(()) },
    };
    Conversion::new(from, to, &sources).map_err(drop)
}

fn row_source(source: &ColumnSource) -> RowSource {
    match source {
        ColumnSource::Same(column) => RowSource::Same(column.0 as usize),
        ColumnSource::Widened(column) => RowSource::Widened(column.0 as usize),
        ColumnSource::MadeOptional(column) => RowSource::MadeOptional(column.0 as usize),
        ColumnSource::Fitted(column) => RowSource::Fitted(column.0 as usize),
        ColumnSource::Default(bytes) => RowSource::Default(bytes.clone()),
    }
}

/// What is lost of a row.
fn lost(table: &Table, types: &[ValueType], row: &[u8], again: &[u8]) -> String {
    let values = |bytes: &[u8]| row::decode_all(bytes, types).unwrap_or_default();
    let (now, again) = (values(row), values(again));
    let text = |values: &[Value], at: usize| wave::print(&values[at], &types[at]);
    let key: Vec<String> = table
        .primary_key
        .iter()
        .map(|at| format!("{} {}", table.columns[at.0 as usize].name, text(&now, at.0 as usize)))
        .collect();
    let differs = (0..now.len()).find(|at| now.get(*at) != again.get(*at));
    let column = differs.map(|at| format!("{} in `{}`", text(&now, at), table.columns[at].name));
    format!(
        "the row with {} has {}, which the older version cannot hold",
        key.join(", "),
        column.unwrap_or_else(|| "something".to_owned())
    )
}
