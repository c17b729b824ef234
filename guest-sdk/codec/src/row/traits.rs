//! Encoding of Rust values whose type is known when compiling, as guests use it.
//! Everything is inlined to plain stores and loads; a row struct encodes its fields one after the other.
//! Invariant: the bytes are those of [`encode`](super::encode) of the same value as a
//! [`Value`](crate::Value).

use super::{CANONICAL_NAN_32, CANONICAL_NAN_64, Reader, short, write_length};
use crate::{DecodeError, DecodeReason};
use alloc::{boxed::Box, string::String, vec::Vec};

/// A value that can be written in row form.
pub trait Encode {
    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Appends the encodings of all elements, without a length. A type whose encoding is its memory
    /// overrides this with one copy.
    #[doc(hidden)]
    #[inline]
    fn encode_slice(slice: &[Self], out: &mut Vec<u8>)
    where
        Self: Sized,
    {
        for element in slice {
            element.encode(out);
        }
    }
}

/// A value that can be read from row form.
pub trait Decode: Sized {
    /// Reads one value.
    ///
    /// # Errors
    /// If the bytes are not the encoding of a value of this type.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a length and that many elements.
    #[doc(hidden)]
    #[inline]
    fn decode_vec(reader: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let before = reader.offset();
        let count = reader.count()?;
        let start = reader.offset();
        let mut elements = Vec::with_capacity(room_for::<Self>(count, reader));
        for _ in 0..count {
            elements.push(Self::decode(reader)?);
        }
        if count > 0 && reader.offset() == start {
            return Err(DecodeError { offset: before, reason: DecodeReason::EmptyElements(count as u32) });
        }
        Ok(elements)
    }
}

/// The encoding of one value.
#[inline]
pub fn to_bytes<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

/// The value whose encoding is the whole input.
///
/// # Errors
/// If the bytes are not the encoding of a value of this type.
#[inline]
pub fn from_bytes<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// How many elements to make room for at once: never more memory than the input still holds, however
/// many elements it declares.
#[inline]
pub(crate) fn room_for<T>(count: usize, reader: &Reader<'_>) -> usize {
    count.min(reader.remaining().len() / size_of::<T>().max(1))
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Encode for $integer {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn encode_slice(slice: &[Self], out: &mut Vec<u8>) {
                out.reserve(size_of_val(slice));
                for element in slice {
                    out.extend_from_slice(&element.to_le_bytes());
                }
            }
        }

        impl Decode for $integer {
            #[inline]
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_le_bytes(reader.array()?))
            }

            #[inline]
            fn decode_vec(reader: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
                let count = reader.count()?;
                let bytes = reader.take(count.saturating_mul(size_of::<Self>()))?;
                let (chunks, _) = bytes.as_chunks();
                Ok(chunks.iter().map(|chunk| Self::from_le_bytes(*chunk)).collect())
            }
        }
    )*};
}

integers!(u16 u32 u64 i8 i16 i32 i64);

impl Encode for u8 {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    #[inline]
    fn encode_slice(slice: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(slice);
    }
}

impl Decode for u8 {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [byte] = reader.array()?;
        Ok(byte)
    }

    #[inline]
    fn decode_vec(reader: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        Ok(reader.bytes()?.to_vec())
    }
}

impl Encode for bool {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Decode for bool {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.bool()
    }
}

impl Encode for f32 {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        let bits = if self.is_nan() { CANONICAL_NAN_32 } else { self.to_bits() };
        out.extend_from_slice(&bits.to_le_bytes());
    }
}

impl Decode for f32 {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.f32()
    }
}

impl Encode for f64 {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        let bits = if self.is_nan() { CANONICAL_NAN_64 } else { self.to_bits() };
        out.extend_from_slice(&bits.to_le_bytes());
    }
}

impl Decode for f64 {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.f64()
    }
}

impl Encode for char {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        u32::from(*self).encode(out);
    }
}

impl Decode for char {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.char()
    }
}

impl Encode for str {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        short::push(self.as_bytes(), out);
    }
}

impl Encode for String {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_str().encode(out);
    }
}

impl Decode for String {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.owned_text()
    }
}

impl<T: Encode> Encode for [T] {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        T::encode_slice(self, out);
    }
}

impl<T: Encode> Encode for Vec<T> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_slice().encode(out);
    }
}

impl<T: Decode> Decode for Vec<T> {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode_vec(reader)
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl<T: Decode> Decode for Box<T> {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::new(T::decode(reader)?))
    }
}

impl<T: Encode> Encode for Option<T> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode(out);
            }
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.case(2)? {
            0 => None,
            _ => Some(T::decode(reader)?),
        })
    }
}

impl<T: Encode, E: Encode> Encode for Result<T, E> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Ok(value) => {
                out.push(0);
                value.encode(out);
            }
            Err(error) => {
                out.push(1);
                error.encode(out);
            }
        }
    }
}

impl<T: Decode, E: Decode> Decode for Result<T, E> {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.case(2)? {
            0 => Ok(T::decode(reader)?),
            _ => Err(E::decode(reader)?),
        })
    }
}

impl Encode for () {
    #[inline]
    fn encode(&self, _: &mut Vec<u8>) {}
}

impl Decode for () {
    #[inline]
    fn decode(_: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        #[allow(non_snake_case)]
        impl<$($name: Encode),+> Encode for ($($name,)+) {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                let ($($name,)+) = self;
                $($name.encode(out);)+
            }
        }

        impl<$($name: Decode),+> Decode for ($($name,)+) {
            #[inline]
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(($($name::decode(reader)?,)+))
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
