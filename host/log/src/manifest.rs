//! The manifest: which segments there are, and up to where the newest is known to be safe. A text
//! file, published by rename, whose last line is a checksum of the lines before it. Invariant: a
//! segment holds records only after a manifest that lists it has been published.

use crate::batch::Link;
use crate::doors::Disk;
use crate::error::LogError;
use crate::hex;
use crate::limits::MAX_MANIFEST_BYTES;
use crate::publish::{publish, read_whole};
use crate::segment::{FORMAT_VERSION, Id};
use crate::sequence::Sequence;
use std::fmt::Write as _;

pub(crate) const MANIFEST_PATH: &str = "MANIFEST";
const TEMPORARY_PATH: &str = "MANIFEST.tmp";
const TITLE: &str = "interstice database, format ";

/// What the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) database_key: Id,
    pub(crate) timeline: Id,
    /// The segments in order, all closed but the last.
    pub(crate) closed: Vec<ClosedSegment>,
    pub(crate) newest: NewestSegment,
}

/// A segment to which nothing is added any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClosedSegment {
    pub(crate) first: Sequence,
    pub(crate) id: Id,
    /// Its length; bytes beyond, which a crash may have left, mean nothing.
    pub(crate) length: u64,
    /// Its last record.
    pub(crate) last: Sequence,
    /// The link of its last batch.
    pub(crate) link: Link,
}

/// The segment to which batches are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewestSegment {
    pub(crate) first: Sequence,
    pub(crate) id: Id,
    /// Everything before this offset was synced when the manifest was written.
    pub(crate) synced_bytes: u64,
    /// The last record before that offset, in this segment or before it.
    pub(crate) synced: Sequence,
}

impl Manifest {
    fn encode(&self) -> String {
        let mut text = format!("{TITLE}{FORMAT_VERSION}\n");
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("writing into a string cannot fail");
            text.push('\n');
        };
        line(format_args!("database-key {}", hex::text(&self.database_key)));
        line(format_args!("timeline {}", hex::text(&self.timeline)));
        for segment in &self.closed {
            let ClosedSegment { first, id, length, last, link } = segment;
            let (id, link) = (hex::text(id), hex::text(link));
            line(format_args!("closed {:020} {id} length {length} last {last} link {link}", first.0));
        }
        let NewestSegment { first, id, synced_bytes, synced } = &self.newest;
        let id = hex::text(id);
        line(format_args!("newest {:020} {id} synced {synced_bytes} last {synced}", first.0));
        let checksum = crc32c::crc32c(text.as_bytes());
        writeln!(text, "crc32c {checksum:08x}").expect("writing into a string cannot fail");
        text
    }

    /// Reads the manifest's text. Where it is wrong, says at which byte and what was expected.
    fn decode(text: &str) -> Result<Self, Refusal> {
        let damaged = |offset: usize, what: &str| Refusal::Damaged(offset, what.to_owned());
        let body = text.len().checked_sub("crc32c 01234567\n".len()).filter(|at| text.is_char_boundary(*at));
        let body = body.ok_or_else(|| damaged(0, "the manifest is too short"))?;
        let checksum = crc32c::crc32c(&text.as_bytes()[..body]);
        if text[body..] != format!("crc32c {checksum:08x}\n") {
            return Err(damaged(body, &format!("expected the line \"crc32c {checksum:08x}\"")));
        }
        let mut offset = 0;
        let mut lines = text[..body].lines().map(|line| {
            let at = offset;
            offset += line.len() + 1;
            (at, line)
        });
        let mut next = |expected: &'static str| lines.next().ok_or_else(|| damaged(body, expected));
        let (at, title) = next("expected the format")?;
        let version = title.strip_prefix(TITLE).and_then(|version| version.parse::<u32>().ok());
        match version {
            Some(FORMAT_VERSION) => {}
            Some(version) if version > FORMAT_VERSION => return Err(Refusal::Newer(version)),
            _ => return Err(damaged(at, "expected a format of interstice")),
        }
        let (at, line) = next("expected the database key")?;
        let database_key = line.strip_prefix("database-key ").and_then(hex::parse);
        let database_key = database_key.ok_or_else(|| damaged(at, "expected the database key"))?;
        let (at, line) = next("expected the timeline")?;
        let timeline = line.strip_prefix("timeline ").and_then(hex::parse);
        let timeline = timeline.ok_or_else(|| damaged(at, "expected the timeline"))?;
        let mut closed = Vec::new();
        let newest = loop {
            let (at, line) = next("expected the newest segment")?;
            let words: Vec<&str> = line.split(' ').collect();
            if let Some(segment) = ClosedSegment::parse(&words) {
                closed.push(segment);
            } else {
                break NewestSegment::parse(&words).ok_or_else(|| damaged(at, "expected a segment"))?;
            }
        };
        let manifest = Self { database_key, timeline, closed, newest };
        // There is one way to write a manifest; numbers with leading zeros and the like are not it.
        if manifest.encode() != text {
            return Err(damaged(0, "the manifest is not written as this program writes it"));
        }
        Ok(manifest)
    }

    /// Reads the manifest of a data directory, if there is one.
    pub(crate) fn read(disk: &dyn Disk) -> Result<Option<Self>, LogError> {
        let Some(bytes) = read_whole(disk, MANIFEST_PATH, MAX_MANIFEST_BYTES)? else {
            return Ok(None);
        };
        let path = || disk.locate(MANIFEST_PATH);
        let text = std::str::from_utf8(&bytes).map_err(|error| LogError::Damaged {
            path: path(),
            offset: error.valid_up_to() as u64,
            what: "the manifest is not text".to_owned(),
        })?;
        match Self::decode(text) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Refusal::Newer(found)) => {
                Err(LogError::NewerFormat { path: path(), found, supported: FORMAT_VERSION })
            }
            Err(Refusal::Damaged(offset, what)) => {
                Err(LogError::Damaged { path: path(), offset: offset as u64, what })
            }
        }
    }

    /// Puts this manifest in place of the one before, in one step that survives a crash.
    pub(crate) fn publish(&self, disk: &dyn Disk) -> Result<(), LogError> {
        publish(disk, TEMPORARY_PATH, MANIFEST_PATH, self.encode().as_bytes())
    }
}

impl ClosedSegment {
    fn parse(words: &[&str]) -> Option<Self> {
        let ["closed", first, id, "length", length, "last", last, "link", link] = words else {
            return None;
        };
        Some(Self {
            first: Sequence(first.parse().ok()?),
            id: hex::parse(id)?,
            length: length.parse().ok()?,
            last: Sequence(last.parse().ok()?),
            link: hex::parse(link)?,
        })
    }
}

impl NewestSegment {
    fn parse(words: &[&str]) -> Option<Self> {
        let ["newest", first, id, "synced", synced_bytes, "last", synced] = words else {
            return None;
        };
        Some(Self {
            first: Sequence(first.parse().ok()?),
            id: hex::parse(id)?,
            synced_bytes: synced_bytes.parse().ok()?,
            synced: Sequence(synced.parse().ok()?),
        })
    }
}

/// Why a manifest is not accepted.
#[derive(Debug)]
enum Refusal {
    Newer(u32),
    Damaged(usize, String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn manifest() -> Manifest {
        let closed =
            ClosedSegment { first: Sequence(1), id: [4; 16], length: 4096, last: Sequence(9), link: [5; 32] };
        let newest =
            NewestSegment { first: Sequence(10), id: [6; 16], synced_bytes: 512, synced: Sequence(9) };
        Manifest { database_key: [1; 16], timeline: [2; 16], closed: vec![closed], newest }
    }

    #[test]
    fn every_flipped_bit_of_the_manifest_is_noticed() {
        let text = manifest().encode();
        assert_eq!(Manifest::decode(&text).unwrap(), manifest());
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(flipped) = String::from_utf8(bytes) {
                assert!(Manifest::decode(&flipped).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_manifest_cut_short_is_noticed() {
        let text = manifest().encode();
        for length in 0..text.len() {
            assert!(Manifest::decode(&text[..length]).is_err(), "length {length}");
        }
    }
}
