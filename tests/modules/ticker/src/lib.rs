//! A module that the host calls again and again.

interstice::module!("wit");

use tables::Tick;

struct Ticker;

export!(Ticker);

impl Work for Ticker {
    fn ticks(context: &QueryContext) -> u64 {
        context.tables.tick.count()
    }
}

impl Automation for Ticker {
    fn tick(context: &mut ReducerContext) {
        context.tables.tick.insert(Tick { place: 0 }).expect("a tick has no other key than its counter");
    }
}
