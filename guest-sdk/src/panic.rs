//! Panics, told to the host before the guest traps.
//! Outside of WebAssembly the hook of the process is left alone.
//! Invariant: installing twice does nothing.

/// Installs the hook in this instance, the first time that it is asked.
#[cfg(target_arch = "wasm32")]
#[inline]
pub(crate) fn report_to_host() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if !INSTALLED.load(Ordering::Relaxed) {
        INSTALLED.store(true, Ordering::Relaxed);
        install();
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[inline]
pub(crate) fn report_to_host() {}

#[cfg(target_arch = "wasm32")]
#[cold]
fn install() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a panic without a text");
        let (file, line, column) = match panic.location() {
            Some(place) => (place.file(), place.line(), place.column()),
            None => ("", 0, 0),
        };
        crate::host::panicked(message, file, line, column);
    }));
}
