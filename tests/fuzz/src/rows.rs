//! Rows, keys and batches of rows. Whatever the type and the bytes: all decoders come to the same, and
//! what is decoded encodes to the same bytes.

use crate::{Verdict, types};
use interstice_codec::key::{self, KeyLayout};
use interstice_codec::row::{self, Batch, Layout, push_row};
use interstice_codec::{Value, ValueType};

/// The input says the types of the columns, and then it is a row.
pub(crate) fn run_row(input: &[u8]) -> Verdict {
    let (types, bytes) = types::columns(input);
    let layout = Layout::new(&types);
    let (checked, decoded) = (layout.validate(bytes), row::decode_all(bytes, &types));
    assert_eq!(checked.err(), decoded.as_ref().err().copied(), "validation and decoding differ");
    typed(bytes);
    let Ok(values) = decoded else { return Verdict::Refused };
    let mut again = Vec::new();
    row::encode_all(&values, &types, &mut again).expect("decoded values are of their types");
    assert_eq!(again, bytes, "{values:?}");
    for (index, (value, ty)) in values.iter().zip(&types).enumerate() {
        let column = layout.column(bytes, index);
        // By its bytes: a NaN is not equal to itself.
        let mut alone = Vec::new();
        row::encode(&row::decode(column, ty).expect("the whole row was decoded"), ty, &mut alone)
            .expect("a decoded value is of its type");
        assert_eq!(alone, column, "column {index}");
        key_of(&layout, index, bytes, value);
    }
    Verdict::Accepted
}

/// Types that are known when compiling: guests read them so.
fn typed(bytes: &[u8]) {
    type Row = (u64, String, Option<Vec<u16>>, Result<bool, f64>, Vec<(char, i8)>);
    let types = [
        ValueType::U64,
        ValueType::String,
        ValueType::Option(Box::new(ValueType::List(Box::new(ValueType::U16)))),
        ValueType::Result { ok: Some(Box::new(ValueType::Bool)), err: Some(Box::new(ValueType::F64)) },
        ValueType::List(Box::new(ValueType::Tuple(vec![ValueType::Char, ValueType::S8]))),
    ];
    let (typed, dynamic) = (row::from_bytes::<Row>(bytes), row::decode_all(bytes, &types));
    assert_eq!(typed.is_ok(), dynamic.is_ok(), "{typed:?} against {dynamic:?}");
    if let Ok(typed) = typed {
        assert_eq!(row::to_bytes(&typed), bytes);
    }
}

/// The key of a column of a row comes back as the value of the column.
fn key_of(layout: &Layout, column: usize, bytes: &[u8], value: &Value) {
    let Ok(keys) = KeyLayout::new(layout, &[column]) else { return };
    let mut extracted = Vec::new();
    keys.extract(bytes, &mut extracted);
    assert_eq!(keys.decode(&extracted).as_deref(), Ok(std::slice::from_ref(value)));
    assert_eq!(keys.prefix(bytes), key::prefix(&extracted));
}

/// The input says the types of the columns, and then it is a key of all of them that a key can be made of.
pub(crate) fn run_key(input: &[u8]) -> Verdict {
    let (types, bytes) = types::columns(input);
    let layout = Layout::new(&types);
    let columns: Vec<usize> =
        (0..types.len()).filter(|column| KeyLayout::new(&layout, &[*column]).is_ok()).collect();
    let keys = KeyLayout::new(&layout, &columns).expect("each of them can be part of a key");
    let Ok(values) = keys.decode(bytes) else { return Verdict::Refused };
    let mut again = Vec::new();
    keys.encode_values(&values, &mut again).expect("decoded values are of their types");
    assert_eq!(again, bytes, "{values:?}");
    let mut successor = bytes.to_vec();
    if key::successor(&mut successor) {
        assert!(successor.as_slice() > bytes && !successor.starts_with(bytes));
    }
    Verdict::Accepted
}

/// The input is a batch of rows.
pub(crate) fn run_batch(input: &[u8]) -> Verdict {
    let mut again = Vec::new();
    for row in Batch::new(input) {
        match row {
            Ok(row) => push_row(row, &mut again),
            Err(_) => return Verdict::Refused,
        }
    }
    assert_eq!(again, input, "the rows of a batch make another batch");
    Verdict::Accepted
}
