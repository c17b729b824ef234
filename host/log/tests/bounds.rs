//! What happens at the limits: full disks, full buffers, records longer than a segment, upgrades.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::limits::{
    MAX_NUMBERED_CALLER_BYTES, MAX_PENDING_BYTES, MAX_PENDING_RECORDS, MAX_RECORD_BYTES, SEGMENTS_OF_A_LENGTH,
};
use interstice_log::sim::Simulator;
use interstice_log::{
    ArtifactStore, Caller, Cause, Definition, DefinitionId, Digest, Installed, Log, LogError, LogOptions,
    RecordParts, Sequence, WriteSet, WriteSetEncoder,
};
use sha2::Digest as _;
use std::sync::Arc;
use support::{Cast, SMALL, append, append_sized, assert_in_order, batches, closed_with, open, segments};

fn plain(log: &Log, cast: Cast) -> RecordParts<'static> {
    support::plain(log, cast.transfer)
}

/// Appends until that is refused.
fn fill(log: &Log, cast: Cast) -> LogError {
    loop {
        match append(log, cast) {
            Ok(sequence) => log.wait_durable(sequence).unwrap(),
            Err(error) => return error,
        }
        assert!(log.durable() < Sequence(1000), "the disk was never full");
    }
}

#[test]
fn a_full_disk_takes_deletes_from_a_part_that_is_kept_for_them() {
    // Who must delete to make room could not: deletes were refused together with all other writes.
    let options = LogOptions { segment_bytes: 64 << 10, ..SMALL };
    let simulator = Simulator::new(3);
    let (log, ..) = open(&simulator.doors(), options).unwrap();
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(1)).unwrap();
    simulator.threads.run_until_idle();
    simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
    fill(&log, cast);
    assert!(matches!(log.admit_growth(), Err(LogError::DiskFull { .. })));
    let (mut deletes, mut mixed) = (WriteSetEncoder::new(), WriteSetEncoder::new());
    for set in [&mut deletes, &mut mixed] {
        set.table(cast.account, None);
        set.delete(b"a key");
    }
    mixed.update(b"a row");
    let appended = |write_set: WriteSet<'_>| {
        let sequence =
            log.append(&RecordParts { sequence: log.next_sequence(), write_set, ..plain(&log, cast) })?;
        log.wait_durable(sequence).map(|()| sequence)
    };
    let mut taken = 0;
    let refused = loop {
        for growing in [mixed.as_write_set(), WriteSet::EMPTY] {
            assert!(matches!(appended(growing), Err(LogError::DiskFull { .. })), "after {taken}");
        }
        assert!(taken > 0 || log.admit().is_ok(), "it may turn out to delete");
        match appended(deletes.as_write_set()) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, LogError::DiskFull { .. }), "{refused}");
    // Each takes a sector, and the part that is kept is an eighth of a segment.
    assert!((14..=16).contains(&taken), "{taken}");
    assert!(matches!(log.admit(), Err(LogError::DiskFull { .. })), "not even a delete has room");
    let last = log.durable();
    simulator.disk.set_capacity(None);
    simulator.clock.advance(2_000_000);
    simulator.threads.run_until_idle();
    log.admit_growth().unwrap();
    assert_eq!(append(&log, cast).unwrap(), last.next());
    log.close().unwrap();
    drop(log);
    assert_eq!(open(&simulator.doors(), options).unwrap().1.len() as u64, last.0 + 1);
}

#[test]
fn a_full_disk_refuses_new_writes_and_takes_them_again_when_there_is_room() {
    let simulator = Simulator::new(3);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(1)).unwrap();
    simulator.threads.run_until_idle();
    // The disk is full from here on: the reserve is all there is.
    simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
    let refused = fill(&log, cast);
    assert!(matches!(refused, LogError::DiskFull { .. }), "{refused}");
    assert!(segments(&simulator).len() > 1, "the reserve was used first");
    assert!(log.durable() > Sequence(10));
    assert!(log.poisoned().is_none());

    simulator.disk.set_capacity(None);
    simulator.clock.advance(2_000_000);
    simulator.threads.run_until_idle();
    log.admit().unwrap();
    let sequence = append(&log, cast).unwrap();
    log.wait_durable(sequence).unwrap();
    log.close().unwrap();
    drop(log);
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len() as u64, sequence.0);
    assert_in_order(&records);
}

#[test]
fn an_append_waits_when_too_much_waits_for_the_disk() {
    let simulator = Simulator::new(4);
    // So long that there is room in it for more than may wait.
    let options = LogOptions { segment_bytes: 128 << 20, ..LogOptions::DEFAULT };
    let (log, ..) = open(&simulator.doors(), options).unwrap();
    let cast = Cast::define(&log);
    let arguments = vec![7; 300 << 10];
    let mut most = 0;
    for n in 1..=200 {
        let record = RecordParts { sequence: Sequence(n), arguments: &arguments, ..plain(&log, cast) };
        log.append(&record).unwrap();
        most = most.max(n - log.durable().0);
    }
    let (waiting, each) = (most as usize * arguments.len(), arguments.len());
    assert!(
        (MAX_PENDING_BYTES - each..MAX_PENDING_BYTES + each).contains(&waiting),
        "{waiting} bytes waited"
    );
    log.close().unwrap();
    drop(log);
    let (_log, records, _) = open(&simulator.doors(), options).unwrap();
    assert_eq!(records.len(), 200);
}

#[test]
fn a_record_longer_than_a_segment_gets_a_longer_segment() {
    let simulator = Simulator::new(5);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    for n in 1..=12 {
        append_sized(&log, cast, if n % 4 == 0 { 200_000 } else { 0 }).unwrap();
    }
    log.wait_durable(Sequence(12)).unwrap();
    let simulator = simulator.power_loss(9);
    drop(log);
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 12);
    assert_in_order(&records);
}

#[test]
fn a_first_record_longer_than_a_segment_replaces_the_empty_one() {
    // A segment is named by its first record. One without records was closed when the first record was
    // too long for it, and the next one took its name: the manifest listed both, and the database
    // never opened again.
    for seed in 0..40 {
        let mut simulator = Simulator::new(seed);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        if seed % 2 == 0 {
            // The segment may hold a mark all the same.
            log.close().unwrap();
            plant_mark(&simulator);
        }
        drop(log);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        let cast = Cast::define(&log);
        let arguments = vec![5; 100_000];
        let long = |log: &Log| log.append(&RecordParts { arguments: &arguments, ..plain(log, cast) });
        // The power fails at any step of the change, or after it.
        simulator.disk.fail_power_after(seed / 2 + 1);
        let safe = long(&log).is_ok() && log.wait_durable(Sequence(1)).is_ok();
        simulator = simulator.power_loss(seed);
        drop(log);
        let (log, records, _) = open(&simulator.doors(), SMALL).unwrap();
        assert!(records.len() == 1 || !safe, "seed {seed}");
        let cast = Cast::define(&log);
        for _ in 0..60 {
            let sequence = log.append(&plain(&log, cast)).unwrap();
            log.wait_durable(sequence).unwrap();
        }
        simulator = simulator.kill(seed);
        drop(log);
        let (_log, again, _) = open(&simulator.doors(), SMALL).unwrap();
        assert_eq!(again.len(), records.len() + 60);
        assert!(records.iter().all(|record| record.arguments == arguments));
    }
}

/// Puts a mark into an empty first segment.
fn plant_mark(simulator: &Simulator) {
    let (path, mut segment) = segments(simulator).swap_remove(0);
    let seed = crc32c::crc32c(&segment[16..32]);
    let genesis = sha2::Sha256::digest(&segment[48..64]);
    let mark = &mut segment[512..576];
    mark[..32].copy_from_slice(&genesis);
    mark[32] = 1;
    mark[56..60].copy_from_slice(&seed.to_le_bytes());
    let checksum = crc32c::crc32c_append(seed, &mark[..60]);
    mark[60..].copy_from_slice(&checksum.to_le_bytes());
    simulator.disk.plant(&path, segment);
}

#[test]
fn a_long_record_on_a_full_disk_is_refused_and_short_ones_go_on() {
    let simulator = Simulator::new(6);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    for _ in 1..=3 {
        append(&log, cast).unwrap();
    }
    log.wait_durable(Sequence(3)).unwrap();
    simulator.disk.set_capacity(Some(simulator.disk.used_bytes() + 1000));
    let refused = append_sized(&log, cast, 200_000).unwrap_err();
    assert!(matches!(refused, LogError::DiskFull { .. }), "{refused}");
    let sequence = append(&log, cast).unwrap();
    log.wait_durable(sequence).unwrap();
    assert_eq!(log.durable(), Sequence(4));
}

#[test]
fn a_reserve_that_could_not_grow_becomes_a_segment_of_its_old_length() {
    // A full disk lets a file grow as far as there is room before it says so. The reserve kept that
    // length, the header of the segment made from it said the old one, and the next opening called the
    // healthy database damaged.
    for seed in 0..20 {
        let simulator = Simulator::new(seed);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        let cast = Cast::define(&log);
        for _ in 1..=3 {
            append(&log, cast).unwrap();
        }
        log.wait_durable(Sequence(3)).unwrap();
        simulator.disk.set_capacity(Some(simulator.disk.used_bytes() + 5_000));
        let refused = append_sized(&log, cast, 200_000).unwrap_err();
        assert!(matches!(refused, LogError::DiskFull { .. }), "{refused}");
        assert!(!simulator.disk.contents()["log/reserve.tmp"].is_empty());
        assert_eq!(simulator.disk.contents()["log/reserve.tmp"].len() as u64, SMALL.segment_bytes);
        // The reserve becomes the newest segment.
        while segments(&simulator).len() == 1 {
            let sequence = append(&log, cast).unwrap();
            log.wait_durable(sequence).unwrap();
        }
        let last = log.durable();
        let simulator = simulator.kill(seed);
        drop(log);
        simulator.disk.set_capacity(None);
        let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
        assert_eq!(records.len() as u64, last.0);
        assert_in_order(&records);
    }
}

#[test]
fn a_newest_segment_that_is_longer_than_its_header_says_is_read_to_that_length() {
    let simulator = closed_with(3, SMALL);
    let (path, mut bytes) = segments(&simulator).swap_remove(0);
    bytes.resize(bytes.len() + 3_000, 0);
    simulator.disk.plant(&path, bytes);
    let (log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 3);
    let cast = Cast::define(&log);
    for _ in 0..60 {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    log.close().unwrap();
    drop(log);
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 63);
    assert_in_order(&records);
}

#[test]
fn an_append_waits_when_too_many_records_wait_for_the_disk() {
    let simulator = Simulator::new(12);
    let options = LogOptions { segment_bytes: 64 << 20, ..LogOptions::DEFAULT };
    let (log, ..) = open(&simulator.doors(), options).unwrap();
    let cast = Cast::define(&log);
    let mut most = 0;
    for n in 1..=MAX_PENDING_RECORDS + 10 {
        log.append(&RecordParts { sequence: Sequence(n.into()), ..plain(&log, cast) }).unwrap();
        most = most.max(u64::from(n) - log.durable().0);
    }
    assert_eq!(most, u64::from(MAX_PENDING_RECORDS), "the bound is reached and not passed");
    log.close().unwrap();
    assert_eq!(log.durable(), Sequence(u64::from(MAX_PENDING_RECORDS) + 10));
}

#[test]
fn records_beyond_the_limits_are_refused_and_the_log_goes_on() {
    let simulator = Simulator::new(7);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    let long = vec![0; MAX_RECORD_BYTES];
    let refused = log.append(&RecordParts { arguments: &long, ..plain(&log, cast) }).unwrap_err();
    assert!(matches!(refused, LogError::RecordTooLarge { .. }));
    let refused = log.append(&RecordParts { sequence: Sequence(5), ..plain(&log, cast) }).unwrap_err();
    assert!(matches!(refused, LogError::OutOfTurn { expected: Sequence(1), given: Sequence(5) }));
    for subject in [DefinitionId(999), cast.account, cast.module] {
        let refused = log.append(&RecordParts { subject, ..plain(&log, cast) }).unwrap_err();
        assert!(matches!(refused, LogError::UnknownDefinition { kind: "function", .. }));
    }
    let refused = log.define(Definition::Function { module: cast.account, name: String::new() });
    assert!(matches!(refused, Err(LogError::UnknownDefinition { .. })));
    let refused = log.define(Definition::Table { package: "x".repeat(10_000), name: String::new() });
    assert!(matches!(refused, Err(LogError::DefinitionTooLarge { .. })));
    assert!(matches!(log.wait_durable(Sequence(1)), Err(LogError::NotAppended { .. })));
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(1)).unwrap();
}

#[test]
fn an_upgrade_closes_the_segment_and_the_next_one_carries_its_catalog() {
    let simulator = Simulator::new(8);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    let installed = |catalog| Installed { schema: b"{}", catalog };
    let by = |cause, sequence| RecordParts {
        sequence: Sequence(sequence),
        cause,
        subject: cast.module,
        ..plain(&log, cast)
    };
    log.append(&by(Cause::Install(installed([1; 32])), 1)).unwrap();
    append(&log, cast).unwrap();
    log.append(&by(Cause::Upgrade(installed([2; 32])), 3)).unwrap();
    append(&log, cast).unwrap();
    append(&log, cast).unwrap();
    log.close().unwrap();
    drop(log);
    let files = segments(&simulator);
    assert_eq!(files.len(), 2);
    assert_eq!(files[1].0, "log/00000000000000000004.log");
    assert_eq!(files[1].1[88..120], [2; 32]);
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 5);
    assert_eq!(records[2].function, None);
    assert_eq!(records[2].artifact, Digest([7; 32]));
}

#[test]
fn an_upgrade_on_a_full_disk_is_followed_by_records_in_its_segment() {
    let simulator = Simulator::new(14);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    // There never is a reserve.
    simulator.disk.set_capacity(Some(simulator.disk.used_bytes()));
    simulator.threads.run_until_idle();
    let installed = Installed { schema: b"{}", catalog: [2; 32] };
    let upgrade = RecordParts { cause: Cause::Upgrade(installed), subject: cast.module, ..plain(&log, cast) };
    log.append(&upgrade).unwrap();
    log.wait_durable(Sequence(1)).unwrap();
    append(&log, cast).unwrap();
    append(&log, cast).unwrap();
    log.wait_durable(Sequence(3)).unwrap();
    assert_eq!(segments(&simulator).len(), 1);
    // With room the next segment would have begun, and it does with the next upgrade.
    simulator.disk.set_capacity(None);
    simulator.clock.advance(2_000_000);
    simulator.threads.run_until_idle();
    log.append(&RecordParts { sequence: Sequence(4), ..upgrade }).unwrap();
    append(&log, cast).unwrap();
    log.close().unwrap();
    drop(log);
    assert_eq!(segments(&simulator).len(), 2);
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records.len(), 5);
}

#[test]
fn a_transaction_takes_few_bytes_beside_its_own() {
    let simulator = Simulator::new(11);
    let options = LogOptions { segment_bytes: 4 << 20, ..LogOptions::DEFAULT };
    let (log, ..) = open(&simulator.doors(), options).unwrap();
    let cast = Cast::define(&log);
    let used = || {
        let (_, bytes) = segments(&simulator).swap_remove(0);
        batches(&bytes).last().map_or(512, |(offset, length)| offset + length)
    };
    for (arguments, row) in [(24, 20), (24, 48), (0, 10), (100, 300)] {
        let before = used();
        let (batch, rounds) = (16, 50);
        let mut own = 0;
        for n in 0..batch * rounds {
            let mut write_set = WriteSetEncoder::new();
            write_set.table(cast.account, None);
            write_set.update(&vec![1; row]);
            write_set.update(&vec![2; row]);
            let write_set = write_set.as_write_set();
            own += write_set.size_bytes() + arguments;
            let name = format!("client {}", n % 300);
            let caller = log.caller(name.as_bytes()).unwrap();
            let (arguments, micros) = (vec![3; arguments], 1_700_000_000_000_000 + n * 70);
            let parts = RecordParts {
                timestamp_micros: micros,
                arguments: &arguments,
                write_set,
                caller,
                ..plain(&log, cast)
            };
            let sequence = log.append(&parts).unwrap();
            if n % batch == batch - 1 {
                log.wait_durable(sequence).unwrap();
            }
        }
        let count = (batch * rounds) as f64;
        let (taken, own) = ((used() - before) as f64 / count, own as f64 / count);
        println!("{own:.0} bytes of write set and arguments take {taken:.0} bytes of log");
        assert!(taken <= 60.0 + 1.3 * own, "{taken} bytes for {own}");
    }
}

#[test]
fn callers_beyond_the_numbered_ones_stand_in_their_records() {
    let simulator = Simulator::new(9);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let mut inline = 0;
    for n in 0..interstice_log::limits::MAX_NUMBERED_CALLERS as u32 + 10 {
        if matches!(log.caller(&n.to_le_bytes()).unwrap(), Caller::Inline(_)) {
            inline += 1;
        }
    }
    assert_eq!(inline, 10);
    assert!(matches!(log.caller(&1_u32.to_le_bytes()).unwrap(), Caller::Numbered(_)));
}

#[test]
fn long_callers_stand_in_their_records_before_they_fill_memory() {
    // Only their number was bounded: 65,536 callers of 8 KiB took a gibibyte, and one that was longer
    // than a definition may be was refused.
    let simulator = Simulator::new(13);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let mut numbered = 0;
    for n in 0..5_000_u32 {
        let caller = [n.to_le_bytes().to_vec(), vec![7; 8_000]].concat();
        if matches!(log.caller(&caller).unwrap(), Caller::Numbered(_)) {
            numbered += caller.len();
        }
    }
    assert!(numbered <= MAX_NUMBERED_CALLER_BYTES && numbered > MAX_NUMBERED_CALLER_BYTES - 10_000);
    let cast = Cast::define(&log);
    let caller = vec![9; 100_000];
    let inline = log.caller(&caller).unwrap();
    assert_eq!(inline, Caller::Inline(&caller));
    log.append(&RecordParts { caller: inline, ..plain(&log, cast) }).unwrap();
    log.close().unwrap();
    drop(log);
    let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!(records[0].caller, caller);
}

#[test]
fn an_artifact_that_is_put_again_after_a_failure_survives_a_loss_of_power() {
    // Putting it again found the bytes in memory and trusted a second sync of the directory, which
    // had nothing left to do after the first one failed.
    for seed in 0..20 {
        let simulator = Simulator::new(seed);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        log.close().unwrap();
        let store = ArtifactStore::new(Arc::new(simulator.disk.clone()));
        simulator.disk.fail_directory_sync_after(1);
        assert!(store.put(b"a component").is_err());
        let simulator = simulator.kill(seed);
        let store = ArtifactStore::new(Arc::new(simulator.disk.clone()));
        let digest = store.put(b"a component").unwrap();
        let simulator = simulator.power_loss(seed);
        let store = ArtifactStore::new(Arc::new(simulator.disk.clone()));
        assert_eq!(store.get(digest).unwrap(), b"a component", "seed {seed}");
    }
}

#[test]
fn an_artifact_is_found_by_its_digest_and_never_damaged() {
    let simulator = Simulator::new(10);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let store = ArtifactStore::new(Arc::new(simulator.disk.clone()));
    let digest = store.put(b"a component").unwrap();
    let simulator = simulator.power_loss(1);
    drop(log);
    let store = ArtifactStore::new(Arc::new(simulator.disk.clone()));
    assert_eq!(store.get(digest).unwrap(), b"a component");
    assert_eq!(store.list().unwrap(), [digest]);
    simulator.disk.plant(&format!("artifacts/{digest}.wasm"), b"a Component".to_vec());
    assert!(matches!(store.get(digest), Err(LogError::DamagedArtifact { .. })));
    // Publishing the same component again mends it.
    assert_eq!(store.put(b"a component").unwrap(), digest);
    assert_eq!(store.get(digest).unwrap(), b"a component");
    assert!(matches!(store.get(Digest([0; 32])), Err(LogError::MissingArtifact { .. })));
}

#[test]
fn a_first_record_longer_than_a_segment_takes_the_place_of_the_empty_one() {
    for waits in [false, true] {
        let simulator = Simulator::new(12);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        let cast = Cast::define(&log);
        let big = vec![7; 200_000];
        for n in 1..=3 {
            if waits {
                // Long enough for marks to be written into a segment that has no records yet.
                simulator.clock.advance(1_000_000);
                simulator.threads.run_until_idle();
            }
            let arguments = if n % 2 == 1 { &big[..] } else { &[] };
            let sequence = log.append(&RecordParts { arguments, ..plain(&log, cast) }).unwrap();
            log.wait_durable(sequence).unwrap();
        }
        log.close().unwrap();
        drop(log);
        let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
        assert_eq!(records.len(), 3);
    }
}

/// With ever more short segments the manifest grew beyond what an opening reads.
#[test]
fn segments_are_longer_where_there_are_very_many() {
    let simulator = Simulator::new(21);
    let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
    let cast = Cast::define(&log);
    let arguments = vec![7; 12 << 10];
    let count = SEGMENTS_OF_A_LENGTH as u64 + 20;
    for _ in 0..count {
        let sequence = log.next_sequence();
        log.append(&RecordParts { arguments: &arguments, ..plain(&log, cast) }).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    log.close().unwrap();
    drop(log);
    let lengths: Vec<usize> = segments(&simulator).iter().map(|(_, bytes)| bytes.len()).collect();
    // Each of the first holds one record of 12 KiB, and the reserve that was there then; each of the others two.
    assert_eq!(lengths.len(), SEGMENTS_OF_A_LENGTH + 11, "{:?}", &lengths[SEGMENTS_OF_A_LENGTH..]);
    let (log, records, _) = open(&simulator.doors(), SMALL).unwrap();
    assert_eq!((records.len() as u64, log.next_sequence()), (count, Sequence(count + 1)));
}
