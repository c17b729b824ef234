//! Steps and outcomes in WAVE, as clients write and read them.
//! Invariant: what is written here is read by the node as the same value, and the other way round.

use crate::plain::{Item, Outcome, Step};

pub(crate) fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", "))
}

pub(crate) fn item(item: &Item) -> String {
    let Item { id, name, shelf, weight, mark } = item;
    // An option that is none is left out.
    let mark = mark.as_ref().map(|mark| format!(", mark: some({})", list(mark, u8::to_string)));
    format!("{{id: {id}, name: {name:?}, shelf: {shelf}, weight: {weight}{}}}", mark.unwrap_or_default())
}

pub(crate) fn step(step: &Step) -> String {
    match step {
        Step::Insert(row) => format!("insert({})", item(row)),
        Step::InsertMany(rows) => format!("insert-many({})", list(rows, item)),
        Step::Update(row) => format!("update({})", item(row)),
        Step::Upsert(row) => format!("upsert({})", item(row)),
        Step::Delete(id) => format!("delete({id})"),
        Step::DeleteRange(from, to) => format!("delete-range(({from}, {to}))"),
        Step::DeleteShelf(shelf) => format!("delete-shelf({shelf})"),
        Step::Get(id) => format!("get({id})"),
        Step::Find(name) => format!("find({name:?})"),
        Step::ScanShelf(shelf, backwards) => format!("scan-shelf(({shelf}, {backwards}))"),
        Step::ScanWeights(shelf, from, to) => format!("scan-weights(({shelf}, {from}, {to}))"),
        Step::Ends => "ends".to_owned(),
        Step::Count => "count".to_owned(),
    }
}

pub(crate) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Number(number) => format!("number({number})"),
        Outcome::Rows(rows) => format!("rows({})", list(rows, item)),
        Outcome::DuplicateKey => "duplicate-key".to_owned(),
        Outcome::DuplicateName => "duplicate-name".to_owned(),
        Outcome::Full => "full".to_owned(),
        Outcome::NoSuchRow => "no-such-row".to_owned(),
        Outcome::Refused(position, reason) => format!("refused(({position}, {reason:?}))"),
    }
}
