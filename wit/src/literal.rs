//! The values that directives write in WAVE.
//! Their one canonical spelling is what the schema keeps.
//! Invariant: two spellings of one value have the same canonical one.

use crate::text::wave;
use interstice_codec::ValueType;

/// The canonical spelling of a value, or why the text is not a value of this type.
pub(crate) fn canonical(text: &str, ty: &ValueType) -> Result<String, String> {
    wave::parse(text, ty).map(|value| wave::print(&value, ty)).map_err(|error| error.message().to_owned())
}
