//! The campaign: each workload is run once to count its calls, then again and again with one of them failing.
//! Invariant: a failure names the target with which `INTERSTICE_CRASH` repeats it.

use crate::aftermath::check_database;
use crate::calls::SystemCall;
use crate::ending;
use crate::fault::{Fault, Target};
use crate::session::{self, Fate, Sent};
use crate::tracer::{Counter, Exit};
use crate::workloads::Workload;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// How long the look at a database may take that is done in half a second.
const DEADLINE: Duration = Duration::from_secs(60);

/// A workload with its database as it is before.
pub(crate) struct Prepared<'w> {
    pub(crate) workload: &'w Workload,
    modules: PathBuf,
    folder: TempDir,
    /// What was sent before, by process.
    before: Vec<Vec<Sent>>,
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) counts: BTreeMap<SystemCall, u32>,
    /// Whether there was such a call as was to fail.
    pub(crate) hit: bool,
    pub(crate) verdict: Result<(), String>,
}

impl<'w> Prepared<'w> {
    /// Makes the database. Components lie in `modules`.
    pub(crate) fn new(workload: &'w Workload, modules: &Path) -> Prepared<'w> {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base");
        fs::create_dir(&base).unwrap();
        let data = base.join("data");
        let mut before = Vec::new();
        for step in (workload.before)() {
            let session = session::run(&step, &data, modules, &mut Counter::new(&base, None));
            ending::check(&step, &session, None).unwrap_or_else(|error| panic!("{}: {error}", workload.name));
            before.push(session.sent);
        }
        if let Some(damage) = workload.damage {
            damage(&data);
        }
        for sent in before.iter_mut().flatten() {
            if sent.call.numbers.start >= workload.given_up_from {
                sent.fate = Fate::Unknown;
            }
        }
        Prepared { workload, modules: modules.to_path_buf(), folder, before }
    }

    /// Runs the workload on a copy of the database, with one call failing or none.
    pub(crate) fn run(&self, target: Option<Target>) -> Outcome {
        let run = self.folder.path().join("run");
        if run.exists() {
            fs::remove_dir_all(&run).unwrap();
        }
        copy(&self.folder.path().join("base"), &run);
        // Paths are compared as the kernel knows them.
        let run = run.canonicalize().unwrap();
        let data = run.join("data");
        let fault = target.as_ref().map(|target| target.fault);
        let mut counter = Counter::new(&run, target);
        let mut processes = self.before.clone();
        let verdict = self.run_steps(&data, fault, &mut counter, &mut processes);
        let hit = counter.hit.is_some();
        let file =
            counter.hit.as_ref().map(|path| format!("at {}: ", path.strip_prefix(&run).unwrap().display()));
        let verdict = verdict.and_then(|()| self.look(data, processes));
        let verdict = verdict.map_err(|error| format!("{}{error}", file.unwrap_or_default()));
        Outcome { counts: counter.counts().clone(), hit, verdict }
    }

    fn run_steps(
        &self,
        data: &Path,
        fault: Option<Fault>,
        counter: &mut Counter,
        processes: &mut Vec<Vec<Sent>>,
    ) -> Result<(), String> {
        for step in (self.workload.steps)() {
            let was_hit = counter.hit.is_some();
            let session = session::run(&step, data, &self.modules, counter);
            let fault = fault.filter(|_| counter.hit.is_some() && !was_hit);
            ending::check(&step, &session, fault)?;
            processes.push(session.sent);
            if fault.is_some() && session.exit != Exit::Code(0) {
                return self.mend(data);
            }
        }
        Ok(())
    }

    /// A repair that was interrupted is begun again.
    fn mend(&self, data: &Path) -> Result<(), String> {
        if self.workload.given_up_from == u64::MAX {
            return Ok(());
        }
        let step = crate::workloads::repair_step();
        let session = session::run(&step, data, &self.modules, &mut Counter::new(data, None));
        ending::check(&step, &session, None)
    }

    /// Looks at the database on another thread, so that one that hangs is noticed.
    fn look(&self, data: PathBuf, processes: Vec<Vec<Sent>>) -> Result<(), String> {
        let (verdict, verdicts) = channel();
        let workload = *self.workload;
        thread::spawn(move || {
            let found = std::panic::catch_unwind(|| check_database(&data, &processes, &workload));
            let found = found.unwrap_or_else(|_| Err("the look at it panicked".to_owned()));
            // Nobody waits for what comes after the deadline.
            let _ = verdict.send(found);
        });
        verdicts.recv_timeout(DEADLINE).unwrap_or_else(|_| Err("opening it hangs".to_owned()))
    }

    /// Everything that can go wrong in this workload, by a run in which nothing does.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, String> {
        let outcome = self.run(None);
        outcome.verdict?;
        let mut targets = Vec::new();
        for (call, count) in outcome.counts {
            for number in 1..=count {
                targets.extend(Fault::of(call).map(|fault| Target {
                    workload: self.workload.name.to_owned(),
                    call,
                    number,
                    fault,
                }));
            }
        }
        Ok(targets)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// So many of the targets, evenly spread; the seed says where the first one is.
pub(crate) fn sample(targets: Vec<Target>, count: usize, seed: u64) -> Vec<Target> {
    if targets.len() <= count {
        return targets;
    }
    let shift = seed as usize % targets.len().div_ceil(count);
    let length = targets.len();
    let chosen: BTreeSet<usize> =
        (0..count).map(|number| (number * length / count + shift) % length).collect();
    targets
        .into_iter()
        .enumerate()
        .filter(|(place, _)| chosen.contains(place))
        .map(|(_, target)| target)
        .collect()
}

/// The targets of a long run that passed, so that a run that was interrupted goes on. They hold for one
/// binary; another one begins anew.
pub(crate) struct Progress {
    file: File,
    passed: BTreeSet<String>,
}

impl Progress {
    /// Reads what an earlier run with the same binary has left.
    pub(crate) fn open() -> Progress {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash");
        fs::create_dir_all(&folder).unwrap();
        let binary = fs::metadata(env!("CARGO_BIN_EXE_interstice")).unwrap();
        let built = binary.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
        let path = folder.join(format!("passed-{}-{}", built.as_micros(), binary.len()));
        let passed = fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
        let file = File::options().create(true).append(true).open(&path).unwrap();
        Progress { file, passed }
    }

    pub(crate) fn has_passed(&self, target: &Target) -> bool {
        self.passed.contains(&target.to_string())
    }

    pub(crate) fn pass(&mut self, target: &Target) {
        writeln!(self.file, "{target}").unwrap();
    }
}
