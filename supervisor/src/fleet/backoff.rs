//! How long a slot waits before its next worker: at once the first time, then doubling.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A worker that has served this long has shown that it can: its slot starts afresh.
pub(crate) const HEALTHY: Duration = Duration::from_mins(1);

/// Delay before the second respawn; each further one doubles it.
const FIRST: Duration = Duration::from_millis(100);

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(30);

/// Deaths from which on a slot counts as failing: one may be an accident, three in a row are not.
const FAILING: u32 = 3;

/// One slot's memory of its workers' unwanted deaths.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Backoff {
    deaths: u32,
}

impl Backoff {
    /// Notes an unwanted death, and returns how long to wait before the next try. `served` is how long the
    /// dead worker had been ready.
    pub(crate) fn died(&mut self, served: Duration, jitter: &mut Jitter) -> Duration {
        if served >= HEALTHY {
            self.deaths = 0;
        }
        self.deaths = self.deaths.saturating_add(1);
        jitter.shorten(delay(self.deaths))
    }

    /// Notes that the slot's worker has been healthy for [`HEALTHY`].
    pub(crate) fn recovered(&mut self) {
        self.deaths = 0;
    }

    /// Unwanted deaths since the slot was last healthy.
    pub(crate) fn deaths(&self) -> u32 {
        self.deaths
    }

    /// Whether this slot's workers keep dying.
    pub(crate) fn is_failing(&self) -> bool {
        self.deaths >= FAILING
    }
}

/// The full delay after the `deaths`-th death in a row.
fn delay(deaths: u32) -> Duration {
    match deaths {
        0 | 1 => Duration::ZERO,
        more => FIRST.saturating_mul(1_u32.checked_shl(more - 2).unwrap_or(u32::MAX)).min(LONGEST),
    }
}

/// Random numbers from a seed that is handed in, so that the core stays a function of its inputs
/// (Vigna's `SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// Starts the sequence that belongs to `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `most`.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        let range = u128::from(most) + 1;
        // The high half of the product is below `range`, so within `most`.
        ((u128::from(self.next()) * range) >> 64) as u64
    }

    /// Takes up to a quarter off `full`, so that slots that died together do not come back together.
    pub(super) fn shorten(&mut self, full: Duration) -> Duration {
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        full.mul_f64(1.0 - 0.25 * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_respawn_is_at_once_then_delays_double_to_the_longest() {
        let mut last = Duration::ZERO;
        for deaths in 1..100 {
            let now = delay(deaths);
            assert!(now >= last && now <= LONGEST);
            last = now;
        }
        let wanted = [0, 0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];
        for (deaths, millis) in (0..).zip(wanted) {
            assert_eq!(delay(deaths), Duration::from_millis(millis));
        }
    }

    #[test]
    fn jitter_takes_at_most_a_quarter() {
        let mut jitter = Jitter::new(7);
        let drawn: Vec<_> = (0..1_000).map(|_| jitter.shorten(LONGEST)).collect();
        assert!(drawn.iter().all(|d| *d <= LONGEST && *d >= LONGEST.mul_f64(0.75)));
        assert!(drawn.iter().any(|d| *d < LONGEST.mul_f64(0.8)));
        assert!(drawn.iter().any(|d| *d > LONGEST.mul_f64(0.95)));
        let numbers: std::collections::BTreeSet<_> = (0..1_000).map(|_| jitter.up_to(9)).collect();
        assert_eq!(numbers, (0..=9).collect());
    }

    #[test]
    fn a_healthy_minute_starts_afresh() {
        let (mut backoff, mut jitter) = (Backoff::default(), Jitter::new(1));
        for _ in 0..5 {
            backoff.died(Duration::ZERO, &mut jitter);
        }
        assert!(backoff.is_failing());
        assert_eq!(backoff.died(HEALTHY, &mut jitter), Duration::ZERO);
        assert!(!backoff.is_failing());
    }
}
