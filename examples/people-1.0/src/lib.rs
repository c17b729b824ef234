//! A register of people by their whole names.
//! The schema is `wit/people.wit`; the next version, in `examples/people-2.0`, splits the names.

interstice::module!("wit");

use tables::Person;

/// The implementation of the module.
struct People;

export!(People);

/// First names that people are made up of.
const FIRST: [&str; 4] = ["Ada", "Grace", "Alan", "Edsger"];

/// Last names that people are made up of.
const LAST: [&str; 5] = ["Lovelace", "Hopper", "Turing", "Dijkstra", "van Wijngaarden"];

impl Register for People {
    fn add(context: &mut ReducerContext, name: String, born: u16) -> u64 {
        let person = Person { id: 0, name, born };
        context.tables.person.insert(person).expect("a person has no other key than the counter").id
    }

    fn populate(context: &mut ReducerContext, count: u32) {
        let person = |number: u32| {
            let (first, last) = (FIRST[number as usize % FIRST.len()], LAST[number as usize % LAST.len()]);
            Person { id: 0, name: format!("{first} {last}"), born: 1900 + (number % 100) as u16 }
        };
        let people = (0..count).map(person);
        context.tables.person.insert_many(people).expect("a person has no other key than the counter");
    }

    fn strike_off(context: &mut ReducerContext, id: u64) -> bool {
        context.tables.person.delete(id)
    }

    fn name_of(context: &QueryContext, id: u64) -> Option<String> {
        context.tables.person.get(id).map(|person| person.name)
    }

    fn count(context: &QueryContext) -> u64 {
        context.tables.person.count()
    }
}
