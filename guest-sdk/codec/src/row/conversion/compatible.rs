//! Which values are the same bytes in another type.
//! Types may differ only by cases of an enum or a variant, or by flags, that the new one has more at its end.
//! Invariant: what this allows decodes in the new type to the value that it is in the old one.

use super::super::case_width;
use crate::ValueType;

/// Whether each value of the old type has the same bytes in the new one: the types are equal, or the new one
/// only has further cases or flags at the end, as many as do not widen the index.
pub fn same_bytes(old: &ValueType, new: &ValueType) -> bool {
    match (old, new) {
        (ValueType::List(old), ValueType::List(new)) => same_bytes(old, new),
        (ValueType::Option(old), ValueType::Option(new)) => same_bytes(old, new),
        (ValueType::Result { ok, err }, ValueType::Result { ok: new_ok, err: new_err }) => {
            same_payload(ok.as_deref(), new_ok.as_deref()) && same_payload(err.as_deref(), new_err.as_deref())
        }
        (ValueType::Tuple(old), ValueType::Tuple(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same_bytes(old, new))
        }
        (ValueType::Record(old), ValueType::Record(new)) => {
            let same = |(old, new): (&crate::Field, &crate::Field)| {
                old.name == new.name && same_bytes(&old.ty, &new.ty)
            };
            old.len() == new.len() && old.iter().zip(new).all(same)
        }
        (ValueType::Variant(old), ValueType::Variant(new)) => {
            let same = |(old, new): (&crate::Case, &crate::Case)| {
                old.name == new.name && same_payload(old.ty.as_ref(), new.ty.as_ref())
            };
            same_index(old.len(), new.len()) && old.iter().zip(new).all(same)
        }
        (ValueType::Enum(old), ValueType::Enum(new)) => {
            same_index(old.len(), new.len()) && new.starts_with(old)
        }
        (ValueType::Flags(old), ValueType::Flags(new)) => {
            old.len().div_ceil(8) == new.len().div_ceil(8) && new.starts_with(old)
        }
        (old, new) => old == new,
    }
}

fn same_payload(old: Option<&ValueType>, new: Option<&ValueType>) -> bool {
    match (old, new) {
        (None, None) => true,
        (Some(old), Some(new)) => same_bytes(old, new),
        _ => false,
    }
}

fn same_index(old: usize, new: usize) -> bool {
    old <= new && case_width(old) == case_width(new)
}
