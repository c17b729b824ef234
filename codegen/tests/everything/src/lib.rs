//! A module that uses every type of WIT, to be compiled natively and for WebAssembly.
//! What it returns is what it was given, as far as the types allow.
//! Invariant: the bindings of it compile without a warning.

interstice::module!();

use calls::{Address, Cents, Colour, Everything, Named, Path, Point, Rights, Shape};
use tables::{Keyed, Match};
use test::everything as before;
use test::other1_0_0 as other;
use test::other2_0_0 as newer;

/// The implementation of the module.
struct Echo;

export!(Echo);

impl Calls for Echo {
    fn all(
        context: &mut ReducerContext,
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
        let thing = other::tables::Thing { colour: other::types::Colour::Green, name: m, r#type: b };
        let texts = ["text".to_owned()];
        let (a, l, m) =
            other::calls::all(context, a, b, c, d, e, f, g, h, i, j, k, l, "text", &texts, &thing);
        let _ = newer::calls::all(context, &texts);
        let _ = other::calls::nothing(context);
        other::calls::forget(context, "text");
        (a, b, c, d, e, f, g, h, i, j, k, l, m)
    }

    fn lists(
        context: &QueryContext,
        a: Vec<u8>,
        b: Vec<u64>,
        c: Vec<String>,
        d: Vec<Point>,
        e: Vec<Named>,
        f: Vec<Vec<Shape>>,
        g: Vec<bool>,
        h: Vec<char>,
        i: Vec<(u8, u64)>,
    ) -> Vec<Vec<Option<Named>>> {
        let points: Vec<_> = d.iter().map(|point| their_point(*point)).collect();
        let shapes = vec![vec![other::types::Shape::Self_; f.len()]];
        let named = [other::types::Named { name: "name".to_owned(), at: None }];
        let theirs = other::calls::lists(context, &a, &b, &c, &points, &named, &shapes, &g, &h, &i);
        let known = context.imports.other.thing.get((other::types::Colour::Red, "name"));
        let first = context.imports.other.thing.prefix(other::types::Colour::Red).next();
        assert_eq!(known, first);
        vec![e.into_iter().map(Some).collect(), vec![None; theirs.len()]]
    }

    fn choices(
        context: &QueryContext,
        a: Option<String>,
        b: Option<Vec<Point>>,
        c: Result<Point, Named>,
        d: Shape,
        e: Colour,
        f: Rights,
        g: Result<(), u8>,
        h: Option<Option<u8>>,
    ) -> Result<Option<Shape>, Rights> {
        let points = b.map(|points| points.into_iter().map(their_point).collect::<Vec<_>>());
        let point = c.as_ref().map(|point| their_point(*point));
        let named = other::types::Named { name: "name".to_owned(), at: None };
        let point = point.as_ref().map_err(|_| &named);
        let colour = if e == Colour::Red { other::types::Colour::Red } else { other::types::Colour::Blue };
        let theirs = other::calls::choices(
            context,
            a.as_deref(),
            points.as_deref(),
            point,
            &other::types::Shape::Dot(their_point(Point { x: 0, y: 0, weight: 0.0 })),
            colour,
            other::types::Rights::READ | other::types::Rights::OWN,
            g,
            h,
        );
        if theirs.is_ok() { Ok(Some(d)) } else { Err(f) }
    }

    fn names(_: &QueryContext, _: Cents, _: Path, _: Address, d: Everything) -> Option<Everything> {
        Some(d)
    }

    fn nothing(context: &mut ReducerContext) {
        let table = &context.tables.everything;
        for row in table.iter() {
            let _ = table.by_name.get(&row.name);
            let _ = table.by_bytes.get_all(&row.bytes).count();
            let _ = table.by_colour_and_name.get_all((row.colour, &row.name)).limit(3).count();
            let _ = table.by_colour_and_name.prefix(row.colour).rev().count();
            let _ = table.by_colour_and_name.prefix_range(row.colour, "a".."b").count();
            let _ = table.by_name.range("a"..="b").count() + table.range(3..).count();
            let _ = (table.by_name.first(), table.last(), table.count());
            let _ = table.insert(row.clone()).map(|row| row.id);
            let _ = table.insert_many([&row, &row]).map(|ids| ids.first().copied());
            let _ = table.update(&row).is_ok() && table.upsert(row.clone()).is_ok();
            let _ = table.delete(row.id);
            let _ = table.delete_range(..10) + table.by_bytes.delete_all(&row.bytes);
        }
        let keyed = &context.tables.keyed;
        for row in keyed.prefix((true, 'a', "text", &[1_u8][..])) {
            let Keyed { flag, letter, text, bytes, colour, small, big } = &row;
            let _ = keyed.get((*flag, *letter, text, bytes, *colour, *small, *big));
            let _ = keyed.prefix_range((*flag, *letter), "text"..).count();
            let _ = keyed.prefix((*flag, *letter, text, bytes)).count();
            let _ = keyed.by_big_and_flag.prefix(*big).count();
        }
        for Match { r#type, limit, .. } in context.tables.r#match.iter() {
            let _ = context.tables.r#match.get(&r#type);
            let _ = context.tables.r#match.by_limit.get_all(limit).next();
            let _ = context.tables.r#match.by_out_and_descending.get_all((1, limit)).next();
        }
    }
}

impl Prelude for Echo {
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

impl Upgrading for Echo {
    fn split(context: &mut MigrationContext) -> Result<(), String> {
        for old in context.old.keyed.iter() {
            let colour = match old.colour {
                before::tables::Colour::Red => Colour::Red,
                before::tables::Colour::Green => Colour::Green,
            };
            let big =
                context.old.gone.count() + context.old.keyed.by_colour.get_all(old.colour).count() as u64;
            let (text, bytes) = (old.name, Vec::new());
            let row = Keyed { flag: true, letter: 'a', text, bytes, colour, small: 0, big };
            context.tables.keyed.insert(row).map_err(|error| format!("{error:?}"))?;
        }
        // What a reducer does, a migration may do.
        <Self as Calls>::nothing(context);
        Ok(())
    }
}

impl Type for Echo {
    fn r#use(
        context_: &mut ReducerContext,
        r#type: u8,
        _: u8,
        _: u8,
        _: u8,
        _: u8,
        context: u8,
        entered: u8,
    ) -> Result<(), ()> {
        let length = other::r#type::r#match(context_, "text");
        if length == r#type + context + entered { Ok(()) } else { Err(()) }
    }

    fn r#gen(_: &QueryContext, a: r#type::Struct) -> r#type::Struct {
        a
    }

    fn r_self(_: &QueryContext) -> Result<r#type::Struct, ()> {
        Err(())
    }
}

fn their_point(point: Point) -> other::types::Point {
    other::types::Point { x: point.x, y: point.y, weight: point.weight }
}
