//! A vectorizer as the manifest describes it, under scikit-learn's names.

use serde::Deserialize;

use super::manifest::NGRAM_MAX;
use crate::text::analyzer::{Analyzer, NgramRange};

/// The two token patterns that need no program: runs of two and more word characters, and of one and more.
pub const RUN_PATTERNS: [&str; 2] = [r"(?u)\b\w\w+\b", r"(?u)\b\w+\b"];
/// Most columns of a vectorizer.
const FEATURES_MAX: usize = i32::MAX as usize;

/// One vectorizer.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Vectorizer {
    /// N-grams that stand in a vocabulary: `CountVectorizer`, `TfidfVectorizer`.
    Vocabulary(NgramVectorizer),
    /// N-grams that are hashed to a column: `HashingVectorizer`.
    Hashing(NgramVectorizer),
}

/// The parameters of a vectorizer.
#[expect(clippy::struct_excessive_bools, reason = "they are scikit-learn's parameters, one by one")]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NgramVectorizer {
    /// How a text is cut.
    pub analyzer: Analyzer,
    /// Smallest and largest n.
    pub ngram_range: (usize, usize),
    /// Whether the text is put in lower case before it is cut.
    pub lowercase: bool,
    /// How accents are stripped, after that.
    #[serde(default)]
    pub strip_accents: Option<StripAccents>,
    /// The pattern of a token, for [`Analyzer::Word`]; one that is not in [`RUN_PATTERNS`] comes with a program.
    pub token_pattern: Option<String>,
    /// Tokens that are left out, for [`Analyzer::Word`].
    #[serde(default)]
    pub stop_words: Vec<String>,
    /// Of a hashing vectorizer, and of it alone: whether the hash's sign is the sign of a count.
    pub alternate_sign: Option<bool>,
    /// Whether a count above 1 becomes 1.
    pub binary: bool,
    /// Whether a count `tf` becomes `1 + ln(tf)`.
    pub sublinear_tf: bool,
    /// Whether there is a tensor of inverse document frequencies.
    pub idf: bool,
    /// How the vector is scaled.
    pub norm: Option<Norm>,
    /// What happens to the vector after that, in this order.
    #[serde(default)]
    pub then: Vec<Rescaling>,
    /// Number of columns.
    pub features: usize,
}

/// A further rescaling of a whole vector: the transformers between vectorizer and classifier, up to a norm.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescaling {
    /// Whether a value `x` that is not 0 becomes `1 + ln(x)`.
    pub sublinear_tf: bool,
    /// Whether there is a tensor of factors, one a column.
    pub scale: bool,
    /// How the vector is scaled at the end.
    pub norm: Option<Norm>,
}

/// How a vector is scaled: by its norm, unless that is 0.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// Sum of absolute values.
    L1,
    /// Root of the sum of squares.
    L2,
}

/// How accents are stripped.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum StripAccents {
    /// NFKD, then ASCII alone stays.
    Ascii,
    /// NFKD, then what combines goes.
    Unicode,
}

/// Key, value and allowed values of a setting that cannot be.
type Problem = (&'static str, String, String);

impl Vectorizer {
    /// The parameters.
    pub fn settings(&self) -> &NgramVectorizer {
        let (Self::Vocabulary(settings) | Self::Hashing(settings)) = self;
        settings
    }

    /// Checks all that the tensors need not show.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let settings = self.settings();
        if settings.alternate_sign.is_some() != matches!(self, Self::Hashing(_)) {
            let expected = "true or false for kind \"hashing\", and for it alone".to_owned();
            return Err(("alternate_sign", format!("{:?}", settings.alternate_sign), expected));
        }
        settings.check()
    }
}

impl NgramVectorizer {
    fn check(&self) -> Result<(), Problem> {
        let (min, max) = self.ngram_range;
        if min < 1 || min > max || max > NGRAM_MAX {
            let expected = format!("1 ≤ smallest ≤ largest ≤ {NGRAM_MAX}");
            return Err(("ngram_range", format!("[{min}, {max}]"), expected));
        }
        let is_word = self.analyzer == Analyzer::Word;
        if self.token_pattern.is_some() != is_word {
            let expected = "a pattern for analyzer \"word\", and for it alone".to_owned();
            return Err(("token_pattern", format!("{:?}", self.token_pattern), expected));
        }
        if !is_word && !self.stop_words.is_empty() {
            let found = format!("{} words", self.stop_words.len());
            return Err(("stop_words", found, "words for analyzer \"word\" alone".to_owned()));
        }
        let signed = self.alternate_sign == Some(true) && !self.binary;
        if signed && (self.sublinear_tf || self.then.iter().any(|next| next.sublinear_tf)) {
            let expected = "false where counts have signs".to_owned();
            return Err(("sublinear_tf", "true".to_owned(), expected));
        }
        if self.features == 0 || self.features > FEATURES_MAX {
            return Err(("features", self.features.to_string(), format!("1 to {FEATURES_MAX}")));
        }
        Ok(())
    }

    /// Smallest and largest n.
    pub fn range(&self) -> NgramRange {
        NgramRange { min: self.ngram_range.0, max: self.ngram_range.1 }
    }

    /// Whether tokens are found by a program.
    pub fn has_program(&self) -> bool {
        self.token_pattern.as_deref().is_some_and(|pattern| !RUN_PATTERNS.contains(&pattern))
    }
}

impl Norm {
    /// What a vector of these values is divided by.
    pub fn of(self, values: impl Iterator<Item = f64>) -> f64 {
        let norm = match self {
            Self::L1 => values.map(f64::abs).sum(),
            Self::L2 => values.map(|value| value * value).sum::<f64>().sqrt(),
        };
        if norm == 0.0 { 1.0 } else { norm } // scikit-learn leaves a zero vector as it is
    }
}

impl Rescaling {
    /// Rescales a vector in place: `values` of `columns`; `scale` has one factor a column, or none at all.
    pub fn apply(self, columns: &[u32], values: &mut [f64], scale: &[f64]) {
        for (&column, value) in columns.iter().zip(values.iter_mut()) {
            if self.sublinear_tf && *value != 0.0 {
                *value = 1.0 + value.ln();
            }
            if self.scale {
                *value *= scale[column as usize];
            }
        }
        if let Some(norm) = self.norm {
            let norm = norm.of(values.iter().copied());
            for value in values.iter_mut() {
                *value /= norm;
            }
        }
    }
}
