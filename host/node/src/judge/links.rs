//! Whether the modules that import an upgraded one still fit, seen by linking all of them on trial.
//! Invariant: the tables of the trial are empty, and in a store that is thrown away.

use super::{Candidate, Judgement};
use crate::catalog::{Catalog, LinkedTable, Module, Place};
use crate::error::{Error, ErrorKind};
use crate::install::subscriptions;
use crate::link::link;
use crate::plan::DependentPlan;
use crate::ready::{Workshop, cycle_with, imported_packages, make_ready};
use crate::tables::{former_tables, link_tables, make_tables};
use interstice_store::{Store, StoreLimits};
use interstice_wit::TypeName;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The installed modules that import a package of these and are none of them, in the order of their places.
pub(crate) fn dependents<'c>(catalog: &'c Catalog, packages: &BTreeSet<String>) -> Vec<&'c Arc<Module>> {
    let modules = catalog.modules().filter(|module| !packages.contains(&module.name));
    modules.filter(|module| !imported_packages(&module.schema).is_disjoint(packages)).collect()
}

/// Links the candidates and every dependent, with tables that are empty and in a store that is thrown away.
pub(super) fn judge_links(
    shop: &Workshop<'_>,
    catalog: &Catalog,
    candidates: &[Candidate],
    judgement: &mut Judgement,
) -> Result<(), Error> {
    let scratch = Store::new(StoreLimits::default(), 0);
    let mut next = catalog.clone();
    let mut waiting = Vec::new();
    let packages: BTreeSet<String> =
        candidates.iter().map(|candidate| candidate.schema.package.unversioned()).collect();
    for candidate in candidates {
        let handles = make_tables(&scratch, next.next_table(), &candidate.schema).map_err(Error::Store)?;
        let tables = link_tables(shop.numbers, &candidate.schema, &handles)?;
        next.set_tables(tables.iter().map(|(_, table)| table));
        next.set_place(candidate.index, Place::Gone);
        waiting.push(candidate.waiting(tables));
    }
    // Dependents that are in a circle with a candidate are found here as well.
    let judged = dependents(catalog, &packages);
    let mut next = match make_ready(shop, next, waiting) {
        Ok(next) => next,
        Err(error) => {
            if let Error::DependencyCycle { path } = &error {
                judgement.circle = Some(path.clone());
            }
            judgement.plan.refusals.push(refused(error)?);
            return Ok(());
        }
    };
    // The candidates know what they were built against; the dependents know what they are linked to.
    next.succeed(catalog.clone());
    for module in judged {
        let tables = own_tables(catalog, module);
        let former = former_tables(shop.numbers, &module.schema)?;
        let linked = link(shop.engine, &module.compiled, &module.schema, &next, &tables, &former);
        let callers = linked.err().map(refused).transpose()?;
        let understood = subscriptions(&module.schema, &next, module.index, &tables);
        let subscribers = understood.err().map(refused).transpose()?;
        judgement.plan.refusals.extend(callers.clone());
        judgement.plan.refusals.extend(subscribers.clone().filter(|_| callers.is_none()));
        let imports = module.schema.imports.iter();
        judgement.plan.dependents.push(DependentPlan {
            package: module.name.clone(),
            version: module.schema.package.version.to_string(),
            imports: imports
                .filter(|import| packages.contains(&import.package.unversioned()))
                .map(ToString::to_string)
                .collect(),
            callers,
            subscribers,
        });
    }
    if let Some(path) = cycle_with(&next) {
        judgement.circle = Some(path.clone());
        judgement.plan.refusals.push(Error::DependencyCycle { path }.to_string());
    }
    Ok(())
}

/// The tables of an installed module, by their names in its schema.
pub(crate) fn own_tables(catalog: &Catalog, module: &Module) -> Vec<(TypeName, Arc<LinkedTable>)> {
    let names = module
        .schema
        .tables()
        .map(|(at, table)| TypeName { interface: at.name.clone(), name: table.name.clone() });
    names.zip(module.tables.iter().map(|id| catalog.table(*id).clone())).collect()
}

/// What stands against an upgrade, in words; failures of the node are none of that.
fn refused(error: Error) -> Result<String, Error> {
    match error.kind() {
        ErrorKind::Ours | ErrorKind::OutcomeUnknown => Err(error),
        _ => Ok(error.to_string()),
    }
}
