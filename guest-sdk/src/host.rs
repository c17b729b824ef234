//! The imports of `interstice:host/context`, by hand.
//! A module's own bindings declare the same imports in its component type; here they are called once
//! for all modules. Outside of WebAssembly there is no host, and calling one panics.
//! Invariant: the signatures are those that the canonical ABI gives to `wit/host/host.wit`.
#![allow(unsafe_code)]

#[cfg(target_arch = "wasm32")]
pub(crate) use imports::panicked;
pub(crate) use imports::{caller, log, random, timestamp};

/// The end of a call to the host where there is none.
pub fn no_host() -> ! {
    panic!(
        "there is no host here: build the module for wasm32-unknown-unknown, and test it with interstice-test"
    )
}

#[cfg(target_arch = "wasm32")]
mod imports {
    use crate::{Caller, Level};
    use std::mem::MaybeUninit;

    // SAFETY: flat parameters as in the canonical ABI; `caller` returns more than one flat value and
    // so writes to the area that it is given.
    #[link(wasm_import_module = "interstice:host/context@0.1.0")]
    unsafe extern "C" {
        #[link_name = "caller"]
        fn import_caller(area: *mut CallerArea);
        #[link_name = "timestamp"]
        safe fn import_timestamp() -> u64;
        #[link_name = "random"]
        safe fn import_random() -> u64;
        #[link_name = "log"]
        fn import_log(level: i32, message: *const u8, message_length: usize);
        #[link_name = "panicked"]
        fn import_panicked(
            message: *const u8,
            message_length: usize,
            file: *const u8,
            file_length: usize,
            line: u32,
            column: u32,
        );
    }

    /// `variant { client(string), module(string), system }` in memory.
    #[repr(C)]
    struct CallerArea {
        case: u8,
        name: *mut u8,
        name_length: usize,
    }

    pub(crate) fn caller() -> Caller {
        let mut area = MaybeUninit::<CallerArea>::zeroed();
        // SAFETY: the area has the size and alignment of the variant, and all its bit patterns are
        // values of `CallerArea`.
        let area = unsafe {
            import_caller(area.as_mut_ptr());
            area.assume_init()
        };
        // SAFETY: for the first two cases the host has allocated the string with `cabi_realloc`, which
        // is this crate's allocator with alignment 1 and exactly this size, and checked that it is UTF-8.
        let name = || unsafe { String::from_raw_parts(area.name, area.name_length, area.name_length) };
        match area.case {
            0 => Caller::Client(name()),
            1 => Caller::Module(name()),
            _ => Caller::System,
        }
    }

    pub(crate) fn timestamp() -> u64 {
        import_timestamp()
    }

    pub(crate) fn random() -> u64 {
        import_random()
    }

    pub(crate) fn log(level: Level, message: &str) {
        // SAFETY: the host reads the message during the call only.
        unsafe { import_log(level as i32, message.as_ptr(), message.len()) }
    }

    pub(crate) fn panicked(message: &str, file: &str, line: u32, column: u32) {
        // SAFETY: the host reads the texts during the call only.
        unsafe { import_panicked(message.as_ptr(), message.len(), file.as_ptr(), file.len(), line, column) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imports {
    use super::no_host;
    use crate::{Caller, Level};

    pub(crate) fn caller() -> Caller {
        no_host()
    }

    pub(crate) fn timestamp() -> u64 {
        no_host()
    }

    pub(crate) fn random() -> u64 {
        no_host()
    }

    pub(crate) fn log(_: Level, _: &str) {
        no_host()
    }
}
