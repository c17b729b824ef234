//! Values as JSON, where HTTP is spoken and programs read.
//! Bindings of other languages rely on this mapping; a type says which of the two shapes of an
//! option it has, so that no value is ambiguous.
//! Invariant: `from_json(to_json(value)) == value`.
//!
//! | type | JSON |
//! |---|---|
//! | bool, strings, lists, tuples, records | `true`, `"…"`, `[…]`, `[…]`, `{"field": …}` |
//! | integers | a number; beyond 2^53 in size a string of digits. Both are read everywhere |
//! | f32, f64 | a number, or `"nan"`, `"inf"`, `"-inf"` |
//! | char | a string of one |
//! | option | `null` or the value; if the value is itself an option, `null` or `{"some": …}` |
//! | result | `{"ok": …}` or `{"err": …}`, with `null` where it carries nothing |
//! | variant | `"case"`, or `{"case": …}` if the case carries something |
//! | enum, flags | `"case"`, `["flag", …]` |
//!
//! A field of an option type may be left out and is then `none`.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{from_json, parse, parse_arguments};
pub use write::to_json;
