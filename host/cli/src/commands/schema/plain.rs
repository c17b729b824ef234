//! A package of WIT that is no module, as a tree of lines and as JSON: all its interfaces and worlds.
//! Spelt in WIT, and by the names that its text gives.
//! Invariant: the first line says that it is no module.

use super::tree::{Node, dim, draw, keyword, leaf};
use interstice_wit::plain::{Function, Interface, Package, Place, TypeDef, World, WorldItem, WorldItemKind};
use semver::Version;
use serde_json::{Value, json};

/// The lines of the tree.
pub(super) fn lines(package: &Package) -> Vec<String> {
    let mut children: Vec<Node> =
        package.interfaces.iter().map(|interface| interface_node(package, interface)).collect();
    children.extend(package.worlds.iter().map(|world| world_node(package, world)));
    if !package.left_out.is_empty() {
        let items = package.left_out.iter().map(|item| match &item.feature {
            Some(feature) => leaf(format!("{} {}", item.item, dim(&format!("({feature})")))),
            None => leaf(item.item.clone()),
        });
        children.push(Node { text: keyword("left out, for it is `@unstable`"), children: items.collect() });
    }
    let mut lines = vec![format!(
        "{} {}",
        package.name,
        dim("(a package of WIT and no module: nothing in it is a directive)")
    )];
    draw(&children, "", &mut lines);
    lines
}

fn interface_node(package: &Package, interface: &Interface) -> Node {
    let name = package.place_text(&interface.place);
    let text = format!("{} {name}{}", keyword("interface"), deprecation(&interface.deprecated));
    Node { text, children: contents(package, interface) }
}

/// The types of an interface, its resources with their functions, and its functions.
fn contents(package: &Package, interface: &Interface) -> Vec<Node> {
    let functions = |of: Option<&str>| -> Vec<Node> {
        let is_of = |function: &&Function| function.resource.as_ref().map(|(name, _)| name.as_str()) == of;
        interface.functions.iter().filter(is_of).map(|function| function_node(package, function)).collect()
    };
    let types = interface.types.iter().map(|def| match package.is_resource(def) {
        true => Node { children: functions(Some(&def.name)), ..type_node(package, def) },
        false => type_node(package, def),
    });
    types.chain(functions(None)).collect()
}

fn type_node(package: &Package, def: &TypeDef) -> Node {
    leaf(package.type_text(def) + &deprecation(&def.deprecated))
}

fn function_node(package: &Package, function: &Function) -> Node {
    leaf(package.function_text(function) + &deprecation(&function.deprecated))
}

fn world_node(package: &Package, world: &World) -> Node {
    let items = |word: &str, items: &[WorldItem]| -> Vec<Node> {
        items.iter().map(|item| world_item_node(package, word, item)).collect()
    };
    let mut children = items("import", &world.imports);
    children.extend(items("export", &world.exports));
    Node { text: format!("{} {}{}", keyword("world"), world.name, deprecation(&world.deprecated)), children }
}

fn world_item_node(package: &Package, word: &str, item: &WorldItem) -> Node {
    let gate = deprecation(&item.deprecated);
    match &item.kind {
        WorldItemKind::Interface { name: Some(name), place } => {
            leaf(format!("{} {name}: {}{gate}", keyword(word), package.place_text(place)))
        }
        WorldItemKind::Interface { name: None, place } => {
            leaf(format!("{} {}{gate}", keyword(word), package.place_text(place)))
        }
        WorldItemKind::Inline(name, interface) => Node {
            text: format!("{} {name}: interface{gate}", keyword(word)),
            children: contents(package, interface),
        },
        WorldItemKind::Function(function) => Node {
            text: match &function.resource {
                Some((resource, _)) => format!("{resource}.{}", package.function_text(function)),
                None => format!("{} {}{gate}", keyword(word), package.function_text(function)),
            },
            children: Vec::new(),
        },
        WorldItemKind::Type(def) => type_node(package, def),
    }
}

fn deprecation(since: &Option<Version>) -> String {
    since.as_ref().map(|since| dim(&format!(" (deprecated since {since})"))).unwrap_or_default()
}

/// The package for programs; types and functions stand in WIT.
pub(super) fn json(package: &Package) -> Value {
    let interfaces: Vec<_> = package
        .interfaces
        .iter()
        .map(|interface| {
            let mut value = interface_json(package, interface);
            value["name"] = json!(package.place_text(&interface.place));
            value
        })
        .collect();
    let worlds: Vec<_> = package
        .worlds
        .iter()
        .map(|world| {
            let items = |items: &[WorldItem]| -> Vec<Value> {
                items.iter().map(|item| world_item_json(package, item)).collect()
            };
            json!({
                "name": world.name,
                "docs": world.docs,
                "deprecated": world.deprecated,
                "imports": items(&world.imports),
                "exports": items(&world.exports),
            })
        })
        .collect();
    json!({
        "module": false,
        "package": package.name,
        "docs": package.docs,
        "interfaces": interfaces,
        "worlds": worlds,
        "unstable": package.left_out,
    })
}

fn interface_json(package: &Package, interface: &Interface) -> Value {
    json!({
        "name": Value::Null,
        "docs": interface.docs,
        "deprecated": interface.deprecated,
        "types": interface.types.iter().map(|def| type_json(package, def)).collect::<Vec<_>>(),
        "functions": interface.functions.iter().map(|function| function_json(package, function)).collect::<Vec<_>>(),
    })
}

fn type_json(package: &Package, def: &TypeDef) -> Value {
    json!({
        "name": def.name,
        "wit": package.type_text(def),
        "docs": def.docs,
        "deprecated": def.deprecated,
    })
}

fn function_json(package: &Package, function: &Function) -> Value {
    json!({
        "name": function.full_name(),
        "wit": package.function_text(function),
        "resource": function.resource.as_ref().map(|(name, _)| name),
        "role": function.resource.as_ref().map(|(_, role)| role),
        "async": function.is_async,
        "docs": function.docs,
        "deprecated": function.deprecated,
    })
}

fn world_item_json(package: &Package, item: &WorldItem) -> Value {
    let (kind, value) = match &item.kind {
        WorldItemKind::Interface { name, place } => {
            ("interface", json!({ "name": name, "interface": full(package, place) }))
        }
        WorldItemKind::Inline(name, interface) => {
            let mut value = interface_json(package, interface);
            value["name"] = json!(name);
            ("inline", value)
        }
        WorldItemKind::Function(function) => ("function", function_json(package, function)),
        WorldItemKind::Type(def) => ("type", type_json(package, def)),
    };
    let mut value = value;
    value["kind"] = json!(kind);
    value["deprecated"] = json!(item.deprecated);
    value
}

/// An interface as every package names it.
fn full(package: &Package, place: &Place) -> String {
    match place {
        Place::Own(name) => {
            let version = package.name.version.as_ref().map(|version| format!("@{version}"));
            format!("{}/{name}{}", package.name.unversioned(), version.unwrap_or_default())
        }
        other => package.place_text(other),
    }
}
