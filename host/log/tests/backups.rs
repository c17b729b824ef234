//! Backups taken while others write, and databases made from them: whole, or as of any record. On a simulated
//! disk that loses its power, is full or damaged.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::doors::{Access, Disk, DiskFile, LockKind, LockOutcome};
use interstice_log::sim::Simulator;
use interstice_log::{
    ArtifactStore, Cancellation, Digest, Finding, Log, LogError, LogOptions, LogReader, Record, Repair,
    RestoreOptions, RestoreReport, Retention, Sequence, SnapshotIdentity, SnapshotStore, StartingPoint,
    TableContents, TableHead, Until, backup, restore, verify,
};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use support::{Cast, Dice, SMALL, append, append_sized, assert_in_order_after, for_seeds, open, open_after};

const KEEP_ALL: LogOptions = LogOptions { retention: Retention::KeepAll, ..SMALL };
const KEEP_NONE: LogOptions = LogOptions { retention: Retention::KeepNone, ..SMALL };

/// A log that is open, on a machine of its own, with the snapshots beside it.
struct Original {
    simulator: Simulator,
    log: Log,
    cast: Cast,
    snapshots: SnapshotStore,
}

impl Original {
    fn new(seed: u64, options: LogOptions) -> Self {
        let simulator = Simulator::new(seed);
        let (log, ..) = open(&simulator.doors(), options).unwrap();
        let artifacts = ArtifactStore::new(Arc::new(simulator.disk.clone()));
        let cast = Cast::define_of(&log, artifacts.put(b"a component").unwrap());
        let snapshots = SnapshotStore::new(&simulator.doors());
        snapshots.belong_to(&log);
        Self { simulator, log, cast, snapshots }
    }

    /// Appends so many records in one batch, and waits for them.
    fn commit(&self, records: u64) {
        for _ in 0..records {
            append_sized(&self.log, self.cast, 2500).unwrap();
        }
        self.log.wait_durable(self.log.next_sequence().previous()).unwrap();
    }

    /// Takes a snapshot of what is durable, removes those that it replaces, and archives what they cover.
    fn snapshot(&self) {
        let identity = SnapshotIdentity {
            database_key: self.log.database_key(),
            timeline: self.log.timeline(),
            anchor: self.log.anchor(),
            storage: Digest([0x57; 32]),
        };
        let cancellation = Cancellation::new();
        let mut writer = match self.snapshots.begin(identity, &cancellation) {
            Err(LogError::SnapshotExists { .. }) => return,
            begun => begun.unwrap(),
        };
        let head =
            TableHead { package: "acme:bank".to_owned(), name: "t".to_owned(), shape: Digest([1; 32]) };
        let mut table = writer.table(head).unwrap();
        table.rows(1, &identity.anchor.sequence.0.to_le_bytes()).unwrap();
        table.finish(TableContents { counter: None, rows: 1, digest: Digest([2; 32]) }).unwrap();
        writer.publish().unwrap();
        if let Some(covered) = self.snapshots.prune(&self.log.past(), &cancellation).unwrap().covered {
            self.log.archive(covered);
        }
    }
}

/// A disk on which others do something whenever a file is opened or measured, or a directory listed.
struct BusyDisk<'b> {
    disk: Arc<dyn Disk>,
    work: &'b Work,
    /// Segments are gone by the time that they are opened.
    hides_segments: bool,
}

struct Work {
    original: Mutex<Original>,
    dice: Dice,
}

impl Work {
    fn some(&self) {
        let Ok(original) = self.original.try_lock() else { return };
        match self.dice.below(10) {
            0..=3 => {
                for _ in 0..self.dice.below(4) {
                    append_sized(&original.log, original.cast, self.dice.below(5000) as usize).unwrap();
                }
            }
            4 => original.commit(1),
            5 | 6 => original.snapshot(),
            _ => drop(original.simulator.threads.run(self.dice.below(30) as usize)),
        }
    }
}

impl Disk for BusyDisk<'_> {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        panic!("a backup makes no file such as {path} in the original")
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        assert_eq!(access, Access::Read, "{path}");
        if self.hides_segments && path.ends_with(".log") {
            self.work.original.lock().unwrap().commit(28);
            return Err(io::ErrorKind::NotFound.into());
        }
        self.work.some();
        let opened = self.disk.open(path, access);
        self.work.some();
        opened
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let listed = self.disk.list(directory);
        self.work.some();
        listed
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        panic!("a backup makes no directory such as {directory} in the original")
    }

    fn rename(&self, from: &str, _: &str) -> io::Result<()> {
        panic!("a backup renames nothing such as {from} in the original")
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        panic!("a backup removes nothing such as {path} from the original")
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }

    fn lock(&self, path: &str, _: LockKind) -> io::Result<LockOutcome> {
        panic!("a backup does not lock {path}")
    }

    fn locate(&self, path: &str) -> String {
        self.disk.locate(path)
    }
}

/// The place of the newest snapshot of a copy, if its log has lost its beginning.
fn starting_point(copy: &Simulator) -> Option<StartingPoint> {
    let reader = LogReader::open(&copy.doors()).unwrap();
    if reader.first() == Sequence(1) {
        return None;
    }
    let listed = SnapshotStore::new(&copy.doors()).list().unwrap();
    let snapshot = listed.into_iter().find_map(|listed| listed.found.ok()).unwrap();
    let identity = snapshot.identity();
    Some(StartingPoint { timeline: identity.timeline, anchor: identity.anchor })
}

/// A machine with the same disk.
fn same(simulator: &Simulator) -> Simulator {
    Simulator { disk: simulator.disk.copy(), ..Simulator::new(77) }
}

/// Opens a copy and goes on with it. Returns its records, and the one before them.
fn use_copy(copy: &Simulator) -> (Sequence, Vec<Record>) {
    let copy = same(copy);
    let report = verify(&copy.disk, &mut |_| {}).unwrap();
    // Indexes are made anew, and not copied.
    let is_index = |finding: &&Finding| finding.path.ends_with(".index");
    assert_eq!(report.findings.iter().find(|finding| !is_index(finding)), None);
    let start = starting_point(&copy);
    let before = start.map_or(Sequence::ZERO, |start| start.anchor.sequence);
    let (log, records, report) = open_after(&copy.doors(), KEEP_ALL, start.as_ref()).unwrap();
    assert!(!report.unclosed && report.torn.is_none(), "{report:?}");
    // The artifact must be there, so it is not the one of which the other tests only know the digest.
    let artifact = records.first().map_or(Digest([7; 32]), |record| record.artifact);
    let named = |record: &Record| Record { artifact: Digest([7; 32]), ..record.clone() };
    assert_in_order_after(before, &records.iter().map(named).collect::<Vec<_>>());
    assert_eq!(report.last.0, before.0 + records.len() as u64);
    let cast = Cast::define_of(&log, artifact);
    let next = append(&log, cast).unwrap();
    assert_eq!(next, report.last.next());
    log.close().unwrap();
    (before, records)
}

fn restored(from: &dyn Disk, until: Until) -> Result<(Simulator, RestoreReport), LogError> {
    let to = Simulator::new(5);
    let options = RestoreOptions { until, segment_bytes: SMALL.segment_bytes };
    let report = restore(from, &to.doors(), options, &mut |_| {})?;
    Ok((to, report))
}

#[test]
fn a_backup_taken_while_others_write_holds_all_that_was_acknowledged() {
    let moved = AtomicU64::new(0);
    for_seeds(300, |seed| {
        let dice = Dice::new(seed);
        let original = Original::new(seed, [KEEP_ALL, KEEP_NONE][dice.below(2) as usize]);
        for _ in 0..dice.below(6) {
            original.commit(dice.below(40) + 1);
            original.snapshot();
        }
        let disk: Arc<dyn Disk> = Arc::new(original.simulator.disk.clone());
        let acknowledged = original.log.durable();
        let work = Work { original: Mutex::new(original), dice };
        let to = Simulator::new(seed + 1);
        let report =
            backup(&BusyDisk { disk, work: &work, hides_segments: false }, &to.disk, &mut |_| {}).unwrap();
        assert!(report.sequence >= acknowledged, "seed {seed}: {report:?}");
        let (before, records) = use_copy(&to);
        assert_eq!(report.sequence.0, before.0 + records.len() as u64, "seed {seed}");
        if report.sequence > Sequence::ZERO && !records.is_empty() {
            assert_eq!(report.timestamp_micros, records.last().map(|record| record.timestamp_micros));
        }
        let files = to.disk.contents();
        assert_eq!((files.len() as u64, report.files), (report.files, files.len() as u64));
        let (copy, restored) = restored(&to.disk, Until::Newest).unwrap();
        assert_eq!((restored.sequence, restored.given_up), (report.sequence, None));
        assert_eq!(restored.snapshots, report.snapshots);
        assert!(use_copy(&copy) == (before, records), "seed {seed}");
        // Nothing that could be lost is in the backup: the power fails, and the original still has it all.
        let original = work.original.into_inner().unwrap();
        let segments = original.log.maintenance();
        moved.fetch_add(segments.archived + segments.given_up, Ordering::Relaxed);
        let after = original.simulator.power_loss(seed);
        drop(original);
        let start = starting_point(&after);
        let (log, ..) = open_after(&after.doors(), KEEP_ALL, start.as_ref()).unwrap();
        assert!(log.durable() >= report.sequence, "seed {seed}");
        drop(log);
    });
    let moved = moved.into_inner();
    assert!(moved > 300 || std::env::var("INTERSTICE_SEED").is_ok(), "{moved} segments were moved");
}

#[test]
fn what_a_backup_has_no_loss_of_power_takes_from_the_original() {
    // A process was killed between the write of a batch and its sync: the batch is in memory only.
    let mut unsynced = 0;
    for seed in 0..60 {
        let original = Original::new(seed, KEEP_ALL);
        original.commit(5);
        original.simulator.disk.fail_power_after(1 + seed % 3);
        append(&original.log, original.cast).unwrap();
        let _ = original.log.wait_durable(Sequence(6));
        let killed = original.simulator.kill(seed);
        drop(original);
        let to = Simulator::new(seed);
        let report = backup(&killed.disk, &to.disk, &mut |_| {}).unwrap();
        unsynced += report.sequence.0 - 5;
        let after = killed.power_loss(seed);
        let (log, ..) = open(&after.doors(), KEEP_ALL).unwrap();
        assert!(log.durable() >= report.sequence, "seed {seed}: {report:?}");
    }
    assert!(unsynced > 10, "{unsynced}");
}

#[test]
fn a_database_that_gives_up_files_faster_than_they_are_copied_is_refused() {
    let original = Original::new(1, KEEP_ALL);
    let disk: Arc<dyn Disk> = Arc::new(original.simulator.disk.clone());
    let work = Work { original: Mutex::new(original), dice: Dice::new(1) };
    let to = Simulator::new(2);
    let busy = BusyDisk { disk: disk.clone(), work: &work, hides_segments: true };
    let error = backup(&busy, &to.disk, &mut |_| {}).unwrap_err();
    assert!(matches!(error, LogError::BackupOutrun { rounds: 100, .. }), "{error}");
    assert!(to.disk.contents().is_empty());
    // A file that is gone although nothing else has changed is missing.
    let original = work.original.into_inner().unwrap();
    let (path, _) = support::segments(&original.simulator).swap_remove(0);
    original.simulator.disk.take_away(&path);
    let error = backup(disk.as_ref(), &to.disk, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains(&path), "{error}");
}

/// A closed log whose batches have several records, with segments in the archive, and two snapshots in its
/// middle.
fn original(options: LogOptions) -> Simulator {
    let original = Original::new(1, options);
    for round in 0..30 {
        original.commit(round % 7 + 1);
        if round == 10 || round == 20 {
            original.snapshot();
            original.log.wait_maintained();
        }
    }
    original.log.close().unwrap();
    original.simulator.disk.plant("KEEP-LOG", b"all\n".to_vec());
    original.simulator.clone()
}

/// Whether the log of a copy is kept as long as that of `original`: no copy without that is whole.
fn keeps_its_log(copy: &Simulator) -> bool {
    copy.disk.contents().get("KEEP-LOG").is_some_and(|text| text == b"all\n")
}

fn timeline(simulator: &Simulator) -> [u8; 16] {
    LogReader::open(&simulator.doors()).unwrap().timeline()
}

#[test]
fn every_record_can_be_the_last_one_that_is_restored() {
    let simulator = original(KEEP_ALL);
    let (_, all) = use_copy(&simulator);
    let last = all.len() as u64;
    assert!(last > 100);
    let taken = Simulator::new(3);
    backup(&simulator.disk, &taken.disk, &mut |_| {}).unwrap();
    assert_eq!(timeline(&taken), timeline(&simulator));
    let snapshots = restored(&simulator.disk, Until::Newest).unwrap().1.snapshots;
    assert_eq!(snapshots.len(), 2);
    for until in 0..=last {
        let (copy, report) = restored(&taken.disk, Until::Sequence(Sequence(until))).unwrap();
        assert_eq!(report.sequence, Sequence(until));
        let (_, records) = use_copy(&copy);
        assert!(records == all[..until as usize], "until {until}");
        assert_eq!(report.timestamp_micros, records.last().map(|record| record.timestamp_micros));
        let expected: Vec<_> = snapshots.iter().copied().filter(|at| at.0 <= until).collect();
        assert_eq!(report.snapshots, expected, "until {until}");
        assert!(report.timeline == timeline(&copy) && report.timeline != timeline(&taken));
        match report.given_up {
            None => assert_eq!(until, last),
            Some(given_up) => {
                assert_eq!((given_up.first.0, given_up.last.0), (until + 1, last));
                assert_eq!(given_up.count(), last - until);
                assert_eq!(given_up.first_micros, all[until as usize].timestamp_micros);
                assert_eq!(given_up.last_micros, all[last as usize - 1].timestamp_micros);
            }
        }
        // The time of a record, and a moment before the next one, mean the same.
        if let Some(record) = records.last() {
            for micros in [record.timestamp_micros, record.timestamp_micros + 39] {
                let (by_time, report) = restored(&taken.disk, Until::Time(micros)).unwrap();
                assert_eq!(report.sequence, Sequence(until));
                assert!(until % 16 > 0 || use_copy(&by_time).1 == records);
            }
        }
        // What was restored can be restored in turn, to what stood in the part that was cut.
        if until > 0 {
            let (again, report) = restored(&copy.disk, Until::Sequence(Sequence(until - 1))).unwrap();
            assert_eq!(report.given_up.unwrap().count(), 1);
            assert_eq!(use_copy(&again).1.len() as u64, until - 1);
        }
    }
}

#[test]
fn a_point_outside_the_log_is_refused_and_leaves_nothing() {
    let simulator = original(KEEP_ALL);
    let last = use_copy(&simulator).1.len() as u64;
    let refused = |from: &Simulator, until| {
        let to = Simulator::new(5);
        let options = RestoreOptions { until, segment_bytes: SMALL.segment_bytes };
        let error = restore(&from.disk, &to.doors(), options, &mut |_| {}).unwrap_err();
        assert!(to.disk.contents().is_empty(), "{error}");
        error
    };
    let beyond = refused(&simulator, Until::Sequence(Sequence(last + 1)));
    assert!(matches!(beyond, LogError::NoSuchRecord { .. }), "{beyond}");
    let early = refused(&simulator, Until::Time(5));
    assert!(matches!(early, LogError::NothingSoOld { first: Sequence(1), .. }), "{early}");
    let nothing = refused(&Simulator::new(1), Until::Newest);
    assert!(matches!(nothing, LogError::NoDatabase { .. }), "{nothing}");

    // A log without its beginning needs a snapshot before the point.
    let simulator = original(KEEP_NONE);
    let (copy, report) = restored(&simulator.disk, Until::Newest).unwrap();
    let (before, records) = use_copy(&copy);
    let first = LogReader::open(&copy.doors()).unwrap().first();
    assert!(first > Sequence(1) && report.snapshots.len() == 2, "{first} {report:?}");
    assert_eq!(before, *report.snapshots.last().unwrap());
    assert_eq!(before.0 + records.len() as u64, last);
    let older = report.snapshots[0];
    for until in [Sequence(0), first.previous(), first, older.previous()] {
        let error = refused(&simulator, Until::Sequence(until));
        assert!(matches!(error, LogError::NoSnapshotBefore { .. }), "{until}: {error}");
    }
    let (copy, report) = restored(&simulator.disk, Until::Sequence(older)).unwrap();
    assert_eq!((report.snapshots, use_copy(&copy).1.len()), (vec![older], 0));
}

#[test]
fn a_folder_with_anything_in_it_and_a_database_in_use_are_refused() {
    let simulator = original(KEEP_ALL);
    for path in ["notes.txt", "LOCK", "log/00000000000000000001.log", "MANIFEST"] {
        let to = Simulator::new(5);
        to.disk.create_directory("log").unwrap();
        to.disk.plant(path, vec![1]);
        let error = backup(&simulator.disk, &to.disk, &mut |_| {}).unwrap_err();
        assert!(matches!(error, LogError::NotEmpty { .. }), "{path}: {error}");
        let error =
            restore(&simulator.disk, &to.doors(), RestoreOptions::default(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, LogError::NotEmpty { .. }), "{path}: {error}");
        assert_eq!(to.disk.contents().len(), 1);
    }
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    let error = restored(&simulator.disk, Until::Newest).err().unwrap();
    assert!(matches!(error, LogError::Locked { .. }), "{error}");
    drop(log);
}

/// Does it again on the remains, and lets the power fail once more meanwhile.
fn check_remains_are_replaced(
    remains: &Simulator,
    change: u64,
    work: &dyn Fn(&Simulator) -> Result<(), LogError>,
    whole: &dyn Fn(&Simulator, u64),
) {
    let again = same(remains);
    again.disk.fail_power_after(1 + change * 7 % 40);
    let done = work(&again);
    let again = again.power_loss(change + 1);
    match LogReader::open(&again.doors()) {
        Ok(_) => whole(&again, change),
        Err(error) => {
            assert!(done.is_err(), "change {change}: {error}");
            let again = same(&again);
            work(&again).unwrap_or_else(|error| panic!("change {change}: {error}"));
            whole(&again.power_loss(change), change);
        }
    }
}

/// Does something to an empty machine whose power fails at every change in turn. What is left is nothing, or
/// what `whole` accepts.
fn survives_power_loss(work: &dyn Fn(&Simulator) -> Result<(), LogError>, whole: &dyn Fn(&Simulator, u64)) {
    let changes = {
        let to = Simulator::new(5);
        work(&to).unwrap();
        to.disk.changes()
    };
    let mut kept = 0;
    for change in 1..=changes {
        let to = Simulator::new(change);
        to.disk.fail_power_after(change);
        let done = work(&to);
        let after = to.power_loss(change);
        match LogReader::open(&after.doors()) {
            Ok(reader) => {
                drop(reader);
                whole(&after, change);
                kept += 1;
            }
            Err(LogError::UnfinishedCopy { .. } | LogError::NoDatabase { .. }) => {
                assert!(done.is_err(), "change {change} of {changes}");
                // The same command replaces what is left, as often as it takes.
                check_remains_are_replaced(&after, change, work, whole);
            }
            Err(error) => panic!("change {change} of {changes}: {error}"),
        }
    }
    assert!(kept > 0 && kept < 5, "{kept} of {changes}");
}

#[test]
fn a_copy_cut_short_by_a_loss_of_power_is_none_or_whole() {
    let simulator = original(KEEP_ALL);
    let (_, all) = use_copy(&simulator);
    survives_power_loss(&|to| backup(&simulator.disk, &to.disk, &mut |_| {}).map(drop), &|copy, change| {
        assert!(keeps_its_log(copy) && use_copy(copy).1 == all, "change {change}");
    });
    let options = RestoreOptions { until: Until::Sequence(Sequence(61)), segment_bytes: SMALL.segment_bytes };
    survives_power_loss(
        &|to| restore(&simulator.disk, &to.doors(), options, &mut |_| {}).map(drop),
        &|copy, change| {
            assert!(keeps_its_log(copy) && use_copy(copy).1 == all[..61], "change {change}");
        },
    );
}

/// What a process left that was killed after so many changes while it made a copy.
fn killed_after(changes: u64, work: &dyn Fn(&Simulator) -> Result<(), LogError>) -> Simulator {
    let to = Simulator::new(changes);
    to.disk.fail_power_after(changes);
    work(&to).unwrap_err();
    to.kill(changes)
}

#[test]
fn the_remains_of_another_copy_are_replaced() {
    // A backup that was killed left a folder that a person had to delete by hand.
    let (kept, given_up) = (original(KEEP_ALL), original(KEEP_NONE));
    // Only one of the two has an archive: the other's copy touches no such folder, and only that
    // its removal was made safe keeps what lay in it from coming back.
    replaces_remains(&kept, &given_up);
    replaces_remains(&given_up, &kept);
}

/// Makes copies in folders in which one of another database was cut short.
fn replaces_remains(simulator: &Simulator, other: &Simulator) {
    let (_, all) = use_copy(simulator);
    let changes = {
        let to = Simulator::new(1);
        backup(&other.disk, &to.disk, &mut |_| {}).unwrap();
        to.disk.changes()
    };
    let mut replaced = 0;
    // The last three changes tidy up, and a copy is whole without them.
    for killed in (1..changes - 3).step_by(3) {
        // Of another database, so that nothing of it may be left.
        let remains = killed_after(killed, &|to| backup(&other.disk, &to.disk, &mut |_| {}).map(drop));
        match backup(&simulator.disk, &remains.disk, &mut |_| {}) {
            Ok(_) => replaced += 1,
            Err(LogError::NotEmpty { found, .. }) => assert!(found == "MANIFEST" && killed + 4 >= changes),
            Err(error) => panic!("killed after {killed} of {changes}: {error}"),
        }
        if killed + 4 < changes {
            let after = remains.power_loss(killed);
            assert!(!after.disk.contents().contains_key("UNFINISHED-COPY"), "{killed}");
            assert!(use_copy(&after).1 == all, "killed after {killed}");
        }
    }
    assert!(replaced > 10);
}

#[test]
fn only_the_remains_of_a_copy_are_replaced() {
    let simulator = original(KEEP_ALL);
    let work = |to: &Simulator| backup(&simulator.disk, &to.disk, &mut |_| {}).map(drop);
    let refused = |remains: &Simulator, path: &str| {
        let before = remains.disk.contents();
        let error = work(remains).unwrap_err();
        let named = matches!(&error, LogError::NotEmpty { found, .. } if found == path);
        assert!(named, "{path}: {error}");
        let error = restore(&simulator.disk, &remains.doors(), RestoreOptions::default(), &mut |_| {});
        assert!(matches!(error, Err(LogError::NotEmpty { .. })), "{path}: {error:?}");
        assert!(remains.disk.contents() == before, "{path}: nothing is changed");
    };
    // Something of somebody else's is in the folder, too.
    for path in ["notes.txt", "log/notes.txt", "log/aside/00000000000000000001.log", "artifacts/a.wasm"] {
        let remains = killed_after(30, &work);
        for directory in ["log/aside", "artifacts"] {
            remains.disk.create_directory(directory).unwrap();
        }
        remains.disk.plant(path, vec![1]);
        refused(&remains, path);
    }
    // A copy that got its manifest is whole, though nobody was told.
    let remains = killed_after(30, &work);
    remains.disk.plant("MANIFEST", vec![1]);
    refused(&remains, "MANIFEST");
    // A file of that name which says something else is not the marker.
    let remains = killed_after(30, &work);
    remains.disk.plant("UNFINISHED-COPY", b"my list of unfinished copies".to_vec());
    let error = work(&remains).unwrap_err();
    assert!(matches!(error, LogError::NotEmpty { .. }), "{error}");
    // A process that is at it is not disturbed, and neither is anything made of what it has so far.
    let remains = killed_after(30, &work);
    let before = remains.disk.contents();
    let held = remains.disk.lock("LOCK", LockKind::Exclusive).unwrap();
    let error = work(&remains).unwrap_err();
    assert!(matches!(error, LogError::Locked { .. }) && remains.disk.contents() == before, "{error}");
    drop(held);
    let error = open(&remains.doors(), KEEP_ALL).err().unwrap();
    assert!(matches!(error, LogError::UnfinishedCopy { .. }), "{error}");
    let error = backup(&remains.disk, &Simulator::new(9).disk, &mut |_| {}).unwrap_err();
    assert!(matches!(error, LogError::UnfinishedCopy { .. }), "{error}");
    assert!(remains.disk.contents() == before);
}

#[test]
fn a_whole_copy_whose_marker_is_left_is_a_copy() {
    // The process was killed between the manifest and the removal of the marker.
    let simulator = original(KEEP_ALL);
    let (_, all) = use_copy(&simulator);
    let work = |to: &Simulator| backup(&simulator.disk, &to.disk, &mut |_| {}).map(drop);
    let marker = killed_after(30, &work).disk.contents().remove("UNFINISHED-COPY").unwrap();
    let copy = Simulator::new(1);
    work(&copy).unwrap();
    copy.disk.plant("UNFINISHED-COPY", marker);
    assert!(use_copy(&copy).1 == all);
    assert!(restored(&copy.disk, Until::Newest).is_ok());
    let (log, ..) = open(&copy.doors(), KEEP_ALL).unwrap();
    drop(log);
    assert!(!copy.disk.contents().contains_key("UNFINISHED-COPY"));
}

#[test]
fn a_copy_that_fails_on_a_broken_disk_is_replaced_when_it_works_again() {
    // What a copy could not take away again, because the disk was broken for that as well, is its remains.
    let simulator = original(KEEP_ALL);
    let (_, all) = use_copy(&simulator);
    let options = RestoreOptions { until: Until::Newest, segment_bytes: SMALL.segment_bytes };
    let work = |to: &Simulator| restore(&simulator.disk, &to.doors(), options, &mut |_| {}).map(drop);
    let changes = {
        let to = Simulator::new(1);
        work(&to).unwrap();
        to.disk.changes()
    };
    // The last four give the copy its name.
    for killed in (1..changes - 4).step_by(7) {
        let remains = killed_after(killed, &work);
        work(&remains).unwrap();
        assert!(use_copy(&remains).1 == all, "killed after {killed}");
    }
}

#[test]
fn a_copy_that_fails_leaves_nothing_and_may_be_made_again() {
    let simulator = original(KEEP_ALL);
    let (_, all) = use_copy(&simulator);
    let whole = Simulator::new(5);
    backup(&simulator.disk, &whole.disk, &mut |_| {}).unwrap();
    let used = whole.disk.used_bytes();
    for step in 0..42 {
        let to = Simulator::new(step);
        match step % 3 {
            0 => to.disk.set_capacity(Some(used * step / 42)),
            1 => to.disk.fail_write_after(step / 3),
            _ => to.disk.fail_sync_after(step / 3),
        }
        let error = backup(&simulator.disk, &to.disk, &mut |_| {}).unwrap_err();
        assert_eq!(matches!(error, LogError::DiskFull { .. }), step % 3 == 0, "step {step}: {error}");
        assert!(to.disk.contents().is_empty(), "step {step}: {:?}", to.disk.contents().keys());
        // The same disk, without what makes it fail.
        let to = same(&to);
        to.disk.set_capacity(None);
        backup(&simulator.disk, &to.disk, &mut |_| {}).unwrap();
        assert!(use_copy(&to).1 == all);
    }
}

#[test]
fn damage_behind_the_point_keeps_nobody_from_what_is_before_it() {
    // A restore to a point before the damage, which is what a backup is kept for, was refused for the damage.
    let simulator = original(KEEP_ALL);
    let all = use_copy(&simulator).1;
    let last = all.len() as u64;
    let (mut made, mut refused) = (0, 0);
    for (path, bytes) in simulator.disk.contents() {
        if !path.ends_with(".log") {
            continue;
        }
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in [100, end / 3, end / 2, end - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            for damaged in [Some(flipped), Some(bytes[..at].to_vec()), None] {
                match damaged {
                    Some(damaged) => simulator.disk.plant(&path, damaged),
                    None => simulator.disk.take_away(&path),
                }
                // How far the log can be read is what a repair says.
                let repair = Repair::plan(&same(&simulator).doors(), None).unwrap();
                let kept = repair.what().kept_until.0;
                assert!(repair.what().reason.is_some(), "{path} at {at}");
                for until in [kept.saturating_sub(20), kept, (kept + 1).min(last), last] {
                    let time = all.get(until as usize).map(|next| next.timestamp_micros - 1);
                    let done = restored(&simulator.disk, Until::Sequence(Sequence(until)));
                    if until > kept {
                        let error = done.err().unwrap();
                        assert!(!error.to_string().is_empty(), "{path} at {at}, {until} of {kept}");
                        refused += 1;
                        continue;
                    }
                    let (copy, report) =
                        done.unwrap_or_else(|error| panic!("{path} at {at}, {until} of {kept}: {error}"));
                    let damage = report.damage.unwrap();
                    assert_eq!((damage.read_until.0, damage.known_until.0), (kept, last), "{path} at {at}");
                    assert!(damage.what.contains(&path), "{damage:?}");
                    assert_eq!(report.given_up.map_or(0, |given_up| given_up.count()), kept - until);
                    assert!(use_copy(&copy).1 == all[..until as usize], "{path} at {at}, {until}");
                    made += 1;
                    // By time, the next record must be there: there might have been more as old.
                    let by_time = time.map(|micros| restored(&simulator.disk, Until::Time(micros)));
                    if let Some(by_time) = by_time.filter(|_| until > 0) {
                        assert_eq!(by_time.is_ok(), until < kept, "{path} at {at}, {until} of {kept}");
                    }
                }
                simulator.disk.plant(&path, bytes.clone());
            }
        }
    }
    assert!(made > 100 && refused > 100, "{made} {refused}");
}

#[test]
fn nothing_is_made_of_a_damaged_original() {
    let simulator = original(KEEP_ALL);
    let all = use_copy(&simulator).1;
    for (path, bytes) in simulator.disk.contents() {
        let mut damaged = bytes.clone();
        let middle = damaged.iter().rposition(|byte| *byte != 0).map_or(0, |end| end / 2);
        if damaged.is_empty() {
            continue;
        }
        damaged[middle] ^= 1;
        simulator.disk.plant(&path, damaged);
        let to = Simulator::new(5);
        let taken = backup(&simulator.disk, &to.disk, &mut |_| {});
        let copied = restored(&simulator.disk, Until::Newest);
        if path == "KEEP-LOG" {
            // Whoever opens the copy reads it, as in the original.
        } else if path.starts_with("snapshots/") || path.ends_with(".index") || path == "LOCK" {
            // What can be made anew is left out, and said to be.
            let left_out = usize::from(path.starts_with("snapshots/"));
            assert_eq!(taken.unwrap().left_out.len(), left_out, "{path}");
            assert_eq!(copied.unwrap().1.left_out.len(), left_out, "{path}");
            assert!(use_copy(&to).1 == all);
        } else {
            assert!(to.disk.contents().is_empty(), "{path}");
            let (taken, copied) = (taken.unwrap_err(), copied.err().unwrap());
            assert!(taken.to_string().contains("damaged"), "{path}: {taken}");
            assert!(copied.to_string().contains("damaged"), "{path}: {copied}");
        }
        simulator.disk.plant(&path, bytes);
    }
}
