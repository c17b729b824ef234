//! A snapshot taken into a state. Its rows fill tables at once; they are checked as those of the log are, one by
//! one, and all of a table against its digest.
//! Invariant: a state is used only if the loading ended without an error, so a snapshot counts whole or not.

use super::ahead::{Piece, read_ahead};
use super::contents::{
    CATALOG, CatalogEntry, KnownRows, LAST_RUNS, MODULES, Malformed, OwedStream, decode_catalog,
    decode_last_runs, decode_modules, owed_head, storage_of, table_head,
};
use crate::catalog::CatalogHash;
use crate::delivery::OwedDelivery;
use crate::error::Error;
use crate::replay::read_schema;
use crate::state::{Name, State, StoredModule};
use interstice_codec::DecodeError;
use interstice_codec::row::Batch;
use interstice_log::doors::Disk;
use interstice_log::{Digest, LogError, Progress, Snapshot, SnapshotTable, TableHead};
use interstice_store::{Load, Store, StoreError, TableHandle, TableId, Version};
use interstice_wit::Storage;
use std::collections::{HashMap, HashSet};

/// What is wrong with a snapshot, seen from the node.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("the section `{0}` is not there")]
    NoSection(&'static str),
    #[error("the section `{0}` is not known to this version")]
    UnknownSection(String),
    #[error("the section `{section}` is malformed")]
    Section { section: &'static str, source: Malformed },
    #[error("the schema of an installed module cannot be read: {0}")]
    Schema(String),
    #[error("the catalog is {found}, and the place in the log to which it belongs has {expected}")]
    Catalog { found: Digest, expected: Digest },
    #[error(
        "its rows are stored in another way ({found}) than this version stores them ({expected}); \
         open it with the version that wrote it"
    )]
    Storage { found: Digest, expected: Digest },
    #[error("the section `catalog` does not fit the modules: {0}")]
    Misfit(String),
    #[error("{package}/{name} is no function of an installed module")]
    UnknownFunction { package: String, name: String },
    #[error("{package}/{name} is no table of an installed module, or has another shape there")]
    UnknownTable { package: String, name: String },
    #[error("the table {package}/{name} is not there")]
    NoTable { package: String, name: String },
    #[error("delivery {ordinal} of record {sequence} is owed twice")]
    OwedTwice { sequence: u64, ordinal: u32 },
    #[error("there are {found} rows, expected {expected}")]
    RowCount { found: u64, expected: u64 },
    #[error("the digest of the rows is {found}, expected {expected}")]
    Digest { found: Digest, expected: Digest },
    #[error("the bytes of a batch are no rows")]
    Batch(#[from] DecodeError),
    #[error("the stream of owed deliveries is malformed")]
    Owed(#[from] Malformed),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Loads a snapshot into an empty store.
pub(crate) fn load(
    snapshot: &Snapshot,
    disk: &dyn Disk,
    store: Store,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<State, Error> {
    let in_head = |error: LoadError| {
        let (path, part) = (snapshot.path().to_owned(), "what stands beside rows".to_owned());
        Error::Log(LogError::SnapshotLoad { path, part, source: Box::new(error) })
    };
    let mut state = State::new(store);
    load_modules(snapshot, &mut state).map_err(in_head)?;
    load_last_runs(snapshot, &mut state).map_err(in_head)?;
    let missing = expected_tables(&state);
    let version = Version(snapshot.sequence().0);
    let mut loading = Loading { state: &mut state, version, missing, table: None, on_progress };
    read_ahead(snapshot, disk, |piece| {
        let part = loading.part(&piece);
        loading.take(piece).map_err(|error| {
            let path = snapshot.path().to_owned();
            Error::Log(LogError::SnapshotLoad { path, part, source: Box::new(error) })
        })
    })?;
    loading.end().map_err(in_head)?;
    state.last_sequence = version.0;
    state.last_timestamp_micros = snapshot.identity().anchor.latest_micros;
    Ok(state)
}

fn section<'s>(snapshot: &'s Snapshot, wanted: &'static str) -> Result<&'s [u8], LoadError> {
    let mut sections = snapshot.sections();
    sections.find(|(name, _)| *name == wanted).map(|(_, bytes)| bytes).ok_or(LoadError::NoSection(wanted))
}

fn load_modules(snapshot: &Snapshot, state: &mut State) -> Result<(), LoadError> {
    let malformed = |source| LoadError::Section { section: MODULES, source };
    let mut modules = Vec::new();
    let mut catalog = None;
    for entry in decode_modules(section(snapshot, MODULES)?).map_err(malformed)? {
        let schema = read_schema(&entry.schema).map_err(LoadError::Schema)?;
        catalog = Some(entry.catalog_hash);
        let (artifact, installed_micros) = (Digest(entry.artifact), entry.installed_micros);
        modules.push(StoredModule {
            schema,
            artifact,
            tables: Vec::new(),
            installed_micros,
            is_installed: true,
        });
    }
    let expected = snapshot.identity().anchor.catalog;
    let malformed = |source| LoadError::Section { section: CATALOG, source };
    let found = snapshot.sections().find(|(name, _)| *name == CATALOG);
    let entry = found.map(|(_, bytes)| decode_catalog(bytes)).transpose().map_err(malformed)?;
    match &entry {
        Some(entry) => add_kept(entry, &mut modules)?,
        None => {
            // Where nothing is installed the log has zeros before the first module, and the hash of no module
            // after the last.
            let none = CatalogHash::new().finish();
            let is_right = catalog.map_or([[0; 32], none].contains(&expected), |found| found == expected);
            if !is_right {
                let found = Digest(catalog.unwrap_or(none));
                return Err(LoadError::Catalog { found, expected: Digest(expected) });
            }
        }
    }
    let packages: HashSet<String> = modules.iter().map(StoredModule::name).collect();
    if packages.len() != modules.len() {
        return Err(LoadError::Misfit("a module is there twice".to_owned()));
    }
    for module in modules {
        state.restore(module)?;
    }
    state.catalog_hash = expected;
    for ((package, function), since) in entry.into_iter().flat_map(|entry| entry.waits_since) {
        let name = (package, function);
        let target = state.function(&name).filter(|target| state.waits_since.contains_key(target));
        let target = target.ok_or_else(|| LoadError::Misfit(format!("{}/{} waits", name.0, name.1)))?;
        state.waits_since.insert(target, since);
    }
    let expected = storage_of(state.stored().map(|module| &module.schema));
    if snapshot.identity().storage != expected {
        return Err(LoadError::Storage { found: snapshot.identity().storage, expected });
    }
    Ok(())
}

/// Puts modules that were uninstalled, and whose tables were kept, in their places among the others.
fn add_kept(entry: &CatalogEntry, modules: &mut Vec<StoredModule>) -> Result<(), LoadError> {
    for kept in &entry.kept {
        let place = kept.place as usize;
        if place > modules.len() {
            return Err(LoadError::Misfit(format!("there is no place {place}")));
        }
        let schema = read_schema(&kept.schema).map_err(LoadError::Schema)?;
        let (artifact, installed_micros) = (Digest(kept.artifact), kept.installed_micros);
        let module =
            StoredModule { schema, artifact, tables: Vec::new(), installed_micros, is_installed: false };
        modules.insert(place, module);
    }
    Ok(())
}

fn load_last_runs(snapshot: &Snapshot, state: &mut State) -> Result<(), LoadError> {
    let malformed = |source| LoadError::Section { section: LAST_RUNS, source };
    for (name, run) in decode_last_runs(section(snapshot, LAST_RUNS)?).map_err(malformed)? {
        let Some(function) = state.function(&name) else {
            let (package, name) = name;
            return Err(LoadError::UnknownFunction { package, name });
        };
        state.last_runs.insert(function, run);
    }
    Ok(())
}

/// The tables that a snapshot of this state must have, and `None` for that of the owed deliveries.
fn expected_tables(state: &State) -> HashMap<TableHead, Option<TableHandle>> {
    let mut tables = HashMap::from([(owed_head(), None)]);
    for module in state.stored() {
        for ((interface, table), handle) in module.schema.tables().zip(&module.tables) {
            if table.storage == Storage::Logged {
                tables.insert(table_head(&module.schema, interface, table), Some(handle.clone()));
            }
        }
    }
    tables
}

/// A snapshot that is being loaded.
struct Loading<'l> {
    state: &'l mut State,
    version: Version,
    /// The tables that have not come yet.
    missing: HashMap<TableHead, Option<TableHandle>>,
    table: Option<LoadingTable>,
    on_progress: &'l mut dyn FnMut(Progress),
}

/// A table that is being loaded.
struct LoadingTable {
    name: String,
    to: Destination,
    rows: u64,
}

enum Destination {
    Rows(TableId, Box<Load>),
    Owed(OwedStream),
}

impl Loading<'_> {
    /// To what a piece belongs, for messages.
    fn part(&self, piece: &Piece) -> String {
        match (piece, &self.table) {
            (Piece::Table(table), _) => table.head.full_name(),
            (_, Some(table)) => table.name.clone(),
            (_, None) => "what stands beside rows".to_owned(),
        }
    }

    fn take(&mut self, piece: Piece) -> Result<(), LoadError> {
        match piece {
            Piece::Section(name) => {
                // Those that are known were read before. One that is not may hold what the state needs.
                if [CATALOG, MODULES, LAST_RUNS].contains(&name.as_str()) {
                    return Ok(());
                }
                Err(LoadError::UnknownSection(name))
            }
            Piece::Table(table) => self.begin(&table),
            Piece::Rows(batch) => self.batch(&batch),
            Piece::End(table, digest) => self.complete(&table, digest),
            Piece::Progress(progress) => {
                (self.on_progress)(progress);
                Ok(())
            }
        }
    }

    fn begin(&mut self, table: &SnapshotTable) -> Result<(), LoadError> {
        let TableHead { package, name, .. } = &table.head;
        let unknown = || LoadError::UnknownTable { package: package.clone(), name: name.clone() };
        let to = match self.missing.remove(&table.head).ok_or_else(unknown)? {
            Some(handle) => {
                if let Some(counter) = table.contents.counter {
                    self.state.store.set_counter(self.version, &handle, counter)?;
                }
                Destination::Rows(handle.id(), Box::new(self.state.store.load(self.version, &handle)?))
            }
            None => Destination::Owed(OwedStream::default()),
        };
        self.table = Some(LoadingTable { name: table.head.full_name(), to, rows: 0 });
        Ok(())
    }

    fn batch(&mut self, batch: &[u8]) -> Result<(), LoadError> {
        let table = self.table.as_mut().expect("rows come after their table");
        match &mut table.to {
            Destination::Rows(_, load) => {
                Batch::new(batch).try_for_each(|row| Ok::<_, LoadError>(load.row(row?)?))?;
                table.rows = load.rows();
            }
            Destination::Owed(stream) => {
                table.rows += 1;
                let state = &mut *self.state;
                stream.piece(batch, |entry| {
                    let Some(target) = state.function(&entry.function) else {
                        let (package, name): Name = entry.function;
                        return Err(LoadError::UnknownFunction { package, name });
                    };
                    let (closes, depth, arguments) = (entry.closes, entry.depth, entry.arguments.into());
                    let delivery = OwedDelivery { closes, target, arguments, depth };
                    if state.owed.insert(closes, delivery).is_some() {
                        let (sequence, ordinal) = (closes.sequence.0, closes.ordinal);
                        return Err(LoadError::OwedTwice { sequence, ordinal });
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn complete(&mut self, table: &SnapshotTable, found: Digest) -> Result<(), LoadError> {
        let LoadingTable { to, rows, .. } = self.table.take().expect("a table ends that has begun");
        if rows != table.contents.rows {
            return Err(LoadError::RowCount { found: rows, expected: table.contents.rows });
        }
        let expected = table.contents.digest;
        if found != expected {
            return Err(LoadError::Digest { found, expected });
        }
        match to {
            Destination::Rows(id, load) => {
                load.finish()?;
                let known = KnownRows { table: id, at: self.version, rows, digest: found };
                self.state.known_rows.insert(table.head.clone(), known);
            }
            Destination::Owed(stream) => stream.end()?,
        }
        Ok(())
    }

    fn end(self) -> Result<(), LoadError> {
        if let Some(TableHead { package, name, .. }) = self.missing.into_keys().next() {
            return Err(LoadError::NoTable { package, name });
        }
        Ok(self.state.store.set_replayed(self.version)?)
    }
}
