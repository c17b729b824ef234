//! The row door: rows and keys as byte lists, read where they lie in the guest's memory.
//! Invariant: the bytes are passed on as they came; the host validates every row and key.

use super::{DoorFunction, violation_type, write_violation};
use crate::canonical::{Buffer, Reply};
use crate::host::{Host, ScanRange, Violation};
use crate::limits::{FUEL_PER_HOST_CALL, FUEL_PER_ROW, fuel_of_bytes};
use crate::signature::Signature;
use crate::state::{State, charge, visit};
use interstice_codec::ValueType;
use wasmtime::component::{LinkerInstance, WasmList};
use wasmtime::{Result, StoreContextMut, bail};

type Store<'a, H> = StoreContextMut<'a, State<H>>;

/// The function of that name.
pub(super) fn function(name: &str) -> Option<DoorFunction> {
    use ValueType::{Bool, U32, U64};
    let bytes = || ValueType::List(Box::new(ValueType::U8));
    let option = |ty| ValueType::Option(Box::new(ty));
    let result =
        |ok: Option<ValueType>, err| ValueType::Result { ok: ok.map(Box::new), err: Some(Box::new(err)) };
    let refused = || ValueType::Tuple(vec![U32, violation_type()]);
    let range = || [("index", U32), ("low", bytes()), ("high", option(bytes()))];
    let (writes, params, result): (bool, Vec<(&str, ValueType)>, Option<ValueType>) = match name {
        "get" => (false, vec![("key", bytes())], Some(option(bytes()))),
        "find" => (false, vec![("index", U32), ("key", bytes())], Some(option(bytes()))),
        "scan" => {
            let mut params = range().to_vec();
            params.extend([("descending", Bool), ("limit", U32)]);
            (false, params, Some(ValueType::Tuple(vec![U32, bytes()])))
        }
        "next" => (false, vec![("scan", U32)], Some(ValueType::Tuple(vec![Bool, bytes()]))),
        "close" => (false, vec![("scan", U32)], None),
        "count" => (false, vec![], Some(U64)),
        "insert" => (true, vec![("row", bytes())], Some(result(Some(U64), violation_type()))),
        "insert-many" => (true, vec![("rows", bytes())], Some(result(Some(bytes()), refused()))),
        "update" => (true, vec![("row", bytes())], Some(result(None, violation_type()))),
        "upsert" => (true, vec![("row", bytes())], Some(result(Some(U64), violation_type()))),
        "delete" => (true, vec![("key", bytes())], Some(Bool)),
        "delete-range" => (true, range().to_vec(), Some(U64)),
        _ => return None,
    };
    let params = params.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
    Some(DoorFunction { signature: Signature { params, result }, writes })
}

/// Links the function of that name to a table.
pub(super) fn link<H: Host>(
    linker: &mut LinkerInstance<'_, State<H>>,
    name: &str,
    table: H::Table,
) -> Result<()> {
    match name {
        "get" => linker.func_wrap(name, move |mut store: Store<'_, H>, (key,): (WasmList<u8>,)| {
            let mut row = Buffer::take();
            let found = visit(&mut store, |host, store| host.get(&table, key.as_le_slice(store), &mut row))?;
            carry(&mut store, row.len(), 1)?;
            Ok((found.then_some(row),))
        }),
        "find" => {
            linker.func_wrap(name, move |mut store: Store<'_, H>, (index, key): (u32, WasmList<u8>)| {
                let mut row = Buffer::take();
                let found = visit(&mut store, |host, store| {
                    host.find(&table, index, key.as_le_slice(store), &mut row)
                })?;
                carry(&mut store, row.len(), 1)?;
                Ok((found.then_some(row),))
            })
        }
        "scan" => link_scan(linker, table),
        "next" => linker.func_wrap(name, move |mut store: Store<'_, H>, (scan,): (u32,)| {
            let mut rows = Buffer::take();
            let batch = visit(&mut store, |host, _| host.next(&table, scan, &mut rows))?;
            carry(&mut store, rows.len(), batch.rows)?;
            Ok(((batch.scan.is_some(), rows),))
        }),
        "close" => linker.func_wrap(name, move |mut store: Store<'_, H>, (scan,): (u32,)| {
            carry(&mut store, 0, 0)?;
            visit(&mut store, |host, _| host.close(&table, scan))
        }),
        "count" => linker.func_wrap(name, move |mut store: Store<'_, H>, (): ()| {
            carry(&mut store, 0, 0)?;
            Ok((visit(&mut store, |host, _| host.count(&table))?,))
        }),
        "insert" => linker.func_wrap(name, move |mut store: Store<'_, H>, (row,): (WasmList<u8>,)| {
            let answer = visit(&mut store, |host, store| host.insert(&table, row.as_le_slice(store)))?;
            carry(&mut store, row.len(), 1)?;
            Ok(Reply::<1>(number_or_violation(answer)))
        }),
        "insert-many" => link_insert_many(linker, table),
        "update" => linker.func_wrap(name, move |mut store: Store<'_, H>, (row,): (WasmList<u8>,)| {
            let answer = visit(&mut store, |host, store| host.update(&table, row.as_le_slice(store)))?;
            carry(&mut store, row.len(), 1)?;
            let mut out = Buffer::take();
            match answer {
                Ok(()) => out.push(0),
                Err(violation) => {
                    out.push(1);
                    write_violation(violation, &mut out);
                }
            }
            Ok(Reply::<1>(out))
        }),
        "upsert" => linker.func_wrap(name, move |mut store: Store<'_, H>, (row,): (WasmList<u8>,)| {
            let answer = visit(&mut store, |host, store| host.upsert(&table, row.as_le_slice(store)))?;
            carry(&mut store, row.len(), 1)?;
            Ok(Reply::<1>(number_or_violation(answer)))
        }),
        "delete" => linker.func_wrap(name, move |mut store: Store<'_, H>, (key,): (WasmList<u8>,)| {
            carry(&mut store, key.len(), 1)?;
            Ok((visit(&mut store, |host, store| host.delete(&table, key.as_le_slice(store)))?,))
        }),
        "delete-range" => link_delete_range(linker, table),
        other => bail!("a row door has no function `{other}`"),
    }
}

fn link_scan<H: Host>(linker: &mut LinkerInstance<'_, State<H>>, table: H::Table) -> Result<()> {
    type Given = (u32, WasmList<u8>, Option<WasmList<u8>>, bool, u32);
    linker.func_wrap("scan", move |mut store: Store<'_, H>, (index, low, high, descending, limit): Given| {
        let mut rows = Buffer::take();
        let batch = visit(&mut store, |host, store| {
            let high = high.as_ref().map(|high| high.as_le_slice(store));
            let range = ScanRange { index, low: low.as_le_slice(store), high, descending, limit };
            host.scan(&table, range, &mut rows)
        })?;
        carry(&mut store, rows.len(), batch.rows)?;
        Ok(((batch.scan.unwrap_or(0), rows),))
    })
}

fn link_insert_many<H: Host>(linker: &mut LinkerInstance<'_, State<H>>, table: H::Table) -> Result<()> {
    linker.func_wrap("insert-many", move |mut store: Store<'_, H>, (rows,): (WasmList<u8>,)| {
        let count = count_rows(rows.as_le_slice(&store));
        carry(&mut store, rows.len(), count)?;
        let mut numbers = Buffer::take();
        let answer =
            visit(&mut store, |host, store| host.insert_many(&table, rows.as_le_slice(store), &mut numbers))?;
        let mut out = Buffer::take();
        match answer {
            Ok(()) => {
                out.push(0);
                crate::canonical::write_length(u32::try_from(numbers.len())?, &mut out);
                out.extend_from_slice(&numbers);
            }
            Err((position, violation)) => {
                out.push(1);
                out.extend_from_slice(&position.to_le_bytes());
                write_violation(violation, &mut out);
            }
        }
        Ok(Reply::<1>(out))
    })
}

fn link_delete_range<H: Host>(linker: &mut LinkerInstance<'_, State<H>>, table: H::Table) -> Result<()> {
    type Given = (u32, WasmList<u8>, Option<WasmList<u8>>);
    linker.func_wrap("delete-range", move |mut store: Store<'_, H>, (index, low, high): Given| {
        let deleted = visit(&mut store, |host, store| {
            let high = high.as_ref().map(|high| high.as_le_slice(store));
            host.delete_range(&table, index, low.as_le_slice(store), high)
        })?;
        carry(&mut store, 0, u32::try_from(deleted).unwrap_or(u32::MAX))?;
        Ok((deleted,))
    })
}

/// Takes the fuel of a call that carried these bytes and touched these rows.
#[inline]
fn carry<H: Host>(store: &mut Store<'_, H>, bytes: usize, rows: u32) -> Result<()> {
    charge(store, FUEL_PER_HOST_CALL + u64::from(rows) * FUEL_PER_ROW + fuel_of_bytes(bytes))
}

fn number_or_violation(answer: Result<u64, Violation>) -> Buffer {
    let mut out = Buffer::take();
    match answer {
        Ok(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Err(violation) => {
            out.push(1);
            write_violation(violation, &mut out);
        }
    }
    out
}

/// How many rows a batch holds, for the fuel that they cost. A batch that is none is the host's to refuse;
/// until then what is left of it counts as one row.
fn count_rows(mut batch: &[u8]) -> u32 {
    let mut rows = 0;
    while !batch.is_empty() {
        rows += 1;
        let mut length = 0_usize;
        let mut used = 0;
        for (position, byte) in batch.iter().take(5).enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * position);
            used = position + 1;
            if *byte < 0x80 {
                break;
            }
        }
        batch = batch.get(used + length..).unwrap_or_default();
    }
    rows
}
