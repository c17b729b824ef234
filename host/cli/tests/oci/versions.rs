//! What is pushed, fetched and kept: a version never changes, and whatever was changed behind its back is noticed.

use super::Oci;
use expect_test::expect;
use std::fs;

#[test]
fn what_is_pushed_can_be_added_and_never_changes() {
    let oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    let second = oci.packages.component("acme:bank@1.1.0", &["balance", "total"], &[]);
    let second = second.to_str().unwrap();
    oci.check(
        &["publish", "--dry-run", second],
        expect![[r#"
        exit 0
        --- stdout
        could be published  acme:bank@1.1.0 in the registry oci://HOST/team
        digest  sha256:<sha256>
        since 1.0.0:
          - ledger.total: the query is added
    "#]],
    );
    oci.check(
        &["publish", second],
        expect![[r#"
        exit 0
        --- stdout
        published  acme:bank@1.1.0 in the registry oci://HOST/team
        digest  sha256:<sha256>
        since 1.0.0:
          - ledger.total: the query is added
    "#]],
    );
    oci.check(
        &["publish", second],
        expect![[r#"
        exit 0
        --- stdout
        was published already  acme:bank@1.1.0 in the registry oci://HOST/team
        digest  sha256:<sha256>
    "#]],
    );
    let other = oci.packages.component("acme:bank@1.1.0", &["balance", "total", "more"], &[]);
    oci.check(&["publish", other.to_str().unwrap()], expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@1.1.0 is already published, with other content (sha256:<sha256>), and a published version never changes; give this one a new version
    "#]]);
    let breaking = oci.packages.component("acme:bank@1.2.0", &["total"], &[]);
    oci.check(
        &["publish", breaking.to_str().unwrap()],
        expect![[r#"
        exit 5
        --- stderr
        error: acme:bank@1.2.0 cannot follow 1.1.0: something breaks; the smallest version that can is 2.0.0:
          - ledger.balance: the query is removed
    "#]],
    );

    oci.packages.shop("acme:shop@0.1.0", "");
    oci.check(
        &["add", "acme:bank", "--project", "shop"],
        expect![[r#"
        exit 0
        --- stdout
        added  acme:bank@1.1.0 (shop/wit/deps/acme_bank-1.1.0/package.wit)
        next   import acme:bank/ledger@1.1.0;
    "#]],
    );
    oci.check(
        &["info", "acme:bank"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank@1.1.0
          The package acme:bank.
        versions
          1.1.0
          1.0.0
        exports
          ledger  query balance, query total
        hashes
          artifact   <sha256>
          interface  <sha256>
          storage    <sha256>
    "#]],
    );
    oci.check(
        &["diff", "acme:bank@1.0.0", "acme:bank@1.1.0"],
        expect![[r#"
        exit 0
        --- stdout
        acme:bank 1.0.0 → 1.1.0
          callers      compatible
          stored rows  compatible
          subscribers  compatible

        function ledger.total
          the query is added
            callers      compatible       nobody calls it yet

        the version 1.1.0 is the smallest that says so
    "#]],
    );
}

#[test]
fn what_an_oci_registry_cannot_do_is_refused_with_the_reason() {
    let oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    oci.publish("acme:bank@1.1.0", &["balance", "total"]);
    oci.check(&["yank", "acme:bank@1.0.0"], expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team cannot yank a version: an OCI registry keeps artifacts and their tags, and no index; see docs/registry.md
    "#]]);
    oci.check(&["search", "bank"], expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team cannot be searched: an OCI registry keeps artifacts and their tags, and no index; see docs/registry.md
    "#]]);
    oci.check(&["search", "--verify"], expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team cannot be verified: an OCI registry keeps artifacts and their tags, and no index; see docs/registry.md
    "#]]);
    oci.check(
        &["info", "acme:nothing"],
        expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team has no package `acme:nothing`
    "#]],
    );
    oci.check(
        &["info", "acme:bank@7.0.0"],
        expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team has no acme:bank@7.0.0; there are 1.1.0, 1.0.0
    "#]],
    );
    let component = oci.packages.case.path("acme-bank@1.0.0.wasm");
    oci.check(
        &["publish", "--offline", component.to_str().unwrap()],
        expect![[r#"
        exit 3
        --- stderr
        error: the registry oci://HOST/team cannot take a version: --offline forbids to ask its server
    "#]],
    );
    oci.check(
        &["info", "acme:bank", "--registry", "oci://"],
        expect![[r#"
        exit 3
        --- stderr
        error: `oci://` is not a registry: after `oci://` comes a host, such as `oci://ghcr.io/team`
    "#]],
    );
    oci.check(&["info", "acme:bank", "--registry", "https://ghcr.io/team"], expect![[r#"
        exit 3
        --- stderr
        error: `https://ghcr.io/team` is not a registry: it is a folder, or an OCI registry such as `oci://ghcr.io/team`
    "#]]);
    oci.check(
        &["info", "acme:bank", "--registry-timeout", "0"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0' for '--registry-timeout <SECONDS>': 0 is not in 1..=86400

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn what_was_fetched_is_there_without_the_server() {
    let mut oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    // What was published is known too, so another user fetches.
    fs::remove_dir_all(oci.packages.case.path("home")).unwrap();
    oci.packages.shop("acme:shop@0.1.0", "");
    oci.check(&["add", "acme:bank", "--project", "shop", "--offline"], expect![[r#"
        exit 3
        --- stderr
        error: acme:bank is not in the cache, and --offline forbids to ask the registry oci://HOST/team; run `interstice fetch` first
    "#]]);
    oci.packages.succeed(&["add", "acme:bank", "--project", "shop"]);
    let lock = oci.packages.text("shop/interstice.lock");
    oci.server.kill();
    oci.check(&["fetch", "--project", "shop"], expect![[r#"
        exit 6
        --- stderr
        error: cannot list the versions of HOST/team/acme/bank: the server cannot be reached: Connection refused (os error 111)
    "#]]);
    fs::remove_dir_all(oci.packages.case.path("shop/wit/deps")).unwrap();
    oci.check(
        &["fetch", "--offline", "--project", "shop", "--output", "parts"],
        expect![[r#"
        exit 0
        --- stdout
        ok  1 package is as interstice.lock pins
    "#]],
    );
    assert_eq!(oci.packages.text("shop/interstice.lock"), lock);
    assert!(oci.packages.case.path("shop/wit/deps/acme_bank-1.0.0/package.wit").exists());
    let fetched = fs::read(oci.packages.case.path("parts/acme-bank-1.0.0.wasm")).unwrap();
    assert_eq!(fetched, fs::read(oci.packages.case.path("acme-bank@1.0.0.wasm")).unwrap());
    // A damaged file of the cache is as good as none.
    let artifacts = oci.packages.case.path("home/.cache/interstice/artifacts");
    let kept = fs::read_dir(&artifacts).unwrap().next().unwrap().unwrap().path();
    fs::write(kept, "damaged").unwrap();
    oci.check(&["fetch", "--offline", "--project", "shop"], expect![[r#"
        exit 3
        --- stderr
        error: acme:bank@1.0.0 is not in the cache, and --offline forbids to ask the registry oci://HOST/team; run `interstice fetch` first
    "#]]);
}

#[test]
fn a_tag_that_moves_is_noticed_by_lock_and_by_memory() {
    let mut oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    oci.packages.shop("acme:shop@0.1.0", "");
    oci.packages.succeed(&["add", "acme:bank", "--project", "shop"]);
    let home = oci.packages.case.path("home");
    let elsewhere = oci.packages.case.path("home-of-another");
    fs::rename(&home, &elsewhere).unwrap();
    // The same server with another history, which the memory of this user does not know.
    fs::remove_dir_all(oci.packages.case.path("storage")).unwrap();
    oci.server.restart(&oci.packages.case);
    oci.publish("acme:bank@1.0.0", &["other"]);
    oci.check(&["fetch", "--project", "shop"], expect![[r#"
        exit 6
        --- stderr
        error: acme:bank@1.0.0 was changed after it was published: its content is sha256:<sha256>, and the interstice.lock says sha256:<sha256>; use nothing of it, and put back the original file or publish a new version
    "#]]);
    fs::remove_dir_all(&home).unwrap();
    fs::rename(&elsewhere, &home).unwrap();
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: HOST/team/acme/bank:1.0.0 was changed after it was published: it names sha256:<sha256> now, and named sha256:<sha256> when this user read it; use nothing of it. If it is rightly another, remove DIR/home/.cache/interstice/tags/HOST/team/acme/bank/1.0.0.sha256
    "#]]);
    fs::remove_dir_all(home.join(".cache/interstice/tags")).unwrap();
    oci.packages.succeed(&["info", "acme:bank"]);
}

#[test]
fn what_was_changed_at_the_server_is_noticed() {
    let oci = Oci::new();
    oci.publish("acme:bank@1.0.0", &["balance"]);
    fs::remove_dir_all(oci.packages.case.path("home")).unwrap();
    let manifest = oci.blob(&oci.manifest_digest("1.0.0"));
    let original = fs::read_to_string(&manifest).unwrap();
    let json: serde_json::Value = serde_json::from_str(&original).unwrap();
    let layer = json["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let layer = oci.blob(&layer);
    let component = fs::read(&layer).unwrap();

    let mut changed = component.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&layer, changed).unwrap();
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: what the server sends was changed: its content is sha256:<sha256>, and its name says sha256:<sha256>; use nothing of it
    "#]]);
    // Longer than the manifest says.
    fs::write(&layer, [component.as_slice(), &[0; 1000]].concat()).unwrap();
    let longer = oci.run(&["info", "acme:bank"]);
    assert_eq!(longer.code, 6, "{}", longer.shown());
    fs::remove_file(&layer).unwrap();
    oci.check(
        &["info", "acme:bank"],
        expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: the server has its manifest, and not what that names
    "#]],
    );
    fs::write(&layer, component).unwrap();

    fs::write(&manifest, original.replace("1.0.0", "1.0.1")).unwrap();
    oci.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: cannot pull HOST/team/acme/bank:1.0.0: what the server sends was changed: its content is sha256:<sha256>, and its name says sha256:<sha256>; use nothing of it
    "#]]);
    fs::write(&manifest, "{}").unwrap();
    assert_eq!(oci.run(&["info", "acme:bank"]).code, 6);
    fs::write(&manifest, original).unwrap();
    oci.packages.succeed(&["info", "acme:bank"]);
}
