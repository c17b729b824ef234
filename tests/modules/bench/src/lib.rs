//! What the benchmarks run, as an author would write it.

interstice::module!("wit");

use tables::{Account, Entry, Item, Member, Named};

struct Bench;

export!(Bench);

/// Numbers below `of` in an order that no cache foresees.
fn spread(count: u64, of: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % of)
}

impl Work for Bench {
    fn empty(_: &mut ReducerContext) {}

    fn insert_items(context: &mut ReducerContext, first: u64, count: u64) {
        for number in first..first + count {
            // An odd factor makes every id a different one, and none follows the one before.
            let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let item = Item { id, name: "sixteen letters.".to_owned(), value: number as i64 };
            context.tables.item.insert(item).expect("the id is new");
        }
    }

    fn get_items(context: &mut ReducerContext, count: u64, of: u64) -> i64 {
        let items = spread(count, of).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        items.filter_map(|id| context.tables.item.get(id)).fold(0, |sum, item| sum ^ item.value)
    }

    fn update_items(context: &mut ReducerContext, count: u64, of: u64) {
        for number in spread(count, of) {
            let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let item = Item { id, name: "sixteen letters!".to_owned(), value: number as i64 };
            context.tables.item.update(&item).expect("the item is there");
        }
    }

    fn clear_items(context: &mut ReducerContext) {
        context.tables.item.delete_range(..);
    }

    fn scan_items(context: &QueryContext) -> u64 {
        context.tables.item.iter().fold(0, |sum, item| sum.wrapping_add(item.id))
    }

    fn open_accounts(context: &mut ReducerContext, count: u64) {
        let accounts = (0..count).map(|id| Account { id, balance: 1_000_000 });
        context.tables.account.insert_many(accounts).expect("the accounts are new");
    }

    fn transfer(context: &mut ReducerContext, source: u64, target: u64, amount: i64) -> Result<(), i64> {
        let accounts = &context.tables.account;
        let (Some(from), Some(to)) = (accounts.get(source), accounts.get(target)) else { return Err(0) };
        if from.balance < amount {
            return Err(from.balance);
        }
        accounts.update(&Account { balance: from.balance - amount, ..from }).expect("it was read just now");
        accounts.update(&Account { balance: to.balance + amount, ..to }).expect("it was read just now");
        Ok(())
    }

    fn insert_entries(context: &mut ReducerContext, count: u64, accounts: u64) {
        let text = "a text of sixty-four letters, as long as a short line of a log..";
        let entries = spread(count, accounts).map(|account| Entry { id: 0, account, text: text.to_owned() });
        context.tables.entry.insert_many(entries).expect("the counter gives new ids");
    }

    fn insert_named(context: &mut ReducerContext, first: u64, count: u64) {
        let rows = (first..first + count).map(|id| Named { id, name: format!("name {id:011}"), value: 0 });
        context.tables.named.insert_many(rows).expect("the ids are new");
    }

    fn insert_members(context: &mut ReducerContext, first: u64, count: u64) {
        let rows = (first..first + count).map(|id| Member { id, name: format!("member {id:011}") });
        context.tables.member.insert_many(rows).expect("the names are new");
    }
}
