//! A compressed segment (codec 1): its header, then its batches cut into frames of one length, each
//! compressed by itself, then a table of the frames. Between the header and the table's end any zstd
//! reads it. Invariant: every byte is under a checksum, and a frame is never longer than was said.

use crate::batch::Seed;
use crate::doing::Doing;
use crate::doors::{Disk, DiskFile};
use crate::error::LogError;
use crate::limits::{FRAME_BYTES, READ_BYTES};
use crate::segment::{Compressed, SEGMENT_HEADER_BYTES, SegmentHeader};
use std::sync::Arc;
use zstd::bulk::{Compressor, Decompressor};

/// The magic number of a zstd frame that decoders skip, before the table.
const SKIPPABLE: u32 = 0x184d_2a50;
/// What stands before the table's entries: the magic number and their length.
const TABLE_HEAD_BYTES: u64 = 8;
/// An entry: the length of the compressed frame, and the checksum of its bytes.
const ENTRY_BYTES: u64 = 8;
/// How hard zstd tries. Higher levels gain a few percent on frames this short.
const LEVEL: i32 = 3;
/// How much is written between two syncs, so that no sync of the log waits behind a long one.
const SYNC_BYTES: u64 = 4 << 20;

/// A compressed frame in the file.
#[derive(Clone, Copy)]
struct Frame {
    offset: u64,
    length: u32,
    checksum: u32,
}

/// Reads a compressed segment.
pub(crate) struct Frames {
    file: Arc<dyn DiskFile>,
    path: String,
    header: [u8; SEGMENT_HEADER_BYTES as usize],
    /// The length of the uncompressed segment.
    length: u64,
    frame_bytes: u64,
    seed: Seed,
    frames: Vec<Frame>,
    stored: Vec<u8>,
    decompressor: Decompressor<'static>,
}

impl Frames {
    /// Opens a compressed segment of so many bytes, and checks its table.
    pub(crate) fn open(
        file: Arc<dyn DiskFile>,
        path: &str,
        file_bytes: u64,
        header: &SegmentHeader,
        compressed: Compressed,
    ) -> Result<Self, LogError> {
        let damaged = |offset, what: String| LogError::Damaged { path: path.to_owned(), offset, what };
        let Compressed { length, table_at, frame_bytes, table_checksum } = compressed;
        let seed = Seed::new(&header.id);
        let count = frame_count(length, u64::from(frame_bytes));
        let table_bytes = table_bytes(&compressed);
        if table_at.checked_add(table_bytes) != Some(file_bytes) {
            let what = format!("the file has {file_bytes} bytes, expected {table_at} and {table_bytes} more");
            return Err(damaged(file_bytes, what));
        }
        let mut table = vec![0; table_bytes as usize];
        let read = file.read_at(table_at, &mut table).doing("read", || path.to_owned())?;
        if read < table.len() || seed.checksum(&table) != table_checksum {
            return Err(damaged(table_at, "the checksum of the table of frames is wrong".to_owned()));
        }
        let word = |at: usize| u32::from_le_bytes(table[at..at + 4].try_into().expect("four bytes were cut"));
        let mut offset = SEGMENT_HEADER_BYTES;
        let mut frames = Vec::with_capacity(count as usize);
        let longest = zstd::zstd_safe::compress_bound(frame_bytes as usize) as u64;
        for at in (TABLE_HEAD_BYTES as usize..table.len()).step_by(ENTRY_BYTES as usize) {
            let (length, checksum) = (word(at), word(at + 4));
            if u64::from(length) > longest {
                let what = format!("a frame of {length} bytes, expected at most {longest}");
                return Err(damaged(table_at + at as u64, what));
            }
            frames.push(Frame { offset, length, checksum });
            offset += u64::from(length);
        }
        if offset != table_at {
            let what = format!("the frames end at byte {offset}, expected {table_at}");
            return Err(damaged(table_at, what));
        }
        let decompressor = Decompressor::new().doing("prepare to read", || path.to_owned())?;
        let (header, frame_bytes) = (header.encode(), u64::from(frame_bytes));
        let (path, stored) = (path.to_owned(), Vec::new());
        Ok(Self { file, path, header, length, frame_bytes, seed, frames, stored, decompressor })
    }

    /// Appends whole frames, or the header, to `buffer`, at least from `from` to `until`. Returns where
    /// the appended bytes begin.
    pub(crate) fn read(&mut self, from: u64, until: u64, buffer: &mut Vec<u8>) -> Result<u64, LogError> {
        if from < SEGMENT_HEADER_BYTES {
            buffer.extend_from_slice(&self.header);
            if until > SEGMENT_HEADER_BYTES {
                self.read(SEGMENT_HEADER_BYTES, until, buffer)?;
            }
            return Ok(0);
        }
        let first = (from - SEGMENT_HEADER_BYTES) / self.frame_bytes;
        let end = (until - SEGMENT_HEADER_BYTES).div_ceil(self.frame_bytes);
        // Neighbouring frames are read at once, but never much more than the limit of a read.
        let a_time = (READ_BYTES as u64 / self.frame_bytes).max(1);
        let mut next = first;
        while next < end {
            let group = next..end.min(next + a_time);
            next = group.end;
            self.read_group(group, buffer)?;
        }
        Ok(SEGMENT_HEADER_BYTES + first * self.frame_bytes)
    }

    /// Where the frame with this offset of the segment ends.
    pub(crate) fn end_of_frame(&self, offset: u64) -> u64 {
        let frame = offset.saturating_sub(SEGMENT_HEADER_BYTES) / self.frame_bytes;
        SEGMENT_HEADER_BYTES + (frame + 1) * self.frame_bytes
    }

    fn read_group(&mut self, group: std::ops::Range<u64>, buffer: &mut Vec<u8>) -> Result<(), LogError> {
        let Self { file, path, stored, .. } = self;
        let frames = &self.frames[group.start as usize..group.end as usize];
        let Some(first) = frames.first() else { return Ok(()) };
        let length: u64 = frames.iter().map(|frame| u64::from(frame.length)).sum();
        stored.resize(length as usize, 0);
        let read = file.read_at(first.offset, stored).doing("read", || path.clone())?;
        for (number, frame) in group.zip(frames) {
            let at = (frame.offset - first.offset) as usize;
            let damaged = |what: &str| LogError::Damaged {
                path: path.clone(),
                offset: frame.offset,
                what: what.to_owned(),
            };
            let bytes = stored[..read].get(at..at + frame.length as usize);
            let bytes = bytes.ok_or_else(|| damaged("the file became shorter while it was read"))?;
            if self.seed.checksum(bytes) != frame.checksum {
                return Err(damaged("the checksum of a compressed frame is wrong"));
            }
            let start = SEGMENT_HEADER_BYTES + number * self.frame_bytes;
            let expected = (self.length - start).min(self.frame_bytes) as usize;
            let filled = buffer.len();
            buffer.resize(filled + expected, 0);
            let unpacked = self.decompressor.decompress_to_buffer(bytes, &mut buffer[filled..]);
            if unpacked.ok() != Some(expected) {
                return Err(damaged("a compressed frame does not hold what the header says"));
            }
        }
        Ok(())
    }
}

/// How many frames the batches of a segment of this length make.
fn frame_count(length: u64, frame_bytes: u64) -> u64 {
    (length - SEGMENT_HEADER_BYTES).div_ceil(frame_bytes)
}

/// The length of the table of frames.
pub(crate) fn table_bytes(compressed: &Compressed) -> u64 {
    TABLE_HEAD_BYTES + frame_count(compressed.length, u64::from(compressed.frame_bytes)) * ENTRY_BYTES
}

/// Writes a compressed segment, frame by frame.
pub(crate) struct FrameWriter {
    file: Arc<dyn DiskFile>,
    path: String,
    header: SegmentHeader,
    /// The length of the uncompressed segment.
    length: u64,
    /// How much of it has been taken.
    pub(crate) taken: u64,
    /// Where the next frame goes.
    at: u64,
    unsynced: u64,
    table: Vec<u8>,
    stored: Vec<u8>,
    compressor: Compressor<'static>,
}

impl FrameWriter {
    /// Begins a file for the segment with this header and this length.
    pub(crate) fn create(
        disk: &dyn Disk,
        path: &str,
        header: SegmentHeader,
        length: u64,
    ) -> Result<Self, LogError> {
        let located = disk.locate(path);
        let file = disk.create(path).doing("create", || located.clone())?;
        let compressor = Compressor::new(LEVEL).doing("prepare to write", || located.clone())?;
        let stored = vec![0; zstd::zstd_safe::compress_bound(FRAME_BYTES as usize)];
        let mut table = SKIPPABLE.to_le_bytes().to_vec();
        let entries = frame_count(length, u64::from(FRAME_BYTES)) * ENTRY_BYTES;
        table.extend_from_slice(&(entries as u32).to_le_bytes());
        let (taken, at) = (SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES);
        Ok(Self { file, path: located, header, length, taken, at, unsynced: 0, table, stored, compressor })
    }

    /// The length of the next frame; zero when all has been taken.
    pub(crate) fn wanted(&self) -> usize {
        (self.length - self.taken).min(u64::from(FRAME_BYTES)) as usize
    }

    /// Writes the next frame, of as many bytes as are wanted.
    pub(crate) fn push(&mut self, frame: &[u8]) -> Result<(), LogError> {
        assert_eq!(frame.len(), self.wanted(), "a frame of another length in {}", self.path);
        let path = || self.path.clone();
        let length = self.compressor.compress_to_buffer(frame, &mut self.stored[..]);
        let bytes = &self.stored[..length.doing("compress", path)?];
        self.file.write_at(self.at, bytes).doing("write", path)?;
        self.table.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.table.extend_from_slice(&Seed::new(&self.header.id).checksum(bytes).to_le_bytes());
        self.at += bytes.len() as u64;
        self.unsynced += bytes.len() as u64;
        self.taken += frame.len() as u64;
        if self.unsynced >= SYNC_BYTES {
            self.file.sync().doing("sync", path)?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Writes the table and the header, and syncs. Returns the length of the file.
    pub(crate) fn finish(self) -> Result<u64, LogError> {
        assert_eq!(self.wanted(), 0, "frames are missing in {}", self.path);
        let path = || self.path.clone();
        let table_checksum = Seed::new(&self.header.id).checksum(&self.table);
        let compressed =
            Compressed { length: self.length, table_at: self.at, frame_bytes: FRAME_BYTES, table_checksum };
        let header = SegmentHeader { compressed: Some(compressed), ..self.header };
        self.file.write_at(self.at, &self.table).doing("write", path)?;
        self.file.write_at(0, &header.encode()).doing("write", path)?;
        self.file.sync().doing("sync", path)?;
        Ok(self.at + self.table.len() as u64)
    }
}
