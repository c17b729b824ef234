//! What a project depends on: added, pinned, vendored, updated, and noticed when it is something else.

use crate::harness::{Packages, without_digests};
use crate::support::Ended;
use expect_test::expect;
use std::fs;
use std::os::unix::fs::PermissionsExt;

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
pub(crate) fn build(packages: &Packages, more: &[&str]) -> Ended {
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

/// A folder that takes no file refuses before `wit/deps` is touched, and remains of a command that was killed go with
/// the next one.
#[test]
fn a_project_changes_as_a_whole_or_not_at_all() {
    let packages = Packages::bank();
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    let folder = packages.case.path("shop");
    for remains in ["interstice.partial-1-2", "wit/deps/acme_bank-1.2.0/package.partial-3-4"] {
        fs::write(folder.join(remains), "half").unwrap();
    }
    let of_somebody_else = "notes.partial-1-2";
    fs::write(folder.join(of_somebody_else), "mine").unwrap();
    packages.succeed(&["remove", "acme:bank", "--project", "shop"]);
    assert!(!folder.join("interstice.partial-1-2").exists());
    assert!(!folder.join("wit/deps/acme_bank-1.2.0").exists());
    assert!(folder.join(of_somebody_else).exists());

    packages.succeed(&["add", "acme:bank@1.0", "--project", "shop"]);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    // Who may do everything is not refused.
    let refuses = fs::write(folder.join("probe"), "").is_err();
    let ended = packages.run(&["add", "acme:bank@2", "--project", "shop"]);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    if refuses {
        assert_eq!(ended.code, 6, "{}", ended.shown());
        assert!(ended.stderr.contains("access is refused, and nothing was changed"), "{}", ended.stderr);
        assert!(folder.join("wit/deps/acme_bank-1.0.0").exists());
        assert!(!folder.join("wit/deps/acme_bank-2.0.0").exists());
    }
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
