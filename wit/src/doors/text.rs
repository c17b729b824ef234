//! The doors as WIT, for guests that are built without our bindings.
//! It prints what the tables of functions say, and settles no name by itself.
//! Invariant: the text is an interface that wit-parser reads, whatever words the names are.

use super::{
    DoorResult, RowFunction, TypedFunction, TypedOperation, host_package, rows_interface, table_interface,
    typed_door,
};
use crate::canonical::structure_of;
use crate::identifier::wit_identifier;
use crate::schema::{InterfaceName, Table, Type};
use interstice_codec::ValueType;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Which functions of a door are printed.
fn is_shown(is_write: bool, with_writes: bool) -> bool {
    with_writes || !is_write
}

/// The row door of a table as a WIT interface. Foreign importers get no writes.
pub fn render_rows(table: &Table, with_writes: bool) -> String {
    let mut out = format!(
        "/// The rows of the table `{}` as bytes.\ninterface {} {{\n",
        table.name,
        rows_interface(table)
    );
    if with_writes {
        out.push_str(&use_violation());
        out.push('\n');
    }
    for function in RowFunction::ALL {
        if !is_shown(function.is_write(), with_writes) {
            continue;
        }
        let params = function.params();
        let params = params.iter().map(|(name, ty)| format!("{name}: {}", row_type(ty)));
        let result = function.result().map(|ty| format!(" -> {}", row_type(&ty))).unwrap_or_default();
        let params = params.collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "  /// {}\n  {}: func({params}){result};", function.docs(), function.name());
    }
    out.push_str("}\n");
    out
}

fn use_violation() -> String {
    format!("  use {}.{{violation}};\n", host_package().interface("door"))
}

/// The types of the row door are plain, but for the one that the host names.
fn row_type(ty: &ValueType) -> String {
    let violation = structure_of(&super::violation_type());
    structure_of(ty).replace(&violation, "violation")
}

/// The typed door of a table as a WIT interface of the package in which the table stands. Foreign
/// importers get no writes.
pub fn render_table(interface: &InterfaceName, table: &Table, with_writes: bool) -> String {
    let all = typed_door(interface, table);
    let mut names = Names::new(interface, table, &all);
    let functions: Vec<_> =
        all.into_iter().filter(|function| is_shown(function.operation.is_write(), with_writes)).collect();
    for function in &functions {
        function.params.iter().for_each(|(_, ty)| names.collect(ty));
    }
    let mut out = format!(
        "/// The table `{}`.\ninterface {} {{\n",
        table.name,
        wit_identifier(&table_interface(table))
    );
    names.render(&mut out);
    if with_writes {
        out.push_str(&use_violation());
    }
    out.push('\n');
    for function in &functions {
        let params =
            function.params.iter().map(|(name, ty)| format!("{}: {}", wit_identifier(name), names.wit(ty)));
        let params = params.collect::<Vec<_>>().join(", ");
        let result = names.result(function.result);
        let name = wit_identifier(&function.name);
        let _ = writeln!(out, "  /// {}\n  {name}: func({params}) -> {result};", docs(table, function));
    }
    out.push_str("}\n");
    out
}

/// The types that a door uses, and how they are called in it.
struct Names<'a> {
    interface: &'a InterfaceName,
    row: String,
    /// For each interface and name the name in this one, which differs where two would be the same.
    used: BTreeMap<(InterfaceName, String), String>,
    /// Names that are no longer free: types and functions of an interface share one space.
    taken: BTreeSet<String>,
}

impl<'a> Names<'a> {
    fn new(interface: &'a InterfaceName, table: &Table, functions: &[TypedFunction]) -> Self {
        let mut taken: BTreeSet<_> = functions.iter().map(|function| function.name.clone()).collect();
        taken.insert("violation".to_owned());
        let mut names = Names { interface, row: String::new(), used: BTreeMap::new(), taken };
        names.row = names.take(interface, &table.name);
        names
    }

    /// The name of a type in the door: its own, unless something else has it.
    fn take(&mut self, interface: &InterfaceName, name: &str) -> String {
        let key = (interface.clone(), name.to_owned());
        if let Some(own) = self.used.get(&key) {
            return own.clone();
        }
        let mut own = name.to_owned();
        while !self.taken.insert(own.clone()) {
            own.push_str("-type");
        }
        self.used.insert(key, own.clone());
        own
    }

    fn collect(&mut self, ty: &Type) {
        match ty {
            Type::Named(name) => {
                self.take(&name.interface, &name.name);
            }
            Type::List(inner) | Type::Option(inner) => self.collect(inner),
            Type::Result { ok, err } => ok.iter().chain(err).for_each(|side| self.collect(side)),
            Type::Tuple(elements) => elements.iter().for_each(|element| self.collect(element)),
            _ => {}
        }
    }

    fn render(&self, out: &mut String) {
        let mut by_interface: BTreeMap<&InterfaceName, Vec<String>> = BTreeMap::new();
        for ((interface, name), own) in &self.used {
            let mut text = wit_identifier(name);
            if own != name {
                let _ = write!(text, " as {}", wit_identifier(own));
            }
            by_interface.entry(interface).or_default().push(text);
        }
        for (interface, names) in by_interface {
            let path = if interface.package == self.interface.package {
                wit_identifier(&interface.name)
            } else {
                let crate::PackageName { namespace, name, version } = &interface.package;
                let path = [namespace, name, &interface.name].map(|word| wit_identifier(word));
                format!("{}:{}/{}@{version}", path[0], path[1], path[2])
            };
            let _ = writeln!(out, "  use {path}.{{{}}};", names.join(", "));
        }
    }

    fn wit(&self, ty: &Type) -> String {
        ty.wit(&|name| {
            let own = self.used.get(&(name.interface.clone(), name.name.clone()));
            wit_identifier(own.unwrap_or(&name.name))
        })
    }

    fn result(&self, result: DoorResult) -> String {
        result.wit(&wit_identifier(&self.row))
    }
}

fn docs(table: &Table, function: &TypedFunction) -> String {
    let index = |position: usize| table.indexes.get(position).map_or("", |index| index.name.as_str());
    let limit = "A limit of 0 means no limit.";
    match function.operation {
        TypedOperation::Get => "The row with this primary key.".to_owned(),
        TypedOperation::FindBy(position) => {
            format!("The row with these values in the index `{}`.", index(position))
        }
        TypedOperation::Scan => format!("Rows in the order of the primary key. {limit}"),
        TypedOperation::ScanBy(position) => {
            format!(
                "Rows in the order of the index `{}`; the leading columns may be given. {limit}",
                index(position)
            )
        }
        TypedOperation::Range => format!("Rows from `low` on and before `high`, by primary key. {limit}"),
        TypedOperation::RangeBy(position) => {
            format!("Rows from `low` on and before `high`, by the index `{}`. {limit}", index(position))
        }
        TypedOperation::Count => "How many rows there are.".to_owned(),
        TypedOperation::Insert => "Adds a row, and gives it back with its auto-increment value.".to_owned(),
        TypedOperation::InsertMany => {
            "Adds rows, all or none. A violation comes with the position of its row.".to_owned()
        }
        TypedOperation::Update => "Replaces the row with the same primary key.".to_owned(),
        TypedOperation::Upsert => "Adds a row, or replaces the one with the same primary key.".to_owned(),
        TypedOperation::Delete => {
            "Removes the row with this primary key, and says whether there was one.".to_owned()
        }
        TypedOperation::DeleteRange => {
            "Removes the rows from `low` on and before `high`, and says how many.".to_owned()
        }
    }
}
