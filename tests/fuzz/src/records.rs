//! Records: the payload of one batch, whose checksums, links and header are right.

use crate::folder::Folder;
use crate::seal::{BATCH_HEADER, SECTOR, header};
use crate::{Verdict, examine, segment};
use interstice_log::{
    BoxError, Caller, Definition, DefinitionId, Definitions, Log, LogError, Owed, Record, RecordParts, Write,
    WriteSetEncoder,
};

const MAX_INPUT_BYTES: usize = 256 << 10;

/// The first byte says how many records there are; the rest is the payload.
pub(crate) fn run(input: &[u8]) -> Verdict {
    let Some((count, payload)) = input.split_first().filter(|_| input.len() <= MAX_INPUT_BYTES) else {
        return Verdict::Refused;
    };
    let folder = Folder::new();
    let mut segment = segment_of(*count, payload);
    segment::sealed(&mut segment);
    let id = crate::seal::hex(&segment[header::ID]);
    let line = format!("newest {:020} {id} synced 512 last 0\n", 1);
    let lines = segment::manifest(&segment, &line, 1);
    folder.plant("MANIFEST", crate::seal::manifest(lines.into_bytes()));
    folder.plant("log/00000000000000000001.log", segment);
    if examine::log(&folder, None) == Verdict::Refused {
        return Verdict::Refused;
    }
    comes_back(&folder);
    Verdict::Accepted
}

/// A segment with one batch.
fn segment_of(count: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0; SECTOR + BATCH_HEADER];
    segment[..8].copy_from_slice(b"INTERLOG");
    segment[header::FORMAT].copy_from_slice(&1_u64.to_le_bytes());
    segment[header::ID].fill(0x1d);
    segment[header::TIMELINE].fill(0x71);
    segment[header::KEY].fill(0xdb);
    segment[header::FIRST].copy_from_slice(&1_u64.to_le_bytes());
    segment[SECTOR + 48..SECTOR + 52].copy_from_slice(&u32::from(count).to_le_bytes());
    segment[SECTOR + 52..SECTOR + 56].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    segment.extend_from_slice(payload);
    // Room for the next batch, and for a mark.
    let length = (segment.len() + 4 * SECTOR).next_multiple_of(SECTOR).max(16 << 10);
    segment.resize(length, 0);
    segment
}

/// Appends all records to another log, and reads them from there.
fn comes_back(folder: &Folder) {
    let copy = Folder::new();
    let mut ignore = |_: &RecordParts<'_>, _: &Definitions| Ok::<(), BoxError>(());
    let (log, _) = Log::open(&copy.doors(), examine::OPTIONS, &mut ignore).expect("the folder is empty");
    let mut records = Vec::new();
    let mut again = |record: &RecordParts<'_>, definitions: &Definitions| {
        records.push(Record::resolve(record, definitions));
        append(&log, record, definitions).map_err(BoxError::from)
    };
    let opened = Log::open(&folder.doors(), examine::OPTIONS, &mut again);
    let (original, _) = opened.expect("it was opened a moment ago, and its records are appended");
    original.close().expect("the disk never fails");
    log.close().expect("the disk never fails");
    let read = examine::open(&copy, None).expect("the log was just written");
    assert!(read == records, "records do not come back as they were: {read:?}, expected {records:?}");
}

fn append(log: &Log, record: &RecordParts<'_>, definitions: &Definitions) -> Result<(), LogError> {
    let number = |id: DefinitionId| define(log, id, definitions);
    let mut write_set = WriteSetEncoder::new();
    for write in record.write_set.iter() {
        match write {
            Write::Table { table, counter } => write_set.table(number(table)?, counter),
            Write::Insert(row) => write_set.insert(row),
            Write::Update(row) => write_set.update(row),
            Write::Delete(key) => write_set.delete(key),
        }
    }
    let caller = match record.caller {
        Caller::Numbered(id) => Caller::Numbered(number(id)?),
        inline @ Caller::Inline(_) => inline,
    };
    let mut deliveries = Vec::new();
    for owed in record.deliveries {
        let (subscriber, table) = (number(owed.subscriber)?, number(owed.table)?);
        deliveries.push(Owed { subscriber, table, ..*owed });
    }
    let subject = number(record.subject)?;
    let write_set = write_set.as_write_set();
    log.append(&RecordParts { subject, caller, write_set, deliveries: &deliveries, ..*record }).map(drop)
}

/// The number in this log of what has this number in those definitions.
fn define(log: &Log, id: DefinitionId, definitions: &Definitions) -> Result<DefinitionId, LogError> {
    let mut definition = definitions.get(id).expect("records refer to definitions that exist").clone();
    if let Definition::Module { artifact: needed, .. } | Definition::Function { module: needed, .. } =
        &mut definition
    {
        *needed = define(log, *needed, definitions)?;
    }
    log.define(definition)
}
