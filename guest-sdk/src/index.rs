//! Handles of the orders in which a table can be read: its primary key and its indexes.
//! Every order gives ranges in both directions; a unique index also gives the one row of a key.
//! Invariant: a range in terms of values becomes the half-open range of keys that holds the same rows.

use crate::codec::key::successor;
use crate::door::{ReadDoor, WriteDoor};
use crate::row::{Order, Prefix, Row};
use crate::scan::{self, Bounds};
use crate::{ReadWrite, Scan, rt::Entered, scratch};
use std::marker::PhantomData;
use std::ops::{Bound, Deref, RangeBounds};

/// The rows of a table in the order of a key.
#[derive(Debug)]
pub struct Ordered<O, A> {
    order: PhantomData<fn() -> (O, A)>,
}

/// A secondary index in which several rows may hold the same key.
#[derive(Debug)]
pub struct Index<O, A> {
    rows: Ordered<O, A>,
}

/// A secondary index in which no two rows hold the same key.
#[derive(Debug)]
pub struct UniqueIndex<O, A> {
    rows: Ordered<O, A>,
}

impl<O: Order, A> Ordered<O, A> {
    #[doc(hidden)]
    #[inline]
    pub fn new(_: &Entered) -> Self {
        Self { order: PhantomData }
    }

    /// All rows.
    pub fn iter(&self) -> Scan<O::Row> {
        Scan::new(O::INDEX, Some(Bounds { low: Vec::new(), high: None }))
    }

    /// The row with the smallest key.
    pub fn first(&self) -> Option<O::Row> {
        self.iter().limit(1).next()
    }

    /// The row with the largest key.
    pub fn last(&self) -> Option<O::Row> {
        self.iter().rev().limit(1).next()
    }

    /// The rows whose keys lie in the range: `range(3..)`, `range("a"..="f")`. Keys of several
    /// columns are compared by their first column, then the second, and so on.
    pub fn range<'k>(&self, range: impl RangeBounds<O::Key<'k>>) -> Scan<O::Row> {
        Scan::new(O::INDEX, bounds(&[], O::encode_key, range))
    }

    /// The rows whose keys begin with these columns.
    pub fn prefix(&self, prefix: impl Prefix<O>) -> Scan<O::Row> {
        self.prefix_range(prefix, ..)
    }

    /// The rows whose keys begin with these columns, and whose next column lies in the range.
    pub fn prefix_range<'k, P: Prefix<O>>(
        &self,
        prefix: P,
        range: impl RangeBounds<P::Next<'k>>,
    ) -> Scan<O::Row> {
        Scan::new(O::INDEX, prefix_bounds(&prefix, range))
    }
}

impl<O: Order> Ordered<O, ReadWrite>
where
    <O::Row as Row>::Door: WriteDoor,
{
    /// Deletes the rows whose keys lie in the range, and says how many they were.
    pub fn delete_range<'k>(&self, range: impl RangeBounds<O::Key<'k>>) -> u64 {
        delete::<O>(bounds(&[], O::encode_key, range))
    }

    /// Deletes the rows whose keys begin with these columns, and says how many they were.
    pub fn delete_prefix<P: Prefix<O>>(&self, prefix: P) -> u64 {
        delete::<O>(prefix_bounds(&prefix, ..))
    }
}

impl<O: Order, A> Index<O, A> {
    #[doc(hidden)]
    #[inline]
    pub fn new(entered: &Entered) -> Self {
        Self { rows: Ordered::new(entered) }
    }

    /// The rows that hold this key, in the order of their primary keys.
    pub fn get_all(&self, key: O::Key<'_>) -> Scan<O::Row> {
        let mut low = Vec::new();
        O::encode_key(&key, &mut low);
        Scan::new(O::INDEX, Some(all_that_begin_with(low)))
    }
}

impl<O: Order> Index<O, ReadWrite>
where
    <O::Row as Row>::Door: WriteDoor,
{
    /// Deletes the rows that hold this key, and says how many they were.
    pub fn delete_all(&self, key: O::Key<'_>) -> u64 {
        let mut low = Vec::new();
        O::encode_key(&key, &mut low);
        delete::<O>(Some(all_that_begin_with(low)))
    }
}

impl<O: Order, A> UniqueIndex<O, A> {
    #[doc(hidden)]
    #[inline]
    pub fn new(entered: &Entered) -> Self {
        Self { rows: Ordered::new(entered) }
    }

    /// The row that holds this key.
    #[inline]
    pub fn get(&self, key: O::Key<'_>) -> Option<O::Row> {
        scratch::with(|scratch| {
            O::encode_key(&key, &mut scratch.out);
            let found = <O::Row as Row>::Door::find(O::INDEX, &scratch.out, &mut scratch.back);
            found.then(|| scan::decode(&scratch.back))
        })
    }
}

impl<O, A> Deref for Index<O, A> {
    type Target = Ordered<O, A>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl<O, A> Deref for UniqueIndex<O, A> {
    type Target = Ordered<O, A>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

fn delete<O: Order>(bounds: Option<Bounds>) -> u64
where
    <O::Row as Row>::Door: WriteDoor,
{
    match bounds {
        Some(Bounds { low, high }) => <O::Row as Row>::Door::delete_range(O::INDEX, &low, high.as_deref()),
        None => 0,
    }
}

fn prefix_bounds<'k, O: Order, P: Prefix<O>>(
    prefix: &P,
    range: impl RangeBounds<P::Next<'k>>,
) -> Option<Bounds> {
    let mut bytes = Vec::new();
    prefix.encode_prefix(&mut bytes);
    bounds(&bytes, P::encode_next, range)
}

fn all_that_begin_with(low: Vec<u8>) -> Bounds {
    let mut high = low.clone();
    let bounded = successor(&mut high);
    Bounds { low, high: bounded.then_some(high) }
}

/// The keys that begin with the prefix and then lie in the range; `None` if there can be none.
///
/// No column's encoding begins another's, so the keys above a value are those from the successor of
/// its bytes on.
fn bounds<K>(prefix: &[u8], encode: impl Fn(&K, &mut Vec<u8>), range: impl RangeBounds<K>) -> Option<Bounds> {
    let key = |value: &K| {
        let mut bytes = prefix.to_vec();
        encode(value, &mut bytes);
        bytes
    };
    let low = match range.start_bound() {
        Bound::Unbounded => prefix.to_vec(),
        Bound::Included(value) => key(value),
        Bound::Excluded(value) => above(key(value))?,
    };
    let high = match range.end_bound() {
        Bound::Unbounded => above(prefix.to_vec()),
        Bound::Included(value) => above(key(value)),
        Bound::Excluded(value) => Some(key(value)),
    };
    Some(Bounds { low, high })
}

fn above(mut key: Vec<u8>) -> Option<Vec<u8>> {
    successor(&mut key).then_some(key)
}
