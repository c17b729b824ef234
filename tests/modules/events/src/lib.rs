//! A module that writes down every event that it is told of.

interstice::module!("wit");

use interstice::rt::enter;
use interstice::{ReadWrite, Table};
use tables::{Grain, Link, Note, Tally, Thing};

struct Events;

export!(Events);

fn note(context: &ReducerContext, text: String) {
    context.tables.note.insert(Note { id: 0, text }).expect("a note has no other key than its counter");
}

fn told(context: &ReducerContext, handler: &str, rows: &[&Thing]) {
    let rows: Vec<_> = rows.iter().map(|row| format!("{} {}", row.name, row.weight)).collect();
    note(context, format!("{handler}: {}", rows.join(" -> ")));
}

fn put(context: &ReducerContext, name: String, weight: i64) -> Thing {
    context.tables.thing.insert(Thing { id: 0, name, weight }).expect("a thing has no other key")
}

fn change(context: &ReducerContext, row: &Thing) {
    context.tables.thing.update(row).expect("the thing is there");
}

fn notes(context: &QueryContext) -> Vec<String> {
    context.tables.note.iter().map(|note| note.text).collect()
}

/// Writes through a handle that no query is given. The types of the bindings forbid it to an author; the
/// host must forbid it to everybody.
fn write_by(means: &str) {
    let things = Table::<Thing, ReadWrite>::new(&enter());
    let thing = || Thing { id: 1, name: means.to_owned(), weight: 0 };
    match means {
        "insert" => drop(things.insert(Thing { id: 0, ..thing() })),
        "insert-many" => drop(things.insert_many([Thing { id: 0, ..thing() }])),
        "update" => drop(things.update(&thing())),
        "upsert" => drop(things.upsert(thing())),
        "delete" => assert!(things.delete(1)),
        "delete-range" => assert!(things.delete_range(..) > 0),
        other => panic!("there is no way to write that is called {other}"),
    }
}

impl Deeds for Events {
    fn put(context: &mut ReducerContext, name: String, weight: i64) -> u64 {
        put(context, name, weight).id
    }

    fn change(context: &mut ReducerContext, row: Thing) {
        change(context, &row);
    }

    fn remove(context: &mut ReducerContext, id: u64) {
        assert!(context.tables.thing.delete(id), "the thing is there");
    }

    fn leave_no_trace(context: &mut ReducerContext, other: u64) {
        let mut thing = put(context, "a ghost".to_owned(), 1);
        thing.weight = 2;
        change(context, &thing);
        context.tables.thing.delete(thing.id);
        let before = context.tables.thing.get(other).expect("the other thing is there");
        change(context, &Thing { weight: before.weight + 1, ..before.clone() });
        change(context, &before);
    }

    fn put_and_change(context: &mut ReducerContext, name: String, weight: i64) {
        let mut thing = put(context, "not yet".to_owned(), 0);
        thing.name = name;
        thing.weight = weight;
        change(context, &thing);
    }

    fn start_chain(context: &mut ReducerContext, length: u32) {
        context.tables.link.insert(Link { number: 0, last: length }).expect("there is no chain yet");
    }

    fn pour(context: &mut ReducerContext, count: u32) {
        let grains = (0..count).map(|number| Grain { number });
        context.tables.grain.insert_many(grains).expect("there are no grains yet");
    }

    fn things(context: &QueryContext) -> Vec<Thing> {
        context.tables.thing.iter().collect()
    }

    fn notes(context: &QueryContext) -> Vec<String> {
        notes(context)
    }

    fn chain(context: &QueryContext) -> Option<u32> {
        context.tables.link.last().map(|link| link.number)
    }

    fn grains(context: &QueryContext) -> u64 {
        context.tables.tally.get(0).map_or(0, |tally| tally.grains)
    }

    fn sneak(_: &QueryContext, means: String) {
        write_by(&means);
    }

    fn forge(_: &mut ReducerContext, means: String) {
        write_by(&means);
    }
}

impl Archive for Events {
    fn notes(context: &QueryContext) -> Vec<String> {
        notes(context)
    }
}

impl Handlers for Events {
    fn first(context: &mut ReducerContext, row: Thing) {
        told(context, "first", &[&row]);
    }

    fn second(context: &mut ReducerContext, row: Thing) {
        told(context, "second", &[&row]);
    }

    fn heavy(context: &mut ReducerContext, row: Thing) {
        told(context, "heavy", &[&row]);
    }

    fn changed(context: &mut ReducerContext, before: Thing, after: Thing) {
        told(context, "changed", &[&before, &after]);
    }

    fn negative(context: &mut ReducerContext, before: Thing, after: Thing) {
        told(context, "negative", &[&before, &after]);
    }

    fn gone(context: &mut ReducerContext, row: Thing) {
        told(context, "gone", &[&row]);
    }

    fn panics(context: &mut ReducerContext, row: Thing) {
        told(context, "panics", &[&row]);
        panic!("as it was told to");
    }

    fn refuses(context: &mut ReducerContext, row: Thing) -> Result<(), String> {
        told(context, "refuses", &[&row]);
        Err("as it was told to".to_owned())
    }

    fn follow(context: &mut ReducerContext, row: Link) {
        if row.number < row.last {
            let next = Link { number: row.number + 1, last: row.last };
            context.tables.link.insert(next).expect("the link is new");
        }
    }

    fn poured(context: &mut ReducerContext, _: Grain) {
        let grains = context.tables.tally.get(0).map_or(0, |tally| tally.grains);
        context.tables.tally.upsert(Tally { id: 0, grains: grains + 1 }).expect("it has no other key");
    }
}
