//! Counts of features while a text is read, for the L2 norm.
//!
//! The square of the norm, Σ (count · idf)², grows with every occurrence: one more than `c` of a feature adds
//! idf²·(2c + 1). The `idf²` part is known ahead, summed over all features that end at a place; only the part
//! 2·c·idf² needs a count, and it is what is summed here.

/// One count a feature; entry 0 stands for none and is never read for its count.
///
/// A count is what a mark stands above `base`. The base rises from text to text by more than any count can reach,
/// so what earlier texts have left is below it and needs no clearing.
#[derive(Debug)]
pub(super) struct Counters {
    marks: Vec<f64>,
    base: f64,
    /// What the present text can reach.
    next_base: f64,
}

/// Beyond this base an `f64` would soon be unable to count by ones.
const BASE_MAX: f64 = (1u64 << 52) as f64;

impl Counters {
    /// Counters for features 1 to `features`, all 0.
    pub(super) fn new(features: usize) -> Self {
        Self { marks: vec![0.0; features + 1], base: 0.0, next_base: 0.0 }
    }

    /// Sets all counts to 0, for a text in which no feature occurs more than `most` times.
    pub(super) fn start(&mut self, most: usize) {
        if self.next_base > BASE_MAX {
            self.marks.fill(0.0);
            self.next_base = 0.0;
        }
        self.base = self.next_base;
        self.next_base += most as f64 + 1.0;
    }

    /// Counts one occurrence of `feature`; returns `square`, its idf², times how often it had occurred before.
    #[inline(always)]
    pub(super) fn add(&mut self, feature: u32, square: f64) -> f64 {
        let counter = &mut self.marks[feature as usize];
        // Not `f64::max`, which minds NaN: this is one instruction.
        let reached = if *counter > self.base { *counter } else { self.base };
        *counter = reached + 1.0;
        (reached - self.base) * square
    }

    /// Counts `times` occurrences of each of `features`, whose squares stand at the same place; adds to `sums` each
    /// square, times how often its feature had occurred before, times `times`. The sums are four, so that none waits
    /// for the one before.
    #[inline(always)]
    pub(super) fn add_all(
        &mut self,
        features: &[[u32; 4]],
        squares: &[[f64; 4]],
        times: f64,
        sums: &mut [f64; 4],
    ) {
        let base = self.base;
        let counters = self.marks.as_mut_slice();
        let mut add = |feature: u32, square: f64| {
            let counter = &mut counters[feature as usize];
            let reached = if *counter > base { *counter } else { base };
            *counter = reached + times;
            (reached - base) * square
        };
        let [mut a, mut b, mut c, mut d] = [0.0; 4]; // in registers: the counters could lie anywhere
        for (features, squares) in features.iter().zip(squares) {
            a += add(features[0], squares[0]);
            b += add(features[1], squares[1]);
            c += add(features[2], squares[2]);
            d += add(features[3], squares[3]);
        }
        for (sum, crossed) in sums.iter_mut().zip([a, b, c, d]) {
            *sum += times * crossed;
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "small counts are exact")]
mod tests {
    use super::*;

    #[test]
    fn counts_start_anew_with_each_text() {
        let mut counters = Counters::new(2);
        for _ in 0..3 {
            counters.start(4);
            let crossed: f64 = [1, 2, 1, 1].into_iter().map(|feature| counters.add(feature, 0.5)).sum();
            assert_eq!(crossed, 0.5 * (1.0 + 2.0), "feature 1 had occurred once, then twice before");
        }
        counters.start(10);
        let mut sums = [0.0; 4];
        for times in [3.0, 1.0, 2.0] {
            counters.add_all(&[[1, 2, 1, 0]], &[[0.5, 1.0, 0.5, 0.0]], times, &mut sums);
        }
        // Feature 1 occurs twice in each of 6, feature 2 once: Σ idf²·(count² − Σ of the steps' squares) / 2.
        let expected = 0.5 * (144.0 - 2.0 * 14.0) / 2.0 + (36.0 - 14.0) / 2.0;
        assert_eq!(sums.iter().sum::<f64>(), expected);
        counters.next_base = BASE_MAX * 2.0;
        counters.start(4);
        assert_eq!(counters.add(1, 1.0) + counters.add(1, 1.0), 1.0);
    }
}
