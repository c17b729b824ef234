//! Opening a segment that is to be repaired: bytes behind the end of a compressed one, of which its header
//! says where it is, are passed over. Invariant: what is read is what the header and the table of frames
//! vouch for.

use crate::doing::Doing;
use crate::doors::{Access, Disk, DiskFile};
use crate::error::LogError;
use crate::frames::table_bytes;
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::window::Window;
use std::io;
use std::sync::Arc;

/// Opens a segment. Where its file is longer than the compressed segment in it, also says how long that is.
pub(super) fn open(disk: &dyn Disk, path: &str) -> Result<(Window, Option<u64>), LogError> {
    let located = disk.locate(path);
    let file = disk.open(path, Access::Read).doing("open", || located.clone())?;
    let length = file.length().doing("measure", || located.clone())?;
    let mut head = [0; SEGMENT_HEADER_BYTES as usize];
    if length > SEGMENT_HEADER_BYTES {
        file.read_at(0, &mut head).doing("read", || located.clone())?;
    }
    let header = SegmentHeader::decode(&head, &located).ok();
    let compressed = header.and_then(|header| header.compressed);
    let end = compressed.and_then(|compressed| compressed.table_at.checked_add(table_bytes(&compressed)));
    match end.filter(|end| *end < length) {
        None => Ok((Window::over(file, located)?, None)),
        Some(end) => Ok((Window::over(Arc::new(Beginning { file, length: end }), located)?, Some(end))),
    }
}

/// The first bytes of a file. Only read.
struct Beginning {
    file: Arc<dyn DiskFile>,
    length: u64,
}

impl DiskFile for Beginning {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        self.file.read_at(offset, &mut buffer[..there])
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
