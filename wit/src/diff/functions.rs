//! Functions: what callers can call, and what the host calls.
//! Invariant: a function is left without a change for callers only if its signature, written out, is the same.

use super::interfaces::{Pair, private};
use super::{Change, Changes, Effect, ItemKind, paired};
use crate::evolution::difference::{difference, shown};
use crate::schema::{Function, FunctionKind, Param, RowEvent, Schema, Trigger};

impl Changes<'_> {
    pub(super) fn functions(&mut self, pair: Pair<'_>) {
        let (old, new) = (&pair.old.functions, &pair.new.functions);
        for (was, is) in paired(old, new, |function| function.name.as_str()) {
            match (was, is) {
                (Some(old), Some(new)) => self.function_kept(pair, old, new),
                (Some(old), None) => self.function_removed(pair, old),
                (None, Some(new)) => self.function_added(pair, new),
                (None, None) => {}
            }
        }
    }

    fn function_removed(&mut self, pair: Pair<'_>, old: &Function) {
        if !is_callable(old) {
            let what = format!("the {} is removed", role(old));
            self.push(handler(pair, old, what));
            return;
        }
        // Whoever renamed a function sees which one it has become.
        let signature = signature(self.old, old);
        let successor = pair.new.functions.iter().find(|function| {
            is_callable(function)
                && crate::diff::functions::signature(self.new, function) == signature
                && !pair.old.functions.iter().any(|other| other.name == function.name)
        });
        let reason = match successor {
            Some(successor) => format!(
                "modules that import it no longer link; `{}` has its signature, and both may stand side by side",
                successor.name
            ),
            None => "modules that import it no longer link".to_owned(),
        };
        let what = format!("the {} is removed", role(old));
        let change = Change::new(ItemKind::Function, &old.name, what).within(pair.name);
        self.push(change.callers(pair.broken(reason)));
    }

    fn function_added(&mut self, pair: Pair<'_>, new: &Function) {
        let what = format!("the {} is added", role(new));
        if is_callable(new) {
            let change = Change::new(ItemKind::Function, &new.name, what);
            self.push(pair.added(change, "nobody calls it yet"));
        } else {
            self.push(handler(pair, new, what));
        }
    }

    fn function_kept(&mut self, pair: Pair<'_>, old: &Function, new: &Function) {
        let turned = format!("it was {} and is {}", article(role(old)), article(role(new)));
        match (is_callable(old), is_callable(new)) {
            (false, false) => {
                let (was, is) = (self::turned(self.old, old), self::turned(self.new, new));
                if was != is {
                    self.push(handler(pair, new, format!("the host calls it {is}, and did {was}")));
                }
            }
            (true, false) => {
                let change = Change::new(ItemKind::Function, &old.name, turned).within(pair.name);
                self.push(change.callers(pair.broken("only the host calls it now")));
            }
            (false, true) => {
                let change = Change::new(ItemKind::Function, &old.name, turned);
                self.push(pair.added(change, "only the host could call it before"));
            }
            (true, true) => {
                if old.kind != new.kind {
                    let reason = match new.kind {
                        FunctionKind::Query => "importers know a reducer, and pin that it is one",
                        _ => "a query cannot call a reducer, and nobody may query one",
                    };
                    let change = Change::new(ItemKind::Function, &old.name, turned).within(pair.name);
                    self.push(change.callers(pair.broken(reason)));
                }
                self.signature(pair, old, new);
            }
        }
    }

    fn signature(&mut self, pair: Pair<'_>, old: &Function, new: &Function) {
        let reason = "modules that import it know another signature";
        for what in self.parameters(&old.params, &new.params).into_iter().chain(self.result(old, new)) {
            let change = Change::new(ItemKind::Function, &old.name, what).within(pair.name);
            self.push(change.callers(pair.broken(reason)));
        }
    }

    fn parameters(&self, old: &[Param], new: &[Param]) -> Vec<String> {
        let mut found = Vec::new();
        let types = |param: &Param, schema: &Schema| schema.value_type(&param.ty);
        for param in old {
            match new.iter().find(|other| other.name == param.name) {
                Some(now) => {
                    let difference = difference(&types(param, self.old), &types(now, self.new));
                    found.extend(
                        difference.map(|found| format!("in the parameter `{}`: {found}", param.name)),
                    );
                }
                None => {
                    // At its place a new name with the same type is the same parameter by another name.
                    let position = old.iter().position(|other| other.name == param.name).unwrap_or_default();
                    let renamed = new.get(position).filter(|now| {
                        old.len() == new.len()
                            && !old.iter().any(|other| other.name == now.name)
                            && types(now, self.new) == types(param, self.old)
                    });
                    found.push(match renamed {
                        Some(now) => format!("the parameter `{}` is now named `{}`", param.name, now.name),
                        None => format!("the parameter `{}` is removed", param.name),
                    });
                }
            }
        }
        for (position, param) in new.iter().enumerate() {
            let is_new = !old.iter().any(|other| other.name == param.name);
            let is_renamed = old.len() == new.len()
                && old.get(position).is_some_and(|was| {
                    !new.iter().any(|other| other.name == was.name)
                        && types(was, self.old) == types(param, self.new)
                });
            if is_new && !is_renamed {
                found.push(format!(
                    "the parameter `{}: {}` is added",
                    param.name,
                    shown(&types(param, self.new))
                ));
            }
        }
        let common = |params: &[Param], others: &[Param]| -> Vec<String> {
            let names = params.iter().map(|param| param.name.clone());
            names.filter(|name| others.iter().any(|other| other.name == *name)).collect()
        };
        if common(old, new) != common(new, old) {
            found.push("the parameters stand in another order".to_owned());
        }
        found
    }

    fn result(&self, old: &Function, new: &Function) -> Option<String> {
        let was = old.result.as_ref().map(|ty| self.old.value_type(ty));
        let is = new.result.as_ref().map(|ty| self.new.value_type(ty));
        match (was, is) {
            (None, None) => None,
            (Some(was), None) => Some(format!("it returned {} and returns nothing", shown(&was))),
            (None, Some(is)) => Some(format!("it returned nothing and returns {}", shown(&is))),
            (Some(was), Some(is)) => difference(&was, &is).map(|found| format!("in the result: {found}")),
        }
    }
}

fn is_callable(function: &Function) -> bool {
    matches!(function.kind, FunctionKind::Reducer | FunctionKind::Query)
}

/// A change of a function that only the host calls.
fn handler(pair: Pair<'_>, function: &Function, what: String) -> Change {
    let effect = if pair.is_public() { Effect::compatible("only the host calls it") } else { private() };
    Change::new(ItemKind::Handler, &function.name, what).within(pair.name).callers(effect)
}

/// The structure of a function, without its name.
fn signature(schema: &Schema, function: &Function) -> impl PartialEq + use<> {
    let params: Vec<_> =
        function.params.iter().map(|param| (param.name.clone(), schema.value_type(&param.ty))).collect();
    (function.kind.clone(), params, function.result.as_ref().map(|ty| schema.value_type(ty)))
}

fn role(function: &Function) -> &'static str {
    match function.kind {
        FunctionKind::Reducer => "reducer",
        FunctionKind::Query => "query",
        FunctionKind::On(_) => "handler",
        FunctionKind::Schedule { .. } => "schedule",
        FunctionKind::Migrate => "migration",
    }
}

fn article(word: &str) -> String {
    format!("a {word}")
}

/// When the host calls a function, as the end of a sentence.
fn turned(schema: &Schema, function: &Function) -> String {
    match &function.kind {
        FunctionKind::Reducer | FunctionKind::Query => "never".to_owned(),
        FunctionKind::Migrate => "in an upgrade, to migrate".to_owned(),
        FunctionKind::Schedule { every_ms } => format!("every {every_ms} ms"),
        FunctionKind::On(Trigger::Init) => "when it is installed".to_owned(),
        FunctionKind::On(Trigger::Upgrade) => "after an upgrade".to_owned(),
        FunctionKind::On(Trigger::Connect) => "when a client connects".to_owned(),
        FunctionKind::On(Trigger::Disconnect) => "when a client goes".to_owned(),
        FunctionKind::On(Trigger::Row { event, table, filter }) => {
            let event = match event {
                RowEvent::Insert => "insert",
                RowEvent::Update => "update",
                RowEvent::Delete => "delete",
            };
            let owner = super::local_name(schema, &table.interface);
            let filter = filter.as_ref().map(|filter| {
                let tables = schema.interface(&table.interface).into_iter().flat_map(|found| &found.tables);
                let column = tables
                    .filter(|found| found.name == table.name)
                    .find_map(|found| found.columns.get(filter.column.0 as usize));
                let column = column.map_or("?", |column| column.name.as_str());
                format!(" where {column} {} {}", operator(filter.operator), filter.value)
            });
            format!("on {event} {owner}.{}{}", table.name, filter.unwrap_or_default())
        }
    }
}

fn operator(operator: crate::Comparison) -> &'static str {
    match operator {
        crate::Comparison::Equal => "==",
        crate::Comparison::NotEqual => "!=",
        crate::Comparison::Less => "<",
        crate::Comparison::LessOrEqual => "<=",
        crate::Comparison::Greater => ">",
        crate::Comparison::GreaterOrEqual => ">=",
    }
}
