//! A query reads its tables and cannot write to them.
use codegen_everything::{QueryContext, tables::Match};

fn query(context: &QueryContext, row: Match) {
    let _ = context.tables.r#match.insert(row);
}

fn main() {}
