//! Why something that was asked of a node did not happen: one taxonomy, with stable codes.
//! It never loses the cause: a variant keeps the error of the room below.
//! Invariant: a code, once released, keeps its meaning; a message may be reworded.

mod log;

use interstice_engine::Panic;
use interstice_log::LogError;
use interstice_wit::{PackageName, nearest};
use log::log_code;
use std::fmt;

/// Whose mistake it was. Clients decide by it whether asking again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller asked for something that cannot be had: mend the call.
    Caller,
    /// The module failed while it ran: mend the module.
    Module,
    /// Modules, schemas or formats do not fit together: install other versions.
    Version,
    /// The node or its machine failed: nothing is wrong with the call.
    Ours,
    /// The transaction was in flight when the disk failed; it may or may not be in the log.
    OutcomeUnknown,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Caller => "caller",
            ErrorKind::Module => "module",
            ErrorKind::Version => "version",
            ErrorKind::Ours => "ours",
            ErrorKind::OutcomeUnknown => "outcome-unknown",
        })
    }
}

/// Everything that can go wrong in a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No module of that name is installed.
    #[error(
        "no module `{module}` is installed{}{}", meant(.module, .installed), or_list("; installed: ", .installed)
    )]
    UnknownModule {
        /// What was asked for.
        module: String,
        /// What there is.
        installed: Vec<String>,
    },
    /// The module has no function of that name that a client may call.
    #[error(
        "{module} has no function `{function}` that can be called{}{}",
        meant(.function, .known),
        or_list("; it has ", .known)
    )]
    UnknownFunction {
        /// The module.
        module: Box<PackageName>,
        /// What was asked for.
        function: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several interfaces of the module have a function of that name.
    #[error("`{function}` is ambiguous in {module}: say one of {}", .candidates.join(", "))]
    AmbiguousFunction {
        /// The module.
        module: Box<PackageName>,
        /// What was asked for.
        function: String,
        /// The full names, as they are to be written.
        candidates: Vec<String>,
    },
    /// The function is there, but not for this caller.
    #[error("{function} of {module} is {why} and cannot be called from outside")]
    NotCallable {
        /// The module.
        module: Box<PackageName>,
        /// The function, with its interface.
        function: String,
        /// Private, or called by the host alone.
        why: &'static str,
    },
    /// A reducer was asked as a query, or the other way round.
    #[error("{function} of {module} is a {is}, not a {wanted}: use `{is_command}`")]
    WrongKind {
        /// The module.
        module: Box<PackageName>,
        /// The function, with its interface.
        function: String,
        /// What it is.
        is: &'static str,
        /// How it was asked.
        wanted: &'static str,
        /// The command that is right.
        is_command: &'static str,
    },
    /// The arguments do not fit the function's parameters.
    #[error("the arguments of {function} do not fit its parameters: {reason}")]
    BadArguments {
        /// The function, with module and interface.
        function: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A limit was set to what it cannot be.
    #[error("the limit `{limit}` is set to {given}, and may be from {least} to {most}")]
    BadLimit {
        /// The limit's name.
        limit: &'static str,
        /// What it was set to, in its own unit: bytes, levels, threads.
        given: u64,
        /// The least that it may be.
        least: u64,
        /// The most that it may be.
        most: u64,
    },
    /// A named limit was reached.
    #[error("limit `{limit}` reached in {place}: {message}")]
    Limit {
        /// The limit's name, as it is configured.
        limit: &'static str,
        /// The function in which it was reached.
        place: String,
        /// How much there was, how much is allowed, what to do.
        message: String,
    },
    /// The module panicked.
    #[error("{function} panicked at {}:{}:{}: {}", .panic.file, .panic.line, .panic.column, .panic.message)]
    Panicked {
        /// The function that panicked, with module and interface.
        function: String,
        /// What it said.
        panic: Panic,
    },
    /// The module trapped.
    #[error("{function} trapped: {message}")]
    Trapped {
        /// The function that trapped, with module and interface.
        function: String,
        /// What wasmtime said.
        message: String,
        /// The guest's frames, innermost first, one a line; may be empty.
        backtrace: String,
    },
    /// The call used up its fuel.
    #[error("{function} used up its fuel of {fuel}: it loops for ever, or needs a higher limit `fuel`")]
    OutOfFuel {
        /// The function called, with module and interface.
        function: String,
        /// The budget of the whole call.
        fuel: u64,
    },
    /// A guest wanted more memory than it may have.
    #[error("{function} wanted more memory than the {limit_bytes} bytes of the limit `guest-memory`")]
    OutOfMemory {
        /// The function called, with module and interface.
        function: String,
        /// The limit of one instance.
        limit_bytes: u64,
    },
    /// A guest used up its stack.
    #[error("{function} overflowed its stack of {limit_bytes} bytes: it recurses too deeply")]
    StackOverflow {
        /// The function called, with module and interface.
        function: String,
        /// The limit of one instance.
        limit_bytes: u64,
    },
    /// Modules call each other in a circle.
    #[error("call cycle: {} — a module cannot be entered again while it runs", .path.join(" → "))]
    Cycle {
        /// The functions on the way, the refused one last.
        path: Vec<String>,
    },
    /// A module broke a rule of the doors to the host.
    #[error("{function} broke the contract of the host: {reason}")]
    Misbehaved {
        /// The function called, with module and interface.
        function: String,
        /// Which rule, and how.
        reason: String,
    },
    /// A query, or a function called by one, tried to write.
    #[error("{function} tried to write ({what}) inside a query; only reducers write")]
    WriteInQuery {
        /// The function that tried.
        function: String,
        /// What it tried.
        what: String,
    },
    /// The file is not a component that can be installed.
    #[error("the component cannot be installed: {reason}")]
    BadComponent {
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// The schema section says something that the binary does not.
    #[error(
        "the schema section of {module} contradicts its binary:\n{}", .contradictions.join("\n")
    )]
    ForgedSchema {
        /// The module as the section calls it.
        module: Box<PackageName>,
        /// Every contradiction.
        contradictions: Vec<String>,
    },
    /// An import cannot be linked.
    #[error("{module} cannot be linked ({check}): {item}: wanted {wanted}, found {found}; {mend}")]
    Link {
        /// The importer.
        module: Box<PackageName>,
        /// Which of the five checks failed: present, visible, semver, hash, structure.
        check: &'static str,
        /// The interface, function or table.
        item: String,
        /// What the importer needs.
        wanted: String,
        /// What there is.
        found: String,
        /// What to do.
        mend: String,
    },
    /// A module of that name is installed with another artifact.
    #[error(
        "{module} is already installed as {installed_version} (artifact {installed}), and this is another artifact \
         ({offered}): see what an upgrade to it would do with `interstice upgrade --plan`, and upgrade"
    )]
    AlreadyInstalled {
        /// The package without its version.
        module: String,
        /// The version that is there.
        installed_version: String,
        /// The digest of what is there.
        installed: String,
        /// The digest of what was offered.
        offered: String,
    },
    /// A function that was looked up before an upgrade is another one now.
    #[error(
        "{function} takes or returns something else in {now} than it did in {before}, in which it was looked up: \
         look it up again, and ask it as it is now"
    )]
    FunctionChanged {
        /// The function, with module and interface.
        function: String,
        /// The version in which it was looked up.
        before: Box<PackageName>,
        /// The version that is installed.
        now: Box<PackageName>,
    },
    /// Modules import each other in a circle.
    #[error("modules would import each other in a circle: {}; take one of the imports out", .path.join(" → "))]
    DependencyCycle {
        /// The modules on the way, the first one again at its end.
        path: Vec<String>,
    },
    /// A module was to be upgraded, uninstalled or purged that is not there.
    #[error("{module} is not installed, and no tables of it are kept{}", or_list("; installed: ", .installed))]
    NotInstalled {
        /// What was asked for.
        module: String,
        /// What there is.
        installed: Vec<String>,
    },
    /// A module was to be uninstalled that was uninstalled before.
    #[error(
        "{module} is not installed any more, and its tables are kept: `interstice purge` removes them, and installing it \
         again takes them over"
    )]
    OnlyKept {
        /// What was asked for.
        module: String,
    },
    /// An upgrade cannot be made; nothing has changed.
    #[error("{} cannot be upgraded:\n{}", .modules.join(" and "), indented(.reasons))]
    UpgradeRefused {
        /// The packages, without versions.
        modules: Vec<String>,
        /// Everything that stands against it.
        reasons: Vec<String>,
    },
    /// Rows would go with their tables, and nobody agreed to it; nothing has changed.
    #[error(
        "{} would be gone for ever: take a backup, and agree to it by `interstice upgrade --yes`, or let a migration \
         function take them along",
        .rows.join(" and ")
    )]
    RowsGivenUp {
        /// Which, such as `the 3 rows of acme:bank/tables.limit`.
        rows: Vec<String>,
    },
    /// A migration function or an `@on(upgrade)` handler refused; nothing has changed.
    #[error("upgrading to {module} failed: {handler} returned {value}")]
    MigrationRefused {
        /// The module, in its new version.
        module: Box<PackageName>,
        /// The function.
        handler: String,
        /// Its error in WAVE.
        value: String,
    },
    /// A module was to be uninstalled that others import.
    #[error(
        "{module} cannot be uninstalled: {} {} it; uninstall what imports it first", .dependents.join(", "),
        if .dependents.len() == 1 { "imports" } else { "import" }
    )]
    HasDependents {
        /// The module.
        module: Box<PackageName>,
        /// Those that import it.
        dependents: Vec<String>,
    },
    /// The tables of a module were to be purged that is installed.
    #[error("{module} is installed, and its tables are in use: uninstall it first")]
    StillInstalled {
        /// The module.
        module: Box<PackageName>,
    },
    /// What is stored cannot be understood by this version, or disagrees with itself.
    #[error("the database cannot be opened: {reason}")]
    Catalog {
        /// What was found, and what is needed.
        reason: String,
    },
    /// The first records of the log were given up, and the snapshots that replaced them cannot be used.
    #[error(
        "the database cannot be opened: its log begins with record {first}, and no snapshot of what was before \
         can be used ({}); bring the files under snapshots/ back, or restore a backup", .refused.join("; ")
    )]
    NoUsableSnapshot {
        /// The first record that the log holds.
        first: interstice_log::Sequence,
        /// The snapshots that there are, and what is wrong with each.
        refused: Vec<String>,
    },
    /// A moment was asked for that cannot be reached any more.
    #[error(
        "the beginning of the log was given up, and of the snapshots the oldest is of record {oldest}: what was before cannot be shown"
    )]
    MomentGivenUp {
        /// The first record after which the state can be shown.
        oldest: interstice_log::Sequence,
    },
    /// A record was asked for that the log does not hold.
    #[error("there is no record {sequence}: the last one before it is {last}")]
    NoSuchRecord {
        /// The record.
        sequence: interstice_log::Sequence,
        /// The last record before it.
        last: interstice_log::Sequence,
    },
    /// A call that the log has met a limit when it was run again, so that it is not known what it would have done.
    #[error(
        "record {sequence} cannot be run again within these limits: {reason}; give no less than the database was run with. \
         If it was run with no more, the call did something else then"
    )]
    BeyondLimits {
        /// The record.
        sequence: interstice_log::Sequence,
        /// Which limit it met.
        reason: String,
    },
    /// A module's `@on(init)` handler refused.
    #[error("installing {module} failed: {handler} returned {value}")]
    InitRefused {
        /// The module.
        module: Box<PackageName>,
        /// The handler.
        handler: String,
        /// Its error in WAVE.
        value: String,
    },
    /// The clock of the machine cannot be believed.
    #[error(
        "the clock says {now_micros} µs, {ahead_days} days beyond the last logged time; \
         set the clock, or raise the limit `clock-jump`"
    )]
    ClockJump {
        /// What the clock says, in microseconds since the Unix epoch.
        now_micros: u64,
        /// How far that is beyond the log.
        ahead_days: u64,
    },
    /// The node panicked in the middle of a transaction.
    #[error(
        "the node failed in the middle of an earlier transaction and writes nothing more; open the database again"
    )]
    Interrupted,
    /// The node is closing or closed.
    #[error("the node is closed")]
    Closed,
    /// The store refused.
    #[error("the store failed: {0}")]
    Store(#[source] interstice_store::StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The engine failed for a reason of its own.
    #[error("the engine failed while {doing}: {message}")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        message: String,
    },
}

/// The name that a misspelt one was meant to be, if one is near: whole, without its version, or without its
/// interface.
fn meant(word: &str, known: &[String]) -> String {
    let short =
        |name: &str| name.split('@').next().and_then(|name| name.rsplit('.').next()).map(str::to_owned);
    let shortened: Vec<String> = known.iter().filter_map(|name| short(name)).collect();
    let candidates = known.iter().chain(&shortened).map(String::as_str);
    nearest(word, candidates).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default()
}

fn or_list(prefix: &str, items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!("{prefix}{}", items.join(", ")) }
}

/// Each on a line of its own, further lines of it below.
fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {}", line.replace('\n', "\n    "))).collect::<Vec<_>>().join("\n")
}

impl Error {
    /// The stable code, such as `caller.unknown-module`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::UnknownModule { .. } => "caller.unknown-module",
            Error::UnknownFunction { .. } => "caller.unknown-function",
            Error::AmbiguousFunction { .. } => "caller.ambiguous-function",
            Error::NotCallable { .. } => "caller.not-callable",
            Error::WrongKind { .. } => "caller.wrong-kind",
            Error::BadArguments { .. } => "caller.bad-arguments",
            Error::BadLimit { .. } => "caller.bad-limit",
            Error::Limit { .. } => "caller.limit",
            Error::Panicked { .. } => "module.panic",
            Error::Trapped { .. } => "module.trap",
            Error::OutOfFuel { .. } => "module.fuel",
            Error::OutOfMemory { .. } => "module.memory",
            Error::StackOverflow { .. } => "module.stack",
            Error::Cycle { .. } => "module.cycle",
            Error::Misbehaved { .. } => "module.misbehaved",
            Error::WriteInQuery { .. } => "module.write-in-query",
            Error::InitRefused { .. } => "module.init-refused",
            Error::BadComponent { .. } => "version.bad-component",
            Error::ForgedSchema { .. } => "version.forged-schema",
            Error::Link { .. } => "version.link",
            Error::AlreadyInstalled { .. } => "version.already-installed",
            Error::NotInstalled { .. } | Error::OnlyKept { .. } => "caller.not-installed",
            Error::UpgradeRefused { .. } => "version.upgrade-refused",
            Error::RowsGivenUp { .. } => "caller.rows-given-up",
            Error::MigrationRefused { .. } => "module.migration-refused",
            Error::HasDependents { .. } => "version.has-dependents",
            Error::StillInstalled { .. } => "caller.still-installed",
            Error::FunctionChanged { .. } => "version.function-changed",
            Error::DependencyCycle { .. } => "version.cycle",
            Error::Catalog { .. } => "version.catalog",
            Error::NoUsableSnapshot { .. } => "ours.damaged",
            Error::MomentGivenUp { .. } => "caller.moment-given-up",
            Error::NoSuchRecord { .. } => "caller.no-such-record",
            Error::BeyondLimits { .. } => "caller.beyond-limits",
            Error::ClockJump { .. } => "ours.clock-jump",
            Error::Interrupted => "ours.poisoned",
            Error::Closed => "ours.closed",
            Error::Store(_) => "ours.store",
            Error::Log(error) => log_code(error),
            Error::Engine { .. } => "ours.engine",
        }
    }

    /// Whether it is the delivery's own failure, which its record tells of, and not one of the node,
    /// after which the delivery is still owed.
    pub(crate) fn ends_delivery(&self) -> bool {
        match self {
            // The memory of the whole database is for its operator to mend.
            Error::Limit { limit: "memory", .. } => false,
            _ => matches!(self.kind(), ErrorKind::Caller | ErrorKind::Module),
        }
    }

    /// Whose mistake it was.
    pub fn kind(&self) -> ErrorKind {
        match self.code().split('.').next() {
            Some("caller") => ErrorKind::Caller,
            Some("module") => ErrorKind::Module,
            Some("version") => ErrorKind::Version,
            Some("outcome-unknown") => ErrorKind::OutcomeUnknown,
            _ => ErrorKind::Ours,
        }
    }
}
