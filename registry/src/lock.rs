//! `interstice.lock`: what a project was built against, to the byte.
//! Everything stands on a line of its own, sorted, so that two branches which add packages merge.
//! Invariant: a lock is written as one text only, and reads as what it was written from.

use crate::toml::Parsed;
use crate::{PackageId, RegistryError};
use interstice_wit::{Hash, PackageName};
use semver::Version;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use toml_edit::{Item, TableLike};

/// The name of the file.
pub const LOCK: &str = "interstice.lock";

/// The format that is written, and the newest that is read.
const FORMAT: i64 = 1;

/// What is pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Every package that the project needs, directly or not.
    pub packages: BTreeMap<PackageId, Locked>,
    /// The digests of the files under `wit/deps` that are ours, by package and version.
    pub wit: BTreeMap<PackageName, Hash>,
}

/// What is pinned of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The version.
    pub version: Version,
    /// Where it came from.
    pub source: LockedSource,
    /// The sha256 of the component; nothing for a package that came as WIT.
    pub artifact: Option<Hash>,
    /// The packages that it imports from, as it was compiled.
    pub dependencies: Vec<PackageName>,
    /// The interface hash of each item that the project's world imports: `ledger/function/transfer`.
    pub items: BTreeMap<String, Hash>,
}

/// Where a locked package came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockedSource {
    /// The registry of the project.
    Registry,
    /// A path of the manifest, as it is written there.
    Path(PathBuf),
    /// A database of the manifest, as it is written there.
    Database(PathBuf),
}

impl Lock {
    /// Reads the file of a folder; nothing if there is none.
    ///
    /// # Errors
    /// If it cannot be read, was merged half, or is not a lock.
    pub fn load(folder: &Path) -> Result<Option<Lock>, RegistryError> {
        let path = folder.join(LOCK);
        match fs::read_to_string(&path) {
            Ok(text) => Lock::parse(&path, text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RegistryError::io("read", &path)(error)),
        }
    }

    /// Writes the file into a folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), RegistryError> {
        crate::files::write_changed(&folder.join(LOCK), self.text().as_bytes())
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut out = "# Written by `interstice`; what is needed stands in interstice.toml.\n".to_owned();
        let _ = writeln!(out, "format = {FORMAT}");
        if !self.wit.is_empty() {
            out.push_str("\n[wit]\n");
            for (package, hash) in &self.wit {
                let _ = writeln!(out, "\"{package}\" = \"sha256:{hash}\"");
            }
        }
        for (package, locked) in &self.packages {
            let _ = writeln!(out, "\n[package.\"{package}\"]\nversion = \"{}\"", locked.version);
            let source = match &locked.source {
                LockedSource::Registry => "registry".to_owned(),
                LockedSource::Path(path) => format!("path {}", path.display()),
                LockedSource::Database(path) => format!("database {}", path.display()),
            };
            let _ = writeln!(out, "source = {}", toml_edit::Value::from(source));
            if let Some(artifact) = locked.artifact {
                let _ = writeln!(out, "artifact = \"sha256:{artifact}\"");
            }
            if !locked.dependencies.is_empty() {
                out.push_str("dependencies = [\n");
                for dependency in &locked.dependencies {
                    let _ = writeln!(out, "  \"{dependency}\",");
                }
                out.push_str("]\n");
            }
            if !locked.items.is_empty() {
                let _ = writeln!(out, "\n[package.\"{package}\".items]");
                for (item, hash) in &locked.items {
                    let _ = writeln!(out, "\"{item}\" = \"sha256:{hash}\"");
                }
            }
        }
        out
    }

    fn parse(path: &Path, text: String) -> Result<Lock, RegistryError> {
        let mend = "delete the marks, keep the packages of both sides, and run `interstice fetch`";
        let parsed = Parsed::new(path, text, mend)?;
        let root = parsed.document.as_table();
        let format = root.get("format").and_then(Item::as_integer);
        match format {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                let message = format!(
                    "the lock has the format {newer}, and this version reads {FORMAT}: upgrade Interstice"
                );
                return Err(parsed.mistake(root.get("format").and_then(Item::span), message));
            }
            _ => return Err(parsed.mistake(None, "this is no lock; delete it and run `interstice update`")),
        }
        let mut lock = Lock::default();
        for (key, item) in root.iter() {
            match key {
                "format" => {}
                "wit" => {
                    for (name, item) in table(&parsed, item)?.iter() {
                        lock.wit.insert(release(&parsed, item, name)?, hash(&parsed, item)?);
                    }
                }
                "package" => {
                    for (name, item) in table(&parsed, item)?.iter() {
                        let package = name
                            .parse()
                            .map_err(|error: RegistryError| parsed.mistake(item.span(), error.to_string()))?;
                        lock.packages.insert(package, locked(&parsed, item)?);
                    }
                }
                other => {
                    return Err(parsed.mistake(item.span(), format!("`{other}` means nothing in a lock")));
                }
            }
        }
        Ok(lock)
    }
}

fn table<'a>(parsed: &Parsed<'_>, item: &'a Item) -> Result<&'a dyn TableLike, RegistryError> {
    item.as_table_like().ok_or_else(|| parsed.mistake(item.span(), "expected a table"))
}

fn text<'a>(parsed: &Parsed<'_>, item: &'a Item) -> Result<&'a str, RegistryError> {
    item.as_str().ok_or_else(|| parsed.mistake(item.span(), "expected a text"))
}

fn hash(parsed: &Parsed<'_>, item: &Item) -> Result<Hash, RegistryError> {
    let text = text(parsed, item)?;
    let hash = text.strip_prefix("sha256:").and_then(|digits| digits.parse().ok());
    hash.ok_or_else(|| {
        parsed.mistake(item.span(), format!("`{text}` is not `sha256:` and 64 hexadecimal digits"))
    })
}

fn release(parsed: &Parsed<'_>, item: &Item, name: &str) -> Result<PackageName, RegistryError> {
    match crate::parse_release(name) {
        Ok((package, version)) => Ok(package.at(&version)),
        Err(error) => Err(parsed.mistake(item.span(), error.to_string())),
    }
}

fn locked(parsed: &Parsed<'_>, item: &Item) -> Result<Locked, RegistryError> {
    let table = table(parsed, item)?;
    let needed = |key: &str| {
        table.get(key).ok_or_else(|| parsed.mistake(item.span(), format!("the package has no `{key}`")))
    };
    let version = needed("version")?;
    let version = Version::parse(text(parsed, version)?)
        .map_err(|error| parsed.mistake(version.span(), format!("this is no version: {error}")))?;
    let said = needed("source")?;
    let source = match text(parsed, said)?.split_once(' ') {
        None if text(parsed, said)? == "registry" => LockedSource::Registry,
        Some(("path", path)) => LockedSource::Path(path.into()),
        Some(("database", path)) => LockedSource::Database(path.into()),
        _ => return Err(parsed.mistake(said.span(), "a source is `registry`, `path …` or `database …`")),
    };
    let artifact = table.get("artifact").map(|item| hash(parsed, item)).transpose()?;
    let mut dependencies = Vec::new();
    if let Some(item) = table.get("dependencies") {
        let array = item.as_array().ok_or_else(|| parsed.mistake(item.span(), "expected a list"))?;
        for value in array {
            dependencies.push(release(parsed, item, value.as_str().unwrap_or_default())?);
        }
    }
    let mut items = BTreeMap::new();
    if let Some(item) = table.get("items") {
        for (name, item) in self::table(parsed, item)?.iter() {
            items.insert(name.to_owned(), hash(parsed, item)?);
        }
    }
    Ok(Locked { version, source, artifact, dependencies, items })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn lock() -> Lock {
        let package = |text: &str| text.parse::<PackageId>().expect("a name");
        let bank = Locked {
            version: Version::new(1, 2, 0),
            source: LockedSource::Registry,
            artifact: Some(Hash([1; 32])),
            dependencies: vec![package("acme:coins").at(&Version::new(1, 0, 0))],
            items: [
                ("ledger/function/transfer".to_owned(), Hash([2; 32])),
                ("ledger/type/t".to_owned(), Hash([3; 32])),
            ]
            .into(),
        };
        let coins = Locked {
            version: Version::new(1, 1, 0),
            source: LockedSource::Path("../co\"ins".into()),
            artifact: None,
            dependencies: Vec::new(),
            items: BTreeMap::new(),
        };
        Lock {
            packages: [(package("acme:bank"), bank), (package("acme:coins"), coins)].into(),
            wit: [(package("acme:bank").at(&Version::new(1, 2, 0)), Hash([4; 32]))].into(),
        }
    }

    fn parse(text: &str) -> Result<Lock, RegistryError> {
        Lock::parse(Path::new("interstice.lock"), text.to_owned())
    }

    #[test]
    fn a_lock_reads_as_it_was_written() {
        let text = lock().text();
        expect![[r##"
            # Written by `interstice`; what is needed stands in interstice.toml.
            format = 1

            [wit]
            "acme:bank@1.2.0" = "sha256:0404040404040404040404040404040404040404040404040404040404040404"

            [package."acme:bank"]
            version = "1.2.0"
            source = "registry"
            artifact = "sha256:0101010101010101010101010101010101010101010101010101010101010101"
            dependencies = [
              "acme:coins@1.0.0",
            ]

            [package."acme:bank".items]
            "ledger/function/transfer" = "sha256:0202020202020202020202020202020202020202020202020202020202020202"
            "ledger/type/t" = "sha256:0303030303030303030303030303030303030303030303030303030303030303"

            [package."acme:coins"]
            version = "1.1.0"
            source = 'path ../co"ins'
        "##]]
        .assert_eq(&text);
        let read = parse(&text).expect("it was written a moment ago");
        assert_eq!(read, lock());
        assert_eq!(read.text(), text);
    }

    #[test]
    fn what_is_wrong_with_a_lock_is_told_with_its_line() {
        let reason = |text: &str| parse(text).expect_err("it is wrong").to_string();
        let text = lock().text();
        let merged = text.replace("\n[wit]\n", "\n<<<<<<< HEAD\n[wit]\n=======\n>>>>>>> other\n");
        expect!["interstice.lock:4: `<<<<<<<` is the mark of a merge that was not finished; delete the marks, keep the packages of both sides, and run `interstice fetch`"]
            .assert_eq(&reason(&merged));
        expect!["interstice.lock:2: the lock has the format 2, and this version reads 1: upgrade Interstice"]
            .assert_eq(&reason(&text.replace("format = 1", "format = 2")));
        expect!["interstice.lock:1: this is no lock; delete it and run `interstice update`"]
            .assert_eq(&reason(&text.replace("format = 1\n", "")));
        expect!["interstice.lock:10: `sha256:01010101010101010101010101010101010101010101010101010101010101` is not `sha256:` and 64 hexadecimal digits"].assert_eq(&reason(&text.replace("\"sha256:0101", "\"sha256:01")));
        expect!["interstice.lock:20: this is no version: unexpected character 'n' while parsing major version number"].assert_eq(&reason(&text.replace("version = \"1.1.0\"", "version = \"new\"")));
        expect!["interstice.lock:19: the package has no `version`"]
            .assert_eq(&reason(&text.replace("version = \"1.1.0\"\n", "")));
        expect![
            "interstice.lock:19: `Acme:coins` is not the name of a package: it has capitals; write `acme`"
        ]
        .assert_eq(&reason(&text.replace("acme:coins\"", "Acme:coins\"")));
        expect!["interstice.lock:9: a source is `registry`, `path …` or `database …`"]
            .assert_eq(&reason(&text.replace("\"registry\"", "\"nowhere\"")));
        expect!["interstice.lock:4: unclosed table, expected `]`"]
            .assert_eq(&reason(&text.replace("[wit]", "[wit")));
    }
}
