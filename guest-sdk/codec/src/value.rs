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
