//! Two snapshots of format 1 that are kept as bytes, of both families, with shared rows. They open for
//! ever. Made anew with `INTERSTICE_BLESS=1` only while no database of the format is in use; compressed
//! bytes may differ from one version of zstd to the next, so what is written today is not compared.
#![allow(clippy::unwrap_used)]

mod snapshot_support;

use interstice_log::Family;
use interstice_log::SnapshotStore;
use interstice_log::doors::Disk;
use interstice_log::sim::Simulator;
use snapshot_support::{State, assert_holds, files, prune, valid, write};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/snapshot-1")
}

/// The states of the three snapshots, of which the last two are kept.
fn states() -> [State; 3] {
    let first = State::new(1_000, &[40, 0, 25]);
    let second = first.later(10);
    let third = second.changed(10, 0);
    [first, second, third]
}

fn bless() {
    let simulator = Simulator::new(22);
    let store = SnapshotStore::new(&simulator.doors());
    for state in states() {
        write(&store, &state).unwrap();
    }
    prune(&store).unwrap();
    std::fs::remove_dir_all(folder()).ok();
    std::fs::create_dir_all(folder().join("snapshots/objects")).unwrap();
    for (path, bytes) in simulator.disk.contents() {
        std::fs::write(folder().join(path), bytes).unwrap();
    }
}

#[test]
fn snapshots_of_format_1_open_for_ever() {
    if std::env::var_os("INTERSTICE_BLESS").is_some() {
        bless();
    }
    let simulator = Simulator::new(23);
    for directory in ["snapshots", "snapshots/objects"] {
        simulator.disk.create_directory(directory).unwrap();
        for entry in std::fs::read_dir(folder().join(directory)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let path = format!("{directory}/{}", entry.file_name().to_str().unwrap());
                simulator.disk.plant(&path, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let [first, second, third] = states();
    let store = SnapshotStore::new(&simulator.doors());
    let found = valid(&store);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].family(), found[1].family()), (Family::A, Family::B));
    assert_holds(&simulator.disk, &found[0], &third);
    assert_holds(&simulator.disk, &found[1], &second);
    assert!(found[0].created_micros() >= 1_700_000_000_000_000);
    let (there, needed) = files(&simulator.disk, &store);
    assert_eq!(there, needed);
    // Today's program goes on with them, and shares what has not changed.
    let fourth = third.changed(10, 2);
    let snapshot = write(&store, &fourth).unwrap();
    assert!(fourth.tables["tables.t0"] != first.tables["tables.t0"]);
    assert_eq!(prune(&store).unwrap().kept.len(), 2);
    assert_holds(&simulator.disk, &snapshot, &fourth);
    assert_eq!(snapshot.family(), Family::B);
}
