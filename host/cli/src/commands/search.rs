//! `interstice search` and `info`: what a registry holds.
//! Invariant: what is shown of a version was read from bytes that have the digest of the index.

mod plain;

use crate::exit::{Exit, Failure};
use crate::packages::{Opened, RegistryOptions, failure};
use crate::terminal::{self, BLUE, DIM, Output};
use interstice_registry::index::Listing;
use interstice_registry::{Offer, PackageId, RegistryError, Release, Request, parse_release};
use interstice_wit::{Interface, Visibility};
use semver::Version;
use serde_json::{Value, json};
use std::path::Path;

/// Lists the packages of a registry whose name or docs contain all words.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The words; all packages without any.
    words: Vec<String>,
    #[command(flatten)]
    registry: RegistryOptions,
    /// Reads every file of the registry and compares it with the index, instead of searching.
    #[arg(long, conflicts_with = "words")]
    verify: bool,
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Shows a package: its versions, and of one of them the exports, docs, hashes, dependencies and dependents.
#[derive(clap::Args)]
pub(crate) struct InfoArguments {
    /// The package, such as `acme:bank`, or a version of it, such as `acme:bank@1.2.0`.
    #[arg(value_name = "PACKAGE[@VERSION]")]
    what: String,
    #[command(flatten)]
    registry: RegistryOptions,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let opened = arguments.registry.open(Path::new("."))?;
    let mut output = Output::new();
    if arguments.verify {
        let local = opened.local("be verified")?;
        if !local.folder().exists() {
            let reason = format!("there is no registry at {}", local.folder().display());
            return Err(Failure::new(Exit::Caller, reason));
        }
        let verified = local.verify().map_err(failure)?;
        let good = terminal::stdout_style("ok", terminal::GREEN);
        let count = |number: usize, what: &str| match number {
            1 => format!("1 version is {what}"),
            number => format!("{number} versions are {what}"),
        };
        let mut line = format!("{good}  {}", count(verified.versions, "as published"));
        if verified.unrecorded > 0 {
            line.push_str(&format!(
                "; {}",
                count(verified.unrecorded, "another tool's, and not in the index")
            ));
        }
        output.line(line)?;
        return Ok(output.flush()?);
    }
    let local = opened.local("be searched")?;
    if !local.folder().exists() {
        terminal::tell(&format!("there is no registry at {} yet", local.folder().display()));
    }
    for found in local.search(&arguments.words).map_err(failure)? {
        let summary = found.summary.unwrap_or_default();
        if arguments.json {
            let (package, newest) = (found.package.to_string(), found.newest.to_string());
            let line = json!({
                "package": package, "newest": newest, "yanked": found.is_yanked, "summary": summary
            });
            output.line(line.to_string())?;
        } else {
            let dim = terminal::stdout_style(&summary, DIM);
            let yanked = if found.is_yanked { "  yanked" } else { "" };
            output.line(format!("{}@{}{yanked}  {dim}", found.package, found.newest).trim_end())?;
        }
    }
    Ok(output.flush()?)
}

/// A version with what its registry says of it.
struct Row {
    version: Version,
    is_yanked: bool,
    time: Option<String>,
    /// What is shown where there is no time.
    otherwise: &'static str,
}

pub(crate) fn info(arguments: &InfoArguments) -> Result<(), Failure> {
    let (package, wanted) = match arguments.what.contains('@') {
        true => parse_release(&arguments.what).map(|(package, version)| (package, Some(version))),
        false => arguments.what.parse::<Request>().map(|request| (request.package, None)),
    }
    .map_err(failure)?;
    let opened = arguments.registry.open(Path::new("."))?;
    let registry = opened.any();
    let rows = rows(&opened, &package)?;
    let newest =
        || rows.iter().rev().find(|row| !row.is_yanked).or(rows.last()).map(|row| row.version.clone());
    let Some(version) = wanted.or_else(newest) else { return Ok(()) };
    let release = match registry.read(&package, &version) {
        Err(RegistryError::NoModule { .. }) => {
            let artifact = registry.artifact(&package, &version).map_err(failure)?;
            return plain::show(&artifact, &package.at(&version), &rows, arguments.json);
        }
        found => found.map_err(failure)?,
    };
    let mut dependents = Vec::new();
    // An OCI registry does not know them.
    let listings = match &opened {
        Opened::Local(registry) => registry.dependents(&package).map_err(failure)?,
        Opened::Oci(_) => Vec::new(),
    };
    for listing in listings {
        let published = &listing.published;
        let needs =
            published.dependencies.iter().filter(|needed| needed.unversioned() == package.to_string());
        let needs: Vec<_> = needs.map(|needed| needed.version.to_string()).collect();
        dependents.push((published.package.at(&published.version).to_string(), needs.join(", ")));
    }
    let mut output = Output::new();
    match arguments.json {
        true => output.line(as_json(&release, &rows, &dependents).to_string())?,
        false => as_text(&release, &rows, &dependents, &mut output)?,
    }
    Ok(output.flush()?)
}

fn rows(opened: &Opened, package: &PackageId) -> Result<Vec<Row>, Failure> {
    if let Opened::Local(registry) = opened {
        let listings = registry.listings(package).map_err(failure)?;
        let row = |(version, listing): (Version, Option<Listing>)| Row {
            version,
            is_yanked: listing.as_ref().is_some_and(|listing| listing.is_yanked),
            time: listing.map(|listing| listing.time),
            otherwise: "put there by another tool",
        };
        return Ok(listings.into_iter().map(row).collect());
    }
    let offers = opened.any().versions(package).map_err(failure)?;
    let row = |Offer { version, is_yanked }| Row { version, is_yanked, time: None, otherwise: "" };
    Ok(offers.into_iter().map(row).collect())
}

fn public(release: &Release) -> impl Iterator<Item = &Interface> {
    release.schema.exports.iter().filter(|interface| interface.visibility == Visibility::Public)
}

/// What a public interface offers, in words.
fn contents(interface: &Interface) -> Vec<String> {
    let tables = interface.tables.iter().filter(|table| table.visibility == Visibility::Public);
    let tables = tables.map(|table| format!("table {}", table.name));
    let functions = interface.functions.iter().filter_map(|function| match function.kind {
        interstice_wit::FunctionKind::Reducer => Some(format!("reducer {}", function.name)),
        interstice_wit::FunctionKind::Query => Some(format!("query {}", function.name)),
        _ => None,
    });
    tables.chain(functions).collect()
}

fn as_json(release: &Release, rows: &[Row], dependents: &[(String, String)]) -> Value {
    let facts = &release.facts;
    json!({
        "package": facts.package.to_string(),
        "docs": release.schema.docs,
        "size_bytes": facts.size_bytes,
        "artifact": format!("sha256:{}", facts.artifact),
        "interface": facts.interface.to_string(),
        "storage": facts.storage.to_string(),
        "exports": public(release).map(|interface| interface.name.name.clone()).collect::<Vec<_>>(),
        "dependencies": facts.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "dependents": dependents.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "versions": versions_json(rows),
    })
}

fn versions_json(rows: &[Row]) -> Value {
    let row =
        |row: &Row| json!({ "version": row.version.to_string(), "yanked": row.is_yanked, "time": row.time });
    rows.iter().map(row).collect()
}

/// Docs without what a terminal would obey.
fn show_docs(docs: Option<&str>, output: &mut Output) -> Result<(), Failure> {
    for line in docs.unwrap_or_default().lines() {
        output
            .line(format!("  {}", line.chars().filter(|c| !c.is_control()).collect::<String>()).trim_end())?;
    }
    Ok(())
}

fn show_versions(rows: &[Row], output: &mut Output) -> Result<(), Failure> {
    output.line(terminal::stdout_style("versions", BLUE))?;
    for row in rows.iter().rev() {
        let yanked = if row.is_yanked { "  yanked" } else { "" };
        let time = terminal::stdout_style(row.time.as_deref().unwrap_or(row.otherwise), DIM);
        output.line(format!("  {}  {time}{yanked}", row.version).trim_end())?;
    }
    Ok(())
}

fn as_text(
    release: &Release,
    rows: &[Row],
    dependents: &[(String, String)],
    output: &mut Output,
) -> Result<(), Failure> {
    let facts = &release.facts;
    let head = |text: &str| terminal::stdout_style(text, BLUE);
    output.line(facts.package.to_string())?;
    show_docs(release.schema.docs.as_deref(), output)?;
    show_versions(rows, output)?;
    output.line(head("exports"))?;
    for interface in public(release) {
        let contents = contents(interface).join(", ");
        output.line(
            format!("  {}  {}", interface.name.name, terminal::stdout_style(&contents, DIM)).trim_end(),
        )?;
    }
    output.line(head("hashes"))?;
    output.line(format!("  artifact   {}", facts.artifact))?;
    output.line(format!("  interface  {}", facts.interface))?;
    output.line(format!("  storage    {}", facts.storage))?;
    for (title, lines) in [
        ("depends on", facts.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ("needed by", dependents.iter().map(|(name, needs)| format!("{name} (from {needs})")).collect()),
    ] {
        if !lines.is_empty() {
            output.line(head(title))?;
            for line in lines {
                output.line(format!("  {line}"))?;
            }
        }
    }
    Ok(())
}
