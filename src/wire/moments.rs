//! What a request has to know about time, from as few looks at the clock as possible.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the calendar is reckoned from one look at it. A stepped clock shows in answers this much later.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The calendar, reckoned from the monotonic clock: one look a second instead of one a request.
#[derive(Debug)]
pub(super) struct Calendar {
    /// The same moment on the monotonic clock and on the calendar, in microseconds since 1970-01-01 UTC.
    anchor: Cell<(Instant, u64)>,
}

impl Calendar {
    pub(super) fn new() -> Self {
        Self { anchor: Cell::new((Instant::now(), unix_micros())) }
    }

    /// Microseconds since 1970-01-01 UTC at `moment`, which is not long ago.
    pub(super) fn micros(&self, moment: Instant) -> u64 {
        let (instant, micros) = self.anchor.get();
        let since = moment.saturating_duration_since(instant);
        if since < LOOK_AGAIN {
            return micros + u64::from(since.subsec_micros());
        }
        let micros = unix_micros();
        self.anchor.set((moment, micros));
        micros
    }
}

/// 0 for a clock before 1970.
fn unix_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_goes_on_between_looks_and_is_looked_at_again() {
        let calendar = Calendar::new();
        let (instant, micros) = calendar.anchor.get();
        assert_eq!(calendar.micros(instant + Duration::from_micros(999_999)), micros + 999_999);
        assert_eq!(calendar.anchor.get().0, instant);
        assert_eq!(calendar.micros(instant), micros, "a moment before the last look");
        let later = calendar.micros(instant + LOOK_AGAIN);
        assert_eq!(calendar.anchor.get(), (instant + LOOK_AGAIN, later));
    }
}
