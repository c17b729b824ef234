//! Measures the store by itself: `cargo run --release -p interstice-store --example measure [part of a name]`.
//! Each line is the fastest of some rounds; rates of whole transactions include their commit.
//! Invariant: keys are visited in an order that no cache can guess, except where the name says ascending.

mod tables;

use interstice_codec::{
    ValueType,
    row::{ColumnSource, Encode, push_row},
};
use interstice_store::{Change, Evolution, IndexDefinition, KeyRange, Recording, Version};
use std::{
    collections::{BTreeMap, HashMap},
    hint::black_box,
    time::Instant,
};
use tables::{begin, commit, create, event, filled, person, person_row, plain, plain_row, settle};

const ROWS: u64 = 100_000;
const MILLION: u64 = 1_000_000;
/// Rounds of 100,000 rows; a busy machine needs many before one of them is undisturbed.
const ROUNDS: usize = 200;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let run = |name: &str, measure: &dyn Fn()| {
        if name.starts_with(&wanted) {
            measure();
        }
    };
    run("baseline", &baseline);
    run("small get", &|| get(1000));
    run("small update", &|| update(1000));
    run("get", &|| get(ROWS));
    run("large get", &|| get(MILLION));
    run("update", &|| update(ROWS));
    run("large update", &|| update(MILLION));
    run("transfer", &transfer);
    run("insert", &insert);
    run("scan", &|| scan(ROWS));
    run("large scan", &|| scan(MILLION));
    run("bulk", &|| bulk(0));
    run("large bulk", &|| bulk(MILLION));
    run("replay", &replay);
    run("evolve", &|| evolve(ROWS));
    run("large evolve", &|| evolve(MILLION));
    run("load", &load);
    run("memory", &memory);
}

/// A permutation of `0..count`, the same every time.
fn shuffled(count: u64) -> Vec<u64> {
    let mut order: Vec<u64> = (0..count).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for at in (1..order.len()).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, ((random >> 33) as usize) % (at + 1));
    }
    order
}

fn fastest(rounds: usize, mut round: impl FnMut() -> f64) -> f64 {
    (0..rounds).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn rounds(rows: u64) -> usize {
    ROUNDS / (rows / ROWS).pow(2).max(1) as usize + (ROWS / rows) as usize + 2
}

fn nanoseconds_each(count: u64, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / count as f64
}

/// What the standard library's maps take at this moment, rows of 32 bytes inline: other work on the machine
/// slows both them and the store.
fn baseline() {
    for rows in [ROWS, MILLION] {
        let order = shuffled(rows);
        let hash: HashMap<u64, [u64; 4]> = order.iter().map(|key| (*key, [*key; 4])).collect();
        let tree: BTreeMap<u64, [u64; 4]> = order.iter().map(|key| (*key, [*key; 4])).collect();
        let boxed: BTreeMap<u64, Box<[u8]>> =
            order.iter().map(|key| (*key, plain_row(*key, *key).into())).collect();
        let rounds = rounds(rows);
        let order = shuffled(rows);
        let each =
            |work: &dyn Fn(&u64)| fastest(rounds, || nanoseconds_each(rows, || order.iter().for_each(work)));
        let hash_get = each(&|key| _ = black_box(hash.get(key).copied()));
        let tree_get = each(&|key| _ = black_box(tree.get(key).copied()));
        let mut out = Vec::new();
        let iterate = fastest(rounds, || {
            nanoseconds_each(rows, || {
                for row in boxed.values() {
                    if out.len() > 1 << 16 {
                        out.clear();
                    }
                    out.extend_from_slice(row);
                }
                black_box(&out);
            })
        });
        let mut inserted = f64::INFINITY;
        for _ in 0..rounds {
            let mut map = HashMap::<u64, [u64; 4]>::new();
            inserted = inserted.min(nanoseconds_each(rows, || {
                order.iter().for_each(|key| _ = map.insert(*key, [*key; 4]));
            }));
        }
        println!(
            "baseline, {rows} rows: HashMap get {hash_get:.1}, insert {inserted:.1}; BTreeMap get {tree_get:.1}, copying its boxed rows {iterate:.1} ns"
        );
    }
}

fn get(rows: u64) {
    let (store, table) = filled(rows);
    let keys: Vec<[u8; 8]> = shuffled(rows).into_iter().map(u64::to_be_bytes).collect();
    let transaction = begin(&store);
    let mut out = Vec::with_capacity(64);
    let time = fastest(rounds(rows), || {
        nanoseconds_each(rows, || {
            for key in &keys {
                out.clear();
                black_box(transaction.get(&table, key, &mut out).expect("a get succeeds"));
            }
        })
    });
    println!("get, transaction, {rows} rows                 {time:7.1} ns");
    drop(transaction);
    let reader = store.reader(store.newest()).expect("the newest version can be read");
    let time = fastest(rounds(rows), || {
        nanoseconds_each(rows, || {
            for key in &keys {
                out.clear();
                black_box(reader.get(&table, key, &mut out).expect("a get succeeds"));
            }
        })
    });
    println!("get, reader, {rows} rows                      {time:7.1} ns");
}

fn update(rows: u64) {
    let (store, table) = filled(rows);
    let keys = shuffled(rows);
    let mut value = 0;
    let time = fastest(rounds(rows), || {
        value += 1;
        let changed: Vec<_> = keys.iter().map(|key| plain_row(*key, *key + value)).collect();
        let mut transaction = begin(&store);
        let time = nanoseconds_each(rows, || {
            for row in &changed {
                transaction.update(&table, row).expect("the row is there");
            }
        });
        commit(&store, transaction);
        settle(&store);
        time
    });
    println!("update in one transaction, {rows} rows        {time:7.1} ns");
    let time = fastest(rounds(rows), || {
        value += 1;
        let changed: Vec<_> = keys.iter().map(|key| plain_row(*key, *key + value)).collect();
        nanoseconds_each(rows, || {
            for rows in changed.chunks(100) {
                let mut transaction = begin(&store);
                for row in rows {
                    transaction.update(&table, row).expect("the row is there");
                }
                commit(&store, transaction);
            }
        })
    });
    println!("update, 100 a transaction, with purge, {rows} {time:7.1} ns");
}

fn transfer() {
    let (store, table) = filled(ROWS);
    let keys = shuffled(ROWS);
    let mut out = Vec::with_capacity(64);
    let time = fastest(ROUNDS, || {
        nanoseconds_each(ROWS / 2, || {
            for pair in keys.chunks_exact(2) {
                let mut transaction = begin(&store);
                for key in pair {
                    out.clear();
                    transaction.get(&table, &key.to_be_bytes(), &mut out).expect("a get succeeds");
                    out[8] = out[8].wrapping_add(1);
                    transaction.update(&table, &out).expect("the row is there");
                }
                let mut bytes = 0;
                transaction.changes(|changes| bytes += changes.rows().count());
                black_box(bytes);
                commit(&store, transaction);
            }
        })
    });
    println!("transfer: begin, 2 get, 2 update, changes, commit  {time:7.1} ns");
}

fn insert() {
    for (name, keys) in [("random", shuffled(ROWS)), ("ascending", (0..ROWS).collect())] {
        let rows: Vec<_> = keys.iter().map(|key| plain_row(*key, *key)).collect();
        let time = fastest(ROUNDS, || {
            let (store, table) = create(&plain());
            let mut transaction = begin(&store);
            let time = nanoseconds_each(ROWS, || {
                for row in &rows {
                    transaction.insert(&table, row).expect("the key is new");
                }
            });
            commit(&store, transaction);
            time
        });
        println!("insert, {name} keys, into an empty table       {time:7.1} ns");
    }
    let rows: Vec<_> = shuffled(ROWS).into_iter().map(|key| person_row(key, 0)).collect();
    for unique in [false, true] {
        let time = fastest(ROUNDS, || {
            let (store, table) = create(&person(unique));
            let mut transaction = begin(&store);
            nanoseconds_each(ROWS, || {
                for row in &rows {
                    transaction.insert(&table, row).expect("the key is new");
                }
            })
        });
        println!("insert, random keys, index of strings, unique: {unique} {time:7.1} ns");
    }
}

fn scan(rows: u64) {
    for (name, order) in [("random", shuffled(rows)), ("ascending", (0..rows).collect())] {
        let (store, table) = create(&plain());
        let mut transaction = begin(&store);
        for key in order {
            transaction.insert(&table, &plain_row(key, key)).expect("the key is new");
        }
        commit(&store, transaction);
        settle(&store);
        let reader = store.reader(store.newest()).expect("the newest version can be read");
        for descending in [false, true] {
            let mut out = Vec::with_capacity(1 << 17);
            let time = fastest(rounds(rows), || {
                nanoseconds_each(rows, || {
                    let range = KeyRange { descending, ..KeyRange::default() };
                    let mut scan = reader.scan(&table, &range).expect("the index is there");
                    loop {
                        out.clear();
                        let batch =
                            scan.next_batch(&mut out, 1 << 16, usize::MAX).expect("the reader is open");
                        black_box(&out);
                        if !batch.more {
                            break;
                        }
                    }
                })
            });
            println!(
                "scan, {rows} rows inserted in {name} order, descending: {descending} {time:7.1} ns a row"
            );
        }
    }
}

/// A column more, and then an index over an old one; what reading costs while every row has the old layout.
fn evolve(rows: u64) {
    let (store, table) = filled(rows);
    let mut wider = plain();
    wider.columns.push(ValueType::U64);
    let mut columns: Vec<_> = (0..4).map(ColumnSource::Same).collect();
    columns.push(ColumnSource::Default(vec![0; 8]));
    let mut transaction = begin(&store);
    let start = Instant::now();
    let evolution = Evolution { definition: wider.clone(), columns };
    let wide = transaction.evolve(&table, &evolution).expect("a column with a default is new");
    let column = start.elapsed().as_secs_f64() * 1e6;
    commit(&store, transaction);
    wider.indexes.push(IndexDefinition { name: "value".to_owned(), columns: vec![1], unique: true });
    let evolution = Evolution { definition: wider, columns: (0..5).map(ColumnSource::Same).collect() };
    let mut transaction = begin(&store);
    let start = Instant::now();
    let indexed = transaction.evolve(&wide, &evolution).expect("no two rows have the same value");
    let index = start.elapsed().as_secs_f64() * 1e3;
    commit(&store, transaction);
    settle(&store);
    println!("evolve, {rows} rows: a column {column:.1} us, a unique index {index:.1} ms");
    let reader = store.reader(store.newest()).expect("the newest version can be read");
    let keys: Vec<[u8; 8]> = shuffled(rows).into_iter().map(u64::to_be_bytes).collect();
    let mut out = Vec::with_capacity(1 << 17);
    let get = fastest(rounds(rows), || {
        nanoseconds_each(rows, || {
            for key in &keys {
                out.clear();
                black_box(reader.get(&indexed, key, &mut out).expect("a get succeeds"));
            }
        })
    });
    let scan = fastest(rounds(rows), || {
        nanoseconds_each(rows, || {
            let mut scan = reader.scan(&indexed, &KeyRange::default()).expect("the index is there");
            loop {
                out.clear();
                let batch = scan.next_batch(&mut out, 1 << 16, usize::MAX).expect("the reader is open");
                if !batch.more {
                    break;
                }
            }
        })
    });
    println!("rows of the layout before, {rows} rows: get {get:.1} ns, scan {scan:.1} ns a row");
}

fn bulk(present: u64) {
    let row = |number: u64| {
        let mut row = Vec::new();
        let account = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (0u64, account, "x".repeat(64)).encode(&mut row);
        row
    };
    let rate = fastest(3, || {
        let (store, table) = create(&event());
        let mut number = 0;
        let mut rows = |count: u64| {
            let mut batch = Vec::new();
            for _ in 0..count {
                number += 1;
                push_row(&row(number), &mut batch);
            }
            batch
        };
        for _ in 0..present / ROWS {
            let mut transaction = begin(&store);
            transaction.insert_many(&table, &rows(ROWS), &mut Vec::new()).expect("the rows are new");
            commit(&store, transaction);
        }
        settle(&store);
        let batch = rows(ROWS);
        let mut numbers = Vec::new();
        nanoseconds_each(ROWS, || {
            let mut transaction = begin(&store);
            transaction.insert_many(&table, &batch, &mut numbers).expect("the rows are new");
            commit(&store, transaction);
        })
    });
    println!("insert_many of {ROWS}, {present} rows there       {:7.0} rows/s", 1e9 / rate);
}

fn replay() {
    let order = shuffled(ROWS);
    let rows: Vec<_> = order.iter().map(|key| person_row(*key, 0)).collect();
    let changed: Vec<_> = order.iter().map(|key| person_row(*key, 1)).collect();
    let mut inserts = f64::INFINITY;
    let mut updates = f64::INFINITY;
    for _ in 0..ROUNDS / 4 {
        let (store, table) = create(&person(true));
        let apply = |version: u64, change: Change<'_>| {
            store.apply(Version(version), &table, change, Recording::Nothing).expect("the change fits");
        };
        let insert = nanoseconds_each(ROWS, || {
            rows.iter().zip(1..).for_each(|(row, version)| apply(version, Change::Insert(row)));
        });
        let update = nanoseconds_each(ROWS, || {
            changed.iter().zip(ROWS + 1..).for_each(|(row, version)| apply(version, Change::Update(row)));
        });
        inserts = inserts.min(insert);
        updates = updates.min(update);
    }
    println!("replay of inserts, unique index of strings    {:7.0} rows/s", 1e9 / inserts);
    println!("replay of updates                             {:7.0} rows/s", 1e9 / updates);
}

/// Rows in the order of their keys, as a snapshot has them, one by one and at once. The names are in an order of
/// their own.
fn load() {
    for unique in [false, true] {
        let rows: Vec<_> = (0..MILLION).map(|key| person_row(key, 0)).collect();
        let mut times = [f64::INFINITY; 2];
        for _ in 0..5 {
            let (store, table) = create(&person(unique));
            let single = nanoseconds_each(MILLION, || {
                for row in &rows {
                    let change = Change::Insert(row);
                    store.apply(Version(1), &table, change, Recording::Nothing).expect("the change fits");
                }
            });
            let (store, table) = create(&person(unique));
            let at_once = nanoseconds_each(MILLION, || {
                let mut load = store.load(Version(1), &table).expect("the table is new");
                rows.iter().for_each(|row| load.row(row).expect("rows ascend"));
                load.finish().expect("names are unique");
            });
            times = [times[0].min(single), times[1].min(at_once)];
        }
        println!(
            "{MILLION} rows in order, index of strings, unique: {unique}: one by one {:.1}, loaded {:.1} ns a row",
            times[0], times[1]
        );
    }
}

fn memory() {
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
    };
    let order = shuffled(MILLION);
    for (name, keys) in [("random", order.clone()), ("ascending", (0..MILLION).collect())] {
        let before = resident();
        let (store, table) = create(&person(false));
        for keys in keys.chunks(1000) {
            let mut transaction = begin(&store);
            for key in keys {
                transaction.insert(&table, &person_row(*key, 7)).expect("the key is new");
            }
            commit(&store, transaction);
        }
        settle(&store);
        println!(
            "memory of {{u64, string(16), s64}} with an index, {name} keys: {} bytes a row counted, {} resident",
            table.memory_bytes() / MILLION,
            (resident() - before) / MILLION
        );
        std::mem::forget((store, table));
    }
}
