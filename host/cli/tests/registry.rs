//! What is said of a registry in a folder to which something happened: changed and put back files, a disk that is
//! full or cannot be written, publishers at the same time, and publishers that are killed.

#![allow(clippy::unwrap_used)]

#[path = "support/packages.rs"]
mod harness;
#[path = "support/mount.rs"]
mod mount;
mod support;

use expect_test::expect;
use harness::{Packages, without_digests};
use mount::Mount;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const INDEX: &str = "registry/.interstice/index.jsonl";

/// Writes to a file that the registry protects.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_changed_artifact_is_used_by_no_command() {
    let packages = Packages::bank();
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    let path = packages.case.path("registry/acme/bank/1.2.0.wasm");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    overwrite(&path, &bytes);
    let told = expect![[r#"
        exit 6
        --- stderr
        error: DIR/registry/acme/bank/1.2.0.wasm was changed after it was published: its content is sha256:<sha256>, and the index says sha256:<sha256>; use nothing of it, and put back the original file or publish a new version
    "#]];
    for arguments in [
        &["info", "acme:bank@1.2.0"][..],
        &["fetch", "--project", "shop"],
        &["update", "--project", "shop"],
        &["add", "acme:bank@1.2", "--project", "shop"],
        &["diff", "acme:bank@1.0.0", "acme:bank@1.2.0"],
        &["search", "--verify"],
    ] {
        told.assert_eq(&without_digests(&packages.run(arguments).shown()));
    }
    // Nor does it become the neighbour of a new version.
    let next = packages.component("acme:bank@1.3.0", &["balance", "total"], &[]);
    told.assert_eq(&without_digests(&packages.run(&["publish", next.to_str().unwrap()]).shown()));
    fs::remove_file(&path).unwrap();
    packages.check(&["info", "acme:bank@1.2.0"], expect![[r#"
        exit 6
        --- stderr
        error: acme:bank@1.2.0 is published, and DIR/registry/acme/bank/1.2.0.wasm is gone; put the file back from a copy
    "#]]);
}

#[test]
fn a_changed_index_is_used_by_no_command() {
    let packages = Packages::bank();
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    let original = packages.text(INDEX);
    let next = packages.component("acme:bank@1.3.0", &["balance", "total"], &[]);
    let next = next.to_str().unwrap();
    let commands = [
        &["info", "acme:bank"][..],
        &["search", "bank"],
        &["search", "--verify"],
        &["fetch", "--project", "shop"],
        &["add", "acme:bank@1", "--project", "shop"],
        &["yank", "acme:bank@1.0.0"],
        &["publish", next],
    ];
    packages.case.write(INDEX, original.replace("\"size_bytes\":", "\"size_bytes\":1"));
    let told = expect![[r#"
        exit 6
        --- stderr
        error: the index DIR/registry/.interstice/index.jsonl was changed: line 2 does not have the hash that it says, or does not follow the line before; put it back from a copy of the registry
    "#]];
    for arguments in commands {
        told.assert_eq(&packages.run(arguments).shown());
    }
    // A line in the middle is gone.
    let lines: Vec<_> = original.lines().collect();
    packages.case.write(INDEX, format!("{}\n{}\n{}\n", lines[0], lines[1], lines[3]));
    packages.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: the index DIR/registry/.interstice/index.jsonl was changed: line 3 does not have the hash that it says, or does not follow the line before; put it back from a copy of the registry
    "#]]);
    packages.case.write(INDEX, &original[..original.len() - 10]);
    packages.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: the index DIR/registry/.interstice/index.jsonl was changed: line 4 ends in the middle; put it back from a copy of the registry
    "#]]);
    packages.case.write(INDEX, original.replace("\"format\":1", "\"format\":2"));
    packages.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: the index DIR/registry/.interstice/index.jsonl has the format 2, and this version reads 1: upgrade Interstice
    "#]]);
    packages.case.write(INDEX, original);
    packages.succeed(&["info", "acme:bank"]);
}

#[test]
fn an_older_index_put_back_is_noticed_by_receipts_and_by_memory() {
    let packages = Packages::new();
    packages.publish("acme:bank@1.0.0", &["balance"]);
    let old = packages.text(INDEX);
    packages.publish("acme:bank@1.1.0", &["balance", "total"]);
    let new = packages.text(INDEX);
    let home = packages.case.path("home");
    let forget = || fs::remove_dir_all(&home).unwrap();

    packages.case.write(INDEX, &old);
    packages.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: the index DIR/registry/.interstice/index.jsonl was put back to an older state: it has 2 lines, and had 3; put the newest copy of it back
    "#]]);
    // Another user has no memory of it, and the receipts tell.
    forget();
    packages.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: the index DIR/registry/.interstice/index.jsonl was put back to an older state: it does not have the version that DIR/registry/acme/bank/1.1.0.json tells of; put the newest copy of it back
    "#]]);
    fs::remove_file(packages.case.path(INDEX)).unwrap();
    packages.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: the index DIR/registry/.interstice/index.jsonl was put back to an older state: it is missing, and DIR/registry/acme/bank/1.0.0.json tells of a version; put the newest copy of it back
    "#]]);

    // A yank leaves no receipt; who has seen it remembers.
    packages.case.write(INDEX, &new);
    packages.succeed(&["yank", "acme:bank@1.1.0"]);
    packages.case.write(INDEX, &new);
    packages.check(&["info", "acme:bank"], expect![[r#"
        exit 6
        --- stderr
        error: the index DIR/registry/.interstice/index.jsonl was put back to an older state: it has 3 lines, and had 4; put the newest copy of it back
    "#]]);
}

#[test]
fn a_new_name_that_looks_like_another_is_told_to_its_publisher() {
    let packages = Packages::bank();
    let alike = packages.component("acrne:bank@1.0.0", &["balance"], &[]);
    packages.check(&["publish", alike.to_str().unwrap()], expect![[r#"
        exit 0
        --- stdout
        published  acrne:bank@1.0.0 in the registry DIR/registry
        digest  sha256:<sha256>
        --- stderr
        warning: `acrne:bank` looks like `acme:bank`, which is published here already; make sure that nobody takes one for the other
    "#]]);
    let reserved = packages.component("wasi:bank@1.0.0", &["balance"], &[]);
    packages.check(
        &["publish", reserved.to_str().unwrap()],
        expect![[r#"
        exit 3
        --- stderr
        error: the namespace `wasi` is reserved; choose one of your own in the `package` line of the WIT
    "#]],
    );
    packages.check(&["info", "acme:../../etc"], expect![[r#"
        exit 3
        --- stderr
        error: `acme:../../etc` is not the name of a package: `../../etc` could be a path; a name is words of lower-case letters and digits, each beginning with a letter, joined by single hyphens
    "#]]);
    packages.check(&["info", "acme:b\u{430}nk"], expect![[r#"
        exit 3
        --- stderr
        error: `acme:bаnk` is not the name of a package: `\u{430}` (U+0430), which looks like `a` is not a letter from a to z; a name is words of lower-case letters and digits, each beginning with a letter, joined by single hyphens
    "#]]);
    packages.check(
        &["info", "acme:Bank"],
        expect![[r#"
        exit 3
        --- stderr
        error: `acme:Bank` is not the name of a package: it has capitals; write `bank`
    "#]],
    );
}

#[test]
fn a_registry_that_cannot_be_written_is_read_and_published_to_by_nobody() {
    let packages = Packages::bank();
    let folder = packages.case.path("registry");
    let Some(mount) = Mount::new(folder.clone(), &["--bind", folder.to_str().unwrap()]) else { return };
    assert!(mount.mount(&["-o", "remount,bind,ro"]), "a mount can be made read-only");
    packages.succeed(&["info", "acme:bank"]);
    packages.succeed(&["search", "--verify"]);
    packages.succeed(&["add", "acme:bank@1", "--project", "shop"]);
    let next = packages.component("acme:bank@1.3.0", &["balance", "total"], &[]);
    let next = next.to_str().unwrap();
    packages.check(&["publish", next], expect![[r#"
        exit 6
        --- stderr
        error: cannot write DIR/registry/.interstice/lock: access is refused, and nothing was changed; check who owns DIR/registry/.interstice
          caused by: Read-only file system (os error 30)
    "#]]);
    packages.check(&["publish", "--dry-run", next], expect![[r#"
        exit 0
        --- stdout
        could be published  acme:bank@1.3.0 in the registry DIR/registry
        digest  sha256:<sha256>
        since 1.2.0:
          callers see no change
        --- stderr
        warning: publishing would fail, for DIR/registry cannot be written: Read-only file system (os error 30)
    "#]]);
    packages.check(&["yank", "acme:bank@1.2.0"], expect![[r#"
        exit 6
        --- stderr
        error: cannot write DIR/registry/.interstice/lock: access is refused, and nothing was changed; check who owns DIR/registry/.interstice
          caused by: Read-only file system (os error 30)
    "#]]);
    drop(mount);
    packages.succeed(&["publish", next]);
}

#[test]
fn a_full_disk_leaves_the_old_registry_or_the_new() {
    let packages = Packages::new();
    let folder = packages.case.path("registry");
    let Some(_mount) = Mount::new(folder.clone(), &["-t", "tmpfs", "-o", "size=512k", "none"]) else {
        return;
    };
    packages.publish("acme:bank@1.0.0", &["f0"]);
    let filler = folder.join("filler");
    let (mut full, mut published) = (0, 1);
    // From no room at all to enough of it, a page at a time.
    for pages in 0..10 {
        let functions: Vec<_> = (0..=published).map(|number| format!("f{number}")).collect();
        let functions: Vec<_> = functions.iter().map(String::as_str).collect();
        let component = packages.component(&format!("acme:bank@1.{published}.0"), &functions, &[]);
        let component = component.to_str().unwrap();
        fill(&filler, pages);
        let ended = packages.run(&["publish", component]);
        if ended.code == 0 {
            published += 1;
        } else {
            full += 1;
            assert_eq!(ended.code, 6, "{}", ended.shown());
            let told = ended.stderr.contains("the disk is full, and nothing was changed; make room");
            assert!(told, "{pages} pages: {}", ended.stderr);
        }
        // What is there is whole, while the disk is still full.
        let verified = packages.succeed(&["search", "--verify"]);
        let count =
            if published == 1 { "1 version is".to_owned() } else { format!("{published} versions are") };
        assert_eq!(verified, format!("ok  {count} as published\n"), "{pages} pages: {}", ended.shown());
        fs::remove_file(&filler).unwrap();
    }
    assert!(full > 0 && published > 1, "{full} were refused, {published} published");
    packages.publish("acme:coins@1.0.0", &["mint"]);
    assert_eq!(fs::read_dir(folder.join(".interstice/staged")).unwrap().count(), 0);
}

/// Fills the disk of a file but for so many pages.
fn fill(filler: &Path, pages: u64) {
    let mut size_bytes = 0;
    let page = [0; 4096];
    let mut file = fs::File::create(filler).unwrap();
    while std::io::Write::write_all(&mut file, &page).is_ok() {
        size_bytes += page.len() as u64;
    }
    file.set_len(size_bytes.saturating_sub(pages * page.len() as u64)).unwrap();
}

#[test]
fn of_publishers_of_one_version_at_the_same_time_one_wins() {
    let packages = Packages::new();
    let contents = ["a", "b", "c", "d", "e", "f"];
    let components: Vec<_> = contents
        .iter()
        .map(|function| {
            let built = packages.component("acme:bank@1.0.0", &[function], &[]);
            let kept = packages.case.path(&format!("{function}.wasm"));
            fs::rename(built, &kept).unwrap();
            kept
        })
        .collect();
    let publish = |path: &PathBuf| packages.command(&["publish", path.to_str().unwrap()]).spawn().unwrap();
    let publishers: Vec<Child> = components.iter().map(publish).collect();
    let mut winners = Vec::new();
    for (publisher, component) in publishers.into_iter().zip(&components) {
        let output = publisher.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => winners.push(component),
            code => {
                assert_eq!(code, Some(5), "{told}");
                assert!(told.contains("acme:bank@1.0.0 is already published, with other content"), "{told}");
            }
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let place = packages.case.path("registry/acme/bank/1.0.0.wasm");
    assert_eq!(fs::read(place).unwrap(), fs::read(winners[0]).unwrap());
    packages.check(
        &["search", "--verify"],
        expect![[r#"
        exit 0
        --- stdout
        ok  1 version is as published
    "#]],
    );
}

/// What a killer waits for.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// The bytes are staged, or being so.
    Staged,
    /// The index has a line more.
    Indexed,
    /// The file is at its place.
    Placed,
    /// So much time is over since the publisher was let go.
    Time(Duration),
}

#[test]
fn a_publisher_that_is_killed_leaves_the_old_or_the_new() {
    let packages = Packages::new();
    packages.publish("acme:bank@1.0.0", &["f"]);
    let lock = packages.case.path("registry/.interstice/lock");
    let (mut done, mut undone) = (1, 0);
    let times = (0..12).map(|number| Seen::Time(Duration::from_millis(number * 4)));
    let moments = [Seen::Staged, Seen::Indexed, Seen::Placed].repeat(2);
    for (number, seen) in moments.into_iter().chain(times).enumerate() {
        let version = format!("1.0.{}", number + 1);
        let component = packages.large_component(&format!("acme:bank@{version}"), &["f"], &[], 1_500_000);
        // The publisher waits at the lock, so that what is killed is the publishing.
        let held = fs::File::options().write(true).open(&lock).unwrap();
        held.lock().unwrap();
        let index_bytes = fs::metadata(packages.case.path(INDEX)).unwrap().len();
        let mut command = packages.command(&["publish", component.to_str().unwrap()]);
        let mut publisher = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(100));
        held.unlock().unwrap();
        drop(held);
        let began = Instant::now();
        let is_seen = || match seen {
            Seen::Staged => {
                fs::read_dir(packages.case.path("registry/.interstice/staged")).unwrap().count() > 0
            }
            Seen::Indexed => fs::metadata(packages.case.path(INDEX)).unwrap().len() > index_bytes,
            Seen::Placed => packages.case.path(&format!("registry/acme/bank/{version}.wasm")).exists(),
            Seen::Time(time) => began.elapsed() >= time,
        };
        while !is_seen() && publisher.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        let _ = publisher.kill();
        publisher.wait().unwrap();

        // Readers see the old state or the new, before anybody mends it.
        let info = packages.run(&["info", &format!("acme:bank@{version}")]);
        match info.code {
            0 => done += 1,
            _ => {
                undone += 1;
                assert!(
                    info.stderr.contains(&format!("has no acme:bank@{version}")),
                    "{seen:?}: {}",
                    info.stderr
                );
            }
        }
        let verified = packages.succeed(&["search", "--verify"]);
        let count = if done == 1 { "1 version is".to_owned() } else { format!("{done} versions are") };
        assert_eq!(verified, format!("ok  {count} as published\n"), "{seen:?}");
        if info.code != 0 && number % 2 == 0 {
            packages.succeed(&["publish", component.to_str().unwrap()]);
            done += 1;
        }
    }
    assert!(undone > 0 && done > 1, "{undone} were killed before, {done} are published");
    packages.publish("acme:coins@1.0.0", &["mint"]);
    assert_eq!(fs::read_dir(packages.case.path("registry/.interstice/staged")).unwrap().count(), 0);
    let places = fs::read_dir(packages.case.path("registry/acme/bank")).unwrap().count();
    assert_eq!(places, 2 * done, "each version has its file and its receipt, and nothing else is left");
}
