//! Snapshots that know more than the log beside them: a log that ends before a snapshot of its own has lost what was
//! safe, and one that lost no more than a mark has not.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{
    Anchor, Cancellation, Digest, Gravity, LogError, LogOptions, LogReader, Past, Repair, Retention,
    Sequence, SnapshotIdentity, SnapshotStore, StartingPoint, TableContents, TableHead, put_snapshot_aside,
    verify,
};
use support::{
    Cast, SMALL, append, assert_in_order, assert_in_order_after, batches, is_of_the_log, open, open_after,
    segments,
};

const KEEP_ALL: LogOptions = LogOptions { retention: Retention::KeepAll, ..SMALL };

/// How long the writer is idle before it writes a mark, and more.
const IDLE_MICROS: u64 = 1_000_000;

/// Takes a snapshot of what is durable.
fn take(store: &SnapshotStore, log: &interstice_log::Log) -> StartingPoint {
    take_at(store, log, log.anchor())
}

/// Takes a snapshot that says that it is of this place.
fn take_at(store: &SnapshotStore, log: &interstice_log::Log, anchor: Anchor) -> StartingPoint {
    let (database_key, timeline) = (log.database_key(), log.timeline());
    let identity = SnapshotIdentity { database_key, timeline, anchor, storage: Digest([7; 32]) };
    let mut writer = store.begin(identity, &Cancellation::new()).unwrap();
    let head = TableHead { package: "acme:bank".to_owned(), name: "t".to_owned(), shape: Digest([1; 32]) };
    let mut table = writer.table(head).unwrap();
    table.rows(1, &anchor.sequence.0.to_le_bytes()).unwrap();
    table.finish(TableContents { counter: None, rows: 1, digest: Digest([2; 32]) }).unwrap();
    writer.publish().unwrap();
    StartingPoint { timeline, anchor }
}

/// A database of four batches of five records, with snapshots after the second and the last; killed. Before the
/// snapshots the writer is idle for long enough to write a mark, if that is asked for.
fn killed(has_marks: bool) -> (Simulator, [StartingPoint; 2]) {
    let simulator = Simulator::new(3);
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    let (cast, store) = (Cast::define(&log), SnapshotStore::new(&simulator.doors()));
    store.belong_to(&log);
    let mut taken = Vec::new();
    for batch in 1..=4 {
        for _ in 0..5 {
            append(&log, cast).unwrap();
        }
        log.wait_durable(Sequence(5 * batch)).unwrap();
        if has_marks {
            simulator.threads.run_until_idle();
            simulator.clock.advance(IDLE_MICROS);
            simulator.threads.run_until_idle();
        }
        if batch % 2 == 0 {
            taken.push(take(&store, &log));
        }
    }
    let killed = simulator.kill(3);
    drop(log);
    (killed, taken.try_into().unwrap())
}

fn copy(simulator: &Simulator) -> Simulator {
    Simulator { disk: simulator.disk.copy(), ..Simulator::new(9) }
}

/// The database with zeros in place of the batches from this one on, and the last record that is left.
fn without(whole: &Simulator, from: usize) -> (Simulator, Sequence) {
    let simulator = copy(whole);
    let (path, mut bytes) = segments(&simulator).pop().unwrap();
    let at = batches(&bytes)[from].0;
    bytes[at..].fill(0);
    simulator.disk.plant(&path, bytes);
    let alone = copy(&simulator);
    for path in alone.disk.contents().into_keys().filter(|path| path.starts_with("snapshots/")) {
        alone.disk.take_away(&path);
    }
    let (log, ..) = open(&alone.doors(), KEEP_ALL).unwrap();
    (simulator, log.next_sequence().previous())
}

/// The end of the log was dropped as a torn write of which nobody had been told, although a snapshot said that it was
/// safe; the numbers of its records were given out again, and `log repair` saw nothing to do.
#[test]
fn a_log_that_ends_before_a_snapshot_of_its_own_is_refused_and_goes_on_from_that() {
    let (whole, [older, newest]) = killed(false);
    let count = batches(&segments(&whole)[0].1).len();
    let mut refused = 0;
    for from in 1..count {
        let (simulator, last) = without(&whole, from);
        assert!(last < Sequence(20));
        refused += 1;
        let before = simulator.disk.contents();
        for start in [None, Some(&older), Some(&newest)] {
            let error = match open_after(&simulator.doors(), KEEP_ALL, start) {
                // The log does not come to this place either.
                Err(error) => error.to_string(),
                Ok(_) => panic!("a log that ends with record {last} was opened"),
            };
            assert!(error.contains(&format!("the log ends with record {last}, but ")), "{error}");
            assert!(error.contains("shows that the records up to 20 were safe"), "{error}");
        }
        assert!(simulator.disk.contents() == before, "a refusal changes nothing");
        let reader = LogReader::open(&simulator.doors()).unwrap();
        let read = reader.records(Sequence(1), &mut |_| std::ops::ControlFlow::Continue(()), &mut |_| ());
        assert!(matches!(read, Err(LogError::Damaged { .. })));
        drop(reader);
        let found = verify(&simulator.disk, &mut |_| ()).unwrap();
        assert!(!found.is_sound());
        assert!(
            found.findings.iter().any(|one| one.gravity == Gravity::Damage && one.what.contains("up to 20"))
        );

        // From the snapshot nothing is lost.
        let mended = copy(&simulator);
        let repair = Repair::plan(&mended.doors(), Some(&newest)).unwrap();
        assert_eq!((repair.what().kept_until, repair.what().given_up), (Sequence(20), None));
        repair.apply().unwrap().unwrap();
        let (log, records, _) = open_after(&mended.doors(), KEEP_ALL, Some(&newest)).unwrap();
        assert_eq!((records.len(), log.next_sequence()), (0, Sequence(21)));
        drop(log);

        // Without it, what it shows to have been there is told of, and it is put aside.
        let cut = copy(&simulator);
        let repair = Repair::plan(&cut.doors(), None).unwrap();
        let given_up = repair.what().given_up.unwrap();
        assert_eq!(
            (repair.what().kept_until, given_up.first, given_up.last),
            (last, last.next(), Sequence(20))
        );
        assert!(repair.what().snapshots.contains(&Sequence(20)));
        repair.apply().unwrap().unwrap();
        let (log, records, _) = open(&cut.doors(), KEEP_ALL).unwrap();
        assert_in_order(&records);
        assert_eq!((records.len() as u64, log.next_sequence()), (last.0, last.next()));
    }
    assert!(refused >= 3, "{refused}");
}

/// What is lost with a mark is no record: the log goes on from before, and does so without the snapshot that is tied
/// to the mark. That no longer counts among the two for which the log before them is given up.
#[test]
fn a_snapshot_behind_a_mark_that_is_lost_does_not_count() {
    let (whole, [older, newest]) = killed(true);
    let count = batches(&segments(&whole)[0].1).len();
    let (simulator, last) = without(&whole, count - 1);
    assert_eq!(last, Sequence(20), "the last batch is a mark");
    assert!(matches!(
        open_after(&simulator.doors(), KEEP_ALL, Some(&newest)),
        Err(LogError::NotInLog { .. })
    ));
    let (log, records, _) = open_after(&simulator.doors(), KEEP_ALL, Some(&older)).unwrap();
    assert_in_order_after(older.anchor.sequence, &records);
    // The node puts it aside.
    put_snapshot_aside(&simulator.doors(), &log, Sequence(20)).unwrap();
    let (cast, store) = (Cast::define(&log), SnapshotStore::new(&simulator.doors()));
    store.belong_to(&log);
    store.list().unwrap().iter().for_each(|one| assert!(one.found.is_ok(), "{one:?}"));
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(21)).unwrap();
    take(&store, &log);
    let past = Past { retention: Retention::KeepNone, first: Sequence(1), now_micros: 0 };
    let pruned = store.prune(&past, &Cancellation::new()).unwrap();
    assert!(!pruned.kept.contains(&Sequence(20)), "{:?}", pruned.kept);
    assert!(pruned.covered.is_none_or(|covered| covered.until == older.anchor.sequence), "{pruned:?}");
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(22)).unwrap();
    take(&store, &log);
    let pruned = store.prune(&past, &Cancellation::new()).unwrap();
    assert_eq!(pruned.kept.last().copied(), pruned.covered.map(|covered| covered.until), "{pruned:?}");
    assert!(pruned.kept.contains(&Sequence(22)) && !pruned.kept.contains(&Sequence(20)), "{pruned:?}");
}

/// A repair that gave the mark up left the snapshot there, as if the log went on from it.
#[test]
fn a_repair_puts_a_snapshot_aside_whose_mark_it_gives_up() {
    let (whole, [older, newest]) = killed(true);
    let (path, bytes) = segments(&whole).pop().unwrap();
    let at = batches(&bytes).last().unwrap().0;
    // A later batch shows that the mark was safe.
    let simulator = copy(&whole);
    let (log, ..) = open_after(&simulator.doors(), KEEP_ALL, Some(&newest)).unwrap();
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(21)).unwrap();
    drop(log);
    let (_, mut bytes) = segments(&simulator).pop().unwrap();
    bytes[at + 20] ^= 1;
    simulator.disk.plant(&path, bytes);
    let refused = open_after(&simulator.doors(), KEEP_ALL, Some(&newest)).err().unwrap();
    assert!(matches!(refused, LogError::Damaged { .. }), "{refused}");
    // What follows the mark names its link, and goes on from the snapshot.
    let plan = Repair::plan(&simulator.doors(), Some(&newest)).unwrap().what().clone();
    assert_eq!((plan.kept_until, plan.given_up, plan.made.len()), (Sequence(21), None, 1));
    let repair = Repair::plan(&simulator.doors(), Some(&older)).unwrap();
    assert_eq!(repair.what().kept_until, Sequence(20));
    assert_eq!(repair.what().snapshots, [Sequence(20)]);
    repair.apply().unwrap().unwrap();
    let left = SnapshotStore::new(&simulator.doors()).list().unwrap();
    assert_eq!(left.iter().map(|one| one.sequence).collect::<Vec<_>>(), [Sequence(10)]);
    let (_, records, _) = open_after(&simulator.doors(), KEEP_ALL, Some(&older)).unwrap();
    assert_in_order_after(Sequence(10), &records);
}

/// A database that was idle after each record, long enough for a mark, until it went on in a second segment; killed.
/// A snapshot was taken of each record before the mark after it: the last one of the first segment is returned.
fn killed_in_the_second_segment() -> (Simulator, StartingPoint) {
    let simulator = Simulator::new(4);
    let (log, ..) = open(&simulator.doors(), KEEP_ALL).unwrap();
    let (cast, store) = (Cast::define(&log), SnapshotStore::new(&simulator.doors()));
    store.belong_to(&log);
    let mut taken = Vec::new();
    while segments(&simulator).len() < 2 {
        let last = append(&log, cast).unwrap();
        log.wait_durable(last).unwrap();
        taken.push(take(&store, &log));
        simulator.threads.run_until_idle();
        simulator.clock.advance(IDLE_MICROS);
        simulator.threads.run_until_idle();
    }
    let last = append(&log, cast).unwrap();
    log.wait_durable(last).unwrap();
    let killed = simulator.kill(4);
    drop(log);
    // The last of them is of the first record of the second segment.
    (killed, taken[taken.len() - 2])
}

/// The second segment goes on from the mark, and the snapshot is tied to the batch before it. Without the segment with
/// both, nothing tied the one to the other, and the records of the second segment were given up.
#[test]
fn a_snapshot_before_a_mark_is_tied_to_the_segment_behind_it() {
    let (whole, covering) = killed_in_the_second_segment();
    let last = covering.anchor.sequence;
    let [(first_path, first), (second_path, _)] = <[_; 2]>::try_from(segments(&whole)).unwrap();
    assert_eq!(second_path, format!("log/{:020}.log", last.0 + 1));
    let starts: Vec<usize> = batches(&first).iter().map(|batch| batch.0).collect();
    let mark = *starts.last().unwrap();
    assert_ne!(first[starts[1]..starts[1] + 32], covering.anchor.link, "another batch");
    let mut cases = vec![None];
    cases.extend([8, starts[0], starts[starts.len() - 2], mark].map(|at| {
        let mut damaged = first.clone();
        damaged[at + 20] ^= 1;
        Some(damaged)
    }));
    for damaged in cases {
        let (simulator, is_missing) = (copy(&whole), damaged.is_none());
        match damaged {
            Some(bytes) => simulator.disk.plant(&first_path, bytes),
            None => simulator.disk.take_away(&first_path),
        }
        match open_after(&copy(&simulator).doors(), KEEP_ALL, Some(&covering)) {
            // What it holds is not needed.
            Ok((_, records, _)) => {
                assert_in_order_after(last, &records);
                assert_eq!(records.len(), 2);
            }
            Err(error) => assert!(is_missing && matches!(error, LogError::MissingSegment { .. }), "{error}"),
        }
        let repair = Repair::plan(&simulator.doors(), Some(&covering)).unwrap();
        let what = repair.what();
        assert_eq!((what.kept_until, what.given_up), (Sequence(last.0 + 2), None), "{what:?}");
        assert_eq!(what.history_until, Some(last));
        repair.apply().unwrap().unwrap();
        let (log, records, _) = open_after(&simulator.doors(), KEEP_ALL, Some(&covering)).unwrap();
        assert_in_order_after(last, &records);
        assert_eq!((records.len(), log.next_sequence()), (2, Sequence(last.0 + 3)));
        drop(log);
        let found = verify(&simulator.disk, &mut |_| ()).unwrap().findings;
        let mut of_the_log = found.iter().filter(|finding| is_of_the_log(finding));
        assert!(of_the_log.all(|finding| finding.gravity == Gravity::Mended), "{found:?}");

        // A snapshot that is tied to another batch is not.
        let mut foreign = covering;
        foreign.anchor.link[0] ^= 1;
        let refused = open_after(&simulator.doors(), KEEP_ALL, Some(&foreign)).err().unwrap();
        assert!(matches!(refused, LogError::NotInLog { .. }), "{refused}");
    }
}

/// What the first segment holds is kept where there is no other to go on with.
#[test]
fn a_damaged_mark_costs_no_history_where_nothing_follows() {
    let (whole, covering) = killed_in_the_second_segment();
    let last = covering.anchor.sequence;
    let [(first_path, mut first), (second_path, mut second)] = <[_; 2]>::try_from(segments(&whole)).unwrap();
    let mark = batches(&first).last().unwrap().0;
    first[mark + 20] ^= 1;
    whole.disk.plant(&first_path, first);
    second[8] ^= 1;
    whole.disk.plant(&second_path, second);
    let repair = Repair::plan(&whole.doors(), Some(&covering)).unwrap();
    let what = repair.what();
    assert_eq!((what.kept_until, what.history_until), (last, None));
    assert_eq!(what.given_up.unwrap().first, last.next());
    repair.apply().unwrap().unwrap();
    let (_, records, _) = open(&whole.doors(), KEEP_ALL).unwrap();
    assert_in_order(&records);
    assert_eq!(records.len() as u64, last.0);
}

/// Of a log without its beginning, a verification compared timeline and number of the snapshots alone: of one that
/// came from a copy of the database that went on by itself, it said that the database could begin with it.
#[test]
fn a_verification_tells_a_snapshot_from_which_the_log_does_not_go_on() {
    let (whole, covering) = killed_in_the_second_segment();
    whole.disk.take_away(&segments(&whole)[0].0);
    Repair::plan(&whole.doors(), Some(&covering)).unwrap().apply().unwrap().unwrap();
    let covered = covering.anchor.sequence;
    let tied = |change: &dyn Fn(&mut Anchor)| {
        let simulator = copy(&whole);
        for path in simulator.disk.contents().into_keys().filter(|path| path.starts_with("snapshots/")) {
            simulator.disk.take_away(&path);
        }
        let (log, ..) = open_after(&simulator.doors(), KEEP_ALL, Some(&covering)).unwrap();
        let mut anchor = covering.anchor;
        change(&mut anchor);
        let store = SnapshotStore::new(&simulator.doors());
        take_at(&store, &log, anchor);
        log.close().unwrap();
        let found = verify(&simulator.disk, &mut |_| ()).unwrap().findings;
        let damage = found
            .into_iter()
            .filter(|finding| finding.gravity == Gravity::Damage && !finding.path.starts_with("artifacts/"));
        damage.map(|finding| finding.to_string()).collect::<Vec<_>>()
    };
    assert!(tied(&|_| ()).is_empty());
    let head = format!("snapshots/{:020}.snapshot", covered.0);
    let tells = |found: Vec<String>, what: &str| {
        assert!(found.iter().any(|one| one.contains(&head) && one.contains(what)), "{what}: {found:?}");
        assert!(
            found.iter().any(|one| one.contains("there is no whole snapshot to begin with")),
            "{found:?}"
        );
    };
    tells(tied(&|anchor| anchor.link[0] ^= 1), "has another link");
    tells(tied(&|anchor| anchor.catalog[0] ^= 1), "the catalog there is another one");
}
