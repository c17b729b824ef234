//! Whether every directive of the package stands before an item that takes it.
//! It looks at all items of the package's own files, also those that no world reaches.
//! Invariant: a directive that is neither taken by its item nor refused here does not exist.

use super::Reader;
use super::functions::kind_places;
use super::worlds::Worlds;
use crate::directive::{Directive, DirectiveKind};
use crate::finding::Mistake;
use crate::source::{FileId, Place};
use wit_parser::{Interface, TypeDef, TypeDefKind};

/// What a directive may stand before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Interface,
    Record,
    Field,
    Function,
    /// Anything else, by the word for it.
    Other(&'static str),
}

impl Reader<'_> {
    pub(super) fn check_placement(&mut self, worlds: &Worlds) {
        let resolve = self.resolve;
        for (_, interface) in &resolve.interfaces {
            self.check_item(&self.place(interface.span), Item::Interface);
            for function in interface.functions.values() {
                self.check_item(&self.place(function.span), Item::Function);
                for param in &function.params {
                    self.check_item(&self.place(param.span), Item::Other("a parameter"));
                }
            }
        }
        for (_, def) in &resolve.types {
            if def.name.is_some() {
                self.check_type(def);
            }
        }
        for (_, world) in &resolve.worlds {
            self.check_item(&self.place(world.span), Item::Other("a world"));
        }
        for (index, scan) in self.scans.iter().enumerate() {
            for line in &scan.packages {
                let place = Place { file: FileId(index), range: line.range.clone() };
                self.check_item(&place, Item::Other("a package"));
            }
        }
        self.comments.unclaimed(self.mistakes);
        self.check_types_only(worlds);
    }

    fn check_type(&mut self, def: &TypeDef) {
        let place = self.place(def.span);
        let (what, members): (_, Vec<_>) = match &def.kind {
            TypeDefKind::Record(record) => return self.check_record(&place, record),
            TypeDefKind::Variant(variant) => {
                ("a variant", variant.cases.iter().map(|case| case.span).collect())
            }
            TypeDefKind::Enum(kind) => ("an enum", kind.cases.iter().map(|case| case.span).collect()),
            TypeDefKind::Flags(kind) => ("a set of flags", kind.flags.iter().map(|flag| flag.span).collect()),
            TypeDefKind::Resource => ("a resource", Vec::new()),
            _ => ("an alias", Vec::new()),
        };
        self.check_item(&place, Item::Other(what));
        for member in members {
            self.check_item(&self.place(member), Item::Other("a case"));
        }
    }

    fn check_record(&mut self, place: &Place, record: &wit_parser::Record) {
        let directives = self.check_item(place, Item::Record);
        let is_table = directives.iter().any(|directive| {
            matches!(directive.kind, DirectiveKind::Table(_))
                || matches!((&directive.kind, directive.name), (DirectiveKind::Faulty, "" | "table"))
        });
        let mut homeless: Vec<Directive> = Vec::new();
        if !is_table {
            homeless.extend(directives.into_iter().filter(|directive| fits(directive, Item::Record)));
        }
        for field in &record.fields {
            let directives = self.check_item(&self.place(field.span), Item::Field);
            if !is_table {
                homeless.extend(directives.into_iter().filter(|directive| fits(directive, Item::Field)));
            }
        }
        for directive in homeless {
            if matches!(directive.kind, DirectiveKind::Faulty) {
                continue;
            }
            self.mistake(
                Mistake::new(
                    directive.place,
                    format!("`@{}` belongs to a table, and this record is not one", directive.name),
                )
                .mend("write `/// @table(primary-key = …)` above the record"),
            );
        }
    }

    /// Claims the comment of an item, refuses what the item does not take, and returns all of it.
    fn check_item(&mut self, place: &Place, item: Item) -> Vec<Directive> {
        let Some(comment) = self.comments.claim(place) else { return Vec::new() };
        for directive in &comment.directives {
            if !fits(directive, item) {
                self.mistake(misplaced(directive, item));
            }
        }
        comment.directives.clone()
    }

    /// Tables and functions of an interface that no world of the package exports.
    fn check_types_only(&mut self, worlds: &Worlds) {
        let resolve = self.resolve;
        let package = &resolve.packages[self.root];
        if package.worlds.is_empty() {
            return;
        }
        let exported = worlds.exported_by_any(&package.name);
        for (name, id) in &package.interfaces {
            if !exported.contains_key(&(package.name.clone(), name.clone())) {
                self.check_unexported(name, &resolve.interfaces[*id]);
            }
        }
    }

    fn check_unexported(&mut self, name: &str, interface: &Interface) {
        let mend = format!("write `export {name};` in the world");
        for id in interface.types.values() {
            let place = self.place(self.resolve.types[*id].span);
            let Some(comment) = self.comments.claim(&place) else { continue };
            let table = comment.directives.iter().find(|d| matches!(d.kind, DirectiveKind::Table(_)));
            if let Some(table) = table {
                let message = format!("a table in `{name}`, which no world exports: no module would own it");
                self.mistake(Mistake::new(table.place.clone(), message).mend(mend.clone()));
            }
        }
        for function in interface.functions.values() {
            let place = self.place(function.span);
            let Some(comment) = self.comments.claim(&place) else { continue };
            for (kind, place) in kind_places(&comment.directives) {
                let message =
                    format!("`@{kind}` in `{name}`, which no world exports: it could not be called");
                self.mistake(Mistake::new(place.clone(), message).mend(mend.clone()));
            }
        }
    }
}

fn fits(directive: &Directive, item: Item) -> bool {
    match (&directive.kind, item) {
        (DirectiveKind::Faulty, _) => true,
        (DirectiveKind::Table(_) | DirectiveKind::Index(_), Item::Record) => true,
        (DirectiveKind::Unique(columns), Item::Record) => !columns.is_empty(),
        (DirectiveKind::Unique(columns), Item::Field) => columns.is_empty(),
        (DirectiveKind::AutoIncrement | DirectiveKind::Default(_), Item::Field) => true,
        (DirectiveKind::RenamedFrom(_), Item::Record | Item::Field) => true,
        (DirectiveKind::Visibility(_), Item::Interface) => true,
        (
            DirectiveKind::Reducer
            | DirectiveKind::Query
            | DirectiveKind::On(_)
            | DirectiveKind::Schedule { .. }
            | DirectiveKind::Migrate,
            Item::Function,
        ) => true,
        _ => false,
    }
}

fn misplaced(directive: &Directive, item: Item) -> Mistake {
    let name = directive.name;
    let stands_before = match item {
        Item::Interface => "an interface",
        Item::Record => "a record",
        Item::Field => "a field",
        Item::Function => "a function",
        Item::Other(what) => what,
    };
    let mend = match (&directive.kind, item) {
        (DirectiveKind::Unique(_), Item::Field) => {
            "write `@unique` alone above a field, and name columns above the record"
        }
        (DirectiveKind::Unique(_), Item::Record) => {
            "name the columns, `@unique(owner, day)`, or write `@unique` above a field"
        }
        (DirectiveKind::Index(_), Item::Field) => "write it above the record, with the names of its columns",
        (DirectiveKind::Visibility(_), Item::Record) => {
            "write `@table(primary-key = …, visibility = public)`"
        }
        (DirectiveKind::Visibility(_), _) => "it belongs above an interface",
        (DirectiveKind::Table(_) | DirectiveKind::Index(_), _) => "it belongs above a record",
        (DirectiveKind::Unique(_), _) => "it belongs above a field or, with columns, above a record",
        (DirectiveKind::AutoIncrement | DirectiveKind::Default(_), _) => {
            "it belongs above a field of a table"
        }
        (DirectiveKind::RenamedFrom(_), Item::Function) => {
            "a function has one name only: callers know it by that, so add the new one beside the old"
        }
        (DirectiveKind::RenamedFrom(_), _) => "it belongs above a table or a field of one",
        _ => "it belongs above a function",
    };
    Mistake::new(directive.place.clone(), format!("`@{name}` stands before {stands_before}"))
        .label("misplaced")
        .mend(mend)
}
