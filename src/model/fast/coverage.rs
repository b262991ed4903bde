//! How many n-grams of a text are features.

use super::automaton::NO_FEATURE;
use super::tally::Tally;
use super::word_cache::Contribution;
use super::{FastVectorizer, Reader, char, char_wb};
use crate::text::characters::Characters;
use crate::text::token_pattern::PatternScratch;

impl FastVectorizer<'_> {
    /// Number of n-grams of `text` that are features, each as often as it occurs.
    pub fn known(&self, characters: Characters<'_>, text: &str) -> u64 {
        let nothing = Known { parents: self.parents, count: 0 };
        let known = match self.reader {
            Reader::Char(automaton) => char::read(automaton, characters, text, nothing),
            Reader::CharWb(automaton) => char_wb::read_without_cache(automaton, characters, text, nothing),
            Reader::Word(reader) => reader.read(characters, text, &mut PatternScratch::default(), nothing),
        };
        known.count
    }
}

/// The number of features so far.
struct Known<'p> {
    parents: &'p [u32],
    count: u64,
}

impl Tally for Known<'_> {
    fn place(&mut self, longest: u32) {
        let parent = |&feature: &u32| Some(self.parents[feature as usize]);
        let features = std::iter::successors(Some(longest), parent);
        self.count += features.take_while(|&feature| feature != NO_FEATURE).count() as u64;
    }

    fn word(&mut self, known: Contribution<'_>, times: u32) {
        let features = known.features.as_flattened().iter().filter(|&&feature| feature != NO_FEATURE);
        self.count += features.count() as u64 * u64::from(times);
    }
}
