//! The data directory itself, made with its parents. Invariant: before a database is made in it, its
//! name and those of its parents survive a crash.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Makes the directory and its parents unless they exist. `sync` makes the names in a directory safe.
pub(super) fn make(path: &Path, sync: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    // A directory that holds files was safe before they were made.
    if fs::read_dir(path).is_ok_and(|mut names| names.next().is_some()) {
        return Ok(());
    }
    let path = std::path::absolute(path)?;
    let missing: Vec<PathBuf> =
        path.ancestors().take_while(|ancestor| !ancestor.exists()).map(Path::to_path_buf).collect();
    fs::create_dir_all(&path)?;
    for made in &missing {
        made.parent().map_or(Ok(()), &mut *sync)?;
    }
    // Those that were there may have been made by a process that was killed before it could sync them.
    // One that we may not even open was made by somebody else.
    let found = missing.last().map_or(path.as_path(), |made| made.parent().unwrap_or(made));
    for found in found.ancestors() {
        match found.parent().map_or(Ok(()), &mut *sync) {
            Err(error) if is_not_ours(error.kind()) => break,
            synced => synced?,
        }
    }
    Ok(())
}

fn is_not_ours(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Makes the names in a directory survive a crash.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_new_data_directory_is_made_safe_with_all_its_parents() {
        // Only the data directory was made and nothing was synced: a loss of power could take the
        // whole database with a parent whose name was nowhere but in memory.
        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        let path = outer.join("a/b/c");
        let mut synced = Vec::new();
        make(&path, &mut |directory| {
            synced.push(directory.to_path_buf());
            sync(directory)
        })
        .unwrap();
        assert!(path.is_dir());
        for parent in path.ancestors().skip(1) {
            assert!(synced.contains(&parent.to_path_buf()), "{} was not synced", parent.display());
        }

        // It may have been made by a process that was killed just then.
        let mut again = 0;
        make(&path, &mut |_| {
            again += 1;
            Ok(())
        })
        .unwrap();
        assert!(again >= 3);
        // A database that is there was made in a directory that was safe.
        fs::write(path.join("MANIFEST"), "").unwrap();
        make(&path, &mut |_| panic!("nothing is left to be synced")).unwrap();
    }

    #[test]
    fn a_parent_that_cannot_be_synced_is_an_error_if_it_was_made_here() {
        let outer = tempfile::tempdir().unwrap();
        let mut refuse = |_: &Path| Err(io::ErrorKind::PermissionDenied.into());
        assert!(make(&outer.path().join("a/b"), &mut refuse).is_err());
        make(&outer.path().join("a/b"), &mut refuse).unwrap();
    }
}
