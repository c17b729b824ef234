//! Bindings as a file that is kept with the sources of a module, and whether it is still fresh.
//! Invariant: a file that was just written is fresh.

use crate::{CodegenError, rust_bindings};
use interstice_wit::{Schema, Sources};

/// A file of bindings compared with what would be written now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// They are the same.
    Fresh,
    /// They differ, for the first time in this line, counted from 1.
    Stale {
        /// The line.
        line: usize,
    },
}

/// The text of a file for `mod bindings;`: the bindings, which formatters leave as they are.
///
/// # Errors
/// Those of [`rust_bindings`].
pub fn rust_file(sources: &Sources, schema: &Schema) -> Result<String, CodegenError> {
    let bindings = rust_bindings(sources, schema)?;
    // The comment comes first; attributes of the file must stand before its items.
    let split = bindings.find("\n\n").map_or(0, |end| end + 2);
    let (comment, items) = bindings.split_at(split);
    Ok(format!("{comment}{FILE_ATTRIBUTES}\n{items}"))
}

/// Formatters leave the file alone, a crate need not use all of what is in it, and how deep its types nest
/// is decided by the WIT.
const FILE_ATTRIBUTES: &str = "#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(dead_code, unreachable_pub, unused_imports, clippy::type_complexity)]
";

/// Compares a file with what [`rust_file`] writes. Line ends of Windows make no difference.
///
/// # Errors
/// Those of [`rust_bindings`].
pub fn check_rust_file(sources: &Sources, schema: &Schema, found: &str) -> Result<Freshness, CodegenError> {
    let wanted = rust_file(sources, schema)?;
    if found.lines().eq(wanted.lines()) {
        return Ok(Freshness::Fresh);
    }
    let same = found.lines().zip(wanted.lines()).take_while(|(found, wanted)| found == wanted).count();
    Ok(Freshness::Stale { line: same + 1 })
}
