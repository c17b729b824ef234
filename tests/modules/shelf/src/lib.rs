//! A module that does to its table what it is told, step by step.

interstice::module!("wit");

use interstice::{InsertError, Scan, UpdateError, UpsertError};
use tables::Item;
use work::{Ending, Outcome, Step};

struct Shelf;

export!(Shelf);

fn refusal<U>(error: &InsertError<U>) -> Outcome {
    match error {
        InsertError::DuplicateKey => Outcome::DuplicateKey,
        InsertError::DuplicateUnique(_) => Outcome::DuplicateName,
        InsertError::CounterOverflow => Outcome::Full,
    }
}

fn rows(scan: Scan<Item>) -> Outcome {
    Outcome::Rows(scan.collect())
}

fn write(context: &mut ReducerContext, step: Step) -> Outcome {
    let items = &context.tables.item;
    match step {
        Step::Insert(item) => match items.insert(item) {
            Ok(item) => Outcome::Rows(vec![item]),
            Err(error) => refusal(&error),
        },
        Step::InsertMany(many) => match items.insert_many(many) {
            Ok(numbers) => Outcome::Number(numbers.iter().map(|number| u64::from(*number)).sum()),
            Err(error) => Outcome::Refused((error.position as u32, error.error.to_string())),
        },
        Step::Update(item) => match items.update(&item) {
            Ok(()) => Outcome::Done,
            Err(UpdateError::NoSuchRow) => Outcome::NoSuchRow,
            Err(UpdateError::DuplicateUnique(_)) => Outcome::DuplicateName,
        },
        Step::Upsert(item) => match items.upsert(item) {
            Ok(item) => Outcome::Rows(vec![item]),
            Err(UpsertError::DuplicateUnique(_)) => Outcome::DuplicateName,
            Err(UpsertError::CounterOverflow) => Outcome::Full,
        },
        Step::Delete(id) => {
            if items.delete(id) {
                Outcome::Done
            } else {
                Outcome::NoSuchRow
            }
        }
        Step::DeleteRange((from, to)) => Outcome::Number(items.delete_range(from..=to)),
        Step::DeleteShelf(shelf) => Outcome::Number(items.by_shelf_and_weight.delete_prefix(shelf)),
        reading => read(context, reading),
    }
}

fn read(context: &QueryContext, step: Step) -> Outcome {
    let items = &context.tables.item;
    match step {
        Step::Get(id) => Outcome::Rows(items.get(id).into_iter().collect()),
        Step::Find(name) => Outcome::Rows(items.by_name.get(&name).into_iter().collect()),
        Step::ScanShelf((shelf, false)) => rows(items.by_shelf_and_weight.prefix(shelf)),
        Step::ScanShelf((shelf, true)) => rows(items.by_shelf_and_weight.prefix(shelf).rev()),
        Step::ScanWeights((shelf, from, to)) => rows(items.by_shelf_and_weight.prefix_range(shelf, from..to)),
        Step::Ends => Outcome::Rows(items.first().into_iter().chain(items.last()).collect()),
        Step::Count => Outcome::Number(items.count()),
        _ => panic!("a step that writes"),
    }
}

impl Work for Shelf {
    fn apply(
        context: &mut ReducerContext,
        steps: Vec<Step>,
        ending: Ending,
    ) -> Result<Vec<Outcome>, Vec<Outcome>> {
        let outcomes = steps.into_iter().map(|step| write(context, step)).collect();
        match ending {
            Ending::Keep => Ok(outcomes),
            Ending::Refuse => Err(outcomes),
            Ending::Fail => panic!("as it was told to"),
        }
    }

    fn read(context: &QueryContext, steps: Vec<Step>) -> Vec<Outcome> {
        steps.into_iter().map(|step| read(context, step)).collect()
    }

    fn everything(context: &QueryContext) -> Vec<Item> {
        context.tables.item.iter().collect()
    }
}
