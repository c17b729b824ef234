//! Values as people and programs write them: WAVE, the component ecosystem's own text, and JSON.
//! It knows types by their structure alone and never looks at a schema; a caller that has a
//! signature passes its types.
//! Invariant: what [`wave::print`] or [`json::to_json`] makes of a value reads back as that value.

mod error;
pub mod json;
mod signature;
#[cfg(test)]
mod tests;
pub mod wave;

pub use error::TextError;
pub use signature::{Signature, signature_text, type_text};
