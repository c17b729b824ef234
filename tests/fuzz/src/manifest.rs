//! The manifest: the lines of one, over a log whose segments are as they were written.

use crate::folder::Folder;
use crate::{Verdict, examine, seal, seeds};

/// The input is the lines of a manifest, without the last, or a whole one.
pub(crate) fn run(input: &[u8]) -> Verdict {
    // The first segments are there twice, as an archiving leaves them that was interrupted.
    let files: Vec<_> = seeds::closed_log().iter().chain(seeds::archived_log()).cloned().collect();
    let mut verdict = Verdict::Refused;
    for manifest in [input.to_vec(), seal::manifest(input.to_vec())] {
        let folder = Folder::of(&files);
        folder.plant("MANIFEST", manifest);
        if examine::log(&folder, None) == Verdict::Accepted {
            verdict = Verdict::Accepted;
        }
    }
    verdict
}
