//! A query cannot call a reducer of another module.
use codegen_everything::QueryContext;
use codegen_everything::test::other2_0_0::calls;

fn query(context: &QueryContext) {
    let _ = calls::all(context, &[]);
}

fn main() {}
