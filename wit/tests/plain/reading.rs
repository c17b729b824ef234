//! What is read of a package: its text again, on one line each, and what its gates leave out.

use crate::{package, sources};
use expect_test::expect;
use interstice_wit::plain::{LeftOut, WorldItemKind, no_module};

#[test]
fn every_kind_of_type_and_function_is_written_as_wit_writes_it() {
    let package = package(
        "package a:b@1.0.0;
        interface other { enum e { x } }
        interface i {
          use other.{e, e as %enum};
          record r { a: u8, %use: option<string> }
          variant v { none, some(list<e>) }
          flags g { a, b }
          type t = tuple<u8, char>;
          type n = list<u8, 4>;
          resource res {
            constructor(a: u8);
            m: func(other: borrow<res>) -> result<_, e>;
            s: static async func() -> res;
          }
          f: func(a: future, b: stream<u8>, c: map<string, r>, d: error-context) -> result;
        }",
    );
    let interface =
        package.interfaces.iter().find(|interface| package.place_text(&interface.place) == "i").unwrap();
    let types = interface.types.iter().map(|def| package.type_text(def));
    let functions = interface.functions.iter().map(|function| package.function_text(function));
    let text = types.chain(functions).collect::<Vec<_>>().join("\n");
    expect![[r#"
        use other.{e}
        use other.{e as %enum}
        record r { a: u8, %use: option<string> }
        variant v { none, some(list<e>) }
        flags g { a, b }
        type t = tuple<u8, char>
        type n = list<u8, 4>
        resource res
        constructor(a: u8)
        m: func(other: borrow<res>) -> result<_, e>
        s: static async func() -> res
        f: func(a: future, b: stream<u8>, c: map<string, r>, d: error-context) -> result"#]]
    .assert_eq(&text);
}

#[test]
fn what_is_behind_a_gate_is_named_once_with_its_feature() {
    let package = package(
        "package a:b@1.0.0;
        @unstable(feature = x)
        interface hidden { @unstable(feature = x) record r { a: u8 } @unstable(feature = y) f: func(); }
        interface i {
          resource r { @unstable(feature = y) m: func(); }
          @unstable(feature = z) type t = u8;
        }
        @unstable(feature = z)
        world w { import i; }
        world v {
          import i;
          @unstable(feature = x) import hidden;
          @unstable(feature = x) export f: func();
        }",
    );
    let left_out: Vec<_> = package
        .left_out
        .iter()
        .map(|LeftOut { item, feature }| format!("{item} ({})", feature.as_deref().unwrap_or("?")))
        .collect();
    assert_eq!(
        left_out,
        [
            "export f of the world v (x)",
            "function i.r.m (y)",
            "import hidden of the world v (x)",
            "interface hidden (x)",
            "type i.t (z)",
            "world w (z)",
        ]
    );
    assert_eq!(package.interfaces.len(), 1);
    assert_eq!(package.worlds.len(), 1);
    assert!(
        matches!(package.worlds[0].imports.as_slice(), [item] if matches!(item.kind, WorldItemKind::Interface { .. }))
    );
    assert!(package.worlds[0].exports.is_empty());
}

#[test]
fn where_a_module_is_needed_it_is_said_what_makes_one() {
    let found = no_module(&sources("// A package.\npackage a:b@1.0.0;\ninterface i { f: func(); }", &[]));
    expect![[r#"
        root.wit:2:9: `a:b@1.0.0` is no module: nothing in it carries a directive
          `a:b@1.0.0` a package of WIT alone
          mend: to make it one, say above its items what they are: `/// @reducer` or `/// @query` above each function, `/// @table(primary-key = id)` above a record whose rows are kept; `interstice schema` and `interstice diff` take it as it is

    "#]]
    .assert_eq(&found.render());
}
