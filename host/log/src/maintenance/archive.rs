//! Compressing one closed segment into the archive: written under a temporary name, synced, read back
//! with every check of a replay, renamed, listed, and only then is the plain one removed.
//! Invariant: at each moment the file that the manifest lists is whole and safe.

use crate::doing::Doing;
use crate::doors::Disk;
use crate::error::LogError;
use crate::frames::FrameWriter;
use crate::index::{SegmentPass, index_path};
use crate::limits::MAINTENANCE_STEP_BYTES;
use crate::manifest::{Archived, ClosedSegment, Manifest};
use crate::publish::{remove_if_there, rename};
use crate::read_log::{check_start, open_segment};
use crate::segment::{ARCHIVE_DIRECTORY, ARCHIVE_TEMPORARY_PATH, SegmentHeader, archive_path, segment_path};
use crate::sequence::Sequence;
use crate::shared::Shared;
use crate::window::Window;

pub(super) struct ArchiveJob {
    segment: ClosedSegment,
    header: SegmentHeader,
    stage: Stage,
}

enum Stage {
    Compress {
        window: Box<Window>,
        writer: Box<FrameWriter>,
    },
    /// The compressed file is synced; it is read back.
    Check {
        pass: Box<SegmentPass>,
        stored_bytes: u64,
    },
    Done,
}

impl ArchiveJob {
    /// Begins with the closed segment that has this first record.
    pub(super) fn begin(disk: &dyn Disk, manifest: &Manifest, first: Sequence) -> Result<Self, LogError> {
        let at = manifest.closed.iter().position(|segment| segment.first == first);
        let at = at.expect("the segment was just found in the same manifest");
        let segment = manifest.closed[at].clone();
        disk.create_directory(ARCHIVE_DIRECTORY).doing("create", || disk.locate(ARCHIVE_DIRECTORY))?;
        disk.sync_directory("").doing("sync", || disk.locate(""))?;
        let (mut window, header) = open_segment(disk, manifest, &segment.path(), first, &segment.id)?;
        check_start(&window, &header, manifest.before(at), 0)?;
        if window.end < segment.length {
            let what = format!("the segment has {} bytes, expected {}", window.end, segment.length);
            return Err(window.damaged(window.end, what));
        }
        window.end = segment.length;
        let writer = FrameWriter::create(disk, ARCHIVE_TEMPORARY_PATH, header, segment.length)?;
        let stage = Stage::Compress { window: Box::new(window), writer: Box::new(writer) };
        Ok(Self { segment, header, stage })
    }

    /// The first record of the segment.
    pub(super) fn first(&self) -> Sequence {
        self.segment.first
    }

    /// Goes on a little. Returns whether it is done.
    pub(super) fn step(&mut self, disk: &dyn Disk, shared: &Shared) -> Result<bool, LogError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.stage = match stage {
            Stage::Compress { mut window, mut writer } => {
                let until = writer.taken + MAINTENANCE_STEP_BYTES;
                while writer.wanted() > 0 && writer.taken < until {
                    let frame = window.bytes(writer.taken, writer.wanted())?;
                    writer.push(frame)?;
                }
                if writer.wanted() > 0 {
                    Stage::Compress { window, writer }
                } else {
                    let stored_bytes = writer.finish()?;
                    let pass = Box::new(self.read_back(disk, &shared.manifest.lock().clone())?);
                    Stage::Check { pass, stored_bytes }
                }
            }
            Stage::Check { mut pass, stored_bytes } => {
                if pass.step(MAINTENANCE_STEP_BYTES)? {
                    self.publish(disk, shared, *pass, stored_bytes)?;
                    return Ok(true);
                }
                Stage::Check { pass, stored_bytes }
            }
            Stage::Done => return Ok(true),
        };
        Ok(false)
    }

    /// Opens what was written. The links of its batches, which run over the uncompressed bytes, end in
    /// the one that the manifest lists only if every byte came back as it was.
    fn read_back(&self, disk: &dyn Disk, manifest: &Manifest) -> Result<SegmentPass, LogError> {
        let at = manifest.closed.iter().position(|segment| segment.first == self.segment.first);
        let at = at.expect("only this worker takes segments out of the manifest");
        let pass = SegmentPass::begin(disk, manifest, at, ARCHIVE_TEMPORARY_PATH)?;
        let uncompressed = SegmentHeader { compressed: None, ..*pass.header() };
        if uncompressed != self.header || pass.header().compressed.is_none() {
            let what = "the header of a compressed segment is not that of the plain one".to_owned();
            return Err(LogError::Damaged { path: disk.locate(ARCHIVE_TEMPORARY_PATH), offset: 0, what });
        }
        Ok(pass)
    }

    fn publish(
        &self,
        disk: &dyn Disk,
        shared: &Shared,
        pass: SegmentPass,
        stored_bytes: u64,
    ) -> Result<(), LogError> {
        let first = self.segment.first;
        let (index, latest_micros) = pass.finish();
        rename(disk, ARCHIVE_TEMPORARY_PATH, &archive_path(first))?;
        index.publish(disk, true)?;
        shared.change_manifest(disk, |manifest| {
            for segment in manifest.closed.iter_mut().filter(|segment| segment.first == first) {
                segment.archived = Some(Archived { stored_bytes, latest_micros });
            }
        })?;
        remove_if_there(disk, &segment_path(first))?;
        remove_if_there(disk, &index_path(first, false))
    }
}

/// Gives back the space of a file that will not be finished.
pub(super) fn abandon(disk: &dyn Disk) {
    // What is left of it is removed when the database is opened again.
    let _ = remove_if_there(disk, ARCHIVE_TEMPORARY_PATH);
}
