//! Carrying out a repair: copies first, then the changes, the manifest last. Invariant: until the manifest
//! is published the log refuses to open, as it did before, and planning again comes to the same end.

use super::behind;
use super::file::open;
use super::plan::Work;
use super::walk::Kept;
use super::{RepairPlan, RepairReport};
use crate::doing::Doing;
use crate::doors::{Access, Disk, DiskFile, Doors};
use crate::error::LogError;
use crate::index::index_path;
use crate::publish::{directory_of, list_if_there, remove_if_there, rename};
use crate::segment::{
    ARCHIVE_DIRECTORY, ASIDE_DIRECTORY, Id, LOG_DIRECTORY, RESERVE_PATH, REWRITE_PATH, SegmentHeader,
    parse_segment_name, segment_path,
};
use std::io;

const ASIDE_TEMPORARY_PATH: &str = "log/aside/aside.tmp";
const CHUNK_BYTES: u64 = 1 << 20;

pub(super) fn apply(doors: &Doors, plan: &RepairPlan, work: Work) -> Result<RepairReport, LogError> {
    assert!(plan.reason.is_some(), "there is work only where something is wrong");
    let disk = doors.disk.as_ref();
    let mut ids: [Id; 2] = [[0; 16]; 2];
    for id in &mut ids {
        doors.entropy.fill(id).doing("draw randomness for", || disk.locate(""))?;
    }
    let [id, timeline] = ids;
    make_aside(disk)?;
    if !list_if_there(disk, ARCHIVE_DIRECTORY)?.is_empty() {
        disk.sync_directory(ARCHIVE_DIRECTORY).doing("sync", || disk.locate(ARCHIVE_DIRECTORY))?;
    }
    let mut aside = Vec::new();
    for path in &work.copied {
        aside.push(copy_aside(disk, path)?);
    }
    // The room for the segment with which the log goes on, and for one that is made, comes before anything is changed.
    let header = SegmentHeader { id, timeline, created_micros: doors.clock.now_micros(), ..work.newest };
    let file = disk.create(RESERVE_PATH).doing("create", || disk.locate(RESERVE_PATH))?;
    file.allocate(header.capacity).doing("reserve space for", || disk.locate(RESERVE_PATH))?;
    file.write_at(0, &header.encode()).doing("write", || disk.locate(RESERVE_PATH))?;
    file.sync().doing("sync", || disk.locate(RESERVE_PATH))?;
    if let Some(made) = &work.made {
        let behind = made.behind.as_ref().expect("only what is left behind a place is made a segment");
        behind::write(disk, made, behind)?;
    }
    for (path, end) in &work.shortened {
        let file = disk.open(path, Access::Write).doing("open", || disk.locate(path))?;
        file.truncate(*end).doing("shorten", || disk.locate(path))?;
        file.sync().doing("sync", || disk.locate(path))?;
    }
    for path in &work.synced {
        let file = disk.open(path, Access::Write).doing("open", || disk.locate(path))?;
        file.sync().doing("sync", || disk.locate(path))?;
    }
    if let Some(cut) = &work.cut {
        write_again(disk, cut)?;
    }
    for path in work.snapshots.moved.iter().chain(work.moved.iter().rev()) {
        aside.push(move_aside(disk, path)?);
    }
    for (from, to) in &work.relocated {
        relocate(disk, from, to)?;
    }
    rename(disk, RESERVE_PATH, &segment_path(header.first))?;
    let mut manifest = work.manifest;
    manifest.timeline = timeline;
    manifest.newest.id = id;
    manifest.publish(disk)?;
    if let Some(made) = &work.made {
        // What it was made of is copied aside, and lies before the log's beginning now.
        remove_if_there(disk, &made.candidate.path)?;
        let first = made.candidate.path.rsplit('/').next().and_then(parse_segment_name);
        let is_archived = directory_of(&made.candidate.path) == ARCHIVE_DIRECTORY;
        first.map_or(Ok(()), |first| remove_if_there(disk, &index_path(first, is_archived)))?;
    }
    Ok(RepairReport { timeline, aside })
}

/// Makes the folder of copies. The directory of the log may itself be gone.
pub(super) fn make_aside(disk: &dyn Disk) -> Result<(), LogError> {
    disk.create_directory(ASIDE_DIRECTORY).doing("create", || disk.locate(ASIDE_DIRECTORY))?;
    for directory in ["", LOG_DIRECTORY] {
        disk.sync_directory(directory).doing("sync", || disk.locate(directory))?;
    }
    Ok(())
}

/// A name in the folder of copies that no file has.
fn free_name(disk: &dyn Disk, path: &str) -> Result<String, LogError> {
    let taken = list_if_there(disk, ASIDE_DIRECTORY)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let free = (0..).map(|attempt| format!("{name}.{attempt}")).find(|name| !taken.contains(name));
    Ok(format!("{ASIDE_DIRECTORY}/{}", free.expect("a directory has fewer names than there are numbers")))
}

/// Copies a file byte for byte, as it is stored, unless a repair that failed has left the same copy.
fn copy_aside(disk: &dyn Disk, path: &str) -> Result<String, LogError> {
    let from = disk.open(path, Access::Read).doing("open", || disk.locate(path))?;
    let length = from.length().doing("measure", || disk.locate(path))?;
    if let Some(there) = same_aside(disk, path, from.as_ref(), length)? {
        // Its name may be in memory only.
        disk.sync_directory(ASIDE_DIRECTORY).doing("sync", || disk.locate(ASIDE_DIRECTORY))?;
        return Ok(disk.locate(&there));
    }
    let to = free_name(disk, path)?;
    let located = || disk.locate(ASIDE_TEMPORARY_PATH);
    let copy = disk.create(ASIDE_TEMPORARY_PATH).doing("create", located)?;
    let mut buffer = vec![0; length.min(CHUNK_BYTES) as usize];
    let mut at = 0;
    while at < length {
        let wanted = (length - at).min(CHUNK_BYTES) as usize;
        let read = from.read_at(at, &mut buffer[..wanted]).doing("read", || disk.locate(path))?;
        if read == 0 {
            break;
        }
        copy.write_at(at, &buffer[..read]).doing("write", located)?;
        at += read as u64;
    }
    copy.sync().doing("sync", located)?;
    rename(disk, ASIDE_TEMPORARY_PATH, &to)?;
    Ok(disk.locate(&to))
}

/// A copy of this file with the same bytes that is there already.
fn same_aside(
    disk: &dyn Disk,
    path: &str,
    file: &dyn DiskFile,
    length: u64,
) -> Result<Option<String>, LogError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_copy = |taken: &String| {
        let number = taken.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
        number.is_some_and(|number| number.parse::<u64>().is_ok())
    };
    for taken in list_if_there(disk, ASIDE_DIRECTORY)?.into_iter().filter(is_copy) {
        let there = format!("{ASIDE_DIRECTORY}/{taken}");
        let copy = disk.open(&there, Access::Read).doing("open", || disk.locate(&there))?;
        if copy.length().doing("measure", || disk.locate(&there))? == length
            && is_same(file, copy.as_ref(), length).doing("compare with a copy", || disk.locate(path))?
        {
            return Ok(Some(there));
        }
    }
    Ok(None)
}

/// Whether two files have the same bytes up to there.
fn is_same(one: &dyn DiskFile, other: &dyn DiskFile, length: u64) -> io::Result<bool> {
    let mut buffers = [(); 2].map(|()| vec![0; length.min(CHUNK_BYTES) as usize]);
    let [left, right] = &mut buffers;
    let mut at = 0;
    while at < length {
        let wanted = (length - at).min(CHUNK_BYTES) as usize;
        let read = one.read_at(at, &mut left[..wanted])?;
        if read == 0 || other.read_at(at, &mut right[..wanted])? != read || left[..read] != right[..read] {
            return Ok(false);
        }
        at += read as u64;
    }
    Ok(true)
}

/// Moves a file that is given up, and removes its index.
pub(super) fn move_aside(disk: &dyn Disk, path: &str) -> Result<String, LogError> {
    let to = free_name(disk, path)?;
    rename(disk, path, &to)?;
    let directory = directory_of(path);
    disk.sync_directory(directory).doing("sync", || disk.locate(directory))?;
    if let Some(first) = path.rsplit('/').next().and_then(parse_segment_name) {
        remove_if_there(disk, &index_path(first, directory == ARCHIVE_DIRECTORY))?;
    }
    Ok(disk.locate(&to))
}

/// Moves a segment that is kept to the folder for its kind. The index of the other one is removed when the
/// database is open, as any that is left behind.
fn relocate(disk: &dyn Disk, from: &str, to: &str) -> Result<(), LogError> {
    if directory_of(to) == ARCHIVE_DIRECTORY {
        disk.create_directory(ARCHIVE_DIRECTORY).doing("create", || disk.locate(ARCHIVE_DIRECTORY))?;
        disk.sync_directory("").doing("sync", || disk.locate(""))?;
    }
    rename(disk, from, to)?;
    let directory = directory_of(from);
    disk.sync_directory(directory).doing("sync", || disk.locate(directory))
}

/// Writes a segment again up to where it is kept, not compressed, and syncs it before it takes its name.
fn write_again(disk: &dyn Disk, kept: &Kept) -> Result<(), LogError> {
    let from = &kept.candidate.path;
    let to = segment_path(kept.candidate.first);
    let (mut window, _) = open(disk, from)?;
    window.read_nothing_ahead();
    let located = || disk.locate(REWRITE_PATH);
    let file = disk.create(REWRITE_PATH).doing("create", located)?;
    let header = SegmentHeader { compressed: None, ..kept.header };
    file.write_at(0, &header.encode()).doing("write", located)?;
    let mut at = crate::segment::SEGMENT_HEADER_BYTES;
    while at < kept.end {
        let length = (kept.end - at).min(CHUNK_BYTES);
        let bytes = window.bytes(at, length as usize)?;
        file.write_at(at, bytes).doing("write", located)?;
        at += length;
    }
    file.sync().doing("sync", located)?;
    rename(disk, REWRITE_PATH, &to)?;
    for is_archived in [false, true] {
        remove_if_there(disk, &index_path(kept.candidate.first, is_archived))?;
    }
    if *from != to {
        remove_if_there(disk, from)?;
        let directory = directory_of(from);
        disk.sync_directory(directory).doing("sync", || disk.locate(directory))?;
    }
    Ok(())
}
