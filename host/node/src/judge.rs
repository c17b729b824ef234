//! An upgrade is judged before anything changes: what becomes of each table, whether dependents still fit, whether
//! rows would be lost.
//! Invariant: nothing here changes the store, the log or the catalog.

mod links;

pub(crate) use links::{dependents, own_tables};

use crate::catalog::{Catalog, LinkedTable, ModuleIndex, Place};
use crate::change::{Becomes, CatalogChange, HexBytes, ModuleChange, NewVersion, Source, TableStep};
use crate::error::Error;
use crate::install::Waiting;
use crate::plan::{Direction, ModulePlan, Schedules, TablePlan, UpgradePlan, counted};
use crate::ready::Workshop;
use crate::rollback::{lost_row, tables_back};
use crate::tables::{local_name, table_definition};
use crate::unique::repeated;
use interstice_engine::Compiled;
use interstice_store::{Reader, TableDefinition, TableHandle, TableId};
use interstice_wit::evolution::{self, ColumnSource, TableChange, TableEvolution};
use interstice_wit::{ColumnIndex, FunctionKind, Hash, Interface, Schema, Table, Trigger, TypeName};
use links::judge_links;
use semver::Version;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A component that is to take the place of an installed module, or of one whose tables were kept.
pub(crate) struct Candidate {
    pub(crate) index: ModuleIndex,
    pub(crate) schema: Schema,
    pub(crate) artifact: Hash,
    pub(crate) compiled: Compiled,
}

/// A plan, and the change that carries it out.
pub(crate) struct Judgement {
    pub(crate) plan: UpgradePlan,
    pub(crate) change: CatalogChange,
    /// Which modules run their migration functions.
    pub(crate) migrating: BTreeSet<ModuleIndex>,
    /// The modules that would import each other in a circle; the plan says so too.
    pub(crate) circle: Option<Vec<String>>,
}

/// What a judge is asked for besides the verdict.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// A lower version was asked for on purpose.
    pub(crate) may_go_back: bool,
    /// Rows that an index which becomes unique does not fit are looked for; an upgrade finds them while it builds the
    /// index.
    pub(crate) reads_keys: bool,
}

/// The version that stands in a place, and the tables that it has.
pub(crate) struct Before<'c> {
    pub(crate) schema: &'c Schema,
    digest: Hash,
    tables: &'c [TableId],
    is_installed: bool,
}

impl<'c> Before<'c> {
    /// What is in a place that a candidate was found for.
    pub(crate) fn of(catalog: &'c Catalog, index: ModuleIndex) -> Before<'c> {
        match &catalog.places()[index.0 as usize] {
            Place::Module(module) => Before {
                schema: &module.schema,
                digest: module.digest,
                tables: &module.tables,
                is_installed: true,
            },
            Place::Kept(kept) => Before {
                schema: &kept.schema,
                digest: kept.digest,
                tables: &kept.tables,
                is_installed: false,
            },
            Place::Gone => unreachable!("the place was found by the name of its module"),
        }
    }

    /// Its tables by their interface and name.
    pub(crate) fn tables(&self, catalog: &Catalog) -> HashMap<String, TableHandle> {
        let names = self.schema.tables().map(|(at, table)| local_name(&at.name.name, &table.name));
        names.zip(self.tables.iter().map(|id| catalog.table(*id).handle.clone())).collect()
    }
}

/// Judges an upgrade. `reader` counts the rows, and reads them where that is needed.
pub(crate) fn judge(
    shop: &Workshop<'_>,
    catalog: &Catalog,
    candidates: &[Candidate],
    reader: &Reader,
    question: Question,
) -> Result<Judgement, Error> {
    let mut judgement = Judgement {
        plan: UpgradePlan {
            modules: Vec::new(),
            dependents: Vec::new(),
            owed_deliveries: 0,
            given_up: Vec::new(),
            refusals: Vec::new(),
        },
        change: CatalogChange { modules: Vec::new() },
        migrating: BTreeSet::new(),
        circle: None,
    };
    for candidate in candidates {
        judge_module(catalog, candidate, reader, question, &mut judgement)?;
    }
    judge_links(shop, catalog, candidates, &mut judgement)?;
    if judgement.plan.refusals.is_empty() {
        judgement.plan.given_up = judgement.plan.rows_given_up();
    }
    Ok(judgement)
}

fn judge_module(
    catalog: &Catalog,
    candidate: &Candidate,
    reader: &Reader,
    question: Question,
    judgement: &mut Judgement,
) -> Result<(), Error> {
    let before = Before::of(catalog, candidate.index);
    let (old, new) = (before.schema, &candidate.schema);
    let direction = match new.package.version.cmp_precedence(&old.package.version) {
        _ if !before.is_installed && new.package.version == old.package.version => Direction::Again,
        std::cmp::Ordering::Greater => Direction::Up,
        std::cmp::Ordering::Less => Direction::Back,
        std::cmp::Ordering::Equal => Direction::Same,
    };
    let mut refusals = Vec::new();
    if direction == Direction::Back && !question.may_go_back {
        refusals.push(format!(
            "{} is older than {}, which is installed: say that you want to go back (--rollback)",
            new.package, old.package.version
        ));
    }
    let migrates = migrates(old, new);
    let tables = before.tables(catalog);
    let (mut steps, mut plans) = (Vec::new(), Vec::new());
    let evolutions = match direction {
        Direction::Back => tables_back(old, new),
        _ => evolution::tables(old, new),
    };
    for evolution in evolutions {
        let step = step(old, new, &evolution);
        let was = step.was.as_ref().unwrap_or(&step.table);
        let rows = match tables.get(was).filter(|_| evolution.old.is_some()) {
            Some(table) => reader.count(table).map_err(Error::Store)?,
            None => 0,
        };
        let plan = table_plan(&step, &evolution, rows);
        if direction == Direction::Back {
            let lost = lossy(old, new, &evolution, &plan, tables.get(was), reader)?;
            if lost.is_none() && question.reads_keys && rows > 0 {
                refusals.extend(repeated(old, new, &evolution, tables.get(was), reader)?);
            }
            refusals.extend(lost);
        } else if step.becomes == Becomes::Filled && rows > 0 && !migrates {
            refusals.push(needs_function(old, new, &plan));
        } else if question.reads_keys && rows > 0 {
            refusals.extend(repeated(old, new, &evolution, tables.get(was), reader)?);
        }
        steps.push(step);
        plans.push(plan);
    }
    if migrates {
        refusals.extend(wrong_former_tables(old, new));
    }
    let named = |kind: &FunctionKind| {
        let functions = new.functions().filter(|(_, function)| function.kind == *kind);
        functions.map(|(at, function)| local_name(&at.name.name, &function.name)).collect::<Vec<_>>()
    };
    judgement.plan.modules.push(ModulePlan {
        package: new.package.unversioned(),
        from: old.package.version.to_string(),
        from_artifact: before.digest,
        to: new.package.version.to_string(),
        to_artifact: candidate.artifact,
        direction,
        tables: plans,
        migrations: if migrates { named(&FunctionKind::Migrate) } else { Vec::new() },
        handlers: named(&FunctionKind::On(Trigger::Upgrade)),
        schedules: schedules(before.is_installed.then_some(old), new),
    });
    judgement.change.modules.push(ModuleChange {
        package: new.package.unversioned(),
        to: Some(NewVersion { schema: new.clone(), artifact: candidate.artifact }),
        tables: steps,
    });
    if migrates {
        judgement.migrating.insert(candidate.index);
    }
    let of_module = |refusal| format!("{}: {refusal}", new.package);
    judgement.plan.refusals.extend(refusals.into_iter().map(of_module));
    Ok(())
}

/// Whether the migration functions of a version are for the one that is installed: it imports the tables of that one,
/// or of one that differs from it in nothing but the patch. Those that import none are for every version before.
pub(crate) fn migrates(old: &Schema, new: &Schema) -> bool {
    let has_any = new.functions().any(|(_, function)| function.kind == FunctionKind::Migrate);
    let mut former = new.former_imports().map(|import| &import.package.version).peekable();
    let is_up = new.package.version.cmp_precedence(&old.package.version).is_gt();
    has_any
        && is_up
        && (former.peek().is_none() || former.any(|version| is_same_but_patch(version, &old.package.version)))
}

fn is_same_but_patch(left: &Version, right: &Version) -> bool {
    let has_pre = !left.pre.is_empty() || !right.pre.is_empty();
    if has_pre || (left.major, left.minor) == (0, 0) {
        return left.cmp_precedence(right).is_eq();
    }
    (left.major, left.minor) == (right.major, right.minor)
}

/// What is wrong with the tables of the version before as the migration functions know them.
fn wrong_former_tables(old: &Schema, new: &Schema) -> Vec<String> {
    let mut wrong = Vec::new();
    for import in
        new.former_imports().filter(|import| is_same_but_patch(&import.package.version, &old.package.version))
    {
        let Some(known) = new.interface(import) else { continue };
        for table in &known.tables {
            let is_it =
                |(at, found): &(&Interface, &Table)| at.name.name == import.name && found.name == table.name;
            let shape = |schema: &Schema, table: &Table| table_definition(schema, table);
            match old.tables().find(is_it) {
                None => wrong.push(format!(
                    "its migration reads {}/{}, which {} does not have: build it against the tables of that version",
                    import, table.name, old.package
                )),
                Some((_, found)) if !same_shape(&shape(old, found), &shape(new, table)) => wrong.push(format!(
                    "its migration knows {}/{} with other columns, key or indexes than {} has: vendor the WIT of \
                     that version again and build it against that",
                    import, table.name, old.package
                )),
                Some(_) => {}
            }
        }
    }
    wrong
}

fn same_shape(left: &TableDefinition, right: &TableDefinition) -> bool {
    let indexes = |definition: &TableDefinition| {
        definition.indexes.iter().map(|index| (index.columns.clone(), index.unique)).collect::<Vec<_>>()
    };
    left.columns == right.columns && left.primary_key == right.primary_key && indexes(left) == indexes(right)
}

fn step(old: &Schema, new: &Schema, evolution: &TableEvolution) -> TableStep {
    let name = |name: &TypeName| local_name(&name.interface.name, &name.name);
    let (before, after) = (evolution.old.as_ref().map(name), evolution.new.as_ref().map(name));
    let becomes = match &evolution.change {
        TableChange::Unchanged => Becomes::Kept,
        TableChange::Added => Becomes::Added,
        TableChange::Removed => Becomes::Removed,
        TableChange::Automatic { columns, .. } if is_stored_alike(old, new, evolution, columns) => {
            Becomes::Kept
        }
        TableChange::Automatic { columns, .. } => Becomes::Converted(columns.iter().map(source).collect()),
        TableChange::ByFunction { .. } => Becomes::Filled,
    };
    let table = after.clone().or(before.clone()).expect("a table is in one of both versions");
    TableStep { was: before.filter(|before| *before != table), table, becomes }
}

/// Whether a table of the new version needs no other handle than that of the old one: nothing changes but who may
/// read it and the like.
fn is_stored_alike(old: &Schema, new: &Schema, evolution: &TableEvolution, columns: &[ColumnSource]) -> bool {
    let stays = |(at, source): (u32, &ColumnSource)| *source == ColumnSource::Same(ColumnIndex(at));
    if !(0..).zip(columns).all(stays) {
        return false;
    }
    let definition = |schema: &Schema, name: &Option<TypeName>| {
        let name = name.as_ref()?;
        let mut tables = schema.tables();
        let (_, table) = tables.find(|(at, table)| at.name == name.interface && table.name == name.name)?;
        Some(table_definition(schema, table))
    };
    match (definition(old, &evolution.old), definition(new, &evolution.new)) {
        (Some(before), Some(after)) => before == after,
        _ => false,
    }
}

fn source(source: &ColumnSource) -> Source {
    match source {
        ColumnSource::Same(column) => Source::Same(column.0),
        ColumnSource::Widened(column) => Source::Widened(column.0),
        ColumnSource::MadeOptional(column) => Source::MadeOptional(column.0),
        ColumnSource::Fitted(column) => Source::Fitted(column.0),
        ColumnSource::Default(bytes) => Source::Default(HexBytes(bytes.clone())),
    }
}

fn table_plan(step: &TableStep, evolution: &TableEvolution, rows: u64) -> TablePlan {
    let steps = match &evolution.change {
        TableChange::Automatic { steps, .. } => steps.iter().map(ToString::to_string).collect(),
        TableChange::ByFunction { reasons } => reasons.clone(),
        TableChange::Unchanged | TableChange::Added | TableChange::Removed => Vec::new(),
    };
    let becomes = match step.becomes {
        Becomes::Kept => "kept",
        Becomes::Converted(_) => "converted",
        Becomes::Added => "added",
        Becomes::Filled => "filled",
        Becomes::Removed => "removed",
    };
    TablePlan { table: step.table.clone(), was: step.was.clone(), rows, becomes, steps }
}

fn needs_function(old: &Schema, new: &Schema, plan: &TablePlan) -> String {
    let former: BTreeSet<&Version> = new.former_imports().map(|import| &import.package.version).collect();
    let later = former.iter().find(|version| ***version > old.package.version);
    let mend = match (later, former.first()) {
        (Some(version), _) => format!("its migration is for {version}: upgrade to that first"),
        (None, Some(version)) => format!(
            "its migration is for {version}, which is older than what is installed: export one that imports the tables \
             of {}",
            old.package
        ),
        (None, None) => {
            format!("export a function with `@migrate` that imports the tables of {}", old.package)
        }
    };
    format!(
        "table {}: a migration function is needed for {} ({}); {mend}",
        plan.table,
        counted(plan.rows),
        plan.steps.join("; ")
    )
}

/// Why going back would lose something of a table.
fn lossy(
    old: &Schema,
    new: &Schema,
    evolution: &TableEvolution,
    plan: &TablePlan,
    table: Option<&TableHandle>,
    reader: &Reader,
) -> Result<Option<String>, Error> {
    let Some(table) = table.filter(|_| plan.rows > 0) else { return Ok(None) };
    let refusal = |reason: String| Some(format!("table {}: {reason}, so there is no way back", plan.table));
    Ok(match &evolution.change {
        TableChange::Unchanged | TableChange::Added => None,
        TableChange::Removed => {
            refusal(format!("the older version has no place for its {}", counted(plan.rows)))
        }
        TableChange::ByFunction { reasons } => refusal(reasons.join("; ")),
        TableChange::Automatic { .. } => lost_row(old, new, evolution, table, reader)?.and_then(refusal),
    })
}

fn schedules(old: Option<&Schema>, new: &Schema) -> Schedules {
    let of = |schema: &Schema| -> BTreeSet<String> {
        let functions = schema.functions();
        let scheduled =
            functions.filter(|(_, function)| matches!(function.kind, FunctionKind::Schedule { .. }));
        scheduled.map(|(at, function)| local_name(&at.name.name, &function.name)).collect()
    };
    let (before, after) = (old.map(of).unwrap_or_default(), of(new));
    Schedules {
        kept: before.intersection(&after).cloned().collect(),
        added: after.difference(&before).cloned().collect(),
        removed: before.difference(&after).cloned().collect(),
    }
}

impl Candidate {
    /// To be made ready with these tables.
    pub(crate) fn waiting(&self, tables: Vec<(TypeName, Arc<LinkedTable>)>) -> Waiting {
        Waiting {
            index: self.index,
            schema: self.schema.clone(),
            artifact: self.artifact,
            compiled: self.compiled.clone(),
            tables,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_migration_is_for_the_version_that_it_imports_and_its_patches() {
        let cases = [
            ("1.2.0", "1.2.0", true),
            ("1.2.0", "1.2.7", true),
            ("1.2.3", "1.2.0", true),
            ("1.2.0", "1.3.0", false),
            ("1.2.0", "2.2.0", false),
            ("0.3.0", "0.3.1", true),
            ("0.3.0", "0.4.0", false),
            ("0.0.1", "0.0.1", true),
            ("0.0.1", "0.0.2", false),
            ("1.2.0-rc.1", "1.2.0-rc.1", true),
            ("1.2.0-rc.1", "1.2.0", false),
        ];
        for (imported, installed, expected) in cases {
            let parse = |text: &str| Version::parse(text).unwrap();
            assert_eq!(
                is_same_but_patch(&parse(imported), &parse(installed)),
                expected,
                "a migration from {imported}, and {installed} is installed"
            );
        }
    }
}
