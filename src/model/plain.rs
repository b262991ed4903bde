//! The plain implementation: a hash map from term to column, the formulas as scikit-learn's documentation has them.
//!
//! It defines right. Every faster way is tested against it, and it is the baseline of the benchmark, so it is a fair
//! one: a fast hasher, and no allocation for an n-gram.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rapidhash::v3::{DEFAULT_RAPID_SECRETS, rapidhash_v3_nano_inline};

use super::analysis::{Analysis, AnalysisScratch};
use super::artifact::Artifact;
use super::error::Defect;
use super::murmur::bucket;
use crate::text::cleaner::{Cleaner, CleanerScratch};

/// Scores texts straight from an artifact.
#[derive(Debug)]
pub struct PlainModel<'a> {
    artifact: &'a Artifact,
    cleaner: Option<Cleaner>,
    /// One a vectorizer.
    analyses: Vec<Analysis<'a>>,
    /// One map a vectorizer: term → column among the vectorizer's own.
    columns: Vec<HashMap<&'a [u8], u32, BuildHasherDefault<RapidHasher>>>,
    /// The artifact's coefficients column by column, so that those of one n-gram lie together.
    coefficients: Vec<f64>,
}

impl<'a> PlainModel<'a> {
    /// The plain model of an artifact.
    pub fn new(artifact: &'a Artifact) -> Result<Self, Defect> {
        let columns = artifact.vocabularies.iter().map(|v| v.terms().zip(0..).collect()).collect();
        let analyses =
            (0..artifact.vocabularies.len()).map(|at| artifact.analysis(at)).collect::<Result<_, _>>()?;
        let coefficients = artifact.weights.by_column(artifact.intercepts.len())?;
        Ok(Self { artifact, cleaner: artifact.cleaner()?, analyses, columns, coefficients })
    }

    /// Buffers for [`Self::decision`].
    pub fn scratch(&self) -> PlainScratch {
        let widest = self.columns.iter().map(HashMap::len).max();
        PlainScratch { counts: vec![0; widest.unwrap_or(0)], ..PlainScratch::default() }
    }

    /// Replaces `decision` by the decision values of `text`: `coef · x + intercept`.
    pub fn decision(&self, text: &str, scratch: &mut PlainScratch, decision: &mut Vec<f64>) {
        let mut cleaned = std::mem::take(&mut scratch.cleaned);
        let text = match &self.cleaner {
            Some(rules) => {
                let characters = self.artifact.characters.view();
                rules.clean_plainly_into(characters, text, &mut scratch.cleaner, &mut cleaned);
                cleaned.as_str()
            }
            None => text,
        };
        decision.clear();
        decision.extend(&self.artifact.intercepts);
        let rows = self.artifact.intercepts.len();
        let mut first_column = 0;
        for (at, vocabulary) in self.artifact.vocabularies.iter().enumerate() {
            self.count(at, text, scratch);
            let settings = &vocabulary.settings;
            let PlainScratch { columns, values, .. } = scratch;
            for (column, value) in columns.iter().zip(values.iter_mut()) {
                let tf = if settings.binary { 1.0 } else { *value };
                let tf = if settings.sublinear_tf { 1.0 + tf.ln() } else { tf };
                *value = tf * vocabulary.idf.as_ref().map_or(1.0, |idf| idf[*column as usize]);
            }
            if let Some(norm) = settings.norm {
                let norm = norm.of(values.iter().copied());
                for value in values.iter_mut() {
                    *value /= norm;
                }
            }
            for (next, scale) in settings.then.iter().zip(&vocabulary.scales) {
                next.apply(columns, values, scale);
            }
            for (column, value) in columns.iter().zip(values.iter()) {
                let at = (first_column + *column as usize) * rows;
                for (decision, coefficient) in decision.iter_mut().zip(&self.coefficients[at..]) {
                    *decision += coefficient * value;
                }
            }
            first_column += settings.features;
        }
        scratch.cleaned = cleaned;
    }

    /// Replaces `columns` and `values` of the scratch by what vectorizer number `at` counts in a cleaned text.
    fn count(&self, at: usize, text: &str, scratch: &mut PlainScratch) {
        let PlainScratch { analysis, counts, sums, columns, values, .. } = scratch;
        let (characters, settings) =
            (self.artifact.characters.view(), &self.artifact.vocabularies[at].settings);
        columns.clear();
        values.clear();
        if let Some(alternate_sign) = settings.alternate_sign {
            self.analyses[at].ngrams(characters, text, analysis, |ngram| {
                let bucket = bucket(ngram, settings.features as u32); // the manifest bounds it by 2³¹ − 1
                let sign = if alternate_sign && bucket.negative { -1.0 } else { 1.0 };
                *sums.entry(bucket.column).or_insert(0.0) += sign;
            });
            // A bucket whose n-grams cancel out stays: `binary` makes it 1, as in scikit-learn.
            for (column, sum) in sums.drain() {
                columns.push(column);
                values.push(sum);
            }
            return;
        }
        let known = &self.columns[at];
        self.analyses[at].ngrams(characters, text, analysis, |ngram| {
            if let Some(&column) = known.get(ngram) {
                if counts[column as usize] == 0 {
                    columns.push(column);
                }
                counts[column as usize] += 1;
            }
        });
        values.extend(columns.iter().map(|&column| f64::from(std::mem::take(&mut counts[column as usize]))));
    }
}

/// Buffers that the plain model keeps between texts.
#[derive(Debug, Default)]
pub struct PlainScratch {
    cleaner: CleanerScratch,
    cleaned: String,
    analysis: AnalysisScratch,
    counts: Vec<u32>,
    /// Of a hashing vectorizer.
    sums: HashMap<u32, f64>,
    /// What was counted: the columns, and their values.
    columns: Vec<u32>,
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
