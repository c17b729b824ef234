//! Lines from a person: a prompt with history and completion, one call at a time.
//! The history lies in the user's state folder, by the XDG base directory specification, for a data
//! directory may be copied to others.
//! Invariant: the answer to a line is shown before the next line is asked for.

use super::completion::Completion;
use super::request::Request;
use crate::answer::{Answer, Refusal};
use crate::asking::Asking;
use crate::exit::{Exit, Failure};
use crate::terminal::{self, DIM, Output, RED};
use interstice_node::{CallOptions, Node, Printable};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use std::path::{Path, PathBuf};

const HELP: &str = "\
MODULE FUNCTION(ARGUMENTS)         calls a reducer
query MODULE FUNCTION(ARGUMENTS)   runs a query
modules                            lists what can be called
help                               shows this text
quit                               closes the database and exits, as Ctrl-D does";

pub(super) fn serve(node: &Node, options: &CallOptions, data: &Path) -> Result<(), Failure> {
    let failed =
        |error: ReadlineError| Failure::new(Exit::Ours, format!("cannot read from the terminal: {error}"));
    let config = Config::builder().auto_add_history(true).history_ignore_space(true).build();
    let mut editor: Editor<Completion, FileHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Completion::new(&node.modules())));
    let history = history_file();
    if let Some(history) = &history {
        // The first time the file does not exist.
        let _ = editor.load_history(history);
    }
    terminal::tell(&format!("{} is open; type `help` for usage, Ctrl-D to exit", data.display()));
    let mut asking = Asking::new(node);
    let ended = loop {
        match editor.readline("interstice> ") {
            Ok(line) => match line.trim() {
                "" => {}
                "quit" | "exit" => break Ok(()),
                "help" => terminal::tell(HELP),
                "modules" => show_modules(node)?,
                line => show(answer(node, options, &mut asking, line))?,
            },
            // Ctrl-C drops the line, as in a shell.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break Ok(()),
            Err(error) => break Err(failed(error)),
        }
    };
    if let Some(history) = &history {
        // A history that cannot be kept is no reason to complain at the end of a session.
        let _ = history.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(history);
    }
    ended
}

fn answer(node: &Node, options: &CallOptions, asking: &mut Asking, line: &str) -> Result<Answer, Refusal> {
    let request = Request::from_text(line)?;
    let (function, arguments) = asking.read(&request.module, &request.written())?;
    let reply = match request.is_query {
        true => node.query(&function, &arguments, options),
        false => node.call(&function, &arguments, options),
    };
    Answer::new(&function, reply?)
}

fn show(answer: Result<Answer, Refusal>) -> Result<(), Failure> {
    match answer {
        Ok(answer) => {
            let mut output = Output::new();
            let result = match answer.is_err() {
                true => terminal::stdout_style(&answer.wave(), RED),
                false => answer.wave(),
            };
            output.line(format!("{result}  {}", terminal::stdout_style(&answer.place(), DIM)))?;
            Ok(output.flush()?)
        }
        Err(refusal) => {
            let error = terminal::stderr_style("error", RED);
            terminal::tell(&format!("{error} {}: {}", refusal.code, Printable(&refusal.message)));
            Ok(())
        }
    }
}

fn show_modules(node: &Node) -> Result<(), Failure> {
    let mut output = Output::new();
    for line in super::completion::callable(&node.modules()) {
        output.line(line.shown())?;
    }
    Ok(output.flush()?)
}

/// `$XDG_STATE_HOME/interstice/history`
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let state = state.or_else(|| Some(std::env::home_dir()?.join(".local/state")))?;
    Some(state.join("interstice/history"))
}
