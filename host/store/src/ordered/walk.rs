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
    /// This slot may come some entries later: a chance to fetch it.
    #[inline]
    fn foresee(&mut self, slot: SlotId) {
        let _ = slot;
    }

    /// This slot may come soon: a chance to fetch what it refers to.
    #[inline]
    fn announce(&mut self, slot: SlotId) {
        let _ = slot;
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

/// How many entries are announced at once at first: a scan that wants one row fetches few for nothing.
const FIRST_ANNOUNCED: usize = 4;

/// How far ahead an entry is announced later, so that what it refers to is there when it is visited.
const ANNOUNCED: usize = 16;

/// How far ahead an entry is foreseen, so that its slot is there when it is announced.
const FORESEEN: usize = 40;

/// What a walk shows its entries to.
pub(super) trait Visitor<K> {
    /// This value may come some entries later.
    fn foresee(&mut self, value: u32);

    /// This value may come soon.
    fn announce(&mut self, value: u32);

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
    let mut visited = 0;
    loop {
        let leaf = tree.leaf(at.leaf);
        let (keys, values) = (leaf.keys(), leaf.values());
        let end = match &high {
            Some(high) if keys.last().is_some_and(|key| *key >= high.key) => {
                leaf.rank(high.key, &high.order, Side::Before)
            }
            _ => keys.len(),
        };
        let next = tree.next_leaf(at.leaf).filter(|_| end == keys.len());
        let following = next.map_or(&[][..], |next| tree.leaf(next).values());
        if visited > FIRST_ANNOUNCED {
            next.and_then(|next| tree.next_leaf(next)).into_iter().for_each(|leaf| tree.prefetch(leaf));
        }
        let ahead =
            |index: usize| if index < end { values.get(index) } else { following.get(index - end) }.copied();
        while at.index < end {
            look_ahead(&mut visitor, visited, |distance| ahead(at.index + distance));
            let (key, value) = (keys[at.index], values[at.index]);
            if visitor.visit(key, value) == Visit::StopBefore {
                return (Walked::Stopped, last);
            }
            last = Some((key, value));
            visited += 1;
            at.index += 1;
        }
        let Some(next) = next else { return (Walked::ToTheEnd, last) };
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
    let mut visited = 0;
    loop {
        let leaf = tree.leaf(at.leaf);
        let (keys, values) = (leaf.keys(), leaf.values());
        let start = match &low {
            Some(low) if keys.first().is_some_and(|key| *key <= low.key) => {
                leaf.rank(low.key, &low.order, Side::Before)
            }
            _ => 0,
        };
        let previous = tree.previous_leaf(at.leaf).filter(|_| start == 0);
        let following = previous.map_or(&[][..], |previous| tree.leaf(previous).values());
        if visited > FIRST_ANNOUNCED {
            let leaf = previous.and_then(|previous| tree.previous_leaf(previous));
            leaf.into_iter().for_each(|leaf| tree.prefetch(leaf));
        }
        let ahead = |end: usize, distance: usize| match (end - start).checked_sub(distance + 1) {
            Some(index) => values.get(start + index).copied(),
            None => following.iter().rev().nth(distance - (end - start)).copied(),
        };
        while at.index > start {
            look_ahead(&mut visitor, visited, |distance| ahead(at.index, distance));
            let (key, value) = (keys[at.index - 1], values[at.index - 1]);
            if visitor.visit(key, value) == Visit::StopBefore {
                return (Walked::Stopped, last);
            }
            last = Some((key, value));
            visited += 1;
            at.index -= 1;
        }
        let Some(previous) = previous else { return (Walked::ToTheEnd, last) };
        *at = Position { leaf: previous, index: tree.leaf(previous).keys().len() };
    }
}

/// Announces what comes after the next entry, which has `visited` before it in this walk; `ahead` knows
/// the value at a distance from it, 0 being itself.
#[inline]
fn look_ahead<K>(visitor: &mut impl Visitor<K>, visited: usize, ahead: impl Fn(usize) -> Option<u32>) {
    match visited {
        0 => (0..FIRST_ANNOUNCED).filter_map(&ahead).for_each(|value| visitor.announce(value)),
        1..FIRST_ANNOUNCED => {}
        FIRST_ANNOUNCED => {
            (ANNOUNCED..FORESEEN).filter_map(&ahead).for_each(|value| visitor.foresee(value));
            (0..ANNOUNCED).filter_map(&ahead).for_each(|value| visitor.announce(value));
        }
        _ => {
            ahead(FORESEEN).into_iter().for_each(|value| visitor.foresee(value));
            ahead(ANNOUNCED).into_iter().for_each(|value| visitor.announce(value));
        }
    }
}
