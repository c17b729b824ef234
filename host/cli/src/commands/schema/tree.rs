//! A schema as a tree of lines: interfaces, their tables with columns, their types and functions.
//! Spelt in WIT where WIT has a spelling for it.
//! Invariant: everything that the canonical form holds can be seen here.

use super::types;
use crate::terminal::{self, BLUE, DIM};
use interstice_wit::{
    Comparison, Function, FunctionKind, Interface, RowEvent, RowFilter, Schema, Storage, Table, Trigger,
    Visibility,
};

/// A line with what hangs below it.
pub(super) struct Node {
    pub(super) text: String,
    pub(super) children: Vec<Node>,
}

/// The lines of the tree.
pub(super) fn lines(schema: &Schema) -> Vec<String> {
    let mut children: Vec<Node> =
        schema.exports.iter().map(|interface| interface_node(schema, interface)).collect();
    if !schema.imports.is_empty() {
        let imports = schema.imports.iter().map(|name| leaf(name.to_string()));
        children.push(Node { text: keyword("imports"), children: imports.collect() });
    }
    let root = format!("{} {}", schema.package, dim(&format!("(world {})", schema.world)));
    let mut lines = vec![root];
    draw(&children, "", &mut lines);
    lines
}

pub(super) fn draw(nodes: &[Node], indent: &str, lines: &mut Vec<String>) {
    for (number, node) in nodes.iter().enumerate() {
        let is_last = number + 1 == nodes.len();
        let (branch, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        lines.push(format!("{}{}", dim(&format!("{indent}{branch}")), node.text));
        draw(&node.children, &format!("{indent}{below}"), lines);
    }
}

fn interface_node(schema: &Schema, interface: &Interface) -> Node {
    let tables = interface.tables.iter().map(|table| table_node(interface, table));
    let is_table = |name: &str| interface.tables.iter().any(|table| table.name == name);
    let types = interface
        .types
        .iter()
        .filter(|def| !is_table(&def.name))
        .map(|def| leaf(types::definition(def, interface)));
    let functions =
        interface.functions.iter().map(|function| leaf(function_text(schema, interface, function)));
    Node {
        text: format!(
            "{} {}{}",
            keyword("interface"),
            interface.name.name,
            visibility(interface.visibility, Visibility::Public)
        ),
        children: tables.chain(types).chain(functions).collect(),
    }
}

fn table_node(interface: &Interface, table: &Table) -> Node {
    let name = |index: &interstice_wit::ColumnIndex| {
        table.columns.get(index.0 as usize).map_or("?", |column| column.name.as_str())
    };
    let names =
        |indexes: &[interstice_wit::ColumnIndex]| indexes.iter().map(name).collect::<Vec<_>>().join(", ");
    let mut children: Vec<Node> = table
        .columns
        .iter()
        .map(|column| {
            let mut text = format!("{}: {}", column.name, types::text(&column.ty, interface));
            if column.auto_increment {
                text.push_str(&dim(", auto-increment"));
            }
            if let Some(default) = &column.default {
                text.push_str(&dim(&format!(", default {default}")));
            }
            leaf(text)
        })
        .collect();
    children.push(leaf(format!("{} ({})", keyword("primary key"), names(&table.primary_key))));
    for index in &table.indexes {
        let kind = if index.unique { "unique index" } else { "index" };
        children.push(leaf(format!("{} ({})", keyword(kind), names(&index.columns))));
    }
    let storage = match table.storage {
        Storage::Logged => String::new(),
        Storage::Ephemeral => dim(" (ephemeral)"),
    };
    let shown = visibility(table.visibility, Visibility::Private);
    Node { text: format!("{} {}{shown}{storage}", keyword("table"), table.name), children }
}

fn function_text(schema: &Schema, interface: &Interface, function: &Function) -> String {
    let kind = match &function.kind {
        FunctionKind::Reducer => "reducer".to_owned(),
        FunctionKind::Query => "query".to_owned(),
        FunctionKind::Schedule { every_ms } => format!("every {}", duration(*every_ms)),
        FunctionKind::Migrate => "migrate".to_owned(),
        FunctionKind::On(trigger) => format!("on {}", trigger_text(schema, trigger)),
    };
    format!("{} {}", keyword(&kind), types::function(function, interface))
}

fn trigger_text(schema: &Schema, trigger: &Trigger) -> String {
    match trigger {
        Trigger::Init => "init".to_owned(),
        Trigger::Upgrade => "upgrade".to_owned(),
        Trigger::Connect => "connect".to_owned(),
        Trigger::Disconnect => "disconnect".to_owned(),
        Trigger::Row { event, table, filter } => {
            let event = match event {
                RowEvent::Insert => "insert",
                RowEvent::Update => "update",
                RowEvent::Delete => "delete",
            };
            let foreign = if table.interface.package == schema.package {
                String::new()
            } else {
                format!("{}/", table.interface.package.unversioned())
            };
            let columns = schema
                .interface(&table.interface)
                .and_then(|interface| interface.tables.iter().find(|candidate| candidate.name == table.name));
            let filter = filter.as_ref().map(|filter| format!(" where {}", filter_text(columns, filter)));
            format!("{event} {foreign}{}{}", table.name, filter.unwrap_or_default())
        }
    }
}

fn filter_text(table: Option<&Table>, filter: &RowFilter) -> String {
    let column = table.and_then(|table| table.columns.get(filter.column.0 as usize));
    let operator = match filter.operator {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    };
    format!("{} {operator} {}", column.map_or("?", |column| column.name.as_str()), filter.value)
}

/// In the largest unit that divides it.
pub(crate) fn duration(milliseconds: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.iter().find(|(size, _)| milliseconds >= *size && milliseconds.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", milliseconds / size),
        None => format!("{milliseconds}ms"),
    }
}

/// What is usual goes without saying.
fn visibility(is: Visibility, usual: Visibility) -> String {
    match is {
        _ if is == usual => String::new(),
        Visibility::Public => dim(" (public)"),
        Visibility::Private => dim(" (private)"),
    }
}

pub(super) fn leaf(text: String) -> Node {
    Node { text, children: Vec::new() }
}

pub(super) fn keyword(text: &str) -> String {
    terminal::stdout_style(text, BLUE)
}

pub(super) fn dim(text: &str) -> String {
    terminal::stdout_style(text, DIM)
}
