//! File systems that a test mounts: small ones, and ones that cannot be written.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A mount that ends with the test.
pub struct Mount {
    folder: PathBuf,
}

impl Mount {
    /// Mounts with these arguments; nothing where this user may not.
    pub fn new(folder: PathBuf, arguments: &[&str]) -> Option<Mount> {
        fs::create_dir_all(&folder).unwrap();
        let mount = Mount { folder };
        match mount.mount(arguments) {
            true => Some(mount),
            false => {
                eprintln!("skipped: this user cannot mount a file system for the test");
                None
            }
        }
    }

    /// Mounts with other arguments at the same place.
    pub fn mount(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("mount");
        command.args(arguments).arg(&self.folder).stdin(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
