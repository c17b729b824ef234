//! Linking: which installed module serves each import, and whether it may and does.
//! The five checks stand here in their order: present, visible, semver, hash, structure; each
//! refusal says what was wanted, what was found and what to do.
//! Invariant: nothing is linked that did not pass all five.

use crate::catalog::{Catalog, FunctionIndex, LinkedTable, Module};
use crate::context::{Context, Door, Target};
use crate::error::Error;
use crate::items::{Difference, Items, TableUse};
use crate::view::View;
use interstice_engine::{Compiled, Engine, EngineError, ModuleLink, Program};
use interstice_wit::evolution::passed_on_between;
use interstice_wit::{
    Function, FunctionKind, Interface, InterfaceName, PackageName, Schema, TypeName, Visibility,
};
use semver::Version;
use std::sync::Arc;

/// Links a module against what is installed and against its own tables, which are given, and those that it had in an
/// older version.
pub(crate) fn link(
    engine: &Engine,
    compiled: &Compiled,
    schema: &Schema,
    catalog: &Catalog,
    own_tables: &[(TypeName, Arc<LinkedTable>)],
    former_tables: &[(TypeName, Arc<LinkedTable>)],
) -> Result<Program<Context>, Error> {
    let mut link =
        ModuleLink::<Context>::new(engine, compiled, schema).map_err(|error| engine_error(schema, error))?;
    let needs = link.needs();
    for name in &needs.tables {
        let former = former_tables.iter().find(|(former, _)| former == name);
        let (table, view) = match former.or_else(|| own_tables.iter().find(|(own, _)| own == name)) {
            Some((_, table)) => (table.clone(), None),
            None => {
                let used = |index: &str| needs.indexes.contains(&(name.clone(), index.to_owned()));
                let found = foreign_table(schema, catalog, name, &TableUse::Reading(&used))?;
                (found.table, found.view)
            }
        };
        link.table(name.clone(), Door { table, former: former.is_some(), view });
    }
    for name in &needs.types {
        foreign_type(schema, catalog, name)?;
    }
    for (interface, function) in &needs.functions {
        let (provider, found, target) = foreign_function(schema, catalog, interface, function)?;
        link.function(interface, &provider.schema, found, target);
    }
    link.finish().map_err(|error| engine_error(schema, error))
}

/// The checks of an imported function, all but the structure, which the engine compares.
fn foreign_function<'c>(
    importer: &Schema,
    catalog: &'c Catalog,
    wanted: &InterfaceName,
    function: &str,
) -> Result<(&'c Module, &'c Function, Target), Error> {
    let item = format!("{wanted}.{{{function}}}");
    let (provider, interface) = provider(importer, catalog, wanted, &item)?;
    let found = interface.functions.iter().find(|candidate| candidate.name == function).ok_or_else(|| {
        refusal(
            importer,
            "present",
            &item,
            function.to_owned(),
            "no function of that name".to_owned(),
            &format!("build {} against the {} that is installed", importer.package, provider.schema.package),
        )
    })?;
    if !matches!(found.kind, FunctionKind::Reducer | FunctionKind::Query) {
        return Err(refusal(
            importer,
            "visible",
            &item,
            "a reducer or a query".to_owned(),
            "a handler that the host alone calls".to_owned(),
            "import a reducer or a query",
        ));
    }
    let items = Items::new(importer, wanted, &provider.schema, interface);
    items.function(function).map_err(|difference| differs(importer, wanted, provider, difference))?;
    let position = provider
        .functions
        .iter()
        .position(|candidate| candidate.name == function && candidate.interface == interface.name.name)
        .expect("the catalog lists every function of the schema");
    let function = FunctionIndex(u32::try_from(position).expect("a module has far fewer functions"));
    Ok((provider, found, Target { module: provider.index, function }))
}

/// A table of another module.
pub(crate) struct ForeignTable {
    pub(crate) table: Arc<LinkedTable>,
    /// How the importer sees it, if that is not as it is.
    pub(crate) view: Option<Arc<View>>,
}

/// The checks of an imported table.
pub(crate) fn foreign_table(
    importer: &Schema,
    catalog: &Catalog,
    wanted: &TypeName,
    used: &TableUse<'_>,
) -> Result<ForeignTable, Error> {
    let item = format!("table {wanted}");
    let (provider, interface) = provider(importer, catalog, &wanted.interface, &item)?;
    let table = interface.tables.iter().find(|table| table.name == wanted.name);
    let table = table.ok_or_else(|| {
        refusal(
            importer,
            "present",
            &item,
            wanted.name.clone(),
            "no table of that name".to_owned(),
            &format!("build {} against the {} that is installed", importer.package, provider.schema.package),
        )
    })?;
    if table.visibility != Visibility::Public {
        return Err(refusal(
            importer,
            "visible",
            &item,
            "a public table".to_owned(),
            "a private one".to_owned(),
            "ask its owner for `visibility = public`, or for a query",
        ));
    }
    let items = Items::new(importer, &wanted.interface, &provider.schema, interface);
    items
        .table(&wanted.name, used)
        .map_err(|difference| differs(importer, &wanted.interface, provider, difference))?;
    // Whoever is linked already knows the version that was there.
    let before = catalog.before().and_then(|before| before.find(&provider.name));
    let passed_on = before.and_then(|before| passed_on_between(&before.schema, &provider.schema, wanted));
    if let Some(passed_on) = passed_on {
        return Err(differs(importer, &wanted.interface, provider, passed_on.into()));
    }
    let known = importer
        .interface(&wanted.interface)
        .and_then(|interface| interface.tables.iter().find(|table| table.name == wanted.name));
    let view = known.map_or_else(
        || Err("the importer does not know its columns".to_owned()),
        |known| View::between(importer, known, &provider.schema, table),
    );
    let view = view.map_err(|found| {
        let mend = format!("build {} against {}", importer.package, provider.schema.package);
        refusal(importer, "hash", &item, "the columns that the importer knew".to_owned(), found, &mend)
    })?;
    let found = provider.schema.tables().zip(&provider.tables).find_map(|((at, candidate), id)| {
        (at.name.name == wanted.interface.name && candidate.name == wanted.name).then_some(*id)
    });
    let id = found.expect("the catalog lists every table of the schema");
    Ok(ForeignTable { table: catalog.table(id).clone(), view: view.map(Arc::new) })
}

/// The checks of an imported type.
fn foreign_type(importer: &Schema, catalog: &Catalog, wanted: &TypeName) -> Result<(), Error> {
    let (provider, interface) = provider(importer, catalog, &wanted.interface, &wanted.to_string())?;
    let items = Items::new(importer, &wanted.interface, &provider.schema, interface);
    items
        .named_type(&wanted.name)
        .map_err(|difference| differs(importer, &wanted.interface, provider, difference))
}

/// What the fourth check refuses.
fn differs(importer: &Schema, wanted: &InterfaceName, provider: &Module, difference: Difference) -> Error {
    let item = format!("{} of {wanted}", difference.item.replacen('/', " ", 1));
    let found = format!("{} in {}", difference.found, provider.schema.package);
    let mend = format!(
        "build {} against {}, or install a version of it that has what {} was built against",
        importer.package, provider.schema.package, importer.package.name
    );
    refusal(importer, "hash", &item, difference.wanted, found, &mend)
}

/// The first three checks: present, visible, semver.
fn provider<'c>(
    importer: &Schema,
    catalog: &'c Catalog,
    wanted: &InterfaceName,
    item: &str,
) -> Result<(&'c Module, &'c Interface), Error> {
    let name = wanted.package.unversioned();
    let provider = catalog.find(&name).ok_or_else(|| {
        refusal(
            importer,
            "present",
            item,
            wanted.package.to_string(),
            "no such module".to_owned(),
            &format!("install {name} first, or in the same command"),
        )
    })?;
    let found = &provider.schema.package;
    let interface = provider.schema.exports.iter().find(|interface| interface.name.name == wanted.name);
    let interface = interface.ok_or_else(|| {
        refusal(
            importer,
            "present",
            item,
            wanted.to_string(),
            format!("{found} without that interface"),
            &format!("install a version of {name} that exports {}", wanted.name),
        )
    })?;
    if interface.visibility != Visibility::Public {
        return Err(refusal(
            importer,
            "visible",
            item,
            "a public interface".to_owned(),
            "a private one".to_owned(),
            "import what the module makes public",
        ));
    }
    if !serves(&found.version, &wanted.package.version) {
        return Err(refusal(
            importer,
            "semver",
            item,
            range_of(&wanted.package),
            found.to_string(),
            &format!("install a {name} of that range, or build {} against {found}", importer.package),
        ));
    }
    Ok((provider, interface))
}

/// Whether a provider of version `found` serves an importer that was built against `wanted`: on the
/// same track of compatibility and not older. Prereleases and 0.0.x promise nothing, so they must
/// be equal (semver.org, 2.0.0, items 4 and 9).
fn serves(found: &Version, wanted: &Version) -> bool {
    if !found.pre.is_empty() || !wanted.pre.is_empty() {
        return found == wanted;
    }
    match (wanted.major, wanted.minor) {
        (0, 0) => (found.major, found.minor, found.patch) == (0, 0, wanted.patch),
        (0, minor) => found.major == 0 && found.minor == minor && found.patch >= wanted.patch,
        (major, _) => found.major == major && (found.minor, found.patch) >= (wanted.minor, wanted.patch),
    }
}

/// The versions that serve, for people.
fn range_of(wanted: &PackageName) -> String {
    let version = &wanted.version;
    let below = match (version.major, version.minor) {
        _ if !version.pre.is_empty() => return format!("exactly {wanted}"),
        (0, 0) => return format!("exactly {wanted}"),
        (0, minor) => format!("0.{}.0", minor + 1),
        (major, _) => format!("{}.0.0", major + 1),
    };
    format!("{} >= {version}, < {below}", wanted.unversioned())
}

fn refusal(
    importer: &Schema,
    check: &'static str,
    item: &str,
    wanted: String,
    found: String,
    mend: &str,
) -> Error {
    Error::Link {
        module: Box::new(importer.package.clone()),
        check,
        item: item.to_owned(),
        wanted,
        found,
        mend: mend.to_owned(),
    }
}

/// Says in the taxonomy of the node what the engine refused.
pub(crate) fn engine_error(schema: &Schema, error: EngineError) -> Error {
    match error {
        EngineError::Contradictions(found) => Error::ForgedSchema {
            module: Box::new(schema.package.clone()),
            contradictions: found.0.iter().map(|one| format!("  {one}")).collect(),
        },
        EngineError::ProviderDiffers { interface, function, difference } => refusal(
            schema,
            "structure",
            &format!("{interface}.{{{function}}}"),
            "the parameters and the result that the importer was built with".to_owned(),
            difference,
            "build the importer against the module that is installed",
        ),
        EngineError::MemoryTooSmall { limit_bytes, .. } => Error::Limit {
            limit: "guest-memory",
            place: schema.package.to_string(),
            message: format!(
                "it begins with more memory than the {limit_bytes} bytes that an instance may have"
            ),
        },
        EngineError::Setup(_) | EngineError::Link(_) | EngineError::NotLinked { .. } => {
            Error::Engine { doing: "linking a component", message: error.to_string() }
        }
        other => Error::BadComponent { reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_serves_on_the_same_track_and_not_older() {
        let cases = [
            ("1.2.0", "1.2.0", true),
            ("1.2.3", "1.2.0", true),
            ("1.9.0", "1.2.0", true),
            ("1.1.0", "1.2.0", false),
            ("2.0.0", "1.2.0", false),
            ("0.3.1", "0.3.0", true),
            ("0.3.0", "0.3.1", false),
            ("0.4.0", "0.3.0", false),
            ("0.0.2", "0.0.2", true),
            ("0.0.3", "0.0.2", false),
            ("1.2.0-rc.1", "1.2.0-rc.1", true),
            ("1.2.0-rc.2", "1.2.0-rc.1", false),
            ("1.2.0", "1.2.0-rc.1", false),
        ];
        for (found, wanted, expected) in cases {
            let parse = |text: &str| Version::parse(text).expect("the case is a version");
            assert_eq!(serves(&parse(found), &parse(wanted)), expected, "{found} for {wanted}");
        }
    }
}
