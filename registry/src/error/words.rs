//! Phrases of the messages: lists, numbers and what to do.
//! Invariant: each is a clause that the sentence of an error goes on with.

use crate::Offer;
use semver::Version;
use std::path::Path;

/// What to do about the failures that people meet.
pub(super) fn mend(path: &Path, source: &std::io::Error) -> String {
    match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            ": the disk is full, and nothing was changed; make room and run it again".to_owned()
        }
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
            let folder = path.parent().unwrap_or(path);
            format!(": access is refused, and nothing was changed; check who owns {}", folder.display())
        }
        _ => String::new(),
    }
}

pub(super) fn there_are(versions: &[Version]) -> String {
    match versions {
        [] => "is none".to_owned(),
        [one] => format!("is {one}"),
        many => {
            let shown = many.iter().rev().take(10).map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let more =
                if many.len() > 10 { format!(" and {} older", many.len() - 10) } else { String::new() };
            format!("are {shown}{more}")
        }
    }
}

/// What is offered, and what would be if it were not yanked.
pub(super) fn offered(offers: &[Offer]) -> String {
    let of = |is_yanked: bool| -> Vec<Version> {
        let found = offers.iter().filter(|offer| offer.is_yanked == is_yanked);
        found.map(|offer| offer.version.clone()).collect()
    };
    let there_are = there_are(&of(false));
    match of(true).as_slice() {
        [] => there_are,
        [one] => format!("{there_are}; {one} would, and is yanked"),
        [others @ .., newest] => {
            format!("{there_are}; {newest} and {} more would, and are yanked", others.len())
        }
    }
}

pub(super) fn smallest_text(smallest: Option<&Version>) -> String {
    match smallest {
        Some(smallest) => format!("the smallest version that can is {smallest}"),
        None => "no number is left that can".to_owned(),
    }
}

pub(super) fn listed(reasons: &[String]) -> String {
    reasons.iter().map(|reason| format!("\n  - {reason}")).collect()
}
