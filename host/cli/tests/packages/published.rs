//! Publishing and finding: what a registry holds, and what it refuses.

use crate::harness::Packages;
use expect_test::expect;
use std::fs;

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
fn a_search_says_which_packages_nobody_takes_anew() {
    let packages = Packages::bank();
    packages.succeed(&["yank", "acme:bank@2.0.0"]);
    let newest = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
    assert_eq!(packages.succeed(&["search"]), "acme:bank@1.2.0  The package acme:bank.\n");
    let found = newest(&packages.succeed(&["search", "--json"]));
    assert_eq!((&found["newest"], &found["yanked"]), (&"1.2.0".into(), &false.into()));
    packages.succeed(&["yank", "acme:bank@1.2.0"]);
    packages.succeed(&["yank", "acme:bank@1.0.0"]);
    assert_eq!(packages.succeed(&["search"]), "acme:bank@2.0.0  yanked  The package acme:bank.\n");
    let found = newest(&packages.succeed(&["search", "--json"]));
    assert_eq!((&found["newest"], &found["yanked"]), (&"2.0.0".into(), &true.into()));
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
