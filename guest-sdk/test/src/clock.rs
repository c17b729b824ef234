//! A clock that stands still until the test moves it, so that what depends on time can be tested
//! without waiting.

use interstice_log::doors::Clock;
use parking_lot::Mutex;
use std::time::Duration;

/// The clock of a test.
#[derive(Debug)]
pub(crate) struct TestClock {
    now_micros: Mutex<u64>,
}

/// Where every test begins: 2026-01-01 00:00:00 UTC, in microseconds since the Unix epoch.
const BEGINNING_MICROS: u64 = 1_767_225_600_000_000;

impl Default for TestClock {
    fn default() -> Self {
        TestClock { now_micros: Mutex::new(BEGINNING_MICROS) }
    }
}

impl TestClock {
    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        *self.now_micros.lock() += u64::try_from(by.as_micros()).unwrap_or(u64::MAX / 2);
    }
}

impl Clock for TestClock {
    fn now_micros(&self) -> u64 {
        *self.now_micros.lock()
    }

    fn monotonic_micros(&self) -> u64 {
        // Waiting for the disk happens in real time, whatever the test's clock says.
        interstice_log::os::OsClock.monotonic_micros()
    }
}
