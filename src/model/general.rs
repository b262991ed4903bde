//! The general engine: any vectorizer, n-gram by n-gram, through a table of terms or the hash of `HashingVectorizer`.

use super::analysis::{Analysis, AnalysisScratch};
use super::coverage::Coverage;
use super::error::Defect;
use super::image::{Image, Section};
use super::index::TermIndex;
use super::manifest::NgramVectorizer;
use super::murmur::bucket;
use super::score::lanes;
use super::weighing::{Counts, Weighing};
use crate::text::characters::Characters;

/// A vectorizer of this engine with its share of the weights, a view into an image.
#[derive(Debug)]
pub struct GeneralVectorizer<'i> {
    analysis: Analysis<'i>,
    columns: Columns<'i>,
    weighing: Weighing<'i>,
    features: usize,
}

/// How an n-gram gets its column.
#[derive(Debug)]
enum Columns<'i> {
    /// It stands in a vocabulary.
    Index(TermIndex<'i>),
    /// It is hashed.
    Hash { alternate_sign: bool },
}

/// Buffers that a [`GeneralVectorizer`] keeps between texts.
#[derive(Debug)]
pub struct GeneralScratch {
    counts: Counts,
}

impl<'i> GeneralVectorizer<'i> {
    /// Opens the sections of vectorizer `at`; checks all that scoring relies on.
    pub fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
        rows: usize,
    ) -> Result<Self, Defect> {
        let features = settings.features;
        let columns = if let Some(alternate_sign) = settings.alternate_sign {
            Columns::Hash { alternate_sign }
        } else {
            let index = TermIndex::from_parts(
                image.section(Section::Terms, at)?,
                image.section(Section::TermEnds, at)?,
                image.section(Section::TermTable, at)?,
            )?;
            if index.len() != features {
                return Err(Defect::Image("its terms do not fit its manifest"));
            }
            Columns::Index(index)
        };
        let weighing = Weighing::from_image(image, at, settings, (features, lanes(rows)))?;
        let analysis = Analysis::from_image(image, at, settings)?;
        Ok(Self { analysis, columns, weighing, features })
    }

    /// Buffers for [`Self::sum`].
    pub fn scratch(&self) -> GeneralScratch {
        GeneralScratch { counts: Counts::new(self.features) }
    }

    /// How many n-grams of a cleaned text the vocabulary has; nothing for a hashing vectorizer.
    pub fn coverage(
        &self,
        characters: Characters<'_>,
        text: &str,
        analysis: &mut AnalysisScratch,
    ) -> Coverage {
        let mut coverage = Coverage::default();
        if let Columns::Index(index) = self.columns {
            self.analysis.ngrams(characters, text, analysis, |ngram| {
                coverage.ngrams += 1;
                coverage.known += u64::from(index.get(ngram).is_some());
            });
        }
        coverage
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
        let counts = &mut scratch.counts;
        match self.columns {
            Columns::Index(index) => self.analysis.ngrams(characters, text, analysis, |ngram| {
                if let Some(column) = index.get(ngram) {
                    counts.add(column, 1);
                }
            }),
            Columns::Hash { alternate_sign } => {
                let columns = self.features as u32; // the manifest bounds it by 2³¹ − 1
                self.analysis.ngrams(characters, text, analysis, |ngram| {
                    let bucket = bucket(ngram, columns);
                    counts.add_signed(bucket.column, alternate_sign && bucket.negative);
                });
            }
        }
        self.weighing.weigh(counts, sums)
    }
}
