//! A module whose beginning depends on what another one holds.

interstice::module!("wit");

use handlers::Thing;
use tables::Note;

struct Newborn;

export!(Newborn);

fn note(context: &ReducerContext, text: String) {
    context.tables.note.insert(Note { id: 0, text }).expect("a note has no other key than its counter");
}

impl Work for Newborn {
    fn notes(context: &QueryContext) -> Vec<String> {
        context.tables.note.iter().map(|note| note.text).collect()
    }
}

impl Handlers for Newborn {
    fn begin(context: &mut ReducerContext) -> Result<(), String> {
        note(context, "begun".to_owned());
        for thing in context.imports.events.thing.iter() {
            match thing.name.as_str() {
                "not now" => return Err(thing.name),
                "not ever" => panic!("there is {}", thing.name),
                _ => {}
            }
        }
        Ok(())
    }

    fn noticed(context: &mut ReducerContext, row: Thing) {
        note(context, format!("noticed {}", row.name));
    }
}
