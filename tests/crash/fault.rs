//! What goes wrong in a run, and its name, by which the run is repeated.
//! Invariant: a name that was printed is read back as the same fault.

use crate::calls::SystemCall;
use nix::errno::Errno;
use std::fmt;
use std::str::FromStr;

/// What becomes of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed before the call.
    Kill,
    /// The process is killed when half of the bytes are written.
    Torn,
    /// The call is not made and fails, this once.
    Error(Errno),
    /// The disk is full from this call on: no call that may take room is made until the workload ends.
    Full,
    /// The disk is broken from this call on: no call is made until the workload ends.
    Broken,
}

/// The faults by their names.
const FAULTS: [(&str, Fault); 6] = [
    ("kill", Fault::Kill),
    ("torn", Fault::Torn),
    ("ENOSPC", Fault::Error(Errno::ENOSPC)),
    ("EIO", Fault::Error(Errno::EIO)),
    ("full", Fault::Full),
    ("broken", Fault::Broken),
];

impl Fault {
    /// Everything that may become of such a call.
    pub(crate) fn of(call: SystemCall) -> impl Iterator<Item = Fault> {
        let may_be = move |fault: &Fault| match call {
            // A full disk can be read, and a kill before reading is one after the call before it.
            SystemCall::Read => matches!(fault, Fault::Error(Errno::EIO) | Fault::Broken),
            SystemCall::Write => true,
            _ => *fault != Fault::Torn && (*fault != Fault::Full || call.may_take_room()),
        };
        FAULTS.iter().map(|(_, fault)| *fault).filter(may_be)
    }

    /// The error of a call that fails.
    pub(crate) fn errno(self) -> Option<Errno> {
        match self {
            Fault::Kill | Fault::Torn => None,
            Fault::Error(errno) => Some(errno),
            Fault::Full => Some(Errno::ENOSPC),
            Fault::Broken => Some(Errno::EIO),
        }
    }

    /// Whether a later call of this kind meets it as well.
    pub(crate) fn lasts_for(self, call: SystemCall) -> bool {
        match self {
            Fault::Full => call.may_take_room(),
            Fault::Broken => true,
            Fault::Kill | Fault::Torn | Fault::Error(_) => false,
        }
    }

    /// Whether processes that are started later meet it as well.
    pub(crate) fn lasts(self) -> bool {
        matches!(self, Fault::Full | Fault::Broken)
    }

    fn name(self) -> &'static str {
        FAULTS.iter().find(|(_, fault)| *fault == self).expect("every fault has a name").0
    }
}

/// Which call of a workload fails, and how: `one-by-one:fdatasync:7:EIO`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) workload: String,
    pub(crate) call: SystemCall,
    /// The how manyth call of its kind, over all threads and processes of the workload; from 1 on.
    pub(crate) number: u32,
    pub(crate) fault: Fault,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.workload, self.call.name(), self.number, self.fault.name())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let [workload, call, number, fault] = parts[..] else {
            return Err(format!("expected WORKLOAD:CALL:NUMBER:FAULT, found {text:?}"));
        };
        let unknown = |what: &str, name: &str| format!("there is no {what} {name:?}");
        Ok(Target {
            workload: workload.to_owned(),
            call: SystemCall::by_name(call).ok_or_else(|| unknown("system call", call))?,
            number: number.parse().map_err(|_| unknown("number", number))?,
            fault: FAULTS.iter().find(|(name, _)| *name == fault).ok_or_else(|| unknown("fault", fault))?.1,
        })
    }
}

#[test]
fn a_printed_target_is_read_back() {
    for call in SystemCall::ALL {
        for fault in Fault::of(call) {
            let target = Target { workload: "one-by-one".to_owned(), call, number: 7, fault };
            assert_eq!(target.to_string().parse(), Ok(target));
        }
    }
    for wrong in ["one-by-one", "a:write:1:EPERM", "a:lseek:1:EIO", "a:write:x:EIO"] {
        assert!(wrong.parse::<Target>().is_err(), "{wrong}");
    }
}
