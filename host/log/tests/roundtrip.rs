//! Records with any contents come back as they were appended.
#![allow(clippy::unwrap_used)]

mod support;

use interstice_log::sim::Simulator;
use interstice_log::{
    Caller, Cause, Closed, EventKind, Installed, Lifecycle, NamedCause, NamedChange, NamedOutcome,
    NamedWrites, Outcome, Owed, Record, RecordParts, Sequence, WriteSetEncoder,
};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{Cast, SMALL, open};

/// A record as data: what of it is not a number of a definition.
#[derive(Clone, Debug)]
struct Sample {
    micros: u64,
    cause: NamedCause,
    caller: Option<Vec<u8>>,
    arguments: Vec<u8>,
    outcome: NamedOutcome,
    claims: Vec<u8>,
    key: Option<Vec<u8>>,
    tables: Vec<(bool, Option<u64>, Vec<NamedChange>)>,
    deliveries: Vec<(u32, EventKind)>,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..300)]
}

fn cause() -> impl Strategy<Value = NamedCause> {
    let lifecycle = prop_oneof![
        Just(Lifecycle::Init),
        Just(Lifecycle::Upgrade),
        Just(Lifecycle::Connect),
        Just(Lifecycle::Disconnect)
    ];
    prop_oneof![
        Just(NamedCause::Call),
        any::<u32>().prop_map(|ordinal| NamedCause::Delivery(Closed { sequence: Sequence(1), ordinal })),
        any::<u64>().prop_map(|due_micros| NamedCause::Schedule { due_micros }),
        lifecycle.prop_map(NamedCause::Lifecycle),
        (bytes(), any::<[u8; 32]>()).prop_map(|(schema, catalog)| NamedCause::Install {
            schema,
            catalog: interstice_log::Digest(catalog)
        }),
        (bytes(), any::<[u8; 32]>()).prop_map(|(schema, catalog)| NamedCause::Upgrade {
            schema,
            catalog: interstice_log::Digest(catalog)
        }),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let outcome = prop_oneof![
        bytes().prop_map(NamedOutcome::Ok),
        bytes().prop_map(NamedOutcome::Err),
        bytes().prop_map(NamedOutcome::Failed)
    ];
    let change = prop_oneof![
        bytes().prop_map(NamedChange::Insert),
        bytes().prop_map(NamedChange::Update),
        bytes().prop_map(NamedChange::Delete)
    ];
    let event = prop_oneof![Just(EventKind::Insert), Just(EventKind::Update), Just(EventKind::Delete)];
    let tables = vec((any::<bool>(), any::<Option<u64>>(), vec(change, 0..5)), 0..4);
    let head = (any::<u64>(), cause(), prop::option::of(bytes()), bytes(), outcome);
    (head, bytes(), prop::option::of(bytes()), tables, vec((any::<u32>(), event), 0..4)).prop_map(
        |((micros, cause, caller, arguments, outcome), claims, key, tables, deliveries)| Sample {
            micros,
            cause,
            caller,
            arguments,
            outcome,
            claims,
            key,
            tables,
            deliveries,
        },
    )
}

fn append(log: &interstice_log::Log, cast: Cast, sample: &Sample) {
    let sequence = log.next_sequence();
    let mut write_set = WriteSetEncoder::new();
    for (first, counter, changes) in &sample.tables {
        write_set.table(if *first { cast.account } else { cast.audit }, *counter);
        for change in changes {
            match change {
                NamedChange::Insert(row) => write_set.insert(row),
                NamedChange::Update(row) => write_set.update(row),
                NamedChange::Delete(key) => write_set.delete(key),
            }
        }
    }
    let deliveries: Vec<_> = sample
        .deliveries
        .iter()
        .map(|(change, event)| Owed {
            subscriber: cast.opened,
            table: cast.account,
            change: *change,
            event: *event,
        })
        .collect();
    let (cause, subject) = match &sample.cause {
        NamedCause::Call => (Cause::Call, cast.transfer),
        // The first record has none before it that could owe something.
        NamedCause::Delivery(_) if sequence == Sequence(1) => (Cause::Call, cast.transfer),
        NamedCause::Delivery(closed) => (Cause::Delivery(*closed), cast.opened),
        NamedCause::Schedule { due_micros } => (Cause::Schedule { due_micros: *due_micros }, cast.transfer),
        NamedCause::Lifecycle(event) => (Cause::Lifecycle(*event), cast.opened),
        NamedCause::Install { schema, catalog } => {
            (Cause::Install(Installed { schema, catalog: catalog.0 }), cast.module)
        }
        NamedCause::Upgrade { schema, catalog } => {
            (Cause::Upgrade(Installed { schema, catalog: catalog.0 }), cast.module)
        }
    };
    log.append(&RecordParts {
        sequence,
        timestamp_micros: sample.micros,
        cause,
        subject,
        caller: match &sample.caller {
            None => Caller::Inline(b""),
            Some(caller) if caller.len() % 2 == 0 => Caller::Inline(caller),
            Some(caller) => log.caller(caller).unwrap(),
        },
        arguments: &sample.arguments,
        outcome: match &sample.outcome {
            NamedOutcome::Ok(bytes) => Outcome::Ok(bytes),
            NamedOutcome::Err(bytes) => Outcome::Err(bytes),
            NamedOutcome::Failed(bytes) => Outcome::Failed(bytes),
        },
        claims: &sample.claims,
        idempotency_key: sample.key.as_deref(),
        write_set: write_set.as_write_set(),
        deliveries: &deliveries,
    })
    .unwrap();
}

fn assert_same(sample: &Sample, record: &Record) {
    assert_eq!(record.timestamp_micros, sample.micros);
    if record.sequence != Sequence(1) || !matches!(sample.cause, NamedCause::Delivery(_)) {
        assert_eq!(record.cause, sample.cause);
    }
    assert_eq!(record.caller, sample.caller.clone().unwrap_or_default());
    assert_eq!(record.arguments, sample.arguments);
    assert_eq!(record.outcome, sample.outcome);
    assert_eq!(record.claims, sample.claims);
    assert_eq!(record.idempotency_key, sample.key);
    let writes: Vec<_> = sample
        .tables
        .iter()
        .map(|(first, counter, changes)| NamedWrites {
            package: "acme:bank".to_owned(),
            table: if *first { "tables.account" } else { "tables.audit" }.to_owned(),
            counter: *counter,
            changes: changes.clone(),
        })
        .collect();
    assert_eq!(record.writes, writes);
    let deliveries: Vec<_> = record.deliveries.iter().map(|owed| (owed.change, owed.event)).collect();
    assert_eq!(deliveries, sample.deliveries);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn records_come_back_as_they_were_appended(samples in vec(sample(), 1..20), waits in any::<u32>()) {
        let simulator = Simulator::new(1);
        let (log, ..) = open(&simulator.doors(), SMALL).unwrap();
        let cast = Cast::define(&log);
        for (index, sample) in samples.iter().enumerate() {
            append(&log, cast, sample);
            if waits >> index & 1 == 1 {
                log.wait_durable(log.next_sequence().previous()).unwrap();
            }
        }
        log.close().unwrap();
        drop(log);
        let (_log, records, _) = open(&simulator.doors(), SMALL).unwrap();
        prop_assert_eq!(records.len(), samples.len());
        samples.iter().zip(&records).for_each(|(sample, record)| assert_same(sample, record));
    }
}
