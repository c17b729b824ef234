//! `run` on a terminal: the prompt, completion, history and how it ends, on a pseudo-terminal that the
//! test types into.

#![allow(clippy::unwrap_used)]

mod support;

use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use support::{Case, bank};

const UP: &str = "\u{1b}[A";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// How long the screen may take to show something; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with `interstice run` on it.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<(Mutex<Vec<u8>>, Condvar)>,
    /// How much of the screen has been looked at.
    seen: usize,
}

impl Terminal {
    fn open(case: &Case) -> Terminal {
        // Wide enough that no line of the test is broken.
        let size = Winsize { ws_row: 50, ws_col: 250, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let mut command = case.command(&["run", "--data", "data"]);
        command.env("XDG_STATE_HOME", case.path("state")).env("TERM", "xterm").env("NO_COLOR", "1");
        let side = || pty.slave.try_clone().unwrap();
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let screen = Arc::new((Mutex::default(), Condvar::new()));
        let mut output = File::from(pty.master.try_clone().unwrap());
        let shared = screen.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails once the process has gone.
            while let Ok(length) = output.read(&mut buffer)
                && length > 0
            {
                let (text, changed): &(Mutex<Vec<u8>>, Condvar) = &shared;
                text.lock().unwrap().extend_from_slice(&buffer[..length]);
                changed.notify_all();
            }
        });
        let mut terminal = Terminal { child, keyboard: pty.master.into(), screen, seen: 0 };
        terminal.expect("data is open; type `help` for usage, Ctrl-D to exit");
        terminal.expect("interstice> ");
        terminal
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen shows this after what was expected before.
    #[track_caller]
    fn expect(&mut self, expected: &str) {
        let (text, changed) = &*self.screen;
        let hidden = |bytes: &mut Vec<u8>| find(&shown(&bytes[self.seen..]), expected).is_none();
        let (bytes, waited) = changed.wait_timeout_while(text.lock().unwrap(), PATIENCE, hidden).unwrap();
        let new = shown(&bytes[self.seen..]);
        assert!(!waited.timed_out(), "the terminal does not show {expected:?} but {:?}", text_of(&new));
        self.seen += find(&new, expected).unwrap();
    }

    /// Presses a key that ends the session.
    fn end(mut self, key: &str) {
        self.press(key);
        assert!(self.child.wait().unwrap().success());
    }
}

/// What is written as text, each byte with the place behind it; commands to the terminal are left out.
fn shown(bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut text = Vec::new();
    let mut rest = bytes.iter().copied().zip(1..);
    while let Some((byte, end)) = rest.next() {
        if byte == 0x1b {
            // `ESC [ numbers letter`
            rest.find(|(byte, _)| byte.is_ascii_alphabetic());
        } else {
            text.push((byte, end));
        }
    }
    text
}

fn text_of(shown: &[(u8, usize)]) -> String {
    String::from_utf8_lossy(&shown.iter().map(|(byte, _)| *byte).collect::<Vec<_>>()).into_owned()
}

/// The place behind the first occurrence.
fn find(shown: &[(u8, usize)], expected: &str) -> Option<usize> {
    let found = shown
        .windows(expected.len())
        .find(|window| window.iter().map(|(byte, _)| byte).eq(expected.as_bytes()))?;
    found.last().map(|(_, end)| *end)
}

#[test]
fn calls_are_completed_answered_and_remembered() {
    let case = bank();
    let mut terminal = Terminal::open(&case);
    terminal.press("ac\t");
    terminal.expect("acme:bank ");
    terminal.press("dep\t");
    terminal.expect("acme:bank deposit(");
    terminal.press("2, 5)\r");
    terminal.expect("\nok(105)  #8");
    terminal.expect("interstice> ");
    terminal.press("query acme:bank to\t");
    terminal.expect("query acme:bank total()");
    terminal.press("\r");
    terminal.expect("\n105  @8");
    terminal.expect("interstice> ");
    terminal.end(CTRL_D);

    let mut terminal = Terminal::open(&case);
    terminal.press(UP);
    terminal.expect("query acme:bank total()");
    terminal.press(UP);
    terminal.expect("acme:bank deposit(2, 5)");
    terminal.press("\r");
    terminal.expect("\nok(110)  #9");
    terminal.expect("interstice> ");
    terminal.end("quit\r");
    let history = std::fs::read_to_string(case.path("state/interstice/history")).unwrap();
    assert_eq!(history.matches("acme:bank deposit(2, 5)").count(), 2, "{history}");
}

#[test]
fn mistakes_and_ctrl_c_do_not_end_the_session() {
    let case = bank();
    let mut terminal = Terminal::open(&case);
    terminal.press("acme:bank deposit\r");
    terminal.expect("error caller.bad-arguments: line 1, column 8: expected `deposit(…)`");
    terminal.expect("interstice> ");
    terminal.press("acme:bank withdraw(2, 1000)");
    terminal.expect("1000)");
    terminal.press(CTRL_C);
    terminal.expect("interstice> ");
    terminal.press("modules\r");
    terminal.expect("\nquery acme:bank balance: func(id: u64) -> option<s64>");
    terminal.expect("interstice> ");
    terminal.press("help\r");
    terminal.expect("query MODULE FUNCTION(ARGUMENTS)   runs a query");
    terminal.expect("interstice> ");
    terminal.press("query acme:bank balance(2)\r");
    terminal.expect("\nsome(100)  @7");
    terminal.expect("interstice> ");
    terminal.end(CTRL_D);
}
