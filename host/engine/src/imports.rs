//! What a component may import: the allow-list that follows from its schema.
//! Whether a name on it is also linked is decided elsewhere.
//! Invariant: what is not here reaches no guest.

use interstice_wit::{Interface, Schema, Table};
use std::collections::HashMap;

/// The interface through which every guest learns its circumstances.
pub(crate) const CONTEXT: &str = "interstice:host/context@0.1.0";

/// The interface with the types that the doors share.
pub(crate) const DOOR: &str = "interstice:host/door@0.1.0";

/// What an importable interface is.
#[derive(Clone, Copy)]
pub(crate) enum Importable<'s> {
    /// The functions of `context`.
    Context,
    /// Types, and no function.
    Types(Option<&'s Interface>),
    /// The functions of an imported interface.
    Functions(&'s Interface),
    /// A door to a table.
    Door(Door<'s>),
}

/// A door to a table, as the schema of its user knows it.
#[derive(Clone, Copy)]
pub(crate) struct Door<'s> {
    pub(crate) kind: DoorKind,
    pub(crate) interface: &'s Interface,
    pub(crate) table: &'s Table,
    pub(crate) access: Access,
}

/// Which of its two doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoorKind {
    /// Rows and keys as bytes.
    Rows,
    /// Rows as records.
    Typed,
}

/// What a module may do with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It is its own.
    Owner,
    /// It is public and its interface is imported, or it is of the version before, for a migration.
    Reader,
    /// Neither; known only so that a refusal can say so.
    None,
}

/// Everything that a module with this schema may import, by name.
pub(crate) fn importable(schema: &Schema) -> HashMap<String, Importable<'_>> {
    let mut names = HashMap::new();
    names.insert(CONTEXT.to_owned(), Importable::Context);
    names.insert(DOOR.to_owned(), Importable::Types(None));
    for interface in &schema.exports {
        names.insert(interface.name.to_string(), Importable::Types(Some(interface)));
        doors(interface, |_| Access::Owner, &mut names);
    }
    for interface in &schema.foreign {
        let imported = schema.imports.contains(&interface.name);
        let importable =
            if imported { Importable::Functions(interface) } else { Importable::Types(Some(interface)) };
        names.insert(interface.name.to_string(), importable);
        let access = |table: &Table| {
            if schema.may_read(interface, table) { Access::Reader } else { Access::None }
        };
        doors(interface, access, &mut names);
    }
    names
}

fn doors<'s>(
    interface: &'s Interface,
    access: impl Fn(&Table) -> Access,
    names: &mut HashMap<String, Importable<'s>>,
) {
    for table in &interface.tables {
        for (kind, suffix) in [(DoorKind::Rows, "rows"), (DoorKind::Typed, "table")] {
            let name = interface.name.package.interface(&format!("{}-{suffix}", table.name)).to_string();
            let door = Door { kind, interface, table, access: access(table) };
            names.insert(name, Importable::Door(door));
        }
    }
}
