//! What goes wrong, what is said of it, and with which exit code; and that nothing of it is left behind.

#![allow(clippy::unwrap_used)]

#[path = "support/mount.rs"]
mod mount;
mod support;

use expect_test::expect;
use mount::Mount;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use support::{Case, bank, check, component};

fn total(case: &Case) -> String {
    case.run(&["query", "--data", "data", "acme:bank", "total()"]).stdout
}

#[test]
fn exit_codes_tell_who_was_wrong() {
    let case = bank();
    let before = total(&case);
    let call = |call: &str| case.run(&["call", "--data", "data", "acme:bank", call]);
    assert_eq!(call("transfer(2, 3, 1)").code, 0);
    assert_eq!(call("transfer(2, 3, 1000)").code, 1, "the module returns err");
    assert_eq!(call("transfer(2, 3)").code, 3);
    assert_eq!(call("transfer(2, 3, \"much\")").code, 3);
    assert_eq!(call("transfre(2, 3, 1)").code, 3);
    assert_eq!(call("balance(2)").code, 3, "a query is not called");
    assert_eq!(call("accrue()").code, 3, "the host alone calls it");
    assert_eq!(call("journal(2, 0, 9)").code, 3, "it is private");
    assert_eq!(case.run(&["call", "--data", "data"]).code, 2);
    assert_eq!(total(&case), before, "nothing of what failed is left");
}

#[test]
fn refusals_say_what_was_expected() {
    let case = bank();
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "transfer(2, 3)"],
        expect![[r#"
            exit 3
            --- stderr
            error: line 1, column 9: `transfer` takes 3 arguments, 2 are given (the function is `transfer: func(source: u64, target: u64, amount: u64) -> result<_, variant { no-such-account(u64), insufficient-funds(s64), too-much(u64) }>`)
        "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "transfer(2, 3, true)"],
        expect![[r#"
            exit 3
            --- stderr
            error: line 1, column 16: `amount`: expected `u64`, found a bool (the function is `transfer: func(source: u64, target: u64, amount: u64) -> result<_, variant { no-such-account(u64), insufficient-funds(s64), too-much(u64) }>`)
        "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "transfre(2, 3, 1)"],
        expect![[r#"
            exit 3
            --- stderr
            error: acme:bank@1.2.0 has no function `transfre` that can be called (did you mean `transfer`?); it has ledger.open-account, ledger.deposit, ledger.withdraw, ledger.transfer, ledger.balance, ledger.find, ledger.total
        "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "journal(2, 0, 9)"],
        expect![[r#"
        exit 3
        --- stderr
        error: audit.journal of acme:bank@1.2.0 is private and cannot be called from outside
    "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bnak", "transfer(2, 3, 1)"],
        expect![[r#"
            exit 3
            --- stderr
            error: no module `acme:bnak` is installed (did you mean `acme:bank`?); installed: acme:bank@1.2.0
        "#]],
    );
    check(
        &case,
        &["query", "--data", "data", "acme:bank", "transfer(2, 3, 1)"],
        expect![[r#"
        exit 3
        --- stderr
        error: ledger.transfer of acme:bank@1.2.0 is a reducer, not a query: use `call`
    "#]],
    );
    check(
        &case,
        &["call", "--data", "data", "acme:bank", "transfer", "[2, 3, -1]"],
        expect![[r#"
            exit 3
            --- stderr
            error: $[2]: `amount`: expected `u64`, a whole number from 0 to 18446744073709551615, found -1 (the function is `acme:bank/ledger.transfer: func(source: u64, target: u64, amount: u64) -> result<_, variant { no-such-account(u64), insufficient-funds(s64), too-much(u64) }>`)
        "#]],
    );
}

#[test]
fn a_missing_import_is_told_with_what_to_do() {
    let case = Case::new();
    let shop = component("examples/shop");
    let ended = case.run(&["run", "--data", "data", shop.to_str().unwrap()]);
    assert_eq!(ended.code, 5);
    let shown = ended.stderr.replace(shop.to_str().unwrap(), "shop.wasm");
    expect![[r#"
        error: cannot install shop.wasm
          caused by: acme:shop@0.3.0 cannot be linked (present): table acme:bank/tables@1.2.0.{account}: wanted acme:bank@1.2.0, found no such module; install acme:bank first, or in the same command
    "#]].assert_eq(&shown);
    let log = case.run(&["log", "--data", "data"]);
    assert_eq!((log.code, log.stdout.as_str()), (0, ""), "{}", log.stderr);
}

#[test]
fn a_directory_without_a_database_is_not_filled() {
    let case = Case::new();
    std::fs::create_dir(case.path("empty")).unwrap();
    for command in ["call", "query", "log"] {
        let mut arguments = vec![command, "--data", "empty"];
        if command != "log" {
            arguments.extend(["acme:bank", "total()"]);
        }
        let ended = case.run(&arguments);
        assert_ne!(ended.code, 0);
        assert!(ended.stderr.contains("no database"), "{}", ended.stderr);
    }
    assert_eq!(case.run(&["log", "--data", "nowhere"]).code, 3);
    assert!(!case.path("nowhere").exists());
}

#[test]
fn a_component_that_is_refused_leaves_no_database_behind() {
    let case = Case::new();
    case.write("text.wasm", "this is text");
    case.write("forged.wasm", forged_bank());
    for (file, code) in [("nowhere.wasm", 3), ("text.wasm", 5), ("forged.wasm", 5)] {
        let ended = case.run(&["run", "--data", "data", file]);
        assert_eq!(ended.code, code, "{file}: {}", ended.stderr);
        assert!(!case.path("data").exists(), "{file} leaves a database behind");
    }
}

/// The bank with a schema that claims another result of `balance`.
fn forged_bank() -> Vec<u8> {
    let bank = std::fs::read(component("examples/bank")).unwrap();
    let mut schema = interstice_wit::section::extract(&bank).unwrap();
    let ledger = schema.exports.iter_mut().find(|interface| interface.name.name == "ledger").unwrap();
    ledger.functions.iter_mut().find(|function| function.name == "balance").unwrap().result = None;
    interstice_wit::section::embed(&bank, &schema).unwrap()
}

#[test]
fn a_forged_schema_is_refused() {
    let case = bank();
    case.write("forged.wasm", forged_bank());
    check(
        &case,
        &["check", "forged.wasm"],
        expect![[r#"
        exit 5
        --- stderr
        error: forged.wasm cannot be used
          caused by: the component contradicts its schema:
            the function `balance` of `acme:bank/ledger@1.2.0` differs: it returns a value in the binary
    "#]],
    );
    assert_eq!(case.run(&["run", "--data", "data", "forged.wasm"]).code, 5);
}

#[test]
fn arguments_that_cannot_be_read_are_told_apart_from_unknown_functions() {
    let case = bank();
    let call = |arguments: &[&str]| {
        case.run(&[&["call", "--data", "data", "acme:bank"], arguments].concat()).shown()
    };
    expect![[r#"
        exit 3
        --- stderr
        error: line 1, column 1: the arguments are not JSON: expected value (the function is `acme:bank/ledger.open-account: func(owner: string) -> result<record { id: u64, owner: string, balance: s64 }, variant { already-open(u64), no-name }>`)
    "#]].assert_eq(&call(&["open-account", "carol"]));
    expect![[r#"
        exit 3
        --- stderr
        error: line 1, column 13: expected `open-account(…)` (a call is written `name(argument, …)`)
    "#]]
    .assert_eq(&call(&["open-account \"carol\""]));
    expect![[r#"
        exit 3
        --- stderr
        error: the parameter `target: u64` is missing (the function is `acme:bank/ledger.transfer: func(source: u64, target: u64, amount: u64) -> result<_, variant { no-such-account(u64), insufficient-funds(s64), too-much(u64) }>`)
    "#]].assert_eq(&call(&["transfer", "{\"source\": 2}"]));
}

/// A program that asked for JSON used to find nothing on stdout.
#[test]
fn a_call_that_does_not_run_has_an_answer_in_json() {
    let case = bank();
    let ended = case.run(&["call", "--data", "data", "--json", "acme:bank", "transfer(2, 3)"]);
    assert_eq!(ended.code, 3);
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(answer["error"]["code"], "caller.bad-arguments");
    assert!(ended.stderr.contains(answer["error"]["message"].as_str().unwrap()), "{}", ended.stderr);
}

/// Nor did it where the database could not be opened.
#[test]
fn a_call_of_a_database_that_does_not_open_has_an_answer_in_json() {
    let case = bank();
    let code = |kind: &str, data: &str| {
        let ended = case.run(&[kind, "--data", data, "--json", "acme:bank", "total()"]);
        let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let message = answer["error"]["message"].as_str().unwrap();
        let first = message.split(": ").next().unwrap();
        assert!(ended.stderr.contains(first), "{message} / {}", ended.stderr);
        (ended.code, answer["error"]["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(code("query", "nowhere"), (3, "caller.not-opened".to_owned()));
    assert_eq!(code("call", "nowhere"), (3, "caller.not-opened".to_owned()));
    let manifest = case.path("data/MANIFEST");
    let mut bytes = std::fs::read(&manifest).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&manifest, bytes).unwrap();
    assert_eq!(code("query", "data"), (6, "ours.damaged".to_owned()));
}

#[test]
fn a_module_that_fails_has_exit_code_4_and_changes_nothing() {
    let case = Case::new();
    let hostile = component("tests/modules/hostile");
    assert_eq!(case.run(&["run", "--data", "data", hostile.to_str().unwrap()]).code, 0);
    let call = |call: &str, limit: &[&str]| {
        case.run(&[&["call", "--data", "data", "test:hostile", call], limit].concat())
    };
    assert_eq!(call("write(\"kept\")", &[]).code, 0);
    let panicked = call("panic(\"lost\")", &[]);
    assert_eq!(panicked.code, 4);
    assert!(panicked.stderr.contains("panicked at tests/modules/hostile/src/lib.rs:"), "{}", panicked.stderr);
    assert!(panicked.stderr.contains("as it was told to: lost"), "{}", panicked.stderr);
    for (deed, limit) in [
        ("loop-forever(\"lost\")", ["--fuel", "1000000"]),
        ("eat-memory(\"lost\")", ["--guest-memory", "8"]),
        ("overflow-stack(\"lost\")", ["--caller", "somebody"]),
    ] {
        let ended = call(deed, &limit);
        assert_eq!(ended.code, 4, "{deed}: {}", ended.stderr);
    }
    let notes = case.run(&["query", "--data", "data", "test:hostile", "notes()"]);
    assert_eq!(notes.stdout, "[\"kept\"]\n");
}

#[test]
fn a_database_of_a_newer_format_is_refused() {
    let case = bank();
    let manifest = std::fs::read_to_string(case.path("data/MANIFEST")).unwrap();
    let newer = manifest.replacen("format 1\n", "format 3\n", 1);
    let body = &newer[..newer.rfind("crc32c").unwrap()];
    let newer = format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
    case.write("data/MANIFEST", &newer);
    check(
        &case,
        &["query", "--data", "data", "acme:bank", "total()"],
        expect![[r#"
        exit 5
        --- stderr
        error: data/MANIFEST has format 3, and this program reads formats up to 2; open it with the version of interstice that wrote it, or a later one
    "#]],
    );
    assert_eq!(case.run(&["run", "--data", "data"]).code, 5);
    assert_eq!(case.run(&["log", "--data", "data"]).code, 5);
    assert_eq!(std::fs::read_to_string(case.path("data/MANIFEST")).unwrap(), newer);
    case.write("data/MANIFEST", manifest);
    assert_eq!(total(&case), "100\n");
}

#[test]
fn a_file_is_not_a_data_directory() {
    let case = Case::new();
    case.write("file", "mine");
    check(
        &case,
        &["run", "--data", "file"],
        expect![[r#"
        exit 3
        --- stderr
        error: file is not a directory
    "#]],
    );
    assert_eq!(case.run(&["call", "--data", "file", "acme:bank", "total()"]).code, 3);
    assert_eq!(case.run(&["log", "--data", "file"]).code, 3);
    std::os::unix::fs::symlink("nothing", case.path("link")).unwrap();
    let made = case.run(&["run", "--data", "link"]);
    assert_eq!(made.code, 3, "{}", made.stderr);
    assert!(made.stderr.contains("link is a symbolic link"), "{}", made.stderr);
}

/// The disk fails in the middle: from now on the operating system refuses to write beyond the first byte
/// of any file, as a user's limit on the size of files does.
#[test]
fn a_disk_that_fails_in_flight_leaves_the_outcome_unknown() {
    let case = bank();
    let command = format!("trap '' XFSZ; exec {} run --data data", env!("CARGO_BIN_EXE_interstice"));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &command]).current_dir(case.path(""));
    let mut child = shell
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |line: &str| {
        writeln!(input, "{line}").unwrap();
        output.next().unwrap().unwrap()
    };
    assert_eq!(ask("acme:bank deposit(2, 1)"), "#8 ok(101)");
    let limit = rustix::process::Rlimit { current: Some(1), maximum: Some(1) };
    let process = rustix::process::Pid::from_raw(child.id().try_into().unwrap());
    rustix::process::prlimit(process, rustix::process::Resource::Fsize, limit).unwrap();
    let answer = ask("acme:bank deposit(2, 10)");
    assert!(answer.starts_with("error outcome-unknown.disk-failed: "), "{answer}");
    // The next one may be in flight before the failure is known.
    let answer = ask("acme:bank deposit(2, 100)");
    let codes = ["error ours.poisoned: ", "error outcome-unknown.disk-failed: "];
    assert!(codes.iter().any(|code| answer.starts_with(code)), "{answer}");
    // What was never durable is not shown.
    assert_eq!(ask("query acme:bank balance(2)"), "@8 some(101)");
    drop(input);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(7));
    // It used to say only that something had failed, and neither which file nor why.
    let told = String::from_utf8(ended.stderr).unwrap();
    let reason = "caused by: the log is closed to writing since the disk failed (cannot write data/log/";
    assert!(told.contains(reason) && told.contains("File too large"), "{told}");
    let found = case.run(&["query", "--data", "data", "acme:bank", "balance(2)"]).stdout;
    assert_eq!(found, "some(101)\n", "nothing could be written");
}

/// Everybody was told that the disk is full, and `run` said at its end that the database had failed, and not which file.
#[test]
fn a_full_disk_refuses_what_grows_and_fails_nothing() {
    const CALLS: usize = 60_000;
    let case = Case::new();
    let Some(_mount) = Mount::new(case.path("small"), &["-t", "tmpfs", "-o", "size=2m", "none"]) else {
        return;
    };
    let bank = component("examples/bank");
    let run = ["run", "--data", "small/data", "--segment-bytes", "65536", "--snapshot-after", "0"];
    let calls = (0..CALLS).map(|number| format!("acme:bank open-account(\"somebody {number}\")\n"));
    let input = case.write("calls", calls.collect::<String>());
    let mut command = case.command(&[&run[..], &[bank.to_str().unwrap()]].concat());
    let ended = command.stdin(std::fs::File::open(input).unwrap()).output().unwrap();
    let answers = String::from_utf8(ended.stdout).unwrap();
    let refused = |line: &&str| line.starts_with("error ours.disk-full: ");
    let (refusals, made): (Vec<&str>, Vec<&str>) = answers.lines().partition(refused);
    assert_eq!(refusals.len() + made.len(), CALLS);
    assert!(!refusals.is_empty(), "the disk has room for all of it");
    assert!(made.iter().all(|line| line.contains(" ok(")), "{:?}", made.first());
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let opened =
        case.run(&["query", "--data", "small/data", "acme:bank", &format!("balance({})", made.len() + 1)]);
    assert_eq!(opened.stdout, "some(0)\n", "{}", opened.stderr);
}

/// A caller chooses its name, and wrote lines of the log by it.
#[test]
fn the_log_shows_what_a_name_of_a_caller_would_do_to_a_terminal() {
    let case = bank();
    let name = "bob\n       9  2026-11-30T14:20:26Z  acme:bank ledger.transfer(1, 2, 1000000) -> ok\u{1b}[2J";
    let call = ["call", "--data", "data", "acme:bank", "deposit(2, 1)", "--caller", name];
    assert_eq!(case.run(&call).code, 0);
    let log = case.run(&["log", "--data", "data", "--limit", "100"]).stdout;
    assert!(!log.contains('\u{1b}') && !log.contains("\n       9  "), "{log}");
    assert!(log.contains(r"by client bob\n       9  2026-11-30T14:20:26Z"), "{log}");
}

/// The message spoke of a limit that no option could raise.
#[test]
fn a_clock_beyond_its_limit_is_refused_with_the_option_that_raises_it() {
    let case = bank();
    let call =
        |days| case.run(&["call", "--data", "data", "acme:bank", "deposit(2, 1)", "--clock-jump", days]);
    let refused = call("0");
    assert_eq!(refused.code, 6, "{}", refused.stdout);
    assert!(refused.stderr.contains("raise the limit `clock-jump`"), "{}", refused.stderr);
    assert_eq!(call("1").code, 0);
}

/// The signal that comes with the error ended the process without a word.
#[test]
fn a_limit_on_the_length_of_files_is_told_with_the_file_and_loses_nothing() {
    let case = bank();
    let before = total(&case);
    let limited = |arguments: &str| {
        // 500 KiB: less than the space that is reserved when a database opens.
        let line = format!("ulimit -f 1000 && exec '{}' {arguments}", env!("CARGO_BIN_EXE_interstice"));
        let shell = Command::new("sh").args(["-c", &line]).current_dir(case.path("")).output().unwrap();
        (
            shell.status.code(),
            String::from_utf8(shell.stderr).unwrap(),
            String::from_utf8(shell.stdout).unwrap(),
        )
    };
    let (code, message, _) = limited("call --data data acme:bank 'deposit(2, 1)'");
    // The space is reserved beside the call, which may have been made by then.
    assert!(matches!(code, Some(6 | 7)), "{code:?}: {message}");
    assert!(message.contains("cannot reserve space for data/log/"), "{message}");
    assert!(message.contains("File too large"), "{message}");
    // Reads are answered, and closing says that nothing can be written.
    let (code, message, answer) = limited("query --data data acme:bank 'total()'");
    assert_eq!((code, answer), (Some(6), before.clone()), "{message}");
    assert_eq!(total(&case), before);
    assert_eq!(case.run(&["call", "--data", "data", "acme:bank", "deposit(2, 1)"]).code, 0);
}

/// A schedule that came due ran with what one call was given, failed, and was not run again.
#[test]
fn what_a_call_may_do_does_not_bind_a_schedule() {
    let case = Case::new();
    let ticker = component("tests/modules/ticker");
    assert_eq!(case.run(&["install", "--data", "data", ticker.to_str().unwrap()]).code, 0);
    let runs = || {
        let log = case.run(&["log", "--data", "data", "--function", "tick"]);
        assert_eq!(log.code, 0, "{}", log.stderr);
        log.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    for _ in 0..100 {
        if !runs().is_empty() {
            break;
        }
        let asked = case.run(&["query", "--data", "data", "--fuel", "100", "test:ticker", "ticks"]);
        assert_eq!(asked.code, 4, "{}{}", asked.stdout, asked.stderr);
        assert!(asked.stderr.contains("used up its fuel of 100"), "{}", asked.stderr);
    }
    assert!(!runs().is_empty(), "it comes due every 20 ms");
    let again = case.run(&["replay", "--verify", "--data", "data", "--fuel", "100"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert!(runs().iter().all(|run| run.contains("automation.tick() -> ok")), "{:?}", runs());
    let asked = case.run(&["query", "--data", "data", "--fuel", "0", "test:ticker", "ticks"]);
    assert_eq!(asked.code, 2, "{}", asked.stderr);
}
