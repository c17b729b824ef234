//! The allow-list of imports: what a module imports is what it can do, so each import must come
//! from its world or be a door to its own tables. The host checks again and in more depth; here the
//! author learns it while building.
//! Invariant: no import of WASI passes, and every refused import is named at once.

use crate::{BuildError, RefusedImport};
use interstice_wit::{Schema, doors};
use wasmparser::{ComponentTypeRef, Parser, Payload};

/// How the names of the host's interfaces begin.
const HOST: &str = "interstice:host/";

/// Refuses a component that imports what the host does not provide.
pub(crate) fn check(component: &[u8], schema: &Schema) -> Result<(), BuildError> {
    let mut refused = Vec::new();
    for (name, is_instance) in imports(component) {
        let reason = match is_instance {
            true => reason_against(&name, schema),
            false => Some("a module imports interfaces, not bare functions or types".to_owned()),
        };
        if let Some(reason) = reason {
            refused.push(RefusedImport { name, reason });
        }
    }
    answer(refused, &schema.package.unversioned())
}

/// Refuses a core module that was compiled for an operating system. The encoder would only miss an
/// adapter, which does not help an author.
pub(crate) fn refuse_system_interface(core: &[u8], schema: &Schema) -> Result<(), BuildError> {
    let mut names: Vec<String> = Vec::new();
    for payload in Parser::new(0).parse_all(core) {
        let Ok(Payload::ImportSection(section)) = payload else { continue };
        for import in section.into_imports().flatten() {
            let name = import.module.to_owned();
            if (name.starts_with("wasi") || name == "env") && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let refused = names.into_iter().map(|name| RefusedImport { reason: reason_against_system(&name), name });
    answer(refused.collect(), &schema.package.unversioned())
}

fn answer(refused: Vec<RefusedImport>, module: &str) -> Result<(), BuildError> {
    if refused.is_empty() { Ok(()) } else { Err(BuildError::Imports { module: module.to_owned(), refused }) }
}

/// Why an imported interface is refused, if it is.
fn reason_against(name: &str, schema: &Schema) -> Option<String> {
    if name.starts_with(HOST) {
        return None;
    }
    if name.starts_with("wasi") {
        return Some(reason_against_system(name));
    }
    let interfaces = schema.exports.iter().chain(&schema.foreign);
    let mut declared = schema.imports.iter().chain(interfaces.clone().map(|interface| &interface.name));
    if declared.any(|interface| interface.to_string() == name) {
        return None;
    }
    let mut tables =
        interfaces.flat_map(|interface| interface.tables.iter().map(move |table| (interface, table)));
    let is_door = tables.any(|(interface, table)| {
        let package = &interface.name.package;
        let is_reachable = *package == schema.package || schema.may_read(interface, table);
        let doors = [doors::rows_interface(table), doors::table_interface(table)];
        is_reachable && doors.iter().any(|door| package.interface(door).to_string() == name)
    });
    if is_door {
        return None;
    }
    Some(format!(
        "the world `{}` does not import it; import it there, or remove the dependency that brings it in",
        schema.world
    ))
}

fn reason_against_system(name: &str) -> String {
    let instead = "time, randomness and logging come from the module's context";
    if name == "env" {
        return format!("a symbol was left undefined when linking; {instead}");
    }
    format!(
        "modules have no operating system; {instead}, so compile for a target without WASI, or stub it out"
    )
}

/// The imports of the outermost component, with whether each is an instance.
fn imports(component: &[u8]) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::Version { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentImportSection(section)) if depth == 1 => {
                for import in section.into_iter().flatten() {
                    let is_instance = matches!(import.ty, ComponentTypeRef::Instance(_));
                    found.push((import.name.name.to_owned(), is_instance));
                }
            }
            // The component was validated before it came here.
            _ => {}
        }
    }
    found
}
