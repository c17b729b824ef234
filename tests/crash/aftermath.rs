//! What must hold of a database once a fault has come: it opens, and holds what callers were told.
//! Invariant: every complaint says what was found, so that it can be read without the files.

use crate::history::{self, State};
use crate::session::Sent;
use crate::workloads::Workload;
use interstice_node::log::{LogOptions, os, verify};
use interstice_node::{CallOptions, Node, NodeOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// The module that the workloads call.
const JOURNAL: &str = "test:journal";

/// After how many openings the background work has ended.
const OPENINGS: usize = 50;

/// Opens a database twice and once more to write, and holds what is found against what was sent.
pub(crate) fn check_database(
    data: &Path,
    processes: &[Vec<Sent>],
    workload: &Workload,
) -> Result<(), String> {
    let existed = data.join("MANIFEST").exists();
    if existed {
        check_log(data, "before it was opened", false)?;
    }
    let first = patiently(|| read(data)).map_err(|error| format!("it cannot be opened: {error}"))?;
    let mut before = contents(data);
    for opening in 1.. {
        let again =
            patiently(|| read(data)).map_err(|error| format!("it cannot be opened again: {error}"))?;
        if first != again {
            return Err(format!("opened once it holds {first:?}, opened again {again:?}"));
        }
        let after = contents(data);
        if workload.ticks || before == after {
            break;
        }
        if !workload.in_background || opening == OPENINGS {
            let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
            paths.retain(|path| before.get(*path) != after.get(*path));
            return Err(format!("opening it again changed {paths:?}"));
        }
        before = after;
    }
    check_log(data, "after it was opened", true)?;
    history::check(processes, first.as_ref().unwrap_or(&State::default()), workload.in_memory)?;
    if first.is_some() {
        patiently(|| check_goes_on(data))?;
    }
    Ok(())
}

/// Tries again while the database is locked: another thread of this test may just be starting a process, which
/// holds copies of all open files until it has become another program.
fn patiently<T>(work: impl Fn() -> Result<T, String>) -> Result<T, String> {
    for _ in 0..100 {
        match work() {
            Err(error) if error.contains(" is held by ") => thread::sleep(Duration::from_millis(20)),
            done => return done,
        }
    }
    work()
}

/// What the database holds, all deliveries made; nothing if the module was never installed.
fn read(data: &Path) -> Result<Option<State>, String> {
    let told = |error: interstice_node::Error| {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            text.push_str(&format!(": {error}"));
            source = error.source();
        }
        text
    };
    let doors = os::doors(data).map_err(|error| error.to_string())?;
    let log = LogOptions { segment_bytes: 16 << 10, ..LogOptions::DEFAULT };
    let options = NodeOptions { log, ..NodeOptions::default() };
    let (node, _) = Node::open(doors, options, &mut |_| {}).map_err(told)?;
    node.settle().map_err(told)?;
    let mut state = None;
    if node.modules().iter().any(|module| module.schema.package.unversioned() == JOURNAL) {
        let ask = |text: &str| -> Result<Vec<u64>, String> {
            let (function, arguments) = node.parse_call(JOURNAL, text).map_err(told)?;
            let reply = node.query(&function, &arguments, &CallOptions::default()).map_err(told)?;
            let list = function.print_result(&reply.result);
            let list: Value = serde_json::from_str(&list).map_err(|error| error.to_string())?;
            Ok(list.as_array().into_iter().flatten().filter_map(Value::as_u64).collect())
        };
        state = Some(State { numbers: ask("numbers()")?, echoes: ask("echoes()")? });
    }
    node.close().map_err(told)?;
    Ok(state)
}

/// Every file but those that are made again from others at any time.
fn contents(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![data.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((path != data.join("cache")).then_some(path));
            } else if path.extension().is_none_or(|extension| extension != "index") {
                files.insert(path.strip_prefix(data).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Verifies the log. Before an opening there may be what that mends; after it there is nothing.
fn check_log(data: &Path, when: &str, mended: bool) -> Result<(), String> {
    let doors = os::doors_to_existing(data).map_err(|error| error.to_string())?;
    let verified = patiently(|| verify(doors.disk.as_ref(), &mut |_| {}).map_err(|error| error.to_string()));
    let report = verified.map_err(|error| format!("{when}: {error}"))?;
    let indexes = |what: &str| what.contains("index");
    let left = report.findings.iter().find(|finding| mended && !indexes(&finding.to_string()));
    match left {
        _ if !report.is_sound() => Err(format!("{when} its log is damaged: {:?}", report.findings)),
        Some(left) => Err(format!("{when} its log is not mended: {left}")),
        None => Ok(()),
    }
}

/// Writes one more entry with the real command.
fn check_goes_on(data: &Path) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interstice"));
    command
        .args(["call", "--segment-bytes", "16384", "--data"])
        .arg(data)
        .args([JOURNAL, "write(9000000, 10)"]);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("it takes no more calls: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(())
}
