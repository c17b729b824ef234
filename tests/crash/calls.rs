//! The system calls with which a process reads and changes files, told from its registers.
//! Calls that do the same have one name here, whichever of them a library chooses.
//! Invariant: a call that reads or changes a file of the watched folder has a kind, and no other call has.

use nix::libc::{self, user_regs_struct};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A kind of system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SystemCall {
    Read,
    Write,
    Fdatasync,
    Fsync,
    Rename,
    Ftruncate,
    Fallocate,
    /// To write, or to make the file.
    Openat,
    Unlink,
    Mkdir,
}

/// Where a call says which file it is about.
enum Subject {
    /// The number of an open file.
    Descriptor(u64),
    /// The address of a path, absolute or relative to the working directory.
    Path(u64),
}

impl SystemCall {
    pub(crate) const ALL: [SystemCall; 10] = [
        SystemCall::Read,
        SystemCall::Write,
        SystemCall::Fdatasync,
        SystemCall::Fsync,
        SystemCall::Rename,
        SystemCall::Ftruncate,
        SystemCall::Fallocate,
        SystemCall::Openat,
        SystemCall::Unlink,
        SystemCall::Mkdir,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            SystemCall::Read => "read",
            SystemCall::Write => "write",
            SystemCall::Fdatasync => "fdatasync",
            SystemCall::Fsync => "fsync",
            SystemCall::Rename => "rename",
            SystemCall::Ftruncate => "ftruncate",
            SystemCall::Fallocate => "fallocate",
            SystemCall::Openat => "openat",
            SystemCall::Unlink => "unlink",
            SystemCall::Mkdir => "mkdir",
        }
    }

    /// Whether a full disk may refuse it.
    pub(crate) fn may_take_room(self) -> bool {
        use SystemCall::{Fallocate, Mkdir, Openat, Rename, Write};
        matches!(self, Write | Fallocate | Openat | Mkdir | Rename)
    }

    pub(crate) fn by_name(name: &str) -> Option<SystemCall> {
        SystemCall::ALL.into_iter().find(|call| call.name() == name)
    }

    /// The call that a thread is about to make, if it is about a file in the folder, and that file.
    pub(crate) fn of(
        thread: Pid,
        registers: &user_regs_struct,
        folder: &Path,
    ) -> Option<(SystemCall, PathBuf)> {
        let (call, subject) = read(registers)?;
        let path = match subject {
            Subject::Descriptor(number) => fs::read_link(format!("/proc/{thread}/fd/{number}")).ok()?,
            Subject::Path(address) => {
                fs::read_link(format!("/proc/{thread}/cwd")).ok()?.join(path_at(thread, address)?)
            }
        };
        path.starts_with(folder).then_some((call, path))
    }
}

/// Whether a thread is about to write to the standard output of its process.
pub(crate) fn writes_output(registers: &user_regs_struct) -> bool {
    let is_write = [libc::SYS_write, libc::SYS_writev].contains(&(registers.orig_rax as libc::c_long));
    is_write && registers.rdi == libc::STDOUT_FILENO as u64
}

fn read(registers: &user_regs_struct) -> Option<(SystemCall, Subject)> {
    use Subject::{Descriptor, Path};
    let user_regs_struct { orig_rax, rdi, rsi, rdx, .. } = *registers;
    let writes = |flags: u64| {
        let flags = flags as libc::c_int;
        flags & libc::O_ACCMODE != libc::O_RDONLY || flags & libc::O_CREAT != 0
    };
    let call = match libc::c_long::try_from(orig_rax).ok()? {
        libc::SYS_read | libc::SYS_pread64 => (SystemCall::Read, Descriptor(rdi)),
        libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64 | libc::SYS_pwritev | libc::SYS_pwritev2 => {
            (SystemCall::Write, Descriptor(rdi))
        }
        libc::SYS_fdatasync => (SystemCall::Fdatasync, Descriptor(rdi)),
        libc::SYS_fsync => (SystemCall::Fsync, Descriptor(rdi)),
        libc::SYS_ftruncate => (SystemCall::Ftruncate, Descriptor(rdi)),
        libc::SYS_fallocate => (SystemCall::Fallocate, Descriptor(rdi)),
        libc::SYS_rename => (SystemCall::Rename, Path(rdi)),
        libc::SYS_renameat | libc::SYS_renameat2 => (SystemCall::Rename, Path(rsi)),
        libc::SYS_open if writes(rsi) => (SystemCall::Openat, Path(rdi)),
        libc::SYS_creat => (SystemCall::Openat, Path(rdi)),
        libc::SYS_openat if writes(rdx) => (SystemCall::Openat, Path(rsi)),
        libc::SYS_unlink => (SystemCall::Unlink, Path(rdi)),
        libc::SYS_unlinkat => (SystemCall::Unlink, Path(rsi)),
        libc::SYS_mkdir => (SystemCall::Mkdir, Path(rdi)),
        libc::SYS_mkdirat => (SystemCall::Mkdir, Path(rsi)),
        _ => return None,
    };
    Some(call)
}

/// The path that stands at an address of a stopped process.
fn path_at(thread: Pid, address: u64) -> Option<PathBuf> {
    let memory = File::open(format!("/proc/{thread}/mem")).ok()?;
    let mut bytes = vec![0; libc::PATH_MAX as usize];
    // The end of the mapping may come before that many bytes.
    let read = memory.read_at(&mut bytes, address).ok()?;
    let end = bytes[..read].iter().position(|byte| *byte == 0)?;
    Some(PathBuf::from(OsStr::from_bytes(&bytes[..end])))
}
