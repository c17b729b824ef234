//! A workload with its database as it is before, run on a copy as often as one likes.
//! Invariant: no run sees anything of another one.

use crate::aftermath::check_database;
use crate::calls::SystemCall;
use crate::ending;
use crate::fault::{Fault, Target};
use crate::script::Step;
use crate::session::{self, Fate, Sent};
use crate::tracer::{Counter, Exit};
use crate::workloads::Workload;
use std::collections::BTreeMap;
use std::fs;
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
    /// How often segments had been synced, each time when something was answered.
    pub(crate) log_syncs_at_output: Vec<u32>,
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
        let (counts, log_syncs_at_output) = (counter.counts().clone(), counter.log_syncs_at_output);
        Outcome { counts, log_syncs_at_output, hit, verdict }
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
            let fault = fault.filter(|fault| counter.hit.is_some() && (!was_hit || fault.lasts()));
            let place = |error| format!("process {}: {error}", processes.len() - self.before.len() + 1);
            ending::check(&step, &session, fault).map_err(place)?;
            processes.push(session.sent);
            if fault.is_some() && session.exit != Exit::Code(0) {
                return self.mend(data);
            }
        }
        Ok(())
    }

    /// A repair that was interrupted is begun again, and so is a copy, unless it is whole.
    fn mend(&self, data: &Path) -> Result<(), String> {
        let again = |step: &Step| {
            let session = session::run(step, data, &self.modules, &mut Counter::new(data, None));
            ending::check(step, &session, None)
        };
        match &self.workload.copy {
            Some((_, folder)) if data.with_file_name(folder).join("MANIFEST").exists() => Ok(()),
            Some((step, _)) => again(&step()),
            None if self.workload.given_up_from == u64::MAX => Ok(()),
            None => again(&crate::workloads::repair_step()),
        }
    }

    /// Looks at the database on another thread, so that one that hangs is noticed.
    fn look(&self, data: PathBuf, processes: Vec<Vec<Sent>>) -> Result<(), String> {
        let (verdict, verdicts) = channel();
        let (workload, before) = (*self.workload, self.before.clone());
        thread::spawn(move || {
            let found = std::panic::catch_unwind(|| {
                if let Some((_, copy)) = workload.copy {
                    let found = check_database(&data.with_file_name(copy), &before, &workload);
                    found.map_err(|error| format!("the copy: {error}"))?;
                }
                check_database(&data, &processes, &workload)
            });
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
