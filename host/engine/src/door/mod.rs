//! The doors of a table: interfaces through which a guest reaches its rows.
//! Which functions a door has, what they take and which of them change the table stands here; what
//! they do is the host's.
//! Invariant: a function that changes a table is linked for its owner alone.

mod rows;

use crate::host::{Host, Violation};
use crate::imports::{Door, DoorKind};
use crate::signature::Signature;
use crate::state::State;
use interstice_codec::{Case, ValueType};
use interstice_wit::Schema;
use wasmtime::Result;
use wasmtime::component::LinkerInstance;

/// A function of a door.
pub(crate) struct DoorFunction {
    pub(crate) signature: Signature,
    pub(crate) writes: bool,
}

/// The function of that name, if the door has one.
pub(crate) fn function(_schema: &Schema, door: Door<'_>, name: &str) -> Option<DoorFunction> {
    match door.kind {
        DoorKind::Rows => rows::function(name),
        DoorKind::Typed => None,
    }
}

/// Links a function of a door to a table.
pub(crate) fn link<H: Host>(
    linker: &mut LinkerInstance<'_, State<H>>,
    _schema: &Schema,
    door: Door<'_>,
    name: &str,
    table: &H::Table,
) -> Result<()> {
    match door.kind {
        DoorKind::Rows => rows::link(linker, name, table.clone()),
        DoorKind::Typed => wasmtime::bail!("no typed door"),
    }
}

/// `variant violation` of `host.wit`.
fn violation_type() -> ValueType {
    let case = |name: &str, ty| Case { name: name.to_owned(), ty };
    ValueType::Variant(vec![
        case("duplicate-key", None),
        case("duplicate-unique", Some(ValueType::U32)),
        case("no-such-row", None),
        case("counter-overflow", None),
    ])
}

/// Writes a violation as a row has it.
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
