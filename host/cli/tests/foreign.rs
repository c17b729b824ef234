//! `build --from`: modules in C and in Python, made by their own bindings generators from the guest
//! world that `codegen --wit` writes, with no SDK of ours. They use the typed door of their table.
//! `cargo xtask setup --tests` installs the tools.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::{Expect, expect};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Case, root};

const INPUT: &str = "\
acme:notes write(\"ada\", \"first\")
acme:notes write(\"bob\", \"second\")
acme:notes write(\"ada\", \"third\")
acme:notes write(\"ada\", \"\")
acme:notes rate(1, 5)
acme:notes rate(9, 5)
query acme:notes by(\"ada\")
query acme:notes by(\"nobody\")
";

fn answers() -> Expect {
    expect![[r##"
        #2 ok(1)
        #3 ok(2)
        #4 ok(3)
        @4 err(empty)
        #5 ok
        @5 err(no-such-note(9))
        @5 [{id: 3, author: "ada", text: "third"}, {id: 1, author: "ada", text: "first", stars: some(5)}]
        @5 []
    "##]]
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign")
}

/// A folder with the module's WIT at `notes.wit`, and its guest world at `guest`.
fn case() -> Case {
    let case = Case::new();
    case.write("notes.wit", std::fs::read(sources().join("notes.wit")).unwrap());
    let ended = case.run(&["codegen", "notes.wit", "--wit", "--output", "guest"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    case
}

fn start(case: &Case, program: impl AsRef<Path>, arguments: &[&str]) {
    let mut command = Command::new(program.as_ref());
    let status = command.args(arguments).current_dir(case.path("")).status();
    let status = status.unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo xtask setup --tests` installs it", program.as_ref().display())
    });
    assert!(status.success(), "{} failed", program.as_ref().display());
}

/// Builds the module from a binary and lets it answer.
fn check(case: &Case, binary: &str) {
    let built = case.run(&["build", "--from", binary, "--wit", "notes.wit", "--output", "notes.wasm"]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert_eq!(case.run(&["check", "notes.wasm"]).code, 0);
    let ended = case.run_with_input(&["run", "--data", "data", "notes.wasm"], INPUT);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    answers().assert_eq(&ended.stdout);
    // What the typed door wrote is found again when the log is replayed.
    let again = case.run(&["query", "--data", "data", "acme:notes", "by(\"bob\")"]);
    assert_eq!(again.stdout.trim(), "[{id: 2, author: \"bob\", text: \"second\"}]");
}

#[test]
fn a_module_in_c_needs_no_sdk() {
    let case = case();
    compile_c(&case);
    check(&case, "core.wasm");
}

#[test]
fn a_module_in_python_needs_no_sdk() {
    let case = case();
    let program = root().join("target/tools/python/bin/componentize-py");
    // Python leaves its bytecode beside the source.
    case.write("app.py", std::fs::read(sources().join("app.py")).unwrap());
    let world = ["-d", "guest", "-w", "notebook-guest", "componentize", "--stub-wasi"];
    start(&case, program, &[&world[..], &["app", "-o", "python.wasm"]].concat());
    check(&case, "python.wasm");
}

#[test]
fn a_binary_of_another_world_is_refused() {
    let case = case();
    compile_c(&case);
    let other = std::fs::read_to_string(case.path("notes.wit")).unwrap().replace("stars: u8", "stars: u16");
    case.write("other.wit", other);
    let ended = case.run(&["build", "--from", "core.wasm", "--wit", "other.wit", "--output", "notes.wasm"]);
    expect![[r#"
        exit 5
        --- stderr
        error: the component contradicts its schema:
          the function `rate` of `acme:notes/notes@1.0.0` differs: the parameter `stars` is u8 in the binary, not u16
    "#]].assert_eq(&ended.shown());
    assert!(!case.path("notes.wasm").exists(), "nothing is left of a build that failed");
}

/// Makes `core.wasm`, a core module that names its world.
fn compile_c(case: &Case) {
    generate_c(case);
    let include = format!("-I{}", sources().join("include").display());
    let notes = sources().join("notes.c");
    for (source, object) in [("notebook_guest.c", "guest.o"), (notes.to_str().unwrap(), "notes.o")] {
        let target = ["--target=wasm32-unknown-unknown", "-O2", "-ffreestanding", "-Wall", "-Werror", "-I."];
        start(case, "clang", &[&target[..], &[&include, "-c", source, "-o", object]].concat());
    }
    let objects = ["notes.o", "guest.o", "notebook_guest_component_type.o", "-o", "core.wasm"];
    start(case, rust_lld(), &[&["-flavor", "wasm", "--no-entry"], &objects[..]].concat());
}

fn generate_c(case: &Case) {
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_path(case.path("guest")).unwrap();
    let world = resolve.select_world(&[package], Some("notebook-guest")).unwrap();
    let mut files = wit_bindgen_core::Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files).unwrap();
    for (name, content) in files.iter() {
        case.write(name, content);
    }
}

/// The linker that comes with the Rust toolchain.
fn rust_lld() -> PathBuf {
    let says = |arguments: &[&str]| {
        let output = Command::new("rustc").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let host =
        says(&["-vV"]).lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned)).unwrap();
    Path::new(says(&["--print", "sysroot"]).trim()).join("lib/rustlib").join(host).join("bin/rust-lld")
}
