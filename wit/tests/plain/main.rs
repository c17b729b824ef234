//! Packages of WIT that are no modules: what a new version means to callers, kind of change by kind of change.

#![allow(missing_docs, clippy::unwrap_used)]

mod cases;
mod hostile;
mod oracle;
mod reading;
mod versions;
mod worlds;

use interstice_wit::Sources;
use interstice_wit::diff::{Change, Verdict};
use interstice_wit::plain::{self, Comparison, Package};

/// A package from one text.
pub fn package(text: &str) -> Package {
    package_with(text, &[])
}

/// The same with others that it uses.
pub fn package_with(text: &str, dependencies: &[&str]) -> Package {
    let sources = sources(text, dependencies);
    plain::read(&sources).unwrap_or_else(|found| panic!("{}\n{text}", found.render()))
}

pub fn sources(text: &str, dependencies: &[&str]) -> Sources {
    let mut sources = Sources::new();
    sources.add_root("root.wit", text);
    for (number, text) in dependencies.iter().enumerate() {
        sources.add_dependency_file(format!("dep{number}"), format!("dep{number}.wit"), *text);
    }
    sources
}

pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Compatible => "compatible",
        Verdict::NeedsMigration => "needs-migration",
        Verdict::Breaking => "breaking",
    }
}

/// A change on one line: the item, what is different, and why callers mind or not.
pub fn line(change: &Change) -> String {
    let kind = format!("{:?}", change.kind).to_lowercase();
    let interface = change.interface.as_ref().map(|interface| format!("{interface}.")).unwrap_or_default();
    let reason = change.callers.reason.as_ref();
    let reason = reason.map(|reason| format!(" | {} | {reason}", word(change.callers.verdict)));
    format!("{kind} {interface}{}: {}{}", change.name, change.what, reason.unwrap_or_default())
}

pub fn lines(comparison: &Comparison) -> Vec<String> {
    comparison.changes.iter().map(line).collect()
}

/// One case: the verdict, and all that is told, whose lines begin as is said here.
pub fn check(old: &Package, new: &Package, verdict: &str, told: &[&str]) {
    let comparison = plain::compare(old, new);
    let lines = lines(&comparison);
    let shown = lines.join("\n");
    assert_eq!(word(comparison.callers), verdict, "{shown}");
    assert_eq!(lines.len(), told.len(), "{shown}\n--- and not\n{}", told.join("\n"));
    for (line, told) in lines.iter().zip(told) {
        assert!(line.starts_with(told), "{line}\n--- does not begin with\n{told}");
    }
    check_form(&comparison);
    for package in [old, new] {
        let same = plain::compare(package, package);
        assert_eq!(same.changes, [], "a package differs from itself");
        assert_eq!(same.next_version, package.name.version);
    }
}

/// What holds of every comparison.
pub fn check_form(comparison: &Comparison) {
    let json = serde_json::to_string(comparison).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), *comparison, "it survives JSON");
    for change in &comparison.changes {
        assert_eq!((change.rows.reason.as_ref(), change.subscribers.reason.as_ref()), (None, None));
        assert!(
            change.callers.verdict == Verdict::Compatible || change.callers.reason.is_some(),
            "{change:?}"
        );
    }
    let is_worst = |verdict| comparison.changes.iter().any(|change| change.callers.verdict == verdict);
    assert_eq!(comparison.callers == Verdict::Breaking, is_worst(Verdict::Breaking));
    assert_eq!(comparison.verdict(), comparison.callers);
}
