//! What a workload does: processes one after the other, each with the lines that it is sent.
//! Each line that writes carries numbers that no other line writes, so that the state tells which were kept.

use std::ops::Range;
use std::time::Duration;

/// A process of a workload.
pub(crate) enum Step {
    /// `interstice run`, with these components and options, and lines on its input.
    Run { modules: &'static [&'static str], options: &'static [&'static str], lines: Vec<Line>, end: End },
    /// `interstice backup`, of the database into the folder `backup` beside it.
    Backup,
    /// `interstice restore`, from there into the folder `restored`.
    Restore,
    /// Another command, with the words before and after the data directory.
    Command(&'static [&'static str], &'static [&'static str]),
    /// `interstice upgrade` to this component.
    Upgrade(&'static str),
}

/// How a run is ended that has answered all its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its input ends, and it closes the database.
    Closed,
    /// It is killed.
    Killed,
}

/// What is done at the input of a run.
#[derive(Clone)]
pub(crate) enum Line {
    /// A call is sent.
    Send(Call),
    /// All answers are awaited.
    Await,
    /// Nothing happens for a while.
    Pause(Duration),
}

/// A call of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// In WAVE.
    pub(crate) text: String,
    /// The entries that it writes, all or none.
    pub(crate) numbers: Range<u64>,
    /// It is told to a subscriber.
    pub(crate) announced: bool,
    /// It panics.
    pub(crate) fails: bool,
}

impl Step {
    /// A run that is closed, of a database that has its module.
    pub(crate) fn run(lines: Vec<Line>) -> Step {
        Step::Run { modules: &[], options: &[], lines, end: End::Closed }
    }

    /// The same with options.
    pub(crate) fn run_with(options: &'static [&'static str], lines: Vec<Line>) -> Step {
        Step::Run { modules: &[], options, lines, end: End::Closed }
    }

    /// A run that is killed once all is answered.
    pub(crate) fn killed_run(lines: Vec<Line>) -> Step {
        Step::Run { modules: &[], options: &[], lines, end: End::Killed }
    }
}

/// Writes an entry with a text of that length.
pub(crate) fn write(number: u64, length: u32) -> Line {
    send(format!("write({number}, {length})"), number..number + 1)
}

/// Writes many entries in one transaction.
pub(crate) fn write_many(first: u64, count: u64, length: u32) -> Line {
    send(format!("write-many({first}, {count}, {length})"), first..first + count)
}

/// Writes an entry and has a subscriber told.
pub(crate) fn announce(number: u64) -> Line {
    let text = format!("announce({number})");
    Line::Send(Call { text, numbers: number..number + 1, announced: true, fails: false })
}

/// Writes an entry and panics.
pub(crate) fn fail(number: u64) -> Line {
    let text = format!("fail({number})");
    Line::Send(Call { text, numbers: number..number + 1, announced: false, fails: true })
}

/// These lines, each sent when the one before was answered.
pub(crate) fn one_by_one(lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    lines.into_iter().flat_map(|line| [line, Line::Await]).collect()
}

/// Nothing, for so long that the log puts a mark behind the last record.
pub(crate) fn idle() -> Line {
    Line::Pause(Duration::from_millis(150))
}

fn send(text: String, numbers: Range<u64>) -> Line {
    Line::Send(Call { text, numbers, announced: false, fails: false })
}
