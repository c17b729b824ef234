//! The nodes of the tree: fixed arrays of prefixes beside fixed arrays of values.
//! A node knows nothing of its parent or of the arena that it lives in.
//! Invariant: within the first `len` places, entries ascend.

use super::Order;
use std::cmp::Ordering;

/// How many entries a node holds. With 64, a node of `u64` prefixes takes twelve cache lines, of which a
/// search touches three, and an insert moves 400 bytes at most.
pub(crate) const FAN_OUT: usize = 64;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// The first bytes of a key as a number whose order is that of the key.
pub(crate) trait Prefix: Copy + Ord + Default + std::fmt::Debug {
    /// Takes as many of the leading bytes as fit.
    fn from_wide(prefix: u128) -> Self;
    /// The same bytes, zero-padded.
    fn to_wide(self) -> u128;
    /// The next number.
    fn next(self) -> Option<Self>;
}

impl Prefix for u64 {
    #[inline]
    fn from_wide(prefix: u128) -> Self {
        (prefix >> 64) as u64
    }

    #[inline]
    fn to_wide(self) -> u128 {
        u128::from(self) << 64
    }

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Prefix for u128 {
    #[inline]
    fn from_wide(prefix: u128) -> Self {
        prefix
    }

    #[inline]
    fn to_wide(self) -> u128 {
        self
    }

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// Where entries are.
#[derive(Clone)]
pub(crate) struct Leaf<K> {
    pub(super) keys: [K; FAN_OUT],
    pub(super) values: [u32; FAN_OUT],
    pub(super) len: usize,
    /// The leaf after this one in the order of keys.
    pub(super) next: u32,
    /// The leaf before it.
    pub(super) previous: u32,
}

/// Where children are. Entry `i` is the smallest entry below child `i`; entry 0 is never looked at.
#[derive(Clone)]
pub(super) struct Branch<K> {
    pub(super) keys: [K; FAN_OUT],
    pub(super) values: [u32; FAN_OUT],
    pub(super) children: [u32; FAN_OUT],
    pub(super) len: usize,
}

/// Which entries count as before the target: all smaller ones, or the equal one too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The smaller ones.
    Before,
    /// The smaller ones and the equal one.
    After,
}

/// How many of these entries stand before the target.
#[inline]
pub(super) fn rank<K: Prefix>(keys: &[K], values: &[u32], key: K, order: &impl Order, side: Side) -> usize {
    let first = keys.partition_point(|other| *other < key);
    if keys.get(first) != Some(&key) {
        return first;
    }
    let ties = keys[first..].partition_point(|other| *other == key);
    let before = |value: &u32| match order.compare(*value) {
        Ordering::Less => true,
        Ordering::Equal => side == Side::After,
        Ordering::Greater => false,
    };
    first + values[first..first + ties].partition_point(before)
}

/// Makes room at `at` among the first `len` items and puts one there.
#[inline]
fn insert_at<T: Copy>(items: &mut [T], len: usize, at: usize, item: T) {
    items.copy_within(at..len, at + 1);
    items[at] = item;
}

impl<K: Prefix> Leaf<K> {
    pub(super) fn new() -> Self {
        Self { keys: [K::default(); FAN_OUT], values: [0; FAN_OUT], len: 0, next: NONE, previous: NONE }
    }

    /// The prefixes of its entries.
    #[inline]
    pub(crate) fn keys(&self) -> &[K] {
        &self.keys[..self.len]
    }

    /// The values of its entries.
    #[inline]
    pub(crate) fn values(&self) -> &[u32] {
        &self.values[..self.len]
    }

    /// How many of its entries stand before the target.
    #[inline]
    pub(crate) fn rank(&self, key: K, order: &impl Order, side: Side) -> usize {
        rank(self.keys(), self.values(), key, order, side)
    }

    #[inline]
    pub(super) fn insert(&mut self, at: usize, key: K, value: u32) {
        insert_at(&mut self.keys, self.len, at, key);
        insert_at(&mut self.values, self.len, at, value);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, at: usize) -> u32 {
        let value = self.values[at];
        self.keys.copy_within(at + 1..self.len, at);
        self.values.copy_within(at + 1..self.len, at);
        self.len -= 1;
        value
    }

    /// Appends the entries of `other` from `from` on.
    pub(super) fn append(&mut self, other: &Self, from: usize) {
        let count = other.len - from;
        self.keys[self.len..self.len + count].copy_from_slice(&other.keys[from..other.len]);
        self.values[self.len..self.len + count].copy_from_slice(&other.values[from..other.len]);
        self.len += count;
    }
}

impl<K: Prefix> Branch<K> {
    pub(super) fn new() -> Self {
        Self { keys: [K::default(); FAN_OUT], values: [0; FAN_OUT], children: [NONE; FAN_OUT], len: 0 }
    }

    /// The position of the child below which the target belongs.
    #[inline]
    pub(super) fn rank(&self, key: K, order: &impl Order, side: Side) -> usize {
        rank(&self.keys[1..self.len], &self.values[1..self.len], key, order, side)
    }

    pub(super) fn insert(&mut self, at: usize, key: K, value: u32, child: u32) {
        insert_at(&mut self.keys, self.len, at, key);
        insert_at(&mut self.values, self.len, at, value);
        insert_at(&mut self.children, self.len, at, child);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.keys.copy_within(at + 1..self.len, at);
        self.values.copy_within(at + 1..self.len, at);
        self.children.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    /// Appends the children of `other` from `from` on.
    pub(super) fn append(&mut self, other: &Self, from: usize) {
        let count = other.len - from;
        self.keys[self.len..self.len + count].copy_from_slice(&other.keys[from..other.len]);
        self.values[self.len..self.len + count].copy_from_slice(&other.values[from..other.len]);
        self.children[self.len..self.len + count].copy_from_slice(&other.children[from..other.len]);
        self.len += count;
    }
}
