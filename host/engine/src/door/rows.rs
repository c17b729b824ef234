//! The row door: rows and keys as byte lists, read where they lie in the guest's memory.
//! Invariant: the bytes are passed on as they came; the host validates every row and key.

use super::{Store, carry, nothing_or_violation, write_refusal, write_refusal_at};
use crate::canonical::{Buffer, Reply};
use crate::host::{Host, ScanRange, Violation};
use crate::state::{State, visit};
use interstice_codec::row::{Batch, write_length};
use interstice_wit::doors::RowFunction;
use wasmtime::Result;
use wasmtime::component::{LinkerInstance, WasmList};

/// Links a function to a table.
pub(super) fn link<H: Host>(
    linker: &mut LinkerInstance<'_, State<H>>,
    function: RowFunction,
    table: H::Table,
) -> Result<()> {
    let name = function.name();
    match function {
        RowFunction::Get => {
            linker.func_wrap(name, move |mut store: Store<'_, H>, (key,): (WasmList<u8>,)| {
                let mut row = Buffer::take();
                let found =
                    visit(&mut store, |host, store| host.get(&table, key.as_le_slice(store), &mut row))?;
                carry(&mut store, key.len() + row.len(), 1)?;
                Ok((found.then_some(row),))
            })
        }
        RowFunction::Find => {
            linker.func_wrap(name, move |mut store: Store<'_, H>, (index, key): (u32, WasmList<u8>)| {
                let mut row = Buffer::take();
                let found = visit(&mut store, |host, store| {
                    host.find(&table, index, key.as_le_slice(store), &mut row)
                })?;
                carry(&mut store, key.len() + row.len(), 1)?;
                Ok((found.then_some(row),))
            })
        }
        RowFunction::Scan => link_scan(linker, table),
        RowFunction::Next => linker.func_wrap(name, move |mut store: Store<'_, H>, (scan,): (u32,)| {
            let mut rows = Buffer::take();
            let batch = visit(&mut store, |host, _| host.next(&table, scan, &mut rows))?;
            carry(&mut store, rows.len(), batch.rows)?;
            Ok(((batch.scan.is_some(), rows),))
        }),
        RowFunction::Close => linker.func_wrap(name, move |mut store: Store<'_, H>, (scan,): (u32,)| {
            carry(&mut store, 0, 0)?;
            visit(&mut store, |host, _| host.close(&table, scan))
        }),
        RowFunction::Count => linker.func_wrap(name, move |mut store: Store<'_, H>, (): ()| {
            carry(&mut store, 0, 0)?;
            Ok((visit(&mut store, |host, _| host.count(&table))?,))
        }),
        RowFunction::Insert => {
            linker.func_wrap(name, move |mut store: Store<'_, H>, (row,): (WasmList<u8>,)| {
                let answer = visit(&mut store, |host, store| host.insert(&table, row.as_le_slice(store)))?;
                carry(&mut store, row.len(), 1)?;
                Ok(Reply::<1>(number_or_violation(answer)))
            })
        }
        RowFunction::InsertMany => link_insert_many(linker, table),
        RowFunction::Update => {
            linker.func_wrap(name, move |mut store: Store<'_, H>, (row,): (WasmList<u8>,)| {
                let answer = visit(&mut store, |host, store| host.update(&table, row.as_le_slice(store)))?;
                carry(&mut store, row.len(), 1)?;
                Ok(Reply::<1>(nothing_or_violation(answer)))
            })
        }
        RowFunction::Upsert => {
            linker.func_wrap(name, move |mut store: Store<'_, H>, (row,): (WasmList<u8>,)| {
                let answer = visit(&mut store, |host, store| host.upsert(&table, row.as_le_slice(store)))?;
                carry(&mut store, row.len(), 1)?;
                Ok(Reply::<1>(number_or_violation(answer)))
            })
        }
        RowFunction::Delete => {
            linker.func_wrap(name, move |mut store: Store<'_, H>, (key,): (WasmList<u8>,)| {
                carry(&mut store, key.len(), 1)?;
                Ok((visit(&mut store, |host, store| host.delete(&table, key.as_le_slice(store)))?,))
            })
        }
        RowFunction::DeleteRange => link_delete_range(linker, table),
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
        carry(&mut store, bounds_bytes(&low, high.as_ref()) + rows.len(), batch.rows)?;
        Ok(((batch.scan.unwrap_or(0), rows),))
    })
}

fn link_insert_many<H: Host>(linker: &mut LinkerInstance<'_, State<H>>, table: H::Table) -> Result<()> {
    linker.func_wrap(
        RowFunction::InsertMany.name(),
        move |mut store: Store<'_, H>, (rows,): (WasmList<u8>,)| {
            // A batch that is none is the host's to refuse; what is left of it counts as one row.
            let count = u32::try_from(Batch::new(rows.as_le_slice(&store)).count())?;
            carry(&mut store, rows.len(), count)?;
            let mut numbers = Buffer::take();
            let answer = visit(&mut store, |host, store| {
                host.insert_many(&table, rows.as_le_slice(store), &mut numbers)
            })?;
            let mut out = Buffer::take();
            match answer {
                Ok(()) => {
                    out.push(0);
                    write_length(numbers.len(), &mut out);
                    out.extend_from_slice(&numbers);
                }
                Err((position, violation)) => write_refusal_at(position, violation, &mut out),
            }
            Ok(Reply::<1>(out))
        },
    )
}

fn link_delete_range<H: Host>(linker: &mut LinkerInstance<'_, State<H>>, table: H::Table) -> Result<()> {
    type Given = (u32, WasmList<u8>, Option<WasmList<u8>>);
    linker.func_wrap(
        RowFunction::DeleteRange.name(),
        move |mut store: Store<'_, H>, (index, low, high): Given| {
            let deleted = visit(&mut store, |host, store| {
                let high = high.as_ref().map(|high| high.as_le_slice(store));
                host.delete_range(&table, index, low.as_le_slice(store), high)
            })?;
            let bytes = bounds_bytes(&low, high.as_ref());
            carry(&mut store, bytes, u32::try_from(deleted).unwrap_or(u32::MAX))?;
            Ok((deleted,))
        },
    )
}

fn bounds_bytes(low: &WasmList<u8>, high: Option<&WasmList<u8>>) -> usize {
    low.len() + high.map_or(0, WasmList::len)
}

fn number_or_violation(answer: Result<u64, Violation>) -> Buffer {
    let mut out = Buffer::take();
    match answer {
        Ok(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Err(violation) => write_refusal(violation, &mut out),
    }
    out
}
