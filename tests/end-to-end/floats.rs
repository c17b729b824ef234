//! NaNs, of which a machine has many and a table has one.

use crate::module;
use interstice_codec::row::from_bytes;
use interstice_test::Database;

const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
const CANONICAL_SINGLE: u32 = 0x7fc0_0000;

/// Number, bits of the sum, the float as it was moved, half of it as a sum, both in a list.
type Sum = (u32, u64, f64, f32, Vec<f64>);

/// The row, and the bits that the guest sees in its columns.
type Seen = (Sum, u64, u32, Vec<u64>);

/// Has the guest make a float of the bits; answers the bits of its sum, and the row as the host has it.
fn add(database: &Database, bits: u64) -> (u64, Seen) {
    let sum = database.typed("add", (bits,));
    let node = database.node();
    let every = node.function("test:types", "every-sum").unwrap();
    let reply = node.query(&every, &[], &Default::default()).unwrap();
    (sum, from_bytes::<Vec<Seen>>(&reply.result).unwrap().pop().unwrap())
}

#[test]
fn a_nan_that_a_guest_computes_or_stores_is_the_canonical_one() {
    let mut database = Database::of(module("types"));
    let nans = [
        0x7ff0_0000_0000_0001,
        0x7ff4_dead_beef_0000,
        0x7ff8_0000_0000_0001,
        0x7fff_ffff_ffff_ffff,
        0xfff8_0000_0000_0000,
        0xffff_ffff_ffff_ffff,
        0x7ff1_2345_0000_0000,
    ];
    for bits in nans {
        assert!(f64::from_bits(bits).is_nan());
        let (sum, (row, double, single, doubles)) = add(&database, bits);
        assert_eq!(sum, CANONICAL, "{bits:x}: arithmetic in the guest");
        let (_, logged, moved, half, list) = row;
        assert_eq!(logged, CANONICAL, "{bits:x}");
        assert_eq!(moved.to_bits(), CANONICAL, "{bits:x}: a column, as the host has it");
        assert_eq!(list.iter().map(|double| double.to_bits()).collect::<Vec<_>>(), [CANONICAL; 2]);
        assert_eq!((double, doubles), (CANONICAL, vec![CANONICAL; 2]), "{bits:x}: as the guest reads it");
        assert_eq!(half.to_bits(), single);
        if f32::from_bits((bits >> 32) as u32).is_nan() {
            assert_eq!(single, CANONICAL_SINGLE, "{bits:x}");
        }
    }
    let before = database.query("every-sum()");
    database.restart();
    assert_eq!(database.query("every-sum()"), before);
}

#[test]
fn floats_that_are_numbers_keep_their_bits() {
    let database = Database::of(module("types"));
    for number in [0.0, -0.0, 1.5, -1.5, f64::MIN_POSITIVE / 2.0, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]
    {
        let (sum, (row, double, _, doubles)) = add(&database, number.to_bits());
        assert_eq!(sum, (number + 0.0).to_bits(), "{number}");
        assert_eq!(
            (row.2.to_bits(), double, doubles[1]),
            (number.to_bits(), number.to_bits(), number.to_bits())
        );
    }
}
