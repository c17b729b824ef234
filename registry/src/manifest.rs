//! `interstice.toml`: what a project needs, and where it takes it from.
//! It keeps what a person wrote: order, comments and blanks stay when an entry is added or removed.
//! Invariant: a key that means nothing is refused with its line, so that a slip is not silent.

use crate::toml::Parsed;
use crate::{PackageId, RegistryError, Requirement};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// The name of the file.
pub const MANIFEST: &str = "interstice.toml";

/// What a project says that it needs.
#[derive(Clone, Debug)]
pub struct Manifest {
    path: PathBuf,
    document: DocumentMut,
    /// The registry, as it is written.
    pub registry: Option<String>,
    /// The packages that the project imports from.
    pub dependencies: BTreeMap<PackageId, Dependency>,
    /// Paths that stand for packages while they are worked on, whoever needs them.
    pub overrides: BTreeMap<PackageId, PathBuf>,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Which versions will do; any, if nothing is said.
    pub requirement: Option<Requirement>,
    /// Where it comes from.
    pub source: Source,
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The registry of the project.
    Registry,
    /// The folder of a module, a folder or file of WIT, or a component.
    Path(PathBuf),
    /// The data directory of a database in which it is installed.
    Database(PathBuf),
}

impl Manifest {
    /// Reads the file of a folder. A folder without one has an empty manifest.
    ///
    /// # Errors
    /// If it cannot be read or says something that means nothing.
    pub fn load(folder: &Path) -> Result<Manifest, RegistryError> {
        let path = folder.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(RegistryError::io("read", &path)(error)),
        };
        Manifest::parse(&path, text)
    }

    fn parse(path: &Path, text: String) -> Result<Manifest, RegistryError> {
        let parsed = Parsed::new(path, text, "keep the lines that you want and delete the marks")?;
        let mut registry = None;
        let mut dependencies = BTreeMap::new();
        let mut overrides = BTreeMap::new();
        for (key, item) in parsed.document.as_table().iter() {
            match key {
                "registry" => {
                    let text = item.as_str().ok_or_else(|| {
                        parsed.mistake(item.span(), "`registry` is a text: a folder, or `oci://HOST/PATH`")
                    })?;
                    registry = Some(text.to_owned());
                }
                "dependencies" => {
                    for (package, item) in entries(&parsed, key, item)? {
                        dependencies.insert(package, dependency(&parsed, item)?);
                    }
                }
                "overrides" => {
                    for (package, item) in entries(&parsed, key, item)? {
                        let text = item.as_str().ok_or_else(|| {
                            parsed
                                .mistake(item.span(), "an override is a path: `\"acme:bank\" = \"../bank\"`")
                        })?;
                        overrides.insert(package, PathBuf::from(text));
                    }
                }
                other => {
                    let known = ["registry", "dependencies", "overrides"];
                    let near =
                        interstice_wit::nearest(other, known).map(|near| format!("did you mean `{near}`? "));
                    let message = format!(
                        "`{other}` means nothing here; {}there is `registry`, `[dependencies]` and `[overrides]`",
                        near.unwrap_or_default()
                    );
                    let at = parsed.document.as_table().key(other).and_then(toml_edit::Key::span);
                    return Err(parsed.mistake(at.or(item.span()), message));
                }
            }
        }
        let document = parsed.document.into_mut();
        Ok(Manifest { path: path.to_owned(), document, registry, dependencies, overrides })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a dependency, or replaces the one on the same package.
    pub fn set(&mut self, package: &PackageId, dependency: Dependency) {
        let version = dependency.requirement.as_ref().map(|requirement| Value::from(requirement.to_string()));
        let value = match &dependency.source {
            Source::Registry => version.unwrap_or_else(|| Value::from("*")),
            Source::Path(path) => table("path", path, version),
            Source::Database(path) => table("database", path, version),
        };
        let table = self.document.entry("dependencies").or_insert_with(|| Item::Table(Table::new()));
        if let Some(table) = table.as_table_like_mut() {
            table.insert(&package.to_string(), Item::Value(value));
        }
        self.dependencies.insert(package.clone(), dependency);
    }

    /// Removes a dependency.
    ///
    /// # Errors
    /// If there is none on this package.
    pub fn remove(&mut self, package: &PackageId) -> Result<(), RegistryError> {
        if self.dependencies.remove(package).is_none() {
            return Err(self.not_a_dependency(package));
        }
        if let Some(table) = self.document.get_mut("dependencies").and_then(Item::as_table_like_mut) {
            table.remove(&package.to_string());
        }
        Ok(())
    }

    /// That there is no dependency on a package, with what may have been meant.
    pub fn not_a_dependency(&self, package: &PackageId) -> RegistryError {
        let names: Vec<_> = self.dependencies.keys().map(ToString::to_string).collect();
        let near = interstice_wit::nearest(&package.to_string(), names.iter().map(String::as_str));
        RegistryError::NotADependency {
            package: package.clone(),
            near: near.and_then(|near| near.parse().ok()),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self) -> Result<(), RegistryError> {
        crate::files::write_changed(&self.path, self.document.to_string().as_bytes())
    }
}

fn table(key: &str, path: &Path, version: Option<Value>) -> Value {
    let mut table = InlineTable::new();
    table.insert(key, Value::from(path.to_string_lossy().into_owned()));
    if let Some(version) = version {
        table.insert("version", version);
    }
    Value::InlineTable(table)
}

/// The entries of a table whose keys are packages.
fn entries<'a>(
    parsed: &Parsed<'_>,
    name: &str,
    item: &'a Item,
) -> Result<Vec<(PackageId, &'a Item)>, RegistryError> {
    let Some(table) = item.as_table_like() else {
        return Err(parsed.mistake(item.span(), format!("`{name}` is a table: `[{name}]`")));
    };
    let mut entries = Vec::new();
    for (key, item) in table.iter() {
        let at = table.key(key).and_then(toml_edit::Key::span).or(item.span());
        let package = key.parse().map_err(|error: RegistryError| parsed.mistake(at, error.to_string()))?;
        entries.push((package, item));
    }
    Ok(entries)
}

fn dependency(parsed: &Parsed<'_>, item: &Item) -> Result<Dependency, RegistryError> {
    let requirement = |item: &Item| {
        let text =
            item.as_str().ok_or_else(|| parsed.mistake(item.span(), "a version is a text: `\"1.2\"`"))?;
        text.parse::<Requirement>().map_err(|error| parsed.mistake(item.span(), error.to_string()))
    };
    if item.is_str() {
        return Ok(Dependency { requirement: Some(requirement(item)?), source: Source::Registry });
    }
    let shape = "a dependency is a version, or a table with `version`, `path` or `database`";
    let Some(table) = item.as_table_like() else { return Err(parsed.mistake(item.span(), shape)) };
    check_keys(parsed, table, &["version", "path", "database"], shape)?;
    let path = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(item) => match item.as_str() {
            Some(text) => Ok(Some(PathBuf::from(text))),
            None => Err(parsed.mistake(item.span(), format!("`{key}` is a text"))),
        },
    };
    let source = match (path("path")?, path("database")?) {
        (None, None) => Source::Registry,
        (Some(path), None) => Source::Path(path),
        (None, Some(path)) => Source::Database(path),
        (Some(_), Some(_)) => {
            return Err(parsed.mistake(item.span(), "a dependency comes from a `path` or from a `database`"));
        }
    };
    Ok(Dependency { requirement: table.get("version").map(requirement).transpose()?, source })
}

fn check_keys(
    parsed: &Parsed<'_>,
    table: &dyn TableLike,
    known: &[&str],
    shape: &str,
) -> Result<(), RegistryError> {
    match table.iter().find(|(key, _)| !known.contains(key)) {
        Some((key, item)) => Err(parsed.mistake(item.span(), format!("`{key}` means nothing here; {shape}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, RegistryError> {
        Manifest::parse(Path::new("interstice.toml"), text.to_owned())
    }

    fn reason(text: &str) -> String {
        match parse(text) {
            Ok(_) => panic!("it is taken:\n{text}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_a_person_wrote_stays() {
        let text = "# Where we publish.\nregistry = \"../registry\"\n\n[dependencies]\n\"acme:bank\" = \"1.2\" # the bank\n\
                    \"acme:coins\" = { path = \"../coins\", version = \"1\" }\n\n[overrides]\n\"acme:bank\" = \"../bank\"\n";
        let mut manifest = parse(text).expect("a manifest");
        assert_eq!(manifest.registry.as_deref(), Some("../registry"));
        assert_eq!(manifest.dependencies.len(), 2);
        let shelf: PackageId = "acme:shelf".parse().expect("a name");
        let requirement = Some("2.0.0".parse().expect("a requirement"));
        manifest.set(&shelf, Dependency { requirement, source: Source::Registry });
        let added = manifest.document.to_string();
        assert_eq!(
            added,
            text.replace("version = \"1\" }\n", "version = \"1\" }\n\"acme:shelf\" = \"2.0.0\"\n")
        );
        manifest.remove(&shelf).expect("it was added");
        assert_eq!(manifest.document.to_string(), text);
        let missing = manifest.remove(&"acme:bnak".parse().expect("a name")).expect_err("it is not there");
        assert_eq!(
            missing.to_string(),
            "interstice.toml does not name `acme:bnak`; did you mean `acme:bank`?"
        );
    }

    #[test]
    fn a_new_manifest_gets_its_table() {
        let mut manifest = parse("").expect("an empty manifest");
        let dependency = Dependency { requirement: None, source: Source::Path("../bank.wasm".into()) };
        manifest.set(&"acme:bank".parse().expect("a name"), dependency);
        assert_eq!(
            manifest.document.to_string(),
            "[dependencies]\n\"acme:bank\" = { path = \"../bank.wasm\" }\n"
        );
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        assert!(
            reason("\n[dependecies]\n")
                .starts_with("interstice.toml:2: `dependecies` means nothing here; did you")
        );
        assert!(
            reason("[dependencies]\n\n\"Acme:bank\" = \"1\"").starts_with("interstice.toml:3: `Acme:bank`")
        );
        assert!(reason("[dependencies]\n\"a:b\" = \"new\"").starts_with("interstice.toml:2: `new` is not a"));
        assert!(reason("[dependencies]\n\"a:b\" = 1").starts_with("interstice.toml:2: a dependency is"));
        assert!(reason("[dependencies]\n\"a:b\" = { git = \"x\" }").contains("`git` means nothing"));
        assert!(
            reason("[dependencies]\n\"a:b\" = { path = \"x\", database = \"y\" }")
                .contains("comes from a `path`")
        );
        assert!(reason("[overrides]\n\"a:b\" = 1").starts_with("interstice.toml:2: an override is a path"));
        assert!(reason("registry = 1").contains("`registry` is a text"));
        assert!(reason("a = [").starts_with("interstice.toml:1: "));
        assert!(
            reason("[overrides]\n<<<<<<< HEAD\n").starts_with("interstice.toml:2: `<<<<<<<` is the mark")
        );
    }
}
