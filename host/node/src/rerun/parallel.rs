//! Parts of a work beside each other, as many as there are processors.
//! Invariant: outcomes stand in the order of the parts, whichever is done first.

use interstice_log::Progress;
use parking_lot::Mutex;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does the work of each part. What they tell of their progress is added up.
pub(super) fn run<P: Sync, T: Send>(
    parts: &[P],
    on_progress: &mut (dyn FnMut(Progress) + Send),
    work: impl Fn(&P, &mut (dyn FnMut(Progress) + Send)) -> T + Sync,
) -> Vec<T> {
    if let [part] = parts {
        return vec![work(part, on_progress)];
    }
    let nothing = Progress { bytes_done: 0, bytes_total: 0 };
    let told = Mutex::new((vec![nothing; parts.len()], on_progress));
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Option<T>>> = parts.iter().map(|_| Mutex::new(None)).collect();
    let worker = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(place) else { return };
            let outcome = work(part, &mut |progress| {
                let mut told = told.lock();
                let (of_parts, on_progress) = &mut *told;
                of_parts[place] = progress;
                let sum = |number: fn(&Progress) -> u64| of_parts.iter().map(number).sum();
                let bytes_done = sum(|progress| progress.bytes_done);
                on_progress(Progress { bytes_done, bytes_total: sum(|progress| progress.bytes_total) });
            });
            *outcomes[place].lock() = Some(outcome);
        }
    };
    let most = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 1..most.min(parts.len()) {
            scope.spawn(worker);
        }
        worker();
    });
    outcomes.into_iter().map(|outcome| outcome.into_inner().expect("every part was worked on")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_stand_in_the_order_of_the_parts() {
        let parts: Vec<u64> = (0..50).collect();
        let mut last = Progress { bytes_done: 0, bytes_total: 0 };
        let mut on_progress = |progress: Progress| {
            assert!(progress.bytes_done >= last.bytes_done);
            last = progress;
        };
        let outcomes = run(&parts, &mut on_progress, |part, on_progress| {
            on_progress(Progress { bytes_done: 1, bytes_total: 1 });
            part * 2
        });
        assert_eq!(outcomes, parts.iter().map(|part| part * 2).collect::<Vec<_>>());
        assert_eq!((last.bytes_done, last.bytes_total), (50, 50));
    }
}
