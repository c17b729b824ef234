//! Modules in use are replaced by other versions of themselves: what only adds leaves dependents alone, what breaks
//! them is refused until they move along, and whatever fails has changed nothing.

use crate::bank::example;
use interstice_log::{LogFilter, LogReader, NamedCause, Record, Sequence, os};
use interstice_node::{
    Acknowledge, Beginning, CallOptions, CatalogChange, Direction, Error, HistoricState, ModuleInfo, Moment,
    Node, NodeOptions, RerunOptions, TableOutcome, Upgrade, UpgradeOptions, trace, verify_calls,
};
use interstice_test::component_of;
use interstice_tests::machine::call;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const BANK: &str = "acme:bank";
const SHOP: &str = "acme:shop";

/// A bank with an account of ada's, number 3, and a shop in which she has bought tea.
struct Street {
    node: Option<Node>,
    _folder: TempDir,
    data: PathBuf,
}

fn open(data: &Path) -> Node {
    Node::open(os::doors(data).unwrap(), NodeOptions::default(), &mut |_| {}).unwrap().0
}

fn text(node: &Node, module: &str, text: &str) -> Result<String, Error> {
    let (function, arguments) = node.parse_call(module, text)?;
    let reply = match function.is_query() {
        true => node.query(&function, &arguments, &CallOptions::default())?,
        false => node.call(&function, &arguments, &CallOptions::default())?,
    };
    Ok(function.print_result(&reply.result))
}

fn component(name: &str) -> Arc<[u8]> {
    component_of(example(name))
}

impl Street {
    fn new() -> Street {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let street = Street { node: Some(open(&data)), _folder: folder, data };
        street.node().install(&component("bank")).unwrap();
        street.node().install(&component("shop")).unwrap();
        street.ask(BANK, "open-account(\"ada\")");
        street.ask(BANK, "deposit(3, 1000)");
        street.ask(SHOP, "stock({sku: \"tea\", name: \"Tea\", price: 30, stock: 9})");
        street.ask(SHOP, "place(3, \"tea\", 2)");
        street.node().settle().unwrap();
        street
    }

    fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    fn ask(&self, module: &str, what: &str) -> String {
        text(self.node(), module, what).unwrap_or_else(|error| panic!("{module} {what}: {error}"))
    }

    fn upgrade(&self, names: &[&str], options: UpgradeOptions) -> Result<Upgrade, Error> {
        let components: Vec<_> = names.iter().map(|name| component(name)).collect();
        let components: Vec<&[u8]> = components.iter().map(|component| &component[..]).collect();
        self.node().upgrade(&components, &options)
    }

    fn versions(&self) -> Vec<String> {
        let package = |module: ModuleInfo| module.schema.package.to_string();
        self.node().modules().into_iter().map(package).collect()
    }

    fn close(&mut self) {
        self.node.take().unwrap().close().unwrap();
        // Another thread may just be starting a process, which holds copies of all open files until it has become
        // another program.
        let is_held = || match LogReader::open(&os::doors(&self.data).unwrap()) {
            Ok(_) => false,
            Err(error) if error.to_string().contains(" is held by ") => true,
            Err(error) => panic!("{error}"),
        };
        while is_held() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn restart(&mut self) {
        self.close();
        self.node = Some(open(&self.data));
    }

    fn state(&self, moment: Moment, beginning: Beginning) -> HistoricState {
        HistoricState::read(&os::doors(&self.data).unwrap(), moment, beginning, &mut |_| {}).unwrap()
    }

    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let reader = LogReader::open(&os::doors(&self.data).unwrap()).unwrap();
        let mut visit = |record| {
            records.push(record);
            ControlFlow::Continue(())
        };
        reader.search(&LogFilter::default(), &mut visit, &mut |_| {}).unwrap();
        records
    }

    /// Closes the database; its calls can be run again, and its state is the same from a snapshot and from the
    /// whole log.
    fn check_history(&mut self) {
        self.close();
        let doors = os::doors(&self.data).unwrap();
        let report = verify_calls(&doors, &RerunOptions::default(), &mut |_| {}).unwrap();
        assert_eq!(report.divergence, None);
        let last = report.last.unwrap().0;
        for sequence in 1..=last {
            let moment = Moment::Sequence(Sequence(sequence));
            let digest = |beginning| self.state(moment, beginning).digest().unwrap();
            assert_eq!(
                digest(Beginning::Nearest),
                digest(Beginning::FirstRecord),
                "the state after record {sequence}"
            );
        }
        self.node = Some(open(&self.data));
    }
}

#[test]
fn what_only_adds_leaves_dependents_alone() {
    let mut street = Street::new();
    street.node().snapshot().unwrap();
    // Found before the upgrade, and right afterwards.
    let (balance, ada) = street.node().parse_call(BANK, "balance(3)").unwrap();
    let before = street.node().last_sequence().0;

    let plan = {
        let component = component("bank-1.3");
        street.node().plan(&[&component], &UpgradeOptions::default()).unwrap()
    };
    assert_eq!(plan.refusals, Vec::<String>::new());
    let module = &plan.modules[0];
    assert_eq!(
        (module.from.as_str(), module.to.as_str(), module.direction),
        ("1.2.0", "1.3.0", Direction::Up)
    );
    let tables: Vec<_> =
        module.tables.iter().map(|table| (table.table.as_str(), table.becomes, table.rows)).collect();
    assert_eq!(tables[0], ("tables.account", "kept", 3));
    assert_eq!(tables[1].1, "converted");
    assert_eq!(tables[2], ("tables.limit", "added", 0));
    assert_eq!(module.schedules.kept, ["automation.accrue"]);
    assert_eq!(module.handlers, ["automation.reserve"]);
    assert!(plan.dependents[0].fits(), "{plan:?}");
    assert_eq!(street.node().last_sequence().0, before, "a plan changes nothing");

    let tried =
        street.upgrade(&["bank-1.3"], UpgradeOptions { dry_run: true, ..UpgradeOptions::default() }).unwrap();
    assert_eq!((tried.sequence, tried.changed_rows), (None, 1), "the handler opens the reserve");
    assert_eq!(street.versions(), ["acme:bank@1.2.0", "acme:shop@0.3.0"], "a dry run changes nothing");
    assert_eq!(street.ask(BANK, "find(\"acme reserve\")"), "none");

    let done = street.upgrade(&["bank-1.3"], UpgradeOptions::default()).unwrap();
    assert_eq!(done.sequence, Some(Sequence(before + 1)), "an upgrade is one record");
    assert_eq!(street.versions(), ["acme:bank@1.3.0", "acme:shop@0.3.0"]);
    let again = street.upgrade(&["bank-1.3"], UpgradeOptions::default()).unwrap();
    assert_eq!(again.sequence, None, "the same artifact again changes nothing");

    let all = |street: &Street| {
        assert_eq!(street.ask(BANK, "balance(3)"), "some(940)");
        let reply = street.node().query(&balance, &ada, &CallOptions::default()).unwrap();
        assert_eq!(balance.print_result(&reply.result), "some(940)");
        assert!(street.ask(SHOP, "history(3)").contains("quantity: 2"));
        assert!(street.ask(BANK, "find(\"acme reserve\")").contains("id: 4"));
    };
    all(&street);
    assert_eq!(street.ask(BANK, "set-limit(3, 5)"), "ok");
    assert_eq!(street.ask(BANK, "withdraw(3, 6)"), "err(too-much(3))");
    assert_eq!(street.ask(BANK, "deposit-for(3, 0, \"nothing\")"), "ok(940)");
    all(&street);
    // The shop was built for 1.2, and buys and reads as before.
    assert!(street.ask(SHOP, "place(3, \"tea\", 1)").starts_with("ok("));
    assert_eq!(street.ask(SHOP, "affordable(3, \"tea\")"), "some(30)");
    assert_eq!(street.ask(SHOP, "refund(2)"), "ok");
    street.node().settle().unwrap();
    street.restart();
    assert_eq!(street.versions(), ["acme:bank@1.3.0", "acme:shop@0.3.0"]);
    assert_eq!(street.ask(BANK, "limit-of(3)"), "some(5)");
    street.node().snapshot().unwrap();
    assert_eq!(street.ask(BANK, "deposit-for(3, 1, \"a cent\")"), "ok(941)");
    street.check_history();

    // The log tells which version ran what, and what became of the tables.
    street.close();
    let records = street.records();
    let upgrade = &records[before as usize];
    let NamedCause::Upgrade { schema, .. } = &upgrade.cause else { panic!("{upgrade:?}") };
    let change = CatalogChange::read(schema).unwrap();
    assert_eq!(change.modules[0].to.as_ref().unwrap().schema.package.to_string(), "acme:bank@1.3.0");
    assert!(
        records[..before as usize]
            .iter()
            .filter(|record| record.package == BANK)
            .all(|record| record.version == "1.2.0")
    );
    let after = records[before as usize + 1..].iter().filter(|record| record.package == BANK);
    assert!(after.map(|record| record.version.as_str()).all(|version| version == "1.3.0"));

    // The past is what it was.
    let past = street.state(Moment::Sequence(Sequence(before)), Beginning::Nearest);
    assert_eq!(past.modules()[0].schema.package.to_string(), "acme:bank@1.2.0");
    assert_eq!(past.tables().len(), 5);
    let now = street.state(Moment::Newest, Beginning::Nearest);
    assert_eq!(now.tables().len(), 6);
}

#[test]
fn what_breaks_a_dependent_is_refused_until_it_moves_along() {
    let mut street = Street::new();
    let before = street.node().last_sequence();
    let error = street.upgrade(&["bank-2.0"], UpgradeOptions::default()).unwrap_err();
    assert_eq!(error.code(), "version.upgrade-refused");
    let told = error.to_string();
    for part in ["acme:shop@0.3.0", "acme:bank/tables@1.2.0", "acme:bank@2.0.0", "semver"] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    let alone = street.upgrade(&["shop-0.4"], UpgradeOptions::default()).unwrap_err();
    assert!(alone.to_string().contains("acme:bank"), "{alone}");
    assert_eq!(street.node().last_sequence(), before, "a refused upgrade changes nothing");
    assert_eq!(street.versions(), ["acme:bank@1.2.0", "acme:shop@0.3.0"]);
    assert!(street.ask(SHOP, "place(3, \"tea\", 1)").starts_with("ok("));
    street.restart();
    assert_eq!(street.versions(), ["acme:bank@1.2.0", "acme:shop@0.3.0"]);

    let function = street.node().function(BANK, "transfer").unwrap();
    let last = street.node().last_sequence().0;
    let done = street.upgrade(&["shop-0.4", "bank-2.0"], UpgradeOptions::default()).unwrap();
    assert_eq!(done.sequence, Some(Sequence(last + 1)), "both move in one record");
    assert_eq!(street.versions(), ["acme:bank@2.0.0", "acme:shop@0.4.0"]);
    assert!(street.ask(BANK, "find(\"ada\")").contains("currency: \"EUR\""), "older rows have the default");
    assert!(street.ask(SHOP, "place(3, \"tea\", 1)").starts_with("ok("));
    // A handle of the function as it was is refused, not called with other arguments.
    let arguments = interstice_codec::row::to_bytes(&(3u64, 1u64, 1u64));
    let error = street.node().call(&function, &arguments, &CallOptions::default()).unwrap_err();
    assert_eq!(error.code(), "version.function-changed", "{error}");
    street.node().settle().unwrap();
    street.restart();
    assert_eq!(street.versions(), ["acme:bank@2.0.0", "acme:shop@0.4.0"]);
    assert_eq!(street.ask(SHOP, "refund(3)"), "ok");
    street.check_history();
}

#[test]
fn there_is_a_way_back_while_no_row_would_lose_anything() {
    let mut street = Street::new();
    street.upgrade(&["bank-1.3"], UpgradeOptions::default()).unwrap();
    street.node().settle().unwrap();
    assert_eq!(street.ask(BANK, "deposit(3, 60)"), "ok(1000)");
    let back = UpgradeOptions { rollback: true, ..UpgradeOptions::default() };
    let error = street.upgrade(&["bank"], UpgradeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("--rollback"), "{error}");
    street.upgrade(&["bank"], back).unwrap();
    assert_eq!(street.versions(), ["acme:bank@1.2.0", "acme:shop@0.3.0"]);
    assert_eq!(street.ask(BANK, "balance(3)"), "some(1000)");
    assert!(street.ask(SHOP, "place(3, \"tea\", 1)").starts_with("ok("));
    street.restart();
    assert_eq!(street.ask(BANK, "balance(3)"), "some(970)");

    street.upgrade(&["bank-1.3"], UpgradeOptions::default()).unwrap();
    assert_eq!(street.ask(BANK, "deposit-for(3, 1, \"a memo\")"), "ok(971)");
    let before = street.node().last_sequence();
    let error = street.upgrade(&["bank"], back).unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("tables.entry") && told.contains("a memo") && told.contains("no way back"),
        "{told}"
    );
    assert_eq!(street.node().last_sequence(), before);
    assert_eq!(street.ask(BANK, "set-limit(3, 5)"), "ok");
    let told = street.upgrade(&["bank"], back).unwrap_err().to_string();
    assert!(told.contains("tables.limit") && told.contains("1 row"), "{told}");
    street.check_history();
}

#[test]
fn what_is_uninstalled_is_found_again_and_what_is_purged_is_gone() {
    let mut street = Street::new();
    let error = street.node().uninstall(BANK).unwrap_err();
    assert_eq!(error.code(), "version.has-dependents");
    assert!(error.to_string().contains("acme:shop@0.3.0"), "{error}");
    let error = street.node().purge(SHOP).unwrap_err();
    assert_eq!(error.code(), "caller.still-installed");
    assert_eq!(street.node().uninstall("acme:cafe").unwrap_err().code(), "caller.not-installed");

    let removal = street.node().uninstall(SHOP).unwrap();
    assert_eq!(removal.tables.iter().map(|(_, rows)| rows).sum::<u64>(), 3);
    let again = street.node().uninstall(SHOP).unwrap_err().to_string();
    assert!(again.contains("its tables are kept"), "{again}");
    assert_eq!(street.versions(), ["acme:bank@1.2.0"]);
    assert_eq!(text(street.node(), SHOP, "history(3)").unwrap_err().code(), "caller.unknown-module");
    street.node().snapshot().unwrap();
    street.restart();
    assert_eq!(street.versions(), ["acme:bank@1.2.0"]);
    assert_eq!(street.node().kept().len(), 1);
    assert_eq!(street.ask(BANK, "balance(3)"), "some(940)");
    // Nobody imports the bank any more: it may break.
    street.upgrade(&["bank-2.0"], UpgradeOptions::default()).unwrap();
    let error = street.node().install(&component("shop")).unwrap_err();
    assert!(error.to_string().contains("acme:bank"), "{error}");

    let installed = street.node().install(&component("shop-0.4")).unwrap();
    assert!(installed.sequence.is_some());
    assert!(street.node().kept().is_empty());
    assert!(street.ask(SHOP, "history(3)").contains("quantity: 2"), "its orders are there again");
    assert!(street.ask(SHOP, "place(3, \"tea\", 1)").contains("id: 2"), "and its counters go on");
    street.restart();
    assert_eq!(street.versions(), ["acme:bank@2.0.0", "acme:shop@0.4.0"]);

    street.node().uninstall(SHOP).unwrap();
    street.restart();
    let removal = street.node().purge(SHOP).unwrap();
    assert_eq!(removal.tables.len(), 3);
    assert!(street.node().kept().is_empty());
    assert_eq!(street.node().purge(SHOP).unwrap_err().code(), "caller.not-installed");
    street.restart();
    assert!(street.node().kept().is_empty());
    street.node().install(&component("shop-0.4")).unwrap();
    assert_eq!(street.ask(SHOP, "history(3)"), "[]");
    street.check_history();
}

#[test]
fn a_query_of_an_older_version_reads_by_the_catalog_of_that_version() {
    let street = Street::new();
    let node = street.node();
    let (function, arguments) = node.parse_call(BANK, "balance(3)").unwrap();
    // Held at the version before the upgrade, and asked after it.
    let held = node.send_query(&function, arguments, CallOptions::default().caller).unwrap();
    street.upgrade(&["bank-1.3"], UpgradeOptions::default()).unwrap();
    call(node, BANK, "deposit(3, 1)", Acknowledge::Durable).unwrap();
    let reply = held.wait(Acknowledge::Memory).unwrap();
    assert_eq!(function.print_result(&reply.result), "some(940)");
    assert_eq!(street.ask(BANK, "balance(3)"), "some(941)");
}

const PEOPLE: &str = "demo:people";

/// A register with people made up of four first names and five last ones.
fn register(people: u32) -> (TempDir, PathBuf, Node) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = open(&data);
    node.install(&component("people-1.0")).unwrap();
    text(&node, PEOPLE, &format!("populate({people})")).unwrap();
    (folder, data, node)
}

#[test]
fn a_migration_splits_a_column_of_a_hundred_thousand_rows() {
    let (_folder, data, node) = register(100_000);
    let next = component("people-2.0");
    let plan = node.plan(&[&next], &UpgradeOptions::default()).unwrap();
    assert_eq!(plan.refusals, Vec::<String>::new());
    let module = &plan.modules[0];
    assert_eq!(module.migrations, ["migration.split-names"]);
    assert_eq!((module.tables[0].becomes, module.tables[0].rows), ("filled", 100_000));
    let before = node.last_sequence();
    let tried =
        node.upgrade(&[&next], &UpgradeOptions { dry_run: true, ..UpgradeOptions::default() }).unwrap();
    assert_eq!((tried.sequence, tried.changed_rows), (None, 100_000));
    assert_eq!(text(&node, PEOPLE, "name-of(5)").unwrap(), "some(\"Ada van Wijngaarden\")");
    assert_eq!(node.last_sequence(), before, "a dry run leaves no record");

    let done = node.upgrade(&[&next], &UpgradeOptions::default()).unwrap();
    assert_eq!((done.sequence, done.changed_rows), (Some(before.next()), 100_000));
    let check = |node: &Node| {
        assert_eq!(text(node, PEOPLE, "count()").unwrap(), "100000");
        assert_eq!(text(node, PEOPLE, "namesakes(\"van Wijngaarden\")").unwrap(), "20000");
        assert_eq!(text(node, PEOPLE, "name-of(5)").unwrap(), "some(\"Ada van Wijngaarden\")");
    };
    check(&node);
    assert_eq!(text(&node, PEOPLE, "add(\"Barbara\", \"Liskov\", 1939)").unwrap(), "100001", "numbers go on");
    node.close().unwrap();
    drop(node);
    // Replay runs no migration; running the calls again does, and does the same.
    let report = verify_calls(&os::doors(&data).unwrap(), &RerunOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(report.divergence, None);
    let upgrade = trace(&os::doors(&data).unwrap(), before.next(), &RerunOptions::default(), &mut |_| {});
    let upgrade = upgrade.unwrap();
    assert!(upgrade.change.unwrap().starts_with("upgraded to "));
    assert_eq!((upgrade.function, upgrade.divergence), (None, None));
    let node = open(&data);
    assert_eq!(text(&node, PEOPLE, "count()").unwrap(), "100001");
    node.snapshot().unwrap();
    node.close().unwrap();
    drop(node);
    let node = open(&data);
    assert_eq!(text(&node, PEOPLE, "namesakes(\"Liskov\")").unwrap(), "1");
    // The way back is closed: nobody knows how to make whole names of these again.
    let back = UpgradeOptions { rollback: true, ..UpgradeOptions::default() };
    let error = node.upgrade(&[&component("people-1.0")], &back).unwrap_err();
    assert!(error.to_string().contains("no way back"), "{error}");
    node.close().unwrap();
}

/// A migration that copied rows had the table count on from the largest number among them, so that those of rows
/// deleted before were given out again.
#[test]
fn numbers_go_on_after_a_migration_from_where_they_were() {
    let (_folder, data, node) = register(5);
    assert_eq!(text(&node, PEOPLE, "strike-off(5)").unwrap(), "true");
    let (next, dry) =
        (component("people-2.0"), UpgradeOptions { dry_run: true, ..UpgradeOptions::default() });
    let outcome = TableOutcome {
        module: PEOPLE.to_owned(),
        table: "tables.person".to_owned(),
        rows_before: 4,
        rows_after: Some(4),
    };
    assert_eq!(node.upgrade(&[&next], &dry).unwrap().tables, std::slice::from_ref(&outcome));
    assert_eq!(node.upgrade(&[&next], &UpgradeOptions::default()).unwrap().tables, [outcome]);
    let reopened = |node: Node| {
        node.close().unwrap();
        drop(node);
        let report = verify_calls(&os::doors(&data).unwrap(), &RerunOptions::default(), &mut |_| {}).unwrap();
        assert_eq!(report.divergence, None);
        open(&data)
    };
    let node = reopened(node);
    assert_eq!(text(&node, PEOPLE, "add(\"Barbara\", \"Liskov\", 1939)").unwrap(), "6");
    let node = reopened(node);
    assert_eq!(text(&node, PEOPLE, "add(\"Frances\", \"Allen\", 1932)").unwrap(), "7");
    node.close().unwrap();
}

#[test]
fn numbers_go_on_after_a_migration_that_copies_no_row() {
    let (_folder, data, node) = register(1);
    assert_eq!(text(&node, PEOPLE, "strike-off(1)").unwrap(), "true");
    node.upgrade(&[&component("people-2.0")], &UpgradeOptions::default()).unwrap();
    node.close().unwrap();
    drop(node);
    let report = verify_calls(&os::doors(&data).unwrap(), &RerunOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(report.divergence, None);
    let node = open(&data);
    assert_eq!(text(&node, PEOPLE, "add(\"Barbara\", \"Liskov\", 1939)").unwrap(), "2");
    node.close().unwrap();
}

#[test]
fn a_migration_that_refuses_changes_nothing() {
    let (_folder, data, node) = register(3);
    text(&node, PEOPLE, "add(\"\", 1950)").unwrap();
    let before = node.last_sequence();
    let next = component("people-2.0");
    for dry_run in [true, false] {
        let error =
            node.upgrade(&[&next], &UpgradeOptions { dry_run, ..UpgradeOptions::default() }).unwrap_err();
        assert_eq!(error.code(), "module.migration-refused");
        assert!(
            error.to_string().contains("migration.split-names returned err(\"person 4 has no name\")"),
            "{error}"
        );
    }
    assert_eq!(node.last_sequence(), before);
    assert_eq!(text(&node, PEOPLE, "name-of(1)").unwrap(), "some(\"Ada Lovelace\")");
    assert_eq!(
        text(&node, PEOPLE, "add(\"Barbara Liskov\", 1939)").unwrap(),
        "5",
        "the old version goes on writing"
    );
    node.close().unwrap();
    drop(node);
    let node = open(&data);
    assert_eq!(text(&node, PEOPLE, "name-of(5)").unwrap(), "some(\"Barbara Liskov\")");
    node.close().unwrap();
}

#[test]
fn tables_without_rows_need_no_migration_and_it_is_not_run_in_an_installation() {
    let (_folder, _data, node) = register(0);
    assert_eq!(
        node.upgrade(&[&component("people-2.0")], &UpgradeOptions::default()).unwrap().changed_rows,
        0
    );
    let folder = tempfile::tempdir().unwrap();
    let fresh = open(&folder.path().join("data"));
    fresh.install(&component("people-2.0")).unwrap();
    assert_eq!(text(&fresh, PEOPLE, "add(\"Ada\", \"Lovelace\", 1815)").unwrap(), "1");
    fresh.close().unwrap();
    let fresh = open(&folder.path().join("data"));
    assert_eq!(text(&fresh, PEOPLE, "name-of(1)").unwrap(), "some(\"Ada Lovelace\")");
    node.close().unwrap();
}

#[test]
fn a_unique_index_that_rows_do_not_fit_is_refused_with_their_keys() {
    const JOURNAL: &str = "test:journal";
    let folder = tempfile::tempdir().unwrap();
    let node = open(&folder.path().join("data"));
    node.install(&component_of(crate::module("journal"))).unwrap();
    for number in [7, 8, 7, 9] {
        call(&node, JOURNAL, &format!("write({number}, 3)"), Acknowledge::Durable).unwrap();
    }
    let before = node.last_sequence();
    let next = component_of(crate::module("journal-2"));
    let error = node.upgrade(&[&next], &UpgradeOptions::default()).unwrap_err();
    assert_eq!(error.code(), "version.upgrade-refused");
    let told = error.to_string();
    assert!(told.contains("index `number`") && told.contains("the rows 1 and 3"), "{told}");
    assert_eq!(node.last_sequence(), before);
    assert_eq!(text(&node, JOURNAL, "numbers()").unwrap(), "[7, 8, 7, 9]");
    call(&node, JOURNAL, "write(7, 3)", Acknowledge::Durable).unwrap();
    node.close().unwrap();
}
