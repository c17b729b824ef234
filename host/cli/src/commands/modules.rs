//! `interstice modules`: what is installed, by which hashes, and who imports whom.
//! Invariant: the data directory is only read, and no guest code runs.

use crate::commands::state::{self, parse_moment};
use crate::database::{existing_doors, failure};
use crate::exit::Failure;
use crate::moment;
use crate::terminal::{self, DIM, Output};
use interstice_node::{Error, HistoricState, ModuleInfo, Moment};
use interstice_wit::hash::{interface_hash, storage_hash};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Shows the modules of a database that no process has open: versions, hashes, tables, and who imports whom.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "INTERSTICE_DATA")]
    data: PathBuf,
    /// As they were at this moment; after the last record if not given.
    #[arg(long, value_name = "SEQUENCE|TIME", value_parser = parse_moment)]
    at: Option<Moment>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Who imports a module: `acme:shop@0.3.0`, and the interfaces that it imports.
type Dependents = BTreeMap<String, Vec<String>>;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let doors = existing_doors(&arguments.data)?;
    let state = state::read(&doors, arguments.at.unwrap_or_default())?;
    let (installed, kept) = (state.modules(), state.kept());
    let mut output = Output::new();
    if arguments.json {
        let modules: Vec<Value> = installed
            .iter()
            .map(|module| object(&state, module, Some(&dependents(&installed, module))))
            .collect::<Result<_, _>>()?;
        let kept: Vec<Value> =
            kept.iter().map(|module| object(&state, module, None)).collect::<Result<_, _>>()?;
        output.line(format!("{:#}", json!({ "modules": modules, "kept": kept })))?;
        return Ok(output.flush()?);
    }
    for module in &installed {
        output.line(module.schema.package.to_string())?;
        show_module(&state, module, &dependents(&installed, module), &mut output)?;
    }
    for module in &kept {
        output.line(format!("{} (uninstalled, its tables kept)", module.schema.package))?;
        show_module(&state, module, &Dependents::new(), &mut output)?;
    }
    if installed.is_empty() && kept.is_empty() {
        terminal::tell("no module is installed");
    }
    Ok(output.flush()?)
}

fn dependents(installed: &[ModuleInfo], module: &ModuleInfo) -> Dependents {
    let package = module.schema.package.unversioned();
    let mut found = Dependents::new();
    for other in installed.iter().filter(|other| other.schema.package.unversioned() != package) {
        let imports = other.schema.imports.iter();
        let of_it = imports.filter(|import| import.package.unversioned() == package);
        let of_it: Vec<String> = of_it.map(ToString::to_string).collect();
        if !of_it.is_empty() {
            found.insert(other.schema.package.to_string(), of_it);
        }
    }
    found
}

/// The tables of a module with the number of their rows.
fn tables(state: &HistoricState, module: &ModuleInfo) -> Result<Vec<(String, u64)>, Failure> {
    let package = module.schema.package.unversioned();
    let mut counted = Vec::new();
    for table in state.tables().into_iter().filter(|table| table.package == package) {
        let rows = state.reader().count(&table.handle).map_err(Error::Store).map_err(failure)?;
        counted.push((table.name, rows));
    }
    Ok(counted)
}

fn show_module(
    state: &HistoricState,
    module: &ModuleInfo,
    dependents: &Dependents,
    output: &mut Output,
) -> Result<(), Failure> {
    let hashes = [
        ("artifact", module.artifact.to_string()),
        ("interface", interface_hash(&module.schema).module.to_string()),
        ("storage", storage_hash(&module.schema).to_string()),
    ];
    output.line(format!("  installed  {}", moment::print(module.installed_micros)))?;
    for (name, hash) in hashes {
        output.line(format!("  {name:9}  {}", terminal::stdout_style(&hash, DIM)))?;
    }
    for (table, rows) in tables(state, module)? {
        output.line(format!("  table      {table}: {rows} {}", if rows == 1 { "row" } else { "rows" }))?;
    }
    for import in &module.schema.imports {
        output.line(format!("  imports    {import}"))?;
    }
    for (name, imports) in dependents {
        output.line(format!("  pinned by  {name} ({})", imports.join(", ")))?;
    }
    Ok(())
}

fn object(
    state: &HistoricState,
    module: &ModuleInfo,
    dependents: Option<&Dependents>,
) -> Result<Value, Failure> {
    let interface = interface_hash(&module.schema);
    let interfaces: serde_json::Map<String, Value> =
        interface.interfaces.iter().map(|(name, hash)| (name.to_string(), hash.to_string().into())).collect();
    let tables: serde_json::Map<String, Value> =
        tables(state, module)?.into_iter().map(|(table, rows)| (table, rows.into())).collect();
    let imports: Vec<String> = module.schema.imports.iter().map(ToString::to_string).collect();
    let mut object = json!({
        "module": module.schema.package.unversioned(),
        "version": module.schema.package.version.to_string(),
        "installed_micros": module.installed_micros,
        "hashes": {
            "artifact": module.artifact.to_string(),
            "interface": interface.module.to_string(),
            "interfaces": interfaces,
            "storage": storage_hash(&module.schema).to_string(),
        },
        "tables": tables,
        "imports": imports,
    });
    if let Some(dependents) = dependents {
        object["dependents"] = json!(dependents);
    }
    Ok(object)
}
