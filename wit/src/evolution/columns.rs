//! How the rows of one table become rows of the next version of it: columns, keys, indexes, counter.
//! Invariant: an automatic change has a source for every column of the new table, and leaves the bytes of
//! primary keys as they are.

use super::difference::{Reading, reading, shown};
use super::pairs::{self, Placed};
use super::step::Obstacle;
use super::{ColumnSource, Step, TableChange};
use crate::schema::{Column, ColumnIndex, Index, Schema, Table};
use crate::text::wave;
use interstice_codec::{ValueType, row};

/// Everything that is different about a table that both versions have.
pub(crate) struct Differences {
    /// Where each column comes from; none where an obstacle says why there is nothing.
    columns: Vec<Option<ColumnSource>>,
    /// What goes by itself.
    pub(crate) steps: Vec<Step>,
    /// What does not.
    pub(crate) obstacles: Vec<Obstacle>,
}

impl Differences {
    /// What happens to the table.
    pub(super) fn change(self) -> TableChange {
        if !self.obstacles.is_empty() {
            TableChange::ByFunction { reasons: self.obstacles.iter().map(Obstacle::to_string).collect() }
        } else if self.steps.is_empty() {
            TableChange::Unchanged
        } else {
            let columns = self.columns.into_iter();
            let columns =
                columns.map(|source| source.expect("without an obstacle every column has a source"));
            TableChange::Automatic { columns: columns.collect(), steps: self.steps }
        }
    }
}

/// Compares a table of the old version with the one that it has become.
pub(crate) fn differences(old: &Schema, before: Placed<'_>, new: &Schema, after: Placed<'_>) -> Differences {
    let types = |schema: &Schema, table: &Table| {
        table.columns.iter().map(|column| schema.value_type(&column.ty)).collect()
    };
    let mut change = Change {
        before: before.1,
        after: after.1,
        old_types: types(old, before.1),
        new_types: types(new, after.1),
        pairs: pairs::columns(before.1, after.1),
        steps: Vec::new(),
        obstacles: Vec::new(),
    };
    if before.1.name != after.1.name {
        change.steps.push(Step::Renamed { from: before.1.name.clone(), to: after.1.name.clone() });
    }
    if before.0.name.name != after.0.name.name {
        change.steps.push(Step::Moved { from: before.0.name.clone(), to: after.0.name.clone() });
    }
    let columns = change.columns();
    change.order();
    change.storage();
    change.primary_key();
    change.indexes(&columns);
    change.counter();
    change.labels();
    Differences { columns, steps: change.steps, obstacles: change.obstacles }
}

struct Change<'a> {
    before: &'a Table,
    after: &'a Table,
    old_types: Vec<ValueType>,
    new_types: Vec<ValueType>,
    /// Which column of the old table each of the new one was.
    pairs: Vec<Option<usize>>,
    steps: Vec<Step>,
    obstacles: Vec<Obstacle>,
}

impl Change<'_> {
    /// Where each column comes from; where one has no source, there is a reason.
    fn columns(&mut self) -> Vec<Option<ColumnSource>> {
        let sources = (0..self.after.columns.len()).map(|at| match self.pairs[at] {
            Some(was) => self.kept_column(was, at),
            None => self.new_column(at),
        });
        let sources = sources.collect();
        for (was, column) in self.before.columns.iter().enumerate() {
            if !self.pairs.contains(&Some(was)) {
                self.steps.push(Step::ColumnRemoved(column.name.clone()));
            }
        }
        sources
    }

    fn kept_column(&mut self, was: usize, at: usize) -> Option<ColumnSource> {
        let (old, new) = (&self.before.columns[was], &self.after.columns[at]);
        if old.name != new.name {
            self.steps.push(Step::ColumnRenamed { from: old.name.clone(), to: new.name.clone() });
        }
        let name = new.name.clone();
        let source = index(was);
        let (old_type, new_type) = (&self.old_types[was], &self.new_types[at]);
        let difference = match reading(old_type, new_type) {
            Reading::Same => return Some(ColumnSource::Same(source)),
            Reading::More => {
                self.steps.push(Step::CasesAdded(name));
                return Some(ColumnSource::Same(source));
            }
            Reading::Differs(difference) => difference,
        };
        if is_widened(old_type, new_type) {
            let (from, to) = (shown(old_type), shown(new_type));
            self.steps.push(Step::ColumnWidened { column: name, from, to });
            return Some(ColumnSource::Widened(source));
        }
        if let ValueType::Option(some) = new_type
            && matches!(reading(old_type, some), Reading::Same | Reading::More)
        {
            self.steps.push(Step::MadeOptional(name));
            return Some(ColumnSource::MadeOptional(source));
        }
        self.obstacles.push(Obstacle::ColumnType { column: name, difference });
        None
    }

    fn new_column(&mut self, at: usize) -> Option<ColumnSource> {
        let column = &self.after.columns[at];
        match self.default_bytes(column, &self.new_types[at]) {
            Some(bytes) => {
                self.steps.push(Step::ColumnAdded(column.name.clone()));
                Some(ColumnSource::Default(bytes))
            }
            None => {
                let (column, former) = (column.name.clone(), column.renamed_from.clone());
                self.obstacles.push(Obstacle::ColumnWithoutDefault { column, former });
                None
            }
        }
    }

    /// What older rows have in a column that is new, in the row codec.
    fn default_bytes(&self, column: &Column, ty: &ValueType) -> Option<Vec<u8>> {
        let Some(default) = &column.default else {
            return matches!(ty, ValueType::Option(_)).then(|| vec![0]);
        };
        let value = wave::parse(default, ty).expect("the default of a valid schema is a value of its column");
        let mut bytes = Vec::new();
        row::encode(&value, ty, &mut bytes).expect("a value that was read for the type is of that type");
        Some(bytes)
    }

    fn order(&mut self) {
        if self.pairs.iter().flatten().is_sorted() {
            return;
        }
        self.steps.push(Step::ColumnsReordered);
    }

    /// Rows that are in the log and rows that are not cannot become each other unwritten.
    fn storage(&mut self) {
        if self.before.storage != self.after.storage {
            self.obstacles.push(Obstacle::Storage { to: self.after.storage });
        }
    }

    fn primary_key(&mut self) {
        let was = self.was(&self.after.primary_key);
        if was.as_deref() != Some(&self.before.primary_key) {
            let key = |table: &Table| {
                let names = table.primary_key.iter().map(|at| table.columns[at.0 as usize].name.as_str());
                names.collect::<Vec<_>>().join(", ")
            };
            self.obstacles.push(Obstacle::PrimaryKey { from: key(self.before), to: key(self.after) });
            return;
        }
        for (was, at) in self.before.primary_key.iter().zip(&self.after.primary_key) {
            let (old, new) = (&self.old_types[was.0 as usize], &self.new_types[at.0 as usize]);
            if is_widened(old, new) {
                let column = self.after.columns[at.0 as usize].name.clone();
                self.obstacles.push(Obstacle::KeyWidened { column, from: shown(old), to: shown(new) });
            }
        }
    }

    fn indexes(&mut self, columns: &[Option<ColumnSource>]) {
        let mut is_kept = vec![false; self.before.indexes.len()];
        let mut steps = Vec::new();
        for index in &self.after.indexes {
            let Index { name, unique, .. } = index;
            let was = self.was(&index.columns);
            let old = self
                .before
                .indexes
                .iter()
                .position(|old| Some(&old.columns) == was.as_ref() && old.unique == *unique);
            let is_rebuilt = index
                .columns
                .iter()
                .any(|at| matches!(columns[at.0 as usize], Some(ColumnSource::Widened(_))));
            match old {
                None => steps.push(Step::IndexAdded { name: name.clone(), unique: *unique }),
                Some(at) => {
                    is_kept[at] = true;
                    let from = self.before.indexes[at].name.clone();
                    if from != *name {
                        steps.push(Step::IndexRenamed { from, to: name.clone() });
                    }
                    if is_rebuilt {
                        steps.push(Step::IndexRebuilt { name: name.clone(), unique: *unique });
                    }
                }
            }
        }
        let gone = self.before.indexes.iter().zip(is_kept).filter(|(_, is_kept)| !is_kept);
        self.steps.extend(
            gone.map(|(index, _)| Step::IndexRemoved { name: index.name.clone(), unique: index.unique }),
        );
        self.steps.extend(steps);
    }

    /// These columns of the new table in the old one, if that had all of them.
    fn was(&self, columns: &[ColumnIndex]) -> Option<Vec<ColumnIndex>> {
        columns.iter().map(|at| self.pairs[at.0 as usize].map(index)).collect()
    }

    /// The next number stands beside the rows, so that only a table that counted has one.
    fn counter(&mut self) {
        for (at, column) in self.after.columns.iter().enumerate() {
            let counted = self.pairs[at].is_some_and(|was| self.before.columns[was].auto_increment);
            match (counted, column.auto_increment) {
                (false, true) if self.pairs[at].is_some() => {
                    self.obstacles.push(Obstacle::Counter { column: column.name.clone() });
                }
                (true, false) => self.steps.push(Step::CounterRemoved(column.name.clone())),
                _ => {}
            }
        }
    }

    fn labels(&mut self) {
        for (at, column) in self.after.columns.iter().enumerate() {
            let was = self.pairs[at].map(|was| &self.before.columns[was].default);
            if was.is_some_and(|was| *was != column.default) {
                self.steps.push(Step::DefaultChanged(column.name.clone()));
            }
        }
        let (from, to) = (self.before.visibility, self.after.visibility);
        if from != to {
            self.steps.push(Step::VisibilityChanged { from, to });
        }
    }
}

fn index(at: usize) -> ColumnIndex {
    ColumnIndex(u32::try_from(at).expect("a schema's limits keep the number of columns small"))
}

/// Whether each value of the old integer type is one of the new, wider one.
fn is_widened(old: &ValueType, new: &ValueType) -> bool {
    let integer = |ty: &ValueType| {
        Some(match ty {
            ValueType::U8 => (false, 8),
            ValueType::U16 => (false, 16),
            ValueType::U32 => (false, 32),
            ValueType::U64 => (false, 64),
            ValueType::S8 => (true, 8),
            ValueType::S16 => (true, 16),
            ValueType::S32 => (true, 32),
            ValueType::S64 => (true, 64),
            _ => return None,
        })
    };
    match (integer(old), integer(new)) {
        (Some((was_signed, from)), Some((is_signed, to))) => from < to && (is_signed || !was_signed),
        _ => false,
    }
}
