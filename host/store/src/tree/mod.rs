//! An ordered set of entries: the leading bytes of a key as a number, and a 32-bit value beside it.
//! The tree compares numbers; only where two are equal does it ask an [`Order`], so it knows nothing of
//! rows, and rows that differ early are never fetched to be compared.
//! Invariant: a branch names the smallest entry below each child but its first exactly, so that no entry
//! is ever compared that the set does not hold.

mod edit;
mod node;
#[cfg(test)]
mod tests;

pub(crate) use edit::Filling;
pub(crate) use node::{Leaf, Prefix, Side};

use crate::{pages::Pages, prefetch};
use node::{Branch, NONE};
use std::cmp::Ordering;

/// How entries of equal prefixes are ordered.
pub(crate) trait Order {
    /// Compares the entry that has this value, and the prefix of the target, with the target.
    fn compare(&self, value: u32) -> Ordering;
}

/// The order where a prefix is the whole key: no two entries have the same.
pub(crate) struct Whole;

impl Order for Whole {
    #[inline]
    fn compare(&self, _: u32) -> Ordering {
        Ordering::Equal
    }
}

/// A root can only be split after 32 more inserts for each node of the level below it, so 16 levels
/// outlast any machine.
const MAX_HEIGHT: usize = 16;

/// Nodes are allocated in pages of this many.
const NODE_PAGE: usize = 64;

/// A B+tree.
pub(crate) struct Tree<K> {
    leaves: Pages<Leaf<K>, NODE_PAGE>,
    branches: Pages<Branch<K>, NODE_PAGE>,
    free_leaves: Vec<u32>,
    free_branches: Vec<u32>,
    /// A leaf if `height` is 0, else a branch.
    root: u32,
    height: usize,
    first: u32,
    last: u32,
    len: usize,
    version: u64,
}

/// A place between entries: before entry `index` of `leaf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) leaf: u32,
    pub(crate) index: usize,
}

/// The branches above a leaf, from the root on, and the child that was taken in each.
struct Path {
    steps: [(u32, u32); MAX_HEIGHT],
    len: usize,
}

impl<K: Prefix> Tree<K> {
    pub(crate) fn new() -> Self {
        let mut leaves = Pages::new();
        leaves.push(Leaf::new());
        Self {
            leaves,
            branches: Pages::new(),
            free_leaves: Vec::new(),
            free_branches: Vec::new(),
            root: 0,
            height: 0,
            first: 0,
            last: 0,
            len: 0,
            version: 0,
        }
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A number that is another one whenever a [`Position`] may no longer be where it was.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The bytes that the nodes take.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.leaves.allocated_bytes()
            + self.branches.allocated_bytes()
            + (self.free_leaves.capacity() + self.free_branches.capacity()) * size_of::<u32>()
    }

    /// The leaf at a position.
    #[inline]
    pub(crate) fn leaf(&self, leaf: u32) -> &Leaf<K> {
        &self.leaves[leaf as usize]
    }

    /// Has a leaf fetched that will be read soon.
    #[inline]
    pub(crate) fn prefetch(&self, leaf: u32) {
        prefetch::value(self.leaf(leaf));
    }

    /// The leaf after this one.
    #[inline]
    pub(crate) fn next_leaf(&self, leaf: u32) -> Option<u32> {
        Some(self.leaf(leaf).next).filter(|next| *next != NONE)
    }

    /// The leaf before this one.
    #[inline]
    pub(crate) fn previous_leaf(&self, leaf: u32) -> Option<u32> {
        Some(self.leaf(leaf).previous).filter(|previous| *previous != NONE)
    }

    /// Before the first entry.
    pub(crate) fn start(&self) -> Position {
        Position { leaf: self.first, index: 0 }
    }

    /// After the last entry.
    pub(crate) fn end(&self) -> Position {
        Position { leaf: self.last, index: self.leaf(self.last).len }
    }

    /// The place that has the entries before the target on its left, and all others on its right.
    #[inline]
    pub(crate) fn seek(&self, key: K, order: &impl Order, side: Side) -> Position {
        let mut node = self.root;
        for _ in 0..self.height {
            let branch = &self.branches[node as usize];
            node = branch.children[branch.rank(key, order, side)];
        }
        Position { leaf: node, index: self.leaf(node).rank(key, order, side) }
    }

    /// The value of the entry that equals the target.
    #[inline]
    pub(crate) fn get(&self, key: K, order: &impl Order) -> Option<u32> {
        let Position { leaf, index } = self.seek(key, order, Side::After);
        let leaf = self.leaf(leaf);
        // An entry that equals the target is the last one that is not after it. With index 0 the
        // target is smaller than all there is.
        let before = index.checked_sub(1)?;
        let found = leaf.keys[before] == key && order.compare(leaf.values[before]) == Ordering::Equal;
        found.then(|| leaf.values[before])
    }

    /// Every entry in order.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, u32)> + '_ {
        std::iter::successors(Some(self.first), |leaf| self.next_leaf(*leaf)).flat_map(|leaf| {
            let leaf = self.leaf(leaf);
            leaf.keys().iter().copied().zip(leaf.values().iter().copied())
        })
    }

    fn descend(&self, key: K, order: &impl Order) -> (Path, Position) {
        let mut path = Path { steps: [(0, 0); MAX_HEIGHT], len: self.height };
        let mut node = self.root;
        for step in &mut path.steps[..self.height] {
            let branch = &self.branches[node as usize];
            let child = branch.rank(key, order, Side::After);
            *step = (node, child as u32);
            node = branch.children[child];
        }
        (path, Position { leaf: node, index: self.leaf(node).rank(key, order, Side::After) })
    }
}

#[cfg(test)]
impl<K: Prefix> Tree<K> {
    /// Walks everything and panics if an invariant does not hold. `compare` orders two values of
    /// entries with equal prefixes.
    pub(crate) fn check(&self, compare: &impl Fn(u32, u32) -> Ordering) {
        let mut leaves = Vec::new();
        let mut branches = 0;
        self.check_node(self.root, self.height, &mut leaves, &mut branches);
        assert_eq!(leaves.first(), Some(&self.first));
        assert_eq!(leaves.last(), Some(&self.last));
        for pair in leaves.windows(2) {
            assert_eq!(self.next_leaf(pair[0]), Some(pair[1]));
            assert_eq!(self.previous_leaf(pair[1]), Some(pair[0]));
        }
        assert_eq!(self.next_leaf(self.last), None);
        assert_eq!(self.previous_leaf(self.first), None);
        assert_eq!(leaves.len() + self.free_leaves.len(), self.leaves.len());
        assert_eq!(branches + self.free_branches.len(), self.branches.len());
        let entries: Vec<_> = self.iter().collect();
        assert_eq!(entries.len(), self.len);
        for pair in entries.windows(2) {
            let order = pair[0].0.cmp(&pair[1].0).then_with(|| compare(pair[0].1, pair[1].1));
            assert_eq!(order, Ordering::Less, "{:?} does not stand before {:?}", pair[0], pair[1]);
        }
    }

    fn check_node(&self, node: u32, height: usize, leaves: &mut Vec<u32>, branches: &mut usize) -> (K, u32) {
        if height == 0 {
            leaves.push(node);
            let leaf = self.leaf(node);
            assert!(leaf.len > 0 || self.height == 0, "only the root may be empty");
            return (leaf.keys[0], leaf.values[0]);
        }
        *branches += 1;
        let branch = &self.branches[node as usize];
        assert!(branch.len >= if height == self.height { 2 } else { 1 });
        let mut smallest = None;
        for child in 0..branch.len {
            let entry = self.check_node(branch.children[child], height - 1, leaves, branches);
            if child > 0 {
                assert_eq!(entry, (branch.keys[child], branch.values[child]));
            }
            smallest.get_or_insert(entry);
        }
        smallest.expect("a branch has a child")
    }
}
