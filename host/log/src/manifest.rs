//! The manifest: which segments there are, and up to where the newest is known to be safe. A text
//! file, published by rename, whose last line is a checksum of the lines before it. Invariant: a
//! segment holds records only after a manifest that lists it has been published.

use crate::batch::{Link, genesis};
use crate::doing::Doing;
use crate::doors::Disk;
use crate::error::LogError;
use crate::hex;
use crate::limits::{MAX_MANIFEST_BYTES, MAX_SEGMENT_BYTES};
use crate::publish::{publish, read_whole};
use crate::segment::{ARCHIVE_FORMAT, FIRST_FORMAT, Id, archive_path, segment_path};
use crate::sequence::Sequence;
use crate::starting_point::History;
use std::fmt::Write as _;
use std::io;

pub(crate) const MANIFEST_PATH: &str = "MANIFEST";
/// A manifest that is not published yet.
pub(crate) const MANIFEST_TEMPORARY_PATH: &str = "MANIFEST.tmp";
const TITLE: &str = "interstice database, format ";

/// What the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) database_key: Id,
    pub(crate) timeline: Id,
    /// The timelines before, in order.
    pub(crate) past: Vec<PastTimeline>,
    /// Where the log begins, if its first records were given up.
    pub(crate) begin: Option<Begin>,
    /// The segments in order, all closed but the last.
    pub(crate) closed: Vec<ClosedSegment>,
    pub(crate) newest: NewestSegment,
}

/// A timeline that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastTimeline {
    pub(crate) timeline: Id,
    /// Its last record that is still in the log; segments that begin later belong to later timelines.
    pub(crate) until: Sequence,
}

/// The place where a log begins whose first segments were given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    /// The first record that is kept.
    pub(crate) first: Sequence,
    /// The link of the batch before it.
    pub(crate) link: Link,
    /// The hash of the catalog before it.
    pub(crate) catalog: [u8; 32],
}

/// A segment to which nothing is added any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClosedSegment {
    pub(crate) first: Sequence,
    pub(crate) id: Id,
    /// Its length before any compression; bytes beyond it in a plain segment's file, which a crash may
    /// have left, mean nothing.
    pub(crate) length: u64,
    /// Its last record.
    pub(crate) last: Sequence,
    /// The link of its last batch.
    pub(crate) link: Link,
    /// It is compressed and lies in the archive.
    pub(crate) archived: Option<Archived>,
}

/// What is known of a segment in the archive beyond what is known of every closed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archived {
    /// The length of its file.
    pub(crate) stored_bytes: u64,
    /// The latest time in any of its records, in microseconds since 1970-01-01 UTC.
    pub(crate) latest_micros: u64,
}

/// What is known of the place where a segment begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    pub(crate) next: Sequence,
    pub(crate) link: Link,
    /// The hash of the catalog, where that is known.
    pub(crate) catalog: Option<[u8; 32]>,
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
    /// The history that it tells.
    pub(crate) fn history(&self) -> History {
        History { timeline: self.timeline, past: self.past.clone() }
    }

    /// The lowest format that can say what this manifest says, so that a program that can read all
    /// of the database is not kept from it.
    fn format(&self) -> u32 {
        let is_first = self.past.is_empty()
            && self.begin.is_none()
            && self.closed.iter().all(|segment| segment.archived.is_none());
        if is_first { FIRST_FORMAT } else { ARCHIVE_FORMAT }
    }

    /// The timeline of a segment that begins with this record.
    pub(crate) fn timeline_of(&self, first: Sequence) -> Id {
        let past = self.past.iter().find(|past| first <= past.until);
        past.map_or(self.timeline, |past| past.timeline)
    }

    /// The first record that the log holds, or will hold.
    pub(crate) fn first(&self) -> Sequence {
        self.begin.as_ref().map_or(Sequence(1), |begin| begin.first)
    }

    /// What is known of the place where the segment with this index begins; the newest comes after
    /// the closed ones.
    pub(crate) fn before(&self, index: usize) -> Before {
        if let Some(segment) = index.checked_sub(1).and_then(|before| self.closed.get(before)) {
            return Before { next: segment.last.next(), link: segment.link, catalog: None };
        }
        match &self.begin {
            Some(Begin { first, link, catalog }) => {
                Before { next: *first, link: *link, catalog: Some(*catalog) }
            }
            None => {
                let link = genesis(&self.database_key);
                Before { next: Sequence(1), link, catalog: Some([0; 32]) }
            }
        }
    }

    fn encode(&self) -> String {
        let mut text = format!("{TITLE}{}\n", self.format());
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("writing into a string cannot fail");
            text.push('\n');
        };
        line(format_args!("database-key {}", hex::text(&self.database_key)));
        line(format_args!("timeline {}", hex::text(&self.timeline)));
        for PastTimeline { timeline, until } in &self.past {
            line(format_args!("past-timeline {} until {until}", hex::text(timeline)));
        }
        if let Some(Begin { first, link, catalog }) = &self.begin {
            let (link, catalog) = (hex::text(link), hex::text(catalog));
            line(format_args!("begin {:020} link {link} catalog {catalog}", first.0));
        }
        for segment in &self.closed {
            let ClosedSegment { first, id, length, last, link, archived } = segment;
            let (first, id, link) = (first.0, hex::text(id), hex::text(link));
            match archived {
                None => line(format_args!("closed {first:020} {id} length {length} last {last} link {link}")),
                Some(Archived { stored_bytes, latest_micros }) => line(format_args!(
                    "archived {first:020} {id} length {length} last {last} link {link} \
                     stored {stored_bytes} latest {latest_micros}"
                )),
            }
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
            Some(FIRST_FORMAT | ARCHIVE_FORMAT) => {}
            Some(version) if version > ARCHIVE_FORMAT => return Err(Refusal::Newer(version)),
            _ => return Err(damaged(at, "expected a format of interstice")),
        }
        let (at, line) = next("expected the database key")?;
        let database_key = line.strip_prefix("database-key ").and_then(hex::parse);
        let database_key = database_key.ok_or_else(|| damaged(at, "expected the database key"))?;
        let (at, line) = next("expected the timeline")?;
        let timeline = line.strip_prefix("timeline ").and_then(hex::parse);
        let timeline = timeline.ok_or_else(|| damaged(at, "expected the timeline"))?;
        let (mut past, mut begin, mut closed) = (Vec::new(), None, Vec::new());
        let newest = loop {
            let (at, line) = next("expected the newest segment")?;
            let words: Vec<&str> = line.split(' ').collect();
            if let Some(timeline) = PastTimeline::parse(&words) {
                past.push(timeline);
            } else if let Some(found) = Begin::parse(&words) {
                begin = Some(found);
            } else if let Some(segment) = ClosedSegment::parse(&words) {
                if segment.length > MAX_SEGMENT_BYTES {
                    let what = format!("a segment of {} bytes was never written", segment.length);
                    return Err(Refusal::Damaged(at, what));
                }
                closed.push(segment);
            } else {
                break NewestSegment::parse(&words).ok_or_else(|| damaged(at, "expected a segment"))?;
            }
        };
        let manifest = Self { database_key, timeline, past, begin, closed, newest };
        // There is one way to write a manifest; lines in another order, or twice, numbers with leading
        // zeros and a higher format than need be are not it.
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
                Err(LogError::NewerFormat { path: path(), found, supported: ARCHIVE_FORMAT })
            }
            Err(Refusal::Damaged(offset, what)) => {
                Err(LogError::Damaged { path: path(), offset: offset as u64, what })
            }
        }
    }

    /// Puts this manifest in place of the one before, in one step that survives a crash. One that would be too
    /// long to be read is refused.
    pub(crate) fn publish(&self, disk: &dyn Disk) -> Result<(), LogError> {
        let text = self.encode();
        if text.len() as u64 > MAX_MANIFEST_BYTES {
            let (length, segments) = (text.len(), self.closed.len() + 1);
            let what =
                format!("the {length} bytes that {segments} segments take are too many to be read again");
            return Err(io::Error::other(what)).doing("write", || disk.locate(MANIFEST_PATH));
        }
        publish(disk, MANIFEST_TEMPORARY_PATH, MANIFEST_PATH, text.as_bytes())
    }
}

impl PastTimeline {
    fn parse(words: &[&str]) -> Option<Self> {
        let ["past-timeline", timeline, "until", until] = words else { return None };
        Some(Self { timeline: hex::parse(timeline)?, until: Sequence(until.parse().ok()?) })
    }
}

impl Begin {
    fn parse(words: &[&str]) -> Option<Self> {
        let ["begin", first, "link", link, "catalog", catalog] = words else { return None };
        let first = Sequence(first.parse().ok()?);
        Some(Self { first, link: hex::parse(link)?, catalog: hex::parse(catalog)? })
    }
}

impl ClosedSegment {
    fn parse(words: &[&str]) -> Option<Self> {
        let [word, first, id, "length", length, "last", last, "link", link, rest @ ..] = words else {
            return None;
        };
        let archived = match (*word, rest) {
            ("closed", []) => None,
            ("archived", ["stored", stored, "latest", latest]) => {
                let (stored_bytes, latest_micros) = (stored.parse().ok()?, latest.parse().ok()?);
                Some(Archived { stored_bytes, latest_micros })
            }
            _ => return None,
        };
        Some(Self {
            first: Sequence(first.parse().ok()?),
            id: hex::parse(id)?,
            length: length.parse().ok()?,
            last: Sequence(last.parse().ok()?),
            link: hex::parse(link)?,
            archived,
        })
    }

    /// The path of its file.
    pub(crate) fn path(&self) -> String {
        if self.archived.is_some() { archive_path(self.first) } else { segment_path(self.first) }
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

    fn closed(first: u64, last: u64, archived: Option<Archived>) -> ClosedSegment {
        let (first, last) = (Sequence(first), Sequence(last));
        ClosedSegment { first, id: [4; 16], length: 4096, last, link: [5; 32], archived }
    }

    fn manifest() -> Manifest {
        let newest =
            NewestSegment { first: Sequence(10), id: [6; 16], synced_bytes: 512, synced: Sequence(9) };
        Manifest {
            database_key: [1; 16],
            timeline: [2; 16],
            past: Vec::new(),
            begin: None,
            closed: vec![closed(1, 9, None)],
            newest,
        }
    }

    fn archived() -> Manifest {
        let archived = Archived { stored_bytes: 1000, latest_micros: 17 };
        Manifest {
            past: vec![PastTimeline { timeline: [7; 16], until: Sequence(8) }],
            begin: Some(Begin { first: Sequence(4), link: [8; 32], catalog: [9; 32] }),
            closed: vec![closed(4, 8, Some(archived)), closed(9, 9, None)],
            ..manifest()
        }
    }

    #[test]
    fn every_flipped_bit_of_the_manifest_is_noticed() {
        for manifest in [manifest(), archived()] {
            let text = manifest.encode();
            assert_eq!(Manifest::decode(&text).unwrap(), manifest);
            for bit in 0..text.len() * 8 {
                let mut bytes = text.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                if let Ok(flipped) = String::from_utf8(bytes) {
                    assert!(Manifest::decode(&flipped).is_err(), "bit {bit}");
                }
            }
        }
    }

    #[test]
    fn a_manifest_cut_short_is_noticed() {
        let text = archived().encode();
        for length in 0..text.len() {
            assert!(Manifest::decode(&text[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn the_lowest_format_that_says_it_all_is_written() {
        assert!(manifest().encode().starts_with("interstice database, format 1\n"));
        assert!(archived().encode().starts_with("interstice database, format 2\n"));
        let reseal = |text: String| {
            let body = &text[..text.len() - "crc32c 01234567\n".len()];
            format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()))
        };
        let claims = |from: &str, to: &str, manifest: Manifest| {
            Manifest::decode(&reseal(manifest.encode().replace(from, to)))
        };
        assert!(claims("format 1", "format 1", manifest()).is_ok());
        assert!(claims("format 1", "format 2", manifest()).is_err());
        assert!(claims("format 2", "format 1", archived()).is_err());
    }

    #[test]
    fn a_segment_belongs_to_the_timeline_in_which_it_began() {
        let manifest = archived();
        assert_eq!(manifest.timeline_of(Sequence(4)), [7; 16]);
        assert_eq!(manifest.timeline_of(Sequence(8)), [7; 16]);
        assert_eq!(manifest.timeline_of(Sequence(9)), [2; 16]);
    }
}
