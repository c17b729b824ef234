//! Writing the rows of one table: batches are gathered into chunks, compressed, written, and synced a few
//! mebibytes at a time. Memory is bounded by the length of a chunk. Invariant: when an object is
//! finished all its bytes are on the medium, and nothing is written to it any more.

use super::cancellation::Cancellation;
use super::chunk::{CHUNK_HEADER_BYTES, ChunkHeader, most_stored};
use super::names::{Family, object_path};
use super::object::{OBJECT_HEADER_BYTES, Object, ObjectHeader};
use crate::batch::Seed;
use crate::bytes::{put_run, put_varint};
use crate::definitions::Digest;
use crate::doing::Doing;
use crate::doors::{Disk, DiskFile};
use crate::error::LogError;
use crate::limits::{
    MAX_SNAPSHOT_BATCH_BYTES, MAX_SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CHUNK_BYTES, SNAPSHOT_COMPRESSION_LEVEL,
    SNAPSHOT_SYNC_BYTES,
};
use crate::segment::Id;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// Buffers that are used again from object to object.
pub(super) struct WriteSpace {
    /// The contents of the chunk that is being filled.
    contents: Vec<u8>,
    /// A chunk as it is written, its header first.
    stored: Vec<u8>,
    compressor: zstd::bulk::Compressor<'static>,
}

impl WriteSpace {
    pub(super) fn new() -> Result<Self, LogError> {
        let compressor = zstd::bulk::Compressor::new(SNAPSHOT_COMPRESSION_LEVEL);
        let compressor = compressor.doing("prepare to compress", || "a snapshot".to_owned())?;
        Ok(Self { contents: Vec::new(), stored: Vec::new(), compressor })
    }
}

/// An object that is being written.
pub(super) struct ObjectWriter {
    file: Arc<dyn DiskFile>,
    /// How messages name the file.
    path: String,
    id: Id,
    seed: Seed,
    hash: Sha256,
    offset: u64,
    synced: u64,
    contents_bytes: u64,
    chunks: u32,
}

impl ObjectWriter {
    /// Makes the file, with its header.
    pub(super) fn create(
        disk: &dyn Disk,
        space: &mut WriteSpace,
        id: Id,
        database_key: Id,
        family: Family,
    ) -> Result<Self, LogError> {
        let path = object_path(family, &id);
        let located = disk.locate(&path);
        let file = disk.create(&path).doing("create", || located.clone())?;
        let header = ObjectHeader { id, database_key, family }.encode();
        file.write_at(0, &header).doing("write", || located.clone())?;
        space.contents.clear();
        Ok(Self {
            file,
            path: located,
            id,
            seed: Seed::new(&id),
            hash: Sha256::new(),
            offset: OBJECT_HEADER_BYTES as u64,
            synced: 0,
            contents_bytes: 0,
            chunks: 0,
        })
    }

    /// Adds a batch of rows.
    pub(super) fn batch(
        &mut self,
        space: &mut WriteSpace,
        rows: u32,
        batch: &[u8],
        cancellation: &Cancellation,
    ) -> Result<(), LogError> {
        if batch.len() > MAX_SNAPSHOT_BATCH_BYTES {
            let (size, limit) = (batch.len() as u64, MAX_SNAPSHOT_BATCH_BYTES as u64);
            return Err(LogError::SnapshotTooLarge { what: "a batch of rows", size, limit });
        }
        let least = MAX_SNAPSHOT_CHUNK_BYTES - MAX_SNAPSHOT_BATCH_BYTES;
        if space.contents.len() + batch.len() + least > MAX_SNAPSHOT_CHUNK_BYTES {
            self.write_chunk(space, cancellation)?;
        }
        put_varint(&mut space.contents, rows.into());
        put_run(&mut space.contents, batch);
        if space.contents.len() >= SNAPSHOT_CHUNK_BYTES {
            self.write_chunk(space, cancellation)?;
        }
        Ok(())
    }

    fn write_chunk(&mut self, space: &mut WriteSpace, cancellation: &Cancellation) -> Result<(), LogError> {
        cancellation.check()?;
        let WriteSpace { contents, stored, compressor } = space;
        self.hash.update(&*contents);
        let most = CHUNK_HEADER_BYTES + most_stored(contents.len());
        if stored.len() < most {
            stored.resize(most, 0);
        }
        let compressed = compressor.compress_to_buffer(contents, &mut stored[CHUNK_HEADER_BYTES..]);
        let length = CHUNK_HEADER_BYTES + compressed.doing("compress rows for", || self.path.clone())?;
        let header = ChunkHeader {
            number: self.chunks,
            contents_bytes: contents.len() as u32,
            stored_bytes: (length - CHUNK_HEADER_BYTES) as u32,
            checksum: self.seed.checksum(&stored[CHUNK_HEADER_BYTES..length]),
        };
        stored[..CHUNK_HEADER_BYTES].copy_from_slice(&header.encode(self.seed));
        self.file.write_at(self.offset, &stored[..length]).doing("write", || self.path.clone())?;
        self.offset += length as u64;
        self.contents_bytes += contents.len() as u64;
        let (size, limit) = (u64::from(self.chunks) + 1, u32::MAX.into());
        let too_many = LogError::SnapshotTooLarge { what: "the number of chunks of a table", size, limit };
        self.chunks = self.chunks.checked_add(1).ok_or(too_many)?;
        contents.clear();
        if self.offset - self.synced >= SNAPSHOT_SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), LogError> {
        self.file.sync().doing("sync", || self.path.clone())?;
        self.synced = self.offset;
        // It is read back from the medium, and the memory is better used for the log.
        self.file.forget_cached();
        Ok(())
    }

    /// Writes the last chunk and makes everything safe. The name of the file is not safe yet.
    pub(super) fn finish(
        mut self,
        space: &mut WriteSpace,
        cancellation: &Cancellation,
    ) -> Result<Object, LogError> {
        if !space.contents.is_empty() {
            self.write_chunk(space, cancellation)?;
        }
        if self.synced < self.offset {
            self.sync()?;
        }
        Ok(Object {
            id: self.id,
            digest: Digest(self.hash.finalize().into()),
            stored_bytes: self.offset,
            contents_bytes: self.contents_bytes,
            chunks: self.chunks,
        })
    }
}
