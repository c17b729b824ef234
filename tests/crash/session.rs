//! One process of a workload: started, traced, sent its lines, read to its end, all before a deadline.
//! Invariant: when a session has ended, its process has too.

use crate::script::{Call, End, Line, Step};
use crate::tracer::{Counter, Exit, Traced};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long a process may take that is done in a second, on a machine that does much else.
const DEADLINE: Duration = Duration::from_secs(60);

/// What became of a call, as far as its caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was answered, with the sequence of its transaction.
    Acknowledged(u64),
    /// It was answered with an error of that code, which says that it changed nothing.
    Refused(String),
    /// It was not answered, or with an outcome that is not known.
    Unknown,
}

/// A call that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) call: Call,
    pub(crate) fate: Fate,
}

/// How a process ended, and what it said.
pub(crate) struct Session {
    pub(crate) sent: Vec<Sent>,
    /// The messages of its errors.
    pub(crate) errors: Vec<String>,
    /// How many lines were answered.
    pub(crate) answered: usize,
    pub(crate) stderr: String,
    pub(crate) exit: Exit,
    /// What its threads were doing when it was killed because it did not end by itself.
    pub(crate) hung: Option<String>,
}

/// Runs a step on the database `data` in the folder that the counter watches. Components lie in `modules`.
pub(crate) fn run(step: &Step, data: &Path, modules: &Path, counter: &mut Counter) -> Session {
    let interstice = Path::new(env!("CARGO_BIN_EXE_interstice"));
    let (traced, input) = Traced::start(interstice, arguments(step, data, modules));
    let (lines, end) = match step {
        Step::Run { lines, end, .. } => (lines.as_slice(), *end),
        Step::Command(..) | Step::Upgrade(_) | Step::Backup | Step::Restore => (&[][..], End::Closed),
    };
    let mut traced = traced;
    let (output, mut errors) = (traced.child.stdout.take().unwrap(), traced.child.stderr.take().unwrap());
    let (answer, answers) = channel();
    let (ended, wait_for_end) = channel::<()>();
    let traced = &traced;
    thread::scope(|scope| {
        let reading = scope.spawn(move || {
            read_answers(output).for_each(|value| answer.send(value).unwrap_or_default());
        });
        let stderr = scope.spawn(move || {
            let mut text = Vec::new();
            errors.read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        });
        let feeding = scope.spawn(move || feed(lines, end, traced, input, &answers));
        let watching = scope.spawn(move || {
            let has_hung = wait_for_end.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout);
            has_hung.then(|| {
                let threads = traced.threads();
                traced.kill();
                threads
            })
        });
        let exit = traced.follow(counter);
        drop(ended);
        reading.join().unwrap();
        let (stderr, hung) = (stderr.join().unwrap(), watching.join().unwrap());
        let (calls, answers) = feeding.join().unwrap();
        let errors = answers.iter().filter_map(|value| value["error"]["message"].as_str());
        let errors = errors.map(str::to_owned).collect();
        let answered = answers.len();
        let sent = fates(calls, &answers);
        Session { sent, errors, answered, stderr, exit, hung }
    })
}

fn arguments(step: &Step, data: &Path, modules: &Path) -> Vec<String> {
    let word = |word: &&str| (*word).to_owned();
    let beside = |name| data.with_file_name(name).display().to_string();
    let (backup, restored) = (beside("backup"), beside("restored"));
    let data = data.display().to_string();
    match step {
        Step::Backup => ["backup", "--data", &data, "--to", &backup].map(str::to_owned).into(),
        Step::Restore => ["restore", &backup, "--data", &restored].map(str::to_owned).into(),
        Step::Run { modules: names, options, .. } => {
            let fixed = ["run", "--json", "--segment-bytes", "16384", "--data", &data].map(str::to_owned);
            let components = names.iter().map(|name| modules.join(name).display().to_string());
            fixed.into_iter().chain(options.iter().map(word)).chain(components).collect()
        }
        Step::Upgrade(component) => {
            let fixed = ["upgrade", "--segment-bytes", "16384", "--data", &data].map(str::to_owned);
            fixed.into_iter().chain([modules.join(component).display().to_string()]).collect()
        }
        Step::Command(before, after) => {
            let data = ["--data".to_owned(), data];
            before.iter().map(word).chain(data).chain(after.iter().map(word)).collect()
        }
    }
}

fn read_answers(output: ChildStdout) -> impl Iterator<Item = Value> {
    let lines = BufReader::new(output).lines().map_while(Result::ok);
    // A process that is killed may leave half a line.
    lines.map_while(|line| serde_json::from_str(&line).ok())
}

/// Does what the script says, and answers which calls were sent and what was answered.
fn feed(
    lines: &[Line],
    end: End,
    traced: &Traced,
    mut input: ChildStdin,
    answers: &Receiver<Value>,
) -> (Vec<Call>, Vec<Value>) {
    let (mut calls, mut answered) = (Vec::new(), Vec::new());
    let mut is_open = true;
    for line in lines {
        match line {
            Line::Send(call) => {
                let request = json!({ "id": calls.len(), "module": "test:journal", "wave": call.text });
                calls.push(call.clone());
                is_open = writeln!(input, "{request}").is_ok();
            }
            Line::Await => {
                let awaited = calls.len() - answered.len();
                answered.extend(answers.iter().take(awaited));
                is_open = answered.len() == calls.len();
            }
            Line::Pause(duration) => thread::sleep(*duration),
        }
        if !is_open {
            break;
        }
    }
    if end == End::Killed && is_open {
        answered.extend(answers.iter().take(calls.len() - answered.len()));
        traced.kill();
    }
    drop(input);
    answered.extend(answers);
    (calls, answered)
}

/// Answers come in the order of the lines.
fn fates(calls: Vec<Call>, answers: &[Value]) -> Vec<Sent> {
    let fate = |(number, call): (usize, &Call)| {
        let Some(answer) = answers.get(number) else { return Fate::Unknown };
        assert_eq!(answer["id"], number, "an answer came out of turn: {answer}");
        match (answer["sequence"].as_u64(), answer["error"]["code"].as_str()) {
            (Some(sequence), None) => Fate::Acknowledged(sequence),
            (None, Some(code)) if code.starts_with("outcome-unknown.") => Fate::Unknown,
            (None, Some(code)) => Fate::Refused(code.to_owned()),
            _ => panic!("{} was answered with {answer}", call.text),
        }
    };
    let fates: Vec<Fate> = calls.iter().enumerate().map(fate).collect();
    calls.into_iter().zip(fates).map(|(call, fate)| Sent { call, fate }).collect()
}
