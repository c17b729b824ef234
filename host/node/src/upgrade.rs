//! An upgrade: modules that are installed are replaced by other versions of themselves, as one transaction.
//! Invariant: an upgrade that fails changes nothing; until its record is appended, everything can be taken back.

use crate::catalog::{Catalog, ModuleIndex, Place};
use crate::change::CatalogChange;
use crate::context::{Former, Target, Work};
use crate::error::Error;
use crate::install::{Waiting, describe, function_index};
use crate::judge::{Before, Candidate, Judgement, Question, dependents, judge, own_tables};
use crate::node::{DELIVERIES_BEFORE_A_CALL, Node};
use crate::plan::UpgradePlan;
use crate::ready::{Workshop, make_ready};
use crate::stop::explain;
use crate::tables::{evolve_error, evolve_tables, former_name, link_tables};
use crate::transaction::{RecordFrame, Request, Tools, Writer};
use interstice_engine::{Caller, Returned, is_guest_thread};
use interstice_log::{Cause, DefinitionId, Installed, Lifecycle, Outcome, Sequence};
use interstice_store::{TableHandle, Version};
use interstice_wit::{FunctionKind, Trigger, hash::artifact_hash, section};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How an upgrade is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpgradeOptions {
    /// Do everything, also run migration functions, and then take all of it back.
    pub dry_run: bool,
    /// Allow a lower version than the one that is installed.
    pub rollback: bool,
    /// Agree that rows go with tables which the new version does not have and no migration function reads.
    pub gives_up_rows: bool,
}

/// What came of an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// What was found before, and done.
    pub plan: UpgradePlan,
    /// Its record; none of a dry run, and if the very same artifacts are installed.
    pub sequence: Option<Sequence>,
    /// How many rows migration functions and handlers have changed.
    pub changed_rows: u64,
    /// The tables whose rows did not just stay: those that a migration filled, and those that went with rows in them.
    pub tables: Vec<TableOutcome>,
}

/// How many rows a table had and has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableOutcome {
    /// The package without its version.
    pub module: String,
    /// Its interface and name, such as `tables.account`.
    pub table: String,
    /// Before.
    pub rows_before: u64,
    /// Afterwards; none if the table is gone.
    pub rows_after: Option<u64>,
}

/// What an upgrade's transaction has done.
struct Changed {
    sequence: Option<Sequence>,
    changed_rows: u64,
    tables: Vec<TableOutcome>,
}

/// What is done with components at the writer.
type ComponentWork<T> =
    fn(&mut Writer, &Tools<'_>, &Workshop<'_>, &[&[u8]], &UpgradeOptions) -> Result<T, Error>;

impl Node {
    /// What replacing installed modules by these components would do. Nothing changes, and nobody waits: rows are
    /// counted, and read where an index becomes unique or a way back may lose something, as they are at one version.
    ///
    /// # Errors
    /// If a component cannot be read, or its module is not installed. What stands against an upgrade is no error, but
    /// is in the plan.
    pub fn plan(&self, components: &[&[u8]], options: &UpgradeOptions) -> Result<UpgradePlan, Error> {
        if !is_guest_thread() {
            // Compiling takes a large stack as well.
            let (components, options) = (owned(components), *options);
            return self.hand_over(&self.inner.reading, move |node| {
                let components: Vec<&[u8]> = components.iter().map(Vec::as_slice).collect();
                node.plan(&components, &options)
            });
        }
        let inner = &self.inner;
        let (catalog, reader, owed) = {
            let writer = inner.writer.lock();
            let reader = inner.store.reader(Version(writer.last_sequence)).map_err(Error::Store)?;
            (writer.context().catalog.clone(), reader, writer.owed.len() as u64)
        };
        let shop = inner.workshop();
        let candidates = candidates(&catalog, &shop, components)?;
        let question = Question { may_go_back: options.rollback, reads_keys: true };
        let mut plan = judge(&shop, &catalog, &candidates, &reader, question)?.plan;
        plan.owed_deliveries = owed;
        Ok(plan)
    }

    /// Replaces installed modules by these components, all in one transaction, and returns once that is durable.
    /// Calls that run meanwhile end before it or begin after it.
    ///
    /// # Errors
    /// If it cannot be made; then nothing has changed.
    pub fn upgrade(&self, components: &[&[u8]], options: &UpgradeOptions) -> Result<Upgrade, Error> {
        self.with_components(components, *options, |writer, tools, shop, components, options| {
            writer.upgrade(tools, shop, components, options)
        })
    }

    /// Does something with components at the writer, on a thread that can run guests.
    fn with_components<T: Send + 'static>(
        &self,
        components: &[&[u8]],
        options: UpgradeOptions,
        work: ComponentWork<T>,
    ) -> Result<T, Error> {
        if !is_guest_thread() {
            let components = owned(components);
            return self.hand_over(&self.inner.writing, move |node| {
                let components: Vec<&[u8]> = components.iter().map(Vec::as_slice).collect();
                node.with_components(&components, options, work)
            });
        }
        let inner = &self.inner;
        // Whoever calls meanwhile need not wait for the compiler: the writer will find what it made in the cache. What is
        // wrong with a component is told there.
        for component in components {
            let schema = section::extract(component).ok();
            drop(schema.map(|schema| inner.workshop().compile(&schema, component)));
        }
        let mut writer = inner.writer.lock();
        let done =
            writer.guarded(|writer| work(writer, &inner.tools(), &inner.workshop(), components, &options));
        let last = Sequence(writer.last_sequence);
        drop(writer);
        let done = done?;
        inner.catalog_changed(last)?;
        Ok(done)
    }
}

impl Writer {
    /// Replaces installed modules by these components. Those that are installed already are passed over.
    pub(crate) fn upgrade(
        &mut self,
        tools: &Tools<'_>,
        shop: &Workshop<'_>,
        components: &[&[u8]],
        options: &UpgradeOptions,
    ) -> Result<Upgrade, Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        tools.log.admit_growth()?;
        let candidates = candidates(&self.context().catalog, shop, components)?;
        if !options.dry_run && !candidates.is_empty() {
            self.pay_all(tools)?;
        }
        let judgement = self.judge(tools, shop, &candidates, options)?;
        if let (Some(path), [_]) = (&judgement.circle, judgement.plan.refusals.as_slice()) {
            return Err(Error::DependencyCycle { path: path.clone() });
        }
        if !judgement.plan.refusals.is_empty() {
            return Err(Error::UpgradeRefused {
                modules: judgement.plan.modules.iter().map(|module| module.package.clone()).collect(),
                reasons: judgement.plan.refusals,
            });
        }
        if !judgement.plan.given_up.is_empty() && !options.gives_up_rows {
            return Err(Error::RowsGivenUp { rows: judgement.plan.given_up });
        }
        if candidates.is_empty() {
            return Ok(Upgrade { plan: judgement.plan, sequence: None, changed_rows: 0, tables: Vec::new() });
        }
        let before = self.context().catalog.clone();
        let chosen = chosen(components, &candidates);
        let done = self.change_over(tools, shop, &candidates, &chosen, &judgement, options);
        match &done {
            Ok(Changed { sequence: Some(_), .. }) => self.note_versions(&before, self.last_timestamp_micros),
            Ok(_) | Err(_) => {
                // The transaction takes back what became of tables.
                self.abort();
                self.context_mut().use_catalog(before);
            }
        }
        let Changed { sequence, changed_rows, tables } = done?;
        Ok(Upgrade { plan: judgement.plan, sequence, changed_rows, tables })
    }

    /// Makes the upgrade in one transaction. What an error or a dry run leaves open is for the caller to take back.
    fn change_over(
        &mut self,
        tools: &Tools<'_>,
        shop: &Workshop<'_>,
        candidates: &[Candidate],
        components: &[&[u8]],
        judgement: &Judgement,
        options: &UpgradeOptions,
    ) -> Result<Changed, Error> {
        let before = self.context().catalog.clone();
        let reader = tools.store.reader(Version(self.last_sequence)).map_err(Error::Store)?;
        self.begin(tools, &Caller::System)?;
        let next = self.evolve(shop, &before, candidates, &judgement.change)?;
        if !options.dry_run {
            components.iter().try_for_each(|component| shop.artifacts.put(component).map(drop))?;
        }
        self.context_mut().use_catalog(Arc::new(next));
        self.context_mut().former = Some(Former { reader, tables: former_tables(&before, candidates) });
        for kind in [FunctionKind::Migrate, FunctionKind::On(Trigger::Upgrade)] {
            for candidate in candidates {
                if kind == FunctionKind::Migrate && !judgement.migrating.contains(&candidate.index) {
                    continue;
                }
                self.run_all(tools, candidate.index, &kind)?;
            }
        }
        let changed_rows = self.changed_rows();
        let tables = self.table_outcomes(&judgement.plan, candidates)?;
        if options.dry_run {
            return Ok(Changed { sequence: None, changed_rows, tables });
        }
        let subject = self.context().catalog.at(candidates[0].index).definition;
        let sequence = self.commit_change(tools, subject, &judgement.change)?;
        Ok(Changed { sequence: Some(sequence), changed_rows, tables })
    }

    /// What became of the rows of tables that were filled or went, as the open transaction has them.
    fn table_outcomes(
        &self,
        plan: &UpgradePlan,
        candidates: &[Candidate],
    ) -> Result<Vec<TableOutcome>, Error> {
        let Work::Write(transaction) = &self.context().work else {
            unreachable!("the transaction of the upgrade was begun")
        };
        let catalog = &self.context().catalog;
        let mut outcomes = Vec::new();
        for (module, candidate) in plan.modules.iter().zip(candidates) {
            let now = Before::of(catalog, candidate.index).tables(catalog);
            for table in &module.tables {
                let rows_after = match (table.becomes, now.get(&table.table)) {
                    ("filled", Some(handle)) => Some(transaction.count(handle).map_err(Error::Store)?),
                    ("removed", _) if table.rows > 0 => None,
                    _ => continue,
                };
                outcomes.push(TableOutcome {
                    module: module.package.clone(),
                    table: table.table.clone(),
                    rows_before: table.rows,
                    rows_after,
                });
            }
        }
        Ok(outcomes)
    }

    /// Pays every delivery that is owed, so that none meets another version of its handler.
    pub(crate) fn pay_all(&mut self, tools: &Tools<'_>) -> Result<(), Error> {
        while !self.deliver(tools, DELIVERIES_BEFORE_A_CALL)? {}
        Ok(())
    }

    fn judge(
        &self,
        tools: &Tools<'_>,
        shop: &Workshop<'_>,
        candidates: &[Candidate],
        options: &UpgradeOptions,
    ) -> Result<Judgement, Error> {
        let reader = tools.store.reader(Version(self.last_sequence)).map_err(Error::Store)?;
        let catalog = &self.context().catalog;
        let question = Question { may_go_back: options.rollback, reads_keys: false };
        let mut judgement = judge(shop, catalog, candidates, &reader, question)?;
        judgement.plan.owed_deliveries = self.owed.len() as u64;
        Ok(judgement)
    }

    /// Takes the tables along, and makes the catalog that has the new versions, and their dependents linked to them.
    fn evolve(
        &mut self,
        shop: &Workshop<'_>,
        before: &Arc<Catalog>,
        candidates: &[Candidate],
        change: &CatalogChange,
    ) -> Result<Catalog, Error> {
        let Work::Write(transaction) = &mut self.context_mut().work else {
            unreachable!("the transaction of the upgrade was begun")
        };
        let mut next = (**before).clone();
        let mut waiting = Vec::new();
        for (candidate, module) in candidates.iter().zip(&change.modules) {
            let old = Before::of(before, candidate.index).tables(before);
            let schema = &candidate.schema;
            let evolved = evolve_tables(transaction, &module.tables, &old, Some(schema), next.next_table());
            let evolved = evolved.map_err(|error| evolve_error(schema, error))?;
            for table in &evolved.leaving {
                transaction.drop_table(table).map_err(Error::Store)?;
                next.remove_table(table.id());
            }
            let tables = link_tables(shop.numbers, schema, &evolved.tables)?;
            next.set_tables(tables.iter().map(|(_, table)| table));
            next.set_place(candidate.index, Place::Gone);
            waiting.push(candidate.waiting(tables));
        }
        let packages: BTreeSet<String> =
            candidates.iter().map(|candidate| candidate.schema.package.unversioned()).collect();
        for module in dependents(before, &packages) {
            next.set_place(module.index, Place::Gone);
            waiting.push(Waiting {
                index: module.index,
                schema: module.schema.clone(),
                artifact: module.digest,
                compiled: module.compiled.clone(),
                tables: own_tables(before, module),
            });
        }
        make_ready(shop, next, waiting)
    }

    /// Runs every function of that kind of a module in the open transaction.
    fn run_all(&mut self, tools: &Tools<'_>, index: ModuleIndex, kind: &FunctionKind) -> Result<(), Error> {
        let catalog = self.context().catalog.clone();
        let module = catalog.at(index);
        let mut result = Vec::new();
        for (position, function) in module.functions.iter().enumerate() {
            if function.kind != *kind {
                continue;
            }
            let request = Request {
                target: Target { module: index, function: function_index(position) },
                arguments: &[],
                caller: &Caller::System,
                cause: Cause::Lifecycle(Lifecycle::Upgrade),
                depth: 0,
            };
            if self.run_in_open(tools, &request, &mut result)? == Returned::Err {
                return Err(Error::MigrationRefused {
                    module: Box::new(module.schema.package.clone()),
                    handler: function.full_name.to_string(),
                    value: describe(&result, function),
                });
            }
        }
        Ok(())
    }

    /// Ends a transaction with the record of a change of the catalog. Nothing is owed by then.
    pub(crate) fn commit_change(
        &mut self,
        tools: &Tools<'_>,
        subject: DefinitionId,
        change: &CatalogChange,
    ) -> Result<Sequence, Error> {
        assert!(self.owed.is_empty(), "{} deliveries are owed while the catalog changes", self.owed.len());
        let json = change.to_json();
        let frame = RecordFrame {
            subject,
            cause: Cause::Upgrade(Installed { schema: &json, catalog: self.context().catalog.hash() }),
            caller: &Caller::System,
            arguments: &[],
            outcome: Outcome::Ok(&[]),
            depth: 0,
            even_if_empty: true,
        };
        self.commit_catalog(tools, &frame)
    }
}

fn owned(components: &[&[u8]]) -> Vec<Vec<u8>> {
    components.iter().map(|component| component.to_vec()).collect()
}

/// The components that are to take the place of something, in the order of their names.
fn candidates(catalog: &Catalog, shop: &Workshop<'_>, components: &[&[u8]]) -> Result<Vec<Candidate>, Error> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for component in components {
        let schema =
            section::extract(component).map_err(|error| Error::BadComponent { reason: explain(&error) })?;
        let (name, artifact) = (schema.package.unversioned(), artifact_hash(component));
        let index = catalog.place_of(&name).ok_or_else(|| not_installed(catalog, &name))?;
        if candidates.iter().any(|other| other.index == index) {
            return Err(Error::BadComponent { reason: format!("{name} is given twice") });
        }
        if catalog.installed_at(index).is_some_and(|module| module.digest == artifact) {
            continue;
        }
        let compiled = shop.compile(&schema, component)?;
        candidates.push(Candidate { index, schema, artifact, compiled });
    }
    candidates.sort_by_cached_key(|candidate| candidate.schema.package.unversioned());
    Ok(candidates)
}

/// The components of the candidates, in their order.
fn chosen<'c>(components: &[&'c [u8]], candidates: &[Candidate]) -> Vec<&'c [u8]> {
    let of = |candidate: &Candidate| {
        let found = components.iter().find(|component| artifact_hash(component) == candidate.artifact);
        *found.expect("a candidate was made of one of the components")
    };
    candidates.iter().map(of).collect()
}

/// The tables that the candidates had before, for their migration functions.
fn former_tables(before: &Catalog, candidates: &[Candidate]) -> HashMap<String, TableHandle> {
    let mut tables = HashMap::new();
    for candidate in candidates {
        let old = Before::of(before, candidate.index);
        let package = old.schema.package.unversioned();
        let named = old.tables(before).into_iter();
        tables.extend(named.map(|(name, handle)| (former_name(&package, &name), handle)));
    }
    tables
}

/// No such module is installed, nor were its tables kept.
pub(crate) fn not_installed(catalog: &Catalog, name: &str) -> Error {
    Error::NotInstalled {
        module: name.to_owned(),
        installed: catalog.modules().map(|module| module.schema.package.to_string()).collect(),
    }
}
