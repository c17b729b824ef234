//! Every bound of the log, in one place, each with its reason.
//! Nothing here is read from a file, so that a damaged file cannot raise a limit.
//! Invariant: a single record always fits into one batch, and one batch into one segment.

/// The length of a new segment in bytes, unless the options say otherwise. Large enough that the
/// work of changing segments vanishes, small enough that the two that always exist (the newest
/// and the reserve) do not surprise the owner of a small database.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// The shortest segment that the options may ask for: tests want small ones.
pub const MIN_SEGMENT_BYTES: u64 = 16 << 10;

/// The longest segment. A transaction may need one longer than the options ask for.
pub const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// The longest record: a transaction of 64 MiB, its arguments and result of 4 MiB each, and room
/// for claims, deliveries and the schema of an installed module.
pub const MAX_RECORD_BYTES: usize = 96 << 20;

/// The longest payload of a batch: what may be pending, one longest record, and definitions.
pub const MAX_PAYLOAD_BYTES: usize = MAX_PENDING_BYTES + MAX_RECORD_BYTES + (16 << 20);

/// How many bytes may wait for the disk before an append waits too. A disk of 200 MB/s writes
/// them in 80 ms, so that a caller is held up for a moment, not for seconds.
pub const MAX_PENDING_BYTES: usize = 16 << 20;

/// How many records may wait for the disk before an append waits too. Each has a caller that is
/// told at once when the batch is durable.
pub const MAX_PENDING_RECORDS: u32 = 1 << 16;

/// The highest number of a definition, plus one. A reader keeps a slot for each number, and a
/// forged number must not make it allocate without bound.
pub const MAX_DEFINITIONS: u32 = 1 << 20;

/// How many callers are given a number; those beyond stand in their records in full, so that
/// clients with ever new identities do not fill memory.
pub const MAX_NUMBERED_CALLERS: usize = 1 << 16;

/// How many bytes the numbered callers take together. Each is kept twice in memory, to be found by
/// number and by contents, and is written again in each segment that names it.
pub const MAX_NUMBERED_CALLER_BYTES: usize = 16 << 20;

/// The longest definition: names and identities, never data.
pub const MAX_DEFINITION_BYTES: usize = 8 << 10;

/// The longest manifest: a line of some 200 bytes a segment, for more segments than [`SEGMENTS_OF_A_LENGTH`] lets a
/// disk hold. A longer one is not published.
pub const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// How many closed segments there may be before new ones are twice as long as they were, up to the longest. The
/// manifest names each, is published with every change of segments, and must not grow as the log does: with
/// segments of 64 MiB the first longer one comes after 256 GiB.
pub const SEGMENTS_OF_A_LENGTH: usize = 4096;

/// How long the writer stays idle before it appends a mark, in microseconds. Long enough that a
/// lone caller in a loop does not pay for a second sync a transaction.
pub const IDLE_MARK_DELAY_MICROS: u64 = 100_000;

/// How long records for which nobody waits may gather before they are written, in microseconds, however slow
/// the disk's sync is: a reply that needs no disk must not stay unsafe for long.
pub const MAX_GATHER_MICROS: u64 = 2_000;

/// How many syncs' time records gather where nobody waits for any.
pub(crate) const UNWAITED_GATHER_SYNCS: u64 = 8;

/// For how many batches it is remembered that somebody waited: who waits for one record soon waits for others.
pub(crate) const WAITING_BATCHES: u64 = 16;

/// How many bytes that wait for the disk are written at once, whoever waits for them: gathering more would
/// save next to nothing.
pub const MAX_GATHERED_BYTES: u64 = 1 << 20;

/// How much of a segment is filled with zeros at once, ahead of the batches that will stand there. Space that a
/// file system has only promised costs a second write, of its own bookkeeping, with the sync of each batch
/// that reaches a new page; so much is paid for by one such sync in dozens.
pub const ZEROED_AHEAD_BYTES: u64 = 128 << 10;

/// How long the writer waits before it asks a full disk for a reserve again, in microseconds.
pub const RESERVE_RETRY_MICROS: u64 = 1_000_000;

/// One part in so many of a segment is kept, on a full disk, for transactions that only delete: whoever must
/// make room has to be able to. Of a segment of 64 MiB that is 8 MiB, enough for over ten thousand of them.
pub const KEPT_FOR_DELETES: u64 = 8;

/// A file that is given up when the disk is full, so that the manifest of the last segment change
/// can still be written.
pub const BALLAST_BYTES: u64 = 1 << 20;

/// How many bytes of rows a snapshot compresses together, unless a single batch of rows has more. Enough
/// that compression finds what repeats, little enough to stay in a processor's cache.
pub const SNAPSHOT_CHUNK_BYTES: usize = 256 << 10;

/// The longest chunk of a snapshot: the longest row (1 MiB), with room for the batch around it.
pub const MAX_SNAPSHOT_CHUNK_BYTES: usize = 2 << 20;

/// The longest batch of rows handed to a snapshot: a chunk, less the two numbers in front of the batch.
pub const MAX_SNAPSHOT_BATCH_BYTES: usize = MAX_SNAPSHOT_CHUNK_BYTES - 16;

/// The longest head of a snapshot, its sections included. It is held in memory as a whole; what may
/// grow beyond that belongs into a table.
pub const MAX_SNAPSHOT_HEAD_BYTES: usize = 64 << 20;

/// How much of a snapshot is written between two syncs. The writer of the log shares the disk, and its
/// sync must not wait behind a gigabyte of rows.
pub const SNAPSHOT_SYNC_BYTES: u64 = 8 << 20;

/// The level at which zstd compresses rows. Level 1 is several times as fast as 3 for a tenth more bytes.
pub const SNAPSHOT_COMPRESSION_LEVEL: i32 = 1;

/// How much of a segment is compressed at a time. A reader who looks for one record reads so much;
/// frames twice as long take a few percent less room.
pub const FRAME_BYTES: u32 = 64 << 10;

/// The shortest frames that are read: they bound how long a table of frames can be.
pub const MIN_FRAME_BYTES: u32 = 4 << 10;

/// The longest frames that are read: they bound how much one of them allocates.
pub const MAX_FRAME_BYTES: u32 = 1 << 20;

/// About how much of a segment one entry of its index stands for: as much as a frame.
pub const INDEX_BLOCK_BYTES: u64 = 64 << 10;

/// The longest index. A segment whose names and blocks take more than this is read whole.
pub const MAX_INDEX_BYTES: u64 = 32 << 20;

/// How much the background work on closed segments reads in one step.
pub const MAINTENANCE_STEP_BYTES: u64 = 1 << 20;

/// How long the background work waits before it asks a full disk again, in microseconds.
pub const MAINTENANCE_RETRY_MICROS: u64 = 60_000_000;

/// How often segments are looked at that grow too old to be kept, in microseconds.
pub const RETENTION_CHECK_MICROS: u64 = 3_600_000_000;

/// For how many days states can be rebuilt unless the options say otherwise. A week covers a
/// question that is asked after a long weekend, and keeps the archive from growing without bound.
pub const KEEP_DAYS: u32 = 7;

/// How far the clock may be beyond the last record unless the options say otherwise: five years. No database rests
/// for longer between two transactions, and clocks that were never set are decades away.
pub const CLOCK_JUMP_MICROS: u64 = 5 * 366 * 86_400_000_000;

/// How often a backup looks for what has changed while it copied. Each time it has less to copy; a database
/// that gives up what it has written faster than that keeps nothing worth a backup.
pub const MAX_BACKUP_ROUNDS: u32 = 100;

/// How many findings a verification lists. What is damaged in more places needs no longer list.
pub const MAX_FINDINGS: usize = 10_000;

/// What a batch may cost beyond its records and definitions: header, prefix, padding.
pub(crate) const BATCH_OVERHEAD_BYTES: u64 = 64 + 32 + 512;

/// How much a reader takes from the disk at once.
pub(crate) const READ_BYTES: usize = 1 << 20;
