//! Single texts of WAVE: what they mean, their canonical form, and what is said of mistakes.
//! Whole types are cut short in messages, but for the one test that is about them.
//! Invariant: every place is a line and a column of the text.
#![allow(clippy::unwrap_used)]

use crate::text::{
    tests::{account, check, transfer},
    wave,
};
use expect_test::{Expect, expect};
use interstice_codec::{Value, ValueType};

#[test]
fn the_canonical_text_stays_what_it_is() {
    let check = |ty: &ValueType, text: &str, canonical: &str| {
        assert_eq!(wave::print(&wave::parse(text, ty).unwrap(), ty), canonical);
    };
    check(&account(), r#"{state:%ok,%id:7,list:{%write,ok,},}"#, "{id: 7, list: {write, ok}, state: %ok}");
    check(
        &account(),
        r#"{id: 7, owner: "a\u{e9}\u{7}", list: {}, state: open}"#,
        r#"{id: 7, owner: some("aé\u{7}"), list: {}, state: open}"#,
    );
    check(&ValueType::F64, "1e300", "1e300");
    check(&ValueType::F64, "0.10", "0.1");
    check(&ValueType::F64, "-0", "-0");
    check(&ValueType::F32, "16777216", "16777216");
    check(&ValueType::F32, "0.00000012", "1.2e-7");
    check(&ValueType::F32, "-inf", "-inf");
    check(&ValueType::Char, "'\\''", "'\\''");
    check(&ValueType::String, "\"\"\"\n  a\n   b\n  \"\"\"", "\"a\\n b\"");
    let nested = ValueType::Option(Box::new(ValueType::Option(Box::new(ValueType::U8))));
    check(&nested, "some(3)", "some(some(3))");
    check(&nested, "some(none)", "some(none)");
    check(&nested, "none", "none");
}

#[test]
fn mistakes_in_wave_say_where_and_what() {
    let check = |text: &str, ty: &ValueType, expected: Expect| check(wave::parse(text, ty), expected);
    check("\"x\"", &ValueType::U64, expect!["line 1, column 1: expected `u64`, found a string"]);
    check("300", &ValueType::U8, expect!["line 1, column 1: 300 is not in the range of `u8`, 0 to 255"]);
    check("1.5", &ValueType::S8, expect!["line 1, column 1: expected `s8`, a whole number, found 1.5"]);
    check("1e39", &ValueType::F32, expect!["line 1, column 1: 1e39 is not in the range of `f32`"]);
    let pair = ValueType::Tuple(vec![ValueType::Bool, account()]);
    check(
        "(true,\n {id: 'é', list: {}, state: open})",
        &pair,
        expect!["line 2, column 7: expected `u64`, found a char (the type is …)"],
    );
    check(
        "(true)",
        &pair,
        expect!["line 1, column 1: expected a tuple of 2, found one of 1 (the type is …)"],
    );
    check(
        "{id: 1, list: {}, sate: open}",
        &account(),
        expect!["line 1, column 19: there is no field `sate`; did you mean `state`? (the type is …)"],
    );
    check(
        "{id: 1, list: {}}",
        &account(),
        expect!["line 1, column 1: the field `state: enum { open, ok, none }` is missing (the type is …)"],
    );
    check(
        "{id: 1, list: {raed}, state: open}",
        &account(),
        expect!["line 1, column 16: there is no flag `raed`; did you mean `read`? (the type is …)"],
    );
    check(
        "{id: 1, list: {}, state: none}",
        &account(),
        expect![
            "line 1, column 26: `none` is a keyword of WAVE; the case of that name is written `%none` (the type is …)"
        ],
    );
    check(
        "{id: 1, id: 2}",
        &account(),
        expect!["line 1, column 9: the field `id` is given twice (the type is …)"],
    );
    check(
        "{id: 1, list: ",
        &account(),
        expect!["line 1, column 15: the text ends where a value is not complete (the type is …)"],
    );
    check("()", &pair, expect!["line 1, column 1: a tuple holds at least one value (the type is …)"]);
    check(
        "true true",
        &ValueType::Bool,
        expect!["line 1, column 6: the value is complete before `true` (the type is …)"],
    );
    check("&", &ValueType::Bool, expect!["line 1, column 1: `&` means nothing in WAVE (the type is …)"]);
    check(
        "\"\"\"x\"\"\"",
        &ValueType::String,
        expect![[r#"line 1, column 1: the opening `"""` stands at the end of its line (the type is …)"#]],
    );
    check(
        "\"\"\"\nx\"\"\"",
        &ValueType::String,
        expect![[r#"line 2, column 2: only spaces stand before the closing `"""` (the type is …)"#]],
    );
    check(
        "\"a\\z\"",
        &ValueType::String,
        expect![
            "line 1, column 1: the string does not end on its line, or holds an unknown escape (the type is …)"
        ],
    );
    check(
        "'ab'",
        &ValueType::Char,
        expect!["line 1, column 1: a char is one character, or one escape, between quotes (the type is …)"],
    );
    check(
        &"[".repeat(200),
        &account(),
        expect!["line 1, column 100: values are nested deeper than 100 levels (the type is …)"],
    );
    let result = ValueType::Result { ok: None, err: Some(Box::new(ValueType::U8)) };
    check("ok(1)", &result, expect!["line 1, column 4: `ok` carries nothing (the type is …)"]);
    check("err", &result, expect!["line 1, column 1: `err` carries a value of type `u8` (the type is …)"]);
    check(
        "{}",
        &ValueType::Record(vec![]),
        expect!["line 1, column 1: an empty record is written `{:}` (the type is …)"],
    );
}

#[test]
fn a_mistake_in_a_part_shows_the_whole_type_once() {
    let list = ValueType::List(Box::new(ValueType::Option(Box::new(ValueType::U8))));
    let message = |text: &str| wave::parse(text, &list).unwrap_err().to_string();
    expect!["line 1, column 5: expected `u8`, found a bool (the type is `list<option<u8>>`)"]
        .assert_eq(&message("[1, true]"));
    expect!["line 1, column 1: expected `list<option<u8>>`, found a bool"].assert_eq(&message("true"));
    let error = wave::parse("[1,\n 'é', 300]", &list).unwrap_err();
    assert_eq!((error.span(), error.line_and_column()), (Some(5..9), Some((2, 2))));
}

#[test]
fn calls_are_read_with_their_interface_and_arguments() {
    let call = wave::parse_call(" ledger.transfer (1, 2,) ").unwrap();
    assert_eq!((call.interface.as_deref(), call.function.as_str()), (Some("ledger"), "transfer"));
    let values = wave::parse_arguments(&call.arguments, transfer().as_slice()).unwrap();
    assert_eq!(values, [Value::U64(1), Value::U64(2), Value::Option(None)]);
    let call = wave::parse_call("%export()").unwrap();
    assert_eq!((call.interface, call.function.as_str(), call.arguments.count()), (None, "export", 0));
    assert!(wave::parse_arguments::<&str>(&call.arguments, [].as_slice()).unwrap().is_empty());
}

#[test]
fn mistakes_in_calls_show_the_signature() {
    let read = |text: &str| {
        let call = wave::parse_call(text)?;
        wave::parse_arguments(&call.arguments, transfer().as_slice())
    };
    let check_text = |text: &str, expected: Expect| check(read(text), expected);
    check_text("transfer", expect!["line 1, column 9: expected `transfer(…)` (a call is written …)"]);
    check_text(
        " ledger.transfer 1",
        expect!["line 1, column 17: expected `ledger.transfer(…)` (a call is written …)"],
    );
    check_text("'", expect!["line 1, column 1: expected `name(…)` (a call is written …)"]);
    check_text("(1)", expect!["line 1, column 1: the name of a function is missing (a call is written …)"]);
    check_text(
        "trans fer(1)",
        expect!["line 1, column 1: `trans fer` is not the name of a function (a call is written …)"],
    );
    check_text(
        "transfer(1",
        expect!["line 1, column 11: the text ends where a value is not complete (a call is written …)"],
    );
    check_text(
        "transfer()",
        expect!["line 1, column 9: `transfer` takes 2 to 3 arguments, none is given (the function is …)"],
    );
    check_text(
        "transfer(1, 2, \"a\", 4)",
        expect!["line 1, column 21: `transfer` takes 2 to 3 arguments, 4 are given (the function is …)"],
    );
    check_text(
        "transfer(1, \"two\")",
        expect!["line 1, column 13: `amount`: expected `u64`, found a string (the function is …)"],
    );
    check_text(
        "transfer(1, 2) 3",
        expect!["line 1, column 16: the value is complete before `3` (a call is written …)"],
    );
    let call = wave::parse_call("f(1, 2)").unwrap();
    check(
        wave::parse_arguments::<&str>(&call.arguments, [].as_slice()),
        expect!["line 1, column 3: `f` takes no arguments, 2 are given (the function is …)"],
    );
}
