//! Four versions of one package with what packages in the wild have: gates, deprecations, resources of another package,
//! several worlds, files that share one `package` line.

use crate::{check_form, lines, word};
use expect_test::{Expect, expect};
use interstice_wit::Sources;
use interstice_wit::diff::Verdict;
use interstice_wit::plain::{self, Package, compare};
use std::path::{Path, PathBuf};

const VERSIONS: [&str; 4] = ["0.2.0", "0.2.1", "0.2.3", "0.2.8"];

fn version(version: &str) -> Package {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plain/clocks").join(version);
    let mut sources = Sources::new();
    for path in files(&folder) {
        sources.add_root(path.display().to_string(), std::fs::read_to_string(path).unwrap());
    }
    for path in files(&folder.join("deps")) {
        sources.add_dependency_file(
            "io",
            path.display().to_string(),
            std::fs::read_to_string(&path).unwrap(),
        );
    }
    assert!(plain::is_plain(&sources));
    plain::read(&sources).unwrap_or_else(|found| panic!("{}", found.render()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn check(old: &str, new: &str, expected: Expect) {
    let comparison = compare(&version(old), &version(new));
    let next = comparison.next_version.as_ref().unwrap();
    let head =
        format!("{}, next {next}, enough: {}\n", word(comparison.callers), comparison.is_version_enough);
    expected.assert_eq(&(head + &lines(&comparison).join("\n")));
}

#[test]
fn what_was_added_over_the_years_breaks_nobody() {
    check(
        "0.2.0",
        "0.2.8",
        expect![[r#"
            compatible, next 0.2.1, enough: true
            import acme:io: it is used in version 0.2.8, and was in 0.2.0
            world everything: the world is added | compatible | no component was built for it yet
            type monotonic-clock.instant: the alias is added | compatible | nobody uses it yet
            type monotonic-clock.stamp: it is deprecated since 0.2.3 | compatible | it is still there, and should not be used in what is new
            docs monotonic-clock.docs: the docs of `subscribe` changed | compatible | docs are for people"#]],
    );
}

#[test]
fn the_way_back_breaks_those_who_use_what_was_added() {
    check(
        "0.2.8",
        "0.2.0",
        expect![[r#"
            breaking, next 0.3.0, enough: false
            import acme:io: it is used in version 0.2.0, and was in 0.2.8
            world everything: the world is removed | breaking | components are built for it, and packages include it
            type monotonic-clock.instant: the alias is removed | breaking | its name stands in the interface that components were linked with, and packages `use` it
            type monotonic-clock.stamp: it is deprecated no longer | compatible | it was there all the time
            docs monotonic-clock.docs: the docs of `subscribe` changed | compatible | docs are for people"#]],
    );
}

#[test]
fn every_later_version_can_stand_for_every_earlier_one() {
    for (position, old) in VERSIONS.iter().enumerate() {
        for (other, new) in VERSIONS.iter().enumerate() {
            let comparison = compare(&version(old), &version(new));
            check_form(&comparison);
            assert_eq!(comparison.changes.is_empty(), position == other, "{old} {new}");
            if position <= other {
                assert_eq!(comparison.callers, Verdict::Compatible, "{old} {new}");
                assert!(comparison.is_version_enough, "{old} {new}");
            } else {
                assert!(!comparison.is_version_enough, "{old} {new}");
            }
        }
    }
}
