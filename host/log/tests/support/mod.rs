//! What the tests of the log share: a small cast of definitions, records made from their number
//! alone, and logs opened with every record collected.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

pub mod forgetful;

use interstice_log::doors::{Access, Disk, DiskFile, Doors, LockKind, LockOutcome};
use interstice_log::sim::Simulator;
use interstice_log::{
    Anchor, BoxError, Caller, Cause, Closed, Definition, DefinitionId, Definitions, Digest, DirectoryLock,
    EventKind, Finding, Installed, Lifecycle, Log, LogError, LogOptions, NamedCause, NamedChange,
    NamedOutcome, NamedOwed, NamedWrites, Outcome, Owed, Record, RecordParts, RecoveryReport, Sequence,
    StartingPoint, WriteSet, WriteSetEncoder,
};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

pub const SMALL: LogOptions = LogOptions { segment_bytes: 16 << 10, ..LogOptions::DEFAULT };

/// The numbers of the definitions that the records use.
#[derive(Clone, Copy)]
pub struct Cast {
    pub module: DefinitionId,
    pub transfer: DefinitionId,
    pub opened: DefinitionId,
    pub account: DefinitionId,
    pub audit: DefinitionId,
}

impl Cast {
    pub fn define(log: &Log) -> Self {
        Self::define_of(log, Digest([7; 32]))
    }

    /// The same with a module of this artifact.
    pub fn define_of(log: &Log, artifact: Digest) -> Self {
        let define = |definition| log.define(definition).unwrap();
        let artifact = define(Definition::Artifact(artifact));
        let package = "acme:bank".to_owned();
        let module =
            define(Definition::Module { package: package.clone(), version: "1.2.0".to_owned(), artifact });
        let function = |name: &str| Definition::Function { module, name: name.to_owned() };
        let table = |name: &str| Definition::Table { package: package.clone(), name: name.to_owned() };
        Self {
            module,
            transfer: define(function("ledger.transfer")),
            opened: define(function("automation.opened")),
            account: define(table("tables.account")),
            audit: define(table("tables.audit")),
        }
    }
}

/// Appends the record with the next number. Its contents follow from the number.
pub fn append(log: &Log, cast: Cast) -> Result<Sequence, LogError> {
    append_sized(log, cast, 0)
}

/// Each of these begins another segment, where that is possible.
const UPGRADE_EVERY: u64 = 67;

fn is_upgrade(n: u64) -> bool {
    n.is_multiple_of(UPGRADE_EVERY)
}

/// The same, with an inserted row of this many bytes in every fourth. The arguments say how many.
pub fn append_sized(log: &Log, cast: Cast, more: usize) -> Result<Sequence, LogError> {
    let sequence = log.next_sequence();
    let n = sequence.0;
    let mut write_set = WriteSetEncoder::new();
    write_set.table(cast.account, n.is_multiple_of(3).then_some(n));
    write_set.update(&[n as u8; 24]);
    write_set.update(&n.to_le_bytes());
    if n.is_multiple_of(4) {
        write_set.table(cast.audit, None);
        write_set.insert(&vec![n as u8; more]);
        write_set.delete(&n.to_be_bytes());
    }
    let name = format!("client {}", n % 5);
    let caller =
        if n.is_multiple_of(7) { Caller::Inline(b"passer-by") } else { log.caller(name.as_bytes())? };
    let upgrade = Installed { schema: b"{}", catalog: [n as u8; 32] };
    let cause = match n % 8 {
        _ if is_upgrade(n) => Cause::Upgrade(upgrade),
        3 => Cause::Delivery(Closed { sequence: Sequence(n - 1), ordinal: n as u32 }),
        5 => Cause::Schedule { due_micros: 1_700_000_000_000_000 + n * 17 },
        6 => Cause::Lifecycle(Lifecycle::Connect),
        _ => Cause::Call,
    };
    let outcome = match n % 6 {
        1 => Outcome::Err(b"no"),
        2 => Outcome::Failed(b"trap"),
        _ => Outcome::Ok(&[]),
    };
    let owed =
        [Owed { subscriber: cast.opened, table: cast.account, change: n as u32, event: EventKind::Update }];
    let arguments = [n.to_le_bytes(), (more as u64).to_le_bytes()].concat();
    log.append(&RecordParts {
        sequence,
        timestamp_micros: 1_700_000_000_000_000 + n * 40,
        cause,
        subject: if is_upgrade(n) { cast.module } else { cast.transfer },
        caller,
        arguments: &arguments,
        outcome,
        claims: if n.is_multiple_of(9) { b"claims" } else { b"" },
        idempotency_key: n.is_multiple_of(10).then_some(b"key"),
        write_set: write_set.as_write_set(),
        deliveries: if n % 8 == 2 { &owed } else { &[] },
    })
}

/// The next record, with as little in it as there can be.
pub fn plain(log: &Log, subject: DefinitionId) -> RecordParts<'static> {
    RecordParts {
        sequence: log.next_sequence(),
        timestamp_micros: 1,
        cause: Cause::Call,
        subject,
        caller: Caller::Inline(b"somebody"),
        arguments: &[],
        outcome: Outcome::Ok(&[]),
        claims: &[],
        idempotency_key: None,
        write_set: WriteSet::EMPTY,
        deliveries: &[],
    }
}

/// Opens a log and collects its records.
pub fn open(doors: &Doors, options: LogOptions) -> Result<(Log, Vec<Record>, RecoveryReport), LogError> {
    open_after(doors, options, None)
}

/// Opens a log after a place in it and collects the records that follow.
pub fn open_after(
    doors: &Doors,
    options: LogOptions,
    start: Option<&StartingPoint>,
) -> Result<(Log, Vec<Record>, RecoveryReport), LogError> {
    let lock = DirectoryLock::take(doors.disk.as_ref(), LockKind::Exclusive)?;
    let mut records = Vec::new();
    let mut collect = |record: &RecordParts<'_>, definitions: &Definitions| -> Result<(), BoxError> {
        records.push(Record::resolve(record, definitions));
        Ok(())
    };
    let (log, report) = Log::open_after(doors, lock, options, start, &mut collect)?;
    Ok((log, records, report))
}

/// What is read of the record that [`append_sized`] appends under this number, to the last byte.
pub fn expected(n: u64, more: usize) -> Record {
    let update = |row: &[u8]| NamedChange::Update(row.to_vec());
    let table = |table: &str, counter, changes| NamedWrites {
        package: "acme:bank".to_owned(),
        table: table.to_owned(),
        counter,
        changes,
    };
    let changes = vec![update(&[n as u8; 24]), update(&n.to_le_bytes())];
    let mut writes = vec![table("tables.account", n.is_multiple_of(3).then_some(n), changes)];
    if n.is_multiple_of(4) {
        let changes =
            vec![NamedChange::Insert(vec![n as u8; more]), NamedChange::Delete(n.to_be_bytes().to_vec())];
        writes.push(table("tables.audit", None, changes));
    }
    let owed = NamedOwed {
        package: "acme:bank".to_owned(),
        function: "automation.opened".to_owned(),
        table: "tables.account".to_owned(),
        table_package: "acme:bank".to_owned(),
        change: n as u32,
        event: EventKind::Update,
    };
    let caller = if n.is_multiple_of(7) { "passer-by".to_owned() } else { format!("client {}", n % 5) };
    Record {
        sequence: Sequence(n),
        timestamp_micros: 1_700_000_000_000_000 + n * 40,
        cause: match n % 8 {
            _ if is_upgrade(n) => {
                NamedCause::Upgrade { schema: b"{}".to_vec(), catalog: Digest([n as u8; 32]) }
            }
            3 => NamedCause::Delivery(Closed { sequence: Sequence(n - 1), ordinal: n as u32 }),
            5 => NamedCause::Schedule { due_micros: 1_700_000_000_000_000 + n * 17 },
            6 => NamedCause::Lifecycle(Lifecycle::Connect),
            _ => NamedCause::Call,
        },
        package: "acme:bank".to_owned(),
        version: "1.2.0".to_owned(),
        artifact: Digest([7; 32]),
        function: (!is_upgrade(n)).then(|| "ledger.transfer".to_owned()),
        caller: caller.into_bytes(),
        arguments: [n.to_le_bytes(), (more as u64).to_le_bytes()].concat(),
        outcome: match n % 6 {
            1 => NamedOutcome::Err(b"no".to_vec()),
            2 => NamedOutcome::Failed(b"trap".to_vec()),
            _ => NamedOutcome::Ok(Vec::new()),
        },
        claims: if n.is_multiple_of(9) { b"claims".to_vec() } else { Vec::new() },
        idempotency_key: n.is_multiple_of(10).then(|| b"key".to_vec()),
        writes,
        deliveries: if n % 8 == 2 { vec![owed] } else { Vec::new() },
    }
}

/// Asserts that these are the records from 1 on, complete and in order, with all that was appended.
#[track_caller]
pub fn assert_in_order(records: &[Record]) {
    assert_in_order_after(Sequence::ZERO, records);
}

/// Asserts that these are the records after this one, complete and in order.
pub fn assert_in_order_after(before: Sequence, records: &[Record]) {
    for (index, record) in records.iter().enumerate() {
        let more = u64::from_le_bytes(record.arguments[8..].try_into().unwrap());
        let expected = expected(before.0 + index as u64 + 1, more as usize);
        assert!(*record == expected, "found {record:?}, expected {expected:?}");
    }
}

/// Runs a campaign over many seeds: a few by default, `INTERSTICE_SEEDS` says how many, and
/// `INTERSTICE_SEED` runs one again. A long one says now and then where it is, and `INTERSTICE_FROM` goes on there.
/// A failure names its seed.
pub fn for_seeds(default: u64, run: impl Fn(u64)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(seed) = number("INTERSTICE_SEED") {
        return run(seed);
    }
    let seeds = number("INTERSTICE_SEEDS");
    for seed in number("INTERSTICE_FROM").unwrap_or(0)..seeds.unwrap_or(default) {
        if seeds.is_some() && seed % 100 == 0 {
            eprintln!("all seeds before {seed} passed; INTERSTICE_FROM={seed} goes on from here");
        }
        // Nothing is looked at after a panic but which seed it was.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("run this again with INTERSTICE_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// A simulated machine with a log of so many durable records, each in a batch of its own.
pub fn machine_with(records: u64, options: LogOptions) -> (Simulator, Log) {
    machine_of(1, records, options)
}

/// The same, with a disk that fails as this seed says.
pub fn machine_of(seed: u64, records: u64, options: LogOptions) -> (Simulator, Log) {
    let simulator = Simulator::new(seed);
    let (log, ..) = open(&simulator.doors(), options).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..records {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    (simulator, log)
}

/// The same machine after the process was killed, before the log could be closed.
pub fn killed_with(records: u64, options: LogOptions) -> Simulator {
    let (simulator, log) = machine_with(records, options);
    let after = simulator.kill(2);
    drop(log);
    after
}

/// The same machine after the log was closed.
pub fn closed_with(records: u64, options: LogOptions) -> Simulator {
    let (simulator, log) = machine_with(records, options);
    log.close().unwrap();
    simulator
}

/// The paths of the segments in order, and the bytes of each.
pub fn segments(simulator: &Simulator) -> Vec<(String, Vec<u8>)> {
    simulator.disk.contents().into_iter().filter(|(path, _)| path.ends_with(".log")).collect()
}

/// Puts a segment beside a closed log of so many records that the manifest does not list, and in which
/// nothing but this byte is not zero. Returns its path.
pub fn plant_unlisted(simulator: &Simulator, records: u64, at: usize) -> String {
    let (_, mut bytes) = segments(simulator).pop().unwrap();
    let first = records + 1;
    bytes[16] ^= 1;
    bytes[64..72].copy_from_slice(&first.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..508]);
    bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
    bytes[512..].fill(0);
    bytes[at] = 1;
    let path = format!("log/{first:020}.log");
    simulator.disk.plant(&path, bytes);
    path
}

/// Where the batches of a segment are: offset and length.
pub fn batches(segment: &[u8]) -> Vec<(usize, usize)> {
    let mut batches = Vec::new();
    let mut offset = 512;
    while offset < segment.len() && segment[offset..offset + 64] != [0; 64] {
        let payload = u32::from_le_bytes(segment[offset + 52..offset + 56].try_into().unwrap());
        let length = (64 + payload as usize).next_multiple_of(512);
        batches.push((offset, length));
        offset += length;
    }
    batches
}

/// Every place between two batches of the segments that are not compressed, in order.
pub fn places(simulator: &Simulator) -> Vec<StartingPoint> {
    let mut places = Vec::new();
    for (path, bytes) in segments(simulator) {
        if !path.starts_with("log/") {
            continue;
        }
        let start = u64::from_le_bytes(bytes[64..72].try_into().unwrap());
        let catalog = bytes[88..120].try_into().unwrap();
        let mut next = start;
        for (offset, _) in batches(&bytes) {
            let first = u64::from_le_bytes(bytes[offset + 32..offset + 40].try_into().unwrap());
            if first != next {
                // What a loss of power left of a write is no batch.
                break;
            }
            next += u64::from(u32::from_le_bytes(bytes[offset + 48..offset + 52].try_into().unwrap()));
            let sequence = Sequence(first - 1);
            // On a full disk a segment goes on after an upgrade.
            let upgrade = Sequence(sequence.0 - sequence.0 % UPGRADE_EVERY);
            let anchor = Anchor {
                sequence,
                link: bytes[offset..offset + 32].try_into().unwrap(),
                catalog: if upgrade.0 < start { catalog } else { [upgrade.0 as u8; 32] },
                latest_micros: 1_700_000_000_000_000 + sequence.0 * 40,
            };
            places.push(StartingPoint { timeline: bytes[32..48].try_into().unwrap(), anchor });
        }
    }
    places
}

/// The last place that is known to be safe: a batch was written after it.
pub fn last_place(simulator: &Simulator) -> Option<StartingPoint> {
    places(simulator).pop()
}

/// A disk that counts the bytes read from it.
pub struct CountingDisk {
    pub disk: Arc<dyn Disk>,
    pub read: Arc<AtomicU64>,
}

impl CountingDisk {
    /// Doors whose disk counts, and the count.
    pub fn over(doors: &Doors) -> (Doors, Arc<AtomicU64>) {
        let read = Arc::new(AtomicU64::new(0));
        let disk = Self { disk: doors.disk.clone(), read: read.clone() };
        (Doors { disk: Arc::new(disk), ..doors.clone() }, read)
    }
}

struct CountingFile {
    file: Arc<dyn DiskFile>,
    read: Arc<AtomicU64>,
}

impl Disk for CountingDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(path)
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(CountingFile { file: self.disk.open(path, access)?, read: self.read.clone() }))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        self.disk.create_directory(directory)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }

    fn lock(&self, path: &str, kind: LockKind) -> io::Result<LockOutcome> {
        self.disk.lock(path, kind)
    }

    fn locate(&self, path: &str) -> String {
        self.disk.locate(path)
    }
}

impl DiskFile for CountingFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(offset, buffer)?;
        self.read.fetch_add(read as u64, SeqCst);
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }
}

/// What a test chooses by seed.
pub struct Dice(interstice_log::sim::SimEntropy);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(interstice_log::sim::SimEntropy::new(seed ^ 0xd1ce))
    }

    pub fn below(&self, bound: u64) -> u64 {
        use interstice_log::doors::Entropy;
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) % bound
    }
}

/// Whether a finding is about the log: the tests store no artifacts, and keep in memory what their snapshots
/// would tell.
pub fn is_of_the_log(finding: &Finding) -> bool {
    !finding.path.starts_with("artifacts/")
        && !finding.what.contains("there is no whole snapshot to begin with")
}

/// Opens a log again, appends so many records, each durable before the next one, and closes it.
pub fn go_on(simulator: &Simulator, options: LogOptions, records: u64) {
    let (log, ..) = open(&simulator.doors(), options).unwrap();
    let cast = Cast::define(&log);
    for _ in 0..records {
        let sequence = append(&log, cast).unwrap();
        log.wait_durable(sequence).unwrap();
    }
    log.close().unwrap();
}
