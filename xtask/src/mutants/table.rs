//! The tables of mutations: text, an entry a mutation, easy to read beside the source that it changes.
//! A value goes on in the next line if that is indented. A text matches wherever only white space differs.
//!
//! ```text
//! [the batch is synced]           the name of the mutation: what is taken away
//! file src/writer.rs
//! in fn write_buffer              where the text is sought: its first place after this text
//! skip newest.file.sync()?;       a statement that is left out,
//! never length > limit            or a condition that is taken to be false,
//! instead f(x)                    or an expression, in whose place stands
//! with Ok(())                     another one,
//! equal reserve.sync()            or something that is left as it is, although it looks as if it mattered
//! because …                       why nothing could notice that it is gone
//! caught power_loss [name]        the test program that must fail, and the name of the test in it
//! quick                           continuous integration tries it too
//! ```

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What is done to a text.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    Skip,
    Never,
    Instead(String),
    /// Nothing, for this reason.
    Equal,
}

/// A mutation, or a place that is none for a reason.
#[derive(Debug)]
pub(super) struct Mutation {
    pub(super) name: String,
    /// The file, from the folder of the log.
    pub(super) file: String,
    pub(super) within: Option<String>,
    pub(super) text: String,
    pub(super) change: Change,
    /// The test program that must fail, and a name that its tests must contain to be run.
    pub(super) caught: Option<(String, Option<String>)>,
    pub(super) quick: bool,
}

impl Mutation {
    /// Whether something is changed.
    pub(super) fn is_tried(&self) -> bool {
        self.change != Change::Equal
    }
}

/// Reads all tables of a folder.
pub(super) fn read(folder: &Path) -> Result<Vec<Mutation>> {
    let mut mutations = Vec::new();
    let mut names = BTreeSet::new();
    let mut paths = fs::read_dir(folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let read = parse(&text).with_context(|| format!("in {}", path.display()))?;
        for mutation in read {
            if !names.insert(mutation.name.clone()) {
                bail!("two mutations are called \"{}\"", mutation.name);
            }
            mutations.push(mutation);
        }
    }
    Ok(mutations)
}

fn parse(text: &str) -> Result<Vec<Mutation>> {
    let mut entries: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            entries.push((name.to_owned(), Vec::new()));
            continue;
        }
        let (_, fields) = entries.last_mut().context("a line before the first name")?;
        match fields.last_mut().filter(|_| line.starts_with(' ')) {
            Some(before) => *before = format!("{before} {}", line.trim()),
            None => fields.push(line.to_owned()),
        }
    }
    entries
        .into_iter()
        .map(|(name, fields)| entry(&name, &fields).with_context(|| format!("[{name}]")))
        .collect()
}

fn entry(name: &str, fields: &[String]) -> Result<Mutation> {
    let mut mutation = Mutation {
        name: name.to_owned(),
        file: String::new(),
        within: None,
        text: String::new(),
        change: Change::Equal,
        caught: None,
        quick: false,
    };
    let mut has_reason = false;
    for field in fields {
        let (key, value) = field.split_once(' ').unwrap_or((field, ""));
        let value = value.trim().to_owned();
        match key {
            "file" => mutation.file = value,
            "in" => mutation.within = Some(value),
            "skip" => (mutation.text, mutation.change) = (value, Change::Skip),
            "never" => (mutation.text, mutation.change) = (value, Change::Never),
            "instead" | "equal" => mutation.text = value,
            "with" => mutation.change = Change::Instead(value),
            "because" => has_reason = true,
            "quick" => mutation.quick = true,
            "caught" => {
                let (program, test) = value.split_once(' ').unwrap_or((&value, ""));
                mutation.caught =
                    Some((program.to_owned(), Some(test.to_owned()).filter(|it| !it.is_empty())));
            }
            _ => bail!("\"{key}\" is not a word of these tables"),
        }
    }
    if mutation.file.is_empty() || mutation.text.is_empty() {
        bail!("it names no file, or no text in it");
    }
    if has_reason == mutation.is_tried() {
        bail!("what is left as it is needs a reason, and nothing else does");
    }
    Ok(mutation)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_entry_says_where_what_and_who_must_notice() {
        let text = "# words\n[a sync]\nfile src/a.rs\nin fn b\nskip file\n  .sync()?;\ncaught power_loss acknowledged\nquick\n\
                    [a check]\nfile src/a.rs\ninstead f(x)\nwith Ok(())\n[nothing]\nfile src/a.rs\nequal g()\nbecause of\n  that\n";
        let read = parse(text).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!((read[0].text.as_str(), &read[0].change), ("file .sync()?;", &Change::Skip));
        assert_eq!(read[0].caught, Some(("power_loss".to_owned(), Some("acknowledged".to_owned()))));
        assert!(read[0].quick && read[0].within.as_deref() == Some("fn b"));
        assert_eq!(read[1].change, Change::Instead("Ok(())".to_owned()));
        assert!(!read[2].is_tried());
        assert!(parse("[a]\nfile b\nequal c\n").is_err(), "without a reason");
        assert!(parse("[a]\nfile b\nskipp c\n").is_err(), "an unknown word");
    }
}
