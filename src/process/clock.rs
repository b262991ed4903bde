//! Time that no clock step can bend: `CLOCK_MONOTONIC`, the same zero in supervisor and workers.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Time since boot of the machine (suspension left out). Comparable between processes.
pub fn monotonic() -> Duration {
    // The call cannot fail for this clock on Linux; zero would only delay, never hasten, a decision.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

/// [`monotonic`] in whole microseconds, as the scoreboard stores it.
pub fn monotonic_micros() -> u64 {
    u64::try_from(monotonic().as_micros()).unwrap_or(u64::MAX)
}
