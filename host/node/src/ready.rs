//! Making modules ready to run: each is linked after those that it imports, whatever the order of installation.
//! Invariant: a catalog that comes out of here has every module that was asked for, or there is none.

use crate::catalog::{Catalog, Place};
use crate::error::Error;
use crate::install::{Waiting, assemble, define_module};
use crate::link::engine_error;
use crate::numbers::Numbers;
use crate::state::{State, StoredModule};
use crate::tables::link_tables;
use interstice_engine::{CompileCache, Compiled, Engine};
use interstice_log::{ArtifactStore, Digest};
use interstice_wit::{Hash, Schema};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What makes modules ready to run.
pub(crate) struct Workshop<'n> {
    pub(crate) numbers: &'n dyn Numbers,
    pub(crate) engine: &'n Engine,
    pub(crate) cache: Option<&'n dyn CompileCache>,
    pub(crate) artifacts: &'n ArtifactStore,
}

impl Workshop<'_> {
    /// Compiles a component.
    pub(crate) fn compile(&self, schema: &Schema, component: &[u8]) -> Result<Compiled, Error> {
        self.engine.compile(component, self.cache).map_err(|error| engine_error(schema, error))
    }
}

/// The packages that a module imports, without versions and without its own.
pub(crate) fn imported_packages(schema: &Schema) -> BTreeSet<String> {
    let own = schema.package.unversioned();
    let packages = schema.imports.iter().map(|interface| interface.package.unversioned());
    packages.filter(|package| *package != own).collect()
}

/// Links modules into a catalog that has their tables, and the modules that are ready already.
pub(crate) fn make_ready(
    shop: &Workshop<'_>,
    mut catalog: Catalog,
    waiting: Vec<Waiting>,
) -> Result<Catalog, Error> {
    let names = waiting.iter().map(|module| module.schema.package.unversioned());
    let places: HashMap<String, usize> = names.zip(0..).collect();
    // For each the number of those that it waits for, and who waits for it.
    let (mut missing, mut importers) = (vec![0_usize; waiting.len()], vec![Vec::new(); waiting.len()]);
    for (importer, module) in waiting.iter().enumerate() {
        for provider in imported_packages(&module.schema).iter().filter_map(|name| places.get(name)) {
            missing[importer] += 1;
            importers[*provider].push(importer);
        }
    }
    let mut next: BTreeSet<usize> = (0..waiting.len()).filter(|module| missing[*module] == 0).collect();
    let mut waiting: Vec<Option<Waiting>> = waiting.into_iter().map(Some).collect();
    while let Some(place) = next.pop_first() {
        let module = waiting[place].take().expect("a module is ready once");
        let module = assemble(shop, &catalog, &module)?;
        catalog.set_place(module.index, Place::Module(Arc::new(module)));
        for importer in std::mem::take(&mut importers[place]) {
            missing[importer] -= 1;
            if missing[importer] == 0 {
                next.insert(importer);
            }
        }
    }
    let left: Vec<Waiting> = waiting.into_iter().flatten().collect();
    if left.is_empty() { Ok(catalog) } else { Err(Error::DependencyCycle { path: cycle(left) }) }
}

/// The modules on a way that ends where it began, each importing the next.
fn cycle(waiting: Vec<Waiting>) -> Vec<String> {
    let named = waiting.iter().map(|module| Named::of(&module.schema)).collect();
    way_in_circles(named).unwrap_or_default()
}

/// The same among all modules of a catalog, if they import each other in a circle.
pub(crate) fn cycle_with(catalog: &Catalog) -> Option<Vec<String>> {
    way_in_circles(catalog.modules().map(|module| Named::of(&module.schema)).collect())
}

/// A module with what it imports.
struct Named<'s> {
    schema: &'s Schema,
    name: String,
    imports: BTreeSet<String>,
}

impl Named<'_> {
    fn of(schema: &Schema) -> Named<'_> {
        Named { schema, name: schema.package.unversioned(), imports: imported_packages(schema) }
    }
}

/// The way along the imports of modules until one comes again, if there is such a way.
fn way_in_circles(mut modules: Vec<Named<'_>>) -> Option<Vec<String>> {
    // Takes those away that import no other one that is left, until all are gone or each imports one.
    let mut names: BTreeSet<String> = modules.iter().map(|module| module.name.clone()).collect();
    loop {
        let before = modules.len();
        modules.retain(|module| {
            let stays = !module.imports.is_disjoint(&names);
            if !stays {
                names.remove(&module.name);
            }
            stays
        });
        if modules.len() == before {
            break;
        }
    }
    let mut path: Vec<&Named<'_>> = Vec::new();
    let mut at = modules.first()?;
    while !path.iter().any(|known| known.name == at.name) {
        path.push(at);
        at = modules.iter().find(|next| at.imports.contains(&next.name))?;
    }
    let begin = path.iter().position(|known| known.name == at.name)?;
    path.push(at);
    Some(path[begin..].iter().map(|module| module.schema.package.to_string()).collect())
}

impl State {
    /// Makes the modules ready to run.
    pub(crate) fn catalog(&self, shop: &Workshop<'_>) -> Result<Catalog, Error> {
        let mut catalog = Catalog::default();
        let mut waiting = Vec::new();
        for (index, place) in (0..).map(crate::catalog::ModuleIndex).zip(self.places()) {
            let Some(module) = place else {
                catalog.set_place(index, Place::Gone);
                continue;
            };
            let tables = link_tables(shop.numbers, &module.schema, &module.tables)?;
            catalog.set_tables(tables.iter().map(|(_, table)| table));
            if !module.is_installed {
                catalog.set_place(index, Place::Kept(Arc::new(kept(shop, module)?)));
                continue;
            }
            catalog.set_place(index, Place::Gone);
            let component = shop.artifacts.get(module.artifact)?;
            let compiled = shop.compile(&module.schema, &component)?;
            let (schema, artifact) = (module.schema.clone(), Hash(module.artifact.0));
            waiting.push(Waiting { index, schema, artifact, compiled, tables });
        }
        let catalog = make_ready(shop, catalog, waiting)?;
        self.check_hash(&catalog)?;
        Ok(catalog)
    }

    /// Refuses a catalog that is not the one that was written to the log.
    fn check_hash(&self, catalog: &Catalog) -> Result<(), Error> {
        let (found, logged) = (catalog.hash(), self.catalog_hash);
        if found == logged || self.stored().next().is_none() {
            return Ok(());
        }
        let names: Vec<String> = self.modules().map(|module| module.schema.package.to_string()).collect();
        Err(Error::Catalog {
            reason: format!(
                "with {} the catalog has the hash {}, and the log says {}: the log was written by a version \
                 that stores tables in another way, or was changed; open it with the version that wrote it",
                names.join(", "),
                Digest(found),
                Digest(logged)
            ),
        })
    }
}

fn kept(shop: &Workshop<'_>, module: &StoredModule) -> Result<crate::catalog::KeptModule, Error> {
    let digest = Hash(module.artifact.0);
    Ok(crate::catalog::KeptModule {
        name: module.name(),
        definition: define_module(shop.numbers, &module.schema, digest)?,
        digest,
        tables: module.tables.iter().map(|table| table.id()).collect(),
        schema: module.schema.clone(),
    })
}
