//! `cargo xtask demo`: the SmallBank benchmark on the database as users run it, killed in the middle, and then an upgrade.
//! It shows that nothing acknowledged is lost, that the money is what the log says, and that what breaks is refused.
//! Invariant: every number that is printed was measured or counted in this run, and a check that
//! fails ends the demo with an error.

mod audit;
mod database;
mod mix;
mod report;
mod upgrade;

use crate::setup;
use crate::shell::{self, say};
use anyhow::{Context, Result, bail};
use audit::Audit;
use database::{Answer, Database};
use indicatif::{ProgressBar, ProgressStyle};
use mix::{Half, Mix, Transaction};
use report::Report;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use upgrade::Street;

/// How many customers one loading transaction opens accounts for.
const CUSTOMERS_A_LOAD: u64 = 10_000;

/// What each customer has in each of the two accounts at the beginning, in cents.
const INITIAL_BALANCE: i64 = 10_000;

/// How much fuller than usual the pipe is when the process is killed.
const IN_FLIGHT_AT_THE_KILL: usize = 8;

/// How large the demo is.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many customers the bank has.
    #[arg(long, default_value_t = 100_000)]
    customers: u64,
    /// How many transactions run in total; the process is killed after half of them.
    #[arg(long, default_value_t = 200_000)]
    transactions: u64,
    /// How many transactions are in flight at once.
    #[arg(long, default_value_t = 256)]
    in_flight: usize,
    /// Uses this `interstice` instead of building it.
    #[arg(long, value_name = "FILE")]
    interstice: Option<PathBuf>,
    /// The seed of the random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Options {
    /// A demo that takes seconds, to show that it runs.
    pub(crate) fn small() -> Options {
        Options { customers: 200, transactions: 400, in_flight: 256, interstice: None, seed: 1 }
    }
}

/// What the demo works with.
struct Demo {
    interstice: PathBuf,
    data: PathBuf,
    modules: Vec<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let demo = prepare(options.interstice.as_deref())?;
    let mut report = Report::default();

    say(&format!("loading {} customers into {}", options.customers, demo.data.display()));
    let mut database = demo.open()?;
    report.loading = load(&mut database, options.customers)?;

    let half = options.transactions / 2;
    let mut mix = Mix::new(options.seed, options.customers);
    let mut audit = Audit::default();
    say(&format!(
        "running the SmallBank mix (seed {}), {} transactions in flight",
        options.seed, options.in_flight
    ));
    report.before = drive(&mut database, &mut mix, half, options.in_flight, &mut |answer| {
        report.latencies.take(&answer);
        audit.acknowledge(answer)
    })?;

    say("killing the process with SIGKILL, while transactions are in flight");
    fill(&mut database, &mut mix, options.in_flight * IN_FLIGHT_AT_THE_KILL)?;
    // Some answers are awaited, so that the kill comes while the rest is on its way.
    for _ in 0..options.in_flight {
        audit.acknowledge(database.next_answer()?)?;
    }
    let (answered, in_flight) = database.kill()?;
    answered.into_iter().try_for_each(|answer| audit.acknowledge(answer))?;

    say("reading the log that the process left");
    audit.read_log(&demo.log()?)?;
    audit.check(&in_flight)?;

    say("opening the database again");
    let began = Instant::now();
    let mut database = demo.open()?;
    let found = totals(&mut database)?;
    report.reopening = began.elapsed();
    let expected = audit.expected_total(options.customers, INITIAL_BALANCE);
    check_total(found, expected)?;
    report.audit = audit.summary(in_flight.len(), found);

    say("running the other half of the mix on what was recovered");
    let mut more = expected;
    report.after =
        drive(&mut database, &mut mix, options.transactions - half, options.in_flight, &mut |answer| {
            report.latencies.take(&answer);
            more += mix::effect(&answer.request, &answer.json)?;
            Ok(())
        })?;
    check_total(totals(&mut database)?, more)?;

    let alone = (options.transactions / 100).clamp(1, 2_000);
    drive(&mut database, &mut mix, alone, 1, &mut |answer| {
        report.alone.take(&answer);
        Ok(())
    })?;
    database.close()?;
    report.print();

    let folder = demo.data.parent().context("the data directory is in the folder of the demo")?;
    Street::new(&demo.interstice, folder).play()
}

/// Builds the command and the modules.
fn prepare(interstice: Option<&Path>) -> Result<Demo> {
    setup::wasm_target()?;
    let target = target_folder()?;
    let interstice = match interstice {
        Some(file) => file.canonicalize().with_context(|| format!("cannot find {}", file.display()))?,
        None => {
            say("building interstice");
            // The whole workspace is chosen, so that dependencies have the features that they have in
            // the tests and are not compiled again.
            let build = ["build", "--release", "--locked", "--workspace", "--bin", "interstice"];
            shell::run(shell::cargo().args(build))?;
            target.join("release").join("interstice")
        }
    };
    let data = target.join("demo");
    if data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    }
    fs::create_dir_all(&data)?;
    let mut modules = Vec::new();
    for half in ["savings", "checking"] {
        say(&format!("building the module smallbank/{half}"));
        let component = data.join(format!("{half}.wasm"));
        let folder = shell::root().join("examples/smallbank").join(half);
        let mut build = shell::program(&interstice, ["build", "--locked", "--output"]);
        shell::run(build.arg(&component).arg(&folder))?;
        modules.push(component);
    }
    Ok(Demo { interstice, data: data.join("data"), modules })
}

/// The target folder of the workspace, which an environment variable or a setting may have moved.
fn target_folder() -> Result<PathBuf> {
    let metadata = shell::output(shell::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    metadata["target_directory"].as_str().map(PathBuf::from).context("cargo names no target folder")
}

impl Demo {
    fn open<T>(&self) -> Result<Database<T>> {
        Database::open(&self.interstice, &self.data, &self.modules)
    }

    fn log(&self) -> Result<String> {
        shell::output(shell::program(&self.interstice, ["log", "--json", "--data"]).arg(&self.data))
    }
}

fn load(database: &mut Database<Transaction>, customers: u64) -> Result<Duration> {
    let began = Instant::now();
    let bar = bar(customers * 2, "customers");
    for half in [Half::Savings, Half::Checking] {
        for first in (0..customers).step_by(CUSTOMERS_A_LOAD as usize) {
            let count = CUSTOMERS_A_LOAD.min(customers - first);
            let arguments = json!([first, count, INITIAL_BALANCE]);
            let answer = ask(database, half, "load", arguments, false)?;
            answer["sequence"].as_u64().with_context(|| format!("loading failed: {answer}"))?;
            bar.inc(count);
        }
    }
    bar.finish_and_clear();
    Ok(began.elapsed())
}

/// The money in both halves, as the database says.
fn totals(database: &mut Database<Transaction>) -> Result<i64> {
    let mut total = 0;
    for half in [Half::Savings, Half::Checking] {
        let answer = ask(database, half, "total", json!([]), true)?;
        total += answer["ok"].as_i64().with_context(|| format!("the total was refused: {answer}"))?;
    }
    Ok(total)
}

/// Asks something while nothing else is in flight.
fn ask(
    database: &mut Database<Transaction>,
    half: Half,
    function: &str,
    arguments: Value,
    is_query: bool,
) -> Result<Value> {
    let transaction = Transaction::other(half, function);
    let request =
        json!({"module": half.module(), "function": function, "args": arguments, "query": is_query});
    database.send(transaction, request)?;
    Ok(database.next_answer()?.json)
}

/// Runs this number of transactions, with this many in flight at once. Returns how long it took.
fn drive(
    database: &mut Database<Transaction>,
    mix: &mut Mix,
    transactions: u64,
    in_flight: usize,
    take: &mut dyn FnMut(Answer<Transaction>) -> Result<()>,
) -> Result<Duration> {
    let began = Instant::now();
    let bar = bar(transactions, "transactions");
    let mut sent = 0;
    while sent < transactions || database.in_flight() > 0 {
        while sent < transactions && database.in_flight() < in_flight {
            let transaction = mix.next();
            let request = transaction.request();
            database.send(transaction, request)?;
            sent += 1;
        }
        take(database.next_answer()?)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(began.elapsed())
}

/// Sends more transactions without waiting for their answers.
fn fill(database: &mut Database<Transaction>, mix: &mut Mix, in_flight: usize) -> Result<()> {
    while database.in_flight() < in_flight {
        let transaction = mix.next();
        let request = transaction.request();
        database.send(transaction, request)?;
    }
    Ok(())
}

fn check_total(found: i64, expected: i64) -> Result<()> {
    if found != expected {
        bail!("the bank holds {found} cents, and by its transactions it should hold {expected}");
    }
    Ok(())
}

fn bar(length: u64, what: &str) -> ProgressBar {
    let template = format!("    {{wide_bar}} {{human_pos}}/{{human_len}} {what}, {{per_sec}}");
    let style = ProgressStyle::with_template(&template).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}
