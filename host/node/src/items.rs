//! The fourth check of linking: what an importer uses of an interface is what it was built against.
//! An item is a function, a type, a table, a column or an index; each is compared by itself, so that a version
//! which only adds items serves everybody who knew fewer.
//! Invariant: what the importer says of itself, such as that a table is private, makes no check go away.

use interstice_wit::canonical::interface_items;
use interstice_wit::{Interface, InterfaceName, Schema, Visibility};
use std::collections::BTreeMap;

/// The items of one interface: as an importer knew them, and as they are.
pub(crate) struct Items {
    known: BTreeMap<String, String>,
    offered: BTreeMap<String, String>,
}

/// An item that is not what it was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Such as `column/account.owner`.
    pub(crate) item: String,
    /// What the importer was built against.
    pub(crate) wanted: String,
    /// What is there.
    pub(crate) found: String,
}

impl Items {
    /// Those of the interface that the importer knows by this name, and of the one that is offered.
    pub(crate) fn new(
        importer: &Schema,
        wanted: &InterfaceName,
        provider: &Schema,
        offered: &Interface,
    ) -> Items {
        let known = importer.foreign.iter().find(|interface| interface.name == *wanted).map(|known| {
            // Only the provider says who may see what.
            let mut open = known.clone();
            open.visibility = Visibility::Public;
            open.tables.iter_mut().for_each(|table| table.visibility = Visibility::Public);
            interface_items(importer, &open)
        });
        Items { known: known.unwrap_or_default(), offered: interface_items(provider, offered) }
    }

    /// Compares a function.
    pub(crate) fn function(&self, name: &str) -> Result<(), Difference> {
        self.one(format!("function/{name}"))
    }

    /// Compares a type, unless it is the record of a table, whose columns count one by one, or an alias, which
    /// counts where it is used.
    pub(crate) fn named_type(&self, name: &str) -> Result<(), Difference> {
        let item = format!("type/{name}");
        if self.known.contains_key(&format!("table/{name}")) || !self.known.contains_key(&item) {
            return Ok(());
        }
        self.one(item)
    }

    /// Compares a table: its key, each column that the importer knew, and of the indexes that it knew those that
    /// it uses.
    pub(crate) fn table(&self, name: &str, uses_index: impl Fn(&str) -> bool) -> Result<(), Difference> {
        self.one(format!("table/{name}"))?;
        let column = format!("column/{name}.");
        let index = format!("index/{name}.");
        for item in self.known.keys() {
            let is_used = item.starts_with(&column) || item.strip_prefix(&index).is_some_and(&uses_index);
            if is_used {
                self.one(item.clone())?;
            }
        }
        Ok(())
    }

    fn one(&self, item: String) -> Result<(), Difference> {
        const NOTHING: &str = "nothing of that name";
        match (self.known.get(&item), self.offered.get(&item)) {
            (Some(known), Some(offered)) if known == offered => Ok(()),
            (known, offered) => Err(Difference {
                wanted: known.map_or(NOTHING, String::as_str).to_owned(),
                found: offered.map_or(NOTHING, String::as_str).to_owned(),
                item,
            }),
        }
    }
}
