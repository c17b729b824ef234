//! Mistakes within a directive: its brackets, marks, arguments and their ends.

use crate::{check, check_interface};
use expect_test::expect;

#[test]
fn an_unknown_argument_is_told_with_those_that_there_are() {
    check_interface(
        "/// @table(primary-key = id, visiblity = public)\nrecord a { id: u64 }
/// @table(primary-key = id, visibility = publik)\nrecord b { id: u64 }
/// @table(primary-key = id, storage = disk)\nrecord c { id: u64 }
/// @table(primary-key = id, storage = logged, storage = logged)\nrecord d { id: u64 }
/// @schedule(each = 1h)\nf: func();
/// @on(insert a, when = id == 1)\ng: func(row: a);",
        expect![[r#"
            bank.wit:3:30: `@table` has no argument `visiblity`
              `visiblity` unknown argument
              mend: did you mean `visibility`? `@table` takes `primary-key`, `visibility`, `storage`

            bank.wit:5:43: `publik` is not a kind of visibility
              `publik` expected `private` or `public`
              mend: did you mean `public`? write `private` or `public`

            bank.wit:7:40: `disk` is not a kind of storage
              `disk` expected `logged` or `ephemeral`
              mend: write `logged` or `ephemeral`

            bank.wit:9:48: `storage` is said twice
              `storage` here
              mend: leave one of the two

            bank.wit:11:15: `@schedule` has no argument `each`
              `each` unknown argument
              mend: `@schedule` takes `every`

            bank.wit:13:19: `@on` has no argument `when`
              `when` unknown argument
              mend: `@on` takes `where`

        "#]],
    );
}

#[test]
fn a_directive_with_broken_syntax_is_told_at_the_word() {
    check_interface(
        "/// @table(primary-key id)\nrecord a { id: u64 }
/// @table(primary-key = )\nrecord b { id: u64 }
/// @table(primary-key = id\nrecord c { id: u64 }
/// @index\n/// @table(primary-key = id)\nrecord d { id: u64 }
/// @index()\n/// @table(primary-key = id)\nrecord e {
/// @default()\nid: u64,
/// @auto-increment(1)\nx: u64 }
/// @\nf: func();
/// @reducer and more\ng: func();
/// @schedule(every = 1 fortnight)\nh: func();
/// @schedule(every = 0s)\ni: func();
/// @schedule(every = 999999999999999999d)\nj: func();",
        expect![[r#"
            bank.wit:3:24: expected `=`, found `id`
              `id` expected `=`
              mend: write for example `@table(primary-key = id, visibility = public)`

            bank.wit:5:26: expected the name of a column, found `)`
              `)` expected the name of a column
              mend: write for example `@table(primary-key = id, visibility = public)`

            bank.wit:7:28: expected `,` or `)`, found the end of the directive
              mend: write for example `@table(primary-key = id, visibility = public)`

            bank.wit:9:11: expected `(`, found the end of the directive
              mend: name the columns: `@index(owner, day)`

            bank.wit:12:12: expected the name of a column, found `)`
              `)` expected the name of a column
              mend: name the columns: `@index(owner, day)`

            bank.wit:15:14: `@default` names no value
              `)` here
              mend: write the value in WAVE: `@default(0)`, `@default("none")`

            bank.wit:17:20: `@auto-increment` takes no arguments
              `(` unexpected
              mend: write `@auto-increment` alone

            bank.wit:19:6: expected the name of a directive, found the end of the directive
              mend: to begin a line of prose with `@`, put it in backticks

            bank.wit:21:14: text after `@reducer` on the same line
              `and more` not part of the directive
              mend: a directive takes a line of its own: put this on the next `///` line

            bank.wit:23:23: `1 fortnight` is not an interval of time
              `1 fortnight` expected a whole number above 0 and a unit
              mend: write a number and a unit (ms, s, m, h, d): `@schedule(every = 1h)`

            bank.wit:25:23: `0s` is not an interval of time
              `0s` expected a whole number above 0 and a unit
              mend: write a number and a unit (ms, s, m, h, d): `@schedule(every = 1h)`

            bank.wit:27:23: `999999999999999999d` is not an interval of time
              `999999999999999999d` expected a whole number above 0 and a unit
              mend: write a number and a unit (ms, s, m, h, d): `@schedule(every = 1h)`

        "#]],
    );
}

#[test]
fn the_wrong_brackets_and_marks_are_told() {
    check_interface(
        "/// @table[primary-key = id]\nrecord a { id: u64 }
/// @table primary-key = id\nrecord b { id: u64 }
/// @table(primary-key = id visibility = public)\nrecord c { id: u64 }
/// @reducer;\nf: func();
/// @schedule(every = 1.5h)\ng: func();
/// @schedule(every = 1 h)\nh: func();",
        expect![[r#"
            bank.wit:3:11: expected `(`, found `[`
              `[` expected `(`
              mend: write for example `@table(primary-key = id, visibility = public)`

            bank.wit:5:12: expected `(`, found `primary-key`
              `primary-key` expected `(`
              mend: write for example `@table(primary-key = id, visibility = public)`

            bank.wit:7:29: expected `,` or `)`, found `visibility`
              `visibility` expected `,` or `)`
              mend: write for example `@table(primary-key = id, visibility = public)`

            bank.wit:9:13: text after `@reducer` on the same line
              `;` not part of the directive
              mend: remove `;`

            bank.wit:11:23: `1.5h` is not an interval of time
              `1.5h` expected a whole number above 0 and a unit
              mend: write a number and a unit (ms, s, m, h, d): `@schedule(every = 1h)`

            bank.wit:13:23: `1 h` is not an interval of time
              `1 h` expected a whole number above 0 and a unit
              mend: write a number and a unit (ms, s, m, h, d): `@schedule(every = 1h)`

        "#]],
    );
}

#[test]
fn only_names_of_items_are_marked_as_names() {
    check_interface(
        "/// @ reducer\nf: func();
/// @%reducer\ng: func();
/// @table(%primary-key = id)\nrecord a { id: u64 }
/// @table(primary-key = %%id)\nrecord b { id: u64 }
/// @table(primary-key = %record)\nrecord c { %record: u64 }",
        expect![[r#"
            bank.wit:3:7: expected the name of a directive right behind the `@`, found `reducer`
              `reducer` expected the name of a directive right behind the `@`
              mend: leave no blank behind the `@`; to begin a line of prose with `@`, put it in backticks

            bank.wit:5:6: expected the name of a directive, found `%`
              `%` expected the name of a directive
              mend: to begin a line of prose with `@`, put it in backticks

            bank.wit:7:12: expected an argument of `@table`, found `%`
              `%` expected an argument of `@table`
              mend: write for example `@table(primary-key = id, visibility = public)`

            bank.wit:9:26: expected the name of a column, found `%`
              `%` expected the name of a column
              mend: write for example `@table(primary-key = id, visibility = public)`

        "#]],
    );
}

#[test]
fn a_comma_behind_the_last_argument_is_taken_everywhere() {
    check(
        "package acme:bank@1.2.0;
/// @visibility(public,)
interface ledger {
/// @table(primary-key = (id, day,), visibility = public,)
/// @index(day,)
/// @unique(day, c,)
record a { id: u64, day: u8,
/// @default(0,)
c: u8 }
/// @on(init,)
f: func();
/// @on(insert a, where = c == 1,)
g: func(row: a);
/// @schedule(every = 1h,)
h: func();
}
world bank { export ledger; }",
        expect!["no mistakes"],
    );
}
