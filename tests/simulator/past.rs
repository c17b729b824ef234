//! How far back the state of a node can be rebuilt while its log is given up behind it.

use interstice_log::doors::Clock;
use interstice_log::sim::Simulator;
use interstice_log::{LogOptions, Retention, Sequence};
use interstice_node::{Acknowledge, Beginning, Error, HistoricState, Moment, Node, NodeOptions};
use interstice_tests::events::{EVENTS, FOLDER};
use interstice_tests::machine::{call, component, on_guest_thread, open_with, options};
use interstice_wit::Hash;

const HOUR_MICROS: u64 = 3_600_000_000;
const DAY_MICROS: u64 = 24 * HOUR_MICROS;
const DAYS: u32 = 7;

fn keeping(retention: Retention) -> NodeOptions {
    NodeOptions {
        log: LogOptions { segment_bytes: 16 << 10, retention, ..LogOptions::DEFAULT },
        snapshot_log_bytes: None,
        ..options()
    }
}

/// The state of a moment, as a process finds it that looks into the folder of a killed one.
fn state(simulator: &Simulator, moment: Moment) -> Result<HistoricState, Error> {
    let other = Simulator { disk: simulator.disk.copy(), ..Simulator::new(9) };
    HistoricState::read(&other.doors(), moment, Beginning::Nearest, &mut |_| {})
}

fn now(simulator: &Simulator) -> u64 {
    simulator.clock.now_micros()
}

/// What there was at some moments: the time, the record, the digest of the state.
#[derive(Default)]
struct Diary(Vec<(u64, Sequence, Hash)>);

impl Diary {
    fn note(&mut self, simulator: &Simulator) {
        let state = state(simulator, Moment::Newest).unwrap();
        self.0.push((now(simulator), state.sequence(), state.digest().unwrap()));
    }

    /// The state of every moment since a time is what it was, by the record and by the time.
    fn check_since(&self, simulator: &Simulator, since_micros: u64) -> usize {
        let mut checked = 0;
        for (micros, sequence, digest) in self.0.iter().filter(|(micros, ..)| *micros >= since_micros) {
            for moment in [Moment::Sequence(*sequence), Moment::Time(*micros)] {
                let found = state(simulator, moment).unwrap_or_else(|error| panic!("{moment:?}: {error}"));
                assert_eq!(found.digest().unwrap(), *digest, "{moment:?}");
                checked += 1;
            }
        }
        checked
    }
}

/// Half a day of a database: some records, and a snapshot.
fn half_a_day(node: &Node, simulator: &Simulator, diary: &mut Diary) {
    for weight in 0..12 {
        let text = format!("put(\"{}\", {weight})", "ada".repeat(60));
        call(node, EVENTS, &text, Acknowledge::Durable).unwrap();
        simulator.clock.advance(HOUR_MICROS);
    }
    node.settle().unwrap();
    diary.note(simulator);
    node.snapshot().unwrap();
    simulator.threads.run_until_idle();
}

fn heads(simulator: &Simulator) -> usize {
    simulator.disk.contents().keys().filter(|name| name.ends_with(".snapshot")).count()
}

/// The first record of the log in this folder.
fn first_record(simulator: &Simulator) -> u64 {
    let contents = simulator.disk.contents();
    let segments = contents.iter().filter(|(path, _)| path.ends_with(".log"));
    segments.map(|(_, bytes)| u64::from_le_bytes(bytes[64..72].try_into().unwrap())).min().unwrap()
}

/// The log of a week used to be kept and be of no use: all snapshots but the two newest were removed, and nothing was
/// left from which the records before them could be applied.
#[test]
fn every_state_of_the_last_week_can_be_rebuilt_and_the_log_does_not_grow_for_ever() {
    on_guest_thread(|| {
        let simulator = Simulator::new(1);
        let mut diary = Diary::default();
        let mut node = open_with(&simulator, keeping(Retention::KeepDays(DAYS))).unwrap().0;
        node.install(&component(FOLDER)).unwrap();
        let mut checked = 0;
        for round in 0..60 {
            half_a_day(&node, &simulator, &mut diary);
            assert!(heads(&simulator) <= 7, "{} snapshots", heads(&simulator));
            if round % 10 == 9 {
                checked += diary.check_since(&simulator, now(&simulator) - u64::from(DAYS) * DAY_MICROS);
                node.close().unwrap();
                drop(node);
                node = open_with(&simulator, keeping(Retention::KeepDays(DAYS))).unwrap().0;
            }
        }
        assert!(checked > 100, "{checked}");
        // What is older than a week and a half is gone.
        let (micros, sequence, _) = diary.0[60 - 2 * 12];
        assert!(now(&simulator) - micros > 11 * DAY_MICROS);
        assert!(first_record(&simulator) > sequence.0, "{} and {sequence}", first_record(&simulator));
        let error = state(&simulator, Moment::Sequence(Sequence(30))).err().unwrap();
        assert_eq!(error.code(), "caller.moment-given-up", "{error}");
        // Time passes and nothing happens: in the end the older of two snapshots is enough.
        simulator.clock.advance(30 * DAY_MICROS);
        simulator.threads.run_until_idle();
        node.close().unwrap();
        drop(node);
        let node = open_with(&simulator, keeping(Retention::KeepDays(DAYS))).unwrap().0;
        simulator.threads.run_until_idle();
        assert_eq!(heads(&simulator), 2);
        node.close().unwrap();
    });
}

/// A database that kept nothing and is to keep all from now on keeps the oldest snapshot, or the log behind it would
/// be of no use.
#[test]
fn all_that_is_left_when_everything_is_to_be_kept_stays() {
    on_guest_thread(|| {
        let simulator = Simulator::new(2);
        let mut diary = Diary::default();
        let node = open_with(&simulator, keeping(Retention::KeepNone)).unwrap().0;
        node.install(&component(FOLDER)).unwrap();
        (0..6).for_each(|_| half_a_day(&node, &simulator, &mut diary));
        assert_eq!(heads(&simulator), 2);
        node.close().unwrap();
        drop(node);
        let begun = first_record(&simulator);
        assert!(begun > 1);
        let node = open_with(&simulator, keeping(Retention::KeepAll)).unwrap().0;
        (0..30).for_each(|_| half_a_day(&node, &simulator, &mut diary));
        assert_eq!((heads(&simulator), first_record(&simulator)), (3, begun));
        assert_eq!(diary.check_since(&simulator, diary.0[4].0), 2 * 32);
        node.close().unwrap();
    });
}
