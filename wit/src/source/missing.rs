//! What packages take from each other, compared before wit-parser joins them: it tells only the first
//! package, interface or type that is missing.
//! Invariant: without a mistake here every package names only what another package has.

use super::{Place, Sources};
use crate::finding::{Mistake, Mistakes, clip};
use crate::spelling::nearest;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use wit_parser::{
    AstItem, PackageName, ResolveErrorKind, TypeDefKind, UnresolvedPackage, UnresolvedPackageGroup,
};

/// What a package gives to others: its interfaces, each with its types, and its worlds.
#[derive(Default)]
struct Provided<'a> {
    interfaces: BTreeMap<&'a str, BTreeSet<&'a str>>,
    worlds: BTreeSet<&'a str>,
}

impl<'a> Provided<'a> {
    fn new(package: &'a UnresolvedPackage) -> Self {
        let mut provided = Provided::default();
        // Those of other packages stand there too, as far as they are used.
        let (mut interfaces, mut worlds) = (HashSet::new(), HashSet::new());
        for (item, _) in package.foreign_deps.values().flat_map(|items| items.values()) {
            match item {
                AstItem::Interface(id) => interfaces.insert(*id),
                AstItem::World(id) => worlds.insert(*id),
            };
        }
        for (id, interface) in package.interfaces.iter() {
            if let Some(name) = &interface.name
                && !interfaces.contains(&id)
            {
                provided.interfaces.insert(name, interface.types.keys().map(String::as_str).collect());
            }
        }
        for (id, world) in package.worlds.iter() {
            if !worlds.contains(&id) {
                provided.worlds.insert(&world.name);
            }
        }
        provided
    }
}

/// Tells everything that a package names and no other has.
pub(super) fn check(sources: &Sources, groups: &[UnresolvedPackageGroup], mistakes: &mut Mistakes) {
    let packages = groups
        .iter()
        .flat_map(|group| group.nested.iter().chain([&group.main]).map(move |package| (group, package)));
    let known: BTreeMap<_, _> =
        packages.clone().map(|(_, package)| (&package.name, Provided::new(package))).collect();
    for (group, package) in packages {
        for (name, items) in &package.foreign_deps {
            let provided = known.get(name);
            for (item_name, (item, _)) in items {
                let span = match item {
                    AstItem::Interface(id) => package.interfaces[*id].span,
                    AstItem::World(id) => package.worlds[*id].span,
                };
                let place = sources.place(&group.source_map, span);
                // Another version of the same package is another package, if it is there.
                let is_own_name = name.namespace == package.name.namespace && name.name == package.name.name;
                if *name == package.name || is_own_name && provided.is_none() && name.version.is_none() {
                    mistakes.push(own_package(sources, place, name, item_name));
                    break;
                }
                let Some(provided) = provided else {
                    mistakes.push(missing_package(sources, place, name, known.keys().copied()));
                    break;
                };
                match item {
                    AstItem::World(_) => mistakes.extend(missing_world(place, name, item_name, provided)),
                    AstItem::Interface(id) => {
                        let Some(types) = provided.interfaces.get(item_name.as_str()) else {
                            mistakes.push(missing_interface(place, name, item_name, provided));
                            continue;
                        };
                        let used = package.interfaces[*id].types.iter();
                        for (used, id) in used.filter(|(used, _)| !types.contains(used.as_str())) {
                            let used_type = &package.types[*id];
                            if matches!(used_type.kind, TypeDefKind::Unknown) {
                                let place = sources.place(&group.source_map, used_type.span);
                                mistakes.push(missing_type(place, name, item_name, used, types));
                            }
                        }
                    }
                }
            }
        }
    }
}

fn missing_package<'a>(
    sources: &Sources,
    place: Place,
    wanted: &PackageName,
    known: impl Iterator<Item = &'a PackageName>,
) -> Mistake {
    let known: Vec<_> = known.collect();
    let same_name =
        known.iter().filter(|known| known.namespace == wanted.namespace && known.name == wanted.name);
    let versions: Vec<_> = same_name.map(|package| format!("`{package}`")).collect();
    let mend = if versions.is_empty() {
        let is_near = |package: &&&PackageName| {
            let same_namespace = package.namespace == wanted.namespace;
            same_namespace && nearest(&wanted.name, [package.name.as_str()]).is_some()
                || package.name == wanted.name
                    && nearest(&wanted.namespace, [package.namespace.as_str()]).is_some()
        };
        let near = known.iter().find(is_near).map(|package| format!("did you mean `{package}`? "));
        format!("{}put the WIT of `{wanted}` into `deps/`", near.unwrap_or_default())
    } else {
        format!("`deps/` holds {}: name that version, or put the other into `deps/`", versions.join(", "))
    };
    Mistake::new(
        package_part(sources, place, wanted),
        format!("the package `{wanted}` is not among the sources"),
    )
    .mend(mend)
}

fn own_package(sources: &Sources, place: Place, name: &PackageName, item: &str) -> Mistake {
    Mistake::new(package_part(sources, place, name), format!("`{name}` is this package itself"))
        .mend(format!("write `{item}` alone: what stands in the same package is named without it"))
}

fn missing_interface(place: Place, package: &PackageName, name: &str, provided: &Provided<'_>) -> Mistake {
    let mend = if provided.worlds.contains(name) {
        format!("`{name}` is a world: take it in by `include {package}`", package = path(package, name))
    } else {
        there_are(name, "interfaces", provided.interfaces.keys().copied())
    };
    Mistake::new(place, format!("there is no interface `{}` in `{package}`", clip(name))).mend(mend)
}

fn missing_world(
    place: Place,
    package: &PackageName,
    name: &str,
    provided: &Provided<'_>,
) -> Option<Mistake> {
    if provided.worlds.contains(name) {
        return None;
    }
    let mend = if provided.interfaces.contains_key(name) {
        format!("`{name}` is an interface: write `import {};`", path(package, name))
    } else {
        there_are(name, "worlds", provided.worlds.iter().copied())
    };
    Some(Mistake::new(place, format!("there is no world `{}` in `{package}`", clip(name))).mend(mend))
}

fn missing_type(
    place: Place,
    package: &PackageName,
    interface: &str,
    name: &str,
    types: &BTreeSet<&str>,
) -> Mistake {
    let path = path(package, interface);
    Mistake::new(place, format!("there is no type `{}` in `{path}`", clip(name))).mend(there_are(
        name,
        "types",
        types.iter().copied(),
    ))
}

/// `acme:bank/ledger@1.2.0`
fn path(package: &PackageName, item: &str) -> String {
    package.interface_id(item)
}

/// How to mend a name that is not among these.
fn there_are<'a>(name: &str, what: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    const LISTED: usize = 10;
    if let Some(near) = nearest(name, names.clone()) {
        return format!("did you mean `{near}`?");
    }
    let count = names.clone().count();
    let list: Vec<_> = names.take(LISTED).map(|name| format!("`{name}`")).collect();
    match (list.as_slice(), count.saturating_sub(LISTED)) {
        ([], _) => format!("it has no {what}"),
        (list, 0) => format!("its {what} are {}", list.join(", ")),
        (list, more) => format!("its {what} are {} and {more} more", list.join(", ")),
    }
}

/// The part `acme:bank` of `acme:bank/ledger`, given the place of its last part.
fn package_part(sources: &Sources, place: Place, package: &PackageName) -> Place {
    let part = format!("{}:{}", package.namespace, package.name);
    let text = sources.files.get(place.file.0).map_or("", |file| &*file.text);
    let before = text.get(..place.range.start).unwrap_or_default();
    match before.strip_suffix('/').and_then(|before| before.strip_suffix(part.as_str())) {
        Some(before) => Place { range: before.len()..before.len() + part.len(), ..place },
        None => place,
    }
}

/// What is wrong only when the packages are joined.
pub(super) fn joining(place: Place, kind: &ResolveErrorKind) -> Mistake {
    use ResolveErrorKind as Kind;
    let message = kind.to_string();
    let mistake = Mistake::new(place.clone(), message.lines().next().unwrap_or("the packages do not fit"));
    match kind {
        Kind::PackageNotFound { requested, .. } => {
            mistake.mend(format!("put the WIT of `{requested}` into `deps/`"))
        }
        Kind::DuplicatePackage { name, .. } => {
            Mistake::new(place, format!("the package `{name}` is given twice"))
                .mend("remove one of the two from `deps/`")
        }
        Kind::PackageCycle { package, .. } => {
            Mistake::new(place, format!("the package `{package}` depends on itself by way of this one"))
                .mend("remove one of the imports, or put what both use into a third package")
        }
        Kind::ItemShadowing { .. } => mistake.mend("rename it in the `include`: `with { a as b }`"),
        Kind::StabilityMismatch { .. } => mistake.mend("gate both alike"),
        _ if message.starts_with("feature gate cannot") => {
            mistake.mend("name a version up to that of the package")
        }
        _ => mistake,
    }
}
