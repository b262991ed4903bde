//! The fast engine: vectorizers over character n-grams whose term frequency is the count itself.
//!
//! An automaton reads each byte once. At each place it names the longest feature that ends there; all other features
//! that end there are suffixes of that one, so their rows are summed ahead, and scoring adds one row a byte instead
//! of one an n-gram. What a word of `char_wb` contributes as a whole is kept in a cache. [`super::plain`] defines
//! what is right.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the chosen processor")]

mod automaton;
mod counters;
mod coverage;
mod double_array;
mod features;
mod processor;
mod rows;
#[cfg(test)]
mod tests;
mod word_cache;
mod words;

use self::automaton::{Automaton, AutomatonBuilder, NO_FEATURE, ROOT};
use self::counters::Counters;
use self::double_array::Cell;
use self::processor::Processor;
use self::rows::{Four, One, Sparse, Sums};
use self::word_cache::{Lookup, WordCache};
use self::words::Words;
use super::artifact::Vocabulary;
use super::error::Defect;
use super::image::{Image, Section};
use super::image_plan::ImagePlan;
use super::manifest::{NgramVectorizer, Norm};
use super::rows::{Rows, RowsRecipe, Source};
use crate::text::analyzer::Analyzer;
use crate::text::characters::Characters;
use crate::text::head::Head;

/// A vectorizer of this engine with its share of the weights, a view into an image. Features are numbered from 1; entry
/// 0 of every list stands for none.
#[derive(Debug)]
pub struct FastVectorizer<'i> {
    analyzer: Analyzer,
    norm: Option<Norm>,
    lanes: usize,
    automaton: Automaton<'i>,
    /// The longest feature that is a proper suffix of each.
    parents: &'i [u32],
    /// idf² of each.
    squares: &'i [f64],
    /// Σ idf² (L2) or Σ |idf| (L1) over each and all its suffixes.
    totals: &'i [f64],
    /// The sum of the rows of each and all its suffixes.
    rows: Rows<'i>,
    processor: Processor,
}

/// Buffers that a [`FastVectorizer`] keeps between texts.
#[derive(Debug)]
pub struct FastScratch {
    counters: Counters,
    cache: WordCache,
    /// The record of a word while it is made.
    row: Vec<f64>,
    features: Vec<u32>,
    squares: Vec<f64>,
}

impl FastScratch {
    /// How often a word was found in the cache, and how often one was looked for.
    pub fn cache_hits(&self) -> (u64, u64) {
        (self.cache.hits, self.cache.lookups)
    }
}

/// Whether this engine can stand for a vectorizer of these settings.
pub fn supports(settings: &NgramVectorizer) -> bool {
    matches!(settings.analyzer, Analyzer::Char | Analyzer::CharWb)
        && settings.alternate_sign.is_none()
        && !settings.binary
        && !settings.sublinear_tf
        && settings.then.is_empty()
}

/// Appends the sections of vectorizer `at` to an image. The error is the column of a term that an earlier one equals.
pub fn plan<'a>(
    image: &mut ImagePlan<'a>,
    at: usize,
    vocabulary: &Vocabulary,
    weights: Source<'a>,
) -> Result<(), usize> {
    let settings = &vocabulary.settings;
    // Without a norm, a term without weight changes nothing.
    let counts = |column: u32| settings.norm.is_some() || !weights.is_zero(column);
    let (terms, columns) = features::select(settings.analyzer, settings.range(), vocabulary.terms(), counts)?;
    let automaton = AutomatonBuilder::new(&terms);
    drop(terms);
    let numbers = features::depth_first(automaton.parents());
    let mut parents = vec![NO_FEATURE; numbers.len()];
    for (feature, &parent) in automaton.parents().iter().enumerate() {
        parents[numbers[feature] as usize] = numbers[parent as usize];
    }
    let mut idf = vec![0.0; numbers.len()];
    for (&number, &column) in numbers[1..].iter().zip(&columns) {
        idf[number as usize] = vocabulary.idf.as_ref().map_or(1.0, |idf| idf[column as usize]);
    }
    let squares: Vec<f64> = idf.iter().map(|idf| idf * idf).collect();
    let mut totals: Vec<f64> = match settings.norm {
        None => vec![0.0; numbers.len()],
        Some(Norm::L1) => idf.iter().map(|idf| idf.abs()).collect(),
        Some(Norm::L2) => squares.clone(),
    };
    for feature in 1..totals.len() {
        totals[feature] += totals[parents[feature] as usize]; // a parent's number is lower: its total is complete
    }
    image.push(Section::Automaton, at, automaton.finish(&numbers));
    image.push(Section::Parents, at, parents.clone());
    image.push(Section::Squares, at, squares);
    image.push(Section::Totals, at, totals);
    RowsRecipe { weights, columns, numbers: numbers[1..].to_vec(), factors: idf, parents }.plan(image, at);
    Ok(())
}

/// Reads a word with a space before and behind it.
struct Places<'w> {
    automaton: Automaton<'w>,
    state: u32,
    word: &'w [u8],
    /// Bytes read so far, the space before the word among them.
    read: usize,
}

impl Iterator for Places<'_> {
    type Item = u32;

    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        if self.read == self.word.len() + 2 {
            return None;
        }
        let byte = self.word.get(self.read.wrapping_sub(1)).copied().unwrap_or(b' ');
        self.read += 1;
        self.state = self.automaton.next(self.state, byte);
        Some(self.automaton.feature(self.state))
    }
}

/// What a text has summed up to so far.
struct Tally<S> {
    sums: S,
    /// Σ of the totals.
    total: f64,
    /// Σ count · idf² over what the counters have said, in four sums that do not wait for each other.
    crossed: [f64; 4],
}

impl<'i> FastVectorizer<'i> {
    /// Opens the sections of vectorizer `at`, which [`plan`] has made; checks all that scoring relies on.
    pub fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
        lanes: usize,
    ) -> Result<Self, Defect> {
        let parents: &[u32] = image.section(Section::Parents, at)?;
        let squares: &[f64] = image.section(Section::Squares, at)?;
        let totals: &[f64] = image.section(Section::Totals, at)?;
        let cells: &[Cell] = image.section(Section::Automaton, at)?;
        let entries = parents.len();
        let descend = parents.iter().zip(0..).all(|(&parent, feature)| parent < feature || feature == 0);
        let fit = squares.len() == entries && totals.len() == entries;
        if parents.first() != Some(&NO_FEATURE) || !descend || !fit {
            return Err(Defect::Image("its features do not fit together"));
        }
        let rows = Rows::from_image(image, at, entries, lanes)?;
        let automaton = Automaton::from_cells(cells, entries - 1)?;
        let (analyzer, norm) = (settings.analyzer, settings.norm);
        Ok(Self {
            analyzer,
            norm,
            lanes,
            automaton,
            parents,
            squares,
            totals,
            rows,
            processor: Processor::detect(),
        })
    }

    /// Buffers for [`Self::sum`].
    pub fn scratch(&self) -> FastScratch {
        let counted = if self.norm == Some(Norm::L2) { self.parents.len() - 1 } else { 0 };
        FastScratch {
            counters: Counters::new(counted),
            cache: WordCache::new(self.lanes),
            row: vec![0.0; self.lanes],
            features: Vec::new(),
            squares: Vec::new(),
        }
    }

    /// Replaces `sums` by the sum of the weights of all n-grams of `text`; returns the norm to divide it by.
    pub fn sum(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut FastScratch,
        sums: &mut Vec<f64>,
    ) -> f64 {
        sums.clear();
        sums.resize(self.lanes, 0.0);
        self.processor.run(self, characters, text, scratch, sums)
    }

    /// [`Self::sum`] into `sums`, which holds zeros. Always inlined, so that it is compiled for each kind of processor.
    #[inline(always)]
    fn sum_any(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut FastScratch,
        sums: &mut Vec<f64>,
    ) -> f64 {
        match self.lanes {
            1 => self.sum_in::<One>(characters, text, scratch, sums),
            4 => self.sum_in::<Four>(characters, text, scratch, sums),
            _ if self.rows.is_sparse() => self.sum_in::<Sparse>(characters, text, scratch, sums),
            _ => self.sum_in::<Vec<f64>>(characters, text, scratch, sums),
        }
    }

    #[inline(always)]
    fn sum_in<S: Sums>(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut FastScratch,
        sums: &mut Vec<f64>,
    ) -> f64 {
        scratch.counters.start(2 * text.len() + 2); // a word of one byte is padded to three
        let mut tally = Tally { sums: S::take(sums), total: 0.0, crossed: [0.0; 4] };
        match (self.analyzer, self.norm) {
            (Analyzer::CharWb, Some(Norm::L2)) => {
                self.read_words::<S, true>(characters, text, scratch, &mut tally);
            }
            (Analyzer::CharWb, _) => self.read_words::<S, false>(characters, text, scratch, &mut tally),
            (_, Some(Norm::L2)) => self.read_text::<S, true>(characters, text, scratch, &mut tally),
            (_, _) => self.read_text::<S, false>(characters, text, scratch, &mut tally),
        }
        tally.sums.give(sums);
        let norm = match self.norm {
            None => 1.0,
            Some(Norm::L1) => tally.total,
            Some(Norm::L2) => (tally.total + 2.0 * tally.crossed.iter().sum::<f64>()).sqrt(),
        };
        if norm == 0.0 { 1.0 } else { norm } // scikit-learn leaves a zero vector as it is
    }

    /// `char`: the n-grams of the whole text.
    #[inline(always)]
    fn read_text<S: Sums, const COUNTED: bool>(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut FastScratch,
        tally: &mut Tally<S>,
    ) {
        let mut state = ROOT;
        read_bytes(characters, text, |byte| {
            state = self.automaton.next(state, byte);
            self.count::<S, COUNTED>(self.automaton.feature(state), &mut scratch.counters, tally);
        });
    }

    /// `char_wb`: the n-grams of each word.
    #[inline(always)]
    fn read_words<S: Sums, const COUNTED: bool>(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut FastScratch,
        tally: &mut Tally<S>,
    ) {
        for (word, head) in Words::new(characters, text) {
            match scratch.cache.find(word, head) {
                Lookup::Found(slot) => {
                    let known = scratch.cache.contribution(slot);
                    tally.sums.add_row(known.row);
                    tally.total += known.total;
                    if COUNTED {
                        scratch.counters.add_all(known.features, known.squares, &mut tally.crossed);
                    }
                    continue;
                }
                Lookup::Again(hash) => self.learn(hash, word, head, scratch),
                Lookup::New => {}
            }
            for feature in self.places(word) {
                self.count::<S, COUNTED>(feature, &mut scratch.counters, tally);
            }
        }
    }

    /// The longest feature that ends at each place of a padded word.
    #[inline(always)]
    fn places<'w>(&'w self, word: &'w [u8]) -> Places<'w> {
        Places { automaton: self.automaton, state: ROOT, word, read: 0 }
    }

    /// Counts all features that end at a place, of which `feature` is the longest.
    #[inline(always)]
    fn count<S: Sums, const COUNTED: bool>(
        &self,
        feature: u32,
        counters: &mut Counters,
        tally: &mut Tally<S>,
    ) {
        if feature == NO_FEATURE {
            return;
        }
        tally.sums.add(self.rows, feature);
        tally.total += self.totals[feature as usize];
        if COUNTED {
            // Two sums in turn, so that they do not wait for each other.
            let [mut one, mut other] = [0.0; 2];
            let mut feature = feature;
            while feature != NO_FEATURE {
                let crossed = one + counters.add(feature, self.squares[feature as usize]);
                (one, other) = (other, crossed);
                feature = self.parents[feature as usize];
            }
            tally.crossed[0] += one;
            tally.crossed[1] += other;
        }
    }

    /// Puts what `word` contributes into the cache.
    #[cold]
    fn learn(&self, hash: u64, word: &[u8], head: Head, scratch: &mut FastScratch) {
        let FastScratch { cache, row, features, squares, .. } = scratch;
        row.fill(0.0);
        features.clear();
        squares.clear();
        let mut total = 0.0;
        for longest in self.places(word) {
            self.rows.add_scaled(longest, 1.0, row);
            total += self.totals[longest as usize];
            let mut feature = if self.norm == Some(Norm::L2) { longest } else { NO_FEATURE };
            while feature != NO_FEATURE {
                features.push(feature);
                squares.push(self.squares[feature as usize]);
                feature = self.parents[feature as usize];
            }
        }
        let filled = features.len().next_multiple_of(4);
        features.resize(filled, NO_FEATURE);
        squares.resize(filled, 0.0);
        cache.insert(hash, (word, head), (row, total), (features, squares));
    }
}

/// Calls `each` with the bytes of `text`, in which runs of white space are one.
#[inline(always)]
fn read_bytes(characters: Characters<'_>, text: &str, mut each: impl FnMut(u8)) {
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        // `\s\s+` becomes one space; a lone tab stays a tab.
        let mut character = character;
        if characters.is_space(character) {
            while rest.next_if(|&c| characters.is_space(c)).is_some() {
                character = ' ';
            }
        }
        character.encode_utf8(&mut [0; 4]).bytes().for_each(&mut each);
    }
}
