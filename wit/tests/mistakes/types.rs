//! Types that are no values, and types that are too large.

use crate::{check, check_interface};
use expect_test::expect;
use interstice_wit::{Sources, read};

#[test]
fn what_is_no_value_is_refused_at_its_place() {
    check_interface(
        "resource file { constructor(); /// @query\n read: func() -> u64; }
/// @query\na: func(f: borrow<file>) -> own<file>;
/// @query\nb: func(s: stream<u8>);
/// @query\nc: func() -> future<u64>;
/// @query\nd: func(e: error-context);
record r { m: map<string, u64>, l: list<u8, 4> }
type t = option<list<list<u8, 4>>>;
variant v { a(stream) }",
        expect![[r#"
            bank.wit:3:10: a resource is not a value, so it can be neither stored nor passed
              `file` uses it
              mend: pass the key of a row instead, and keep the state in a table

            bank.wit:3:36: a directive after code on the same line belongs to nothing
              `@query` begins with `@`
              mend: put it on a line of its own above the item that it describes

            bank.wit:6:1: a resource is not a value, so it can be neither stored nor passed
              `a` uses it
              mend: pass the key of a row instead, and keep the state in a table

            bank.wit:6:9: a resource is not a value, so it can be neither stored nor passed
              `f` uses it
              mend: pass the key of a row instead, and keep the state in a table

            bank.wit:8:9: `stream<…>` is not a value, so it can be neither stored nor passed
              `s` uses it
              mend: use `list<T>`: a transaction takes its arguments and gives its result as a whole

            bank.wit:10:1: `future<…>` is not a value, so it can be neither stored nor passed
              `c` uses it
              mend: use `list<T>`: a transaction takes its arguments and gives its result as a whole

            bank.wit:12:9: `error-context` is not a value, so it can be neither stored nor passed
              `e` uses it
              mend: use a variant that names the errors

            bank.wit:13:12: `map<…>` is not a value, so it can be neither stored nor passed
              `m` uses it
              mend: use `list<tuple<K, V>>`, or a table

            bank.wit:13:33: a list of fixed length is not a value, so it can be neither stored nor passed
              `l` uses it
              mend: use `list<T>`, or a tuple

            bank.wit:14:6: a list of fixed length is not a value, so it can be neither stored nor passed
              `t` uses it
              mend: use `list<T>`, or a tuple

            bank.wit:15:13: `stream<…>` is not a value, so it can be neither stored nor passed
              `a` uses it
              mend: use `list<T>`: a transaction takes its arguments and gives its result as a whole

        "#]],
    );
}

#[test]
fn types_that_the_component_model_does_not_have_are_refused() {
    let flags: Vec<_> = (0..33).map(|n| format!("flag{n}")).collect();
    check_interface(
        &format!("record empty {{ }}\nflags none {{ }}\nflags many {{ {} }}", flags.join(", ")),
        expect![[r#"
            bank.wit:3:8: the component model has no empty types
              `empty` here
              mend: add a field

            bank.wit:4:7: the component model has no empty types
              `none` here
              mend: add a flag

            bank.wit:5:7: 33 members, and at most 32 are allowed
              `many` here
              mend: divide it into several types

        "#]],
    );
}

#[test]
fn a_type_that_grows_without_end_is_refused() {
    let mut items = "record r0 { a: u64, b: u64 }\n".to_owned();
    for n in 1..64 {
        items.push_str(&format!("record r{n} {{ a: r{}, b: r{} }}\n", n - 1, n - 1));
    }
    items.push_str(
        "/// @query\nf: func() -> r63;\n/// @query\ng: func() -> list<tuple<r14, r14, r14, r14>>;\n",
    );
    check_interface(
        &items,
        expect![[r#"
        bank.wit:18:8: the type `r15` has more than 100000 parts or nests deeper than 100 once every name in it is replaced by what it stands for
          `r15` here
          mend: use fewer types that contain each other

        bank.wit:70:1: the signature of `g` has more than 100000 parts or nests deeper than 100 once every name in it is replaced by what it stands for
          `g` here
          mend: use fewer types that contain each other

    "#]],
    );
}

#[test]
fn a_type_that_is_too_deep_is_refused() {
    let mut items = "type t0 = u64;\n".to_owned();
    for n in 1..200 {
        items.push_str(&format!(
            "type t{n} = {};\n",
            if n % 2 == 0 { format!("list<t{}>", n - 1) } else { format!("t{}", n - 1) }
        ));
    }
    items.push_str("/// @query\nf: func() -> t199;\n");
    check_interface(
        &items,
        expect![[r#"
        bank.wit:102:6: the type `t99` has more than 100000 parts or nests deeper than 100 once every name in it is replaced by what it stands for
          `t99` here
          mend: use fewer types that contain each other

    "#]],
    );
}

#[test]
fn a_long_chain_of_names_does_not_overflow_the_stack() {
    let mut text = "package a:b@1.0.0;\ninterface i {\ntype t0 = u64;\n".to_owned();
    for n in 1..20_000 {
        text.push_str(&format!("type t{n} = t{};\n", n - 1));
    }
    text.push_str("}\nworld w { export i; }\n");
    let mut sources = Sources::new();
    sources.add_root("long.wit", text);
    assert!(!read(&sources, None).unwrap_err().findings().is_empty());
}

#[test]
fn a_name_that_is_too_long_is_refused() {
    check_interface(
        &format!("record r {{ {}: u64 }}", "a".repeat(300)),
        expect![[r#"
            bank.wit:3:12: a name of 300 bytes, and at most 255 are allowed
              `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` here
              mend: shorten it

        "#]],
    );
}

#[test]
fn names_that_differ_by_case_only_are_refused() {
    check(
        "package a:b@1.0.0;
interface i {
  record r { a: u64, A: u64 }
  variant v { b, B }
  /// @query
  f: func(c: u64, C: u64);
  /// @query
  F: func();
  type V = u64;
}
interface I { type t = u64; }
world w { export i; }",
        expect![[r#"
            bank.wit:3:22: `A` and `a` differ by their case only
              `A` here
              mend: give one of them another name: to components they are the same

            bank.wit:4:18: `B` and `b` differ by their case only
              `B` here
              mend: give one of them another name: to components they are the same

            bank.wit:6:19: `C` and `c` differ by their case only
              `C` here
              mend: give one of them another name: to components they are the same

            bank.wit:8:3: `F` and `f` differ by their case only
              `F` here
              mend: give one of them another name: to components they are the same

            bank.wit:9:8: `V` and `v` differ by their case only
              `V` here
              mend: give one of them another name: to components they are the same

            bank.wit:11:11: `I` and `i` differ by their case only
              `I` here
              mend: give one of them another name: to components they are the same

        "#]],
    );
}

#[test]
fn a_type_that_contains_itself_is_refused() {
    check(
        "package a:b@1.0.0;\ninterface i {\n  record a { b: list<a> }\n}\nworld w { export i; }",
        expect![[r#"
            bank.wit:3:22: the type `a` depends on itself
              `a` here
              mend: a value holds no value of its own type: refer to the other by a key

        "#]],
    );
}
