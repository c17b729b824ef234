//! Snapshots: the head of one, and the rows of a table.

use crate::folder::Folder;
use crate::seal::{self, SECTOR, long, word};
use crate::{Verdict, seeds};
use interstice_log::{
    BoxError, Cancellation, LogError, Past, Retention, Sequence, Snapshot, SnapshotStore, SnapshotTable,
    SnapshotVisitor,
};
use sha2::{Digest as _, Sha256};

const DIGEST: usize = 32;
const OBJECT_HEADER: usize = 64;
const CHUNK_HEADER: usize = 20;
/// The most that a chunk unpacks to.
const MAX_CHUNK: usize = 2 << 20;

/// The input is the head of a snapshot, and again with its checksums put right.
pub(crate) fn run_head(input: &[u8]) -> Verdict {
    let files = seeds::snapshot();
    let mut head = input.to_vec();
    head.resize(input.len().max(SECTOR + DIGEST), 0);
    let raw = examine(files, &head);
    seal_head(&mut head);
    let sealed = examine(files, &head);
    if raw == Verdict::Accepted { raw } else { sealed }
}

/// The input is the file with the rows of a table, and again the rows themselves.
pub(crate) fn run_rows(input: &[u8]) -> Verdict {
    let files = seeds::snapshot();
    let (path, object) = seeds::object(files);
    let mut stored = input.to_vec();
    stored.resize(input.len().max(OBJECT_HEADER), 0);
    let as_file = examine_object(files, path, stored);
    let mut packed = object[..OBJECT_HEADER].to_vec();
    let chunk = zstd::bulk::compress(input, 1).expect("there is room for what is compressed");
    packed.resize(OBJECT_HEADER + CHUNK_HEADER, 0);
    packed[OBJECT_HEADER + 4..OBJECT_HEADER + 8].copy_from_slice(&(input.len() as u32).to_le_bytes());
    packed[OBJECT_HEADER + 8..OBJECT_HEADER + 12].copy_from_slice(&(chunk.len() as u32).to_le_bytes());
    packed.extend_from_slice(&chunk);
    let as_rows = examine_object(files, path, packed);
    if as_file == Verdict::Accepted { as_file } else { as_rows }
}

/// Puts the checksums, the length of the body and the digest of a head right.
fn seal_head(head: &mut [u8]) {
    let body = head.len() - DIGEST;
    let checksum = seal::checksum(&head[16..32], &head[SECTOR..body]);
    head[184..192].copy_from_slice(&((body - SECTOR) as u64).to_le_bytes());
    head[192..196].copy_from_slice(&checksum.to_le_bytes());
    seal::first_sector(head);
    let digest = Sha256::digest(&head[..body]);
    head[body..].copy_from_slice(&digest);
}

/// Puts the checksums of the rows right, as far as they are chunks, and makes a head that refers to them.
fn examine_object(files: &[(String, Vec<u8>)], path: &str, mut object: Vec<u8>) -> Verdict {
    let (_, original) = seeds::head(files);
    let id = seeds::object_id(path);
    object[16..32].copy_from_slice(&id);
    let checksum = crc32c::crc32c(&object[..60]);
    object[60..OBJECT_HEADER].copy_from_slice(&checksum.to_le_bytes());
    let (contents, chunks) = seal_chunks(&mut object, &id);
    let at = original.windows(id.len()).position(|bytes| bytes == id).expect("the head names the object");
    // Before the id stand the number of rows, here in one byte, and the digest of the node's.
    let mut head = original[..at - 33].to_vec();
    put_varint(&mut head, rows(&contents));
    head.extend_from_slice(&original[at - 32..at + id.len()]);
    head.extend_from_slice(&Sha256::digest(&contents));
    for number in [object.len() as u64, contents.len() as u64, chunks] {
        put_varint(&mut head, number);
    }
    head.resize(head.len() + DIGEST, 0);
    seal_head(&mut head);
    let files: Vec<_> = files.iter().filter(|(name, _)| name != path).cloned().collect();
    let files: Vec<_> = files.into_iter().chain([(path.to_owned(), object)]).collect();
    examine(&files, &head)
}

/// Puts the headers of chunks right. Returns what they unpack to, and how many they are.
fn seal_chunks(object: &mut [u8], id: &[u8]) -> (Vec<u8>, u64) {
    let (mut contents, mut number, mut at) = (Vec::new(), 0_u32, OBJECT_HEADER);
    while let Some(rest) = object.get_mut(at..).filter(|rest| rest.len() > CHUNK_HEADER) {
        let (header, stored) = rest.split_at_mut(CHUNK_HEADER);
        let Some(stored) = stored.get(..word(header, 8) as usize) else { break };
        header[..4].copy_from_slice(&number.to_le_bytes());
        header[12..16].copy_from_slice(&seal::checksum(id, stored).to_le_bytes());
        let checksum = seal::checksum(id, &header[..16]);
        header[16..].copy_from_slice(&checksum.to_le_bytes());
        let length = (word(header, 4) as usize).min(MAX_CHUNK);
        contents.extend(zstd::bulk::decompress(stored, length).unwrap_or_default());
        number += 1;
        at += CHUNK_HEADER + stored.len();
    }
    (contents, number.into())
}

/// How many rows these batches say that they hold.
fn rows(contents: &[u8]) -> u64 {
    let (mut rest, mut rows) = (contents, 0_u64);
    while let Some((count, behind)) = take_varint(rest) {
        let Some((length, behind)) = take_varint(behind) else { break };
        rows = rows.wrapping_add(count);
        rest = usize::try_from(length).ok().and_then(|length| behind.get(length..)).unwrap_or(&[]);
    }
    rows
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().take(9).position(|byte| *byte < 0x80)? + 1;
    let value = bytes[..length].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    Some((value, &bytes[length..]))
}

/// Lists, reads, verifies, writes again and prunes what is there.
fn examine(files: &[(String, Vec<u8>)], head: &[u8]) -> Verdict {
    let folder = Folder::new();
    for (path, bytes) in files.iter().filter(|(path, _)| !path.ends_with(".snapshot")) {
        folder.plant(path, bytes.clone());
    }
    let sequence = Sequence(long(head, 64));
    folder.plant(&format!("snapshots/{:020}.snapshot", sequence.0), head.to_vec());
    let (doors, cancellation) = (folder.doors(), Cancellation::new());
    let store = SnapshotStore::new(&doors);
    let mut verdict = Verdict::Refused;
    for listed in store.list().expect("the disk never fails") {
        let Ok(snapshot) = listed.found else { continue };
        let read = read(&folder, &snapshot);
        let verified = snapshot.verify(doors.disk.as_ref(), &cancellation);
        assert_eq!(read.is_ok(), verified.is_ok(), "{:?} against {verified:?}", read.err());
        assert!(snapshot.stored_bytes() > 0 || snapshot.tables().iter().all(|it| it.stored_bytes() == 0));
        if let Ok(read) = read {
            verdict = Verdict::Accepted;
            comes_back(&snapshot, &read);
        }
    }
    let _ = store.clean();
    for retention in [Retention::KeepDays(1), Retention::KeepNone] {
        let _ = store.prune(
            &Past { retention, first: Sequence(1), now_micros: 20_000 * 86_400_000_000 },
            &cancellation,
        );
    }
    verdict
}

/// What is in a snapshot.
#[derive(Debug, Default, PartialEq)]
struct Contents {
    sections: Vec<(String, Vec<u8>)>,
    tables: Vec<Vec<(u32, Vec<u8>)>>,
}

impl SnapshotVisitor for Contents {
    fn section(&mut self, name: &str, bytes: &[u8]) -> Result<(), BoxError> {
        self.sections.push((name.to_owned(), bytes.to_vec()));
        Ok(())
    }

    fn table(&mut self, _: &SnapshotTable) -> Result<(), BoxError> {
        self.tables.push(Vec::new());
        Ok(())
    }

    fn rows(&mut self, rows: u32, batch: &[u8]) -> Result<(), BoxError> {
        self.tables.last_mut().expect("rows follow their table").push((rows, batch.to_vec()));
        Ok(())
    }

    fn table_end(&mut self, _: &SnapshotTable) -> Result<(), BoxError> {
        Ok(())
    }
}

fn read(folder: &Folder, snapshot: &Snapshot) -> Result<Contents, LogError> {
    let mut contents = Contents::default();
    snapshot.read(folder.doors().disk.as_ref(), &mut contents, &Cancellation::new())?;
    Ok(contents)
}

/// The same contents, written as another snapshot, are read as they were.
fn comes_back(snapshot: &Snapshot, contents: &Contents) {
    // A batch of no rows is never written.
    if contents.tables.iter().flatten().any(|(rows, _)| *rows == 0) {
        return;
    }
    let folder = Folder::new();
    let written = write(&folder, snapshot, contents).expect("what was read can be written");
    let again = read(&folder, &written).expect("it was just written");
    assert!(again == *contents, "a snapshot does not come back as it was");
    assert_eq!(written.identity(), snapshot.identity());
    for (written, read) in written.tables().iter().zip(snapshot.tables()) {
        assert_eq!((&written.head, &written.contents), (&read.head, &read.contents));
    }
}

fn write(folder: &Folder, snapshot: &Snapshot, contents: &Contents) -> Result<Snapshot, LogError> {
    let store = SnapshotStore::new(&folder.doors());
    let mut writer = store.begin(*snapshot.identity(), &Cancellation::new())?;
    for (name, bytes) in &contents.sections {
        writer.section(name, bytes)?;
    }
    for (table, batches) in snapshot.tables().iter().zip(&contents.tables) {
        let mut rows = writer.table(table.head.clone())?;
        for (count, batch) in batches {
            rows.rows(*count, batch)?;
        }
        rows.finish(table.contents)?;
    }
    writer.publish()
}
