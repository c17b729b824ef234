//! What the real writers write, as the beginning of the corpus and as the folders into which targets plant
//! their inputs. Everything here follows from seeds and is the same each time.

use crate::examine::OPTIONS;
use crate::folder::Folder;
use crate::seal::{SECTOR, header, word};
use crate::types;
use interstice_codec::{arbitrary, row};
use interstice_log::{
    Anchor, ArtifactStore, BoxError, Caller, Cancellation, Cause, Closed, Covered, Definition, Definitions,
    Digest, EventKind, Installed, Lifecycle, Log, Outcome, Owed, RecordParts, Sequence, SnapshotIdentity,
    SnapshotStore, TableContents, TableHead, WriteSetEncoder,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::sync::OnceLock;

type Files = Vec<(String, Vec<u8>)>;

/// A file of the corpus.
pub struct Seed {
    /// The target that it is for.
    pub target: &'static str,
    /// Its name.
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// All seeds.
#[must_use]
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, name: String, bytes: Vec<u8>| {
        seeds.push(Seed { target, name: format!("seed-{name}"), bytes });
    };
    for (kind, files) in [("closed", closed_log()), ("archived", archived_log()), ("killed", killed_log())] {
        for (path, bytes) in files {
            let name = format!("{kind}-{}", path.rsplit('/').next().unwrap_or(path).trim_start_matches('0'));
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            let bytes = bytes[..used].to_vec();
            match path.rsplit_once('.').map(|(stem, suffix)| (stem.starts_with("archive"), suffix)) {
                None if path == "MANIFEST" && kind != "killed" => {
                    let lines = bytes.len() - "crc32c 01234567\n".len();
                    add("manifest", name, bytes[..lines].to_vec());
                }
                Some((true, "log")) => add("archive", name, bytes),
                Some((false, "log")) => {
                    for (at, (count, payload)) in payloads(&bytes).into_iter().enumerate() {
                        add("record", format!("{name}-{at}"), [vec![count], payload].concat());
                    }
                    add("segment", name, bytes);
                }
                Some((_, "index")) if path.ends_with("01.index") => add("index", name, bytes),
                _ => {}
            }
        }
    }
    let (_, object) = object(snapshot());
    add("snapshot", "head".to_owned(), head(snapshot()).1.to_vec());
    add("snapshot_rows", "file".to_owned(), object.to_vec());
    add("snapshot_rows", "rows".to_owned(), [&[3, 9][..], b"threerows", &[1, 0]].concat());
    let mut runner = TestRunner::deterministic();
    for (number, columns) in COLUMNS.iter().enumerate() {
        add("row", format!("{number}"), row_of(columns, &mut runner));
        add("key", format!("{number}"), key_of(columns, &mut runner));
        let mut batch = Vec::new();
        for _ in 0..number {
            row::push_row(&row_of(columns, &mut runner), &mut batch);
        }
        add("batch", format!("{number}"), batch);
    }
    seeds
}

/// Columns, as `types::columns` reads them.
const COLUMNS: [&[u8]; 8] = [
    &[0],
    &[1, 0],
    &[3, 0, 1, 9],
    &[2, 16, 1, 14, 1],
    &[4, 13, 12, 10, 11],
    &[2, 18, 1, 2, 0, 19 | 3 << 5, 3, 4, 5],
    &[2, 21 | 2 << 5, 1, 14, 7, 23 | 2 << 5, 0, 1, 6, 1, 1],
    &[5, 25 | 4 << 5, 26, 27 | 7 << 5, 28 | 3 << 5, 2],
];

fn row_of(columns: &[u8], runner: &mut TestRunner) -> Vec<u8> {
    let (types, _) = types::columns(columns);
    let values = arbitrary::rows(&types).new_tree(runner).expect("every type has values").current();
    let mut bytes = columns.to_vec();
    row::encode_all(&values, &types, &mut bytes).expect("the values are of their types");
    bytes
}

fn key_of(columns: &[u8], runner: &mut TestRunner) -> Vec<u8> {
    let with_row = row_of(columns, runner);
    let (types, row) = types::columns(&with_row);
    let layout = row::Layout::new(&types);
    let mut bytes = columns.to_vec();
    for column in 0..types.len() {
        if let Ok(keys) = interstice_codec::key::KeyLayout::new(&layout, &[column]) {
            keys.extract(row, &mut bytes);
        }
    }
    bytes
}

/// The payloads of the batches of a segment, and how many records each has.
fn payloads(segment: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut payloads, mut at) = (Vec::new(), SECTOR);
    while let Some(batch) = segment.get(at..).filter(|rest| rest.len() > 64) {
        let payload = &batch[64..64 + word(batch, 52) as usize];
        payloads.push((word(batch, 48) as u8, payload.to_vec()));
        at += (64 + payload.len()).next_multiple_of(SECTOR);
    }
    // Only the first batch stands alone: it defines what it uses.
    payloads.truncate(1);
    payloads
}

/// A log of two closed segments and a newest one, with their indexes.
pub(crate) fn closed_log() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| written(false))
}

/// The same, with what may be archived in the archive.
pub(crate) fn archived_log() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| written(true))
}

/// A log of one segment that was not closed.
pub(crate) fn killed_log() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = Folder::new();
        let (log, artifact) = open(&folder);
        // Eight records in one batch, and one in the next.
        (0..8).for_each(|_| append(&log, artifact));
        log.wait_durable(Sequence(8)).expect("the disk never fails");
        append(&log, artifact);
        log.wait_durable(Sequence(9)).expect("the disk never fails");
        let killed = folder.simulator().kill(1);
        let files = killed.disk.contents().into_iter().filter(|(path, _)| !path.ends_with(".tmp"));
        files.collect()
    })
}

fn written(is_archived: bool) -> Files {
    let folder = Folder::new();
    let (log, artifact) = open(&folder);
    for number in 1..=13 {
        append(&log, artifact);
        log.wait_durable(Sequence(number)).expect("the disk never fails");
    }
    if is_archived {
        log.archive(Covered::young(Sequence(13)));
    }
    log.wait_maintained();
    log.close().expect("the disk never fails");
    folder.files()
}

/// A log in an empty folder, and the artifact that its records name.
fn open(folder: &Folder) -> (Log, Digest) {
    let mut ignore = |_: &RecordParts<'_>, _: &Definitions| Ok::<(), BoxError>(());
    let (log, _) = Log::open(&folder.doors(), OPTIONS, &mut ignore).expect("the folder is empty");
    let artifacts = ArtifactStore::new(folder.doors().disk);
    (log, artifacts.put(b"a component").expect("the disk never fails"))
}

/// Appends the next record. Each is of another kind; every fifth is an upgrade, which ends a segment.
fn append(log: &Log, artifact: Digest) {
    let define = |definition| log.define(definition).expect("there are few definitions");
    let package = "acme:bank".to_owned();
    let artifact = define(Definition::Artifact(artifact));
    let module = Definition::Module { package: package.clone(), version: "1.2.0".to_owned(), artifact };
    let module = define(module);
    let function = define(Definition::Function { module, name: "ledger.transfer".to_owned() });
    let table = define(Definition::Table { package, name: "tables.account".to_owned() });
    let sequence = log.next_sequence();
    let n = sequence.0;
    let mut write_set = WriteSetEncoder::new();
    if n % 5 != 2 {
        write_set.table(table, n.is_multiple_of(2).then_some(n));
        write_set.insert(&n.to_le_bytes());
        write_set.update(b"row");
        write_set.delete(&[n as u8]);
    }
    let installed = Installed { schema: b"{}", catalog: [n as u8; 32] };
    let (cause, subject) = match n % 5 {
        0 => (Cause::Upgrade(installed), module),
        1 => (Cause::Call, function),
        2 => (Cause::Delivery(Closed { sequence: Sequence(n - 1), ordinal: 0 }), function),
        3 => (Cause::Schedule { due_micros: 1_699_999_999_000_000 }, function),
        _ => (Cause::Lifecycle(Lifecycle::Connect), function),
    };
    let numbered = log.caller(b"client").expect("it is short");
    let owed = [Owed { subscriber: function, table, change: 0, event: EventKind::Insert }];
    let record = RecordParts {
        sequence,
        timestamp_micros: 1_700_000_000_000_000 + n,
        cause,
        subject,
        caller: if n.is_multiple_of(3) { Caller::Inline(b"passer-by") } else { numbered },
        arguments: &n.to_le_bytes(),
        outcome: [Outcome::Ok(b"result"), Outcome::Err(b"no"), Outcome::Failed(b"trap")][n as usize % 3],
        claims: if n.is_multiple_of(4) { b"claims" } else { b"" },
        idempotency_key: n.is_multiple_of(6).then_some(b"key"),
        write_set: write_set.as_write_set(),
        deliveries: if n % 5 == 1 { &owed } else { &[] },
    };
    log.append(&record).expect("the disk has room");
}

/// The path of the index of the first segment.
pub(crate) fn first_index(files: &[(String, Vec<u8>)]) -> String {
    let path = files.iter().map(|(path, _)| path).find(|path| path.ends_with(".index"));
    path.expect("closed segments have indexes").clone()
}

/// The random id of the first segment.
pub(crate) fn first_id(files: &[(String, Vec<u8>)]) -> [u8; 16] {
    let (_, bytes) = files.iter().find(|(path, _)| path.ends_with(".log")).expect("there are segments");
    bytes[header::ID].try_into().expect("the range has this length")
}

/// A snapshot of two tables, the second of which has rows.
pub(crate) fn snapshot() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = Folder::new();
        let anchor = Anchor { sequence: Sequence(7), link: [1; 32], catalog: [2; 32], latest_micros: 3 };
        let storage = Digest([4; 32]);
        let identity = SnapshotIdentity { database_key: [5; 16], timeline: [6; 16], anchor, storage };
        let store = SnapshotStore::new(&folder.doors());
        let mut writer = store.begin(identity, &Cancellation::new()).expect("there is none yet");
        writer.section("modules", b"the modules").expect("it is short");
        writer.section("owed", &[]).expect("it is short");
        for (name, batches) in [("tables.account", 0_u64), ("tables.audit", 3)] {
            let head =
                TableHead { package: "acme:bank".to_owned(), name: name.to_owned(), shape: Digest([8; 32]) };
            let counter = (batches == 0).then_some(9);
            let contents = TableContents { counter, rows: batches * 2, digest: Digest([9; 32]) };
            let mut rows = writer.table(head).expect("it is added once");
            (0..batches).for_each(|_| rows.rows(2, b"two rows").expect("the disk never fails"));
            rows.finish(contents).expect("the rows were counted");
        }
        writer.publish().expect("the disk never fails");
        folder.files()
    })
}

/// The head of the snapshot: its path and its bytes.
pub(crate) fn head(files: &[(String, Vec<u8>)]) -> (&str, &[u8]) {
    ending(files, ".snapshot")
}

/// The object of the snapshot: its path and its bytes.
pub(crate) fn object(files: &[(String, Vec<u8>)]) -> (&str, &[u8]) {
    ending(files, ".rows")
}

fn ending<'f>(files: &'f [(String, Vec<u8>)], suffix: &str) -> (&'f str, &'f [u8]) {
    let found = files.iter().find(|(path, _)| path.ends_with(suffix));
    found.map(|(path, bytes)| (path.as_str(), bytes.as_slice())).expect("the snapshot was published")
}

/// The random id in the name of an object.
pub(crate) fn object_id(path: &str) -> [u8; 16] {
    let digits = path.rsplit('-').next().and_then(|name| name.strip_suffix(".rows"));
    let id = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
    id.expect("the name of an object ends with its id").to_be_bytes()
}
