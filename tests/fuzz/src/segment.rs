//! A segment: the file as it is, and with its checksums put right.

use crate::folder::Folder;
use crate::seal::{self, SECTOR, header, hex, long};
use crate::{Verdict, examine};
use interstice_log::{Anchor, NamedCause, Sequence, StartingPoint};

/// The shortest file that is a segment; the input may leave out the zeros at its end.
const SEGMENT_BYTES: usize = 16 << 10;

/// The input is a segment, which the manifest lists as the newest and again as closed.
pub(crate) fn run(input: &[u8]) -> Verdict {
    let mut segment = input.to_vec();
    segment.resize(input.len().max(SEGMENT_BYTES).next_multiple_of(SECTOR), 0);
    let untouched = segment.clone();
    sealed(&mut segment);
    let verdict = newest(&segment);
    newest(&untouched);
    closed(segment);
    verdict
}

/// Makes a right segment of it, as far as its checksums and links go.
pub(crate) fn sealed(segment: &mut [u8]) -> seal::End {
    let length = segment.len() as u64;
    segment[header::CAPACITY].copy_from_slice(&length.to_le_bytes());
    if long(segment, header::FIRST.start) == 1 {
        let genesis = seal::genesis(&segment[header::KEY]);
        segment[header::LINK].copy_from_slice(&genesis);
        segment[header::CATALOG].fill(0);
    }
    seal::first_sector(segment);
    seal::batches(segment)
}

fn newest(segment: &[u8]) -> Verdict {
    let folder = Folder::new();
    plant(&folder, segment, &newest_line(segment));
    examine::log(&folder, start(segment).as_ref())
}

/// How the manifest lists the segment as the newest.
fn newest_line(segment: &[u8]) -> String {
    let (first, id) = (long(segment, header::FIRST.start), hex(&segment[header::ID]));
    format!("newest {first:020} {id} synced 512 last {}\n", first.wrapping_sub(1))
}

fn closed(mut segment: Vec<u8>) {
    let end = seal::batches(&mut segment);
    segment.truncate(end.offset);
    let folder = Folder::new();
    let (first, id) = (long(&segment, header::FIRST.start), hex(&segment[header::ID]));
    let (length, last, link) = (segment.len(), end.last, hex(&end.link));
    let line = format!("closed {first:020} {id} length {length} last {last} link {link}\n");
    let newest = follow(&folder, &segment, &end);
    plant(&folder, &segment, &format!("{line}{newest}"));
    examine::log(&folder, start(&segment).as_ref());
}

/// The catalog after the records of a segment, as far as they can be read.
pub(crate) fn catalog_after(segment: &[u8]) -> Vec<u8> {
    let mut segment = segment.to_vec();
    segment.resize(segment.len().max(SEGMENT_BYTES).next_multiple_of(SECTOR), 0);
    segment[header::FORMAT].copy_from_slice(&1_u64.to_le_bytes());
    segment[152..508].fill(0);
    sealed(&mut segment);
    let folder = Folder::new();
    plant(&folder, &segment, &newest_line(&segment));
    let records = examine::read(&folder, start(&segment).as_ref()).unwrap_or_default();
    let made = records.iter().rev().find_map(|record| match &record.cause {
        NamedCause::Install { catalog, .. } | NamedCause::Upgrade { catalog, .. } => Some(catalog.0.to_vec()),
        _ => None,
    });
    made.unwrap_or_else(|| segment[header::CATALOG].to_vec())
}

/// Plants the segment that follows this one, without batches. Returns its line in the manifest.
pub(crate) fn follow(folder: &Folder, segment: &[u8], end: &seal::End) -> String {
    let mut next = segment[..SECTOR].to_vec();
    next.resize(SEGMENT_BYTES, 0);
    let first = end.last.wrapping_add(1);
    next[152..508].fill(0);
    next[header::CATALOG].copy_from_slice(&catalog_after(segment));
    next[header::FORMAT].copy_from_slice(&1_u64.to_le_bytes());
    next[header::ID].copy_from_slice(&[0xee; 16]);
    next[header::FIRST].copy_from_slice(&first.to_le_bytes());
    next[header::CAPACITY].copy_from_slice(&(SEGMENT_BYTES as u64).to_le_bytes());
    next[header::LINK].copy_from_slice(&end.link);
    seal::first_sector(&mut next);
    let line = format!("newest {first:020} {} synced 512 last {}\n", hex(&next[header::ID]), end.last);
    folder.plant(&format!("log/{first:020}.log"), next);
    line
}

/// The place before the segment, if it is not the first one: such as a snapshot covers.
pub(crate) fn start(segment: &[u8]) -> Option<StartingPoint> {
    let first = long(segment, header::FIRST.start);
    let hash = |at: std::ops::Range<usize>| segment[at].try_into().expect("the range has this length");
    let timeline = segment[header::TIMELINE].try_into().expect("the range has this length");
    let sequence = Sequence(first.checked_sub(1).filter(|before| *before > 0)?);
    let (link, catalog) = (hash(header::LINK), hash(header::CATALOG));
    Some(StartingPoint { timeline, anchor: Anchor { sequence, link, catalog, latest_micros: 0 } })
}

/// Plants the segment, and a manifest that ends with these lines.
fn plant(folder: &Folder, segment: &[u8], lines: &str) {
    folder.plant("MANIFEST", seal::manifest(manifest(segment, lines, 1).into_bytes()));
    folder.plant(&format!("log/{:020}.log", long(segment, header::FIRST.start)), segment.to_vec());
}

/// The lines of a manifest of this segment's database that ends with these.
pub(crate) fn manifest(segment: &[u8], lines: &str, format: u32) -> String {
    let first = long(segment, header::FIRST.start);
    let (key, timeline) = (hex(&segment[header::KEY]), hex(&segment[header::TIMELINE]));
    let (link, catalog) = (hex(&segment[header::LINK]), hex(&segment[header::CATALOG]));
    let (begin, format) = match first {
        1 => (String::new(), format),
        _ => (format!("begin {first:020} link {link} catalog {catalog}\n"), 2),
    };
    format!("interstice database, format {format}\ndatabase-key {key}\ntimeline {timeline}\n{begin}{lines}")
}
