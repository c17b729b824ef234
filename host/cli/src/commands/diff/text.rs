//! A comparison as lines for people: the three verdicts first, then each item with what is different about it and
//! what that means, then the version.
//! Invariant: whatever is not compatible is shown with its reason.

use crate::terminal::{DIM, GREEN, RED, YELLOW, stdout_style};
use interstice_wit::diff::{self, Change, Effect, ItemKind, Verdict};
use interstice_wit::plain::{self, LeftOut};
use semver::Version;

/// The names of the three axes, and how wide their column and that of the verdicts are.
const AXES: [&str; 3] = ["callers", "stored rows", "subscribers"];
const AXIS_WIDTH: usize = 12;
const VERDICT_WIDTH: usize = 16;

/// How many items that were left out are named.
const MAX_NAMED: usize = 5;

/// A comparison, of modules or of packages that are none.
pub(super) struct Shown<'a> {
    /// The names without versions.
    names: [String; 2],
    versions: [Option<&'a Version>; 2],
    /// Of those that it concerns, the axis and the verdict.
    verdicts: Vec<(&'static str, Verdict)>,
    changes: &'a [Change],
    next_version: Option<&'a Version>,
    is_version_enough: bool,
    /// What else is to be known before the changes.
    notes: Vec<String>,
}

impl<'a> Shown<'a> {
    pub(super) fn of_modules(found: &'a diff::Comparison) -> Shown<'a> {
        let diff::Comparison { old, new, callers, rows, subscribers, .. } = found;
        Shown {
            names: [old.unversioned(), new.unversioned()],
            versions: [Some(&old.version), Some(&new.version)],
            verdicts: AXES.into_iter().zip([*callers, *rows, *subscribers]).collect(),
            changes: &found.changes,
            next_version: found.next_version.as_ref(),
            is_version_enough: found.is_version_enough,
            notes: Vec::new(),
        }
    }

    pub(super) fn of_packages(found: &'a plain::Comparison) -> Shown<'a> {
        let plain::Comparison { old, new, unstable, .. } = found;
        let mut notes = vec!["packages of WIT, no modules: nothing has rows or subscribers".to_owned()];
        notes.extend([("old", &unstable.old), ("new", &unstable.new)].into_iter().filter_map(left_out));
        Shown {
            names: [old.unversioned(), new.unversioned()],
            versions: [old.version.as_ref(), new.version.as_ref()],
            verdicts: vec![(AXES[0], found.callers)],
            changes: &found.changes,
            next_version: found.next_version.as_ref(),
            is_version_enough: found.is_version_enough,
            notes,
        }
    }
}

/// How much of a version is behind gates, and behind which.
fn left_out((which, items): (&str, &Vec<LeftOut>)) -> Option<String> {
    let mut features: Vec<_> = items.iter().filter_map(|item| item.feature.clone()).collect();
    features.sort();
    features.dedup();
    let mut named = items.iter().take(MAX_NAMED).map(|item| item.item.clone()).collect::<Vec<_>>().join(", ");
    let what = match items.len() {
        0 => return None,
        1 => "1 `@unstable` item is".to_owned(),
        count => format!("{count} `@unstable` items are"),
    };
    if items.len() > MAX_NAMED {
        named.push_str(&format!(" and {} more", items.len() - MAX_NAMED));
    }
    Some(format!("{what} left out of the {which} version ({}): {named}", features.join(", ")))
}

/// The whole comparison.
pub(super) fn lines(shown_of: &Shown<'_>) -> Vec<String> {
    let mut lines = vec![title(shown_of)];
    if shown_of.changes.is_empty() {
        lines.push("nothing is different".to_owned());
    }
    for (axis, verdict) in &shown_of.verdicts {
        lines.push(format!("  {axis:AXIS_WIDTH$} {}", shown(*verdict).trim_end()));
    }
    lines.extend(shown_of.notes.iter().map(|note| format!("  {}", stdout_style(note, DIM))));
    let mut heading = None;
    for change in shown_of.changes {
        let item = (&change.interface, change.kind, &change.name);
        if heading != Some(item) {
            heading = Some(item);
            lines.push(String::new());
            lines.push(item_name(change));
        }
        lines.push(format!("  {}", change.what));
        let effects = [&change.callers, &change.rows, &change.subscribers];
        lines.extend(AXES.into_iter().zip(effects).filter_map(|(axis, found)| effect(axis, found)));
    }
    if !shown_of.changes.is_empty() {
        lines.push(String::new());
        lines.push(version(shown_of));
    }
    lines
}

fn title(shown_of: &Shown<'_>) -> String {
    let [old, new] = &shown_of.names;
    let [was, is] = shown_of.versions;
    let shown = |version: Option<&Version>| version.map_or("no version".to_owned(), ToString::to_string);
    let full = |name: &String, version: Option<&Version>| {
        version.map_or(name.clone(), |version| format!("{name}@{version}"))
    };
    match old == new {
        true if was.is_none() && is.is_none() => old.clone(),
        true => format!("{old} {} → {}", shown(was), shown(is)),
        false => format!("{} → {}", full(old, was), full(new, is)),
    }
}

fn item_name(change: &Change) -> String {
    let kind = match change.kind {
        ItemKind::Package => "package",
        ItemKind::Import => "import",
        ItemKind::World => "world",
        ItemKind::Interface => "interface",
        ItemKind::Table => "table",
        ItemKind::Type => "type",
        ItemKind::Function => "function",
        ItemKind::Handler => "handler",
        ItemKind::Docs => {
            return change.interface.as_ref().map_or_else(|| "docs".to_owned(), |of| format!("docs of {of}"));
        }
    };
    match &change.interface {
        Some(interface) => format!("{kind} {interface}.{}", change.name),
        None => format!("{kind} {}", change.name),
    }
}

/// What a change means to one of the three; nothing where it does not concern them.
fn effect(axis: &str, effect: &Effect) -> Option<String> {
    let reason = effect.reason.as_ref()?;
    Some(
        format!("    {axis:AXIS_WIDTH$} {} {}", shown(effect.verdict), stdout_style(reason, DIM))
            .trim_end()
            .to_owned(),
    )
}

fn shown(verdict: Verdict) -> String {
    let (word, style) = match verdict {
        Verdict::Compatible => ("compatible", GREEN),
        Verdict::NeedsMigration => ("needs migration", YELLOW),
        Verdict::Breaking => ("breaking", RED),
    };
    stdout_style(&format!("{word:VERDICT_WIDTH$}"), style)
}

fn version(shown_of: &Shown<'_>) -> String {
    let [Some(old), Some(new)] = shown_of.versions else {
        return "a package without a version promises nothing, so no version is asked for".to_owned();
    };
    match (shown_of.next_version, shown_of.is_version_enough) {
        (Some(next), true) if next == new => format!("the version {new} is the smallest that says so"),
        (Some(next), true) => format!("the version {new} says so; the smallest that does is {next}"),
        (Some(next), false) => {
            let warning = stdout_style("the version must be raised:", RED);
            format!("{warning} {next} is the smallest that says so, and this is {new}")
        }
        (None, _) => format!("there is no version behind {old} that could say so"),
    }
}
