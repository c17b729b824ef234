//! Modules around a case: the two versions of its contract with a way to put rows in, an importer of everything that
//! others can reach in the old version, and one that waits for every event.
//! Each is a real component, made from its contract.

use crate::component::{Relays, component, relaying};
use interstice_wit::doors::{
    DoorResult, RowFunction, render_rows, render_table, rows_interface, table_interface, typed_door,
};
use interstice_wit::{
    ExtraPackage, FunctionKind, Interface, PackageName, Schema, Sources, Storage, Table, TypeKind, TypeName,
    Visibility, read, wit_identifier,
};

/// The importer and the listener.
pub(crate) const PROBE: &str = "acme:probe";
pub(crate) const LISTENER: &str = "acme:listener";

/// What a case may import.
const RATES: &str = "package acme:rates@0.1.0;
interface rates {
  /// @query
  rate: func() -> f64;
}
";

/// The parameters and the result of `scan` of a row door.
const SCAN: &str = "func(index: u32, low: list<u8>, high: option<list<u8>>, descending: bool, limit: u32) \
                    -> tuple<u32, list<u8>>";

/// The rates, for a case that imports them.
pub(crate) fn rates() -> Vec<u8> {
    let mut sources = Sources::new();
    sources.add_root("rates.wit", format!("{RATES} world w {{ export rates; }}"));
    component(&sources).1
}

/// One version of the contract, and the versions of the package that it imports. An interface `seeding` is added: it
/// puts rows into each table as bytes, takes them out by their keys, and reads them.
pub(crate) fn provider(text: &str, former: &[&str]) -> Vec<u8> {
    let schema = schema_of(text, former);
    let mut relays = Relays::default();
    let mut seeding = String::from("interface seeding {\n");
    for (interface, table) in schema.tables() {
        let name = &table.name;
        seeding += &format!(
            "/// @reducer\n{name}-insert: func(row: list<u8>);
            /// @reducer\n{name}-insert-many: func(rows: list<u8>);
            /// @reducer\n{name}-delete: func(key: list<u8>);
            /// @query\n{name}-scan: {SCAN};\n"
        );
        let door = interface.name.package.interface(&rows_interface(table)).to_string();
        let own = schema.package.interface("seeding").to_string();
        for function in ["insert", "insert-many", "delete", "scan"] {
            relays
                .pairs
                .push(([own.clone(), format!("{name}-{function}")], [door.clone(), function.to_owned()]));
        }
        relays.imports.push(wit_identifier(&rows_interface(table)));
        relays.doors.push((ExtraPackage::Root, render_rows(table, true)));
    }
    seeding += "}\n";
    let mut text = text.to_owned();
    if schema.tables().next().is_some() {
        let world = text.rfind("world ").unwrap();
        let brace = world + text[world..].find('{').unwrap() + 1;
        text.insert_str(brace, " export seeding; ");
        text.insert_str(world, &seeding);
    }
    relaying(&sources(&text, former), &relays).1
}

/// The schema of a contract that imports these older versions of itself.
pub(crate) fn schema_of(text: &str, former: &[&str]) -> Schema {
    read(&sources(text, former), None).unwrap_or_else(|found| panic!("{}", found.render()))
}

/// The sources of one version of the contract.
pub(crate) fn sources(text: &str, former: &[&str]) -> Sources {
    let mut sources = Sources::new();
    sources.add_root("bank.wit", text);
    if text.contains("acme:rates") {
        sources.add_dependency_file("rates", "deps/rates.wit", RATES);
    }
    for (position, former) in former.iter().enumerate() {
        sources.add_dependency_file(format!("former-{position}"), format!("deps/{position}.wit"), *former);
    }
    sources
}

fn is_open(interface: &&Interface) -> bool {
    interface.visibility == Visibility::Public
}

/// The tables that others can read, with their interfaces.
pub(crate) fn public_tables(schema: &Schema) -> impl Iterator<Item = (&Interface, &Table)> {
    schema.tables().filter(|(_, table)| table.visibility == Visibility::Public)
}

/// A name for a type of another interface.
fn alias(name: &TypeName) -> String {
    format!("{}-{}", name.interface.name, name.name)
}

/// An importer of all that others can reach in this version: it imports and calls every function, knows every
/// type, and reads every public table through both doors, each function of the typed one. Nothing, if there is nothing.
pub(crate) fn importer(old: &Schema, text: &str, former: &[&str]) -> Option<Vec<u8>> {
    let mut body = String::new();
    let mut world = String::new();
    let mut reaches_any = false;
    let own = probe_package().interface("probe").to_string();
    let mut relays = Relays::default();
    for interface in old.exports.iter().filter(is_open) {
        let is_callable = |kind: &FunctionKind| matches!(kind, FunctionKind::Reducer | FunctionKind::Query);
        let mut reaches = interface.functions.iter().any(|function| is_callable(&function.kind));
        for def in &interface.types {
            let name = TypeName { interface: interface.name.clone(), name: def.name.clone() };
            let table = interface.tables.iter().find(|table| table.name == def.name);
            if table.is_some_and(|table| table.visibility == Visibility::Private) {
                continue;
            }
            let alias = alias(&name);
            body += &format!(
                "use {}.{{{} as {alias}}};\n/// @query\ntake-{alias}: func(value: {alias});\n",
                path(interface),
                wit_identifier(&def.name)
            );
            reaches |= !matches!(def.kind, TypeKind::Use(_));
        }
        if reaches {
            world += &format!(" import {};", path(interface));
            reaches_any = true;
        }
    }
    for (interface, table) in public_tables(old) {
        doors(interface, table, &own, &mut body, &mut relays);
    }
    let package = probe_package();
    let text_of_probe = format!(
        "package {package};
        interface probe {{
          {body}
          /// @reducer
          run: func();
        }}
        world prober {{{world} export probe; }}"
    );
    let mut all = sources(&text_of_probe, former);
    all.add_dependency_file("bank", "deps/bank.wit", text);
    if text.contains("acme:rates") {
        all.add_dependency_file("rates", "deps/rates.wit", RATES);
    }
    reaches_any.then(|| relaying(&all, &relays).1)
}

fn probe_package() -> PackageName {
    PackageName { namespace: "acme".to_owned(), name: "probe".to_owned(), version: "0.1.0".parse().unwrap() }
}

/// An interface by its full name, keywords escaped.
fn path(interface: &Interface) -> String {
    let PackageName { namespace, name, version } = &interface.name.package;
    let [namespace, name, word] = [namespace, name, &interface.name.name].map(|word| wit_identifier(word));
    format!("{namespace}:{name}/{word}@{version}")
}

/// Functions of the probe that hand on to both doors of a table.
fn doors(interface: &Interface, table: &Table, own: &str, body: &mut String, relays: &mut Relays) {
    let (name, package) = (&table.name, &interface.name.package);
    let mut relay = |function: String, door: &str, to: &str| {
        relays.pairs.push(([own.to_owned(), function], [package.interface(door).to_string(), to.to_owned()]));
    };
    for function in [RowFunction::Scan, RowFunction::Count] {
        let signature = if function == RowFunction::Scan { SCAN } else { "func() -> u64" };
        *body += &format!("/// @query\n{name}-rows-{}: {signature};\n", function.name());
        relay(format!("{name}-rows-{}", function.name()), &rows_interface(table), function.name());
    }
    for function in
        typed_door(&interface.name, table).iter().filter(|function| !function.operation.is_write())
    {
        let params =
            function.params.iter().map(|(name, ty)| format!("{}: {}", wit_identifier(name), ty.wit(&alias)));
        let row = alias(&TypeName { interface: interface.name.clone(), name: name.clone() });
        let result = match function.result {
            DoorResult::OptionalRow => format!("option<{row}>"),
            DoorResult::Rows => format!("list<{row}>"),
            DoorResult::Count => "u64".to_owned(),
            other => panic!("no reading function returns {other:?}"),
        };
        let params = params.collect::<Vec<_>>().join(", ");
        *body += &format!("/// @query\n{name}-typed-{}: func({params}) -> {result};\n", function.name);
        relay(format!("{name}-typed-{}", function.name), &table_interface(table), &function.name);
    }
    for (door, text) in [
        (rows_interface(table), render_rows(table, false)),
        (table_interface(table), render_table(&interface.name, table, false)),
    ] {
        relays.imports.push(format!(
            "{}:{}/{}@{}",
            wit_identifier(&package.namespace),
            wit_identifier(&package.name),
            wit_identifier(&door),
            package.version
        ));
        relays.doors.push((ExtraPackage::Dependency(package.clone()), text));
    }
}

/// A module that waits for every event of every table that others can wait for, and does nothing else. Nothing, if
/// there is no such table.
pub(crate) fn listener(old: &Schema, text: &str, former: &[&str]) -> Option<Vec<u8>> {
    let (mut body, mut world) = (String::new(), String::new());
    let mut known = Vec::new();
    for (interface, table) in public_tables(old).filter(|(_, table)| table.storage == Storage::Logged) {
        let name = wit_identifier(&table.name);
        body += &format!(
            "use {1}.{{{name}}};
            /// @on(insert {0})
            {0}-inserted: func(row: {name});
            /// @on(update {0})
            {0}-updated: func(before: {name}, after: {name});
            /// @on(delete {0})
            {0}-deleted: func(row: {name});\n",
            table.name,
            path(interface),
        );
        if !known.contains(&&interface.name) {
            known.push(&interface.name);
            world += &format!(" import {};", path(interface));
        }
    }
    let text_of_listener = format!(
        "package acme:listener@0.1.0;
        /// @visibility(private)
        interface handlers {{ {body} }}
        world listening {{{world} export handlers; }}"
    );
    let mut all = sources(&text_of_listener, former);
    all.add_dependency_file("bank", "deps/bank.wit", text);
    if text.contains("acme:rates") {
        all.add_dependency_file("rates", "deps/rates.wit", RATES);
    }
    let relays = Relays { is_silent: true, ..Relays::default() };
    (!known.is_empty()).then(|| relaying(&all, &relays).1)
}
