//! A process under ptrace whose calls on the files of one folder are counted, and of which one fails, or all
//! from one on.
//! It does what `strace -f -e inject` does, but counts over all threads: strace counts "per syscall and per
//! tracee", and which thread makes the Nth call of a process differs from run to run.
//! Invariant: every call but those that fail is made as the process asked for it.

use crate::calls::{SystemCall, writes_output};
use crate::fault::{Fault, Target};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Counts the calls of a workload, over all its processes, and knows which one is to fail.
pub(crate) struct Counter {
    folder: PathBuf,
    target: Option<Target>,
    counts: BTreeMap<SystemCall, u32>,
    /// How often segments were synced.
    log_syncs: u32,
    /// The same, each time when the process wrote to its standard output.
    pub(crate) log_syncs_at_output: Vec<u32>,
    /// The file of the call that failed.
    pub(crate) hit: Option<PathBuf>,
}

impl Counter {
    /// Counts calls that change files in the folder, whose path has no links in it.
    pub(crate) fn new(folder: &Path, target: Option<Target>) -> Counter {
        let (counts, log_syncs_at_output) = (BTreeMap::new(), Vec::new());
        Counter { folder: folder.to_path_buf(), target, counts, log_syncs: 0, log_syncs_at_output, hit: None }
    }

    /// How many calls of each kind there were.
    pub(crate) fn counts(&self) -> &BTreeMap<SystemCall, u32> {
        &self.counts
    }

    /// Counts a call, and says what is to become of it.
    fn count(&mut self, call: SystemCall, path: PathBuf) -> Option<Fault> {
        let count = self.counts.entry(call).or_default();
        *count += 1;
        let is_segment = || path.extension().is_some_and(|extension| extension == "log");
        self.log_syncs += u32::from(call == SystemCall::Fdatasync && is_segment());
        let target = self.target.as_ref()?;
        if self.hit.is_some() {
            return target.fault.lasts_for(call).then_some(target.fault);
        }
        if target.call != call || target.number != *count {
            return None;
        }
        self.hit = Some(path);
        Some(target.fault)
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(Signal),
}

/// A process that is traced by the thread that started it.
pub(crate) struct Traced {
    pub(crate) leader: Pid,
    pub(crate) child: Child,
}

/// What is to be done when a call returns.
enum Afterwards {
    Nothing,
    Fail(Errno),
    Kill,
}

impl Traced {
    /// Starts a program that does nothing until it is traced. Its three streams are pipes.
    pub(crate) fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> (Traced, ChildStdin) {
        // A shell waits for a line and then becomes the program.
        let mut command = Command::new("sh");
        command.args(["-c", "read -r line; exec \"$0\" \"$@\""]).arg(program).args(arguments);
        command.env_remove("INTERSTICE_DATA").env_remove("INTERSTICE_LOG_LEVEL");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let leader = Pid::from_raw(child.id().try_into().unwrap());
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(leader, options).unwrap();
        ptrace::interrupt(leader).unwrap();
        waitpid(leader, Some(WaitPidFlag::__WALL)).unwrap();
        resume(leader, None);
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "go").unwrap();
        (Traced { leader, child }, input)
    }

    /// Lets the process run to its end. Must be called on the thread that started it.
    pub(crate) fn follow(&self, counter: &mut Counter) -> Exit {
        let mut afterwards = HashMap::new();
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
                Err(Errno::EINTR) => continue,
                status => status.unwrap(),
            };
            match status {
                WaitStatus::Exited(process, code) if process == self.leader => return Exit::Code(code),
                WaitStatus::Signaled(process, signal, _) if process == self.leader => {
                    return Exit::Signal(signal);
                }
                WaitStatus::Exited(thread, _) | WaitStatus::Signaled(thread, ..) => {
                    // Its number may be given to another thread.
                    afterwards.remove(&thread);
                }
                WaitStatus::PtraceSyscall(thread) => {
                    self.at_call(thread, counter, &mut afterwards);
                    resume(thread, None);
                }
                WaitStatus::PtraceEvent(thread, ..) => resume(thread, None),
                WaitStatus::Stopped(thread, signal) => resume(thread, Some(signal)),
                _ => {}
            }
        }
    }

    /// A thread stands before a call, or behind one: stops of the two kinds take turns.
    fn at_call(&self, thread: Pid, counter: &mut Counter, afterwards: &mut HashMap<Pid, Afterwards>) {
        // A thread that was killed meanwhile has no registers any more.
        let Ok(mut registers) = ptrace::getregs(thread) else { return };
        match afterwards.remove(&thread) {
            None => {}
            Some(Afterwards::Nothing) => return,
            Some(Afterwards::Kill) => return self.kill(),
            Some(Afterwards::Fail(errno)) => {
                registers.rax = (-i64::from(errno as i32)) as u64;
                let _ = ptrace::setregs(thread, registers);
                return;
            }
        }
        afterwards.insert(thread, Afterwards::Nothing);
        if writes_output(&registers) {
            counter.log_syncs_at_output.push(counter.log_syncs);
        }
        let Some((call, path)) = SystemCall::of(thread, &registers, &counter.folder) else { return };
        match counter.count(call, path) {
            None => {}
            Some(Fault::Kill) => self.kill(),
            Some(Fault::Torn) => {
                registers.rdx /= 2;
                let _ = ptrace::setregs(thread, registers);
                afterwards.insert(thread, Afterwards::Kill);
            }
            Some(fault @ (Fault::Error(_) | Fault::Full | Fault::Broken)) => {
                let errno = fault.errno().expect("these are errors");
                // There is no such call, so none is made.
                registers.orig_rax = u64::MAX;
                let _ = ptrace::setregs(thread, registers);
                afterwards.insert(thread, Afterwards::Fail(errno));
            }
        }
    }

    /// What each thread is called, and where in the kernel it waits.
    pub(crate) fn threads(&self) -> String {
        let folder = format!("/proc/{}/task", self.leader);
        let tasks = fs::read_dir(folder).into_iter().flatten().flatten();
        let told = tasks.map(|task| {
            let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let (name, place, call) = (read("comm"), read("wchan"), read("syscall"));
            format!("{} in {place} ({})", name.trim(), call.trim())
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// Kills the process; a thread that stands before a call does not make it any more.
    pub(crate) fn kill(&self) {
        let _ = kill(self.leader, Signal::SIGKILL);
    }
}

/// Whether this machine allows what is done here.
pub(crate) fn try_out() -> Result<(), Errno> {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let traced = ptrace::seize(Pid::from_raw(child.id().try_into().unwrap()), Options::empty());
    child.kill().unwrap();
    child.wait().unwrap();
    traced
}

/// Lets a stopped thread go on to its next call or the end of this one. It may have been killed meanwhile.
fn resume(thread: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(thread, signal);
}
