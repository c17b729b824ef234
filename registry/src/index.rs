//! The index of a registry in a folder: one line for each thing that was done, linked by hashes.
//! It is text in and text out; the file is another's concern.
//! Invariant: an index that was read is one that these functions wrote, line by line, in this order.

use crate::PackageId;
use interstice_wit::{Hash, PackageName};
use semver::Version;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The format that is written, and the newest that is read.
pub const FORMAT: u64 = 1;

/// What a line ends with: its hash, over the hash of the line before and the text so far.
const HASH_FIELD: &str = ",\"hash\":\"";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The number of the line, from 0.
    pub sequence: u64,
    /// When it was written, by the clock of who wrote it.
    pub time: String,
    /// What was done.
    #[serde(flatten)]
    pub action: Action,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// The registry was made: the first line.
    Begin {
        /// The format of the index.
        format: u64,
        /// The random name of the registry.
        registry: Hash,
    },
    /// A version was published.
    Publish(Box<Published>),
    /// A version shall not be taken any more.
    Yank(Which),
    /// It may be taken again.
    Unyank(Which),
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Which {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: Version,
}

/// What the index says of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: Version,
    /// The sha256 of the file.
    pub artifact: Hash,
    /// The interface hash.
    pub interface: Hash,
    /// The storage hash.
    pub storage: Hash,
    /// The length of the file.
    pub size_bytes: u64,
    /// The names of the public interfaces.
    pub exports: Vec<String>,
    /// The first line of the docs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The packages that it imports from.
    pub dependencies: Vec<PackageName>,
}

/// Why an index is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    Line { line: usize, reason: String },
    NewerFormat { found: u64 },
}

/// A version as the index has it now.
#[derive(Clone, Debug)]
pub struct Listing {
    /// What was published.
    pub published: Published,
    /// When.
    pub time: String,
    /// The number of its line.
    pub sequence: u64,
    /// The hash of its line.
    pub line_hash: Hash,
    /// Whether nobody should take it any more.
    pub is_yanked: bool,
}

/// An index that was read and checked.
#[derive(Clone, Debug)]
pub struct Index {
    text: String,
    registry: Hash,
    hashes: Vec<Hash>,
    versions: BTreeMap<PackageId, BTreeMap<Version, Listing>>,
}

impl Index {
    /// An index with its first line.
    pub(crate) fn begin(registry: Hash, time: String) -> Index {
        let mut index =
            Index { text: String::new(), registry, hashes: Vec::new(), versions: BTreeMap::new() };
        index.append(time, Action::Begin { format: FORMAT, registry });
        index
    }

    /// Reads an index and checks every line of it.
    pub(crate) fn read(text: String) -> Result<Index, Damage> {
        let damage = |line: usize, reason: &str| Damage::Line { line, reason: reason.to_owned() };
        let mut index = Index {
            text: String::new(),
            registry: Hash([0; 32]),
            hashes: Vec::new(),
            versions: BTreeMap::new(),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(damage(text.lines().count(), "ends in the middle"));
        }
        for (number, line) in text.lines().enumerate() {
            let shown = number + 1;
            let (content, hash) = split(line).ok_or_else(|| damage(shown, "has no hash at its end"))?;
            // The format is looked at first, for a newer one may link its lines in another way.
            if number == 0
                && let Ok(Format { format }) = serde_json::from_str(&format!("{content}}}"))
                && format > FORMAT
            {
                return Err(Damage::NewerFormat { found: format });
            }
            if hash != link(index.hashes.last(), content) {
                let reason = "does not have the hash that it says, or does not follow the line before";
                return Err(damage(shown, reason));
            }
            let entry: Entry = serde_json::from_str(&format!("{content}}}"))
                .map_err(|error| damage(shown, &format!("cannot be understood: {error}")))?;
            if entry.sequence != number as u64 {
                return Err(damage(shown, "has the number of another line"));
            }
            index.apply(entry, hash).map_err(|reason| damage(shown, &reason))?;
        }
        if index.hashes.is_empty() {
            return Err(damage(1, "is missing"));
        }
        index.text = text;
        Ok(index)
    }

    /// Adds a line.
    pub(crate) fn append(&mut self, time: String, action: Action) {
        let entry = Entry { sequence: self.hashes.len() as u64, time, action };
        let json = serde_json::to_string(&entry).expect("an entry is made of texts and numbers");
        let content = json.strip_suffix('}').expect("an entry is an object");
        let hash = link(self.hashes.last(), content);
        self.text.push_str(&format!("{content}{HASH_FIELD}{hash}\"}}\n"));
        self.apply(entry, hash).expect("who appends has looked at what is there");
    }

    fn apply(&mut self, entry: Entry, hash: Hash) -> Result<(), String> {
        match entry.action {
            Action::Begin { registry, .. } if self.hashes.is_empty() => self.registry = registry,
            Action::Begin { .. } => return Err("begins a second index".to_owned()),
            _ if self.hashes.is_empty() => return Err("is not the beginning of an index".to_owned()),
            Action::Publish(published) => {
                let versions = self.versions.entry(published.package.clone()).or_default();
                let listing = Listing {
                    time: entry.time,
                    sequence: entry.sequence,
                    line_hash: hash,
                    is_yanked: false,
                    published: *published,
                };
                if let Some(twice) = versions.insert(listing.published.version.clone(), listing) {
                    let Published { package, version, .. } = twice.published;
                    return Err(format!("publishes {package}@{version} a second time"));
                }
            }
            Action::Yank(which) => self.set_yanked(&which, true)?,
            Action::Unyank(which) => self.set_yanked(&which, false)?,
        }
        self.hashes.push(hash);
        Ok(())
    }

    fn set_yanked(&mut self, which: &Which, is_yanked: bool) -> Result<(), String> {
        let listing = self.versions.get_mut(&which.package).and_then(|list| list.get_mut(&which.version));
        let listing = listing
            .ok_or_else(|| format!("yanks {}@{}, which is not there", which.package, which.version))?;
        listing.is_yanked = is_yanked;
        Ok(())
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The random name of the registry.
    pub fn registry(&self) -> Hash {
        self.registry
    }

    /// How many lines there are, and the hash of the last.
    pub fn head(&self) -> (u64, Hash) {
        (self.hashes.len() as u64, *self.hashes.last().expect("an index has a first line"))
    }

    /// The hash of a line.
    pub(crate) fn line_hash(&self, sequence: u64) -> Option<Hash> {
        self.hashes.get(usize::try_from(sequence).ok()?).copied()
    }

    /// The packages, in the order of their names.
    pub fn packages(&self) -> impl Iterator<Item = &PackageId> {
        self.versions.keys()
    }

    /// The versions of a package, the oldest first.
    pub fn versions(&self, package: &PackageId) -> impl Iterator<Item = &Listing> {
        self.versions.get(package).into_iter().flat_map(BTreeMap::values)
    }

    /// A version of a package.
    pub fn listing(&self, package: &PackageId, version: &Version) -> Option<&Listing> {
        self.versions.get(package)?.get(version)
    }

    /// Every version of every package.
    pub fn listings(&self) -> impl Iterator<Item = &Listing> {
        self.versions.values().flat_map(BTreeMap::values)
    }
}

#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// A line without its hash and closing brace, and its hash.
pub(crate) fn split(line: &str) -> Option<(&str, Hash)> {
    let (content, rest) = line.rsplit_once(HASH_FIELD)?;
    Some((content, rest.strip_suffix("\"}")?.parse().ok()?))
}

fn link(before: Option<&Hash>, content: &str) -> Hash {
    let mut digest = Sha256::new();
    digest.update("interstice index 1\n");
    digest.update(before.map(|hash| hash.0).unwrap_or_default());
    digest.update(content);
    Hash(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(version: Version) -> Action {
        Action::Publish(Box::new(Published {
            package: "acme:bank".parse().expect("a name"),
            version,
            artifact: Hash([1; 32]),
            interface: Hash([2; 32]),
            storage: Hash([3; 32]),
            size_bytes: 8,
            exports: vec!["ledger".to_owned()],
            summary: Some("A bank with \",\"hash\":\"quotes.".to_owned()),
            dependencies: Vec::new(),
        }))
    }

    fn index() -> Index {
        let mut index = Index::begin(Hash([7; 32]), "2026-01-01T00:00:00Z".to_owned());
        for minor in 0..3 {
            index.append("2026-01-02T00:00:00Z".to_owned(), published(Version::new(1, minor, 0)));
        }
        let which = Which { package: "acme:bank".parse().expect("a name"), version: Version::new(1, 1, 0) };
        index.append("2026-01-03T00:00:00Z".to_owned(), Action::Yank(which));
        index
    }

    #[test]
    fn an_index_reads_as_it_was_written() {
        let written = index();
        let read = Index::read(written.text().to_owned()).expect("it was written a moment ago");
        assert_eq!(read.head(), written.head());
        assert_eq!(read.registry(), Hash([7; 32]));
        let package = "acme:bank".parse().expect("a name");
        let yanked: Vec<_> = read.versions(&package).map(|listing| listing.is_yanked).collect();
        assert_eq!(yanked, [false, true, false]);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let text = index().text().to_owned();
        for position in 0..text.len() {
            for flip in [1_u8, 0x20] {
                let mut bytes = text.clone().into_bytes();
                bytes[position] ^= flip;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(Index::read(changed).is_err(), "byte {position} of {text}");
            }
        }
    }

    #[test]
    fn a_line_that_is_missing_repeated_or_moved_is_noticed() {
        let text = index().text().to_owned();
        let lines: Vec<_> = text.lines().collect();
        let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
        assert!(Index::read(joined(&[lines[0], lines[2], lines[3]])).is_err());
        assert!(Index::read(joined(&[lines[0], lines[1], lines[1]])).is_err());
        assert!(Index::read(joined(&[lines[0], lines[2], lines[1]])).is_err());
        assert!(Index::read(joined(&lines[1..])).is_err());
        assert!(Index::read(String::new()).is_err());
        assert!(Index::read(text[..text.len() - 1].to_owned()).is_err());
        // What was cut off at a line's end is a whole index; only what is known of it tells.
        assert!(Index::read(joined(&lines[..3])).is_ok());
    }

    #[test]
    fn an_index_of_a_later_version_is_told_apart_from_a_damaged_one() {
        let text = index().text().replacen("\"format\":1", "\"format\":2", 1);
        assert_eq!(Index::read(text).err(), Some(Damage::NewerFormat { found: 2 }));
    }
}
