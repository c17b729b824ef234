//! Taking a module out of the database: first the module, and its tables stay; then its tables.
//! Invariant: nothing that is installed loses what it imports, and no row goes that nobody asked to be gone.

use crate::catalog::{Catalog, KeptModule, ModuleIndex, Place};
use crate::change::{Becomes, CatalogChange, ModuleChange, TableStep};
use crate::context::Work;
use crate::error::Error;
use crate::judge::{Before, dependents};
use crate::node::Node;
use crate::tables::local_name;
use crate::transaction::{Tools, Writer};
use crate::upgrade::not_installed;
use interstice_engine::{Caller, is_guest_thread};
use interstice_log::Sequence;
use interstice_wit::{PackageName, Schema};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of taking out a module, or its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The module, in the version that it had.
    pub package: PackageName,
    /// Its tables, such as `tables.account`, and how many rows each had.
    pub tables: Vec<(String, u64)>,
    /// The record.
    pub sequence: Sequence,
}

impl Node {
    /// Takes a module out, named without a version. Its tables stay, and are found again when it is installed again.
    ///
    /// # Errors
    /// If it is not installed, or another module imports it.
    pub fn uninstall(&self, module: &str) -> Result<Removal, Error> {
        self.removing(module, |writer, tools, module| writer.uninstall(tools, module))
    }

    /// Removes the tables of a module that was uninstalled.
    ///
    /// # Errors
    /// If it is installed, or no tables of it were kept.
    pub fn purge(&self, module: &str) -> Result<Removal, Error> {
        self.removing(module, |writer, tools, module| writer.purge(tools, module))
    }

    fn removing(
        &self,
        module: &str,
        work: fn(&mut Writer, &Tools<'_>, &str) -> Result<Removal, Error>,
    ) -> Result<Removal, Error> {
        if !is_guest_thread() {
            let module = module.to_owned();
            return self.hand_over(&self.inner.writing, move |node| node.removing(&module, work));
        }
        let inner = &self.inner;
        let removal = inner.writer.lock().guarded(|writer| work(writer, &inner.tools(), module))?;
        inner.catalog_changed(removal.sequence)?;
        Ok(removal)
    }
}

impl Writer {
    /// Takes a module out, and keeps its tables.
    pub(crate) fn uninstall(&mut self, tools: &Tools<'_>, name: &str) -> Result<Removal, Error> {
        self.check_open(tools)?;
        let catalog = self.context().catalog.clone();
        let module =
            catalog.find(name).ok_or_else(|| match catalog.kept().any(|kept| kept.name == name) {
                true => Error::OnlyKept { module: name.to_owned() },
                false => not_installed(&catalog, name),
            })?;
        let found = dependents(&catalog, &BTreeSet::from([name.to_owned()]));
        if !found.is_empty() {
            return Err(Error::HasDependents {
                module: Box::new(module.schema.package.clone()),
                dependents: found.iter().map(|module| module.schema.package.to_string()).collect(),
            });
        }
        self.pay_all(tools)?;
        let place = match module.tables.is_empty() {
            true => Place::Gone,
            false => Place::Kept(Arc::new(KeptModule {
                name: module.name.clone(),
                schema: module.schema.clone(),
                digest: module.digest,
                tables: module.tables.clone(),
                definition: module.definition,
            })),
        };
        self.remove(tools, &catalog, module.index, module.definition, place, Becomes::Kept)
    }

    /// Removes the tables that were kept of a module that was uninstalled.
    pub(crate) fn purge(&mut self, tools: &Tools<'_>, name: &str) -> Result<Removal, Error> {
        self.check_open(tools)?;
        let catalog = self.context().catalog.clone();
        if let Some(module) = catalog.find(name) {
            return Err(Error::StillInstalled { module: Box::new(module.schema.package.clone()) });
        }
        let kept = catalog.kept().find(|kept| kept.name == name).cloned();
        let (Some(kept), Some(index)) = (kept, catalog.place_of(name)) else {
            return Err(not_installed(&catalog, name));
        };
        self.pay_all(tools)?;
        self.remove(tools, &catalog, index, kept.definition, Place::Gone, Becomes::Removed)
    }

    fn check_open(&self, tools: &Tools<'_>) -> Result<(), Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        Ok(tools.log.admit()?)
    }

    /// Puts something else into the place of a module, and writes that to the log.
    fn remove(
        &mut self,
        tools: &Tools<'_>,
        catalog: &Arc<Catalog>,
        index: ModuleIndex,
        subject: interstice_log::DefinitionId,
        place: Place,
        becomes: Becomes,
    ) -> Result<Removal, Error> {
        let before = Before::of(catalog, index);
        let handles = before.tables(catalog);
        let names = names(before.schema);
        let step = |table: &String| TableStep { table: table.clone(), was: None, becomes: becomes.clone() };
        let change = CatalogChange {
            modules: vec![ModuleChange {
                package: before.schema.package.unversioned(),
                to: None,
                tables: names.iter().map(step).collect(),
            }],
        };
        let goes = becomes == Becomes::Removed;
        let mut next = (**catalog).clone();
        next.set_place(index, place);
        if goes {
            handles.values().for_each(|table| next.remove_table(table.id()));
        }
        self.begin(tools, &Caller::System)?;
        let reader = tools.store.reader(tools.store.newest()).map_err(Error::Store);
        let count = |name: &String| {
            let reader = reader.as_ref().ok()?;
            Some((name.clone(), reader.count(&handles[name]).ok()?))
        };
        let tables = names.iter().filter_map(count).collect();
        self.context_mut().use_catalog(Arc::new(next));
        let dropped = match &mut self.context_mut().work {
            Work::Write(transaction) if goes => {
                handles.values().try_for_each(|table| transaction.drop_table(table)).map_err(Error::Store)
            }
            _ => Ok(()),
        };
        match dropped.and_then(|()| self.commit_change(tools, subject, &change)) {
            Ok(sequence) => {
                self.note_versions(catalog, self.last_timestamp_micros);
                Ok(Removal { package: before.schema.package.clone(), tables, sequence })
            }
            Err(error) => {
                self.abort();
                self.context_mut().use_catalog(catalog.clone());
                Err(error)
            }
        }
    }
}

/// The tables of a module, in the order of its schema.
fn names(schema: &Schema) -> Vec<String> {
    schema.tables().map(|(at, table)| local_name(&at.name.name, &table.name)).collect()
}
