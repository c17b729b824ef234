//! The first of a chain of three modules: it sees the types of the last, and calls the middle.

interstice::module!("wit");

use go::{Fail, Pair, Point};
use test::mid::api as mid;

struct Top;

export!(Top);

impl Go for Top {
    fn run(context: &mut ReducerContext, owner: String, sizes: Vec<(i64, i64)>) -> Vec<Result<Pair, Fail>> {
        sizes.into_iter().map(|(first, second)| mid::add_two(context, &owner, first, second)).collect()
    }

    fn clear(context: &mut ReducerContext) {
        mid::clear(context);
    }

    fn sizes(context: &QueryContext, owner: String) -> Vec<i64> {
        context.imports.leaf.item.by_owner_and_kind.prefix(&owner).map(|item| item.size).collect()
    }

    fn corner(context: &QueryContext, owner: String) -> Point {
        let items = context.imports.leaf.item.by_owner_and_kind.prefix(&owner).count();
        Point { x: u8::try_from(items).unwrap_or(u8::MAX) }
    }
}
