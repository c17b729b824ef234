//! A row has all of its columns.
use codegen_everything::{ReducerContext, tables::Match};

fn reducer(context: &mut ReducerContext) {
    let _ = context.tables.r#match.insert(Match { r#type: String::new(), limit: 1, descending: 2, out: 3 });
}

fn main() {}
