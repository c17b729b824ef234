//! The keys of rows of every layout that a table has or has had.
//! A row of the newest layout costs one comparison more than if there were no other; of an older one the key is
//! taken where it stands in that layout, and only where it does not stand there, the row is converted first.
//! Invariant: a row and what its conversion makes of it have the same key.

use crate::row::{LayoutTag, Row};
use interstice_codec::{
    key::{self, KeyLayout},
    row::{Conversion, Layout},
};
use std::sync::Arc;

/// How the keys of an index are found in rows.
#[derive(Clone)]
pub(crate) struct RowKeys {
    /// The layout that `key` is made for, or none if rows of the newest layout have no key.
    current: LayoutTag,
    key: KeyLayout,
    /// By the number of the layout; rows of further ones have no key.
    older: Vec<OlderKey>,
}

#[derive(Clone)]
enum OlderKey {
    /// All its columns stand in the row as they are.
    InRow(KeyLayout),
    /// The row must be converted first.
    Converted(Arc<Conversion>, KeyLayout),
}

impl RowKeys {
    /// Of rows of the first layout.
    pub(crate) fn new(key: KeyLayout) -> Self {
        Self { current: LayoutTag(0), key, older: Vec::new() }
    }

    /// Of rows of a layout and of all before it, whose conversions to it come in their order.
    pub(crate) fn over(key: &KeyLayout, columns: &[usize], older: &[Arc<Conversion>]) -> Self {
        let older_key = |conversion: &Arc<Conversion>| {
            let places: Option<Vec<_>> =
                columns.iter().map(|column| conversion.same_column(*column)).collect();
            let in_row = places.and_then(|places| KeyLayout::new(conversion.old(), &places).ok());
            in_row.map_or_else(|| OlderKey::Converted(Arc::clone(conversion), key.clone()), OlderKey::InRow)
        };
        Self {
            current: LayoutTag(older.len() as u16),
            key: key.clone(),
            older: older.iter().map(older_key).collect(),
        }
    }

    /// From now on rows of further layouts have no key.
    pub(crate) fn end(&mut self) {
        if self.current != LayoutTag::NONE {
            self.current = LayoutTag::NONE;
            self.older.push(OlderKey::InRow(self.key.clone()));
        }
    }

    /// No row has a key.
    pub(crate) fn end_all(&mut self) {
        self.current = LayoutTag::NONE;
        self.older = Vec::new();
    }

    /// Whether no row has a key.
    pub(crate) fn is_over(&self) -> bool {
        self.current == LayoutTag::NONE && self.older.is_empty()
    }

    /// The columns of the key in rows of the newest layout that has one.
    #[inline]
    pub(crate) fn newest(&self) -> &KeyLayout {
        &self.key
    }

    /// Whether the key of a row is where `newest` says.
    #[inline]
    pub(crate) fn is_newest(&self, row: &Row) -> bool {
        row.layout() == self.current
    }

    /// The first 16 bytes of the key of a row as a number, if it has one.
    #[inline]
    pub(crate) fn prefix(&self, row: &Row) -> Option<u128> {
        if self.is_newest(row) { Some(self.key.prefix(row)) } else { self.older_prefix(row) }
    }

    #[cold]
    fn older_prefix(&self, row: &Row) -> Option<u128> {
        match self.older.get(usize::from(row.layout().0))? {
            OlderKey::InRow(layout) => Some(layout.prefix(row)),
            OlderKey::Converted(..) => {
                let mut bytes = Vec::new();
                self.extract_older(row, &mut bytes).then(|| key::prefix(&bytes))
            }
        }
    }

    /// Appends the key of a row; returns whether it has one.
    #[inline]
    pub(crate) fn extract(&self, row: &Row, out: &mut Vec<u8>) -> bool {
        if self.is_newest(row) {
            self.key.extract(row, out);
            return true;
        }
        self.extract_older(row, out)
    }

    #[cold]
    fn extract_older(&self, row: &Row, out: &mut Vec<u8>) -> bool {
        match self.older.get(usize::from(row.layout().0)) {
            None => return false,
            Some(OlderKey::InRow(layout)) => layout.extract(row, out),
            Some(OlderKey::Converted(conversion, layout)) => {
                let mut converted = Vec::new();
                conversion.convert_valid(row, &mut converted);
                layout.extract(&converted, out);
            }
        }
        true
    }

    /// Whether two rows, the second of the newest layout, have the same key or both have none, given that their
    /// primary keys are the same, and the columns of the index.
    #[inline]
    pub(crate) fn same(
        &self,
        layout: &Layout,
        columns: &[usize],
        left: &Row,
        right: &Row,
        whole: bool,
    ) -> bool {
        if !self.is_newest(left) {
            return self.same_across(left, right);
        }
        // A value has one encoding, so equal bytes are equal values.
        self.key.prefix(left) == self.key.prefix(right)
            && (whole
                || columns.iter().all(|column| layout.column(left, *column) == layout.column(right, *column)))
    }

    /// The same of rows of any layouts.
    #[cold]
    pub(crate) fn same_across(&self, left: &Row, right: &Row) -> bool {
        let [mut left_key, mut right_key] = [Vec::new(), Vec::new()];
        let has = [self.extract(left, &mut left_key), self.extract(right, &mut right_key)];
        has[0] == has[1] && left_key == right_key
    }
}
