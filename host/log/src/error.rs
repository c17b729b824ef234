//! What can go wrong with a log, said so that the operator knows the file, the place and the next
//! step. Codes for callers are the node's to give. Invariant: no variant hides that something
//! acknowledged may be missing.

use crate::doors::Disk;
use crate::sequence::Sequence;
use std::io;
use thiserror::Error;

/// An error that the code which replays the log returned.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The operating system refused.
    #[error("cannot {doing} {path}")]
    Disk {
        /// What was being done, such as `open`.
        doing: &'static str,
        /// The file or directory.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process works on the data directory.
    #[error("{path} is held by {holder}; stop that process, or work on another data directory")]
    Locked {
        /// The lock file.
        path: String,
        /// The text that the holder left: process number and command.
        holder: String,
    },
    /// A newer program wrote this.
    #[error(
        "{path} has format {found}, and this program reads formats up to {supported}; \
         open it with the version of interstice that wrote it, or a later one"
    )]
    NewerFormat {
        /// The file that says so.
        path: String,
        /// The format that it has.
        found: u32,
        /// The newest format known here.
        supported: u32,
    },
    /// The bytes are compressed or encrypted in a way unknown here.
    #[error("{path} uses codec {found}, which this program does not know; a later version may")]
    UnknownCodec {
        /// The segment.
        path: String,
        /// The codec's number.
        found: u32,
    },
    /// Bytes that were promised to be safe are not what was written.
    #[error(
        "{path} is damaged at byte {offset}: {what}; nothing was changed: copy the data directory \
         away before anything else, then restore a backup, or see what a repair would give up \
         (interstice log repair)"
    )]
    Damaged {
        /// The file.
        path: String,
        /// The place in it.
        offset: u64,
        /// What was found and what was expected.
        what: String,
    },
    /// The manifest lists a file that is not there.
    #[error(
        "{path} is missing; it holds the records from {first} on and is listed in the manifest; \
         bring the file back, restore a backup, or see what a repair would give up \
         (interstice log repair)"
    )]
    MissingSegment {
        /// The segment.
        path: String,
        /// Its first record.
        first: Sequence,
    },
    /// There are segments or artifacts, but no manifest.
    #[error(
        "{path} is missing, but {evidence} shows that this directory holds a database; \
         bring the file back, restore a backup, or see what a repair would give up \
         (interstice log repair)"
    )]
    MissingManifest {
        /// The manifest.
        path: String,
        /// What shows that there was one.
        evidence: String,
    },
    /// A segment holds records that the manifest knows nothing of.
    #[error(
        "{path} holds records up to {last}, but the manifest does not list it and the listed \
         segments end at {listed}; an old manifest may have been put back: bring back the newest, \
         or see what a repair would give up (interstice log repair)"
    )]
    UnlistedSegment {
        /// The segment.
        path: String,
        /// Its last record.
        last: Sequence,
        /// The last record of the listed segments.
        listed: Sequence,
    },
    /// The log no longer holds its first records, and reading was to begin with them.
    #[error(
        "the log begins with record {first}, and those before are not there any more ({path}); \
         it needs a snapshot that covers record {}, or restore a backup",
        first.previous()
    )]
    BeginningGivenUp {
        /// The manifest.
        path: String,
        /// The first record that is kept.
        first: Sequence,
    },
    /// The place from which reading was to go on is not in the log.
    #[error(
        "the log does not go on from the snapshot at record {sequence}: {what} ({path}, byte {offset}); \
         use another snapshot, or restore a backup"
    )]
    NotInLog {
        /// The file that shows it.
        path: String,
        /// The place in it.
        offset: u64,
        /// The last record that the snapshot covers.
        sequence: Sequence,
        /// What was found instead.
        what: &'static str,
    },
    /// There is no database here and none was to be made.
    #[error("{path} holds no database")]
    NoDatabase {
        /// The data directory.
        path: String,
    },
    /// The code that replays the log refused a record.
    #[error("cannot replay record {sequence}")]
    Replay {
        /// The record.
        sequence: Sequence,
        /// What it said.
        source: BoxError,
    },
    /// The disk failed while this record was on its way: it may or may not be found on opening.
    #[error("the disk failed before record {sequence} was safe; whether it is in the log shows on reopening")]
    OutcomeUnknown {
        /// The record.
        sequence: Sequence,
    },
    /// The disk failed earlier; nothing more is written until the database is opened again.
    #[error("the log is closed to writing since the disk failed ({reason}); open the database again")]
    Poisoned {
        /// What failed.
        reason: String,
    },
    /// The disk has no room for more.
    #[error("the disk that holds {path} is full; {mend}")]
    DiskFull {
        /// The data directory.
        path: String,
        /// What ends it.
        mend: String,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// A record is longer than the limit.
    #[error("a record of {size} bytes is longer than the limit of {limit}")]
    RecordTooLarge {
        /// Its length.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// A record was appended out of turn.
    #[error("record {given} was appended where {expected} was due")]
    OutOfTurn {
        /// The number that was due.
        expected: Sequence,
        /// The number given.
        given: Sequence,
    },
    /// Someone waits for a record that was never appended.
    #[error("record {given} was never appended; the last one is {last}")]
    NotAppended {
        /// The number asked for.
        given: Sequence,
        /// The last record.
        last: Sequence,
    },
    /// A number in a record was never defined, or as something else.
    #[error("definition {number} is not a known {kind}")]
    UnknownDefinition {
        /// The number.
        number: u32,
        /// What it should be.
        kind: &'static str,
    },
    /// A definition is longer than the limit.
    #[error("a definition of {size} bytes is longer than the limit of {limit}")]
    DefinitionTooLarge {
        /// Its length.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// All numbers for definitions are used up.
    #[error("the log has given out all its {limit} numbers for definitions")]
    TooManyDefinitions {
        /// How many there are.
        limit: u32,
    },
    /// An artifact is not there.
    #[error(
        "the artifact {path} is missing; put the component there whose SHA-256 is its name, or restore a backup"
    )]
    MissingArtifact {
        /// Its file.
        path: String,
    },
    /// An artifact's bytes do not have the digest in its name.
    #[error(
        "the artifact {path} is damaged: its bytes have the digest {found}; \
         put the component there whose SHA-256 is its name, or restore a backup"
    )]
    DamagedArtifact {
        /// Its file.
        path: String,
        /// The digest of what is there.
        found: String,
    },
    /// A snapshot is not what was written. The one before it and the log hold the same.
    #[error("the snapshot file {path} is damaged at byte {offset}: {what}")]
    DamagedSnapshot {
        /// The file.
        path: String,
        /// The place in it.
        offset: u64,
        /// What was found and what was expected.
        what: String,
    },
    /// A file with the rows of a snapshot is not there.
    #[error("{path} is missing; it holds the rows of {table} as of the snapshot at record {sequence}")]
    MissingSnapshotRows {
        /// The file.
        path: String,
        /// The table, with its package.
        table: String,
        /// The record up to which the snapshot goes.
        sequence: Sequence,
    },
    /// A snapshot belongs to another database.
    #[error(
        "{path} is a snapshot of another database; take it out of the data directory, or put the \
         database that it belongs to back"
    )]
    ForeignSnapshot {
        /// The head of the snapshot.
        path: String,
    },
    /// There is a snapshot of this version, and it is right.
    #[error("{path} is a snapshot up to record {sequence} already, and nothing has been written since")]
    SnapshotExists {
        /// The record.
        sequence: Sequence,
        /// The head of the snapshot.
        path: String,
    },
    /// A snapshot was begun of a version before that of the newest one.
    #[error("a snapshot up to record {given} was begun, but there is one up to record {newest}")]
    SnapshotOutOfTurn {
        /// The record up to which it was to go.
        given: Sequence,
        /// The record up to which the newest one goes.
        newest: Sequence,
    },
    /// Somebody writes, removes or copies snapshots, and only one may at a time.
    #[error("snapshots are being written, removed or copied; try again when that is done")]
    SnapshotBusy,
    /// Whoever asked for the work has cancelled it.
    #[error("the work on a snapshot was cancelled")]
    Cancelled,
    /// A part of a snapshot is longer than the limit.
    #[error("{what} of {size} bytes is longer than the limit of {limit}")]
    SnapshotTooLarge {
        /// Which part.
        what: &'static str,
        /// Its length.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A section or a table was given to a snapshot twice.
    #[error("{name} was given to the snapshot twice")]
    SnapshotTwice {
        /// Its name.
        name: String,
    },
    /// The rows of a table are not as many as its contents were said to have.
    #[error("{table} was said to have {given} rows, and {counted} were written to the snapshot")]
    SnapshotRowCount {
        /// The table, with its package.
        table: String,
        /// How many rows were handed over.
        counted: u64,
        /// How many there should be.
        given: u64,
    },
    /// A table was begun and not finished, so its snapshot is not published.
    #[error("{table} was not written to its end; the snapshot is given up")]
    SnapshotUnfinished {
        /// The table, with its package.
        table: String,
    },
    /// The code that takes the contents of a snapshot refused some.
    #[error("cannot load {part} from the snapshot {path}")]
    SnapshotLoad {
        /// The head of the snapshot.
        path: String,
        /// The section or the table.
        part: String,
        /// What it said.
        source: BoxError,
    },
    /// A backup or a restored database was to be put where something is already.
    #[error("{path} is not empty, {found} is there; name a folder that is empty or does not exist")]
    NotEmpty {
        /// The folder.
        path: String,
        /// What is in it.
        found: String,
    },
    /// A backup or a restored database that was cut short, or that a process is making at this moment.
    #[error(
        "{path} holds a copy of a database that is not finished; \
         make it again by the same `interstice backup` or `interstice restore`, which replaces what is there"
    )]
    UnfinishedCopy {
        /// The folder.
        path: String,
    },
    /// A copy of a database does not read as it should, and was given up.
    #[error(
        "the copy is damaged ({finding}), and was given up; if the original is damaged too \
         (interstice log verify), it must be mended first, or else the disk that holds the copy"
    )]
    UnsoundCopy {
        /// The first thing that is wrong with it.
        finding: String,
    },
    /// The database changed faster than it could be copied.
    #[error(
        "{path} gave up files faster than they could be copied, {rounds} times in a row; \
         keep the log for longer, or copy to a faster disk"
    )]
    BackupOutrun {
        /// The data directory.
        path: String,
        /// How often the copying was begun.
        rounds: u32,
    },
    /// A state was to be restored of a record that there is not.
    #[error("there is no record {given} in {path}: the last one is {last}")]
    NoSuchRecord {
        /// The record.
        given: Sequence,
        /// The last record.
        last: Sequence,
        /// The backup.
        path: String,
    },
    /// A state was to be restored that is older than anything in the log.
    #[error("nothing in {path} is as old as that: its first record is {first}")]
    NothingSoOld {
        /// The first record.
        first: Sequence,
        /// The backup.
        path: String,
    },
    /// The log no longer holds its first records, and no snapshot replaces them at the wanted point.
    #[error(
        "the state after record {until} cannot be restored: the log in {path} begins with record {first}, and \
         no whole snapshot from which it goes on is as old as that; restore a later point, or another backup"
    )]
    NoSnapshotBefore {
        /// The last record that was to be restored.
        until: Sequence,
        /// The first record of the log.
        first: Sequence,
        /// The backup.
        path: String,
    },
    /// The options contradict each other or a limit.
    #[error("segments of {given} bytes are outside the limits of {least} to {most}")]
    SegmentSize {
        /// What was asked for.
        given: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
}

impl LogError {
    /// Whether a file is not what it should be, rather than the disk not doing what it should.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::MissingSegment { .. }
            | Self::NewerFormat { .. }
            | Self::UnknownCodec { .. } => true,
            Self::Disk { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Whether it is about what is in the files of a log, or about reading them.
    pub(crate) fn is_of_the_files(&self) -> bool {
        self.is_damage() || matches!(self, Self::UnlistedSegment { .. } | Self::Disk { .. })
    }

    /// Whether a snapshot is known to be damaged, as opposed to unreadable now or by this program.
    pub(crate) fn is_snapshot_damage(&self) -> bool {
        matches!(self, Self::DamagedSnapshot { .. } | Self::MissingSnapshotRows { .. })
    }

    /// Whether a snapshot is of no use to this log, however often it is looked at: it is damaged, or belongs
    /// to a part of the history that was given up.
    pub(crate) fn is_useless_snapshot(&self) -> bool {
        self.is_snapshot_damage() || matches!(self, Self::NotInLog { .. })
    }

    /// Whether the operating system said that the disk is full, or the share of it that is ours.
    pub(crate) fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Disk { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }

    /// An error that came while the data directory was being opened: if the disk was full, says how
    /// much room ends that.
    pub(crate) fn on_full_disk(self, disk: &dyn Disk, needed_bytes: u64) -> Self {
        if !self.is_disk_full() {
            return self;
        }
        let mend = format!("make room for {needed_bytes} bytes, then open the database again");
        Self::DiskFull { path: disk.locate(""), mend }
    }

    /// The message with all its causes, for where only a text is kept.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_quota_is_a_full_disk() {
        // It poisoned the log, where a full disk only makes it wait.
        for (code, full) in [(28, true), (122, true), (5, false)] {
            let source = io::Error::from_raw_os_error(code);
            let error = LogError::Disk { doing: "write", path: String::new(), source };
            assert_eq!(error.is_disk_full(), full, "{error:?}");
        }
    }

    #[test]
    fn each_cause_of_an_error_is_said_once() {
        // The message held its source as well, so whoever printed the causes said each twice.
        let source = io::Error::other("no such device");
        let error = LogError::Disk { doing: "open", path: "log/1".to_owned(), source };
        assert_eq!(error.to_string(), "cannot open log/1");
        assert_eq!(error.with_causes(), "cannot open log/1: no such device");
        let error = LogError::Replay { sequence: Sequence(2), source: "no such table".into() };
        assert_eq!(error.with_causes(), "cannot replay record 2: no such table");
    }
}
