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
    check(WIT, &["schema"], expect![[""]]);
}

#[test]
fn a_contract_without_mistakes_is_ok() {
    check(WIT, &["check"], expect![[""]]);
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let wit = WIT.replace("@unique", "@uniqe").replace("author, year", "auhtor, year").replace("@query", "");
    check(&wit, &["check"], expect![[""]]);
}

#[test]
fn the_hashes_of_a_contract_are_stable() {
    check(WIT, &["schema", "--hash"], expect![[""]]);
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
    check(WIT, &["check", "--world", "libary"], expect![[""]]);
}

#[test]
fn what_is_no_contract_is_told() {
    let case = Case::new();
    expect![[""]].assert_eq(&case.run(&["check"]).shown());
    expect![[""]].assert_eq(&case.run(&["check", "nowhere"]).shown());
    case.write("text.wasm", "this is text");
    expect![[""]].assert_eq(&case.run(&["check", "text.wasm"]).shown());
    case.write("core.wasm", b"\0asm\x01\0\0\0");
    expect![[""]].assert_eq(&case.run(&["schema", "core.wasm"]).shown());
    case.write("bare.wasm", b"\0asm\x0d\0\x01\0");
    expect![[""]].assert_eq(&case.run(&["schema", "bare.wasm"]).shown());
    case.write("short.wasm", b"\0asm\x0d\0\x01\0\x07\x20");
    expect![[""]].assert_eq(&case.run(&["schema", "short.wasm"]).shown());
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
