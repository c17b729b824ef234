//! Walking over the entries of a tree between two edges, in either direction, in portions.
//! A walk that stopped goes on where it was if the tree has not changed, and else after the last entry
//! that it took, which need not be there any more.
//! Invariant: over all portions, each entry that stays in the tree is taken exactly once.

use crate::{
    slot::SlotId,
    tree::{Order, Position, Prefix, Side, Tree},
};

/// A range of keys, in key form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range<'a> {
    /// The smallest key in it, or the bytes that it begins with.
    pub(crate) low: &'a [u8],
    /// The smallest key that is beyond it.
    pub(crate) high: Option<&'a [u8]>,
    /// From the largest key to the smallest.
    pub(crate) descending: bool,
}

/// An entry that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// The slot whose key it is, or was.
    pub(crate) slot: SlotId,
    pub(super) prefix: u128,
    pub(super) value: u32,
}

/// What a visitor wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// The next entry.
    Next,
    /// To stop, and to be shown this entry again.
    StopBefore,
}

/// What is done with the entries of a range.
pub(crate) trait Take {
    /// These slots come next, unless it stops.
    #[inline]
    fn announce(&mut self, slots: impl Iterator<Item = SlotId>) {
        let _ = slots;
    }

    /// The next entry.
    fn take(&mut self, found: Found) -> Visit;
}

impl<F: FnMut(Found) -> Visit> Take for F {
    #[inline]
    fn take(&mut self, found: Found) -> Visit {
        self(found)
    }
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walked {
    /// There is nothing more.
    ToTheEnd,
    /// The visitor stopped.
    Stopped,
}

/// Where a walk is, between its portions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The position, and the version of the tree in which it is one.
    position: Option<(u64, Position)>,
    /// The last entry that was taken.
    pub(super) last: Option<Last>,
    /// Its whole key, where its prefix is not.
    pub(super) last_key: Vec<u8>,
}

/// An entry that was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) prefix: u128,
}

/// How many entries are announced at first, and later: a scan that wants one row fetches few for nothing.
const FIRST_ANNOUNCED: usize = 4;
const ANNOUNCED: usize = 16;

/// What a walk shows its entries to.
pub(super) trait Visitor<K> {
    /// These values come next, unless the visitor stops: a chance to fetch what they refer to, all at once
    /// instead of one after the other.
    fn announce(&mut self, values: &[u32]);

    /// The next entry.
    fn visit(&mut self, key: K, value: u32) -> Visit;
}

/// A place that entries are before or not.
pub(super) struct Edge<K, O> {
    pub(super) key: K,
    pub(super) order: O,
}

impl Place {
    /// Remembers the last entry that was taken, if one was.
    #[inline]
    pub(super) fn stop(&mut self, prefix: Option<u128>) {
        if let Some(prefix) = prefix {
            self.last = Some(Last { prefix });
        }
    }
}

impl<K: Prefix, O: Order> Edge<K, O> {
    #[inline]
    fn seek(&self, tree: &Tree<K>, side: Side) -> Position {
        tree.seek(self.key, &self.order, side)
    }
}

/// Takes entries until the visitor stops, and returns the last that was taken too.
#[inline]
pub(super) fn walk<K: Prefix, O: Order>(
    tree: &Tree<K>,
    [low, high]: [Option<Edge<K, O>>; 2],
    descending: bool,
    resume: Option<Edge<K, O>>,
    place: &mut Place,
    visitor: impl Visitor<K>,
) -> (Walked, Option<(K, u32)>) {
    let known =
        place.position.filter(|(version, _)| *version == tree.version()).map(|(_, position)| position);
    let mut at = known.unwrap_or_else(|| match (&resume, descending) {
        (Some(last), false) => last.seek(tree, Side::After),
        (Some(last), true) => last.seek(tree, Side::Before),
        (None, false) => low.as_ref().map_or(tree.start(), |low| low.seek(tree, Side::Before)),
        (None, true) => high.as_ref().map_or(tree.end(), |high| high.seek(tree, Side::Before)),
    });
    let result =
        if descending { down(tree, &mut at, low, visitor) } else { up(tree, &mut at, high, visitor) };
    place.position = Some((tree.version(), at));
    result
}

#[inline]
fn up<K: Prefix, O: Order>(
    tree: &Tree<K>,
    at: &mut Position,
    high: Option<Edge<K, O>>,
    mut visitor: impl Visitor<K>,
) -> (Walked, Option<(K, u32)>) {
    let mut last = None;
    let mut announced = FIRST_ANNOUNCED;
    loop {
        let leaf = tree.leaf(at.leaf);
        let (keys, values) = (leaf.keys(), leaf.values());
        let end = match &high {
            Some(high) if keys.last().is_some_and(|key| *key >= high.key) => {
                leaf.rank(high.key, &high.order, Side::Before)
            }
            _ => keys.len(),
        };
        while at.index < end {
            let portion = at.index..end.min(at.index + announced);
            visitor.announce(&values[portion.clone()]);
            for (key, value) in keys[portion.clone()].iter().zip(&values[portion]) {
                if visitor.visit(*key, *value) == Visit::StopBefore {
                    return (Walked::Stopped, last);
                }
                last = Some((*key, *value));
                at.index += 1;
            }
            announced = ANNOUNCED;
        }
        if end < keys.len() {
            return (Walked::ToTheEnd, last);
        }
        let Some(next) = tree.next_leaf(at.leaf) else { return (Walked::ToTheEnd, last) };
        *at = Position { leaf: next, index: 0 };
    }
}

#[inline]
fn down<K: Prefix, O: Order>(
    tree: &Tree<K>,
    at: &mut Position,
    low: Option<Edge<K, O>>,
    mut visitor: impl Visitor<K>,
) -> (Walked, Option<(K, u32)>) {
    let mut last = None;
    let mut announced = FIRST_ANNOUNCED;
    loop {
        let leaf = tree.leaf(at.leaf);
        let (keys, values) = (leaf.keys(), leaf.values());
        let start = match &low {
            Some(low) if keys.first().is_some_and(|key| *key <= low.key) => {
                leaf.rank(low.key, &low.order, Side::Before)
            }
            _ => 0,
        };
        while at.index > start {
            let portion = start.max(at.index.saturating_sub(announced))..at.index;
            visitor.announce(&values[portion.clone()]);
            for (key, value) in keys[portion.clone()].iter().zip(&values[portion]).rev() {
                if visitor.visit(*key, *value) == Visit::StopBefore {
                    return (Walked::Stopped, last);
                }
                last = Some((*key, *value));
                at.index -= 1;
            }
            announced = ANNOUNCED;
        }
        if start > 0 {
            return (Walked::ToTheEnd, last);
        }
        let Some(previous) = tree.previous_leaf(at.leaf) else { return (Walked::ToTheEnd, last) };
        *at = Position { leaf: previous, index: tree.leaf(previous).keys().len() };
    }
}
