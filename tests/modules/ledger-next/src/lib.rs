//! The next minor version of the ledger: further columns, in another order, and other indexes.

interstice::module!("wit");

use tables::Entry;

struct Ledger;

export!(Ledger);

impl Book for Ledger {
    fn enter(context: &mut ReducerContext, owner: String, amount: i64) -> u64 {
        let note = format!("a note on {owner}");
        let entry = Entry { note, amount, owner, id: 0, open: amount >= 0 };
        context.tables.entry.insert(entry).expect("each owner enters once").id
    }

    fn change(context: &mut ReducerContext, id: u64, amount: i64) {
        let entry = context.tables.entry.get(id).expect("an entry that is there is changed");
        let note = "changed".to_owned();
        context.tables.entry.update(&Entry { amount, note, ..entry }).expect("its key stays");
    }

    fn strike(context: &mut ReducerContext, id: u64) {
        context.tables.entry.delete(id);
    }

    fn notes(context: &QueryContext) -> Vec<String> {
        context.tables.entry.by_note.iter().map(|entry| entry.note).collect()
    }
}
