//! Reads the world of a package into a [`Schema`], or says everything that is wrong with it.
//! What a world does not reach is not looked at, but for its directives, none of which is ignored.
//! Invariant: there is a schema if and only if there is no mistake, and then the schema is valid.

mod comments;
mod functions;
mod interfaces;
pub(crate) mod keys;
mod placement;
mod shape;
mod tables;
mod triggers;
mod types;
mod worlds;

use crate::directive;
use crate::finding::{Diagnostics, Mistake, Mistakes};
use crate::limits::MAX_SCHEMA_NODES;
use crate::scan::{self, Scan};
use crate::schema::{PackageName, Schema};
use crate::source::{FileId, Group, Parsed, Place, Sources};
use crate::spelling::did_you_mean;
use comments::Comments;
use semver::Version;
use shape::Shapes;
use std::collections::{BTreeMap, BTreeSet};
use wit_parser::{InterfaceId, PackageId, Resolve, Span, TypeId, WorldId};
use worlds::{Statements, Worlds};

/// Reads a world of the root package. The name of the world may be left out where there is one only.
pub fn read(sources: &Sources, world: Option<&str>) -> Result<Schema, Diagnostics> {
    let mut mistakes = Mistakes::default();
    // Gated items must stay, so that they can be refused at their place instead of vanishing.
    let resolve = Resolve { all_features: true, ..Resolve::new() };
    let schema = match sources.parse(resolve, &mut mistakes) {
        Some(parsed) => read_parsed(sources, &parsed, world, &mut mistakes),
        None => {
            judge_directives(sources, &mut mistakes);
            None
        }
    };
    match schema {
        Some(schema) if mistakes.is_empty() => Ok(schema),
        _ => Err(mistakes.into_diagnostics(&sources.files)),
    }
}

/// The worlds of the root package, in the order of the text, for a choice or a message.
pub fn worlds(sources: &Sources) -> Result<Vec<String>, Diagnostics> {
    let (resolve, root) = sources.resolve(&[])?;
    Ok(resolve.packages[root].worlds.keys().cloned().collect())
}

fn read_parsed(
    sources: &Sources,
    parsed: &Parsed,
    world: Option<&str>,
    mistakes: &mut Mistakes,
) -> Option<Schema> {
    let mut reader = Reader {
        sources,
        resolve: &parsed.resolve,
        scans: &parsed.scans,
        root: parsed.root,
        comments: Comments::new(sources, &parsed.scans, mistakes),
        shapes: Shapes::new(&parsed.resolve),
        exported: BTreeSet::new(),
        statements: Statements::default(),
        table_names: BTreeMap::new(),
        former_table_names: BTreeMap::new(),
        named_packages: BTreeSet::new(),
        reached: Vec::new(),
        nodes: 0,
        mistakes,
    };
    let worlds = Worlds::new(sources, parsed);
    reader.check_unstable();
    reader.check_placement(&worlds);
    let package = reader.package_name(parsed.root);
    let world = reader.select_world(world)?;
    reader.world(package, world, &worlds)
}

/// A file with a syntax error still has its directives judged, and so do the others.
fn judge_directives(sources: &Sources, mistakes: &mut Mistakes) {
    for (index, file) in sources.files.iter().enumerate() {
        if file.group == Group::Root {
            let scan = scan::scan(&file.text);
            for block in &scan.docs {
                directive::parse(FileId(index), &file.text, block, mistakes);
            }
            for comment in &scan.plain_comments {
                directive::judge_plain_comment(FileId(index), &file.text, comment, mistakes);
            }
        }
    }
}

struct Reader<'a> {
    sources: &'a Sources,
    resolve: &'a Resolve,
    /// What our own scan found in each file.
    scans: &'a [Scan],
    root: PackageId,
    comments: Comments,
    shapes: Shapes<'a>,
    /// The interfaces that the world exports.
    exported: BTreeSet<InterfaceId>,
    /// What the world says.
    statements: Statements,
    /// The tables that were read, and where.
    table_names: BTreeMap<String, Place>,
    /// The names that tables had before, each with the table that has it no more.
    former_table_names: BTreeMap<String, String>,
    /// The packages whose names were judged.
    named_packages: BTreeSet<PackageId>,
    /// Named types that something refers to and that no interface was read for yet.
    reached: Vec<TypeId>,
    /// The nodes of the types of all tables and functions so far.
    nodes: u64,
    mistakes: &'a mut Mistakes,
}

impl Reader<'_> {
    fn place(&self, span: Span) -> Place {
        self.sources.place(&self.resolve.source_map, span)
    }

    fn is_in_root_file(&self, place: &Place) -> bool {
        self.sources.files.get(place.file.0).is_some_and(|file| file.group == Group::Root)
    }

    fn mistake(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// Where the package says its name.
    fn package_place(&self, package: PackageId) -> Place {
        let name = self.resolve.packages[package].name.to_string();
        for (index, scan) in self.scans.iter().enumerate() {
            if let Some(line) = scan.packages.iter().find(|line| line.name == name) {
                return Place { file: FileId(index), range: line.range.clone() };
            }
        }
        self.place(Span::default())
    }

    fn package_name(&mut self, id: PackageId) -> PackageName {
        let name = &self.resolve.packages[id].name;
        let (namespace, plain) = (name.namespace.clone(), name.name.clone());
        if self.named_packages.insert(id) {
            self.check_package_name(id, &format!("{namespace}:{plain}"));
        }
        let version = name.version.clone().unwrap_or_else(|| {
            let place = self.package_place(id);
            self.mistake(
                Mistake::new(place, format!("the package `{namespace}:{plain}` has no version"))
                    .label("expected a version")
                    .mend(format!("write `package {namespace}:{plain}@0.1.0;`")),
            );
            Version::new(0, 0, 0)
        });
        PackageName { namespace, name: plain, version }
    }

    /// WIT takes capitals in the names of packages, and components do not.
    fn check_package_name(&mut self, id: PackageId, name: &str) {
        let lower = name.to_ascii_lowercase();
        if lower != name {
            let place = self.package_place(id);
            self.mistake(
                Mistake::new(
                    place,
                    format!("the package name `{name}` has capitals, which no component can carry"),
                )
                .label("expected lower case")
                .mend(format!("write `{lower}`, and the same wherever the package is named")),
            );
        }
    }

    /// Counts the nodes of a table or a function towards the limit of the whole.
    fn count_nodes(&mut self, nodes: u64, place: &Place) {
        let before = self.nodes;
        self.nodes = before.saturating_add(nodes);
        if before <= MAX_SCHEMA_NODES && self.nodes > MAX_SCHEMA_NODES {
            let message = format!("the types up to here have more than {MAX_SCHEMA_NODES} parts together");
            self.mistake(
                Mistake::new(place.clone(), message).mend("divide the package into several modules"),
            );
        }
    }

    fn select_world(&mut self, wanted: Option<&str>) -> Option<WorldId> {
        let package = &self.resolve.packages[self.root];
        let full = |name: &str| self.resolve.id_of_name(self.root, name);
        let unversioned = |name: &str| {
            let wit_parser::PackageName { namespace, name: package, .. } = &package.name;
            format!("{namespace}:{package}/{name}")
        };
        let names: Vec<_> = package.worlds.keys().map(String::as_str).collect();
        let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let (message, mend) = match wanted {
            Some(wanted) => {
                let found = package
                    .worlds
                    .iter()
                    .find(|(name, _)| *name == wanted || full(name) == wanted || unversioned(name) == wanted);
                if let Some((_, world)) = found {
                    return Some(*world);
                }
                let known = if names.is_empty() {
                    "the package has no world".to_owned()
                } else {
                    format!("{}the package has {list}", did_you_mean(wanted, names.iter().copied()))
                };
                (format!("there is no world `{wanted}` in `{}`", package.name), known)
            }
            None => match package.worlds.values().collect::<Vec<_>>().as_slice() {
                [world] => return Some(**world),
                [] => (
                    format!("the package `{}` has no world", package.name),
                    "add one that exports the module's interfaces: `world bank { export ledger; }`"
                        .to_owned(),
                ),
                _ => {
                    let message = format!("the package `{}` has several worlds", package.name);
                    (message, format!("name one of {list}"))
                }
            },
        };
        let place = self.package_place(self.root);
        self.mistake(Mistake::new(place, message).mend(mend));
        None
    }

    /// Gates that could hide an item from one tool and show it to another.
    fn check_unstable(&mut self) {
        for (index, (file, scan)) in self.sources.files.iter().zip(self.scans).enumerate() {
            if file.group == Group::Root {
                let names = scan.gates.iter().map(|gate| &gate.name);
                for name in names.filter(|name| &file.text[(*name).clone()] == "unstable") {
                    self.unstable(Place { file: FileId(index), range: name.clone() });
                }
            }
        }
    }

    fn unstable(&mut self, place: Place) {
        self.mistake(
            Mistake::new(place, "`@unstable` items are not part of a contract")
                .mend("remove the item, or the gate once the item is stable"),
        );
    }
}
