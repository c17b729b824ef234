//! The rules for worlds, one case a line: components are built for them.

use crate::{check, package, package_with};

#[test]
#[rustfmt::skip]
fn worlds_are_told_apart() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("", "import i;", "compatible", &["world w: the import `i` is added | compatible | components that were built for the world go on; hosts must provide more"]),
        ("import i;", "", "breaking", &["world w: the import `i` is removed | breaking | components that were built for the world may import it"]),
        ("", "export i;", "breaking", &["world w: the export `i` is added | breaking | components that were built for the world do not export it"]),
        ("export i;", "", "breaking", &["world w: the export `i` is removed | breaking | hosts and components that call it"]),
        ("import i; import j;", "import j; import i;", "compatible", &[]),
        ("import i;", "include v;", "compatible", &[]),
        ("", "import f: func();", "compatible", &["world w: the import `f` is added"]),
        ("import f: func();", "import f: func(a: u8);", "breaking", &["world w: the import `f`: the parameter `a: u8` is added | breaking"]),
        ("export f: func();", "export f: func() -> u8;", "breaking", &["world w: the export `f`: it returned nothing and returns u8"]),
        ("import c: interface { f: func(); }", "import c: interface { f: func(); g: func(); }", "compatible", &["world w: in its import `c`: `g`: the function is added | compatible | nobody calls it yet"]),
        ("export c: interface { f: func(); }", "export c: interface { f: func(); g: func(); }", "breaking", &["world w: in its export `c`: `g`: the function is added | breaking | components that were built for the world do not export it"]),
        ("import c: interface { f: func(); g: func(); }", "import c: interface { f: func(); }", "breaking", &["world w: in its import `c`: `g`: the function is removed | breaking"]),
        ("import c: interface { enum e { a } f: func(x: e); }", "import c: interface { enum e { a, b } f: func(x: e); }", "breaking", &["world w: in its import `c`: `e`: the case `b` is added | breaking | components that know the type know another one; it stands in the signature of `w.c.f`"]),
        ("import c: interface { f: func(); }", "import c: func();", "breaking", &["world w: the import `c`: it is something else than it was | breaking"]),
        ("record r { a: u8 } import f: func(x: r);", "record r { a: u16 } import f: func(x: r);", "breaking", &["world w: the type `r`: in its field `a`: u8 became u16 | breaking | components that know the type know another one; it stands in the signature of `w.f`"]),
        ("", "record r { a: u8 }", "compatible", &["world w: the type `r` is added | compatible"]),
        ("import i;", "@unstable(feature = x) import i;", "breaking", &["world w: the import `i` is behind `@unstable(feature = x)` now, and so no part of the contract | breaking"]),
        ("@since(version = 1.0.0) import i;", "@since(version = 1.0.0) @deprecated(version = 1.0.0) import i;", "compatible", &["world w: the import `i`: it is deprecated since 1.0.0 | compatible"]),
    ];
    for (old, new, verdict, told) in cases {
        let whole = |world: &str| {
            let body = "interface i { f: func(); } interface j { f: func(); } world v { import i; }";
            package(&format!("package a:b@1.0.0; {body} world w {{ {world} }}"))
        };
        check(&whole(old), &whole(new), verdict, told);
    }
}

#[test]
#[rustfmt::skip]
fn worlds_come_and_go() {
    let check = |old: &str, new: &str, verdict: &str, told: &[&str]| {
        check(&package(old), &package(new), verdict, told);
    };
    check("package a:b@1.0.0;", "package a:b@1.0.0; world w {}", "compatible", &["world w: the world is added | compatible | no component was built for it yet"]);
    check("package a:b@1.0.0; world w {}", "package a:b@1.0.0;", "breaking", &["world w: the world is removed | breaking | components are built for it, and packages include it"]);
}

#[test]
#[rustfmt::skip]
fn what_an_exported_interface_has_more_is_missing_in_components() {
    let whole = |body: &str| {
        package(&format!("package a:b@1.0.0; interface i {{ {body} }} world host {{ import i; }} world guest {{ export i; }}"))
    };
    check(&whole("f: func();"), &whole("f: func(); g: func();"), "breaking", &[
        "world guest: the export `i`: it has the function `g` more | breaking | components that were built for the world do not export it",
        "function i.g: the function is added | compatible | nobody calls it yet",
    ]);
    // A type alone demands nothing.
    check(&whole("f: func();"), &whole("f: func(); enum e { a }"), "compatible", &["type i.e: the enum is added"]);
}

#[test]
#[rustfmt::skip]
fn interfaces_of_other_packages_that_a_world_names_are_compared_whole() {
    let old = "package w:io@0.2.0; interface i { f: func(); g: func(); }";
    let whole = |version: &str| format!("package a:b@1.0.0; world w {{ import w:io/i@{version}; }}");
    let new = |text: &str| package_with(&whole("0.2.1"), &[text]);
    let old = package_with(&whole("0.2.0"), &[old]);
    check(&old, &new("package w:io@0.2.1; interface i { f: func(); g: func(); h: func(); }"), "compatible", &["import w:io: "]);
    check(&old, &new("package w:io@0.2.1; interface i { f: func(); }"), "breaking", &[
        "import w:io: ",
        "function w:io/i.g: the function is removed | breaking",
    ]);
    let other = package_with(&whole("0.3.0"), &["package w:io@0.3.0; interface i { f: func(); g: func(); }"]);
    check(&old, &other, "breaking", &[
        "import w:io: ",
        "world w: the import `w:io/i@0.2.0` is now `w:io/i@0.3.0`, on another track | breaking | components that were built for the world know the other one",
    ]);
}

#[test]
#[rustfmt::skip]
fn one_world_is_compared_alone() {
    let whole = |body: &str| {
        package(&format!("package a:b@1.0.0; interface i {{}} interface j {{ {body} }} world v {{ import i; }} world w {{ import j; }}"))
    };
    let (old, new) = (whole("f: func();"), whole(""));
    let only = |package: &interstice_wit::plain::Package, world: &str| package.clone().only(world).unwrap();
    check(&only(&old, "v"), &only(&new, "v"), "compatible", &[]);
    check(&only(&old, "w"), &only(&new, "w"), "breaking", &["function j.f: the function is removed"]);
    check(&only(&old, "a:b/w@1.0.0"), &only(&new, "a:b/w"), "breaking", &["function j.f: the function is removed"]);
    assert_eq!(old.only("x").unwrap_err(), ["v", "w"]);
}
