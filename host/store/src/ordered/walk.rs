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

    /// The next entries: takes them one after the other, and says how many it took before it wanted to stop.
    fn take(&mut self, found: impl Iterator<Item = Found>) -> usize;
}

impl<F: FnMut(Found) -> Visit> Take for F {
    #[inline]
    fn take(&mut self, found: impl Iterator<Item = Found>) -> usize {
        let mut taken = 0;
        for found in found {
            if self(found) == Visit::StopBefore {
                break;
            }
            taken += 1;
        }
        taken
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

/// How many entries are shown at once at first: a scan that wants one row fetches few for nothing.
const FIRST_RUN: usize = 4;

/// How many entries are shown at once later.
const RUN: usize = 16;

/// How far ahead of a run entries are announced, so that what they refer to is there when they are shown.
const ANNOUNCED: usize = 16;

/// How far ahead of a run entries are foreseen, so that their slots are there when they are announced.
const FORESEEN: usize = 48;

/// What a walk shows its entries to.
pub(super) trait Visitor<K> {
    /// This value may come some entries later.
    fn foresee(&mut self, value: u32);

    /// This value may come soon.
    fn announce(&mut self, value: u32);

    /// The next entries; returns how many it took before it wanted to stop.
    fn visit(&mut self, entries: impl Iterator<Item = (K, u32)>) -> usize;
}

/// The values that a walk comes to next: in this leaf, and in the one after it.
struct Upcoming<'a> {
    here: &'a [u32],
    following: &'a [u32],
    descending: bool,
}

/// How many of the next entries have been announced and foreseen, and how many were visited.
#[derive(Default)]
struct Ahead {
    announced: usize,
    foreseen: usize,
    visited: usize,
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
    let mut ahead = Ahead::default();
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
        if ahead.visited > 0 {
            next.and_then(|next| tree.next_leaf(next)).into_iter().for_each(|leaf| tree.prefetch(leaf));
        }
        while at.index < end {
            let run = at.index..end.min(at.index + ahead.run());
            let upcoming = Upcoming { here: &values[at.index..end], following, descending: false };
            ahead.look(&mut visitor, &upcoming, run.len());
            let (keys, values) = (&keys[run.clone()], &values[run]);
            let taken = visitor.visit(keys.iter().copied().zip(values.iter().copied()));
            ahead.pass(taken);
            at.index += taken;
            if let Some(passed) = taken.checked_sub(1) {
                last = Some((keys[passed], values[passed]));
            }
            if taken < keys.len() {
                return (Walked::Stopped, last);
            }
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
    let mut ahead = Ahead::default();
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
        if ahead.visited > 0 {
            let leaf = previous.and_then(|previous| tree.previous_leaf(previous));
            leaf.into_iter().for_each(|leaf| tree.prefetch(leaf));
        }
        while at.index > start {
            let run = start.max(at.index.saturating_sub(ahead.run()))..at.index;
            let upcoming = Upcoming { here: &values[start..at.index], following, descending: true };
            ahead.look(&mut visitor, &upcoming, run.len());
            let (keys, values) = (&keys[run.clone()], &values[run]);
            let taken = visitor.visit(keys.iter().copied().zip(values.iter().copied()).rev());
            ahead.pass(taken);
            at.index -= taken;
            if taken > 0 {
                last = Some((keys[keys.len() - taken], values[keys.len() - taken]));
            }
            if taken < keys.len() {
                return (Walked::Stopped, last);
            }
        }
        let Some(previous) = previous else { return (Walked::ToTheEnd, last) };
        *at = Position { leaf: previous, index: tree.leaf(previous).keys().len() };
    }
}

impl Upcoming<'_> {
    /// The values from one distance to another, in no order.
    #[inline]
    fn between(&self, from: usize, to: usize) -> [&[u32]; 2] {
        let part = |values: &'_ [u32], from: usize, to: usize| {
            let end = to.min(values.len());
            let start = from.min(end);
            if self.descending { values.len() - end..values.len() - start } else { start..end }
        };
        let behind = self.here.len();
        let here = part(self.here, from, to);
        let following = part(self.following, from.saturating_sub(behind), to.saturating_sub(behind));
        [&self.here[here], &self.following[following]]
    }
}

impl Ahead {
    /// How many entries are visited at once.
    #[inline]
    fn run(&self) -> usize {
        if self.visited == 0 { FIRST_RUN } else { RUN }
    }

    /// Announces and foresees what comes behind a run of so many entries.
    #[inline]
    fn look<K>(&mut self, visitor: &mut impl Visitor<K>, upcoming: &Upcoming<'_>, run: usize) {
        let (announced, foreseen) =
            if self.visited == 0 { (run, 0) } else { (run + ANNOUNCED, run + FORESEEN) };
        for part in upcoming.between(self.foreseen.max(self.announced), foreseen) {
            part.iter().for_each(|value| visitor.foresee(*value));
        }
        for part in upcoming.between(self.announced, announced) {
            part.iter().for_each(|value| visitor.announce(*value));
        }
        (self.announced, self.foreseen) = (announced, foreseen);
    }

    /// So many of them were taken.
    #[inline]
    fn pass(&mut self, taken: usize) {
        self.visited += taken;
        self.announced = self.announced.saturating_sub(taken);
        self.foreseen = self.foreseen.saturating_sub(taken);
    }
}
