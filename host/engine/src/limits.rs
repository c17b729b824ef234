//! Every limit of the engine, with its default and its reason.
//! What a transaction may hold (rows, write sets, depth) is the node's to limit, not ours.
//! Invariant: a call that meets a limit ends in a typed [`Fault`](crate::Fault), never in an abort.

/// The most bytes that the arguments or the result of a call may have in the row codec: as much as
/// a client may send, and enough for thousands of rows.
pub const MAX_VALUE_BYTES: usize = 4 << 20;

/// The most bytes of byte lists that a guest may hand to a table door at once. A whole transaction
/// may hold 64 MiB, so one bulk insert can carry all of it.
pub const MAX_DOOR_BYTES: usize = 64 << 20;

/// Fuel for a call to the host, beside what its rows and bytes cost. A unit of fuel is about one
/// instruction of a guest; a crossing takes as long as some hundred.
pub const FUEL_PER_HOST_CALL: u64 = 100;

/// Fuel for a row that the host reads or writes.
pub const FUEL_PER_ROW: u64 = 100;

/// How many bytes are carried for one unit of fuel.
pub const BYTES_PER_FUEL: u64 = 8;

/// The fuel of an instantiation, in which a guest's own initialisers run.
pub const INSTANTIATION_FUEL: u64 = 100_000_000;

/// The stack that the host's own frames may take between one guest and the next that it calls.
pub const HOST_STACK_BYTES: usize = 64 << 10;

/// The stack that a thread has used before it calls its first guest, generously.
const THREAD_STACK_BYTES: usize = 256 << 10;

/// What an engine allows.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How many component instances may live at once. Each reserves address space, not memory.
    pub max_instances: u32,
    /// The most linear memory that one instance may hold, all its memories together.
    pub max_memory_bytes: usize,
    /// The most elements that one table of an instance may hold.
    pub max_table_elements: usize,
    /// The stack that the code of one instance may take.
    pub max_wasm_stack_bytes: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            max_instances: 1_000,
            max_memory_bytes: 256 << 20,
            max_table_elements: 100_000,
            max_wasm_stack_bytes: 512 << 10,
        }
    }
}

impl EngineOptions {
    /// The stack that a thread needs for guests that call each other `depth` levels deep: a call
    /// from outside has depth 0. Each level gets a whole stack of its own, since wasmtime counts
    /// anew for each store, and overflowing the thread's would abort the process.
    pub fn stack_bytes(&self, depth: usize) -> usize {
        (depth + 1) * self.level_bytes() + THREAD_STACK_BYTES
    }

    /// The stack that must be left when a guest is called.
    pub(crate) fn level_bytes(&self) -> usize {
        self.max_wasm_stack_bytes + HOST_STACK_BYTES
    }
}

/// The fuel that carrying `bytes` costs.
pub(crate) fn fuel_of_bytes(bytes: usize) -> u64 {
    bytes as u64 / BYTES_PER_FUEL
}
