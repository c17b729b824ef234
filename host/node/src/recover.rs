//! Opening: the state is rebuilt from the newest snapshot that can be used and from the records after it, or
//! from all records. No guest code runs and no subscription fires.
//! Invariant: after recovery the state is that of the last record, wherever the reading began.

use crate::error::Error;
use crate::replay::{Moment, Replay};
use crate::snapshot::load;
use crate::state::State;
use crate::stop::explain;
use interstice_log::doors::{Disk, Doors};
use interstice_log::{
    Definitions, DirectoryLock, ListedSnapshot, Log, LogError, LogOptions, LogReader, Progress, RecordParts,
    RecoveryReport, Sequence, Snapshot, SnapshotStore, StartingPoint, put_snapshot_aside,
};
use interstice_store::Store;
use std::vec;

/// Opens the log of a database, and rebuilds the state that it tells of. Snapshots, too, are looked for under the
/// lock: another process could take some, and give up the log before them.
pub(crate) fn recover(
    doors: &Doors,
    lock: DirectoryLock,
    options: LogOptions,
    snapshots: &SnapshotStore,
    new_store: &dyn Fn() -> Store,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<(State, Log, RecoveryReport), Error> {
    let mut beginnings = Beginnings::new(snapshots, doors.disk.as_ref(), new_store)?;
    let mut unfit = Vec::new();
    while !beginnings.is_over() {
        let reader = LogReader::open_locked(doors, lock.clone())?;
        let Some((mut state, start)) = beginnings.next(&reader, Moment::Newest, on_progress)? else { break };
        let mut replay = Replay::new(&mut state, on_progress);
        let opened = Log::open_after(doors, lock.clone(), options, Some(&start), &mut replay);
        match opened {
            Err(error @ LogError::NotInLog { .. }) => {
                beginnings.refuse(start.anchor.sequence, &error);
                unfit.push(start.anchor.sequence);
            }
            opened => {
                let (log, report) = opened?;
                put_aside(doors, &log, &unfit)?;
                return Ok((state, log, report));
            }
        }
    }
    let mut state = State::new(new_store());
    let mut replay = Replay::new(&mut state, on_progress);
    let opened = Log::open_after(doors, lock, options, None, &mut replay);
    let (log, report) = opened.map_err(|error| beginnings.explain_missing(error))?;
    put_aside(doors, &log, &unfit)?;
    Ok((state, log, report))
}

/// Moves snapshots aside from which the log does not go on: it is of no use to have them, and they would count among
/// the two for which the log before them is given up.
fn put_aside(doors: &Doors, log: &Log, unfit: &[Sequence]) -> Result<(), Error> {
    for sequence in unfit {
        let files = put_snapshot_aside(doors, log, *sequence)?;
        tracing::warn!(
            target: "interstice::node",
            "the snapshot at record {sequence}, from which the log does not go on, was moved aside: {}",
            files.join(", ")
        );
    }
    Ok(())
}

/// Rebuilds the state of a moment, and writes nothing. `use_snapshots` is whether reading may begin with one.
pub(crate) fn rebuild(
    doors: &Doors,
    moment: Moment,
    use_snapshots: bool,
    new_store: &dyn Fn() -> Store,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<State, Error> {
    let reader = LogReader::open(doors)?;
    let snapshots = SnapshotStore::new(doors);
    let mut beginnings = Beginnings::new(&snapshots, doors.disk.as_ref(), new_store)?;
    while use_snapshots && !beginnings.is_over() {
        let Some((mut state, start)) = beginnings.next(&reader, moment, on_progress)? else { break };
        match replay(&reader, moment, Some(&start), &mut state, on_progress) {
            Err(error @ LogError::NotInLog { .. }) => beginnings.refuse(start.anchor.sequence, &error),
            replayed => return Ok(replayed.map(|()| state)?),
        }
    }
    let mut state = State::new(new_store());
    let replayed = replay(&reader, moment, None, &mut state, on_progress);
    replayed.map_err(|error| beginnings.explain_missing(error))?;
    Ok(state)
}

fn replay(
    reader: &LogReader,
    moment: Moment,
    start: Option<&StartingPoint>,
    state: &mut State,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<(), LogError> {
    let mut nothing = |_| {};
    let mut replay = Replay::new(state, &mut nothing);
    let mut visit =
        |record: &RecordParts<'_>, definitions: &Definitions| replay.until(moment, record, definitions);
    reader.replay_part(start, &mut visit, on_progress)
}

/// The places from which the state may be rebuilt, other than the first record: snapshots, newest first.
struct Beginnings<'b> {
    listed: vec::IntoIter<ListedSnapshot>,
    disk: &'b dyn Disk,
    new_store: &'b dyn Fn() -> Store,
    /// Those that cannot be used, and why.
    refused: Vec<String>,
    /// The oldest that was passed over because it is of a later moment.
    later: Option<Sequence>,
}

impl<'b> Beginnings<'b> {
    fn new(
        snapshots: &SnapshotStore,
        disk: &'b dyn Disk,
        new_store: &'b dyn Fn() -> Store,
    ) -> Result<Beginnings<'b>, Error> {
        Ok(Beginnings {
            listed: snapshots.list()?.into_iter(),
            disk,
            new_store,
            refused: Vec::new(),
            later: None,
        })
    }

    fn is_over(&self) -> bool {
        self.listed.len() == 0
    }

    /// The state of the next snapshot that can be used, and its place in the log. One that cannot is told of
    /// and left out: the one before it and more of the log hold the same.
    ///
    /// # Errors
    /// If a snapshot is of another database, or of a newer format: that is no damage, and what this version
    /// does not understand it must not write beside.
    fn next(
        &mut self,
        reader: &LogReader,
        moment: Moment,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<(State, StartingPoint)>, Error> {
        while let Some(listed) = self.listed.next() {
            let sequence = listed.sequence;
            match self.load(listed, reader, moment, on_progress) {
                Ok(Some(loaded)) => return Ok(Some(loaded)),
                Ok(None) => {}
                Err(
                    error @ Error::Log(
                        LogError::ForeignSnapshot { .. }
                        | LogError::NewerFormat { .. }
                        | LogError::UnknownCodec { .. },
                    ),
                ) => return Err(error),
                Err(error) => self.refuse(sequence, &error),
            }
        }
        Ok(None)
    }

    /// Nothing if it is of a later moment.
    fn load(
        &mut self,
        listed: ListedSnapshot,
        reader: &LogReader,
        moment: Moment,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<(State, StartingPoint)>, Error> {
        let snapshot = listed.found?;
        snapshot.check_database(&reader.database_key())?;
        let start = starting_point(&snapshot);
        let place = reader.check_start(&start);
        if !moment.includes(start.anchor.sequence, start.anchor.latest_micros) {
            // One from which the log does not go on is no moment that can be asked for.
            if place.is_ok() {
                self.later = Some(start.anchor.sequence);
            }
            return Ok(None);
        }
        place?;
        let state = load(&snapshot, self.disk, (self.new_store)(), on_progress)?;
        Ok(Some((state, start)))
    }

    fn refuse(&mut self, sequence: Sequence, error: &dyn std::error::Error) {
        let reason = explain(error);
        tracing::warn!(
            target: "interstice::node",
            "the snapshot at record {sequence} cannot be used, and an older one or the log is: {reason}"
        );
        self.refused.push(format!("that at record {sequence}: {reason}"));
    }

    /// Says of a log without its beginning which snapshots could have replaced it.
    fn explain_missing(&self, error: LogError) -> Error {
        match error {
            // The database opens, if only with a state of later.
            LogError::BeginningGivenUp { .. } if let Some(oldest) = self.later => {
                Error::MomentGivenUp { oldest }
            }
            LogError::BeginningGivenUp { first, .. } if !self.refused.is_empty() => {
                Error::NoUsableSnapshot { first, refused: self.refused.clone() }
            }
            error => Error::Log(error),
        }
    }
}

/// Where the log goes on from a snapshot.
pub(crate) fn starting_point(snapshot: &Snapshot) -> StartingPoint {
    let identity = snapshot.identity();
    StartingPoint { timeline: identity.timeline, anchor: identity.anchor }
}
