//! A module that writes down what it is told, in order, so that a test can ask what is left of it; its next version.

interstice::module!("wit");

use tables::{Announcement, Echo, Entry, Milestone};

struct Journal;

export!(Journal);

/// The text of an entry: its number, over and over.
fn text(number: u64, length: u32) -> String {
    let mut text = format!("{number} ").repeat(length as usize / 2 + 1);
    text.truncate(length as usize);
    text
}

fn write(context: &ReducerContext, number: u64, length: u32) {
    let entry = Entry { place: 0, number, text: text(number, length), note: Some("new".to_owned()) };
    context.tables.entry.insert(entry).expect("each number is written once");
}

impl Work for Journal {
    fn write(context: &mut ReducerContext, number: u64, length: u32) {
        write(context, number, length);
    }

    fn write_many(context: &mut ReducerContext, first: u64, count: u64, length: u32) {
        let entry = |number| Entry { place: 0, number, text: text(number, length), note: None };
        let entries = (first..first + count).map(entry);
        context.tables.entry.insert_many(entries).expect("each number is written once");
    }

    fn fail(context: &mut ReducerContext, number: u64) {
        write(context, number, 10);
        panic!("as it was told to");
    }

    fn announce(context: &mut ReducerContext, number: u64) {
        write(context, number, 10);
        context.tables.announcement.insert(Announcement { number }).expect("each number is announced once");
    }

    fn numbers(context: &QueryContext) -> Vec<u64> {
        let number = |entry: Entry| {
            assert_eq!(entry.text, text(entry.number, entry.text.len() as u32), "entry {}", entry.place);
            entry.number
        };
        context.tables.entry.iter().map(number).collect()
    }

    fn echoes(context: &QueryContext) -> Vec<u64> {
        context.tables.echo.iter().map(|echo| echo.number).collect()
    }
}

impl Handlers for Journal {
    fn upgraded(context: &mut ReducerContext) {
        let entries = context.tables.entry.iter().count() as u64;
        let milestone = Milestone { place: 0, entries };
        context.tables.milestone.insert(milestone).expect("a milestone has no other key than its counter");
    }

    fn announced(context: &mut ReducerContext, row: Announcement) {
        let echo = Echo { place: 0, number: row.number };
        context.tables.echo.insert(echo).expect("an echo has no other key than its counter");
    }
}
