//! `interstice upgrade`: replaces installed modules by other versions of themselves, or says what that would do.
//! Invariant: with `--plan` and `--dry-run` the database is afterwards what it was.

use crate::components;
use crate::database::{Opening, close, failure};
use crate::exit::{Exit, Failure};
use crate::terminal::{self, DIM, GREEN, Output, RED};
use interstice_node::{
    DependentPlan, Direction, ModulePlan, Node, TablePlan, Upgrade, UpgradeOptions, UpgradePlan,
};
use serde_json::json;
use std::path::PathBuf;

/// Replaces installed modules by other versions of themselves, all in one transaction.
///
/// Before anything changes, every module that imports one of them is linked against the new version; if one does not
/// fit, nothing is done. A provider and the modules that move to its new version are given together. The database must
/// not be open in another process.
#[derive(clap::Args)]
#[command(after_help = "\
With --plan the exit code is that of the upgrade: 0 if it can be made, 3 if --yes is wanting, 5 if
something stands against it.")]
pub(crate) struct Arguments {
    /// The components of the new versions; those that are already installed change nothing.
    #[arg(value_name = "MODULE", required = true)]
    modules: Vec<PathBuf>,
    #[command(flatten)]
    opening: Opening,
    /// Says what would happen, and to how many rows, and does nothing.
    #[arg(long, conflicts_with = "dry_run")]
    plan: bool,
    /// Does everything, runs migration functions too, and takes all of it back.
    #[arg(long)]
    dry_run: bool,
    /// Allows a lower version than the one that is installed, if no row would lose anything.
    #[arg(long)]
    rollback: bool,
    /// Agrees that tables which the new version does not have, and no migration reads, are removed with their rows.
    #[arg(long)]
    yes: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let components = components::read(&arguments.modules)?;
    components.iter().try_for_each(components::check)?;
    let node = arguments.opening.open_existing()?;
    let (done, closed) = close(&node, upgrade(arguments, &node, &components));
    done?;
    closed
}

fn upgrade(arguments: &Arguments, node: &Node, components: &[components::Component]) -> Result<(), Failure> {
    let bytes: Vec<&[u8]> = components.iter().map(|component| component.bytes.as_slice()).collect();
    let options = UpgradeOptions {
        dry_run: arguments.dry_run,
        rollback: arguments.rollback,
        gives_up_rows: arguments.yes,
    };
    let mut output = Output::new();
    if arguments.plan {
        let plan = node.plan(&bytes, &options).map_err(failure)?;
        match arguments.json {
            true => output.line(format!("{:#}", json!(plan)))?,
            false => lines(&plan).iter().try_for_each(|line| output.line(line))?,
        }
        output.flush()?;
        return match (plan.refusals.is_empty(), plan.given_up.is_empty() || arguments.yes) {
            (true, true) => Ok(()),
            (true, false) => Err(Failure::silent(Exit::Caller)),
            (false, _) => Err(Failure::silent(Exit::Version)),
        };
    }
    let spinner = terminal::spinner("upgrading".to_owned());
    let done = node.upgrade(&bytes, &options);
    spinner.finish_and_clear();
    let done = done.map_err(failure)?;
    match arguments.json {
        true => output.line(format!("{:#}", object(&done)))?,
        false => summary(&done, arguments.dry_run).iter().try_for_each(|line| output.line(line))?,
    }
    Ok(output.flush()?)
}

fn object(done: &Upgrade) -> serde_json::Value {
    json!({
        "sequence": done.sequence.map(|sequence| sequence.0),
        "changed_rows": done.changed_rows,
        "tables": done.tables,
        "plan": done.plan,
    })
}

fn summary(done: &Upgrade, is_dry_run: bool) -> Vec<String> {
    if done.plan.modules.is_empty() {
        return vec!["already installed".to_owned()];
    }
    let place = match done.sequence {
        Some(sequence) => format!("#{sequence}"),
        None => "tried, and taken back".to_owned(),
    };
    let rows = match done.changed_rows {
        0 => String::new(),
        1 => ", 1 row written".to_owned(),
        rows => format!(", {rows} rows written"),
    };
    let would = if is_dry_run { "would be upgraded" } else { "upgraded" };
    let line = |module: &ModulePlan| {
        let ModulePlan { package, from, to, .. } = module;
        format!("{package} {would} {from} -> {to} {}", terminal::stdout_style(&format!("{place}{rows}"), DIM))
    };
    let mut lines = Vec::new();
    for module in &done.plan.modules {
        lines.push(line(module));
        let own = done.tables.iter().filter(|table| table.module == module.package);
        lines.extend(own.map(|table| {
            let before = counted(table.rows_before);
            match table.rows_after {
                Some(after) => format!("  {}: {before} -> {}", table.table, counted(after)),
                None => format!("  {}: {before}, removed with the table", table.table),
            }
        }));
    }
    lines
}

fn counted(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

/// A plan for people.
fn lines(plan: &UpgradePlan) -> Vec<String> {
    let mut lines = Vec::new();
    if plan.modules.is_empty() && plan.refusals.is_empty() {
        lines.push("already installed: nothing would change".to_owned());
        return lines;
    }
    for module in &plan.modules {
        module_lines(module, &mut lines);
    }
    if !plan.dependents.is_empty() {
        lines.push("modules that import it:".to_owned());
        lines.extend(plan.dependents.iter().map(dependent_line));
    }
    match plan.owed_deliveries {
        0 => {}
        1 => lines.push("1 delivery is owed to a subscriber, and is paid first".to_owned()),
        owed => lines.push(format!("{owed} deliveries are owed to subscribers, and are paid first")),
    }
    if !plan.given_up.is_empty() {
        let given_up = plan.given_up.join(" and ");
        lines.push(format!("it can be done with --yes: {given_up} would be gone for ever"));
    } else if plan.refusals.is_empty() {
        lines.push(terminal::stdout_style("it can be done", GREEN));
    } else {
        lines.push(terminal::stdout_style("it cannot be done:", RED));
        lines.extend(plan.refusals.iter().map(|refusal| format!("  {}", refusal.replace('\n', "\n    "))));
    }
    lines
}

fn module_lines(module: &ModulePlan, lines: &mut Vec<String>) {
    let ModulePlan { package, from, to, .. } = module;
    let direction = match module.direction {
        Direction::Up => "",
        Direction::Back => ", back to an older version",
        Direction::Same => ", another artifact of the same version",
        Direction::Again => ", installed again over the tables that were kept",
    };
    lines.push(format!("{package} {from} -> {to}{direction}"));
    lines.extend(module.tables.iter().map(|table| table_line(table, !module.migrations.is_empty())));
    let named =
        |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("  {what}: {}", names.join(", ")));
    lines.extend(named("migration functions that run", &module.migrations));
    lines.extend(named("handlers of the upgrade that run", &module.handlers));
    lines.extend(named("schedules that go on", &module.schedules.kept));
    lines.extend(named("schedules that begin", &module.schedules.added));
    lines.extend(named("schedules that end", &module.schedules.removed));
}

fn table_line(table: &TablePlan, is_migrated: bool) -> String {
    let rows = counted(table.rows);
    let was = table.was.as_ref().map(|was| format!(" (was {was})")).unwrap_or_default();
    let what = match table.becomes {
        "kept" => format!("{rows}, kept as they are"),
        "converted" => format!("{rows}, read in the new shape from then on"),
        "added" => "new".to_owned(),
        "filled" if is_migrated => format!("{rows}, replaced by what the migration writes"),
        "filled" => format!("{rows}, made anew, and no migration fills it"),
        _ => format!("{rows}, removed with the table"),
    };
    let steps = match table.steps.is_empty() {
        true => String::new(),
        false => terminal::stdout_style(&format!(" ({})", table.steps.join("; ")), DIM),
    };
    format!("  {}{was}: {what}{steps}", table.table)
}

fn dependent_line(dependent: &DependentPlan) -> String {
    let DependentPlan { package, version, imports, callers, subscribers } = dependent;
    let verdict = match dependent.fits() {
        true => terminal::stdout_style("fits", GREEN),
        false => terminal::stdout_style("does not fit", RED),
    };
    let mut line = format!(
        "  {package}@{version} {verdict} {}",
        terminal::stdout_style(&format!("({})", imports.join(", ")), DIM)
    );
    for (what, reason) in [("its calls", callers), ("its handlers", subscribers)] {
        if let Some(reason) = reason {
            line.push_str(&format!("\n    {what}: {}", reason.replace('\n', "\n    ")));
        }
    }
    line
}
