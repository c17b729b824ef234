//! The memory of a million rows.

use crate::calls::Subject;
use crate::table::Table;
use interstice_codec::row::to_bytes;

const ROWS: u64 = 1_000_000;

pub(crate) fn run(table: &mut Table) {
    let subject = Subject::new();
    let before = resident_bytes();
    for first in (0..ROWS).step_by(100_000) {
        subject.call_by_name("insert-named", &to_bytes(&(first, 100_000_u64)));
    }
    subject.node.flush().unwrap();
    // Another transaction lets the history of those before go.
    subject.call_by_name("open-accounts", &to_bytes(&1_u64));
    let counted = subject.node.memory_bytes() as f64 / ROWS as f64;
    table.add("memory of {u64, string(16), s64} with an index, a row", 1.0, "goal", counted, 150.0, "bytes");
    let resident = (resident_bytes() - before) / ROWS as f64;
    table.add("the same as the process grew, guest and log included", 2.0, "goal", resident, 150.0, "bytes");
}

/// What the process holds of the machine's memory.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = status.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    pages * 4096.0
}
