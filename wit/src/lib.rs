//! The contract: reads a WIT package into a [`Schema`], hashes it, and describes the doors of its tables.
//! It never touches a file, a clock or a socket: sources come in as text.
//! Invariant: the same sources give the same schema, and what the schema does not hold, no hash sees.
//!
//! # The way through this room
//!
//! ```
//! use interstice_wit::{Sources, hash, read};
//!
//! let mut sources = Sources::new();
//! sources.add_root("bank.wit", r#"
//!     package acme:bank@1.2.0;
//!     interface tables {
//!       /// One account per customer.
//!       /// @table(primary-key = id, visibility = public)
//!       record account { id: u64, balance: s64 }
//!     }
//!     world bank { export tables; }
//! "#);
//! let schema = read(&sources, None).map_err(|findings| findings.render()).unwrap();
//! assert_eq!(schema.tables().count(), 1);
//! println!("{}", hash::interface_hash(&schema).module);
//! ```
//!
//! [`Sources`] holds the text of a package and of those that it depends on. [`read`] gives the
//! [`Schema`] of a world, or [`Diagnostics`]: every mistake with its place, what was expected there and
//! how to mend it. A schema travels as JSON in a component's custom section ([`section`]); one that
//! comes from outside is checked by [`Schema::validate`] before anything trusts it. [`hash`] takes the
//! hashes of its [`canonical`] form, [`doors`] says how a guest reaches its tables, [`evolution`] what becomes of
//! stored rows under a new version, [`diff`] what that version means to callers, rows and subscribers,
//! [`capabilities`] what a module can touch, and [`text`] writes values as WAVE and JSON. [`plain`] reads and compares
//! packages of WIT that are no modules.
//!
//! # Directives
//!
//! A `///` line whose first character is `@` is a directive of the item below it. It may go on over
//! further `///` lines while a parenthesis is open, and nothing else stands on its lines. Directives are
//! no documentation: they are taken out of the docs. A directive that is unknown, misplaced, repeated,
//! trails code, stands in a `/** */` comment (whose prose is documentation all the same) or belongs to
//! nothing is a mistake, and so is a plain comment that begins with a directive; other plain comments, and
//! those with `////`, are not looked at.
//!
//! | directive | stands before | says |
//! |---|---|---|
//! | `@table(primary-key = id)`, `(a, b)` for several columns; `visibility = private` or `public`; `storage = logged` or `ephemeral` | a record | the record is a table |
//! | `@index(owner, day)` | a table | rows are found by these columns, in their order |
//! | `@unique(owner, day)` | a table | the same, and no two rows have the same values |
//! | `@unique` | a field of a table | the same, of that column |
//! | `@auto-increment` | an integer field, alone in the primary key or unique | an insert with 0 is given the next number |
//! | `@default(0)` | a field of a table that is not unique | what an older row has there, as WAVE |
//! | `@reducer`, `@query` | a function | a write transaction, a read-only function |
//! | `@on(init)`, `upgrade`, `connect`, `disconnect` | a function without parameters | the host calls it |
//! | `@on(insert account, where = balance < 0)`, `delete`; `update` takes the row before and after | a function of the row | the host calls it for each such row |
//! | `@schedule(every = 1h)`; `ms`, `s`, `m`, `h`, `d` | a function without parameters | the host calls it again and again |
//! | `@migrate` | a function without parameters | the host calls it within an upgrade; it fills tables from those of the version before |
//! | `@renamed-from(old-name)` | a table, a field of a table | the name that it had in the version before, which keeps its rows |
//! | `@visibility(private)`, `public` | an interface | who may reach it; public if nothing is said |
//!
//! Every function of an exported interface says exactly one of `@reducer`, `@query`, `@on`, `@schedule` and `@migrate`.
//! A world that exports a migration may import interfaces of an older version of its own package: their tables,
//! private ones too, are what the migration reads.
//! Columns of keys and indexes are bools, integers, chars, strings, enums and `list<u8>`. Names of
//! interfaces that end in `-rows` or `-table` are kept for the [`doors`].
//!
//! # What is refused
//!
//! Resources, streams, futures, `error-context`, `map<>`, lists of fixed length, async functions, types and
//! functions that stand in a world, interfaces under another name than their own, and whatever is gated
//! by `@unstable`. `@since` gates, `include` and nested packages are fine. The [`limits`] have names and reasons.

pub mod canonical;
pub mod capabilities;
pub mod diff;
mod directive;
pub mod doors;
pub mod evolution;
mod finding;
pub mod hash;
mod identifier;
pub mod limits;
mod literal;
pub mod plain;
mod publish;
mod read;
mod scan;
mod schema;
pub mod section;
mod source;
mod spelling;
pub mod text;
mod type_text;
mod validate;

pub use finding::{Diagnostics, Finding};
pub use hash::{Hash, ModuleHashes};
pub use identifier::wit_identifier;
pub use publish::{PublicWit, TypesDiffer, former_self, former_wit, public_wit, used_wit};
pub use read::{read, worlds};
pub use schema::*;
pub use section::SectionError;
pub use source::{ExtraFile, ExtraPackage, Sources};
pub use spelling::nearest;
pub use validate::InvalidSchema;
