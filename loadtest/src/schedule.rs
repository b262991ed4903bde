//! When requests are due: fixed before the run, whatever the server does.

use std::time::Duration;

use crate::texts::Random;

/// How requests arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Arrivals {
    /// Whenever a connection is free: a closed loop, which finds saturation.
    Saturate,
    /// At this rate, with exponential gaps (a Poisson process): independent users.
    PerSecond(f64),
}

/// The times of a Poisson process since the start, each given `burst` times over; endless.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    random: Random,
    mean_gap: f64,
    at: f64,
    burst: usize,
    left: usize,
}

impl Schedule {
    /// `per_second` arrivals a second on average, in groups of `burst` that come together.
    pub(crate) fn new(per_second: f64, burst: usize, seed: u64) -> Self {
        Self { random: Random::new(seed), mean_gap: burst as f64 / per_second, at: 0.0, burst, left: 0 }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.left == 0 {
            self.at -= self.mean_gap * (1.0 - self.random.fraction()).ln();
            self.left = self.burst;
        }
        self.left -= 1;
        Some(Duration::from_secs_f64(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_keep_the_rate_and_never_go_back() {
        for burst in [1, 16] {
            let times: Vec<_> = Schedule::new(1_000.0, burst, 3).take(160_000).collect();
            let seconds = times.last().unwrap().as_secs_f64();
            assert!((seconds - 160.0).abs() < 4.0, "{seconds}");
            assert!(times.is_sorted());
            assert_eq!(times[0], times[burst - 1]);
        }
    }

    #[test]
    fn gaps_are_exponential() {
        let times: Vec<_> = Schedule::new(1.0, 1, 5).take(100_000).collect();
        let gaps: Vec<_> =
            times.windows(2).map(|pair| pair[1].as_secs_f64() - pair[0].as_secs_f64()).collect();
        let longer = gaps.iter().filter(|&&gap| gap > 1.0).count() as f64 / gaps.len() as f64;
        assert!((longer - (-1.0_f64).exp()).abs() < 0.01, "{longer}");
    }
}
