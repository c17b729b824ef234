//! The values that directives write in WAVE.
//! Their one canonical spelling is what the schema keeps.
//! Invariant: two spellings of one value have the same canonical one.

use interstice_codec::ValueType;

pub(crate) fn canonical(text: &str, _ty: &ValueType) -> Result<String, String> {
    Ok(text.to_owned())
}
