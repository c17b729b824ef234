//! The tree against the standard library's, through random histories.
//! Values stand for rows: entries of equal prefixes are ordered by all bits of the value but the lowest,
//! which is free to change.
//! Invariant: after every step both hold the same entries in the same order.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

struct ByValue(u32);

impl Order for ByValue {
    fn compare(&self, value: u32) -> Ordering {
        (value >> 1).cmp(&(self.0 >> 1))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64, u32),
    Remove(u64, u32),
    Flip(u64, u32),
    Run { from: u64, count: u64 },
    Clear { from: u64, to: u64 },
}

#[derive(Default)]
struct Model(BTreeMap<(u64, u32), u32>);

fn apply<K: Prefix>(tree: &mut Tree<K>, model: &mut Model, step: &Step) {
    let wide = |key: u64| K::from_wide(u128::from(key) << 64);
    let insert = |tree: &mut Tree<K>, model: &mut Model, key: u64, value: u32| {
        let expected = model.0.get(&(key, value >> 1)).copied();
        assert_eq!(tree.insert(wide(key), value, &ByValue(value)).err(), expected);
        model.0.entry((key, value >> 1)).or_insert(value);
    };
    match *step {
        Step::Insert(key, value) => insert(tree, model, key, value),
        Step::Run { from, count } => (from..from + count).for_each(|key| insert(tree, model, key, 0)),
        Step::Remove(key, value) => {
            let expected = model.0.remove(&(key, value >> 1));
            assert_eq!(tree.remove(wide(key), &ByValue(value)), expected);
        }
        Step::Flip(key, value) => {
            let expected = model.0.get_mut(&(key, value >> 1)).map(|old| std::mem::replace(old, value));
            assert_eq!(tree.set_value(wide(key), &ByValue(value), value), expected);
        }
        Step::Clear { from, to } => {
            let gone: Vec<_> =
                model.0.range((from, 0)..(to, 0)).map(|(key, value)| (key.0, *value)).collect();
            for (key, value) in gone {
                model.0.remove(&(key, value >> 1));
                assert_eq!(tree.remove(wide(key), &ByValue(value)), Some(value));
            }
        }
    }
}

fn compare<K: Prefix>(tree: &Tree<K>, model: &Model, probe: (u64, u32)) {
    tree.check(&|left, right| (left >> 1).cmp(&(right >> 1)));
    let entries: Vec<_> = tree.iter().map(|(key, value)| ((key.to_wide() >> 64) as u64, value)).collect();
    let expected: Vec<_> = model.0.iter().map(|(key, value)| (key.0, *value)).collect();
    assert_eq!(entries, expected);

    let key = K::from_wide(u128::from(probe.0) << 64);
    let order = ByValue(probe.1);
    assert_eq!(tree.get(key, &order), model.0.get(&(probe.0, probe.1 >> 1)).copied());
    let before = model.0.range(..(probe.0, probe.1 >> 1)).count();
    let equal = usize::from(model.0.contains_key(&(probe.0, probe.1 >> 1)));
    for (side, expected) in [(Side::Before, before), (Side::After, before + equal)] {
        let at = tree.seek(key, &order, side);
        let mut passed = at.index;
        let mut leaf = at.leaf;
        while let Some(previous) = tree.previous_leaf(leaf) {
            passed += tree.leaf(previous).values().len();
            leaf = previous;
        }
        assert_eq!(passed, expected);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few keys and fewer values make ties; a wide range of keys makes deep trees.
    let key = prop_oneof![0..40u64, 0..4000u64, Just(u64::MAX)];
    let value = 0..60u32;
    let step = prop_oneof![
        8 => (key.clone(), value.clone()).prop_map(|(key, value)| Step::Insert(key, value)),
        4 => (key.clone(), value.clone()).prop_map(|(key, value)| Step::Remove(key, value)),
        2 => (key, value).prop_map(|(key, value)| Step::Flip(key, value)),
        2 => (0..10_000u64, 0..3000u64).prop_map(|(from, count)| Step::Run { from, count }),
        2 => (0..10_000u64, 0..6000u64).prop_map(|(from, count)| Step::Clear { from, to: from + count }),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn the_tree_holds_what_a_map_holds(steps in steps(), probes in proptest::collection::vec((0..4000u64, 0..60u32), 4)) {
        let (mut narrow, mut wide) = (Tree::<u64>::new(), Tree::<u128>::new());
        let (mut model, mut other) = (Model::default(), Model::default());
        for (index, step) in steps.iter().enumerate() {
            apply(&mut narrow, &mut model, step);
            apply(&mut wide, &mut other, step);
            if index % 16 == 0 {
                compare(&narrow, &model, probes[index % 4]);
            }
        }
        for probe in probes {
            compare(&narrow, &model, probe);
            compare(&wide, &other, probe);
        }
    }
}

#[test]
fn random_removals_to_nothing_keep_the_tree_whole() {
    let mut tree = Tree::<u64>::new();
    let count = 50_000u64;
    // An odd multiplier walks through all residues: a shuffle without a source of randomness.
    let shuffled = |step: u64| (0..count).map(move |index| index * step % count);
    for key in shuffled(7919) {
        assert_eq!(tree.insert(key, key as u32, &Whole), Ok(()));
    }
    assert_eq!(tree.insert(5, 9, &Whole), Err(5));
    tree.check(&|_, _| Ordering::Equal);
    for (index, key) in shuffled(104_729).enumerate() {
        assert_eq!(tree.remove(key, &Whole), Some(key as u32));
        if index % 5000 == 0 {
            tree.check(&|_, _| Ordering::Equal);
        }
    }
    tree.check(&|_, _| Ordering::Equal);
    assert_eq!((tree.len(), tree.height), (0, 0));
    assert_eq!(tree.remove(1, &Whole), None);
}

#[test]
fn ascending_keys_leave_full_leaves() {
    let mut tree = Tree::<u64>::new();
    let count = 100_000u64;
    (0..count).for_each(|key| tree.insert(key, 0, &Whole).expect("the key is new"));
    tree.check(&|_, _| Ordering::Equal);
    assert!(tree.allocated_bytes() < count as usize * 13, "{} bytes", tree.allocated_bytes());
}
