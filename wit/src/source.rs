//! The WIT sources of a package and its dependencies, as text, and the way to a wit-parser `Resolve`.
//! It reads no files: their names in messages come with them.
//! Invariant: every byte range that is handed on lies in the file that it is handed on with.

mod attempt;
mod explain;
mod missing;
mod vocabulary;

use crate::finding::{Diagnostics, Mistake, Mistakes};
use crate::limits::{MAX_CONTAINERS, MAX_REPARSED_BYTES, MAX_SOURCE_BYTES};
use crate::scan::{self, PackageEnd, PackageLine, Scan};
use crate::schema::PackageName;
use attempt::Attempt;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use wit_parser::{PackageId, Resolve, SourceMap, Span, UnresolvedPackageGroup};

/// The files of a package and of the packages that it depends on.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub(crate) files: Vec<SourceFile>,
}

/// One file and where it belongs.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: Arc<str>,
    pub(crate) group: Group,
}

/// Files of one group are parsed as one package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// The package that is read.
    Root,
    /// A folder or a file under `deps/`.
    Dependency(String),
}

/// The position of a file in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(pub(crate) usize);

/// Some bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: FileId,
    pub(crate) range: Range<usize>,
}

/// A file that codegen adds to a package before it is resolved.
#[derive(Clone, Debug)]
pub struct ExtraFile {
    /// The package that it belongs to.
    pub package: ExtraPackage,
    /// How it is called in messages.
    pub path: String,
    /// The interfaces and worlds that it adds, without a `package` line, unless the package is new.
    pub text: String,
}

/// Where an [`ExtraFile`] goes.
#[derive(Clone, Debug)]
pub enum ExtraPackage {
    /// The package that is read.
    Root,
    /// A package that the sources hold already, as a dependency or nested in a file.
    Dependency(PackageName),
    /// A package of its own; the text begins with its `package` line.
    New,
}

impl Sources {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file of the package that is to be read.
    pub fn add_root(&mut self, path: impl Into<String>, text: impl Into<String>) -> &mut Self {
        self.add(Group::Root, path.into(), text.into())
    }

    /// Adds a file of a dependency. `entry` is the name of the folder under `deps/` in which the
    /// file stands, or of the file itself where it stands there alone: files of the same entry
    /// make one package.
    pub fn add_dependency_file(
        &mut self,
        entry: impl Into<String>,
        path: impl Into<String>,
        text: impl Into<String>,
    ) -> &mut Self {
        self.add(Group::Dependency(entry.into()), path.into(), text.into())
    }

    /// The paths and texts of all files, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|file| (file.path.as_str(), &*file.text))
    }

    fn add(&mut self, group: Group, path: String, text: String) -> &mut Self {
        self.files.push(SourceFile { path, text: text.into(), group });
        self
    }

    /// These sources and some synthesised files, resolved by wit-parser with no unstable feature
    /// turned on: what bindings generators and the component encoder take.
    pub fn resolve(&self, extra: &[ExtraFile]) -> Result<(Resolve, PackageId), Diagnostics> {
        let mut sources = self.clone();
        for file in extra {
            sources.add_extra(file);
        }
        let mut mistakes = Mistakes::default();
        let parsed = sources.parse(Resolve::new(), &mut mistakes);
        match parsed {
            Some(Parsed { resolve, root, .. }) if mistakes.is_empty() => Ok((resolve, root)),
            _ => Err(mistakes.into_diagnostics(&sources.files)),
        }
    }

    fn add_extra(&mut self, extra: &ExtraFile) {
        let ExtraFile { package, path, text } = extra;
        match package {
            ExtraPackage::Root => {
                self.add_root(path, text);
            }
            ExtraPackage::New => {
                self.add_dependency_file(path, path, text);
            }
            ExtraPackage::Dependency(name) => {
                let name = name.to_string();
                let found = self.files.iter_mut().find_map(|file| {
                    let package =
                        scan::scan(&file.text).packages.into_iter().find(|package| package.name == name)?;
                    Some((file, package))
                });
                match found {
                    // A nested package is one file, so the text goes in before its closing brace.
                    Some((file, PackageLine { end: PackageEnd::Braces(Some(end)), .. })) => {
                        let (before, after) = file.text.split_at(end);
                        file.text = format!("{before}\n{text}\n{after}").into();
                    }
                    Some((file, _)) => {
                        let group = file.group.clone();
                        self.add(group, path.clone(), text.clone());
                    }
                    None => {
                        self.add_dependency_file(path, path, format!("package {name};\n{text}"));
                    }
                }
            }
        }
    }

    /// Parses all files into `resolve`. Mistakes of all packages are told together; `None` comes with at
    /// least one.
    pub(crate) fn parse(&self, mut resolve: Resolve, mistakes: &mut Mistakes) -> Option<Parsed> {
        let scans: Vec<_> = self.files.iter().map(|file| scan::scan(&file.text)).collect();
        if !self.is_parsable(&scans, mistakes) {
            return None;
        }
        let before = mistakes.len();
        let mut groups: BTreeMap<&Group, Vec<FileId>> = BTreeMap::new();
        for (index, file) in self.files.iter().enumerate() {
            groups.entry(&file.group).or_default().push(FileId(index));
        }
        let mut root = None;
        let mut dependencies = Vec::new();
        let mut bytes_left = MAX_REPARSED_BYTES;
        for (group, files) in groups {
            let attempt = Attempt::new(self, &scans, files, mistakes);
            let Some(parsed) = attempt.parse(&mut bytes_left, mistakes) else { continue };
            match group {
                Group::Root => root = Some(parsed),
                Group::Dependency(_) => dependencies.push(parsed),
            }
        }
        if mistakes.len() > before {
            return None;
        }
        let root = root?;
        let groups: Vec<_> = std::iter::once(root.clone()).chain(dependencies.iter().cloned()).collect();
        missing::check(self, &groups, mistakes);
        if mistakes.len() > before {
            return None;
        }
        match resolve.push_groups(root, dependencies) {
            Ok(root) => Some(Parsed { resolve, root, groups, scans }),
            Err(error) => {
                let place = self.place(&resolve.source_map, error.kind().span());
                mistakes.push(missing::joining(place, error.kind()));
                None
            }
        }
    }

    /// What would make wit-parser's own answer useless or its offsets overflow.
    fn is_parsable(&self, scans: &[Scan], mistakes: &mut Mistakes) -> bool {
        let start = |file| Place { file: FileId(file), range: 0..0 };
        let first_root = self.files.iter().position(|file| file.group == Group::Root);
        let Some(first_root) = first_root else {
            mistakes.push(
                Mistake::new(start(usize::MAX), "there is no WIT file to read")
                    .mend("put the package's `.wit` files into the folder `wit`"),
            );
            return false;
        };
        let bytes: usize = self.files.iter().map(|file| file.text.len()).sum();
        if bytes > MAX_SOURCE_BYTES {
            let message =
                format!("the WIT sources take {bytes} bytes, and at most {MAX_SOURCE_BYTES} are read");
            mistakes.push(
                Mistake::new(start(first_root), message)
                    .mend("leave out the dependencies that the world does not use"),
            );
            return false;
        }
        let containers: usize = scans.iter().map(|scan| scan.containers).sum();
        if containers > MAX_CONTAINERS {
            let message = format!(
                "the WIT sources have {containers} packages, interfaces and worlds, and at most {MAX_CONTAINERS} are read"
            );
            mistakes.push(
                Mistake::new(start(first_root), message)
                    .mend("leave out the dependencies that the world does not use"),
            );
            return false;
        }
        let has_package = self.files.iter().zip(scans).any(|(file, scan)| {
            file.group == Group::Root && scan.packages.iter().any(|package| !package.is_nested())
        });
        if !has_package {
            mistakes.push(
                Mistake::new(start(first_root), "the package has no name")
                    .mend("begin one of its files with a line such as `package acme:bank@1.0.0;`"),
            );
            return false;
        }
        true
    }

    /// The place of a span of wit-parser's; the beginning of the package where it does not know.
    pub(crate) fn place(&self, map: &SourceMap, span: Span) -> Place {
        self.known_place(map, span).unwrap_or_else(|| {
            let file = self.files.iter().position(|file| file.group == Group::Root).unwrap_or(0);
            Place { file: FileId(file), range: 0..0 }
        })
    }

    pub(crate) fn known_place(&self, map: &SourceMap, span: Span) -> Option<Place> {
        let location = map.resolve_span(span)?;
        let file = self.files.iter().position(|file| file.path == location.path)?;
        Some(Place { file: FileId(file), range: location.range })
    }
}

/// Everything that the parsers found in the sources.
pub(crate) struct Parsed {
    pub(crate) resolve: Resolve,
    pub(crate) root: PackageId,
    /// The packages before they were resolved; only they tell what a world says from what
    /// follows from it.
    pub(crate) groups: Vec<UnresolvedPackageGroup>,
    /// What our own scan found in each file.
    pub(crate) scans: Vec<Scan>,
}
