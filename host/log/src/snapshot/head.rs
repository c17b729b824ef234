//! The head of a snapshot: what it is a snapshot of, what the node keeps beside rows, and which tables
//! there are with the objects that hold their rows. One encoding, checked by two checksums and a digest.
//! Invariant: a head that is read is bit for bit the one that was written, or is refused.

use super::SNAPSHOT_FORMAT_VERSION;
use super::names::Family;
use super::object::Object;
use crate::anchor::Anchor;
use crate::batch::Seed;
use crate::bytes::{Bytes, Malformed, put_run, put_varint};
use crate::definitions::Digest;
use crate::error::LogError;
use crate::limits::MAX_SNAPSHOT_HEAD_BYTES;
use crate::segment::Id;
use crate::sequence::Sequence;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The length of the fixed part of a head: one sector.
const FIXED_BYTES: usize = 512;
/// The length of the digest behind everything else.
const DIGEST_BYTES: usize = 32;

const MAGIC: &[u8; 8] = b"INTERSNP";
const USED_BYTES: usize = 196;
const CHECKSUM_AT: usize = 508;

/// What a snapshot is a snapshot of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotIdentity {
    /// The random key with which the database was made.
    pub database_key: Id,
    /// The history that it belongs to.
    pub timeline: Id,
    /// The place in that history.
    pub anchor: Anchor,
    /// A hash of how rows are stored, by whoever gives the rows.
    pub storage: Digest,
}

/// Which table is meant, and in which shape its rows are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableHead {
    /// The package that owns it, without the version.
    pub package: String,
    /// Its interface and name, such as `tables.account`.
    pub name: String,
    /// A hash of its columns and keys. Rows of another shape are never taken for unchanged.
    pub shape: Digest,
}

impl TableHead {
    /// How messages name the table.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.package, self.name)
    }
}

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableContents {
    /// The last number that its counter gave out, if it has a counter.
    pub counter: Option<u64>,
    /// How many rows it has.
    pub rows: u64,
    /// A digest over all rows, by whoever gives the rows: equal digests mean equal rows.
    pub digest: Digest,
}

/// A table of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotTable {
    /// Which table it is.
    pub head: TableHead,
    /// What it holds.
    pub contents: TableContents,
    /// Where its rows are; a table without rows has no object.
    pub(super) object: Option<Object>,
}

impl SnapshotTable {
    /// The length of the file with its rows; 0 for a table without rows.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.object.as_ref().map_or(0, |object| object.stored_bytes)
    }
}

/// Everything in the head of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: Id,
    pub(super) family: Family,
    pub(super) identity: SnapshotIdentity,
    pub(super) created_micros: u64,
    /// By name.
    pub(super) sections: BTreeMap<String, Vec<u8>>,
    /// By package and name.
    pub(super) tables: Vec<SnapshotTable>,
}

impl Head {
    pub(super) fn encode(&self) -> Result<Vec<u8>, LogError> {
        let mut out = vec![0; FIXED_BYTES];
        put_varint(&mut out, self.sections.len() as u64);
        for (name, bytes) in &self.sections {
            put_run(&mut out, name.as_bytes());
            put_run(&mut out, bytes);
        }
        put_varint(&mut out, self.tables.len() as u64);
        self.tables.iter().for_each(|table| put_table(&mut out, table));
        let (size, limit) = ((out.len() + DIGEST_BYTES) as u64, MAX_SNAPSHOT_HEAD_BYTES as u64);
        if size > limit {
            return Err(LogError::SnapshotTooLarge { what: "the head of a snapshot", size, limit });
        }
        let (fixed, body) = out.split_at_mut(FIXED_BYTES);
        self.put_fixed(fixed, body);
        let digest = Sha256::digest(&out);
        out.extend_from_slice(&digest);
        Ok(out)
    }

    fn put_fixed(&self, fixed: &mut [u8], body: &[u8]) {
        let SnapshotIdentity { database_key, timeline, anchor, storage } = &self.identity;
        fixed[..8].copy_from_slice(MAGIC);
        fixed[8..12].copy_from_slice(&SNAPSHOT_FORMAT_VERSION.to_le_bytes());
        fixed[12..16].copy_from_slice(&self.family.number().to_le_bytes());
        fixed[16..32].copy_from_slice(&self.id);
        fixed[32..48].copy_from_slice(timeline);
        fixed[48..64].copy_from_slice(database_key);
        fixed[64..72].copy_from_slice(&anchor.sequence.0.to_le_bytes());
        fixed[72..80].copy_from_slice(&self.created_micros.to_le_bytes());
        fixed[80..88].copy_from_slice(&anchor.latest_micros.to_le_bytes());
        fixed[88..120].copy_from_slice(&anchor.catalog);
        fixed[120..152].copy_from_slice(&anchor.link);
        fixed[152..184].copy_from_slice(&storage.0);
        fixed[184..192].copy_from_slice(&(body.len() as u64).to_le_bytes());
        fixed[192..196].copy_from_slice(&Seed::new(&self.id).checksum(body).to_le_bytes());
        let checksum = crc32c::crc32c(&fixed[..CHECKSUM_AT]);
        fixed[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Reads a head. The bytes are in memory already, so no count in them leads to an allocation that is
    /// longer than they are. `path` is how messages name the file.
    pub(super) fn decode(bytes: &[u8], path: &str) -> Result<Self, LogError> {
        let damaged = |offset: usize, what: String| LogError::DamagedSnapshot {
            path: path.to_owned(),
            offset: offset as u64,
            what,
        };
        let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
            let what = format!("the file has {} bytes, expected at least {FIXED_BYTES}", bytes.len());
            return Err(damaged(bytes.len(), what));
        };
        let (mut head, body_bytes, checksum) = decode_fixed(fixed, path)?;
        let expected = body_bytes.saturating_add(DIGEST_BYTES as u64);
        if rest.len() as u64 != expected {
            let what = format!("the file has {} bytes behind its first 512, expected {expected}", rest.len());
            return Err(damaged(184, what));
        }
        let (body, digest) = rest.split_at(body_bytes as usize);
        if Seed::new(&head.id).checksum(body) != checksum {
            return Err(damaged(FIXED_BYTES, "the checksum of the tables and sections is wrong".to_owned()));
        }
        if Sha256::digest(&bytes[..bytes.len() - DIGEST_BYTES])[..] != *digest {
            return Err(damaged(bytes.len() - DIGEST_BYTES, "the digest of the head is wrong".to_owned()));
        }
        head.take_body(body).map_err(|malformed| {
            let what = format!("{} (the checksum is right, so this was written so)", malformed.what);
            damaged(FIXED_BYTES + malformed.at, what)
        })?;
        Ok(head)
    }

    fn take_body(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let mut bytes = Bytes::new(body);
        for _ in 0..bytes.varint()? {
            let name = bytes.text()?;
            if self.sections.last_key_value().is_some_and(|(last, _)| last.as_str() >= name) {
                return Err(bytes.malformed("sections are not in the order of their names"));
            }
            let name = name.to_owned();
            self.sections.insert(name, bytes.run()?.to_vec());
        }
        for _ in 0..bytes.varint()? {
            let table = take_table(&mut bytes)?;
            let name = |table: &SnapshotTable| (table.head.package.clone(), table.head.name.clone());
            if self.tables.last().is_some_and(|last| name(last) >= name(&table)) {
                return Err(bytes.malformed("tables are not in the order of their names"));
            }
            self.tables.push(table);
        }
        if bytes.is_empty() { Ok(()) } else { Err(bytes.malformed("bytes are left over")) }
    }
}

/// Reads the fixed part. Returns a head without sections and tables, the length of these, and their
/// checksum.
fn decode_fixed(fixed: &[u8; FIXED_BYTES], path: &str) -> Result<(Head, u64, u32), LogError> {
    let word = |at: usize| u32::from_le_bytes(fixed[at..at + 4].try_into().expect("four bytes were cut out"));
    let long =
        |at: usize| u64::from_le_bytes(fixed[at..at + 8].try_into().expect("eight bytes were cut out"));
    let id = |at: usize| -> Id { fixed[at..at + 16].try_into().expect("16 bytes were cut out") };
    let hash = |at: usize| -> [u8; 32] { fixed[at..at + 32].try_into().expect("32 bytes were cut out") };
    let path = || path.to_owned();
    let damaged = |offset: usize, what: String| {
        Err(LogError::DamagedSnapshot { path: path(), offset: offset as u64, what })
    };
    if &fixed[..8] != MAGIC {
        return damaged(0, "this is not the head of a snapshot".to_owned());
    }
    let counted = crc32c::crc32c(&fixed[..CHECKSUM_AT]);
    if word(CHECKSUM_AT) != counted {
        let found = word(CHECKSUM_AT);
        return damaged(CHECKSUM_AT, format!("the head has the checksum {counted:08x}, not {found:08x}"));
    }
    // The magic, the version and the place of the checksum are the same in all formats.
    match word(8) {
        SNAPSHOT_FORMAT_VERSION => {}
        found if found > SNAPSHOT_FORMAT_VERSION => {
            return Err(LogError::NewerFormat { path: path(), found, supported: SNAPSHOT_FORMAT_VERSION });
        }
        found => return damaged(8, format!("format {found} was never written")),
    }
    let Some(family) = Family::from_number(word(12)) else {
        return damaged(12, format!("a snapshot of family {}, expected 0 or 1", word(12)));
    };
    if let Some(at) = fixed[USED_BYTES..CHECKSUM_AT].iter().position(|byte| *byte != 0) {
        return damaged(USED_BYTES + at, "a byte that must be zero is not".to_owned());
    }
    let anchor =
        Anchor { sequence: Sequence(long(64)), link: hash(120), catalog: hash(88), latest_micros: long(80) };
    let (timeline, database_key, storage) = (id(32), id(48), Digest(hash(152)));
    let identity = SnapshotIdentity { database_key, timeline, anchor, storage };
    let (sections, tables, created_micros) = (BTreeMap::new(), Vec::new(), long(72));
    Ok((Head { id: id(16), family, identity, created_micros, sections, tables }, long(184), word(192)))
}

fn put_table(out: &mut Vec<u8>, table: &SnapshotTable) {
    let SnapshotTable { head, contents, object } = table;
    put_run(out, head.package.as_bytes());
    put_run(out, head.name.as_bytes());
    out.extend_from_slice(&head.shape.0);
    match contents.counter {
        None => out.push(0),
        Some(counter) => {
            out.push(1);
            put_varint(out, counter);
        }
    }
    put_varint(out, contents.rows);
    out.extend_from_slice(&contents.digest.0);
    assert_eq!(object.is_some(), contents.rows > 0, "{} has an object if it has rows", head.full_name());
    if let Some(object) = object {
        out.extend_from_slice(&object.id);
        out.extend_from_slice(&object.digest.0);
        put_varint(out, object.stored_bytes);
        put_varint(out, object.contents_bytes);
        put_varint(out, object.chunks.into());
    }
}

fn take_table(bytes: &mut Bytes<'_>) -> Result<SnapshotTable, Malformed> {
    let head = TableHead {
        package: bytes.text()?.to_owned(),
        name: bytes.text()?.to_owned(),
        shape: Digest(bytes.array()?),
    };
    let counter = match bytes.byte()? {
        0 => None,
        1 => Some(bytes.varint()?),
        _ => return Err(bytes.malformed("whether there is a counter is neither 0 nor 1")),
    };
    let contents = TableContents { counter, rows: bytes.varint()?, digest: Digest(bytes.array()?) };
    let object = if contents.rows == 0 {
        None
    } else {
        Some(Object {
            id: bytes.array()?,
            digest: Digest(bytes.array()?),
            stored_bytes: bytes.varint()?,
            contents_bytes: bytes.varint()?,
            chunks: bytes.number()?,
        })
    };
    Ok(SnapshotTable { head, contents, object })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head() -> Head {
        let anchor =
            Anchor { sequence: Sequence(77), link: [4; 32], catalog: [5; 32], latest_micros: 1_700_000 };
        let identity =
            SnapshotIdentity { database_key: [1; 16], timeline: [2; 16], anchor, storage: Digest([3; 32]) };
        let table = |name: &str, rows| SnapshotTable {
            head: TableHead { package: "acme:bank".into(), name: name.into(), shape: Digest([6; 32]) },
            contents: TableContents { counter: (rows > 0).then_some(9), rows, digest: Digest([7; 32]) },
            object: (rows > 0).then_some(Object {
                id: [8; 16],
                digest: Digest([9; 32]),
                stored_bytes: 300,
                contents_bytes: 1000,
                chunks: 2,
            }),
        };
        Head {
            id: [10; 16],
            family: Family::B,
            identity,
            created_micros: 1_800_000,
            sections: [("modules".to_owned(), vec![1, 2, 3]), ("owed".to_owned(), vec![])].into(),
            tables: vec![table("tables.account", 12), table("tables.audit", 0)],
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_head_is_noticed() {
        let bytes = head().encode().unwrap();
        assert_eq!(Head::decode(&bytes, "x").unwrap(), head());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::decode(&flipped, "x").is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Head::decode(&bytes[..length], "x").is_err(), "length {length}");
        }
        assert!(Head::decode(&[bytes, vec![0]].concat(), "x").is_err());
    }

    #[test]
    fn tables_and_sections_have_one_order() {
        let mut head = head();
        head.tables.reverse();
        assert!(Head::decode(&head.encode().unwrap(), "x").is_err());
        head.tables.truncate(1);
        head.tables.push(head.tables[0].clone());
        assert!(Head::decode(&head.encode().unwrap(), "x").is_err());
    }
}
