//! Rows through a Rust guest: one by one, scanned, and inserted in bulk.

use crate::bare::Bare;
use crate::calls::Subject;
use crate::table::{Table, highest, nanos};
use interstice_codec::row::to_bytes;
use std::collections::BTreeMap;
use std::hint::black_box;

const ROWS: u64 = 100_000;

pub(crate) fn run(table: &mut Table) {
    one_by_one(table);
    scan(table);
    bulk(table);
}

fn one_by_one(table: &mut Table) {
    let (insert, clear) = ("insert-items", "clear-items");
    let subject = Subject::new();
    let mut bare = Bare::new();
    let bare_insert = bare.function::<(u64, u64), ()>("insert");
    let inserts = table.turns(|| {
        subject.call_by_name(clear, &[]);
        subject.node.flush().unwrap();
        let ours = nanos(&mut || {
            subject.call_by_name(insert, &to_bytes(&(0_u64, ROWS)));
            ROWS
        });
        *bare.store.data_mut() = crate::bare::Maps::default();
        let theirs = nanos(&mut || {
            bare_insert.call(&mut bare.store, (0, ROWS)).unwrap();
            ROWS
        });
        (ours, theirs)
    });
    let (ours, theirs) = inserts.undisturbed();
    let baseline = "bare host call, HashMap and BTreeMap";
    table.add("insert of a 3-column row, up to 100,000 rows", 1.5, baseline, ours, theirs, "ns");

    let arguments = to_bytes(&(ROWS, ROWS));
    let (get, update) = (subject.function("get-items"), subject.function("update-items"));
    let bare_get = bare.function::<(u64, u64), (u64,)>("get");
    let bare_update = bare.function::<(u64, u64), ()>("update");
    table.compare(
        "get of a 3-column row, 100,000 rows",
        1.5,
        "bare host call, HashMap",
        || {
            subject.call(&get, &arguments);
            ROWS
        },
        || {
            bare_get.call(&mut bare.store, (ROWS, ROWS)).unwrap();
            ROWS
        },
    );
    table.compare(
        "update of a 3-column row, 100,000 rows",
        1.5,
        "bare host call, HashMap",
        || {
            subject.call(&update, &arguments);
            ROWS
        },
        || {
            bare_update.call(&mut bare.store, (ROWS, ROWS)).unwrap();
            ROWS
        },
    );
}

pub(crate) fn scan(table: &mut Table) {
    let subject = Subject::new();
    subject.call_by_name("insert-items", &to_bytes(&(0_u64, ROWS)));
    let tree: BTreeMap<u64, Vec<u8>> =
        (0..ROWS).map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15), vec![b'.'; 33])).collect();
    let scan = subject.function("scan-items");
    let rounds = table.turns(|| {
        let ours = nanos(&mut || {
            subject.node.query(&scan, &[], &subject.options).unwrap();
            ROWS
        });
        let theirs = nanos(&mut || {
            let bytes = tree.values().fold(0_u64, |sum, row| sum.wrapping_add(first_number(row)));
            black_box(bytes);
            ROWS
        });
        (ours, theirs)
    });
    let (ours, theirs) = rounds.undisturbed();
    table.add(
        "scan of 100,000 rows, a row",
        1.0,
        "iterating a BTreeMap, and 30 ns",
        ours,
        theirs + 30.0,
        "ns",
    );
}

fn bulk(table: &mut Table) {
    let (mut empty, mut full) = (Vec::new(), Vec::new());
    let arguments = to_bytes(&(ROWS, 10_000_u64));
    let seconds = |subject: &Subject| {
        let nanos = nanos(&mut || {
            subject.call_by_name("insert-entries", &arguments);
            ROWS
        });
        1e9 / nanos
    };
    for _ in 0..table.rounds().min(5) {
        let subject = Subject::new();
        empty.push(seconds(&subject));
        for _ in 0..9 {
            subject.call_by_name("insert-entries", &arguments);
        }
        full.push(seconds(&subject));
    }
    let unit = "rows/s";
    table.add("100,000 rows in one transaction, empty table", -1.0, "goal", highest(&empty), 800_000.0, unit);
    table.add(
        "100,000 rows in one transaction, 1,000,000 there",
        -1.0,
        "goal",
        highest(&full),
        400_000.0,
        unit,
    );
}

/// The guest adds up the first column of each row, so the baseline does too.
fn first_number(row: &[u8]) -> u64 {
    row.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
