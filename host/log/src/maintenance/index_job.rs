//! Making sure that one closed segment has its index. Invariant: an index is published only after a
//! reading of the whole segment that found it as the manifest lists it.

use super::MaintenanceReport;
use crate::doors::Disk;
use crate::error::LogError;
use crate::index::{FoundIndex, Index, SegmentPass};
use crate::limits::MAINTENANCE_STEP_BYTES;
use crate::manifest::Manifest;
use crate::sequence::Sequence;

/// What came of a segment's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Present,
    Made,
    MadeAnew,
}

impl Outcome {
    pub(super) fn count(self, report: &mut MaintenanceReport) {
        match self {
            Self::Present => {}
            Self::Made => report.indexed += 1,
            Self::MadeAnew => report.reindexed += 1,
        }
    }
}

pub(super) struct IndexJob {
    first: Sequence,
    pass: Option<SegmentPass>,
    outcome: Outcome,
}

impl IndexJob {
    pub(super) fn new(first: Sequence) -> Self {
        Self { first, pass: None, outcome: Outcome::Present }
    }

    /// The first record of the segment.
    pub(super) fn first(&self) -> Sequence {
        self.first
    }

    /// Goes on a little. Returns what came of it once it is done.
    pub(super) fn step(&mut self, disk: &dyn Disk, manifest: &Manifest) -> Result<Option<Outcome>, LogError> {
        let Some(at) = manifest.closed.iter().position(|segment| segment.first == self.first) else {
            return Ok(Some(Outcome::Present));
        };
        let segment = &manifest.closed[at];
        let Some(pass) = &mut self.pass else {
            self.outcome = match Index::read(disk, segment)? {
                FoundIndex::Fits(_) => return Ok(Some(Outcome::Present)),
                FoundIndex::Missing => Outcome::Made,
                FoundIndex::Unfit(..) => Outcome::MadeAnew,
            };
            self.pass = Some(SegmentPass::begin(disk, manifest, at, &segment.path())?);
            return Ok(None);
        };
        if !pass.step(MAINTENANCE_STEP_BYTES)? {
            return Ok(None);
        }
        if let Some(pass) = self.pass.take() {
            pass.finish().0.publish(disk, segment.archived.is_some())?;
        }
        Ok(Some(self.outcome))
    }
}
