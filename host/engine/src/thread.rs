//! Threads whose stacks are made for guests.
//! A guest that overflows its thread's stack would abort the process, so the engine must know how
//! much stack there is; it never asks the operating system.
//! Invariant: no guest runs unless the stack that is left holds one whole level.

use std::cell::Cell;
use std::hint::black_box;

thread_local! {
    /// The lowest address of this thread's stack that guests may use. A thread that nobody marked
    /// has none, which the highest address stands for.
    static FLOOR: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Runs `body` on a thread whose stack was made for guests: `stack_bytes` of it are theirs, counted
/// from here.
///
/// [`EngineOptions::stack_bytes`](crate::EngineOptions::stack_bytes) says how many a depth needs.
/// The number is trusted: it must be true of the thread that calls this.
pub fn guest_thread<R>(stack_bytes: usize, body: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            FLOOR.set(self.0);
        }
    }
    let floor = stack_pointer().saturating_sub(stack_bytes);
    let _restore = Restore(FLOOR.replace(floor));
    body()
}

/// Whether guests may run on this thread.
#[inline]
pub fn is_guest_thread() -> bool {
    FLOOR.get() != usize::MAX
}

/// The stack that guests may still use on this thread, or `None` if it was not made for them.
#[inline]
pub(crate) fn stack_left() -> Option<usize> {
    stack_pointer().checked_sub(FLOOR.get())
}

/// An address in the frame of the caller. Stacks grow downwards wherever wasmtime runs.
#[inline]
fn stack_pointer() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(black_box(&here)).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unmarked_thread_has_no_stack_for_guests() {
        assert_eq!(stack_left(), None);
    }

    #[test]
    fn what_is_left_shrinks_with_each_frame_and_is_forgotten_afterwards() {
        #[inline(never)]
        fn deeper() -> usize {
            let room = black_box([1_u8; 4096]);
            stack_left().unwrap_or_default() + usize::from(room[0]) - 1
        }
        guest_thread(1 << 20, || {
            let outer = stack_left().expect("the thread is marked");
            assert!(outer <= 1 << 20);
            assert!(deeper() + 4096 <= outer);
        });
        assert_eq!(stack_left(), None);
    }
}
