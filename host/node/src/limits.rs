//! Every limit of a node in one place: its name, its default and the reason for it.
//! Limits of the store and of the log stand in those rooms; limits of the engine are set from here.

use crate::error::Error;
use interstice_log::Cause;
use interstice_log::limits::{CLOCK_JUMP_MICROS, MAX_SNAPSHOT_BATCH_BYTES};
use interstice_store::StoreLimits;

/// What a node allows. The names are those of the configuration and of error messages.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `fuel`: the work of one call with everything that it calls, in wasmtime's units (about one
    /// a wasm instruction). The default lets a loop run for a few seconds before it is stopped.
    pub fuel: u64,
    /// `automatic-fuel`: the same for a call that nobody makes: a delivery or a run of a schedule. It is not made
    /// again after it failed, so whoever gives one call little fuel gives these more. As `fuel` if nothing.
    pub automatic_fuel: Option<u64>,
    /// `depth`: how many modules may stand on each other in nested calls. Every level costs a
    /// thread `guest_stack_bytes` of stack, taken or not.
    pub depth: u32,
    /// `guest-memory`: the linear memory of one instance, in bytes.
    pub guest_memory_bytes: u64,
    /// `guest-stack`: the wasm stack of one instance, in bytes.
    pub guest_stack_bytes: usize,
    /// `arguments`: the encoded arguments of one call, in bytes. They are kept in the log.
    pub arguments_bytes: usize,
    /// `open-scans`: scans that one transaction may have open at once. A guest that forgets to
    /// close them is told so before it has pinned the memory of the node.
    pub open_scans: usize,
    /// `deliveries`: how many deliveries one transaction may owe to subscribers. Each is a transaction of its
    /// own and holds its rows in memory until then.
    pub deliveries: usize,
    /// `subscription-depth`: how many deliveries may cause each other in a chain.
    pub subscription_depth: u32,
    /// `idle-readers`: query contexts kept for reuse. More may run at once.
    pub idle_readers: usize,
    /// `query-threads`: threads that run queries for callers whose own threads cannot run guests.
    pub query_threads: usize,
    /// `clock-jump`: how far the clock may be beyond the last logged time, in microseconds. Time
    /// never goes back, so a clock that was wrong once would be wrong for ever.
    pub clock_jump_micros: u64,
    /// `log-line`: the length of one message to the operator, in bytes; longer ones are cut.
    pub log_line_bytes: usize,
    /// The limits of the store.
    pub store: StoreLimits,
}

impl Limits {
    /// What a call may do that is made for this reason.
    pub(crate) fn fuel_for(&self, cause: Cause<'_>) -> u64 {
        match cause {
            Cause::Delivery(_) | Cause::Schedule { .. } => self.automatic_fuel(),
            _ => self.fuel,
        }
    }

    /// What a call may do that nobody makes.
    pub(crate) fn automatic_fuel(&self) -> u64 {
        self.automatic_fuel.unwrap_or(self.fuel)
    }

    /// Refuses what no machine can give, before the engine fails with it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let check = |limit, given: u64, least: u64, most: u64| {
            if (least..=most).contains(&given) {
                return Ok(());
            }
            Err(Error::BadLimit { limit, given, least, most })
        };
        check("fuel", self.fuel, 1, u64::MAX)?;
        check("automatic-fuel", self.automatic_fuel(), 1, u64::MAX)?;
        check("depth", self.depth.into(), 0, 1_000)?;
        check("guest-memory", self.guest_memory_bytes, 64 << 10, 4 << 30)?;
        check("guest-stack", self.guest_stack_bytes as u64, 64 << 10, 64 << 20)?;
        // A snapshot takes no longer row, nor its length of a few bytes.
        let longest_row = (MAX_SNAPSHOT_BATCH_BYTES - 16) as u64;
        check("row", self.store.row_bytes as u64, 1, longest_row)?;
        check("query-threads", self.query_threads as u64, 1, 1_000)
    }

    /// The longest key or bound that is looked for: twice as long as a stored key may be, and never less than
    /// what a table may hold that was filled under a higher limit.
    pub(crate) fn bound_bytes(&self) -> usize {
        const LEAST_BYTES: usize = 64 << 10;
        self.store.key_bytes.saturating_mul(2).max(LEAST_BYTES)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            fuel: 2_000_000_000,
            automatic_fuel: None,
            depth: 16,
            guest_memory_bytes: 256 << 20,
            guest_stack_bytes: 512 << 10,
            arguments_bytes: 4 << 20,
            open_scans: 256,
            deliveries: 1_000_000,
            subscription_depth: 32,
            idle_readers: 8,
            query_threads: 2,
            clock_jump_micros: CLOCK_JUMP_MICROS,
            log_line_bytes: 8 << 10,
            store: StoreLimits::default(),
        }
    }
}
