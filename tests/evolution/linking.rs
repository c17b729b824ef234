//! Which versions of a provider a module takes that was built against one of them, and that modules never come to
//! import each other in a circle.

use crate::base::Base;
use crate::component::component;
use interstice_node::UpgradeOptions;
use interstice_test::component_of;
use interstice_wit::Sources;
use std::fs;

fn example(name: &str) -> String {
    format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A bank with this contract; each of its functions returns zeros.
fn bank(contract: &str) -> Vec<u8> {
    let mut sources = Sources::new();
    sources.add_root("bank.wit", contract);
    component(&sources).1
}

/// Offers the shop, which was built against bank 1.2.0, to a database with this bank: the code of a refusal and its words.
fn offer(bank: &[u8]) -> Result<(), (&'static str, String)> {
    let base = Base::new();
    base.install(bank).unwrap();
    let shop = component_of(example("shop"));
    base.install(&shop).map_err(|error| (error.code(), error.to_string()))
}

#[test]
fn a_module_built_against_1_2_0_links_with_1_2_3_and_1_9_0_and_not_with_1_1_0_2_0_0_or_an_altered_1_2_0() {
    let contract = fs::read_to_string(example("bank/wit/bank.wit")).unwrap();
    let of_version = |version: &str| bank(&contract.replace("@1.2.0;", &format!("@{version};")));
    offer(&component_of(example("bank"))).unwrap();
    for version in ["1.2.0", "1.2.3", "1.9.0"] {
        offer(&of_version(version)).unwrap_or_else(|error| panic!("{version}: {error:?}"));
    }
    for version in ["1.1.0", "2.0.0"] {
        let (code, told) = offer(&of_version(version)).unwrap_err();
        assert_eq!(code, "version.link", "{told}");
        let found = format!("acme:bank@{version}");
        for part in ["acme:shop@0.3.0", "(semver)", "acme:bank >= 1.2.0, < 2.0.0", found.as_str()] {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
    }
    let altered = [
        (
            "transfer: func(source: u64, target: u64, amount: u64)",
            "transfer: func(source: u64, target: u64, sum: u64)",
            "function transfer",
        ),
        ("insufficient-funds(s64)", "insufficient-funds(u64)", "transfer"),
        ("    balance: s64,\n  }", "    balance: s32,\n  }", "account"),
        ("/// @reducer\n  transfer", "/// @query\n  transfer", "function transfer"),
        ("visibility = public", "visibility = private", "account"),
    ];
    for (from, to, item) in altered {
        assert!(contract.contains(from), "{from}");
        let (code, told) = offer(&bank(&contract.replace(from, to))).unwrap_err();
        assert_eq!(code, "version.link", "{told}");
        assert!(told.contains("acme:shop@0.3.0") && told.contains(item), "{to}: {told}");
        assert!(told.contains("(hash)") || told.contains("(visible)"), "{to}: {told}");
    }
    // What the shop does not use may be what it likes.
    offer(&bank(&contract.replace("total: func() -> s64", "total: func(of: string) -> u64"))).unwrap();
}

/// A module with one query that imports that of others.
fn module(name: &str, version: &str, imports: &[&str]) -> Vec<u8> {
    const API: &str = "interface api {
      /// @query
      f: func() -> u32;
    }";
    let mut sources = Sources::new();
    let world: String = imports.iter().map(|other| format!(" import acme:{other}/api@1.0.0;")).collect();
    sources.add_root(
        "module.wit",
        format!("package acme:{name}@{version};\n{API}\nworld w {{{world} export api; }}"),
    );
    for other in imports {
        sources.add_dependency_file(
            *other,
            format!("deps/{other}.wit"),
            format!("package acme:{other}@1.0.0;\n{API}"),
        );
    }
    component(&sources).1
}

/// An upgrade that would close a circle is refused by its plan and by itself, and nothing has changed.
fn closes_a_circle(base: &mut Base, components: &[&[u8]], through: &[&str]) {
    let (versions, last) = (base.versions(), base.node().last_sequence());
    let plan = base.node().plan(components, &UpgradeOptions::default()).unwrap();
    assert_eq!(plan.refusals.len(), 1, "{:?}", plan.refusals);
    for dry_run in [true, false] {
        let options = UpgradeOptions { dry_run, ..UpgradeOptions::default() };
        let error = base.upgrade_all(components, options).unwrap_err();
        assert_eq!(error.code(), "version.cycle", "{error}");
        assert_eq!(error.to_string(), plan.refusals[0]);
        for part in through.iter().chain(&["in a circle", "take one of the imports out"]) {
            assert!(plan.refusals[0].contains(part), "{part} is not in: {}", plan.refusals[0]);
        }
    }
    base.restart();
    assert_eq!((base.versions(), base.node().last_sequence()), (versions, last));
}

#[test]
fn an_upgrade_that_would_let_modules_import_each_other_in_a_circle_is_refused() {
    let mut base = Base::new();
    base.install(&module("a", "1.0.0", &[])).unwrap();
    base.install(&module("b", "1.0.0", &["a"])).unwrap();
    base.install(&module("c", "1.0.0", &["b"])).unwrap();
    base.install(&module("d", "1.0.0", &[])).unwrap();
    // Through one module, through two, and among those that are given together.
    let (to_b, to_c) = (module("a", "1.1.0", &["b"]), module("a", "1.1.0", &["c"]));
    closes_a_circle(&mut base, &[&to_b], &["acme:a@1.1.0", "acme:b@1.0.0", " → "]);
    closes_a_circle(&mut base, &[&to_c], &["acme:a@1.1.0", "acme:b@1.0.0", "acme:c@1.0.0", " → "]);
    let to_d = module("a", "1.1.0", &["d"]);
    closes_a_circle(&mut base, &[&to_d, &module("d", "1.1.0", &["a"])], &["acme:a@1.1.0", "acme:d@1.1.0"]);
    assert_eq!(base.tell("acme:c", "f()"), "0");
    // What opens the circle in the same upgrade may come; so may a module that is reached on two ways.
    base.upgrade_all(&[&to_c, &module("b", "1.1.0", &["d"])], UpgradeOptions::default()).unwrap();
    assert_eq!(base.versions(), ["acme:a@1.1.0", "acme:b@1.1.0", "acme:c@1.0.0", "acme:d@1.0.0"]);
    base.upgrade(&module("a", "1.2.0", &["c", "d"])).unwrap();
    assert_eq!(base.tell("acme:a", "f()"), "0");
    base.restart();
    assert_eq!(base.tell("acme:a", "f()"), "0");
    base.check_history();
}
