//! The plain implementation: a hash map from term to column, the formulas as scikit-learn's documentation has them.
//!
//! It defines right. Every faster way is tested against it, and it is the baseline of the benchmark, so it is a fair
//! one: a fast hasher, and no allocation for an n-gram.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rapidhash::v3::{DEFAULT_RAPID_SECRETS, rapidhash_v3_nano_inline};

use super::artifact::Artifact;
use super::error::Defect;
use super::manifest::Norm;
use crate::text::analyzer::AnalyzerScratch;
use crate::text::cleaner::{Cleaner, CleanerScratch};
use crate::text::lower::lower_into;

/// Scores texts straight from an artifact.
#[derive(Debug)]
pub struct PlainModel<'a> {
    artifact: &'a Artifact,
    cleaner: Option<Cleaner>,
    /// One map a vectorizer: term → column among the vectorizer's own.
    columns: Vec<HashMap<&'a [u8], u32, BuildHasherDefault<RapidHasher>>>,
    /// The artifact's coefficients column by column, so that those of one n-gram lie together.
    coefficients: Vec<f64>,
}

impl<'a> PlainModel<'a> {
    /// The plain model of an artifact.
    pub fn new(artifact: &'a Artifact) -> Result<Self, Defect> {
        let columns = artifact.vocabularies.iter().map(|v| v.terms().zip(0..).collect()).collect();
        let (width, values) = (artifact.columns(), &artifact.coefficients);
        let column = |at: usize| values.iter().skip(at).step_by(width).copied();
        let coefficients = (0..width).flat_map(column).collect();
        Ok(Self { artifact, cleaner: artifact.cleaner()?, columns, coefficients })
    }

    /// Buffers for [`Self::decision`].
    pub fn scratch(&self) -> PlainScratch {
        PlainScratch { counts: vec![0; self.artifact.columns()], ..PlainScratch::default() }
    }

    /// Replaces `decision` by the decision values of `text`: `coef · x + intercept`.
    pub fn decision(&self, text: &str, scratch: &mut PlainScratch, decision: &mut Vec<f64>) {
        let characters = self.artifact.characters.view();
        let PlainScratch { cleaner, cleaned, lowered, analyzer, counts, touched, values } = scratch;
        let text = match &self.cleaner {
            Some(rules) => {
                rules.clean_plainly_into(characters, text, cleaner, cleaned);
                cleaned.as_str()
            }
            None => text,
        };
        decision.clear();
        decision.extend(&self.artifact.intercepts);
        let rows = self.artifact.intercepts.len();
        let mut first_column = 0;
        for (vocabulary, columns) in self.artifact.vocabularies.iter().zip(&self.columns) {
            let settings = &vocabulary.settings;
            let text = if settings.lowercase {
                lowered.clear();
                lower_into(characters, text, lowered);
                lowered.as_str()
            } else {
                text
            };
            analyzer.ngrams(settings.analyzer, settings.range(), characters, text, |ngram| {
                if let Some(&column) = columns.get(ngram) {
                    if counts[column as usize] == 0 {
                        touched.push(column);
                    }
                    counts[column as usize] += 1;
                }
            });
            values.clear();
            for &column in touched.iter() {
                let count = std::mem::take(&mut counts[column as usize]);
                let mut tf = if settings.binary { 1.0 } else { f64::from(count) };
                if settings.sublinear_tf {
                    tf = 1.0 + tf.ln();
                }
                values.push(tf * vocabulary.idf.as_ref().map_or(1.0, |idf| idf[column as usize]));
            }
            let norm = match settings.norm {
                None => 1.0,
                Some(Norm::L1) => values.iter().map(|value| value.abs()).sum(),
                Some(Norm::L2) => values.iter().map(|value| value * value).sum::<f64>().sqrt(),
            };
            let norm = if norm == 0.0 { 1.0 } else { norm };
            for (column, value) in touched.drain(..).zip(values.iter()) {
                let at = (first_column + column as usize) * rows;
                for (decision, coefficient) in decision.iter_mut().zip(&self.coefficients[at..]) {
                    *decision += coefficient * (value / norm);
                }
            }
            first_column += columns.len();
        }
    }
}

/// Buffers that the plain model keeps between texts.
#[derive(Debug, Default)]
pub struct PlainScratch {
    cleaner: CleanerScratch,
    cleaned: String,
    lowered: String,
    analyzer: AnalyzerScratch,
    counts: Vec<u32>,
    touched: Vec<u32>,
    values: Vec<f64>,
}

/// `rapidhash` over the bytes of a term.
#[derive(Default)]
struct RapidHasher(u64);

impl Hasher for RapidHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = rapidhash_v3_nano_inline::<true, false>(bytes, &DEFAULT_RAPID_SECRETS);
    }

    fn write_usize(&mut self, _length: usize) {} // the length prefix of a slice adds nothing to a single key

    fn finish(&self) -> u64 {
        self.0
    }
}
