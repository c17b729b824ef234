//! A place in the history of a log to which a snapshot is tied. It holds no more than a reader of the
//! log finds out by itself at that place. Invariant: all its values belong to the same batch.

use crate::batch::mark_link;
use crate::sequence::Sequence;

/// Where a log stood after one of its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The last record up to there.
    pub sequence: Sequence,
    /// The link of the batch: of the one that ends with that record, or of the mark behind it.
    pub link: [u8; 32],
    /// The hash of the catalog after that record; zeros before the first install.
    pub catalog: [u8; 32],
    /// The latest time of any record up to there, in microseconds since 1970-01-01 UTC; zero if there
    /// is none.
    pub latest_micros: u64,
}

impl Anchor {
    /// Whether a place between two batches is this one, or lies behind the mark after it: a log that begins there
    /// goes on from the same records.
    pub(crate) fn is_at(&self, next: Sequence, link: &[u8; 32]) -> bool {
        next.previous() == self.sequence && (*link == self.link || *link == mark_link(self.link, next))
    }
}
