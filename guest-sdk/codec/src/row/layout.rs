//! The columns of a row, compiled: how to check a row, and where each column stands in it.
//! It never decodes and never allocates once it is made.
//! Invariant: on a row that [`Layout::validate`] accepted, [`Layout::column`] is the encoding of that
//! column alone.

use super::{
    Reader,
    program::{Program, fixed_size},
};
use crate::{DecodeError, ValueType};
use alloc::vec::Vec;
use core::ops::Range;

/// The columns of a row, compiled.
///
/// A column before the first one of variable size, or after the last one, is found at a constant
/// distance from the start or the end of the row; the others by walking over the variable ones before.
#[derive(Clone, Debug)]
pub struct Layout {
    types: Vec<ValueType>,
    columns: Vec<Column>,
    check: Program,
    skip: Program,
    fixed_size: Option<usize>,
    /// The size of a row of integers alone, which is all that there is to check.
    integers_size: Option<usize>,
}

#[derive(Clone, Debug)]
struct Column {
    place: Place,
    extent: Extent,
}

/// Where a column begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// This many bytes from the start of the row.
    FromStart(usize),
    /// This many bytes from the end of the row.
    FromEnd(usize),
    /// Behind the columns from the first variable one on, which begins at this offset.
    Behind { column: usize, offset: usize },
}

/// How far a column reaches.
#[derive(Clone, Debug)]
enum Extent {
    Fixed(usize),
    Steps(Range<u32>),
}

impl Layout {
    /// Compiles the columns of a row, or the parameters of a call.
    pub fn new(types: &[ValueType]) -> Self {
        let mut check = Program::default();
        check.push_all(types);
        let mut skip = Program::default();
        let extents: Vec<Extent> = types
            .iter()
            .map(|ty| match fixed_size(ty) {
                Some(size) => Extent::Fixed(size),
                None => {
                    let start = skip.position();
                    skip.push(ty);
                    Extent::Steps(start..skip.position())
                }
            })
            .collect();
        let places = places(&extents);
        let fixed_size = extents.iter().map(Extent::fixed).sum();
        let columns =
            places.into_iter().zip(extents).map(|(place, extent)| Column { place, extent }).collect();
        let integers_size = check.any_size();
        Self { types: types.to_vec(), columns, check, skip, fixed_size, integers_size }
    }

    /// The types of the columns.
    pub fn types(&self) -> &[ValueType] {
        &self.types
    }

    /// How many bytes every row takes, if that is one number.
    #[inline]
    pub fn fixed_size(&self) -> Option<usize> {
        self.fixed_size
    }

    /// Checks that the whole input is a row.
    ///
    /// # Errors
    /// The first byte that is wrong, and why.
    #[inline]
    pub fn validate(&self, row: &[u8]) -> Result<(), DecodeError> {
        if self.integers_size == Some(row.len()) {
            return Ok(());
        }
        let mut reader = Reader::new(row);
        self.check.check(&mut reader)?;
        reader.finish()
    }

    /// The encoding of one column of a row that was validated.
    ///
    /// # Panics
    /// If there is no such column, or if the row was not validated and is too short for it.
    #[inline]
    pub fn column<'a>(&self, row: &'a [u8], index: usize) -> &'a [u8] {
        let start = self.offset(row, index);
        let end = match (&self.columns[index].extent, self.columns.get(index + 1)) {
            (Extent::Fixed(size), _) => start + size,
            (Extent::Steps(_), None) => row.len(),
            (Extent::Steps(_), Some(Column { place: Place::FromEnd(distance), .. })) => row.len() - distance,
            (extent, Some(_)) => start + self.size_at(row, start, extent),
        };
        &row[start..end]
    }

    /// Where a column of a row that was validated begins.
    #[inline]
    pub(crate) fn offset(&self, row: &[u8], index: usize) -> usize {
        match self.columns[index].place {
            Place::FromStart(offset) => offset,
            Place::FromEnd(distance) => row.len() - distance,
            Place::Behind { column, offset } => self.columns[column..index]
                .iter()
                .fold(offset, |offset, column| offset + self.size_at(row, offset, &column.extent)),
        }
    }

    pub(crate) fn place(&self, index: usize) -> Place {
        self.columns[index].place
    }

    fn size_at(&self, row: &[u8], start: usize, extent: &Extent) -> usize {
        match extent {
            Extent::Fixed(size) => *size,
            Extent::Steps(steps) => {
                let mut reader = Reader::new(&row[start..]);
                self.skip.skip(steps.clone(), &mut reader).expect("the row was validated");
                reader.offset()
            }
        }
    }
}

impl Extent {
    fn fixed(&self) -> Option<usize> {
        match self {
            Self::Fixed(size) => Some(*size),
            Self::Steps(_) => None,
        }
    }
}

fn places(extents: &[Extent]) -> Vec<Place> {
    let mut places = Vec::with_capacity(extents.len());
    let (mut offset, mut variable) = (0, None);
    for (index, extent) in extents.iter().enumerate() {
        places.push(match variable {
            None => Place::FromStart(offset),
            Some(column) => Place::Behind { column, offset },
        });
        match extent {
            Extent::Fixed(size) if variable.is_none() => offset += size,
            Extent::Fixed(_) => {}
            Extent::Steps(_) => variable = variable.or(Some(index)),
        }
    }
    let mut distance = 0;
    for (place, extent) in places.iter_mut().zip(extents).rev() {
        let Extent::Fixed(size) = extent else { break };
        distance += size;
        if matches!(place, Place::Behind { .. }) {
            *place = Place::FromEnd(distance);
        }
    }
    places
}
