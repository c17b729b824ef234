//! The typed door: the table's own record and the columns of its keys, for guests of any language.
//! Values arrive here in the row codec, so a row is passed on as it is and a key is taken from the
//! parameters as the store would take it from a row.
//! Invariant: a typed function does to the table exactly what the row door's does.

use super::typed_rows::Rows;
use super::{Store, carry, nothing_or_violation, write_refusal, write_refusal_at};
use crate::canonical::{Buffer, TooLarge};
use crate::dynamic;
use crate::host::{Batch, Host, ScanRange};
use crate::imports::Door;
use crate::limits::MAX_VALUE_BYTES;
use crate::signature::Signature;
use crate::state::{State, visit};
use interstice_codec::ValueType;
use interstice_codec::key::{KeyLayout, successor};
use interstice_codec::row::{self, Layout, write_length};
use interstice_wit::doors::{TypedFunction, TypedOperation};
use interstice_wit::{Schema, Type, TypeName};
use std::sync::Arc;
use wasmtime::component::LinkerInstance;
use wasmtime::{Result, bail};

/// What a function takes and returns.
pub(super) fn signature(schema: &Schema, door: Door<'_>, function: &TypedFunction) -> Signature {
    let name = TypeName { interface: door.interface.name.clone(), name: door.table.name.clone() };
    let row = schema.value_type(&Type::Named(name));
    Signature {
        params: function.params.iter().map(|(name, ty)| (name.clone(), schema.value_type(ty))).collect(),
        result: Some(function.result.value_type(row)),
    }
}

/// Links a function to a table.
pub(super) fn link<H: Host>(
    linker: &mut LinkerInstance<'_, State<H>>,
    schema: &Schema,
    door: Door<'_>,
    function: &TypedFunction,
    table: H::Table,
) -> Result<()> {
    let signature = signature(schema, door, function);
    let params: Vec<ValueType> = signature.params.iter().map(|(_, ty)| ty.clone()).collect();
    let columns: Vec<ValueType> =
        door.table.columns.iter().map(|column| schema.value_type(&column.ty)).collect();
    let rows = Rows::new(&columns, door.table.columns.iter().position(|column| column.auto_increment));
    let body: dynamic::Body<H> = match function.operation {
        TypedOperation::Get => {
            let key = whole_key(&params)?;
            Arc::new(move |store, given| read_one(store, &table, 0, &key, &given))
        }
        TypedOperation::FindBy(position) => {
            let (key, index) = (whole_key(&params)?, index(position)?);
            Arc::new(move |store, given| read_one(store, &table, index, &key, &given))
        }
        TypedOperation::Scan => scan_body(table, 0, Bounds::Prefix(Options::new(&params, 0)?)),
        TypedOperation::ScanBy(position) => {
            let options = Options::new(&params, params.len().saturating_sub(2))?;
            scan_body(table, index(position)?, Bounds::Prefix(options))
        }
        TypedOperation::Range => scan_body(table, 0, Bounds::Between(Options::new(&params, 2)?)),
        TypedOperation::RangeBy(position) => {
            scan_body(table, index(position)?, Bounds::Between(Options::new(&params, 2)?))
        }
        TypedOperation::Count => Arc::new(move |store, _| {
            carry(store, 0, 0)?;
            let count = visit(store, |host, _| host.count(&table))?;
            Ok(fixed(&count.to_le_bytes()))
        }),
        TypedOperation::Insert => Arc::new(move |store, row| {
            carry(store, row.len(), 1)?;
            let answer = visit(store, |host, _| host.insert(&table, &row))?;
            Ok(row_or_violation(&rows, &row, answer))
        }),
        TypedOperation::Upsert => Arc::new(move |store, row| {
            carry(store, row.len(), 1)?;
            let answer = visit(store, |host, _| host.upsert(&table, &row))?;
            Ok(row_or_violation(&rows, &row, answer))
        }),
        TypedOperation::InsertMany => Arc::new(move |store, given| insert_many(store, &table, &rows, &given)),
        TypedOperation::Update => Arc::new(move |store, row| {
            carry(store, row.len(), 1)?;
            let answer = visit(store, |host, _| host.update(&table, &row))?;
            Ok(nothing_or_violation(answer))
        }),
        TypedOperation::Delete => {
            let key = whole_key(&params)?;
            Arc::new(move |store, given| {
                carry(store, given.len(), 1)?;
                let mut bytes = Buffer::take();
                key.extract(&given, &mut bytes);
                let deleted = visit(store, |host, _| host.delete(&table, &bytes))?;
                Ok(fixed(&[u8::from(deleted)]))
            })
        }
        TypedOperation::DeleteRange => {
            let options = Options::new(&params, 2)?;
            Arc::new(move |store, given| {
                let (low, high) = Bounds::between(&options, &given)?;
                let deleted = visit(store, |host, _| {
                    host.delete_range(&table, 0, &low, high.as_ref().map(|high| high.as_slice()))
                })?;
                carry(store, 0, u32::try_from(deleted).unwrap_or(u32::MAX))?;
                Ok(fixed(&deleted.to_le_bytes()))
            })
        }
    };
    dynamic::link(linker, &function.name, &signature, body)
}

/// Secondary indexes count from 1 where they are called by number.
fn index(position: usize) -> Result<u32> {
    Ok(u32::try_from(position + 1)?)
}

/// The key that all parameters together are.
fn whole_key(params: &[ValueType]) -> Result<KeyLayout> {
    let columns: Vec<usize> = (0..params.len()).collect();
    Ok(KeyLayout::new(&Layout::new(params), &columns)?)
}

fn fixed(bytes: &[u8]) -> Buffer {
    let mut out = Buffer::take();
    out.extend_from_slice(bytes);
    out
}

fn read_one<H: Host>(
    store: &mut Store<'_, H>,
    table: &H::Table,
    index: u32,
    layout: &KeyLayout,
    given: &[u8],
) -> Result<Buffer> {
    let mut key = Buffer::take();
    layout.extract(given, &mut key);
    let mut out = Buffer::take();
    out.push(1);
    let found = visit(store, |host, _| match index {
        0 => host.get(table, &key, &mut out),
        index => host.find(table, index, &key, &mut out),
    })?;
    carry(store, out.len(), 1)?;
    if !found {
        out.clear();
        out.push(0);
    }
    Ok(out)
}

fn row_or_violation(rows: &Rows, row: &[u8], answer: Result<u64, crate::Violation>) -> Buffer {
    let mut out = Buffer::take();
    match answer {
        Ok(number) => {
            out.push(0);
            rows.append(row, number, &mut out);
        }
        Err(violation) => write_refusal(violation, &mut out),
    }
    out
}

fn insert_many<H: Host>(
    store: &mut Store<'_, H>,
    table: &H::Table,
    rows: &Rows,
    given: &[u8],
) -> Result<Buffer> {
    let (batch, count) = rows.batch(given)?;
    carry(store, given.len(), count)?;
    let mut numbers = Buffer::take();
    let answer = visit(store, |host, _| host.insert_many(table, &batch, &mut numbers))?;
    let mut out = Buffer::take();
    match answer {
        Ok(()) => {
            out.push(0);
            rows.append_all(&batch, count, &numbers, &mut out)?;
        }
        Err((position, violation)) => write_refusal_at(position, violation, &mut out),
    }
    Ok(out)
}

/// Parameters that may be left out, each a column of a key.
struct Options {
    params: Layout,
    /// For each of them how its value becomes a key.
    keys: Vec<KeyLayout>,
}

impl Options {
    /// The first `count` of the parameters.
    fn new(params: &[ValueType], count: usize) -> Result<Self> {
        let mut keys = Vec::new();
        for param in &params[..count] {
            let ValueType::Option(column) = param else {
                bail!("a bound of a scan is always optional");
            };
            keys.push(KeyLayout::new(&Layout::new(std::slice::from_ref(column)), &[0])?);
        }
        Ok(Options { params: Layout::new(params), keys })
    }

    /// Appends the key of a parameter, if it was given.
    fn key(&self, given: &[u8], position: usize, out: &mut Vec<u8>) -> bool {
        match self.params.column(given, position) {
            [1, value @ ..] => {
                self.keys[position].extract(value, out);
                true
            }
            _ => false,
        }
    }

    /// The parameters after the optional ones: the direction, and the most rows.
    fn order(&self, given: &[u8]) -> Result<(bool, u32)> {
        let position = self.keys.len();
        let descending = row::from_bytes(self.params.column(given, position))?;
        let limit = row::from_bytes(self.params.column(given, position + 1))?;
        Ok((descending, limit))
    }
}

/// Which keys a scan is asked for.
enum Bounds {
    /// Those whose leading columns are the ones given.
    Prefix(Options),
    /// Those whose first column lies between two values.
    Between(Options),
}

impl Bounds {
    fn options(&self) -> &Options {
        match self {
            Bounds::Prefix(options) | Bounds::Between(options) => options,
        }
    }

    /// The smallest key, and the one before which the range ends.
    fn range(&self, given: &[u8]) -> Result<(Buffer, Option<Buffer>)> {
        match self {
            Bounds::Prefix(options) => Self::prefix(options, given),
            Bounds::Between(options) => Self::between(options, given),
        }
    }

    fn prefix(options: &Options, given: &[u8]) -> Result<(Buffer, Option<Buffer>)> {
        let (mut low, mut high) = (Buffer::take(), Buffer::take());
        let mut ended = false;
        for position in 0..options.keys.len() {
            let is_given = options.key(given, position, &mut low);
            if is_given && ended {
                bail!("a scan was given a column of the index but not the columns before it");
            }
            ended |= !is_given;
        }
        high.extend_from_slice(&low);
        let bounded = successor(&mut high);
        Ok((low, bounded.then_some(high)))
    }

    fn between(options: &Options, given: &[u8]) -> Result<(Buffer, Option<Buffer>)> {
        let (mut low, mut high) = (Buffer::take(), Buffer::take());
        options.key(given, 0, &mut low);
        let bounded = options.key(given, 1, &mut high);
        Ok((low, bounded.then_some(high)))
    }
}

/// A scan returns all of its rows at once: typed guests have no batches.
fn scan_body<H: Host>(table: H::Table, index: u32, bounds: Bounds) -> dynamic::Body<H> {
    Arc::new(move |store, given| {
        let (low, high) = bounds.range(&given)?;
        let (descending, limit) = bounds.options().order(&given)?;
        let high = high.as_ref().map(|high| high.as_slice());
        let range = ScanRange { index, low: &low, high, descending, limit };
        let mut batch = Buffer::take();
        let (mut total, mut charged) = (0, 0);
        let mut last = visit(store, |host, _| host.scan(&table, range, &mut batch))?;
        loop {
            let Batch { scan, rows } = last;
            carry(store, batch.len() - charged, rows)?;
            charged = batch.len();
            total += rows;
            if batch.len() > MAX_VALUE_BYTES {
                return Err(TooLarge.into());
            }
            let Some(scan) = scan else { break };
            last = visit(store, |host, _| host.next(&table, scan, &mut batch))?;
        }
        let mut out = Buffer::take();
        write_length(total as usize, &mut out);
        for row in row::Batch::new(&batch) {
            out.extend_from_slice(row?);
        }
        Ok(out)
    })
}
