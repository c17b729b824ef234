//! A module with a public table that another one reads and is told of.

interstice::module!("wit");

use tables::Entry;

struct Ledger;

export!(Ledger);

impl Book for Ledger {
    fn enter(context: &mut ReducerContext, owner: String, amount: i64) -> u64 {
        context.tables.entry.insert(Entry { id: 0, owner, amount }).expect("each owner enters once").id
    }

    fn change(context: &mut ReducerContext, id: u64, amount: i64) {
        let entry = context.tables.entry.get(id).expect("an entry that is there is changed");
        context.tables.entry.update(&Entry { amount, ..entry }).expect("its key stays");
    }

    fn strike(context: &mut ReducerContext, id: u64) {
        context.tables.entry.delete(id);
    }
}
