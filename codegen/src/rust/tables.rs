//! The handle of a table: what the guest library needs to know of it, and one type whose fields are
//! its indexes.
//! Invariant: the numbers of indexes are those of the row door: 0 the primary key, then the secondary
//! ones in the order of the schema.

use super::format::docs;
use super::names::{Names, camel, relative, snake};
use interstice_wit::{ColumnIndex, Index, Interface, Table, Type};
use std::fmt::Write;

/// A table that the module reaches.
pub(crate) struct TableNames<'a> {
    pub(crate) interface: &'a Interface,
    pub(crate) table: &'a Table,
    /// Whether the module may write to it.
    pub(crate) own: bool,
    /// The row type.
    row: String,
    /// The type of the handle.
    pub(crate) handle: String,
    /// The enum of unique indexes.
    unique: Option<String>,
    /// The orders of the secondary indexes.
    orders: Vec<String>,
    /// The type of the door in the glue.
    pub(crate) door: String,
}

impl<'a> TableNames<'a> {
    /// Takes the identifiers that a table needs in the module of its interface.
    pub(crate) fn new(names: &mut Names<'_>, interface: &'a Interface, table: &'a Table, own: bool) -> Self {
        let module = names.module(&interface.name).clone();
        let row = names.type_ident(&interface.name, &table.name).to_owned();
        let handle = names.take(&module, format!("{row}Table"));
        let has_unique = table.indexes.iter().any(|index| index.unique);
        let unique = has_unique.then(|| names.take(&module, format!("{row}Unique")));
        let by = |index: &Index| format!("{row}By{}", camel(&index.name));
        let orders = table.indexes.iter().map(|index| names.take(&module, by(index))).collect();
        let doors = ["abi".to_owned(), "doors".to_owned()];
        let door = if own {
            format!("{row}Rows")
        } else {
            let package = &interface.name.package;
            format!("{}{}{row}Rows", camel(&package.namespace), camel(&package.name))
        };
        let door = names.take(&doors, door);
        Self { interface, table, own, row, handle, unique, orders, door }
    }

    /// The items of the table in the module of its interface.
    pub(crate) fn items(&self, names: &Names<'_>) -> String {
        let mut source = self.row_impl(names);
        source += &self.unique_enum();
        source += &self.handle_type();
        for ((index, order), number) in self.table.indexes.iter().zip(&self.orders).zip(1..) {
            source += &self.order(names, index, order, number);
        }
        source
    }

    fn row_impl(&self, names: &Names<'_>) -> String {
        let Self { row, table, door, .. } = self;
        let module = names.module(&self.interface.name);
        let key = self.key_type(names, &table.primary_key, "'a");
        let encode = self.encode_key(&table.primary_key);
        let unique = self.unique.as_deref().unwrap_or("::interstice::NoUnique");
        let counter = table.columns.iter().find(|column| column.auto_increment);
        let (generated, set) = match counter {
            None => ("()".to_owned(), String::new()),
            Some(column) => {
                let set = format!(
                    "#[inline]\nfn set_generated(&mut self, number: Self::Generated) {{ self.{} = number; }}",
                    snake(&column.name)
                );
                (names.rust(&column.ty, module), set)
            }
        };
        let root = relative(&[], module);
        let prefixes = self.prefixes(names, &table.primary_key, &format!("::interstice::PrimaryKey<{row}>"));
        format!(
            "impl ::interstice::Row for {row} {{
                const NAME: &'static str = \"{}\";
                type Key<'a> = {key};
                type Unique = {unique};
                type Generated = {generated};
                type Door = {root}abi::doors::{door};
                #[inline]
                fn encode_key(key: &Self::Key<'_>, out: &mut Vec<u8>) {{ {encode} }}
                {set}
            }}
            {prefixes}\n",
            table.name
        )
    }

    fn unique_enum(&self) -> String {
        let Some(unique) = &self.unique else { return String::new() };
        let (mut cases, mut arms) = (String::new(), String::new());
        for (index, number) in self.table.indexes.iter().zip(1..) {
            if index.unique {
                let name = camel(&index.name);
                let _ = writeln!(cases, "/// The index `{}`.\n{name},", index.name);
                let _ = writeln!(arms, "{number} => Some(Self::{name}),");
            }
        }
        format!(
            "/// The unique indexes of the table `{}`.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum {unique} {{ {cases} }}
            impl ::interstice::UniqueIndexes for {unique} {{
                fn from_index(index: u32) -> Option<Self> {{
                    match index {{ {arms} _ => None, }}
                }}
            }}\n",
            self.table.name
        )
    }

    fn handle_type(&self) -> String {
        let Self { row, handle, table, .. } = self;
        let (mut fields, mut values) = (String::new(), String::new());
        for (index, order) in table.indexes.iter().zip(&self.orders) {
            let kind = if index.unique { "UniqueIndex" } else { "Index" };
            let field = snake(&format!("by-{}", index.name));
            let columns = self.column_names(&index.columns);
            let _ = writeln!(
                fields,
                "/// The rows by {columns}.\npub {field}: ::interstice::{kind}<{order}, A>,"
            );
            let _ = writeln!(values, "{field}: ::interstice::{kind}::new(entered),");
        }
        let whose = if self.own { String::new() } else { format!(" of `{}`", self.interface.name.package) };
        let text =
            format!("The table `{}`{whose}, by {}.", table.name, self.column_names(&table.primary_key));
        format!(
            "{}#[derive(Debug)]
            pub struct {handle}<A> {{
                rows: ::interstice::Table<{row}, A>,
                {fields}
            }}
            impl<A> {handle}<A> {{
                #[doc(hidden)]
                pub fn new(entered: &::interstice::rt::Entered) -> Self {{
                    Self {{ rows: ::interstice::Table::new(entered), {values} }}
                }}
            }}
            impl<A> ::core::ops::Deref for {handle}<A> {{
                type Target = ::interstice::Table<{row}, A>;
                #[inline]
                fn deref(&self) -> &Self::Target {{ &self.rows }}
            }}\n",
            docs(None, &text)
        )
    }

    fn order(&self, names: &Names<'_>, index: &Index, order: &str, number: u32) -> String {
        let Self { row, table, .. } = self;
        let key = self.key_type(names, &index.columns, "'a");
        let encode = self.encode_key(&index.columns);
        let prefixes = self.prefixes(names, &index.columns, order);
        format!(
            "/// The order of the index `{}` of the table `{}`.
            #[derive(Debug)]
            pub enum {order} {{}}
            impl ::interstice::Order for {order} {{
                type Row = {row};
                type Key<'a> = {key};
                const INDEX: u32 = {number};
                #[inline]
                fn encode_key(key: &Self::Key<'_>, out: &mut Vec<u8>) {{ {encode} }}
            }}
            {prefixes}\n",
            index.name, table.name
        )
    }

    /// One implementation for each number of leading columns that leaves at least one.
    fn prefixes(&self, names: &Names<'_>, columns: &[ColumnIndex], order: &str) -> String {
        let mut source = String::new();
        for length in 1..columns.len() {
            let (leading, rest) = columns.split_at(length);
            let prefix = self.key_type(names, leading, "'_");
            let next = self.key_type(names, &rest[..1], "'k");
            let encode = self.encode_key(leading).replace("(key, ", "(self, ").replace("= key;", "= self;");
            let _ = writeln!(
                source,
                "impl ::interstice::Prefix<{order}> for {prefix} {{
                    type Next<'k> = {next};
                    #[inline]
                    fn encode_prefix(&self, out: &mut Vec<u8>) {{ {encode} }}
                    #[inline]
                    fn encode_next(next: &Self::Next<'_>, out: &mut Vec<u8>) {{ {KEY_COLUMN}::encode_key(next, out); }}
                }}"
            );
        }
        source
    }

    /// The type of a key: its column, or a tuple of several.
    fn key_type(&self, names: &Names<'_>, columns: &[ColumnIndex], lifetime: &str) -> String {
        let module = names.module(&self.interface.name);
        let column = |index: &ColumnIndex| {
            let ty = &self.column(*index).ty;
            match names.structure(ty) {
                super::names::Structure::Unnamed(Type::String) => format!("&{lifetime} str"),
                super::names::Structure::Unnamed(Type::List(_)) => format!("&{lifetime} [u8]"),
                _ => names.rust(ty, module),
            }
        };
        match columns {
            [only] => column(only),
            _ => format!("({})", columns.iter().map(column).collect::<Vec<_>>().join(", ")),
        }
    }

    fn encode_key(&self, columns: &[ColumnIndex]) -> String {
        if columns.len() == 1 {
            return format!("{KEY_COLUMN}::encode_key(key, out);");
        }
        let parts: Vec<_> = columns.iter().map(|index| snake(&self.column(*index).name)).collect();
        let mut source = format!("let ({}) = key;\n", parts.join(", "));
        for part in &parts {
            let _ = writeln!(source, "{KEY_COLUMN}::encode_key({part}, out);");
        }
        source
    }

    fn column_names(&self, columns: &[ColumnIndex]) -> String {
        let names: Vec<_> = columns.iter().map(|index| format!("`{}`", self.column(*index).name)).collect();
        names.join(", then ")
    }

    fn column(&self, index: ColumnIndex) -> &interstice_wit::Column {
        &self.table.columns[index.0 as usize]
    }
}

const KEY_COLUMN: &str = "::interstice::codec::key::KeyColumn";
