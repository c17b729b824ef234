//! A comparison as lines for people: the three verdicts first, then each item with what is different about it and
//! what that means, then the version.
//! Invariant: whatever is not compatible is shown with its reason.

use crate::terminal::{DIM, GREEN, RED, YELLOW, stdout_style};
use interstice_wit::PackageName;
use interstice_wit::diff::{Change, Comparison, Effect, ItemKind, Verdict};

/// The names of the three axes, and how wide their column and that of the verdicts are.
const AXES: [&str; 3] = ["callers", "stored rows", "subscribers"];
const AXIS_WIDTH: usize = 12;
const VERDICT_WIDTH: usize = 16;

/// The whole comparison.
pub(super) fn lines(comparison: &Comparison) -> Vec<String> {
    let Comparison { old, new, callers, rows, subscribers, .. } = comparison;
    let mut lines = vec![title(old, new)];
    if comparison.changes.is_empty() {
        lines.push("nothing is different".to_owned());
    }
    for (axis, verdict) in AXES.into_iter().zip([callers, rows, subscribers]) {
        lines.push(format!("  {axis:AXIS_WIDTH$} {}", shown(*verdict).trim_end()));
    }
    let mut heading = None;
    for change in &comparison.changes {
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
    if !comparison.changes.is_empty() {
        lines.push(String::new());
        lines.push(version(comparison));
    }
    lines
}

fn title(old: &PackageName, new: &PackageName) -> String {
    if old.unversioned() == new.unversioned() {
        format!("{} {} → {}", old.unversioned(), old.version, new.version)
    } else {
        format!("{old} → {new}")
    }
}

fn item_name(change: &Change) -> String {
    let kind = match change.kind {
        ItemKind::Package => "package",
        ItemKind::Import => "import",
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

fn version(comparison: &Comparison) -> String {
    let new = &comparison.new.version;
    match (&comparison.next_version, comparison.is_version_enough) {
        (Some(next), true) if next == new => format!("the version {new} is the smallest that says so"),
        (Some(next), true) => format!("the version {new} says so; the smallest that does is {next}"),
        (Some(next), false) => {
            let warning = stdout_style("the version must be raised:", RED);
            format!("{warning} {next} is the smallest that says so, and this is {new}")
        }
        (None, _) => format!("there is no version behind {} that could say so", comparison.old.version),
    }
}
