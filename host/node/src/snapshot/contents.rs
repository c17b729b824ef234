//! What a snapshot holds beside the rows of modules, as bytes: the modules, the last runs of schedules, the
//! deliveries that are owed; and the digests by which rows and shapes are compared. docs/format.md lays it
//! down. Invariant: what is decoded is what was encoded, or is refused.

use crate::delivery::OwedDelivery;
use crate::schedule::LastRun;
use crate::state::Name;
use interstice_codec::DecodeError;
use interstice_codec::row::Encode as _;
use interstice_codec::row::{Reader, from_bytes, push_row_with, to_bytes};
use interstice_log::{Closed, Digest, Sequence, TableContents, TableHead};
use interstice_store::{TableId, Version};
use interstice_wit::hash::{storage_hash, stored_table_hash};
use interstice_wit::{Interface, Schema, Table};
use sha2::{Digest as _, Sha256};

/// The section of the installed modules, in the order of their installation.
pub(super) const MODULES: &str = "modules";

/// The section of the last runs of scheduled functions.
pub(super) const LAST_RUNS: &str = "last-runs";

/// The section of what the list of modules does not say; it is left out where there is nothing to say.
pub(super) const CATALOG: &str = "catalog";

/// The package of the tables that are the node's own: no module is called so, for it has no namespace.
const NODE_PACKAGE: &str = "interstice";

/// The table of owed deliveries, whose rows are pieces of one stream: a delivery may be longer than what a
/// snapshot takes at once.
const OWED_TABLE: &str = "deliveries.owed";

/// How long the pieces are.
pub(super) const OWED_PIECE_BYTES: usize = 1 << 20;

/// An installed module.
pub(super) struct ModuleEntry {
    /// As JSON.
    pub(super) schema: Vec<u8>,
    pub(super) artifact: [u8; 32],
    pub(super) installed_micros: u64,
    /// The hash of the catalog with it.
    pub(super) catalog_hash: [u8; 32],
}

/// The same as the section has it.
type EncodedModule = (Vec<u8>, Vec<u8>, u64, Vec<u8>);

/// Bytes that are not what they should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("its bytes are not in the row codec: {0}")]
    Codec(#[from] DecodeError),
    #[error("a hash of {0} bytes, expected 32")]
    Hash(usize),
    #[error("it ends in the middle of a delivery")]
    CutOff,
}

/// The section [`MODULES`].
pub(super) fn encode_modules(modules: &[ModuleEntry]) -> Vec<u8> {
    let entries: Vec<_> = modules
        .iter()
        .map(|module| {
            let (artifact, catalog) = (&module.artifact[..], &module.catalog_hash[..]);
            (module.schema.as_slice(), artifact, module.installed_micros, catalog)
        })
        .collect();
    to_bytes(&entries)
}

pub(super) fn decode_modules(bytes: &[u8]) -> Result<Vec<ModuleEntry>, Malformed> {
    let entries: Vec<EncodedModule> = from_bytes(bytes)?;
    entries
        .into_iter()
        .map(|(schema, artifact, installed_micros, catalog)| {
            let (artifact, catalog_hash) = (hash(artifact)?, hash(catalog)?);
            Ok(ModuleEntry { schema, artifact, installed_micros, catalog_hash })
        })
        .collect()
}

/// What the list of modules does not say, after upgrades and uninstallations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CatalogEntry {
    /// Modules that were uninstalled, and whose tables were kept.
    pub(super) kept: Vec<KeptEntry>,
    /// Schedules that wait since another moment than the installation of their module.
    pub(super) waits_since: Vec<(Name, u64)>,
}

/// A module that was uninstalled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeptEntry {
    /// Its place among the modules, those that are installed and those that are not, from 0.
    pub(super) place: u32,
    /// As JSON.
    pub(super) schema: Vec<u8>,
    pub(super) artifact: [u8; 32],
    pub(super) installed_micros: u64,
}

/// The same as the section has it.
type EncodedCatalog = (Vec<(u32, Vec<u8>, Vec<u8>, u64)>, Vec<(String, String, u64)>);

/// The section [`CATALOG`].
pub(super) fn encode_catalog(catalog: &CatalogEntry) -> Vec<u8> {
    let kept: Vec<_> = (catalog.kept.iter())
        .map(|kept| (kept.place, kept.schema.as_slice(), &kept.artifact[..], kept.installed_micros))
        .collect();
    let waits: Vec<_> = (catalog.waits_since.iter())
        .map(|((package, function), since)| (package.as_str(), function.as_str(), *since))
        .collect();
    to_bytes(&(kept, waits))
}

pub(super) fn decode_catalog(bytes: &[u8]) -> Result<CatalogEntry, Malformed> {
    let (kept, waits): EncodedCatalog = from_bytes(bytes)?;
    let kept = kept.into_iter().map(|(place, schema, artifact, installed_micros)| {
        let artifact = hash(artifact)?;
        Ok(KeptEntry { place, schema, artifact, installed_micros })
    });
    let waits_since = waits.into_iter().map(|(package, function, since)| ((package, function), since));
    Ok(CatalogEntry { kept: kept.collect::<Result<_, Malformed>>()?, waits_since: waits_since.collect() })
}

fn hash(bytes: Vec<u8>) -> Result<[u8; 32], Malformed> {
    <[u8; 32]>::try_from(bytes).map_err(|bytes| Malformed::Hash(bytes.len()))
}

/// The section [`LAST_RUNS`].
pub(super) fn encode_last_runs(runs: &[(Name, LastRun)]) -> Vec<u8> {
    let entries: Vec<_> = runs
        .iter()
        .map(|((package, function), run)| {
            (package.as_str(), function.as_str(), run.due_micros, run.ran_micros)
        })
        .collect();
    to_bytes(&entries)
}

pub(super) fn decode_last_runs(bytes: &[u8]) -> Result<Vec<(Name, LastRun)>, Malformed> {
    let entries: Vec<(String, String, u64, u64)> = from_bytes(bytes)?;
    let run = |(package, function, due_micros, ran_micros)| {
        ((package, function), LastRun { due_micros, ran_micros })
    };
    Ok(entries.into_iter().map(run).collect())
}

/// Which table the owed deliveries are.
pub(super) fn owed_head() -> TableHead {
    let shape = Digest(Sha256::digest(b"interstice owed deliveries 1").into());
    TableHead { package: NODE_PACKAGE.to_owned(), name: OWED_TABLE.to_owned(), shape }
}

/// Appends an owed delivery to the stream of them.
pub(super) fn encode_owed(delivery: &OwedDelivery, (package, function): &Name, out: &mut Vec<u8>) {
    let Closed { sequence, ordinal } = delivery.closes;
    push_row_with(out, |out| {
        (sequence.0, ordinal, package.as_str(), function.as_str()).encode(out);
        (delivery.depth, &delivery.arguments[..]).encode(out);
    });
}

/// An owed delivery as a snapshot has it.
pub(super) struct OwedEntry {
    pub(super) closes: Closed,
    pub(super) function: Name,
    pub(super) depth: u32,
    pub(super) arguments: Vec<u8>,
}

/// Puts owed deliveries together again from the pieces of their stream.
#[derive(Default)]
pub(super) struct OwedStream {
    left: Vec<u8>,
}

impl OwedStream {
    /// Takes the next piece, and hands on every delivery that is complete with it.
    pub(super) fn piece<E: From<Malformed>>(
        &mut self,
        piece: &[u8],
        mut take: impl FnMut(OwedEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.left.extend_from_slice(piece);
        let mut reader = Reader::new(&self.left);
        let mut done = 0;
        // What cannot be read to its end is either not there yet, or is found left over at the end.
        while let Ok(bytes) = reader.bytes() {
            let ((sequence, ordinal, package, function), (depth, arguments)) =
                from_bytes::<(_, (u32, Vec<u8>))>(bytes).map_err(Malformed::from)?;
            let closes = Closed { sequence: Sequence(sequence), ordinal };
            let function: Name = (package, function);
            take(OwedEntry { closes, function, depth, arguments })?;
            done = reader.offset();
        }
        self.left.drain(..done);
        Ok(())
    }

    /// Refuses a stream that ends within a delivery.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.left.is_empty() { Ok(()) } else { Err(Malformed::CutOff) }
    }
}

/// Which table of a module this is.
pub(super) fn table_head(schema: &Schema, interface: &Interface, table: &Table) -> TableHead {
    TableHead {
        package: schema.package.unversioned(),
        name: format!("{}.{}", interface.name.name, table.name),
        shape: Digest(stored_table_hash(schema, table).0),
    }
}

/// How the rows of all these modules are stored.
pub(super) fn storage_of<'s>(schemas: impl Iterator<Item = &'s Schema>) -> Digest {
    let mut hash = Sha256::new_with_prefix(b"interstice storage of all modules");
    for schema in schemas {
        let name = schema.package.unversioned();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(&name);
        hash.update(storage_hash(schema).0);
    }
    Digest(hash.finalize().into())
}

/// What is known of the rows of a table as they are at a version, and until they change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownRows {
    pub(super) table: TableId,
    pub(super) at: Version,
    pub(super) rows: u64,
    pub(super) digest: Digest,
}

impl KnownRows {
    /// The same as a snapshot says it.
    pub(super) fn contents(&self, counter: Option<u64>) -> TableContents {
        TableContents { counter, rows: self.rows, digest: self.digest }
    }
}

/// The digest of rows in the order of their primary keys. It does not depend on how they are batched.
pub(super) struct RowsDigest(Sha256);

impl RowsDigest {
    /// Of no rows yet.
    pub(super) fn new() -> RowsDigest {
        RowsDigest(Sha256::new_with_prefix(b"interstice rows"))
    }

    /// And of these, in batch form.
    pub(super) fn update(&mut self, batch: &[u8]) {
        self.0.update(batch);
    }

    /// Of all that there was.
    pub(super) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalog::{FunctionIndex, ModuleIndex};
    use crate::context::Target;

    #[test]
    fn owed_deliveries_come_back_from_pieces_of_any_length() {
        let target = Target { module: ModuleIndex(0), function: FunctionIndex(0) };
        let name: Name = ("acme:bank".to_owned(), "ledger.told".to_owned());
        let owed = |n: u64| OwedDelivery {
            closes: Closed { sequence: Sequence(n), ordinal: n as u32 + 1 },
            target,
            arguments: vec![n as u8; n as usize * 100].into(),
            depth: 3,
        };
        let mut stream = Vec::new();
        (0..5).for_each(|n| encode_owed(&owed(n), &name, &mut stream));
        for length in [1, 7, 100, stream.len()] {
            let (mut pieces, mut found) = (OwedStream::default(), Vec::new());
            for piece in stream.chunks(length) {
                let take = |entry| {
                    found.push(entry);
                    Ok::<_, Malformed>(())
                };
                pieces.piece(piece, take).unwrap();
            }
            pieces.end().unwrap();
            for (n, entry) in (0..).zip(&found) {
                let OwedDelivery { closes, arguments, depth, .. } = owed(n);
                assert_eq!((entry.closes, entry.depth, &entry.function), (closes, depth, &name));
                assert_eq!(entry.arguments, arguments[..]);
            }
            assert_eq!(found.len(), 5);
        }
        let mut pieces = OwedStream::default();
        pieces.piece(&stream[..stream.len() - 1], |_| Ok::<_, Malformed>(())).unwrap();
        assert!(pieces.end().is_err());
    }

    #[test]
    fn sections_come_back_and_garbage_is_refused() {
        let name: Name = ("acme:bank".to_owned(), "automation.accrue".to_owned());
        let runs = [(name, LastRun { due_micros: 7, ran_micros: 9 })];
        let bytes = encode_last_runs(&runs);
        assert_eq!(decode_last_runs(&bytes).unwrap(), runs);
        let module = ModuleEntry {
            schema: b"{}".to_vec(),
            artifact: [1; 32],
            installed_micros: 5,
            catalog_hash: [2; 32],
        };
        let entry = CatalogEntry {
            kept: vec![KeptEntry {
                place: 1,
                schema: b"{}".to_vec(),
                artifact: [3; 32],
                installed_micros: 6,
            }],
            waits_since: vec![(("acme:bank".to_owned(), "automation.accrue".to_owned()), 8)],
        };
        let catalog = encode_catalog(&entry);
        assert_eq!(decode_catalog(&catalog).unwrap(), entry);
        assert!(decode_catalog(&catalog[1..]).is_err());
        let modules = encode_modules(&[module]);
        assert_eq!(decode_modules(&modules).unwrap()[0].artifact, [1; 32]);
        for bytes in [&bytes, &modules] {
            assert!(decode_modules(&bytes[..bytes.len() - 1]).is_err());
            assert!(decode_last_runs(&bytes[1..]).is_err());
        }
    }
}
