//! What a world reads as: types of every kind, packages of several files, dependencies, includes.

#![allow(missing_docs, clippy::unwrap_used)]

use expect_test::{Expect, expect};
use interstice_wit::text::type_text;
use interstice_wit::{
    ExtraFile, ExtraPackage, FunctionKind, Interface, Schema, Sources, TypeKind, Visibility, read,
};

const BANK: &str = include_str!("bank.wit");

fn schema(sources: &Sources, world: Option<&str>) -> Schema {
    let schema = read(sources, world).map_err(|found| found.render()).unwrap();
    schema.validate().unwrap();
    let json = serde_json::to_string(&schema).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema, "a schema survives JSON");
    schema
}

fn check(sources: &Sources, world: Option<&str>, expected: Expect) {
    let schema = schema(sources, world);
    let mut text = format!("{} {}\n", schema.package, schema.world);
    for interface in &schema.exports {
        text.push_str(&describe(&schema, "export", interface));
    }
    for name in &schema.imports {
        text.push_str(&format!("import {name}\n"));
    }
    for interface in &schema.foreign {
        text.push_str(&describe(&schema, "foreign", interface));
    }
    expected.assert_eq(&text);
}

fn describe(schema: &Schema, role: &str, interface: &Interface) -> String {
    let mut text = format!("{role} {} {:?}\n", interface.name, interface.visibility);
    for def in &interface.types {
        let kind = match &def.kind {
            TypeKind::Use(from) => format!("use {from}"),
            _ => {
                let name = interface_wit_type(interface, &def.name);
                type_text(&schema.value_type(&name))
            }
        };
        text.push_str(&format!("  type {} = {kind}\n", def.name));
    }
    for table in &interface.tables {
        text.push_str(&format!("  table {} {:?} {:?}\n", table.name, table.visibility, table.storage));
        for column in &table.columns {
            let ty = type_text(&schema.value_type(&column.ty));
            text.push_str(&format!("    {}: {ty} {:?}\n", column.name, column.default));
        }
    }
    for function in &interface.functions {
        let kind = match &function.kind {
            FunctionKind::On(trigger) => format!("{trigger:?}").replace("PackageName", ""),
            kind => format!("{kind:?}"),
        };
        let params: Vec<_> = function
            .params
            .iter()
            .map(|param| format!("{}: {}", param.name, type_text(&schema.value_type(&param.ty))))
            .collect();
        let result = function.result.as_ref().map(|ty| format!(" -> {}", type_text(&schema.value_type(ty))));
        text.push_str(&format!(
            "  {}({}){} is {kind}\n",
            function.name,
            params.join(", "),
            result.unwrap_or_default()
        ));
    }
    text
}

fn interface_wit_type(interface: &Interface, name: &str) -> interstice_wit::Type {
    interstice_wit::Type::Named(interstice_wit::TypeName {
        interface: interface.name.clone(),
        name: name.to_owned(),
    })
}

#[test]
fn docs_are_kept_and_directives_are_not() {
    let mut sources = Sources::new();
    sources.add_root(
        "a.wit",
        "/** A package.
 * With a star.
 */
package a:b@1.0.0;
/// One.
///
///   Indented.
/// @visibility(public)
/// Two.
///
interface i {
  /// Before the gate.
  @since(version = 1.0.0)
  /// After the gate.
  /// @query
  f: func(); /// Trailing.
  // Plain.
  g: func(); // @nonsense
  /// @query
  /* block */
  /// Kept.

  // A comment between.
  h: func();
}
world w { export i; }"
            .replace("  g: func(); // @nonsense\n", ""),
    );
    let schema = schema(&sources, None);
    let interface = &schema.exports[0];
    assert_eq!(schema.docs.as_deref(), Some("A package.\nWith a star."));
    assert_eq!(interface.docs.as_deref(), Some("One.\n\n  Indented.\nTwo."));
    assert_eq!(interface.functions[0].docs.as_deref(), Some("Before the gate.\nAfter the gate."));
    assert_eq!(interface.functions[1].docs.as_deref(), Some("Kept."));
}

#[test]
fn one_of_several_files_says_what_the_package_is() {
    let mut sources = Sources::new();
    sources
        .add_root("a.wit", "package a:b@1.0.0;\ninterface i { type t = u64; }")
        .add_root("b.wit", "/// What it is.\npackage a:b@1.0.0;\nworld w { export i; }");
    assert_eq!(schema(&sources, None).docs.as_deref(), Some("What it is."));
}

#[test]
fn values_nest_as_deep_as_wit_allows() {
    let mut sources = Sources::new();
    sources.add_root(
        "all.wit",
        "package a:b@1.0.0;
interface i {
  flags rights { read, write, %flags }
  enum colour { red, green }
  variant shape { dot, line(tuple<f32, f64>), poly(list<tuple<s8, s16>>) }
  record %record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }
  type deep = list<option<result<tuple<list<%record>, shape>, list<list<colour>>>>>;
  /// @table(primary-key = (k, %record))
  record everything {
    k: s32,
    %record: colour,
    /// @default([some(ok(([], dot))), none, some(err([[red], []]))])
    d: deep,
    /// @default({write, flags})
    f: rights,
    /// @default(
    ///   {b: [], type: some(none), c: '(', s: \")\",
    ///    r: err(\"a, b\"), q: ok(1), x: err}
    /// )
    n: %record,
    /// @default(-0.0)
    z: f64,
  }
  /// @query
  f: func(%func: everything, %use: deep) -> tuple<rights, shape, option<%record>>;
}
world %world { export i; }",
    );
    check(
        &sources,
        None,
        expect![[r#"
        a:b@1.0.0 world
        export a:b/i@1.0.0 Public
          type rights = flags { read, write, %flags }
          type colour = enum { red, green }
          type shape = variant { dot, line(tuple<f32, f64>), poly(list<tuple<s8, s16>>) }
          type record = record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }
          type deep = list<option<result<tuple<list<record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }>, variant { dot, line(tuple<f32, f64>), poly(list<tuple<s8, s16>>) }>, list<list<enum { red, green }>>>>>
          type everything = record { k: s32, %record: enum { red, green }, d: list<option<result<tuple<list<record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }>, variant { dot, line(tuple<f32, f64>), poly(list<tuple<s8, s16>>) }>, list<list<enum { red, green }>>>>>, f: flags { read, write, %flags }, n: record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }, z: f64 }
          table everything Private Logged
            k: s32 None
            record: enum { red, green } None
            d: list<option<result<tuple<list<record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }>, variant { dot, line(tuple<f32, f64>), poly(list<tuple<s8, s16>>) }>, list<list<enum { red, green }>>>>> Some("[some(ok(([], dot))), none, some(err([[red], []]))]")
            f: flags { read, write, %flags } Some("{write, flags}")
            n: record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result } Some("{type: some(none), c: '(', s: \")\", b: [], r: err(\"a, b\"), q: ok(1), x: err}")
            z: f64 Some("-0")
          f(func: record { k: s32, %record: enum { red, green }, d: list<option<result<tuple<list<record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }>, variant { dot, line(tuple<f32, f64>), poly(list<tuple<s8, s16>>) }>, list<list<enum { red, green }>>>>>, f: flags { read, write, %flags }, n: record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }, z: f64 }, use: list<option<result<tuple<list<record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }>, variant { dot, line(tuple<f32, f64>), poly(list<tuple<s8, s16>>) }>, list<list<enum { red, green }>>>>>) -> tuple<flags { read, write, %flags }, variant { dot, line(tuple<f32, f64>), poly(list<tuple<s8, s16>>) }, option<record { %type: option<option<bool>>, c: char, s: string, b: list<u8>, r: result<_, string>, q: result<u8>, x: result }>> is Query
    "#]],
    );
}

#[test]
fn a_package_is_spread_over_files_and_uses_others() {
    let mut sources = Sources::new();
    sources
        .add_root(
            "shop/orders.wit",
            "interface orders {
  use types.{order-id as id};
  use acme:bank/tables@1.2.0.{account};
  use acme:units/money@0.1.0.{amount};
  /// @table(primary-key = id)
  record order { id: id, payer: u64, total: amount }
  /// @on(update account, where = owner != \"nobody\")
  paid: func(before: account, after: account);
  /// @query
  of: func(payer: u64) -> list<order>;
}",
        )
        .add_root(
            "shop/world.wit",
            "package acme:shop@0.3.0;
interface types { type order-id = u64; record unused { x: order-id } }
world base { import acme:bank/ledger@1.2.0; }
world shop { include base; import acme:bank/tables@1.2.0; @since(version = 0.1.0) export orders; }",
        )
        .add_dependency_file("bank", "deps/bank/bank.wit", BANK)
        .add_dependency_file(
            "units.wit",
            "deps/units.wit",
            "package acme:units@0.1.0;
interface money {
  use core.{cents};
  resource wallet;
  type amount = option<cents>;
  f: func(w: borrow<wallet>);
}
interface core { type cents = s64; type other = stream<u8>; }",
        );
    check(
        &sources,
        Some("shop"),
        expect![[r#"
        acme:shop@0.3.0 shop
        export acme:shop/orders@0.3.0 Public
          type id = use acme:shop/types@0.3.0.{order-id}
          type account = use acme:bank/tables@1.2.0.{account}
          type amount = use acme:units/money@0.1.0.{amount}
          type order = record { id: u64, payer: u64, total: option<s64> }
          table order Private Logged
            id: u64 None
            payer: u64 None
            total: option<s64> None
          paid(before: record { id: u64, owner: string, balance: s64 }, after: record { id: u64, owner: string, balance: s64 }) is Row { event: Update, table: TypeName { interface: InterfaceName { package:  { namespace: "acme", name: "bank", version: Version { major: 1, minor: 2, patch: 0 } }, name: "tables" }, name: "account" }, filter: Some(RowFilter { column: ColumnIndex(1), operator: NotEqual, value: "\"nobody\"" }) }
          of(payer: u64) -> list<record { id: u64, payer: u64, total: option<s64> }> is Query
        import acme:bank/ledger@1.2.0
        import acme:bank/tables@1.2.0
        foreign acme:bank/ledger@1.2.0 Public
          type transfer-error = variant { no-such-account(u64), insufficient-funds(s64) }
          transfer(source: u64, target: u64, amount: u64) -> result<_, variant { no-such-account(u64), insufficient-funds(s64) }> is Reducer
          balance(id: u64) -> option<s64> is Query
        foreign acme:bank/tables@1.2.0 Public
          type account = record { id: u64, owner: string, balance: s64 }
          table account Public Logged
            id: u64 None
            owner: string None
            balance: s64 Some("0")
        foreign acme:shop/types@0.3.0 Public
          type order-id = u64
          type unused = record { x: u64 }
        foreign acme:units/core@0.1.0 Public
          type cents = s64
        foreign acme:units/money@0.1.0 Public
          type cents = use acme:units/core@0.1.0.{cents}
          type amount = option<s64>
    "#]],
    );
    assert!(read(&sources, None).is_err());
}

/// The names of a component's imports are those of its `use`s: one that was left out of the schema made
/// the host refuse the component.
#[test]
fn every_use_by_which_a_type_is_reached_is_kept_and_nothing_else() {
    let mut sources = Sources::new();
    sources
        .add_root(
            "top.wit",
            "package acme:top@1.0.0;
interface go {
  use acme:leaf/api@1.0.0.{fail};
  /// @query
  last: func() -> option<fail>;
}
world top { export go; }",
        )
        .add_dependency_file(
            "leaf",
            "deps/leaf/leaf.wit",
            "package acme:leaf@1.0.0;
interface kinds { enum kind { small, big } record stamp { kind: kind } }
interface tables { use kinds.{kind, stamp}; record item { kind: kind } record other { stamp: stamp } }
interface api {
  use tables.{item as row, kind, other};
  type rows = list<row>;
  variant fail { known(rows), refused(kind) }
  record more { other: other }
  f: func(more: more);
}",
        );
    check(
        &sources,
        None,
        expect![[r#"
            acme:top@1.0.0 top
            export acme:top/go@1.0.0 Public
              type fail = use acme:leaf/api@1.0.0.{fail}
              last() -> option<variant { known(list<record { kind: enum { small, big } }>), refused(enum { small, big }) }> is Query
            foreign acme:leaf/api@1.0.0 Public
              type row = use acme:leaf/tables@1.0.0.{item}
              type kind = use acme:leaf/kinds@1.0.0.{kind}
              type rows = list<record { kind: enum { small, big } }>
              type fail = variant { known(list<record { kind: enum { small, big } }>), refused(enum { small, big }) }
            foreign acme:leaf/kinds@1.0.0 Public
              type kind = enum { small, big }
            foreign acme:leaf/tables@1.0.0 Public
              type kind = use acme:leaf/kinds@1.0.0.{kind}
              type item = record { kind: enum { small, big } }
        "#]],
    );
}

#[test]
fn nested_packages_are_dependencies_too() {
    let mut sources = Sources::new();
    sources.add_root(
        "one.wit",
        "package acme:shop@1.0.0;
package acme:bank@2.0.0 {
  interface ledger {
    /// @reducer
    pay: func(amount: u64) -> result;
  }
}
interface orders {
  /// @reducer
  place: func();
}
world shop { import acme:bank/ledger@2.0.0; export orders; }",
    );
    check(
        &sources,
        None,
        expect![[r#"
        acme:shop@1.0.0 shop
        export acme:shop/orders@1.0.0 Public
          place() is Reducer
        import acme:bank/ledger@2.0.0
        foreign acme:bank/ledger@2.0.0 Public
          pay(amount: u64) -> result is Reducer
    "#]],
    );
    let extra = ExtraFile {
        package: ExtraPackage::Dependency(schema(&sources, None).imports[0].package.clone()),
        path: "doors.wit".into(),
        text: "interface account-rows { get: func(); }".into(),
    };
    let (resolve, _) = sources.resolve(&[extra]).map_err(|found| found.render()).unwrap();
    let names: Vec<_> =
        resolve.interfaces.iter().filter_map(|(_, interface)| interface.name.clone()).collect();
    assert!(names.contains(&"account-rows".to_owned()), "{names:?}");
}

#[test]
fn extra_files_join_the_package_that_they_name() {
    let mut sources = Sources::new();
    sources.add_root("shop.wit", "package acme:shop@1.0.0;\nworld shop { import acme:bank/tables@1.2.0; }");
    sources.add_dependency_file("bank", "deps/bank/bank.wit", BANK);
    let bank = schema(&sources, None).imports[0].package.clone();
    let file = |package, text: &str| ExtraFile { package, path: "extra.wit".into(), text: text.into() };
    let (resolve, root) = sources
        .resolve(&[
            file(ExtraPackage::Dependency(bank), "interface account-rows { get: func(); }"),
            file(ExtraPackage::Root, "world guest { include shop; import acme:bank/account-rows@1.2.0; }"),
        ])
        .map_err(|found| found.render())
        .unwrap();
    assert!(resolve.packages[root].worlds.contains_key("guest"));
}

#[test]
fn an_interface_that_is_imported_and_exported_stands_once() {
    let mut sources = Sources::new();
    sources.add_root(
        "a.wit",
        "package a:b@1.0.0;
interface i { type t = u64; }
interface j { use i.{t}; /** Docs. */ type u = list<t>; }
world w { import i; export i; export j; }",
    );
    check(
        &sources,
        None,
        expect![[r#"
        a:b@1.0.0 w
        export a:b/i@1.0.0 Public
          type t = u64
        export a:b/j@1.0.0 Public
          type t = use a:b/i@1.0.0.{t}
          type u = list<u64>
    "#]],
    );
}

#[test]
fn an_exported_interface_is_public_unless_it_says_private() {
    let mut sources = Sources::new();
    sources.add_root("bank.wit", BANK);
    let schema = schema(&sources, Some("bank"));
    let visibility: Vec<_> = schema.exports.iter().map(|interface| interface.visibility).collect();
    assert_eq!(visibility, [Visibility::Private, Visibility::Public, Visibility::Public]);
    assert_eq!(schema.docs.as_deref(), Some("A bank."));
}
