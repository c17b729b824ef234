//! Rows of one list of columns turned into rows of another: what an evolved table does with the rows that
//! were written before, and what a reader is given that knows fewer columns.
//! A conversion is checked and compiled once; columns that stay together are copied together.
//! Invariant: of a row of the old columns it makes a row of the new ones, and nothing of any other bytes.

mod compatible;
mod fitting;
mod integer;
#[cfg(test)]
mod tests;

pub use compatible::same_bytes;

use super::{Layout, validate};
use crate::{DecodeError, ValueType};
use alloc::{borrow::ToOwned, boxed::Box, vec::Vec};
use core::fmt;
use fitting::Fitting;
use integer::Widening;

/// Where a column of the new row comes from. Columns are named by their position in the old row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnSource {
    /// The bytes of this column. Its type may have got further cases or flags at the end, as long as
    /// values keep their bytes ([`same_bytes`]).
    Same(usize),
    /// The integer of this column, in a wider type that holds all its values.
    Widened(usize),
    /// `some` of the value of this column.
    MadeOptional(usize),
    /// The value of this column in a type that one of the changes above leads back from: a narrower integer, no
    /// option, fewer cases or flags. Values are to fit; one that does not becomes the first value of the type.
    Fitted(usize),
    /// The same value in every row: its encoding.
    Default(Vec<u8>),
}

/// A conversion that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConversionError {
    /// There are more or fewer sources than new columns.
    Count {
        /// How many columns the new row has.
        columns: usize,
        /// How many sources there are.
        sources: usize,
    },
    /// The old row has no such column.
    NoSuchColumn {
        /// The position of the column in the new row.
        column: usize,
        /// The position in the old row that was named.
        source: usize,
    },
    /// The source does not give values of the type of the column.
    Type {
        /// The position of the column in the new row.
        column: usize,
        /// The kind of the type in the old row.
        old: &'static str,
        /// The kind of the type in the new row.
        new: &'static str,
    },
    /// The default is no encoding of a value of the column.
    Default {
        /// The position of the column in the new row.
        column: usize,
        /// What is wrong with the bytes.
        reason: DecodeError,
    },
}

/// How rows of some columns become rows of others, compiled.
#[derive(Clone, Debug)]
pub struct Conversion {
    old: Layout,
    new: Vec<ValueType>,
    columns: Vec<Origin>,
    pieces: Vec<Piece>,
}

/// What a column of the new row is made of.
#[derive(Clone, Debug, PartialEq)]
enum Origin {
    /// The value of an old column, changed in this way.
    Column(usize, Change),
    /// This encoding.
    Constant(Vec<u8>),
}

/// How a value is changed.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    Nothing,
    Widen(Widening),
    Fit(Fitting),
    /// First as the inner one, and then within `some`.
    Wrap(Box<Change>),
    /// First as the left one, and then as the right one.
    Both(Box<Change>, Box<Change>),
}

/// A part of the new row, in the order in which they are written.
#[derive(Clone, Debug)]
enum Piece {
    /// The old columns from the first to before the second, as they are.
    Copy(usize, usize),
    Change(usize, Change),
    Constant(Vec<u8>),
}

impl Conversion {
    /// Compiles the conversion from rows of the old columns to rows of the new ones, each of which has a
    /// source.
    ///
    /// # Errors
    /// If a source does not give values of the type of its column.
    pub fn new(
        old: &[ValueType],
        new: &[ValueType],
        sources: &[ColumnSource],
    ) -> Result<Self, ConversionError> {
        if new.len() != sources.len() {
            return Err(ConversionError::Count { columns: new.len(), sources: sources.len() });
        }
        let columns = sources
            .iter()
            .zip(new)
            .enumerate()
            .map(|(column, (source, ty))| Origin::new(column, source, old, ty))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self::compile(Layout::new(old), new.to_owned(), columns))
    }

    /// The conversion that changes nothing.
    pub fn identity(types: &[ValueType]) -> Self {
        let columns = (0..types.len()).map(|column| Origin::Column(column, Change::Nothing)).collect();
        Self::compile(Layout::new(types), types.to_owned(), columns)
    }

    /// This conversion and then another, which begins with the columns that this one ends with.
    ///
    /// # Panics
    /// If it begins with another number of columns.
    pub fn then(&self, next: &Self) -> Self {
        assert_eq!(self.new.len(), next.old.types().len(), "conversions follow one another");
        let after = |(origin, ty): (&Origin, &ValueType)| match origin {
            Origin::Column(column, Change::Fit(_)) => match &self.columns[*column] {
                // There and back again.
                Origin::Column(source, there) if there.is_injective() && self.old.types()[*source] == *ty => {
                    Origin::Column(*source, Change::Nothing)
                }
                _ => origin.after(&self.columns),
            },
            _ => origin.after(&self.columns),
        };
        let columns = next.columns.iter().zip(&next.new).map(after).collect();
        Self::compile(self.old.clone(), next.new.clone(), columns)
    }

    fn compile(old: Layout, new: Vec<ValueType>, columns: Vec<Origin>) -> Self {
        let mut pieces = Vec::new();
        for origin in &columns {
            match (origin, pieces.last_mut()) {
                (Origin::Column(column, Change::Nothing), Some(Piece::Copy(_, end))) if end == column => {
                    *end += 1;
                }
                (Origin::Column(column, Change::Nothing), _) => {
                    pieces.push(Piece::Copy(*column, column + 1));
                }
                (Origin::Constant(bytes), Some(Piece::Constant(before))) => before.extend_from_slice(bytes),
                (Origin::Constant(bytes), _) => pieces.push(Piece::Constant(bytes.clone())),
                (Origin::Column(column, change), _) => pieces.push(Piece::Change(*column, change.clone())),
            }
        }
        Self { old, new, columns, pieces }
    }

    /// The columns that it begins with.
    pub fn old(&self) -> &Layout {
        &self.old
    }

    /// The types of the columns that it ends with.
    pub fn new_types(&self) -> &[ValueType] {
        &self.new
    }

    /// Whether rows stay as they are.
    pub fn is_identity(&self) -> bool {
        match self.pieces.as_slice() {
            [] => self.old.types().is_empty(),
            [Piece::Copy(0, end)] => *end == self.old.types().len(),
            _ => false,
        }
    }

    /// The old column whose bytes a new column has unchanged, if it is one.
    pub fn same_column(&self, column: usize) -> Option<usize> {
        match self.columns.get(column)? {
            Origin::Column(source, Change::Nothing) => Some(*source),
            _ => None,
        }
    }

    /// Appends the new row that is made of an old one.
    ///
    /// # Errors
    /// If the bytes are no row of the old columns; then `out` is as it was.
    pub fn convert(&self, row: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.old.validate(row)?;
        self.convert_valid(row, out);
        Ok(())
    }

    /// Appends the new row that is made of an old one that was validated.
    ///
    /// # Panics
    /// If the row was not validated and is too short.
    pub fn convert_valid(&self, row: &[u8], out: &mut Vec<u8>) {
        out.reserve(row.len());
        for piece in &self.pieces {
            match piece {
                Piece::Copy(first, end) => out.extend_from_slice(self.bytes(row, *first, *end)),
                Piece::Change(column, change) => change.write(self.bytes(row, *column, column + 1), out),
                Piece::Constant(bytes) => out.extend_from_slice(bytes),
            }
        }
    }

    fn bytes<'a>(&self, row: &'a [u8], first: usize, end: usize) -> &'a [u8] {
        if end - first == 1 {
            return self.old.column(row, first);
        }
        let beyond = if end == self.old.types().len() { row.len() } else { self.old.offset(row, end) };
        &row[self.old.offset(row, first)..beyond]
    }
}

impl Origin {
    fn new(
        column: usize,
        source: &ColumnSource,
        old: &[ValueType],
        new: &ValueType,
    ) -> Result<Self, ConversionError> {
        let old_type =
            |source: usize| old.get(source).ok_or(ConversionError::NoSuchColumn { column, source });
        let wrong = |old: &ValueType| ConversionError::Type { column, old: old.kind(), new: new.kind() };
        match source {
            ColumnSource::Same(source) => {
                let old = old_type(*source)?;
                if same_bytes(old, new) {
                    Ok(Self::Column(*source, Change::Nothing))
                } else {
                    Err(wrong(old))
                }
            }
            ColumnSource::Widened(source) => {
                let old = old_type(*source)?;
                let widening = Widening::new(old, new).ok_or_else(|| wrong(old))?;
                Ok(Self::Column(*source, Change::Widen(widening)))
            }
            ColumnSource::MadeOptional(source) => match (old_type(*source)?, new) {
                (old, ValueType::Option(some)) if same_bytes(old, some) => {
                    Ok(Self::Column(*source, Change::Wrap(Box::new(Change::Nothing))))
                }
                (old, _) => Err(wrong(old)),
            },
            ColumnSource::Fitted(source) => {
                let old = old_type(*source)?;
                let fitting = Fitting::new(old, new).ok_or_else(|| wrong(old))?;
                Ok(Self::Column(*source, Change::Fit(fitting)))
            }
            ColumnSource::Default(bytes) => {
                validate(bytes, new).map_err(|reason| ConversionError::Default { column, reason })?;
                Ok(Self::Constant(bytes.clone()))
            }
        }
    }

    /// The same of the columns that `before` makes.
    fn after(&self, before: &[Self]) -> Self {
        match self {
            Self::Constant(_) => self.clone(),
            Self::Column(column, change) => match &before[*column] {
                Self::Column(source, first) => Self::Column(*source, first.clone().then(change)),
                Self::Constant(bytes) => {
                    let mut changed = Vec::new();
                    change.write(bytes, &mut changed);
                    Self::Constant(changed)
                }
            },
        }
    }
}

impl Change {
    fn then(self, next: &Self) -> Self {
        match (self, next) {
            (first, Self::Nothing) => first,
            (Self::Nothing, next) => next.clone(),
            (first, Self::Wrap(inner)) => Self::Wrap(Box::new(first.then(inner))),
            (Self::Widen(first), Self::Widen(next)) => Self::Widen(first.then(*next)),
            (first, next) => Self::Both(Box::new(first), Box::new(next.clone())),
        }
    }

    /// Whether values that were different still are.
    fn is_injective(&self) -> bool {
        match self {
            Self::Nothing | Self::Widen(_) => true,
            Self::Wrap(inner) => inner.is_injective(),
            Self::Fit(_) => false,
            Self::Both(first, next) => first.is_injective() && next.is_injective(),
        }
    }

    fn write(&self, value: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Nothing => out.extend_from_slice(value),
            Self::Widen(widening) => widening.write(value, out),
            Self::Fit(fitting) => fitting.write(value, out),
            Self::Wrap(inner) => {
                out.push(1);
                inner.write(value, out);
            }
            Self::Both(first, next) => {
                let mut between = Vec::new();
                first.write(value, &mut between);
                next.write(&between, out);
            }
        }
    }
}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { columns, sources } => {
                write!(f, "the new row has {columns} columns, and {sources} sources are given")
            }
            Self::NoSuchColumn { column, source } => {
                write!(f, "column {column} is to come from column {source}, which the old row does not have")
            }
            Self::Type { column, old, new } => {
                write!(f, "column {column} is of type {new}, and {old} cannot be turned into that")
            }
            Self::Default { column, reason } => {
                write!(f, "the default of column {column} is no value of its type: {reason}")
            }
        }
    }
}

impl core::error::Error for ConversionError {}
