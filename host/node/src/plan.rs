//! What an upgrade would do, in words and numbers: to each table, to each dependent, to schedules; and every reason why
//! it cannot be done.
//! Invariant: a plan is plain data, the same for people and for programs.

use interstice_wit::Hash;
use serde::Serialize;

/// What an upgrade would do, and whether it can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpgradePlan {
    /// The modules that would be replaced, in the order of their names.
    pub modules: Vec<ModulePlan>,
    /// The installed modules that import one of them and stay as they are, in the order of installation.
    pub dependents: Vec<DependentPlan>,
    /// Deliveries that are owed to subscribers: they are paid before anything changes.
    pub owed_deliveries: u64,
    /// The rows that would go with their tables, which no migration function reads, such as `the 3 rows of
    /// acme:bank/tables.limit`; empty if it cannot be done.
    pub given_up: Vec<String>,
    /// Why it cannot be done; empty if it can.
    pub refusals: Vec<String>,
}

impl UpgradePlan {
    /// What the tables that go have in them, if no migration function reads it.
    pub(crate) fn rows_given_up(&self) -> Vec<String> {
        let without_migration = self.modules.iter().filter(|module| module.migrations.is_empty());
        let tables =
            without_migration.flat_map(|module| module.tables.iter().map(move |table| (module, table)));
        tables
            .filter(|(_, table)| table.becomes == "removed" && table.rows > 0)
            .map(|(module, table)| {
                format!("the {} of {}/{}", counted(table.rows), module.package, table.table)
            })
            .collect()
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

/// What would happen to one module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModulePlan {
    /// The package, without a version.
    pub package: String,
    /// The version that is installed, or was when its tables were kept.
    pub from: String,
    /// The digest of its file.
    #[serde(serialize_with = "as_text")]
    pub from_artifact: Hash,
    /// The version that would be.
    pub to: String,
    /// The digest of its file.
    #[serde(serialize_with = "as_text")]
    pub to_artifact: Hash,
    /// Where it goes.
    pub direction: Direction,
    /// Its tables: those of the new version, then those that go.
    pub tables: Vec<TablePlan>,
    /// The migration functions that would run, such as `migration.split-names`.
    pub migrations: Vec<String>,
    /// The `@on(upgrade)` handlers that would run.
    pub handlers: Vec<String>,
    /// Scheduled functions that go on, that are new, and that are gone.
    pub schedules: Schedules,
}

/// Where a version goes from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To a higher version.
    Up,
    /// To a lower version.
    Back,
    /// To another artifact of the same version.
    Same,
    /// Back into the database, where its tables were kept.
    Again,
}

/// What would become of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TablePlan {
    /// Its interface and name, such as `tables.account`.
    pub table: String,
    /// What it was called before, if that was something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// How many rows it has.
    pub rows: u64,
    /// What is done: `kept`, `converted`, `added`, `filled` or `removed`.
    pub becomes: &'static str,
    /// The single steps, or why they need a migration function.
    pub steps: Vec<String>,
}

/// Scheduled functions by what becomes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Schedules {
    /// They keep their rhythm.
    pub kept: Vec<String>,
    /// They wait from the upgrade on.
    pub added: Vec<String>,
    /// They run no more.
    pub removed: Vec<String>,
}

/// Whether a dependent goes on with the new versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DependentPlan {
    /// The package, without a version.
    pub package: String,
    /// Its version.
    pub version: String,
    /// What it imports of the modules that would be replaced, such as `acme:bank/ledger@1.2.0`.
    pub imports: Vec<String>,
    /// Why its calls and its doors to tables do not link any more, if they do not.
    pub callers: Option<String>,
    /// Why it would not understand the events that it waits for, if it would not.
    pub subscribers: Option<String>,
}

impl DependentPlan {
    /// Whether nothing stands against it.
    pub fn fits(&self) -> bool {
        self.callers.is_none() && self.subscribers.is_none()
    }
}

fn as_text<S: serde::Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hash)
}
