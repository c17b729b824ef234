//! Mistakes in the directives themselves, and in where they stand.

use crate::{check, check_interface};
use expect_test::expect;

#[test]
fn an_unknown_directive_is_told_with_the_one_that_was_meant() {
    check_interface(
        "/// @tabel(primary-key = id)\nrecord account { id: u64 }\n/// @reduser\nf: func();\n/// @since(version = 1.0.0)\n/// @query\ng: func();",
        expect![[r#"
            bank.wit:3:6: `@tabel` is not a directive
              `tabel` unknown directive
              mend: did you mean `table`? the directives are `@table`, `@index`, `@unique`, `@auto-increment`, `@default`, `@reducer`, `@query`, `@on`, `@schedule`, `@migrate`, `@visibility`, `@renamed-from`; a line of prose may begin with a word in backticks instead

            bank.wit:5:6: `@reduser` is not a directive
              `reduser` unknown directive
              mend: did you mean `reducer`? the directives are `@table`, `@index`, `@unique`, `@auto-increment`, `@default`, `@reducer`, `@query`, `@on`, `@schedule`, `@migrate`, `@visibility`, `@renamed-from`; a line of prose may begin with a word in backticks instead

            bank.wit:7:6: `@since` is not a directive
              `since` unknown directive
              mend: the directives are `@table`, `@index`, `@unique`, `@auto-increment`, `@default`, `@reducer`, `@query`, `@on`, `@schedule`, `@migrate`, `@visibility`, `@renamed-from`; a line of prose may begin with a word in backticks instead

        "#]],
    );
}

#[test]
fn a_misplaced_directive_is_told_with_its_place() {
    check(
        "/// @reducer
package acme:bank@1.2.0;
/// @table(primary-key = id)
interface ledger {
  /// @visibility(public)
  record account {
    /// @reducer
    id: u64,
  }
  /// @table(primary-key = id)
  type alias = u64;
  /// @unique
  enum colour {
    /// @default(red)
    red }
  /// @index(id)
  /// @query
  f: func(
    /// @unique
    id: u64);
}
/// @visibility(private)
world bank {
  /// @visibility(private)
  export ledger;
}
",
        expect![[r#"
            bank.wit:1:5: `@reducer` stands before a package
              `@reducer` misplaced
              mend: it belongs above a function

            bank.wit:3:5: `@table` stands before an interface
              `@table(primary-key = id)` misplaced
              mend: it belongs above a record

            bank.wit:5:7: `@visibility` stands before a record
              `@visibility(public)` misplaced
              mend: write `@table(primary-key = …, visibility = public)`

            bank.wit:7:9: `@reducer` stands before a field
              `@reducer` misplaced
              mend: it belongs above a function

            bank.wit:10:7: `@table` stands before an alias
              `@table(primary-key = id)` misplaced
              mend: it belongs above a record

            bank.wit:12:7: `@unique` stands before an enum
              `@unique` misplaced
              mend: it belongs above a field or, with columns, above a record

            bank.wit:14:9: `@default` stands before a case
              `@default(red)` misplaced
              mend: it belongs above a field of a table

            bank.wit:16:7: `@index` stands before a function
              `@index(id)` misplaced
              mend: it belongs above a record

            bank.wit:19:9: `@unique` stands before a parameter
              `@unique` misplaced
              mend: it belongs above a field or, with columns, above a record

            bank.wit:22:5: `@visibility` stands before a world
              `@visibility(private)` misplaced
              mend: it belongs above an interface

            bank.wit:24:7: a directive stands before `export`, which takes none
              `@visibility(private)` here
              mend: put it above the interface, record, field or function that it describes

        "#]],
    );
}

#[test]
fn table_directives_on_a_record_that_is_no_table_are_refused() {
    check_interface(
        "/// @index(owner)
/// @unique(owner, id)
record account {
  /// @auto-increment
  id: u64,
  /// @default(0)
  balance: s64,
  /// @unique
  owner: string
}",
        expect![[r#"
            bank.wit:3:5: `@index` belongs to a table, and this record is not one
              `@index(owner)` here
              mend: write `/// @table(primary-key = …)` above the record

            bank.wit:4:5: `@unique` belongs to a table, and this record is not one
              `@unique(owner, id)` here
              mend: write `/// @table(primary-key = …)` above the record

            bank.wit:6:7: `@auto-increment` belongs to a table, and this record is not one
              `@auto-increment` here
              mend: write `/// @table(primary-key = …)` above the record

            bank.wit:8:7: `@default` belongs to a table, and this record is not one
              `@default(0)` here
              mend: write `/// @table(primary-key = …)` above the record

            bank.wit:10:7: `@unique` belongs to a table, and this record is not one
              `@unique` here
              mend: write `/// @table(primary-key = …)` above the record

        "#]],
    );
}

#[test]
fn field_and_record_forms_are_not_mixed_up() {
    check_interface(
        "/// @table(primary-key = id)
/// @unique
record account {
  /// @index(id)
  id: u64,
  /// @unique(owner)
  owner: string
}",
        expect![[r#"
            bank.wit:4:5: `@unique` stands before a record
              `@unique` misplaced
              mend: name the columns, `@unique(owner, day)`, or write `@unique` above a field

            bank.wit:6:7: `@index` stands before a field
              `@index(id)` misplaced
              mend: write it above the record, with the names of its columns

            bank.wit:8:7: `@unique` stands before a field
              `@unique(owner)` misplaced
              mend: write `@unique` alone above a field, and name columns above the record

        "#]],
    );
}

#[test]
fn a_directive_that_belongs_to_nothing_is_refused() {
    check(
        "package acme:bank@1.2.0;
interface ledger {
  /// @reducer
  use types.{t};
  f: /// @reducer
    func();
  /// @query
  g: func(); /// @query
  /** @query */
  h: func() -> list<
    /// @query
    u64>;
  /// @query
}
interface types { type t = u64; }
world bank { export ledger; }
/// @query
",
        expect![[r#"
            bank.wit:3:7: a directive stands before `use`, which takes none
              `@reducer` here
              mend: put it above the interface, record, field or function that it describes

            bank.wit:5:3: `f` does not say what it is to the database
              `f` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: write `/// @reducer` above it if it writes, `/// @query` if it only reads

            bank.wit:5:10: a directive after code on the same line belongs to nothing
              `@reducer` begins with `@`
              mend: put it on a line of its own above the item that it describes

            bank.wit:8:18: a directive after code on the same line belongs to nothing
              `@query` begins with `@`
              mend: put it on a line of its own above the item that it describes

            bank.wit:9:7: a directive in a `/** */` comment is not read
              `@query` begins with `@`
              mend: write it as a `///` line above the item

            bank.wit:10:3: `h` does not say what it is to the database
              `h` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: write `/// @reducer` above it if it writes, `/// @query` if it only reads

            bank.wit:11:9: this directive belongs to nothing
              `@query` here
              mend: put it on the lines above the item that it describes

            bank.wit:13:7: this directive belongs to nothing
              `@query` here
              mend: put it on the lines above the item that it describes

            bank.wit:17:5: this directive belongs to nothing
              `@query` here
              mend: put it on the lines above the item that it describes

        "#]],
    );
}

#[test]
fn a_repeated_directive_is_refused() {
    check_interface(
        "/// @table(primary-key = id)
/// @table(primary-key = id)
record account {
  /// @auto-increment
  /// @auto-increment
  id: u64 }
/// @query
/// @query
f: func();",
        expect![[r#"
            bank.wit:4:5: `@table` is said twice
              `@table(primary-key = id)` here
              mend: leave one of the two

            bank.wit:7:7: `@auto-increment` is said twice
              `@auto-increment` here
              mend: leave one of the two

            bank.wit:10:5: `@query` is said twice
              `@query` here
              mend: leave one of the two

        "#]],
    );
}

#[test]
fn prose_with_an_at_sign_in_the_line_is_prose() {
    check_interface(
        "/// Ask bank@example.org, or see `@table`.
//// @nonsense
// @nonsense
/* @nonsense */
/// @query
f: func(); // @nonsense",
        expect!["no mistakes"],
    );
}

#[test]
fn mistakes_in_directives_are_told_beside_a_syntax_error() {
    crate::check_files(
        &[
            ("a.wit", "package acme:bank@1.2.0;\ninterface a { f: fnc(); }"),
            ("b.wit", "interface b {\n/// @reduce\nf: func(); }"),
        ],
        &[("x", "package x:y@1.0.0;\ninterface z {")],
        None,
        expect![[r#"
            a.wit:2:18: expected keyword `func`, found an identifier
              `fnc` here
              mend: did you mean `func`?

            b.wit:2:6: `@reduce` is not a directive
              `reduce` unknown directive
              mend: did you mean `reducer`? the directives are `@table`, `@index`, `@unique`, `@auto-increment`, `@default`, `@reducer`, `@query`, `@on`, `@schedule`, `@migrate`, `@visibility`, `@renamed-from`; a line of prose may begin with a word in backticks instead

            deps/x.wit:2:14: expected `type`, `resource` or `func`, found eof
              mend: the file ends too early: a `}` may be missing

        "#]],
    );
}

/// With two slashes a directive was a comment, and a private interface public.
#[test]
fn a_directive_in_a_plain_comment_is_refused() {
    check(
        "package acme:bank@1.2.0;
// @visibility(private)
interface ledger {
  //@query
  /// @query
  f: func(); // @reducer
  // @queryable, and `@query` in a text
  // @nonsense
  //// @query
  /// @query
  g: func();
}
world bank { export ledger; }",
        expect![[r#"
            bank.wit:2:4: a directive in a plain comment is not read
              `@visibility` stands behind `//`
              mend: write `/// @visibility` with three slashes, or put the word in backticks

            bank.wit:4:5: a directive in a plain comment is not read
              `@query` stands behind `//`
              mend: write `/// @query` with three slashes, or put the word in backticks

            bank.wit:6:17: a directive in a plain comment is not read
              `@reducer` stands behind `//`
              mend: write `/// @reducer` with three slashes, or put the word in backticks

        "#]],
    );
}

#[test]
fn a_directive_stands_before_its_item_and_not_inside() {
    check_interface(
        "@since(
/// @query
version = 1.0.0)
f: func();
record
/// @table(primary-key = id)
r { id: u64 }",
        expect![[r#"
            bank.wit:4:5: this directive belongs to nothing
              `@query` here
              mend: put it on the lines above the item that it describes

            bank.wit:6:1: `f` does not say what it is to the database
              `f` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: write `/// @reducer` above it if it writes, `/// @query` if it only reads

            bank.wit:8:5: this directive belongs to nothing
              `@table(primary-key = id)` here
              mend: put it on the lines above the item that it describes

        "#]],
    );
}
