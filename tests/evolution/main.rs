//! Whatever `diff` calls compatible for callers links and runs, and whatever it calls breaking is refused when it is
//! forced under a version that an importer would take; rows of the old version are read by the store in every new
//! one that is compatible.
//! Importers and providers are real components, made from the contracts of the cases beside this file.
#![allow(clippy::unwrap_used, missing_docs)]

mod base;
mod case;
mod component;
mod linking;
mod living;
mod probe;
mod rows;

use base::Base;
use case::Case;
use interstice_node::Error;
use interstice_wit::diff::{Comparison, Verdict, compare};
use interstice_wit::evolution::{self, TableChange};
use probe::{LISTENER, PROBE};
use rows::{Filled, fill, known_rows};
use std::sync::OnceLock;

/// The components of a case.
struct Parts {
    package: String,
    rates: Option<Vec<u8>>,
    old: Vec<u8>,
    /// The new version under a number that every importer of the old one takes.
    new: Vec<u8>,
    new_package: String,
    importer: Option<Vec<u8>>,
    listener: Option<Vec<u8>>,
}

impl Parts {
    fn of(case: &Case) -> Parts {
        let former =
            case.former.each_ref().map(|former| former.iter().map(String::as_str).collect::<Vec<_>>());
        let needs_rates = case.old_text.contains("acme:rates") || case.new_text.contains("acme:rates");
        Parts {
            package: case.old.package.unversioned(),
            rates: needs_rates.then(probe::rates),
            old: probe::provider(&case.old_text, &former[0]),
            new: probe::provider(&forced(case), &former[1]),
            new_package: case.new.package.unversioned(),
            importer: probe::importer(&case.old, &case.old_text, &former[0]),
            listener: probe::listener(&case.old, &case.old_text, &former[0]),
        }
    }

    /// A database with this version of the provider.
    fn with(&self, provider: &[u8]) -> Base {
        let base = Base::new();
        if let Some(rates) = &self.rates {
            base.install(rates).unwrap();
        }
        base.install(provider).unwrap();
        base
    }
}

/// The new contract under a version that serves whoever was built against the old one: further on the same track, or
/// the same prerelease once more.
fn forced(case: &Case) -> String {
    let (old, new) = (&case.old.package.version, &case.new.package.version);
    let version = match (new == old, new.pre.is_empty()) {
        (true, true) => format!("{}.9.0", old.major),
        (_, false) => old.to_string(),
        (false, true) => return case.new_text.clone(),
    };
    case.new_text.replace(&format!("@{new};"), &format!("@{version};"))
}

/// Whether rows of the old version need a function, and no migration of the new one is for them.
fn needs_function(case: &Case, filled: &Filled) -> bool {
    let tables = evolution::tables(&case.old, &case.new);
    let mut stuck = tables.iter().filter(|table| matches!(table.change, TableChange::ByFunction { .. }));
    let migrates = !case.former[1].is_empty();
    !migrates && stuck.any(|table| filled.rows_of(&table.old.as_ref().unwrap().name) > 0)
}

/// One case after the other; what went wrong is told of all together.
fn each(mut check: impl FnMut(&Case, &Parts, &Comparison) -> Result<(), String>) {
    static CASES: OnceLock<Vec<(Case, Parts)>> = OnceLock::new();
    let cases = CASES.get_or_init(|| {
        let with_parts = |case: Case| {
            let parts = Parts::of(&case);
            (case, parts)
        };
        case::all_files().into_iter().map(with_parts).collect()
    });
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(case, parts)| {
            let found = check(case, parts, &compare(&case.old, &case.new));
            found.err().map(|reason| format!("{}: {reason}", case.title))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a refusal must look like.
fn is_refused(outcome: Result<(), Error>, code: &str, by: &str) -> Result<(), String> {
    match outcome {
        Err(error) if error.code() == code && error.to_string().contains(by) => Ok(()),
        other => Err(format!("must be refused ({code}, {by}), and was {}", told(other))),
    }
}

fn told(outcome: Result<(), Error>) -> String {
    outcome.map_or_else(|error| format!("{}: {error}", error.code()), |()| "done".to_owned())
}

#[test]
fn what_is_compatible_for_callers_links_and_runs_and_what_breaks_is_refused() {
    let (mut ran, mut refused) = (0, 0);
    each(|_, parts, verdicts| {
        let Some(importer) = &parts.importer else {
            return match verdicts.callers {
                Verdict::Compatible => Ok(()),
                _ => Err("breaks callers, and there is nothing to call".to_owned()),
            };
        };
        let base = parts.with(&parts.new);
        let outcome = base.install(importer);
        if verdicts.callers == Verdict::Breaking {
            refused += 1;
            return is_refused(outcome, "version.link", PROBE);
        }
        outcome.map_err(|error| error.to_string())?;
        ran += 1;
        base.ask(PROBE, "run", &[]).map(drop)
    });
    assert!(ran > 30 && refused > 100, "both are tried: {ran} ran, {refused} were refused");
}

#[test]
fn an_upgrade_is_refused_if_it_breaks_callers_and_otherwise_they_read_the_rows_that_they_knew() {
    let (mut read, mut refused, mut stuck, mut converted) = (0, 0, 0, 0);
    each(|case, parts, verdicts| {
        let base = parts.with(&parts.old);
        let filled = fill(&base, case);
        if let Some(importer) = &parts.importer {
            base.install(importer).unwrap();
        }
        let before = known_rows(&base, &case.old)?;
        let (last, is_other) = (base.node().last_sequence(), parts.package != parts.new_package);
        let outcome = base.upgrade(&parts.new);
        if is_other {
            return is_refused(outcome, "caller.not-installed", &parts.new_package);
        }
        let needs_function = needs_function(case, &filled);
        if verdicts.callers == Verdict::Breaking || needs_function {
            let by = match verdicts.callers {
                Verdict::Breaking => PROBE,
                _ => "a migration function is needed",
            };
            is_refused(outcome, "version.upgrade-refused", by)?;
            if base.node().last_sequence() != last {
                return Err("a refused upgrade has left a record".to_owned());
            }
            if needs_function {
                stuck += 1;
            }
        } else {
            outcome.map_err(|error| error.to_string())?;
            read += 1;
        }
        if known_rows(&base, &case.old)? != before {
            return Err("an importer reads other rows than before".to_owned());
        }
        if verdicts.callers == Verdict::Breaking {
            refused += 1;
            // Nothing holds it back once nobody imports what it breaks.
            base.node().uninstall(PROBE).unwrap();
            let outcome = base.upgrade(&parts.new);
            if needs_function {
                return is_refused(outcome, "version.upgrade-refused", "a migration function is needed");
            }
            outcome.map_err(|error| error.to_string())?;
        } else if needs_function {
            return Ok(());
        } else if parts.importer.is_some() {
            base.ask(PROBE, "run", &[])?;
        }
        converted += filled.check_converted(&base, case)?;
        Ok(())
    });
    assert!(read > 60 && refused > 100 && stuck > 20, "{read} read, {refused} refused, {stuck} stuck");
    assert!(converted > 400, "rows were converted: {converted}");
}

#[test]
fn an_upgrade_is_refused_if_it_breaks_subscribers_and_otherwise_they_are_told_of_the_rows_that_they_knew() {
    let (mut told, mut refused) = (0, 0);
    each(|case, parts, verdicts| {
        let Some(listener) = &parts.listener else {
            return match verdicts.subscribers {
                Verdict::Breaking if parts.package == parts.new_package => {
                    Err("breaks subscribers, and there is nothing to wait for".to_owned())
                }
                _ => Ok(()),
            };
        };
        // Tables are empty, so that no row needs a function.
        let base = parts.with(&parts.old);
        base.install(listener).unwrap();
        let outcome = base.upgrade(&parts.new);
        if verdicts.subscribers == Verdict::Breaking {
            refused += 1;
            return is_refused(outcome, "version.upgrade-refused", LISTENER);
        }
        outcome.map_err(|error| error.to_string())?;
        told += rows::events_are_told(base, case)?;
        Ok(())
    });
    assert!(told > 200 && refused > 20, "both are tried: {told} events, {refused} were refused");
}
