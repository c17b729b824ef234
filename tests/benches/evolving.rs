//! What evolving costs: linking and planning among two hundred modules, comparing contracts, and upgrades of a table of
//! a million rows. Modules are made from their contracts alone.

use crate::component::component;
use crate::probe::{importer, provider, schema_of};
use crate::table::{Table, median, nanos};
use interstice_codec::row::{push_row_with, to_bytes};
use interstice_node::{Acknowledge, CallOptions, Node, NodeOptions, UpgradeOptions};
use interstice_test::component_of;
use interstice_tests::machine;
use interstice_wit::Sources;
use interstice_wit::diff::compare;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

const MODULES: usize = 200;
const ROWS: u64 = 1_000_000;
const FEW_ROWS: u64 = 1_000;
const PEOPLE: u32 = 100_000;

pub(crate) fn run(table: &mut Table) {
    among_modules(table);
    contracts(table);
    tables(table);
    migration(table);
}

fn open(folder: &Path) -> Node {
    let doors = interstice_node::log::os::doors(folder).unwrap();
    let cache = machine::options().cache;
    let options = NodeOptions { cache, snapshot_log_bytes: None, ..NodeOptions::default() };
    Node::open(doors, options, &mut |_| {}).unwrap().0
}

/// Milliseconds of each round of some work.
fn millis(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut samples: Vec<f64> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    median(&mut samples)
}

/// A contract with functions, types and a table of the size that a module usually has. `more` stands in the interface.
fn contract(name: &str, version: &str, more: &str) -> String {
    format!(
        "package acme:{name}@{version};
        interface tables {{
          /// @table(primary-key = id, visibility = public)
          /// @index(owner, worth)
          record coin {{
            /// @auto-increment
            id: u64,
            owner: string,
            worth: s64,
            kind: kind,
          }}
          enum kind {{ gold, silver }}
        }}
        interface api {{
          use tables.{{kind}};
          record offer {{ owner: string, price: u64, kinds: list<kind> }}
          variant refusal {{ too-dear(u64), unknown(string), closed }}
          /// @reducer
          buy: func(offer: offer) -> result<u64, refusal>;
          /// @reducer
          sell: func(id: u64) -> result<_, refusal>;
          /// @query
          price: func(kind: kind) -> option<u64>;
          /// @query
          offers: func(owner: string) -> list<offer>;
          {more}
        }}
        world w {{ export tables; export api; }}"
    )
}

/// A module that imports the first one and calls it.
fn dependent(number: usize) -> Vec<u8> {
    let mut sources = Sources::new();
    sources.add_root(
        "module.wit",
        format!(
            "package acme:m{number}@1.0.0;
            interface api {{
              /// @reducer
              run: func(value: u64) -> result<u64, string>;
            }}
            world w {{ import acme:m0/api@1.0.0; export api; }}"
        ),
    );
    sources.add_dependency_file("m0", "deps/m0.wit", contract("m0", "1.0.0", ""));
    component(&sources).1
}

/// A database with that many modules, of which all others import the first.
struct Street {
    node: Option<Node>,
    folder: TempDir,
}

impl Street {
    fn with(modules: usize) -> Street {
        let folder = tempfile::tempdir().unwrap();
        let node = open(folder.path());
        node.install(&provider(&contract("m0", "1.0.0", ""), &[])).unwrap();
        (1..modules).for_each(|number| drop(node.install(&dependent(number)).unwrap()));
        Street { node: Some(node), folder }
    }

    fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    /// Milliseconds to install a module that imports all that the first one has.
    fn install(&self, component: &[u8], rounds: usize) -> f64 {
        let mut samples = Vec::new();
        for _ in 0..rounds {
            let began = Instant::now();
            self.node().install(component).unwrap();
            samples.push(began.elapsed().as_secs_f64() * 1e3);
            self.node().uninstall("acme:probe").unwrap();
        }
        median(&mut samples)
    }

    fn plan(&self, component: &[u8], rounds: usize) -> f64 {
        millis(rounds, || {
            let plan = self.node().plan(&[component], &UpgradeOptions::default()).unwrap();
            assert_eq!(plan.refusals, Vec::<String>::new());
        })
    }

    /// Milliseconds to open it again, its modules being compiled.
    fn reopen(&mut self, rounds: usize) -> f64 {
        let mut samples = Vec::new();
        for _ in 0..rounds {
            self.node.take().unwrap().close().unwrap();
            let began = Instant::now();
            self.node = Some(open(self.folder.path()));
            samples.push(began.elapsed().as_secs_f64() * 1e3);
        }
        median(&mut samples)
    }
}

fn among_modules(table: &mut Table) {
    let rounds = table.rounds().min(7);
    let text = contract("m0", "1.0.0", "");
    let probe = importer(&schema_of(&text, &[]), &text, &[]).unwrap();
    let next = provider(&contract("m0", "1.1.0", "/// @query\n count: func() -> u64;"), &[]);
    let (mut many, mut few) = (Street::with(MODULES), Street::with(2));
    // Compiled once.
    many.install(&probe, 1);
    few.install(&probe, 1);
    let (in_many, in_few) = (many.install(&probe, rounds), few.install(&probe, rounds));
    table.add(
        "installing a module that imports 4 functions and a table, with 200 installed",
        2.0,
        "the same with 2 installed",
        in_many * 1e3,
        in_few * 1e3,
        "µs",
    );
    let (of_many, of_few) = (many.plan(&next, rounds), few.plan(&next, rounds));
    table.add(
        "plan of an upgrade of a module that 199 others import, for each",
        1.0,
        "the whole plan with one other",
        of_many * 1e3 / (MODULES - 1) as f64,
        of_few * 1e3,
        "µs",
    );
    let (opened_many, opened_few) = (many.reopen(rounds), few.reopen(rounds));
    table.add(
        "opening a database with 200 modules that were compiled before, for each",
        1.0,
        "opening one with 2, for each",
        opened_many * 1e3 / MODULES as f64,
        opened_few * 1e3 / 2.0,
        "µs",
    );
    let upgraded = |street: &Street| {
        millis(1, || drop(street.node().upgrade(&[&next], &UpgradeOptions::default()).unwrap()))
    };
    let (made_many, made_few) = (upgraded(&many), upgraded(&few));
    table.add(
        "the upgrade itself, for each of the 199",
        1.0,
        "the whole upgrade with one other",
        made_many * 1e3 / (MODULES - 1) as f64,
        made_few * 1e3,
        "µs",
    );
}

/// Comparing two versions of one contract.
fn contracts(table: &mut Table) {
    let (old, new) =
        (contract("m0", "1.0.0", ""), contract("m0", "1.1.0", "/// @query\n count: func() -> u64;"));
    let schemas = (schema_of(&old, &[]), schema_of(&new, &[]));
    table.compare(
        "diff of two versions of a contract, in process",
        1.0,
        "reading one of them from WIT",
        || (0..100).map(|_| u64::from(!compare(&schemas.0, &schemas.1).changes.is_empty())).sum(),
        || (0..20).map(|_| schema_of(&old, &[]).tables().count() as u64).sum(),
    );
    let Some(command) = command() else {
        eprintln!(
            "`interstice diff` is left out: build the command first (cargo build --release --workspace --bin interstice)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let paths = ["old.wit", "new.wit"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], &old).unwrap();
    std::fs::write(&paths[1], &new).unwrap();
    let run = |arguments: &[&str]| {
        let mut process = Command::new(&command);
        let status = process.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.code().is_some());
        1
    };
    table.compare(
        "`interstice diff` of two files of WIT, the whole command",
        2.0,
        "`interstice --version`",
        || run(&["diff", paths[0].to_str().unwrap(), paths[1].to_str().unwrap()]),
        || run(&["--version"]),
    );
}

/// The command, if it was built in the folder of this program.
fn command() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let command = own.parent()?.parent()?.join("interstice");
    command.exists().then_some(command)
}

/// A module with one table of these columns besides its key.
fn till(version: &str, index: &str, columns: &str) -> Vec<u8> {
    provider(
        &format!(
            "package acme:till@{version};
            interface tables {{
              /// @table(primary-key = id)
              {index}
              record coin {{ id: u64, {columns} }}
            }}
            world w {{ export tables; }}"
        ),
        &[],
    )
}

/// The versions of it after the first, each with what it changes.
fn versions() -> Vec<(&'static str, Vec<u8>)> {
    let renamed =
        |from: &str, to: &str| format!("/// @renamed-from({from})\n{to}: string, amount: u8, worth: u32,");
    let mut next = 0;
    let mut of = |what, index: &str, columns: &str| {
        next += 1;
        (what, till(&format!("1.{next}.0"), index, columns))
    };
    let added = |columns: u32| {
        let added = (0..columns).map(|at| format!("/// @default({at})\nextra{at}: u32,"));
        format!(
            "owner: string, amount: u8, worth: u32, {}",
            added.collect::<String>().replace("///", "\n///")
        )
    };
    vec![
        of("added", "", &added(1)),
        of("added", "", &added(2)),
        of("added", "", &added(3)),
        of("removed", "", &added(0)),
        of("renamed", "", &format!("\n{}", renamed("owner", "holder"))),
        of("renamed", "", &format!("\n{}", renamed("holder", "keeper"))),
        of("renamed", "", &format!("\n{}", renamed("keeper", "owner"))),
        of("widened", "", "owner: string, amount: u16, worth: u32,"),
        of("widened", "", "owner: string, amount: u32, worth: u32,"),
        of("widened", "", "owner: string, amount: u64, worth: u32,"),
        of("indexed", "/// @index(worth)", "owner: string, amount: u64, worth: u32,"),
    ]
}

/// Numbers in no order, each once.
fn scattered(number: u64) -> u32 {
    (number as u32).wrapping_mul(2_654_435_761)
}

/// Milliseconds of the upgrades of a table with that many rows, by what they change.
fn upgrades(rows: u64, versions: &[(&'static str, Vec<u8>)]) -> BTreeMap<&'static str, f64> {
    const BATCH: u64 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let node = open(folder.path());
    node.install(&till("1.0.0", "", "owner: string, amount: u8, worth: u32,")).unwrap();
    let function = node.function("acme:till", "seeding.coin-insert-many").unwrap();
    let options = CallOptions { acknowledge: Acknowledge::Memory, ..CallOptions::default() };
    for first in (0..rows).step_by(BATCH as usize) {
        let mut batch = Vec::new();
        for id in first..(first + BATCH).min(rows) {
            let row = (id, format!("owner {id}"), id as u8, scattered(id));
            push_row_with(&mut batch, |out| out.extend(to_bytes(&row)));
        }
        node.call(&function, &to_bytes(&(batch,)), &options).unwrap();
    }
    node.flush().unwrap();
    // Compiled before, as those of the other table.
    let mut samples: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for (what, component) in versions {
        node.plan(&[component], &UpgradeOptions::default()).unwrap();
        let took = millis(1, || drop(node.upgrade(&[component], &UpgradeOptions::default()).unwrap()));
        samples.entry(what).or_default().push(took);
    }
    node.close().unwrap();
    samples.into_iter().map(|(what, mut samples)| (what, median(&mut samples))).collect()
}

fn tables(table: &mut Table) {
    let versions = versions();
    let rows = if table.rounds() == 1 { ROWS / 10 } else { ROWS };
    let (large, small) = (upgrades(rows, &versions), upgrades(FEW_ROWS, &versions));
    for (what, text) in [
        ("added", "upgrade that adds a column to 1,000,000 rows"),
        ("renamed", "upgrade that renames a column of 1,000,000 rows"),
        ("widened", "upgrade that widens a column of 1,000,000 rows"),
    ] {
        table.add(text, 2.0, "to 1,000 rows", large[what] * 1e3, small[what] * 1e3, "µs");
    }
    let ordered = nanos(&mut || {
        let index: BTreeMap<(u32, u64), ()> = (0..rows).map(|id| ((scattered(id), id), ())).collect();
        index.len() as u64
    });
    table.add(
        "upgrade that builds an index of 1,000,000 rows, a row",
        1.0,
        "collecting them into a BTreeMap, and 200 ns",
        large["indexed"] * 1e6 / rows as f64,
        ordered + 200.0,
        "ns",
    );
}

/// A migration that splits a column, by modules that were written in Rust.
fn migration(table: &mut Table) {
    let example = |name: &str| component_of(format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR")));
    let (first, next) = (example("people-1.0"), example("people-2.0"));
    let (mut filled, mut migrated) = (Vec::new(), Vec::new());
    for _ in 0..table.rounds().min(5) {
        let folder = tempfile::tempdir().unwrap();
        let node = open(folder.path());
        node.install(&first).unwrap();
        let (function, arguments) = node.parse_call("demo:people", &format!("populate({PEOPLE})")).unwrap();
        filled.push(nanos(&mut || {
            node.call(&function, &arguments, &CallOptions::default()).unwrap();
            PEOPLE.into()
        }));
        node.plan(&[&next], &UpgradeOptions::default()).unwrap();
        migrated.push(nanos(&mut || {
            node.upgrade(&[&next], &UpgradeOptions::default()).unwrap();
            PEOPLE.into()
        }));
        node.close().unwrap();
    }
    table.add(
        "upgrade with a migration function that splits a column of 100,000 rows, a row",
        4.0,
        "inserting these rows by a reducer, all at once and without an index",
        median(&mut migrated),
        median(&mut filled),
        "ns",
    );
}
