//! The snapshots of a part of the history that is given up: which files are theirs. Invariant: a file to which
//! a snapshot of the kept part refers stays where it is.

use super::apply::{make_aside, move_aside};
use crate::batch::Link;
use crate::doors::{Disk, Doors};
use crate::error::LogError;
use crate::log::Log;
use crate::publish::{is_there, list_if_there};
use crate::sequence::Sequence;
use crate::snapshot::{
    OBJECT_DIRECTORY, SNAPSHOT_DIRECTORY, Snapshot, head_path, is_object_name, parse_head_name,
};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The snapshots that are moved aside.
#[derive(Debug, Default)]
pub(super) struct GivenUpSnapshots {
    /// Up to which records they go.
    pub(super) sequences: Vec<Sequence>,
    /// The files that are only theirs, in the order in which they are moved: heads last, so that a crash leaves
    /// no rows of which nothing says whose they are.
    pub(super) moved: Vec<String>,
    /// The files that others need, too.
    pub(super) shared: Vec<String>,
}

impl GivenUpSnapshots {
    /// Looks for those that go beyond the last record that is kept, or are tied to its end by another link than
    /// those: by that of a mark that is given up.
    pub(super) fn find(disk: &dyn Disk, kept_until: Sequence, last_links: &[Link]) -> Result<Self, LogError> {
        Self::those(disk, &|sequence| match sequence.cmp(&kept_until) {
            Ordering::Less => false,
            Ordering::Equal => Snapshot::open(disk, &head_path(sequence), sequence)
                .is_ok_and(|snapshot| !last_links.contains(&snapshot.identity().anchor.link)),
            Ordering::Greater => true,
        })
    }

    /// Those up to the records that are told.
    fn those(disk: &dyn Disk, is_given_up: &dyn Fn(Sequence) -> bool) -> Result<Self, LogError> {
        let names = list_if_there(disk, SNAPSHOT_DIRECTORY)?;
        let listed: Vec<Sequence> = names.iter().filter_map(|name| parse_head_name(name)).collect();
        let (sequences, kept): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(|sequence| is_given_up(*sequence));
        if sequences.is_empty() {
            return Ok(Self::default());
        }
        let needed = Objects::of(disk, &kept);
        let mut theirs = Objects::of(disk, &sequences);
        if theirs.is_incomplete {
            // Of a damaged snapshot nothing says which rows are its own: those that are nobody else's.
            let rows = list_if_there(disk, OBJECT_DIRECTORY)?;
            let rows = rows.into_iter().filter(|name| is_object_name(name));
            theirs.paths.extend(
                rows.map(|name| format!("{OBJECT_DIRECTORY}/{name}"))
                    .filter(|path| !needed.paths.contains(path)),
            );
        }
        let mut given_up = Self { sequences, ..Self::default() };
        for path in theirs.paths {
            if needed.paths.contains(&path) {
                given_up.shared.push(path);
            } else if is_there(disk, &path)? {
                given_up.moved.push(path);
            }
        }
        given_up.moved.extend(given_up.sequences.iter().map(|sequence| head_path(*sequence)));
        Ok(given_up)
    }
}

/// Moves a snapshot aside from which an open log was found not to go on: it would count among the two for which the
/// log before them is given up. Returns where its files are.
pub fn put_snapshot_aside(doors: &Doors, _open: &Log, sequence: Sequence) -> Result<Vec<String>, LogError> {
    let disk = doors.disk.as_ref();
    let given_up = GivenUpSnapshots::those(disk, &|listed| listed == sequence)?;
    make_aside(disk)?;
    given_up.moved.iter().map(|path| move_aside(disk, path)).collect()
}

/// The files with rows to which snapshots refer.
#[derive(Default)]
struct Objects {
    paths: BTreeSet<String>,
    /// One of the snapshots cannot be read.
    is_incomplete: bool,
}

impl Objects {
    fn of(disk: &dyn Disk, sequences: &[Sequence]) -> Self {
        let mut objects = Self::default();
        for sequence in sequences {
            let head = head_path(*sequence);
            match Snapshot::open(disk, &head, *sequence) {
                Ok(snapshot) => {
                    objects.paths.extend(snapshot.files().into_iter().filter(|path| *path != head))
                }
                Err(_) => objects.is_incomplete = true,
            }
        }
        objects
    }
}
