//! WAVE, the text of component values: `{id: 1, owner: "ann", tags: [red, %ok]}`.
//! The grammar is wasm-wave's; what a text means for a type, and the canonical form, are ours: the
//! canonical text of a default value is hashed, and so must never change with a Unicode table.
//! Invariant: `parse(print(value)) == value`, and a value has one canonical text.

mod call;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use call::{Arguments, Call, parse_arguments, parse_call};
pub use read::parse;
pub use write::print;
