//! The kinds of tables that histories are made of, and how rows of each are made from small numbers.

use super::steps::Seed;
use crate::tests::{accounts, documents};
use crate::{IndexDefinition, TableDefinition};
use interstice_codec::ValueType;
use interstice_codec::row::Encode;

/// A kind of table and how its rows are made.
pub(super) struct Kind {
    pub(super) definition: TableDefinition,
    pub(super) row: fn(Seed) -> Vec<u8>,
}

pub(super) fn kinds() -> Vec<Kind> {
    let mut narrow = accounts();
    narrow.columns = vec![ValueType::U8, ValueType::String, ValueType::S16];
    fn narrow_row((id, owner, balance): Seed) -> Vec<u8> {
        let mut row = Vec::new();
        (id % 8, format!("{}", owner % 5), i16::from(balance % 3) - 1).encode(&mut row);
        row
    }
    fn document((title, number, open): Seed) -> Vec<u8> {
        let mut row = Vec::new();
        let title = format!("a common beginning of titles {}", title % 4);
        let folder = format!("{}{}", "in the folder of ".repeat(usize::from(number & 1)), number % 3);
        (title, number % 2, folder, open % 2 == 0).encode(&mut row);
        row
    }
    let mut plain = narrow.clone();
    plain.auto_increment = None;
    plain.indexes[1].unique = false;
    plain.indexes[0].columns = vec![2, 1];
    vec![
        Kind { definition: narrow, row: narrow_row },
        Kind { definition: documents(), row: document },
        Kind { definition: plain, row: narrow_row },
        Kind { definition: numbered(), row: numbered_row },
    ]
}

/// A table whose counter is no key, so that an update can put 0 into it.
fn numbered() -> TableDefinition {
    let index =
        |name: &str, column, unique| IndexDefinition { name: name.to_owned(), columns: vec![column], unique };
    TableDefinition {
        name: "numbered".to_owned(),
        columns: vec![ValueType::U8, ValueType::U8, ValueType::S16],
        primary_key: vec![0],
        auto_increment: Some(1),
        indexes: vec![index("number", 1, true), index("weight", 2, false)],
    }
}

fn numbered_row((id, number, weight): Seed) -> Vec<u8> {
    let mut row = Vec::new();
    (id % 8, number % 6, i16::from(weight % 3) - 1).encode(&mut row);
    row
}
