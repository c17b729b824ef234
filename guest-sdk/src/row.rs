//! What generated bindings say about a table: its row, its keys, its indexes and its door.
//! Authors use the types that implement these traits and rarely name the traits.
//! Invariant: keys cross the door in key form and rows in row form, both of [`codec`](crate::codec).

use crate::codec::row::{Decode, Encode};
use crate::door::ReadDoor;
use std::fmt;

/// A record that is a table's row.
pub trait Row: Encode + Decode + 'static {
    /// The table's name in WIT.
    const NAME: &'static str;
    /// The order of the primary key.
    type Primary: Order<Row = Self>;
    /// The unique indexes by name, for errors.
    type Unique: UniqueIndexes;
    /// The type of the auto-increment column, or `()`.
    type Generated: Generated;
    /// The door to the table.
    #[doc(hidden)]
    type Door: ReadDoor;

    /// Takes over the number that the host gave to the auto-increment column.
    #[doc(hidden)]
    #[inline]
    fn set_generated(&mut self, _: Self::Generated) {}
}

/// An order in which a table's rows can be read: that of its primary key or of an index.
pub trait Order {
    /// The table's row.
    type Row: Row;
    /// The columns of the key: the column itself, or a tuple of several.
    type Key<'a>;
    /// Its number at the door: 0 is the primary key.
    #[doc(hidden)]
    const INDEX: u32;

    /// Appends the key in key form.
    #[doc(hidden)]
    fn encode_key(key: &Self::Key<'_>, out: &mut Vec<u8>);
}

/// The leading columns of a key of several columns: the column itself, or a tuple of several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the leading columns of `{O}`",
    label = "expected the first column, or a tuple of the first ones, but not all of them"
)]
pub trait Prefix<O: Order> {
    /// The column that comes next.
    type Next<'k>;

    /// Appends the columns in key form.
    #[doc(hidden)]
    fn encode_prefix(&self, out: &mut Vec<u8>);

    /// Appends the next column in key form.
    #[doc(hidden)]
    fn encode_next(next: &Self::Next<'_>, out: &mut Vec<u8>);
}

/// The primary key of a table: the column itself, or a tuple of several.
pub type Key<'a, T> = <<T as Row>::Primary as Order>::Key<'a>;

/// An enum of the unique indexes of a table.
pub trait UniqueIndexes: Copy + fmt::Debug + 'static {
    /// The index of that number at the door.
    #[doc(hidden)]
    fn from_index(index: u32) -> Option<Self>;

    /// The names of its columns in WIT, for messages.
    #[doc(hidden)]
    fn columns(self) -> &'static [&'static str];
}

/// The unique indexes of a table that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoUnique {}

impl UniqueIndexes for NoUnique {
    fn from_index(_: u32) -> Option<Self> {
        None
    }

    fn columns(self) -> &'static [&'static str] {
        match self {}
    }
}

/// The numbers that the host gives to an auto-increment column, or `()` where there is none.
pub trait Generated {
    /// Those of many rows, in their order.
    type Many;

    #[doc(hidden)]
    fn one(number: u64) -> Self;

    #[doc(hidden)]
    fn many(numbers: &[u8]) -> Self::Many;
}

impl Generated for () {
    type Many = ();

    #[inline]
    fn one(_: u64) -> Self {}

    #[inline]
    fn many(_: &[u8]) -> Self::Many {}
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Generated for $integer {
            type Many = Vec<$integer>;

            // The host keeps the counter within the column's type; a negative explicit number comes
            // as its two's complement.
            #[inline]
            fn one(number: u64) -> Self {
                number as Self
            }

            fn many(numbers: &[u8]) -> Self::Many {
                let (numbers, _) = numbers.as_chunks();
                numbers.iter().map(|number| Self::one(u64::from_le_bytes(*number))).collect()
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 i8 i16 i32 i64);
