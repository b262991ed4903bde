//! How much of a text a model knows: the share of n-grams that its vocabulary lacks tells that texts have drifted away
//! from those that it was fitted on.
//!
//! Scoring does not count this, since it never looks at one n-gram at a time. A text is read once more instead; who
//! asks sees to it that this is seldom.

use super::analysis::AnalysisScratch;
use crate::text::cleaner::CleanerScratch;

/// Bytes of a text that are looked at, at most.
pub const LOOKED_AT: usize = 4 << 10;

/// N-grams that were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// All, as the vectorizers cut them; those of a hashing vectorizer, which has no vocabulary, are left out.
    pub ngrams: u64,
    /// Those among them that are in the vocabulary.
    pub known: u64,
}

/// Buffers that looking at texts keeps between them.
#[derive(Debug, Default)]
pub struct CoverageScratch {
    pub(super) cleaner: CleanerScratch,
    pub(super) cleaned: String,
    pub(super) analysis: AnalysisScratch,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Recipe, recipes, texts};
    use super::super::{Model, write_image};
    use super::*;

    /// Holds a model's coverage of a text to n-grams that are looked up one by one.
    fn assert_same(recipe: &Recipe, text: &str) {
        let artifact = recipe.artifact();
        let image = write_image(&artifact).unwrap();
        let model = Model::from_image(image.as_bytes()).unwrap();
        let mut expected = Coverage::default();
        let analysis = artifact.analysis(0).unwrap();
        analysis.ngrams(artifact.characters.view(), text, &mut AnalysisScratch::default(), |ngram| {
            expected.ngrams += 1;
            expected.known += u64::from(recipe.terms.iter().any(|term| term.as_bytes() == ngram));
        });
        assert_eq!(model.coverage(text, &mut CoverageScratch::default()), expected, "{text:?}");
    }

    proptest! {
        #[test]
        fn known_ngrams_are_those_of_the_vocabulary(recipe in recipes(), text in texts()) {
            assert_same(&recipe, &text);
            assert_same(&Recipe { analyzer: "word", ..recipe }, &text);
        }
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_looked_at() {
        let recipe = Recipe {
            analyzer: "char",
            ngram_range: (1, 1),
            binary: false,
            sublinear_tf: false,
            norm: None,
            idf: false,
            lowercase: false,
            rows: 1,
            terms: vec!["é".to_owned()],
        };
        let image = write_image(&recipe.artifact()).unwrap();
        let model = Model::from_image(image.as_bytes()).unwrap();
        let text = format!("a{}", "é".repeat(LOOKED_AT));
        let expected = Coverage { ngrams: LOOKED_AT as u64 / 2, known: LOOKED_AT as u64 / 2 - 1 };
        assert_eq!(model.coverage(&text, &mut CoverageScratch::default()), expected);
    }
}
