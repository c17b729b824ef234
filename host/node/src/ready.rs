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
use std::collections::BTreeSet;
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
    mut waiting: Vec<Waiting>,
) -> Result<Catalog, Error> {
    while !waiting.is_empty() {
        let names: BTreeSet<String> =
            waiting.iter().map(|module| module.schema.package.unversioned()).collect();
        let is_next = |module: &Waiting| imported_packages(&module.schema).is_disjoint(&names);
        let Some(next) = waiting.iter().position(is_next) else {
            return Err(Error::DependencyCycle { path: cycle(&waiting) });
        };
        let module = assemble(shop, &catalog, &waiting.remove(next))?;
        catalog.set_place(module.index, Place::Module(Arc::new(module)));
    }
    Ok(catalog)
}

/// The modules on a way that ends where it began, each importing the next.
fn cycle(waiting: &[Waiting]) -> Vec<String> {
    let schemas: Vec<&Schema> = waiting.iter().map(|module| &module.schema).collect();
    way_in_circles(&schemas).unwrap_or_default()
}

/// The same among all modules of a catalog, if they import each other in a circle.
pub(crate) fn cycle_with(catalog: &Catalog) -> Option<Vec<String>> {
    let mut schemas: Vec<&Schema> = catalog.modules().map(|module| &module.schema).collect();
    // Takes those away that import no other one that is left, until all are gone or each imports one.
    loop {
        let names: BTreeSet<String> = schemas.iter().map(|schema| schema.package.unversioned()).collect();
        let before = schemas.len();
        schemas.retain(|schema| !imported_packages(schema).is_disjoint(&names));
        if schemas.len() == before {
            return way_in_circles(&schemas);
        }
    }
}

/// The way along the imports of schemas each of which imports another one of them.
fn way_in_circles(schemas: &[&Schema]) -> Option<Vec<String>> {
    let mut path: Vec<&Schema> = Vec::new();
    let mut at = *schemas.first()?;
    while !path.iter().any(|known| known.package == at.package) {
        path.push(at);
        let imports = imported_packages(at);
        at = schemas.iter().find(|next| imports.contains(&next.package.unversioned()))?;
    }
    let begin = path.iter().position(|known| known.package == at.package)?;
    path.push(at);
    Some(path[begin..].iter().map(|schema| schema.package.to_string()).collect())
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
