//! Small modules for tests: components with nothing in them but a schema.
//! Invariant: the same text gives the same bytes.

use crate::Release;
use interstice_wit::{Sources, section};

/// A module from the text of its package.
fn release(wit: &str) -> Release {
    let mut sources = Sources::new();
    sources.add_root("world.wit", wit);
    let schema = interstice_wit::read(&sources, None).map_err(|found| found.render()).expect("a package");
    // The head of a component.
    let bytes = section::embed(b"\0asm\x0d\0\x01\0", &schema).expect("a component");
    Release::read(bytes, "a test").expect("a module")
}

/// A bank of this version with these functions.
pub(crate) fn bank(version: &str, functions: &[&str]) -> Release {
    package("acme:bank", version, functions)
}

/// A package of this name and version with these functions.
pub(crate) fn package(name: &str, version: &str, functions: &[&str]) -> Release {
    let functions: String =
        functions.iter().map(|name| format!("/// @query\n{name}: func() -> u32;\n")).collect();
    release(&format!(
        "/// The package {name}.\npackage {name}@{version};\ninterface ledger {{\n{functions}}}\nworld w {{ export ledger; }}"
    ))
}
