//! What calls the benchmarked module from another one.

interstice::module!("wit");

use test::bench::work;

struct Caller;

export!(Caller);

impl Calls for Caller {
    fn transfer(context: &mut ReducerContext, source: u64, target: u64, amount: i64) -> Result<(), i64> {
        work::transfer(context, source, target, amount)
    }
}
