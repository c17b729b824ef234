//! Values in types that hold fewer, on the way back from a wider type: integers, options, enums with fewer cases.
//! Whoever goes that way has seen that the values fit; a value that does not must still become one of the type.
//! Invariant: a value that fits stays the value that it is, and what is written is always a value of the type.

use super::super::{encode, validate};
use super::compatible::same_bytes;
use super::integer::Widening;
use crate::{Value, ValueType};
use alloc::{boxed::Box, vec, vec::Vec};

/// How a value of one type becomes one of a type whose values are fewer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitting {
    kind: Kind,
    ty: ValueType,
    /// What stands for a value that does not fit.
    least: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// The integers of the narrow type become those of the wide one in this way.
    Narrow(Widening),
    /// What is within `some`.
    Unwrap,
    /// The same bytes, if they are a value.
    Fewer,
}

impl Fitting {
    /// The fitting from one type to another, if the other can be changed into the first by itself.
    pub(super) fn new(old: &ValueType, new: &ValueType) -> Option<Self> {
        let kind = match (Widening::new(new, old), old) {
            (Some(widening), _) => Kind::Narrow(widening),
            (None, _) if same_bytes(new, old) => Kind::Fewer,
            (None, ValueType::Option(some)) if same_bytes(new, some) => Kind::Unwrap,
            _ => return None,
        };
        let mut bytes = Vec::new();
        encode(&least(new), new, &mut bytes).ok()?;
        Some(Self { kind, ty: new.clone(), least: bytes })
    }

    pub(super) fn write(&self, value: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.fitting(value).unwrap_or(&self.least));
    }

    fn fitting<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        let bytes = match &self.kind {
            Kind::Fewer => value,
            Kind::Unwrap => value.strip_prefix(&[1])?,
            Kind::Narrow(widening) => {
                let narrow = value.get(..self.least.len())?;
                let mut wide = Vec::with_capacity(value.len());
                widening.write(narrow, &mut wide);
                return (wide == value).then_some(narrow);
            }
        };
        validate(bytes, &self.ty).is_ok().then_some(bytes)
    }
}

/// The first value of a type: zeros, nothing, the first case.
pub(super) fn least(ty: &ValueType) -> Value {
    let boxed = |ty: &ValueType| Box::new(least(ty));
    match ty {
        ValueType::Bool => Value::Bool(false),
        ValueType::U8 => Value::U8(0),
        ValueType::U16 => Value::U16(0),
        ValueType::U32 => Value::U32(0),
        ValueType::U64 => Value::U64(0),
        ValueType::S8 => Value::S8(0),
        ValueType::S16 => Value::S16(0),
        ValueType::S32 => Value::S32(0),
        ValueType::S64 => Value::S64(0),
        ValueType::F32 => Value::F32(0.0),
        ValueType::F64 => Value::F64(0.0),
        ValueType::Char => Value::Char('\0'),
        ValueType::String => Value::String(Default::default()),
        ValueType::List(element) if **element == ValueType::U8 => Value::Bytes(Vec::new()),
        ValueType::List(_) => Value::List(Vec::new()),
        ValueType::Option(_) => Value::Option(None),
        ValueType::Result { ok, .. } => Value::Result(Ok(ok.as_deref().map(boxed))),
        ValueType::Tuple(types) => Value::Tuple(types.iter().map(least).collect()),
        ValueType::Record(fields) => Value::Record(fields.iter().map(|field| least(&field.ty)).collect()),
        ValueType::Variant(cases) => {
            Value::Variant(0, cases.first().and_then(|case| case.ty.as_ref()).map(boxed))
        }
        ValueType::Enum(_) => Value::Enum(0),
        ValueType::Flags(flags) => Value::Flags(vec![0; flags.len().div_ceil(32)]),
    }
}
