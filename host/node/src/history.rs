//! The state of a database as it was at some moment, without opening it: for looking at the past, comparing
//! two moments, restoring. It is rebuilt in memory, from the nearest snapshot before the moment.
//! Invariant: not a byte of the data directory changes, and no guest code runs.

use crate::call::ModuleInfo;
use crate::error::Error;
use crate::recover::rebuild;
use crate::replay::Moment;
use crate::state::{State, StoredModule};
use interstice_log::doors::Doors;
use interstice_log::{Progress, Sequence};
use interstice_store::{KeyRange, Reader, Store, StoreLimits, TableHandle, Version};
use interstice_wit::{Hash, Schema, Storage};
use sha2::{Digest as _, Sha256};

/// The state of a database at one moment of its history.
pub struct HistoricState {
    state: State,
    reader: Reader,
}

fn info(module: &StoredModule) -> ModuleInfo {
    ModuleInfo {
        schema: module.schema.clone(),
        artifact: Hash(module.artifact.0),
        installed_micros: module.installed_micros,
    }
}

/// From where a state is rebuilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beginning {
    /// From the newest snapshot before the moment that can be used, or else from the first record.
    #[default]
    Nearest,
    /// From the first record, whatever snapshots there are.
    FirstRecord,
}

/// A table of a [`HistoricState`].
#[derive(Clone)]
pub struct HistoricTable {
    /// The package that owns it, without the version.
    pub package: String,
    /// Its interface and name, such as `tables.account`.
    pub name: String,
    /// The last number that its auto-increment column was given; 0 if it has none.
    pub counter: u64,
    /// Whether its module is installed; if not, it was kept.
    pub is_installed: bool,
    /// Its rows, for the [`reader`](HistoricState::reader) of the state.
    pub handle: TableHandle,
}

impl HistoricState {
    /// Rebuilds the state of a moment. If that lies behind the last record, it is the state after that one:
    /// [`HistoricState::sequence`] tells.
    ///
    /// # Errors
    /// If another process has the database open, if what is stored is damaged, or if neither a snapshot nor
    /// the first record is left from which the moment could be reached.
    pub fn read(
        doors: &Doors,
        moment: Moment,
        beginning: Beginning,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<HistoricState, Error> {
        let mut secret = [0; 8];
        doors.entropy.fill(&mut secret).map_err(|error| Error::Engine {
            doing: "drawing randomness for the hash tables",
            message: error.to_string(),
        })?;
        let new_store = || Store::new(StoreLimits::default(), u64::from_le_bytes(secret));
        let use_snapshots = beginning == Beginning::Nearest;
        let state = rebuild(doors, moment, use_snapshots, &new_store, on_progress)?;
        let reader = state.store.reader(Version(state.last_sequence)).map_err(Error::Store)?;
        Ok(HistoricState { state, reader })
    }

    /// The last record that it contains.
    pub fn sequence(&self) -> Sequence {
        Sequence(self.state.last_sequence)
    }

    /// The time of that record, in microseconds since the Unix epoch; 0 if there is none.
    pub fn timestamp_micros(&self) -> u64 {
        self.state.last_timestamp_micros
    }

    /// The modules that were installed, in the order of installation.
    pub fn modules(&self) -> Vec<ModuleInfo> {
        self.state.modules().map(info).collect()
    }

    /// Those that were uninstalled, and whose tables were kept.
    pub fn kept(&self) -> Vec<ModuleInfo> {
        self.state.stored().filter(|module| !module.is_installed).map(info).collect()
    }

    /// What a module declared; of one that was uninstalled, and whose tables were kept, what it declared last.
    pub fn schema(&self, package: &str) -> Option<&Schema> {
        let mut stored = self.state.stored();
        stored.find(|module| module.name() == package).map(|module| &module.schema)
    }

    /// Their tables that are kept in the log, module by module; also those that were kept without their module.
    pub fn tables(&self) -> Vec<HistoricTable> {
        let mut tables = Vec::new();
        for module in self.state.stored() {
            for ((interface, table), handle) in module.schema.tables().zip(&module.tables) {
                if table.storage == Storage::Logged {
                    tables.push(HistoricTable {
                        package: module.schema.package.unversioned(),
                        name: format!("{}.{}", interface.name.name, table.name),
                        counter: handle.counter(),
                        handle: handle.clone(),
                        is_installed: module.is_installed,
                    });
                }
            }
        }
        tables
    }

    /// Reads the rows.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// A digest of everything from which a node goes on: modules, rows, counters, what is owed to
    /// subscribers, the last runs of schedules, the time. Two states are equal if theirs are.
    ///
    /// # Errors
    /// If the store fails.
    pub fn digest(&self) -> Result<Hash, Error> {
        let mut hash = Sha256::new_with_prefix(b"interstice state");
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        let state = &self.state;
        part(&state.last_sequence.to_le_bytes());
        part(&state.last_timestamp_micros.to_le_bytes());
        part(&state.catalog_hash);
        for module in state.stored() {
            part(module.schema.package.to_string().as_bytes());
            part(&module.artifact.0);
            part(&module.installed_micros.to_le_bytes());
            part(&[module.is_installed.into()]);
        }
        for table in self.tables() {
            part(format!("{}/{} {}", table.package, table.name, table.counter).as_bytes());
            let mut rows = Sha256::new();
            let mut scan = self.reader.scan(&table.handle, &KeyRange::default()).map_err(Error::Store)?;
            let mut batch = Vec::new();
            loop {
                batch.clear();
                let read = scan.next_batch(&mut batch, 64 << 10, usize::MAX).map_err(Error::Store)?;
                rows.update(&batch);
                if !read.more {
                    break;
                }
            }
            part(&rows.finalize());
        }
        for (closes, delivery) in &state.owed {
            let function = state.name_of(delivery.target);
            part(format!("{closes:?} {function:?} {}", delivery.depth).as_bytes());
            part(&delivery.arguments);
        }
        let mut waits: Vec<_> = state.waits_since.iter().collect();
        waits.sort_unstable();
        for (function, since) in waits {
            part(format!("{:?} {since}", state.name_of(*function)).as_bytes());
        }
        let mut runs: Vec<_> = state.last_runs.iter().collect();
        runs.sort_by_key(|(function, _)| **function);
        for (function, run) in runs {
            part(format!("{:?} {run:?}", state.name_of(*function)).as_bytes());
        }
        Ok(Hash(hash.finalize().into()))
    }
}
