//! A histogram of atomic counts with hdrhistogram's index arithmetic.
//!
//! The crate `hdrhistogram` cannot live in shared memory (it owns a `Vec`), so only its bucket layout is
//! repeated here; [`Histogram::snapshot`] hands the counts back to the crate, which computes quantiles.

use std::sync::atomic::{AtomicU64, Ordering};

/// Largest value that is told apart: a minute in microseconds. Larger ones count as this one.
pub const HIGHEST: u64 = 60_000_000;

/// Decimal digits that are kept of a value.
const SIGNIFICANT_DIGITS: u8 = 2;

/// Linear steps in one bucket: the power of two at or above 2 · 10^digits.
const SUB_BUCKETS: u64 = 256;
const SUB_BUCKETS_HALF: u64 = SUB_BUCKETS / 2;
const SUB_BUCKET_BITS: u32 = SUB_BUCKETS.trailing_zeros();

/// Buckets that double in width until [`HIGHEST`] fits.
const BUCKETS: usize = {
    let mut buckets = 1;
    let mut beyond = SUB_BUCKETS;
    while beyond <= HIGHEST {
        beyond *= 2;
        buckets += 1;
    }
    buckets
};

const COUNTS: usize = (BUCKETS + 1) * SUB_BUCKETS_HALF as usize;

/// Counts of values from 0 to [`HIGHEST`], two significant digits each.
#[repr(C)]
pub struct Histogram {
    counts: [AtomicU64; COUNTS],
    sum: AtomicU64,
}

impl Default for Histogram {
    #[expect(
        clippy::large_stack_arrays,
        reason = "only tests and commands without workers build one; else it is mapped"
    )]
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; COUNTS], sum: AtomicU64::new(0) }
    }
}

/// The crate's histogram, which knows quantiles.
pub type Snapshot = hdrhistogram::Histogram<u64>;

/// Where `value` is counted.
fn index_of(value: u64) -> usize {
    let value = value.min(HIGHEST);
    let bucket = (u64::BITS - (value | (SUB_BUCKETS - 1)).leading_zeros()) - SUB_BUCKET_BITS;
    let step = value >> bucket;
    ((u64::from(bucket) * SUB_BUCKETS_HALF) + step) as usize
}

/// The least value that is counted at `index`.
fn value_at(index: usize) -> u64 {
    let index = index as u64;
    if index < SUB_BUCKETS {
        return index;
    }
    let bucket = index / SUB_BUCKETS_HALF - 1;
    (index % SUB_BUCKETS_HALF + SUB_BUCKETS_HALF) << bucket
}

impl Histogram {
    /// Counts `value`. Only the seat's worker may call this on a seat's histogram.
    pub fn record(&self, value: u64) {
        super::add(&self.counts[index_of(value)], 1);
        super::add(&self.sum, value.min(HIGHEST));
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// Sum of all recorded values.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// Calls `each` with every non-zero count and the least value that it stands for, in rising order.
    pub fn for_each(&self, mut each: impl FnMut(u64, u64)) {
        for (index, count) in self.counts.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                each(value_at(index), count);
            }
        }
    }

    /// The same counts as the crate's histogram, which knows quantiles.
    ///
    /// # Panics
    /// Never: the bounds are constants that the crate accepts.
    pub fn snapshot(&self) -> Snapshot {
        let mut copy = hdrhistogram::Histogram::new_with_bounds(1, HIGHEST, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that the crate accepts");
        self.for_each(|value, count| copy.saturating_record_n(value, count));
        copy
    }

    /// Moves all of `other`'s counts into `self`.
    pub(super) fn absorb(&self, other: &Self) {
        for (to, from) in self.counts.iter().zip(&other.counts) {
            // Most counts are zero; reading them dirties no page.
            if from.load(Ordering::Relaxed) != 0 {
                to.fetch_add(from.swap(0, Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        self.sum.fetch_add(other.sum.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_the_crate_does() {
        let ours = Histogram::default();
        let mut crates =
            hdrhistogram::Histogram::<u64>::new_with_bounds(1, HIGHEST, SIGNIFICANT_DIGITS).unwrap();
        let mut value = 0;
        while value <= HIGHEST {
            ours.record(value);
            crates.record(value).unwrap();
            value += 1 + value / 70;
        }
        let snapshot = ours.snapshot();
        assert_eq!(snapshot.len(), crates.len());
        for quantile in [0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0] {
            assert_eq!(snapshot.value_at_quantile(quantile), crates.value_at_quantile(quantile));
        }
        assert_eq!(ours.count(), crates.len());
    }

    #[test]
    fn each_value_falls_into_the_step_that_it_opens() {
        for index in 0..=index_of(HIGHEST) {
            assert_eq!(index_of(value_at(index)), index);
        }
        assert_eq!(index_of(u64::MAX), index_of(HIGHEST));
        assert!(index_of(HIGHEST) < COUNTS);
    }
}
