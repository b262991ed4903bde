//! How many n-grams of a text are features.

use super::automaton::{NO_FEATURE, ROOT};
use super::words::Words;
use super::{FastVectorizer, read_bytes};
use crate::text::analyzer::Analyzer;
use crate::text::characters::Characters;

impl FastVectorizer<'_> {
    /// Number of n-grams of `text` that are features, each as often as it occurs.
    pub fn known(&self, characters: Characters<'_>, text: &str) -> u64 {
        let mut known = 0;
        if self.analyzer == Analyzer::CharWb {
            for (word, _) in Words::new(characters, text) {
                self.places(word).for_each(|feature| known += self.ending(feature));
            }
            return known;
        }
        let mut state = ROOT;
        read_bytes(characters, text, |byte| {
            state = self.automaton.next(state, byte);
            known += self.ending(self.automaton.feature(state));
        });
        known
    }

    /// Number of features that end where `longest` ends.
    fn ending(&self, longest: u32) -> u64 {
        let parent = |&feature: &u32| Some(self.parents[feature as usize]);
        std::iter::successors(Some(longest), parent).take_while(|&feature| feature != NO_FEATURE).count()
            as u64
    }
}
