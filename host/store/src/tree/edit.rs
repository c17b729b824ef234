//! Changes of a tree: insert, remove, and giving an entry another value.
//! A full node is split in halves, at the end of the tree after its last entry, so that ascending keys
//! leave full nodes; a node that runs low is joined with a neighbour if both fit, and never borrows.
//! Invariant: after each change the entries that branches name are again the smallest below each child.

use super::{Branch, Leaf, NONE, Order, Path, Position, Prefix, Tree, node::FAN_OUT};
use std::cmp::Ordering;

/// A node with fewer entries looks for a neighbour to be joined with.
const LOW: usize = FAN_OUT / 4;

/// How far a leaf is filled before entries that come in ascending order begin the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    /// To the brim: what comes later comes after it.
    Full,
    /// With room for an eighth more: what comes later may belong anywhere, and would split every full leaf that it
    /// meets.
    WithRoom,
}

/// Two nodes are joined if the result has room for growing.
const JOINED: usize = FAN_OUT * 3 / 4;

impl Filling {
    #[inline]
    fn entries(self) -> usize {
        match self {
            Self::Full => FAN_OUT,
            Self::WithRoom => FAN_OUT - FAN_OUT / 8,
        }
    }
}

impl<K: Prefix> Tree<K> {
    /// Adds an entry, or returns the value of the one that equals it.
    pub(crate) fn insert(&mut self, key: K, value: u32, order: &impl Order) -> Result<(), u32> {
        if self.is_after_all(key, order) {
            self.append(key, value, Filling::Full);
            return Ok(());
        }
        let (path, at) = self.descend(key, order);
        let leaf = &mut self.leaves[at.leaf as usize];
        if let Some(before) = at.index.checked_sub(1)
            && leaf.keys[before] == key
            && order.compare(leaf.values[before]) == Ordering::Equal
        {
            return Err(leaf.values[before]);
        }
        self.version += 1;
        self.len += 1;
        // Index 0 is only reached in the first leaf, whose smallest entry no branch names.
        if leaf.len < FAN_OUT {
            leaf.insert(at.index, key, value);
        } else {
            self.split_leaf(&path, at, key, value);
        }
        Ok(())
    }

    /// Adds an entry that is after all others.
    #[inline]
    pub(crate) fn append(&mut self, key: K, value: u32, filling: Filling) {
        self.version += 1;
        self.len += 1;
        let end = self.end();
        if end.index < filling.entries() {
            self.leaves[end.leaf as usize].insert(end.index, key, value);
        } else {
            self.add_last_leaf(key, value);
        }
    }

    /// Takes an entry out and returns its value.
    pub(crate) fn remove(&mut self, key: K, order: &impl Order) -> Option<u32> {
        let (path, at) = self.descend(key, order);
        let index = self.equal_before(at, key, order)?;
        self.version += 1;
        self.len -= 1;
        let leaf = &mut self.leaves[at.leaf as usize];
        let value = leaf.remove(index);
        let (left, first) = (leaf.len, (leaf.keys[0], leaf.values[0]));
        if left == 0 {
            if self.height > 0 {
                self.unlink_leaf(at.leaf);
                self.remove_child(&path, path.len - 1);
            }
            return Some(value);
        }
        if index == 0 {
            self.rename(&path, path.len, first);
        }
        if left < LOW && self.height > 0 {
            self.join_leaf(&path);
        }
        Some(value)
    }

    /// Gives an entry another value and returns the one that it had.
    pub(crate) fn set_value(&mut self, key: K, order: &impl Order, value: u32) -> Option<u32> {
        let (path, at) = self.descend(key, order);
        let index = self.equal_before(at, key, order)?;
        let old = std::mem::replace(&mut self.leaves[at.leaf as usize].values[index], value);
        if index == 0 {
            self.rename(&path, path.len, (key, value));
        }
        Some(old)
    }

    #[inline]
    fn is_after_all(&self, key: K, order: &impl Order) -> bool {
        let leaf = &self.leaves[self.last as usize];
        let Some(index) = leaf.len.checked_sub(1) else { return false };
        match leaf.keys[index].cmp(&key) {
            Ordering::Less => true,
            Ordering::Equal => order.compare(leaf.values[index]) == Ordering::Less,
            Ordering::Greater => false,
        }
    }

    fn equal_before(&self, at: Position, key: K, order: &impl Order) -> Option<usize> {
        let index = at.index.checked_sub(1)?;
        let leaf = self.leaf(at.leaf);
        (leaf.keys[index] == key && order.compare(leaf.values[index]) == Ordering::Equal).then_some(index)
    }

    fn last_path(&self) -> Path {
        let mut path = Path { steps: [(0, 0); super::MAX_HEIGHT], len: self.height };
        let mut node = self.root;
        for step in &mut path.steps[..self.height] {
            let branch = &self.branches[node as usize];
            *step = (node, branch.len as u32 - 1);
            node = branch.children[branch.len - 1];
        }
        path
    }

    /// The smallest entry of the node at `level` of the path is another one now: says so in the one
    /// branch that names it.
    fn rename(&mut self, path: &Path, level: usize, entry: (K, u32)) {
        for (branch, child) in path.steps[..level].iter().rev() {
            if *child > 0 {
                let branch = &mut self.branches[*branch as usize];
                branch.keys[*child as usize] = entry.0;
                branch.values[*child as usize] = entry.1;
                return;
            }
        }
    }

    fn split_leaf(&mut self, path: &Path, at: Position, key: K, value: u32) {
        let mut right = Leaf::new();
        let left = &mut self.leaves[at.leaf as usize];
        if at.index == FAN_OUT && left.next == NONE {
            right.insert(0, key, value);
        } else {
            let half = FAN_OUT / 2;
            right.append(left, half);
            left.len = half;
            if at.index <= half {
                left.insert(at.index, key, value);
            } else {
                right.insert(at.index - half, key, value);
            }
        }
        self.link_leaf(path, at.leaf, right);
    }

    /// Begins another leaf at the end, with this entry.
    #[cold]
    fn add_last_leaf(&mut self, key: K, value: u32) {
        let mut leaf = Leaf::new();
        leaf.insert(0, key, value);
        let path = self.last_path();
        self.link_leaf(&path, self.last, leaf);
    }

    /// Puts a new leaf behind the one that the path leads to.
    fn link_leaf(&mut self, path: &Path, before: u32, mut right: Leaf<K>) {
        let new = self.free_leaves.pop().unwrap_or(self.leaves.len() as u32);
        let left = &mut self.leaves[before as usize];
        right.previous = before;
        right.next = left.next;
        left.next = new;
        let next = right.next;
        let first = (right.keys[0], right.values[0]);
        match next {
            NONE => self.last = new,
            next => self.leaves[next as usize].previous = new,
        }
        if new as usize == self.leaves.len() {
            self.leaves.push(right);
        } else {
            self.leaves[new as usize] = right;
        }
        self.insert_child(path, first, new);
    }

    /// Puts a new node behind the one that the path leads to.
    fn insert_child(&mut self, path: &Path, first: (K, u32), child: u32) {
        let (mut first, mut child) = (first, child);
        for (node, taken) in path.steps[..path.len].iter().rev() {
            let at = *taken as usize + 1;
            let left = &mut self.branches[*node as usize];
            if left.len < FAN_OUT {
                left.insert(at, first.0, first.1, child);
                return;
            }
            let mut right = Branch::new();
            if at == FAN_OUT {
                right.insert(0, first.0, first.1, child);
            } else {
                let half = FAN_OUT / 2;
                right.append(left, half);
                left.len = half;
                if at <= half {
                    left.insert(at, first.0, first.1, child);
                } else {
                    right.insert(at - half, first.0, first.1, child);
                }
            }
            first = (right.keys[0], right.values[0]);
            child = self.add_branch(right);
        }
        let mut root = Branch::new();
        root.insert(0, K::default(), 0, self.root);
        root.insert(1, first.0, first.1, child);
        self.root = self.add_branch(root);
        self.height += 1;
    }

    fn add_branch(&mut self, branch: Branch<K>) -> u32 {
        match self.free_branches.pop() {
            Some(free) => {
                self.branches[free as usize] = branch;
                free
            }
            None => self.branches.push(branch) as u32,
        }
    }

    /// Takes a leaf out of the list of leaves, and frees it.
    fn unlink_leaf(&mut self, leaf: u32) {
        let Leaf { next, previous, .. } = self.leaves[leaf as usize];
        match previous {
            NONE => self.first = next,
            previous => self.leaves[previous as usize].next = next,
        }
        match next {
            NONE => self.last = previous,
            next => self.leaves[next as usize].previous = previous,
        }
        self.free_leaves.push(leaf);
    }

    /// Takes the child that the path took at `level` out of its branch; that child is freed already.
    fn remove_child(&mut self, path: &Path, level: usize) {
        let (node, child) = path.steps[level];
        let branch = &mut self.branches[node as usize];
        branch.remove(child as usize);
        let (left, first) = (branch.len, (branch.keys[0], branch.values[0]));
        if left == 0 {
            self.free_branches.push(node);
            assert!(level > 0, "a root has at least two children");
            return self.remove_child(path, level - 1);
        }
        if child == 0 {
            self.rename(path, level, first);
        }
        if level == 0 {
            self.lower_root();
        } else if left < LOW {
            self.join_branch(path, level);
        }
    }

    /// A root with a single child is none.
    fn lower_root(&mut self) {
        while self.height > 0 {
            let root = &self.branches[self.root as usize];
            if root.len > 1 {
                return;
            }
            self.free_branches.push(self.root);
            self.root = root.children[0];
            self.height -= 1;
        }
    }

    /// Joins the leaf at the end of the path with a neighbour below the same branch, if both fit in one.
    fn join_leaf(&mut self, path: &Path) {
        let level = path.len - 1;
        let size = |tree: &Self, leaf: u32| tree.leaf(leaf).len;
        let Some((right_path, left, right)) = self.neighbours(path, level, size) else { return };
        let taken = self.leaves[right as usize].clone();
        self.leaves[left as usize].append(&taken, 0);
        self.unlink_leaf(right);
        self.remove_child(&right_path, level);
    }

    /// The same for the branch that stands at `level` of the path.
    fn join_branch(&mut self, path: &Path, level: usize) {
        let size = |tree: &Self, branch: u32| tree.branches[branch as usize].len;
        let Some((right_path, left, right)) = self.neighbours(path, level - 1, size) else { return };
        let (parent, child) = right_path.steps[level - 1];
        let parent = &self.branches[parent as usize];
        let first = (parent.keys[child as usize], parent.values[child as usize]);
        let mut taken = self.branches[right as usize].clone();
        // What was its unnamed first child is a later child now, and its parent knows its name.
        (taken.keys[0], taken.values[0]) = first;
        self.branches[left as usize].append(&taken, 0);
        self.free_branches.push(right);
        self.remove_child(&right_path, level - 1);
    }

    /// The child that the path took at `level` and one beside it that would fit in one node, left and
    /// right, and the path to the right one.
    fn neighbours(
        &self,
        path: &Path,
        level: usize,
        size: impl Fn(&Self, u32) -> usize,
    ) -> Option<(Path, u32, u32)> {
        let (node, child) = path.steps[level];
        let branch = &self.branches[node as usize];
        let pairs = [Some(child), child.checked_sub(1)];
        pairs.into_iter().flatten().filter(|left| (*left as usize) + 1 < branch.len).find_map(|left| {
            let pair = [branch.children[left as usize], branch.children[left as usize + 1]];
            let fits = size(self, pair[0]) + size(self, pair[1]) <= JOINED;
            let mut steps = path.steps;
            steps[level] = (node, left + 1);
            fits.then_some((Path { steps, len: path.len }, pair[0], pair[1]))
        })
    }
}
