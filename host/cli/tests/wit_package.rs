//! Packages of WIT that are no modules, in all their forms: what `diff` and `schema` say of them, and how the commands that
//! need a module refuse them.

#![allow(clippy::unwrap_used)]

#[path = "support/packages.rs"]
mod harness;
mod support;

use expect_test::{Expect, expect};
use harness::Packages;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Case, root};

/// A version of the package that the tests of the comparison have too.
fn clocks(version: &str) -> PathBuf {
    root().join("wit/tests/plain/clocks").join(version)
}

/// A case in which the folders `0.2.0` and `0.2.8` hold these versions.
fn case() -> Case {
    let case = Case::new();
    for version in ["0.2.0", "0.2.3", "0.2.8"] {
        copy(&clocks(version), &case.path(version));
    }
    case
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The binary form of a package, as the tools of the ecosystem write it.
fn binary(folder: &Path) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve { all_features: true, ..wit_parser::Resolve::new() };
    let (package, _) = resolve.push_path(folder).unwrap();
    wit_component::encode(&resolve, package).unwrap()
}

fn check(case: &Case, arguments: &[&str], expected: Expect) {
    expected.assert_eq(&case.run(arguments).shown());
}

#[test]
fn a_later_version_that_only_adds_ends_with_0() {
    check(
        &case(),
        &["diff", "0.2.0", "0.2.8"],
        expect![[r#"
        exit 0
        --- stdout
        acme:clocks 0.2.0 → 0.2.8
          callers      compatible
          packages of WIT, no modules: nothing has rows or subscribers
          3 `@unstable` items are left out of the new version (clocks-timezone): import timezone of the world everything, import timezone of the world imports, interface timezone

        import acme:io
          it is used in version 0.2.8, and was in 0.2.0

        world everything
          the world is added
            callers      compatible       no component was built for it yet

        type monotonic-clock.instant
          the alias is added
            callers      compatible       nobody uses it yet

        type monotonic-clock.stamp
          it is deprecated since 0.2.3
            callers      compatible       it is still there, and should not be used in what is new

        docs of monotonic-clock
          the docs of `subscribe` changed
            callers      compatible       docs are for people

        the version 0.2.8 says so; the smallest that does is 0.2.1
    "#]],
    );
}

#[test]
fn what_breaks_callers_ends_with_1_and_says_why() {
    let case = case();
    let text = fs::read_to_string(case.path("0.2.8/wall.wit")).unwrap();
    case.write("0.2.8/wall.wit", text.replace("nanoseconds: u32", "nanoseconds: u64"));
    check(
        &case,
        &["diff", "0.2.3", "0.2.8"],
        expect![[r#"
        exit 1
        --- stdout
        acme:clocks 0.2.3 → 0.2.8
          callers      breaking
          packages of WIT, no modules: nothing has rows or subscribers
          2 `@unstable` items are left out of the old version (clocks-timezone): import timezone of the world imports, interface timezone
          3 `@unstable` items are left out of the new version (clocks-timezone): import timezone of the world everything, import timezone of the world imports, interface timezone

        import acme:io
          it is used in version 0.2.8, and was in 0.2.3

        world everything
          the world is added
            callers      compatible       no component was built for it yet

        type wall-clock.datetime
          in its field `nanoseconds`: u32 became u64
            callers      breaking         components that know the type know another one; it stands in the signature of `now`

        the version must be raised: 0.3.0 is the smallest that says so, and this is 0.2.8
    "#]],
    );
}

#[test]
fn programs_read_json_in_the_form_that_modules_have() {
    let case = case();
    let shown = case.run(&["diff", "0.2.8", "0.2.0", "--json"]);
    assert_eq!(shown.code, 1, "{}", shown.stderr);
    let json: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(json["verdict"], "breaking");
    assert_eq!((&json["callers"], &json["rows"]), (&"breaking".into(), &"compatible".into()));
    assert_eq!((&json["old"]["name"], &json["old"]["version"]), (&"clocks".into(), &"0.2.8".into()));
    assert_eq!((&json["next_version"], &json["is_version_enough"]), (&"0.3.0".into(), &false.into()));
    assert_eq!(json["unstable"]["new"], serde_json::json!([]));
    assert_eq!(json["unstable"]["old"][0]["feature"], "clocks-timezone");
    assert_eq!(json["changes"][0]["kind"], "import");
}

#[test]
fn a_package_is_shown_as_a_tree_that_says_that_it_is_no_module() {
    check(
        &case(),
        &["schema", "0.2.8"],
        expect![[r#"
        exit 0
        --- stdout
        acme:clocks@0.2.8 (a package of WIT and no module: nothing in it is a directive)
        ├── interface monotonic-clock
        │   ├── use acme:io/poll@0.2.8.{pollable}
        │   ├── type stamp = u64 (deprecated since 0.2.3)
        │   ├── type instant = stamp
        │   ├── type duration = u64
        │   ├── now: func() -> instant
        │   └── subscribe: func(when: instant) -> pollable
        ├── interface wall-clock
        │   ├── record datetime { seconds: u64, nanoseconds: u32 }
        │   └── now: func() -> datetime
        ├── world everything
        │   ├── import acme:io/poll@0.2.8
        │   ├── import monotonic-clock
        │   └── import wall-clock
        ├── world imports
        │   ├── import acme:io/poll@0.2.8
        │   ├── import monotonic-clock
        │   └── import wall-clock
        └── left out, for it is `@unstable`
            ├── import timezone of the world everything (clocks-timezone)
            ├── import timezone of the world imports (clocks-timezone)
            └── interface timezone (clocks-timezone)
    "#]],
    );
    check(
        &case(),
        &["schema", "0.2.8", "--world", "imports"],
        expect![[r#"
        exit 0
        --- stdout
        acme:clocks@0.2.8 (a package of WIT and no module: nothing in it is a directive)
        ├── interface monotonic-clock
        │   ├── use acme:io/poll@0.2.8.{pollable}
        │   ├── type stamp = u64 (deprecated since 0.2.3)
        │   ├── type instant = stamp
        │   ├── type duration = u64
        │   ├── now: func() -> instant
        │   └── subscribe: func(when: instant) -> pollable
        ├── interface wall-clock
        │   ├── record datetime { seconds: u64, nanoseconds: u32 }
        │   └── now: func() -> datetime
        ├── world imports
        │   ├── import acme:io/poll@0.2.8
        │   ├── import monotonic-clock
        │   └── import wall-clock
        └── left out, for it is `@unstable`
            ├── import timezone of the world imports (clocks-timezone)
            └── interface timezone (clocks-timezone)
    "#]],
    );
    check(
        &case(),
        &["schema", "0.2.8", "--world", "import"],
        expect![[r#"
        exit 3
        --- stderr
        error: there is no world `import` in acme:clocks@0.2.8; its worlds: `everything`, `imports`
    "#]],
    );
    let json = case().run(&["schema", "0.2.8", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["module"], &json["package"]["version"]), (&false.into(), &"0.2.8".into()));
    assert_eq!(json["interfaces"][0]["name"], "monotonic-clock");
    assert_eq!(json["interfaces"][0]["functions"][0]["wit"], "now: func() -> instant");
    assert_eq!(json["interfaces"][0]["types"][1]["deprecated"], "0.2.3");
    assert_eq!(json["worlds"][0]["imports"][0]["interface"], "acme:io/poll@0.2.8");
}

#[test]
fn the_same_package_as_text_as_a_binary_and_in_the_registry_is_one_package() {
    let packages = Packages::new();
    let case = &packages.case;
    for version in ["0.2.0", "0.2.8"] {
        copy(&clocks(version), &case.path(version));
        let bytes = binary(&clocks(version));
        case.write(&format!("{version}.wasm"), &bytes);
        // As another tool puts it there.
        case.write(&format!("registry/acme/clocks/{version}.wasm"), &bytes);
    }
    for version in ["0.2.0", "0.2.8"] {
        let (binary, published) = (format!("{version}.wasm"), format!("acme:clocks@{version}"));
        for (old, new) in [(version, &binary), (version, &published), (binary.as_str(), &published)] {
            let same = packages.run(&["diff", old, new]);
            assert!(
                same.stdout.contains("nothing is different"),
                "{old} {new}: {}{}",
                same.stdout,
                same.stderr
            );
        }
        let shown = packages.succeed(&["schema", version]);
        assert_eq!(packages.succeed(&["schema", &binary]), shown);
        assert_eq!(packages.succeed(&["schema", &published]), shown);
    }
    let folders = packages.run(&["diff", "0.2.0", "0.2.8"]).stdout;
    assert_eq!(packages.run(&["diff", "acme:clocks@0.2.0", "acme:clocks@0.2.8"]).stdout, folders);
    let told = packages.run(&["info", "acme:clocks"]).shown();
    let artifact = told.lines().find(|line| line.trim().starts_with("artifact")).unwrap().to_owned();
    expect![[r#"
        exit 0
        --- stdout
        acme:clocks@0.2.8  a package of WIT and no module
        versions
          0.2.8  put there by another tool
          0.2.0  put there by another tool
        interfaces
          monotonic-clock  now, subscribe
          wall-clock  now
        worlds
          everything
          imports
        hashes
          artifact   HASH
    "#]]
    .assert_eq(&told.replace(&artifact, "  artifact   HASH"));
    let json = packages.succeed(&["info", "acme:clocks@0.2.0", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["package"], &json["module"]), (&"acme:clocks@0.2.0".into(), &false.into()));
    assert_eq!(json["versions"].as_array().unwrap().len(), 2);
    // What lies where another version belongs is told.
    case.write("registry/acme/clocks/0.2.9.wasm", binary(&clocks("0.2.8")));
    for command in [&["diff", "acme:clocks@0.2.8", "acme:clocks@0.2.9"][..], &["info", "acme:clocks"]] {
        let misplaced = packages.run(command);
        assert_eq!(misplaced.code, 5);
        assert!(
            misplaced.stderr.contains("holds acme:clocks@0.2.8, and not acme:clocks@0.2.9"),
            "{}",
            misplaced.stderr
        );
    }
}

#[test]
fn commands_that_need_a_module_say_what_makes_one() {
    let case = case();
    case.write("0.2.8.wasm", binary(&clocks("0.2.8")));
    check(
        &case,
        &["check", "0.2.8"],
        expect![[r#"
        exit 1
        --- stderr
          × `acme:clocks@0.2.8` is no module: nothing in it carries a directive
           ╭─[0.2.8/monotonic.wit:1:9]
         1 │ package acme:clocks@0.2.8;
           ·         ────────┬────────
           ·                 ╰── a package of WIT alone
         2 │ 
           ╰────
          help: to make it one, say above its items what they are: `/// @reducer` or `/// @query` above each function, `/// @table(primary-key = id)` above a record whose rows are kept; `interstice schema` and `interstice diff` take it as it is
        error: 1 mistake in the WIT package
    "#]],
    );
    for (command, path) in [("codegen", "0.2.8"), ("build", "0.2.8"), ("check", "0.2.8.wasm")] {
        let ended = case.run(&[command, path]);
        assert_eq!(ended.code, 1, "{command}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("`acme:clocks@0.2.8` is no module: nothing in it carries a directive"),
            "{}",
            ended.stderr
        );
    }
    check(
        &case,
        &["schema", "--hash", "0.2.8"],
        expect![[r#"
        exit 5
        --- stderr
        error: acme:clocks@0.2.8 is no module: nothing in it carries a directive, and only what a module declares has hashes
    "#]],
    );
    check(
        &case,
        &["publish", "--registry", "registry", "0.2.8"],
        expect![[r#"
        exit 5
        --- stderr
        error: acme:clocks@0.2.8 is no module: nothing in it carries a directive
          caused by: modules are published here; `wkg publish` publishes packages of WIT, into the same folder or server, and `interstice diff`, `schema` and `info` read them there
    "#]],
    );
    check(
        &case,
        &["publish", "--registry", "registry", "0.2.8.wasm"],
        expect![[r#"
        exit 5
        --- stderr
        error: 0.2.8.wasm holds `acme:clocks@0.2.8`, a package of WIT that is no module: nothing in it carries a directive; `interstice diff`, `schema` and `info` take it as it is
          caused by: modules are published here; `wkg publish` publishes packages of WIT, into the same folder or server, and `interstice diff`, `schema` and `info` read them there
    "#]],
    );
    assert!(!case.path("registry/acme").exists(), "nothing was published");
}

#[test]
fn a_package_that_is_no_module_is_no_dependency_of_one() {
    let packages = Packages::new();
    packages.case.write("registry/acme/clocks/0.2.8.wasm", binary(&clocks("0.2.8")));
    packages.shop("test:shop@0.1.0", "");
    expect![[r#"
        exit 5
        --- stderr
        error: DIR/registry/acme/clocks/0.2.8.wasm holds `acme:clocks@0.2.8`, a package of WIT that is no module: nothing in it carries a directive; `interstice diff`, `schema` and `info` take it as it is
    "#]].assert_eq(&packages.run(&["add", "acme:clocks", "--project", "shop"]).shown());
}

const MODULE: &str = "package acme:bank@1.0.0;
interface ledger {
  /// @query
  total: func() -> u64;
}
world bank { export ledger; }
";

#[test]
fn a_module_that_lost_its_directives_is_not_called_compatible() {
    let case = Case::new();
    case.write("old.wit", MODULE);
    case.write("new.wit", MODULE.replace("/// @query", "/// The total.").replace("1.0.0", "1.0.1"));
    check(
        &case,
        &["diff", "old.wit", "new.wit"],
        expect![[r#"
        exit 5
        --- stderr
        error: old.wit is a module, and new.wit is a package of WIT that is none: nothing in it carries a directive; a module is compared with a module
    "#]],
    );
    assert_eq!(case.run(&["diff", "new.wit", "old.wit"]).code, 5);
    // A directive that is misspelt is told, and makes no other package of it.
    case.write("new.wit", MODULE.replace("@query", "@qeury"));
    let ended = case.run(&["diff", "old.wit", "new.wit"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("`@qeury` is not a directive"), "{}", ended.stderr);
}

#[test]
fn a_package_of_wit_with_directives_is_a_module_in_its_binary_form_too() {
    let case = Case::new();
    case.write("bank/bank.wit", MODULE);
    case.write("bank.wasm", binary(&case.path("bank")));
    check(
        &case,
        &["diff", "bank", "bank.wasm"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank 1.0.0 → 1.0.0
        nothing is different
          callers      compatible
          stored rows  compatible
          subscribers  compatible
    "#]],
    );
    assert_eq!(case.run(&["schema", "bank.wasm"]).stdout, case.run(&["schema", "bank"]).stdout);
}
