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

    /// What kind of type this is, as WIT calls it: `u64`, `list<u8>`, `record`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::S8 => "s8",
            Self::S16 => "s16",
            Self::S32 => "s32",
            Self::S64 => "s64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Char => "char",
            Self::String => "string",
            Self::List(_) if self.is_bytes() => "list<u8>",
            Self::List(_) => "list",
            Self::Option(_) => "option",
            Self::Result { .. } => "result",
            Self::Tuple(_) => "tuple",
            Self::Record(_) => "record",
            Self::Variant(_) => "variant",
            Self::Enum(_) => "enum",
            Self::Flags(_) => "flags",
        }
    }

    /// Whether every value of this type takes no bytes at all. WIT refuses such types; a list of them
    /// must be empty.
    pub(crate) fn takes_no_bytes(&self) -> bool {
        match self {
            Self::Tuple(types) => types.iter().all(Self::takes_no_bytes),
            Self::Record(fields) => fields.iter().all(|field| field.ty.takes_no_bytes()),
            Self::Flags(flags) => flags.is_empty(),
            _ => false,
        }
    }
}
