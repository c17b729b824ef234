//! Dependencies that come from elsewhere than a registry: paths, overrides, databases, and a module's own past.

use crate::harness::Packages;
use expect_test::expect;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

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
