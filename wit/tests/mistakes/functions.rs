//! Mistakes in functions: what they are, and what handlers take and return.

use crate::{check, check_files, check_interface};
use expect_test::expect;

#[test]
fn a_function_that_does_not_say_what_it_is_is_refused() {
    check_interface(
        "f: func();\n/// Only prose.\ng: func(x: u64) -> u64;\n/// @reducer\n/// @query\nh: func();",
        expect![[r#"
            bank.wit:3:1: `f` does not say what it is to the database
              `f` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: write `/// @reducer` above it if it writes, `/// @query` if it only reads

            bank.wit:5:1: `g` does not say what it is to the database
              `g` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: write `/// @reducer` above it if it writes, `/// @query` if it only reads

            bank.wit:7:5: `h` says twice what it is
              `@query` here
              mend: leave one of `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate`

        "#]],
    );
}

#[test]
fn async_functions_are_refused() {
    check_interface(
        "/// @reducer\nf: async func(x: u64) -> u64;",
        expect![[r#"
        bank.wit:4:1: `f` is async, and a transaction never waits
          `f` here
          mend: remove the word `async`

    "#]],
    );
}

#[test]
fn handlers_take_what_the_host_brings() {
    check_interface(
        "/// @table(primary-key = id)
record account { id: u64 }
type row = account;
/// @on(init)\na: func(x: u64);
/// @on(connect)\nb: func() -> u64;
/// @on(insert account)\nc: func();
/// @on(insert account)\nd: func(row: u64);
/// @on(update account)\ne: func(row: account);
/// @on(update account)\nf: func(old: row, new: row) -> result<_, string>;
/// @on(delete account)\ng: func(row: account) -> result<u64, string>;
/// @schedule(every = 1h)\nh: func(x: u64) -> option<u64>;
/// @schedule(every = 1h)\ni: func() -> result;",
        expect![[r#"
            bank.wit:7:1: the parameters of `a` are not what the host calls it with
              `a` handler
              mend: take no parameters: the host has none to give

            bank.wit:9:1: nothing receives the result of `b`
              `b` handler
              mend: return nothing, or `result<_, E>` where it can fail

            bank.wit:11:1: the parameters of `c` are not what the host calls it with
              `c` handler
              mend: take the row: `func(row: account)`

            bank.wit:13:1: the parameters of `d` are not what the host calls it with
              `d` handler
              mend: take the row: `func(row: account)`

            bank.wit:15:1: the parameters of `e` are not what the host calls it with
              `e` handler
              mend: take the row before and the row after: `func(before: account, after: account)`

            bank.wit:19:1: nothing receives the result of `g`
              `g` handler
              mend: return nothing, or `result<_, E>` where it can fail

            bank.wit:21:1: nothing receives the result of `h`
              `h` handler
              mend: return nothing, or `result<_, E>` where it can fail

            bank.wit:21:1: the parameters of `h` are not what the host calls it with
              `h` handler
              mend: take no parameters: the host has none to give

        "#]],
    );
}

#[test]
fn an_event_names_a_table_that_there_is() {
    check_interface(
        "/// @table(primary-key = id)
record account { id: u64 }
record point { x: u64 }
/// @on(insert acount)\na: func(row: account);
/// @on(insert point)\nb: func(row: point);
/// @on(insret account)\nc: func(row: account);
/// @on(insert)\nd: func(row: account);
/// @on(init, where = id == 1)\ne: func();
/// @on(init account)\nf: func();",
        expect![[r#"
            bank.wit:6:16: there is no `acount` in this interface
              `acount` unknown table
              mend: did you mean `account`? bring the record of the table into this interface: `use tables.{acount};`

            bank.wit:8:16: `point` is not a table
              `point` here
              mend: name a record whose doc comment says `@table`

            bank.wit:10:9: `insret` is not an event
              `insret` unknown event
              mend: did you mean `insert`? an event is one of `init`, `upgrade`, `connect`, `disconnect`, `insert`, `update`, `delete`

            bank.wit:12:15: expected the name of a table, found `)`
              `)` expected the name of a table
              mend: write for example `@on(init)` or `@on(insert account, where = balance < 0)`

            bank.wit:14:15: `where` looks at a row, and this event has none
              `where` here
              mend: only `insert`, `update` and `delete` take a `where`

            bank.wit:16:14: expected `,` or `)`, found `account`
              `account` expected `,` or `)`
              mend: write for example `@on(init)` or `@on(insert account, where = balance < 0)`

        "#]],
    );
}

#[test]
fn a_condition_compares_a_column_with_a_value_of_its_type() {
    check_interface(
        "/// @table(primary-key = id)
record account { id: u64, price: f64, name: string }
/// @on(insert account, where = id > -1)\na: func(row: account);
/// @on(insert account, where = price > 1.5)\nb: func(row: account);
/// @on(insert account, where = price == 1.5)\nc: func(row: account);
/// @on(insert account, where = name = \"x\")\nd: func(row: account);
/// @on(insert account, where = name == \"a, b\")\ne: func(row: account);
/// @on(insert account, where = name == )\nf: func(row: account);
/// @on(insert account, where = name == \"a\", where = id == 1)\ng: func(row: account);",
        expect![[r#"
            bank.wit:5:38: `-1` is not a value of the column: -1 is not in the range of `u64`, 0 to 18446744073709551615
              `-1` expected a u64
              mend: write a u64

            bank.wit:7:39: the values of `price` have no order
              `>` compares them
              mend: use `==` or `!=`, or compare a column that could be part of a key

            bank.wit:11:38: expected an operator
              `=` expected `==`, `!=`, `<`, `<=`, `>` or `>=`
              mend: write a column, an operator and a WAVE value: `where = balance < 0`

            bank.wit:15:41: the condition has no value
              `)` here
              mend: write a column, an operator and a WAVE value: `where = balance < 0`

            bank.wit:17:46: expected `)`, found `where`
              `where` expected `)`
              mend: write for example `@on(init)` or `@on(insert account, where = balance < 0)`

        "#]],
    );
}

#[test]
fn ephemeral_tables_are_not_watched() {
    check_interface(
        "/// @table(primary-key = id, storage = ephemeral)
record session { id: u64 }
/// @on(insert session)\na: func(row: session);",
        expect![[r#"
            bank.wit:5:16: the table `session` is ephemeral, so its changes are not in the log
              `session` here
              mend: watch a table whose storage is `logged`

        "#]],
    );
}

#[test]
fn tables_of_others_are_watched_if_they_are_public_and_imported() {
    let bank = "package acme:bank@1.2.0;
interface tables {
/// @table(primary-key = id, visibility = public)
record account { id: u64 }
/// @table(primary-key = id)
record secret { id: u64 }
}";
    let shop = |imports: &str| {
        "package acme:shop@1.0.0;
interface orders {
use acme:bank/tables@1.2.0.{account, secret};
/// @on(insert account)
a: func(row: account);
/// @on(delete secret)
b: func(row: secret);
}
world shop { IMPORTS export orders; }"
            .replace("IMPORTS", imports)
    };
    check_files(
        &[("shop.wit", &shop(""))],
        &[("bank", bank)],
        None,
        expect![[r#"
        shop.wit:4:16: the world does not name the interface of the table `account`
          `account` here
          mend: write `import acme:bank/tables@1.2.0;` in the world

        shop.wit:6:16: the world does not name the interface of the table `secret`
          `secret` here
          mend: write `import acme:bank/tables@1.2.0;` in the world

    "#]],
    );
    check_files(
        &[("shop.wit", &shop("import acme:bank/tables@1.2.0;"))],
        &[("bank", bank)],
        None,
        expect![[r#"
            shop.wit:6:16: the table `secret` is private to `acme:bank@1.2.0`
              `secret` here
              mend: only public tables of other modules can be watched

        "#]],
    );
}

#[test]
fn a_reducer_in_a_types_only_interface_is_refused() {
    check(
        "package acme:bank@1.2.0;
interface types {
type id = u64;
/// @reducer
f: func();
/// @on(init)
g: func();
}
interface ledger {
use types.{id};
/// @query
h: func() -> id;
}
world bank { export ledger; }",
        expect![[r#"
            bank.wit:4:5: `@reducer` in `types`, which no world exports: it could not be called
              `@reducer` here
              mend: write `export types;` in the world

            bank.wit:6:5: `@on` in `types`, which no world exports: it could not be called
              `@on(init)` here
              mend: write `export types;` in the world

        "#]],
    );
}
