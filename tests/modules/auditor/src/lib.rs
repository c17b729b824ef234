//! A module that was built against the first version of the ledger: it reads its table and is told of its changes.

interstice::module!("wit");

use tables::Told;
use test::ledger::tables::Entry;

struct Auditor;

export!(Auditor);

fn tell(context: &ReducerContext, text: String) {
    context.tables.told.insert(Told { id: 0, text }).expect("what is told has no other key than its counter");
}

fn text(entry: &Entry) -> String {
    format!("{} {} {}", entry.id, entry.owner, entry.amount)
}

impl Audit for Auditor {
    fn by_id(context: &QueryContext, id: u64) -> Option<Entry> {
        context.imports.ledger.entry.get(id)
    }

    fn by_owner(context: &QueryContext, owner: String) -> Option<Entry> {
        context.imports.ledger.entry.by_owner.get(&owner)
    }

    fn by_amount(context: &QueryContext, least: i64, most: i64) -> Vec<Entry> {
        context.imports.ledger.entry.by_amount.range(least..=most).rev().collect()
    }

    fn everything(context: &QueryContext) -> Vec<Entry> {
        context.imports.ledger.entry.iter().collect()
    }

    fn count(context: &QueryContext) -> u64 {
        context.imports.ledger.entry.count()
    }

    fn told(context: &QueryContext) -> Vec<String> {
        context.tables.told.iter().map(|told| told.text).collect()
    }
}

impl Handlers for Auditor {
    fn entered(context: &mut ReducerContext, row: Entry) {
        tell(context, format!("entered {}", text(&row)));
    }

    fn changed(context: &mut ReducerContext, before: Entry, after: Entry) {
        tell(context, format!("changed {} to {}", text(&before), text(&after)));
    }

    fn struck(context: &mut ReducerContext, row: Entry) {
        tell(context, format!("struck {}", text(&row)));
    }
}
