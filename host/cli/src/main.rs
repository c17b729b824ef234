//! The command `interstice`: from a new module to a committed transaction, and a look into the log.
//! It holds no logic of the database: it reads arguments, calls another crate, and prints the answer.
//! Invariant: answers go to stdout, everything else to stderr, and the exit code says how it ended.

mod answer;
mod asking;
mod commands;
mod components;
mod contract;
mod database;
mod exit;
mod keep_log;
mod logging;
mod moment;
mod packages;
mod subject;
mod terminal;

use clap::{Parser, Subcommand};
use commands::{
    add, ask, backup, build, check, codegen, diff, fetch, install, log, modules, new, publish, replay,
    restore, run, schema, search, snapshot, state, uninstall, upgrade, yank,
};
use exit::EXIT_CODES;
use nix::sys::signal::{SigSet, Signal};
use std::process::ExitCode;

/// A transactional database whose logic is WebAssembly components.
#[derive(Parser)]
#[command(name = "interstice", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::Arguments),
    Build(build::Arguments),
    Check(check::Arguments),
    Schema(schema::Arguments),
    Codegen(codegen::Arguments),
    Diff(diff::Arguments),
    Publish(publish::Arguments),
    Yank(yank::Arguments),
    Search(search::Arguments),
    Info(search::InfoArguments),
    Add(add::Arguments),
    Update(add::UpdateArguments),
    Remove(add::RemoveArguments),
    Fetch(fetch::Arguments),
    Tree(fetch::TreeArguments),
    Run(run::Arguments),
    Install(install::Arguments),
    Upgrade(upgrade::Arguments),
    /// Takes a module out of a database that no process has open, and keeps its tables.
    ///
    /// Refused while another module imports it. When it is installed again, in this or another version, its tables are
    /// found again.
    Uninstall(uninstall::Arguments),
    /// Removes the tables of a module that was uninstalled.
    Purge(uninstall::PurgeArguments),
    Modules(modules::Arguments),
    /// Calls a reducer of a database that no process has open.
    ///
    /// Opening the database recovers it after a crash, and runs what is due: deliveries that are owed to
    /// subscribers, and schedules.
    Call(ask::Arguments),
    /// Runs a query against a database that no process has open.
    ///
    /// The query itself cannot write, but the database is opened as `call` opens it: it is recovered after
    /// a crash, and what is due runs.
    Query(ask::Arguments),
    Log(log::Arguments),
    Snapshot(snapshot::Arguments),
    State(state::Arguments),
    Replay(replay::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
}

fn main() -> ExitCode {
    // A file longer than the process may make one (`ulimit -f`) is then an error like others, which says which
    // file, and not the end of the process. Threads, and programs that are started, inherit it.
    let _ = SigSet::from(Signal::SIGXFSZ).thread_block();
    let ended = match Arguments::parse().command {
        Command::New(arguments) => new::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Codegen(arguments) => codegen::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Yank(arguments) => yank::run(&arguments),
        Command::Search(arguments) => search::run(&arguments),
        Command::Info(arguments) => search::info(&arguments),
        Command::Add(arguments) => add::run(&arguments),
        Command::Update(arguments) => add::update(&arguments),
        Command::Remove(arguments) => add::remove(&arguments),
        Command::Fetch(arguments) => fetch::run(&arguments),
        Command::Tree(arguments) => fetch::tree(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Install(arguments) => install::run(&arguments),
        Command::Upgrade(arguments) => upgrade::run(&arguments),
        Command::Uninstall(arguments) => uninstall::run(&arguments),
        Command::Purge(arguments) => uninstall::purge(&arguments),
        Command::Modules(arguments) => modules::run(&arguments),
        Command::Call(arguments) => ask::run(&arguments, ask::Kind::Call),
        Command::Query(arguments) => ask::run(&arguments, ask::Kind::Query),
        Command::Log(arguments) => log::run(&arguments),
        Command::Snapshot(arguments) => snapshot::run(&arguments),
        Command::State(arguments) => state::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => restore::run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.exit.into()
        }
    }
}
