//! The last of a chain of three modules: it keeps items.

interstice::module!("wit");

use api::{Fail, Total};
use kinds::Kind;
use tables::Item;

struct Leaf;

export!(Leaf);

impl Api for Leaf {
    fn add(context: &mut ReducerContext, owner: String, kind: Kind, size: i64) -> Result<Item, Fail> {
        if size < 0 {
            return Err(Fail::Negative(size));
        }
        let items = &context.tables.item;
        if let Some(known) = items.by_owner_and_kind.prefix(&owner).find(|item| item.size == size) {
            return Err(Fail::Known(known));
        }
        items.insert(Item { id: 0, owner, kind, size }).map_err(|_| Fail::TooMany(kind))
    }

    fn clear(context: &mut ReducerContext) {
        context.tables.item.delete_range(..);
    }

    fn sum(context: &QueryContext) -> Total {
        let items = &context.tables.item;
        Total { items: items.count(), size: items.iter().map(|item| item.size).sum() }
    }
}
