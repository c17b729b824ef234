//! The codes of what the log says.

use interstice_log::LogError;

/// The stable code of an error of the log.
pub(super) fn log_code(error: &LogError) -> &'static str {
    match error {
        LogError::Locked { .. } => "ours.locked",
        LogError::NoDatabase { .. } => "caller.no-database",
        LogError::SegmentSize { .. } => "caller.segment-size",
        LogError::NotEmpty { .. } => "caller.not-empty",
        LogError::UnfinishedCopy { .. } => "caller.unfinished-copy",
        LogError::NoSuchRecord { .. } | LogError::NothingSoOld { .. } | LogError::NoSnapshotBefore { .. } => {
            "caller.no-such-point"
        }
        LogError::NewerFormat { .. } | LogError::UnknownCodec { .. } => "version.newer-format",
        LogError::Replay { .. } => "version.replay",
        LogError::OutcomeUnknown { .. } => "outcome-unknown.disk-failed",
        LogError::Poisoned { .. } => "ours.poisoned",
        LogError::DiskFull { .. } => "ours.disk-full",
        LogError::Disk { .. } => "ours.disk",
        LogError::Damaged { .. }
        | LogError::DamagedArtifact { .. }
        | LogError::DamagedSnapshot { .. }
        | LogError::ForeignSnapshot { .. }
        | LogError::UnsoundCopy { .. } => "ours.damaged",
        LogError::SnapshotLoad { .. } => "version.replay",
        LogError::SnapshotBusy => "ours.busy",
        LogError::MissingSegment { .. }
        | LogError::MissingSnapshotRows { .. }
        | LogError::BeginningGivenUp { .. }
        | LogError::NotInLog { .. }
        | LogError::MissingManifest { .. }
        | LogError::UnlistedSegment { .. }
        | LogError::MissingArtifact { .. } => "ours.missing",
        LogError::Closed | LogError::Cancelled => "ours.closed",
        _ => "ours.log",
    }
}
