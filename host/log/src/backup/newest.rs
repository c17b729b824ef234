//! The newest segment of a log to which a process may be writing at this moment: read as far as its batches
//! are whole. Invariant: what is taken of it is a part of the history that no loss of power takes back.

use super::copier::Copier;
use crate::batch::{SECTOR_BYTES, Seed};
use crate::definitions::Definitions;
use crate::doing::Doing;
use crate::doors::{Access, Disk, DiskFile};
use crate::error::LogError;
use crate::manifest::{Manifest, NewestSegment};
use crate::read_log::{check_start, listed_header};
use crate::record::RecordParts;
use crate::scan::{Chain, Found, Reading, look, survey};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, segment_path};
use crate::window::Window;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(super) struct Newest {
    header: SegmentHeader,
    file: Arc<dyn DiskFile>,
    path: String,
    /// Where the batches end that were whole.
    pub(super) end: u64,
    /// The chain there.
    pub(super) chain: Chain,
}

impl Newest {
    /// Reads the newest segment that the manifest lists. It may be closed or gone by now; then it says what
    /// is wrong, and a newer manifest says why.
    pub(super) fn find(disk: &dyn Disk, manifest: &Manifest) -> Result<Self, LogError> {
        let listed = &manifest.newest;
        let path = segment_path(listed.first);
        let file = match disk.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LogError::MissingSegment { path: disk.locate(&path), first: listed.first });
            }
            opened => opened.doing("open", || disk.locate(&path))?,
        };
        // Whatever takes its name meanwhile, this file stays what it is.
        let open = || Window::over(file.clone(), disk.locate(&path));
        let mut window = open()?;
        let header = listed_header(&mut window, manifest, listed.first, &listed.id)?;
        let seed = Seed::new(&header.id);
        let mut definitions = Definitions::default();
        let chain = check_start(&window, &header, manifest.before(manifest.closed.len()), 0)?;
        let mut reading = Reading::new(&mut definitions, chain);
        let mut end = SEGMENT_HEADER_BYTES;
        let mut doubted = None;
        loop {
            if window.end < header.capacity || header.compressed.is_some() {
                let what = format!("the file has {} bytes, expected {}", window.end, header.capacity);
                return Err(window.damaged(window.end, what));
            }
            window.end = header.capacity;
            let nothing = &mut |_: &RecordParts<'_>, _: &Definitions| Ok(ControlFlow::Continue(()));
            while let Found::Batch(batch) = look(&mut window, end, seed)? {
                let _ = reading.batch(&mut window, end, &batch, seed, nothing)?;
                end += batch.length();
            }
            let Some(later) = survey(&mut window, end, seed)?.later_batch else { break };
            // A batch that was being written when it was looked at is whole by the time that the next one
            // is there; one that was safe before and is not whole is damaged.
            if doubted == Some(end) {
                let what = format!("no batch, and a later one at byte {later} shows that this one was safe");
                return Err(window.damaged(end, what));
            }
            doubted = Some(end);
            window = open()?;
        }
        let last = reading.chain.next.previous();
        if end < listed.synced_bytes || last < listed.synced {
            let (synced, synced_bytes) = (listed.synced, listed.synced_bytes);
            let what = format!(
                "the log ends with record {last}, but the manifest knows {synced} up to byte {synced_bytes} \
                 to be safe"
            );
            return Err(window.damaged(end, what));
        }
        // The last batch may be in memory only. A loss of power must not take from the original what its copy
        // has, or the same numbers would stand for two histories.
        file.sync().doing("sync", || disk.locate(&path))?;
        let chain = reading.chain;
        Ok(Self { header, file, path, end, chain })
    }

    /// Copies what was found, as the newest segment of a log that was closed there. It is no longer than it
    /// must be: the next record begins another one.
    pub(super) fn copy(&self, copier: &mut Copier<'_>) -> Result<NewestSegment, LogError> {
        let capacity = self.end + SECTOR_BYTES;
        let mut new = copier.begin(&self.path, capacity)?;
        copier.write(&mut new, &SegmentHeader { capacity, ..self.header }.encode())?;
        copier.copy_bytes(&mut new, self.file.as_ref(), &self.path, self.end)?;
        copier.finish(new)?;
        let (first, id) = (self.header.first, self.header.id);
        Ok(NewestSegment { first, id, synced_bytes: self.end, synced: self.chain.next.previous() })
    }
}
