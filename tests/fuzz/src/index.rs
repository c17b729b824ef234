//! The index of a closed segment.

use crate::folder::Folder;
use crate::{Verdict, examine, seal, seeds};
use interstice_log::{LogFilter, LogReader, verify};
use std::ops::ControlFlow;

/// The input is the index of the first segment of a log, and again without its checksum.
pub(crate) fn run(input: &[u8]) -> Verdict {
    let files = seeds::closed_log();
    let path = seeds::first_index(files);
    let id = seeds::first_id(files);
    let folder = Folder::of(files);
    folder.plant(&path, input.to_vec());
    examine::log(&folder, None);

    // An index whose checksum is right and that lies is not what a disk makes of one: nothing is
    // promised then but that it harms nobody.
    let body = input.len().saturating_sub(4);
    let mut forged = input[..body].to_vec();
    forged.extend_from_slice(&seal::checksum(&id, &input[..body]).to_le_bytes());
    let folder = Folder::of(files);
    folder.plant(&path, forged);
    let found = verify(folder.doors().disk.as_ref(), &mut |_| ()).map(|report| report.findings.is_empty());
    if let Ok(reader) = LogReader::open(&folder.doors()) {
        for table in [None, Some("tables.account".to_owned()), Some("none".to_owned())] {
            let filter = LogFilter { table, ..LogFilter::default() };
            let _ = reader.search(&filter, &mut |_| ControlFlow::Continue(()), &mut |_| ());
        }
    }
    let opened = examine::open(&folder, None);
    assert!(opened.is_ok(), "an index keeps the log from opening: {opened:?}");
    if matches!(found, Ok(true)) { Verdict::Accepted } else { Verdict::Refused }
}
