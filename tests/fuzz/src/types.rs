//! A type from bytes, so that a fuzzer chooses the type of a row as well as its bytes.

use interstice_codec::{Case, Field, ValueType};

const LABELS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const LEAVES: [ValueType; 13] = [
    ValueType::U64,
    ValueType::String,
    ValueType::Bool,
    ValueType::U8,
    ValueType::U16,
    ValueType::U32,
    ValueType::S8,
    ValueType::S16,
    ValueType::S32,
    ValueType::S64,
    ValueType::F32,
    ValueType::F64,
    ValueType::Char,
];
/// No type is deeper than this, and none of one row has more parts together than that.
const MAX_DEPTH: usize = 6;
const MAX_PARTS: usize = 64;

/// Bytes of which types are read.
pub(crate) struct TypeBytes<'a> {
    rest: &'a [u8],
    parts: usize,
}

/// The columns of a row, and the rest of the bytes.
pub(crate) fn columns(bytes: &[u8]) -> (Vec<ValueType>, &[u8]) {
    let mut bytes = TypeBytes { rest: bytes, parts: 0 };
    let count = usize::from(bytes.byte() % 6);
    let types = (0..count).map(|_| bytes.take(0)).collect();
    (types, bytes.rest)
}

impl TypeBytes<'_> {
    fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => 0,
        }
    }

    /// The next type: its kind in the lower five bits of a byte, and how many parts it has in the others.
    fn take(&mut self, depth: usize) -> ValueType {
        let byte = self.byte();
        let (kind, parts) = (usize::from(byte & 0x1f), usize::from(byte >> 5));
        self.parts += 1;
        if let Some(leaf) = LEAVES.get(kind) {
            return leaf.clone();
        }
        if depth >= MAX_DEPTH || self.parts > MAX_PARTS {
            return ValueType::Bool;
        }
        match kind {
            13 => ValueType::List(Box::new(ValueType::U8)),
            14 | 15 => ValueType::List(Box::new(self.take(depth + 1))),
            16 | 17 => ValueType::Option(Box::new(self.take(depth + 1))),
            18 => ValueType::Result { ok: self.payload(depth), err: self.payload(depth) },
            19 | 20 => ValueType::Tuple((0..parts).map(|_| self.take(depth + 1)).collect()),
            21 | 22 => {
                let field = |name: &&str| Field { name: (*name).to_owned(), ty: self.take(depth + 1) };
                ValueType::Record(LABELS[..parts].iter().map(field).collect())
            }
            23 | 24 => {
                let case = |name: &&str| Case {
                    name: (*name).to_owned(),
                    ty: self.payload(depth).map(|payload| *payload),
                };
                ValueType::Variant(LABELS[..=parts].iter().map(case).collect())
            }
            25 => ValueType::Enum(labels(parts + 1)),
            // One that takes more than a byte.
            26 => ValueType::Enum(labels(257)),
            27 => ValueType::Flags(labels(parts)),
            _ => ValueType::Flags(labels(parts * 11)),
        }
    }

    fn payload(&mut self, depth: usize) -> Option<Box<ValueType>> {
        (self.byte() & 1 == 1).then(|| Box::new(self.take(depth + 1)))
    }
}

fn labels(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("label{at}")).collect()
}
