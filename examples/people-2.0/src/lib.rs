//! A register of people by their first and last names, and the migration that splits what version 1.0 wrote.
//! The schema is `wit/people.wit`, and that of the version before `wit/deps/demo-people`.
//! Invariant: a migration keeps the number of everybody.

interstice::module!("wit");

use tables::Person;

/// The implementation of the module.
struct People;

export!(People);

/// Words that belong to the last name behind them.
const PARTICLES: [&str; 4] = ["van", "von", "de", "der"];

impl Register for People {
    fn add(context: &mut ReducerContext, first: String, last: String, born: u16) -> u64 {
        let person = Person { id: 0, first, last, born };
        context.tables.person.insert(person).expect("a person has no other key than the counter").id
    }

    fn name_of(context: &QueryContext, id: u64) -> Option<String> {
        context.tables.person.get(id).map(|person| format!("{} {}", person.first, person.last))
    }

    fn namesakes(context: &QueryContext, last: String) -> u64 {
        context.tables.person.by_last_and_first.prefix(last.as_str()).count() as u64
    }

    fn count(context: &QueryContext) -> u64 {
        context.tables.person.count()
    }
}

impl Migration for People {
    fn split_names(context: &mut MigrationContext) -> Result<(), String> {
        for old in context.old.person.iter() {
            let (first, last) = split(&old.name).ok_or_else(|| format!("person {} has no name", old.id))?;
            let person =
                Person { id: old.id, first: first.to_owned(), last: last.to_owned(), born: old.born };
            context.tables.person.insert(person).expect("each number was there once");
        }
        Ok(())
    }
}

/// The first names and the last one; all of a name of one word is the last one.
fn split(name: &str) -> Option<(&str, &str)> {
    let name = name.trim();
    let mut at = name.rfind(' ').map_or(0, |space| space + 1);
    // A particle before the last name, and one before that.
    while let Some(before) = name[..at].trim_end().rsplit(' ').next().filter(|word| PARTICLES.contains(word))
    {
        at = name[..at].trim_end().len() - before.len();
    }
    (!name.is_empty()).then(|| (name[..at].trim_end(), &name[at..]))
}
