//! The places in the log to which snapshots are tied. Invariant: nothing is said of a snapshot by a log that could
//! not be read.

use crate::anchor::Anchor;
use crate::batch::Link;
use crate::scan::Chain;
use crate::sequence::Sequence;
use std::collections::BTreeMap;

/// What stands between the batches where snapshots should be tied.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The links behind these records, that of their batch and of marks after it, and the catalog there.
    passed: BTreeMap<Sequence, Vec<(Link, [u8; 32])>>,
    /// Up to where nothing is wrong with the log.
    read_until: Option<Sequence>,
}

impl Places {
    /// Looks for the places behind these records.
    pub(super) fn look_for(&mut self, sequences: &[Sequence]) {
        self.passed.extend(sequences.iter().map(|sequence| (*sequence, Vec::new())));
    }

    /// A place between two batches.
    pub(super) fn pass(&mut self, chain: &Chain) {
        if let Some(passed) = self.passed.get_mut(&chain.next.previous()) {
            passed.push((chain.link, chain.catalog));
        }
    }

    /// Nothing was found wrong with the log, which ends with this record.
    pub(super) fn were_read_until(&mut self, last: Sequence) {
        self.read_until = Some(last);
    }

    /// Why the log does not go on from this place, if it was read there.
    pub(super) fn objection(&self, anchor: &Anchor) -> Option<&'static str> {
        self.read_until.filter(|last| anchor.sequence <= *last)?;
        let passed = self.passed.get(&anchor.sequence)?;
        let mut at = passed.iter().filter(|(link, _)| anchor.is_at(anchor.sequence.next(), link)).peekable();
        if passed.is_empty() {
            return Some("no batch ends with this record");
        }
        if at.peek().is_none() {
            return Some("the batch that ends with this record has another link");
        }
        let is_same = at.all(|(_, catalog)| *catalog == anchor.catalog);
        (!is_same).then_some("the catalog there is another one")
    }
}
