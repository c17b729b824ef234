//! The limits of a schema, each with its reason.
//! They bound what a hostile package can cost the reader and everything that takes a schema after it.
//! Invariant: a schema within them can be encoded as a component and expanded in memory.

/// Bytes of all WIT sources together. Spans are 32 bits wide, and no package comes near this by hand.
pub const MAX_SOURCE_BYTES: usize = 8 << 20;

/// Interfaces, worlds and packages of all sources together. wit-parser follows from one to the next on
/// the stack, and a long enough chain would overflow it.
pub const MAX_CONTAINERS: usize = 1_000;

/// The most findings that are reported at once.
pub const MAX_FINDINGS: usize = 1_000;

/// Findings that are kept while a package is read; those beyond are only counted.
pub const MAX_KEPT_FINDINGS: usize = 20_000;

/// Bytes of a message; names and values in it can be as long as a file.
pub const MAX_MESSAGE_BYTES: usize = 1_000;

/// Directives above one item. A table with all its indexes has far fewer.
pub const MAX_DIRECTIVES: usize = 100;

/// How often a package is parsed again with a mistake taken out, to find the next.
pub const MAX_REPAIRS: usize = 50;

/// Bytes that are parsed again so, in all packages together.
pub const MAX_REPARSED_BYTES: usize = 32 << 20;

/// Columns of one key.
pub const MAX_KEY_COLUMNS: usize = 32;

/// Secondary indexes of one table; the store says in 30 bits which of them a change touched.
pub const MAX_INDEXES: usize = 30;

/// Bytes of one name. With [`MAX_TYPE_NODES`] it bounds the memory of an expanded type.
pub const MAX_NAME_BYTES: usize = 255;

/// Nodes of one type once every name in it is replaced by what it stands for. A chain of records
/// that use each other twice doubles at each step, so the text alone bounds nothing.
pub const MAX_TYPE_NODES: u64 = 100_000;

/// Nodes of the types of all tables and functions of a schema together.
pub const MAX_SCHEMA_NODES: u64 = 1_000_000;

/// How deep an expanded type nests; component validators stop at the same depth.
pub const MAX_TYPE_DEPTH: u32 = 100;

/// Flags of one type; the component model has no more.
pub const MAX_FLAGS: usize = 32;

/// Fields of a record, cases of a variant or an enum, elements of a tuple; component validators
/// allow no more.
pub const MAX_MEMBERS: usize = 10_000;

/// Parameters of a function; component validators allow no more.
pub const MAX_PARAMS: usize = 1_000;
