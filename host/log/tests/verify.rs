//! Verifying a log: nothing is found in a sound one, everything at once in a damaged one, and nothing is
//! changed.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::doors::Disk;
use interstice_log::sim::Simulator;
use interstice_log::{
    ArtifactStore, Cause, Covered, Digest, Gravity, Installed, LogError, LogOptions, Progress, RecordParts,
    Retention, Sequence, VerifyReport,
};
use std::sync::Arc;
use support::{Cast, SMALL, append, batches, open, plain, plant_unlisted, segments};

const KEEP_ALL: LogOptions = LogOptions { retention: Retention::KeepAll, ..SMALL };

/// A closed and indexed log of so many records, whose first segments are in the archive, and the digest
/// of the artifact that its records name.
fn log_with(records: u64, archived: u64) -> (Simulator, Digest) {
    let simulator = Simulator::new(1);
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    let artifact = ArtifactStore::new(Arc::new(simulator.disk.clone())).put(b"a component").unwrap();
    let cast = Cast::define_of(&log, artifact);
    for _ in 0..records {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    log.archive(Covered::young(Sequence(archived)));
    log.wait_maintained();
    log.close().unwrap();
    (simulator, artifact)
}

fn verify(simulator: &Simulator) -> VerifyReport {
    let before = simulator.disk.contents();
    let report = interstice_log::verify(&simulator.disk, &mut |_| {}).unwrap();
    assert!(simulator.disk.contents() == before, "a verification changes nothing");
    report
}

fn flip(simulator: &Simulator, path: &str, at: usize) {
    let mut bytes = simulator.disk.contents()[path].clone();
    bytes[at] ^= 1;
    simulator.disk.plant(path, bytes);
}

#[test]
fn a_sound_log_is_found_sound() {
    let (simulator, _) = log_with(200, 100);
    let report = verify(&simulator);
    assert_eq!(report.findings, []);
    assert_eq!((report.first, report.last, report.records), (Sequence(1), Sequence(200), 200));
    assert!(report.segments > 4 && report.indexes == report.segments - 1 && report.artifacts == 1);
    let mut told: Vec<Progress> = Vec::new();
    interstice_log::verify(&simulator.disk, &mut |progress| told.push(progress)).unwrap();
    let last = told.last().unwrap();
    assert!(last.bytes_done == last.bytes_total && told.is_sorted_by_key(|progress| progress.bytes_done));
}

#[test]
fn a_newest_segment_that_is_longer_than_its_header_says_is_sound() {
    let (simulator, _) = log_with(30, 0);
    let (path, mut bytes) = segments(&simulator).pop().unwrap();
    bytes.resize(bytes.len() + 3_000, 0);
    simulator.disk.plant(&path, bytes);
    assert_eq!(verify(&simulator).findings, []);
}

#[test]
fn a_segment_that_is_not_listed_and_not_empty_is_damage_wherever_something_stands_in_it() {
    for at in [513, 1024, 4000] {
        let (simulator, _) = log_with(30, 0);
        let path = plant_unlisted(&simulator, 30, at);
        assert!(open(&simulator.doors(), KEEP_ALL).is_err());
        let report = verify(&simulator);
        assert!(!report.is_sound() && report.findings.len() == 1, "{:?}", report.findings);
        assert_eq!(report.findings[0].path, path);
    }
}

#[test]
fn what_a_crash_leaves_is_told_apart_from_damage() {
    let (simulator, artifact) = log_with(100, 0);
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    let cast = Cast::define_of(&log, artifact);
    let sequence = append(&log, cast).unwrap();
    log.wait_durable(sequence).unwrap();
    let simulator = simulator.kill(3);
    drop(log);
    let report = verify(&simulator);
    assert!(report.is_sound(), "{:?}", report.findings);
    assert!(report.findings.iter().any(|finding| finding.what == "the database was not closed"));
    let (path, bytes) = segments(&simulator).pop().unwrap();
    let (offset, _) = *batches(&bytes).last().unwrap();
    flip(&simulator, &path, offset);
    let report = verify(&simulator);
    assert!(report.is_sound(), "{:?}", report.findings);
    let torn = &report.findings[0];
    assert!(torn.offset == offset as u64 && torn.what.contains("cut off by a crash"), "{torn}");
}

#[test]
fn everything_that_is_wrong_is_found_at_once() {
    let (simulator, artifact) = log_with(300, 60);
    let files = segments(&simulator);
    let plain: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("log/")).collect();
    let archived: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("archive/")).collect();
    assert!(plain.len() > 4 && !archived.is_empty());
    // An archived segment, two places of a plain one, a missing one, two indexes, an artifact, and a
    // segment that nobody knows.
    flip(&simulator, &archived[0].0, 600);
    let (first, second) = (batches(&plain[0].1)[3].0, batches(&plain[0].1)[7].0);
    flip(&simulator, &plain[0].0, first + 70);
    flip(&simulator, &plain[0].0, second + 5);
    simulator.disk.take_away(&plain[2].0);
    flip(&simulator, &plain[1].0.replace(".log", ".index"), 90);
    simulator.disk.take_away(&plain[3].0.replace(".log", ".index"));
    flip(&simulator, &format!("artifacts/{artifact}.wasm"), 3);
    simulator.disk.plant("log/00000000000000000900.log", plain[1].1.clone());

    let report = verify(&simulator);
    let check = |gravity: Gravity, path: &str, offset: Option<usize>, what: &str| {
        let found = report.findings.iter().any(|finding| {
            finding.gravity == gravity
                && finding.path == path
                && offset.is_none_or(|offset| finding.offset == offset as u64)
                && finding.what.contains(what)
        });
        assert!(found, "{path} {offset:?} {what}: {:#?}", report.findings);
    };
    use Gravity::{Damage, Mended};
    check(Damage, &archived[0].0, Some(512), "the checksum of a compressed frame is wrong");
    check(Damage, &plain[0].0, Some(first + 64), "the checksum of the batch's records is wrong");
    check(Damage, &plain[0].0, Some(second), "the checksum of the batch's header is wrong");
    check(Damage, &plain[2].0, None, "the file is missing");
    check(Mended, &plain[1].0.replace(".log", ".index"), None, "the checksum of the index is wrong");
    check(Mended, &plain[3].0.replace(".log", ".index"), None, "the index is missing");
    check(Damage, &format!("artifacts/{artifact}.wasm"), None, "damaged");
    check(Damage, "log/00000000000000000900.log", None, "the manifest does not list this segment");
    assert!(!report.is_sound());
    // What lies behind a damaged place is read: only two batches of one record each and the segments
    // that are lost as a whole are not.
    assert!(report.records > 150 && report.last == Sequence(300), "{}", report.records);
}

#[test]
fn a_segment_with_another_catalog_than_the_records_before_it_made_is_damage() {
    // Only the first segment's catalog was compared, with the manifest. Of a later one that an opening
    // refuses verification said nothing.
    let (simulator, _) = log_with(70, 0);
    let (path, mut bytes) = segments(&simulator).swap_remove(1);
    bytes[88] ^= 1;
    let checksum = crc32c::crc32c(&bytes[..508]);
    bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
    simulator.disk.plant(&path, bytes);
    assert!(matches!(open(&simulator.doors(), KEEP_ALL), Err(LogError::Damaged { offset: 88, .. })));
    let report = verify(&simulator);
    let found: Vec<_> =
        report.findings.iter().map(|finding| (finding.path.as_str(), finding.offset)).collect();
    assert_eq!(found, [(path.as_str(), 88)]);
}

#[test]
fn an_index_that_lies_is_found() {
    let (simulator, _) = log_with(100, 0);
    let path = "log/00000000000000000001.index";
    let mut bytes = simulator.disk.contents()[path].clone();
    let id: [u8; 16] = bytes[12..28].try_into().unwrap();
    // The last byte before the checksum is a part of the last block's names.
    let body = bytes.len() - 4;
    bytes[body - 1] ^= 1;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&id), &bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    simulator.disk.plant(path, bytes);
    let report = verify(&simulator);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(report.findings[0].path == path && !report.is_sound());
}

#[test]
fn every_flipped_bit_is_found() {
    let (simulator, _) = log_with(90, 45);
    assert!(verify(&simulator).findings.is_empty());
    for (path, whole) in simulator.disk.contents() {
        let used = match path.as_str() {
            "LOCK" => continue,
            newest if newest == segments(&simulator).last().unwrap().0 => {
                let (offset, length) = *batches(&whole).last().unwrap();
                offset + length
            }
            _ => whole.len(),
        };
        // All bits of the small files, and every seventh of the others.
        let step = if used > 4096 { 7 } else { 1 };
        for bit in (0..used * 8).step_by(step) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            simulator.disk.plant(&path, bytes);
            match interstice_log::verify(&simulator.disk, &mut |_| {}) {
                Ok(report) => {
                    assert!(!report.findings.is_empty(), "bit {bit} of {path} was not found");
                    let is_index = path.ends_with(".index");
                    assert!(is_index || !report.is_sound(), "bit {bit} of {path}: {:?}", report.findings);
                }
                Err(error) => panic!("bit {bit} of {path}: {error}"),
            }
        }
        simulator.disk.plant(&path, whole);
    }
}

#[test]
fn a_manifest_that_cannot_be_read_or_is_missing_is_a_finding() {
    let (simulator, _) = log_with(50, 0);
    let told = |what: &str| {
        let report = verify(&simulator);
        assert!(!report.is_sound() && report.findings.iter().all(|one| one.path == "MANIFEST"));
        assert!(report.findings[0].what.contains(what), "{:?}", report.findings);
        assert!(report.findings[1].what.contains("nothing else of the log was looked at"));
    };
    flip(&simulator, "MANIFEST", 60);
    told("expected the line");
    simulator.disk.take_away("MANIFEST");
    told("MANIFEST is missing, but ");
    let empty = Simulator::new(2);
    let none = interstice_log::verify(&empty.disk, &mut |_| {});
    assert!(matches!(none, Err(LogError::NoDatabase { .. })));
}

/// An upgrade of two modules names the component of the second in its own words only; it was neither looked for
/// here nor taken along by a restore.
#[test]
fn an_artifact_that_only_an_upgrade_names_is_looked_for() {
    let (simulator, first) = log_with(3, 0);
    let store = ArtifactStore::new(Arc::new(simulator.disk.clone()));
    let second = store.put(b"another component").unwrap();
    {
        let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
        let cast = Cast::define_of(&log, first);
        let change =
            format!(r#"{{"modules":[{{"to":{{"schema":{{}},"artifact" : "{second}"}},"tables":[]}}]}}"#);
        let installed = Installed { schema: change.as_bytes(), catalog: [2; 32] };
        let upgrade = RecordParts {
            sequence: Sequence(4),
            cause: Cause::Upgrade(installed),
            subject: cast.module,
            ..plain(&log, cast.transfer)
        };
        log.append(&upgrade).unwrap();
        log.close().unwrap();
    }
    let report = verify(&simulator);
    assert_eq!((report.findings.as_slice(), report.artifacts), ([].as_slice(), 2));
    let path = format!("artifacts/{second}.wasm");
    simulator.disk.remove(&path).unwrap();
    let report = verify(&simulator);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(report.findings[0].path.ends_with(&path), "{:?}", report.findings);
}
