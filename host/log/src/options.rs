//! How a log is opened: how long its segments are, and how long they are kept.
//! Invariant: no segment is made whose length is not within the limits, in whole sectors.

use crate::error::LogError;
use crate::limits::{
    CLOCK_JUMP_MICROS, MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES, SEGMENT_BYTES, SEGMENTS_OF_A_LENGTH,
};
use crate::maintenance::Retention;

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The length of new segments in bytes.
    pub segment_bytes: u64,
    /// How long segments are kept that a snapshot covers, and snapshots for them.
    pub retention: Retention,
    /// How far the clock may be beyond the last record, in microseconds. While it is further nothing is given up
    /// for its age. A node says what it takes transactions with itself.
    pub clock_jump_micros: u64,
}

impl LogOptions {
    /// What holds unless something else is said.
    pub const DEFAULT: Self = Self {
        segment_bytes: SEGMENT_BYTES,
        retention: Retention::DEFAULT,
        clock_jump_micros: CLOCK_JUMP_MICROS,
    };

    /// How long segments are kept as long as the clock says this. A clock that is further beyond the last record
    /// than it may jump is wrong, and what is given up by it does not come back when it is right again: nothing
    /// is, then.
    pub(crate) fn retention_at(&self, now_micros: u64, latest_micros: u64) -> Retention {
        let is_wrong = now_micros.saturating_sub(latest_micros) > self.clock_jump_micros;
        if self.retention.depends_on_time() && is_wrong { Retention::KeepAll } else { self.retention }
    }
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

/// The length of the next segment, where there are so many closed ones.
pub(crate) fn next_segment_bytes(segment_bytes: u64, closed: usize) -> u64 {
    let doublings = (closed / SEGMENTS_OF_A_LENGTH).min(MAX_SEGMENT_BYTES.ilog2() as usize);
    (segment_bytes << doublings).min(MAX_SEGMENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_MANIFEST_BYTES;

    #[test]
    fn segments_grow_before_the_manifest_does() {
        assert_eq!(next_segment_bytes(SEGMENT_BYTES, 0), SEGMENT_BYTES);
        assert_eq!(next_segment_bytes(SEGMENT_BYTES, SEGMENTS_OF_A_LENGTH - 1), SEGMENT_BYTES);
        assert_eq!(next_segment_bytes(SEGMENT_BYTES, SEGMENTS_OF_A_LENGTH), 2 * SEGMENT_BYTES);
        assert_eq!(next_segment_bytes(SEGMENT_BYTES, usize::MAX), MAX_SEGMENT_BYTES);
        // The shortest are as long as the longest after a quarter of a manifest, of lines of 200 bytes.
        let lines = MAX_MANIFEST_BYTES as usize / 200;
        assert_eq!(next_segment_bytes(MIN_SEGMENT_BYTES, lines / 4), MAX_SEGMENT_BYTES);
    }
}
