//! The three hashes: of an artifact, of what callers can see, and of what is stored.
//! Each is taken of a text of its own kind, so that one can never pass for another.
//! Invariant: the hash of an item covers the whole structure of the types that it uses.

use crate::canonical;
use crate::schema::{Interface, InterfaceName, Schema, Table, Visibility};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A SHA-256 hash, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

/// The text is not a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits in lower case")]
pub struct ParseHashError;

/// The interface hash of a module, and the hashes that it is made of.
///
/// An importer pins the items that it uses, so that a release that only adds items stays linkable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleHashes {
    /// Over all interfaces.
    pub module: Hash,
    /// Of each public interface, by its name without a version: `acme:bank/ledger`.
    pub interfaces: BTreeMap<String, Hash>,
    /// Of each item, by interface, kind and name: `acme:bank/ledger/function/transfer`,
    /// `acme:bank/tables/column/account.owner`. The kinds are those of
    /// [`canonical::interface_items`].
    pub items: BTreeMap<String, Hash>,
}

/// The artifact hash: of the bytes of a component file.
pub fn artifact_hash(component: &[u8]) -> Hash {
    Hash(Sha256::digest(component).into())
}

/// The interface hash of what a module exports.
pub fn interface_hash(schema: &Schema) -> ModuleHashes {
    module_hashes(schema, &schema.package.unversioned(), schema.exports.iter())
}

/// The same over the interfaces of other modules that a module imports by name, as it knew them: what it
/// pins. Older versions of itself are no other module.
/// The hash of the whole is of no use to anybody but itself.
pub fn imported_hashes(schema: &Schema) -> ModuleHashes {
    let others = schema.imports.iter().filter(|name| !schema.is_former_self(name));
    let imported = others.filter_map(|name| schema.interface(name));
    module_hashes(schema, &schema.package.unversioned(), imported)
}

/// The storage hash: of tables, columns, keys, indexes and the version of the codec.
pub fn storage_hash(schema: &Schema) -> Hash {
    hash("storage", &canonical::storage(schema))
}

/// The same of one table alone.
pub fn stored_table_hash(schema: &Schema, table: &Table) -> Hash {
    hash("stored table", &canonical::stored_table(schema, table))
}

fn module_hashes<'a>(
    schema: &Schema,
    module: &str,
    interfaces: impl Iterator<Item = &'a Interface>,
) -> ModuleHashes {
    let mut hashes =
        ModuleHashes { module: Hash([0; 32]), interfaces: BTreeMap::new(), items: BTreeMap::new() };
    for interface in interfaces.filter(|interface| interface.visibility == Visibility::Public) {
        let name = unversioned(&interface.name);
        let mut text = format!("{name}\n");
        for (item, content) in canonical::interface_items(schema, interface) {
            let item_hash = hash("item", &format!("{item}\n{content}\n"));
            text.push_str(&format!("{item} {item_hash}\n"));
            hashes.items.insert(format!("{name}/{item}"), item_hash);
        }
        hashes.interfaces.insert(name, hash("interface", &text));
    }
    let mut text = format!("{module}\n");
    for (name, interface) in &hashes.interfaces {
        text.push_str(&format!("{name} {interface}\n"));
    }
    hashes.module = hash("module", &text);
    hashes
}

fn unversioned(name: &InterfaceName) -> String {
    format!("{}/{}", name.package.unversioned(), name.name)
}

/// The hash of a text of some kind. The kind goes in first and ends at a line break, so that texts of
/// different kinds never have the same bytes.
fn hash(kind: &str, text: &str) -> Hash {
    let mut digest = Sha256::new();
    digest.update(format!("interstice {kind} 1\n"));
    digest.update(text);
    Hash(digest.finalize().into())
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(ParseHashError),
        };
        let bytes: [u8; 64] = text.as_bytes().try_into().map_err(|_| ParseHashError)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Hash(hash))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
