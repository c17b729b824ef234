//! Where reading begins that does not begin with the first record: after an anchor, as a snapshot names
//! it. Invariant: records after it are handed on only if the log's own chain passes through it.

use crate::anchor::Anchor;
use crate::doors::Disk;
use crate::error::LogError;
use crate::manifest::{MANIFEST_PATH, Manifest, PastTimeline};
use crate::scan::Chain;
use crate::segment::Id;
use crate::sequence::Sequence;

/// A place in the log after which reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartingPoint {
    /// The history in which the place was noted.
    pub timeline: Id,
    /// The place.
    pub anchor: Anchor,
}

/// The history that a log tells: its timeline, and up to where it shares those before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) timeline: Id,
    pub(crate) past: Vec<PastTimeline>,
}

impl History {
    /// Says why a record of this timeline is not part of the history, if it is not.
    pub(crate) fn objection(&self, timeline: &Id, sequence: Sequence) -> Option<&'static str> {
        if self.timeline == *timeline {
            return None;
        }
        match self.past.iter().find(|past| past.timeline == *timeline) {
            Some(past) if sequence <= past.until => None,
            Some(_) => Some("it belongs to a part of an earlier timeline that was given up"),
            None => Some("it belongs to another timeline"),
        }
    }
}

impl StartingPoint {
    /// Refuses a place before the log, or in a part of it that was given up.
    pub(crate) fn check(&self, disk: &dyn Disk, manifest: &Manifest) -> Result<(), LogError> {
        let sequence = self.anchor.sequence;
        let refused =
            |what| Err(LogError::NotInLog { path: disk.locate(MANIFEST_PATH), offset: 0, sequence, what });
        if sequence.next() < manifest.first() {
            return refused("the records that follow it were given up");
        }
        manifest.history().objection(&self.timeline, sequence).map_or(Ok(()), refused)
    }
}

/// Lets records pass once reading has come through an anchor.
#[derive(Clone)]
pub(crate) struct Gate<'a> {
    anchor: Option<&'a Anchor>,
    is_open: bool,
}

impl<'a> Gate<'a> {
    pub(crate) fn new(anchor: Option<&'a Anchor>) -> Self {
        Self { anchor, is_open: anchor.is_none() }
    }

    /// Reading begins anew, as if nothing had been read.
    pub(crate) fn close(&mut self) {
        self.is_open = self.anchor.is_none();
    }

    /// Whether the place was passed.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether a record with this number is handed on.
    pub(crate) fn passes(&self, sequence: Sequence) -> bool {
        self.anchor.is_none_or(|anchor| sequence > anchor.sequence)
    }

    /// Looks at a place between two batches.
    pub(crate) fn boundary(&mut self, chain: &Chain, path: &str, offset: u64) -> Result<(), LogError> {
        let Some(anchor) = self.anchor.filter(|_| !self.is_open) else { return Ok(()) };
        if !anchor.is_at(chain.next, &chain.link) {
            return Ok(());
        }
        if chain.catalog != anchor.catalog {
            return Err(self.mismatch(path, offset, "the catalog there is another one"));
        }
        self.is_open = true;
        Ok(())
    }

    /// Looks at a batch with these records before they are read.
    pub(crate) fn batch(&self, first: Sequence, count: u32, path: &str, offset: u64) -> Result<(), LogError> {
        let Some(anchor) = self.anchor.filter(|_| !self.is_open && count > 0) else { return Ok(()) };
        if first > anchor.sequence {
            return Err(self.mismatch(path, offset, "the batch that ends with this record has another link"));
        }
        if first.0.saturating_add(count.into()) > anchor.sequence.0.saturating_add(1) {
            return Err(self.mismatch(path, offset, "no batch ends with this record"));
        }
        Ok(())
    }

    /// Says what is wrong if the log has ended.
    pub(crate) fn end(&self, path: &str, offset: u64) -> Result<(), LogError> {
        if self.is_open {
            return Ok(());
        }
        Err(self.mismatch(path, offset, "the log ends without having come to this record"))
    }

    fn mismatch(&self, path: &str, offset: u64, what: &'static str) -> LogError {
        let sequence = self.anchor.map_or(Sequence::ZERO, |anchor| anchor.sequence);
        LogError::NotInLog { path: path.to_owned(), offset, sequence, what }
    }
}
