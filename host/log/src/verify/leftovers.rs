//! Files that the manifest does not list: what a crash left, or what shows that the manifest is not the
//! newest. Invariant: files of other kinds, which somebody else may have put there, are no finding.

use super::{Gravity, VerifyReport};
use crate::batch::Seed;
use crate::doors::Disk;
use crate::error::LogError;
use crate::index::index_path;
use crate::manifest::Manifest;
use crate::publish::list_if_there;
use crate::scan::survey;
use crate::segment::{ARCHIVE_DIRECTORY, LOG_DIRECTORY, SEGMENT_HEADER_BYTES, parse_segment_name};
use crate::sequence::Sequence;
use crate::window::Window;

pub(super) fn check(disk: &dyn Disk, manifest: &Manifest, report: &mut VerifyReport) -> Result<(), LogError> {
    for (directory, is_archive) in [(LOG_DIRECTORY, false), (ARCHIVE_DIRECTORY, true)] {
        for name in list_if_there(disk, directory)? {
            let path = format!("{directory}/{name}");
            let is_listed = |first: Sequence| {
                let mut closed = manifest.closed.iter();
                closed.any(|segment| segment.first == first && segment.archived.is_some() == is_archive)
            };
            let leftover = "the manifest does not list it; it is what a crash left behind";
            if let Some(first) = parse_segment_name(&name) {
                let is_newest = !is_archive && first == manifest.newest.first;
                if is_newest || is_listed(first) {
                    continue;
                }
                let is_known =
                    first < manifest.first() || manifest.closed.iter().any(|segment| segment.first == first);
                if !is_known && !is_archive && holds_anything(disk, &path) {
                    let what = "the manifest does not list this segment, and it is not empty; \
                                an old manifest may have been put back";
                    report.add(disk, &path, 0, Gravity::Damage, what);
                } else {
                    report.add(disk, &path, 0, Gravity::Mended, leftover);
                }
            } else if let Some(first) =
                name.strip_suffix(".index").and_then(|stem| parse_segment_name(&format!("{stem}.log")))
                && index_path(first, is_archive) == path
                && !is_listed(first)
            {
                report.add(disk, &path, 0, Gravity::Mended, leftover);
            }
        }
    }
    Ok(())
}

fn holds_anything(disk: &dyn Disk, path: &str) -> bool {
    let used_until = || {
        let mut window = Window::open(disk, path)?;
        let header = window.segment_header()?;
        survey(&mut window, SEGMENT_HEADER_BYTES, Seed::new(&header.id)).map(|found| found.used_until)
    };
    // A file that cannot be read as a segment may have been one with records.
    !matches!(used_until(), Ok(None))
}
