//! What a handler waits for: the event, the table and the condition of an `@on`.
//! It decides which tables this module may watch.
//! Invariant: a trigger that is returned names a table that the module owns or imports, and whose
//! changes are in the log.

use super::Reader;
use super::keys::is_key_type;
use crate::directive::{DirectiveKind, Event, Filter, On, TableArguments, Word};
use crate::finding::Mistake;
use crate::schema::{Comparison, RowFilter, Storage, Trigger, Visibility};
use crate::spelling::did_you_mean;
use wit_parser::{InterfaceId, TypeDefKind, TypeId};

impl Reader<'_> {
    pub(super) fn trigger(&mut self, on: &On, interface: InterfaceId) -> Option<Trigger> {
        let (event, word) = match &on.event {
            Event::Init => return Some(Trigger::Init),
            Event::Upgrade => return Some(Trigger::Upgrade),
            Event::Connect => return Some(Trigger::Connect),
            Event::Disconnect => return Some(Trigger::Disconnect),
            Event::Row(event, word) => (*event, word),
        };
        let record = self.watched_table(word, interface)?;
        let filter = match &on.filter {
            Some(filter) => Some(self.filter(filter, record)?),
            None => None,
        };
        Some(Trigger::Row { event, table: self.type_name(record), filter })
    }

    /// The record behind the name of a table in `@on`.
    fn watched_table(&mut self, word: &Word, interface: InterfaceId) -> Option<TypeId> {
        let types = &self.resolve.interfaces[interface].types;
        let Some(id) = types.get(&word.text) else {
            let names = types.keys().map(String::as_str).collect::<Vec<_>>();
            let mend = format!(
                "{}bring the record of the table into this interface: `use tables.{{{}}};`",
                did_you_mean(&word.text, names),
                word.text,
            );
            self.mistake(
                Mistake::new(word.place.clone(), format!("there is no `{}` in this interface", word.text))
                    .label("unknown table")
                    .mend(mend),
            );
            return None;
        };
        let record = self.declared(*id);
        let refusal = self.watching_refused(record, &word.text);
        match refusal {
            None => Some(record),
            Some((message, mend)) => {
                self.mistake(Mistake::new(word.place.clone(), message).mend(mend));
                None
            }
        }
    }

    fn watching_refused(&mut self, record: TypeId, name: &str) -> Option<(String, String)> {
        let Some(table) = self.table_arguments(record) else {
            let mend = "name a record whose doc comment says `@table`";
            return Some((format!("`{name}` is not a table"), mend.to_owned()));
        };
        let owner = self.interface_of(record)?;
        let interface = self.interface_name(owner);
        let is_own = self.resolve.interfaces[owner].package == Some(self.root);
        let is_reached = if is_own {
            self.exported.contains(&owner)
        } else {
            let package = self.resolve.interfaces[owner].package?;
            let key = (self.resolve.packages[package].name.clone(), interface.name.clone());
            self.statements.imports.contains_key(&key)
        };
        if !is_reached {
            let verb =
                if is_own { format!("export {}", interface.name) } else { format!("import {interface}") };
            let message = format!("the world does not name the interface of the table `{name}`");
            return Some((message, format!("write `{verb};` in the world")));
        }
        if self.is_former_self(owner) {
            let message = format!("the table `{name}` belongs to an older version of this package");
            return Some((
                message,
                "watch the table of this version; a migration may read the old one".to_owned(),
            ));
        }
        if !is_own && table.visibility != Some(Visibility::Public) {
            let message = format!("the table `{name}` is private to `{}`", interface.package);
            return Some((message, "only public tables of other modules can be watched".to_owned()));
        }
        if table.storage == Some(Storage::Ephemeral) {
            let message = format!("the table `{name}` is ephemeral, so its changes are not in the log");
            return Some((message, "watch a table whose storage is `logged`".to_owned()));
        }
        None
    }

    fn table_arguments(&mut self, record: TypeId) -> Option<TableArguments> {
        let place = self.place(self.resolve.types[record].span);
        let comment = self.comments.of(&place, self.mistakes);
        comment.directives.iter().find_map(|directive| match &directive.kind {
            DirectiveKind::Table(arguments) => Some(arguments.clone()),
            // A faulty `@table` was told; that the record is a table was said all the same.
            DirectiveKind::Faulty if directive.name == "table" => {
                Some(TableArguments { visibility: Some(Visibility::Public), ..TableArguments::default() })
            }
            _ => None,
        })
    }

    fn filter(&mut self, filter: &Filter, record: TypeId) -> Option<RowFilter> {
        let def = &self.resolve.types[record];
        let TypeDefKind::Record(body) = &def.kind else { return None };
        let table = def.name.as_deref().unwrap_or_default();
        let column = self.find_column(&body.fields, table, &filter.column)?;
        let ty = self.shapes.value_type(&body.fields[column.0 as usize].ty)?;
        let needs_order = !matches!(filter.operator, Comparison::Equal | Comparison::NotEqual);
        if needs_order && !is_key_type(&ty) {
            let message = format!("the values of `{}` have no order", filter.column.text);
            self.mistake(
                Mistake::new(filter.operator_place.clone(), message)
                    .label("compares them")
                    .mend("use `==` or `!=`, or compare a column that could be part of a key"),
            );
            return None;
        }
        let value = self.wave(&filter.value, &ty)?;
        Some(RowFilter { column, operator: filter.operator, value })
    }
}
