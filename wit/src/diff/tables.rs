//! Tables: each difference with what it means to rows, to those who read the table and to those who wait for its
//! events.
//! Invariant: the rows of a table are compatible if and only if its evolution is not by function.

use super::interfaces::private;
use super::{Bump, Change, Changes, Effect, ItemKind, local_name};
use crate::evolution::columns::differences;
use crate::evolution::pairs::{self, Placed};
use crate::evolution::step::{Obstacle, Step};
use crate::schema::{FunctionKind, Storage, Visibility};

/// Why rows are fine where nothing is written.
const CONVERTED: &str = "rows are converted when they are read";
/// Why rows are not.
const REWRITTEN: &str = "only a `@migrate` function can write the rows that this needs";
/// Why readers and subscribers of a table are fine with what is new.
const PROJECTED: &str = "they are given the columns that they know";

/// How a table is seen by others.
#[derive(Clone, Copy)]
struct Seen {
    /// Whether other modules read it, and still do.
    is_read: bool,
    /// Whether other modules can wait for its events, and still can.
    is_watched: bool,
}

impl Seen {
    fn broken(self, change: Change, reason: &str) -> Change {
        let callers = if self.is_read { Effect::breaking(reason) } else { private() };
        let subscribers = if self.is_watched { Effect::breaking(reason) } else { Effect::none() };
        change.callers(callers).subscribers(subscribers)
    }

    fn readers_broken(self, change: Change, reason: &str) -> Change {
        change.callers(if self.is_read { Effect::breaking(reason) } else { private() })
    }

    fn fine(self, change: Change, reason: &str) -> Change {
        change.callers(if self.is_read { Effect::compatible(reason) } else { private() })
    }
}

impl Changes<'_> {
    pub(super) fn tables(&mut self) {
        for pair in pairs::tables(self.old, self.new) {
            match pair {
                (Some(before), Some(after)) => self.table_kept(before, after),
                (Some(before), None) => self.table_removed(before),
                (None, Some(after)) => self.table_added(after),
                (None, None) => {}
            }
        }
    }

    fn table_added(&mut self, (interface, table): Placed<'_>) {
        let change = Change::new(ItemKind::Table, &table.name, "the table is added")
            .within(&local_name(self.new, &interface.name))
            .rows(Effect::compatible("it begins without rows"));
        self.push(match table.visibility {
            Visibility::Private => change.callers(private()),
            Visibility::Public => {
                change.callers(Effect::compatible("nobody reads it yet")).at_least(Bump::Minor)
            }
        });
    }

    fn table_removed(&mut self, (interface, table): Placed<'_>) {
        let change = Change::new(ItemKind::Table, &table.name, "the table is removed")
            .within(&local_name(self.old, &interface.name));
        let is_public = table.visibility == Visibility::Public;
        let seen = Seen { is_read: is_public, is_watched: is_public && table.storage == Storage::Logged };
        // Whether a migration reads this very table cannot be told from the schema; that it may can be.
        let may_be_read = self.new.former_imports().any(|import| import.name == interface.name.name)
            && self.new.functions().any(|(_, function)| function.kind == FunctionKind::Migrate);
        let rows = match table.storage {
            Storage::Ephemeral => Effect::compatible("ephemeral rows are kept by no restart either"),
            Storage::Logged if may_be_read => {
                Effect::needs_migration("its rows are given up once the `@migrate` function has read them")
            }
            Storage::Logged => Effect::breaking("its rows are given up"),
        };
        self.push(seen.broken(change, "it cannot be read any more").rows(rows));
    }

    fn table_kept(&mut self, before: Placed<'_>, after: Placed<'_>) {
        let found = differences(self.old, before, self.new, after);
        let is_public = [before, after].iter().all(|(_, table)| table.visibility == Visibility::Public);
        let was_logged = before.1.storage == Storage::Logged;
        let seen = Seen { is_read: is_public, is_watched: is_public && was_logged };
        let interface = local_name(self.old, &before.0.name);
        let change = |what: String| Change::new(ItemKind::Table, &before.1.name, what).within(&interface);
        for step in &found.steps {
            let change = self.step(change(step.to_string()), step, seen, before);
            self.push(change);
        }
        for obstacle in &found.obstacles {
            let change = change(obstacle.to_string()).rows(Effect::needs_migration(REWRITTEN));
            self.push(reached(change, obstacle, seen));
        }
    }

    fn step(&self, change: Change, step: &Step, seen: Seen, before: Placed<'_>) -> Change {
        let converted = Effect::compatible(CONVERTED);
        let unchanged = Effect::compatible("rows stay as they are");
        let added = if seen.is_read { Bump::Minor } else { Bump::Patch };
        match step {
            Step::Renamed { .. } => seen.broken(change, "they know it by its old name").rows(unchanged),
            Step::Moved { .. } => seen.broken(change, "they know it in its old interface").rows(unchanged),
            Step::ColumnAdded(_) => {
                let change = seen.fine(change, PROJECTED).rows(converted).at_least(added);
                if seen.is_watched { change.subscribers(Effect::compatible(PROJECTED)) } else { change }
            }
            Step::ColumnRemoved(_) => seen.broken(change, "they may know that column").rows(
                Effect::compatible("the values of the column are given up, the rest of each row stays"),
            ),
            Step::ColumnRenamed { .. } => {
                seen.broken(change, "columns are known by their names").rows(unchanged)
            }
            Step::ColumnsReordered => seen.fine(change, "columns are known by their names").rows(converted),
            Step::ColumnWidened { .. } | Step::ColumnFitted { .. } | Step::MadeOptional(_) => {
                seen.broken(change, "they know the column with its old type").rows(converted)
            }
            Step::CasesAdded(_) => seen
                .broken(change, "they do not know the new cases")
                .rows(Effect::compatible("the cases that rows use stand where they stood")),
            Step::IndexAdded { unique, .. } => {
                let rows = if *unique {
                    "the index is built from the rows; rows that repeat a key stop the upgrade and are named"
                } else {
                    "the index is built from the rows"
                };
                seen.fine(change, "nobody reads by it yet").rows(Effect::compatible(rows)).at_least(added)
            }
            Step::IndexRemoved { .. } => {
                seen.readers_broken(change, "they may read by that index").rows(unchanged)
            }
            Step::IndexRenamed { .. } => {
                seen.readers_broken(change, "they know the index by its columns").rows(unchanged)
            }
            Step::IndexRebuilt { .. } => seen
                .fine(change, "its name and its columns stay")
                .rows(Effect::compatible("the index is built from the rows")),
            Step::CounterRemoved(_) | Step::DefaultChanged(_) => {
                seen.fine(change, "readers see values, and not where they come from").rows(unchanged)
            }
            Step::VisibilityChanged { to: Visibility::Public, .. } => change
                .callers(Effect::compatible("nobody could read it before"))
                .rows(unchanged)
                .at_least(Bump::Minor),
            Step::VisibilityChanged { to: Visibility::Private, .. } => {
                let seen = Seen { is_read: true, is_watched: before.1.storage == Storage::Logged };
                seen.broken(change, "a private table is read by its own module only").rows(unchanged)
            }
        }
    }
}

/// What an obstacle for rows means to the others.
fn reached(change: Change, obstacle: &Obstacle, seen: Seen) -> Change {
    match obstacle {
        Obstacle::ColumnType { .. } => seen.broken(change, "they know the column with its old type"),
        Obstacle::ColumnWithoutDefault { .. } => {
            let added = if seen.is_read { Bump::Minor } else { Bump::Patch };
            let change = seen.fine(change, PROJECTED).at_least(added);
            if seen.is_watched { change.subscribers(Effect::compatible(PROJECTED)) } else { change }
        }
        Obstacle::Storage { to: Storage::Ephemeral } => {
            seen.broken(change, "the changes of an ephemeral table are in no log")
        }
        Obstacle::Storage { to: Storage::Logged } => {
            seen.readers_broken(change, "readers pin whether rows outlive a restart")
        }
        Obstacle::PrimaryKey { .. } => seen.readers_broken(change, "they read by the old key"),
        Obstacle::KeyWidened { .. } => seen.fine(change, "the key has the columns that it had"),
        Obstacle::Counter { .. } => seen.fine(change, "readers see values, and not where they come from"),
    }
}
