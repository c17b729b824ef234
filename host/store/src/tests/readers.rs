//! Readers beside the writer: on threads, at old versions, and past the limit of what is kept for them.

use super::*;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

const ACCOUNTS: u64 = 500;
const MONEY: i64 = 100;

fn balance(row: &[u8]) -> i64 {
    i64::from_le_bytes(*row.last_chunk().unwrap())
}

fn bank() -> (Store, TableHandle) {
    let (store, table) = store_with(&accounts());
    commit(&store, |transaction| {
        let rows: Vec<_> = (1..=ACCOUNTS).map(|id| account(id, &format!("owner {id}"), MONEY)).collect();
        transaction.insert_many(&table, &batch(&rows), &mut Vec::new()).unwrap();
    });
    (store, table)
}

/// Moves money between two accounts, through a savepoint that is sometimes rolled back; closes an account
/// and opens it again now and then.
fn transfer(store: &Store, table: &TableHandle, random: u64) {
    let (from, to) = (random % ACCOUNTS + 1, (random >> 20) % ACCOUNTS + 1);
    let mut transaction = store.begin(Version(store.newest().0 + 1)).unwrap();
    let mut add = |id: u64, amount: i64| {
        let row = transaction.row(table, &key((id,))).unwrap();
        let changed = account(id, &format!("owner {id}"), balance(&row) + amount);
        let savepoint = transaction.savepoint();
        transaction.update(table, &account(id, &format!("owner {id}"), 12_345)).unwrap();
        transaction.rollback_to(&savepoint).unwrap();
        if random.is_multiple_of(5) {
            transaction.delete(table, &key((id,))).unwrap();
            transaction.insert(table, &changed).unwrap();
        } else {
            transaction.update(table, &changed).unwrap();
        }
    };
    add(from, -7);
    add(to, 7);
    if random.is_multiple_of(11) {
        transaction.abort();
    } else {
        transaction.commit();
    }
}

#[test]
fn readers_on_threads_see_all_the_money_at_every_version() {
    let (store, table) = bank();
    let over = AtomicBool::new(false);
    let reads = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..3u32 {
            let (store, table, over, reads) = (&store, &table, &over, &reads);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let Ok(reader) = store.reader(store.newest()) else { continue };
                    let range = KeyRange { index: thread, descending: thread == 1, ..KeyRange::default() };
                    let mut scan = reader.scan(table, &range).unwrap();
                    let rows = drain(&mut scan, 700, 30);
                    assert_eq!(rows.len() as u64, ACCOUNTS);
                    assert_eq!(rows.iter().map(|row| balance(row)).sum::<i64>(), ACCOUNTS as i64 * MONEY);
                    assert_eq!(reader.count(table), Ok(ACCOUNTS));
                    // One by one it is the same money, however much later.
                    let one_by_one: i64 =
                        (1..=ACCOUNTS).map(|id| balance(&reader.row(table, &key((id,))).unwrap())).sum();
                    assert_eq!(one_by_one, ACCOUNTS as i64 * MONEY);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut random = 1u64;
        let mut transfers = 0;
        while transfers < 3_000 || reads.load(Ordering::Relaxed) < 30 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            transfer(&store, &table, random >> 16);
            transfers += 1;
            if transfers % 7 == 0 {
                store.set_durable(store.newest());
                store.purge(50);
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    store.check();
    store.set_durable(store.newest());
    while store.purge(1000) {}
    store.check();
    assert_eq!(table.undo_bytes(), 0);
}

#[test]
fn a_reader_does_not_wait_for_an_open_transaction() {
    let (store, table) = bank();
    let reader = store.reader(store.newest()).unwrap();
    let mut transaction = store.begin(Version(2)).unwrap();
    transaction.delete_range(&table, &KeyRange::default()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(reader.all(&table).len() as u64, ACCOUNTS)).join().unwrap();
    });
    assert_eq!(transaction.count(&table), Ok(0));
}

#[test]
fn a_reader_of_what_nobody_keeps_is_refused() {
    let (store, table) = bank();
    for id in 1..=100 {
        commit(&store, |transaction| transaction.update(&table, &account(id, "x", 1)).map(drop)).unwrap();
        commit(&store, |transaction| transaction.delete(&table, &key((id,))).map(drop)).unwrap();
    }
    let newest = store.newest();
    assert!(store.reader(Version(1)).is_ok(), "nothing is durable, so everything is kept");
    store.set_durable(Version(50));
    while store.purge(1000) {}
    let refused = |asked| StoreError::VersionNotKept { asked, oldest: Version(50), newest };
    assert_eq!(store.reader(Version(49)).err(), Some(refused(Version(49))));
    assert_eq!(store.reader(Version(newest.0 + 1)).err(), Some(refused(Version(newest.0 + 1))));
    let reader = store.reader(Version(50)).unwrap();
    store.set_durable(newest);
    while store.purge(1000) {}
    assert_eq!(reader.count(&table), Ok(ACCOUNTS - 24));
    let scan = reader.scan(&table, &KeyRange::default()).unwrap();
    drop(reader);
    while store.purge(1000) {}
    assert_eq!(store.readers(), 1, "its scan reads on");
    assert_eq!(drain(&mut { scan }, 1000, 1000).len() as u64, ACCOUNTS - 24);
    while store.purge(1000) {}
    assert_eq!((store.readers(), table.undo_bytes()), (0, 0));
    store.check();
}

#[test]
fn the_oldest_reader_is_cancelled_when_it_keeps_too_much() {
    let limits = StoreLimits { undo_bytes: 300_000, ..StoreLimits::default() };
    let store = Store::new(limits, 1);
    let table = store.create_table(TableId(1), &accounts()).unwrap();
    commit(&store, |transaction| transaction.insert(&table, &account(1, "a", 0)).unwrap());
    let oldest = store.reader(Version(1)).unwrap();
    let mut scan = oldest.scan(&table, &KeyRange::default()).unwrap();
    let write = |store: &Store| {
        let amount = store.newest().0 as i64;
        commit(store, |transaction| transaction.update(&table, &account(1, "a", amount)).unwrap());
        store.set_durable(store.newest());
    };
    (0..100).for_each(|_| write(&store));
    assert_eq!(oldest.all(&table), [account(1, "a", 0)]);
    for _ in 0..20_000 {
        write(&store);
        assert!(table.undo_bytes() < 500_000);
    }
    let cancelled = StoreError::ReaderCancelled { version: Version(1), limit: 300_000 };
    assert_eq!(oldest.count(&table), Err(cancelled.clone()));
    assert_eq!(scan.next_batch(&mut Vec::new(), 10, 10), Err(cancelled));
    let newest = store.reader(store.newest()).unwrap();
    assert_eq!(newest.count(&table), Ok(1));
    while store.purge(1000) {}
    assert_eq!(table.undo_bytes(), 0, "a reader of the newest version keeps nothing");
    store.check();
}

#[test]
fn a_scan_goes_on_where_it_was_while_rows_come_and_go_around_it() {
    let (store, table) = bank();
    let reader = store.reader(store.newest()).unwrap();
    for index in 0..=2 {
        for descending in [false, true] {
            let range = KeyRange { index, descending, ..KeyRange::default() };
            let expected = reader.rows(&table, &range);
            let mut scan = reader.scan(&table, &range).unwrap();
            let mut found = Vec::new();
            let mut id = 1_000 * (u64::from(index) * 2 + u64::from(descending) + 1);
            loop {
                let mut bytes = Vec::new();
                let more = scan.next_batch(&mut bytes, 1 << 20, 10).unwrap().more;
                found.extend(Batch::new(&bytes).map(|row| row.unwrap().to_vec()));
                commit(&store, |transaction| {
                    for _ in 0..20 {
                        id += 1;
                        transaction.upsert(&table, &account(id, &format!("new {id}"), MONEY)).unwrap();
                    }
                    let victim = id % ACCOUNTS + 1;
                    transaction.delete(&table, &key((victim,))).unwrap();
                });
                if !more {
                    break;
                }
            }
            assert_eq!(found, expected, "index {index}, descending {descending}");
        }
    }
    store.check();
}

/// The purge of an idle node used to wait for a scan, and whoever called meanwhile waited behind it.
#[test]
fn a_purge_of_an_idle_node_waits_for_nobody() {
    let (store, table) = bank();
    commit(&store, |transaction| transaction.delete(&table, &key((1,))).map(drop)).unwrap();
    store.set_durable(store.newest());
    let read = table.0.state.read();
    assert_eq!(store.try_purge(1000), None);
    drop(read);
    let kept = table.0.state.keep_history();
    assert_eq!(store.try_purge(1000), None, "a table that evolves keeps its history");
    assert!(store.purge(1000), "there is more, and it is not waited for");
    drop(kept);
    assert!(table.undo_bytes() > 0);
    while store.try_purge(1000) == Some(true) {}
    assert_eq!((store.try_purge(1000), table.undo_bytes()), (Some(false), 0));
    store.check();
}
