//! Schedules: functions that the host calls again and again.
//! Every run leaves a record, also an empty or a failed one, so that a restart knows when the last
//! one was; runs that were missed while the node was down are made up by one.
//! Invariant: when a function runs depends on the log and the clock, never on what is in memory.

use crate::catalog::{Catalog, Module};
use crate::context::Target;
use crate::error::Error;
use crate::install::function_index;
use crate::tables::local_name;
use crate::transaction::{Request, Tools, Writer};
use interstice_engine::Caller;
use interstice_log::Cause;
use interstice_wit::FunctionKind;
use std::collections::HashMap;

/// The last run of a scheduled function, as its record tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastRun {
    /// When it was to run.
    pub(crate) due_micros: u64,
    /// When it ran.
    pub(crate) ran_micros: u64,
}

/// A function that waits for its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) target: Target,
    every_micros: u64,
    /// Since when it waits, if it never ran.
    pub(crate) since_micros: u64,
    /// When it is to run next, in microseconds since the Unix epoch.
    due_micros: u64,
    /// The last time that it ran, if it ever did.
    pub(crate) last_run: Option<LastRun>,
}

impl Schedule {
    /// The schedules of a module. `waits_since` says since when they wait, and `last_runs` are those that the
    /// log knows of.
    fn of_module(
        module: &Module,
        waits_since: &dyn Fn(Target) -> u64,
        last_runs: &HashMap<Target, LastRun>,
    ) -> Vec<Schedule> {
        let mut schedules = Vec::new();
        for (position, function) in module.functions.iter().enumerate() {
            let FunctionKind::Schedule { every_ms } = function.kind else { continue };
            let every_micros = every_ms.saturating_mul(1_000).max(1);
            let target = Target { module: module.index, function: function_index(position) };
            let since_micros = waits_since(target);
            let due_micros = since_micros.saturating_add(every_micros);
            let mut schedule = Schedule { target, every_micros, since_micros, due_micros, last_run: None };
            if let Some(last) = last_runs.get(&target) {
                schedule.due_micros = last.due_micros;
                schedule.ran(last.ran_micros);
            }
            schedules.push(schedule);
        }
        schedules
    }

    /// After a run at that time it is due at the first moment behind it that lies a whole number of
    /// periods after this one.
    fn ran(&mut self, at_micros: u64) {
        self.last_run = Some(LastRun { due_micros: self.due_micros, ran_micros: at_micros });
        let missed = at_micros.saturating_sub(self.due_micros) / self.every_micros;
        self.due_micros = self.due_micros.saturating_add(self.every_micros.saturating_mul(missed + 1));
    }
}

impl Writer {
    /// When something is to run next.
    pub(crate) fn next_due_micros(&self) -> Option<u64> {
        self.schedules.iter().map(|schedule| schedule.due_micros).min()
    }

    /// Runs every function whose time has come, each once, the longest overdue first.
    pub(crate) fn run_due(&mut self, tools: &Tools<'_>) -> Result<(), Error> {
        let now_micros = tools.clock.now_micros().max(self.last_timestamp_micros);
        let mut due: Vec<(u64, usize)> = (self.schedules.iter().enumerate())
            .filter(|(_, schedule)| schedule.due_micros <= now_micros)
            .map(|(place, schedule)| (schedule.due_micros, place))
            .collect();
        due.sort_unstable();
        for (due_micros, place) in due {
            self.run_scheduled(tools, self.schedules[place].target, due_micros)?;
            // The time of the record: what the node goes on with after a restart.
            self.schedules[place].ran(self.last_timestamp_micros);
        }
        Ok(())
    }

    fn run_scheduled(&mut self, tools: &Tools<'_>, target: Target, due_micros: u64) -> Result<(), Error> {
        let cause = Cause::Schedule { due_micros };
        let request = Request { target, arguments: &[], caller: &Caller::System, cause, depth: 0 };
        let mut result = Vec::new();
        let outcome = self.run(tools, &request, &mut result);
        self.close_run(tools, &request, outcome, &result, "a scheduled function")
    }
}

/// The schedules of everything that is installed.
pub(crate) fn schedules_of(
    catalog: &Catalog,
    waits_since: &dyn Fn(Target) -> u64,
    last_runs: &HashMap<Target, LastRun>,
) -> Vec<Schedule> {
    catalog.modules().flat_map(|module| Schedule::of_module(module, waits_since, last_runs)).collect()
}

/// The schedules of a catalog that takes the place of another one at that time: they go on by name, and those that
/// are new wait from then on.
pub(crate) fn carried(
    schedules: &[Schedule],
    before: &Catalog,
    after: &Catalog,
    at_micros: u64,
) -> Vec<Schedule> {
    let name_of = |catalog: &Catalog, target: Target| {
        let function = catalog.function(target);
        (catalog.at(target.module).name.clone(), local_name(&function.interface, &function.name))
    };
    let known: HashMap<_, _> =
        schedules.iter().map(|schedule| (name_of(before, schedule.target), schedule)).collect();
    let of = |target| known.get(&name_of(after, target));
    let waits_since = |target| of(target).map_or(at_micros, |schedule| schedule.since_micros);
    let mut last_runs = HashMap::new();
    for schedule in schedules_of(after, &waits_since, &last_runs) {
        let last_run = of(schedule.target).and_then(|schedule| schedule.last_run);
        last_runs.extend(last_run.map(|run| (schedule.target, run)));
    }
    schedules_of(after, &waits_since, &last_runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{FunctionIndex, ModuleIndex};

    #[test]
    fn missed_runs_are_made_up_by_one_and_the_rhythm_is_kept() {
        let target = Target { module: ModuleIndex(0), function: FunctionIndex(0) };
        for (at, next) in [(90, 110), (100, 110), (101, 110), (109, 110), (110, 120), (155, 160)] {
            let mut schedule =
                Schedule { target, every_micros: 10, since_micros: 90, due_micros: 100, last_run: None };
            schedule.ran(at);
            assert_eq!(schedule.due_micros, next, "run at {at}");
        }
    }
}
