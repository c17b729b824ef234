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
    /// As long as the state of any moment of so many days can be asked for.
    KeepDays(u32),
    /// Not at all.
    KeepNone,
}

/// What the snapshots that are kept make unnecessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The last record of the older of the two newest: up to it the log is needed for old states only.
    pub until: Sequence,
    /// The last record of the oldest: before it no state can be asked for, once it is old enough itself.
    pub oldest: Sequence,
    /// The latest time of any record up to that one, in microseconds since the Unix epoch.
    pub oldest_micros: u64,
}

impl Covered {
    /// By snapshots that are too young for anything to be given up that is kept for some days; the older one
    /// is that of this record.
    #[must_use]
    pub const fn young(until: Sequence) -> Self {
        Self { until, oldest: until, oldest_micros: u64::MAX }
    }
}

impl Retention {
    /// What holds unless something else is said.
    pub const DEFAULT: Self = Self::KeepDays(crate::limits::KEEP_DAYS);

    pub(crate) fn depends_on_time(self) -> bool {
        matches!(self, Self::KeepDays(_))
    }

    /// From which moment on states can be asked for, in microseconds since the Unix epoch, if not from the
    /// first on.
    pub(crate) fn horizon_micros(self, now_micros: u64) -> Option<u64> {
        match self {
            Self::KeepAll => None,
            Self::KeepDays(days) => {
                Some(now_micros.saturating_sub(u64::from(days).saturating_mul(DAY_MICROS)))
            }
            Self::KeepNone => Some(u64::MAX),
        }
    }

    /// How many segments may go, from the first on.
    pub(super) fn count_to_give_up(self, manifest: &Manifest, covered: &Covered, now_micros: u64) -> usize {
        let horizon = self.horizon_micros(now_micros);
        if horizon.is_none_or(|horizon| covered.oldest_micros > horizon) {
            return 0;
        }
        // The batch that ends with the covered record stays, so that its link can be compared.
        let goes = |segment: &&ClosedSegment| segment.last < covered.oldest.min(covered.until);
        manifest.closed.iter().take_while(goes).count()
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
