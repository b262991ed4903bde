//! Rows of weights as they lie in an image: one for each feature, padded to whole registers, or the entries that are
//! not 0, where these are few.

use std::ops::ControlFlow;

use super::artifact::{DenseWeights, SparseWeights, Weights};
use super::error::Defect;
use super::image::{Image, Section};
use super::image_plan::ImagePlan;

/// Stands for "no row" among parents: rows that have parents are numbered from 1.
const NO_ROW: u32 = 0;
/// Stands for no column of a row, and for no row of a column: a vectorizer has fewer of both.
const NONE: u32 = u32::MAX;
/// Columns that are filled at a time: what one cache line of a row of coefficients holds.
const COLUMNS_AT_ONCE: usize = 8;
/// Sparse rows are used where padded ones would have so many times their entries: an entry costs what two or three
/// values of a padded row cost, in bytes (10 against 8) and in time.
const SPARSE_MIN: usize = 3;
/// Narrower rows are summed in registers, and are padded always.
const NARROWEST_SPARSE: usize = 5;
/// Wider rows are padded always: the place of an entry has 16 bits.
const WIDEST_SPARSE: usize = 1 << 16;

/// The weights of one vectorizer among those of the whole model.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The weights of the whole model.
    pub weights: &'a Weights,
    /// Those that are not 0, where these are few.
    pub sparse: Option<&'a SparseWeights>,
    /// The vectorizer's first column.
    pub first_column: usize,
    /// Width of a padded row.
    pub lanes: usize,
}

/// How the rows of a vectorizer come from the weights.
#[derive(Debug)]
pub struct RowsRecipe<'a> {
    /// Where they come from.
    pub weights: Source<'a>,
    /// Columns among the vectorizer's own.
    pub columns: Vec<u32>,
    /// The row of each of `columns`.
    pub numbers: Vec<u32>,
    /// What each row's weights are multiplied with, by row; rows that no column has count, too.
    pub factors: Vec<f64>,
    /// The row that is added to each, by row: a lower one, or 0 for none. Empty where no row has one.
    pub parents: Vec<u32>,
}

impl Source<'_> {
    /// Whether a column has no weight that is not 0, as far as that is known.
    pub fn is_zero(&self, column: u32) -> bool {
        let sparse = self.sparse;
        sparse.is_some_and(|sparse| sparse.column(self.first_column + column as usize).0.is_empty())
    }
}

/// The entries of all rows that are not 0.
#[derive(Debug, Default)]
struct Entries {
    ends: Vec<u64>,
    places: Vec<u16>,
    values: Vec<f64>,
}

impl<'a> RowsRecipe<'a> {
    /// Appends the sections of the rows of vectorizer `at`.
    pub fn plan(self, image: &mut ImagePlan<'a>, at: usize) {
        let entries = self.weights.sparse.and_then(|sparse| self.entries(sparse));
        let Some(Entries { ends, places, values }) = entries else {
            let padded = self.factors.len() * self.weights.lanes;
            image.push_with(Section::Weights, at, padded, move |rows: &mut [f64]| self.fill(rows));
            image.push::<u64>(Section::RowEnds, at, &[][..]);
            image.push::<u16>(Section::RowPlaces, at, &[][..]);
            return;
        };
        image.push(Section::Weights, at, values);
        image.push(Section::RowEnds, at, ends);
        image.push(Section::RowPlaces, at, places);
    }

    /// The rows without their zeros; `None` where too little is 0.
    fn entries(&self, sparse: &SparseWeights) -> Option<Entries> {
        let lanes = self.weights.lanes;
        let most = self.factors.len() * lanes / SPARSE_MIN;
        if !(NARROWEST_SPARSE..=WIDEST_SPARSE).contains(&lanes) {
            return None;
        }
        let mut columns = vec![NONE; self.factors.len()];
        for (&column, &number) in self.columns.iter().zip(&self.numbers) {
            columns[number as usize] = column;
        }
        let mut entries = Entries::default();
        for (row, (&column, &factor)) in columns.iter().zip(&self.factors).enumerate() {
            let own = match column {
                NONE => (&[][..], &[][..]),
                column => sparse.column(self.weights.first_column + column as usize),
            };
            let parent = self.parents.get(row).copied().unwrap_or(NO_ROW);
            entries.push_row(own, factor, parent);
            if entries.values.len() > most {
                return None;
            }
        }
        Some(entries)
    }

    /// Writes padded rows over zeros.
    fn fill(&self, rows: &mut [f64]) -> Result<(), Defect> {
        let lanes = self.weights.lanes;
        match self.weights.weights {
            Weights::Dense(dense) => self.fill_from_dense(dense, rows)?,
            Weights::Sparse(sparse) => self.fill_from_sparse(sparse, rows),
        }
        for (row, &parent) in self.parents.iter().enumerate() {
            if parent != NO_ROW {
                let (before, from) = rows.split_at_mut(row * lanes);
                add(&mut from[..lanes], &before[parent as usize * lanes..]);
            }
        }
        Ok(())
    }

    fn fill_from_dense(&self, dense: &DenseWeights, rows: &mut [f64]) -> Result<(), Defect> {
        let Source { first_column, lanes, .. } = self.weights;
        let most = self.columns.iter().max().map_or(0, |&column| column as usize + 1);
        let mut number_of = vec![NONE; most];
        for (&column, &number) in self.columns.iter().zip(&self.numbers) {
            number_of[column as usize] = number;
        }
        dense.blocks(first_column..first_column + most, |first, of_rows| {
            let numbers = &number_of[first - first_column..];
            let width = of_rows.first().map_or(0, |row| row.len());
            // A cache line of each row of coefficients at a time.
            for at in (0..width).step_by(COLUMNS_AT_ONCE) {
                let end = width.min(at + COLUMNS_AT_ONCE);
                for (lane, values) in of_rows.iter().enumerate() {
                    for (&number, value) in numbers[at..end].iter().zip(&values[at..end]) {
                        if number != NONE {
                            let number = number as usize;
                            rows[number * lanes + lane] = self.factors[number] * value;
                        }
                    }
                }
            }
            ControlFlow::Continue(())
        })
    }

    fn fill_from_sparse(&self, sparse: &SparseWeights, rows: &mut [f64]) {
        let Source { first_column, lanes, .. } = self.weights;
        for (&column, &number) in self.columns.iter().zip(&self.numbers) {
            let (places, values) = sparse.column(first_column + column as usize);
            let row = &mut rows[number as usize * lanes..][..lanes];
            for (&lane, &value) in places.iter().zip(values) {
                row[lane as usize] = self.factors[number as usize] * value;
            }
        }
    }
}

impl Entries {
    fn range(&self, row: u32) -> (usize, usize) {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before as usize]);
        (start as usize, self.ends[row as usize] as usize)
    }

    /// Appends a row: its own weights, ascending, times `factor`, plus the row `parent`.
    fn push_row(&mut self, (lanes, values): (&[u32], &[f64]), factor: f64, parent: u32) {
        let (mut at, end) = if parent == NO_ROW { (0, 0) } else { self.range(parent) };
        for (&lane, &value) in lanes.iter().zip(values) {
            let place = lane as u16; // `RowsRecipe::entries` bounds lanes
            while at < end && self.places[at] < place {
                self.push(self.places[at], self.values[at]);
                at += 1;
            }
            let shared = at < end && self.places[at] == place;
            let inherited = if shared { self.values[at] } else { 0.0 };
            self.push(place, factor * value + inherited);
            at += usize::from(shared);
        }
        for at in at..end {
            self.push(self.places[at], self.values[at]);
        }
        self.ends.push(self.values.len() as u64);
    }

    fn push(&mut self, place: u16, value: f64) {
        self.places.push(place);
        self.values.push(value);
    }
}

/// The rows of a vectorizer, a view into an image.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'i> {
    lanes: usize,
    values: &'i [f64],
    /// Empty where rows are padded.
    ends: &'i [u64],
    /// Empty where rows are padded.
    places: &'i [u16],
}

impl<'i> Rows<'i> {
    /// Opens the sections of vectorizer `at`, which has so many rows; checks all that scoring relies on.
    pub fn from_image(image: Image<'i>, at: usize, rows: usize, lanes: usize) -> Result<Self, Defect> {
        let values: &[f64] = image.section(Section::Weights, at)?;
        let ends: &[u64] = image.section(Section::RowEnds, at)?;
        let places: &[u16] = image.section(Section::RowPlaces, at)?;
        let is_padded = ends.is_empty() && places.is_empty() && Some(values.len()) == rows.checked_mul(lanes);
        let is_sparse = (NARROWEST_SPARSE..=WIDEST_SPARSE).contains(&lanes)
            && ends.len() == rows
            && ends.is_sorted()
            && ends.last().copied() == Some(values.len() as u64)
            && places.len() == values.len()
            && places.iter().fold(0, |most, &place| most.max(usize::from(place))) < lanes;
        if !is_padded && !is_sparse {
            return Err(Defect::Image("its rows of weights do not fit its features"));
        }
        Ok(Self { lanes, values, ends, places })
    }

    /// Whether only what is not 0 is stored.
    #[inline(always)]
    pub fn is_sparse(self) -> bool {
        !self.ends.is_empty()
    }

    /// All values of padded rows.
    #[inline(always)]
    pub fn padded(self) -> &'i [f64] {
        self.values
    }

    /// The places and values of a row that is sparse.
    #[inline(always)]
    fn entries(self, row: u32) -> (&'i [u16], &'i [f64]) {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before as usize]) as usize;
        let end = self.ends[row as usize] as usize;
        (&self.places[start..end], &self.values[start..end])
    }

    /// Adds `factor` times a row to `sums`, which is as wide as a padded row.
    #[inline(always)]
    pub fn add_scaled(self, row: u32, factor: f64, sums: &mut [f64]) {
        if self.is_sparse() {
            let (places, values) = self.entries(row);
            for (&place, &value) in places.iter().zip(values) {
                sums[usize::from(place)] += factor * value;
            }
        } else {
            let values = &self.values[row as usize * self.lanes..][..self.lanes];
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += factor * value;
            }
        }
    }

    /// Adds a row that is sparse to `sums`, which is as wide as a padded row.
    #[inline(always)]
    pub fn add_entries(self, row: u32, sums: &mut [f64]) {
        let (places, values) = self.entries(row);
        for (&place, &value) in places.iter().zip(values) {
            sums[usize::from(place)] += value;
        }
    }
}

/// Adds `row` to `sums`, lane by lane.
#[inline(always)]
pub fn add(sums: &mut [f64], row: &[f64]) {
    for (sum, weight) in sums.iter_mut().zip(row) {
        *sum += weight;
    }
}
