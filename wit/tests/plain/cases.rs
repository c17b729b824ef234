//! The rules for functions, types, resources and interfaces, one case a line.
//! A case stays on its line, so that the table can be read down.

use crate::{check, package, package_with};

/// The interface before, the interface after, the verdict, and what is told.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

fn check_all(cases: &[Case]) {
    for (old, new, verdict, told) in cases {
        let whole = |body: &str| package(&format!("package a:b@1.2.0;\ninterface i {{ {body} }}\n"));
        check(&whole(old), &whole(new), verdict, told);
    }
}

#[test]
#[rustfmt::skip]
fn functions_are_told_apart() {
    check_all(&[
        ("", "f: func();", "compatible", &["function i.f: the function is added | compatible | nobody calls it yet"]),
        ("f: func();", "", "breaking", &["function i.f: the function is removed | breaking | components that import it no longer link"]),
        ("f: func(a: u8);", "g: func(a: u8);", "breaking", &[
            "function i.f: the function is removed | breaking | components that import it no longer link; `g` has its signature",
            "function i.g: the function is added",
        ]),
        ("f: func(); g: func();", "g: func(); f: func();", "compatible", &[]),
        ("f: func();", "f: func(a: u8);", "breaking", &["function i.f: the parameter `a: u8` is added | breaking | components that import it know another signature"]),
        ("f: func(a: u8);", "f: func();", "breaking", &["function i.f: the parameter `a` is removed"]),
        ("f: func(a: u8);", "f: func(b: u8);", "breaking", &["function i.f: the parameter `a` is now named `b`"]),
        ("f: func(a: u8, b: u8);", "f: func(b: u8, a: u8);", "breaking", &["function i.f: the parameters stand in another order"]),
        ("f: func(a: u8);", "f: func(a: u16);", "breaking", &["function i.f: in the parameter `a`: u8 became u16"]),
        ("f: func();", "f: func() -> u8;", "breaking", &["function i.f: it returned nothing and returns u8"]),
        ("f: func() -> u8;", "f: func();", "breaking", &["function i.f: it returned u8 and returns nothing"]),
        ("f: func() -> u8;", "f: func() -> s8;", "breaking", &["function i.f: in the result: u8 became s8"]),
        ("f: func() -> result<u8>;", "f: func() -> result<u8, string>;", "breaking", &["function i.f: in the result: in its `err`: string is added"]),
        ("f: func() -> result<u8, u8>;", "f: func() -> result<_, u8>;", "breaking", &["function i.f: in the result: in its `ok`: u8 is gone"]),
        ("f: func();", "f: async func();", "breaking", &["function i.f: it is async, and was not"]),
        ("f: async func();", "f: func();", "breaking", &["function i.f: it is async no longer"]),
        ("f: func(a: list<u8>);", "f: func(a: list<u8, 4>);", "breaking", &["function i.f: in the parameter `a`: list<u8> became list<u8, 4>"]),
        ("f: func(a: list<u8, 3>);", "f: func(a: list<u8, 4>);", "breaking", &["function i.f: in the parameter `a`: list<u8, 3> became list<u8, 4>"]),
        ("f: func(a: map<string, u8>);", "f: func(a: map<string, u16>);", "breaking", &["function i.f: in the parameter `a`: in its values: u8 became u16"]),
        ("f: func(a: stream<u8>);", "f: func(a: stream<u16>);", "breaking", &["function i.f: in the parameter `a`: in what it carries: u8 became u16"]),
        ("f: func() -> future<u8>;", "f: func() -> future;", "breaking", &["function i.f: in the result: in what it carries: u8 is gone"]),
        ("f: func() -> stream<u8>;", "f: func() -> future<u8>;", "breaking", &["function i.f: in the result: stream<u8> became future<u8>"]),
        ("f: func(e: error-context);", "f: func(e: string);", "breaking", &["function i.f: in the parameter `e`: error-context became string"]),
        ("f: func(a: tuple<u8, u8>);", "f: func(a: tuple<u8, s8>);", "breaking", &["function i.f: in the parameter `a`: in its element 2: u8 became s8"]),
        ("f: func(a: option<u8>);", "f: func(a: option<option<u8>>);", "breaking", &["function i.f: in the parameter `a`: in its `some`: u8 became option<u8>"]),
        ("resource k { c: func(); } resource r { a: func(); }", "resource k { c: func(); get-a: func(); } resource r { b: func(); }", "breaking", &[
            "function i.k.get-a: the method is added",
            "function i.r.a: the method is removed | breaking | components that import it no longer link; `r.b` has its signature",
            "function i.r.b: the method is added",
        ]),
        ("/// One.\nf: func();", "/// Two.\nf: func();", "compatible", &["docs i.docs: the docs of `f` changed | compatible | docs are for people"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn types_are_told_apart() {
    check_all(&[
        ("", "record r { a: u8 }", "compatible", &["type i.r: the record is added | compatible | nobody uses it yet"]),
        ("record r { a: u8 }", "", "breaking", &["type i.r: the record is removed | breaking | components that import the type no longer link"]),
        ("record r { a: u8 }", "record r { a: u8, b: u8 }", "breaking", &["type i.r: the field `b` is added | breaking | components that know the type know another one"]),
        ("record r { a: u8, b: u8 }", "record r { a: u8 }", "breaking", &["type i.r: the field `b` is gone"]),
        ("record r { a: u8, b: u8 }", "record r { b: u8, a: u8 }", "breaking", &["type i.r: the fields stand in another order"]),
        ("record r { a: u8 }", "record r { b: u8 }", "breaking", &["type i.r: the field `a` is gone, and `b` stands in its place"]),
        ("record r { a: u8 }", "record r { a: u16 }", "breaking", &["type i.r: in its field `a`: u8 became u16"]),
        ("variant v { a }", "variant v { a, b }", "breaking", &["type i.v: the case `b` is added"]),
        ("variant v { a }", "variant v { a(u8) }", "breaking", &["type i.v: in its case `a`: u8 is added"]),
        ("enum e { a, b }", "enum e { b, a }", "breaking", &["type i.e: the cases stand in another order"]),
        ("flags g { a }", "flags g { a, b }", "breaking", &["type i.g: the flag `b` is added"]),
        ("enum e { a }", "variant e { a }", "breaking", &[
            "type i.e: the enum is now a variant | breaking",
            "type i.e: enum { a } became variant { a } | breaking",
        ]),
        ("type t = u8;", "type t = u16;", "breaking", &["type i.t: u8 became u16"]),
        ("type t = u8;", "", "breaking", &["type i.t: the alias is removed | breaking | its name stands in the interface"]),
        ("record r { a: u8 } type t = r; f: func(x: r);", "record r { a: u8 } type t = r; f: func(x: t);", "compatible", &[]),
        ("f: func(x: u8);", "type t = u8; f: func(x: t);", "compatible", &["type i.t: the alias is added"]),
        ("record r { a: u8 }", "record s { a: u8 } type r = s;", "compatible", &[
            "type i.r: the record is now an alias | compatible | what it stands for has the same structure",
            "type i.s: the record is added",
        ]),
        ("record r { a: u8 } f: func(x: r);", "record r { a: u8 } record s { a: u8 } f: func(x: s);", "compatible", &["type i.s: the record is added"]),
        ("enum r { a } f: func(x: r);", "enum r { a } enum s { b } f: func(x: s);", "breaking", &[
            "type i.s: the enum is added",
            "function i.f: in the parameter `x`: r became s | breaking",
        ]),
        // What changed is told where it is declared, with the functions that reach it.
        ("record r { a: u8 } f: func(x: r); g: func() -> list<option<r>>; h: func();",
         "record r { a: u16 } f: func(x: r); g: func() -> list<option<r>>; h: func();", "breaking", &[
            "type i.r: in its field `a`: u8 became u16 | breaking | components that know the type know another one; it stands in the signature of `f`, `g`",
        ]),
        ("enum e { a } record r { e: e } record s { r: r } type t = s; f: func(x: t);",
         "enum e { a, b } record r { e: e } record s { r: r } type t = s; f: func(x: t);", "breaking", &[
            "type i.e: the case `b` is added | breaking | components that know the type know another one; it stands in the signature of `f`",
        ]),
        ("enum e { a } f1: func(x: e); f2: func(x: e); f3: func(x: e); f4: func(x: e); f5: func(x: e); f6: func(x: e); f7: func(x: e);",
         "enum e { b } f1: func(x: e); f2: func(x: e); f3: func(x: e); f4: func(x: e); f5: func(x: e); f6: func(x: e); f7: func(x: e);", "breaking", &[
            "type i.e: the case `a` is gone, and `b` stands in its place | breaking | components that know the type know another one; it stands in the signature of `f1`, `f2`, `f3`, `f4`, `f5` and 2 more",
        ]),
        ("record r { /// One.\n a: u8 }", "record r { /// Two.\n a: u8 }", "compatible", &["docs i.docs: the docs of `r.a` changed"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn resources_are_told_apart() {
    check_all(&[
        ("", "resource r;", "compatible", &["type i.r: the resource is added | compatible"]),
        ("resource r { constructor(); m: func(); }", "", "breaking", &["type i.r: the resource is removed | breaking | components that import it or its functions no longer link"]),
        ("resource r;", "resource r { m: func(); }", "compatible", &["function i.r.m: the method is added | compatible | nobody calls it yet"]),
        ("resource r { m: func(); }", "resource r;", "breaking", &["function i.r.m: the method is removed | breaking"]),
        ("resource r { m: func(); }", "resource r { m: func(a: u8); }", "breaking", &["function i.r.m: the parameter `a: u8` is added"]),
        ("resource r { m: func(); }", "resource r { m: static func(); }", "breaking", &["function i.r.m: it was a method and is a static function"]),
        ("resource r;", "resource r { constructor(a: u8); }", "compatible", &["function i.r.constructor: the constructor is added"]),
        ("resource r { constructor(a: u8); }", "resource r { constructor(a: u16); }", "breaking", &["function i.r.constructor: in the parameter `a`: u8 became u16"]),
        ("resource r { constructor(); }", "resource r;", "breaking", &["function i.r.constructor: the constructor is removed"]),
        ("resource r; f: func(x: r);", "resource r; f: func(x: borrow<r>);", "breaking", &["function i.f: in the parameter `x`: r became borrow<r>"]),
        ("resource r; f: func(x: own<r>);", "resource r; f: func(x: r);", "compatible", &[]),
        ("resource r; resource s; f: func(x: borrow<r>);", "resource r; resource s; f: func(x: borrow<s>);", "breaking", &["function i.f: in the parameter `x`: r became s"]),
        ("resource r; f: func(x: r);", "record r { a: u8 } f: func(x: r);", "breaking", &[
            "type i.r: the resource is now a record | breaking | components that know the type know another one; it stands in the signature of `f`",
            "type i.r: resource became record { a: u8 } | breaking",
        ]),
        ("resource r { m: async func(); }", "resource r { m: func(); }", "breaking", &["function i.r.m: it is async no longer"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn gates_are_told_apart() {
    check_all(&[
        ("f: func();", "@since(version = 1.0.0) f: func();", "compatible", &[]),
        ("@since(version = 1.0.0) f: func();", "@since(version = 1.0.0) @deprecated(version = 1.1.0) f: func();", "compatible", &[
            "function i.f: it is deprecated since 1.1.0 | compatible | it is still there",
        ]),
        ("@since(version = 1.0.0) @deprecated(version = 1.1.0) f: func();", "@since(version = 1.0.0) f: func();", "compatible", &["function i.f: it is deprecated no longer"]),
        ("@since(version = 1.0.0) record r { a: u8 }", "@since(version = 1.0.0) @deprecated(version = 1.1.0) record r { a: u8 }", "compatible", &["type i.r: it is deprecated since 1.1.0"]),
        ("", "@unstable(feature = x) f: func();", "compatible", &[]),
        ("@unstable(feature = x) f: func(a: u8);", "@unstable(feature = x) f: func();", "compatible", &[]),
        ("@unstable(feature = x) f: func();", "f: func();", "compatible", &["function i.f: the function is added: it was behind `@unstable(feature = x)` | compatible"]),
        ("f: func();", "@unstable(feature = x) f: func();", "breaking", &["function i.f: the function is behind `@unstable(feature = x)` now, and so no part of the contract | breaking"]),
        ("resource r { m: func(); }", "resource r { @unstable(feature = x) m: func(); }", "breaking", &["function i.r.m: the method is behind `@unstable(feature = x)` now"]),
        ("record r { a: u8 }", "@unstable(feature = x) record r { a: u8 }", "breaking", &["type i.r: the record is behind `@unstable(feature = x)` now"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn interfaces_and_packages_are_told_apart() {
    let check = |old: &str, new: &str, verdict: &str, told: &[&str]| {
        check(&package(old), &package(new), verdict, told);
    };
    check("package a:b@1.0.0; interface i {}", "package a:b@1.1.0; interface i {} interface j {}", "compatible", &["interface j: the interface is added | compatible | nobody imports it yet"]);
    check("package a:b@1.0.0; interface i {} interface j {}", "package a:b@1.1.0; interface i {}", "breaking", &["interface j: the interface is removed | breaking | components that import it no longer link"]);
    check("package a:b@1.0.0; interface i {}", "package a:c@1.0.0; interface i {}", "breaking", &["package a:b: the package is now named `a:c` | breaking | they import `a:b`"]);
    check("/// One.\npackage a:b@1.0.0; interface i {}", "/// Two.\npackage a:b@1.0.0; interface i {}", "compatible", &["docs docs: the docs of the package changed"]);
    check(
        "package a:b@1.0.0; interface i {}",
        "package a:b@1.0.0; @unstable(feature = x) interface i {}",
        "breaking",
        &["interface i: the interface is behind `@unstable(feature = x)` now"],
    );
    check(
        "package a:b@1.0.0; interface i {}",
        "package a:b@1.0.0; @since(version = 1.0.0) @deprecated(version = 1.0.0) interface i {}",
        "compatible",
        &["interface i: it is deprecated since 1.0.0"],
    );
    // A type that moves and is used from where it was is still there.
    check(
        "package a:b@1.0.0; interface i { record r { a: u8 } f: func(x: r); }",
        "package a:b@1.1.0; interface types { record r { a: u8 } } interface i { use types.{r}; f: func(x: r); }",
        "compatible",
        &[
            "interface types: the interface is added",
            "type i.r: the record is now a used type | compatible | what it stands for has the same structure",
        ],
    );
    // A resource is what its interface says that it is.
    check(
        "package a:b@1.0.0; interface i { resource r; f: func(x: r); }",
        "package a:b@1.1.0; interface types { resource r; } interface i { use types.{r}; f: func(x: r); }",
        "breaking",
        &[
            "interface types: the interface is added",
            "type i.r: the resource is now a used type | breaking | components that know the type know another one; it stands in the signature of `f`",
            "type i.r: the resource `i.r` became `types.r` | breaking",
        ],
    );
    // It is told where it is declared, and names who reaches it elsewhere.
    check(
        "package a:b@1.0.0; interface types { enum e { a } } interface i { use types.{e}; f: func(x: e); }",
        "package a:b@1.0.0; interface types { enum e { a, b } } interface i { use types.{e}; f: func(x: e); }",
        "breaking",
        &["type types.e: the case `b` is added | breaking | components that know the type know another one; it stands in the signature of `i.f`"],
    );
}

const IO: &str = "package w:io@0.2.0; interface poll { resource pollable { ready: func() -> bool; } enum e { a } } \
                  interface other { f: func(); }";

#[test]
#[rustfmt::skip]
fn what_other_packages_declare_counts_as_far_as_it_is_reached() {
    let body = "interface i { use w:io/poll@VERSION.{pollable, e}; f: func(x: borrow<pollable>, e: e); }";
    let check = |io: &str, version: &str, verdict: &str, told: &[&str]| {
        let whole = |version: &str| format!("package a:b@1.0.0; {}", body.replace("VERSION", version));
        let old = package_with(&whole("0.2.0"), &[IO]);
        let new = package_with(&whole(version), &[io]);
        check(&old, &new, verdict, told);
    };
    let moved = |from: &str, to: &str| IO.replace("0.2.0", "0.2.3").replace(from, to);
    check(&moved("", ""), "0.2.3", "compatible", &["import w:io: it is used in version 0.2.3, and was in 0.2.0"]);
    // What nobody reaches does not matter, and neither does more of what is reached.
    check(&moved("f: func();", ""), "0.2.3", "compatible", &["import w:io: "]);
    check(&moved("ready: func", "block: func(); ready: func"), "0.2.3", "compatible", &["import w:io: "]);
    check(&moved("ready: func() -> bool;", ""), "0.2.3", "breaking", &[
        "import w:io: ",
        "function w:io/poll.pollable.ready: the method is removed | breaking | components that import it no longer link",
    ]);
    check(&moved("enum e { a }", "enum e { a, b }"), "0.2.3", "breaking", &[
        "import w:io: ",
        "type w:io/poll.e: the case `b` is added | breaking | components that know the type know another one; it stands in the signature of `i.f`",
    ]);
    // On another track a resource is another one, and an enum is what it is made of.
    check(&IO.replace("0.2.0", "0.3.0"), "0.3.0", "breaking", &[
        "import w:io: it is used in version 0.3.0, and was in 0.2.0",
        "type i.pollable: the resource `w:io/poll@0.2.0.pollable` became `w:io/poll@0.3.0.pollable` | breaking | components that know the type know another one; it stands in the signature of `f`",
    ]);
}
