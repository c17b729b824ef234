//! The commands, a file each.
//! A command takes its arguments and returns a failure, which `main` tells.
//! Invariant: a command prints nothing on stdout but what it was asked for.

pub(crate) mod add;
pub(crate) mod ask;
pub(crate) mod backup;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod codegen;
pub(crate) mod diff;
pub(crate) mod fetch;
pub(crate) mod install;
pub(crate) mod log;
pub(crate) mod modules;
pub(crate) mod new;
pub(crate) mod publish;
pub(crate) mod replay;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod search;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod uninstall;
pub(crate) mod upgrade;
pub(crate) mod yank;
