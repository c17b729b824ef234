//! The table of `test:shelf` as it could not be simpler: a map of which every version is kept whole.
//! Invariant: it says what a step answers from the rules of the documentation alone.

use std::collections::BTreeMap;

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) id: u8,
    pub(crate) name: String,
    pub(crate) shelf: u8,
    pub(crate) weight: i64,
    pub(crate) mark: Option<Vec<u8>>,
}

/// What the module can be told; see its WIT.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Insert(Item),
    InsertMany(Vec<Item>),
    Update(Item),
    Upsert(Item),
    Delete(u8),
    DeleteRange(u8, u8),
    DeleteShelf(u8),
    Get(u8),
    Find(String),
    ScanShelf(u8, bool),
    ScanWeights(u8, i64, i64),
    Ends,
    Count,
}

/// What the module answers; see its WIT.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Done,
    Number(u64),
    Rows(Vec<Item>),
    DuplicateKey,
    DuplicateName,
    Full,
    NoSuchRow,
    Refused(usize, &'static str),
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plain {
    pub(crate) rows: BTreeMap<u8, Item>,
    pub(crate) counter: u8,
}

impl Plain {
    pub(crate) fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Insert(item) => self.insert(item),
            Step::InsertMany(items) => self.insert_many(items),
            Step::Update(item) if !self.rows.contains_key(&item.id) => Outcome::NoSuchRow,
            Step::Update(item) => self.replace(item).map_or(Outcome::DuplicateName, |_| Outcome::Done),
            Step::Upsert(item) if !self.rows.contains_key(&item.id) => self.insert(item),
            Step::Upsert(item) => self.replace(item).map_or(Outcome::DuplicateName, |item| rows([item])),
            Step::Delete(id) => self.rows.remove(id).map_or(Outcome::NoSuchRow, |_| Outcome::Done),
            Step::DeleteRange(from, to) => self.delete(|item| (*from..=*to).contains(&item.id)),
            Step::DeleteShelf(shelf) => self.delete(|item| item.shelf == *shelf),
            Step::Get(id) => rows(self.rows.get(id).cloned()),
            Step::Find(name) => rows(self.rows.values().find(|item| item.name == *name).cloned()),
            Step::ScanShelf(shelf, backwards) => {
                let mut found = self.shelf(*shelf, i64::MIN, i64::MAX);
                if *backwards {
                    found.reverse();
                }
                Outcome::Rows(found)
            }
            Step::ScanWeights(shelf, from, to) => Outcome::Rows(self.shelf(*shelf, *from, *to)),
            Step::Ends => {
                let ends = self.rows.values().next().into_iter().chain(self.rows.values().next_back());
                Outcome::Rows(ends.cloned().collect())
            }
            Step::Count => Outcome::Number(self.rows.len() as u64),
        }
    }

    fn name_is_taken(&self, item: &Item) -> bool {
        self.rows.values().any(|other| other.name == item.name && other.id != item.id)
    }

    fn insert(&mut self, item: &Item) -> Outcome {
        let mut item = item.clone();
        if item.id == 0 {
            let Some(next) = self.counter.checked_add(1) else { return Outcome::Full };
            item.id = next;
        }
        if self.rows.contains_key(&item.id) {
            return Outcome::DuplicateKey;
        }
        if self.name_is_taken(&item) {
            return Outcome::DuplicateName;
        }
        self.counter = self.counter.max(item.id);
        self.rows.insert(item.id, item.clone());
        rows([item])
    }

    fn insert_many(&mut self, items: &[Item]) -> Outcome {
        let before = self.clone();
        let mut sum = 0;
        for (position, item) in items.iter().enumerate() {
            let reason = match self.insert(item) {
                Outcome::Rows(inserted) => {
                    sum += u64::from(inserted[0].id);
                    continue;
                }
                Outcome::DuplicateKey => "another row has this primary key",
                Outcome::DuplicateName => "another row has the same `name`",
                _ => "the auto-increment counter is at its largest value",
            };
            *self = before;
            return Outcome::Refused(position, reason);
        }
        Outcome::Number(sum)
    }

    fn replace(&mut self, item: &Item) -> Option<Item> {
        if self.name_is_taken(item) {
            return None;
        }
        self.rows.insert(item.id, item.clone());
        Some(item.clone())
    }

    fn delete(&mut self, goes: impl Fn(&Item) -> bool) -> Outcome {
        let before = self.rows.len();
        self.rows.retain(|_, item| !goes(item));
        Outcome::Number((before - self.rows.len()) as u64)
    }

    fn shelf(&self, shelf: u8, from: i64, to: i64) -> Vec<Item> {
        let mut found: Vec<Item> = self
            .rows
            .values()
            .filter(|item| item.shelf == shelf && (from..to).contains(&item.weight))
            .cloned()
            .collect();
        found.sort_by_key(|item| (item.weight, item.id));
        found
    }
}

fn rows(items: impl IntoIterator<Item = Item>) -> Outcome {
    Outcome::Rows(items.into_iter().collect())
}
