//! What this user has seen of the index of each registry: how many lines, and the hash of the last.
//! It is kept outside of the registry, so that who can write there cannot change both.
//! Invariant: an index that is shorter than what was seen at the same place, or another, is refused.

use crate::files::make_folder;
use crate::index::Index;
use interstice_wit::Hash;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The folder in which a file for each registry lies, and where the registry is.
#[derive(Clone, Debug)]
pub(super) struct Known {
    folder: Option<PathBuf>,
    registry: PathBuf,
}

impl Known {
    pub(super) fn new(folder: Option<&Path>, registry: &Path) -> Known {
        Known { folder: folder.map(Path::to_owned), registry: registry.to_owned() }
    }

    /// What was seen of the registry that an index belongs to.
    pub(super) fn seen(&self, index: &Index) -> Seen {
        let read = || {
            let text = fs::read_to_string(self.file(index)?).ok()?;
            let (lines, last) = text.trim_end().split_once(' ')?;
            let lines = lines.parse().ok().filter(|lines| *lines > 0)?;
            Some((lines, last.parse().ok()?))
        };
        Seen(read())
    }

    /// Remembers an index. What cannot be remembered, as in a read-only home, costs only the check.
    pub(super) fn remember(&self, index: &Index, seen: &Seen) {
        let (lines, last) = index.head();
        let Some(file) = self.file(index).filter(|_| seen.0 != Some((lines, last))) else { return };
        let partial = file.with_extension(std::process::id().to_string());
        let made = file.parent().is_some_and(|folder| make_folder(folder).is_ok());
        if made && fs::write(&partial, format!("{lines} {last}\n")).is_ok() {
            let _ = fs::rename(&partial, &file);
        }
    }

    /// A copy of a registry has its name and goes on by itself, so the place counts too.
    fn file(&self, index: &Index) -> Option<PathBuf> {
        let place = fs::canonicalize(&self.registry).ok()?;
        let place = Sha256::digest(place.as_os_str().as_bytes());
        let place: String = place[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Some(self.folder.as_ref()?.join(format!("{}-{place}", index.registry())))
    }
}

/// How many lines an index had, and the hash of the last of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen(Option<(u64, Hash)>);

impl Seen {
    /// Why an index cannot be one that came after this, if it cannot.
    pub(super) fn reason_against(&self, index: &Index) -> Option<String> {
        let (lines, last) = self.0?;
        let (now, _) = index.head();
        if now < lines {
            return Some(format!("it has {now} lines, and had {lines}"));
        }
        let is_other = index.line_hash(lines - 1) != Some(last);
        is_other.then(|| format!("its line {lines} is not the one that was there"))
    }
}
