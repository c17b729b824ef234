//! The campaign: each workload is run once to count its calls, then again and again with one of them failing.
//! Invariant: a failure names the target with which `INTERSTICE_CRASH` repeats it.

use crate::fault::Target;
use crate::prepared::Prepared;
use crate::workloads::Workload;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many faults each workload meets in a short run.
const SAMPLES: usize = 24;

/// How many workloads run at a time: they wait for the disk, not for the processor.
const AT_A_TIME: usize = 2;

/// What is to be run, and what came of it so far.
pub(crate) struct Campaign<'c> {
    workloads: &'c [Workload],
    modules: &'c Path,
    seed: u64,
    /// Of a long run.
    progress: Option<Mutex<Progress>>,
    runs: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl<'c> Campaign<'c> {
    /// Every fault of these workloads, or a sample that follows from the seed. Components lie in `modules`.
    pub(crate) fn new(
        workloads: &'c [Workload],
        modules: &'c Path,
        is_long: bool,
        seed: u64,
    ) -> Campaign<'c> {
        let progress = is_long.then(|| Mutex::new(Progress::open()));
        let (runs, failures) = (AtomicUsize::new(0), Mutex::default());
        Campaign { workloads, modules, seed, progress, runs, failures }
    }

    /// Runs all of it, and answers what went wrong.
    pub(crate) fn run(self) -> Vec<String> {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(workload) = self.workloads.get(next.fetch_add(1, Ordering::SeqCst)) {
                self.run_workload(workload);
            }
        };
        thread::scope(|scope| (0..AT_A_TIME).for_each(|_| drop(scope.spawn(work))));
        let failures = self.failures.into_inner().unwrap();
        println!(
            "{} faults, {} failures (INTERSTICE_SEED={})",
            self.runs.into_inner(),
            failures.len(),
            self.seed
        );
        failures
    }

    fn run_workload(&self, workload: &Workload) {
        let name = workload.name;
        let prepared = Prepared::new(workload, self.modules);
        let all = match prepared.targets() {
            Ok(targets) => targets,
            Err(error) => return self.fail(format!("{name} without a fault: {error}")),
        };
        let count = all.len();
        let targets = if self.progress.is_some() { all } else { sample(all, SAMPLES, self.seed) };
        let has_passed = |target: &Target| {
            self.progress.as_ref().is_some_and(|progress| progress.lock().unwrap().has_passed(target))
        };
        let passed = targets.iter().filter(|target| has_passed(target)).count();
        println!("{name}: {} of {count} faults, {passed} of them passed in an earlier run", targets.len());
        for target in targets {
            if has_passed(&target) {
                continue;
            }
            let runs = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
            if runs.is_multiple_of(250) {
                println!("{runs} faults so far, at {target}");
            }
            match prepared.run(Some(target.clone())).verdict {
                Ok(()) => self.progress.iter().for_each(|progress| progress.lock().unwrap().pass(&target)),
                Err(error) => self.fail(format!("INTERSTICE_CRASH={target}: {error}")),
            }
        }
    }

    /// Said at once, because a long run goes on.
    fn fail(&self, failure: String) {
        eprintln!("{failure}");
        self.failures.lock().unwrap().push(failure);
    }
}

/// So many of the targets, evenly spread; the seed says where the first one is.
fn sample(targets: Vec<Target>, count: usize, seed: u64) -> Vec<Target> {
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
struct Progress {
    file: File,
    passed: BTreeSet<String>,
}

impl Progress {
    /// Reads what an earlier run with the same binary has left.
    fn open() -> Progress {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash");
        fs::create_dir_all(&folder).unwrap();
        let binary = fs::metadata(env!("CARGO_BIN_EXE_interstice")).unwrap();
        let built = binary.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
        let path = folder.join(format!("passed-{}-{}", built.as_micros(), binary.len()));
        let passed = fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
        let file = File::options().create(true).append(true).open(&path).unwrap();
        Progress { file, passed }
    }

    fn has_passed(&self, target: &Target) -> bool {
        self.passed.contains(&target.to_string())
    }

    fn pass(&mut self, target: &Target) {
        writeln!(self.file, "{target}").unwrap();
    }
}
