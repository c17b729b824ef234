//! Headers that lie although their checksums are right, as a faulty or foreign program writes them: each is
//! refused, at the place of the lie. Bits that flip are found by checksums and stand in `bit_rot.rs`.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::doors::Disk;
use interstice_log::limits::MAX_PAYLOAD_BYTES;
use interstice_log::sim::Simulator;
use interstice_log::{Covered, Finding, Gravity, LogError, LogReader, RecordParts, Sequence};
use support::{SMALL, batches, closed_with, is_of_the_log, killed_with, open, segments};

/// Plants the first segment changed, and asserts that opening and reading refuse it at this place.
#[track_caller]
fn check_forged(simulator: &Simulator, change: impl FnOnce(&mut Vec<u8>), at: usize, expected: &str) {
    let (path, mut bytes) = segments(simulator).swap_remove(0);
    change(&mut bytes);
    simulator.disk.plant(&path, bytes);
    let opened = open(&simulator.doors(), SMALL).map(|_| ());
    let ignore = &mut |_: &RecordParts<'_>, _: &interstice_log::Definitions| Ok(());
    let read = LogReader::open(&simulator.doors()).and_then(|reader| reader.replay(ignore)).map(|_| ());
    for refused in [opened, read] {
        match refused.expect_err("it was to be refused") {
            LogError::Damaged { offset, what, .. } => {
                assert!(offset == at as u64 && what.contains(expected), "byte {offset}: {what}");
            }
            error => panic!("{error}"),
        }
    }
    let found = interstice_log::verify(&simulator.disk, &mut |_| {}).unwrap().findings;
    let is_told = |finding: &Finding| finding.gravity == Gravity::Damage && is_of_the_log(finding);
    assert!(found.iter().any(is_told), "a verification does not notice it: {found:?}");
}

fn seal_segment(segment: &mut [u8]) {
    let checksum = crc32c::crc32c(&segment[..508]);
    segment[508..512].copy_from_slice(&checksum.to_le_bytes());
}

/// Puts both checksums of the batch at this offset right.
fn seal_batch(segment: &mut [u8], at: usize) {
    let seed = crc32c::crc32c(&segment[16..32]);
    let length = u32::from_le_bytes(segment[at + 52..at + 56].try_into().unwrap()) as usize;
    if let Some(payload) = segment.get(at + 64..at + 64 + length) {
        let checksum = crc32c::crc32c_append(seed, payload);
        segment[at + 56..at + 60].copy_from_slice(&checksum.to_le_bytes());
    }
    let checksum = crc32c::crc32c_append(seed, &segment[at..at + 60]);
    segment[at + 60..at + 64].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_segment_header_that_lies_is_refused_at_the_place_of_the_lie() {
    for (at, expected) in [
        (0, "this is not the header of a segment"),
        (16, "is not the one that the manifest lists"),
        (32, "another timeline"),
        (48, "another database"),
        (64, "another record than its name says"),
        (88, "the segment's catalog is not the one"),
        (120, "not linked to the batch before it"),
        (152, "a byte that must be zero is not"),
        (507, "a byte that must be zero is not"),
    ] {
        let forge = |segment: &mut Vec<u8>| {
            segment[at] ^= 1;
            seal_segment(segment);
        };
        check_forged(&closed_with(3, SMALL), forge, at, expected);
    }
}

#[test]
fn a_batch_header_that_lies_is_refused_at_the_place_of_the_lie() {
    let third = batches(&segments(&killed_with(3, SMALL))[0].1)[2].0;
    let forge = |field: usize, value: &'static [u8]| {
        move |segment: &mut Vec<u8>| {
            segment[third + field..third + field + value.len()].copy_from_slice(value);
            seal_batch(segment, third);
        }
    };
    let check = |field: usize, value: &'static [u8], expected: &str| {
        check_forged(&killed_with(3, SMALL), forge(field, value), third + field, expected);
    };
    check(0, &[0; 32], "not linked to the one before it");
    check(32, &[4], "a batch begins with record 4, expected 3");
    check(40, &[0], "a mark at record 0, expected 1 to 2");
    check(40, &[3], "a mark at record 3, expected 1 to 2");
    check(52, &[0xff; 4], "longer than the segment has room for");
    check(52, &[0, 0x40, 0, 0], "longer than the segment has room for");
}

#[test]
fn bytes_after_the_last_record_of_a_batch_are_refused() {
    let simulator = killed_with(3, SMALL);
    let (_, bytes) = segments(&simulator).swap_remove(0);
    let third = batches(&bytes)[2].0;
    let end = u32::from_le_bytes(bytes[third + 52..third + 56].try_into().unwrap()) as usize;
    let forge = |segment: &mut Vec<u8>| {
        segment[third + 52..third + 56].copy_from_slice(&(end as u32 + 1).to_le_bytes());
        seal_batch(segment, third);
    };
    check_forged(&simulator, forge, third + 64 + end, "bytes are left over after the last record");
}

#[test]
fn a_batch_longer_than_any_is_refused_before_its_bytes_are_read() {
    let simulator = killed_with(1, SMALL);
    let forge = |segment: &mut Vec<u8>| {
        segment.resize(MAX_PAYLOAD_BYTES + (1 << 20), 0);
        let capacity = segment.len() as u64;
        segment[72..80].copy_from_slice(&capacity.to_le_bytes());
        seal_segment(segment);
        segment[512 + 52..512 + 56].copy_from_slice(&(MAX_PAYLOAD_BYTES as u32 + 1).to_le_bytes());
        seal_batch(segment, 512);
    };
    check_forged(&simulator, forge, 512 + 52, "longer than the segment has room for");
}

/// A log whose closed segments are in the archive, in one frame each.
fn archived() -> Simulator {
    let simulator = closed_with(40, SMALL);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    log.archive(Covered::young(Sequence(40)));
    log.wait_maintained();
    log.close().unwrap();
    simulator
}

/// Puts another frame and another length of it into an archived segment, with all checksums right.
fn with_frame(archived: &mut Vec<u8>, frame: &[u8], length: u32) {
    let seed = crc32c::crc32c(&archived[16..32]);
    let table_at = u64::from_le_bytes(archived[160..168].try_into().unwrap()) as usize;
    let mut table = archived[table_at..].to_vec();
    assert_eq!(table.len(), 16, "one frame");
    table[8..12].copy_from_slice(&length.to_le_bytes());
    table[12..].copy_from_slice(&crc32c::crc32c_append(seed, frame).to_le_bytes());
    archived.truncate(512);
    archived[160..168].copy_from_slice(&(512 + frame.len() as u64).to_le_bytes());
    archived[172..176].copy_from_slice(&crc32c::crc32c_append(seed, &table).to_le_bytes());
    seal_segment(archived);
    archived.extend_from_slice(frame);
    archived.extend_from_slice(&table);
}

#[test]
fn frames_that_lie_are_refused_before_they_are_unpacked() {
    let frame = zstd::bulk::compress(b"shorter than was said", 1).unwrap();
    let (end, length) = (512 + frame.len(), frame.len() as u32);
    let check = |length: u32, at: usize, expected: &str| {
        check_forged(&archived(), |archived| with_frame(archived, &frame, length), at, expected);
    };
    check(u32::MAX, end + 8, "a frame of 4294967295 bytes, expected at most");
    check(length - 1, end, "the frames end at byte");
    check(length, 512, "a compressed frame does not hold what the header says");
}

#[test]
fn bytes_in_the_part_of_a_sector_that_ends_a_segment_are_a_torn_write() {
    let simulator = killed_with(3, SMALL);
    let (path, mut segment) = segments(&simulator).swap_remove(0);
    let (last, length) = *batches(&segment).last().unwrap();
    segment.resize(last + length, 0);
    segment.extend_from_slice(&[1; 30]);
    let capacity = segment.len() as u64;
    segment[72..80].copy_from_slice(&capacity.to_le_bytes());
    seal_segment(&mut segment);
    simulator.disk.plant(&path, segment);
    let (_log, records, report) = open(&simulator.doors(), SMALL).unwrap();
    assert!(records.len() == 3 && report.torn.is_some_and(|torn| torn.length == 30));
}

/// Cuts a segment to one sector less than it should have, and asserts that it is refused for its length.
#[track_caller]
fn check_too_short(index: usize) {
    let simulator = closed_with(40, SMALL);
    let (path, mut bytes) = segments(&simulator).swap_remove(index);
    let expected = bytes.len();
    bytes.truncate(expected - 512);
    simulator.disk.plant(&path, bytes);
    let error = open(&simulator.doors(), SMALL).err().unwrap().to_string();
    let what = format!("the file has {} bytes, expected {expected}", expected - 512);
    assert!(error.contains(&what) || error.contains(&what.replace("file", "segment")), "{error}");
}

#[test]
fn a_segment_that_is_too_short_is_refused_for_its_length() {
    check_too_short(0);
    check_too_short(1);
}

#[test]
fn a_closed_segment_that_ends_otherwise_than_the_manifest_says_is_refused_by_its_name() {
    let simulator = closed_with(40, SMALL);
    let (path, segment) = segments(&simulator).swap_remove(0);
    let mut manifest = String::from_utf8(simulator.disk.contents()["MANIFEST"].clone()).unwrap();
    manifest.truncate(manifest.rfind("crc32c").unwrap());
    let at = manifest.find(" link ").unwrap() + 6;
    let other = if manifest.as_bytes()[at] == b'0' { "1" } else { "0" };
    manifest.replace_range(at..=at, other);
    let manifest = format!("{manifest}crc32c {:08x}\n", crc32c::crc32c(manifest.as_bytes()));
    simulator.disk.plant("MANIFEST", manifest.into_bytes());
    let refused = open(&simulator.doors(), SMALL).err().unwrap();
    let LogError::Damaged { path: named, offset, what } = refused else { panic!("{refused}") };
    assert!(named == path && offset == segment.len() as u64 && what.contains("ends with record"), "{what}");
    let report = interstice_log::verify(&simulator.disk, &mut |_| {}).unwrap();
    let found = report.findings.iter().find(|finding| finding.path == path);
    assert!(found.is_some_and(|found| found.what.contains("ends with record")), "{:?}", report.findings);
}

#[test]
fn verification_compares_links_also_behind_a_batch_that_does_not_read() {
    // Behind such a batch definitions are missing, and only the headers of batches are looked at.
    let simulator = closed_with(40, SMALL);
    let (path, mut segment) = segments(&simulator).swap_remove(0);
    let places = batches(&segment);
    let (damaged, forged) = (places[1].0, places[4].0);
    segment[damaged + 70] ^= 1;
    segment[forged] ^= 1;
    seal_batch(&mut segment, forged);
    simulator.disk.plant(&path, segment);
    let report = interstice_log::verify(&simulator.disk, &mut |_| {}).unwrap();
    let is_there = |at: usize| report.findings.iter().any(|it| it.path == path && it.offset == at as u64);
    assert!(is_there(damaged + 64) && is_there(forged), "{:?}", report.findings);
}

#[test]
fn a_newest_segment_that_is_compressed_is_refused() {
    let simulator = archived();
    let mut segment = simulator.disk.contents()["archive/00000000000000000001.log"].clone();
    // It says that it is as long as it is when it is not compressed, so its length shows nothing.
    segment.copy_within(152..160, 72);
    seal_segment(&mut segment);
    let text = |range: std::ops::Range<usize>| -> String {
        segment[range].iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let (id, timeline, key) = (text(16..32), text(32..48), text(48..64));
    let manifest = format!(
        "interstice database, format 1\ndatabase-key {key}\ntimeline {timeline}\n\
         newest 00000000000000000001 {id} synced 512 last 0\n"
    );
    let manifest = format!("{manifest}crc32c {:08x}\n", crc32c::crc32c(manifest.as_bytes()));
    let other = Simulator::new(2);
    other.disk.create_directory("log").unwrap();
    other.disk.plant("MANIFEST", manifest.into_bytes());
    other.disk.plant("log/00000000000000000001.log", segment);
    check_forged(&other, |_| {}, 12, "the newest segment is compressed");
}
