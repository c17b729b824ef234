//! Tables: a record, its directives and those of its fields.
//! It judges names, keys, indexes and defaults, each at its word.
//! Invariant: a table that is returned without a mistake names only columns that it has.

use super::Reader;
use super::interfaces::Role;
use crate::directive::{Directive, DirectiveKind, TableArguments, Word};
use crate::finding::Mistake;
use crate::limits::{MAX_INDEXES, MAX_KEY_COLUMNS};
use crate::literal;
use crate::schema::{Column, ColumnIndex, Index, Storage, Table, Visibility};
use crate::source::Place;
use crate::spelling::did_you_mean;
use interstice_codec::ValueType;
use wit_parser::{Field, InterfaceId, TypeDefKind, TypeId};

/// What a column of a key or an index may be.
const KEY_TYPES: &str = "a bool, an integer, a char, a string, an enum or a `list<u8>`";

/// A table while it is read.
struct Draft<'a> {
    name: &'a str,
    fields: &'a [Field],
    primary_key: Vec<ColumnIndex>,
    indexes: Vec<(Index, Place)>,
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

        let mut draft = Draft { name, fields: &body.fields, primary_key: Vec::new(), indexes: Vec::new() };
        self.primary_key(&mut draft, arguments, table_place);
        let mut columns = Vec::new();
        for (position, field) in body.fields.iter().enumerate() {
            columns.push(self.column(&mut draft, position, field));
        }
        for directive in &comment.directives {
            self.table_index(&mut draft, directive);
        }
        self.check_counters(&draft, &columns);

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
        })
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

    fn primary_key(&mut self, draft: &mut Draft<'_>, arguments: &TableArguments, table: &Place) {
        let Some(words) = &arguments.primary_key else {
            let example = draft.fields.first().map_or("id", |field| field.name.as_str());
            self.mistake(
                Mistake::new(table.clone(), format!("the table `{}` has no primary key", draft.name))
                    .label("expected `primary-key = …`")
                    .mend(format!(
                        "name the column that tells its rows apart: `@table(primary-key = {example})`"
                    )),
            );
            return;
        };
        draft.primary_key = self.key_columns(draft, words);
    }

    /// Columns by their names, each of a type that has an order, none twice.
    fn key_columns(&mut self, draft: &Draft<'_>, words: &[Word]) -> Vec<ColumnIndex> {
        let mut columns = Vec::new();
        if let Some(word) = words.get(MAX_KEY_COLUMNS) {
            let message =
                format!("{} columns in one key, and at most {MAX_KEY_COLUMNS} are allowed", words.len());
            self.mistake(Mistake::new(word.place.clone(), message).mend("leave out those that matter least"));
            return columns;
        }
        for word in words {
            let Some(column) = self.find_column(draft.fields, draft.name, word) else { continue };
            if columns.contains(&column) {
                self.mistake(
                    Mistake::new(word.place.clone(), format!("the column `{}` is named twice", word.text))
                        .mend("leave one of the two"),
                );
                continue;
            }
            let field = &draft.fields[column.0 as usize];
            self.check_key_type(field, &word.place);
            columns.push(column);
        }
        columns
    }

    pub(super) fn find_column(&mut self, fields: &[Field], table: &str, word: &Word) -> Option<ColumnIndex> {
        let position = fields.iter().position(|field| field.name == word.text);
        if position.is_none() {
            let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let mend = format!("{}its columns are {list}", did_you_mean(&word.text, names.iter().copied()));
            self.mistake(
                Mistake::new(
                    word.place.clone(),
                    format!("the table `{table}` has no column `{}`", word.text),
                )
                .label("unknown column")
                .mend(mend),
            );
        }
        position.and_then(|position| u32::try_from(position).ok()).map(ColumnIndex)
    }

    fn check_key_type(&mut self, field: &Field, place: &Place) {
        let Some(ty) = self.shapes.value_type(&field.ty) else { return };
        if is_key_type(&ty) {
            return;
        }
        let (what, mend) = match ty {
            ValueType::F32 | ValueType::F64 => ("a float", "use an integer, in a unit small enough"),
            ValueType::List(_) => ("a list of anything but bytes", "use a `list<u8>` or a table of its own"),
            ValueType::Option(_) => ("an option", "give the column a value that means none"),
            ValueType::Flags(_) => ("a set of flags", "use an integer, or a bool for each flag"),
            _ => ("a value with parts", "name the parts as columns of their own"),
        };
        self.mistake(
            Mistake::new(place.clone(), format!("`{}` is {what}, which cannot be part of a key", field.name))
                .label(format!("expected {KEY_TYPES}"))
                .mend(mend),
        );
    }

    fn column(&mut self, draft: &mut Draft<'_>, position: usize, field: &Field) -> Column {
        let place = self.place(field.span);
        let comment = self.comments.of(&place, self.mistakes);
        let mut column = Column {
            name: field.name.clone(),
            docs: comment.docs.clone(),
            ty: self.ty(&field.ty, &place),
            auto_increment: false,
            default: None,
        };
        for directive in &comment.directives {
            match &directive.kind {
                DirectiveKind::Unique(columns) if columns.is_empty() => {
                    self.check_key_type(field, &directive.place);
                    let columns = u32::try_from(position).map(ColumnIndex).into_iter().collect();
                    self.add_index(draft, columns, true, &directive.place);
                }
                DirectiveKind::AutoIncrement => {
                    column.auto_increment = true;
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
                    column.default = self.shapes.value_type(&field.ty).and_then(|ty| self.wave(value, &ty));
                }
                _ => {}
            }
        }
        if let Some(default) = comment.directives.iter().find(|directive| directive.name == "default")
            && column.auto_increment
        {
            self.mistake(
                Mistake::new(
                    default.place.clone(),
                    format!("`{}` takes its values from a counter", field.name),
                )
                .mend("leave `@default` or `@auto-increment`"),
            );
        }
        column
    }

    /// A value in its one canonical spelling.
    pub(super) fn wave(&mut self, value: &Word, ty: &ValueType) -> Option<String> {
        match literal::canonical(&value.text, ty) {
            Ok(canonical) => Some(canonical),
            Err(reason) => {
                let expected = wave_type(ty);
                let message = format!("`{}` is no value of the column: {reason}", value.text);
                self.mistake(
                    Mistake::new(value.place.clone(), message)
                        .label(format!("expected {expected}"))
                        .mend(format!("write {expected}")),
                );
                None
            }
        }
    }

    fn table_index(&mut self, draft: &mut Draft<'_>, directive: &Directive) {
        let (words, unique) = match &directive.kind {
            DirectiveKind::Index(words) => (words, false),
            DirectiveKind::Unique(words) => (words, true),
            _ => return,
        };
        let columns = self.key_columns(draft, words);
        // With a column that was refused the index would be another than the one meant.
        if columns.len() == words.len() {
            self.add_index(draft, columns, unique, &directive.place);
        }
    }

    fn add_index(&mut self, draft: &mut Draft<'_>, columns: Vec<ColumnIndex>, unique: bool, place: &Place) {
        let names = columns.iter().map(|column| draft.fields[column.0 as usize].name.as_str());
        let name = names.collect::<Vec<_>>().join("-and-");
        let refusal = if columns.is_empty() {
            return;
        } else if draft.indexes.len() == MAX_INDEXES {
            let message = format!("the table has more than {MAX_INDEXES} indexes");
            Some((message, "leave out those that no query uses".to_owned()))
        } else if columns == draft.primary_key {
            Some((
                "the primary key is an index on these columns already".to_owned(),
                "remove this one".to_owned(),
            ))
        } else {
            let first =
                draft.indexes.iter().find(|(index, _)| index.name == name || index.columns == columns);
            first.map(|(first, _)| {
                let message = if first.columns != columns {
                    format!("two indexes would be named `{name}`")
                } else if first.unique == unique {
                    format!("there are two indexes on `{name}`")
                } else {
                    format!("`@unique` on `{name}` is an index already")
                };
                let mend = if first.columns == columns { "remove one of the two" } else { "rename a column" };
                (message, mend.to_owned())
            })
        };
        match refusal {
            Some((message, mend)) => {
                self.mistake(Mistake::new(place.clone(), message).label("one index too many").mend(mend));
            }
            None => draft.indexes.push((Index { name, columns, unique }, place.clone())),
        }
    }

    /// A table has one counter at most, and no two rows the same number.
    fn check_counters(&mut self, draft: &Draft<'_>, columns: &[Column]) {
        let mut counters =
            columns.iter().zip(draft.fields).enumerate().filter(|(_, (column, _))| column.auto_increment);
        let Some((position, (column, field))) = counters.next() else { return };
        let place = self.place(field.span);
        let own = [ColumnIndex(u32::try_from(position).unwrap_or(u32::MAX))];
        let is_unique = draft.primary_key == own
            || draft.indexes.iter().any(|(index, _)| index.unique && index.columns == own);
        if !is_unique && !draft.primary_key.is_empty() {
            self.mistake(
                Mistake::new(
                    place,
                    format!("`{}` counts, and yet two rows could have the same number", column.name),
                )
                .label("`@auto-increment`")
                .mend("make it the primary key, or add `@unique`"),
            );
        }
        for (_, (column, field)) in counters {
            let place = self.place(field.span);
            self.mistake(
                Mistake::new(
                    place,
                    format!("`{}` is the second column of `{}` that counts", column.name, draft.name),
                )
                .label("`@auto-increment`")
                .mend("leave `@auto-increment` on one column of the table"),
            );
        }
    }
}

/// Whether the order of values of this type is the order of their key bytes.
pub(crate) fn is_key_type(ty: &ValueType) -> bool {
    matches!(ty, ValueType::Bool | ValueType::Char | ValueType::String | ValueType::Enum(_))
        || is_integer(ty)
        || ty.is_bytes()
}

/// Whether this is one of the integer types.
pub(crate) fn is_integer(ty: &ValueType) -> bool {
    use ValueType::{S8, S16, S32, S64, U8, U16, U32, U64};
    matches!(ty, U8 | U16 | U32 | U64 | S8 | S16 | S32 | S64)
}

/// A type as it is called in a message; the whole of a large one would help nobody.
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
