//! What a text adds up to while it is read.
//!
//! Where the term frequency is the count itself, rows and totals are [`Summed`] as they come. Where it is not, or where
//! the vector is rescaled further, the features are [`Counted`] first and weighed at the end.

use super::super::image::{Image, Section};
use super::super::rows::Rows;
use super::super::weighing::Counts;
use super::automaton::NO_FEATURE;
use super::counters::Counters;
use super::rows::Sums;
use super::word_cache::Contribution;
use super::{Defect, Norm};
use crate::text::work;

/// Takes what is found in a text.
pub(super) trait Tally {
    /// All features that end at a place, of which `longest` is the longest; it may be [`NO_FEATURE`].
    fn place(&mut self, longest: u32);
    /// A word that is known from before, and how often it occurs.
    fn word(&mut self, known: Contribution<'_>, times: u32);
}

/// What is known of the features ahead, where the term frequency is the count itself: a view into an image. Features are
/// numbered from 1; entry 0 of every list stands for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead<'i> {
    pub(super) norm: Option<Norm>,
    pub(super) lanes: usize,
    /// The longest feature that is a proper suffix of each.
    pub(super) parents: &'i [u32],
    /// idf² of each.
    pub(super) squares: &'i [f64],
    /// Σ idf² (L2) or Σ |idf| (L1) over each and all its suffixes.
    pub(super) totals: &'i [f64],
    /// The sum of the rows of each and all its suffixes.
    pub(super) rows: Rows<'i>,
}

impl<'i> Ahead<'i> {
    /// Opens the sections of vectorizer `at`; checks that they hold something for each of `parents`.
    pub(super) fn from_image(
        image: Image<'i>,
        at: usize,
        parents: &'i [u32],
        (norm, lanes): (Option<Norm>, usize),
    ) -> Result<Self, Defect> {
        let squares: &[f64] = image.section(Section::Squares, at)?;
        let totals: &[f64] = image.section(Section::Totals, at)?;
        let entries = parents.len();
        if squares.len() != entries || totals.len() != entries {
            return Err(Defect::Image("its features do not fit together"));
        }
        let rows = Rows::from_image(image, at, entries, lanes)?;
        Ok(Self { norm, lanes, parents, squares, totals, rows })
    }

    /// Whether features must be counted: for the L2 norm only.
    pub(super) fn is_counted(&self) -> bool {
        self.norm == Some(Norm::L2)
    }
}

/// The sums of a text so far. `COUNTED` is [`Ahead::is_counted`].
pub(super) struct Summed<'s, S, const COUNTED: bool> {
    ahead: Ahead<'s>,
    counters: &'s mut Counters,
    sums: S,
    /// Σ of the totals.
    total: f64,
    /// Σ count · idf² over what the counters have said, in four sums that do not wait for each other.
    crossed: [f64; 4],
}

impl<'s, S: Sums, const COUNTED: bool> Summed<'s, S, COUNTED> {
    /// Nothing yet, of a text in which no feature occurs more than `most` times. `sums` holds zeros.
    #[inline(always)]
    pub(super) fn new(
        ahead: Ahead<'s>,
        counters: &'s mut Counters,
        most: usize,
        sums: &mut Vec<f64>,
    ) -> Self {
        counters.start(most);
        Self { ahead, counters, sums: S::take(sums), total: 0.0, crossed: [0.0; 4] }
    }

    /// Puts the sums of the rows into `sums`; returns the norm to divide them by.
    #[inline(always)]
    pub(super) fn finish(self, sums: &mut Vec<f64>) -> f64 {
        self.sums.give(sums);
        let norm = match self.ahead.norm {
            None => 1.0,
            Some(Norm::L1) => self.total,
            Some(Norm::L2) => (self.total + 2.0 * self.crossed.iter().sum::<f64>()).sqrt(),
        };
        if norm == 0.0 { 1.0 } else { norm } // scikit-learn leaves a zero vector as it is
    }
}

impl<S: Sums, const COUNTED: bool> Tally for Summed<'_, S, COUNTED> {
    #[inline(always)]
    fn place(&mut self, longest: u32) {
        if longest == NO_FEATURE {
            return;
        }
        let Ahead { parents, squares, totals, rows, .. } = self.ahead;
        self.sums.add(rows, longest);
        self.total += totals[longest as usize];
        if COUNTED {
            // Two sums in turn, so that they do not wait for each other.
            let [mut one, mut other] = [0.0; 2];
            let mut feature = longest;
            while feature != NO_FEATURE {
                work::spend(1);
                let crossed = one + self.counters.add(feature, squares[feature as usize]);
                (one, other) = (other, crossed);
                feature = parents[feature as usize];
            }
            self.crossed[0] += one;
            self.crossed[1] += other;
        }
    }

    #[inline(always)]
    fn word(&mut self, known: Contribution<'_>, times: u32) {
        let times = f64::from(times);
        self.sums.add_times(known.row, times);
        if COUNTED {
            // A step from c to c + m occurrences adds idf²·(2cm + m²): the m² here, the c·m by the counters.
            self.total += times * times * known.total;
            work::spend(known.features.len()); // four at a time
            self.counters.add_all(known.features, known.squares, times, &mut self.crossed);
        } else {
            self.total += times * known.total;
        }
    }
}

/// The counts of a text so far.
pub(super) struct Counted<'s> {
    pub(super) parents: &'s [u32],
    pub(super) counts: &'s mut Counts,
}

impl Tally for Counted<'_> {
    #[inline(always)]
    fn place(&mut self, longest: u32) {
        let mut feature = longest;
        while feature != NO_FEATURE {
            work::spend(1);
            self.counts.add(feature, 1);
            feature = self.parents[feature as usize];
        }
    }

    #[inline(always)]
    fn word(&mut self, known: Contribution<'_>, times: u32) {
        for &feature in known.features.as_flattened() {
            work::spend(1);
            if feature == NO_FEATURE {
                return; // what fills the list up
            }
            self.counts.add(feature, times);
        }
    }
}
