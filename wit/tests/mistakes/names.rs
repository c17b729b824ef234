//! Names that are unknown, or that are no names: of types, interfaces and packages.

use crate::{check, check_files};
use expect_test::expect;

#[test]
fn all_unknown_names_of_a_package_are_told() {
    check_files(
        &[
            (
                "bank.wit",
                "package acme:bank@1.2.0;
interface tables { record account { id: u64, state: acount-state, at: timestamp, t: list<x> } }
interface ledger {
  use tables.{acount as row, accont};
  use tabels.{other};
  pay: func(a: row, b: other) -> account;
}
world bank { export tables; export leger; import lost; }",
            ),
            ("more.wit", "interface more { type t = int; type u = boolean; type v = bytes; }"),
        ],
        &[("x", "package x:y@1.0.0;\ninterface z { type t = nowhere; }")],
        None,
        expect![[r#"
            bank.wit:2:53: the type `acount-state` does not exist
              `acount-state` here
              mend: declare it in this interface, or bring it in by a `use`

            bank.wit:2:71: the type `timestamp` does not exist
              `timestamp` here
              mend: write `u64` or `s64`, and count in one unit such as microseconds

            bank.wit:2:90: the type `x` does not exist
              `x` here
              mend: declare it in this interface, or bring it in by a `use`

            bank.wit:4:15: there is no type `acount` in `tables`
              `acount` here
              mend: did you mean `account`?

            bank.wit:4:30: there is no type `accont` in `tables`
              `accont` here
              mend: did you mean `account`?

            bank.wit:5:7: interface or world `tabels` does not exist
              `tabels` here
              mend: did you mean `tables`?

            bank.wit:6:34: the type `account` does not exist
              `account` here
              mend: it stands in `tables`: write `use tables.{account};` in this interface

            bank.wit:8:36: interface or world `leger` does not exist
              `leger` here
              mend: did you mean `ledger`?

            bank.wit:8:50: interface or world `lost` does not exist
              `lost` here
              mend: declare it in one of the package's files

            deps/x.wit:2:24: the type `nowhere` does not exist
              `nowhere` here
              mend: declare it in this interface, or bring it in by a `use`

            more.wit:1:27: the type `int` does not exist
              `int` here
              mend: write `s32` or `s64`, or `u32` or `u64` for a number that is never negative

            more.wit:1:41: the type `boolean` does not exist
              `boolean` here
              mend: write `bool`

            more.wit:1:59: the type `bytes` does not exist
              `bytes` here
              mend: write `list<u8>`

        "#]],
    );
}

#[test]
fn everything_that_other_packages_lack_is_told() {
    check_files(
        &[(
            "shop.wit",
            "package acme:shop@0.3.0;
interface mine { type t = u8; }
interface orders {
  use acme:bank/tables@1.2.0.{acount, account, owner};
  use acme:mail/out@1.0.0.{letter};
}
world shop {
  import acme:bnk/ledger@1.2.0;
  import acme:bank/leger@1.2.0;
  import acme:bank/tables@1.3.0;
  import acme:bank/bank@1.2.0;
  include acme:bank/ledger@1.2.0;
  include acme:bank/bunk@1.2.0;
  export acme:shop/mine@0.3.0;
  export orders;
}",
        )],
        &[
            (
                "bank",
                "package acme:bank@1.2.0;\ninterface tables { record account { id: u64 } }\ninterface ledger { type t = u8; }\nworld bank { export ledger; }",
            ),
            ("units", "package acme:units@1.0.0;\ninterface i { use acme:core/money@1.0.0.{cents}; }"),
        ],
        None,
        expect![[r#"
            deps/units.wit:2:19: the package `acme:core@1.0.0` is not among the sources
              `acme:core` here
              mend: put the WIT of `acme:core@1.0.0` into `deps/`

            shop.wit:4:31: there is no type `acount` in `acme:bank/tables@1.2.0`
              `acount` here
              mend: did you mean `account`?

            shop.wit:4:48: there is no type `owner` in `acme:bank/tables@1.2.0`
              `owner` here
              mend: its types are `account`

            shop.wit:5:7: the package `acme:mail@1.0.0` is not among the sources
              `acme:mail` here
              mend: put the WIT of `acme:mail@1.0.0` into `deps/`

            shop.wit:8:10: the package `acme:bnk@1.2.0` is not among the sources
              `acme:bnk` here
              mend: did you mean `acme:bank@1.2.0`? put the WIT of `acme:bnk@1.2.0` into `deps/`

            shop.wit:9:20: there is no interface `leger` in `acme:bank@1.2.0`
              `leger` here
              mend: did you mean `ledger`?

            shop.wit:10:10: the package `acme:bank@1.3.0` is not among the sources
              `acme:bank` here
              mend: `deps/` holds `acme:bank@1.2.0`: name that version, or put the other into `deps/`

            shop.wit:11:20: there is no interface `bank` in `acme:bank@1.2.0`
              `bank` here
              mend: `bank` is a world: take it in by `include acme:bank/bank@1.2.0`

            shop.wit:12:21: there is no world `ledger` in `acme:bank@1.2.0`
              `ledger` here
              mend: `ledger` is an interface: write `import acme:bank/ledger@1.2.0;`

            shop.wit:13:21: there is no world `bunk` in `acme:bank@1.2.0`
              `bunk` here
              mend: did you mean `bank`?

            shop.wit:14:10: `acme:shop@0.3.0` is this package itself
              `acme:shop` here
              mend: write `mine` alone: what stands in the same package is named without it

        "#]],
    );
}

#[test]
fn names_that_are_not_in_kebab_case_are_told_in_kebab_case() {
    check(
        "package a:b@1.0.0;
interface Things {
  enum OrderState { Open, order_closed, HTTPError }
  f: func(a--b: u8, s: OrderState, größe: String);
}",
        expect![[r#"
            bank.wit:2:11: `Things` is not a name of WIT
              `Things` here
              mend: names are in kebab-case: write `things`

            bank.wit:3:8: `OrderState` is not a name of WIT
              `OrderState` here
              mend: names are in kebab-case: write `order-state`

            bank.wit:3:21: `Open` is not a name of WIT
              `Open` here
              mend: names are in kebab-case: write `open`

            bank.wit:3:27: `order_closed` is not a name of WIT
              `order_closed` here
              mend: names are in kebab-case: write `order-closed`

            bank.wit:3:41: `HTTPError` is not a name of WIT
              `HTTPError` here
              mend: names are in kebab-case: write `http-error`

            bank.wit:4:11: `a--b` is not a name of WIT
              `a--b` here
              mend: names are in kebab-case: write `a-b`

        "#]],
    );
}

#[test]
fn names_of_packages_are_told_as_they_should_be() {
    check(
        "package bank;",
        expect![[r#"
        bank.wit:1:13: expected ':', found ';'
          `;` here
          mend: a package has a namespace, a name and a version: `package acme:bank@0.1.0;`

    "#]],
    );
    check(
        "package acme:bank@1.2;",
        expect![[r#"
        bank.wit:1:22: expected '.', found ';'
          `;` here
          mend: a version has three numbers: `1.2.0`

    "#]],
    );
    check(
        "package acme:bank@v1.2.0;",
        expect![[r#"
        bank.wit:1:19: expected an integer, found an identifier
          `v1` here
          mend: a version has three numbers: `1.2.0`

    "#]],
    );
    check(
        "package acme:bank@1.2.0;\nworld w { import acme:shop/orders@1.2; }",
        expect![[r#"
        bank.wit:2:38: expected '.', found ';'
          `;` here
          mend: a version has three numbers: `1.2.0`

    "#]],
    );
}

#[test]
fn another_version_of_a_package_is_another_package() {
    let check = |wanted: &str, expected| {
        check_files(
            &[(
                "a.wit",
                &format!(
                    "package a:b@2.0.0;\ninterface i {{ use {wanted}.{{t}}; }}\nworld w {{ export i; }}"
                ),
            )],
            &[("b", "package a:b@1.0.0;\ninterface i { type t = u8; }")],
            None,
            expected,
        );
    };
    check("a:b/i@1.0.0", expect!["no mistakes"]);
    check(
        "a:b/i@3.0.0",
        expect![[r#"
        a.wit:2:19: the package `a:b@3.0.0` is not among the sources
          `a:b` here
          mend: `deps/` holds `a:b@1.0.0`, `a:b@2.0.0`: name that version, or put the other into `deps/`

    "#]],
    );
    check(
        "a:b/i",
        expect![[r#"
        a.wit:2:19: `a:b` is this package itself
          `a:b` here
          mend: write `i` alone: what stands in the same package is named without it

    "#]],
    );
}

/// Where one file of several is looked at, the others' interfaces do not exist.
#[test]
fn a_name_of_another_file_is_told_to_be_there_in_the_folder() {
    check(
        "package a:b@1.0.0;\nworld w { export types; }",
        expect![[r#"
        bank.wit:2:18: interface or world `types` does not exist
          `types` here
          mend: declare it; if it stands in another file of the package, give the folder that holds them all

    "#]],
    );
}

#[test]
fn what_depends_on_itself_is_told() {
    check_files(
        &[("a.wit", "package a:b@1.0.0;\nworld w { import c:d/i@1.0.0; }")],
        &[
            ("c", "package c:d@1.0.0;\ninterface i { use e:f/i@1.0.0.{t}; }"),
            ("e", "package e:f@1.0.0;\ninterface i { use c:d/i@1.0.0.{u}; type t = u8; }"),
        ],
        None,
        expect![[r#"
            deps/e.wit:2:32: there is no type `u` in `c:d/i@1.0.0`
              `u` here
              mend: its types are `t`

        "#]],
    );
    check_files(
        &[("a.wit", "package a:b@1.0.0;\nworld w { import c:d/i@1.0.0; }")],
        &[
            ("c", "package c:d@1.0.0;\ninterface i { use e:f/i@1.0.0.{t}; type u = u8; }"),
            ("e", "package e:f@1.0.0;\ninterface i { use c:d/i@1.0.0.{u}; type t = u8; }"),
        ],
        None,
        expect![[r#"
            deps/e.wit:2:19: the package `c:d@1.0.0` depends on itself by way of this one
              `c:d` here
              mend: remove one of the imports, or put what both use into a third package

        "#]],
    );
    check(
        "package a:b@1.0.0;
interface i { use j.{u}; type t = list<t>; record r { r: option<r> } }
interface j { use i.{t}; type u = u8; }",
        expect![[r#"
            bank.wit:3:11: interface or world `j` depends on itself
              `j` here
              mend: put the types that both use into a third interface

        "#]],
    );
}

#[test]
fn capitals_in_the_name_of_a_package_are_refused() {
    check_files(
        &[(
            "a.wit",
            "package ACME:bank@1.0.0;\ninterface i { use c:D/i@1.0.0.{t}; record r { x: t } }\nworld w { export i; }",
        )],
        &[("c", "package c:D@1.0.0;\ninterface i { type t = u8; }")],
        None,
        expect![[r#"
            a.wit:1:9: the package name `ACME:bank` has capitals, which no component can carry
              `ACME:bank@1.0.0` expected lower case
              mend: write `acme:bank`, and the same wherever the package is named

            deps/c.wit:1:9: the package name `c:D` has capitals, which no component can carry
              `c:D@1.0.0` expected lower case
              mend: write `c:d`, and the same wherever the package is named

        "#]],
    );
}
