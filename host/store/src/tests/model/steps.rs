//! What histories consist of, and how they are drawn.

use proptest::prelude::*;

/// What is asked of the store. Rows are made from small numbers, so that they meet again and again.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Insert(Seed),
    InsertMany(Vec<Seed>),
    Update(Seed),
    Upsert(Seed),
    Delete(Seed),
    DeleteRange { index: u32, from: Seed, to: Seed, descending: bool, limit: u64 },
    Savepoint,
    RollBack(usize),
    OpenScan { index: u32, from: Seed, to: Seed, descending: bool },
    Batch(usize),
    Commit,
    Abort,
    OpenReader(usize),
    DropReader(usize),
    Durable(u64),
    Purge(usize),
    Reload,
    Evolve,
}

pub(super) type Seed = (u8, u8, u8);

/// How many histories a run tries.
pub(super) fn cases() -> u32 {
    const USUAL: u32 = 300;
    let given = std::env::var("INTERSTICE_CASES").ok();
    given.map_or(USUAL, |text| text.parse().expect("INTERSTICE_CASES is a number"))
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seed = || (0..8u8, 0..6u8, 0..6u8);
    let step = prop_oneof![
        8 => seed().prop_map(Step::Insert),
        2 => proptest::collection::vec(seed(), 0..5).prop_map(Step::InsertMany),
        8 => seed().prop_map(Step::Update),
        4 => seed().prop_map(Step::Upsert),
        6 => seed().prop_map(Step::Delete),
        1 => (0..3u32, seed(), seed(), any::<bool>(), 0..3u64).prop_map(
            |(index, from, to, descending, limit)| Step::DeleteRange { index, from, to, descending, limit }
        ),
        3 => Just(Step::Savepoint),
        3 => (0..8usize).prop_map(Step::RollBack),
        3 => (0..3u32, seed(), seed(), any::<bool>())
            .prop_map(|(index, from, to, descending)| Step::OpenScan { index, from, to, descending }),
        5 => (0..4usize).prop_map(Step::Batch),
        5 => Just(Step::Commit),
        1 => Just(Step::Abort),
        3 => (0..3usize).prop_map(Step::OpenReader),
        2 => (0..4usize).prop_map(Step::DropReader),
        2 => (0..3u64).prop_map(Step::Durable),
        3 => (0..6usize).prop_map(Step::Purge),
        1 => Just(Step::Reload),
        2 => Just(Step::Evolve),
    ];
    proptest::collection::vec(step, 0..150)
}
