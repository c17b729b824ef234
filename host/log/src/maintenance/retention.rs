//! How long archived segments are kept, and giving up those that need not be. Invariant: a segment is
//! given up only if a snapshot covers more than all of it, and the manifest says where the log begins
//! before any file is removed.

use crate::doors::Disk;
use crate::error::LogError;
use crate::index::index_path;
use crate::manifest::{Begin, ClosedSegment, Manifest};
use crate::publish::remove_if_there;
use crate::read_log::{check_start, open_segment};
use crate::segment::segment_path;
use crate::sequence::Sequence;

const DAY_MICROS: u64 = 86_400_000_000;

/// How long segments are kept that a snapshot covers. Those that none covers are always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// For ever.
    KeepAll,
    /// Until so many days after their last record.
    KeepDays(u32),
    /// Not at all.
    KeepNone,
}

impl Retention {
    /// What holds unless something else is said.
    pub const DEFAULT: Self = Self::KeepDays(crate::limits::KEEP_DAYS);

    pub(super) fn depends_on_time(self) -> bool {
        matches!(self, Self::KeepDays(_))
    }

    /// How many segments may go, from the first on.
    pub(super) fn count_to_give_up(self, manifest: &Manifest, covered: Sequence, now_micros: u64) -> usize {
        let may_go = |segment: &&ClosedSegment| {
            // The batch that ends with the covered record stays, so that its link can be compared.
            segment.last < covered
                && match (self, &segment.archived) {
                    (Self::KeepAll, _) | (Self::KeepDays(_), None) => false,
                    (Self::KeepDays(days), Some(archived)) => {
                        let kept_micros = u64::from(days).saturating_mul(DAY_MICROS);
                        archived.latest_micros.saturating_add(kept_micros) < now_micros
                    }
                    (Self::KeepNone, _) => true,
                }
        };
        manifest.closed.iter().take_while(may_go).count()
    }
}

/// Where the log begins when so many segments are given up.
pub(super) fn new_beginning(disk: &dyn Disk, manifest: &Manifest, count: usize) -> Result<Begin, LogError> {
    let before = manifest.before(count);
    let (path, first, id) = match manifest.closed.get(count) {
        Some(segment) => (segment.path(), segment.first, segment.id),
        None => (segment_path(manifest.newest.first), manifest.newest.first, manifest.newest.id),
    };
    let (window, header) = open_segment(disk, manifest, &path, first, &id)?;
    check_start(&window, &header, before, 0)?;
    Ok(Begin { first, link: before.link, catalog: header.catalog })
}

/// Removes the files of segments that the manifest lists no more.
pub(super) fn remove(disk: &dyn Disk, segments: &[ClosedSegment]) -> Result<(), LogError> {
    for segment in segments {
        remove_if_there(disk, &index_path(segment.first, segment.archived.is_some()))?;
        remove_if_there(disk, &segment.path())?;
    }
    Ok(())
}
