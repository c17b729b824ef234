//! Packages as a user meets them: publish, add, build with pins, update, yank, fetch; and what is said of
//! everything that does not fit.

#![allow(clippy::unwrap_used)]

#[path = "support/packages.rs"]
mod harness;
mod support;

use expect_test::expect;
use harness::{Packages, without_digests};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use support::Ended;

#[test]
fn a_module_is_published_and_found() {
    let packages = Packages::bank();
    packages.check(
        &["search", "bank"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank@2.0.0  The package acme:bank.
    "#]],
    );
    packages.check(
        &["info", "acme:bank@1.2.0"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank@1.2.0
          The package acme:bank.
        versions
          2.0.0  <time>
          1.2.0  <time>
          1.0.0  <time>
        exports
          ledger  query balance, query total
        hashes
          artifact   <sha256>
          interface  <sha256>
          storage    <sha256>
    "#]],
    );
    let component = packages.component("acme:bank@1.3.0", &["balance"], &[]);
    let component = component.to_str().unwrap();
    packages.check(
        &["publish", "--dry-run", component],
        expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@1.3.0 cannot follow 1.2.0: something breaks; the smallest version that can is 2.0.0:
          - ledger.total: the query is removed
    "#]],
    );
    packages.check(
        &["search", "--verify"],
        expect![[r#"
        exit 0
        --- stdout
        ok  3 versions are as published
    "#]],
    );
    packages.check(
        &["info", "acme:bnak"],
        expect![[r#"
        exit 3
        --- stderr
        error: the registry DIR/registry has no package `acme:bnak`; did you mean `acme:bank`?
    "#]],
    );
}

#[test]
fn what_is_added_is_vendored_and_pinned() {
    let packages = Packages::bank();
    packages.check(
        &["add", "acme:bank@1", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:bank@1.2.0 (shop/wit/deps/acme_bank-1.2.0/package.wit)
        next   import acme:bank/ledger@1.2.0;
    "#]],
    );
    expect![[r#"
        // What dependents see of acme:bank@1.2.0. Written by `interstice add`; interstice.lock holds its digest.

        /// The package acme:bank.
        package acme:bank@1.2.0;

        interface ledger {
          /// What balance is.
          /// @query
          balance: func() -> u32;
          /// What total is.
          /// @query
          total: func() -> u32;
        }
    "#]].assert_eq(&packages.text("shop/wit/deps/acme_bank-1.2.0/package.wit"));
    packages.shop("acme:shop@0.1.0", "  import acme:bank/ledger@1.2.0;\n");
    packages.check(
        &["fetch", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        ok  1 package is as interstice.lock pins
    "#]],
    );
    expect![[r##"
        # Written by `interstice`; what is needed stands in interstice.toml.
        format = 1

        [wit]
        "acme:bank@1.2.0" = "sha256:<sha256>"

        [package."acme:bank"]
        version = "1.2.0"
        source = "registry"
        artifact = "sha256:<sha256>"

        [package."acme:bank".items]
        "ledger/function/balance" = "sha256:<sha256>"
        "ledger/function/total" = "sha256:<sha256>"
    "##]]
    .assert_eq(&without_digests(&packages.text("shop/interstice.lock")));
    expect![[r#"
        [dependencies]
        "acme:bank" = "1"
    "#]]
    .assert_eq(&packages.text("shop/interstice.toml"));
    packages.check(
        &["check", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        ok  acme:shop@0.1.0 (world shop): 0 tables, 1 function, 1 import
            calls       acme:bank/ledger@1.2.0: balance (query), total (query)
    "#]],
    );
    packages.check(
        &["tree", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        acme:shop@0.1.0
        └── acme:bank@1.2.0
    "#]],
    );
    // The same again changes nothing.
    let lock = packages.text("shop/interstice.lock");
    packages.succeed(&["fetch", "--project", "shop"]);
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    assert_eq!(packages.text("shop/interstice.lock"), lock);
}

#[test]
fn an_update_moves_the_imports_too() {
    let packages = Packages::bank();
    packages.succeed(&["add", "acme:bank@=1.0.0", "--project", "shop"]);
    packages.shop("acme:shop@0.1.0", "  import acme:bank/ledger@1.0.0;\n");
    packages.case.write("shop/interstice.toml", "[dependencies]\n\"acme:bank\" = \"1\"\n");
    packages.check(
        &["update", "--project", "shop", "--dry-run"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank 1.0.0 → 1.2.0
    "#]],
    );
    assert!(packages.text("shop/wit/world.wit").contains("ledger@1.0.0"));
    packages.check(
        &["update", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank 1.0.0 → 1.2.0
        --- stderr
        shop/wit/world.wit: acme:bank is now 1.2.0
    "#]],
    );
    assert!(packages.text("shop/wit/world.wit").contains("import acme:bank/ledger@1.2.0;"));
    assert!(!packages.case.path("shop/wit/deps/acme_bank-1.0.0").exists());
    packages.succeed(&["check", "shop"]);
    packages.check(
        &["update", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        nothing is newer
    "#]],
    );
    packages.check(
        &["remove", "acme:bnak", "--project", "shop"],
        expect![[r#"
        exit 3
        --- stderr
        error: interstice.toml does not name `acme:bnak`; did you mean `acme:bank`?
    "#]],
    );
    packages.check(
        &["remove", "acme:bank", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        removed  acme:bank
        --- stderr
        warning: the WIT still names acme:bank/ledger@1.2.0; remove it there
    "#]],
    );
    assert!(!packages.case.path("shop/wit/deps/acme_bank-1.2.0").exists());
}

/// Builds the shop from a core module, as `build` does before it compiles a crate.
fn build(packages: &Packages, more: &[&str]) -> Ended {
    let core =
        wat::parse_str("(module (func (export \"acme:shop/orders@0.1.0#count\") (result i32) i32.const 1))");
    let core = packages.case.write("core.wasm", core.unwrap());
    let core = core.display().to_string();
    packages.run(&[&["build", "--from", &core, "--output", "shop.wasm", "shop"], more].concat())
}

#[test]
fn a_build_pins_what_the_world_imports_and_with_locked_refuses_what_is_new() {
    let packages = Packages::bank();
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    packages.shop("acme:shop@0.1.0", "  import acme:bank/ledger@1.2.0;\n");
    let crate_of =
        |packages: &Packages, arguments: &[&str]| packages.run(&[&["build", "shop"], arguments].concat());
    let refused = crate_of(&packages, &["--locked"]);
    expect![[r#"
        exit 1
        --- stderr
        error: interstice.lock does not fit: the world imports acme:bank/ledger/function/balance, which it does not pin; a build without --locked writes it again
    "#]].assert_eq(&without_digests(&refused.shown()));
    let built = build(&packages, &[]);
    assert_eq!(built.code, 0, "{}", built.shown());
    assert!(
        built.stderr.contains("note: interstice.lock pins what the world imports now"),
        "{}",
        built.stderr
    );
    assert!(packages.text("shop/interstice.lock").contains("\"ledger/function/total\" = \"sha256:"));
    // Now only cargo has something to say: the shop is no crate.
    let locked = crate_of(&packages, &["--locked"]);
    assert!(locked.stderr.contains("there is no Cargo.toml"), "{}", locked.stderr);

    packages.succeed(&["yank", "acme:bank@1.2.0"]);
    expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@1.2.0, which interstice.lock names, is yanked; take another with `interstice update acme:bank`
    "#]].assert_eq(&without_digests(&crate_of(&packages, &["--locked"]).shown()));
    packages.check(&["fetch", "--project", "shop"], expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@1.2.0, which interstice.lock names, is yanked; take another with `interstice update acme:bank`
    "#]]);
    packages.succeed(&["fetch", "--project", "shop", "--allow-yanked"]);
    packages.succeed(&["yank", "acme:bank@1.2.0", "--undo"]);
    packages.succeed(&["fetch", "--project", "shop", "--output", "parts"]);
    assert!(packages.case.path("parts/acme-bank-1.2.0.wasm").exists());
}

#[test]
fn an_edited_or_missing_copy_is_noticed_and_fetched_again() {
    let packages = Packages::bank();
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    packages.shop("acme:shop@0.1.0", "  import acme:bank/ledger@1.2.0;\n");
    assert_eq!(build(&packages, &[]).code, 0);
    let path = "shop/wit/deps/acme_bank-1.2.0/package.wit";
    let original = packages.text(path);
    packages.case.write(path, original.replace("total: func() -> u32", "total: func() -> u64"));
    expect![[r#"
        exit 1
        --- stderr
        error: shop/wit/deps/acme_bank-1.2.0/package.wit is not what `interstice add` wrote (sha256:<sha256>, and interstice.lock says sha256:<sha256>): it was edited by hand. What a dependency is, only the dependency says; `interstice fetch` writes it again
    "#]].assert_eq(&without_digests(&build(&packages, &[]).shown()));
    packages.check(&["add", "acme:bank@2", "--project", "shop"], expect![[r#"
        exit 1
        --- stderr
        error: shop/wit/deps/acme_bank-1.2.0/package.wit is not what `interstice add` wrote (sha256:<sha256>, and interstice.lock says sha256:<sha256>): it was edited by hand. What a dependency is, only the dependency says; `interstice fetch` writes it again
    "#]]);
    packages.succeed(&["fetch", "--project", "shop"]);
    assert_eq!(packages.text(path), original);
    fs::remove_file(packages.case.path(path)).unwrap();
    assert_eq!(build(&packages, &[]).code, 1);
    packages.succeed(&["fetch", "--project", "shop"]);
    assert_eq!(packages.text(path), original);
    assert_eq!(build(&packages, &[]).code, 0);
    // A checkout on another system ends lines in another way.
    for file in [path, "shop/wit/world.wit", "shop/interstice.lock", "shop/interstice.toml"] {
        packages.case.write(file, packages.text(file).replace('\n', "\r\n"));
    }
    let built = build(&packages, &[]);
    assert_eq!(built.code, 0, "{}", built.shown());
}

#[test]
fn a_lock_with_merge_marks_is_told_with_its_line() {
    let packages = Packages::bank();
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    let lock = packages.text("shop/interstice.lock");
    packages.case.write("shop/interstice.lock", lock.replace("version = ", "<<<<<<< HEAD\nversion = "));
    for arguments in [&["tree"][..], &["fetch"], &["update"], &["add", "acme:bank"]] {
        let ended = packages.run(&[arguments, &["--project", "shop"]].concat());
        assert_eq!(ended.code, 3, "{}", ended.shown());
        assert!(
            ended.stderr.contains("interstice.lock:8: `<<<<<<<` is the mark of a merge"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(build(&packages, &[]).code, 3);
}

#[test]
fn a_dependency_can_be_a_component_wit_or_a_module_of_a_database() {
    let packages = Packages::bank();
    let component = packages.component("acme:coins@0.5.0", &["mint"], &[]);
    packages.check(
        &["add", component.to_str().unwrap(), "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:coins@0.5.0 (shop/wit/deps/acme_coins-0.5.0/package.wit)
        next   import acme:coins/ledger@0.5.0;
    "#]],
    );
    expect![[r#"
        [dependencies]
        "acme:coins" = { path = "../acme-coins@0.5.0.wasm" }
    "#]]
    .assert_eq(&packages.text("shop/interstice.toml"));
    packages.check(
        &["add", "source/acme-coins", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:coins@0.5.0 (shop/wit/deps/acme_coins-0.5.0/package.wit)
        next   import acme:coins/ledger@0.5.0;
    "#]],
    );
    let data = packages.case.path("data").display().to_string();
    let bank = packages.case.path("acme-bank@1.2.0.wasm").display().to_string();
    packages.succeed(&["run", "--data", &data, &bank]);
    packages.check(
        &["add", "acme:bank", "--data", "data", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:bank@1.2.0 (shop/wit/deps/acme_bank-1.2.0/package.wit)
        next   import acme:bank/ledger@1.2.0;
    "#]],
    );
    packages.check(
        &["add", "acme:bnak", "--data", "data", "--project", "shop"],
        expect![[r#"
        exit 3
        --- stderr
        error: shop/../data has no module `acme:bnak`; did you mean `acme:bank`?
    "#]],
    );
    packages.check(
        &["tree", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        acme:shop@0.1.0
        ├── acme:bank@1.2.0 (database ../data)
        └── acme:coins@0.5.0 (path ../source/acme-coins)
    "#]],
    );
    packages.check(&["add", "nowhere", "--project", "shop"], expect![[r#"
        exit 3
        --- stderr
        error: nowhere does not exist; a package of the registry is named `namespace:name`, such as `acme:bank`
    "#]]);
}

#[test]
fn an_override_stands_for_a_package_whoever_needs_it() {
    let packages = Packages::bank();
    packages.component("acme:bank@1.9.0", &["balance", "total", "audit"], &[]);
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    let manifest = packages.text("shop/interstice.toml");
    packages
        .case
        .write("shop/interstice.toml", manifest + "\n[overrides]\n\"acme:bank\" = \"../source/acme-bank\"\n");
    packages.check(
        &["fetch", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        ok  1 package is as interstice.lock pins
    "#]],
    );
    packages.check(
        &["tree", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        acme:shop@0.1.0
        └── acme:bank@1.9.0 (path ../source/acme-bank)
    "#]],
    );
    assert!(packages.text("shop/wit/deps/acme_bank-1.9.0/package.wit").contains("audit: func() -> u32;"));
}

#[test]
fn circles_and_two_versions_at_once_are_told_with_their_paths() {
    let packages = Packages::bank();
    let needs = |package: &str, bank: &str| {
        let folder = format!("source/{}", package.split('@').next().unwrap().replace(':', "-"));
        packages.shop("acme:shop@0.1.0", "");
        packages.case.write(&format!("{folder}/wit/world.wit"), format!("package {package}; world w {{ }}"));
        packages.succeed(&["add", &format!("acme:bank@={bank}"), "--project", &folder]);
        let component = packages.component(package, &["f"], &[&format!("acme:bank/ledger@{bank}")]);
        packages.succeed(&["publish", component.to_str().unwrap()]);
    };
    needs("acme:left@1.0.0", "1.2.0");
    needs("acme:right@1.0.0", "2.0.0");
    packages.succeed(&["add", "acme:left", "--project", "shop"]);
    packages.check(
        &["add", "acme:right", "--project", "shop"],
        expect![[r#"
        exit 5
        --- stderr
        error: `acme:bank` is needed in two versions at once, and a database holds one:
          - ^1.2.0 by acme:shop@0.1.0 → acme:left@1.0.0
          - ^2.0.0 by acme:shop@0.1.0 → acme:right@1.0.0
    "#]],
    );
    assert!(!packages.text("shop/interstice.toml").contains("right"), "nothing was written");
    packages.check(
        &["tree", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        acme:shop@0.1.0
        └── acme:left@1.0.0
            └── acme:bank@1.2.0
    "#]],
    );
    // A bank that needs who needs it.
    packages.shop("acme:bank@1.3.0", "");
    packages.check(
        &["add", "acme:left", "--project", "shop"],
        expect![[r#"
        exit 5
        --- stderr
        error: packages need each other in a circle: acme:bank@1.3.0 → acme:left@1.0.0 → acme:bank@1.3.0
    "#]],
    );
    packages.check(
        &["add", "acme:bank", "--project", "shop"],
        expect![[r#"
            exit 5
            --- stderr
            error: acme:bank@1.3.0 is the project itself, and cannot depend on itself; an older version, whose tables a `@migrate` function reads, is named whole: `interstice add acme:bank@1.0.0`
        "#]],
    );
}

#[test]
fn names_that_are_none_are_refused_with_a_reason() {
    let packages = Packages::new();
    packages.shop("acme:shop@0.1.0", "");
    for (name, reason) in [
        ("acme:..", "could be a path"),
        ("Acme:bank", "it has capitals; write `acme`"),
        ("acme:b\u{430}nk", "which looks like `a`"),
        ("acme:bank@new", "is not a requirement on a version"),
    ] {
        let ended = packages.run(&["add", name, "--project", "shop"]);
        assert_eq!(ended.code, 3, "{}", ended.shown());
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
    assert_eq!(packages.run(&["info", "../x:y"]).code, 3);
    assert_eq!(packages.run(&["yank", "acme:bank@1"]).code, 3);
    assert!(!packages.case.path("registry").exists());
}

#[test]
fn publishers_of_several_processes_lose_nothing() {
    let packages = Packages::new();
    let names = ["aa", "bb", "cc", "dd", "ee", "ff"];
    let components: Vec<_> =
        names.iter().map(|name| packages.component(&format!("acme:{name}@1.0.0"), &["f"], &[])).collect();
    let children: Vec<_> = components
        .iter()
        .map(|component| packages.command(&["publish", component.to_str().unwrap()]).spawn().unwrap())
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    packages.check(
        &["search", "--verify"],
        expect![[r#"
        exit 0
        --- stdout
        ok  6 versions are as published
    "#]],
    );
    assert_eq!(packages.succeed(&["search"]).lines().count(), names.len());
}

/// Each reads the manifest and writes it again, and would write over what another had added in between.
#[test]
fn dependencies_that_are_added_at_the_same_time_are_all_there() {
    let packages = Packages::new();
    packages.shop("acme:shop@0.1.0", "");
    let names = ["aa", "bb", "cc", "dd", "ee", "ff"].map(|name| format!("acme:{name}"));
    for name in &names {
        packages.publish(&format!("{name}@1.0.0"), &["f"]);
    }
    let children =
        names.each_ref().map(|name| packages.command(&["add", name, "--project", "shop"]).spawn().unwrap());
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let (manifest, lock) = (packages.text("shop/interstice.toml"), packages.text("shop/interstice.lock"));
    for name in &names {
        assert!(manifest.contains(name.as_str()), "{manifest}");
        assert!(lock.contains(&format!("\"{name}@1.0.0\" = \"sha256:")), "{lock}");
        assert!(packages.case.path(&format!("shop/wit/deps/{}-1.0.0", name.replace(':', "_"))).exists());
    }
}

#[test]
fn a_package_that_wkg_would_have_put_there_is_read() {
    let packages = Packages::bank();
    let component = packages.component("acme:coins@0.5.0", &["mint"], &[]);
    fs::create_dir_all(packages.case.path("registry/acme/coins")).unwrap();
    fs::copy(component, packages.case.path("registry/acme/coins/0.5.0.wasm")).unwrap();
    packages.check(
        &["add", "acme:coins", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:coins@0.5.0 (shop/wit/deps/acme_coins-0.5.0/package.wit)
        next   import acme:coins/ledger@0.5.0;
    "#]],
    );
    packages.check(
        &["search", "--verify"],
        expect![[r#"
        exit 0
        --- stdout
        ok  3 versions are as published; 1 version is another tool's, and not in the index
    "#]],
    );
}

#[test]
fn versions_of_the_registry_can_be_compared() {
    let packages = Packages::bank();
    packages.check(
        &["diff", "acme:bank@1.0.0", "acme:bank@1.2.0"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank 1.0.0 → 1.2.0
          callers      compatible
          stored rows  compatible
          subscribers  compatible

        function ledger.total
          the query is added
            callers      compatible       nobody calls it yet

        the version 1.2.0 says so; the smallest that does is 1.1.0
    "#]],
    );
    // With what is being worked on, too.
    packages.component("acme:bank@1.3.0", &["balance"], &[]);
    packages.check(
        &["diff", "acme:bank@1.2.0", "source/acme-bank"],
        expect![[r#"
        exit 1
        --- stdout
        acme:bank 1.2.0 → 1.3.0
          callers      breaking
          stored rows  compatible
          subscribers  compatible

        function ledger.total
          the query is removed
            callers      breaking         modules that import it no longer link

        the version must be raised: 2.0.0 is the smallest that says so, and this is 1.3.0
    "#]],
    );
    packages.check(
        &["diff", "acme:bank@1.1.0", "acme:bank@1.2.0"],
        expect![[r#"
        exit 3
        --- stderr
        error: the registry DIR/registry has no acme:bank@1.1.0; there are 2.0.0, 1.2.0, 1.0.0
    "#]],
    );
    packages.check(&["diff", "acme:bank", "acme:bank@1.2.0"], expect![[r#"
        exit 3
        --- stderr
        error: `acme:bank` is not a requirement on a version: it names no version; write `acme:bank@1.2.0`; write `1.2`, `=1.2.3` or `>=1.2, <1.5`
    "#]]);
    packages.check(
        &["diff", "acme:bank@1.0.0", "acme:bank@1.2.0", "--world", "other"],
        expect![[r#"
        exit 3
        --- stderr
        error: the only world of the component is `module`
    "#]],
    );
}

#[test]
fn a_module_takes_its_own_older_version_for_a_migration() {
    let packages = Packages::new();
    let old = "package acme:bank@1.2.0;\n\ninterface tables {\n  /// Whom the bank knows.\n  /// @table(primary-key = id)\n  \
               /// @index(name)\n  record customer {\n    /// @auto-increment\n    id: u64,\n    name: string,\n  }\n}\n\n\
               interface ledger {\n  /// @query\n  balance: func() -> u32;\n}\n\n\
               world bank {\n  export tables;\n  export ledger;\n}\n";
    let build = |folder: &str, wit: &str, export: &str| {
        packages.case.write(&format!("{folder}/wit/world.wit"), wit);
        let core = format!("(module (func (export \"{export}\") (result i32) i32.const 42))");
        let core = packages.case.write(&format!("{folder}/core.wasm"), wat::parse_str(core).unwrap());
        let output = packages.case.path(&format!("{folder}.wasm")).display().to_string();
        packages.succeed(&["build", "--from", core.to_str().unwrap(), "--output", &output, folder]);
        packages.succeed(&["publish", &output]);
    };
    build("old", old, "acme:bank/ledger@1.2.0#balance");
    let next = |import: &str| {
        format!(
            "package acme:bank@2.0.0;\n\ninterface tables {{\n  /// @table(primary-key = id)\n  record customer {{ id: \
             u64, first: string, last: string }}\n}}\n\n/// @visibility(private)\ninterface migration {{\n  /// \
             @migrate\n  split-names: func() -> result;\n}}\n\nworld bank {{\n{import}  export tables;\n  export \
             migration;\n}}\n"
        )
    };
    packages.case.write("next/wit/world.wit", next(""));
    packages.check(&["add", "acme:bank", "--project", "next"], expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@2.0.0 is the project itself, and cannot depend on itself; an older version, whose tables a `@migrate` function reads, is named whole: `interstice add acme:bank@1.0.0`
    "#]]);
    packages.check(&["add", "acme:bank@1", "--project", "next"], expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@2.0.0 is the project itself, and cannot depend on itself; an older version, whose tables a `@migrate` function reads, is named whole: `interstice add acme:bank@1.0.0`
    "#]]);
    packages.check(
        &["add", "acme:bank@1.1.0", "--project", "next"],
        expect![[r#"
        exit 5
        --- stderr
        error: no version of `acme:bank` satisfies =1.1.0, which acme:bank@2.0.0 needs; there is 1.2.0
    "#]],
    );
    packages.check(
        &["add", "acme:bank@1.2.0", "--project", "next"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:bank@1.2.0 (next/wit/deps/acme_bank-1.2.0/package.wit)
        next   import acme:bank/tables@1.2.0;
    "#]],
    );
    expect![[r#"
        // What dependents see of acme:bank@1.2.0. Written by `interstice add`; interstice.lock holds its digest.

        package acme:bank@1.2.0;

        interface tables {
          /// Whom the bank knows.
          /// @table(primary-key = id)
          /// @index(name)
          record customer {
            /// @auto-increment
            id: u64,
            name: string,
          }
        }
    "#]].assert_eq(&packages.text("next/wit/deps/acme_bank-1.2.0/package.wit"));
    expect![[r#"
        [dependencies]
        "acme:bank" = "=1.2.0"
    "#]]
    .assert_eq(&packages.text("next/interstice.toml"));
    // What it is to be is left as it is, and what it was is pinned.
    let import = "  import acme:bank/tables@1.2.0;\n";
    build("next", &next(import), "acme:bank/migration@2.0.0#split-names");
    assert!(packages.text("next/wit/world.wit").contains("package acme:bank@2.0.0;"));
    packages.check(
        &["fetch", "--project", "next"],
        expect![[r#"
        exit 0
        --- stdout
        ok  1 package is as interstice.lock pins
    "#]],
    );
    packages.check(
        &["tree", "--project", "next"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank@2.0.0
        └── acme:bank@1.2.0
    "#]],
    );
    // To others it is no dependency, and no circle.
    packages.shop("acme:shop@0.1.0", "");
    packages.check(
        &["add", "acme:bank@2", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:bank@2.0.0 (shop/wit/deps/acme_bank-2.0.0/package.wit)
        next   import acme:bank/tables@2.0.0;
    "#]],
    );
}

#[test]
fn a_running_database_tells_what_is_installed_after_a_rollback() {
    let packages = Packages::bank();
    let component =
        |version: &str| packages.case.path(&format!("acme-bank@{version}.wasm")).display().to_string();
    packages.succeed(&["run", "--data", "data", &component("1.0.0")]);
    packages.succeed(&["upgrade", "--data", "data", &component("1.2.0")]);
    packages.succeed(&["upgrade", "--data", "data", "--rollback", &component("1.0.0")]);
    let mut command = packages.command(&["run", "--data", "data", &component("1.0.0")]);
    let mut running = command.stdin(Stdio::piped()).spawn().unwrap();
    // It holds the database as soon as it has something to say.
    let mut said = String::new();
    BufReader::new(running.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("already installed"), "{said}");
    assert_eq!(packages.run(&["modules", "--data", "data"]).code, 6, "it is running");
    packages.check(
        &["add", "acme:bank", "--data", "data", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:bank@1.0.0 (shop/wit/deps/acme_bank-1.0.0/package.wit)
        next   import acme:bank/ledger@1.0.0;
    "#]],
    );
    drop(running.stdin.take());
    assert!(running.wait().unwrap().success());
    packages.succeed(&["upgrade", "--data", "data", &component("1.2.0")]);
    packages.check(
        &["add", "acme:bank", "--data", "data", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:bank@1.2.0 (shop/wit/deps/acme_bank-1.2.0/package.wit)
        next   import acme:bank/ledger@1.2.0;
    "#]],
    );
}

/// A registry that was made anew with other bytes of a version was pinned instead, and `update` said that nothing
/// was newer.
#[test]
fn other_bytes_of_a_pinned_version_are_not_pinned_instead() {
    let packages = Packages::new();
    packages.publish("acme:bank@1.2.0", &["balance"]);
    packages.shop("acme:shop@0.1.0", "");
    packages.succeed(&["add", "acme:bank@1.2", "--project", "shop"]);
    let lock = packages.text("shop/interstice.lock");
    // Whoever has seen the registry has another home.
    fs::remove_dir_all(packages.case.path("registry")).unwrap();
    fs::remove_dir_all(packages.case.path("home")).unwrap();
    let other = packages.large_component("acme:bank@1.2.0", &["balance"], &[], 1000);
    packages.succeed(&["publish", other.to_str().unwrap()]);
    packages.publish("acme:clock@1.0.0", &["now"]);
    for arguments in [
        &["update", "--project", "shop"] as &[&str],
        &["update", "--dry-run", "--project", "shop"],
        &["add", "acme:clock", "--project", "shop"],
        &["add", "acme:bank@1.2", "--project", "shop"],
        &["fetch", "--project", "shop"],
    ] {
        packages.check(arguments, expect![[r#"
            exit 6
            --- stderr
            error: acme:bank@1.2.0 was changed after it was published: its content is sha256:<sha256>, and the interstice.lock says sha256:<sha256>; use nothing of it, and put back the original file or publish a new version
        "#]]);
        assert_eq!(packages.text("shop/interstice.lock"), lock, "{arguments:?}");
    }
}

#[test]
fn what_moved_at_a_path_is_told_when_it_is_pinned_anew() {
    let packages = Packages::bank();
    let component = packages.component("acme:clock@1.0.0", &["now"], &[]);
    packages.case.write("clock.wasm", fs::read(component).unwrap());
    let clock = packages.case.path("clock.wasm").display().to_string();
    packages.succeed(&["add", &clock, "--project", "shop"]);
    packages.check(
        &["fetch", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        ok  1 package is as interstice.lock pins
    "#]],
    );
    let component = packages.large_component("acme:clock@1.0.0", &["now"], &[], 1000);
    packages.case.write("clock.wasm", fs::read(component).unwrap());
    packages.check(&["fetch", "--project", "shop"], expect![[r#"
        exit 0
        --- stdout
        ok  1 package is as interstice.lock pins
        --- stderr
        warning: acme:clock@1.0.0 in ../clock.wasm has other bytes than were pinned; those that are there are pinned instead
    "#]]);
    let component = packages.component("acme:clock@1.1.0", &["now", "zone"], &[]);
    packages.case.write("clock.wasm", fs::read(component).unwrap());
    packages.check(
        &["fetch", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        ok  1 package is as interstice.lock pins
        --- stderr
        warning: acme:clock was pinned at 1.0.0, and is 1.1.0 in ../clock.wasm now; that is pinned instead
    "#]],
    );
}

#[test]
fn a_file_of_somebody_else_is_not_written_over() {
    let packages = Packages::bank();
    let foreign = "package my:own@1.0.0;\n";
    packages.case.write("shop/wit/deps/acme_bank-1.2.0/package.wit", foreign);
    packages.check(&["add", "acme:bank@1.2", "--project", "shop"], expect![[r#"
        exit 5
        --- stderr
        error: shop/wit/deps/acme_bank-1.2.0/package.wit is in the way: the WIT of `acme:bank@1.2.0` is written there, and this file is somebody else's; move it
    "#]]);
    assert_eq!(packages.text("shop/wit/deps/acme_bank-1.2.0/package.wit"), foreign);
    // What is written there is ours from then on, whatever somebody makes of it.
    fs::remove_file(packages.case.path("shop/wit/deps/acme_bank-1.2.0/package.wit")).unwrap();
    packages.succeed(&["add", "acme:bank@1.2", "--project", "shop"]);
    let vendored = packages.text("shop/wit/deps/acme_bank-1.2.0/package.wit");
    packages.case.write("shop/wit/deps/acme_bank-1.2.0/package.wit", foreign);
    packages.succeed(&["fetch", "--project", "shop"]);
    assert_eq!(packages.text("shop/wit/deps/acme_bank-1.2.0/package.wit"), vendored);
}
