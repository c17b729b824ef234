//! What a module can touch: which functions of other modules it calls, which tables it reads or writes, what it
//! asks the host, and when the host runs it.
//! Whoever installs a module reads this before; the host enforces it by linking nothing else.
//! Invariant: what a component imports and is not described here reaches no guest.

use crate::doors::{RowFunction, host_package, rows_interface, table_interface, typed_door};
use crate::schema::{
    FunctionKind, Interface, InterfaceName, RowEvent, Schema, Storage, Table, Trigger, Visibility,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The interface of the host by which a guest learns its circumstances.
const CONTEXT: &str = "context";
/// What every module may ask the host, by the names of the functions. How a panic is told is left out.
const HOST_FUNCTIONS: [&str; 4] = ["caller", "timestamp", "random", "log"];

/// What a module can touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Functions of other modules, which run in the transactions of this one.
    pub calls: Vec<Calls>,
    /// Tables, its own and those of others.
    pub tables: Vec<TableAccess>,
    /// What it asks the host: `caller`, `timestamp`, `random`, `log`.
    pub host: Vec<String>,
    /// When the host runs it without being asked.
    pub runs: Vec<Run>,
}

/// Functions of an imported interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// The interface.
    pub interface: InterfaceName,
    /// The reducers among them, which write to the tables of their module.
    pub reducers: Vec<String>,
    /// The queries among them.
    pub queries: Vec<String>,
}

/// What a module does with a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableAccess {
    /// The interface in which the table stands.
    pub interface: InterfaceName,
    /// Its name.
    pub table: String,
    /// Whose it is.
    pub owner: Owner,
    /// Who else may read it.
    pub visibility: Visibility,
    /// Whether its rows outlive a restart.
    pub storage: Storage,
    /// Whether the module reads it.
    pub reads: bool,
    /// Whether the module writes to it.
    pub writes: bool,
}

/// Whose a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The module's own.
    Own,
    /// Of an older version of the module itself; read by its migration only.
    FormerSelf,
    /// Another module's.
    Other,
}

/// A function that the host runs by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The interface in which it stands.
    pub interface: String,
    /// Its name.
    pub function: String,
    /// When: `init`, `upgrade`, `connect`, `disconnect`, `migrate`, `schedule`, `insert`, `update`, `delete`.
    pub when: String,
    /// The table whose rows it waits for, as `acme:bank/account`, or the interval of a schedule in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

impl Capabilities {
    /// Everything that a module with this contract may touch; its component may import less of it.
    pub fn allowed(schema: &Schema) -> Capabilities {
        Capabilities::new(schema, &|_, _| true)
    }

    /// What a component with this contract does touch, by the functions that it imports: the name of each
    /// interface with the names of the functions.
    pub fn used<'a>(schema: &Schema, imports: impl IntoIterator<Item = (&'a str, &'a str)>) -> Capabilities {
        let imports: BTreeSet<_> = imports.into_iter().collect();
        Capabilities::new(schema, &|interface, function| imports.contains(&(interface, function)))
    }

    fn new(schema: &Schema, is_used: &dyn Fn(&str, &str) -> bool) -> Capabilities {
        let imported = || schema.imports.iter().filter_map(|name| schema.interface(name));
        let context = host_package().interface(CONTEXT).to_string();
        let host = HOST_FUNCTIONS.into_iter().filter(|function| is_used(&context, function));
        let own = schema.exports.iter().map(|interface| (Owner::Own, interface));
        let others = imported().map(|interface| match schema.is_former_self(&interface.name) {
            true => (Owner::FormerSelf, interface),
            false => (Owner::Other, interface),
        });
        Capabilities {
            calls: imported().filter_map(|interface| calls(interface, is_used)).collect(),
            tables: own.chain(others).flat_map(|owned| tables(schema, owned, is_used)).collect(),
            host: host.map(str::to_owned).collect(),
            runs: runs(schema),
        }
    }
}

fn calls(interface: &Interface, is_used: &dyn Fn(&str, &str) -> bool) -> Option<Calls> {
    let name = interface.name.to_string();
    let of_kind = |kind: FunctionKind| -> Vec<String> {
        let functions = interface.functions.iter().filter(|function| function.kind == kind);
        functions
            .filter(|function| is_used(&name, &function.name))
            .map(|function| function.name.clone())
            .collect()
    };
    let (reducers, queries) = (of_kind(FunctionKind::Reducer), of_kind(FunctionKind::Query));
    let is_any = !reducers.is_empty() || !queries.is_empty();
    is_any.then(|| Calls { interface: interface.name.clone(), reducers, queries })
}

fn tables(
    schema: &Schema,
    (owner, interface): (Owner, &Interface),
    is_used: &dyn Fn(&str, &str) -> bool,
) -> Vec<TableAccess> {
    let access = |table: &Table| {
        let door = |name: String| interface.name.package.interface(&name).to_string();
        let (rows, typed) = (door(rows_interface(table)), door(table_interface(table)));
        let by_rows = |is_write| {
            let mut functions =
                RowFunction::ALL.into_iter().filter(|function| function.is_write() == is_write);
            functions.any(|function| is_used(&rows, function.name()))
        };
        let by_type = |is_write| {
            let functions = typed_door(&interface.name, table);
            let mut functions = functions.iter().filter(|function| function.operation.is_write() == is_write);
            functions.any(|function| is_used(&typed, &function.name))
        };
        TableAccess {
            interface: interface.name.clone(),
            table: table.name.clone(),
            owner,
            visibility: table.visibility,
            storage: table.storage,
            reads: by_rows(false) || by_type(false),
            writes: owner == Owner::Own && (by_rows(true) || by_type(true)),
        }
    };
    // Of other modules' tables those count that the module may reach and does; its own are listed all.
    let is_reached = |table: &&Table| owner == Owner::Own || schema.may_read(interface, table);
    let tables = interface.tables.iter().filter(is_reached).map(access);
    tables.filter(|access| owner == Owner::Own || access.reads).collect()
}

fn runs(schema: &Schema) -> Vec<Run> {
    let run = |interface: &Interface, function: &crate::Function| {
        let (when, of) = match &function.kind {
            FunctionKind::Reducer | FunctionKind::Query => return None,
            FunctionKind::Migrate => ("migrate", None),
            FunctionKind::Schedule { every_ms } => ("schedule", Some(every_ms.to_string())),
            FunctionKind::On(Trigger::Init) => ("init", None),
            FunctionKind::On(Trigger::Upgrade) => ("upgrade", None),
            FunctionKind::On(Trigger::Connect) => ("connect", None),
            FunctionKind::On(Trigger::Disconnect) => ("disconnect", None),
            FunctionKind::On(Trigger::Row { event, table, .. }) => {
                let when = match event {
                    RowEvent::Insert => "insert",
                    RowEvent::Update => "update",
                    RowEvent::Delete => "delete",
                };
                (when, Some(format!("{}/{}", table.interface.package.unversioned(), table.name)))
            }
        };
        let (interface, function) = (interface.name.name.clone(), function.name.clone());
        Some(Run { interface, function, when: when.to_owned(), of })
    };
    schema.functions().filter_map(|(interface, function)| run(interface, function)).collect()
}
