//! The general engine: any vectorizer, n-gram by n-gram, through a table of terms or the hash of `HashingVectorizer`.

use super::analysis::{Analysis, AnalysisScratch};
use super::coverage::Coverage;
use super::error::Defect;
use super::image::{Image, Section};
use super::index::TermIndex;
use super::manifest::{NgramVectorizer, Norm};
use super::murmur::bucket;
use super::rows::Rows;
use super::score::lanes;
use crate::text::characters::Characters;

/// A signed count of 0, of a column that has been met.
const NOTHING_YET: u32 = 1 << 31;

/// A vectorizer of this engine with its share of the weights, a view into an image.
#[derive(Debug)]
pub struct GeneralVectorizer<'i> {
    settings: NgramVectorizer,
    analysis: Analysis<'i>,
    /// Empty for a hashing vectorizer.
    index: TermIndex<'i>,
    /// One a term, or none at all.
    idf: &'i [f64],
    /// One a column; the inverse document frequency is folded in, unless further rescalings come between.
    rows: Rows<'i>,
    lanes: usize,
    /// The factors of the further rescalings, one after the other.
    scales: &'i [f64],
}

/// Buffers that a [`GeneralVectorizer`] keeps between texts.
#[derive(Debug)]
pub struct GeneralScratch {
    /// One a column; all zero between texts. A hashing vectorizer's counts, which have signs, stand above
    /// [`NOTHING_YET`], so that 0 says for them too that a column has not been met.
    counts: Vec<u32>,
    /// Columns whose count is not zero, in the order of their first n-gram.
    touched: Vec<u32>,
    /// Their values, where these are rescaled further.
    values: Vec<f64>,
}

impl<'i> GeneralVectorizer<'i> {
    /// Opens the sections of vectorizer `at`; checks all that scoring relies on.
    pub fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
        rows: usize,
    ) -> Result<Self, Defect> {
        let index = TermIndex::from_parts(
            image.section(Section::Terms, at)?,
            image.section(Section::TermEnds, at)?,
            image.section(Section::TermTable, at)?,
        )?;
        let idf: &[f64] = image.section(Section::Idf, at)?;
        let scales: &[f64] = image.section(Section::Scales, at)?;
        let features = settings.features;
        let terms = if settings.alternate_sign.is_some() { 0 } else { features };
        let idfs = if settings.idf { features } else { 0 };
        let factors = settings.then.iter().filter(|next| next.scale).count() * features;
        if index.len() != terms || idf.len() != idfs || scales.len() != factors {
            return Err(Defect::Image("its weights do not fit its terms"));
        }
        let analysis = Analysis::from_image(image, at, settings)?;
        let lanes = lanes(rows);
        let rows = Rows::from_image(image, at, features, lanes)?;
        Ok(Self { settings: settings.clone(), analysis, index, idf, rows, lanes, scales })
    }

    /// Buffers for [`Self::sum`].
    pub fn scratch(&self) -> GeneralScratch {
        GeneralScratch { counts: vec![0; self.settings.features], touched: Vec::new(), values: Vec::new() }
    }

    /// Replaces `sums` by the sum of the weights of all n-grams of a cleaned text; returns the norm to divide it by.
    pub fn sum(
        &self,
        characters: Characters<'_>,
        text: &str,
        analysis: &mut AnalysisScratch,
        scratch: &mut GeneralScratch,
        sums: &mut Vec<f64>,
    ) -> f64 {
        let GeneralScratch { counts, touched, values } = scratch;
        self.count(characters, text, analysis, counts, touched);
        self.weigh(counts, touched, values, sums)
    }

    /// How many n-grams of a cleaned text the vocabulary has; nothing for a hashing vectorizer.
    pub fn coverage(
        &self,
        characters: Characters<'_>,
        text: &str,
        analysis: &mut AnalysisScratch,
    ) -> Coverage {
        let mut coverage = Coverage::default();
        if self.settings.alternate_sign.is_none() {
            self.analysis.ngrams(characters, text, analysis, |ngram| {
                coverage.ngrams += 1;
                coverage.known += u64::from(self.index.get(ngram).is_some());
            });
        }
        coverage
    }

    /// Counts the n-grams of a cleaned text: `touched` gets the columns that were met, `counts` how often.
    fn count(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut AnalysisScratch,
        counts: &mut [u32],
        touched: &mut Vec<u32>,
    ) {
        if let Some(alternate_sign) = self.settings.alternate_sign {
            let columns = self.settings.features as u32; // the manifest bounds it by 2³¹ − 1
            self.analysis.ngrams(characters, text, scratch, |ngram| {
                let bucket = bucket(ngram, columns);
                let count = &mut counts[bucket.column as usize];
                if *count == 0 {
                    touched.push(bucket.column);
                    *count = NOTHING_YET;
                }
                *count = if alternate_sign && bucket.negative { *count - 1 } else { *count + 1 };
            });
            return;
        }
        self.analysis.ngrams(characters, text, scratch, |ngram| {
            if let Some(column) = self.index.get(ngram) {
                let count = &mut counts[column as usize];
                if *count == 0 {
                    touched.push(column);
                }
                *count += 1;
            }
        });
    }

    /// Replaces `sums` by the weights of all counted columns, each times its value but for the norm; returns the norm
    /// to divide them by. Leaves `counts` all zero and `touched` empty.
    fn weigh(
        &self,
        counts: &mut [u32],
        touched: &mut Vec<u32>,
        values: &mut Vec<f64>,
        sums: &mut Vec<f64>,
    ) -> f64 {
        sums.clear();
        sums.resize(self.lanes, 0.0);
        let mut add = |column: u32, value: f64| self.rows.add_scaled(column, value, sums);
        let idf = |column: u32| if self.settings.idf { self.idf[column as usize] } else { 1.0 };
        let mut norm = 0.0;
        values.clear();
        for &column in touched.iter() {
            let tf = self.term_frequency(std::mem::take(&mut counts[column as usize]));
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
        let mut scales = self.scales.chunks_exact(self.settings.features);
        for next in &self.settings.then {
            let scale = if next.scale { scales.next().unwrap_or_default() } else { &[] };
            next.apply(columns, values, scale);
        }
    }

    /// `tf` as `TfidfTransformer` has it.
    fn term_frequency(&self, count: u32) -> f64 {
        let tf = match self.settings.alternate_sign {
            _ if self.settings.binary => 1.0,
            None => f64::from(count),
            Some(_) => f64::from(count) - f64::from(NOTHING_YET),
        };
        if self.settings.sublinear_tf { 1.0 + tf.ln() } else { tf }
    }
}
