//! `interstice info` of a package of WIT that is no module, as `wkg` publishes them.
//! Invariant: what is shown was read from the bytes of the registry.

use super::{Row, show_docs, show_versions, versions_json};
use crate::contract;
use crate::exit::{Exit, Failure};
use crate::terminal::{self, BLUE, DIM, Output};
use interstice_registry::Artifact;
use interstice_wit::PackageName;
use interstice_wit::hash::artifact_hash;
use interstice_wit::plain::{Interface, Package};
use serde_json::json;

/// Shows the package in an artifact, and which versions there are.
pub(super) fn show(
    artifact: &Artifact,
    asked: &PackageName,
    rows: &[Row],
    as_json: bool,
) -> Result<(), Failure> {
    let Some(package) = contract::published(artifact)? else {
        return Err(Failure::new(Exit::Version, format!("{} holds no package of WIT", artifact.what)));
    };
    contract::check_name(artifact, &package, asked)?;
    let mut output = Output::new();
    match as_json {
        true => {
            let interfaces = package.interfaces.iter().map(|interface| package.place_text(&interface.place));
            let answer = json!({
                "package": package.name.to_string(),
                "module": false,
                "docs": package.docs,
                "size_bytes": artifact.bytes.len(),
                "artifact": format!("sha256:{}", artifact_hash(&artifact.bytes)),
                "interfaces": interfaces.collect::<Vec<_>>(),
                "worlds": package.worlds.iter().map(|world| world.name.clone()).collect::<Vec<_>>(),
                "unstable": package.left_out,
                "versions": versions_json(rows),
            });
            output.line(answer.to_string())?;
        }
        false => text(&package, artifact, rows, &mut output)?,
    }
    Ok(output.flush()?)
}

fn text(package: &Package, artifact: &Artifact, rows: &[Row], output: &mut Output) -> Result<(), Failure> {
    let head = |text: &str| terminal::stdout_style(text, BLUE);
    let dim = |text: &str| terminal::stdout_style(text, DIM);
    output.line(format!("{}  {}", package.name, dim("a package of WIT and no module")))?;
    show_docs(package.docs.as_deref(), output)?;
    show_versions(rows, output)?;
    let interfaces: Vec<_> =
        package.interfaces.iter().map(|interface| interface_line(package, interface)).collect();
    let worlds: Vec<_> = package.worlds.iter().map(|world| (world.name.clone(), String::new())).collect();
    for (title, lines) in [("interfaces", interfaces), ("worlds", worlds)] {
        if !lines.is_empty() {
            output.line(head(title))?;
        }
        for (name, contents) in lines {
            output.line(format!("  {name}  {}", dim(&contents)).trim_end())?;
        }
    }
    output.line(head("hashes"))?;
    output.line(format!("  artifact   {}", artifact_hash(&artifact.bytes)))?;
    Ok(())
}

/// The name of an interface, and what it has: its resources and its functions.
fn interface_line(package: &Package, interface: &Interface) -> (String, String) {
    let resources = interface.types.iter().filter(|def| package.is_resource(def));
    let resources = resources.map(|def| format!("resource {}", def.name));
    let functions = interface.functions.iter().filter(|function| function.resource.is_none());
    let contents: Vec<_> = resources.chain(functions.map(|function| function.name.clone())).collect();
    (package.place_text(&interface.place), contents.join(", "))
}
