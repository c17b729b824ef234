//! Everything that reads a data directory, on one that may hold anything. Whatever is there, all of them
//! must come to the same: what reads is read by all, and what does not is refused by all.

use crate::Verdict;
use crate::folder::Folder;
use interstice_log::doors::LockKind;
use interstice_log::{
    BoxError, Definitions, DirectoryLock, Finding, Gravity, Log, LogError, LogFilter, LogOptions, LogReader,
    Record, RecordParts, Repair, Sequence, StartingPoint, verify,
};
use std::ops::ControlFlow;

pub(crate) const OPTIONS: LogOptions = LogOptions { segment_bytes: 16 << 10, ..LogOptions::DEFAULT };

/// Room for a repair. More is not worth the memory that a simulated disk takes.
const REPAIR_BYTES: u64 = 4 << 20;

/// Reads, verifies, searches, opens and repairs the log in this folder, after this place in it.
pub(crate) fn log(folder: &Folder, start: Option<&StartingPoint>) -> Verdict {
    let read = read(folder, start);
    let found = verify(folder.doors().disk.as_ref(), &mut |_| ());
    if let Ok(report) = &found {
        // Which artifacts records name is not looked at when a log is opened.
        let is_damage = |finding: &&Finding| {
            finding.gravity == Gravity::Damage && !finding.path.starts_with("artifacts/")
        };
        let damage = report.findings.iter().find(is_damage);
        match &read {
            Ok(_) if start.is_none() => {
                assert!(damage.is_none(), "it was read, and verification finds {damage:?}");
            }
            Err(error @ (LogError::Damaged { .. } | LogError::MissingSegment { .. })) => {
                assert!(damage.is_some(), "refused to read ({error}), yet verification finds nothing wrong");
            }
            _ => {}
        }
    }
    search(folder, start.is_none().then_some(&read));
    let opened = open(&folder.copy(), start);
    match (&read, &opened) {
        (Ok(read), Ok(again)) => assert!(read == again, "what was read is not what was opened"),
        (Ok(_), Err(error)) => panic!("it was read, but does not open: {error}"),
        (Err(error), Ok(_)) => panic!("it opens, but was not read: {error}"),
        (Err(_), Err(_)) => {}
    }
    repair(folder, start);
    Verdict::of(&opened)
}

/// All records, without the right to write.
pub(crate) fn read(folder: &Folder, start: Option<&StartingPoint>) -> Result<Vec<Record>, LogError> {
    let mut records = Vec::new();
    let mut collect = |record: &RecordParts<'_>, definitions: &Definitions| {
        records.push(Record::resolve(record, definitions));
        Ok::<(), BoxError>(())
    };
    LogReader::open(&folder.doors())?.replay_after(start, &mut collect)?;
    Ok(records)
}

/// All records, opened to write and closed.
pub(crate) fn open(folder: &Folder, start: Option<&StartingPoint>) -> Result<Vec<Record>, LogError> {
    let mut records = Vec::new();
    let mut collect = |record: &RecordParts<'_>, definitions: &Definitions| {
        records.push(Record::resolve(record, definitions));
        Ok::<(), BoxError>(())
    };
    let doors = folder.doors();
    let lock = DirectoryLock::take(doors.disk.as_ref(), LockKind::Exclusive)?;
    let (log, report) = Log::open_after(&doors, lock, OPTIONS, start, &mut collect)?;
    log.wait_maintained();
    log.close()?;
    folder.simulator().threads.run_until_idle();
    assert_eq!(report.last, log.next_sequence().previous());
    Ok(records)
}

/// A search finds what a reading of everything finds, or says that it cannot.
fn search(folder: &Folder, whole: Option<&Result<Vec<Record>, LogError>>) {
    let Ok(reader) = LogReader::open(&folder.doors()) else { return };
    let table = || Some("tables.account".to_owned());
    let filters = [
        LogFilter::default(),
        LogFilter { table: table(), with_installs: true, ..LogFilter::default() },
        LogFilter { from: Some(Sequence(3)), to: Some(Sequence(6)), ..LogFilter::default() },
        LogFilter { module: Some("acme:bank".to_owned()), since_micros: Some(1), ..LogFilter::default() },
    ];
    for (at, filter) in filters.iter().enumerate() {
        let mut found = Vec::new();
        let searched = reader.search(
            filter,
            &mut |record| {
                found.push(record);
                ControlFlow::Continue(())
            },
            &mut |_| (),
        );
        if let (0, Ok(_), Some(Ok(whole))) = (at, searched, whole) {
            assert!(found == *whole, "a search for everything found {}, not {}", found.len(), whole.len());
        }
    }
}

/// What a repair leaves opens, up to the record that the plan named.
fn repair(folder: &Folder, start: Option<&StartingPoint>) {
    let folder = folder.copy();
    let disk = &folder.simulator().disk;
    disk.set_capacity(Some(disk.used_bytes() + REPAIR_BYTES));
    let Ok(repair) = Repair::plan(&folder.doors(), start) else { return };
    let kept_until = repair.what().kept_until;
    let Ok(Some(_)) = repair.apply() else { return };
    disk.set_capacity(None);
    let records = open(&folder, start);
    let records = records.unwrap_or_else(|error| panic!("it was repaired, but does not open: {error}"));
    if let Some(last) = records.last() {
        assert_eq!(last.sequence, kept_until, "the repair kept another part than it said");
    }
}
