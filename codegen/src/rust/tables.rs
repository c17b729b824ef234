//! The handle of a table: one type whose fields are its indexes, and beside the glue what the guest
//! library needs to know of the table.
//! Invariant: the numbers of indexes are those of the row door: 0 the primary key, then the secondary
//! ones in the order of the schema.

use super::names::{GLUE, Names, Structure, camel, relative, snake};
use interstice_wit::{ColumnIndex, Index, Interface, Table, Type};
use std::fmt::Write;

/// The module of the doors in the glue. No WIT name begins with `_`.
pub(crate) const DOORS: &str = "__doors";

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
    /// The order of the primary key.
    primary: String,
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
        let primary = names.take(&module, format!("{row}ByKey"));
        let order = |index: &Index| format!("{row}By{}", camel(&index.name));
        let orders = table.indexes.iter().map(|index| names.take(&module, order(index))).collect();
        let doors = ["abi".to_owned(), DOORS.to_owned()];
        let door = if own {
            format!("{row}Rows")
        } else {
            let package = &interface.name.package;
            format!("{}{}{row}Rows", camel(&package.namespace), camel(&package.name))
        };
        let door = names.take(&doors, door);
        Self { interface, table, own, row, handle, unique, primary, orders, door }
    }

    /// The types of the table, in the module of its interface.
    pub(crate) fn definitions(&self) -> String {
        let Self { row, handle, table, .. } = self;
        let mut fields = String::new();
        for (index, order) in table.indexes.iter().zip(&self.orders) {
            let columns = self.column_names(&index.columns);
            let _ = writeln!(
                fields,
                "/// The rows by {columns}.\npub {}: ::interstice::{}<{order}, A>,",
                by(index),
                index_type(index)
            );
        }
        let whose = if self.own { String::new() } else { format!(" of `{}`", self.interface.name.package) };
        let key = self.column_names(&table.primary_key);
        let mut source = format!(
            "/// The table `{}`{whose}, by {key}.
            #[derive(Debug)]
            pub struct {handle}<A> {{
                pub(crate) rows: ::interstice::Table<{row}, A>,
                {fields}
            }}\n",
            table.name
        );
        if let Some(unique) = &self.unique {
            let cases: String = table
                .indexes
                .iter()
                .filter(|index| index.unique)
                .map(|index| format!("/// The index `{}`.\n{},\n", index.name, camel(&index.name)))
                .collect();
            let _ = writeln!(
                source,
                "/// The unique indexes of the table `{}`.
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub enum {unique} {{ {cases} }}",
                table.name
            );
        }
        let _ = writeln!(
            source,
            "/// The order of the primary key of the table `{}`.
            #[derive(Debug)]
            pub enum {} {{}}",
            table.name, self.primary
        );
        for (index, order) in table.indexes.iter().zip(&self.orders) {
            let _ = writeln!(
                source,
                "/// The order of the index `{}` of the table `{}`.
                #[derive(Debug)]
                pub enum {order} {{}}",
                index.name, table.name
            );
        }
        source
    }

    /// What the types implement, in the module of the glue.
    pub(crate) fn impls(&self, names: &Names<'_>) -> String {
        let mut source = self.row_impl(names);
        source += &self.unique_impl(names);
        source += &self.handle_impl(names);
        source += &self.order_impl(names, &self.table.primary_key, &self.primary, 0);
        for ((index, order), number) in self.table.indexes.iter().zip(&self.orders).zip(1..) {
            source += &self.order_impl(names, &index.columns, order, number);
        }
        source
    }

    fn row_impl(&self, names: &Names<'_>) -> String {
        let Self { table, door, .. } = self;
        let row = self.path(names, &self.row);
        let primary = self.path(names, &self.primary);
        let unique = match &self.unique {
            Some(unique) => self.path(names, unique),
            None => "::interstice::NoUnique".to_owned(),
        };
        let counter = table.columns.iter().find(|column| column.auto_increment);
        let (generated, set) = match counter {
            None => ("()".to_owned(), String::new()),
            Some(column) => {
                let set = format!(
                    "#[inline]\nfn set_generated(&mut self, number: Self::Generated) {{ self.{} = number; }}",
                    snake(&column.name)
                );
                (names.rust(&column.ty, GLUE), set)
            }
        };
        format!(
            "impl ::interstice::Row for {row} {{
                const NAME: &'static str = \"{}\";
                type Primary = {primary};
                type Unique = {unique};
                type Generated = {generated};
                type Door = {DOORS}::{door};
                {set}
            }}\n",
            table.name
        )
    }

    fn unique_impl(&self, names: &Names<'_>) -> String {
        let Some(unique) = &self.unique else { return String::new() };
        let (mut arms, mut columns) = (String::new(), String::new());
        for (index, number) in self.table.indexes.iter().zip(1..) {
            if index.unique {
                let case = camel(&index.name);
                let names = index.columns.iter().map(|column| format!("{:?}", self.column(*column).name));
                let _ = writeln!(arms, "{number} => Some(Self::{case}),");
                let _ = writeln!(columns, "Self::{case} => &[{}],", names.collect::<Vec<_>>().join(", "));
            }
        }
        format!(
            "impl ::interstice::UniqueIndexes for {} {{
                fn from_index(index: u32) -> Option<Self> {{
                    match index {{ {arms} _ => None, }}
                }}
                fn columns(self) -> &'static [&'static str] {{
                    match self {{ {columns} }}
                }}
            }}\n",
            self.path(names, unique)
        )
    }

    fn handle_impl(&self, names: &Names<'_>) -> String {
        let handle = self.path(names, &self.handle);
        let row = self.path(names, &self.row);
        let indexes: String = self
            .table
            .indexes
            .iter()
            .map(|index| format!("{}: ::interstice::{}::new(entered),\n", by(index), index_type(index)))
            .collect();
        format!(
            "impl<A> {handle}<A> {{
                pub(crate) fn new(entered: &::interstice::rt::Entered) -> Self {{
                    Self {{ rows: ::interstice::Table::new(entered), {indexes} }}
                }}
            }}
            impl<A> Deref for {handle}<A> {{
                type Target = ::interstice::Table<{row}, A>;
                #[inline]
                fn deref(&self) -> &Self::Target {{ &self.rows }}
            }}\n"
        )
    }

    fn order_impl(&self, names: &Names<'_>, columns: &[ColumnIndex], order: &str, number: u32) -> String {
        let order = self.path(names, order);
        let row = self.path(names, &self.row);
        let key = self.key_type(names, columns, "'a");
        let encode = Self::encode_key(columns);
        let prefixes = self.prefixes(names, columns, &order);
        format!(
            "impl ::interstice::Order for {order} {{
                type Row = {row};
                type Key<'a> = {key};
                const INDEX: u32 = {number};
                #[inline]
                fn encode_key(key: &Self::Key<'_>, out: &mut Vec<u8>) {{ {encode} }}
            }}
            {prefixes}\n"
        )
    }

    /// Implementations for each number of leading columns that leaves at least one. Texts and bytes are taken
    /// by a reference to what owns them, too, as a parameter of type `&str` takes a `&String`.
    fn prefixes(&self, names: &Names<'_>, columns: &[ColumnIndex], order: &str) -> String {
        let mut source = String::new();
        for length in 1..columns.len() {
            let (leading, rest) = columns.split_at(length);
            let next = self.key_type(names, &rest[..1], "'k");
            let mut add = |generics: &str, prefix: &str, encode: &str| {
                let _ = writeln!(
                    source,
                    "impl{generics} ::interstice::Prefix<{order}> for {prefix} {{
                        type Next<'k> = {next};
                        #[inline]
                        fn encode_prefix(&self, out: &mut Vec<u8>) {{ {encode} }}
                        #[inline]
                        fn encode_next(next: &Self::Next<'_>, out: &mut Vec<u8>) {{ KeyColumn::encode_key(next, out); }}
                    }}"
                );
            };
            if let [only] = leading {
                // Every type has its own implementation: a crate may not implement `Prefix` for all `&T`.
                let owner = match self.referent(names, *only) {
                    Some("str") => Some("&'_ String"),
                    Some(_) => Some("&'_ Vec<u8>"),
                    None => None,
                };
                for prefix in [self.key_type(names, leading, "'_").as_str()].into_iter().chain(owner) {
                    add("", prefix, "KeyColumn::encode_key(self, out);");
                }
                continue;
            }
            let (mut generics, mut types, mut encode) = (Vec::new(), Vec::new(), String::new());
            for (position, column) in leading.iter().enumerate() {
                let value = match self.referent(names, *column) {
                    Some(referent) => {
                        let parameter = if referent == "str" { "Text" } else { "Bytes" };
                        generics.push(format!("{parameter}{position}: AsRef<{referent}> + ?Sized"));
                        types.push(format!("&{parameter}{position}"));
                        format!("AsRef::<{referent}>::as_ref(self.{position})")
                    }
                    None => {
                        types.push(self.key_type(names, &[*column], "'_"));
                        format!("&self.{position}")
                    }
                };
                let _ = writeln!(encode, "KeyColumn::encode_key({value}, out);");
            }
            let generics =
                if generics.is_empty() { String::new() } else { format!("<{}>", generics.join(", ")) };
            add(&generics, &format!("({})", types.join(", ")), &encode);
        }
        source
    }

    /// What a column's key refers to, if it is a reference.
    fn referent(&self, names: &Names<'_>, column: ColumnIndex) -> Option<&'static str> {
        match names.structure(&self.column(column).ty) {
            Structure::Unnamed(Type::String) => Some("str"),
            Structure::Unnamed(Type::List(_)) => Some("[u8]"),
            _ => None,
        }
    }

    /// The type of a key: its column, or a tuple of several.
    fn key_type(&self, names: &Names<'_>, columns: &[ColumnIndex], lifetime: &str) -> String {
        let column = |index: &ColumnIndex| match self.referent(names, *index) {
            Some(referent) => format!("&{lifetime} {referent}"),
            None => names.rust(&self.column(*index).ty, GLUE),
        };
        match columns {
            [only] => column(only),
            _ => format!("({})", columns.iter().map(column).collect::<Vec<_>>().join(", ")),
        }
    }

    /// The columns go by their positions, since any name may be that of a column.
    fn encode_key(columns: &[ColumnIndex]) -> String {
        match columns.len() {
            1 => "KeyColumn::encode_key(key, out);".to_owned(),
            count => (0..count).map(|part| format!("KeyColumn::encode_key(&key.{part}, out);\n")).collect(),
        }
    }

    /// A type of the interface, from the glue.
    fn path(&self, names: &Names<'_>, ident: &str) -> String {
        relative(names.module(&self.interface.name), GLUE) + ident
    }

    fn column_names(&self, columns: &[ColumnIndex]) -> String {
        let names: Vec<_> = columns.iter().map(|index| format!("`{}`", self.column(*index).name)).collect();
        names.join(", then ")
    }

    fn column(&self, index: ColumnIndex) -> &interstice_wit::Column {
        &self.table.columns[index.0 as usize]
    }
}

/// The field of an index in the handle.
fn by(index: &Index) -> String {
    snake(&format!("by-{}", index.name))
}

fn index_type(index: &Index) -> &'static str {
    if index.unique { "UniqueIndex" } else { "Index" }
}
