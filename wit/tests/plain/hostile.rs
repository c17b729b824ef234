//! Odd packages are compared or refused with a place, in a time that a person waits.

use crate::{check, package, sources, word};
use interstice_wit::plain::{self, compare, is_plain};
use std::time::{Duration, Instant};

#[test]
fn packages_with_little_in_them_are_packages() {
    let empty = package("package a:b@1.0.0;");
    check(&empty, &package("package a:b@1.0.0; world w {}"), "compatible", &["world w: the world is added"]);
    check(
        &package("package a:b@1.0.0; interface i {}"),
        &empty,
        "breaking",
        &["interface i: the interface is removed"],
    );
}

#[test]
fn a_package_without_a_version_asks_for_none() {
    let (old, new) =
        (package("package a:b; interface i { f: func(); }"), package("package a:b; interface i {}"));
    let comparison = compare(&old, &new);
    assert_eq!((word(comparison.callers), &comparison.next_version), ("breaking", &None));
    assert!(comparison.is_version_enough);
    let comparison =
        compare(&package("package a:b; interface i {}"), &package("package a:b@1.0.0; interface i {}"));
    assert_eq!((comparison.changes.as_slice(), comparison.is_version_enough), ([].as_slice(), true));
}

#[test]
fn what_wit_refuses_is_refused_with_its_place() {
    for (text, message) in [
        ("package a:b@1.0.0; interface i { record r { r: r } }", "depends on itself"),
        ("package a:b@1.0.0; interface i { use j.{t}; } interface j { use i.{t}; }", "depends on itself"),
        ("package a:b@1.0.0; interface i { f: func(x: t); }", "`t`"),
        ("package a:b@1.0.0; interface i { @unstable(feature = x) record r { a: u8 } f: func(x: r); }", ""),
        ("interface i {}", "the package has no name"),
    ] {
        let found = plain::read(&sources(text, &[])).unwrap_err();
        let finding = &found.findings()[0];
        assert!(finding.message().contains(message), "{text}: {}", finding.render());
        assert!(finding.line() == 1 && finding.column() > 0);
    }
}

#[test]
fn a_long_chain_of_types_costs_neither_the_stack_nor_the_patience() {
    const LENGTH: usize = 20_000;
    let chain = |name: &str, first: &str| {
        let mut text = format!("package a:b@1.0.0;\ninterface i {{\nrecord {name}0 {{ a: {first} }}\n");
        for number in 1..LENGTH {
            text.push_str(&format!("record {name}{number} {{ a: {name}{0}, b: {name}{0} }}\n", number - 1));
        }
        text.push_str(&format!("f: func(x: {name}{});\n}}\n", LENGTH - 1));
        package(&text)
    };
    let started = Instant::now();
    let (old, new) = (chain("r", "u8"), chain("r", "u16"));
    check(
        &old,
        &new,
        "breaking",
        &[
            "type i.r0: in its field `a`: u8 became u16 | breaking | components that know the type know another one; it stands in the signature of `f`",
        ],
    );
    // By other names nothing of it is the same.
    let comparison = compare(&old, &chain("other", "u16"));
    assert_eq!(word(comparison.callers), "breaking");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn types_inside_types_are_followed_to_the_end() {
    let nested = |innermost: &str| {
        let text = format!("{}{innermost}{}", "list<".repeat(90), ">".repeat(90));
        package(&format!("package a:b@1.0.0; interface i {{ f: func(x: {text}); }}"))
    };
    let comparison = compare(&nested("u8"), &nested("u16"));
    assert_eq!(word(comparison.callers), "breaking");
    assert!(
        comparison.changes[0].what.ends_with("there is a difference deep inside it"),
        "{}",
        comparison.changes[0].what
    );
}

#[test]
fn a_directive_makes_a_package_a_module_and_so_does_one_that_was_meant() {
    let is_plain =
        |body: &str| is_plain(&sources(&format!("package a:b@1.0.0;\ninterface i {{\n{body}\n}}"), &[]));
    for body in [
        "/// Text.\nf: func();",
        "/// @param x\nf: func(x: u8);",
        "/// me@table.org\nf: func();",
        "// Query it.\nf: func();",
        "@since(version = 1.0.0)\nf: func();",
    ] {
        assert!(is_plain(body), "{body}");
    }
    for body in [
        "/// @query\nf: func();",
        "/// @qeury\nf: func();",
        "// @reducer\nf: func();",
        "/** @on(init) */\nf: func();",
        "/// @table(primary-key = a)\nrecord r { a: u8 }",
        "f: func(); /// @query",
    ] {
        assert!(!is_plain(body), "{body}");
    }
    // What another package says about itself does not count.
    let other = "package w:io@1.0.0; interface i {\n/// @query\nf: func();\n}";
    assert!(plain::is_plain(&sources("package a:b@1.0.0; world w { import w:io/i@1.0.0; }", &[other])));
}
