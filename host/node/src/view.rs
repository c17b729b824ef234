//! A table of another module, seen by one that was built against an earlier version of it.
//! Columns and indexes are matched by their names once, when linking; a row is then converted as one of an older
//! layout is, and a table that is known as it is costs nothing.
//! Invariant: whoever reads through a view is given rows of the columns that it knew, and nothing else.

use interstice_codec::row::{Batch, ColumnSource, Conversion, push_row_with};
use interstice_wit::{Index, Schema, Table};

/// How rows of a table become those that its reader knew.
pub(crate) struct View {
    conversion: Conversion,
    /// The number of each secondary index that the reader knew, the first standing first, in the table as it is.
    indexes: Vec<Option<u32>>,
}

impl View {
    /// The view that a reader has of a table which it knew as `known`; nothing if it knew it as it is.
    ///
    /// # Errors
    /// The column that the table does not have, or has with another type: linking rules that out.
    pub(crate) fn between(
        reader: &Schema,
        known: &Table,
        owner: &Schema,
        table: &Table,
    ) -> Result<Option<View>, String> {
        let types = |schema: &Schema, table: &Table| -> Vec<_> {
            table.columns.iter().map(|column| schema.value_type(&column.ty)).collect()
        };
        let sources = known.columns.iter().map(|column| {
            let place = table.columns.iter().position(|found| found.name == column.name);
            place.map(ColumnSource::Same).ok_or_else(|| format!("it has no column {}", column.name))
        });
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let conversion = Conversion::new(&types(owner, table), &types(reader, known), &sources)
            .map_err(|error| error.to_string())?;
        let indexes: Vec<_> = known.indexes.iter().map(|index| number(table, index, known)).collect();
        let same_indexes = (1..).zip(&indexes).all(|(position, found)| *found == Some(position));
        let is_same = conversion.is_identity() && same_indexes && indexes.len() == table.indexes.len();
        Ok((!is_same).then_some(View { conversion, indexes }))
    }

    /// The number that an index has in the table, 0 being the primary key; nothing if the reader knew no such
    /// index, or the table has it no longer.
    #[inline]
    pub(crate) fn index(&self, index: u32) -> Option<u32> {
        match index.checked_sub(1) {
            None => Some(0),
            Some(place) => self.indexes.get(place as usize).copied().flatten(),
        }
    }

    /// A row as the reader sees it.
    pub(crate) fn row(&self, row: &[u8]) -> Vec<u8> {
        let mut seen = Vec::new();
        self.conversion.convert_valid(row, &mut seen);
        seen
    }

    /// Puts a row at the end of `out`, from `start` on, into the form in which the reader sees it.
    pub(crate) fn project(&self, out: &mut Vec<u8>, start: usize) {
        let seen = self.row(&out[start..]);
        out.truncate(start);
        out.extend_from_slice(&seen);
    }

    /// The same of many rows in batch form.
    pub(crate) fn project_batch(&self, out: &mut Vec<u8>, start: usize) {
        let rows = out.split_off(start);
        for row in Batch::new(&rows) {
            let row = row.expect("the store makes whole batches");
            push_row_with(out, |out| self.conversion.convert_valid(row, out));
        }
    }
}

/// The number of an index over the same columns, by their names.
fn number(table: &Table, wanted: &Index, known: &Table) -> Option<u32> {
    let names = |table: &Table, index: &Index| -> Vec<String> {
        index.columns.iter().map(|column| table.columns[column.0 as usize].name.clone()).collect()
    };
    let wanted_names = names(known, wanted);
    let same = |found: &Index| found.unique == wanted.unique && names(table, found) == wanted_names;
    (1..).zip(&table.indexes).find(|(_, found)| same(found)).map(|(position, _)| position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use interstice_codec::row::{push_row, to_bytes};
    use interstice_wit::{Column, ColumnIndex, PackageName, Storage, Type, Visibility};

    fn schema() -> Schema {
        Schema {
            package: PackageName {
                namespace: "acme".to_owned(),
                name: "bank".to_owned(),
                version: semver::Version::new(1, 0, 0),
            },
            world: "bank".to_owned(),
            docs: None,
            exports: Vec::new(),
            imports: Vec::new(),
            foreign: Vec::new(),
        }
    }

    fn table(columns: &[(&str, Type)], indexes: &[(&[u32], bool)]) -> Table {
        let column = |(name, ty): &(&str, Type)| Column {
            name: (*name).to_owned(),
            docs: None,
            ty: ty.clone(),
            auto_increment: false,
            default: None,
            renamed_from: None,
        };
        let index = |(columns, unique): &(&[u32], bool)| Index {
            name: String::new(),
            columns: columns.iter().copied().map(ColumnIndex).collect(),
            unique: *unique,
        };
        Table {
            name: "account".to_owned(),
            visibility: Visibility::Public,
            storage: Storage::Logged,
            columns: columns.iter().map(column).collect(),
            primary_key: vec![ColumnIndex(0)],
            indexes: indexes.iter().map(index).collect(),
            renamed_from: None,
        }
    }

    fn known() -> Table {
        table(&[("id", Type::U64), ("owner", Type::String)], &[(&[1], true), (&[1, 0], false)])
    }

    #[test]
    fn a_table_that_is_known_as_it_is_needs_no_view() {
        let found = View::between(&schema(), &known(), &schema(), &known());
        assert!(found.is_ok_and(|view| view.is_none()));
    }

    #[test]
    fn rows_and_indexes_are_those_that_the_reader_knew() {
        let columns =
            [("note", Type::String), ("owner", Type::String), ("id", Type::U64), ("open", Type::Bool)];
        let now = table(&columns, &[(&[0], false), (&[1], false), (&[1], true)]);
        let view = View::between(&schema(), &known(), &schema(), &now);
        let view = view.ok().flatten().expect("columns and indexes differ");
        let row = to_bytes(&("a note", "ada", 7_u64, true));
        let expected = to_bytes(&(7_u64, "ada"));
        assert_eq!(view.row(&row), expected);
        let mut out = vec![1, 2];
        out.extend_from_slice(&row);
        view.project(&mut out, 2);
        assert_eq!(out, [&[1, 2][..], &expected].concat());
        let mut batch = vec![9];
        push_row(&row, &mut batch);
        push_row(&row, &mut batch);
        view.project_batch(&mut batch, 1);
        let mut expected_batch = vec![9];
        push_row(&expected, &mut expected_batch);
        push_row(&expected, &mut expected_batch);
        assert_eq!(batch, expected_batch);
        // The second one is gone, the first is the third now, and a third was never known.
        assert_eq!([0, 1, 2, 3].map(|index| view.index(index)), [Some(0), Some(3), None, None]);
    }

    #[test]
    fn a_column_that_is_gone_or_of_another_type_is_named() {
        let gone = table(&[("id", Type::U64)], &[]);
        let error = View::between(&schema(), &known(), &schema(), &gone).err();
        assert_eq!(error.as_deref(), Some("it has no column owner"));
        let other = table(&[("id", Type::U32), ("owner", Type::String)], &[]);
        let error = View::between(&schema(), &known(), &schema(), &other).err();
        assert_eq!(error.as_deref(), Some("column 0 is of type u64, and u32 cannot be turned into that"));
    }
}
