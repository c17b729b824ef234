//! What the bindings write is what the host reads: both are held against the codec of dynamic values.
#![allow(missing_docs, clippy::unwrap_used)]

use codegen_everything::tables::{Everything, Keyed, KeyedByKey};
use codegen_everything::types::{Colour, Named, Point, Rights, Shape};
use interstice::Order;
use interstice::codec::row::{Decode, Encode, Reader};
use interstice::codec::{Value, ValueType, key, row};
use interstice_wit::{Schema, Table};
use std::path::Path;

fn schema() -> Schema {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
    interstice_wit::read(&interstice_codegen::load(&folder).unwrap(), None).unwrap()
}

fn columns(schema: &Schema, table: &Table) -> Vec<ValueType> {
    table.columns.iter().map(|column| schema.value_type(&column.ty)).collect()
}

fn table<'a>(schema: &'a Schema, name: &str) -> &'a Table {
    schema.tables().map(|(_, table)| table).find(|table| table.name == name).unwrap()
}

fn everything() -> Everything {
    let point = Point { x: -1, y: i32::MAX, weight: 0.5 };
    let named = Named { name: "a\0b".to_owned(), at: Some(point) };
    Everything {
        id: 7,
        a: true,
        b: 1,
        c: 2,
        d: u64::MAX,
        e: -1,
        f: -2,
        g: -3,
        h: i64::MIN,
        i: -0.0,
        j: f64::INFINITY,
        k: 'é',
        name: "x".repeat(200),
        bytes: vec![0, 1, 255],
        points: vec![point; 3],
        texts: vec![String::new(), "text".to_owned()],
        maybe: Some(None),
        outcome: Err(vec!["no".to_owned()]),
        nothing: Ok(()),
        half: Err("half".to_owned()),
        pair: (1, "two".to_owned(), (true,)),
        point,
        named: named.clone(),
        shape: Shape::Line((point, point)),
        colour: Colour::Self_,
        rights: Rights::READ | Rights::OWN,
        cents: -5,
        path: vec![point],
        address: named.clone(),
        deep: vec![
            None,
            Some(Ok((vec![Shape::Empty, Shape::Labelled(named)], Rights::empty()))),
            Some(Err(Colour::Blue)),
        ],
        r#type: 9,
        self_: -9,
    }
}

#[test]
fn a_row_is_encoded_as_the_host_encodes_it() {
    let schema = schema();
    let types = columns(&schema, table(&schema, "everything"));
    let row = everything();
    let bytes = row::to_bytes(&row);
    let values = row::decode_all(&bytes, &types).unwrap();
    let mut again = Vec::new();
    row::encode_all(&values, &types, &mut again).unwrap();
    assert_eq!(again, bytes);
    assert_eq!(row::from_bytes::<Everything>(&bytes).unwrap(), row);

    let names: Vec<_> =
        table(&schema, "everything").columns.iter().map(|column| column.name.as_str()).collect();
    let column = |name: &str| &values[names.iter().position(|column| *column == name).unwrap()];
    assert_eq!(*column("colour"), Value::Enum(3));
    assert_eq!(*column("rights"), Value::Flags(vec![0b1001]));
    assert_eq!(*column("self"), Value::S8(-9));
}

#[test]
fn bytes_that_are_no_row_are_refused_and_never_panic() {
    let bytes = row::to_bytes(&everything());
    for length in 0..bytes.len() {
        assert!(row::from_bytes::<Everything>(&bytes[..length]).is_err());
    }
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 0xff;
        if let Ok(row) = Everything::decode(&mut Reader::new(&changed)) {
            assert_eq!(row::to_bytes(&row)[..], changed[..row::to_bytes(&row).len()], "one encoding a value");
        }
    }
}

#[test]
fn a_key_is_encoded_as_the_host_extracts_it() {
    let schema = schema();
    let table = table(&schema, "keyed");
    let types = columns(&schema, table);
    let row = Keyed {
        flag: true,
        letter: 'z',
        text: "a\0b".to_owned(),
        bytes: vec![0, 255],
        colour: Colour::Green,
        small: -1,
        big: 1 << 40,
    };
    let indexes: Vec<_> = table.primary_key.iter().map(|column| column.0 as usize).collect();
    let mut wanted = Vec::new();
    key::KeyLayout::new(&row::Layout::new(&types), &indexes)
        .unwrap()
        .extract(&row::to_bytes(&row), &mut wanted);
    let mut found = Vec::new();
    let key = (row.flag, row.letter, &*row.text, &*row.bytes, row.colour, row.small, row.big);
    KeyedByKey::encode_key(&key, &mut found);
    assert_eq!(found, wanted);
}

#[test]
fn a_nan_is_written_in_its_canonical_form() {
    let mut row = everything();
    row.j = f64::from_bits(0xfff8_dead_beef_0001);
    let mut bytes = Vec::new();
    row.encode(&mut bytes);
    assert!(row::from_bytes::<Everything>(&bytes).unwrap().j.is_nan());
}
