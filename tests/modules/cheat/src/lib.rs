//! A module that is not deterministic: it keeps state where no transaction sees it.
//! What the checker of determinism is tested with; nobody should write such a module.

use std::cell::Cell;

interstice::module!("wit");

use tables::Ticket;

struct Cheat;

export!(Cheat);

thread_local! {
    /// Lives as long as the instance does, and no longer.
    static SOLD: Cell<u32> = const { Cell::new(0) };
}

fn count() -> u32 {
    SOLD.set(SOLD.get() + 1);
    SOLD.get()
}

fn write(context: &mut ReducerContext, holder: String, number: u32) {
    let ticket = Ticket { id: 0, holder, number };
    context.tables.ticket.insert(ticket).expect("a ticket has no other key than its counter");
}

impl Work for Cheat {
    fn sell(context: &mut ReducerContext, holder: String) -> u32 {
        let number = count();
        write(context, holder, number);
        number
    }

    fn sell_honestly(context: &mut ReducerContext, holder: String) -> u32 {
        let number = context.tables.ticket.count() as u32 + 1;
        write(context, holder, number);
        number
    }

    fn hide(context: &mut ReducerContext, holder: String) {
        write(context, holder, count());
    }

    fn warm_up(context: &mut ReducerContext, holder: String) -> Result<(), String> {
        if count() == 1 {
            return Err("cold".to_owned());
        }
        write(context, holder, 0);
        Ok(())
    }
}
