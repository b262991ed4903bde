//! Rows of weights: how they are made, and how they are summed.

use super::Coefficients;
use super::automaton::NO_FEATURE;

/// Terms that are filled at a time: what one cache line of a row of coefficients holds.
const TERMS_AT_ONCE: usize = 8;

/// Writes the row of each feature, its inverse document frequency folded in, padded with zeros to `lanes`.
///
/// `features` gives, in ascending order of terms, the column and the number of each; `idf` goes by number.
pub(super) fn fill(
    rows: &mut [f64],
    lanes: usize,
    coefficients: Coefficients<'_>,
    (columns, numbers): (&[u32], &[u32]),
    idf: &[f64],
) {
    for (columns, numbers) in columns.chunks(TERMS_AT_ONCE).zip(numbers.chunks(TERMS_AT_ONCE)) {
        for (lane, values) in coefficients.values.chunks_exact(coefficients.columns).enumerate() {
            for (&column, &number) in columns.iter().zip(numbers) {
                let value = values[coefficients.first_column + column as usize];
                rows[number as usize * lanes + lane] = idf[number as usize] * value;
            }
        }
    }
}

/// Adds to each row that of its parent, so that a row stands for a feature and all its suffixes. A parent's number is
/// lower than its child's.
pub(super) fn add_parents(rows: &mut [f64], lanes: usize, parents: &[u32]) {
    for (feature, &parent) in parents.iter().enumerate() {
        if parent != NO_FEATURE {
            let (before, from) = rows.split_at_mut(feature * lanes);
            add_row(&mut from[..lanes], &before[parent as usize * lanes..][..lanes]);
        }
    }
}

/// Adds `row` to `sums`, which is as long, lane by lane.
#[inline(always)]
pub(super) fn add_row(sums: &mut [f64], row: &[f64]) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum += weight;
    }
}

/// Where rows are summed: in registers for the widths that are most common, in memory for all others.
pub(super) trait Sums {
    /// Sums that begin at 0 and end up in `kept`, which holds zeros.
    fn take(kept: &mut Vec<f64>) -> Self;
    /// Puts the sums into `kept`.
    fn give(self, kept: &mut Vec<f64>);
    /// Adds a row a few times.
    fn add_times(&mut self, row: &[f64], times: f64);
    /// Adds row `number` of `rows`.
    fn add(&mut self, rows: &[f64], number: u32);
}

/// The one sum of a binary model.
pub(super) struct One(f64);

impl Sums for One {
    #[inline(always)]
    fn take(_kept: &mut Vec<f64>) -> Self {
        Self(0.0)
    }

    #[inline(always)]
    fn give(self, kept: &mut Vec<f64>) {
        kept.copy_from_slice(&[self.0]);
    }

    #[inline(always)]
    fn add_times(&mut self, row: &[f64], times: f64) {
        self.0 += times * row[0];
    }

    #[inline(always)]
    fn add(&mut self, rows: &[f64], number: u32) {
        self.0 += rows[number as usize];
    }
}

/// Four sums. They are written out one by one: an array that a loop goes through would be kept in memory.
pub(super) struct Four(f64, f64, f64, f64);

impl Sums for Four {
    #[inline(always)]
    fn take(_kept: &mut Vec<f64>) -> Self {
        Self(0.0, 0.0, 0.0, 0.0)
    }

    #[inline(always)]
    fn give(self, kept: &mut Vec<f64>) {
        kept.copy_from_slice(&[self.0, self.1, self.2, self.3]);
    }

    #[inline(always)]
    fn add_times(&mut self, row: &[f64], times: f64) {
        let [a, b, c, d] = row.as_chunks::<4>().0[0];
        self.0 += times * a;
        self.1 += times * b;
        self.2 += times * c;
        self.3 += times * d;
    }

    #[inline(always)]
    fn add(&mut self, rows: &[f64], number: u32) {
        let [a, b, c, d] = rows.as_chunks::<4>().0[number as usize];
        self.0 += a;
        self.1 += b;
        self.2 += c;
        self.3 += d;
    }
}

impl Sums for Vec<f64> {
    fn take(kept: &mut Vec<f64>) -> Self {
        std::mem::take(kept)
    }

    fn give(self, kept: &mut Vec<f64>) {
        *kept = self;
    }

    #[inline(always)]
    fn add_times(&mut self, row: &[f64], times: f64) {
        for (sum, weight) in self.iter_mut().zip(row) {
            *sum += times * weight;
        }
    }

    #[inline(always)]
    fn add(&mut self, rows: &[f64], number: u32) {
        let lanes = self.len();
        add_row(self, &rows[number as usize * lanes..][..lanes]);
    }
}
