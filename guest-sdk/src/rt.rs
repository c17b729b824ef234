//! What generated bindings use and authors do not: the runtime of `wit-bindgen`, the doors to a
//! table, and the entrance of a call.
//! Invariant: a context can only be made from an [`Entered`], which only an exported call makes.

pub use crate::row::{ReadDoor, Violation, WriteDoor};
pub use wit_bindgen::rt::*;

use crate::Call;

/// Proof that the host has called an export of this module.
#[derive(Debug)]
pub struct Entered {
    _private: (),
}

/// Begins an exported call. The first one in an instance tells the host about panics from then on.
#[inline]
pub fn enter() -> Entered {
    crate::panic::report_to_host();
    Entered { _private: () }
}

/// The circumstances of the call.
#[inline]
pub fn call(_: &Entered) -> Call {
    Call::new()
}

/// Makes a type the row door of a table, by the glue of the imported interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __row_door {
    (read $door:ident, $($glue:tt)*) => {
        #[derive(Debug)]
        pub enum $door {}

        impl $crate::rt::ReadDoor for $door {
            #[inline]
            fn get(key: &[u8]) -> Option<Vec<u8>> {
                $($glue)*::get(key)
            }

            #[inline]
            fn find(index: u32, key: &[u8]) -> Option<Vec<u8>> {
                $($glue)*::find(index, key)
            }

            #[inline]
            fn scan(
                index: u32,
                low: &[u8],
                high: Option<&[u8]>,
                descending: bool,
                limit: u32,
            ) -> (u32, Vec<u8>) {
                $($glue)*::scan(index, low, high, descending, limit)
            }

            #[inline]
            fn next(scan: u32) -> (bool, Vec<u8>) {
                $($glue)*::next(scan)
            }

            #[inline]
            fn close(scan: u32) {
                $($glue)*::close(scan)
            }

            #[inline]
            fn count() -> u64 {
                $($glue)*::count()
            }
        }
    };
    (write $door:ident, $($glue:tt)*) => {
        $crate::__row_door!(read $door, $($glue)*);

        impl $crate::rt::WriteDoor for $door {
            #[inline]
            fn insert(row: &[u8]) -> Result<u64, $crate::rt::Violation> {
                $($glue)*::insert(row)
            }

            #[inline]
            fn insert_many(rows: &[u8]) -> Result<Vec<u8>, (u32, $crate::rt::Violation)> {
                $($glue)*::insert_many(rows)
            }

            #[inline]
            fn update(row: &[u8]) -> Result<(), $crate::rt::Violation> {
                $($glue)*::update(row)
            }

            #[inline]
            fn upsert(row: &[u8]) -> Result<u64, $crate::rt::Violation> {
                $($glue)*::upsert(row)
            }

            #[inline]
            fn delete(key: &[u8]) -> bool {
                $($glue)*::delete(key)
            }

            #[inline]
            fn delete_range(index: u32, low: &[u8], high: Option<&[u8]>) -> u64 {
                $($glue)*::delete_range(index, low, high)
            }
        }
    };
}
