//! A segment's file, read from front to back through a buffer. Whether its batches are stored as they
//! are or compressed is decided here, and nobody who reads need know.
//! Invariant: offsets are those of the uncompressed segment, and no read passes its end.

use crate::batch::SECTOR_BYTES;
use crate::doing::Doing;
use crate::doors::{Access, Disk, DiskFile};
use crate::error::LogError;
use crate::frames::Frames;
use crate::limits::READ_BYTES;
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use std::sync::Arc;

/// Where the bytes of a segment come from.
enum Source {
    Plain(Arc<dyn DiskFile>),
    Compressed(Box<Frames>),
}

/// A segment that is read through a buffer.
pub(crate) struct Window {
    source: Source,
    /// How messages name the file.
    pub(crate) path: String,
    /// Where the segment ends.
    pub(crate) end: u64,
    /// Its first batch is that of definitions, as its header says.
    begins_with_definitions: bool,
    /// No bytes from here on are read ahead of being asked for.
    pub(crate) ahead_until: u64,
    buffer: Vec<u8>,
    start: u64,
}

impl Window {
    /// Opens a segment. A file that does not begin with the header of one is taken as it is, and
    /// refused by [`Window::segment_header`].
    pub(crate) fn open(disk: &dyn Disk, path: &str) -> Result<Self, LogError> {
        let located = disk.locate(path);
        let file = disk.open(path, Access::Read).doing("open", || located.clone())?;
        Self::over(file, located)
    }

    /// The same with a file that is open, whatever its name stands for by now.
    pub(crate) fn over(file: Arc<dyn DiskFile>, located: String) -> Result<Self, LogError> {
        let stored = file.length().doing("measure", || located.clone())?;
        let mut window = Self {
            source: Source::Plain(file.clone()),
            path: located,
            end: stored,
            begins_with_definitions: false,
            ahead_until: SEGMENT_HEADER_BYTES,
            buffer: Vec::new(),
            start: 0,
        };
        if stored >= SEGMENT_HEADER_BYTES
            && let Ok(header) = window.segment_header()
            && let Some(compressed) = header.compressed
        {
            let frames = Frames::open(file, &window.path, stored, &header, compressed)?;
            window.end = compressed.length;
            window.source = Source::Compressed(Box::new(frames));
        }
        window.ahead_until = u64::MAX;
        Ok(window)
    }

    /// Bytes that must lie before the end.
    pub(crate) fn bytes(&mut self, offset: u64, length: usize) -> Result<&[u8], LogError> {
        let asked_end = offset + length as u64;
        assert!(asked_end <= self.end, "a read beyond the end of {}", self.path);
        let buffered = self.start + self.buffer.len() as u64;
        if offset < self.start || asked_end > buffered {
            let ahead = (offset + READ_BYTES as u64).min(self.ahead_until).max(asked_end).min(self.end);
            if let Err(error) = self.fill(offset, ahead) {
                if ahead == asked_end {
                    return Err(error);
                }
                // What cannot be read behind it keeps nobody from what was asked for.
                self.read_nothing_ahead();
                self.fill(offset, asked_end)?;
            }
            let read_until = self.start + self.buffer.len() as u64;
            if read_until < asked_end {
                return Err(self.damaged(read_until, "the file became shorter while it was read"));
            }
        }
        let at = (offset - self.start) as usize;
        Ok(&self.buffer[at..at + length])
    }

    fn fill(&mut self, from: u64, until: u64) -> Result<(), LogError> {
        match &mut self.source {
            Source::Plain(file) => {
                self.start = from;
                self.buffer.resize((until - from) as usize, 0);
                let read = file.read_at(from, &mut self.buffer);
                let read = read.doing("read", || self.path.clone());
                self.buffer.truncate(*read.as_ref().unwrap_or(&0));
                read.map(drop)
            }
            Source::Compressed(frames) => {
                self.buffer.clear();
                self.start = frames.read(from, until, &mut self.buffer)?;
                Ok(())
            }
        }
    }

    /// Reads no more from now on than is asked for, so that damage behind it keeps nobody from it.
    pub(crate) fn read_nothing_ahead(&mut self) {
        self.ahead_until = 0;
    }

    /// The first place after one that could not be read that may be readable.
    pub(crate) fn after_unreadable(&mut self, offset: u64) -> u64 {
        match &self.source {
            Source::Plain(_) => {
                // Only what is asked for is read from now on, so that each readable sector is.
                self.ahead_until = 0;
                offset + SECTOR_BYTES
            }
            Source::Compressed(frames) => {
                self.ahead_until = 0;
                frames.end_of_frame(offset)
            }
        }
    }

    pub(crate) fn damaged(&self, offset: u64, what: impl Into<String>) -> LogError {
        LogError::Damaged { path: self.path.clone(), offset, what: what.into() }
    }

    /// The segment's header.
    pub(crate) fn segment_header(&mut self) -> Result<SegmentHeader, LogError> {
        if self.end < SEGMENT_HEADER_BYTES {
            let what = format!("the file has {} bytes, expected a segment's header", self.end);
            return Err(self.damaged(self.end, what));
        }
        let path = self.path.clone();
        let bytes = self.bytes(0, SEGMENT_HEADER_BYTES as usize)?;
        let header = SegmentHeader::decode(bytes.try_into().expect("a whole header was read"), &path)?;
        self.begins_with_definitions = header.begins_with_definitions;
        Ok(header)
    }

    /// Whether the batch at this offset is to be one of definitions.
    pub(crate) fn has_definitions_at(&self, offset: u64) -> bool {
        self.begins_with_definitions && offset == SEGMENT_HEADER_BYTES
    }
}
