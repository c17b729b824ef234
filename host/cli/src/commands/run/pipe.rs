//! Lines from a pipe: one thread reads and sends calls, so that many transactions share one sync of
//! the disk; a second waits for them in the same order; a third writes the answers, and hands them on
//! whenever it has none left. A query sees what the lines before it did, and nothing that a later line does.
//! Invariant: there is one answer for each line that is not empty, in the order of the lines.

use super::request::{Request, with_id};
use crate::answer::{Answer, Refusal};
use crate::asking::Asking;
use crate::exit::{Exit, Failure};
use crate::terminal::Output;
use interstice_node::{CallOptions, FunctionHandle, Node, Pending, PendingQuery, Printable, guest_thread};
use serde_json::value::RawValue;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// How many lines may wait for their answers: enough to fill many batches of the log, and a bound on
/// what a program that never reads its answers can make us hold.
const IN_FLIGHT: usize = 4096;

/// The longest line that is read. The arguments of a call may have 4 MiB, and JSON or WAVE may
/// write a byte with five characters.
const LINE_BYTES: u64 = 32 << 20;

/// What the thread takes that writes answers, beside what guests take.
const STACK_BYTES: usize = 512 << 10;

/// A line on its way to its answer.
struct Item {
    id: Option<Box<RawValue>>,
    asked: Asked,
}

enum Asked {
    Call(FunctionHandle, Pending),
    Query(FunctionHandle, PendingQuery),
    Refused(Refusal),
}

/// Serves until the input ends, or until the reader of the answers is gone.
pub(super) fn serve(node: &Node, options: &CallOptions, as_json: bool) -> Result<(), Failure> {
    let (items, to_answer) = sync_channel(IN_FLIGHT);
    let (answers, to_write) = sync_channel(IN_FLIGHT);
    let stack = node.stack_bytes();
    thread::scope(|scope| {
        let answering = thread::Builder::new().name("answers".to_owned()).stack_size(stack + STACK_BYTES);
        let answering = answering.spawn_scoped(scope, move || {
            // On a thread for guests a query runs where it is asked, without a hand-over.
            guest_thread(stack, || answer_all(options, as_json, &to_answer, &answers))
        });
        let writing = thread::Builder::new()
            .name("output".to_owned())
            .spawn_scoped(scope, move || write_all(&to_write));
        let no_thread =
            |error: io::Error| Failure::new(Exit::Ours, format!("cannot start a thread: {error}"));
        let (answering, writing) = (answering.map_err(no_thread)?, writing.map_err(no_thread)?);
        let read = read_all(node, options, as_json, &items);
        drop(items);
        let answered = answering
            .join()
            .unwrap_or_else(|_| Err(Failure::new(Exit::Ours, "the thread for answers failed")));
        let written =
            writing.join().unwrap_or_else(|_| Err(Failure::new(Exit::Ours, "the thread for output failed")));
        read.and(answered).and(written)
    })
}

fn read_all(
    node: &Node,
    options: &CallOptions,
    as_json: bool,
    send: &SyncSender<Item>,
) -> Result<(), Failure> {
    let mut asking = Asking::new(node);
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut input).take(LINE_BYTES);
        let length = limited.read_until(b'\n', &mut line);
        let length =
            length.map_err(|error| Failure::new(Exit::Ours, format!("cannot read the input: {error}")))?;
        if length == 0 {
            return Ok(());
        }
        if length as u64 == LINE_BYTES && !line.ends_with(b"\n") {
            return Err(Failure::new(Exit::Caller, format!("a line is longer than {LINE_BYTES} bytes")));
        }
        let item = match std::str::from_utf8(&line) {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => ask(node, options, as_json, &mut asking, text),
            Err(_) => {
                let refusal = Refusal::caller("bad-line", "the line is not UTF-8".to_owned());
                Item { id: None, asked: Asked::Refused(refusal) }
            }
        };
        if send.send(item).is_err() {
            // The other threads have ended because the reader is gone.
            return Ok(());
        }
    }
}

fn ask(node: &Node, options: &CallOptions, as_json: bool, asking: &mut Asking, line: &str) -> Item {
    let (id, request) = match as_json {
        true => Request::from_json(line),
        false => (None, Request::from_text(line)),
    };
    let asked = request.and_then(|request| {
        let (function, arguments) = asking.read(&request.module, &request.written())?;
        if request.is_query {
            let pending = node.send_query(&function, arguments, options.caller.clone())?;
            return Ok(Asked::Query(function, pending));
        }
        let pending = node.send(&function, arguments, options.caller.clone())?;
        Ok(Asked::Call(function, pending))
    });
    Item { id, asked: asked.unwrap_or_else(Asked::Refused) }
}

fn answer_all(
    options: &CallOptions,
    as_json: bool,
    items: &Receiver<Item>,
    answers: &SyncSender<String>,
) -> Result<(), Failure> {
    let mut ended = Ok(());
    for Item { id, asked } in items {
        let answer = answer(options, asked);
        let is_unknown = ended.as_ref().is_err_and(|failure: &Failure| failure.exit == Exit::OutcomeUnknown);
        // A full disk refuses what would grow and fails nothing: whoever asked was told.
        if let Err(refusal) = &answer
            && matches!(refusal.exit, Exit::Ours | Exit::OutcomeUnknown)
            && refusal.code != "ours.disk-full"
            && !is_unknown
        {
            ended = Err(Failure::new(refusal.exit, "the database failed while calls were in flight"));
        }
        let line = match as_json {
            true => with_id(id.as_deref(), &answer.as_ref().map_or_else(Refusal::json, Answer::json)),
            false => text(&answer),
        };
        if answers.send(line).is_err() {
            break;
        }
    }
    ended
}

fn answer(options: &CallOptions, asked: Asked) -> Result<Answer, Refusal> {
    let (function, reply) = match asked {
        Asked::Refused(refusal) => return Err(refusal),
        Asked::Call(function, pending) => (function, pending.wait(options.acknowledge)),
        Asked::Query(function, pending) => (function, pending.wait(options.acknowledge)),
    };
    Answer::new(&function, reply?)
}

fn write_all(lines: &Receiver<String>) -> Result<(), Failure> {
    let mut output = Output::new();
    while let Ok(line) = lines.recv() {
        output.line(line)?;
        while let Ok(line) = lines.try_recv() {
            output.line(line)?;
        }
        output.flush()?;
        if output.is_closed() {
            break;
        }
    }
    Ok(())
}

/// `#12 ok(30)`, or why the call failed, on one line.
fn text(answer: &Result<Answer, Refusal>) -> String {
    match answer {
        Ok(answer) => format!("{} {}", answer.place(), answer.wave()),
        Err(refusal) => {
            format!("error {}: {}", refusal.code, Printable(&refusal.message.replace('\n', " ")))
        }
    }
}
