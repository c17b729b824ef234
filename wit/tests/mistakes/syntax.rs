//! Mistakes that wit-parser finds. It stops at the first of them; here they are told together, each with
//! a mend that fits.

use crate::{check, check_files};
use expect_test::expect;

/// The name of a package went on up to the next `{`, and the message was about a nested package there.
#[test]
fn a_package_line_without_its_semicolon_is_told_where_it_stands() {
    check(
        "package acme:bank@1.2.0
interface ledger { f: func(); g: fnc(); }
world bank { export ledger; }",
        expect![[r#"
            bank.wit:1:9: the line with the package's name does not end
              `acme:bank@1.2.0` expected `;` behind it
              mend: write `package acme:bank@1.2.0;`

            bank.wit:2:34: expected keyword `func`, found an identifier
              `fnc` here
              mend: did you mean `func`?

        "#]],
    );
    check(
        "package acme:bank@1.2.0",
        expect![[r#"
        bank.wit:1:9: the line with the package's name does not end
          `acme:bank@1.2.0` expected `;` behind it
          mend: write `package acme:bank@1.2.0;`

    "#]],
    );
    check(
        "package a : b @ 1.2.0\n;\ninterface i { type t = u8; }\nworld w { export i; }",
        expect!["no mistakes"],
    );
}

/// Every message of the parser had a "did you mean": of a duplicate name the one that was meant to differ,
/// of a punctuation mark a name of one letter, of a forgotten brace the keyword behind it as a name.
#[test]
fn names_are_suggested_for_unknown_names_only() {
    check(
        "package a:b@1.0.0;
interface i { record account { x: u8 } record accounts { x: u8 } record account { x: u8 } }",
        expect![[r#"
            bank.wit:2:73: name `account` is defined more than once
              `account` here
              mend: give one of the two another name

        "#]],
    );
    check(
        "package a:b@1.0.0;\ninterface i { record r { x: u8; y: u8 } }",
        expect![[r#"
        bank.wit:2:31: expected '}', found ';'
          `;` here
          mend: write `,` in place of `;`

    "#]],
    );
    check(
        "package a:b@1.0.0;\ninterface i { record r { x: u8 y: u8 } }",
        expect![[r#"
        bank.wit:2:32: expected '}', found an identifier
          `y` here
          mend: write `,` or `}` before `y`

    "#]],
    );
    check(
        "package a:b@1.0.0;\ninterface i { record r { x: u8 }\nworld w { export i; }",
        expect![[r#"
        bank.wit:3:1: expected `type`, `resource` or `func`, found keyword `world`
          `world` here
          mend: a `}` is missing before it

    "#]],
    );
    check(
        "package a:b@1.0.0;\ninterface i { record r { x: u8,\n}\nworld w { export i; }",
        expect![[r#"
        bank.wit:4:1: expected `type`, `resource` or `func`, found keyword `world`
          `world` here
          mend: a `}` is missing before it

    "#]],
    );
    check(
        "package a:b@1.0.0;\ninterface i { type t = u8 }",
        expect![[r#"
        bank.wit:2:27: expected ';', found '}'
          `}` here
          mend: write `;` before `}`

    "#]],
    );
    check(
        "package a:b@1.0.0;\ninterface i { } }",
        expect![[r#"
        bank.wit:2:17: expected `world`, `interface` or `use`, found '}'
          `}` here
          mend: there is one `}` too many

    "#]],
    );
    check(
        "package a:b@1.0.0;\nrecord r { x: u8 }",
        expect![[r#"
        bank.wit:2:1: expected `world`, `interface` or `use`, found keyword `record`
          `record` here
          mend: types and functions stand in an interface: `interface ledger { … }`

    "#]],
    );
    check(
        "package a:b@1.0.0;\ninterfce i { }",
        expect![[r#"
        bank.wit:2:1: expected `world`, `interface` or `use`, found an identifier
          `interfce` here
          mend: did you mean `interface`?

    "#]],
    );
    check(
        &format!(
            "package a:b@1.0.0;\ninterface i {{ type t = {}u8{}; }}",
            "list<".repeat(101),
            ">".repeat(101)
        ),
        expect![[r#"
            bank.wit:2:524: type nesting too deep
              `list` here
              mend: give the inner types names of their own

        "#]],
    );
}

#[test]
fn a_keyword_as_a_name_is_told_with_its_mark() {
    check(
        "package a:b@1.0.0;
interface i {
  record r { from: u8, use: u8 }
  list: func(type: u8);
}",
        expect![[r#"
            bank.wit:3:14: expected an identifier or string, found keyword `from`
              `from` here
              mend: `from` is a word of WIT: to use it as a name, write `%from`

            bank.wit:3:24: expected an identifier or string, found keyword `use`
              `use` here
              mend: `use` is a word of WIT: to use it as a name, write `%use`

            bank.wit:4:3: expected `type`, `resource` or `func`, found keyword `list`
              `list` here
              mend: `list` is a word of WIT: to use it as a name, write `%list`

            bank.wit:4:14: expected an identifier or string, found keyword `type`
              `type` here
              mend: `type` is a word of WIT: to use it as a name, write `%type`

        "#]],
    );
}

#[test]
fn every_file_tells_its_first_syntax_error() {
    check_files(
        &[
            ("a.wit", "package a:b@1.0.0;\ninterface a { f: fnc(); }"),
            ("b.wit", "interface b { record r { x u8 } }"),
            ("c.wit", "interface c { type t = OrderState; type u = order_state; enum String { a } }"),
        ],
        &[],
        None,
        expect![[r#"
            a.wit:2:18: expected keyword `func`, found an identifier
              `fnc` here
              mend: did you mean `func`?

            b.wit:1:28: expected ':', found keyword `u8`
              `u8` here
              mend: write `:` before `u8`

            c.wit:1:24: `OrderState` is not a name of WIT
              `OrderState` here
              mend: names are in kebab-case: write `order-state`

            c.wit:1:45: `order_state` is not a name of WIT
              `order_state` here
              mend: names are in kebab-case: write `order-state`

            c.wit:1:63: `String` is not a name of WIT
              `String` here
              mend: names are in kebab-case: write `string`

        "#]],
    );
}

/// Without the three slashes wit-parser said "unknown attribute", and no more.
#[test]
fn a_directive_without_its_slashes_is_told() {
    check(
        "package a:b@1.0.0;
interface i {
  @reducer
  f: func();
  @table(primary-key = (id, day), visibility = public)
  record r { @unique id: u64, day: u8 }
  @reduser
  h: func();
  @schedule(every = 1h
  g: func();
}
world w { export i; }",
        expect![[r#"
            bank.wit:3:3: the directive `@reducer` is not in a doc comment
              `@reducer` not a gate of WIT
              mend: write `/// @reducer`

            bank.wit:5:3: the directive `@table` is not in a doc comment
              `@table(primary-key = (id, day), visibility = public)` not a gate of WIT
              mend: write `/// @table(primary-key = (id, day), visibility = public)`

            bank.wit:6:14: the directive `@unique` is not in a doc comment
              `@unique` not a gate of WIT
              mend: write `/// @unique`

            bank.wit:7:4: unknown attribute `reduser`
              `reduser` here
              mend: did you mean `reducer`? gates are `@since`, `@unstable` and `@deprecated`; a directive stands in a doc comment: `/// @reducer`

            bank.wit:9:3: the directive `@schedule` is not in a doc comment
              `@schedule(every = 1h` not a gate of WIT
              mend: write `/// @schedule(every = 1h`

        "#]],
    );
}

#[test]
fn several_results_are_told_as_a_tuple() {
    check(
        "package a:b@1.0.0;\ninterface i { f: func() -> (a: u8, b: u8); g: func() -> (x: int); }",
        expect![[r#"
            bank.wit:2:28: a function has one result
              `(` here
              mend: return a tuple, `-> tuple<u8, u8>`, or a record

            bank.wit:2:57: a function has one result
              `(` here
              mend: return a tuple, `-> tuple<u8, u8>`, or a record

        "#]],
    );
}

#[test]
fn characters_that_nobody_sees_are_told_by_their_numbers() {
    check_files(
        &[
            ("a.wit", "package a:b@1.0.0;\n// \u{202e}x\u{202e}\n"),
            ("b.wit", "interface i { /* \u{7} */ type t = u8; }\nworld w { export j; }"),
        ],
        &[],
        None,
        expect![[r#"
            a.wit:2:4: the file holds the character U+202E, which shows the text behind it in another order
              `\u{202e}` here
              mend: remove it

            a.wit:2:6: the file holds the character U+202E, which shows the text behind it in another order
              `\u{202e}` here
              mend: remove it

            b.wit:1:18: the file holds the character U+0007, a control character
              `\u{7}` here
              mend: remove it

            b.wit:2:18: interface or world `j` does not exist
              `j` here
              mend: declare it in one of the package's files

        "#]],
    );
}

#[test]
fn docs_of_two_package_lines_are_told() {
    check_files(
        &[
            ("a.wit", "/// One.\npackage a:b@1.0.0;\nworld w { export i; }"),
            ("b.wit", "/// Two.\npackage a:b@1.0.0;\ninterface j { type t = u8; }"),
            ("c.wit", "package a:b@1.1.0;"),
        ],
        &[],
        None,
        expect![[r#"
            b.wit:1:1: a second file says in a doc comment what the package is
              `/// Two.` here
              mend: keep the doc comment of one of the `package` lines

            c.wit:1:9: package identifier `a:b@1.1.0` does not match previous package name of `a:b@1.0.0`
              `a:b@1.1.0` here
              mend: the files of a package all have one name and version; other packages stand in `deps/`

        "#]],
    );
}
