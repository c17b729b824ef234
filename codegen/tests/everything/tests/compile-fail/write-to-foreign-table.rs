//! The table of another module cannot be written, not even by a reducer.
use codegen_everything::ReducerContext;
use codegen_everything::test::other1_0_0::types::Colour;

fn reducer(context: &mut ReducerContext) {
    context.imports.other.thing.delete((Colour::Red, "name"));
}

fn main() {}
