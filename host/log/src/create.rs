//! Making a database where there is none. Invariant: a directory that shows any sign of a database is
//! never taken for an empty one.

use crate::backup::MARKER_PATH;
use crate::batch::{Seed, genesis};
use crate::doing::Doing;
use crate::doors::{Disk, Doors};
use crate::error::LogError;
use crate::manifest::{MANIFEST_PATH, Manifest, NewestSegment};
use crate::publish::{is_there, list_if_there, rename};
use crate::scan::survey;
use crate::segment::{
    ARCHIVE_DIRECTORY, LOG_DIRECTORY, RESERVE_PATH, SEGMENT_HEADER_BYTES, SegmentHeader, parse_segment_name,
    segment_path,
};
use crate::sequence::Sequence;
use crate::snapshot::{SNAPSHOT_DIRECTORY, parse_head_name};
use crate::window::Window;

/// Makes a database in an empty directory. It exists from the moment that its manifest does.
pub(crate) fn create(doors: &Doors, segment_bytes: u64) -> Result<Manifest, LogError> {
    let disk = doors.disk.as_ref();
    check_no_database(disk)?;
    for directory in [LOG_DIRECTORY, crate::artifacts::DIRECTORY] {
        disk.create_directory(directory).doing("create", || disk.locate(directory))?;
    }
    disk.sync_directory("").doing("sync", || disk.locate(""))?;
    let mut ids = [[0; 16]; 3];
    for id in &mut ids {
        doors.entropy.fill(id).doing("draw randomness for", || disk.locate(""))?;
    }
    let [id, timeline, database_key] = ids;
    let first = Sequence(1);
    let header = SegmentHeader {
        id,
        timeline,
        database_key,
        first,
        capacity: segment_bytes,
        created_micros: doors.clock.now_micros(),
        catalog: [0; 32],
        previous: genesis(&database_key),
        begins_with_definitions: false,
        compressed: None,
    };
    let path = || disk.locate(RESERVE_PATH);
    let file = disk.create(RESERVE_PATH).doing("create", path)?;
    file.allocate(header.capacity).doing("reserve space for", path)?;
    file.write_at(0, &header.encode()).doing("write", path)?;
    file.sync().doing("sync", path)?;
    rename(disk, RESERVE_PATH, &segment_path(first))?;
    let synced = Sequence::ZERO;
    let newest = NewestSegment { first, id, synced_bytes: SEGMENT_HEADER_BYTES, synced };
    let (past, begin, closed) = (Vec::new(), None, Vec::new());
    let manifest = Manifest { database_key, timeline, past, begin, closed, newest };
    manifest.publish(disk)?;
    Ok(manifest)
}

/// Refuses a directory that holds no database, before anything is made in it, the lock included.
///
/// # Errors
/// [`LogError::NoDatabase`], or if the directory cannot be read.
pub fn check_database(disk: &dyn Disk) -> Result<(), LogError> {
    match is_there(disk, MANIFEST_PATH)? || check_no_database(disk).is_err() {
        true => Ok(()),
        false => Err(LogError::NoDatabase { path: disk.locate("") }),
    }
}

/// Whether the data directory holds a database without a manifest, which is damage, a copy that is not
/// finished, or the start of a database that a crash interrupted, which is neither.
pub(crate) fn check_no_database(disk: &dyn Disk) -> Result<(), LogError> {
    if is_there(disk, MARKER_PATH)? {
        return Err(LogError::UnfinishedCopy { path: disk.locate("") });
    }
    let missing = |evidence: String| LogError::MissingManifest { path: disk.locate(MANIFEST_PATH), evidence };
    let is_segment = |name: &String| parse_segment_name(name).is_some();
    if let Some(archived) = list_if_there(disk, ARCHIVE_DIRECTORY)?.iter().find(|name| is_segment(name)) {
        return Err(missing(disk.locate(&format!("{ARCHIVE_DIRECTORY}/{archived}"))));
    }
    let segments: Vec<_> = list_if_there(disk, LOG_DIRECTORY)?
        .into_iter()
        .filter(is_segment)
        .map(|name| format!("{LOG_DIRECTORY}/{name}"))
        .collect();
    if let Some(artifact) =
        list_if_there(disk, crate::artifacts::DIRECTORY)?.iter().find(|name| !name.ends_with(".tmp"))
    {
        return Err(missing(disk.locate(&format!("{}/{artifact}", crate::artifacts::DIRECTORY))));
    }
    if let Some(snapshot) =
        list_if_there(disk, SNAPSHOT_DIRECTORY)?.iter().find(|name| parse_head_name(name).is_some())
    {
        return Err(missing(disk.locate(&format!("{SNAPSHOT_DIRECTORY}/{snapshot}"))));
    }
    for path in segments {
        let mut window = Window::open(disk, &path)?;
        let used = survey(&mut window, SEGMENT_HEADER_BYTES, Seed::new(&[0; 16]))?.used_until.is_some();
        if used || path != segment_path(Sequence(1)) {
            return Err(missing(disk.locate(&path)));
        }
    }
    Ok(())
}
