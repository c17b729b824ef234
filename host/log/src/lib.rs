//! The append-only log: records, batches, fsync and recovery.
