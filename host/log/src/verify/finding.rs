//! What a verification found, as a list. Invariant: each finding names a file, a place in it, what is
//! wrong there, and whether the database opens all the same.

use crate::doors::Disk;
use crate::error::LogError;
use crate::limits::MAX_FINDINGS;
use crate::sequence::Sequence;
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gravity {
    /// Nothing is lost: opening the database to write mends it, or the background work does.
    Mended,
    /// Something that was promised is not there, or not as it was written.
    Damage,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub gravity: Gravity,
    /// The file.
    pub path: String,
    /// The place in it.
    pub offset: u64,
    /// What was found and what was expected.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, byte {}: {}", self.path, self.offset, self.what)
    }
}

/// What a verification came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Everything that is not as it should be, in the order of the log.
    pub findings: Vec<Finding>,
    /// There are more findings than are listed.
    pub has_more: bool,
    /// The first record that the log should hold.
    pub first: Sequence,
    /// The last record that was read.
    pub last: Sequence,
    /// How many records were read.
    pub records: u64,
    /// How many segments there should be.
    pub segments: usize,
    /// How many indexes were compared with their segments.
    pub indexes: usize,
    /// How many artifacts the records name.
    pub artifacts: usize,
}

impl VerifyReport {
    /// Whether nothing that was promised is lost.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.gravity == Gravity::Mended) && !self.has_more
    }

    pub(super) fn add(
        &mut self,
        disk: &dyn Disk,
        path: &str,
        offset: u64,
        gravity: Gravity,
        what: impl Into<String>,
    ) {
        self.push(Finding { gravity, path: disk.locate(path), offset, what: what.into() });
    }

    /// Notes an error of a reading; `path` is what was read, should the error not say it.
    pub(super) fn error(&mut self, disk: &dyn Disk, path: &str, gravity: Gravity, error: &LogError) {
        let finding = match error {
            LogError::Damaged { path, offset, what } => {
                Finding { gravity, path: path.clone(), offset: *offset, what: what.clone() }
            }
            error => Finding { gravity, path: disk.locate(path), offset: 0, what: error.with_causes() },
        };
        self.push(finding);
    }

    fn push(&mut self, finding: Finding) {
        // A place that is read again, for what lies behind it, is found once.
        if self.findings.last() == Some(&finding) {
            return;
        }
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.has_more = true;
        }
    }
}
