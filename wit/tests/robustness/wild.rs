//! WIT that was not written for Interstice: the packages in `tests/wild`, as they are and mutated, and
//! every package of a folder that `INTERSTICE_WIT_CORPUS` names.

use super::{PIECES, config, edited, survives};
use expect_test::expect;
use interstice_wit::{Diagnostics, Sources, read, worlds};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

fn wild() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wild")
}

/// The package in a folder, with the packages in the folder `deps` beside its files.
fn package(folder: &Path) -> Sources {
    let mut sources = Sources::new();
    for (path, text) in files(folder) {
        sources.add_root(shown(&path), text);
    }
    add_dependencies(&mut sources, &folder.join("deps"));
    sources
}

fn add_dependencies(sources: &mut Sources, folder: &Path) {
    for path in entries(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for (path, text) in if path.is_dir() { files(&path) } else { file(path).into_iter().collect() } {
            sources.add_dependency_file(name.as_str(), shown(&path), text);
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    entries(folder).into_iter().filter_map(file).collect()
}

fn file(path: PathBuf) -> Option<(PathBuf, String)> {
    let is_wit = path.is_file() && path.extension().is_some_and(|extension| extension == "wit");
    let text = is_wit.then(|| fs::read_to_string(&path).ok()).flatten()?;
    Some((path, text))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(wild()).unwrap_or(path).display().to_string()
}

/// What is said of each world of a package.
fn verdicts(sources: &Sources) -> String {
    let worlds = match worlds(sources) {
        Ok(worlds) => worlds,
        Err(findings) => return refusal("the package", &findings),
    };
    let verdict = |world: &String| match read(sources, Some(world)) {
        Ok(schema) => format!("{} is read\n", schema.package),
        Err(findings) => refusal(world, &findings),
    };
    worlds.iter().map(verdict).collect()
}

fn refusal(what: &str, findings: &Diagnostics) -> String {
    let mut text = format!("{what} is refused\n");
    for finding in findings.findings() {
        let (line, column) = (finding.line(), finding.column());
        text += &format!("  {}:{line}:{column}: {}\n", finding.path(), finding.message());
    }
    text
}

#[test]
fn worlds_of_a_host_are_refused_with_every_place() {
    let random = package(&wild().join("wasi-random"));
    survives(&random);
    expect![[r#"
        imports is refused
          wasi-random/world.wit:6:12: `random` belongs to this package, so no other package can provide it
          wasi-random/world.wit:9:12: `insecure` belongs to this package, so no other package can provide it
          wasi-random/world.wit:12:12: `insecure-seed` belongs to this package, so no other package can provide it
    "#]].assert_eq(&verdicts(&random));
    let clocks = package(&wild().join("wasi-clocks"));
    survives(&clocks);
    expect![[r#"
        imports is refused
          wasi-clocks/timezone.wit:3:2: `@unstable` items are not part of a contract
          wasi-clocks/timezone.wit:5:6: `@unstable` items are not part of a contract
          wasi-clocks/timezone.wit:15:6: `@unstable` items are not part of a contract
          wasi-clocks/timezone.wit:19:6: `@unstable` items are not part of a contract
          wasi-clocks/timezone.wit:26:6: `@unstable` items are not part of a contract
          wasi-clocks/world.wit:6:12: `monotonic-clock` belongs to this package, so no other package can provide it
          wasi-clocks/world.wit:8:12: `wall-clock` belongs to this package, so no other package can provide it
          wasi-clocks/world.wit:9:6: `@unstable` items are not part of a contract
          wasi-clocks/world.wit:10:12: `timezone` belongs to this package, so no other package can provide it
    "#]].assert_eq(&verdicts(&clocks));
}

/// A package with a module's own text, and the clocks and what they need for dependencies.
fn module(text: &str) -> Sources {
    let mut sources = Sources::new();
    sources.add_root("module.wit", text);
    for (folder, name) in [("wasi-clocks", "wasi-clocks"), ("wasi-clocks/deps/wasi-io", "wasi-io")] {
        for (path, text) in files(&wild().join(folder)) {
            sources.add_dependency_file(name, shown(&path), text);
        }
    }
    sources
}

#[test]
fn types_of_a_package_from_the_wild_are_used_and_its_functions_refused() {
    let diary = module(
        "package acme:diary@1.0.0;
         interface entries {
           use wasi:clocks/wall-clock@0.2.4.{datetime};
           /// @query
           last: func() -> option<datetime>;
         }
         world diary { export entries; }",
    );
    survives(&diary);
    expect![[r#"
        acme:diary@1.0.0 is read
    "#]]
    .assert_eq(&verdicts(&diary));
    let watcher = module(
        "package acme:watcher@1.0.0;
         world watcher { import wasi:clocks/wall-clock@0.2.4; import wasi:clocks/monotonic-clock@0.2.4; }",
    );
    survives(&watcher);
    expect![[r#"
        watcher is refused
          wasi-clocks/deps/wasi-io/poll.wit:9:14: a resource is not a value, so it can be neither stored nor passed
          wasi-clocks/monotonic-clock.wit:30:5: `now` does not say what it is, so `wasi:clocks/monotonic-clock@0.2.4` belongs to no module
          wasi-clocks/monotonic-clock.wit:35:5: `resolution` does not say what it is, so `wasi:clocks/monotonic-clock@0.2.4` belongs to no module
          wasi-clocks/monotonic-clock.wit:40:5: `subscribe-instant` does not say what it is, so `wasi:clocks/monotonic-clock@0.2.4` belongs to no module
          wasi-clocks/monotonic-clock.wit:40:5: a resource is not a value, so it can be neither stored nor passed
          wasi-clocks/monotonic-clock.wit:47:5: `subscribe-duration` does not say what it is, so `wasi:clocks/monotonic-clock@0.2.4` belongs to no module
          wasi-clocks/monotonic-clock.wit:47:5: a resource is not a value, so it can be neither stored nor passed
          wasi-clocks/wall-clock.wit:39:5: `now` does not say what it is, so `wasi:clocks/wall-clock@0.2.4` belongs to no module
          wasi-clocks/wall-clock.wit:45:5: `resolution` does not say what it is, so `wasi:clocks/wall-clock@0.2.4` belongs to no module
    "#]].assert_eq(&verdicts(&watcher));
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mutated_packages_from_the_wild_are_read_or_refused(
        victim in 0usize..8,
        edits in prop::collection::vec((0usize..4_000, 0usize..20, 0..PIECES.len()), 1..6),
    ) {
        let (clocks, io) = (wild().join("wasi-clocks"), wild().join("wasi-clocks/deps/wasi-io"));
        let mut sources = Sources::new();
        let all = files(&clocks).into_iter().map(|file| (file, false));
        for (number, ((path, text), is_dependency)) in
            all.chain(files(&io).into_iter().map(|file| (file, true))).enumerate()
        {
            let text = if number == victim { edited(&text, &edits) } else { text };
            if is_dependency {
                sources.add_dependency_file("wasi-io", shown(&path), text);
            } else {
                sources.add_root(shown(&path), text);
            }
        }
        survives(&sources);
    }
}

/// Every folder and every file of a larger collection: `INTERSTICE_WIT_CORPUS=folder cargo test --release
/// -p interstice-wit --test robustness -- --nocapture`, and `INTERSTICE_WIT_VERBOSE=1` for all that is said.
#[test]
fn packages_of_a_corpus_are_read_or_refused() {
    let corpus = std::env::var_os("INTERSTICE_WIT_CORPUS").map_or_else(wild, PathBuf::from);
    let mut folders = vec![corpus];
    let (mut packages, mut verdict) = (0, String::new());
    while let Some(folder) = folders.pop() {
        folders.extend(entries(&folder).into_iter().filter(|path| path.is_dir()));
        let files = files(&folder);
        if files.is_empty() {
            continue;
        }
        for (path, text) in files {
            let mut alone = Sources::new();
            alone.add_root(shown(&path), text);
            add_dependencies(&mut alone, &folder.join("deps"));
            survives(&alone);
        }
        let whole = package(&folder);
        survives(&whole);
        packages += 1;
        verdict += &verdicts(&whole);
    }
    assert!(packages > 0, "the corpus holds no package");
    println!("{packages} packages, {} refusals", verdict.matches(" is refused").count());
    if std::env::var_os("INTERSTICE_WIT_VERBOSE").is_some() {
        println!("{verdict}");
    }
}
