//! A queue that grows and shrinks a page at a time and never moves what it holds.
//! It stands where one ring would have to copy megabytes in the middle of an operation: a commit
//! appends, a purge takes off at the front, an abort at the end.
//! Invariant: every page but the last was filled, and the first is empty only if it is the only one.

use std::{collections::VecDeque, ops::Index};

/// A queue in pages of `PAGE` items, which must be a power of two.
pub(crate) struct Queue<T, const PAGE: usize> {
    /// Each page holds `PAGE` items at most, so once it has room for them it never grows.
    pages: VecDeque<VecDeque<T>>,
    /// How many items were taken off the first page.
    taken: usize,
    len: usize,
}

impl<T, const PAGE: usize> Queue<T, PAGE> {
    pub(crate) const fn new() -> Self {
        const { assert!(PAGE.is_power_of_two()) };
        Self { pages: VecDeque::new(), taken: 0, len: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(crate) fn get(&self, position: usize) -> Option<&T> {
        let place = self.taken + position;
        let (page, place) = (place / PAGE, place % PAGE);
        self.pages.get(page)?.get(if page == 0 { place - self.taken } else { place })
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.pages.front()?.front()
    }

    #[inline]
    pub(crate) fn back(&self) -> Option<&T> {
        self.pages.back()?.back()
    }

    #[inline]
    pub(crate) fn push_back(&mut self, item: T) {
        if self.taken + self.len == self.pages.len() * PAGE {
            // A small table pays for a small page; once there are two, pages come whole.
            let capacity = if self.pages.is_empty() { 0 } else { PAGE };
            self.pages.push_back(VecDeque::with_capacity(capacity));
        }
        self.pages.back_mut().expect("a page was pushed above if there was none").push_back(item);
        self.len += 1;
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let page = self.pages.front_mut()?;
        let item = page.pop_front()?;
        self.len -= 1;
        self.taken += 1;
        if page.is_empty() {
            self.taken = 0;
            // The only page stays, for what comes next.
            if self.pages.len() > 1 {
                self.pages.pop_front();
            }
        }
        Some(item)
    }

    pub(crate) fn pop_back(&mut self) -> Option<T> {
        let page = self.pages.back_mut()?;
        let item = page.pop_back()?;
        self.len -= 1;
        if page.is_empty() {
            if self.pages.len() > 1 {
                self.pages.pop_back();
            } else {
                self.taken = 0;
            }
        }
        Some(item)
    }

    /// How many items at the beginning fulfil a predicate, which must hold for no item behind one
    /// that does not.
    pub(crate) fn partition_point(&self, mut predicate: impl FnMut(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if predicate(&self[middle]) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The items from a position on.
    pub(crate) fn iter_from(&self, position: usize) -> impl Iterator<Item = &T> {
        (position..self.len).map(|position| &self[position])
    }

    /// The bytes that are allocated, what the items own apart.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let (Some(first), Some(last)) = (self.pages.front(), self.pages.back()) else { return 0 };
        let items = match self.pages.len() {
            1 => first.capacity(),
            pages => first.capacity() + (pages - 2) * PAGE + last.capacity(),
        };
        items * size_of::<T>() + self.pages.capacity() * size_of::<VecDeque<T>>()
    }
}

impl<T, const PAGE: usize> Index<usize> for Queue<T, PAGE> {
    type Output = T;

    #[inline]
    fn index(&self, position: usize) -> &T {
        self.get(position).expect("the position is within the queue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        PopFront(usize),
        PopBack(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (1_usize..12).prop_map(Step::Push),
            2 => (1_usize..12).prop_map(Step::PopFront),
            2 => (1_usize..12).prop_map(Step::PopBack),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn a_queue_in_pages_does_what_a_ring_does(steps in steps()) {
            let mut queue = Queue::<usize, 4>::new();
            let mut ring = VecDeque::new();
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Push(items) => for _ in 0..items {
                        queue.push_back(next);
                        ring.push_back(next);
                        next += 1;
                    },
                    Step::PopFront(items) => for _ in 0..items {
                        prop_assert_eq!(queue.pop_front(), ring.pop_front());
                    },
                    Step::PopBack(items) => for _ in 0..items {
                        prop_assert_eq!(queue.pop_back(), ring.pop_back());
                    },
                }
                prop_assert_eq!((queue.len(), queue.is_empty()), (ring.len(), ring.is_empty()));
                prop_assert_eq!((queue.front(), queue.back()), (ring.front(), ring.back()));
                for position in 0..=ring.len() {
                    prop_assert_eq!(queue.get(position), ring.get(position));
                    prop_assert!(queue.iter_from(position).eq(ring.range(position..)));
                }
                for bound in [0, next / 2, next] {
                    let expected = ring.partition_point(|item| *item < bound);
                    prop_assert_eq!(queue.partition_point(|item| *item < bound), expected);
                }
                // All but the first and the last page are full of what is there.
                prop_assert!(queue.pages.len() <= ring.len().div_ceil(4) + 1);
                prop_assert!(queue.pages.iter().all(|page| page.capacity() <= 4));
            }
        }
    }

    #[test]
    fn what_a_queue_holds_never_moves() {
        let mut queue = Queue::<u64, 8>::new();
        // The first page grows as a ring does, once.
        (0..8).for_each(|item| queue.push_back(item));
        let places: Vec<_> = (0..8).map(|position| std::ptr::from_ref(&queue[position])).collect();
        (8..1000).for_each(|item| queue.push_back(item));
        (0..3).for_each(|item| assert_eq!(queue.pop_front(), Some(item)));
        assert!((3..8).all(|position| std::ptr::eq(places[position], &queue[position - 3])));
    }

    #[test]
    fn pages_go_with_what_they_held() {
        let mut queue = Queue::<u64, 8>::new();
        assert_eq!(queue.allocated_bytes(), 0);
        (0..1000).for_each(|item| queue.push_back(item));
        assert!(queue.allocated_bytes() >= 1000 * size_of::<u64>());
        (0..500).for_each(|_| assert!(queue.pop_front().is_some()));
        (0..500).for_each(|_| assert!(queue.pop_back().is_some()));
        assert_eq!((queue.len(), queue.pages.len()), (0, 1));
    }
}
