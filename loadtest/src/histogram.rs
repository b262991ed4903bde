//! Latencies: an HDR histogram in nanoseconds, and what a report keeps of it.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest latency that is told apart from longer ones, in nanoseconds: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// The percentiles of a curve: dense where tails show.
pub(crate) const CURVE: &[f64] = &[
    0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 92.5, 95.0, 97.0, 98.0, 99.0,
    99.3, 99.5, 99.7, 99.8, 99.9, 99.93, 99.95, 99.97, 99.98, 99.99, 99.999, 100.0,
];

/// Latencies as they are recorded.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        // 1 µs to an hour with three digits; the constants are within what the crate allows.
        Self(Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are constants that fit"))
    }
}

impl Latencies {
    /// Counts one.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(LONGEST_NS));
    }

    /// How many were counted.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// What a report keeps; `None` if nothing was counted.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let micros = |ns: u64| ns as f64 / 1e3;
        let quantile = |percent: f64| micros(self.0.value_at_quantile(percent / 100.0));
        (!self.0.is_empty()).then(|| Summary {
            count: self.len(),
            mean_us: self.0.mean() / 1e3,
            p50_us: quantile(50.0),
            p90_us: quantile(90.0),
            p99_us: quantile(99.0),
            p999_us: quantile(99.9),
            max_us: micros(self.0.max()),
            curve: CURVE.iter().map(|&percent| (percent, quantile(percent))).collect(),
        })
    }
}

/// Percentiles of some latencies, in microseconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// How many latencies.
    pub(crate) count: u64,
    /// Their mean.
    pub(crate) mean_us: f64,
    /// The median.
    pub(crate) p50_us: f64,
    /// 90 % are not above this.
    pub(crate) p90_us: f64,
    /// 99 % are not above this.
    pub(crate) p99_us: f64,
    /// 99.9 % are not above this.
    pub(crate) p999_us: f64,
    /// The longest.
    pub(crate) max_us: f64,
    /// (percentile, microseconds) at [`CURVE`].
    pub(crate) curve: Vec<(f64, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.summary(), None);
        for micros in 1..=1_000 {
            latencies.record(Duration::from_micros(micros));
        }
        let summary = latencies.summary().unwrap();
        assert_eq!(summary.count, 1_000);
        for (found, expected) in [
            (summary.p50_us, 500.0),
            (summary.p90_us, 900.0),
            (summary.p99_us, 990.0),
            (summary.p999_us, 999.0),
            (summary.max_us, 1_000.0),
            (summary.mean_us, 500.5),
        ] {
            assert!((found - expected).abs() / expected < 0.002, "{found} for {expected}");
        }
        assert!(summary.curve.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn a_latency_beyond_the_bounds_counts_as_the_longest() {
        let mut latencies = Latencies::default();
        latencies.record(Duration::from_hours(24));
        latencies.record(Duration::ZERO);
        assert_eq!(latencies.len(), 2);
    }
}
