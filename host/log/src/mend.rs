//! Mending what a crash left, by the table in docs/recovery.md, before anyone is served. Damage never
//! comes here: reading has refused it. Invariant: bytes that may have been promised to a caller are
//! never dropped, and what is dropped is kept aside.

use crate::backup::MARKER_PATH;
use crate::batch::{HEADER_BYTES, SECTOR_BYTES, Seed};
use crate::doing::Doing;
use crate::doors::{Access, Disk};
use crate::error::LogError;
use crate::index::INDEX_TEMPORARY_PATHS;
use crate::manifest::ClosedSegment;
use crate::publish::{list_if_there, publish, read_whole, remove_if_there, rename};
use crate::read_log::End;
use crate::scan::{Found, look};
use crate::segment::{
    ARCHIVE_DIRECTORY, ARCHIVE_TEMPORARY_PATH, ASIDE_DIRECTORY, BALLAST_PATH, LOG_DIRECTORY, RESERVE_PATH,
    REWRITE_PATH, SEGMENT_HEADER_BYTES, segment_path,
};
use crate::sequence::Sequence;
use crate::window::Window;
use std::io;

/// What mending takes beside copies: a manifest, and what the file system needs for new names.
const MANIFEST_ROOM_BYTES: u64 = 64 << 10;

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// There was no database, and one was made.
    pub created: bool,
    /// The last record.
    pub last: Sequence,
    /// How many segments there are.
    pub segments: usize,
    /// The database was not closed. Until it is opened to write, its last records may be in the
    /// operating system's memory only.
    pub unclosed: bool,
    /// A write that was cut off by a crash and was dropped; nobody was told that it was safe.
    pub torn: Option<TornTail>,
    /// The newest segment was written again and synced, because the database was not closed.
    pub rewritten: bool,
    /// Segments without records, left by a crash between making and listing them, removed.
    pub removed: Vec<String>,
}

/// The remains of a write that a crash cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub path: String,
    /// Where the remains begin.
    pub offset: u64,
    /// How many bytes they take.
    pub length: u64,
    /// The copy that was kept, unless the log was only read.
    pub aside: Option<String>,
}

/// Makes the end of the log safe to go on from, after a crash: everything that was read is written
/// again and synced before anyone is served from it.
pub(crate) fn mend(disk: &dyn Disk, end: &mut End) -> Result<RecoveryReport, LogError> {
    let torn = end.torn_until.map_or(0, |until| until - end.offset);
    let needed = end.offset + torn + MANIFEST_ROOM_BYTES;
    mend_end(disk, end).map_err(|error| error.on_full_disk(disk, needed))
}

fn mend_end(disk: &dyn Disk, end: &mut End) -> Result<RecoveryReport, LogError> {
    // The names that were read may be in the operating system's memory only, if the process before
    // was killed between a rename and the sync after it. Nothing is changed on the strength of them
    // until they are safe: that of the manifest is given anew, because after a sync of the directory
    // that failed another one may find nothing left to do.
    for directory in ["", LOG_DIRECTORY] {
        disk.sync_directory(directory).doing("sync", || disk.locate(directory))?;
    }
    if end.manifest.closed.iter().any(|segment| segment.archived.is_some()) {
        disk.sync_directory(ARCHIVE_DIRECTORY).doing("sync", || disk.locate(ARCHIVE_DIRECTORY))?;
    }
    // The marker: a copy that is whole has a manifest.
    let leftovers = [MARKER_PATH, RESERVE_PATH, REWRITE_PATH, BALLAST_PATH, ARCHIVE_TEMPORARY_PATH];
    for leftover in leftovers.into_iter().chain(INDEX_TEMPORARY_PATHS) {
        remove_if_there(disk, leftover)?;
    }
    let mut report = found(disk, end);
    if report.unclosed {
        // Until the copy of the newest segment is safe under its name, every opening makes it again: it
        // may not show any more why it was made.
        end.manifest.newest.synced_bytes = 0;
    }
    match end.manifest.publish(disk) {
        // A database that was closed can be read on a full disk. What is left to do can wait.
        Err(error) if error.is_disk_full() && !report.unclosed => return Ok(report),
        published => published?,
    }
    for path in &end.unlisted {
        disk.remove(path).doing("remove", || disk.locate(path))?;
        report.removed.push(disk.locate(path));
    }
    for segment in end.manifest.closed.iter().filter(|segment| segment.archived.is_none()) {
        cut_to_length(disk, segment)?;
    }
    if let Some(torn) = &mut report.torn {
        torn.aside = Some(keep_aside(disk, end, torn)?);
    }
    if report.unclosed {
        rewrite_newest(disk, end)?;
        end.manifest.newest.synced_bytes = end.offset;
        end.manifest.newest.synced = report.last;
        end.manifest.publish(disk)?;
        report.rewritten = true;
    }
    Ok(report)
}

/// What reading found, before anything is done about it.
pub(crate) fn found(disk: &dyn Disk, end: &End) -> RecoveryReport {
    let path = disk.locate(&segment_path(end.newest.first));
    let torn = end.torn_until.map(|until| {
        let (offset, length) = (end.offset, until - end.offset);
        TornTail { path, offset, length, aside: None }
    });
    RecoveryReport {
        last: end.chain.next.previous(),
        segments: end.manifest.closed.len() + 1,
        unclosed: end.offset != end.manifest.newest.synced_bytes || torn.is_some(),
        torn,
        ..RecoveryReport::default()
    }
}

/// A crash may have come between listing a segment as closed and cutting it.
fn cut_to_length(disk: &dyn Disk, segment: &ClosedSegment) -> Result<(), LogError> {
    let path = segment_path(segment.first);
    let file = match disk.open(&path, Access::Write) {
        // Nothing of it was read, since it lies before the snapshot with which reading began.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(LogError::MissingSegment { path: disk.locate(&path), first: segment.first });
        }
        opened => opened.doing("open", || disk.locate(&path))?,
    };
    if file.length().doing("measure", || disk.locate(&path))? > segment.length {
        file.truncate(segment.length).doing("shorten", || disk.locate(&path))?;
        file.sync().doing("sync", || disk.locate(&path))?;
    }
    Ok(())
}

fn keep_aside(disk: &dyn Disk, end: &End, torn: &TornTail) -> Result<String, LogError> {
    disk.create_directory(ASIDE_DIRECTORY).doing("create", || disk.locate(ASIDE_DIRECTORY))?;
    disk.sync_directory(LOG_DIRECTORY).doing("sync", || disk.locate(LOG_DIRECTORY))?;
    let taken = list_if_there(disk, ASIDE_DIRECTORY)?;
    let mut window = Window::open(disk, &segment_path(end.newest.first))?;
    let bytes = window.bytes(torn.offset, torn.length as usize)?;
    for attempt in 0_u32.. {
        let name = format!("{:020}-{}-{attempt}.torn", end.newest.first.0, torn.offset);
        let path = format!("{ASIDE_DIRECTORY}/{name}");
        // An opening that failed after this step has left the same copy.
        let same = || matches!(read_whole(disk, &path, torn.length), Ok(Some(kept)) if kept == bytes);
        if !taken.contains(&name) || same() {
            publish(disk, &format!("{ASIDE_DIRECTORY}/torn.tmp"), &path, bytes)?;
            return Ok(disk.locate(&path));
        }
    }
    unreachable!("a directory has fewer names than there are numbers")
}

/// Copies the newest segment up to the end of its last batch, batch for batch, into a new file that
/// takes its name once it is synced. The old file's pages may be marked clean in memory without
/// being on the disk, after an fsync that failed: only writing them anew makes them safe.
fn rewrite_newest(disk: &dyn Disk, end: &mut End) -> Result<(), LogError> {
    const CHUNK_BYTES: u64 = 1 << 20;
    let (path, rewrite) = (segment_path(end.newest.first), || disk.locate(REWRITE_PATH));
    let mut window = Window::open(disk, &path)?;
    let mut file = disk.create(REWRITE_PATH).doing("create", rewrite)?;
    let mut header = end.newest;
    match file.allocate(header.capacity).doing("reserve space for", rewrite) {
        Err(error) if error.is_disk_full() => {
            // A shorter segment holds the same batches and a mark. Its header says how long it is, and
            // the next record begins the next segment, once the disk has room for one.
            header.capacity = header.capacity.min(end.offset + SECTOR_BYTES);
            file = disk.create(REWRITE_PATH).doing("create", rewrite)?;
            file.allocate(header.capacity).doing("reserve space for", rewrite)?;
        }
        allocated => allocated?,
    }
    file.write_at(0, &header.encode()).doing("write", rewrite)?;
    let mut at = SEGMENT_HEADER_BYTES;
    while at < end.offset {
        let length = (end.offset - at).min(CHUNK_BYTES);
        let bytes = window.bytes(at, length as usize)?;
        file.write_at(at, bytes).doing("write", rewrite)?;
        at += length;
    }
    file.sync().doing("sync", rewrite)?;
    check_copy(disk, end)?;
    rename(disk, REWRITE_PATH, &path)?;
    end.newest = header;
    Ok(())
}

/// Reads the copy back: what was whole a moment ago must not lose its name to what came otherwise from the medium when
/// it was read once more.
fn check_copy(disk: &dyn Disk, end: &End) -> Result<(), LogError> {
    let mut window = Window::open(disk, REWRITE_PATH)?;
    window.end = end.offset;
    let seed = Seed::new(&end.newest.id);
    let (mut at, mut link) = (SEGMENT_HEADER_BYTES, end.newest.previous);
    while let Found::Batch(batch) = look(&mut window, at, seed)? {
        let payload = window.bytes(at + HEADER_BYTES as u64, batch.payload_bytes as usize)?;
        link = batch.link(seed, payload);
        at += batch.length();
    }
    // The link of the last batch stands for all of them.
    if at == end.offset && link == end.chain.link {
        return Ok(());
    }
    let what = "it does not read a second time as it did before; copy the data directory away";
    Err(io::Error::other(what)).doing("copy", || disk.locate(&segment_path(end.newest.first)))
}
