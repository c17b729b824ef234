//! The catalogs that a query may need: the newest one, and those that it took the place of, for as long as somebody
//! may read at a version that is older than the change.
//! Invariant: a version is read with the catalog that was current when it was made.

use crate::catalog::Catalog;
use crate::error::Error;
use interstice_store::{Reader, Version};
use parking_lot::RwLock;
use std::sync::Arc;

/// The newest catalog and older ones.
pub(crate) struct Catalogs(RwLock<Inner>);

struct Inner {
    newest: Arc<Catalog>,
    /// Each with the first version at which it is not the right one any more, oldest first.
    older: Vec<(Version, Arc<Catalog>)>,
}

/// A version that was held for a reader, with its catalog.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) reader: Reader,
    pub(crate) catalog: Arc<Catalog>,
}

impl Catalogs {
    /// One catalog, at all versions.
    pub(crate) fn new(catalog: Arc<Catalog>) -> Catalogs {
        Catalogs(RwLock::new(Inner { newest: catalog, older: Vec::new() }))
    }

    /// The catalog with which the next call is made.
    pub(crate) fn newest(&self) -> Arc<Catalog> {
        self.0.read().newest.clone()
    }

    /// Holds a version, and finds its catalog. None is published or let go meanwhile.
    pub(crate) fn hold(&self, hold: impl FnOnce() -> Result<Reader, Error>) -> Result<Held, Error> {
        let inner = self.0.read();
        let reader = hold()?;
        let version = reader.version();
        let older = inner.older.iter().find(|(until, _)| version < *until);
        let catalog = older.map_or(&inner.newest, |(_, catalog)| catalog).clone();
        Ok(Held { reader, catalog })
    }

    /// Makes this catalog the newest, from a version on that nobody can read yet.
    pub(crate) fn publish(&self, from: Version, catalog: Arc<Catalog>) {
        let mut inner = self.0.write();
        let before = std::mem::replace(&mut inner.newest, catalog);
        inner.older.push((from, before));
    }

    /// Takes the newest back: the version from which on it was to be is not made.
    pub(crate) fn withdraw(&self) {
        let mut inner = self.0.write();
        if let Some((_, before)) = inner.older.pop() {
            inner.newest = before;
        }
    }

    /// Lets those go that nobody will ask for any more: queries are asked at the durable version or a newer one.
    pub(crate) fn forget_before(&self, durable: Version) {
        let is_needed = |(until, _): &(Version, Arc<Catalog>)| *until > durable;
        if !self.0.read().older.iter().all(is_needed) {
            self.0.write().older.retain(is_needed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use interstice_store::{Store, StoreLimits};

    #[test]
    fn a_version_is_read_with_the_catalog_that_was_current_when_it_was_made() {
        let store = Store::new(StoreLimits::default(), 1);
        for version in 1..=4 {
            store.begin(Version(version)).unwrap().commit();
        }
        let all: Vec<Arc<Catalog>> = (0..4).map(|_| Arc::default()).collect();
        let catalogs = Catalogs::new(all[0].clone());
        catalogs.publish(Version(2), all[1].clone());
        catalogs.publish(Version(4), all[2].clone());
        let found = |version: u64| {
            let held = catalogs.hold(|| store.reader(Version(version)).map_err(Error::Store)).unwrap();
            all.iter().position(|catalog| Arc::ptr_eq(catalog, &held.catalog)).unwrap()
        };
        assert_eq!([1, 2, 3, 4].map(found), [0, 1, 1, 2]);
        // One that is taken back was never there.
        catalogs.publish(Version(5), all[3].clone());
        catalogs.withdraw();
        assert_eq!(([1, 3, 4].map(found), Arc::ptr_eq(&catalogs.newest(), &all[2])), ([0, 1, 2], true));
        // Nobody asks at a version before the durable one any more.
        catalogs.forget_before(Version(3));
        assert_eq!([3, 4].map(found), [1, 2]);
        catalogs.forget_before(Version(4));
        assert!(catalogs.0.read().older.is_empty());
    }
}
