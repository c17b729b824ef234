//! The WIT sources of a package and its dependencies, as text, and the way to a wit-parser `Resolve`.
//! It reads no files: their names in messages come with them.
//! Invariant: every byte range that is handed on lies in the file that it is handed on with.

use crate::finding::{Diagnostics, Mistake, Mistakes};
use crate::identifier::wit_identifier;
use crate::limits::{MAX_CONTAINERS, MAX_SOURCE_BYTES};
use crate::scan::{self, Scan};
use crate::schema::PackageName;
use crate::spelling::nearest;
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
                    Some((file, package)) if package.closing_brace.is_some() => {
                        let (before, after) = file.text.split_at(package.closing_brace.unwrap_or_default());
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

    /// Parses all files into `resolve`. Mistakes of several packages are told together; `None`
    /// comes with at least one.
    pub(crate) fn parse(&self, mut resolve: Resolve, mistakes: &mut Mistakes) -> Option<Parsed> {
        let scans: Vec<_> = self.files.iter().map(|file| scan::scan(&file.text)).collect();
        if !self.is_parsable(&scans, mistakes) {
            return None;
        }
        let mut groups: BTreeMap<&Group, Vec<(&SourceFile, &Scan)>> = BTreeMap::new();
        for (file, scan) in self.files.iter().zip(&scans) {
            groups.entry(&file.group).or_default().push((file, scan));
        }
        let mut root = None;
        let mut dependencies = Vec::new();
        for (group, files) in groups {
            let mut map = SourceMap::new();
            for (file, scan) in files {
                map.push_str(&file.path, parsable(&file.text, scan));
            }
            match map.parse() {
                Ok(parsed) if *group == Group::Root => root = Some(parsed),
                Ok(parsed) => dependencies.push(parsed),
                Err((map, error)) => {
                    let place = self.place(&map, error.kind().span());
                    let hint = self.hint(&place, &scans);
                    mistakes.push(syntax_mistake(place, &error.to_string(), hint));
                }
            }
        }
        if !mistakes.is_empty() {
            return None;
        }
        let root = root?;
        let groups: Vec<_> = std::iter::once(root.clone()).chain(dependencies.iter().cloned()).collect();
        match resolve.push_groups(root, dependencies) {
            Ok(root) => Some(Parsed { resolve, root, groups, scans }),
            Err(error) => {
                let place = self.place(&resolve.source_map, error.kind().span());
                let hint = self.hint(&place, &scans);
                mistakes.push(resolve_mistake(place, error.kind(), hint));
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
            file.group == Group::Root && scan.packages.iter().any(|package| package.closing_brace.is_none())
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

    /// How the word that wit-parser stumbled over may have been meant.
    fn hint(&self, place: &Place, scans: &[Scan]) -> Option<String> {
        let word = self.files.get(place.file.0)?.text.get(place.range.clone())?;
        let marked = wit_identifier(word);
        if marked != word {
            return Some(format!("`{word}` is a word of WIT: to use it as a name, write `{marked}`"));
        }
        let files = self.files.iter().zip(scans);
        let names =
            files.flat_map(|(file, scan)| scan.names.iter().filter_map(|name| file.text.get(name.clone())));
        nearest(word, names).map(|near| format!("did you mean `{near}`?"))
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

/// The text as wit-parser is given it: it panics at `/**/`, so blanks of the same length stand there.
fn parsable(text: &str, scan: &Scan) -> String {
    let mut text = text.to_owned();
    for comment in &scan.empty_comments {
        text.replace_range(comment.clone(), &" ".repeat(comment.len()));
    }
    text
}

/// A mistake that wit-parser found. What it says on further lines is a hint.
fn syntax_mistake(place: Place, message: &str, hint: Option<String>) -> Mistake {
    let mut lines = message.lines();
    let mistake = Mistake::new(place, lines.next().unwrap_or("this is not WIT"));
    let more = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    match hint {
        _ if !more.is_empty() => mistake.mend(more),
        Some(hint) => mistake.mend(hint),
        None => mistake,
    }
}

fn resolve_mistake(place: Place, kind: &wit_parser::ResolveErrorKind, hint: Option<String>) -> Mistake {
    use wit_parser::ResolveErrorKind as Kind;
    match kind {
        Kind::PackageNotFound { requested, known, .. } => {
            let same_name = known
                .iter()
                .filter(|package| package.namespace == requested.namespace && package.name == requested.name);
            let versions: Vec<_> = same_name.map(|package| format!("`{package}`")).collect();
            let mend = if versions.is_empty() {
                format!("put the WIT of `{requested}` into `deps/`")
            } else {
                format!(
                    "`deps/` holds {}: name that version, or put the other into `deps/`",
                    versions.join(", ")
                )
            };
            Mistake::new(place, format!("the package `{requested}` is not among the sources")).mend(mend)
        }
        Kind::DuplicatePackage { name, .. } => {
            Mistake::new(place, format!("the package `{name}` is given twice"))
                .mend("remove one of the two from `deps/`")
        }
        other => syntax_mistake(place, &other.to_string(), hint),
    }
}
