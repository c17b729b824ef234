//! Files that the manifest does not list: what a crash left, or what shows that the manifest is not the
//! newest. Invariant: files of other kinds, which somebody else may have put there, are no finding.

use super::{Gravity, VerifyReport};
use crate::batch::Seed;
use crate::doors::Disk;
use crate::error::LogError;
use crate::index::index_path;
use crate::manifest::{ClosedSegment, Manifest};
use crate::publish::{is_there, list_if_there};
use crate::scan::survey;
use crate::segment::{
    ARCHIVE_DIRECTORY, LOG_DIRECTORY, SEGMENT_HEADER_BYTES, parse_segment_name, segment_path,
};
use crate::sequence::Sequence;
use crate::window::Window;

pub(super) fn check(disk: &dyn Disk, manifest: &Manifest, report: &mut VerifyReport) -> Result<(), LogError> {
    for (directory, is_archive) in [(LOG_DIRECTORY, false), (ARCHIVE_DIRECTORY, true)] {
        for name in list_if_there(disk, directory)? {
            let path = format!("{directory}/{name}");
            let has_index = |first: Sequence| {
                let mut closed = manifest.closed.iter();
                closed.any(|segment| segment.first == first && segment.archived.is_some() == is_archive)
            };
            let leftover = "the manifest does not list it; it is what a crash left behind";
            if let Some(first) = parse_segment_name(&name) {
                let listed = listed_path(manifest, first);
                if listed.as_ref() == Some(&path) {
                    continue;
                }
                let is_known = first < manifest.first() || listed.is_some();
                if !is_known && !is_archive && holds_anything(disk, &path) {
                    let what = "the manifest does not list this segment, and it is not empty; \
                                an old manifest may have been put back";
                    report.add(disk, &path, 0, Gravity::Damage, what);
                } else if let Some(listed) = listed
                    && matches!(is_there(disk, &listed), Ok(false))
                {
                    let what =
                        format!("the manifest lists it as {}, and there it is missing", disk.locate(&listed));
                    report.add(disk, &path, 0, Gravity::Damage, what);
                } else {
                    report.add(disk, &path, 0, Gravity::Mended, leftover);
                }
            } else if let Some(first) =
                name.strip_suffix(".index").and_then(|stem| parse_segment_name(&format!("{stem}.log")))
                && index_path(first, is_archive) == path
                && !has_index(first)
            {
                report.add(disk, &path, 0, Gravity::Mended, leftover);
            }
        }
    }
    Ok(())
}

/// The file that the manifest lists for the records from this one on.
fn listed_path(manifest: &Manifest, first: Sequence) -> Option<String> {
    if first == manifest.newest.first {
        return Some(segment_path(first));
    }
    manifest.closed.iter().find(|segment| segment.first == first).map(ClosedSegment::path)
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
