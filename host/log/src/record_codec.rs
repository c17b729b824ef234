//! Records as bytes, as docs/format.md lays them out. Sequence numbers are not written: they follow
//! from the batch. Invariant: a record has one encoding, and decoding accepts no other.

use crate::bytes::{Bytes, Malformed, put_run, put_signed, put_varint};
use crate::definitions::{DefinitionId, Kind, Scope};
use crate::record::{Caller, Cause, Closed, EventKind, Installed, Lifecycle, Outcome, Owed, RecordParts};
use crate::sequence::Sequence;
use crate::write_set::{WriteSet, WriteSetEncoder};
use smallvec::SmallVec;

/// Bits of the first byte: the cause in the lowest three, the outcome in the next two.
const OUTCOME_SHIFT: u8 = 3;
const HAS_CLAIMS: u8 = 1 << 5;
const HAS_KEY: u8 = 1 << 6;
const HAS_DELIVERIES: u8 = 1 << 7;

/// The most that a record can take beyond the runs of bytes in it.
const FIXED_BOUND: usize = 128;

/// An upper bound of the encoded length, cheap to compute.
pub(crate) fn size_bound(record: &RecordParts<'_>) -> usize {
    let caller = match record.caller {
        Caller::Numbered(_) => 0,
        Caller::Inline(caller) => caller.len(),
    };
    let schema = match record.cause {
        Cause::Install(installed) | Cause::Upgrade(installed) => installed.schema.len(),
        _ => 0,
    };
    FIXED_BOUND
        + caller
        + schema
        + record.arguments.len()
        + record.outcome.bytes().len()
        + record.claims.len()
        + record.idempotency_key.map_or(0, <[u8]>::len)
        + record.write_set.size_bytes()
        + record.deliveries.len() * 20
}

/// Appends a record. `previous_micros` is the time of the record before it in the batch.
pub(crate) fn encode(record: &RecordParts<'_>, previous_micros: u64, out: &mut Vec<u8>) {
    let (cause, outcome) = (cause_tag(&record.cause), outcome_tag(&record.outcome));
    let mut flags = cause | outcome << OUTCOME_SHIFT;
    if !record.claims.is_empty() {
        flags |= HAS_CLAIMS;
    }
    if record.idempotency_key.is_some() {
        flags |= HAS_KEY;
    }
    if !record.deliveries.is_empty() {
        flags |= HAS_DELIVERIES;
    }
    out.push(flags);
    put_signed(out, record.timestamp_micros.wrapping_sub(previous_micros) as i64);
    put_varint(out, record.subject.0.into());
    match record.caller {
        Caller::Numbered(id) => put_varint(out, u64::from(id.0) + 1),
        Caller::Inline(caller) => {
            out.push(0);
            put_run(out, caller);
        }
    }
    match record.cause {
        Cause::Call => {}
        Cause::Delivery(closed) => {
            put_varint(out, record.sequence.0.wrapping_sub(closed.sequence.0));
            put_varint(out, closed.ordinal.into());
        }
        Cause::Schedule { due_micros } => {
            put_signed(out, record.timestamp_micros.wrapping_sub(due_micros) as i64);
        }
        Cause::Lifecycle(event) => out.push(event as u8),
        Cause::Install(installed) | Cause::Upgrade(installed) => {
            out.extend_from_slice(&installed.catalog);
            put_run(out, installed.schema);
        }
    }
    put_run(out, record.arguments);
    put_run(out, record.outcome.bytes());
    put_run(out, record.write_set.bytes());
    if !record.claims.is_empty() {
        put_run(out, record.claims);
    }
    if let Some(key) = record.idempotency_key {
        put_run(out, key);
    }
    if !record.deliveries.is_empty() {
        put_varint(out, record.deliveries.len() as u64);
        for owed in record.deliveries {
            put_varint(out, owed.subscriber.0.into());
            put_varint(out, owed.table.0.into());
            put_varint(out, u64::from(owed.change) << 2 | owed.event as u64);
        }
    }
}

fn cause_tag(cause: &Cause<'_>) -> u8 {
    match cause {
        Cause::Call => 0,
        Cause::Delivery(_) => 1,
        Cause::Schedule { .. } => 2,
        Cause::Lifecycle(_) => 3,
        Cause::Install(_) => 4,
        Cause::Upgrade(_) => 5,
    }
}

fn outcome_tag(outcome: &Outcome<'_>) -> u8 {
    match outcome {
        Outcome::Ok(_) => 0,
        Outcome::Err(_) => 1,
        Outcome::Failed(_) => 2,
    }
}

/// What decoding needs to keep besides the bytes; used again for every record.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    tables: SmallVec<[DefinitionId; 8]>,
    renumbered: WriteSetEncoder,
    deliveries: Vec<Owed>,
}

/// Reads the record with this number.
pub(crate) fn decode<'a, 'b: 'a>(
    bytes: &mut Bytes<'b>,
    sequence: Sequence,
    previous_micros: u64,
    scope: &Scope,
    scratch: &'a mut Scratch,
) -> Result<RecordParts<'a>, Malformed> {
    let flags = bytes.byte()?;
    let timestamp_micros = previous_micros.wrapping_add(bytes.signed()? as u64);
    let kind = if matches!(flags & 7, 4 | 5) { Kind::Module } else { Kind::Function };
    let subject = defined(bytes, scope, kind)?;
    let caller = match bytes.varint()? {
        0 => Caller::Inline(bytes.run()?),
        number => {
            let id = u32::try_from(number - 1).ok().and_then(|number| scope.get(number, Kind::Caller));
            Caller::Numbered(id.ok_or_else(|| bytes.malformed("a caller that is not defined"))?)
        }
    };
    let cause = decode_cause(bytes, flags & 7, sequence, timestamp_micros)?;
    let arguments = bytes.run()?;
    let result = bytes.run()?;
    let outcome = match flags >> OUTCOME_SHIFT & 3 {
        0 => Outcome::Ok(result),
        1 => Outcome::Err(result),
        2 => Outcome::Failed(result),
        _ => return Err(bytes.malformed("an outcome of an unknown kind")),
    };
    let written = bytes.run()?;
    let at = bytes.position() - written.len();
    let write_set = WriteSet::read(written, scope, &mut scratch.tables, &mut scratch.renumbered)
        .map_err(|inner| Malformed { at: at + inner.at, what: inner.what })?;
    let claims = if flags & HAS_CLAIMS != 0 { bytes.run()? } else { &[] };
    if flags & HAS_CLAIMS != 0 && claims.is_empty() {
        return Err(bytes.malformed("claims are announced and empty"));
    }
    let idempotency_key = if flags & HAS_KEY != 0 { Some(bytes.run()?) } else { None };
    scratch.deliveries.clear();
    if flags & HAS_DELIVERIES != 0 {
        decode_deliveries(bytes, scope, &mut scratch.deliveries)?;
    }
    Ok(RecordParts {
        sequence,
        timestamp_micros,
        cause,
        subject,
        caller,
        arguments,
        outcome,
        claims,
        idempotency_key,
        write_set,
        deliveries: &scratch.deliveries,
    })
}

fn defined(bytes: &mut Bytes<'_>, scope: &Scope, kind: Kind) -> Result<DefinitionId, Malformed> {
    let number = bytes.number()?;
    scope
        .get(number, kind)
        .ok_or_else(|| bytes.malformed("a number that is not defined, or as something else"))
}

fn decode_cause<'a>(
    bytes: &mut Bytes<'a>,
    tag: u8,
    sequence: Sequence,
    timestamp_micros: u64,
) -> Result<Cause<'a>, Malformed> {
    Ok(match tag {
        0 => Cause::Call,
        1 => {
            let distance = bytes.varint()?;
            let owing = sequence.0.checked_sub(distance).filter(|owing| *owing != 0 && distance != 0);
            let owing = owing.ok_or_else(|| bytes.malformed("a delivery of no earlier record"))?;
            Cause::Delivery(Closed { sequence: Sequence(owing), ordinal: bytes.number()? })
        }
        2 => Cause::Schedule { due_micros: timestamp_micros.wrapping_sub(bytes.signed()? as u64) },
        3 => Cause::Lifecycle(match bytes.byte()? {
            0 => Lifecycle::Init,
            1 => Lifecycle::Upgrade,
            2 => Lifecycle::Connect,
            3 => Lifecycle::Disconnect,
            _ => return Err(bytes.malformed("a lifecycle event of an unknown kind")),
        }),
        4 | 5 => {
            let installed = Installed { catalog: bytes.array()?, schema: bytes.run()? };
            if tag == 4 { Cause::Install(installed) } else { Cause::Upgrade(installed) }
        }
        _ => return Err(bytes.malformed("a cause of an unknown kind")),
    })
}

fn decode_deliveries(
    bytes: &mut Bytes<'_>,
    scope: &Scope,
    deliveries: &mut Vec<Owed>,
) -> Result<(), Malformed> {
    let count = bytes.varint()?;
    if count == 0 {
        return Err(bytes.malformed("deliveries are announced and none follows"));
    }
    // The count is not trusted with an allocation; each delivery that is there takes three bytes.
    for _ in 0..count {
        let subscriber = defined(bytes, scope, Kind::Function)?;
        let table = defined(bytes, scope, Kind::Table)?;
        let change = bytes.varint()?;
        let event = match change & 3 {
            0 => EventKind::Insert,
            1 => EventKind::Update,
            2 => EventKind::Delete,
            _ => return Err(bytes.malformed("an event of an unknown kind")),
        };
        let change = u32::try_from(change >> 2);
        let change = change.map_err(|_| bytes.malformed("the number of a change is too large"))?;
        deliveries.push(Owed { subscriber, table, change, event });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::definitions::{Definition, Definitions, Digest};
    use proptest::prelude::*;

    /// One definition of each kind, with the numbers 0 to 4.
    fn scope(definitions: &mut Definitions) -> Scope {
        let mut bytes = Vec::new();
        let text = || "x".to_owned();
        let module = Definition::Module { package: text(), version: text(), artifact: DefinitionId(0) };
        for (number, definition) in [
            Definition::Artifact(Digest([1; 32])),
            module,
            Definition::Function { module: DefinitionId(1), name: text() },
            Definition::Table { package: text(), name: text() },
            Definition::Caller(vec![9]),
        ]
        .iter()
        .enumerate()
        {
            definition.encode(DefinitionId(number as u32), &mut bytes);
        }
        let (mut scope, mut bytes) = (Scope::default(), Bytes::new(&bytes));
        while !bytes.is_empty() {
            scope.read(&mut bytes, definitions).unwrap();
        }
        scope
    }

    fn valid() -> Vec<u8> {
        let mut write_set = WriteSetEncoder::new();
        write_set.table(DefinitionId(3), Some(300));
        write_set.insert(b"row");
        write_set.delete(b"key");
        let owed = Owed {
            subscriber: DefinitionId(2),
            table: DefinitionId(3),
            change: 70,
            event: EventKind::Delete,
        };
        let record = RecordParts {
            sequence: Sequence(900),
            timestamp_micros: 5_000,
            cause: Cause::Delivery(Closed { sequence: Sequence(700), ordinal: 3 }),
            subject: DefinitionId(2),
            caller: Caller::Numbered(DefinitionId(4)),
            arguments: b"arguments",
            outcome: Outcome::Err(b"no"),
            claims: b"claims",
            idempotency_key: Some(b""),
            write_set: write_set.as_write_set(),
            deliveries: &[owed],
        };
        let mut bytes = Vec::new();
        encode(&record, 4_000, &mut bytes);
        assert!(bytes.len() <= size_bound(&record));
        bytes
    }

    /// Whatever is accepted is written in the one way in which it is written.
    fn check(input: &[u8]) {
        let mut definitions = Definitions::default();
        let scope = scope(&mut definitions);
        let mut scratch = Scratch::default();
        let mut bytes = Bytes::new(input);
        if let Ok(record) = decode(&mut bytes, Sequence(900), 4_000, &scope, &mut scratch) {
            let mut again = Vec::new();
            encode(&record, 4_000, &mut again);
            assert_eq!(again, input[..bytes.position()]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn arbitrary_bytes_are_refused_or_are_the_one_encoding(
            bytes in proptest::collection::vec(any::<u8>(), 0..80)
        ) {
            check(&bytes);
        }

        #[test]
        fn a_changed_record_is_refused_or_is_another_record(at in 0..60_usize, byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = valid();
            let at = at % bytes.len();
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            check(&bytes);
        }
    }

    #[test]
    fn a_record_cut_anywhere_is_refused() {
        let bytes = valid();
        let mut definitions = Definitions::default();
        let scope = scope(&mut definitions);
        for length in 0..bytes.len() {
            let mut scratch = Scratch::default();
            let mut cut = Bytes::new(&bytes[..length]);
            assert!(decode(&mut cut, Sequence(900), 4_000, &scope, &mut scratch).is_err(), "{length}");
        }
    }
}
