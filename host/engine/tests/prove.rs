//! A component is held against its schema: each way in which it may contradict is found and named.

#![allow(clippy::unwrap_used)]

mod support;

use interstice_engine::{Contradiction, Engine, EngineError, ModuleLink, prove};
use interstice_wit::{CaseDef, FieldDef, Schema, Type, TypeDef, TypeKind, TypeName, Visibility};
use std::sync::OnceLock;
use support::{MapHost, account, function, interface, interface_name, schema, tables};

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(support::engine)
}

/// `acme:bank/ledger` with `transfer: func(source: u64, amount: u64) -> result<_, s64>`.
fn ledger() -> Schema {
    let transfer = function(
        "transfer",
        &[("source", Type::U64), ("amount", Type::U64)],
        Some(Type::Result { ok: None, err: Some(Box::new(Type::S64)) }),
    );
    schema("bank", vec![interface(interface_name("bank", "ledger"), vec![transfer])])
}

/// What is found in a component made of these imports, an exported function of this signature
/// under this name, and these further exports.
fn found(imports: &str, export: &str, exports: &str, schema: &Schema) -> Vec<Contradiction> {
    let text = format!(
        r#"(component
          {imports}
          (core module $m
            (memory (export "memory") 1)
            (func (export "f") (param i64 i64) (result i32) i32.const 0)
            (func (export "g")))
          (core instance $i (instantiate $m))
          (func $g (canon lift (core func $i "g")))
          {export}
          {exports})"#
    );
    let compiled = engine().compile(&wat::parse_str(text).unwrap(), None).unwrap();
    prove(&compiled, schema).err().unwrap_or_default()
}

const TRANSFER: &str = r#"
  (func $f (param "source" u64) (param "amount" u64) (result (result (error s64)))
    (canon lift (core func $i "f") (memory (core memory $i "memory"))))
  (instance $ledger (export "transfer" (func $f)))
  (export "acme:bank/ledger@1.2.0" (instance $ledger))"#;

fn messages(found: &[Contradiction]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_component_that_is_what_its_schema_says_is_proven() {
    assert_eq!(found("", TRANSFER, "", &ledger()), []);
}

#[test]
fn the_export_of_the_python_toolchain_is_ignored() {
    let exports = r#"(instance $py (export "g" (func $g))) (export "exports" (instance $py))"#;
    assert_eq!(found("", TRANSFER, exports, &ledger()), []);
}

#[test]
fn an_absent_interface_is_found() {
    let found = found("", "", "", &ledger());
    assert!(matches!(found.as_slice(), [Contradiction::InterfaceAbsent { interface }]
        if interface == "acme:bank/ledger@1.2.0"));
}

#[test]
fn an_interface_of_another_version_is_not_the_one_that_is_meant() {
    let found = found("", &TRANSFER.replace("@1.2.0", "@1.2.1"), "", &ledger());
    assert!(matches!(
        found.as_slice(),
        [Contradiction::ExportUnknown { what: "the interface", .. }, Contradiction::InterfaceAbsent { .. },]
    ));
}

#[test]
fn an_absent_function_and_an_unknown_one_are_found_together() {
    let found = found("", &TRANSFER.replace("\"transfer\"", "\"steal\""), "", &ledger());
    assert!(matches!(found.as_slice(), [
        Contradiction::ExportUnknown { what: "the function", name },
        Contradiction::FunctionAbsent { function, .. },
    ] if name == "acme:bank/ledger@1.2.0.{steal}" && function == "transfer"));
}

#[test]
fn a_bare_exported_function_is_found() {
    let found = found("", TRANSFER, r#"(export "backdoor" (func $g))"#, &ledger());
    assert!(matches!(found.as_slice(), [Contradiction::ExportUnknown { what: "the function", .. }]));
}

/// The message about a function whose signature differs.
fn difference(from: &str, to: &str) -> String {
    let found = found("", &TRANSFER.replace(from, to), "", &ledger());
    assert!(matches!(found.as_slice(), [Contradiction::FunctionDiffers { .. }]), "{found:?}");
    messages(&found)
}

#[test]
fn every_difference_of_a_signature_is_named() {
    let start = "the function `transfer` of `acme:bank/ledger@1.2.0` differs: ";
    assert_eq!(
        difference("\"amount\"", "\"sum\""),
        format!("{start}the parameter `amount` is named `sum` in the binary")
    );
    assert_eq!(
        difference("\"amount\" u64", "\"amount\" s64"),
        format!("{start}the parameter `amount` is s64 in the binary, not u64")
    );
    assert_eq!(
        difference("(error s64)", "(error s32)").as_str(),
        format!("{start}the result, in its `err`, is s32 in the binary, not s64")
    );
    assert_eq!(
        difference("(result (error s64))", "(result)"),
        format!("{start}the result, in its `err`, is nothing in the binary, not s64")
    );
    assert_eq!(
        difference("(result (result (error s64)))", "(result u32)"),
        format!("{start}the result is u32 in the binary, not a result")
    );
}

#[test]
fn another_number_of_parameters_is_found() {
    let mut schema = ledger();
    schema.exports[0].functions[0].params.pop();
    let found = found("", TRANSFER, "", &schema);
    assert!(messages(&found).ends_with("it takes 2 parameters in the binary, not 1"));
}

/// The record `account` as the binary has it, exported or imported.
fn account_instance(fields: &str) -> String {
    format!(r#"(type $r (record {fields})) (export "account" (type (eq $r)))"#)
}

const ACCOUNT: &str = r#"(field "id" u64) (field "owner" string) (field "balance" s64)"#;

#[test]
fn a_types_only_interface_may_be_imported_exported_or_absent_but_must_agree() {
    let mut schema = ledger();
    schema.exports.push(tables("bank"));
    assert_eq!(found("", TRANSFER, "", &schema), []);
    let import = |fields: &str| {
        format!(r#"(import "acme:bank/tables@1.2.0" (instance {}))"#, account_instance(fields))
    };
    assert_eq!(found(&import(ACCOUNT), TRANSFER, "", &schema), []);
    let found_types = found(&import(&ACCOUNT.replace("s64", "u64")), TRANSFER, "", &schema);
    assert_eq!(
        messages(&found_types),
        "the type `account` of `acme:bank/tables@1.2.0`, in its field `balance`, is u64 in the binary, not s64"
    );
    let found_types = found(&import(&ACCOUNT.replace("owner", "holder")), TRANSFER, "", &schema);
    assert!(
        messages(&found_types)
            .ends_with("has the fields id, holder, balance in the binary, not id, owner, balance")
    );
    let export = format!(
        r#"(type $r (record {ACCOUNT})) (instance $t (export "account" (type $r)))
           (export "acme:bank/tables@1.2.0" (instance $t))"#
    );
    assert_eq!(found("", TRANSFER, &export, &schema), []);
    let export = export.replace("\"account\"", "\"ghost\"");
    assert!(matches!(
        found("", TRANSFER, &export, &schema).as_slice(),
        [Contradiction::ExportUnknown { what: "the type", .. }]
    ));
}

/// What is found about one import.
fn import(text: &str, schema: &Schema) -> Vec<Contradiction> {
    found(&format!("(import {text})"), TRANSFER, "", schema)
}

#[test]
fn imports_from_outside_of_the_list_are_refused_by_name() {
    let schema = ledger();
    for (text, name) in [
        (
            r#""wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64))))"#,
            "wasi:clocks/wall-clock@0.2.0",
        ),
        (r#""acme:other/ledger@1.0.0" (instance (export "f" (func)))"#, "acme:other/ledger@1.0.0"),
        (r#""now" (func (result u64))"#, "now"),
        (
            r#""interstice:host/context@0.1.0" (instance (export "exit" (func)))"#,
            "interstice:host/context@0.1.0.{exit}",
        ),
        (
            r#""interstice:host/door@0.1.0" (instance (export "open" (func)))"#,
            "interstice:host/door@0.1.0.{open}",
        ),
        (
            r#""acme:bank/ledger@1.2.0" (instance (export "transfer" (func)))"#,
            "acme:bank/ledger@1.2.0.{transfer}",
        ),
    ] {
        let found = import(text, &schema);
        let [Contradiction::ImportNotAllowed { name: found, .. }] = found.as_slice() else {
            panic!("{name}: {found:?}");
        };
        assert_eq!(found, name);
    }
}

#[test]
fn a_resource_is_no_value() {
    let found =
        import(r#""interstice:host/context@0.1.0" (instance (export "r" (type (sub resource))))"#, &ledger());
    assert!(matches!(found.as_slice(), [Contradiction::ImportNotAllowed { what: "the resource", .. }]));
}

#[test]
fn imported_functions_must_have_the_right_types() {
    let mut schema = ledger();
    schema.exports.push(tables("bank"));
    schema.imports.push(interface_name("other", "ledger"));
    let pay = function("pay", &[("sum", Type::U64)], None);
    schema.foreign.push(interface(interface_name("other", "ledger"), vec![pay]));
    assert_eq!(
        import(r#""acme:other/ledger@1.2.0" (instance (export "pay" (func (param "sum" u64))))"#, &schema),
        []
    );
    for text in [
        r#""acme:other/ledger@1.2.0" (instance (export "pay" (func (param "sum" s64))))"#,
        r#""interstice:host/context@0.1.0" (instance (export "random" (func (result u32))))"#,
        r#""acme:bank/account-rows@1.2.0" (instance (export "get" (func (param "key" string) (result (option (list u8))))))"#,
        r#""acme:bank/account-table@1.2.0" (instance (export "count" (func (result u32))))"#,
    ] {
        let found = import(text, &schema);
        assert!(matches!(found.as_slice(), [Contradiction::ImportDiffers { .. }]), "{text}: {found:?}");
    }
    let found = import(r#""acme:bank/account-rows@1.2.0" (instance (export "drop" (func)))"#, &schema);
    assert!(matches!(found.as_slice(), [Contradiction::ImportNotAllowed { what: "the function", .. }]));
}

/// `acme:other/types` as a module knows it that uses `fail` of it: what `fail` needs, and no more.
fn used_in_part(types: &[(&str, TypeKind)]) -> Schema {
    let mut schema = ledger();
    let mut part = interface(interface_name("other", "types"), Vec::new());
    for (name, kind) in types {
        part.types.push(TypeDef { name: (*name).to_owned(), docs: None, kind: kind.clone() });
    }
    let mut origin = interface(interface_name("other", "origin"), Vec::new());
    let item = FieldDef { name: "id".into(), docs: None, ty: Type::U64 };
    origin.types.push(TypeDef { name: "item".into(), docs: None, kind: TypeKind::Record(vec![item]) });
    schema.foreign.extend([part, origin]);
    schema
}

#[test]
fn a_use_by_which_a_type_is_reached_may_be_imported_and_must_be_known() {
    let item = TypeName { interface: interface_name("other", "origin"), name: "item".into() };
    let case = CaseDef { name: "known".into(), docs: None, ty: Some(Type::Named(item.clone())) };
    let fail = ("fail", TypeKind::Variant(vec![case]));
    let text = r#""acme:other/types@1.2.0" (instance
        (type $i (record (field "id" u64))) (export "item" (type $item (eq $i)))
        (type $f (variant (case "known" $item))) (export "fail" (type (eq $f))))"#;
    let known = used_in_part(&[("item", TypeKind::Use(item)), fail.clone()]);
    assert_eq!(import(text, &known), []);
    let found = import(text, &used_in_part(&[fail]));
    assert!(matches!(found.as_slice(), [Contradiction::ImportNotAllowed { what: "the type", name }]
        if name == "acme:other/types@1.2.0.{item}"));
}

#[test]
fn foreign_tables_are_read_only_and_only_if_public_and_imported() {
    let mut schema = ledger();
    schema.foreign.push(tables("other"));
    let get = r#""acme:other/account-table@1.2.0" (instance (export "delete" (func (param "id" u64) (result bool))))"#;
    assert!(matches!(import(get, &schema).as_slice(), [Contradiction::TableNotVisible { .. }]));
    schema.imports.push(interface_name("other", "tables"));
    assert!(matches!(import(get, &schema).as_slice(), [Contradiction::WriteToForeignTable { function, .. }]
        if function == "delete"));
    schema.foreign[0].tables[0].visibility = Visibility::Private;
    assert!(matches!(import(get, &schema).as_slice(), [Contradiction::TableNotVisible { .. }]));
}

#[test]
fn a_type_that_expands_without_end_is_compared_in_no_time() {
    // 2^60 fields in the binary, none in the schema.
    let mut fields = r#"(type $r0 (record (field "a" u8)))  (export "t0" (type $t0 (eq $r0)))"#.to_owned();
    for level in 1..60 {
        let below = level - 1;
        fields.push_str(&format!(
            r#"(type $r{level} (record (field "a" $t{below}) (field "b" $t{below}))) (export "t{level}" (type $t{level} (eq $r{level})))"#
        ));
    }
    let mut schema = ledger();
    let mut types = interface(interface_name("other", "types"), Vec::new());
    types.types.push(TypeDef {
        name: "t59".into(),
        docs: None,
        kind: TypeKind::Record(vec![
            FieldDef { name: "a".into(), docs: None, ty: Type::U8 },
            FieldDef { name: "b".into(), docs: None, ty: Type::U8 },
        ]),
    });
    schema.foreign.push(types);
    let text = format!(r#"(component (import "acme:other/types@1.2.0" (instance {fields})))"#);
    // wasmtime itself may already refuse a type of this size.
    match engine().compile(&wat::parse_str(text).unwrap(), None) {
        Ok(compiled) => {
            let found = prove(&compiled, &schema).unwrap_err();
            assert!(messages(&found).contains("in its field `a`, is a record in the binary, not u8"));
        }
        Err(error) => assert!(matches!(error, EngineError::Invalid(_)), "{error}"),
    }
}

#[test]
fn what_is_imported_must_be_linked_and_to_the_same_structure() {
    let mut schema = ledger();
    schema.exports.push(tables("bank"));
    let home = interface_name("other", "ledger");
    schema.imports.push(home.clone());
    let pay = function("pay", &[("sum", Type::U64)], None);
    schema.foreign.push(interface(home.clone(), vec![pay.clone()]));
    let text = format!(
        r#"(component
          (import "acme:other/ledger@1.2.0" (instance (export "pay" (func (param "sum" u64)))))
          (import "acme:bank/account-rows@1.2.0" (instance (export "count" (func (result u64)))))
          (core module $m (memory (export "memory") 1) (func (export "f") (param i64 i64) (result i32) i32.const 0))
          (core instance $i (instantiate $m))
          {TRANSFER})"#
    );
    let compiled = engine().compile(&wat::parse_str(text).unwrap(), None).unwrap();
    let link = || ModuleLink::<MapHost>::new(engine(), &compiled, &schema).unwrap();
    let mut without_table = link();
    without_table.function(&home, &schema, &pay, support::Target::Echo);
    let error = without_table.finish().err().unwrap();
    assert_eq!(
        error.to_string(),
        "nothing was linked to `count` of the imported interface `acme:bank/account-rows@1.2.0`"
    );
    let mut without_function = link();
    without_function.table(account("bank"), ());
    assert!(matches!(without_function.finish(), Err(EngineError::NotLinked { .. })));
    let mut other = link();
    let changed = function("pay", &[("sum", Type::S64)], None);
    other.table(account("bank"), ()).function(&home, &schema, &changed, support::Target::Echo);
    let error = other.finish().err().unwrap().to_string();
    assert!(error.ends_with("the parameter `sum` is u64 in the binary, not s64"), "{error}");
    let mut whole = link();
    whole.table(account("bank"), ()).function(&home, &schema, &pay, support::Target::Echo);
    assert!(whole.finish().is_ok());
}
