//! Snapshots written, shared, pruned and read again, and what is refused on the way.
#![allow(clippy::unwrap_used)]

mod snapshot_support;
mod support;

use interstice_log::doors::Clock;
use interstice_log::limits::{MAX_SNAPSHOT_BATCH_BYTES, MAX_SNAPSHOT_HEAD_BYTES};
use interstice_log::sim::Simulator;
use interstice_log::{
    Anchor, Caller, Cancellation, Cause, Covered, Digest, Family, Installed, LogError, Outcome, Past,
    RecordParts, Retention, Sequence, SnapshotIdentity, SnapshotStore, StartingPoint, TableContents,
    WriteSet, os,
};
use sha2::{Digest as _, Sha256};
use snapshot_support::{
    NO_PAST, State, Table, assert_apart, assert_holds, contents, files, head, identity, prune, valid, write,
};
use std::io;
use support::{Cast, SMALL, append, open, open_after};

const DAY_MICROS: u64 = 86_400_000_000;

fn machine() -> (Simulator, SnapshotStore) {
    let simulator = Simulator::new(1);
    let store = SnapshotStore::new(&simulator.doors());
    (simulator, store)
}

#[test]
fn many_tables_come_back_as_they_were_written() {
    let (simulator, store) = machine();
    let mut state = State::new(100, &[0, 1, 7, 8, 500, 0, 3]);
    let large = |rows, row_bytes| Table { version: 3, rows, row_bytes };
    state.tables.insert("tables.many".to_owned(), large(60_000, 20));
    state.tables.insert("tables.wide".to_owned(), large(9, 200_000));
    let snapshot = write(&store, &state).unwrap();
    assert_holds(&simulator.disk, &snapshot, &state);
    assert_eq!(snapshot.family(), Family::A);
    assert!(snapshot.stored_bytes() > 1 << 20);
    let listed = valid(&store);
    assert_eq!(listed, std::slice::from_ref(&snapshot));
    for table in snapshot.tables() {
        let mut rows = 0;
        let mut take = |count: u32, _: &[u8]| {
            rows += u64::from(count);
            Ok(())
        };
        snapshot.read_table(&simulator.disk, table, &Cancellation::new(), &mut take).unwrap();
        assert_eq!(rows, table.contents.rows);
        assert_eq!(table.stored_bytes() == 0, rows == 0);
    }
}

#[test]
fn snapshots_are_written_to_real_files() {
    let directory = tempfile::tempdir().unwrap();
    let doors = os::doors(directory.path()).unwrap();
    let store = SnapshotStore::new(&doors);
    assert!(store.list().unwrap().is_empty());
    assert!(store.clean().unwrap().is_empty());
    let mut state = State::new(1, &[2000, 0, 10]);
    for round in 0..5 {
        let snapshot = write(&store, &state).unwrap();
        assert_holds(doors.disk.as_ref(), &snapshot, &state);
        prune(&store).unwrap();
        assert_eq!(valid(&store).len(), if round == 0 { 1 } else { 2 });
        state = state.changed(10, 0);
    }
    let objects = std::fs::read_dir(directory.path().join("snapshots/objects")).unwrap().count();
    assert_eq!(objects, 4);
}

#[test]
fn a_batch_of_the_greatest_length_fits_and_a_longer_one_is_refused() {
    let (simulator, store) = machine();
    let mut writer = store.begin(identity(Sequence(1)), &Cancellation::new()).unwrap();
    let longest = vec![7; MAX_SNAPSHOT_BATCH_BYTES];
    let mut table = writer.table(head("t")).unwrap();
    table.rows(1, b"short").unwrap();
    table.rows(u32::MAX, &longest).unwrap();
    table.rows(0, b"").unwrap();
    table.rows(1, b"").unwrap();
    let rows = u64::from(u32::MAX) + 2;
    table.finish(TableContents { counter: None, rows, digest: Digest::default() }).unwrap();
    let snapshot = writer.publish().unwrap();
    let mut lengths = Vec::new();
    let mut take = |count: u32, batch: &[u8]| {
        lengths.push((count, batch.len()));
        Ok(())
    };
    snapshot.read_table(&simulator.disk, &snapshot.tables()[0], &Cancellation::new(), &mut take).unwrap();
    assert_eq!(lengths, [(1, 5), (u32::MAX, longest.len()), (1, 0)]);

    let mut writer = store.begin(identity(Sequence(2)), &Cancellation::new()).unwrap();
    let mut table = writer.table(head("t")).unwrap();
    let refused = table.rows(1, &[longest, vec![0]].concat()).unwrap_err();
    assert!(matches!(refused, LogError::SnapshotTooLarge { .. }), "{refused}");
    let refused = writer.section("all", &vec![0; MAX_SNAPSHOT_HEAD_BYTES]).unwrap_err();
    assert!(matches!(refused, LogError::SnapshotTooLarge { .. }), "{refused}");
    // The head is as long as its sections and a little more.
    drop(writer);
    let mut writer = store.begin(identity(Sequence(2)), &Cancellation::new()).unwrap();
    writer.section("all", &vec![0; MAX_SNAPSHOT_HEAD_BYTES - 100]).unwrap();
    let refused = writer.publish().unwrap_err();
    assert!(matches!(refused, LogError::SnapshotTooLarge { .. }), "{refused}");
    assert_eq!(valid(&store).len(), 1);
}

#[test]
fn unchanged_tables_are_shared_within_a_family_and_never_across() {
    let (simulator, store) = machine();
    let mut state = State::new(10, &[50, 50, 0]);
    let mut snapshots = Vec::new();
    for _ in 0..6 {
        let snapshot = write(&store, &state).unwrap();
        assert_holds(&simulator.disk, &snapshot, &state);
        snapshots.push(snapshot);
        state = state.changed(10, 0);
    }
    let object = |index: usize, table: usize| snapshots[index].files()[table].clone();
    for index in 2..6 {
        assert_apart(&snapshots[index], &snapshots[index - 1]);
        assert_eq!(object(index, 1), object(index - 2, 1), "the unchanged table is not written again");
        assert_ne!(object(index, 0), object(index - 2, 0));
    }
    assert!(object(0, 1).contains("/a-") && object(1, 1).contains("/b-"));
    // Without a change nothing but the head is written.
    let before = simulator.disk.contents().len();
    write(&store, &state.later(1)).unwrap();
    write(&store, &state.later(2)).unwrap();
    let objects = |simulator: &Simulator| simulator.disk.contents().len();
    assert_eq!(objects(&simulator), before + 2 + 2, "two heads, and the table that changed in each family");
}

#[test]
fn only_the_same_table_counts_as_unchanged() {
    let (_simulator, store) = machine();
    let state = State::new(10, &[50]);
    write(&store, &state).unwrap();
    write(&store, &state.later(1)).unwrap();
    let mut writer = store.begin(identity(Sequence(30)), &Cancellation::new()).unwrap();
    let (name, table) = state.tables.iter().next().unwrap();
    let same = contents(name, table, Sequence(10));
    let mut differs = |head, contents| assert!(!writer.unchanged(&head, contents).unwrap());
    differs(head("tables.t1"), same);
    let mut foreign = head(name);
    foreign.package.push('x');
    differs(foreign, same);
    let mut reshaped = head(name);
    reshaped.shape.0[31] ^= 1;
    differs(reshaped, same);
    differs(head(name), TableContents { rows: same.rows - 1, ..same });
    differs(head(name), TableContents { digest: Digest([1; 32]), ..same });
    // The counter may move without a change of rows.
    let moved = TableContents { counter: Some(77), ..same };
    assert!(writer.unchanged(&head(name), moved).unwrap());
    assert_eq!(writer.publish().unwrap().tables()[0].contents.counter, Some(77));
}

#[test]
fn a_damaged_object_is_never_shared() {
    let (simulator, store) = machine();
    let state = State::new(10, &[50]);
    let first = write(&store, &state).unwrap();
    write(&store, &state.later(1)).unwrap();
    let path = first.files().swap_remove(0);
    let mut bytes = simulator.disk.contents()[&path].clone();
    *bytes.last_mut().unwrap() ^= 1;
    simulator.disk.plant(&path, bytes);
    let third = write(&store, &state.later(2)).unwrap();
    assert_eq!(third.family(), first.family());
    assert_ne!(third.files()[0], path);
    assert_holds(&simulator.disk, &third, &state.later(2));
}

#[test]
fn prune_removes_exactly_what_it_may() {
    let (simulator, store) = machine();
    let mut state = State::new(10, &[50, 50, 0]);
    assert!(prune(&store).unwrap().removed.is_empty(), "there is nothing yet");
    for round in 0..6 {
        write(&store, &state).unwrap();
        simulator.disk.plant("snapshots/notes.txt", b"not ours".to_vec());
        simulator.disk.plant("snapshots/objects/notes.txt", b"not ours".to_vec());
        let report = prune(&store).unwrap();
        assert_eq!(report.kept[0], state.sequence);
        assert_eq!(report.kept.len(), 2.min(round + 1));
        // The head and the table that changed; the other table is referred to by a kept snapshot.
        assert_eq!(report.removed.len(), if round < 2 { 0 } else { 2 }, "{report:?}");
        let (mut there, needed) = files(&simulator.disk, &store);
        assert!(there.remove("snapshots/notes.txt") && there.remove("snapshots/objects/notes.txt"));
        assert_eq!(there, needed);
        state = state.changed(10, 0);
    }
    let again = prune(&store).unwrap();
    assert!(again.removed.is_empty() && again.kept.len() == 2);
}

#[test]
fn prune_removes_none_until_two_others_are_right() {
    let (simulator, store) = machine();
    let state = State::new(10, &[50]);
    write(&store, &state).unwrap();
    let second = write(&store, &state.later(1)).unwrap();
    let path = second.files().swap_remove(0);
    let mut bytes = simulator.disk.contents()[&path].clone();
    *bytes.last_mut().unwrap() ^= 1;
    simulator.disk.plant(&path, bytes);
    // The third is of the first one's family, as nobody knows of the damage yet.
    write(&store, &state.later(2)).unwrap();
    let report = prune(&store).unwrap();
    assert_eq!(report.kept, [Sequence(12)]);
    assert!(report.removed.is_empty());
    assert!(matches!(report.damaged[..], [(Sequence(11), LogError::DamagedSnapshot { .. })]), "{report:?}");
    // The fourth does not share the damaged rows.
    let fourth = write(&store, &state.later(3)).unwrap();
    let report = prune(&store).unwrap();
    assert_eq!(report.kept, [Sequence(13), Sequence(12)]);
    assert_eq!(report.removed.len(), 3, "two heads and the damaged rows: {report:?}");
    assert_holds(&simulator.disk, &fourth, &state.later(3));
    let (there, needed) = files(&simulator.disk, &store);
    assert_eq!(there, needed);
}

/// Of what is old enough the newest snapshot stays for old states, if it is right: when it is not, and those before
/// it were removed, no state before the two newest could be rebuilt.
#[test]
fn a_damaged_snapshot_is_not_what_old_states_rest_on() {
    let (simulator, store) = machine();
    let state = State::new(10, &[50]);
    let written: Vec<_> = (0..5).map(|n| write(&store, &state.changed(n, 0)).unwrap()).collect();
    // All of these are older than the time since when states are asked for, but for the second of the two newest.
    let now = simulator.clock.now_micros();
    let days = (now / DAY_MICROS + 1) as u32;
    let since = identity(Sequence(12)).anchor.latest_micros;
    simulator.clock.advance(u64::from(days) * DAY_MICROS + since - now);
    let now_micros = simulator.clock.now_micros();
    let past = |first| Past { retention: Retention::KeepDays(days), first: Sequence(first), now_micros };
    let path = written[2].files().swap_remove(0);
    let mut bytes = simulator.disk.contents()[&path].clone();
    *bytes.last_mut().unwrap() ^= 1;
    simulator.disk.plant(&path, bytes);
    let report = store.prune(&past(1), &Cancellation::new()).unwrap();
    assert_eq!(report.kept, [Sequence(14), Sequence(13)]);
    assert_eq!(report.kept_for_past, [Sequence(11)], "{report:?}");
    assert!(matches!(report.damaged[..], [(Sequence(12), LogError::DamagedSnapshot { .. })]), "{report:?}");
    let (until, oldest) = (Sequence(13), Sequence(11));
    let oldest_micros = identity(oldest).anchor.latest_micros;
    assert_eq!(report.covered, Some(Covered { until, oldest, oldest_micros }));
    assert_eq!(valid(&store).len(), 3);
    // The log before it is not given up for it either, once it is damaged itself: the next one is too young for that.
    let path = written[1].files().swap_remove(0);
    let mut bytes = simulator.disk.contents()[&path].clone();
    *bytes.last_mut().unwrap() ^= 1;
    let whole = simulator.disk.copy();
    simulator.disk.plant(&path, bytes);
    let report = store.prune(&past(1), &Cancellation::new()).unwrap();
    assert!(matches!(report.damaged[..], [(Sequence(11), LogError::DamagedSnapshot { .. })]), "{report:?}");
    assert_eq!(report.covered.unwrap().oldest, Sequence(13));
    let store = SnapshotStore::new(&Simulator { disk: whole, ..simulator.clone() }.doors());
    // The log does not go on from it any more.
    let report = store.prune(&past(13), &Cancellation::new()).unwrap();
    assert_eq!((report.kept_for_past.len(), valid(&store).len()), (0, 2));
}

#[test]
fn a_damaged_head_is_listed_with_the_reason_and_ages_out() {
    let (simulator, store) = machine();
    let state = State::new(10, &[50]);
    write(&store, &state).unwrap();
    write(&store, &state.later(1)).unwrap();
    let path = "snapshots/00000000000000000011.snapshot";
    simulator.disk.plant(path, b"garbage".to_vec());
    let listed = store.list().unwrap();
    assert_eq!(listed.iter().map(|one| one.sequence.0).collect::<Vec<_>>(), [11, 10]);
    let reason = listed[0].found.as_ref().unwrap_err().to_string();
    assert!(reason.contains(path) && reason.contains("damaged at byte 7"), "{reason}");
    assert!(listed[1].found.is_ok());
    // The next one is made apart from the one that is right.
    let third = write(&store, &state.later(2)).unwrap();
    assert_apart(&third, listed[1].found.as_ref().unwrap());
    let report = prune(&store).unwrap();
    assert_eq!(report.kept, [Sequence(12), Sequence(10)]);
    write(&store, &state.later(3)).unwrap();
    assert_eq!(prune(&store).unwrap().kept, [Sequence(13), Sequence(12)]);
    assert_eq!(valid(&store).len(), 2);
    // Rows that are gone show when the snapshots are listed.
    let missing = valid(&store)[0].files().swap_remove(0);
    simulator.disk.take_away(&missing);
    let reason = store.list().unwrap().swap_remove(0).found.unwrap_err();
    assert!(matches!(reason, LogError::MissingSnapshotRows { .. }), "{reason}");
    assert!(reason.to_string().contains("acme:bank/tables.t0"), "{reason}");
}

#[test]
fn a_snapshot_of_the_same_record_is_refused_unless_the_old_one_is_damaged() {
    let (simulator, store) = machine();
    let state = State::new(10, &[50, 20]);
    write(&store, &state).unwrap();
    let second = write(&store, &state.later(5)).unwrap();
    let refused = write(&store, &state.later(5)).unwrap_err();
    assert!(matches!(refused, LogError::SnapshotExists { sequence: Sequence(15), .. }), "{refused}");
    let refused = write(&store, &state.later(3)).unwrap_err();
    assert!(
        matches!(refused, LogError::SnapshotOutOfTurn { given: Sequence(13), newest: Sequence(15) }),
        "{refused}"
    );
    let path = second.files().swap_remove(0);
    let mut bytes = simulator.disk.contents()[&path].clone();
    *bytes.last_mut().unwrap() ^= 1;
    simulator.disk.plant(&path, bytes);
    let again = write(&store, &state.later(5)).unwrap();
    assert_eq!(again.family(), second.family());
    assert_eq!(again.files()[1], second.files()[1], "what is right is shared");
    let report = prune(&store).unwrap();
    assert_eq!((report.kept.len(), report.removed), (2, vec![path]));
}

#[test]
fn one_at_a_time_and_nothing_left_of_what_was_given_up() {
    let (simulator, store) = machine();
    let state = State::new(10, &[50]);
    write(&store, &state).unwrap();
    let before = simulator.disk.contents();
    let mut writer = store.begin(identity(Sequence(20)), &Cancellation::new()).unwrap();
    assert!(matches!(store.begin(identity(Sequence(20)), &Cancellation::new()), Err(LogError::SnapshotBusy)));
    assert!(matches!(prune(&store.clone()), Err(LogError::SnapshotBusy)));
    assert!(matches!(store.clean(), Err(LogError::SnapshotBusy)));
    assert!(matches!(store.hold(), Err(LogError::SnapshotBusy)));
    writer.section("modules", b"one").unwrap();
    assert!(matches!(writer.section("modules", b"two"), Err(LogError::SnapshotTwice { .. })));
    let mut table = writer.table(head("a")).unwrap();
    table.rows(3, b"abc").unwrap();
    let refused = table.finish(TableContents { counter: None, rows: 4, digest: Digest::default() });
    let refused = refused.unwrap_err();
    assert!(matches!(refused, LogError::SnapshotRowCount { counted: 3, given: 4, .. }), "{refused}");
    assert!(matches!(writer.table(head("b")).err().unwrap(), LogError::SnapshotUnfinished { .. }));
    assert!(matches!(writer.publish(), Err(LogError::SnapshotUnfinished { .. })));
    assert_eq!(simulator.disk.contents(), before);
    let mut writer = store.begin(identity(Sequence(20)), &Cancellation::new()).unwrap();
    let none = TableContents { counter: None, rows: 0, digest: Digest::default() };
    writer.table(head("a")).unwrap().finish(none).unwrap();
    assert!(matches!(writer.table(head("a")).err().unwrap(), LogError::SnapshotTwice { .. }));
    assert!(matches!(writer.unchanged(&head("a"), none), Err(LogError::SnapshotTwice { .. })));
    drop(writer);
    assert_eq!(simulator.disk.contents(), before);
}

#[test]
fn a_snapshot_of_another_database_is_told_apart() {
    let (_simulator, store) = machine();
    let snapshot = write(&store, &State::new(10, &[5])).unwrap();
    snapshot.check_database(&snapshot_support::DATABASE_KEY).unwrap();
    let refused = snapshot.check_database(&[0; 16]).unwrap_err();
    assert!(matches!(refused, LogError::ForeignSnapshot { .. }), "{refused}");
    let mut foreign = identity(Sequence(20));
    foreign.database_key = [1; 16];
    let refused = store.begin(foreign, &Cancellation::new()).err().unwrap();
    assert!(matches!(refused, LogError::ForeignSnapshot { .. }), "{refused}");
}

/// A snapshot of records that a repair had given up was taken for the newest one: it kept others from being
/// taken until there were as many records again, and counted among the two for which the log is archived.
#[test]
fn a_snapshot_of_a_part_that_was_given_up_is_neither_kept_nor_in_the_way() {
    let (simulator, store) = machine();
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let given_up = write(&store, &State::new(30, &[5])).unwrap();
    store.belong_to(&log);
    let listed = store.list().unwrap().remove(0);
    assert!(matches!(listed.found, Err(LogError::NotInLog { .. })), "{:?}", listed.found);
    let take = |sequence: u64| {
        let identity = SnapshotIdentity { timeline: log.timeline(), ..identity(Sequence(sequence)) };
        store.begin(identity, &Cancellation::new()).unwrap().publish().unwrap()
    };
    for (sequence, kept) in [(10, vec![10]), (20, vec![20, 10])] {
        take(sequence);
        let report = store.prune(&NO_PAST, &Cancellation::new()).unwrap();
        assert_eq!(report.kept, kept.into_iter().map(Sequence).collect::<Vec<_>>());
        assert_eq!(report.damaged.len(), 1, "{:?}", report.damaged);
        let there = simulator.disk.contents();
        assert!(given_up.files().iter().all(|file| there.contains_key(file)), "nothing of it is removed");
    }
    take(40);
    take(50);
    store.prune(&NO_PAST, &Cancellation::new()).unwrap();
    let there = simulator.disk.contents();
    assert!(!given_up.files().iter().any(|file| there.contains_key(file)), "two newer ones are there");
}

#[test]
fn an_error_of_the_visitor_ends_the_reading_and_names_the_table() {
    let (simulator, store) = machine();
    let snapshot = write(&store, &State::new(10, &[50])).unwrap();
    let mut take = |_: u32, _: &[u8]| Err("no such column".into());
    let (table, cancellation) = (&snapshot.tables()[0], Cancellation::new());
    let error = snapshot.read_table(&simulator.disk, table, &cancellation, &mut take).unwrap_err();
    assert!(matches!(error, LogError::SnapshotLoad { .. }));
    assert!(error.to_string().contains("acme:bank/tables.t0"), "{error}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no such column");
}

#[test]
fn a_directory_with_snapshots_is_not_taken_for_an_empty_one() {
    let (simulator, store) = machine();
    write(&store, &State::new(10, &[5])).unwrap();
    let error = open(&simulator.doors(), SMALL).err().unwrap();
    assert!(matches!(error, LogError::MissingManifest { .. }), "{error}");
    assert!(error.to_string().contains("snapshots/00000000000000000010.snapshot"), "{error}");
}

/// The link of the last batch of the newest segment, counted from its bytes.
fn last_link(simulator: &Simulator) -> [u8; 32] {
    let (_, segment) = support::segments(simulator).pop().unwrap();
    let (offset, _) = *support::batches(&segment).last().unwrap();
    let payload = u32::from_le_bytes(segment[offset + 52..offset + 56].try_into().unwrap()) as usize;
    let mut hash = Sha256::new();
    hash.update(&segment[offset..offset + 56]);
    hash.update(&segment[offset + 64..offset + 64 + payload]);
    hash.finalize().into()
}

#[test]
fn the_anchor_is_what_a_reader_finds_behind_the_last_durable_batch() {
    let simulator = Simulator::new(4);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let genesis: [u8; 32] = Sha256::digest(log.database_key()).into();
    let zero = Anchor { sequence: Sequence::ZERO, link: genesis, catalog: [0; 32], latest_micros: 0 };
    assert_eq!(log.anchor(), zero);
    let cast = Cast::define(&log);
    for n in 1..=20 {
        append(&log, cast).unwrap();
        assert_eq!(log.anchor().sequence, Sequence(n - 1), "an append is not yet durable");
        log.wait_durable(Sequence(n)).unwrap();
        let anchor = log.anchor();
        assert_eq!((anchor.sequence, anchor.link), (log.durable(), last_link(&simulator)));
        assert_eq!(anchor.latest_micros, 1_700_000_000_000_000 + n * 40);
    }
    let install = |sequence: u64, catalog: u8, micros: u64| RecordParts {
        sequence: Sequence(sequence),
        timestamp_micros: micros,
        cause: Cause::Install(Installed { catalog: [catalog; 32], schema: b"{}" }),
        subject: cast.module,
        caller: Caller::Inline(b"somebody"),
        arguments: &[],
        outcome: Outcome::Ok(&[]),
        claims: &[],
        idempotency_key: None,
        write_set: WriteSet::EMPTY,
        deliveries: &[],
    };
    // Two in one batch: the anchor is what stands after the last of them, and time never goes back.
    log.append(&install(21, 7, 9_000_000_000_000_000)).unwrap();
    log.append(&install(22, 8, 1)).unwrap();
    log.wait_durable(Sequence(22)).unwrap();
    let anchor = log.anchor();
    assert_eq!((anchor.sequence, anchor.catalog), (Sequence(22), [8; 32]));
    assert_eq!(anchor.latest_micros, 9_000_000_000_000_000);
    assert_eq!(anchor.link, last_link(&simulator));
    log.close().unwrap();
    let closed = log.anchor();
    assert_eq!(closed, Anchor { link: last_link(&simulator), ..anchor }, "a mark was appended");
    assert_ne!(closed.link, anchor.link);
    drop(log);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(log.anchor(), closed);
    drop(log);
}

#[test]
fn work_that_was_cancelled_at_any_moment_leaves_nothing() {
    use snapshot_support::{Tripwire, write_until};
    let (simulator, store) = machine();
    let state = State::new(10, &[50, 500, 3]);
    write(&store, &state).unwrap();
    let next = state.changed(5, 1);
    let mut cancelled = 0;
    for at in 0.. {
        let copy = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
        let cancellation = Cancellation::new();
        let flag = cancellation.clone();
        let (doors, wire) = Tripwire::new(&copy.doors(), at, move || -> io::Result<()> {
            flag.cancel();
            Ok(())
        });
        let store = SnapshotStore::new(&doors);
        match write_until(&store, &next, &cancellation) {
            Ok(snapshot) => assert_holds(&copy.disk, &snapshot, &next),
            Err(LogError::Cancelled) => {
                cancelled += 1;
                let contents = copy.disk.contents();
                assert_eq!(contents, simulator.disk.contents(), "cancelled at operation {at}");
            }
            Err(error) => panic!("{error}"),
        }
        if !wire.was_reached() {
            break;
        }
    }
    assert!(cancelled > 20, "cancelled {cancelled} times");
    let cancellation = Cancellation::new();
    cancellation.cancel();
    let snapshot = valid(&store).swap_remove(0);
    assert!(matches!(snapshot.verify(&simulator.disk, &cancellation), Err(LogError::Cancelled)));
    assert!(matches!(store.prune(&NO_PAST, &cancellation), Err(LogError::Cancelled)));
}

/// A batch is ended where a snapshot is taken, and its anchor is kept while the log goes on.
#[test]
fn a_sealed_record_ends_a_batch_and_its_anchor_waits_to_be_asked_for() {
    let simulator = Simulator::new(4);
    let (log, _, _) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..3 {
        append(&log, cast).unwrap();
    }
    assert_eq!(log.seal(), Sequence(3));
    let [.., last] = [(); 4].map(|()| append(&log, cast).unwrap());
    log.wait_durable(last).unwrap();
    let anchor = log.sealed_anchor(Sequence(3)).unwrap().unwrap();
    assert_eq!((anchor.sequence, log.anchor().sequence), (Sequence(3), last));
    // What is sealed when nothing waits is known already.
    assert_eq!(log.seal(), last);
    assert_eq!(log.sealed_anchor(last).unwrap(), Some(log.anchor()));
    assert_eq!(log.sealed_anchor(Sequence(3)).unwrap(), None);
    let timeline = log.timeline();
    drop(log);
    let start = StartingPoint { timeline, anchor };
    let (_, replayed, _) = open_after(&simulator.doors(), SMALL, Some(&start)).unwrap();
    assert_eq!(replayed.first().map(|record| record.sequence), Some(Sequence(4)));
    assert_eq!(replayed.len(), 4);
}
