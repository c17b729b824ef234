//! Logs that are whole and well-formed and say what no node has written: they are refused, each with its
//! reason, and nothing panics.

use interstice_codec::key::Key;
use interstice_codec::row::to_bytes;
use interstice_log::sim::Simulator;
use interstice_log::{
    ArtifactStore, Caller, Cause, Definition, DefinitionId, Definitions, Digest, EventKind, Installed, Log,
    LogOptions, Outcome, Owed, RecordParts, WriteSetEncoder,
};
use interstice_node::{Error, Node};
use interstice_tests::events::{EVENTS, FOLDER, notes};
use interstice_tests::machine::{call, component, on_guest_thread, open};
use interstice_wit::section;
use std::error::Error as _;

const OPTIONS: LogOptions = LogOptions { segment_bytes: 64 << 10, ..LogOptions::DEFAULT };

/// The log of a database, open to be written to by somebody who is no node.
struct Forger {
    log: Log,
    module: DefinitionId,
    table: DefinitionId,
}

fn open_log(simulator: &Simulator) -> Log {
    let mut nothing = |_: &RecordParts<'_>, _: &Definitions| Ok(());
    Log::open(&simulator.doors(), OPTIONS, &mut nothing).unwrap().0
}

fn define_module(log: &Log, artifact: [u8; 32]) -> DefinitionId {
    let artifact = log.define(Definition::Artifact(Digest(artifact))).unwrap();
    let (package, version) = (EVENTS.to_owned(), "1.0.0".to_owned());
    log.define(Definition::Module { package, version, artifact }).unwrap()
}

impl Forger {
    fn function(&self, name: &str) -> DefinitionId {
        self.log.define(Definition::Function { module: self.module, name: name.to_owned() }).unwrap()
    }

    fn owed(&self, subscriber: &str, change: u32, event: EventKind) -> Owed {
        Owed { subscriber: self.function(subscriber), table: self.table, change, event }
    }

    fn append(&self, write: impl FnOnce(&mut WriteSetEncoder), deliveries: &[Owed]) {
        let mut write_set = WriteSetEncoder::new();
        write_set.table(self.table, None);
        write(&mut write_set);
        let sequence = self.log.next_sequence();
        let record = RecordParts {
            sequence,
            timestamp_micros: 1_700_000_000_000_000,
            cause: Cause::Call,
            subject: self.function("deeds.put"),
            caller: Caller::Inline(b"cforger"),
            arguments: &[],
            outcome: Outcome::Ok(&[]),
            claims: &[],
            idempotency_key: None,
            write_set: write_set.as_write_set(),
            deliveries,
        };
        self.log.append(&record).unwrap();
        self.log.wait_durable(sequence).unwrap();
    }
}

/// A database with a thing (number 1, `ada`, 5) whose deliveries were made; then the forger writes to its log.
fn forged(forge: impl FnOnce(&Forger)) -> Result<Node, Error> {
    let simulator = Simulator::new(1);
    let node = open(&simulator).unwrap().0;
    node.install(&component(FOLDER)).unwrap();
    call(&node, EVENTS, "put(\"ada\", 5)", interstice_node::Acknowledge::Durable).unwrap();
    node.settle().unwrap();
    node.close().unwrap();
    let artifact = node.modules()[0].artifact.0;
    drop(node);
    let log = open_log(&simulator);
    let (package, name) = (EVENTS.to_owned(), "tables.thing".to_owned());
    let table = log.define(Definition::Table { package, name }).unwrap();
    let module = define_module(&log, artifact);
    let forger = Forger { log, module, table };
    forge(&forger);
    forger.log.close().unwrap();
    drop(forger);
    open(&simulator).map(|(node, _)| node)
}

/// The database is refused as one that cannot be replayed, for this reason.
fn refused(forge: impl FnOnce(&Forger), says: &str) {
    let error = forged(forge).map(drop).unwrap_err();
    assert_eq!(error.code(), "version.replay", "{error}");
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    assert!(text.contains(says), "{text} does not say {says:?}");
}

fn thing(id: u64, name: &str, weight: i64) -> Vec<u8> {
    to_bytes(&(id, name.to_owned(), weight))
}

#[test]
fn a_forged_record_that_a_node_might_have_written_is_taken() {
    on_guest_thread(|| {
        let node = forged(|forger| {
            let first = forger.owed("handlers.first", 0, EventKind::Insert);
            let changed = forger.owed("handlers.changed", 1, EventKind::Update);
            let gone = forger.owed("handlers.gone", 2, EventKind::Delete);
            let write = |writes: &mut WriteSetEncoder| {
                writes.insert(&thing(2, "bob", 6));
                writes.update(&thing(1, "eve", 7));
                writes.delete(&(2_u64,).to_key());
            };
            forger.append(write, &[first, changed, gone]);
        });
        let node = node.unwrap();
        node.settle().unwrap();
        let told = notes(&node);
        assert_eq!(told[told.len() - 3..], ["first: bob 6", "changed: ada 5 -> eve 7", "gone: bob 6"]);
    });
}

/// A delivery that belonged to no change of its record used to vanish without a word.
#[test]
fn a_delivery_for_a_change_that_is_not_there_is_refused() {
    on_guest_thread(|| {
        let insert = |writes: &mut WriteSetEncoder| writes.insert(&thing(2, "bob", 6));
        let owed = |forger: &Forger, change, event| [forger.owed("handlers.first", change, event)];
        let message = |change| format!("it owes delivery 0 for change {change} of test:events/tables.thing");
        for (change, event) in [(1, EventKind::Insert), (0, EventKind::Update), (0, EventKind::Delete)] {
            refused(|forger| forger.append(insert, &owed(forger, change, event)), &message(change));
        }
        let in_the_wrong_order = |forger: &Forger| {
            let second = forger.owed("handlers.first", 1, EventKind::Insert);
            let first = forger.owed("handlers.first", 0, EventKind::Insert);
            let write = |writes: &mut WriteSetEncoder| {
                writes.insert(&thing(2, "bob", 6));
                writes.insert(&thing(3, "cleo", 6));
            };
            forger.append(write, &[second, first]);
        };
        refused(in_the_wrong_order, "it owes delivery 1 for change 0");
    });
}

/// The key of an updated row was taken from its bytes before anybody had looked whether they are a row.
#[test]
fn bytes_that_are_no_row_are_refused_also_where_somebody_waits_for_their_event() {
    on_guest_thread(|| {
        let events = [None, Some(EventKind::Update)];
        for event in events {
            for bytes in [&[][..], &[1, 2, 3], &[0xff; 40]] {
                let owed = |forger: &Forger| event.map(|event| forger.owed("handlers.changed", 0, event));
                let forge = |forger: &Forger| {
                    forger.append(|writes| writes.update(bytes), owed(forger).as_slice());
                };
                refused(forge, "not a row of table `test:events/thing`");
            }
        }
    });
}

#[test]
fn an_event_of_a_row_that_was_never_there_is_refused() {
    on_guest_thread(|| {
        let update = |forger: &Forger| {
            let owed = forger.owed("handlers.changed", 0, EventKind::Update);
            forger.append(|writes| writes.update(&thing(9, "nobody", 0)), &[owed]);
        };
        refused(update, "there is no row with this primary key");
        let delete = |forger: &Forger| {
            let owed = forger.owed("handlers.gone", 0, EventKind::Delete);
            forger.append(|writes| writes.delete(&(9_u64,).to_key()), &[owed]);
        };
        refused(delete, "there is no row with this primary key");
    });
}

/// The catalog as it was rebuilt used to be compared with nothing, though its hash is in the log.
#[test]
fn a_catalog_that_is_not_the_one_in_the_log_is_refused() {
    on_guest_thread(|| {
        let artifact = component(FOLDER);
        let honest = Simulator::new(1);
        let node = open(&honest).unwrap().0;
        node.install(&artifact).unwrap();
        node.close().unwrap();
        let mut hash = [0; 32];
        let mut find = |record: &RecordParts<'_>, _: &Definitions| {
            if let Cause::Install(installed) = record.cause {
                hash = installed.catalog;
            }
            Ok(())
        };
        drop(node);
        drop(Log::open(&honest.doors(), OPTIONS, &mut find).unwrap());

        let install = |catalog: [u8; 32]| {
            let simulator = Simulator::new(2);
            let log = open_log(&simulator);
            let digest = ArtifactStore::new(simulator.doors().disk).put(&artifact).unwrap();
            let schema = serde_json::to_vec(&section::extract(&artifact).unwrap()).unwrap();
            let (sequence, nothing) = (log.next_sequence(), WriteSetEncoder::new());
            let record = RecordParts {
                sequence,
                timestamp_micros: 1_700_000_000_000_000,
                cause: Cause::Install(Installed { schema: &schema, catalog }),
                subject: define_module(&log, digest.0),
                caller: Caller::Inline(b"s"),
                arguments: &[],
                outcome: Outcome::Ok(&[]),
                claims: &[],
                idempotency_key: None,
                write_set: nothing.as_write_set(),
                deliveries: &[],
            };
            log.append(&record).unwrap();
            log.wait_durable(sequence).unwrap();
            log.close().unwrap();
            drop(log);
            open(&simulator).map(drop)
        };
        install(hash).unwrap();
        let mut other = hash;
        other[31] ^= 1;
        let error = install(other).unwrap_err();
        assert_eq!(error.code(), "version.catalog", "{error}");
        assert!(error.to_string().contains("with test:events@1.0.0 the catalog has the hash"), "{error}");
    });
}

/// Once a purge did not wait for what was owed: databases with such a record open.
#[test]
fn a_purge_while_deliveries_were_owed_is_taken() {
    on_guest_thread(|| {
        let simulator = Simulator::new(1);
        let node = open(&simulator).unwrap().0;
        node.install(&component(FOLDER)).unwrap();
        node.install(&component("examples/bank")).unwrap();
        let bank = node.modules()[1].artifact.0;
        node.uninstall("acme:bank").unwrap();
        let artifact = node.modules()[0].artifact.0;
        node.close().unwrap();
        drop(node);
        // What the purge writes, from a copy in which nothing is owed.
        let honest = Simulator { disk: simulator.disk.copy(), ..Simulator::new(2) };
        let node = open(&honest).unwrap().0;
        node.purge("acme:bank").unwrap();
        node.close().unwrap();
        drop(node);
        let (mut change, mut catalog) = (Vec::new(), [0; 32]);
        let mut find = |record: &RecordParts<'_>, _: &Definitions| {
            if let Cause::Upgrade(installed) = record.cause {
                (change, catalog) = (installed.schema.to_vec(), installed.catalog);
            }
            Ok(())
        };
        drop(Log::open(&honest.doors(), OPTIONS, &mut find).unwrap());

        let log = open_log(&simulator);
        let (package, name) = (EVENTS.to_owned(), "tables.thing".to_owned());
        let table = log.define(Definition::Table { package, name }).unwrap();
        let module = define_module(&log, artifact);
        let forger = Forger { log, module, table };
        let owed = forger.owed("handlers.first", 0, EventKind::Insert);
        forger.append(|writes| writes.insert(&thing(1, "ada", 6)), &[owed]);
        let log = &forger.log;
        let artifact = log.define(Definition::Artifact(Digest(bank))).unwrap();
        let (package, version) = ("acme:bank".to_owned(), "1.2.0".to_owned());
        let subject = log.define(Definition::Module { package, version, artifact }).unwrap();
        let (sequence, nothing) = (log.next_sequence(), WriteSetEncoder::new());
        let record = RecordParts {
            sequence,
            timestamp_micros: 1_700_000_000_000_000,
            cause: Cause::Upgrade(Installed { schema: &change, catalog }),
            subject,
            caller: Caller::Inline(b"s"),
            arguments: &[],
            outcome: Outcome::Ok(&[]),
            claims: &[],
            idempotency_key: None,
            write_set: nothing.as_write_set(),
            deliveries: &[],
        };
        log.append(&record).unwrap();
        log.wait_durable(sequence).unwrap();
        forger.log.close().unwrap();
        drop(forger);
        let node = open(&simulator).unwrap().0;
        assert!(node.kept().is_empty());
        node.settle().unwrap();
        assert_eq!(notes(&node), ["first: ada 6"]);
    });
}
