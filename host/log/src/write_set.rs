//! What a transaction changed, as bytes: table after table, each change with its row or key.
//! Rows and keys are the store's; nothing here looks into them. Invariant: a [`WriteSet`] comes from
//! the encoder or from a record that was checked, so that walking it cannot fail half-way.

use crate::bytes::{Bytes, Malformed, put_varint};
use crate::definitions::{DefinitionId, Kind, Scope};
use smallvec::SmallVec;

/// The tag in the low two bits of a change's length; zero and no length stands between tables.
const INSERT: u64 = 1;
const UPDATE: u64 = 2;
const DELETE: u64 = 3;

/// Collects the changes of a transaction. Kept and cleared between transactions, it allocates
/// nothing once it has grown.
#[derive(Clone, Debug, Default)]
pub struct WriteSetEncoder {
    bytes: Vec<u8>,
    tables: SmallVec<[DefinitionId; 8]>,
}

impl WriteSetEncoder {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all changes.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.tables.clear();
    }

    /// Goes on to a table. `counter` is its auto-increment counter if the transaction moved it.
    pub fn table(&mut self, table: DefinitionId, counter: Option<u64>) {
        if !self.tables.is_empty() {
            self.bytes.push(0);
        }
        self.tables.push(table);
        put_varint(&mut self.bytes, u64::from(table.0) << 1 | u64::from(counter.is_some()));
        if let Some(counter) = counter {
            put_varint(&mut self.bytes, counter);
        }
    }

    /// A row that is new in the table.
    #[inline]
    pub fn insert(&mut self, row: &[u8]) {
        self.change(INSERT, row);
    }

    /// A row that stands in place of the one with the same primary key.
    #[inline]
    pub fn update(&mut self, row: &[u8]) {
        self.change(UPDATE, row);
    }

    /// The primary key of a row that is gone.
    #[inline]
    pub fn delete(&mut self, key: &[u8]) {
        self.change(DELETE, key);
    }

    #[inline]
    fn change(&mut self, tag: u64, bytes: &[u8]) {
        assert!(!self.tables.is_empty(), "a change needs a table");
        put_varint(&mut self.bytes, (bytes.len() as u64) << 2 | tag);
        self.bytes.extend_from_slice(bytes);
    }

    /// What was collected.
    #[must_use]
    pub fn as_write_set(&self) -> WriteSet<'_> {
        WriteSet { bytes: &self.bytes, tables: &self.tables }
    }
}

/// The changes of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteSet<'a> {
    bytes: &'a [u8],
    tables: &'a [DefinitionId],
}

/// A step through a write set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write<'a> {
    /// The changes from here to the next table are of this one.
    Table {
        /// The table.
        table: DefinitionId,
        /// The new auto-increment counter, if it moved.
        counter: Option<u64>,
    },
    /// A new row.
    Insert(&'a [u8]),
    /// A row in place of the one with the same primary key.
    Update(&'a [u8]),
    /// The primary key of a row that is gone.
    Delete(&'a [u8]),
}

impl<'a> WriteSet<'a> {
    /// No change at all.
    pub const EMPTY: Self = WriteSet { bytes: &[], tables: &[] };

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// How many bytes the changes take in the log.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The tables, in the order in which they stand.
    #[must_use]
    pub fn tables(&self) -> &'a [DefinitionId] {
        self.tables
    }

    /// All changes in order.
    #[must_use]
    pub fn iter(&self) -> Writes<'a> {
        Writes { bytes: Bytes::new(self.bytes), at_table: true }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Checks the bytes of a record and notes the tables. Where the segment's numbers are not those
    /// of the opened log the changes are written again into `renumbered`.
    pub(crate) fn read(
        bytes: &'a [u8],
        scope: &Scope,
        tables: &'a mut SmallVec<[DefinitionId; 8]>,
        renumbered: &'a mut WriteSetEncoder,
    ) -> Result<Self, Malformed> {
        tables.clear();
        let mut writes = Writes { bytes: Bytes::new(bytes), at_table: true };
        while let Some(write) = writes.read()? {
            if let Write::Table { table, .. } = write {
                let table = scope.get(table.0, Kind::Table);
                tables.push(table.ok_or_else(|| writes.bytes.malformed("a table that is not defined"))?);
            }
        }
        if !scope.is_renumbered() {
            return Ok(WriteSet { bytes, tables });
        }
        renumbered.clear();
        let mut next = tables.iter();
        for write in (Writes { bytes: Bytes::new(bytes), at_table: true }) {
            match write {
                Write::Table { counter, .. } => {
                    renumbered.table(*next.next().expect("each table was noted above"), counter);
                }
                Write::Insert(row) => renumbered.insert(row),
                Write::Update(row) => renumbered.update(row),
                Write::Delete(key) => renumbered.delete(key),
            }
        }
        Ok(WriteSet { bytes: &renumbered.bytes, tables })
    }
}

impl<'a> IntoIterator for WriteSet<'a> {
    type Item = Write<'a>;
    type IntoIter = Writes<'a>;

    fn into_iter(self) -> Writes<'a> {
        self.iter()
    }
}

/// Walks through a write set without copying.
#[derive(Clone, Debug)]
pub struct Writes<'a> {
    bytes: Bytes<'a>,
    at_table: bool,
}

impl<'a> Writes<'a> {
    #[inline]
    fn read(&mut self) -> Result<Option<Write<'a>>, Malformed> {
        if self.at_table {
            if self.bytes.is_empty() {
                // Only an empty write set may end here: a separator promises another table.
                return if self.bytes.position() == 0 {
                    Ok(None)
                } else {
                    Err(self.bytes.malformed("a table is missing after the separator"))
                };
            }
            self.at_table = false;
            return self.table().map(Some);
        }
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let head = self.bytes.varint()?;
        let length = usize::try_from(head >> 2);
        let length = length.map_err(|_| self.bytes.malformed("a row does not fit into memory"))?;
        if head == 0 {
            self.at_table = true;
            return self.read();
        }
        let bytes = self.bytes.take(length)?;
        Ok(Some(match head & 3 {
            INSERT => Write::Insert(bytes),
            UPDATE => Write::Update(bytes),
            DELETE => Write::Delete(bytes),
            _ => return Err(self.bytes.malformed("a change of an unknown kind")),
        }))
    }

    fn table(&mut self) -> Result<Write<'a>, Malformed> {
        let head = self.bytes.varint()?;
        let number = u32::try_from(head >> 1);
        let number = number.map_err(|_| self.bytes.malformed("a table's number is too large"))?;
        let counter = if head & 1 == 1 { Some(self.bytes.varint()?) } else { None };
        Ok(Write::Table { table: DefinitionId(number), counter })
    }
}

impl<'a> Iterator for Writes<'a> {
    type Item = Write<'a>;

    #[inline]
    fn next(&mut self) -> Option<Write<'a>> {
        // The bytes were checked as a whole before a write set was made of them.
        self.read().ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_in_order() {
        let mut encoder = WriteSetEncoder::new();
        encoder.table(DefinitionId(3), Some(17));
        encoder.insert(b"row");
        encoder.insert(b"");
        encoder.delete(&[7; 300]);
        encoder.table(DefinitionId(200), None);
        encoder.table(DefinitionId(4), None);
        encoder.update(&[1; 40]);
        let writes: Vec<_> = encoder.as_write_set().iter().collect();
        assert_eq!(
            writes,
            [
                Write::Table { table: DefinitionId(3), counter: Some(17) },
                Write::Insert(b"row"),
                Write::Insert(b""),
                Write::Delete(&[7; 300]),
                Write::Table { table: DefinitionId(200), counter: None },
                Write::Table { table: DefinitionId(4), counter: None },
                Write::Update(&[1; 40]),
            ]
        );
        assert_eq!(encoder.as_write_set().tables(), [DefinitionId(3), DefinitionId(200), DefinitionId(4)]);
    }
}
