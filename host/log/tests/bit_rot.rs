//! Every bit of a small log is flipped, and every file is cut at every byte: what is read afterwards
//! is what was written, or nothing is.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{
    BoxError, Covered, Definitions, LogOptions, LogReader, Record, RecordParts, Retention, Sequence,
};
use support::{Dice, SMALL, batches, closed_with, for_seeds, killed_with, open, segments};

/// Reads the log without changing it; nothing if it is refused.
fn read(simulator: &Simulator) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    let mut collect = |record: &RecordParts<'_>, definitions: &Definitions| -> Result<(), BoxError> {
        records.push(Record::resolve(record, definitions));
        Ok(())
    };
    LogReader::open(&simulator.doors()).ok()?.replay(&mut collect).ok()?;
    Some(records)
}

/// Flips each of these bits in turn and hands what is read then to `judge`.
fn for_each_flip(
    simulator: &Simulator,
    path: &str,
    bits: impl Iterator<Item = usize>,
    judge: impl Fn(usize, Option<Vec<Record>>),
) {
    let whole = simulator.disk.contents()[path].clone();
    for bit in bits {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        simulator.disk.plant(path, bytes);
        judge(bit, read(simulator));
    }
    simulator.disk.plant(path, whole);
}

#[test]
fn every_flipped_bit_of_a_closed_log_is_refused_or_harmless() {
    let simulator = closed_with(40, SMALL);
    let whole = read(&simulator).unwrap();
    assert_eq!(whole.len(), 40);
    let files = segments(&simulator);
    assert!(files.len() == 2, "a closed and a newest segment");
    for (index, (path, bytes)) in files.iter().enumerate() {
        let (offset, length) = *batches(bytes).last().unwrap();
        let used = (offset + length) * 8;
        // The zeros after the last batch are alike; one bit of each sector stands for the others.
        let bits = (0..used).chain((used..bytes.len() * 8).step_by(4099));
        for_each_flip(&simulator, path, bits, |bit, found| match found {
            None => {}
            Some(records) => {
                assert!(index == 1 && bit >= used, "bit {bit} of {path} was not noticed");
                assert!(records == whole, "bit {bit} of {path} was read wrongly");
            }
        });
    }
    let manifest = simulator.disk.contents()["MANIFEST"].len() * 8;
    for_each_flip(&simulator, "MANIFEST", 0..manifest, |bit, found| {
        assert!(found.is_none(), "bit {bit} of the manifest was not noticed");
    });
}

#[test]
fn sampled_bits_of_a_large_log_are_noticed() {
    // A hundred a seed: ten thousand seeds are a million.
    let options =
        LogOptions { segment_bytes: 256 << 10, retention: Retention::KeepAll, ..LogOptions::DEFAULT };
    let simulator = closed_with(4_000, options);
    let (log, ..) = open(&simulator.doors(), options).unwrap();
    log.archive(Covered::young(Sequence(2_000)));
    log.wait_maintained();
    log.close().unwrap();
    let files = segments(&simulator);
    assert!(files.len() > 4 && files.iter().any(|(path, _)| path.starts_with("archive/")));
    for_seeds(1, |seed| {
        let dice = Dice::new(seed);
        for _ in 0..100 {
            let (path, bytes) = &files[dice.below(files.len() as u64) as usize];
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
            let bit = dice.below(used * 8) as usize;
            for_each_flip(&simulator, path, std::iter::once(bit), |bit, found| {
                assert!(found.is_none(), "bit {bit} of {path} was not noticed");
            });
        }
    });
}

#[test]
fn every_flipped_bit_of_an_unclosed_log_costs_at_most_its_unmarked_batch() {
    let simulator = killed_with(5, SMALL);
    let whole = read(&simulator).unwrap();
    let (path, bytes) = segments(&simulator).swap_remove(0);
    let (last, length) = *batches(&bytes).last().unwrap();
    for_each_flip(&simulator, &path, 0..(last + length) * 8, |bit, found| match found {
        None => assert!(bit < last * 8, "bit {bit} lies in the unmarked batch and was refused"),
        Some(records) => {
            assert!(bit >= last * 8, "bit {bit} lies in marked batches and was not noticed");
            assert!(records == whole[..4], "bit {bit} was read wrongly");
        }
    });
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let simulator = closed_with(40, SMALL);
    for (path, whole) in simulator.disk.contents() {
        for length in 0..whole.len() {
            simulator.disk.plant(&path, whole[..length].to_vec());
            assert!(read(&simulator).is_none(), "{path} cut to {length} bytes was not noticed");
        }
        simulator.disk.plant(&path, whole);
    }
}

#[test]
fn a_log_cut_at_any_byte_by_a_crash_is_opened_without_its_tail() {
    // A crash leaves zeros or old bytes, never a shorter file: the length was synced before.
    let simulator = killed_with(5, SMALL);
    let whole = read(&simulator).unwrap();
    let (path, bytes) = segments(&simulator).swap_remove(0);
    let (last, length) = *batches(&bytes).last().unwrap();
    for at in last..last + length {
        let copy = Simulator { disk: simulator.disk.copy(), ..simulator.clone() };
        let mut bytes = bytes.clone();
        bytes[at..].fill(0);
        copy.disk.plant(&path, bytes);
        let (_log, records, report) = open(&copy.doors(), SMALL).unwrap();
        let complete = records.len() == 5;
        assert!(records == whole[..records.len()] && records.len() >= 4);
        assert_eq!(report.torn.is_some(), !complete && at > last, "cut at {at}");
    }
}
