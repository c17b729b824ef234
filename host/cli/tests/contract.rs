//! `check`, `schema` and `codegen`: what a contract says, and everything that is wrong with it.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::{Expect, expect};
use support::{Case, root};

const WIT: &str = "\
package acme:library@1.0.0;

interface tables {
  /// @table(primary-key = id, visibility = public)
  /// @index(author, year)
  record book {
    /// @auto-increment
    id: u64,
    /// @unique
    isbn: string,
    author: string,
    /// @default(1970)
    year: u16,
    shelf: shelf,
  }
  enum shelf { novels, poems }
  type isbn = string;
}

interface lending {
  use tables.{book};
  variant lend-error { no-such-book(u64), lent }
  /// @reducer
  lend: func(id: u64, to: string) -> result<book, lend-error>;
  /// @query
  by-author: func(author: string) -> list<book>;
}

/// @visibility(private)
interface automation {
  use tables.{book};
  /// @on(insert book, where = year > 2000)
  arrived: func(row: book);
  /// @schedule(every = 90m)
  remind: func();
}

world library {
  export tables;
  export lending;
  export automation;
}
";

fn check(wit: &str, arguments: &[&str], expected: Expect) {
    let case = Case::new();
    case.write("wit/library.wit", wit);
    expected.assert_eq(&case.run(arguments).shown());
}

#[test]
fn a_contract_is_shown_as_a_tree() {
    check(
        WIT,
        &["schema"],
        expect![[r#"
        exit 0
        --- stdout
        acme:library@1.0.0 (world library)
        ├── interface automation (private)
        │   ├── use acme:library/tables@1.0.0.{book}
        │   ├── on insert book where year > 2000 arrived: func(row: book)
        │   └── every 90m remind: func()
        ├── interface lending
        │   ├── use acme:library/tables@1.0.0.{book}
        │   ├── variant lend-error { no-such-book(u64), lent }
        │   ├── reducer lend: func(id: u64, to: string) -> result<book, lend-error>
        │   └── query by-author: func(author: string) -> list<book>
        └── interface tables
            ├── table book (public)
            │   ├── id: u64, auto-increment
            │   ├── isbn: string
            │   ├── author: string
            │   ├── year: u16, default 1970
            │   ├── shelf: shelf
            │   ├── primary key (id)
            │   ├── index (author, year)
            │   └── unique index (isbn)
            ├── enum shelf { novels, poems }
            └── type isbn = string
    "#]],
    );
}

#[test]
fn a_contract_without_mistakes_is_ok() {
    check(
        WIT,
        &["check"],
        expect![[r#"
            exit 0
            --- stdout
            ok  acme:library@1.0.0 (world library): 1 table, 4 functions, 0 imports
                owns        book (public)
                is run      on insert of acme:library/book: automation.arrived
                is run      every 90m: automation.remind
        "#]],
    );
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let wit = WIT.replace("@unique", "@uniqe").replace("author, year", "auhtor, year").replace("@query", "");
    check(
        &wit,
        &["check"],
        expect![[r#"
            exit 1
            --- stderr
              × the table `book` has no column `auhtor`
               ╭─[wit/library.wit:5:14]
             4 │   /// @table(primary-key = id, visibility = public)
             5 │   /// @index(auhtor, year)
               ·              ───┬──
               ·                 ╰── unknown column
             6 │   record book {
               ╰────
              help: did you mean `author`? its columns are `id`, `isbn`, `author`, `year`, `shelf`
              × `@uniqe` is not a directive
                ╭─[wit/library.wit:9:10]
              8 │     id: u64,
              9 │     /// @uniqe
                ·          ──┬──
                ·            ╰── unknown directive
             10 │     isbn: string,
                ╰────
              help: did you mean `unique`? the directives are `@table`, `@index`, `@unique`, `@auto-increment`, `@default`, `@reducer`, `@query`, `@on`, `@schedule`, `@migrate`, `@visibility`, `@renamed-from`; a line of prose may begin with a word in backticks instead
              × `by-author` does not say what it is to the database
                ╭─[wit/library.wit:26:3]
             25 │   /// 
             26 │   by-author: func(author: string) -> list<book>;
                ·   ────┬────
                ·       ╰── expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
             27 │ }
                ╰────
              help: write `/// @reducer` above it if it writes, `/// @query` if it only reads
            error: 3 mistakes in the WIT package
        "#]],
    );
}

#[test]
fn the_hashes_of_a_contract_are_stable() {
    check(
        WIT,
        &["schema", "--hash"],
        expect![[r#"
        exit 0
        --- stdout
        interface  907bd41985cbcab2cc273cdd14c7942689fccfca86754b04a6b9edbb77ae9ee8  acme:library@1.0.0
                   b9cc3310b1adf14fc2de93bf485d1fe4cb7cd3a80081198b98cd0f6ab5a57779  acme:library/lending
                   86fe0244a0161bfc3d3ac5a55eb81c010e11a1c337acd6aab53f6216892d5edd  acme:library/tables
        storage    2e2c6fb488603cf150ec83d6e6866dc8485856421a6ea8a8301b85baab207e8f  tables, keys and indexes
    "#]],
    );
}

#[test]
fn docs_and_versions_change_no_hash() {
    let case = Case::new();
    case.write("one/wit/library.wit", WIT);
    let other =
        WIT.replace("interface lending", "/// Who has what.\ninterface lending").replace("@1.0.0", "@1.0.7");
    case.write("other/wit/library.wit", other);
    let hashes = |folder| {
        let shown = case.run(&["schema", "--hash", "--json", folder]).stdout;
        shown.replace("1.0.7", "1.0.0")
    };
    assert_eq!(hashes("one"), hashes("other"));
}

#[test]
fn json_holds_the_schema_and_the_hashes() {
    let case = Case::new();
    let file = case.write("library.wit", WIT);
    let shown = case.run(&["schema", "--json", file.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(json["schema"]["package"]["name"], "library");
    assert_eq!(json["hashes"]["storage"].as_str().unwrap().len(), 64);
}

#[test]
fn an_unknown_world_is_told_with_those_that_are_there() {
    check(
        WIT,
        &["check", "--world", "libary"],
        expect![[r#"
        exit 1
        --- stderr
          × there is no world `libary` in `acme:library@1.0.0`
           ╭─[wit/library.wit:1:9]
         1 │ package acme:library@1.0.0;
           ·         ─────────┬────────
           ·                  ╰── here
         2 │ 
           ╰────
          help: did you mean `library`? the package has `library`
        error: 1 mistake in the WIT package
    "#]],
    );
}

#[test]
fn what_is_no_contract_is_told() {
    let case = Case::new();
    expect![[r#"
        exit 3
        --- stderr
        error: . contains neither a `.wit` file nor a folder `wit`
    "#]]
    .assert_eq(&case.run(&["check"]).shown());
    expect![[r#"
        exit 3
        --- stderr
        error: cannot read nowhere: No such file or directory (os error 2)
    "#]]
    .assert_eq(&case.run(&["check", "nowhere"]).shown());
    case.write("text.wasm", "this is text");
    expect![[r#"
        exit 5
        --- stderr
        error: text.wasm cannot be used
          caused by: this is not a WebAssembly file
    "#]]
    .assert_eq(&case.run(&["check", "text.wasm"]).shown());
    case.write("core.wasm", b"\0asm\x01\0\0\0");
    expect![[r#"
        exit 5
        --- stderr
        error: core.wasm cannot be used
          caused by: this is a core WebAssembly module, not a component; `interstice build --from` makes one of it
    "#]].assert_eq(&case.run(&["schema", "core.wasm"]).shown());
    case.write("bare.wasm", b"\0asm\x0d\0\x01\0");
    expect![[r#"
        exit 5
        --- stderr
        error: bare.wasm cannot be used
          caused by: the component has no section `interstice:schema`; `interstice build --from` adds it
    "#]]
    .assert_eq(&case.run(&["schema", "bare.wasm"]).shown());
    case.write("short.wasm", b"\0asm\x0d\0\x01\0\x07\x20");
    expect![[r#"
        exit 5
        --- stderr
        error: short.wasm cannot be used
          caused by: the component is truncated: it ends at byte 10, in the middle of a section
    "#]]
    .assert_eq(&case.run(&["schema", "short.wasm"]).shown());
}

#[test]
fn generated_code_is_checked_for_being_stale() {
    let case = Case::new();
    case.write("wit/library.wit", WIT);
    for (output, file, more) in
        [("bindings.rs", "bindings.rs", None), ("guest", "guest/library.wit", Some("--wit"))]
    {
        let run = |check: Option<&str>| {
            let mut arguments = vec!["codegen", "--output", output];
            arguments.extend(more.into_iter().chain(check));
            case.run(&arguments).code
        };
        assert_eq!(run(Some("--check")), 1, "{file} is not there yet");
        assert_eq!(run(None), 0);
        assert_eq!(run(Some("--check")), 0);
        let text = std::fs::read_to_string(case.path(file)).unwrap();
        case.write(file, text + "\n// more\n");
        assert_eq!(run(Some("--check")), 1, "{file} was changed");
    }
}

#[test]
fn the_guest_world_is_wit_that_can_be_read_again() {
    let case = Case::new();
    case.write("wit/library.wit", WIT);
    assert_eq!(case.run(&["codegen", "--wit", "--output", "guest"]).code, 0);
    let mut resolve = wit_parser::Resolve::default();
    resolve.push_path(case.path("guest")).unwrap();
    let world = resolve.worlds.iter().map(|(_, world)| world).find(|world| world.name == "library-guest");
    let imports = world.unwrap().imports.keys().map(|key| resolve.name_world_key(key)).collect::<Vec<_>>();
    assert!(imports.contains(&"acme:library/book-table@1.0.0".to_owned()), "{imports:?}");
}

#[test]
fn examples_are_free_of_mistakes() {
    let case = Case::new();
    for example in ["bank", "shop", "smallbank/savings", "smallbank/checking"] {
        let folder = root().join("examples").join(example);
        let ended = case.run(&["check", folder.to_str().unwrap()]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::io::Read;
    let case = Case::new();
    case.write("wit/library.wit", WIT);
    let mut child = case.command(&["schema", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(complaint, "");
}

/// docs/cli.md, which must say what the command says of itself.
fn manual() -> String {
    std::fs::read_to_string(root().join("docs/cli.md")).unwrap()
}

#[test]
fn the_manual_has_the_exit_codes_of_the_help() {
    let help = Case::new().run(&["--help"]).stdout;
    let codes = help.split("Exit codes:\n").nth(1).unwrap();
    let manual = manual().replace('`', "");
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        let row = format!("| {code} | {meaning} |");
        assert!(manual.contains(&row), "docs/cli.md has no row {row}");
    }
}

#[test]
fn the_manual_knows_every_command_and_option() {
    let case = Case::new();
    let manual = manual();
    for command in [
        "new", "build", "check", "schema", "codegen", "run", "call", "query", "log", "snapshot", "state",
        "replay", "backup", "restore",
    ] {
        assert!(manual.contains(&format!("`interstice {command}")), "docs/cli.md lacks {command}");
        let help = case.run(&[command, "--help"]).stdout;
        for line in help.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
            let Some(option) = line.split([' ', ',']).find(|word| word.starts_with("--")) else { continue };
            if !["--help", "--version"].contains(&option) {
                assert!(manual.contains(&format!("`{option}")), "docs/cli.md lacks {option} of {command}");
            }
        }
    }
}
