//! The custom section `interstice:schema`, which carries a schema inside a component.
//! A component's own types lose docs, directives and tables; the section brings them back. It is a
//! claim: it is compared with the binary before the component is linked.
//! Invariant: what is extracted has been validated, and its hashes are those that it says.

use crate::hash::{self, Hash, ModuleHashes};
use crate::schema::Schema;
use crate::validate::InvalidSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;
use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::{Encoding, Parser, Payload};

/// The name of the section.
pub const SECTION_NAME: &str = "interstice:schema";

/// The format that this crate writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The largest section in bytes; the limits of a schema allow none that needs more.
pub const MAX_SECTION_BYTES: usize = 64 << 20;

/// Why a file gives no schema.
#[derive(Debug, thiserror::Error)]
pub enum SectionError {
    /// The file does not begin as wasm does.
    #[error("this is not a WebAssembly file")]
    NotWasm,
    /// A module of core wasm, which has no interfaces.
    #[error("this is a core WebAssembly module, not a component; `interstice build --from` makes one of it")]
    CoreModule,
    /// The file ends too early.
    #[error("the component is truncated: it ends at byte {offset}, in the middle of a section")]
    Truncated {
        /// Where it ends.
        offset: u64,
    },
    /// The file is damaged.
    #[error("the component is malformed at byte {offset}: {message}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What the parser says.
        message: String,
    },
    /// A component of another origin.
    #[error("the component has no section `{SECTION_NAME}`; `interstice build --from` adds it")]
    Missing,
    /// It cannot be told which one holds.
    #[error("the component has {count} sections `{SECTION_NAME}`, and only one is allowed")]
    Several {
        /// How many.
        count: usize,
    },
    /// Made by a later version of Interstice.
    #[error(
        "the schema has the format {found}, and this version reads formats up to {FORMAT}: upgrade Interstice"
    )]
    NewerFormat {
        /// The format that it has.
        found: u64,
    },
    /// The section is not what this crate writes.
    #[error("the section `{SECTION_NAME}` is unreadable")]
    Unreadable(#[source] serde_json::Error),
    /// A hash in the section is not the one of the schema beside it.
    #[error(
        "the schema was changed after it was embedded: its {which} hash is {found}, and the section says {said}"
    )]
    HashMismatch {
        /// `interface` or `storage`.
        which: &'static str,
        /// What the section says.
        said: Hash,
        /// What the schema has.
        found: Hash,
    },
    /// The schema could not have come from a WIT package.
    #[error("the schema contradicts itself")]
    Invalid(#[source] InvalidSchema),
}

/// What the section holds.
#[derive(Serialize, Deserialize)]
struct Content<'a> {
    format: u32,
    schema: Cow<'a, Schema>,
    hashes: Hashes,
}

#[derive(Serialize, Deserialize)]
struct Hashes {
    interface: Hash,
    storage: Hash,
}

/// Only the format, so that a newer section is recognised whatever else it holds.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// The component with the schema in it, in place of one that it had.
pub fn embed(component: &[u8], schema: &Schema) -> Result<Vec<u8>, SectionError> {
    let found = sections(component)?;
    let ModuleHashes { module, .. } = hash::interface_hash(schema);
    let hashes = Hashes { interface: module, storage: hash::storage_hash(schema) };
    let content = Content { format: FORMAT, schema: Cow::Borrowed(schema), hashes };
    let json = serde_json::to_vec(&content).map_err(SectionError::Unreadable)?;

    let mut out = Vec::with_capacity(component.len() + json.len() + 32);
    let mut kept = 0;
    for section in found {
        out.extend_from_slice(&component[kept..section.whole.start]);
        kept = section.whole.end;
    }
    out.extend_from_slice(&component[kept..]);
    let section = CustomSection { name: SECTION_NAME.into(), data: json.into() };
    out.push(section.id());
    section.encode(&mut out);
    Ok(out)
}

/// The schema of a component.
pub fn extract(component: &[u8]) -> Result<Schema, SectionError> {
    let found = sections(component)?;
    let section = match found.as_slice() {
        [] => return Err(SectionError::Missing),
        [section] => section,
        several => return Err(SectionError::Several { count: several.len() }),
    };
    let json = &component[section.content.clone()];
    if json.len() > MAX_SECTION_BYTES {
        let message =
            format!("the schema takes {} bytes, and at most {MAX_SECTION_BYTES} are read", json.len());
        return Err(SectionError::Malformed { offset: section.content.start as u64, message });
    }
    let Format { format } = serde_json::from_slice(json).map_err(SectionError::Unreadable)?;
    if format > u64::from(FORMAT) {
        return Err(SectionError::NewerFormat { found: format });
    }
    let content: Content<'_> = serde_json::from_slice(json).map_err(SectionError::Unreadable)?;
    let schema = content.schema.into_owned();
    // Hashing expands types, so the schema is validated first.
    schema.validate().map_err(SectionError::Invalid)?;
    check("interface", content.hashes.interface, hash::interface_hash(&schema).module)?;
    check("storage", content.hashes.storage, hash::storage_hash(&schema))?;
    Ok(schema)
}

fn check(which: &'static str, said: Hash, found: Hash) -> Result<(), SectionError> {
    if said == found { Ok(()) } else { Err(SectionError::HashMismatch { which, said, found }) }
}

struct Found {
    /// The section with its head.
    whole: Range<usize>,
    /// What it holds.
    content: Range<usize>,
}

/// The schema sections at the top level of a component; those of components inside it are theirs.
fn sections(component: &[u8]) -> Result<Vec<Found>, SectionError> {
    if !component.starts_with(b"\0asm") {
        return Err(if !component.is_empty() && b"\0asm".starts_with(component) {
            SectionError::Truncated { offset: component.len() as u64 }
        } else {
            SectionError::NotWasm
        });
    }
    let mut found = Vec::new();
    let mut depth = 0_u32;
    // Where the last section ended, and so where the head of the next begins.
    let mut end = 0;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| failure(component, &error))?;
        match &payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(SectionError::CoreModule);
            }
            Payload::Version { range, .. } => end = range.end,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(offset) => {
                end = *offset;
                depth = depth.saturating_sub(1);
            }
            Payload::CustomSection(section) => {
                let range = section.range();
                if depth == 0 && section.name() == SECTION_NAME {
                    found.push(Found { whole: end..range.end, content: section.data_offset()..range.end });
                }
                end = range.end;
            }
            other => {
                if let Some((_, range)) = other.as_section() {
                    end = range.end;
                }
            }
        }
    }
    Ok(found)
}

fn failure(component: &[u8], error: &wasmparser::BinaryReaderError) -> SectionError {
    if error.message().contains("unexpected end") {
        SectionError::Truncated { offset: component.len() as u64 }
    } else {
        SectionError::Malformed { offset: error.offset() as u64, message: error.message().to_owned() }
    }
}
