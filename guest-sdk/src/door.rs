//! The row door of a table: its functions by hand, since all tables have the same ones.
//! A table's bindings bring the imports ([`RawReads`], [`RawWrites`]); what they return is taken apart
//! here. Outside of WebAssembly there is no host, and calling one panics.
//! Invariant: the layouts are those that the canonical ABI gives to the interface that
//! `interstice_wit::doors` prints.
#![allow(unsafe_code)]

use crate::landing;
use std::mem::MaybeUninit;

/// Why a table refused a change, as the door says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Violation {
    DuplicateKey,
    DuplicateUnique(u32),
    NoSuchRow,
    CounterOverflow,
}

/// The read functions of a table's row door. Rows and batches land in the buffer that is given.
#[allow(missing_docs)]
pub trait ReadDoor {
    fn get(key: &[u8], row: &mut Vec<u8>) -> bool;
    fn find(index: u32, key: &[u8], row: &mut Vec<u8>) -> bool;
    fn scan(
        index: u32,
        low: &[u8],
        high: Option<&[u8]>,
        descending: bool,
        limit: u32,
        batch: &mut Vec<u8>,
    ) -> u32;
    fn next(scan: u32, batch: &mut Vec<u8>) -> bool;
    fn close(scan: u32);
    fn count() -> u64;
}

/// The write functions of the row door of a module's own table.
#[allow(missing_docs)]
pub trait WriteDoor: ReadDoor {
    fn insert(row: &[u8]) -> Result<u64, Violation>;
    fn insert_many(rows: &[u8], numbers: &mut Vec<u8>) -> Result<(), (u32, Violation)>;
    fn update(row: &[u8]) -> Result<(), Violation>;
    fn upsert(row: &[u8]) -> Result<u64, Violation>;
    fn delete(key: &[u8]) -> bool;
    fn delete_range(index: u32, low: &[u8], high: Option<&[u8]>) -> u64;
}

/// The imports of a row door that read, with their flat parameters.
///
/// # Safety
/// An area is 16 bytes, aligned to 8, and is written by the host as the canonical ABI says.
#[allow(missing_docs, clippy::missing_safety_doc)]
pub unsafe trait RawReads {
    unsafe fn get(key: *const u8, key_length: usize, area: *mut u8);
    unsafe fn find(index: u32, key: *const u8, key_length: usize, area: *mut u8);
    #[allow(clippy::too_many_arguments)]
    unsafe fn scan(
        index: u32,
        low: *const u8,
        low_length: usize,
        has_high: u32,
        high: *const u8,
        high_length: usize,
        descending: u32,
        limit: u32,
        area: *mut u8,
    );
    unsafe fn next(scan: u32, area: *mut u8);
    unsafe fn close(scan: u32);
    unsafe fn count() -> u64;
}

/// The imports of a row door that write, with their flat parameters.
///
/// # Safety
/// As for [`RawReads`].
#[allow(missing_docs, clippy::missing_safety_doc)]
pub unsafe trait RawWrites: RawReads {
    unsafe fn insert(row: *const u8, row_length: usize, area: *mut u8);
    unsafe fn insert_many(rows: *const u8, rows_length: usize, area: *mut u8);
    unsafe fn update(row: *const u8, row_length: usize, area: *mut u8);
    unsafe fn upsert(row: *const u8, row_length: usize, area: *mut u8);
    unsafe fn delete(key: *const u8, key_length: usize) -> u32;
    unsafe fn delete_range(
        index: u32,
        low: *const u8,
        low_length: usize,
        has_high: u32,
        high: *const u8,
        high_length: usize,
    ) -> u64;
}

/// Where the host writes a result that does not fit in a register.
#[repr(C, align(8))]
struct Area([MaybeUninit<u8>; 16]);

impl Area {
    #[inline]
    fn new() -> Self {
        Self([MaybeUninit::zeroed(); 16])
    }

    #[inline]
    fn pointer(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    /// What stands at an offset that is aligned for its type.
    #[inline]
    fn read<T: Plain>(&self, offset: usize) -> T {
        assert!(offset + size_of::<T>() <= size_of::<Self>());
        // SAFETY: the area is zeroed, so every byte of it is a value; `T` takes any bytes.
        unsafe { self.0.as_ptr().cast::<u8>().add(offset).cast::<T>().read_unaligned() }
    }

    #[inline]
    fn is_set(&self) -> bool {
        self.read::<u8>(0) != 0
    }

    #[inline]
    fn violation(&self, offset: usize) -> Violation {
        match self.read::<u8>(offset) {
            0 => Violation::DuplicateKey,
            1 => Violation::DuplicateUnique(self.read(offset + 4)),
            2 => Violation::NoSuchRow,
            _ => Violation::CounterOverflow,
        }
    }

    /// Takes over the list whose pointer and length stand from byte 4 on.
    ///
    /// # Safety
    /// A call within [`landing::receive`] with this buffer has just written a list there.
    #[inline]
    unsafe fn take_list(&self, buffer: &mut Vec<u8>) {
        let bytes: *mut u8 = self.read(4);
        let length: usize = self.read(4 + size_of::<usize>());
        // SAFETY: as of this function.
        unsafe { landing::landed(buffer, bytes, length) };
    }
}

/// Types that take any bytes.
trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for u64 {}
impl Plain for usize {}
impl Plain for *mut u8 {}

/// An optional list as flat parameters.
#[inline]
fn flat(bytes: Option<&[u8]>) -> (u32, *const u8, usize) {
    bytes.map_or((0, std::ptr::null(), 0), |bytes| (1, bytes.as_ptr(), bytes.len()))
}

// SAFETY of the calls below: slices live through the call and the host only reads them; the area is as
// large as the largest result; a list is taken over right after the call that wrote it.
impl<D: RawReads> ReadDoor for D {
    #[inline]
    fn get(key: &[u8], row: &mut Vec<u8>) -> bool {
        let mut area = Area::new();
        // SAFETY: see above.
        landing::receive(row, || unsafe { D::get(key.as_ptr(), key.len(), area.pointer()) });
        if area.is_set() {
            // SAFETY: see above.
            unsafe { area.take_list(row) };
        }
        area.is_set()
    }

    #[inline]
    fn find(index: u32, key: &[u8], row: &mut Vec<u8>) -> bool {
        let mut area = Area::new();
        // SAFETY: see above.
        landing::receive(row, || unsafe { D::find(index, key.as_ptr(), key.len(), area.pointer()) });
        if area.is_set() {
            // SAFETY: see above.
            unsafe { area.take_list(row) };
        }
        area.is_set()
    }

    fn scan(
        index: u32,
        low: &[u8],
        high: Option<&[u8]>,
        descending: bool,
        limit: u32,
        batch: &mut Vec<u8>,
    ) -> u32 {
        let mut area = Area::new();
        let (has_high, high, high_length) = flat(high);
        // SAFETY: see above.
        landing::receive(batch, || unsafe {
            D::scan(
                index,
                low.as_ptr(),
                low.len(),
                has_high,
                high,
                high_length,
                u32::from(descending),
                limit,
                area.pointer(),
            );
        });
        // SAFETY: see above.
        unsafe { area.take_list(batch) };
        area.read(0)
    }

    fn next(scan: u32, batch: &mut Vec<u8>) -> bool {
        let mut area = Area::new();
        // SAFETY: see above.
        landing::receive(batch, || unsafe { D::next(scan, area.pointer()) });
        // SAFETY: see above.
        unsafe { area.take_list(batch) };
        area.is_set()
    }

    fn close(scan: u32) {
        // SAFETY: see above.
        unsafe { D::close(scan) }
    }

    fn count() -> u64 {
        // SAFETY: see above.
        unsafe { D::count() }
    }
}

impl<D: RawWrites> WriteDoor for D {
    #[inline]
    fn insert(row: &[u8]) -> Result<u64, Violation> {
        let mut area = Area::new();
        // SAFETY: see above.
        unsafe { D::insert(row.as_ptr(), row.len(), area.pointer()) };
        if area.is_set() { Err(area.violation(8)) } else { Ok(area.read(8)) }
    }

    fn insert_many(rows: &[u8], numbers: &mut Vec<u8>) -> Result<(), (u32, Violation)> {
        let mut area = Area::new();
        // SAFETY: see above.
        landing::receive(numbers, || unsafe { D::insert_many(rows.as_ptr(), rows.len(), area.pointer()) });
        if area.is_set() {
            return Err((area.read(4), area.violation(8)));
        }
        // SAFETY: see above.
        unsafe { area.take_list(numbers) };
        Ok(())
    }

    #[inline]
    fn update(row: &[u8]) -> Result<(), Violation> {
        let mut area = Area::new();
        // SAFETY: see above.
        unsafe { D::update(row.as_ptr(), row.len(), area.pointer()) };
        if area.is_set() { Err(area.violation(4)) } else { Ok(()) }
    }

    #[inline]
    fn upsert(row: &[u8]) -> Result<u64, Violation> {
        let mut area = Area::new();
        // SAFETY: see above.
        unsafe { D::upsert(row.as_ptr(), row.len(), area.pointer()) };
        if area.is_set() { Err(area.violation(8)) } else { Ok(area.read(8)) }
    }

    #[inline]
    fn delete(key: &[u8]) -> bool {
        // SAFETY: see above.
        unsafe { D::delete(key.as_ptr(), key.len()) != 0 }
    }

    fn delete_range(index: u32, low: &[u8], high: Option<&[u8]>) -> u64 {
        let (has_high, high, high_length) = flat(high);
        // SAFETY: see above.
        unsafe { D::delete_range(index, low.as_ptr(), low.len(), has_high, high, high_length) }
    }
}

/// Makes a type the row door of a table, by the imports of an interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __row_door {
    (read $door:ident $interface:tt) => {
        #[derive(Debug)]
        pub enum $door {}

        $crate::__row_door!(@imports $door RawReads $interface {
            fn get as "get"(key: *const u8, key_length: usize, area: *mut u8);
            fn find as "find"(index: u32, key: *const u8, key_length: usize, area: *mut u8);
            fn scan as "scan"(
                index: u32, low: *const u8, low_length: usize, has_high: u32, high: *const u8,
                high_length: usize, descending: u32, limit: u32, area: *mut u8
            );
            fn next as "next"(scan: u32, area: *mut u8);
            fn close as "close"(scan: u32);
            fn count as "count"() -> u64;
        });
    };
    (write $door:ident $interface:tt) => {
        $crate::__row_door!(read $door $interface);

        $crate::__row_door!(@imports $door RawWrites $interface {
            fn insert as "insert"(row: *const u8, row_length: usize, area: *mut u8);
            fn insert_many as "insert-many"(rows: *const u8, rows_length: usize, area: *mut u8);
            fn update as "update"(row: *const u8, row_length: usize, area: *mut u8);
            fn upsert as "upsert"(row: *const u8, row_length: usize, area: *mut u8);
            fn delete as "delete"(key: *const u8, key_length: usize) -> u32;
            fn delete_range as "delete-range"(
                index: u32, low: *const u8, low_length: usize, has_high: u32, high: *const u8,
                high_length: usize
            ) -> u64;
        });
    };
    (@imports $door:ident $imports:ident $interface:tt {
        $(fn $name:ident as $import:tt($($argument:ident: $ty:ty),*) $(-> $result:ty)?;)*
    }) => {
        unsafe impl $crate::rt::$imports for $door {
            $(
                #[inline]
                unsafe fn $name($($argument: $ty),*) $(-> $result)? {
                    #[cfg(target_arch = "wasm32")]
                    {
                        #[link(wasm_import_module = $interface)]
                        unsafe extern "C" {
                            #[link_name = $import]
                            fn import($($argument: $ty),*) $(-> $result)?;
                        }
                        unsafe { import($($argument),*) }
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    {
                        $(let _ = $argument;)*
                        $crate::rt::no_host()
                    }
                }
            )*
        }
    };
}
