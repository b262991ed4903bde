//! From counts to scores, column by column: where a term frequency is not the count itself, or the vector is rescaled
//! further before it is weighed.

use super::error::Defect;
use super::image::{Image, Section};
use super::rows::Rows;
use super::vectorizer::{NgramVectorizer, Norm};

/// A signed count of 0, of a column that has been met.
const NOTHING_YET: u32 = 1 << 31;

/// How counted columns are weighed, a view into an image.
#[derive(Debug)]
pub(super) struct Weighing<'i> {
    settings: NgramVectorizer,
    columns: usize,
    lanes: usize,
    /// One a column, or none at all.
    idf: &'i [f64],
    /// One a column; the inverse document frequency is folded in, unless further rescalings come between.
    rows: Rows<'i>,
    /// The factors of the further rescalings, one after the other.
    scales: &'i [f64],
}

/// Counts of the columns of one text. They are kept from text to text, and all zero between them; no text makes them larger
/// than the model does.
#[derive(Debug)]
pub(super) struct Counts {
    /// One a column. Counts with signs stand above [`NOTHING_YET`], so that 0 says for them too that a column has not
    /// been met.
    by_column: Vec<u32>,
    /// Columns whose count is not zero, in the order in which they were met.
    touched: Vec<u32>,
    /// Their values, where these are rescaled further.
    values: Vec<f64>,
}

impl Counts {
    /// Counts for this many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self { by_column: vec![0; columns], touched: Vec::new(), values: Vec::new() }
    }

    /// Counts a column a few times more.
    #[inline(always)]
    pub(super) fn add(&mut self, column: u32, times: u32) {
        let count = &mut self.by_column[column as usize];
        if *count == 0 {
            self.touched.push(column);
        }
        *count += times;
    }

    /// Counts a column once, as −1 if `negative` is set.
    #[inline(always)]
    pub(super) fn add_signed(&mut self, column: u32, negative: bool) {
        let count = &mut self.by_column[column as usize];
        if *count == 0 {
            self.touched.push(column);
            *count = NOTHING_YET;
        }
        *count = if negative { *count - 1 } else { *count + 1 };
    }
}

impl<'i> Weighing<'i> {
    /// Opens the sections of vectorizer `at`, which hold something for each of `columns`; checks all that weighing
    /// relies on.
    pub(super) fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
        (columns, lanes): (usize, usize),
    ) -> Result<Self, Defect> {
        let idf: &[f64] = image.section(Section::Idf, at)?;
        let scales: &[f64] = image.section(Section::Scales, at)?;
        let idfs = if settings.idf { columns } else { 0 };
        let factors = settings.then.iter().filter(|next| next.scale).count() * columns;
        if idf.len() != idfs || scales.len() != factors {
            return Err(Defect::Image("its weights do not fit its terms"));
        }
        let rows = Rows::from_image(image, at, columns, lanes)?;
        Ok(Self { settings: settings.clone(), columns, lanes, idf, rows, scales })
    }

    /// Replaces `sums` by the weights of all counted columns, each times its value but for the norm; returns the norm
    /// to divide them by. Leaves the counts all zero.
    #[inline(always)]
    pub(super) fn weigh(&self, counts: &mut Counts, sums: &mut Vec<f64>) -> f64 {
        let Counts { by_column, touched, values } = counts;
        sums.clear();
        sums.resize(self.lanes, 0.0);
        let mut add = |column: u32, value: f64| self.rows.add_scaled(column, value, sums);
        let idf = |column: u32| if self.settings.idf { self.idf[column as usize] } else { 1.0 };
        let mut norm = 0.0;
        values.clear();
        for &column in touched.iter() {
            let tf = self.term_frequency(std::mem::take(&mut by_column[column as usize]));
            let value = tf * idf(column);
            norm += match self.settings.norm {
                None => 0.0,
                Some(Norm::L1) => value.abs(),
                Some(Norm::L2) => value * value,
            };
            if self.settings.then.is_empty() {
                add(column, tf); // the weights hold the idf
            } else {
                values.push(value);
            }
        }
        let norm = match self.settings.norm {
            Some(_) if norm == 0.0 => 1.0, // scikit-learn leaves a zero vector as it is
            None => 1.0,
            Some(Norm::L1) => norm,
            Some(Norm::L2) => norm.sqrt(),
        };
        if !self.settings.then.is_empty() {
            for value in values.iter_mut() {
                *value /= norm;
            }
            self.rescale(touched, values);
            touched.iter().zip(values.iter()).for_each(|(&column, &value)| add(column, value));
        }
        touched.clear();
        if self.settings.then.is_empty() { norm } else { 1.0 }
    }

    /// The further rescalings of a vector.
    fn rescale(&self, columns: &[u32], values: &mut [f64]) {
        let mut scales = self.scales.chunks_exact(self.columns);
        for next in &self.settings.then {
            let scale = if next.scale { scales.next().unwrap_or_default() } else { &[] };
            next.apply(columns, values, scale);
        }
    }

    /// `tf` as `TfidfTransformer` has it.
    #[inline(always)]
    fn term_frequency(&self, count: u32) -> f64 {
        let tf = match self.settings.alternate_sign {
            _ if self.settings.binary => 1.0,
            None => f64::from(count),
            Some(_) => f64::from(count) - f64::from(NOTHING_YET),
        };
        if self.settings.sublinear_tf && tf > 1.0 { 1.0 + tf.ln() } else { tf }
    }
}
