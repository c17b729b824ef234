//! A key has the type of its column.
use codegen_everything::QueryContext;

fn query(context: &QueryContext) {
    let _ = context.tables.everything.get("one");
    let _ = context.tables.everything.by_name.get(1);
    let _ = context.tables.everything.by_colour_and_name.prefix("red");
}

fn main() {}
