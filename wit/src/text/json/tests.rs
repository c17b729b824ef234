//! Single documents of JSON: their one shape for each type, and what is said of mistakes.
//! Whole types are cut short in messages.
//! Invariant: every place is a path, but for a text that is not JSON.
#![allow(clippy::unwrap_used)]

use crate::text::{
    json,
    tests::{account, check, transfer},
};
use expect_test::{Expect, expect};
use interstice_codec::{Case, Value, ValueType};

#[test]
fn json_has_one_shape_for_each_type() {
    let check = |text: &str, ty: &ValueType, canonical: &str| {
        assert_eq!(json::to_json(&json::parse(text, ty).unwrap(), ty).to_string(), canonical);
    };
    check("9007199254740991", &ValueType::U64, "9007199254740991");
    check("9007199254740992", &ValueType::U64, "\"9007199254740992\"");
    check("\"-9223372036854775808\"", &ValueType::S64, "\"-9223372036854775808\"");
    check("0.1", &ValueType::F32, "0.1");
    check("1", &ValueType::F64, "1.0");
    check("\"-inf\"", &ValueType::F64, "\"-inf\"");
    check("\"é\"", &ValueType::Char, "\"é\"");
    check("[0,255]", &ValueType::List(Box::new(ValueType::U8)), "[0,255]");
    let option = |ty| ValueType::Option(Box::new(ty));
    check("3", &option(ValueType::U8), "3");
    check("null", &option(option(ValueType::U8)), "null");
    check("{\"some\":null}", &option(option(ValueType::U8)), "{\"some\":null}");
    check("{\"some\":3}", &option(option(ValueType::U8)), "{\"some\":3}");
    let result = ValueType::Result { ok: None, err: Some(Box::new(ValueType::U8)) };
    check("{\"ok\":null}", &result, "{\"ok\":null}");
    check("{\"err\":4}", &result, "{\"err\":4}");
    let variant = ValueType::Variant(vec![
        Case { name: "a".into(), ty: None },
        Case { name: "b".into(), ty: Some(option(ValueType::U8)) },
    ]);
    check("\"a\"", &variant, "\"a\"");
    check("{\"b\":null}", &variant, "{\"b\":null}");
    check(
        "{\"state\":\"ok\",\"list\":[\"ok\",\"read\"],\"id\":\"1\"}",
        &account(),
        "{\"id\":1,\"owner\":null,\"list\":[\"read\",\"ok\"],\"state\":\"ok\"}",
    );
}

#[test]
fn mistakes_in_json_say_where_and_what() {
    let check = |text: &str, ty: &ValueType, expected: Expect| check(json::parse(text, ty), expected);
    let accounts = ValueType::List(Box::new(account()));
    check("{\"id\": 1,\n \"x\" 2}", &account(), expect!["line 2, column 6: expected `:`"]);
    check(
        "[{\"id\": -1}]",
        &accounts,
        expect![
            "$[0].id: expected `u64`, a whole number from 0 to 18446744073709551615, found -1 (the type is …)"
        ],
    );
    check(
        "[{\"id\": 1, \"list\": [], \"state\": \"opne\"}]",
        &accounts,
        expect!["$[0].state: there is no case `opne`; did you mean `open`? (the type is …)"],
    );
    check(
        "[{\"id\": 1, \"list\": [\"read\", \"read\"], \"state\": \"open\"}]",
        &accounts,
        expect!["$[0].list[1]: the flag `read` is given twice (the type is …)"],
    );
    check(
        "[{\"id\": 1, \"list\": []}]",
        &accounts,
        expect!["$[0]: the field `state: enum { open, ok, none }` is missing (the type is …)"],
    );
    check(
        "[{\"ids\": 1}]",
        &accounts,
        expect!["$[0]: there is no field `ids`; did you mean `id`? (the type is …)"],
    );
    check("\"+1\"", &ValueType::U8, expect!["expected `u8`, found a string"]);
    check("1e300", &ValueType::F32, expect!["1e+300 is not in the range of `f32`"]);
    check(
        "\"ab\"",
        &ValueType::Char,
        expect![[r#"expected a string of one char, found "ab" (the type is …)"#]],
    );
    check(
        "[1]",
        &ValueType::Tuple(vec![ValueType::U8, ValueType::U8]),
        expect!["expected `tuple<u8, u8>`, found an array of 1"],
    );
    check(
        "{\"ok\": 1}",
        &ValueType::Result { ok: None, err: None },
        expect!["$.ok: `ok` carries nothing (the type is …)"],
    );
    check("", &ValueType::U8, expect!["line 1, column 1: EOF while parsing a value"]);
}

#[test]
fn arguments_in_json_are_an_array_or_an_object() {
    let read = |text: &str| json::parse_arguments("transfer", text, transfer().as_slice());
    let values = [Value::U64(1), Value::U64(2), Value::Option(None)];
    assert_eq!(read("[1, 2]").unwrap(), values);
    assert_eq!(read("{\"amount\": 2, \"source\": 1}").unwrap(), values);
    check(read("[1]"), expect!["the argument `amount: u64` is missing (the function is …)"]);
    check(read("[1, 2, null, 4]"), expect!["`transfer` takes 3 arguments, 4 are given (the function is …)"]);
    check(
        read("[1, \"two\"]"),
        expect![[
            r#"$[1]: `amount`: expected `u64`, a whole number from 0 to 18446744073709551615, found "two" (the function is …)"#
        ]],
    );
    check(
        read("{\"amuont\": 2}"),
        expect!["there is no parameter `amuont`; did you mean `amount`? (the function is …)"],
    );
    check(read("7"), expect!["expected an array or an object of arguments, found 7 (the function is …)"]);
}
