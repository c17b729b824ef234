//! Snapshots of a whole node: taken while it works, found again after any failure, passed over when they are
//! damaged. Whatever the state is rebuilt from, it is the same.

use interstice_log::doors::Clock;
use interstice_log::sim::Simulator;
use interstice_log::{LogOptions, Retention, Sequence};
use interstice_node::{Acknowledge, Beginning, Error, ErrorKind, HistoricState, Moment, Node, NodeOptions};
use interstice_tests::events::{EVENTS, FOLDER, expected_notes, notes, things};
use interstice_tests::machine::{
    Dice, call, component, for_seeds, on_guest_thread, open_with, options, query,
};

const BANK: &str = "acme:bank";

/// Short segments, so that there is something to archive, and a snapshot whenever the log has grown by so much.
fn node_options(snapshot_log_bytes: Option<u64>, retention: Retention) -> NodeOptions {
    NodeOptions {
        log: LogOptions { segment_bytes: 32 << 10, retention, ..LogOptions::DEFAULT },
        snapshot_log_bytes,
        ..options()
    }
}

fn keeping_all() -> NodeOptions {
    node_options(None, Retention::KeepAll)
}

fn open(simulator: &Simulator, options: &NodeOptions) -> Node {
    open_with(simulator, options.clone()).unwrap().0
}

/// A machine with a copy of this disk, as it would be found if the process were killed now.
fn copy(simulator: &Simulator) -> Simulator {
    let other = Simulator { disk: simulator.disk.copy(), ..Simulator::new(9) };
    other.clock.advance(simulator.clock.now_micros() - other.clock.now_micros());
    other
}

fn state(simulator: &Simulator, moment: Moment, beginning: Beginning) -> Result<HistoricState, Error> {
    HistoricState::read(&copy(simulator).doors(), moment, beginning, &mut |_| {})
}

/// The state is the same from the nearest snapshot and from the first record, at this moment.
fn assert_same(simulator: &Simulator, moment: Moment, when: &str) -> Sequence {
    let nearest = state(simulator, moment, Beginning::Nearest).unwrap();
    let whole = state(simulator, moment, Beginning::FirstRecord).unwrap();
    assert_eq!(nearest.sequence(), whole.sequence(), "{when}");
    assert_eq!(nearest.digest().unwrap(), whole.digest().unwrap(), "{when}");
    whole.sequence()
}

fn put(node: &Node, name: &str, weight: i64, acknowledge: Acknowledge) -> Result<(), Error> {
    call(node, EVENTS, &format!("put({name:?}, {weight})"), acknowledge).map(drop)
}

fn install(node: &Node) -> Result<(), Error> {
    node.install(&component(FOLDER))?;
    node.install(&component("examples/bank")).map(drop)
}

fn heads(simulator: &Simulator) -> Vec<String> {
    let names = simulator.disk.contents().into_keys();
    names.filter(|name| name.ends_with(".snapshot")).collect()
}

/// A database with two snapshots and records behind them, some of which owe deliveries; killed.
fn with_two_snapshots(seed: u64, options: &NodeOptions) -> (Simulator, [Sequence; 2]) {
    let simulator = Simulator::new(seed);
    let node = open(&simulator, options);
    install(&node).unwrap();
    let mut taken = [Sequence::ZERO; 2];
    for sequence in &mut taken {
        for weight in 0..60 {
            put(&node, "ada", weight, Acknowledge::Durable).unwrap();
        }
        simulator.clock.advance(3_700_000_000);
        node.settle().unwrap();
        // What is owed now is in the snapshot.
        put(&node, "bob", 12, Acknowledge::Durable).unwrap();
        *sequence = node.snapshot().unwrap().sequence;
    }
    for weight in 0..5 {
        put(&node, "cleo", weight, Acknowledge::Durable).unwrap();
    }
    let killed = simulator.kill(seed);
    killed.clock.advance(simulator.clock.now_micros() - killed.clock.now_micros());
    drop(node);
    (killed, taken)
}

#[test]
fn a_state_is_the_same_from_a_snapshot_and_from_the_whole_log() {
    on_guest_thread(|| {
        let (simulator, taken) = with_two_snapshots(1, &keeping_all());
        let last = assert_same(&simulator, Moment::Newest, "at the end");
        assert!(taken[0] < taken[1] && taken[1] < last);
        for sequence in 1..=last.0 {
            let reached = assert_same(&simulator, Moment::Sequence(Sequence(sequence)), "at a record");
            assert_eq!(reached.0, sequence);
        }
        let middle = state(&simulator, Moment::Sequence(taken[1]), Beginning::Nearest).unwrap();
        let time = Moment::Time(middle.timestamp_micros());
        assert!(assert_same(&simulator, time, "at a time") >= taken[1]);
        assert_eq!(assert_same(&simulator, Moment::Time(5), "before everything"), Sequence::ZERO);
        let node = open(&simulator, &keeping_all());
        node.settle().unwrap();
        assert_eq!(notes(&node), expected_notes(&things(&node)));
    });
}

#[test]
fn a_snapshot_without_news_is_the_one_that_is_there() {
    on_guest_thread(|| {
        let simulator = Simulator::new(3);
        let node = open(&simulator, &keeping_all());
        let empty = node.snapshot().unwrap();
        assert_eq!((empty.sequence, empty.is_new, empty.rows), (Sequence::ZERO, true, 0));
        install(&node).unwrap();
        put(&node, "ada", 1, Acknowledge::Memory).unwrap();
        node.settle().unwrap();
        let first = node.snapshot().unwrap();
        assert!(first.is_new && first.rows >= 3 && first.written_bytes == first.stored_bytes, "{first:?}");
        let again = node.snapshot().unwrap();
        assert_eq!((again.sequence, again.is_new, again.written_bytes), (first.sequence, false, 0));
        assert_eq!(again.files, first.files);
        // The next one shares nothing with it, and the one after that what has not changed.
        call(&node, BANK, "deposit(1, 1)", Acknowledge::Durable).unwrap();
        let second = node.snapshot().unwrap();
        assert_eq!(second.unchanged_tables, 0);
        call(&node, BANK, "deposit(1, 1)", Acknowledge::Durable).unwrap();
        let third = node.snapshot().unwrap();
        assert!(third.unchanged_tables >= 2 && third.written_bytes < third.stored_bytes, "{third:?}");
        let shared = third.files.iter().filter(|file| first.files.contains(file)).count();
        assert!(shared >= 2, "{third:?}");
        node.close().unwrap();
        assert_eq!(node.snapshot().unwrap_err().code(), "ours.closed");
        drop(node);
        assert_same(&simulator, Moment::Newest, "after closing");
    });
}

/// The digest of every table used to be worked out by a scan for each snapshot, also of those that nobody had
/// written to.
#[test]
fn a_table_that_has_not_changed_is_not_scanned_for_a_snapshot_also_after_a_restart() {
    on_guest_thread(|| {
        let mut simulator = Simulator::new(11);
        let mut node = open(&simulator, &keeping_all());
        install(&node).unwrap();
        for weight in 0..200 {
            put(&node, "ada", weight, Acknowledge::Durable).unwrap();
        }
        node.settle().unwrap();
        let deposit = |node: &Node| drop(call(node, BANK, "deposit(1, 1)", Acknowledge::Durable).unwrap());
        let first = node.snapshot().unwrap();
        assert_eq!(first.scanned_rows, first.rows, "what is new is read once, while it is written");
        deposit(&node);
        // It shares nothing with the first, so that it reads what it writes.
        let second = node.snapshot().unwrap();
        assert_eq!((second.scanned_rows, second.unchanged_tables), (second.rows, 0));
        for round in 0..4 {
            deposit(&node);
            let report = node.snapshot().unwrap();
            assert!(report.rows > 200 && report.unchanged_tables >= 2, "{report:?}");
            assert!(report.scanned_rows < 10, "round {round}: only the bank's table has changed: {report:?}");
            assert_same(&simulator, Moment::Newest, "after a snapshot");
            let restarted = simulator.kill(round);
            restarted.clock.advance(simulator.clock.now_micros() - restarted.clock.now_micros());
            simulator = restarted;
            node = open(&simulator, &keeping_all());
        }
        // A large one that has changed is read, and written.
        put(&node, "bob", 2, Acknowledge::Durable).unwrap();
        let report = node.snapshot().unwrap();
        assert!(report.scanned_rows > 200 && report.written_bytes == report.stored_bytes, "{report:?}");
        drop(node);
        assert_same(&simulator, Moment::Newest, "at the end");
    });
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_the_one_before_it() {
    on_guest_thread(|| {
        let (simulator, taken) = with_two_snapshots(4, &keeping_all());
        let expected = state(&simulator, Moment::Newest, Beginning::FirstRecord).unwrap().digest().unwrap();
        let newest = heads(&simulator).pop().unwrap();
        let mut files: Vec<_> = simulator.disk.contents().into_iter().collect();
        files.retain(|(name, _)| name.starts_with("snapshots/"));
        for (name, bytes) in files {
            for at in [0, 70, bytes.len() / 2, bytes.len() - 1] {
                let harmed = copy(&simulator);
                let mut flipped = bytes.clone();
                flipped[at] ^= 4;
                harmed.disk.plant(&name, flipped);
                let found = state(&harmed, Moment::Newest, Beginning::Nearest).unwrap();
                assert_eq!(found.digest().unwrap(), expected, "{name} at {at}");
                let node = open(&harmed, &keeping_all());
                node.settle().unwrap();
                assert_eq!(notes(&node), expected_notes(&things(&node)), "{name} at {at}");
                // The damaged one is replaced, and then there are two again.
                let report = node.snapshot().unwrap();
                assert!(report.sequence > taken[1]);
                node.close().unwrap();
                drop(node);
                assert_same(&harmed, Moment::Newest, "after another snapshot");
            }
        }
        // Without the head there is nothing to pass over.
        simulator.disk.take_away(&newest);
        assert_same(&simulator, Moment::Newest, "without the newest head");
    });
}

fn newest_segment(simulator: &Simulator) -> (String, Vec<u8>) {
    let contents = simulator.disk.contents().into_iter();
    let mut segments: Vec<_> =
        contents.filter(|(path, _)| path.starts_with("log/") && path.ends_with(".log")).collect();
    segments.sort();
    segments.pop().unwrap()
}

/// A mark was lost, which is no record: the log was right, and did not go on from the snapshot that is tied to the mark.
/// That was passed over, and counted among the two for which the log before them is given up.
#[test]
fn a_snapshot_from_which_the_log_does_not_go_on_is_put_aside() {
    on_guest_thread(|| {
        let simulator = Simulator::new(11);
        let node = open(&simulator, &keeping_all());
        install(&node).unwrap();
        put(&node, "ada", 1, Acknowledge::Durable).unwrap();
        node.settle().unwrap();
        // Idle for long enough to write a mark.
        simulator.threads.run_until_idle();
        simulator.clock.advance(1_000_000);
        simulator.threads.run_until_idle();
        let taken = node.snapshot().unwrap().sequence;
        let killed = simulator.kill(11);
        killed.clock.advance(simulator.clock.now_micros() - killed.clock.now_micros());
        drop(node);
        let (path, mut bytes) = newest_segment(&killed);
        let mark = bytes.rchunks_exact_mut(512).find(|sector| sector.iter().any(|byte| *byte != 0));
        mark.unwrap().fill(0);
        killed.disk.plant(&path, bytes);
        let before = state(&killed, Moment::Newest, Beginning::FirstRecord).unwrap();
        assert_eq!(before.sequence(), taken);
        let node = open(&killed, &keeping_all());
        assert!(heads(&killed).is_empty());
        let aside = format!("log/aside/{:020}.snapshot.0", taken.0);
        assert!(killed.disk.contents().contains_key(&aside), "{:?}", killed.disk.contents().keys());
        assert!(node.snapshot().unwrap().is_new);
        node.close().unwrap();
        drop(node);
        assert_same(&killed, Moment::Newest, "after another snapshot");
    });
}

/// The end of the log was taken for a torn write although a snapshot went further, and its numbers were given out again.
#[test]
fn a_log_that_ends_before_a_snapshot_is_not_opened() {
    on_guest_thread(|| {
        let (simulator, taken) = with_two_snapshots(1, &keeping_all());
        let (path, bytes) = newest_segment(&simulator);
        let mut used = bytes.len();
        let mut refused = 0;
        loop {
            // Sector by sector from the end.
            let cut = bytes[..used].rchunks(512).position(|sector| sector.iter().any(|byte| *byte != 0));
            let Some(cut) = cut.filter(|cut| used - cut * 512 > 1024) else { break };
            used -= (cut + 1) * 512;
            let harmed = copy(&simulator);
            harmed.disk.plant(&path, [&bytes[..used], &vec![0; bytes.len() - used]].concat());
            match open_with(&harmed, keeping_all()) {
                Ok((node, report)) => {
                    assert!(report.last >= taken[1], "{} is less than {}", report.last, taken[1]);
                    node.close().unwrap();
                }
                Err(error) => {
                    assert_eq!(error.code(), "ours.damaged", "{error}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 3, "{refused}");
    });
}

#[test]
fn a_log_without_its_beginning_says_which_snapshots_it_would_need() {
    on_guest_thread(|| {
        let options = node_options(None, Retention::KeepNone);
        let (simulator, _) = with_two_snapshots(5, &options);
        let node = open(&simulator, &options);
        // The older snapshot covers what the log may give up.
        simulator.threads.run_until_idle();
        node.close().unwrap();
        drop(node);
        let error = state(&simulator, Moment::Newest, Beginning::FirstRecord).err().unwrap();
        assert_eq!(error.code(), "ours.missing", "{error}");
        let heads = heads(&simulator);
        assert_eq!(heads.len(), 2);
        for name in &heads {
            let mut bytes = simulator.disk.contents().remove(name).unwrap();
            bytes[600] ^= 1;
            simulator.disk.plant(name, bytes);
        }
        let error = open_with(&simulator, options.clone()).err().unwrap();
        assert_eq!((error.code(), error.kind()), ("ours.damaged", ErrorKind::Ours), "{error}");
        let text = error.to_string();
        assert!(text.contains("no snapshot of what was before can be used"), "{text}");
        assert!(heads.iter().all(|name| text.contains(name.as_str())), "{text}");
    });
}

#[test]
fn a_snapshot_that_fails_changes_nothing_and_the_node_goes_on() {
    on_guest_thread(|| {
        let simulator = Simulator::new(6);
        let node = open(&simulator, &keeping_all());
        install(&node).unwrap();
        put(&node, "ada", 12, Acknowledge::Durable).unwrap();
        node.settle().unwrap();
        simulator.threads.run_until_idle();
        for writes in 0..4 {
            // The log is at rest, so that it is the snapshot's write that fails.
            node.settle().unwrap();
            simulator.clock.advance(200_000);
            simulator.threads.run_until_idle();
            simulator.disk.fail_write_after(writes);
            let refused = node.snapshot().map(drop).unwrap_err();
            assert_eq!(refused.code(), "ours.disk", "{refused}");
            simulator.disk.fail_write_after(u64::MAX);
            let left: Vec<_> = simulator.disk.contents().into_keys().collect();
            assert!(!left.iter().any(|name| name.starts_with("snapshots/")), "{left:?}");
            put(&node, "bob", 3, Acknowledge::Durable).unwrap();
        }
        simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
        let full = node.snapshot().map(drop).unwrap_err();
        assert!(full.code().starts_with("ours.disk"), "{full}");
        simulator.disk.set_capacity(None);
        put(&node, "cleo", 3, Acknowledge::Durable).unwrap();
        node.settle().unwrap();
        let report = node.snapshot().unwrap();
        assert!(report.is_new);
        drop(node);
        assert_same(&simulator, Moment::Newest, "after failures");
    });
}

#[test]
fn snapshots_are_taken_by_themselves_when_the_log_has_grown() {
    on_guest_thread(|| {
        let simulator = Simulator::new(7);
        let options = node_options(Some(40 << 10), Retention::KeepNone);
        let node = open(&simulator, &options);
        install(&node).unwrap();
        for weight in 0..400 {
            put(&node, "ada", weight, Acknowledge::Durable).unwrap();
            simulator.threads.run(2);
        }
        node.settle().unwrap();
        simulator.threads.run_until_idle();
        assert_eq!(heads(&simulator).len(), 2, "two are kept");
        let things_before = things(&node);
        let error = state(&simulator, Moment::Newest, Beginning::FirstRecord).err().unwrap();
        assert_eq!(error.code(), "ours.missing", "the log does not grow for ever: {error}");
        let simulator = simulator.power_loss(7);
        drop(node);
        let node = open(&simulator, &options);
        assert_eq!(things(&node), things_before);
        assert_eq!(notes(&node), expected_notes(&things_before));
    });
}

/// What one run of the campaign knows.
#[derive(Default)]
struct Known {
    /// Names that were acknowledged as durable.
    acknowledged: Vec<String>,
    count: u64,
    is_installed: bool,
}

fn work(node: &Node, simulator: &Simulator, dice: &Dice, known: &mut Known) -> Result<(), Error> {
    install(node)?;
    known.is_installed = true;
    for _ in 0..dice.below(40) {
        known.count += 1;
        let name = format!("thing {}", known.count);
        let weight = dice.below(20) as i64;
        if dice.below(3) == 0 {
            put(node, &name, weight, Acknowledge::Durable)?;
            known.acknowledged.push(name);
        } else {
            put(node, &name, weight, Acknowledge::Memory)?;
        }
        match dice.below(9) {
            0 => {
                let report = node.snapshot()?;
                assert!(node.durable() >= report.sequence, "a snapshot is never ahead of the log");
            }
            1 => simulator.clock.advance(dice.below(3_600_000_000)),
            2 => node.settle()?,
            3..=5 => drop(simulator.threads.run(dice.below(12) as usize)),
            _ => {}
        }
    }
    Ok(())
}

fn survive(seed: u64) {
    let dice = Dice::new(seed);
    let mut simulator = Simulator::new(seed);
    let keeps_all = dice.below(2) == 0;
    let retention = if keeps_all { Retention::KeepAll } else { Retention::KeepNone };
    let options = node_options((dice.below(2) == 0).then(|| 1 << (12 + dice.below(4))), retention);
    let mut known = Known::default();
    for _ in 0..5 {
        if dice.below(3) == 0 && !heads(&simulator).is_empty() {
            harm(&simulator, &dice);
        }
        let node = loop {
            if dice.below(3) == 0 {
                simulator.disk.fail_power_after(dice.below(30) + 1);
            }
            match open_with(&simulator, options.clone()) {
                Ok((node, _)) => break node,
                Err(error) => {
                    assert!(simulator.disk.is_dead(), "refused to open: {error}");
                    simulator = simulator.power_loss(dice.below(u64::MAX));
                }
            }
        };
        if node.modules().len() == 2 {
            check(&node, &known);
        }
        if dice.below(3) > 0 {
            simulator.disk.fail_power_after(dice.below(150) + 1);
        }
        let worked = work(&node, &simulator, &dice, &mut known);
        if let Err(error) = worked {
            assert!(simulator.disk.is_dead(), "{error}");
        }
        simulator = match dice.below(3) {
            0 => simulator.kill(dice.below(u64::MAX)),
            _ => simulator.power_loss(dice.below(u64::MAX)),
        };
        drop(node);
        if keeps_all && known.is_installed {
            assert_same(&simulator, Moment::Newest, "after a failure");
        }
    }
}

/// All that was acknowledged is there, and those who wait for it are told of each thing once and in order.
fn check(node: &Node, known: &Known) {
    let there = things(node);
    for name in &known.acknowledged {
        assert!(there.iter().any(|(_, other, _)| other == name), "{name} was acknowledged and is gone");
    }
    let ids: Vec<u64> = there.iter().map(|(id, _, _)| *id).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>(), "no number is given twice");
    let (told, expected) = (notes(node), expected_notes(&there));
    assert!(expected.starts_with(&told), "{told:?} is no beginning of {expected:?}");
    let owner: Option<i64> = query(node, BANK, "balance(1)", Acknowledge::Memory);
    assert!(owner.is_some());
}

/// Flips a bit of the newest snapshot, if there is another one.
fn harm(simulator: &Simulator, dice: &Dice) {
    let heads = heads(simulator);
    if heads.len() < 2 {
        return;
    }
    let name = heads.last().unwrap();
    let mut bytes = simulator.disk.contents().remove(name).unwrap();
    let at = dice.below(bytes.len() as u64) as usize;
    bytes[at] ^= 1 << dice.below(8);
    simulator.disk.plant(name, bytes);
}

#[test]
fn snapshots_lose_nothing_whenever_the_power_fails() {
    for_seeds(60, survive);
}
