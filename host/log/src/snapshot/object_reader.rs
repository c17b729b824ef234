//! Reading the rows of one table, chunk after chunk, with every check that there is. Memory is bounded by
//! the length of a chunk, whatever the file says. Invariant: a chunk is handed on only after its
//! checksums were found right, and the end is reached only if the digest of all of them is right too.

use super::cancellation::Cancellation;
use super::chunk::{CHUNK_HEADER_BYTES, ChunkHeader};
use super::head::{Head, SnapshotTable};
use super::object::{OBJECT_HEADER_BYTES, Object, ObjectHeader};
use crate::batch::Seed;
use crate::bytes::Bytes;
use crate::doing::Doing;
use crate::doors::{Access, Disk, DiskFile};
use crate::error::LogError;
use sha2::{Digest as _, Sha256};
use std::io;
use std::sync::Arc;

/// What is done with each batch of rows: how many, and their bytes.
pub(super) type VisitRows<'v> = dyn FnMut(u32, &[u8]) -> Result<(), LogError> + 'v;

/// Buffers that are used again from object to object.
pub(super) struct ReadSpace {
    stored: Vec<u8>,
    contents: Vec<u8>,
    decompressor: zstd::bulk::Decompressor<'static>,
}

impl ReadSpace {
    pub(super) fn new() -> Result<Self, LogError> {
        let decompressor = zstd::bulk::Decompressor::new();
        let decompressor = decompressor.doing("prepare to decompress", || "a snapshot".to_owned())?;
        Ok(Self { stored: Vec::new(), contents: Vec::new(), decompressor })
    }
}

/// Reads all rows of a table of the snapshot with this head.
pub(super) fn read_rows(
    disk: &dyn Disk,
    head: &Head,
    table: &SnapshotTable,
    space: &mut ReadSpace,
    cancellation: &Cancellation,
    take: &mut VisitRows<'_>,
) -> Result<(), LogError> {
    let Some(object) = &table.object else { return Ok(()) };
    let mut reader = ObjectReader::open(disk, head, table, object)?;
    let mut rows = 0_u64;
    loop {
        cancellation.check()?;
        let chunk = reader.chunks;
        let Some(contents) = reader.next_chunk(space)? else { break };
        let mut bytes = Bytes::new(contents);
        while !bytes.is_empty() {
            let batch = bytes.number().and_then(|count| Ok((count, bytes.run()?)));
            let (count, batch) = batch.map_err(|malformed| {
                let what = format!(
                    "{} at byte {} of the contents of chunk {chunk}, whose checksum is right",
                    malformed.what, malformed.at
                );
                reader.damaged(reader.offset, what)
            })?;
            rows += u64::from(count);
            take(count, batch)?;
        }
    }
    if rows != table.contents.rows {
        let what = format!("the table has {rows} rows, expected {}", table.contents.rows);
        return Err(reader.damaged(reader.offset, what));
    }
    Ok(())
}

/// Opens the object of a table and looks at its length and header, not at its rows.
pub(super) fn check_object(disk: &dyn Disk, head: &Head, table: &SnapshotTable) -> Result<(), LogError> {
    let Some(object) = &table.object else { return Ok(()) };
    ObjectReader::open(disk, head, table, object).map(drop)
}

struct ObjectReader<'o> {
    file: Arc<dyn DiskFile>,
    /// How messages name the file.
    path: String,
    object: &'o Object,
    seed: Seed,
    hash: Sha256,
    offset: u64,
    contents_bytes: u64,
    chunks: u32,
}

impl<'o> ObjectReader<'o> {
    fn open(
        disk: &dyn Disk,
        head: &Head,
        table: &SnapshotTable,
        object: &'o Object,
    ) -> Result<Self, LogError> {
        let path = object.path(head.family);
        let located = disk.locate(&path);
        let file = match disk.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (table, sequence) = (table.head.full_name(), head.identity.anchor.sequence);
                return Err(LogError::MissingSnapshotRows { path: located, table, sequence });
            }
            opened => opened.doing("open", || located.clone())?,
        };
        let length = file.length().doing("measure", || located.clone())?;
        let seed = Seed::new(&object.id);
        let reader = Self {
            file,
            path: located,
            object,
            seed,
            hash: Sha256::new(),
            offset: OBJECT_HEADER_BYTES as u64,
            contents_bytes: 0,
            chunks: 0,
        };
        if length != object.stored_bytes || length < OBJECT_HEADER_BYTES as u64 {
            let what = format!("the file has {length} bytes, expected {}", object.stored_bytes);
            return Err(reader.damaged(length.min(object.stored_bytes), what));
        }
        let mut bytes = [0; OBJECT_HEADER_BYTES];
        reader.fill(0, &mut bytes)?;
        let (id, database_key, family) = (object.id, head.identity.database_key, head.family);
        ObjectHeader { id, database_key, family }.check(&bytes, &reader.path)?;
        Ok(reader)
    }

    /// The contents of the next chunk, or nothing if the object ends here as it should.
    fn next_chunk<'s>(&mut self, space: &'s mut ReadSpace) -> Result<Option<&'s [u8]>, LogError> {
        if self.chunks == self.object.chunks {
            return self.check_end().map(|()| None);
        }
        let left = self.object.stored_bytes - self.offset;
        if left < CHUNK_HEADER_BYTES as u64 {
            let what = format!("{left} bytes are left for chunk {}", self.chunks);
            return Err(self.damaged(self.offset, what));
        }
        let mut bytes = [0; CHUNK_HEADER_BYTES];
        self.fill(self.offset, &mut bytes)?;
        let header = ChunkHeader::decode(&bytes, self.seed, self.chunks)
            .map_err(|(at, what)| self.damaged(self.offset + at as u64, what))?;
        let stored_at = self.offset + CHUNK_HEADER_BYTES as u64;
        let (stored_bytes, left) = (header.stored_bytes as usize, left - CHUNK_HEADER_BYTES as u64);
        if u64::from(header.stored_bytes) > left {
            let what = format!("{stored_bytes} compressed bytes, but {left} are left");
            return Err(self.damaged(self.offset + 8, what));
        }
        let ReadSpace { stored, contents, decompressor } = space;
        let stored = slice_of(stored, stored_bytes);
        self.fill(stored_at, stored)?;
        if self.seed.checksum(stored) != header.checksum {
            let what = format!("the checksum of chunk {} is wrong", self.chunks);
            return Err(self.damaged(stored_at, what));
        }
        // The room is what the header says, so a frame that unpacks to more is refused by zstd.
        let contents = slice_of(contents, header.contents_bytes as usize);
        match decompressor.decompress_to_buffer(stored, contents) {
            Ok(length) if length == contents.len() => {}
            Ok(length) => {
                let what = format!("a chunk unpacks to {length} bytes, expected {}", contents.len());
                return Err(self.damaged(stored_at, what));
            }
            Err(error) => return Err(self.damaged(stored_at, format!("a chunk cannot be unpacked: {error}"))),
        }
        self.hash.update(&*contents);
        self.offset = stored_at + stored_bytes as u64;
        self.contents_bytes += contents.len() as u64;
        self.chunks += 1;
        Ok(Some(contents))
    }

    fn check_end(&self) -> Result<(), LogError> {
        let Object { stored_bytes, contents_bytes, digest, .. } = *self.object;
        if self.offset != stored_bytes {
            let what = format!("the last chunk ends here, expected that at byte {stored_bytes}");
            return Err(self.damaged(self.offset, what));
        }
        if self.contents_bytes != contents_bytes {
            let what = format!("the rows have {} bytes, expected {contents_bytes}", self.contents_bytes);
            return Err(self.damaged(self.offset, what));
        }
        if self.hash.clone().finalize()[..] != digest.0 {
            return Err(self.damaged(self.offset, format!("the digest of the rows is not {digest}")));
        }
        Ok(())
    }

    fn fill(&self, offset: u64, buffer: &mut [u8]) -> Result<(), LogError> {
        let read = self.file.read_at(offset, buffer).doing("read", || self.path.clone())?;
        if read < buffer.len() {
            let what = "the file became shorter while it was read".to_owned();
            return Err(self.damaged(offset + read as u64, what));
        }
        Ok(())
    }

    fn damaged(&self, offset: u64, what: String) -> LogError {
        LogError::DamagedSnapshot { path: self.path.clone(), offset, what }
    }
}

/// So many bytes of a buffer, which grows if need be and never shrinks.
fn slice_of(buffer: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    &mut buffer[..length]
}
