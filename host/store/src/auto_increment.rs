//! The column that counts: where it stands in a row, and how its numbers are read and written.
//! It knows the width and the largest number of its type, and nothing of the counter.
//! Invariant: a number that is written is positive in the column's type.

use interstice_codec::{ValueType, row::Layout};

/// An auto-increment column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AutoIncrement {
    column: usize,
    width: usize,
    signed: bool,
}

/// What a row says in its auto-increment column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// 0: the next number.
    Next,
    /// This number.
    Number(u64),
    /// A negative number, which the counter never comes to.
    Negative(i64),
}

impl AutoIncrement {
    /// The column, if numbers of its type can be counted.
    pub(crate) fn new(column: usize, ty: &ValueType) -> Option<Self> {
        let (width, signed) = match ty {
            ValueType::U8 => (1, false),
            ValueType::U16 => (2, false),
            ValueType::U32 => (4, false),
            ValueType::U64 => (8, false),
            ValueType::S8 => (1, true),
            ValueType::S16 => (2, true),
            ValueType::S32 => (4, true),
            ValueType::S64 => (8, true),
            _ => return None,
        };
        Some(Self { column, width, signed })
    }

    /// The position of the column.
    pub(crate) fn column(self) -> usize {
        self.column
    }

    /// The largest number of the type.
    pub(crate) fn largest(self) -> u64 {
        let bits = self.width as u32 * 8 - u32::from(self.signed);
        u64::MAX >> (u64::BITS - bits)
    }

    /// What a valid row says.
    #[inline]
    pub(crate) fn read(self, layout: &Layout, row: &[u8]) -> Asked {
        let mut bytes = [0; 8];
        bytes[..self.width].copy_from_slice(layout.column(row, self.column));
        let number = u64::from_le_bytes(bytes);
        if number == 0 {
            Asked::Next
        } else if self.signed && number > self.largest() {
            // Spread the sign over the bytes that the column does not have.
            Asked::Negative((number | !(self.largest() << 1 | 1)) as i64)
        } else {
            Asked::Number(number)
        }
    }

    /// Puts a number into a valid row.
    #[inline]
    pub(crate) fn write(self, layout: &Layout, row: &mut [u8], number: u64) {
        let column = layout.column(row, self.column);
        let start = column.as_ptr().addr() - row.as_ptr().addr();
        row[start..start + self.width].copy_from_slice(&number.to_le_bytes()[..self.width]);
    }
}

impl Asked {
    /// The number as the operation returns it: two's complement where it is negative.
    pub(crate) fn returned(self) -> u64 {
        match self {
            Self::Next => 0,
            Self::Number(number) => number,
            Self::Negative(number) => number as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_counts_within_the_positive_numbers_of_its_type() {
        for (ty, largest) in [
            (ValueType::U8, u64::from(u8::MAX)),
            (ValueType::U64, u64::MAX),
            (ValueType::S8, i8::MAX as u64),
            (ValueType::S32, i32::MAX as u64),
            (ValueType::S64, i64::MAX as u64),
        ] {
            let layout = Layout::new(&[ValueType::String, ty.clone()]);
            let counting = AutoIncrement::new(1, &ty).expect("an integer counts");
            assert_eq!(counting.largest(), largest);
            let mut row = vec![1, b'x'];
            row.resize(2 + counting.width, 0);
            assert_eq!(counting.read(&layout, &row), Asked::Next);
            counting.write(&layout, &mut row, largest);
            assert_eq!(counting.read(&layout, &row), Asked::Number(largest));
            row[2..].fill(0xff);
            let expected = if counting.signed { Asked::Negative(-1) } else { Asked::Number(largest) };
            assert_eq!(counting.read(&layout, &row), expected);
        }
        assert!(AutoIncrement::new(0, &ValueType::Bool).is_none());
    }
}
