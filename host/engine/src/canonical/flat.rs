//! How many core values a type takes, as the canonical ABI flattens it.
//! wasmtime counts too and refuses a link that disagrees.

use interstice_codec::ValueType;

/// The most core values in which parameters travel; more go through memory.
pub(crate) const MAX_FLAT_PARAMS: usize = 16;

/// The core values of some types one after the other; beyond [`MAX_FLAT_PARAMS`] it may be any number above that.
pub(crate) fn flat_count<'a>(types: impl IntoIterator<Item = &'a ValueType>) -> usize {
    types.into_iter().fold(0, |sum, ty| usize::min(sum + of(ty), MAX_FLAT_PARAMS + 1))
}

fn of(ty: &ValueType) -> usize {
    match ty {
        ValueType::Bool
        | ValueType::U8
        | ValueType::U16
        | ValueType::U32
        | ValueType::U64
        | ValueType::S8
        | ValueType::S16
        | ValueType::S32
        | ValueType::S64
        | ValueType::F32
        | ValueType::F64
        | ValueType::Char
        | ValueType::Enum(_) => 1,
        ValueType::String | ValueType::List(_) => 2,
        ValueType::Option(some) => 1 + of(some),
        ValueType::Result { ok, err } => {
            1 + usize::max(ok.as_deref().map_or(0, of), err.as_deref().map_or(0, of))
        }
        ValueType::Tuple(elements) => flat_count(elements),
        ValueType::Record(fields) => flat_count(fields.iter().map(|field| &field.ty)),
        ValueType::Variant(cases) => {
            1 + cases.iter().filter_map(|case| case.ty.as_ref()).map(of).max().unwrap_or(0)
        }
        ValueType::Flags(names) => names.len().div_ceil(32),
    }
}
