//! A list that grows a page at a time and never moves what it holds.
//! It stands where a plain vector would have to copy megabytes in the middle of an operation.
//! Invariant: every page but the last is full.

use std::ops::{Index, IndexMut};

/// A list in pages of `PAGE` items, which must be a power of two.
pub(crate) struct Pages<T, const PAGE: usize> {
    pages: Vec<Vec<T>>,
}

impl<T, const PAGE: usize> Pages<T, PAGE> {
    pub(crate) const fn new() -> Self {
        const { assert!(PAGE.is_power_of_two()) };
        Self { pages: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        match self.pages.last() {
            Some(last) => (self.pages.len() - 1) * PAGE + last.len(),
            None => 0,
        }
    }

    /// Appends an item and returns its position.
    pub(crate) fn push(&mut self, item: T) -> usize {
        let position = self.len();
        if position.is_multiple_of(PAGE) {
            // A small table pays for a small page; once there are two, pages come whole.
            let capacity = if self.pages.is_empty() { 0 } else { PAGE };
            self.pages.push(Vec::with_capacity(capacity));
        }
        self.pages.last_mut().expect("a page was pushed above if there was none").push(item);
        position
    }

    /// The bytes that are allocated, what the items own apart.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let Some(last) = self.pages.last() else { return 0 };
        let items = (self.pages.len() - 1) * PAGE + last.capacity();
        items * size_of::<T>() + self.pages.capacity() * size_of::<Vec<T>>()
    }
}

impl<T, const PAGE: usize> Index<usize> for Pages<T, PAGE> {
    type Output = T;

    #[inline]
    fn index(&self, position: usize) -> &T {
        &self.pages[position / PAGE][position % PAGE]
    }
}

impl<T, const PAGE: usize> IndexMut<usize> for Pages<T, PAGE> {
    #[inline]
    fn index_mut(&mut self, position: usize) -> &mut T {
        &mut self.pages[position / PAGE][position % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_positions_while_the_list_grows() {
        let mut pages = Pages::<usize, 4>::new();
        assert_eq!((pages.len(), pages.allocated_bytes()), (0, 0));
        for item in 0..23 {
            assert_eq!(pages.push(item * 10), item);
        }
        assert_eq!(pages.len(), 23);
        assert!((0..23).all(|position| pages[position] == position * 10));
        assert!(pages.allocated_bytes() >= 23 * size_of::<usize>());
    }
}
