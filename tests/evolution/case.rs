//! The cases of this folder: two versions of a module's contract, and what `diff` must say about them.
//! A section without an interface is the inside of one; one without a package is given a name and a world.
//! Every dependency that a case may import stands here.

use interstice_wit::{Schema, Sources, read};
use std::fs;
use std::path::Path;

/// One case.
pub(crate) struct Case {
    pub(crate) title: String,
    /// `callers …, rows …, subscribers …, next …`
    #[allow(dead_code, reason = "wanted by those who compare them with what is found")]
    pub(crate) verdicts: String,
    pub(crate) old: Schema,
    pub(crate) new: Schema,
    /// The whole text of each.
    #[allow(dead_code, reason = "wanted by those who make components of it")]
    pub(crate) old_text: String,
    #[allow(dead_code, reason = "wanted by those who make components of it")]
    pub(crate) new_text: String,
}

/// The files of cases.
pub(crate) const FILES: [&str; 7] =
    ["functions", "types", "interfaces", "columns", "columns-with-cases", "keys", "tables"];

const RATES: &str = "package acme:rates@0.1.0;
interface rates {
  /// @query
  rate: func() -> f64;
}
";

/// All cases of all files.
#[allow(dead_code, reason = "not every test that has these cases wants all of them")]
pub(crate) fn all_files() -> Vec<Case> {
    FILES.into_iter().flat_map(read_file).collect()
}

/// The cases of a file.
pub(crate) fn read_file(name: &str) -> Vec<Case> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/evolution/cases").join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: Vec<_> = text.split("\n== ").skip(1).map(case).collect();
    assert!(!cases.is_empty(), "{} has no cases", path.display());
    cases
}

fn case(text: &str) -> Case {
    let (head, rest) = text.split_once("\n-- old\n").unwrap_or_else(|| panic!("no old version in: {text}"));
    let (old, new) = rest.split_once("\n-- new\n").unwrap_or_else(|| panic!("no new version in: {text}"));
    let (title, verdicts) = head.split_once('\n').unwrap_or_else(|| panic!("no verdicts in: {text}"));
    let (old, new) = (whole(old), whole(new));
    let imports_old = new.contains("import acme:bank");
    let older = if old.contains("import acme:bank") { vec![former(&new)] } else { Vec::new() };
    Case {
        title: title.to_owned(),
        verdicts: verdicts.to_owned(),
        old: schema(&old, &older),
        new: schema(&new, &if imports_old { vec![old.clone()] } else { Vec::new() }),
        old_text: old,
        new_text: new,
    }
}

/// The version before the old one, of which a case needs no more than that it had the table.
fn former(new: &str) -> String {
    new.replace("@1.3.1;", "@1.2.0;")
}

/// A section as a package with a world.
fn whole(text: &str) -> String {
    let mut text = text.to_owned();
    if !text.contains("interface ") {
        text = format!("interface api {{\n{text}\n}}\n");
    }
    if !text.contains("package ") {
        let names = text.lines().filter_map(|line| line.strip_prefix("interface "));
        let exports: String =
            names.filter_map(|line| line.split(' ').next()).map(|name| format!(" export {name};")).collect();
        text = format!("package acme:bank@1.2.0;\n{text}\nworld bank {{{exports} }}\n");
    }
    text
}

/// The schema of a text, with older versions of its package to import.
pub(crate) fn schema(text: &str, older: &[String]) -> Schema {
    let text = whole(text);
    let mut sources = Sources::new();
    sources.add_root("bank.wit", text.clone());
    if text.contains("acme:rates") {
        sources.add_dependency_file("rates", "deps/rates.wit", RATES);
    }
    for (number, older) in older.iter().enumerate() {
        sources.add_dependency_file(
            format!("bank-{number}"),
            format!("deps/bank-{number}.wit"),
            older.clone(),
        );
    }
    let schema = read(&sources, None).unwrap_or_else(|found| panic!("{text}\n{}", found.render()));
    schema.validate().unwrap();
    schema
}
