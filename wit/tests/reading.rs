//! What a world reads as.

#![allow(missing_docs, clippy::unwrap_used)]

use interstice_wit::{Sources, read};

const BANK: &str = include_str!("bank.wit");

#[test]
fn the_bank_reads() {
    let mut sources = Sources::new();
    sources.add_root("bank.wit", BANK);
    let schema = read(&sources, None).map_err(|found| found.render()).unwrap();

    assert_eq!(schema.tables().count(), 1);
}
