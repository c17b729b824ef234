//! The fourth check of linking: what an importer uses of an interface is what it was built against.
//! An item is a function, a type, a table, a column or an index; each is compared by itself, so that a version
//! which only adds items serves everybody who knew fewer.
//! Invariant: what the importer says of itself, such as that a table is private, makes no check go away.

use interstice_wit::canonical::interface_items;
use interstice_wit::evolution::{PassedOn, passed_on};
use interstice_wit::{Interface, InterfaceName, Schema, Storage, Table, Visibility};
use std::collections::BTreeMap;

/// The items of one interface: as an importer knew them, and as they are.
pub(crate) struct Items<'s> {
    interfaces: (Option<&'s Interface>, &'s Interface),
    known: BTreeMap<String, String>,
    offered: BTreeMap<String, String>,
}

/// What an importer uses a table for.
pub(crate) enum TableUse<'u> {
    /// It reads rows, by the primary key and by those indexes for which this holds.
    Reading(&'u dyn Fn(&str) -> bool),
    /// It is told of changes of rows: no key matters.
    Events,
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

impl From<PassedOn> for Difference {
    fn from(PassedOn { item, now }: PassedOn) -> Difference {
        let now = now.map_or_else(|| "is gone".to_owned(), |now| format!("is `{now}`"));
        Difference {
            item,
            wanted: "what had that name".to_owned(),
            found: format!("another of that name, for what had it {now}"),
        }
    }
}

impl<'s> Items<'s> {
    /// Those of the interface that the importer knows by this name, and of the one that is offered.
    pub(crate) fn new(
        importer: &'s Schema,
        wanted: &InterfaceName,
        provider: &Schema,
        offered: &'s Interface,
    ) -> Items<'s> {
        let interface = importer.foreign.iter().find(|interface| interface.name == *wanted);
        let known = interface.map(|known| {
            // Only the provider says who may see what.
            let mut open = known.clone();
            open.visibility = Visibility::Public;
            open.tables.iter_mut().for_each(|table| table.visibility = Visibility::Public);
            interface_items(importer, &open)
        });
        Items {
            interfaces: (interface, offered),
            known: known.unwrap_or_default(),
            offered: interface_items(provider, offered),
        }
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

    /// Compares a table: each column that the importer knew, and if it reads rows the key and those indexes that it
    /// uses. A name that was passed on to another table or column is not what the importer knows by it.
    pub(crate) fn table(&self, name: &str, used: &TableUse<'_>) -> Result<(), Difference> {
        let (known, offered) = self.interfaces;
        if let Some(passed_on) = known.and_then(|known| passed_on(known, offered, name)) {
            return Err(passed_on.into());
        }
        let is_ephemeral = |table: &Table| table.name == name && table.storage == Storage::Ephemeral;
        match used {
            TableUse::Reading(_) => self.one(format!("table/{name}"))?,
            TableUse::Events if offered.tables.iter().any(is_ephemeral) => {
                return Err(Difference {
                    item: format!("table/{name}"),
                    wanted: "logged, so that it has events".to_owned(),
                    found: "ephemeral".to_owned(),
                });
            }
            TableUse::Events => {}
        }
        let column = format!("column/{name}.");
        let index = format!("index/{name}.");
        for item in self.known.keys() {
            let is_used = item.starts_with(&column)
                || match used {
                    TableUse::Reading(uses_index) => item.strip_prefix(&index).is_some_and(uses_index),
                    TableUse::Events => false,
                };
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
