//! The middle of a chain of three modules: it passes on what the last one says.

interstice::module!("wit");

use api::Pair;
use test::leaf::api::{self as leaf, Fail};
use test::leaf::kinds::Kind;

struct Mid;

export!(Mid);

impl Api for Mid {
    fn add_two(context: &mut ReducerContext, owner: String, first: i64, second: i64) -> Result<Pair, Fail> {
        let first = leaf::add(context, &owner, Kind::Small, first)?;
        let second = leaf::add(context, &owner, Kind::Big, second);
        Ok(Pair { first, second })
    }

    fn clear(context: &mut ReducerContext) {
        leaf::clear(context);
    }
}
