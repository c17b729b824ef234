//! What a table is made of, and the same compiled: layouts of its rows and of its keys.
//! A definition is the caller's claim and is checked here once; nothing here changes afterwards. A table that
//! evolves gets another shape beside the one that it had.
//! Invariant: every column that a compiled definition names exists, and every key can be ordered.

use crate::{
    StoreError, Version,
    auto_increment::AutoIncrement,
    limits::TABLE_INDEXES,
    row::{LayoutTag, Row},
    scratch::with_scratch,
};
use interstice_codec::{
    ValueType,
    key::KeyLayout,
    row::{Conversion, Layout},
};
use std::sync::Arc;

/// What a table is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDefinition {
    /// Its name, for messages.
    pub name: String,
    /// The types of its columns.
    pub columns: Vec<ValueType>,
    /// The positions of the columns of the primary key, in the order of the key.
    pub primary_key: Vec<usize>,
    /// The column that an insert with 0 gives the next number.
    pub auto_increment: Option<usize>,
    /// Its secondary indexes: the first is index 1, since 0 is the primary key.
    pub indexes: Vec<IndexDefinition>,
}

/// A secondary index: rows in the order of some columns, and of the primary key where those are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexDefinition {
    /// Its name, for messages.
    pub name: String,
    /// The positions of its columns, in the order of the key.
    pub columns: Vec<usize>,
    /// Whether two rows may hold the same key.
    pub unique: bool,
}

/// A definition, compiled.
pub(crate) struct Shape {
    pub(crate) name: String,
    /// Tells it from all other shapes that the table has had.
    pub(crate) number: u32,
    /// The version that made it.
    pub(crate) since: Version,
    /// How rows of this shape are marked.
    pub(crate) tag: LayoutTag,
    pub(crate) layout: Layout,
    /// How rows of older layouts are converted, by their tags.
    pub(crate) older: Vec<Arc<Conversion>>,
    pub(crate) primary_columns: Vec<usize>,
    pub(crate) primary: KeyLayout,
    pub(crate) auto_increment: Option<AutoIncrement>,
    pub(crate) indexes: Vec<IndexShape>,
    /// The most columns that a key has.
    pub(crate) widest_key: usize,
}

/// A secondary index, compiled.
pub(crate) struct IndexShape {
    pub(crate) columns: Vec<usize>,
    pub(crate) unique: bool,
    /// Where it stands among the indexes of the table, of which some may be of other shapes only.
    pub(crate) place: usize,
    /// The key without the primary key.
    pub(crate) key: KeyLayout,
}

impl Shape {
    /// Compiles a definition. The layouts of the entries of its indexes come beside it.
    pub(crate) fn new(definition: &TableDefinition) -> Result<(Self, Vec<KeyLayout>), StoreError> {
        let table = || definition.name.clone();
        let wrong = |reason: String| StoreError::Definition { table: table(), reason };
        let layout = Layout::new(&definition.columns);
        let key_of = |name: &str, columns: &[usize]| {
            if columns.is_empty() {
                return Err(wrong(format!("`{name}` has no columns")));
            }
            KeyLayout::new(&layout, columns).map_err(|source| StoreError::Key {
                table: table(),
                key: name.to_owned(),
                source,
            })
        };
        if definition.indexes.len() > TABLE_INDEXES {
            return Err(wrong(format!(
                "it has {} secondary indexes, and {TABLE_INDEXES} is the most",
                definition.indexes.len()
            )));
        }
        let primary = key_of("primary key", &definition.primary_key)?;
        let mut indexes = Vec::new();
        let mut entries = Vec::new();
        for (place, index) in definition.indexes.iter().enumerate() {
            let key = key_of(&index.name, &index.columns)?;
            let entry: Vec<usize> = index.columns.iter().chain(&definition.primary_key).copied().collect();
            entries.push(key_of(&index.name, &entry)?);
            indexes.push(IndexShape { columns: index.columns.clone(), unique: index.unique, place, key });
        }
        let auto_increment = definition
            .auto_increment
            .map(|column| {
                let ty = definition.columns.get(column);
                ty.and_then(|ty| AutoIncrement::new(column, ty))
                    .ok_or_else(|| wrong(format!("column {column} is no integer, and so cannot count")))
            })
            .transpose()?;
        let columns = indexes.iter().map(|index| index.columns.len());
        let widest_key = columns.chain([definition.primary_key.len()]).max().unwrap_or(0);
        let shape = Self {
            name: table(),
            number: 0,
            since: Version(0),
            tag: LayoutTag(0),
            layout,
            older: Vec::new(),
            primary_columns: definition.primary_key.clone(),
            primary,
            auto_increment,
            indexes,
            widest_key,
        };
        Ok((shape, entries))
    }

    /// The place of an index by its number, as [`State::index`](crate::state::State::index) takes it.
    #[inline]
    pub(crate) fn place(&self, index: u32) -> Option<usize> {
        match index.checked_sub(1) {
            None => Some(0),
            Some(position) => self.indexes.get(position as usize).map(|shape| shape.place + 1),
        }
    }

    /// The place of a unique index among the secondary ones, by its number.
    pub(crate) fn unique_index(&self, index: u32) -> Result<usize, StoreError> {
        let shape = (index as usize).checked_sub(1).and_then(|position| self.indexes.get(position));
        shape.filter(|shape| shape.unique).map(|shape| shape.place).ok_or_else(|| StoreError::NoSuchIndex {
            table: self.name.clone(),
            wanted: "unique index",
            index,
        })
    }

    /// Calls `user` with the bytes of a row as this shape has them.
    #[inline]
    pub(crate) fn view<T>(&self, row: &Row, user: impl FnOnce(&[u8]) -> T) -> T {
        if row.layout() == self.tag { user(row) } else { self.view_older(row, user) }
    }

    #[cold]
    fn view_older<T>(&self, row: &Row, user: impl FnOnce(&[u8]) -> T) -> T {
        with_scratch(|bytes| {
            self.convert(row, bytes);
            user(bytes)
        })
    }

    /// Appends the bytes of a row as this shape has them.
    #[inline]
    pub(crate) fn append(&self, row: &Row, out: &mut Vec<u8>) {
        if row.layout() == self.tag { out.extend_from_slice(row) } else { self.convert(row, out) }
    }

    #[cold]
    fn convert(&self, row: &Row, out: &mut Vec<u8>) {
        let conversion = self.older.get(usize::from(row.layout().0));
        conversion.expect("whoever reads a row knows all layouts before it").convert_valid(row, out);
    }
}
