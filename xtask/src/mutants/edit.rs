//! Putting the mutations into the copied sources, each behind a switch, and making sure that the tables are
//! complete. Invariant: a text is sought in its file as it is in the repository; one that is not found, or
//! found twice without an `in`, is an error.

use super::sources;
use super::table::{Change, Mutation};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// What asks at run time which mutation is chosen.
const SWITCH: &str = r#"
/// Whether this mutation is the one that `INTERSTICE_MUTANT` names.
pub(crate) fn mutant(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("INTERSTICE_MUTANT").ok()).as_deref() == Some(name)
}
"#;

/// Writes the mutated sources to `to`.
pub(super) fn apply(mutations: &[Mutation], from: &Path, to: &Path) -> Result<()> {
    let mut by_file: BTreeMap<&str, Vec<(Range<usize>, &Mutation)>> = BTreeMap::new();
    for mutation in mutations {
        let file = mutation.file.strip_prefix("src/").context("a mutation is of a file in src/")?;
        let source = fs::read_to_string(from.join(file)).with_context(|| format!("src/{file}"))?;
        let place = place(&source, mutation).with_context(|| format!("[{}] in src/{file}", mutation.name))?;
        by_file.entry(file).or_default().push((place, mutation));
    }
    let mut missing = Vec::new();
    for path in sources(from)? {
        let file = path.strip_prefix(from)?.to_str().context("a file name that is not text")?;
        let source = fs::read_to_string(&path)?;
        let mut places = by_file.remove(file).unwrap_or_default();
        missing.extend(uncovered(file, &source, &places));
        places.sort_by_key(|(place, _)| place.start);
        let mut mutated = source.clone();
        let mut before = source.len();
        for (place, mutation) in places.iter().rev().filter(|(_, mutation)| mutation.is_tried()) {
            if place.end > before {
                bail!("[{}] overlaps with another mutation of src/{file}", mutation.name);
            }
            before = place.start;
            mutated.replace_range(place.clone(), &switched(&source[place.clone()], mutation));
        }
        if file == "lib.rs" {
            // What is taken away leaves names that nobody uses.
            mutated.insert_str(0, "#![allow(warnings)]\n");
            mutated.push_str(SWITCH);
        }
        fs::write(to.join(file), mutated)?;
    }
    if let Some(file) = by_file.keys().next() {
        bail!("src/{file} is in the tables and not in the sources");
    }
    if !missing.is_empty() {
        bail!("these are in no table, neither as a mutation nor with a reason:\n{}", missing.join("\n"));
    }
    Ok(())
}

/// The text behind its switch.
fn switched(text: &str, mutation: &Mutation) -> String {
    let chosen = format!("crate::mutant({:?})", mutation.name);
    match &mutation.change {
        Change::Skip => format!("if !{chosen} {{ {text} }}"),
        Change::Never => format!("(!{chosen} && ({text}))"),
        Change::Instead(other) => format!("(if {chosen} {{ {other} }} else {{ {text} }})"),
        Change::Equal => text.to_owned(),
    }
}

/// Where the text of a mutation is.
fn place(source: &str, mutation: &Mutation) -> Result<Range<usize>> {
    let source = &source[..code_end(source)];
    let from = match &mutation.within {
        None => 0,
        Some(within) => {
            find(source, within, 0).with_context(|| format!("\"{within}\" is not there any more"))?.end
        }
    };
    let found = find(source, &mutation.text, from);
    let found = found.with_context(|| format!("\"{}\" is not there any more", mutation.text))?;
    if mutation.within.is_none() && find(source, &mutation.text, found.end).is_some() {
        bail!("\"{}\" is there twice: say which with `in`", mutation.text);
    }
    Ok(found)
}

/// The next place of a text, if only white space may differ.
fn find(source: &str, text: &str, from: usize) -> Option<Range<usize>> {
    let first = text.split_whitespace().next()?;
    let starts = source[from..].match_indices(first).map(|(at, _)| from + at);
    starts.filter_map(|start| Some(start..ends(source, text, start)?)).next()
}

fn ends(source: &str, text: &str, start: usize) -> Option<usize> {
    let mut at = start;
    for word in text.split_whitespace() {
        let rest = &source[at..];
        let spaces = rest.len() - rest.trim_start().len();
        if !rest[spaces..].starts_with(word) {
            return None;
        }
        at += spaces + word.len();
    }
    Some(at)
}

/// Where the tests of a file begin.
fn code_end(source: &str) -> usize {
    ["#[cfg(test)]", "#[cfg(all(test"]
        .iter()
        .filter_map(|mark| source.find(mark))
        .min()
        .unwrap_or(source.len())
}

/// The lines that guard data and are in no table.
fn uncovered(file: &str, source: &str, places: &[(Range<usize>, &Mutation)]) -> Vec<String> {
    // The simulator is not the log, and what the operating system's doors do is tested on real files.
    if file.starts_with("sim/") || file.starts_with("os/") || file == "doors.rs" {
        return Vec::new();
    }
    let mut at = 0;
    let mut missing = Vec::new();
    for (number, line) in source[..code_end(source)].split_inclusive('\n').enumerate() {
        let here = at..at + line.len();
        at = here.end;
        let is_covered = places.iter().any(|(place, _)| place.start < here.end && here.start < place.end);
        if is_guard(line.trim()) && !is_covered {
            missing.push(format!("host/log/src/{file}:{}: {}", number + 1, line.trim()));
        }
    }
    missing
}

/// Whether a line makes something safe, or compares what shows that something is whole.
fn is_guard(line: &str) -> bool {
    if line.starts_with("//") || line.contains("fn ") {
        return false;
    }
    let calls = [".sync()", ".sync_directory(", ".rename(", "rename(disk"];
    let proofs = ["checksum", "link", "digest", "previous"];
    calls.iter().any(|call| line.contains(call))
        || (["!=", "=="].iter().any(|sign| line.contains(sign))
            && proofs.iter().any(|proof| line.to_lowercase().contains(proof)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_wherever_only_white_space_differs() {
        let source = "fn a() {\n    file\n        .sync()?;\n}\n";
        assert_eq!(
            find(source, "file .sync()?;", 0).map(|place| &source[place]),
            Some("file\n        .sync()?;")
        );
        assert_eq!(find(source, "file.sync();", 0), None);
    }

    #[test]
    fn guards_are_known_by_their_look() {
        assert!(is_guard("file.sync().doing(\"sync\", path)?;"));
        assert!(is_guard("if header.previous != chain.link {"));
        assert!(is_guard("let is_same = copied.link == segment.link;"));
        assert!(!is_guard("// rename(disk, a, b) comes later"));
        assert!(!is_guard("let checksum = seed.checksum(bytes);"));
    }
}
