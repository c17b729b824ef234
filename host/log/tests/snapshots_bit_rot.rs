//! Every bit of a small snapshot is flipped, and sampled ones of a large one, every file is cut at every byte, and
//! headers claim what they like: what is read afterwards is what was written, or it is refused within the limits of
//! memory. `INTERSTICE_SEEDS=10000` samples a million bits.
// The counting allocator below only hands calls on to the system's.
#![allow(clippy::unwrap_used, unsafe_code)]

mod snapshot_support;
mod support;

use interstice_log::doors::Disk;
use interstice_log::limits::MAX_SNAPSHOT_CHUNK_BYTES;
use interstice_log::sim::Simulator;
use interstice_log::{Cancellation, LogError, Snapshot, SnapshotStore};
use sha2::{Digest as _, Sha256};
use snapshot_support::{Collected, DATABASE_KEY, NO_PAST, State, assert_holds, batches, files, valid, write};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use support::{Dice, for_seeds};

/// The longest single allocation of a thread.
struct Counting;

thread_local! {
    static LONGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(size: usize) {
    // A thread that ends has no counter any more.
    let _ = LONGEST.try_with(|longest| longest.set(longest.get().max(size)));
}

// SAFETY: every call goes to the system's allocator unchanged; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, size) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn machine() -> (Simulator, SnapshotStore, State) {
    let simulator = Simulator::new(1);
    let store = SnapshotStore::new(&simulator.doors());
    let state = State::new(5, &[20, 0, 3]);
    write(&store, &state).unwrap();
    (simulator, store, state)
}

/// Lists and reads the only snapshot with all checks.
fn read(simulator: &Simulator, store: &SnapshotStore) -> Result<Snapshot, LogError> {
    read_into(&mut Collected::default(), simulator, store)
}

fn read_into(
    collected: &mut Collected,
    simulator: &Simulator,
    store: &SnapshotStore,
) -> Result<Snapshot, LogError> {
    let snapshot = store.list().unwrap().swap_remove(0).found?;
    let cancellation = Cancellation::new();
    snapshot.read(&simulator.disk, collected, &cancellation)?;
    snapshot.verify(&simulator.disk, &cancellation)?;
    Ok(snapshot)
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (simulator, store, state) = machine();
    for path in files(&simulator.disk, &store).0 {
        let whole = simulator.disk.contents()[&path].clone();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            simulator.disk.plant(&path, bytes);
            let mut collected = Collected::default();
            let error = read_into(&mut collected, &simulator, &store).expect_err("a flipped bit");
            // No row of a damaged chunk is handed on, even before the damage of the whole shows.
            for (table, rows) in collected.tables {
                let name = &table.head.name;
                assert!(batches(name, &state.tables[name]).starts_with(&rows), "bit {bit} of {path}");
            }
            // A flip must not make it look like the work of a later program either.
            assert!(matches!(error, LogError::DamagedSnapshot { .. }), "bit {bit} of {path}: {error}");
            assert!(error.to_string().contains(&path), "bit {bit} of {path}: {error}");
        }
        simulator.disk.plant(&path, whole);
    }
    assert_holds(&simulator.disk, &read(&simulator, &store).unwrap(), &state);
}

#[test]
fn sampled_bits_of_a_large_snapshot_are_noticed() {
    // A hundred a seed: ten thousand seeds are a million. Several chunks, and rows of several lengths.
    let simulator = Simulator::new(1);
    let store = SnapshotStore::new(&simulator.doors());
    let mut state = State::new(5, &[6_000, 1, 900]);
    state.tables.values_mut().zip([60, 20, 700]).for_each(|(table, bytes)| table.row_bytes = bytes);
    write(&store, &state).unwrap();
    let files: Vec<(String, Vec<u8>)> = {
        let contents = simulator.disk.contents();
        files(&simulator.disk, &store)
            .0
            .into_iter()
            .map(|path| (path.clone(), contents[&path].clone()))
            .collect()
    };
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(files.len() == 4 && bytes > 400 << 10, "{bytes} bytes in {} files", files.len());
    for_seeds(1, |seed| {
        let dice = Dice::new(seed);
        for _ in 0..100 {
            // Any bit of all files alike, and every third time one of any file.
            let (path, whole) = if dice.below(3) == 0 {
                &files[dice.below(files.len() as u64) as usize]
            } else {
                let mut at = dice.below(bytes as u64) as usize;
                let holds = |(_, bytes): &&(String, Vec<u8>)| {
                    let found = at < bytes.len();
                    at = at.wrapping_sub(bytes.len());
                    found
                };
                files.iter().find(holds).unwrap()
            };
            let bit = dice.below(whole.len() as u64 * 8) as usize;
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            simulator.disk.plant(path, flipped);
            let error = read(&simulator, &store).expect_err("a flipped bit");
            assert!(matches!(error, LogError::DamagedSnapshot { .. }), "bit {bit} of {path}: {error}");
            simulator.disk.plant(path, whole.clone());
        }
        assert_holds(&simulator.disk, &read(&simulator, &store).unwrap(), &state);
    });
}

#[test]
fn a_file_cut_or_continued_at_any_byte_is_noticed() {
    let (simulator, store, _) = machine();
    for path in files(&simulator.disk, &store).0 {
        let whole = simulator.disk.contents()[&path].clone();
        for length in (0..whole.len()).chain([whole.len() + 1, whole.len() + 512]) {
            let mut bytes = whole.clone();
            bytes.resize(length, 0);
            simulator.disk.plant(&path, bytes);
            // It shows already when the snapshots are listed.
            let error = store.list().unwrap().swap_remove(0).found.unwrap_err();
            assert!(matches!(error, LogError::DamagedSnapshot { .. }), "{path}, {length} bytes: {error}");
        }
        simulator.disk.plant(&path, whole);
    }
}

#[test]
fn a_snapshot_under_another_name_is_refused() {
    let (simulator, store, _) = machine();
    let disk: &dyn Disk = &simulator.disk;
    disk.rename("snapshots/00000000000000000005.snapshot", "snapshots/00000000000000000006.snapshot")
        .unwrap();
    let error = read(&simulator, &store).unwrap_err().to_string();
    assert!(error.contains("a snapshot up to record 5, expected 6"), "{error}");
}

#[test]
fn rows_of_one_table_do_not_pass_as_those_of_another() {
    let (simulator, store, _) = machine();
    let objects: Vec<String> = valid(&store)[0].files().into_iter().take(2).collect();
    let contents = simulator.disk.contents();
    simulator.disk.plant(&objects[0], contents[&objects[1]].clone());
    assert!(matches!(read(&simulator, &store), Err(LogError::DamagedSnapshot { .. })));
}

// What follows writes heads and objects by the page docs/format.md, apart from the code that is tested.

const HEAD_PATH: &str = "snapshots/00000000000000000005.snapshot";
const OBJECT_ID: [u8; 16] = [0xab; 16];
const OBJECT_PATH: &str = "snapshots/objects/a-abababababababababababababababab.rows";

fn seeded(id: &[u8], bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(id), bytes)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A head around these sections and tables, with all checksums right.
fn forged_head(body: &[u8], version: u32) -> Vec<u8> {
    let mut head = vec![0; 512];
    head[..8].copy_from_slice(b"INTERSNP");
    head[8..12].copy_from_slice(&version.to_le_bytes());
    head[16..32].copy_from_slice(&[9; 16]);
    head[48..64].copy_from_slice(&DATABASE_KEY);
    head[64..72].copy_from_slice(&5_u64.to_le_bytes());
    head[184..192].copy_from_slice(&(body.len() as u64).to_le_bytes());
    head[192..196].copy_from_slice(&seeded(&[9; 16], body).to_le_bytes());
    let checksum = crc32c::crc32c(&head[..508]);
    head[508..].copy_from_slice(&checksum.to_le_bytes());
    head.extend_from_slice(body);
    let digest = Sha256::digest(&head);
    head.extend_from_slice(&digest);
    head
}

/// No section, and one table with so many rows in an object with this digest and these lengths.
fn forged_body(rows: u64, contents: &[u8], lengths: [u64; 3]) -> Vec<u8> {
    let mut body = vec![0, 1, 1, b'p', 1, b't'];
    body.extend_from_slice(&[0; 32]);
    body.push(0);
    varint(&mut body, rows);
    body.extend_from_slice(&[0; 32]);
    body.extend_from_slice(&OBJECT_ID);
    body.extend_from_slice(&Sha256::digest(contents));
    lengths.into_iter().for_each(|length| varint(&mut body, length));
    body
}

fn object_header() -> Vec<u8> {
    let mut object = vec![0; 64];
    object[..8].copy_from_slice(b"INTERROW");
    object[8..12].copy_from_slice(&1_u32.to_le_bytes());
    object[12..16].copy_from_slice(&1_u32.to_le_bytes());
    object[16..32].copy_from_slice(&OBJECT_ID);
    object[32..48].copy_from_slice(&DATABASE_KEY);
    let checksum = crc32c::crc32c(&object[..60]);
    object[60..].copy_from_slice(&checksum.to_le_bytes());
    object
}

/// A chunk whose header claims these lengths, with all checksums right.
fn forged_chunk(contents_bytes: u32, stored_bytes: u32, frame: &[u8]) -> Vec<u8> {
    let words = [0, contents_bytes, stored_bytes, seeded(&OBJECT_ID, frame)];
    let mut chunk: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let checksum = seeded(&OBJECT_ID, &chunk);
    chunk.extend_from_slice(&checksum.to_le_bytes());
    chunk.extend_from_slice(frame);
    chunk
}

/// A frame with one batch of one row, and what it unpacks to.
fn honest() -> (Vec<u8>, Vec<u8>) {
    let contents = b"\x01\x03row".to_vec();
    (zstd::bulk::compress(&contents, 1).unwrap(), contents)
}

/// Plants a forged snapshot and reads it. Returns what came of it and the longest allocation meanwhile.
fn read_forged(head: Vec<u8>, object: Vec<u8>) -> (Result<Snapshot, LogError>, usize) {
    let simulator = Simulator::new(2);
    simulator.disk.create_directory("snapshots/objects").unwrap();
    simulator.disk.plant(HEAD_PATH, head);
    simulator.disk.plant(OBJECT_PATH, object);
    let store = SnapshotStore::new(&simulator.doors());
    LONGEST.set(0);
    let read = read(&simulator, &store);
    (read, LONGEST.get())
}

#[track_caller]
fn check_forged(head: Vec<u8>, object: Vec<u8>, expected: &str) {
    let length = head.len() + object.len();
    let (read, longest) = read_forged(head, object);
    let error = read.expect_err("it was to be refused").to_string();
    assert!(error.contains(expected), "{error}");
    let limit = length.max(MAX_SNAPSHOT_CHUNK_BYTES + (64 << 10));
    assert!(longest <= limit, "{longest} bytes were allocated at once");
}

/// Checks an object with one chunk and a head that fits it.
#[track_caller]
fn check_forged_chunk(chunk: &[u8], contents: &[u8], rows: u64, expected: &str) {
    let object = [object_header(), chunk.to_vec()].concat();
    let lengths = [object.len() as u64, contents.len() as u64, 1];
    check_forged(forged_head(&forged_body(rows, contents, lengths), 1), object, expected);
}

#[test]
fn a_snapshot_written_by_the_page_is_read() {
    let (frame, contents) = honest();
    let object = [object_header(), forged_chunk(5, frame.len() as u32, &frame)].concat();
    let body = forged_body(1, &contents, [object.len() as u64, 5, 1]);
    let (read, _) = read_forged(forged_head(&body, 1), object);
    assert_eq!(read.unwrap().tables()[0].contents.rows, 1);
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let (frame, contents) = honest();
    let object = [object_header(), forged_chunk(5, frame.len() as u32, &frame)].concat();
    let body = forged_body(1, &contents, [object.len() as u64, 5, 1]);
    let newer = format!("{HEAD_PATH} has format 2, and this program reads formats up to 1");
    check_forged(forged_head(&body, 2), object.clone(), &newer);
    check_forged(forged_head(&body, 0), object.clone(), "format 0 was never written");
    let mut newer_object = object;
    newer_object[8] = 2;
    let checksum = crc32c::crc32c(&newer_object[..60]);
    newer_object[60..64].copy_from_slice(&checksum.to_le_bytes());
    check_forged(
        forged_head(&body, 1),
        newer_object.clone(),
        "objects/a-abababababababababababababababab.rows has",
    );
    // Nothing is removed or written on the strength of what a later program may see otherwise.
    let simulator = Simulator::new(2);
    simulator.disk.create_directory("snapshots/objects").unwrap();
    simulator.disk.plant(HEAD_PATH, forged_head(&body, 2));
    simulator.disk.plant(OBJECT_PATH, newer_object);
    let store = SnapshotStore::new(&simulator.doors());
    let before = simulator.disk.contents();
    assert!(matches!(store.clean(), Err(LogError::NewerFormat { .. })));
    assert!(matches!(store.prune(&NO_PAST, &Cancellation::new()), Err(LogError::NewerFormat { .. })));
    assert!(matches!(write(&store, &State::new(9, &[1])), Err(LogError::NewerFormat { .. })));
    assert_eq!(simulator.disk.contents(), before);
}

#[test]
fn hostile_lengths_are_refused_before_anything_is_allocated() {
    let (frame, contents) = honest();
    let stored = frame.len() as u32;
    let chunk = |contents_bytes, stored_bytes| forged_chunk(contents_bytes, stored_bytes, &frame);
    let over = MAX_SNAPSHOT_CHUNK_BYTES as u32 + 1;
    check_forged_chunk(&chunk(over, stored), &contents, 1, "a chunk of 2097153 bytes, expected 1 to 2097152");
    check_forged_chunk(&chunk(u32::MAX, stored), &contents, 1, "a chunk of 4294967295 bytes");
    check_forged_chunk(&chunk(0, stored), &contents, 1, "a chunk of 0 bytes");
    check_forged_chunk(&chunk(5, u32::MAX), &contents, 1, "4294967295 compressed bytes");
    check_forged_chunk(&chunk(5, 0), &contents, 1, "0 compressed bytes");
    check_forged_chunk(&chunk(5, stored + 1), &contents, 1, "are left");
    check_forged_chunk(&chunk(4, stored), &contents, 1, "a chunk cannot be unpacked");
    check_forged_chunk(&chunk(6, stored), &contents, 1, "a chunk unpacks to 5 bytes, expected 6");
    check_forged_chunk(&chunk(5, stored), b"other", 1, "the digest of the rows is not");
    check_forged_chunk(&chunk(5, stored), &contents, 2, "the table has 1 rows, expected 2");
    check_forged_chunk(&chunk(5, stored), &contents, u64::MAX, "the table has 1 rows");

    // A frame of 1 GiB of zeros takes about 32 KiB.
    let bomb = zstd::bulk::compress(&vec![0; 1 << 30], 1).unwrap();
    let most = zstd::zstd_safe::compress_bound(MAX_SNAPSHOT_CHUNK_BYTES);
    assert!(bomb.len() < most);
    let chunk = forged_chunk(MAX_SNAPSHOT_CHUNK_BYTES as u32, bomb.len() as u32, &bomb);
    check_forged_chunk(&chunk, &contents, 1, "a chunk cannot be unpacked");

    // Contents that claim batches longer than they are.
    for hostile in [
        b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x".as_slice(),
        b"\x01\x05row",
        b"\x81",
        b"\x01\x00\x80\x00\x00",
    ] {
        let frame = zstd::bulk::compress(hostile, 1).unwrap();
        let chunk = forged_chunk(hostile.len() as u32, frame.len() as u32, &frame);
        check_forged_chunk(&chunk, hostile, 1, "of the contents of chunk 0, whose checksum is right");
    }
}

#[test]
fn hostile_heads_are_refused_before_anything_is_allocated() {
    let (frame, contents) = honest();
    let object = [object_header(), forged_chunk(5, frame.len() as u32, &frame)].concat();
    let length = object.len() as u64;
    let body = |rows, lengths| forged_head(&forged_body(rows, &contents, lengths), 1);
    check_forged(body(1, [u64::MAX, 5, 1]), object.clone(), "bytes, expected 18446744073709551615");
    check_forged(body(1, [0, 5, 1]), object.clone(), "bytes, expected 0");
    check_forged(body(1, [length, 6, 1]), object.clone(), "the rows have 5 bytes, expected 6");
    check_forged(body(1, [length, u64::MAX, 1]), object.clone(), "the rows have 5 bytes");
    check_forged(body(1, [length, 5, 0]), object.clone(), "the last chunk ends here");
    check_forged(body(1, [length, 5, 2]), object.clone(), "0 bytes are left for chunk 1");
    check_forged(body(1, [length, 5, u64::MAX]), object.clone(), "a number does not fit into 32 bits");
    let huge = |body: &[u8]| forged_head(body, 1);
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    check_forged(huge(&most), object.clone(), "the bytes end too early");
    check_forged(huge(&[[0].as_slice(), &most].concat()), object.clone(), "the bytes end too early");
    check_forged(huge(&[[1].as_slice(), &most].concat()), object.clone(), "the bytes end too early");
    check_forged(huge(&[[1, 1, b'a'].as_slice(), &most].concat()), object.clone(), "the bytes end too early");
    check_forged(huge(&[0, 0, 0]), object.clone(), "bytes are left over");
    check_forged(huge(&[2, 1, b'b', 0, 1, b'a', 0, 0]), object.clone(), "sections are not in the order");
    check_forged(huge(&[2, 1, b'b', 0, 1, b'b', 0, 0]), object.clone(), "sections are not in the order");
    check_forged(huge(&[1, 1, 0xff, 0, 0]), object.clone(), "a name is not UTF-8");
    let mut digest = body(1, [length, 5, 1]);
    *digest.last_mut().unwrap() ^= 1;
    check_forged(digest, object.clone(), "the digest of the head is wrong");
    let mut checksum = body(1, [length, 5, 1]);
    checksum[512 + 20] ^= 1;
    let end = checksum.len() - 32;
    let digest = Sha256::digest(&checksum[..end]);
    checksum[end..].copy_from_slice(&digest);
    check_forged(checksum, object.clone(), "the checksum of the tables and sections is wrong");
    let mut claims = body(1, [length, 5, 1]);
    claims[184..192].copy_from_slice(&u64::MAX.to_le_bytes());
    let checksum = crc32c::crc32c(&claims[..508]);
    claims[508..512].copy_from_slice(&checksum.to_le_bytes());
    check_forged(claims, object.clone(), "bytes behind its first 512");
    // A file longer than any head is not read at all.
    let simulator = Simulator::new(2);
    simulator.disk.create_directory("snapshots").unwrap();
    simulator.disk.plant(HEAD_PATH, vec![0; (64 << 20) + 1]);
    let store = SnapshotStore::new(&simulator.doors());
    LONGEST.set(0);
    let error = store.list().unwrap().swap_remove(0).found.unwrap_err().to_string();
    assert!(error.contains("the file has 67108865 bytes, expected at most 67108864"), "{error}");
    assert!(LONGEST.get() < 1 << 20);
}

/// Changes a head and puts its checksum and its digest right.
fn changed_head(mut head: Vec<u8>, at: usize, to: u8) -> Vec<u8> {
    head[at] = to;
    let checksum = crc32c::crc32c(&head[..508]);
    head[508..512].copy_from_slice(&checksum.to_le_bytes());
    let end = head.len() - 32;
    let digest = Sha256::digest(&head[..end]);
    head[end..].copy_from_slice(&digest);
    head
}

#[test]
fn headers_that_lie_under_a_right_checksum_are_refused() {
    // Bits that flip are found by checksums. These are for bytes that somebody, or another program, wrote.
    let (frame, contents) = honest();
    let chunk = forged_chunk(5, frame.len() as u32, &frame);
    let object = [object_header(), chunk.clone()].concat();
    let lengths = [object.len() as u64, 5, 1];
    let head = forged_head(&forged_body(1, &contents, lengths), 1);
    for (at, expected) in [
        (0, "this is not the head of a snapshot"),
        (12, "a snapshot of family 7"),
        (196, "a byte that must be zero is not"),
        (507, "a byte that must be zero is not"),
    ] {
        check_forged(changed_head(head.clone(), at, 7), object.clone(), expected);
    }
    for (at, expected) in [
        (0, "this is not the header of a snapshot's rows"),
        (16, "these are not the rows that the snapshot refers to"),
        (32, "the rows belong to another database"),
        (48, "the rows belong to another family"),
        (52, "a byte that must be zero is not"),
        (59, "a byte that must be zero is not"),
    ] {
        let mut object = object.clone();
        object[at] = 7;
        if at > 0 {
            check_forged(head.clone(), object.clone(), "the header has the checksum");
        }
        let checksum = crc32c::crc32c(&object[..60]);
        object[60..64].copy_from_slice(&checksum.to_le_bytes());
        check_forged(head.clone(), object, expected);
    }
    let mut second = chunk.clone();
    second[0] = 1;
    check_forged(
        head.clone(),
        [object_header(), second.clone()].concat(),
        "a chunk's header has the checksum",
    );
    let checksum = seeded(&OBJECT_ID, &second[..16]);
    second[16..20].copy_from_slice(&checksum.to_le_bytes());
    check_forged(head.clone(), [object_header(), second].concat(), "chunk 1 stands in the place of chunk 0");
    let mut other = frame.clone();
    *other.last_mut().unwrap() ^= 1;
    let object = [object_header(), chunk[..20].to_vec(), other].concat();
    check_forged(head, object, "the checksum of chunk 0 is wrong");
}

#[test]
fn lengths_that_do_not_add_up_to_a_number_are_refused() {
    // The lengths of all tables were added to say how far a reading has come, and two forged ones whose sum
    // does not fit into 64 bits were a panic before a row was read.
    let (frame, contents) = honest();
    let object = [object_header(), forged_chunk(5, frame.len() as u32, &frame)].concat();
    let one = forged_body(1, &contents, [object.len() as u64, u64::MAX, 1]);
    let table = &one[2..];
    let mut other = table.to_vec();
    other[3] = b'u';
    let body = [[0, 2].as_slice(), table, &other].concat();
    check_forged(forged_head(&body, 1), object, "the rows have 5 bytes, expected 18446744073709551615");
}

#[test]
fn memory_does_not_grow_with_the_length_of_a_table() {
    let directory = tempfile::tempdir().unwrap();
    let doors = interstice_log::os::doors(directory.path()).unwrap();
    let store = SnapshotStore::new(&doors);
    let cancellation = Cancellation::new();
    let identity = snapshot_support::identity(interstice_log::Sequence(1));
    let batch = vec![7; 60_000];
    LONGEST.set(0);
    let mut writer = store.begin(identity, &cancellation).unwrap();
    let mut table = writer.table(snapshot_support::head("t")).unwrap();
    for _ in 0..2000 {
        table.rows(1000, &batch).unwrap();
    }
    let (counter, digest) = (None, interstice_log::Digest::default());
    table.finish(interstice_log::TableContents { counter, rows: 2_000_000, digest }).unwrap();
    let snapshot = writer.publish().unwrap();
    snapshot.verify(doors.disk.as_ref(), &cancellation).unwrap();
    assert!(LONGEST.get() <= MAX_SNAPSHOT_CHUNK_BYTES, "{} bytes were allocated at once", LONGEST.get());
}
