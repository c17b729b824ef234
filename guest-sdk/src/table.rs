//! Handles of whole tables.
//! What a handle may do is in its type: the table of another module, and any table in a query, is
//! [`ReadOnly`].
//! Invariant: an operation crosses the boundary once.

use crate::codec::row::push_row_with;
use crate::door::{ReadDoor, WriteDoor};
use crate::row::{Generated, Key, Order, Row};
use crate::rt::Entered;
use crate::scratch::{self, Scratch};
use crate::{InsertError, InsertManyError, Ordered, UpdateError, UpsertError, scan};
use std::borrow::Borrow;
use std::ops::Deref;

/// The handle reads.
#[derive(Debug)]
pub enum ReadOnly {}

/// The handle reads and writes.
#[derive(Debug)]
pub enum ReadWrite {}

/// A table, read and written by its primary key.
#[derive(Debug)]
pub struct Table<T: Row, A> {
    rows: Ordered<T::Primary, A>,
}

impl<T: Row, A> Table<T, A> {
    #[doc(hidden)]
    #[inline]
    pub fn new(entered: &Entered) -> Self {
        Self { rows: Ordered::new(entered) }
    }

    /// The row with this primary key.
    #[inline]
    pub fn get(&self, key: Key<'_, T>) -> Option<T> {
        scratch::with(|scratch| {
            T::Primary::encode_key(&key, &mut scratch.out);
            T::Door::get(&scratch.out, &mut scratch.back).then(|| scan::decode(&scratch.back))
        })
    }

    /// How many rows there are.
    pub fn count(&self) -> u64 {
        T::Door::count()
    }
}

impl<T: Row<Door: WriteDoor>> Table<T, ReadWrite> {
    /// Inserts a row, and returns it as it is now: a 0 in the auto-increment column has become the
    /// next number.
    ///
    /// # Errors
    /// If another row has the primary key or the values of a unique index, or the counter is at its end.
    #[inline]
    pub fn insert(&self, mut row: T) -> Result<T, InsertError<T::Unique>> {
        let inserted = scratch::with(|Scratch { out, .. }| {
            row.encode(out);
            T::Door::insert(out)
        });
        match inserted {
            Ok(number) => {
                row.set_generated(T::Generated::one(number));
                Ok(row)
            }
            Err(violation) => Err(InsertError::from_host(violation)),
        }
    }

    /// Inserts all of the rows or none, and returns the numbers that their auto-increment columns
    /// hold now, in their order.
    ///
    /// # Errors
    /// The first row that was refused, and why.
    pub fn insert_many<I>(
        &self,
        rows: I,
    ) -> Result<<T::Generated as Generated>::Many, InsertManyError<T::Unique>>
    where
        I: IntoIterator<Item: Borrow<T>>,
    {
        // The rows may come from an iterator that reads tables, so the buffers are its own.
        let (mut batch, mut numbers) = (Vec::new(), Vec::new());
        for row in rows {
            push_row_with(&mut batch, |bytes| row.borrow().encode(bytes));
        }
        match T::Door::insert_many(&batch, &mut numbers) {
            Ok(()) => Ok(T::Generated::many(&numbers)),
            Err((position, violation)) => {
                Err(InsertManyError { position: position as usize, error: InsertError::from_host(violation) })
            }
        }
    }

    /// Replaces the row that has the same primary key.
    ///
    /// # Errors
    /// If there is none, or another row has the values of a unique index.
    #[inline]
    pub fn update(&self, row: &T) -> Result<(), UpdateError<T::Unique>> {
        let updated = scratch::with(|Scratch { out, .. }| {
            row.encode(out);
            T::Door::update(out)
        });
        updated.map_err(UpdateError::from_host)
    }

    /// Replaces the row that has the same primary key, or inserts the row if there is none. Returns
    /// it as it is now.
    ///
    /// # Errors
    /// If another row has the values of a unique index, or the counter is at its end.
    #[inline]
    pub fn upsert(&self, mut row: T) -> Result<T, UpsertError<T::Unique>> {
        let upserted = scratch::with(|Scratch { out, .. }| {
            row.encode(out);
            T::Door::upsert(out)
        });
        match upserted {
            Ok(number) => {
                row.set_generated(T::Generated::one(number));
                Ok(row)
            }
            Err(violation) => Err(UpsertError::from_host(violation)),
        }
    }

    /// Deletes the row with this primary key, and says whether there was one.
    #[inline]
    pub fn delete(&self, key: Key<'_, T>) -> bool {
        scratch::with(|Scratch { out, .. }| {
            T::Primary::encode_key(&key, out);
            T::Door::delete(out)
        })
    }
}

impl<T: Row, A> Deref for Table<T, A> {
    type Target = Ordered<T::Primary, A>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}
