//! Looking for records by their indexes: the same is found as by reading everything, with little of the
//! disk read; and whatever becomes of an index, nothing wrong is found.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{
    Caller, Cause, Covered, Definition, DefinitionId, Digest, Installed, Log, LogFilter, LogOptions,
    LogReader, Outcome, Record, RecordParts, SearchReport, Sequence, WriteSetEncoder,
};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering::SeqCst;
use support::{Cast, CountingDisk, Dice, append_sized, for_seeds, open};

const OPTIONS: LogOptions = LogOptions { segment_bytes: 512 << 10, ..LogOptions::DEFAULT };

/// Three modules with three functions each, and six tables.
struct Stage {
    modules: Vec<DefinitionId>,
    functions: Vec<DefinitionId>,
    tables: Vec<DefinitionId>,
}

impl Stage {
    fn define(log: &Log) -> Self {
        let (mut modules, mut functions, mut tables) = (Vec::new(), Vec::new(), Vec::new());
        for (n, package) in ["acme:bank", "acme:shop", "acme:mail"].into_iter().enumerate() {
            let artifact = log.define(Definition::Artifact(Digest([n as u8; 32]))).unwrap();
            let (package, version) = (package.to_owned(), "1.0.0".to_owned());
            let module =
                log.define(Definition::Module { package: package.clone(), version, artifact }).unwrap();
            modules.push(module);
            for name in ["all.get", "all.put", "all.own"] {
                let name = name.to_owned();
                functions.push(log.define(Definition::Function { module, name }).unwrap());
            }
            for name in ["tables.account", "tables.audit"] {
                let (package, name) = (package.clone(), name.to_owned());
                tables.push(log.define(Definition::Table { package, name }).unwrap());
            }
        }
        Self { modules, functions, tables }
    }

    /// Appends a record that the dice choose. What is chosen changes slowly, as the work of a day does.
    fn append(&self, log: &Log, dice: &Dice, time: &mut u64, phase: u64) {
        *time += dice.below(1000);
        let mut write_set = WriteSetEncoder::new();
        for _ in 0..dice.below(3) {
            write_set.table(self.tables[((phase + dice.below(2)) % 6) as usize], None);
            write_set.insert(&vec![dice.below(256) as u8; dice.below(6000) as usize]);
        }
        let is_install = dice.below(200) == 0;
        let installed = Installed { schema: b"{}", catalog: [dice.below(256) as u8; 32] };
        let function = self.functions[((phase * 2 + dice.below(3)) % 9) as usize];
        let caller = format!("client {}", dice.below(50));
        log.append(&RecordParts {
            sequence: log.next_sequence(),
            timestamp_micros: *time - dice.below(500).min(*time),
            cause: if is_install { Cause::Install(installed) } else { Cause::Call },
            subject: if is_install { self.modules[dice.below(3) as usize] } else { function },
            caller: if dice.below(9) == 0 {
                Caller::Inline(b"x")
            } else {
                log.caller(caller.as_bytes()).unwrap()
            },
            arguments: &[1; 16],
            outcome: Outcome::Ok(&[]),
            claims: &[],
            idempotency_key: None,
            write_set: write_set.as_write_set(),
            deliveries: &[],
        })
        .unwrap();
    }
}

fn fill(simulator: &Simulator, dice: &Dice, records: u64) {
    let (log, ..) = open(&simulator.doors(), OPTIONS).unwrap();
    let stage = Stage::define(&log);
    let mut time = 1_700_000_000_000_000;
    for n in 0..records {
        stage.append(&log, dice, &mut time, n / 150);
        if dice.below(4) == 0 {
            log.wait_durable(log.next_sequence().previous()).unwrap();
        }
    }
    log.wait_durable(log.next_sequence().previous()).unwrap();
    log.wait_maintained();
    log.close().unwrap();
}

fn search(simulator: &Simulator, filter: &LogFilter) -> (Vec<Record>, SearchReport) {
    let reader = LogReader::open(&simulator.doors()).unwrap();
    let mut found = Vec::new();
    let mut visit = |record| {
        found.push(record);
        ControlFlow::Continue(())
    };
    let report = reader.search(filter, &mut visit, &mut |_| {}).unwrap();
    (found, report)
}

fn everything(simulator: &Simulator) -> Vec<Record> {
    let reader = LogReader::open(&simulator.doors()).unwrap();
    let mut found = Vec::new();
    let mut visit = |record| {
        found.push(record);
        ControlFlow::Continue(())
    };
    reader.records(Sequence(1), &mut visit, &mut |_| {}).unwrap();
    found
}

/// Says of an owned record whether it is wanted, by other code than the log's.
fn wants(filter: &LogFilter, record: &Record) -> bool {
    let LogFilter { from, to, since_micros, until_micros, module, function, table, with_installs } = filter;
    let (n, micros) = (record.sequence, record.timestamp_micros);
    let in_table = |wanted: &String| {
        record
            .writes
            .iter()
            .any(|write| *wanted == write.table || *wanted == format!("{}/{}", write.package, write.table))
    };
    let is_wanted = from.is_none_or(|from| n >= from)
        && since_micros.is_none_or(|since| micros >= since)
        && until_micros.is_none_or(|until| micros <= until)
        && module.as_ref().is_none_or(|module| record.package == *module)
        && function.as_ref().is_none_or(|function| record.function.as_ref() == Some(function))
        && table.as_ref().is_none_or(in_table);
    to.is_none_or(|to| n <= to) && (is_wanted || (*with_installs && record.function.is_none()))
}

fn some_filter(dice: &Dice, records: &[Record]) -> LogFilter {
    let any = |dice: &Dice| &records[dice.below(records.len() as u64) as usize];
    let choose =
        |names: &[&str], dice: &Dice| Some(names[dice.below(names.len() as u64) as usize].to_owned());
    let mut filter = LogFilter { with_installs: dice.below(4) == 0, ..LogFilter::default() };
    for _ in 0..=dice.below(3) {
        match dice.below(7) {
            0 => filter.from = Some(any(dice).sequence),
            1 => filter.to = Some(any(dice).sequence),
            2 => filter.since_micros = Some(any(dice).timestamp_micros),
            3 => filter.until_micros = Some(any(dice).timestamp_micros),
            4 => filter.module = choose(&["acme:bank", "acme:shop", "acme:mail", "acme:none"], dice),
            5 => filter.function = choose(&["all.get", "all.put", "all.own", "none"], dice),
            _ => {
                let tables = ["tables.account", "tables.audit", "acme:shop/tables.account", "acme:x/none"];
                filter.table = choose(&tables, dice);
            }
        }
    }
    filter
}

/// Archives as much as the dice say, and takes some indexes away or damages them.
fn disturb(simulator: &Simulator, dice: &Dice, records: &[Record]) {
    if dice.below(2) == 0 {
        let (log, ..) = open(&simulator.doors(), OPTIONS).unwrap();
        log.archive(Covered::young(Sequence(dice.below(records.len() as u64))));
        log.wait_maintained();
        log.close().unwrap();
    }
    for (path, mut bytes) in simulator.disk.contents() {
        if path.ends_with(".index") {
            match dice.below(8) {
                0 => simulator.disk.take_away(&path),
                1 => {
                    let bit = dice.below(bytes.len() as u64 * 8) as usize;
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    simulator.disk.plant(&path, bytes);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_search_finds_what_a_full_reading_finds() {
    for_seeds(12, |seed| {
        let dice = Dice::new(seed);
        let simulator = Simulator::new(seed);
        fill(&simulator, &dice, 700);
        let records = everything(&simulator);
        assert_eq!(records.len(), 700);
        disturb(&simulator, &dice, &records);
        for _ in 0..40 {
            let filter = some_filter(&dice, &records);
            let wanted: Vec<_> = records.iter().filter(|record| wants(&filter, record)).cloned().collect();
            let (found, _) = search(&simulator, &filter);
            assert!(found == wanted, "{filter:?}: {} of {}", found.len(), wanted.len());
        }
    });
}

#[test]
fn a_search_reads_only_the_blocks_that_can_match() {
    let simulator = Simulator::new(1);
    let dice = Dice::new(1);
    fill(&simulator, &dice, 3000);
    let records = everything(&simulator);
    let bytes_for = |filter: &LogFilter| {
        let (doors, read) = CountingDisk::over(&simulator.doors());
        let reader = LogReader::open(&doors).unwrap();
        let report = reader.search(filter, &mut |_| ControlFlow::Continue(()), &mut |_| {}).unwrap();
        (read.load(SeqCst), report)
    };
    let (all, report) = bytes_for(&LogFilter::default());
    assert!(report.blocks_read > 50 && report.blocks_skipped == 0 && report.unindexed == 0, "{report:?}");
    // The newest segment has no index and is read whole; here it is at most 512 KiB.
    let newest = 600 << 10;
    let of = |n: usize| Some(records[n].sequence);
    let (one, _) = bytes_for(&LogFilter { from: of(1500), to: of(1510), ..LogFilter::default() });
    assert!(one < 300 << 10, "{one} of {all} bytes for ten records");
    let at = records[1500].timestamp_micros;
    let (some, report) = bytes_for(&LogFilter {
        since_micros: Some(at - 1000),
        until_micros: Some(at + 1000),
        ..LogFilter::default()
    });
    assert!(some < (300 << 10) + newest, "{some} of {all} bytes for two milliseconds: {report:?}");
    let (none, report) =
        bytes_for(&LogFilter { module: Some("acme:none".to_owned()), ..LogFilter::default() });
    assert!(none < (100 << 10) + newest && report.blocks_read == 0, "{none} of {all} bytes for nothing");
    let table = Some("acme:mail/tables.audit".to_owned());
    let (table, report) = bytes_for(&LogFilter { table, ..LogFilter::default() });
    assert!(report.blocks_skipped > report.blocks_read, "{report:?}");
    assert!(table < all * 6 / 10 + newest, "{table} of {all} bytes for one table of six");

    let (log, ..) = open(&simulator.doors(), OPTIONS).unwrap();
    log.archive(Covered::young(Sequence(3000)));
    log.wait_maintained();
    log.close().unwrap();
    drop(log);
    let (archived, _) = bytes_for(&LogFilter { from: of(1500), to: of(1510), ..LogFilter::default() });
    assert!(archived < one, "{archived} bytes for ten records from the archive, {one} before");
}

#[test]
fn a_missing_or_damaged_index_is_made_anew_and_counted() {
    let simulator = Simulator::new(2);
    fill(&simulator, &Dice::new(2), 1000);
    let contents = simulator.disk.contents();
    let indexes: Vec<_> = contents.iter().filter(|(path, _)| path.ends_with(".index")).collect();
    assert!(indexes.len() > 4);
    simulator.disk.take_away(indexes[0].0);
    let mut damaged = indexes[1].1.clone();
    damaged[100] ^= 1;
    simulator.disk.plant(indexes[1].0, damaged);
    // The index of another segment is as good as none.
    simulator.disk.plant(indexes[2].0, indexes[3].1.clone());
    let (_, report) = search(&simulator, &LogFilter::default());
    assert_eq!(report.unindexed, 3);

    let (log, ..) = open(&simulator.doors(), OPTIONS).unwrap();
    log.wait_maintained();
    let report = log.maintenance();
    assert_eq!((report.indexed, report.reindexed), (1, 2), "{report:?}");
    log.close().unwrap();
    let after = simulator.disk.contents();
    assert!(indexes.iter().all(|(path, bytes)| after[*path] == **bytes), "the same bytes as before");
}

#[test]
fn no_flipped_bit_of_an_index_leads_to_a_wrong_answer() {
    let simulator = Simulator::new(3);
    fill(&simulator, &Dice::new(3), 400);
    let records = everything(&simulator);
    let contents = simulator.disk.contents();
    let (path, whole) = contents.iter().find(|(path, _)| path.ends_with(".index")).unwrap();
    let filter = LogFilter { table: Some("tables.audit".to_owned()), ..LogFilter::default() };
    let wanted: Vec<_> = records.iter().filter(|record| wants(&filter, record)).cloned().collect();
    assert!(!wanted.is_empty() && wanted.len() < records.len());
    for bit in (0..whole.len() * 8).step_by(7) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        simulator.disk.plant(path, bytes);
        let (found, report) = search(&simulator, &filter);
        assert!(found == wanted && report.unindexed == 1, "bit {bit}");
    }
}

#[test]
fn sampled_bits_of_the_indexes_of_a_large_log_lead_to_no_wrong_answer() {
    // A hundred a seed: ten thousand seeds are a million.
    let simulator = Simulator::new(5);
    fill(&simulator, &Dice::new(5), 3_000);
    let records = everything(&simulator);
    let indexes: Vec<(String, Vec<u8>)> = {
        let contents = simulator.disk.contents().into_iter();
        contents.filter(|(path, _)| path.ends_with(".index")).collect()
    };
    assert!(indexes.len() > 12);
    let first = |path: &str| path.split(['/', '.']).find_map(|part| part.parse().ok()).unwrap();
    let firsts: Vec<u64> = indexes.iter().map(|(path, _)| first(path)).collect();
    assert!(firsts.is_sorted() && firsts[0] == 1);
    for_seeds(1, |seed| {
        let dice = Dice::new(seed);
        for _ in 0..100 {
            let at = dice.below(indexes.len() as u64) as usize;
            let (path, whole) = &indexes[at];
            let bit = dice.below(whole.len() as u64 * 8) as usize;
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            simulator.disk.plant(path, bytes);
            let mut filter = some_filter(&dice, &records);
            // What an index says wrongly shows in its own segment; now and then all others are read too.
            if dice.below(10) > 0 {
                let end = firsts.get(at + 1).map_or(records.len() as u64 + 1, |next| *next);
                filter.from = Some(Sequence(firsts[at] + dice.below(end - firsts[at]) / 2));
                filter.to = Some(Sequence(end - 1));
            }
            let (found, _) = search(&simulator, &filter);
            assert!(
                found.iter().eq(records.iter().filter(|record| wants(&filter, record))),
                "bit {bit} of {path}, with {filter:?}"
            );
            simulator.disk.plant(path, whole.clone());
        }
    });
}

#[test]
fn a_search_breaks_off_when_it_is_told_to() {
    let simulator = Simulator::new(4);
    fill(&simulator, &Dice::new(4), 300);
    let reader = LogReader::open(&simulator.doors()).unwrap();
    let mut seen = 0;
    let mut visit = |_| {
        seen += 1;
        if seen == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    reader.search(&LogFilter::default(), &mut visit, &mut |_| {}).unwrap();
    assert_eq!(seen, 7);
}

#[test]
fn the_writer_never_waits_for_an_index() {
    // The worker that indexes is not stepped at all while a caller who waits steps the writer.
    let simulator = Simulator::new(5);
    let (log, ..) = open(&simulator.doors(), support::SMALL).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..200 {
        let sequence = append_sized(&log, cast, 500).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    assert!(support::segments(&simulator).len() > 3);
    assert_eq!(log.maintenance().indexed, 0);
    simulator.threads.run_until_idle();
    assert_eq!(log.maintenance().indexed as usize, support::segments(&simulator).len() - 1);
}

/// Puts the checksum of an index right.
fn seal(index: &mut [u8]) {
    let end = index.len() - 4;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&index[12..28]), &index[..end]);
    index[end..].copy_from_slice(&checksum.to_le_bytes());
}

/// A log with a closed segment of several blocks; the paths and bytes of the segment and of its index.
fn indexed() -> (Simulator, [(String, Vec<u8>); 2]) {
    let simulator = Simulator::new(1);
    fill(&simulator, &Dice::new(1), 700);
    let files = simulator.disk.contents();
    let (path, index) = files.iter().find(|(path, _)| path.ends_with(".index")).unwrap();
    let segment = path.replace(".index", ".log");
    let bytes = files[&segment].clone();
    (simulator.clone(), [(segment, bytes), (path.clone(), index.clone())])
}

fn refused(simulator: &Simulator, filter: &LogFilter) -> String {
    let reader = LogReader::open(&simulator.doors()).unwrap();
    let searched = reader.search(filter, &mut |_| ControlFlow::Continue(()), &mut |_| ());
    searched.unwrap_err().to_string()
}

#[test]
fn an_index_of_another_history_is_not_used() {
    let (simulator, [_, (path, mut index)]) = indexed();
    let (found, before) = search(&simulator, &LogFilter::default());
    // The link of the segment's last batch stands behind the id.
    index[28] ^= 1;
    seal(&mut index);
    simulator.disk.plant(&path, index);
    let (again, report) = search(&simulator, &LogFilter::default());
    assert!(again == found && before.unindexed == 0 && report.unindexed == 1, "{report:?}");
}

#[test]
fn an_index_that_goes_on_after_its_last_block_is_not_used() {
    let (simulator, [_, (path, mut index)]) = indexed();
    index.push(0);
    seal(&mut index);
    simulator.disk.plant(&path, index);
    assert_eq!(search(&simulator, &LogFilter::default()).1.unindexed, 1);
}

#[test]
fn blocks_that_do_not_end_where_the_next_one_begins_are_refused() {
    let (simulator, [(_, segment), (path, mut index)]) = indexed();
    // The links with which blocks begin, as the batches of the segment have them.
    let links = support::batches(&segment).into_iter().skip(1).map(|(at, _)| segment[at..at + 32].to_vec());
    let places = links.filter_map(|link| index.windows(32).position(|bytes| bytes == link));
    let second = places.min().expect("the segment has several blocks");
    index[second] ^= 1;
    seal(&mut index);
    simulator.disk.plant(&path, index);
    let first = LogFilter { to: Some(Sequence(1)), from: Some(Sequence(1)), ..LogFilter::default() };
    // A search that ends within the block does not come to its end.
    assert_eq!(search(&simulator, &first).0.len(), 1);
    let nobody = LogFilter { until_micros: Some(everything(&simulator)[0].timestamp_micros), ..first };
    let beyond = LogFilter { to: None, ..nobody };
    let error = refused(&simulator, &beyond);
    assert!(error.contains("the blocks of the index are not those of the segment"), "{error}");
}

#[test]
fn a_segment_that_is_shorter_than_its_index_says_is_refused() {
    let (simulator, [(path, mut segment), _]) = indexed();
    segment.truncate(segment.len() - 512);
    simulator.disk.plant(&path, segment);
    let error = refused(&simulator, &LogFilter::default());
    assert!(error.contains("bytes, expected"), "{error}");
}
