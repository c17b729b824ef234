//! Mistakes in packages, worlds, imports and exports.

use crate::{check, check_files};
use expect_test::expect;

#[test]
fn no_file_no_package_and_no_version_are_told() {
    check_files(
        &[],
        &[],
        None,
        expect![[r#"
        (no WIT file):1:1: there is no WIT file to read
          mend: put the package's `.wit` files into the folder `wit`

    "#]],
    );
    check(
        "interface a { }",
        expect![[r#"
        bank.wit:1:1: the package has no name
          mend: begin one of its files with a line such as `package acme:bank@1.0.0;`

    "#]],
    );
    check(
        "package acme:bank;\ninterface a { type t = u64; }\nworld w { export a; }",
        expect![[r#"
        bank.wit:1:9: the package `acme:bank` has no version
          `acme:bank` expected a version
          mend: write `package acme:bank@0.1.0;`

    "#]],
    );
}

#[test]
fn a_world_is_named_where_there_are_several() {
    let text = "package acme:bank@1.2.0;\ninterface a { type t = u64; }\nworld bank { export a; }\nworld test { export a; }";
    check_files(
        &[("bank.wit", text)],
        &[],
        None,
        expect![[r#"
        bank.wit:1:9: the package `acme:bank@1.2.0` has several worlds
          `acme:bank@1.2.0` here
          mend: name one of `bank`, `test`

    "#]],
    );
    check_files(
        &[("bank.wit", text)],
        &[],
        Some("bnak"),
        expect![[r#"
        bank.wit:1:9: there is no world `bnak` in `acme:bank@1.2.0`
          `acme:bank@1.2.0` here
          mend: did you mean `bank`? the package has `bank`, `test`

    "#]],
    );
    check_files(&[("bank.wit", text)], &[], Some("acme:bank/test@1.2.0"), expect!["no mistakes"]);
    check_files(&[("bank.wit", text)], &[], Some("acme:bank/test"), expect!["no mistakes"]);
    check_files(
        &[("bank.wit", "package acme:bank@1.2.0;")],
        &[],
        None,
        expect![[r#"
        bank.wit:1:9: the package `acme:bank@1.2.0` has no world
          `acme:bank@1.2.0` here
          mend: add one that exports the module's interfaces: `world bank { export ledger; }`

    "#]],
    );
}

#[test]
fn a_world_holds_interfaces_under_their_own_names_only() {
    check(
        "package acme:bank@1.2.0;
interface a { type t = u64; }
world bank {
  use a.{t};
  type u = u64;
  record r { x: u }
  import f: func();
  export g: func();
  import i: interface { h: func(); }
  export j: interface { type v = u64; }
  export k: a;
  import l: a;
}",
        expect![[r#"
            bank.wit:4:10: the type `t` stands in a world
              `t` here
              mend: put it into an interface, where tables and functions can use it

            bank.wit:5:8: the type `u` stands in a world
              `u` here
              mend: put it into an interface, where tables and functions can use it

            bank.wit:6:10: the type `r` stands in a world
              `r` here
              mend: put it into an interface, where tables and functions can use it

            bank.wit:7:10: a world cannot import the function `f` by itself
              `f` here
              mend: put it into an interface, and `import` that

            bank.wit:8:10: a world cannot export the function `g` by itself
              `g` here
              mend: put it into an interface, and `export` that

            bank.wit:9:10: the interface `i` stands in a world
              `i` here
              mend: declare `interface i { … }` in the package, and write `import i;`

            bank.wit:10:10: the interface `j` stands in a world
              `j` here
              mend: declare `interface j { … }` in the package, and write `export j;`

            bank.wit:11:10: the interface `a` is exported under the name `k`
              `k` here
              mend: write `export a;`: a module has each interface once

            bank.wit:12:10: the interface `a` is imported under the name `l`
              `l` here
              mend: write `import a;`: a module has each interface once

        "#]],
    );
}

#[test]
fn unstable_items_are_refused() {
    check_files(
        &[(
            "bank.wit",
            "package acme:bank@1.2.0;
interface a {
  @unstable(feature = x)
  type t = u64;
  /// @query
  @unstable(feature = y)
  f: func();
}
world base { export a; }
world bank {
  @unstable(feature = z)
  include base;
  import x:y/z@1.0.0;
}",
        )],
        &[("x", "package x:y@1.0.0;\ninterface z {\n@unstable(feature = w)\ntype t = u64; }")],
        Some("bank"),
        expect![[r#"
            bank.wit:3:4: `@unstable` items are not part of a contract
              `unstable` here
              mend: remove the item, or the gate once the item is stable

            bank.wit:6:4: `@unstable` items are not part of a contract
              `unstable` here
              mend: remove the item, or the gate once the item is stable

            bank.wit:11:4: `@unstable` items are not part of a contract
              `unstable` here
              mend: remove the item, or the gate once the item is stable

            deps/x.wit:4:6: `@unstable` items are not part of a contract
              `t` here
              mend: remove the item, or the gate once the item is stable

        "#]],
    );
}

#[test]
fn names_of_doors_are_reserved() {
    check_files(
        &[(
            "bank.wit",
            "package acme:bank@1.2.0;
interface account-rows { type t = u64; }
interface account-table { type t = u64; }
world other-table { export account-rows; import x:y/z-rows@1.0.0; }",
        )],
        &[("x", "package x:y@1.0.0;\ninterface z-rows { type t = u64; }")],
        None,
        expect![[r#"
            bank.wit:2:11: the interface `account-rows` has a name that is reserved for the door to a table
              `account-rows` ends in `-rows`
              mend: give it another name

            bank.wit:3:11: the interface `account-table` has a name that is reserved for the door to a table
              `account-table` ends in `-table`
              mend: give it another name

            bank.wit:4:7: the world `other-table` has a name that is reserved for the door to a table
              `other-table` ends in `-table`
              mend: give it another name

            deps/x.wit:2:11: the interface `z-rows` has a name that is reserved for the door to a table
              `z-rows` ends in `-rows`
              mend: give it another name

        "#]],
    );
}

#[test]
fn a_missing_package_is_told_with_those_that_there_are() {
    check_files(
        &[("shop.wit", "package acme:shop@1.0.0;\nworld shop { import acme:bank/ledger@1.3.0; }")],
        &[("bank", "package acme:bank@1.2.0;\ninterface ledger { }")],
        None,
        expect![[r#"
            shop.wit:2:21: the package `acme:bank@1.3.0` is not among the sources
              `acme:bank` here
              mend: `deps/` holds `acme:bank@1.2.0`: name that version, or put the other into `deps/`

        "#]],
    );
    check(
        "package acme:shop@1.0.0;\nworld shop { import acme:bank/ledger@1.3.0; }",
        expect![[r#"
        bank.wit:2:21: the package `acme:bank@1.3.0` is not among the sources
          `acme:bank` here
          mend: put the WIT of `acme:bank@1.3.0` into `deps/`

    "#]],
    );
}

#[test]
fn a_missing_interface_is_told() {
    check(
        "package acme:bank@1.0.0;\nworld bank { export legder; }",
        expect![[r#"
            bank.wit:2:21: interface or world `legder` does not exist
              `legder` here
              mend: declare it; if it stands in another file of the package, give the folder that holds them all

        "#]],
    );
    check_files(
        &[("shop.wit", "package acme:shop@1.0.0;\nworld shop { import acme:bank/legder@1.2.0; }")],
        &[("bank", "package acme:bank@1.2.0;\ninterface ledger { }")],
        None,
        expect![[r#"
            shop.wit:2:31: there is no interface `legder` in `acme:bank@1.2.0`
              `legder` here
              mend: did you mean `ledger`?

        "#]],
    );
}

#[test]
fn an_import_that_is_no_module_or_private_is_refused() {
    check_files(
        &[(
            "shop.wit",
            "package acme:shop@1.0.0;\nworld shop {\n  import wasi:clocks/clock@0.2.0;\n  import acme:bank/automation@1.2.0;\n  import acme:plain/things;\n}",
        )],
        &[
            ("clocks", "package wasi:clocks@0.2.0;\ninterface clock { now: func() -> u64; }"),
            (
                "bank",
                "package acme:bank@1.2.0;\n/// @visibility(private)\ninterface automation {\n/// @on(init)\nseed: func();\n}",
            ),
            ("plain", "package acme:plain;\ninterface things { type t = u64; }"),
        ],
        None,
        expect![[r#"
            deps/clocks.wit:2:19: `now` does not say what it is, so `wasi:clocks/clock@0.2.0` belongs to no module
              `now` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: import interfaces of Interstice modules only; a module has no other way out

            deps/plain.wit:1:9: the package `acme:plain` has no version
              `acme:plain` expected a version
              mend: write `package acme:plain@0.1.0;`

            shop.wit:4:20: `acme:bank/automation@1.2.0` is private to `acme:bank@1.2.0`
              `automation` imports it
              mend: import another interface of `acme:bank@1.2.0`, or ask its author to make this one public

        "#]],
    );
}

#[test]
fn an_own_interface_is_exported_not_imported() {
    check(
        "package acme:bank@1.0.0;\ninterface ledger {\n/// @query\nf: func(); }\nworld bank { import ledger; }",
        expect![[r#"
            bank.wit:3:5: `@query` in `ledger`, which no world exports: it could not be called
              `@query` here
              mend: write `export ledger;` in the world

            bank.wit:5:21: `ledger` belongs to this package, so no other package can provide it
              `ledger` here
              mend: write `export ledger;`

        "#]],
    );
}

#[test]
fn sources_that_are_too_many_or_too_large_are_refused_before_they_are_parsed() {
    let chain: String =
        (1..20_000).map(|n| format!("interface i{n} {{ use i{}.{{t}}; }}\n", n - 1)).collect();
    check(
        &format!("package a:b@1.0.0;\ninterface i0 {{ type t = u64; }}\n{chain}"),
        expect![[r#"
        bank.wit:1:1: the WIT sources have 20001 packages, interfaces and worlds, and at most 1000 are read
          mend: leave out the dependencies that the world does not use

    "#]],
    );
    check(
        &format!("package a:b@1.0.0;\n// {}\n", "x".repeat(9 << 20)),
        expect![[r#"
        bank.wit:1:1: the WIT sources take 9437207 bytes, and at most 8388608 are read
          mend: leave out the dependencies that the world does not use

    "#]],
    );
}

#[test]
fn a_chain_of_as_many_interfaces_as_allowed_overflows_no_stack() {
    let chain: String = (1..498)
        .map(|n| format!("package a:b{n}@1.0.0 {{ interface i {{ use a:b{}/i@1.0.0.{{t}}; }} }}\n", n - 1))
        .collect();
    check(
        &format!(
            "package a:b@1.0.0;\npackage a:b0@1.0.0 {{ interface i {{ record t {{ x: u64 }} }} }}\n{chain}world w {{ import a:b497/i@1.0.0; }}"
        ),
        expect![[r#"
            bank.wit:101:56: the type `t` has more than 100000 parts or nests deeper than 100 once every name in it is replaced by what it stands for
              `t` here
              mend: use fewer types that contain each other

        "#]],
    );
}

#[test]
fn a_thousand_findings_are_told_and_the_rest_counted() {
    let functions: String = (0..1_005).map(|n| format!("go{n}: func();\n")).collect();
    let mut sources = interstice_wit::Sources::new();
    sources.add_root(
        "a.wit",
        format!("package a:b@1.0.0;\ninterface i {{ {functions} }}\nworld w {{ export i; }}"),
    );
    let findings = interstice_wit::read(&sources, None).unwrap_err();
    assert_eq!((findings.findings().len(), findings.omitted()), (1_000, 5));
}

#[test]
fn mistakes_come_sorted_by_file_and_place() {
    check_files(
        &[
            ("b.wit", "interface b {\n  g: func();\n  f: func();\n}"),
            ("a.wit", "package a:b@1.0.0;\nworld w { export b; export c; }\ninterface c {\n  f: func();\n}"),
        ],
        &[],
        None,
        expect![[r#"
            a.wit:4:3: `f` does not say what it is to the database
              `f` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: write `/// @reducer` above it if it writes, `/// @query` if it only reads

            b.wit:2:3: `g` does not say what it is to the database
              `g` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: write `/// @reducer` above it if it writes, `/// @query` if it only reads

            b.wit:3:3: `f` does not say what it is to the database
              `f` expected `@reducer`, `@query`, `@on(…)`, `@schedule(…)` or `@migrate` above it
              mend: write `/// @reducer` above it if it writes, `/// @query` if it only reads

        "#]],
    );
}
