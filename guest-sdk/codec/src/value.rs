//! A value whose type is known only at run time, as clients and tools hold it.

use alloc::{boxed::Box, string::String, vec::Vec};

/// A value of some [`ValueType`](crate::ValueType).
///
/// `list<u8>` is always [`Value::Bytes`], never a [`Value::List`] of [`Value::U8`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`
    Bool(bool),
    /// `u8`
    U8(u8),
    /// `u16`
    U16(u16),
    /// `u32`
    U32(u32),
    /// `u64`
    U64(u64),
    /// `s8`
    S8(i8),
    /// `s16`
    S16(i16),
    /// `s32`
    S32(i32),
    /// `s64`
    S64(i64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `char`
    Char(char),
    /// `string`
    String(String),
    /// `list<u8>`
    Bytes(Vec<u8>),
    /// any other list
    List(Vec<Value>),
    /// `option<T>`
    Option(Option<Box<Value>>),
    /// `result<T, E>`
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    /// `tuple<…>`
    Tuple(Vec<Value>),
    /// Fields in the order of the type.
    Record(Vec<Value>),
    /// The index of the case, and what it carries.
    Variant(u32, Option<Box<Value>>),
    /// The index of the case.
    Enum(u32),
    /// One bit a flag, in the order of the type; bit 0 of the first word is the first flag.
    Flags(Vec<u32>),
}

impl Value {
    /// What kind of value this is, as WIT calls it: `u64`, `list<u8>`, `record`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::U8(_) => "u8",
            Self::U16(_) => "u16",
            Self::U32(_) => "u32",
            Self::U64(_) => "u64",
            Self::S8(_) => "s8",
            Self::S16(_) => "s16",
            Self::S32(_) => "s32",
            Self::S64(_) => "s64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::Char(_) => "char",
            Self::String(_) => "string",
            Self::Bytes(_) => "list<u8>",
            Self::List(_) => "list",
            Self::Option(_) => "option",
            Self::Result(_) => "result",
            Self::Tuple(_) => "tuple",
            Self::Record(_) => "record",
            Self::Variant(..) => "variant",
            Self::Enum(_) => "enum",
            Self::Flags(_) => "flags",
        }
    }
}
