//! The structural type of a value: what WIT says once aliases and names are resolved away.

use alloc::{boxed::Box, string::String, vec::Vec};

/// The structure of a value, as the component model sees it.
///
/// Names of records and variants are not part of it; names of fields, cases and flags are, since
/// the component model compares them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum ValueType {
    /// `bool`
    Bool,
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `s8`
    S8,
    /// `s16`
    S16,
    /// `s32`
    S32,
    /// `s64`
    S64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// `list<T>`
    List(Box<ValueType>),
    /// `option<T>`
    Option(Box<ValueType>),
    /// `result<T, E>`, either side of which may carry nothing.
    Result {
        /// What `ok` carries.
        ok: Option<Box<ValueType>>,
        /// What `err` carries.
        err: Option<Box<ValueType>>,
    },
    /// `tuple<…>`
    Tuple(Vec<ValueType>),
    /// `record { … }`, fields in the order of the declaration.
    Record(Vec<Field>),
    /// `variant { … }`, cases in the order of the declaration.
    Variant(Vec<Case>),
    /// `enum { … }`, cases in the order of the declaration.
    Enum(Vec<String>),
    /// `flags { … }`, flags in the order of the declaration.
    Flags(Vec<String>),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Field {
    /// The field's name in WIT (kebab-case).
    pub name: String,
    /// The type of its value.
    pub ty: ValueType,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Case {
    /// The case's name in WIT (kebab-case).
    pub name: String,
    /// What it carries.
    pub ty: Option<ValueType>,
}

impl ValueType {
    /// Whether this is `list<u8>`, the one list that is carried as bytes.
    pub fn is_bytes(&self) -> bool {
        matches!(self, ValueType::List(element) if **element == ValueType::U8)
    }
}
