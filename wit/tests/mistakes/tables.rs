//! Mistakes in tables: keys, indexes, counters and defaults.

use crate::{check, check_files, check_interface};
use expect_test::expect;

#[test]
fn a_table_without_a_primary_key_is_refused() {
    check_interface(
        "/// @table\nrecord a { key: u64 }\n/// @table(visibility = public)\nrecord b { id: u64 }",
        expect![[r#"
            bank.wit:3:5: the table `a` has no primary key
              `@table` expected `primary-key = …`
              mend: name the column that tells its rows apart: `@table(primary-key = key)`

            bank.wit:5:5: the table `b` has no primary key
              `@table(visibility = public)` expected `primary-key = …`
              mend: name the column that tells its rows apart: `@table(primary-key = id)`

        "#]],
    );
}

#[test]
fn a_misspelt_column_is_told_with_the_columns_that_there_are() {
    check_interface(
        "/// @table(primary-key = idd)
/// @index(ownr)
/// @unique(balance, day)
record account { id: u64, owner: string, balance: s64 }
/// @on(insert account, where = balanc > 0)
f: func(row: account);",
        expect![[r#"
            bank.wit:3:26: the table `account` has no column `idd`
              `idd` unknown column
              mend: did you mean `id`? its columns are `id`, `owner`, `balance`

            bank.wit:4:12: the table `account` has no column `ownr`
              `ownr` unknown column
              mend: did you mean `owner`? its columns are `id`, `owner`, `balance`

            bank.wit:5:22: the table `account` has no column `day`
              `day` unknown column
              mend: its columns are `id`, `owner`, `balance`

            bank.wit:7:33: the table `account` has no column `balanc`
              `balanc` unknown column
              mend: did you mean `balance`? its columns are `id`, `owner`, `balance`

        "#]],
    );
}

#[test]
fn a_key_of_a_type_without_an_order_is_refused() {
    check_interface(
        "flags rights { read, write }
record point { x: u64, y: u64 }
variant shape { dot, line(u64) }
type price = f64;
/// @table(primary-key = (a, b))
/// @index(c)
/// @unique(d, e)
/// @index(g, h, i)
record account {
  a: f32, b: price, c: list<string>, d: point, e: rights,
  /// @unique
  f: option<u64>,
  g: shape, h: tuple<u64, u64>, i: result<u64> }",
        expect![[r#"
            bank.wit:7:27: `a` is a float, which cannot be part of a key
              `a` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: use an integer, in a unit small enough

            bank.wit:7:30: `b` is a float, which cannot be part of a key
              `b` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: use an integer, in a unit small enough

            bank.wit:8:12: `c` is a list of anything but bytes, which cannot be part of a key
              `c` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: use a `list<u8>` or a table of its own

            bank.wit:9:13: `d` is a value with parts, which cannot be part of a key
              `d` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: name the parts as columns of their own

            bank.wit:9:16: `e` is a set of flags, which cannot be part of a key
              `e` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: use an integer, or a bool for each flag

            bank.wit:10:12: `g` is a value with parts, which cannot be part of a key
              `g` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: name the parts as columns of their own

            bank.wit:10:15: `h` is a value with parts, which cannot be part of a key
              `h` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: name the parts as columns of their own

            bank.wit:10:18: `i` is a value with parts, which cannot be part of a key
              `i` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: name the parts as columns of their own

            bank.wit:13:7: `f` is an option, which cannot be part of a key
              `@unique` expected a bool, an integer, a char, a string, an enum or a `list<u8>`
              mend: give the column a value that means none

        "#]],
    );
}

#[test]
fn keys_of_every_type_with_an_order_are_taken() {
    check_interface(
        "enum kind { a, b }
type bytes = list<u8>;
type alias = kind;
/// @table(primary-key = (a, b, c, d, e, f, g, h, i, j, k, l, m))
record account { a: bool, b: u8, c: u16, d: u32, e: u64, f: s8, g: s16, h: s32, i: s64, j: char, k: string, l: alias, m: bytes }",
        expect!["no mistakes"],
    );
}

#[test]
fn a_duplicate_index_is_refused() {
    check_interface(
        "/// @table(primary-key = id)
/// @index(owner)
/// @index(owner)
/// @index(id)
/// @unique(owner, day)
/// @index(owner, day)
/// @index(day, day)
/// @index(a-and-b)
/// @index(a, b)
record account { id: u64,
  /// @unique
  owner: string, day: u32, a: u64, b: u64, a-and-b: u64 }",
        expect![[r#"
            bank.wit:4:5: `@unique` on `owner` is an index already
              `@index(owner)` one index too many
              mend: remove one of the two

            bank.wit:5:5: `@unique` on `owner` is an index already
              `@index(owner)` one index too many
              mend: remove one of the two

            bank.wit:6:5: the primary key is an index on these columns already
              `@index(id)` one index too many
              mend: remove this one

            bank.wit:8:5: `@unique` on `owner-and-day` is an index already
              `@index(owner, day)` one index too many
              mend: remove one of the two

            bank.wit:9:17: the column `day` is named twice
              `day` here
              mend: leave one of the two

            bank.wit:11:5: two indexes would be named `a-and-b`
              `@index(a, b)` one index too many
              mend: rename a column

        "#]],
    );
}

#[test]
fn a_table_has_so_many_indexes_and_a_key_so_many_columns() {
    let fields: Vec<_> = (0..70).map(|n| format!("c{n}: u8")).collect();
    let indexes: Vec<_> = (1..70).map(|n| format!("/// @index(c{n})\n")).collect();
    let names: Vec<_> = (0..33).map(|n| format!("c{n}")).collect();
    check_interface(
        &format!(
            "/// @table(primary-key = ({}))\nrecord a {{ {} }}\n/// @table(primary-key = c0)\n{}record b {{ {} }}",
            names.join(", "),
            fields.join(", "),
            indexes.concat(),
            fields.join(", ")
        ),
        expect![[r#"
            bank.wit:3:177: 33 columns in one key, and at most 32 are allowed
              `c32` here
              mend: leave out those that matter least

            bank.wit:36:5: the table has more than 30 indexes
              `@index(c31)` one index too many
              mend: leave out those that no query uses, from here on or before

        "#]],
    );
}

#[test]
fn a_counter_must_tell_rows_apart() {
    check_interface(
        "/// @table(primary-key = (id, day))
record a {
  /// @auto-increment
  id: u64, day: u32 }
/// @table(primary-key = name)
record b {
  /// @auto-increment
  name: string,
  /// @auto-increment
  /// @unique
  n: u64 }
/// @table(primary-key = name)
record c {
  name: string,
  /// @auto-increment
  /// @unique
  /// @default(1)
  n: u64 }",
        expect![[r#"
            bank.wit:5:7: `id` counts, and yet two rows could have the same number
              `@auto-increment` here
              mend: make it the primary key, or add `@unique`

            bank.wit:9:7: `name` is not an integer, so it cannot count
              `@auto-increment` here
              mend: give the column an integer type such as `u64`

            bank.wit:11:7: `n` is the second column of `b` that counts
              `@auto-increment` here
              mend: leave `@auto-increment` on one column of the table

            bank.wit:19:7: `n` takes its values from a counter
              `@default(1)` here
              mend: leave `@default` or `@auto-increment`

        "#]],
    );
}

#[test]
fn a_default_of_the_wrong_type_is_refused() {
    check_interface(
        "enum colour { red, green }
/// @table(primary-key = id)
record a { id: u64,
  /// @default(-1)
  b: u32,
  /// @default(300)
  c: u8,
  /// @default(none)
  d: string,
  /// @default(blue)
  e: colour,
  /// @default({x: 1})
  f: list<u8>,
  /// @default(\"a, (b)\")
  g: string,
  /// @default([{a: \"x)\", b: 'y'}, {a: \"\", b: ')'}])
  h: list<tuple<u64>>,
  /// @default(
  ///   \"over several
  i: string }",
        expect![[r#"
            bank.wit:6:16: `-1` is not a value of the column: -1 is not in the range of `u32`, 0 to 4294967295
              `-1` expected a u32
              mend: write a u32

            bank.wit:8:16: `300` is not a value of the column: 300 is not in the range of `u8`, 0 to 255
              `300` expected a u8
              mend: write a u8

            bank.wit:10:16: `none` is not a value of the column: expected `string`, found an option
              `none` expected a string such as `"a"`
              mend: write a string such as `"a"`

            bank.wit:12:16: `blue` is not a value of the column: there is no case `blue`
              `blue` expected a case of the enum
              mend: write a case of the enum

            bank.wit:14:16: `{x: 1}` is not a value of the column: expected `list<u8>`, found a record
              `{x: 1}` expected a list such as `[…]`
              mend: write a list such as `[…]`

            bank.wit:18:16: `[{a: "x)", b: 'y'}, {a: "", b: ')'}]` is not a value of the column: expected `tuple<u64>`, found a record
              `[{a: "x)", b: 'y'}, {a: "", b: ')'}]` expected a list such as `[…]`
              mend: write a list such as `[…]`

            bank.wit:21:22: expected `)`, found the end of the directive
              mend: write the value in WAVE: `@default(0)`, `@default("none")`

        "#]],
    );
}

#[test]
fn two_tables_of_one_name_are_refused() {
    check(
        "package acme:bank@1.2.0;
interface a {
/// @table(primary-key = id)
record account { id: u64 }
}
interface b {
/// @table(primary-key = id)
record account { id: u64 }
}
world bank { export a; export b; }",
        expect![[r#"
            bank.wit:8:8: the package has two tables named `account`
              `account` here
              mend: give one of them another name: tables share one space of names in a package

        "#]],
    );
}

#[test]
fn a_public_table_needs_a_public_interface() {
    check(
        "package acme:bank@1.2.0;
/// @visibility(private)
interface a {
/// @table(primary-key = id, visibility = public)
record account { id: u64 }
}
world bank { export a; }",
        expect![[r#"
            bank.wit:4:5: the table `account` is public, and its interface is private
              `@table(primary-key = id, visibility = public)` here
              mend: make both public, or move the table into a public interface

        "#]],
    );
}

#[test]
fn a_table_stands_in_an_interface_that_a_world_exports() {
    check(
        "package acme:bank@1.2.0;
interface tables {
/// @table(primary-key = id)
record account { id: u64 }
}
interface ledger {
use tables.{account};
/// @query
f: func() -> list<account>;
}
world bank { export ledger; }",
        expect![[r#"
            bank.wit:3:5: a table in `tables`, which no world exports: no module would own it
              `@table(primary-key = id)` here
              mend: write `export tables;` in the world

        "#]],
    );
}

#[test]
fn a_table_of_another_package_is_not_taken_over() {
    check_files(
        &[("shop.wit", "package acme:shop@1.0.0;\nworld shop { export acme:bank/tables@1.2.0; }")],
        &[(
            "bank",
            "package acme:bank@1.2.0;\ninterface tables {\n/// @table(primary-key = id)\nrecord account { id: u64 }\n}",
        )],
        None,
        expect![[r#"
            deps/bank.wit:4:8: the table `account` stands in an interface of another package
              `account` here
              mend: declare the table in an interface of the package whose world exports it

        "#]],
    );
}

/// An upgrade that adds the column would give every older row the same value.
#[test]
fn a_column_without_equals_has_no_default() {
    check_interface(
        "/// @table(primary-key = id)
record a {
  /// @default(0)
  id: u64,
  /// @unique
  /// @default(\"\")
  owner: string,
  /// @default(1)
  day: u8 }
/// @table(primary-key = (id, day))
/// @unique(day, n)
record b {
  /// @default(0)
  id: u64, day: u8,
  /// @default(0)
  n: u8 }",
        expect![[r#"
            bank.wit:5:7: no two rows have the same `id`, and all older rows would take this value
              `@default(0)` the default of a column that is unique
              mend: remove `@default`, or let rows have the same value

            bank.wit:8:7: no two rows have the same `owner`, and all older rows would take this value
              `@default("")` the default of a column that is unique
              mend: remove `@default`, or let rows have the same value

        "#]],
    );
}

/// The reason was about the rest of a word that wasm-wave had cut in two.
#[test]
fn a_value_that_is_no_wave_is_told_as_a_whole() {
    check_interface(
        "/// @table(primary-key = id)
record a { id: u64,
  /// @default(True)
  b: bool,
  /// @default(007)
  c: u8,
  /// @default(0x10)
  d: u8,
  /// @default(1 2)
  e: u8 }",
        expect![[r#"
            bank.wit:5:16: `True` is not a value of the column: `True` is not a value of WAVE
              `True` expected `true` or `false`
              mend: write `true` or `false`

            bank.wit:7:16: `007` is not a value of the column: `007` is not a number of WAVE, which has no `0` in front of another digit
              `007` expected a u8
              mend: write a u8

            bank.wit:9:16: `0x10` is not a value of the column: `0x10` is not a value of WAVE
              `0x10` expected a u8
              mend: write a u8

            bank.wit:11:16: `1 2` is not a value of the column: the value is complete before `2`
              `1 2` expected a u8
              mend: write a u8

        "#]],
    );
}
