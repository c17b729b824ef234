//! How fast a log is taken in: by an opening after a crash, or to see a past state.

use crate::calls::Subject;
use crate::table::{Table, highest};
use interstice_codec::row::to_bytes;
use interstice_node::log::os;
use interstice_node::{Beginning, HistoricState, Moment};
use std::time::Instant;

const ACCOUNTS: u64 = 10_000;
const TRANSFERS: u64 = 500_000;
const MEMBERS: u64 = 500_000;

pub(crate) fn run(table: &mut Table) {
    let part = |count: u64| if table.rounds() == 1 { count / 100 } else { count };
    let (transfers, members) = (part(TRANSFERS), part(MEMBERS));

    let subject = Subject::new();
    subject.call_by_name("open-accounts", &to_bytes(&ACCOUNTS));
    let transfer = subject.function("transfer");
    for number in 0..transfers {
        let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % ACCOUNTS;
        subject.call(&transfer, &to_bytes(&(spread(number), spread(number + 7), 1_i64)));
    }
    let rate = rate(table, &subject, 2 * transfers);
    table.add("replay of updated rows, by one core", -1.0, "goal", rate, 2_000_000.0, "rows/s");

    let subject = Subject::new();
    for first in (0..members).step_by(1000) {
        subject.call_by_name("insert-members", &to_bytes(&(first, 1000.min(members - first))));
    }
    let rate = self::rate(table, &subject, members);
    table.add("replay of inserted rows with a unique string", -1.0, "goal", rate, 500_000.0, "rows/s");
}

/// Closes the database and replays its log from the first record.
fn rate(table: &Table, subject: &Subject, rows: u64) -> f64 {
    subject.node.close().unwrap();
    let doors = os::doors_to_existing(subject.folder()).unwrap();
    let rates: Vec<f64> = (0..table.rounds().min(3))
        .map(|_| {
            let began = Instant::now();
            let state = HistoricState::read(&doors, Moment::Newest, Beginning::FirstRecord, &mut |_| {});
            let took = began.elapsed().as_secs_f64();
            drop(state.unwrap());
            rows as f64 / took
        })
        .collect();
    highest(&rates)
}
