//! Tables: a record, its directives and those of its fields.
//! It judges names and defaults; keys and indexes are another file's concern.
//! Invariant: a table that is returned without a mistake names only columns that it has.

use super::Reader;
use super::interfaces::Role;
use super::keys::is_integer;
use crate::directive::{DirectiveKind, Word};
use crate::finding::{Mistake, clip};
use crate::literal;
use crate::schema::{Column, ColumnIndex, Index, Storage, Table, Visibility};
use crate::source::Place;
use crate::validate::is_name;
use interstice_codec::ValueType;
use std::collections::BTreeMap;
use wit_parser::{Field, InterfaceId, TypeDefKind, TypeId};

/// A table while it is read.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    pub(super) fields: &'a [Field],
    pub(super) primary_key: Vec<ColumnIndex>,
    pub(super) indexes: Vec<(Index, Place)>,
    /// The index beyond the limit has been told.
    pub(super) has_too_many_indexes: bool,
    /// Each `@auto-increment`, and each `@default`.
    pub(super) counters: Vec<(ColumnIndex, Place)>,
    pub(super) defaults: Vec<(ColumnIndex, Place)>,
}

impl<'a> Draft<'a> {
    fn new(name: &'a str, fields: &'a [Field]) -> Self {
        Draft {
            name,
            fields,
            primary_key: Vec::new(),
            indexes: Vec::new(),
            has_too_many_indexes: false,
            counters: Vec::new(),
            defaults: Vec::new(),
        }
    }

    pub(super) fn column_name(&self, column: ColumnIndex) -> &'a str {
        &self.fields[column.0 as usize].name
    }

    /// Whether no two rows have the same value in this column.
    pub(super) fn is_unique(&self, column: ColumnIndex) -> bool {
        self.primary_key == [column]
            || self.indexes.iter().any(|(index, _)| index.unique && index.columns == [column])
    }
}

impl<'a> Reader<'a> {
    /// The table that a record declares, if it declares one.
    pub(super) fn table(&mut self, record: TypeId, interface: InterfaceId, role: Role) -> Option<Table> {
        let resolve = self.resolve;
        let def = &resolve.types[record];
        let TypeDefKind::Record(body) = &def.kind else { return None };
        let place = self.place(def.span);
        let comment = self.comments.of(&place, self.mistakes);
        let arguments = comment.directives.iter().find_map(|directive| match &directive.kind {
            DirectiveKind::Table(arguments) => Some((arguments, &directive.place)),
            _ => None,
        });
        let (arguments, table_place) = arguments?;
        let name = def.name.as_deref().unwrap_or_default();
        if role == Role::Exported {
            self.check_owner(name, interface, &place);
        }
        let size = self.shapes.size(&wit_parser::Type::Id(record));
        self.count_nodes(size.nodes, &place);

        let mut draft = Draft::new(name, &body.fields);
        self.primary_key(&mut draft, arguments, table_place);
        let mut columns = Vec::new();
        for (position, field) in (0..).map(ColumnIndex).zip(&body.fields) {
            columns.push(self.column(&mut draft, position, field));
        }
        for directive in &comment.directives {
            self.table_index(&mut draft, directive);
        }
        self.check_counters(&draft);
        self.check_defaults(&draft);

        let renamed_from = comment.directives.iter().find_map(|directive| match &directive.kind {
            DirectiveKind::RenamedFrom(word) => self.former_name(name, word),
            _ => None,
        });
        if let Some(former) = renamed_from.as_ref().filter(|_| role == Role::Exported) {
            self.check_table_rename(name, former, &place);
        }
        self.check_column_renames(&columns, &body.fields);

        let visibility = arguments.visibility.unwrap_or(Visibility::Private);
        if visibility == Visibility::Public && self.visibility(interface) == Visibility::Private {
            self.mistake(
                Mistake::new(
                    table_place.clone(),
                    format!("the table `{name}` is public, and its interface is private"),
                )
                .mend("make both public, or move the table into a public interface"),
            );
        }
        let mut indexes: Vec<_> = draft.indexes.into_iter().map(|(index, _)| index).collect();
        indexes.sort_by(|a, b| a.name.cmp(&b.name));
        Some(Table {
            name: name.to_owned(),
            visibility,
            storage: arguments.storage.unwrap_or(Storage::Logged),
            columns,
            primary_key: draft.primary_key,
            indexes,
            renamed_from,
        })
    }

    /// The name that an item had in the version before.
    fn former_name(&mut self, name: &str, former: &Word) -> Option<String> {
        if former.text == name {
            self.mistake(
                Mistake::new(former.place.clone(), format!("`{name}` is the name that it has now"))
                    .label("expected another name")
                    .mend("write the name that it had in the version before, or remove `@renamed-from`"),
            );
            return None;
        }
        if !is_name(&former.text) {
            let message = format!("`{}` cannot have been a name", clip(&former.text));
            self.mistake(
                Mistake::new(former.place.clone(), message)
                    .label("expected a name in kebab-case")
                    .mend("write the name as the WIT of the version before has it"),
            );
            return None;
        }
        Some(former.text.clone())
    }

    fn check_table_rename(&mut self, name: &str, former: &str, place: &Place) {
        let first = self.former_table_names.insert(former.to_owned(), name.to_owned());
        if let Some(first) = first.filter(|first| first != name) {
            self.mistake(renamed_twice(&first, name, former, place));
        }
    }

    fn check_column_renames(&mut self, columns: &[Column], fields: &[Field]) {
        let mut former_names = BTreeMap::new();
        for (column, field) in columns.iter().zip(fields) {
            let Some(former) = &column.renamed_from else { continue };
            if let Some(first) = former_names.insert(former, &column.name) {
                self.mistake(renamed_twice(first, &column.name, former, &self.place(field.span)));
            }
        }
    }

    /// The doors to a table are named by the package and the table alone.
    fn check_owner(&mut self, name: &str, interface: InterfaceId, place: &Place) {
        if self.resolve.interfaces[interface].package != Some(self.root) {
            let message = format!("the table `{name}` stands in an interface of another package");
            self.mistake(
                Mistake::new(place.clone(), message)
                    .mend("declare the table in an interface of the package whose world exports it"),
            );
        }
        match self.table_names.get(name) {
            Some(first) if first != place => {
                self.mistake(
                    Mistake::new(place.clone(), format!("the package has two tables named `{name}`"))
                        .mend("give one of them another name: tables share one space of names in a package"),
                );
            }
            _ => {
                self.table_names.insert(name.to_owned(), place.clone());
            }
        }
    }

    fn column(&mut self, draft: &mut Draft<'_>, position: ColumnIndex, field: &Field) -> Column {
        let place = self.place(field.span);
        let comment = self.comments.of(&place, self.mistakes);
        let mut column = Column {
            name: field.name.clone(),
            docs: comment.docs.clone(),
            ty: self.ty(&field.ty, &place),
            auto_increment: false,
            default: None,
            renamed_from: None,
        };
        for directive in &comment.directives {
            match &directive.kind {
                DirectiveKind::Unique(columns) if columns.is_empty() => {
                    self.check_key_type(field, &directive.place);
                    self.add_index(draft, vec![position], true, &directive.place);
                }
                DirectiveKind::AutoIncrement => {
                    column.auto_increment = true;
                    draft.counters.push((position, directive.place.clone()));
                    let is_integer = self.shapes.value_type(&field.ty).is_none_or(|ty| is_integer(&ty));
                    if !is_integer {
                        let message = format!("`{}` is not an integer, so it cannot count", field.name);
                        self.mistake(
                            Mistake::new(directive.place.clone(), message)
                                .mend("give the column an integer type such as `u64`"),
                        );
                    }
                }
                DirectiveKind::Default(value) => {
                    draft.defaults.push((position, directive.place.clone()));
                    column.default = self.shapes.value_type(&field.ty).and_then(|ty| self.wave(value, &ty));
                }
                DirectiveKind::RenamedFrom(word) => {
                    column.renamed_from = self.former_name(&field.name, word);
                }
                _ => {}
            }
        }
        column
    }

    /// A value in its one canonical spelling.
    pub(super) fn wave(&mut self, value: &Word, ty: &ValueType) -> Option<String> {
        match literal::canonical(&value.text, ty) {
            Ok(canonical) => Some(canonical),
            Err(reason) => {
                let expected = wave_type(ty);
                let message = format!("`{}` is not a value of the column: {reason}", clip(&value.text));
                self.mistake(
                    Mistake::new(value.place.clone(), message)
                        .label(format!("expected {expected}"))
                        .mend(format!("write {expected}")),
                );
                None
            }
        }
    }
}

fn renamed_twice(first: &str, second: &str, former: &str, place: &Place) -> Mistake {
    Mistake::new(place.clone(), format!("`{first}` and `{second}` cannot both have been `{former}` before"))
        .label("the second one")
        .mend("leave `@renamed-from` on one of them")
}

/// A type as it is called in a message; the whole of a large one would not help.
fn wave_type(ty: &ValueType) -> &'static str {
    match ty {
        ValueType::Bool => "`true` or `false`",
        ValueType::U8 => "a u8",
        ValueType::U16 => "a u16",
        ValueType::U32 => "a u32",
        ValueType::U64 => "a u64",
        ValueType::S8 => "an s8",
        ValueType::S16 => "an s16",
        ValueType::S32 => "an s32",
        ValueType::S64 => "an s64",
        ValueType::F32 => "an f32",
        ValueType::F64 => "an f64",
        ValueType::Char => "a char such as `'a'`",
        ValueType::String => "a string such as `\"a\"`",
        ValueType::List(_) => "a list such as `[…]`",
        ValueType::Option(_) => "an option: `some(…)` or `none`",
        ValueType::Result { .. } => "a result: `ok(…)` or `err(…)`",
        ValueType::Tuple(_) => "a tuple such as `(…, …)`",
        ValueType::Record(_) => "a record such as `{field: …}`",
        ValueType::Variant(_) => "a case of the variant",
        ValueType::Enum(_) => "a case of the enum",
        ValueType::Flags(_) => "a set of flags such as `{a, b}`",
    }
}
