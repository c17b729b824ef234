//! Snapshots on a simulated machine whose power fails, whose process is killed, whose disk fails or is
//! full at any moment, by seed and by operation. `INTERSTICE_SEEDS=10000` makes the campaign longer.
#![allow(clippy::unwrap_used)]

mod snapshot_support;
mod support;

use interstice_log::doors::{Clock, Doors, Entropy};
use interstice_log::sim::{SimEntropy, Simulator};
use interstice_log::{
    Cancellation, LogError, Past, PruneReport, Retention, Sequence, Snapshot, SnapshotStore,
};
use snapshot_support::{
    NO_PAST, State, Table, Tripwire, assert_apart, assert_holds, files, identity, prune, valid, write,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use support::{Cast, SMALL, append_sized, assert_in_order, for_seeds, open};

const DAY_MICROS: u64 = 86_400_000_000;

struct Dice(SimEntropy);

impl Dice {
    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % bound
    }
}

/// What must be there: every state of which a snapshot may exist, and the snapshots that are safe.
#[derive(Default)]
struct Model {
    states: BTreeMap<Sequence, State>,
    safe: BTreeSet<Sequence>,
    /// Those that were kept for old states.
    past: Vec<Sequence>,
}

impl Model {
    /// Asserts that all snapshots are right, that the two newest safe ones are there and those for old states, and that the two
    /// newest share no file. Those that are there now are as good as promised from here on.
    fn check(&mut self, simulator: &Simulator, store: &SnapshotStore) {
        let found = valid(store);
        for snapshot in &found {
            assert_holds(&simulator.disk, snapshot, &self.states[&snapshot.sequence()]);
        }
        let there: BTreeSet<Sequence> = found.iter().map(Snapshot::sequence).collect();
        for kept in self.safe.iter().rev().take(2).chain(&self.past) {
            assert!(there.contains(kept), "the snapshot at {kept} was lost, there are {there:?}");
        }
        if let [newest, before, ..] = &found[..] {
            assert_apart(newest, before);
        }
        self.safe = there;
    }
}

/// Opens the snapshots as a node does, with the power failing meanwhile as often as the dice say.
fn open_through_failures(mut simulator: Simulator, dice: &Dice) -> (Simulator, SnapshotStore) {
    loop {
        let store = SnapshotStore::new(&simulator.doors());
        if dice.below(4) == 0 {
            simulator.disk.fail_power_after(dice.below(6) + 1);
        }
        match store.clean() {
            Ok(_) if !simulator.disk.is_dead() => {
                // What the dice left of the fault must not hit later.
                let disk = simulator.disk.copy();
                let simulator = Simulator { disk, ..simulator };
                let store = SnapshotStore::new(&simulator.doors());
                return (simulator, store);
            }
            Err(error) if !simulator.disk.is_dead() => panic!("{error}"),
            _ => simulator = simulator.power_loss(dice.below(u64::MAX)),
        }
    }
}

fn crash(simulator: &Simulator, dice: &Dice) -> Simulator {
    match dice.below(3) {
        0 => simulator.kill(dice.below(u64::MAX)),
        _ => simulator.power_loss(dice.below(u64::MAX)),
    }
}

/// Every other time old states are asked for, of the time since a record that is this much older than the newest.
fn some_past(simulator: &Simulator, newest: Sequence, dice: &Dice) -> Past {
    let now_micros = simulator.clock.now_micros();
    let age = (now_micros - identity(newest).anchor.latest_micros) / DAY_MICROS;
    match dice.below(4) {
        0 | 1 => NO_PAST,
        _ => Past { retention: Retention::KeepDays((age + dice.below(6)) as u32), now_micros, ..NO_PAST },
    }
}

/// From the time since which old states are asked for none may be lost that there was.
fn check_past(past: &Past, before: &[Sequence], report: &PruneReport, now_micros: u64) {
    let Retention::KeepDays(days) = past.retention else {
        assert!(report.kept_for_past.is_empty());
        return;
    };
    let is_old = |sequence: &&Sequence| {
        identity(**sequence).anchor.latest_micros + u64::from(days) * DAY_MICROS <= now_micros
    };
    let expected = before.iter().rev().find(is_old).or(before.first());
    let mut kept = report.kept_for_past.iter().rev().chain(report.kept.iter().rev());
    if report.covered.is_some() {
        assert!(kept.next() <= expected, "{past:?} {before:?} {report:?}");
    }
}

fn survive(seed: u64) {
    let dice = Dice(SimEntropy::new(seed ^ 0x5a9));
    let mut simulator = Simulator::new(seed);
    let mut model = Model::default();
    let mut state = State::new(0, &[dice.below(40), dice.below(300), 0]);
    // In the numbers of this model's records, which are times: a day.
    let apart = DAY_MICROS;
    for round in 0..5 {
        let (machine, store) = open_through_failures(simulator, &dice);
        simulator = machine;
        model.check(&simulator, &store);
        let (there, needed) = files(&simulator.disk, &store);
        assert_eq!(there, needed, "cleaning left something, or took too much");
        if round == 4 {
            return;
        }
        if dice.below(4) > 0 {
            simulator.disk.fail_power_after(dice.below(60) + 1);
        }
        for _ in 0..dice.below(6) {
            state = match dice.below(3) {
                0 => state.later(apart),
                _ => state.changed(apart, dice.below(2) as usize),
            };
            model.states.insert(state.sequence, state.clone());
            let done = write(&store, &state).map(|_| model.safe.insert(state.sequence));
            let done = done.and_then(|_| match dice.below(3) {
                0 => Ok(()),
                _ => {
                    let past = some_past(&simulator, state.sequence, &dice);
                    let before: Vec<Sequence> = store
                        .list()
                        .map_or(Vec::new(), |listed| listed.iter().rev().map(|one| one.sequence).collect());
                    model.past.clear();
                    store.prune(&past, &Cancellation::new()).map(|report| {
                        assert!(report.damaged.is_empty());
                        check_past(&past, &before, &report, simulator.clock.now_micros());
                        model.safe = report.kept.into_iter().collect();
                        model.past = report.kept_for_past;
                    })
                }
            });
            if let Err(error) = done {
                assert!(simulator.disk.is_dead(), "{error}");
                break;
            }
        }
        simulator = crash(&simulator, &dice);
    }
}

#[test]
fn published_snapshots_survive_any_loss_of_power() {
    for_seeds(400, survive);
}

/// A machine with three snapshots, of which one can be pruned, and the state that comes next.
fn machine_with_three() -> (Simulator, Model, State) {
    let simulator = Simulator::new(3);
    let store = SnapshotStore::new(&simulator.doors());
    let mut model = Model::default();
    let mut state = State::new(0, &[10, 30, 0]);
    for _ in 0..3 {
        state = state.changed(10, 0);
        write(&store, &state).unwrap();
        model.states.insert(state.sequence, state.clone());
        model.safe.insert(state.sequence);
    }
    (simulator, model, state.changed(10, 0))
}

#[test]
fn power_may_fail_at_every_operation_of_writing_publishing_and_pruning() {
    let (simulator, model, next) = machine_with_three();
    let mut finished = false;
    for at in 1.. {
        for seed in 0..12 {
            let machine = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
            machine.disk.fail_power_after(at);
            let store = SnapshotStore::new(&machine.doors());
            let mut model =
                Model { states: model.states.clone(), safe: model.safe.clone(), past: Vec::new() };
            model.states.insert(next.sequence, next.clone());
            if write(&store, &next).is_ok() {
                model.safe.insert(next.sequence);
            }
            finished |= prune(&store).is_ok();
            let machine = if seed == 0 { machine.kill(seed) } else { machine.power_loss(seed) };
            let store = SnapshotStore::new(&machine.doors());
            model.check(&machine, &store);
            store.clean().unwrap();
            let (there, needed) = files(&machine.disk, &store);
            assert_eq!(there, needed, "operation {at}, seed {seed}");
            // Work goes on, and what is there is not harmed by it.
            let after = next.changed(10, 1);
            model.states.insert(after.sequence, after.clone());
            write(&store, &after).unwrap();
            prune(&store).unwrap();
            let machine = machine.power_loss(seed);
            let store = SnapshotStore::new(&machine.doors());
            model.safe = model.safe.iter().copied().rev().take(1).chain([after.sequence]).collect();
            model.check(&machine, &store);
            assert_eq!(model.safe.len(), 2);
        }
        if finished {
            assert!(at > 15, "only {at} operations");
            break;
        }
    }
}

/// A process was killed between the renaming of a head and the sync of its directory: until that is made
/// up for, the snapshot may vanish, and no other may be removed for it.
#[test]
fn nothing_is_pruned_for_a_snapshot_that_is_in_memory_only() {
    let (simulator, model, next) = machine_with_three();
    let trial = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
    write(&SnapshotStore::new(&trial.doors()), &next).unwrap();
    let changes = trial.disk.changes();
    for at in 1..12 {
        for seed in 0..20 {
            let machine = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
            machine.disk.fail_power_after(changes);
            write(&SnapshotStore::new(&machine.doors()), &next).unwrap_err();
            let machine = machine.kill(seed);
            let store = SnapshotStore::new(&machine.doors());
            assert_eq!(valid(&store)[0].sequence(), next.sequence);
            machine.disk.fail_power_after(at);
            let _ = prune(&store);
            let machine = machine.power_loss(seed);
            let mut model = Model { states: model.states.clone(), safe: BTreeSet::new(), past: Vec::new() };
            model.states.insert(next.sequence, next.clone());
            model.check(&machine, &SnapshotStore::new(&machine.doors()));
            assert!(model.safe.len() >= 2, "only {:?} are left", model.safe);
        }
    }
}

#[test]
fn an_operation_that_fails_leaves_no_snapshot_and_no_files() {
    let (simulator, model, next) = machine_with_three();
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        for at in 0.. {
            let machine = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
            let (doors, wire) = Tripwire::new(&machine.doors(), at, move || Err(kind.into()));
            let failing = SnapshotStore::new(&doors);
            let store = SnapshotStore::new(&machine.doors());
            let written = write(&failing, &next);
            if let Err(error) = &written {
                assert!(matches!(error, LogError::Disk { .. }), "operation {at}: {error}");
                assert_eq!(valid(&store).len(), 3, "operation {at}: {error}");
                let (there, needed) = files(&machine.disk, &store);
                // Once the head had its name, only the next cleaning may remove the rows.
                let in_doubt = error.to_string() == "cannot sync snapshots";
                assert!(there == needed || in_doubt, "operation {at}: {error}");
            }
            let pruned = prune(&failing);
            let mut model =
                Model { states: model.states.clone(), safe: model.safe.clone(), past: Vec::new() };
            model.states.insert(next.sequence, next.clone());
            match (&written, pruned) {
                (Ok(_), Ok(_)) => model.safe = valid(&store).iter().map(Snapshot::sequence).collect(),
                (Ok(_), Err(_)) => {
                    model.safe.insert(next.sequence);
                }
                _ => {}
            }
            // The same work on a disk that works again.
            if written.is_err() {
                write(&store, &next).unwrap();
                model.safe.insert(next.sequence);
            }
            prune(&store).unwrap();
            let machine = machine.power_loss(at);
            let store = SnapshotStore::new(&machine.doors());
            model.check(&machine, &store);
            assert_eq!(model.safe.len(), 2);
            // A removal that was not synced may have come back.
            store.clean().unwrap();
            let (there, needed) = files(&machine.disk, &store);
            assert_eq!(there, needed, "operation {at}");
            if !wire.was_reached() {
                assert!(at > 50, "only {at} operations");
                break;
            }
        }
    }
}

#[test]
fn a_disk_that_is_full_at_any_moment_loses_no_snapshot() {
    let (simulator, model, next) = machine_with_three();
    let before = simulator.disk.contents();
    let mut refused = 0;
    for room in (0..).step_by(53) {
        let machine = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
        machine.disk.set_capacity(Some(machine.disk.used_bytes() + room));
        let store = SnapshotStore::new(&machine.doors());
        match write(&store, &next) {
            Ok(snapshot) => {
                assert_holds(&machine.disk, &snapshot, &next);
                break;
            }
            Err(LogError::Disk { source, .. }) if source.kind() == io::ErrorKind::StorageFull => {
                refused += 1;
                assert_eq!(machine.disk.contents(), before, "{room} bytes of room");
            }
            Err(error) => panic!("{error}"),
        }
        let machine = machine.power_loss(room);
        let mut model = Model { states: model.states.clone(), safe: model.safe.clone(), past: Vec::new() };
        model.check(&machine, &SnapshotStore::new(&machine.doors()));
    }
    assert!(refused > 20, "refused {refused} times");
}

#[test]
fn a_sync_that_fails_leaves_no_snapshot() {
    let (simulator, model, next) = machine_with_three();
    for at in 0..3 {
        let machine = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
        machine.disk.fail_sync_after(at);
        let store = SnapshotStore::new(&machine.doors());
        let written = write(&store, &next);
        assert_eq!(written.is_err(), at < 2, "the rows of a table and the head are synced");
        let machine = machine.power_loss(at);
        let mut model = Model { states: model.states.clone(), safe: model.safe.clone(), past: Vec::new() };
        model.states.insert(next.sequence, next.clone());
        model.check(&machine, &SnapshotStore::new(&machine.doors()));
        assert_eq!(model.safe.len(), if at < 2 { 3 } else { 4 });
    }
}

/// Bytes that turn out wrong when they are read back keep a snapshot from being published.
#[test]
fn what_is_not_read_back_as_it_was_written_is_not_published() {
    let (simulator, _, next) = machine_with_three();
    let mut noticed = 0;
    for at in 0.. {
        let machine = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
        let disk = machine.disk.copy();
        let machine = Simulator { disk: disk.clone(), ..machine };
        let before = disk.contents();
        // Damages all that is new, at one operation.
        let (doors, wire) = Tripwire::new(&machine.doors(), at, move || {
            for (path, mut bytes) in disk.contents() {
                if !before.contains_key(&path) && !bytes.is_empty() {
                    *bytes.last_mut().unwrap() ^= 1;
                    disk.plant(&path, bytes);
                }
            }
            Ok(())
        });
        let store = SnapshotStore::new(&doors);
        match write(&store, &next) {
            Err(LogError::DamagedSnapshot { .. }) => {
                noticed += 1;
                assert_eq!(valid(&store).len(), 3);
            }
            Err(error) => panic!("{error}"),
            Ok(_) => {}
        }
        if !wire.was_reached() {
            break;
        }
    }
    assert!(noticed >= 5, "noticed {noticed} times");
}

#[test]
fn snapshots_are_written_beside_the_writer_of_the_log() {
    for_seeds(30, |seed| {
        let dice = Dice(SimEntropy::new(seed ^ 0xbe5));
        let simulator = Simulator::new(seed);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        let cast = Cast::define(&log);
        let store = SnapshotStore::new(&simulator.doors());
        let mut newest = None;
        simulator.disk.fail_power_after(dice.below(400) + 100);
        'work: for _ in 0..10 {
            for _ in 0..dice.below(20) + 1 {
                if append_sized(&log, cast, 100).is_err() {
                    break 'work;
                }
            }
            if log.wait_durable(log.next_sequence().previous()).is_err() {
                break;
            }
            let mut identity = identity(Sequence::ZERO);
            (identity.anchor, identity.database_key) = (log.anchor(), log.database_key());
            let written: Result<Snapshot, LogError> = (|| {
                let mut writer = store.begin(identity, &Cancellation::new())?;
                let table = Table { version: 1, rows: 40, row_bytes: 30 };
                let mut rows = writer.table(snapshot_support::head("t"))?;
                for (count, batch) in snapshot_support::batches("t", &table) {
                    rows.rows(count, &batch)?;
                    let _ = append_sized(&log, cast, 10);
                    simulator.threads.run(dice.below(3) as usize);
                }
                rows.finish(snapshot_support::contents("t", &table, identity.anchor.sequence))?;
                writer.publish()
            })();
            match written {
                Ok(snapshot) => newest = Some(snapshot.sequence()),
                Err(error) => {
                    assert!(simulator.disk.is_dead(), "{error}");
                    break;
                }
            }
        }
        let simulator = simulator.power_loss(seed);
        drop(log);
        let doors: Doors = simulator.doors();
        let (log, records, _) = open(&doors, SMALL).unwrap();
        assert_in_order(&records);
        let store = SnapshotStore::new(&doors);
        store.clean().unwrap();
        let found = valid(&store);
        assert!(found.first().map(Snapshot::sequence) >= newest);
        // A snapshot never goes beyond what the log has kept.
        assert!(found.first().is_none_or(|one| one.sequence() <= log.durable()));
        drop(log);
    });
}
