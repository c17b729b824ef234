//! The doors of a table: interfaces through which a guest reaches its rows.
//! Which functions a door has and what they take is the contract's to say (`interstice_wit::doors`);
//! what they do is the host's; here one is led to the other.
//! Invariant: a function that changes a table is linked for its owner alone.

mod rows;
mod typed;
mod typed_rows;

use crate::canonical::Buffer;
use crate::host::{Host, Violation};
use crate::imports::{Door, DoorKind};
use crate::limits::{FUEL_PER_HOST_CALL, FUEL_PER_ROW, fuel_of_bytes};
use crate::signature::Signature;
use crate::state::{State, charge};
use interstice_wit::doors::{RowFunction, TypedFunction, TypedOperation, typed_door};
use interstice_wit::{Index, Schema};
use wasmtime::component::LinkerInstance;
use wasmtime::{Result, StoreContextMut, bail};

type Store<'a, H> = StoreContextMut<'a, State<H>>;

/// A function of a door.
pub(crate) struct DoorFunction {
    pub(crate) signature: Signature,
    pub(crate) writes: bool,
}

/// The function of that name, if the door has one.
pub(crate) fn function(schema: &Schema, door: Door<'_>, name: &str) -> Option<DoorFunction> {
    match door.kind {
        DoorKind::Rows => {
            let function = RowFunction::from_name(name)?;
            let params = function.params().into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
            let signature = Signature { params, result: function.result() };
            Some(DoorFunction { signature, writes: function.is_write() })
        }
        DoorKind::Typed => {
            let function = typed_function(door, name)?;
            let signature = typed::signature(schema, door, &function);
            Some(DoorFunction { signature, writes: function.operation.is_write() })
        }
    }
}

/// Links a function of a door to a table.
pub(crate) fn link<H: Host>(
    linker: &mut LinkerInstance<'_, State<H>>,
    schema: &Schema,
    door: Door<'_>,
    name: &str,
    table: &H::Table,
) -> Result<()> {
    match door.kind {
        DoorKind::Rows => match RowFunction::from_name(name) {
            Some(function) => rows::link(linker, function, table.clone()),
            None => bail!("a row door has no function `{name}`"),
        },
        DoorKind::Typed => match typed_function(door, name) {
            Some(function) => typed::link(linker, schema, door, &function, table.clone()),
            None => bail!("this typed door has no function `{name}`"),
        },
    }
}

/// The indexes that a function of the door can read by: all, where it is given the number of one.
pub(crate) fn indexes<'s>(door: Door<'s>, name: &str) -> &'s [Index] {
    let all = door.table.indexes.as_slice();
    match door.kind {
        DoorKind::Rows => match RowFunction::from_name(name) {
            Some(RowFunction::Find | RowFunction::Scan | RowFunction::DeleteRange) => all,
            _ => &[],
        },
        DoorKind::Typed => match typed_function(door, name).map(|function| function.operation) {
            Some(
                TypedOperation::FindBy(position)
                | TypedOperation::ScanBy(position)
                | TypedOperation::RangeBy(position),
            ) => all.get(position..=position).unwrap_or_default(),
            _ => &[],
        },
    }
}

fn typed_function(door: Door<'_>, name: &str) -> Option<TypedFunction> {
    let functions = typed_door(&door.interface.name, door.table);
    functions.into_iter().find(|function| function.name == name)
}

/// Takes the fuel of a call that carried these bytes and touched these rows.
#[inline]
fn carry<H: Host>(store: &mut Store<'_, H>, bytes: usize, rows: u32) -> Result<()> {
    charge(store, FUEL_PER_HOST_CALL + u64::from(rows) * FUEL_PER_ROW + fuel_of_bytes(bytes))
}

/// `ok` without a value, or `err(violation)`.
fn nothing_or_violation(answer: Result<(), Violation>) -> Buffer {
    let mut out = Buffer::take();
    match answer {
        Ok(()) => out.push(0),
        Err(violation) => write_refusal(violation, &mut out),
    }
    out
}

/// `err(violation)`
fn write_refusal(violation: Violation, out: &mut Vec<u8>) {
    out.push(1);
    write_violation(violation, out);
}

/// `err((position, violation))`
fn write_refusal_at(position: u32, violation: Violation, out: &mut Vec<u8>) {
    out.push(1);
    out.extend_from_slice(&position.to_le_bytes());
    write_violation(violation, out);
}

fn write_violation(violation: Violation, out: &mut Vec<u8>) {
    match violation {
        Violation::DuplicateKey => out.push(0),
        Violation::DuplicateUnique(index) => {
            out.push(1);
            out.extend_from_slice(&index.to_le_bytes());
        }
        Violation::NoSuchRow => out.push(2),
        Violation::CounterOverflow => out.push(3),
    }
}
