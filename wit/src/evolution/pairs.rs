//! Which table, and which column, of the new version was which of the old one.
//! Invariant: nothing of the old version is paired twice.

use crate::schema::{Column, Interface, Schema, Table};
use std::collections::HashMap;

/// A table and the interface in which it stands.
pub(crate) type Placed<'a> = (&'a Interface, &'a Table);

/// An item that has a name, and had another one before perhaps.
trait Named {
    fn name(&self) -> &str;
    fn former(&self) -> Option<&str>;
}

impl Named for Placed<'_> {
    fn name(&self) -> &str {
        &self.1.name
    }
    fn former(&self) -> Option<&str> {
        self.1.renamed_from.as_deref()
    }
}

impl Named for &Column {
    fn name(&self) -> &str {
        &self.name
    }
    fn former(&self) -> Option<&str> {
        self.renamed_from.as_deref()
    }
}

/// The tables of the new version with those that they were, and then those of the old one that are gone.
pub(crate) fn tables<'a>(old: &'a Schema, new: &'a Schema) -> Vec<(Option<Placed<'a>>, Option<Placed<'a>>)> {
    let (before, after): (Vec<_>, Vec<_>) = (old.tables().collect(), new.tables().collect());
    let sources = sources(&before, &after);
    let gone =
        (0..before.len()).filter(|at| !sources.contains(&Some(*at))).map(|at| (Some(before[at]), None));
    let stay = sources.iter().zip(&after).map(|(source, table)| (source.map(|at| before[at]), Some(*table)));
    stay.chain(gone).collect()
}

/// Which of these earlier tables each of these later ones was.
pub(crate) fn placed(before: &[Placed<'_>], after: &[Placed<'_>]) -> Vec<Option<usize>> {
    sources(before, after)
}

/// Which column of the old table each column of the new one was.
pub(crate) fn columns(old: &Table, new: &Table) -> Vec<Option<usize>> {
    let (before, after): (Vec<_>, Vec<_>) = (old.columns.iter().collect(), new.columns.iter().collect());
    sources(&before, &after)
}

/// Which of the items before each of the items after was.
///
/// A declared rename goes before a name that is the same: where `a` became `b` and a new `a` came, the new
/// `a` has nothing of the old one. A declaration that stands in the old version too is about a rename before that.
fn sources<T: Named>(before: &[T], after: &[T]) -> Vec<Option<usize>> {
    let by_name: HashMap<&str, usize> =
        before.iter().enumerate().map(|(at, item)| (item.name(), at)).collect();
    let mut is_taken = vec![false; before.len()];
    let mut take = |name: &str| {
        let at = *by_name.get(name)?;
        (!std::mem::replace(&mut is_taken[at], true)).then_some(at)
    };
    let renamed = after.iter().map(|item| {
        let former = item.former()?;
        let is_done = by_name.get(item.name()).is_some_and(|at| before[*at].former() == Some(former));
        if is_done { None } else { take(former) }
    });
    let renamed: Vec<_> = renamed.collect();
    let same = |(item, source): (&T, Option<usize>)| source.or_else(|| take(item.name()));
    after.iter().zip(renamed).map(same).collect()
}
