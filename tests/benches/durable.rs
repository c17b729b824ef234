//! What durability costs: transfers that wait for the disk, with more or fewer of them in flight, and the
//! bytes that they leave in the log.

use crate::bare::Bare;
use crate::calls::Subject;
use crate::table::{Rounds, Table, nanos};
use interstice_codec::row::to_bytes;
use interstice_node::log::{LogFilter, LogReader, NamedChange, Sequence, os};
use interstice_node::{Acknowledge, CallOptions, Pending};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use wasmtime::component::TypedFunc;

const ACCOUNTS: u64 = 100_000;

/// The bytes of a bare write.
const PAGE: usize = 4096;

/// What share of the smaller of both bounds must be reached.
const SHARE: f64 = 0.7;

/// What a record may take beside 1.3 times what it must tell, in bytes.
const OVERHEAD_BYTES: f64 = 60.0;

pub(crate) fn run(table: &mut Table) {
    let subject = Subject::new();
    subject.call_by_name("open-accounts", &to_bytes(&ACCOUNTS));
    subject.node.flush().unwrap();
    let calls = if table.rounds() == 1 { 256 } else { 20_000 };
    let mut bare = BareTransfers::new();
    for (callers, what) in [
        (1, "durable transfers, 1 in flight"),
        (16, "durable transfers, 16 in flight"),
        (64, "durable transfers, 64 in flight"),
        (256, "durable transfers, 256 in flight"),
    ] {
        let mut rounds = Rounds::default();
        let mut bare_rounds = Rounds::default();
        // One caller makes few calls in the time, and each waits for the disk.
        let calls = if callers == 1 { calls / 20 } else { calls };
        for round in 0..table.rounds().min(9) as u64 {
            let rate = |acknowledge| 1e9 / transfers(&subject, calls, callers, acknowledge, round);
            let durable = rate(Acknowledge::Durable);
            let by_disk = callers as f64 * 1e9 / sync_nanos(subject.folder());
            let bound = SHARE * rate(Acknowledge::Memory).min(by_disk);
            rounds.add(durable, bound);
            if callers == 16 {
                bare_rounds.add(bare.rate(subject.folder(), calls, callers), bound);
            }
        }
        if callers == 16 {
            let (rate, bound) = bare_rounds.median_ratio();
            println!(
                "bare wasmtime on a HashMap, with a write and its fdatasync after every 16 transfers: {rate:.0} /s, \
                 {:.2} of what is asked of the database",
                rate / bound
            );
        }
        let baseline = "70 % of the smaller of: memory acknowledgement, in flight ÷ fdatasync";
        let (durable, bound) = rounds.median_ratio();
        table.add(what, -1.0, baseline, durable, bound, "/s");
    }
    bytes(table, subject);
}

/// The time of a transfer when so many are in flight.
fn transfers(subject: &Subject, calls: u64, in_flight: usize, acknowledge: Acknowledge, seed: u64) -> f64 {
    let transfer = subject.function("transfer");
    let caller = &subject.options.caller;
    let arguments: Vec<Vec<u8>> = (seed * calls..(seed + 1) * calls)
        .map(|number| to_bytes(&(spread(number), spread(number + 77_777), 1_i64)))
        .collect();
    if in_flight == 1 {
        // A lone caller on a thread that can run guests hands nothing over.
        let options = CallOptions { acknowledge, ..subject.options.clone() };
        let mut result = Vec::new();
        return nanos(&mut || {
            for arguments in &arguments {
                subject.node.call_into(&transfer, arguments, &options, &mut result).unwrap();
            }
            calls
        });
    }
    nanos(&mut || {
        let mut waiting: VecDeque<Pending> = VecDeque::with_capacity(in_flight);
        for arguments in &arguments {
            if waiting.len() == in_flight {
                waiting.pop_front().unwrap().wait(acknowledge).unwrap();
            }
            waiting.push_back(subject.node.send(&transfer, arguments.clone(), caller.clone()).unwrap());
        }
        waiting.into_iter().for_each(|pending| drop(pending.wait(acknowledge).unwrap()));
        calls
    })
}

/// Transfers that know neither a log nor a store.
struct BareTransfers {
    bare: Bare,
    transfer: TypedFunc<(u64, u64, i64), (u64,)>,
}

impl BareTransfers {
    fn new() -> BareTransfers {
        let mut bare = Bare::new();
        let rows = &mut bare.store.data_mut().rows;
        rows.extend((0..ACCOUNTS).map(|id| (id, vec![0; 16])));
        let transfer = bare.function("transfer");
        BareTransfers { bare, transfer }
    }

    /// How many transfers a second there are if a write and its sync follow so many of them each time: no database
    /// with one sync at a time could have more.
    fn rate(&mut self, folder: &Path, calls: u64, in_flight: usize) -> f64 {
        let syncs = calls / in_flight as u64;
        let path = folder.join("bare");
        let mut file = sized_file(&path, syncs);
        let mut numbers = 0..;
        let time = nanos(&mut || {
            for _ in 0..syncs {
                for number in numbers.by_ref().take(in_flight) {
                    let pair = (spread(number), spread(number + 77_777), 1);
                    self.transfer.call(&mut self.bare.store, pair).unwrap();
                }
                file.write_all(&[1; PAGE]).unwrap();
                file.sync_data().unwrap();
            }
            syncs * in_flight as u64
        });
        std::fs::remove_file(&path).unwrap();
        1e9 / time
    }
}

/// An account, so that neighbours follow each other nowhere.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % ACCOUNTS
}

/// A file that has room for so many pages already.
fn sized_file(path: &Path, pages: u64) -> File {
    let mut file = File::create(path).unwrap();
    file.write_all(&vec![0; PAGE * (pages as usize + 1)]).unwrap();
    file.sync_all().unwrap();
    File::options().write(true).open(path).unwrap()
}

/// The time of a small write and its `fdatasync`, in a file that has its length already.
fn sync_nanos(folder: &Path) -> f64 {
    const SYNCS: u64 = 100;
    let path = folder.join("sync");
    let mut file = sized_file(&path, SYNCS);
    let time = nanos(&mut || {
        for _ in 0..SYNCS {
            file.write_all(&[1; PAGE]).unwrap();
            file.sync_data().unwrap();
        }
        SYNCS
    });
    std::fs::remove_file(&path).unwrap();
    time
}

/// What a transfer leaves in the log with 16 in flight, against what it must tell.
fn bytes(table: &mut Table, mut subject: Subject) {
    const CALLS: u64 = 5_000;
    let before = subject.node.log_bytes();
    transfers(&subject, CALLS, 16, Acknowledge::Durable, 9);
    subject.node.flush().unwrap();
    let written = (subject.node.log_bytes() - before) as f64 / CALLS as f64;
    subject.node.close().unwrap();
    let reader = LogReader::open(&os::doors_to_existing(subject.folder()).unwrap()).unwrap();
    let (mut told, mut records) = (0, 0_u64);
    let filter = LogFilter { function: Some("work.transfer".to_owned()), ..LogFilter::default() };
    reader
        .search(
            &filter,
            &mut |record| {
                records += 1;
                told += record.arguments.len();
                for change in record.writes.iter().flat_map(|table| &table.changes) {
                    let (NamedChange::Insert(bytes)
                    | NamedChange::Update(bytes)
                    | NamedChange::Delete(bytes)) = change;
                    told += bytes.len();
                }
                assert!(record.sequence > Sequence(0));
                ControlFlow::Continue(())
            },
            &mut |_| {},
        )
        .unwrap();
    drop(reader);
    drop(subject.open());
    table.add(
        "log bytes of a transfer, 16 in flight",
        1.0,
        "60 + 1.3 × the rows written and the arguments",
        written,
        OVERHEAD_BYTES + 1.3 * told as f64 / records as f64,
        "bytes",
    );
}
