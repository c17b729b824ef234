//! Ending a copy: all of it is read back, and then it gets its manifest. Invariant: the manifest of a copy is
//! published only if every check of a verification has found the copy right.

use super::copier::Copier;
use super::snapshots::Snapshots;
use crate::artifacts::path_of;
use crate::definitions::Digest;
use crate::error::LogError;
use crate::manifest::Manifest;
use crate::publish::{publish, read_whole};
use crate::segment::segment_path;
use crate::snapshot::Snapshot;
use crate::verify::{Gravity, verify_listed};
use std::collections::BTreeSet;

/// The file that says how long the log is kept. Whoever opens a database writes it; a copy has it before it has
/// its manifest, so that it never gives up what the original was told to keep.
pub const KEEP_LOG_PATH: &str = "KEEP-LOG";
pub(super) const KEEP_LOG_TEMPORARY_PATH: &str = "KEEP-LOG.tmp";

/// The longest text of that file: far longer than any number of days.
const MAX_KEEP_LOG_BYTES: u64 = 64;

/// Reads everything back, removes what the copy does not need, and publishes its manifest.
pub(super) fn seal(
    copier: &mut Copier<'_>,
    manifest: &Manifest,
    snapshots: &Snapshots,
    artifacts: &[Digest],
) -> Result<(), LogError> {
    let closed = manifest.closed.iter().map(|segment| segment.path());
    let mut needed: BTreeSet<String> = closed.chain([segment_path(manifest.newest.first)]).collect();
    needed.extend(snapshots.usable.iter().flat_map(Snapshot::files));
    needed.extend(artifacts.iter().map(|digest| path_of(*digest)));
    copier.keep_only(&needed)?;
    let to = copier.to;
    let report = verify_listed(to, manifest, &mut |progress| copier.show_reading(progress))?;
    if !report.is_sound() {
        let damage = report.findings.iter().find(|finding| finding.gravity == Gravity::Damage);
        let finding =
            damage.map_or_else(|| "with more findings than are kept".to_owned(), ToString::to_string);
        return Err(LogError::UnsoundCopy { finding });
    }
    if let Some(text) = read_whole(copier.from, KEEP_LOG_PATH, MAX_KEEP_LOG_BYTES)? {
        publish(to, KEEP_LOG_TEMPORARY_PATH, KEEP_LOG_PATH, &text)?;
    }
    manifest.publish(to)
}
