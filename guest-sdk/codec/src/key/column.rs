//! Keys from Rust values whose types are known when compiling, as guests make them.
//! Enums of a module implement [`KeyColumn`] with [`write_case`]; floats have no order and no key.
//! Invariant: the bytes are those that [`KeyLayout::extract`](super::KeyLayout::extract) takes from a
//! row with the same values.

use super::sink::Sink;
use crate::row::case_width;
use alloc::{string::String, vec::Vec};

/// A value that can be a column of a key.
pub trait KeyColumn {
    /// Appends the column in key form.
    fn encode_key(&self, out: &mut Vec<u8>);
}

/// A key, or the leading columns of one: a single column or a tuple of them.
pub trait Key {
    /// Appends the columns in key form.
    fn write_key(&self, out: &mut Vec<u8>);

    /// The columns in key form.
    #[inline]
    fn to_key(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_key(&mut out);
        out
    }
}

/// Appends the index of a case of an enum that has this many cases, in key form.
#[inline]
pub fn write_case(index: u32, cases: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&index.to_be_bytes()[4 - case_width(cases as usize)..]);
}

macro_rules! unsigned {
    ($($integer:ty)*) => {$(
        impl KeyColumn for $integer {
            #[inline]
            fn encode_key(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
    )*};
}

macro_rules! signed {
    ($($integer:ty)*) => {$(
        impl KeyColumn for $integer {
            #[inline]
            fn encode_key(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&(self ^ <$integer>::MIN).to_be_bytes());
            }
        }
    )*};
}

unsigned!(u8 u16 u32 u64);
signed!(i8 i16 i32 i64);

impl KeyColumn for bool {
    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl KeyColumn for char {
    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        u32::from(*self).encode_key(out);
    }
}

impl KeyColumn for [u8] {
    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.put_escaped(self);
    }
}

impl<const N: usize> KeyColumn for [u8; N] {
    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.put_escaped(self);
    }
}

impl KeyColumn for Vec<u8> {
    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.put_escaped(self);
    }
}

impl KeyColumn for str {
    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.put_escaped(self.as_bytes());
    }
}

impl KeyColumn for String {
    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.put_escaped(self.as_bytes());
    }
}

impl<T: KeyColumn + ?Sized> KeyColumn for &T {
    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        (**self).encode_key(out);
    }
}

impl<T: KeyColumn + ?Sized> Key for T {
    #[inline]
    fn write_key(&self, out: &mut Vec<u8>) {
        self.encode_key(out);
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        #[allow(non_snake_case)]
        impl<$($name: KeyColumn),+> Key for ($($name,)+) {
            #[inline]
            fn write_key(&self, out: &mut Vec<u8>) {
                let ($($name,)+) = self;
                $($name.encode_key(out);)+
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
tuples!(A B C D E F G H I J K L M);
tuples!(A B C D E F G H I J K L M N);
tuples!(A B C D E F G H I J K L M N O);
tuples!(A B C D E F G H I J K L M N O P);
