//! Looking at everything that a data directory holds of a log, and saying all that is wrong at once:
//! structure, checksums, links, numbers, manifest and files, indexes, artifacts, and the snapshots where there is no
//! beginning without one. Invariant: not a byte is changed, and what reads without a finding of damage is what was
//! written.

mod finding;
mod leftovers;
mod places;
mod segment;
mod snapshots;

pub use finding::{Finding, Gravity, VerifyReport};

use crate::artifacts::read_artifact;
use crate::backup::listed_snapshots;
use crate::definitions::Definitions;
use crate::doors::{Disk, LockKind};
use crate::error::LogError;
use crate::lock::DirectoryLock;
use crate::manifest::{MANIFEST_PATH, Manifest};
use crate::read_log::{Progress, total_bytes};
use crate::segment::segment_path;
use crate::snapshot::{lost_before, snapshot_beyond};
use places::Places;
use segment::SegmentCheck;

/// Looks at a data directory that no process holds to write. Fails only where nothing can be looked at;
/// whatever is wrong with the log is in the report.
pub fn verify(disk: &dyn Disk, progress: &mut dyn FnMut(Progress)) -> Result<VerifyReport, LogError> {
    let _lock = DirectoryLock::take(disk, LockKind::Shared)?;
    let manifest = match Manifest::read(disk) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => match crate::create::check_no_database(disk) {
            Ok(()) => return Err(LogError::NoDatabase { path: disk.locate("") }),
            Err(error @ LogError::MissingManifest { .. }) => return Ok(without_manifest(disk, &error)),
            Err(error) => return Err(error),
        },
        Err(error @ LogError::Damaged { .. }) => return Ok(without_manifest(disk, &error)),
        Err(error) => return Err(error),
    };
    let mut places = Places::default();
    if manifest.begin.is_some() {
        places.look_for(&listed_snapshots(disk)?);
    }
    let mut report = verify_segments(disk, &manifest, &mut places, progress)?;
    snapshots::check(disk, &manifest, &places, &mut report)?;
    let last = report.last.max(manifest.first().previous());
    if let Some(snapshot) = snapshot_beyond(disk, &manifest, last)? {
        let (path, what) = (segment_path(manifest.newest.first), lost_before(&snapshot, last));
        report.add(disk, &path, 0, Gravity::Damage, what);
    }
    Ok(report)
}

/// Without the manifest nothing says what the files should be.
fn without_manifest(disk: &dyn Disk, error: &LogError) -> VerifyReport {
    let mut report = VerifyReport::default();
    report.error(disk, MANIFEST_PATH, Gravity::Damage, error);
    let what = "nothing else of the log was looked at, as nothing says which segments there should be; \
                what a repair finds is told by `interstice log repair`";
    report.add(disk, MANIFEST_PATH, 0, Gravity::Damage, what);
    report
}

/// The same by a manifest that is at hand, and may not be published yet.
pub(crate) fn verify_listed(
    disk: &dyn Disk,
    manifest: &Manifest,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, LogError> {
    verify_segments(disk, manifest, &mut Places::default(), progress)
}

fn verify_segments(
    disk: &dyn Disk,
    manifest: &Manifest,
    places: &mut Places,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, LogError> {
    let mut report = VerifyReport::default();
    check_manifest(disk, manifest, &mut report);
    let mut definitions = Definitions::default();
    let mut done = Progress { bytes_done: 0, bytes_total: total_bytes(disk, manifest, 0)? };
    report.first = manifest.first();
    report.segments = manifest.closed.len() + 1;
    let mut catalog = None;
    for at in 0..=manifest.closed.len() {
        let mut check = SegmentCheck::new(disk, manifest, at, &mut definitions, &mut report, places, catalog);
        let bytes;
        (bytes, catalog) = check.run(&mut |more| {
            progress(Progress { bytes_done: (done.bytes_done + more).min(done.bytes_total), ..done });
        });
        done.bytes_done = (done.bytes_done + bytes).min(done.bytes_total);
    }
    if report.is_sound() {
        places.were_read_until(report.last.max(manifest.first().previous()));
    }
    leftovers::check(disk, manifest, &mut report)?;
    check_artifacts(disk, &definitions, &mut report);
    progress(Progress { bytes_done: done.bytes_total, ..done });
    Ok(report)
}

/// The lines of the manifest must fit each other.
fn check_manifest(disk: &dyn Disk, manifest: &Manifest, report: &mut VerifyReport) {
    let firsts = manifest.closed.iter().map(|segment| segment.first).chain([manifest.newest.first]);
    for (at, first) in firsts.enumerate() {
        let expected = manifest.before(at).next;
        if first != expected {
            let what = format!("a segment is listed from record {first} on, expected {expected}");
            report.add(disk, MANIFEST_PATH, 0, Gravity::Damage, what);
        }
    }
}

/// The artifacts that records name must be there, with the bytes that their digests name.
fn check_artifacts(disk: &dyn Disk, definitions: &Definitions, report: &mut VerifyReport) {
    let named = definitions.artifacts();
    report.artifacts = named.len();
    for digest in named {
        if let Err(error) = read_artifact(disk, digest) {
            report.error(disk, &crate::artifacts::path_of(digest), Gravity::Damage, &error);
        }
    }
}
