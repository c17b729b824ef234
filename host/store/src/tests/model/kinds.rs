//! The kinds of tables that histories are made of, what they evolve into, and how rows of each are made from small
//! numbers.

use super::steps::Seed;
use crate::tests::{accounts, documents};
use crate::{IndexDefinition, TableDefinition};
use interstice_codec::row::{ColumnSource, Encode, to_bytes};
use interstice_codec::{Value, ValueType};

/// A kind of table: what it is at first, and what it becomes, one after the other.
pub(super) struct Kind {
    pub(super) stages: Vec<Stage>,
}

/// What a table is.
pub(super) struct Stage {
    pub(super) definition: TableDefinition,
    pub(super) row: fn(Seed) -> Vec<u8>,
    /// Where its columns come from, if it is not the first.
    pub(super) columns: Vec<ColumnSource>,
    /// The same of values.
    pub(super) convert: fn(Vec<Value>) -> Vec<Value>,
}

use ColumnSource::{Default, Fitted, MadeOptional, Same, Widened};

pub(super) fn kinds() -> Vec<Kind> {
    vec![narrow(), titled(), plain(), numbered()]
}

fn first(definition: TableDefinition, row: fn(Seed) -> Vec<u8>) -> Stage {
    Stage { definition, row, columns: Vec::new(), convert: |values| values }
}

fn index(name: &str, columns: &[usize], unique: bool) -> IndexDefinition {
    IndexDefinition { name: name.to_owned(), columns: columns.to_vec(), unique }
}

fn encoded(row: impl Encode) -> Vec<u8> {
    to_bytes(&row)
}

fn optional(ty: ValueType) -> ValueType {
    ValueType::Option(Box::new(ty))
}

fn owner(seed: u8) -> String {
    format!("{}", seed % 5)
}

fn weight(seed: u8) -> i16 {
    i16::from(seed % 3) - 1
}

fn widened(value: &Value) -> i64 {
    match value {
        Value::S16(number) => i64::from(*number),
        Value::S32(number) => i64::from(*number),
        other => panic!("{other:?} is neither s16 nor s32"),
    }
}

fn narrow_definition() -> TableDefinition {
    TableDefinition { columns: vec![ValueType::U8, ValueType::String, ValueType::S16], ..accounts() }
}

fn narrow_row((id, name, balance): Seed) -> Vec<u8> {
    encoded((id % 8, owner(name), weight(balance)))
}

/// Whole and partial keys; an index over a column that old rows do not have, one over a widened column, one that
/// becomes unique, and one that ends.
fn narrow() -> Kind {
    let second = TableDefinition {
        columns: vec![ValueType::U8, ValueType::S32, ValueType::String, ValueType::U16],
        indexes: vec![
            index("owner", &[2], true),
            index("balance", &[1], false),
            index("note-and-owner", &[3, 2], false),
        ],
        ..narrow_definition()
    };
    let third = TableDefinition {
        columns: vec![ValueType::U8, ValueType::S32, optional(ValueType::String)],
        indexes: vec![index("balance", &[1], true)],
        ..narrow_definition()
    };
    let fourth = TableDefinition {
        columns: vec![ValueType::U8, ValueType::String, optional(ValueType::String), ValueType::S32],
        indexes: vec![index("balance", &[3], false), index("note", &[1, 3], false)],
        ..narrow_definition()
    };
    // The way back, on which a value that does not fit is the first of its type.
    let fifth = TableDefinition {
        columns: vec![ValueType::U8, ValueType::String, ValueType::S16],
        indexes: vec![index("balance", &[2], false), index("name-and-balance", &[1, 2], false)],
        ..narrow_definition()
    };
    Kind {
        stages: vec![
            first(narrow_definition(), narrow_row),
            Stage {
                definition: second,
                row: |(id, name, balance)| {
                    encoded((id % 8, i32::from(weight(balance)), owner(name), u16::from(balance % 4) + 6))
                },
                columns: vec![Same(0), Widened(2), Same(1), Default(vec![7, 0])],
                convert: |values| {
                    let balance = Value::S32(widened(&values[2]) as i32);
                    vec![values[0].clone(), balance, values[1].clone(), Value::U16(7)]
                },
            },
            Stage {
                definition: third,
                row: |(id, name, balance)| {
                    encoded((id % 8, i32::from(balance), (name % 2 == 0).then(|| owner(name))))
                },
                columns: vec![Same(0), Same(1), MadeOptional(2)],
                convert: |values| {
                    let some = Value::Option(Some(Box::new(values[2].clone())));
                    vec![values[0].clone(), values[1].clone(), some]
                },
            },
            Stage {
                definition: fourth,
                row: |(id, name, balance)| {
                    encoded((id % 8, owner(balance), Some(owner(name)), i32::from(weight(balance))))
                },
                columns: vec![Same(0), Default(vec![1, b'2']), Same(2), Same(1)],
                convert: |values| {
                    let note = Value::String("2".to_owned());
                    vec![values[0].clone(), note, values[2].clone(), values[1].clone()]
                },
            },
            Stage {
                definition: fifth,
                row: narrow_row,
                columns: vec![Same(0), Fitted(2), Fitted(3)],
                convert: |values| {
                    let name = match &values[2] {
                        Value::Option(Some(name)) => (**name).clone(),
                        _ => Value::String(String::new()),
                    };
                    let balance = i16::try_from(widened(&values[3])).unwrap_or_default();
                    vec![values[0].clone(), name, Value::S16(balance)]
                },
            },
        ],
    }
}

fn title(seed: u8) -> String {
    format!("a common beginning of titles {}", seed % 4)
}

fn folder(seed: u8) -> String {
    format!("{}{}", "in the folder of ".repeat(usize::from(seed & 1)), seed % 3)
}

/// The encoding of the tag that documents get.
const TAG: &str = "a tag that is longer than a prefix";

/// A primary key of two columns that move, partial keys that old rows have only when converted, and indexes over
/// columns that are dropped while older readers go on.
fn titled() -> Kind {
    let second = TableDefinition {
        columns: vec![
            ValueType::Bool,
            ValueType::String,
            ValueType::String,
            ValueType::U8,
            ValueType::String,
        ],
        primary_key: vec![1, 3],
        indexes: vec![
            index("tag-and-title", &[4, 2], false),
            index("title", &[2], false),
            index("open-and-title", &[0, 2], true),
        ],
        ..documents()
    };
    let third = TableDefinition {
        columns: vec![ValueType::String, ValueType::U8, ValueType::String],
        primary_key: vec![0, 1],
        indexes: vec![index("tag", &[2], false)],
        ..documents()
    };
    let fourth = TableDefinition {
        columns: vec![ValueType::String, ValueType::U8, ValueType::String, optional(ValueType::Bool)],
        primary_key: vec![0, 1],
        indexes: Vec::new(),
        ..documents()
    };
    Kind {
        stages: vec![
            first(documents(), |(name, number, open)| {
                encoded((title(name), number % 2, folder(number), open % 2 == 0))
            }),
            Stage {
                definition: second,
                row: |(name, number, open)| {
                    let tag = if open % 3 == 0 { TAG.to_owned() } else { title(open) };
                    encoded((open % 2 == 0, folder(number), title(name), number % 2, tag))
                },
                columns: vec![Same(3), Same(2), Same(0), Same(1), Default(encoded(TAG.to_owned()))],
                convert: |values| {
                    let tag = Value::String(TAG.to_owned());
                    vec![values[3].clone(), values[2].clone(), values[0].clone(), values[1].clone(), tag]
                },
            },
            Stage {
                definition: third,
                row: |(_, number, open)| encoded((folder(number), number % 2, title(open))),
                columns: vec![Same(1), Same(3), Same(4)],
                convert: |values| vec![values[1].clone(), values[3].clone(), values[4].clone()],
            },
            Stage {
                definition: fourth,
                row: |(name, number, open)| {
                    encoded((folder(number), number % 2, title(name), (open > 2).then_some(open > 3)))
                },
                columns: vec![Same(0), Same(1), Same(2), Default(vec![0])],
                convert: |mut values| {
                    values.push(Value::Option(None));
                    values
                },
            },
        ],
    }
}

/// Indexes come and go while rows stay as they are, so that places are used again.
fn plain() -> Kind {
    let definition = |columns: Vec<ValueType>, indexes| TableDefinition {
        columns,
        auto_increment: None,
        indexes,
        ..narrow_definition()
    };
    let same = || vec![Same(0), Same(1), Same(2)];
    let types = || vec![ValueType::U8, ValueType::String, ValueType::S16];
    let both = || vec![index("balance", &[2, 1], false), index("owner", &[1], false)];
    let wide = vec![ValueType::U8, ValueType::String, ValueType::S64];
    Kind {
        stages: vec![
            first(definition(types(), both()), narrow_row),
            Stage {
                definition: definition(types(), vec![index("owner", &[1], true)]),
                row: narrow_row,
                columns: same(),
                convert: |values| values,
            },
            Stage {
                definition: definition(
                    types(),
                    vec![index("only-balance", &[2], false), index("owner", &[1], false)],
                ),
                row: narrow_row,
                columns: same(),
                convert: |values| values,
            },
            Stage {
                definition: definition(types(), both()),
                row: narrow_row,
                columns: same(),
                convert: |values| values,
            },
            Stage {
                definition: definition(wide, both()),
                row: |(id, name, balance)| encoded((id % 8, owner(name), i64::from(weight(balance)))),
                columns: vec![Same(0), Same(1), Widened(2)],
                convert: |values| vec![values[0].clone(), values[1].clone(), Value::S64(widened(&values[2]))],
            },
        ],
    }
}

/// A table whose counter is no key, so that an update can put 0 into it.
fn numbered() -> Kind {
    let definition = TableDefinition {
        name: "numbered".to_owned(),
        columns: vec![ValueType::U8, ValueType::U8, ValueType::S16],
        primary_key: vec![0],
        auto_increment: Some(1),
        indexes: vec![index("number", &[1], true), index("weight", &[2], false)],
    };
    let second = TableDefinition {
        columns: vec![ValueType::U8, ValueType::U8, ValueType::Bool, ValueType::S16],
        indexes: vec![
            index("weight", &[3], false),
            index("flag-and-weight", &[2, 3], false),
            index("number", &[1], true),
        ],
        ..definition.clone()
    };
    Kind {
        stages: vec![
            first(definition, |(id, number, by)| encoded((id % 8, number % 6, weight(by)))),
            Stage {
                definition: second,
                row: |(id, number, by)| encoded((id % 8, number % 6, by % 2 == 0, weight(by))),
                columns: vec![Same(0), Same(1), Default(vec![1]), Same(2)],
                convert: |values| {
                    vec![values[0].clone(), values[1].clone(), Value::Bool(true), values[2].clone()]
                },
            },
        ],
    }
}
