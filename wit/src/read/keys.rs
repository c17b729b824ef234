//! The keys of a table: its primary key, its indexes and its counter.
//! It judges which columns may be part of a key, and which keys a table may have.
//! Invariant: a key that is kept names columns that have an order, none of them twice.

use super::Reader;
use super::tables::Draft;
use crate::directive::{Directive, DirectiveKind, TableArguments, Word};
use crate::finding::{Mistake, clip};
use crate::limits::{MAX_FINDINGS, MAX_INDEXES, MAX_KEY_COLUMNS};
use crate::schema::{ColumnIndex, Index};
use crate::source::Place;
use crate::spelling::did_you_mean;
use interstice_codec::ValueType;
use wit_parser::Field;

/// What a column of a key or an index may be.
const KEY_TYPES: &str = "a bool, an integer, a char, a string, an enum or a `list<u8>`";

/// How many columns a message lists.
const COLUMNS_LISTED: usize = 10;

impl Reader<'_> {
    pub(super) fn primary_key(&mut self, draft: &mut Draft<'_>, arguments: &TableArguments, table: &Place) {
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
            let mend = self.columns_there_are(fields, &word.text);
            self.mistake(
                Mistake::new(
                    word.place.clone(),
                    format!("the table `{table}` has no column `{}`", clip(&word.text)),
                )
                .label("unknown column")
                .mend(mend),
            );
        }
        position.and_then(|position| u32::try_from(position).ok()).map(ColumnIndex)
    }

    /// How to mend a wrong name of a column.
    fn columns_there_are(&self, fields: &[Field], wrong: &str) -> String {
        let names = fields.iter().map(|field| field.name.as_str());
        let first: Vec<_> = names.clone().take(COLUMNS_LISTED).map(|name| format!("`{name}`")).collect();
        let more = match fields.len().saturating_sub(first.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match first.as_slice() {
            [] => "it has no columns".to_owned(),
            // Whoever has so many mistakes begins with others.
            _ if self.mistakes.len() > MAX_FINDINGS => format!("its columns are {}{more}", first.join(", ")),
            _ => format!("{}its columns are {}{more}", did_you_mean(wrong, names), first.join(", ")),
        }
    }

    pub(super) fn check_key_type(&mut self, field: &Field, place: &Place) {
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

    pub(super) fn table_index(&mut self, draft: &mut Draft<'_>, directive: &Directive) {
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

    pub(super) fn add_index(
        &mut self,
        draft: &mut Draft<'_>,
        columns: Vec<ColumnIndex>,
        unique: bool,
        place: &Place,
    ) {
        let names = columns.iter().map(|column| draft.fields[column.0 as usize].name.as_str());
        let name = names.collect::<Vec<_>>().join("-and-");
        let refusal = if columns.is_empty() {
            return;
        } else if draft.indexes.len() == MAX_INDEXES {
            if std::mem::replace(&mut draft.has_too_many_indexes, true) {
                return;
            }
            let message = format!("the table has more than {MAX_INDEXES} indexes");
            Some((message, "leave out those that no query uses, from here on or before".to_owned()))
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
    pub(super) fn check_counters(&mut self, draft: &Draft<'_>) {
        let mut counters = draft.counters.iter();
        let Some((column, place)) = counters.next() else { return };
        if !draft.is_unique(*column) && !draft.primary_key.is_empty() {
            let name = draft.column_name(*column);
            self.mistake(
                Mistake::new(
                    place.clone(),
                    format!("`{name}` counts, and yet two rows could have the same number"),
                )
                .mend("make it the primary key, or add `@unique`"),
            );
        }
        for (column, place) in counters {
            let name = draft.column_name(*column);
            self.mistake(
                Mistake::new(
                    place.clone(),
                    format!("`{name}` is the second column of `{}` that counts", draft.name),
                )
                .mend("leave `@auto-increment` on one column of the table"),
            );
        }
    }

    /// An older row takes the default, and the next older row would take the same.
    pub(super) fn check_defaults(&mut self, draft: &Draft<'_>) {
        for (column, place) in &draft.defaults {
            let name = draft.column_name(*column);
            if draft.counters.iter().any(|(counter, _)| counter == column) {
                self.mistake(
                    Mistake::new(place.clone(), format!("`{name}` takes its values from a counter"))
                        .mend("leave `@default` or `@auto-increment`"),
                );
            } else if draft.is_unique(*column) {
                let message =
                    format!("no two rows have the same `{name}`, and all older rows would take this value");
                self.mistake(
                    Mistake::new(place.clone(), message)
                        .label("the default of a column that is unique")
                        .mend("remove `@default`, or let rows have the same value"),
                );
            }
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
