//! How rows of weights are summed.

use super::super::rows::{self, Rows};

/// Where rows are summed: in registers for the widths that are most common, in memory for all others.
pub(super) trait Sums {
    /// Sums that begin at 0 and end up in `kept`, which holds zeros.
    fn take(kept: &mut Vec<f64>) -> Self;
    /// Puts the sums into `kept`.
    fn give(self, kept: &mut Vec<f64>);
    /// Adds a row a few times.
    fn add_times(&mut self, row: &[f64], times: f64);
    /// Adds row `number` of `rows`.
    fn add(&mut self, rows: Rows<'_>, number: u32);
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
    fn add(&mut self, rows: Rows<'_>, number: u32) {
        self.0 += rows.padded()[number as usize];
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
        self.add_four(times * a, times * b, times * c, times * d);
    }

    #[inline(always)]
    fn add(&mut self, rows: Rows<'_>, number: u32) {
        let [a, b, c, d] = rows.padded().as_chunks::<4>().0[number as usize];
        self.add_four(a, b, c, d);
    }
}

impl Four {
    #[inline(always)]
    fn add_four(&mut self, a: f64, b: f64, c: f64, d: f64) {
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
        add_times(self, row, times);
    }

    #[inline(always)]
    fn add(&mut self, rows: Rows<'_>, number: u32) {
        let lanes = self.len();
        rows::add(self, &rows.padded()[number as usize * lanes..][..lanes]);
    }
}

/// Any number of sums of rows that are stored without their zeros.
pub(super) struct Sparse(Vec<f64>);

impl Sums for Sparse {
    fn take(kept: &mut Vec<f64>) -> Self {
        Self(std::mem::take(kept))
    }

    fn give(self, kept: &mut Vec<f64>) {
        *kept = self.0;
    }

    #[inline(always)]
    fn add_times(&mut self, row: &[f64], times: f64) {
        add_times(&mut self.0, row, times);
    }

    #[inline(always)]
    fn add(&mut self, rows: Rows<'_>, number: u32) {
        rows.add_entries(number, &mut self.0);
    }
}

/// Adds `row` to `sums` a few times, lane by lane.
#[inline(always)]
fn add_times(sums: &mut [f64], row: &[f64], times: f64) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum += times * weight;
    }
}
