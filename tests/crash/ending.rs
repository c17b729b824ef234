//! How a process may end and what it must say, by docs/cli.md.
//! Invariant: every complaint says what the process said, so that it can be read without running it again.

use crate::fault::Fault;
use crate::script::{End, Step};
use crate::session::{Fate, Sent, Session};
use crate::tracer::Exit;
use nix::errno::Errno;
use nix::sys::signal::Signal;

/// Holds the end of a process against what is promised. `fault` is what came while it ran, if anything.
pub(crate) fn check(step: &Step, session: &Session, fault: Option<Fault>) -> Result<(), String> {
    let said = format!("{}\n{}", session.stderr, session.errors.join("\n"));
    let has_panicked = session.stderr.contains("' panicked at ")
        || ["the node panicked", "thread for answers failed", "thread for output failed"]
            .iter()
            .any(|text| said.contains(text));
    let found = match (&session.hung, fault) {
        (Some(threads), _) => Err(format!("it did not end by itself; its threads: {threads}")),
        (None, _) if has_panicked => Err("it panicked".to_owned()),
        (None, Some(Fault::Kill | Fault::Torn)) => was_killed(session),
        _ => session
            .sent
            .iter()
            .try_for_each(|sent| check_answer(sent, fault))
            .and_then(|()| check_exit(step, session, fault, &said)),
    };
    found.map_err(|what| format!("{what} (it ended with {:?} and said: {})", session.exit, said.trim()))
}

fn was_killed(session: &Session) -> Result<(), String> {
    match session.exit {
        Exit::Signal(Signal::SIGKILL) => Ok(()),
        _ => Err("it was not killed".to_owned()),
    }
}

fn check_answer(Sent { call, fate }: &Sent, fault: Option<Fault>) -> Result<(), String> {
    let text = &call.text;
    match fate {
        Fate::Acknowledged(_) if call.fails => Err(format!("{text} has not failed")),
        Fate::Acknowledged(_) => Ok(()),
        Fate::Refused(code) if call.fails && code.starts_with("module.") => Ok(()),
        Fate::Refused(code) if fault.is_some() && code.starts_with("ours.") => Ok(()),
        Fate::Refused(code) => Err(format!("{text} was refused with {code}")),
        Fate::Unknown if fault.is_none() => Err(format!("{text} was not answered")),
        Fate::Unknown => Ok(()),
    }
}

fn is_done_or_full(Sent { fate, .. }: &Sent) -> bool {
    match fate {
        Fate::Acknowledged(_) => true,
        Fate::Refused(code) => code.starts_with("module.") || code == "ours.disk-full",
        Fate::Unknown => false,
    }
}

fn check_exit(step: &Step, session: &Session, fault: Option<Fault>, said: &str) -> Result<(), String> {
    let Session { sent, answered, exit, .. } = session;
    let is_answered = *answered == sent.len();
    if let Step::Run { end: End::Killed, .. } = step
        && is_answered
        && was_killed(session).is_ok()
    {
        return Ok(());
    }
    let reasons = match fault {
        None if *exit == Exit::Code(0) => return Ok(()),
        Some(fault) if fault.errno() == Some(Errno::ENOSPC) => ["No space left on device", " is full"],
        Some(fault) if fault.errno() == Some(Errno::EIO) => ["Input/output error"; 2],
        _ => return Err("it failed without a fault".to_owned()),
    };
    let is_ours = |fate: &Fate| matches!(fate, Fate::Refused(code) if code.starts_with("ours."));
    let is_unknown = sent.iter().any(|sent| sent.fate == Fate::Unknown);
    let is_full = fault.is_some_and(|fault| fault.errno() == Some(Errno::ENOSPC));
    let has_failed = is_unknown || sent.iter().any(|sent| is_ours(&sent.fate));
    match exit {
        // Whoever wrote was told that the disk is full, and nothing else was wrong.
        Exit::Code(0) if is_full && is_answered && sent.iter().all(is_done_or_full) => Ok(()),
        // The fault was harmless, and nobody was told otherwise.
        Exit::Code(0) if is_answered && !has_failed => Ok(()),
        Exit::Code(6 | 7) if !reasons.iter().any(|reason| said.contains(reason)) => {
            Err("it does not say what failed".to_owned())
        }
        // It failed before it served anyone, or all lines were answered.
        Exit::Code(6) if *answered == 0 || (is_answered && !is_unknown) => Ok(()),
        Exit::Code(7) if *answered == 0 || is_answered => Ok(()),
        _ => Err("it ended otherwise than docs/cli.md says".to_owned()),
    }
}
