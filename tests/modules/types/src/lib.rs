//! A module that keeps and gives back values of every type that WIT has.

interstice::module!("wit");

use calls::{Address, Cents, Colour, Everything, Keyed, Match, Named, Path, Point, Rights, Shape};
use std::hint::black_box;
use sums::Sum;

struct Types;

export!(Types);

type Lists = (
    Vec<u8>,
    Vec<u64>,
    Vec<String>,
    Vec<Point>,
    Vec<Named>,
    Vec<Vec<Shape>>,
    Vec<bool>,
    Vec<char>,
    Vec<(u8, u64)>,
);

type Choices = (
    Option<String>,
    Option<Vec<Point>>,
    Result<Point, Named>,
    Shape,
    Colour,
    Rights,
    Result<(), u8>,
    Option<Option<u8>>,
);

impl Calls for Types {
    fn all(
        _: &mut ReducerContext,
        a: bool,
        b: u8,
        c: u16,
        d: u32,
        e: u64,
        f: i8,
        g: i16,
        h: i32,
        i: i64,
        j: f32,
        k: f64,
        l: char,
        m: String,
    ) -> (bool, u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, char, String) {
        (a, b, c, d, e, f, g, h, i, j, k, l, m)
    }

    fn lists(
        _: &QueryContext,
        a: Vec<u8>,
        b: Vec<u64>,
        c: Vec<String>,
        d: Vec<Point>,
        e: Vec<Named>,
        f: Vec<Vec<Shape>>,
        g: Vec<bool>,
        h: Vec<char>,
        i: Vec<(u8, u64)>,
    ) -> Lists {
        (a, b, c, d, e, f, g, h, i)
    }

    fn choices(
        _: &QueryContext,
        a: Option<String>,
        b: Option<Vec<Point>>,
        c: Result<Point, Named>,
        d: Shape,
        e: Colour,
        f: Rights,
        g: Result<(), u8>,
        h: Option<Option<u8>>,
    ) -> Choices {
        (a, b, c, d, e, f, g, h)
    }

    fn names(
        _: &QueryContext,
        a: Cents,
        b: Path,
        c: Address,
        d: Everything,
    ) -> (Cents, Path, Address, Everything) {
        (a, b, c, d)
    }

    fn nothing(_: &mut ReducerContext) {}

    fn put(context: &mut ReducerContext, row: Everything) -> Result<Everything, String> {
        context.tables.everything.insert(row).map_err(|error| error.to_string())
    }

    fn put_many(context: &mut ReducerContext, rows: Vec<Everything>) -> Result<Vec<u32>, String> {
        context.tables.everything.insert_many(rows).map_err(|error| error.to_string())
    }

    fn replace(context: &mut ReducerContext, row: Everything) -> Result<(), String> {
        context.tables.everything.update(&row).map_err(|error| error.to_string())
    }

    fn every(context: &QueryContext) -> Vec<Everything> {
        context.tables.everything.iter().collect()
    }

    fn one(context: &QueryContext, id: u32) -> Option<Everything> {
        context.tables.everything.get(id)
    }

    fn by_name(context: &QueryContext, name: String) -> Option<Everything> {
        context.tables.everything.by_name.get(&name)
    }

    fn by_bytes(context: &QueryContext, bytes: Vec<u8>) -> Vec<Everything> {
        context.tables.everything.by_bytes.get_all(&bytes).collect()
    }

    fn by_colour(context: &QueryContext, colour: Colour) -> Vec<Everything> {
        context.tables.everything.by_colour_and_name.prefix(colour).collect()
    }

    fn put_keyed(context: &mut ReducerContext, row: Keyed) -> Result<(), String> {
        context.tables.keyed.insert(row).map(drop).map_err(|error| error.to_string())
    }

    fn every_keyed(context: &QueryContext) -> Vec<Keyed> {
        context.tables.keyed.iter().collect()
    }

    fn find_keyed(context: &QueryContext, row: Keyed) -> Option<Keyed> {
        let Keyed { flag, letter, text, bytes, colour, small, big } = row;
        context.tables.keyed.get((flag, letter, &text, &bytes, colour, small, big))
    }

    fn by_big(context: &QueryContext, big: u64) -> Vec<Keyed> {
        context.tables.keyed.by_big_and_flag.prefix(big).collect()
    }

    fn put_match(context: &mut ReducerContext, row: Match) -> Result<(), String> {
        context.tables.r#match.insert(row).map(drop).map_err(|error| error.to_string())
    }

    fn by_limit(context: &QueryContext, limit: u8) -> Vec<Match> {
        context.tables.r#match.by_limit.get_all(limit).collect()
    }

    fn add(context: &mut ReducerContext, bits: u64) -> u64 {
        let double = black_box(f64::from_bits(bits)) + black_box(0.0);
        let single = black_box(f32::from_bits((bits >> 32) as u32)) + black_box(0.0);
        // Neither a sum nor anything else that the machine has looked at.
        let moved = f64::from_bits(black_box(bits));
        let sum = Sum { id: 0, bits: double.to_bits(), double: moved, single, doubles: vec![double, moved] };
        context.tables.sum.insert(sum).expect("it has no other key than its counter").bits
    }

    fn every_sum(context: &QueryContext) -> Vec<(Sum, u64, u32, Vec<u64>)> {
        let seen = |sum: Sum| {
            let doubles = sum.doubles.iter().map(|double| double.to_bits()).collect();
            let (double, single) = (sum.double.to_bits(), sum.single.to_bits());
            (sum, double, single, doubles)
        };
        context.tables.sum.iter().map(seen).collect()
    }
}

impl Prelude for Types {
    fn same(
        _: &QueryContext,
        _: prelude::Result_,
        b: prelude::Option_,
        _: prelude::Vec_,
        d: prelude::Self_,
        e: prelude::Box,
        _: Option<String>,
        _: Result<prelude::Vec_, prelude::Self_>,
    ) -> Result<prelude::Option_, prelude::Box> {
        if d == prelude::Self_::Self_ { Ok(b) } else { Err(e) }
    }
}

impl Type for Types {
    fn r#use(_: &mut ReducerContext, r#type: u8, _: u8, _: u8, _: u8, _: u8, context: u8) -> Result<(), ()> {
        if r#type == context { Ok(()) } else { Err(()) }
    }

    fn r#gen(_: &QueryContext, a: r#type::Struct) -> r#type::Struct {
        a
    }

    fn r_self(_: &QueryContext) -> Result<r#type::Struct, ()> {
        Err(())
    }
}
