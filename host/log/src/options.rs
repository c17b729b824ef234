//! How a log is opened: how long its segments are, and how long they are kept.
//! Invariant: no segment is made whose length is not within the limits, in whole sectors.

use crate::error::LogError;
use crate::limits::{MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES, SEGMENT_BYTES};
use crate::maintenance::Retention;

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The length of new segments in bytes.
    pub segment_bytes: u64,
    /// How long segments are kept that a snapshot covers, and snapshots for them.
    pub retention: Retention,
}

impl LogOptions {
    /// What holds unless something else is said.
    pub const DEFAULT: Self = Self { segment_bytes: SEGMENT_BYTES, retention: Retention::DEFAULT };
}

impl Default for LogOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The length of new segments in whole sectors, if it is within the limits.
pub(crate) fn whole_segment(segment_bytes: u64) -> Result<u64, LogError> {
    let given = crate::batch::whole_sectors(segment_bytes);
    if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&given) {
        let (least, most) = (MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        return Err(LogError::SegmentSize { given, least, most });
    }
    Ok(given)
}
