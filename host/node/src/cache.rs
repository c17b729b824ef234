//! Compiled components in the data directory, so that opening does not compile again.
//! The cache may be deleted at any time; what cannot be read or written costs time only.

use interstice_engine::CompileCache;
use interstice_log::doors::{Access, Disk};
use std::io;
use std::sync::Arc;

const DIRECTORY: &str = "cache";

/// The largest entry that is read back.
const MAX_ENTRY_BYTES: u64 = 1 << 30;

/// The folder `cache` of a data directory.
pub(crate) struct DiskCache {
    disk: Arc<dyn Disk>,
}

impl DiskCache {
    /// The cache of this data directory.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> DiskCache {
        DiskCache { disk }
    }

    /// The bytes of an entry, as they are there.
    fn read(&self, key: &str) -> Option<Vec<u8>> {
        let file = self.disk.open(&format!("{DIRECTORY}/{key}"), Access::Read).ok()?;
        let length = file.length().ok().filter(|length| *length <= MAX_ENTRY_BYTES)?;
        let mut bytes = vec![0; length as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(filled as u64, &mut bytes[filled..]) {
                Ok(0) | Err(_) => return None,
                Ok(read) => filled += read,
            }
        }
        Some(bytes)
    }

    /// Keeps an entry. It is not synced: an entry that a crash damages is found by its digest.
    fn write(&self, key: &str, entry: &[u8]) {
        let path = format!("{DIRECTORY}/{key}");
        let temporary = format!("{path}.tmp");
        let write = || -> io::Result<()> {
            self.disk.create_directory(DIRECTORY)?;
            self.disk.create(&temporary)?.write_at(0, entry)?;
            self.disk.rename(&temporary, &path)
        };
        if let Err(error) = write() {
            tracing::debug!(target: "interstice::node", "the compile cache cannot be written: {error}");
        }
    }
}

impl CompileCache for DiskCache {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.read(key)
    }

    fn put(&self, key: &str, entry: &[u8]) {
        self.write(key, entry);
    }
}
