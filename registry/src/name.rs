//! Names of packages: what may be one, and what looks like another.
//! A name becomes a folder and a part of an address, so nothing else than kebab-case passes.
//! Invariant: a [`PackageId`] can be joined to a path without leaving it.

use crate::RegistryError;
use interstice_wit::PackageName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The longest namespace or name, in bytes: a file system takes 255, and a tag of OCI 128.
pub const MAX_PART_BYTES: usize = 100;

/// Namespaces that belong to the host and to WASI.
pub const RESERVED_NAMESPACES: [&str; 2] = ["interstice", "wasi"];

/// A package whatever its version, such as `acme:bank`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId {
    namespace: String,
    name: String,
}

impl PackageId {
    /// A package of this namespace and name.
    ///
    /// # Errors
    /// If one of them is not a name in lower-case kebab-case.
    pub fn new(namespace: &str, name: &str) -> Result<PackageId, RegistryError> {
        for part in [namespace, name] {
            if let Some(reason) = reason_against(part) {
                let text = format!("{namespace}:{name}").chars().take(2 * MAX_PART_BYTES).collect();
                return Err(RegistryError::Name { text, reason });
            }
        }
        Ok(PackageId { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// The package of a versioned name.
    ///
    /// # Errors
    /// As [`PackageId::new`]: WIT takes capitals in names, and a registry does not.
    pub fn of(package: &PackageName) -> Result<PackageId, RegistryError> {
        PackageId::new(&package.namespace, &package.name)
    }

    /// `acme`
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `bank`
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The package at a version.
    pub fn at(&self, version: &semver::Version) -> PackageName {
        PackageName { namespace: self.namespace.clone(), name: self.name.clone(), version: version.clone() }
    }
}

impl FromStr for PackageId {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        match text.split_once(':') {
            Some((namespace, name)) => PackageId::new(namespace, name),
            None => Err(RegistryError::Name {
                text: text.to_owned(),
                reason: "a package is named `namespace:name`, such as `acme:bank`".to_owned(),
            }),
        }
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}

impl fmt::Debug for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for PackageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PackageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text is no namespace and no name.
fn reason_against(part: &str) -> Option<String> {
    let rule = "a name is words of lower-case letters and digits, each beginning with a letter, joined by \
                single hyphens";
    if part.is_empty() {
        return Some(format!("a part of it is empty; {rule}"));
    }
    if let Some(strange) = part.chars().find(|c| !c.is_ascii()) {
        let code = u32::from(strange);
        let like = plain_look(strange).map(|letter| format!(", which looks like `{letter}`"));
        return Some(format!(
            "`{}` (U+{code:04X}){} is not a letter from a to z; {rule}",
            strange.escape_default(),
            like.unwrap_or_default()
        ));
    }
    if part.chars().any(|c| c.is_ascii_uppercase()) {
        return Some(format!("it has capitals; write `{}`", part.to_ascii_lowercase()));
    }
    if part.contains(['.', '/', '\\']) {
        return Some(format!("`{part}` could be a path; {rule}"));
    }
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if !part.split('-').all(is_word) {
        return Some(format!("`{}` is no name; {rule}", part.escape_default()));
    }
    if part.len() > MAX_PART_BYTES {
        return Some(format!(
            "a part of it has {} letters, and at most {MAX_PART_BYTES} are taken",
            part.len()
        ));
    }
    None
}

/// The letter that a letter of another script is taken for: the Cyrillic and Greek ones that are used to
/// deceive, and full-width forms.
fn plain_look(c: char) -> Option<char> {
    let pairs = [
        ('а', 'a'),
        ('с', 'c'),
        ('ԁ', 'd'),
        ('е', 'e'),
        ('һ', 'h'),
        ('і', 'i'),
        ('ј', 'j'),
        ('ӏ', 'l'),
        ('о', 'o'),
        ('р', 'p'),
        ('ԛ', 'q'),
        ('ѕ', 's'),
        ('ѵ', 'v'),
        ('ԝ', 'w'),
        ('х', 'x'),
        ('у', 'y'),
        ('к', 'k'),
        ('м', 'm'),
        ('т', 't'),
        ('в', 'b'),
        ('н', 'h'),
        ('α', 'a'),
        ('ο', 'o'),
        ('ν', 'v'),
        ('ρ', 'p'),
        ('ι', 'i'),
        ('κ', 'k'),
        ('ı', 'i'),
        ('ɡ', 'g'),
        ('ℓ', 'l'),
        ('‐', '-'),
        ('‑', '-'),
        ('–', '-'),
        ('−', '-'),
    ];
    if let Some((_, letter)) = pairs.iter().find(|(strange, _)| *strange == c) {
        return Some(*letter);
    }
    // The full-width forms stand in the order of ASCII.
    let code = u32::from(c);
    (0xff01..=0xff5e).contains(&code).then(|| char::from_u32(code - 0xff01 + 0x21)).flatten()
}

/// The existing names that a new one could be taken for, in the order of the names.
pub fn look_alikes<'a>(new: &PackageId, existing: impl IntoIterator<Item = &'a PackageId>) -> Vec<PackageId> {
    let mut found: Vec<PackageId> = existing
        .into_iter()
        .filter(|other| *other != new)
        .filter(|other| {
            let is_same = |a: &str, b: &str| skeleton(a) == skeleton(b);
            let is_near = |a: &str, b: &str| interstice_wit::nearest(a, [b]).is_some();
            match (other.namespace == new.namespace, other.name == new.name) {
                // One owner names packages alike on purpose; only what looks the same deceives.
                (true, _) => is_same(&other.name, &new.name),
                (false, true) => {
                    is_same(&other.namespace, &new.namespace) || is_near(&other.namespace, &new.namespace)
                }
                (false, false) => {
                    is_same(&other.namespace, &new.namespace) && is_same(&other.name, &new.name)
                }
            }
        })
        .cloned()
        .collect();
    found.sort();
    found.dedup();
    found
}

/// What is left of a name at a hurried glance.
fn skeleton(part: &str) -> String {
    let plain: String = part
        .chars()
        .filter(|c| *c != '-')
        .map(|c| match c {
            '0' => 'o',
            '1' | 'i' => 'l',
            '5' => 's',
            other => other,
        })
        .collect();
    plain.replace("rn", "m").replace("vv", "w")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        match text.parse::<PackageId>() {
            Ok(id) => panic!("{id} is taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_name_is_lower_case_kebab() {
        for good in ["acme:bank", "a:b", "acme-corp:order-book2"] {
            assert_eq!(good.parse::<PackageId>().map(|id| id.to_string()).ok().as_deref(), Some(good));
        }
        for bad in [
            "bank",
            "acme:",
            ":bank",
            "acme:2bank",
            "acme:a--b",
            "acme:-a",
            "acme:a_b",
            "acme:b/c",
            "acme:..",
            "..:bank",
            "../x:y",
            "acme:b\0",
            "acme:b\n",
            "acme:a:b",
            "acme:bank@1.0.0",
            "acme:a b",
        ] {
            assert!(bad.parse::<PackageId>().is_err(), "{bad:?}");
        }
        assert!(PackageId::new(&"a".repeat(MAX_PART_BYTES), "b").is_ok());
        assert!(PackageId::new(&"a".repeat(MAX_PART_BYTES + 1), "b").is_err());
    }

    #[test]
    fn a_refusal_says_what_is_wrong_with_the_name() {
        assert!(reason("Acme:bank").contains("it has capitals; write `acme`"), "{}", reason("Acme:bank"));
        assert!(reason("acme:..").contains("could be a path"));
        // The first letter is Cyrillic.
        assert!(reason("аcme:bank").contains("(U+0430), which looks like `a`"), "{}", reason("аcme:bank"));
        assert!(reason("acme:ｂank").contains("which looks like `b`"));
        assert!(reason("acme:b\u{200b}ank").contains("U+200B"));
    }

    #[test]
    fn names_that_look_the_same_are_found() {
        let id = |text: &str| text.parse::<PackageId>().expect("a name");
        let existing = ["acme:bank", "acme:modem", "acme:order-book", "big-corp:bank", "acme:ledger"].map(id);
        let found = |new: &str| {
            let found = look_alikes(&id(new), &existing);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("acme:modern"), ["acme:modem"]);
        assert_eq!(found("acme:orderbook"), ["acme:order-book"]);
        assert_eq!(found("acne:bank"), ["acme:bank"]);
        assert_eq!(found("acrne:bank"), ["acme:bank"]);
        assert_eq!(found("bigcorp:bank"), ["big-corp:bank"]);
        assert_eq!(found("acme:ledger2"), [""; 0]);
        assert_eq!(found("acme:bank"), [""; 0]);
    }
}
