//! The fast engine: vectorizers over a vocabulary of n-grams.
//!
//! An automaton reads each byte once, or each token. At each place it names the longest feature that ends there; all
//! other features that end there are suffixes of that one. Where the term frequency is the count itself, their rows are
//! summed ahead, and scoring adds one row a place instead of one an n-gram. What a word of `char_wb` contributes as a whole
//! is kept in a cache. [`super::plain`] defines what is right.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the chosen processor")]

mod automaton;
#[cfg(test)]
mod bounds;
mod char;
mod char_wb;
mod counters;
mod coverage;
mod double_array;
mod features;
mod processor;
mod rows;
mod tally;
#[cfg(test)]
mod tests;
mod token_automaton;
mod token_index;
mod word;
mod word_cache;
mod words;

use std::collections::BTreeSet;

use self::automaton::{Automaton, AutomatonBuilder, NO_FEATURE};
use self::counters::Counters;
use self::processor::Processor;
use self::rows::{Four, One, Sparse, Sums};
use self::tally::{Ahead, Counted, Summed, Tally};
use self::token_automaton::{TokenAutomaton, TokenAutomatonBuilder};
use self::token_index::{STOP_WORD, TokenIndex};
use self::word::WordReader;
use self::word_cache::{Record, WordCache};
use super::analysis;
use super::artifact::Vocabulary;
use super::error::Defect;
use super::image::{Image, Section};
use super::image_plan::ImagePlan;
use super::manifest::{NgramVectorizer, Norm};
use super::rows::{RowsRecipe, Source};
use super::weighing::{Counts, Weighing};
use crate::text::analyzer::Analyzer;
use crate::text::characters::Characters;
use crate::text::token_pattern::{PatternScratch, TokenPattern};
use crate::text::work;

/// A vectorizer of this engine with its share of the weights, a view into an image. Features are numbered from 1; entry
/// 0 of every list stands for none.
#[derive(Debug)]
pub struct FastVectorizer<'i> {
    reader: Reader<'i>,
    /// The longest feature that is a proper suffix of each.
    parents: &'i [u32],
    scoring: Scoring<'i>,
    processor: Processor,
}

/// How a text is read.
#[derive(Clone, Copy, Debug)]
enum Reader<'i> {
    Char(Automaton<'i>),
    CharWb(Automaton<'i>),
    Word(WordReader<'i>),
}

/// How what is found in a text becomes a sum of weights.
#[derive(Debug)]
enum Scoring<'i> {
    /// Row by row, as it is found.
    Ahead(Ahead<'i>),
    /// At the end, by how often each feature has been found.
    Counts(Weighing<'i>),
}

/// Buffers that a [`FastVectorizer`] keeps between texts.
#[derive(Debug)]
pub struct FastScratch {
    /// Of [`Scoring::Ahead`].
    counters: Counters,
    /// Of [`Scoring::Counts`].
    counts: Counts,
    /// Of [`Reader::CharWb`].
    cache: Option<WordCache>,
    /// Of [`Reader::Word`].
    pattern: PatternScratch,
}

impl FastScratch {
    /// How often a word was found in the cache, and how often one was looked for.
    pub fn cache_hits(&self) -> (u64, u64) {
        self.cache.as_ref().map_or((0, 0), |cache| (cache.hits, cache.lookups))
    }

    /// Gives back what a buffer that grows with a text has above `bytes`.
    pub(super) fn shrink(&mut self, bytes: usize) {
        self.pattern.shrink(bytes);
    }

    /// Bytes of all buffers that grow with a text.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.pattern.memory()
    }

    /// Works without the cache from now on.
    pub(super) fn turn_cache_off(&mut self) {
        self.cache.iter_mut().for_each(WordCache::turn_off);
    }
}

/// Whether this engine can stand for a vectorizer of these settings, whose tokens `pattern` finds where it has a program.
///
/// It can for all that has a vocabulary, unless a token may hold a space: then the space in an n-gram does not tell where
/// one token ends.
pub fn supports(settings: &NgramVectorizer, pattern: Option<TokenPattern<'_>>) -> bool {
    settings.alternate_sign.is_none() && pattern.is_none_or(|pattern| !pattern.reads(' '))
}

/// Whether the sums of rows and totals are known ahead: where the term frequency is the count itself.
fn sums_ahead(settings: &NgramVectorizer) -> bool {
    !settings.binary && !settings.sublinear_tf && settings.then.is_empty()
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
    let has_norm = settings.norm.is_some() || settings.then.iter().any(|next| next.norm.is_some());
    let counts = |column: u32| has_norm || !weights.is_zero(column);
    let (terms, columns) = features::select(settings.analyzer, settings.range(), vocabulary.terms(), counts)?;
    let (numbers, parents) = if settings.analyzer == Analyzer::Word {
        let automaton = TokenAutomatonBuilder::new(&terms);
        let (numbers, parents) = features::renumber(automaton.parents());
        plan_tokens(image, at, settings, automaton, &numbers);
        (numbers, parents)
    } else {
        let automaton = AutomatonBuilder::new(&terms);
        let (numbers, parents) = features::renumber(automaton.parents());
        image.push(Section::Automaton, at, automaton.finish(&numbers));
        (numbers, parents)
    };
    drop(terms);
    image.push(Section::Parents, at, parents.clone());
    let by_number = |values: Option<&[f64]>| {
        let mut numbered = vec![0.0; numbers.len()];
        for (&number, &column) in numbers[1..].iter().zip(&columns) {
            numbered[number as usize] = values.map_or(1.0, |values| values[column as usize]);
        }
        numbered
    };
    let idf = by_number(vocabulary.idf.as_deref());
    let is_ahead = sums_ahead(settings);
    if is_ahead {
        plan_ahead(image, at, settings.norm, &parents, &idf);
    } else {
        image.push(Section::Idf, at, if settings.idf { idf.clone() } else { Vec::new() });
        let scales = vocabulary.scales.iter().filter(|scale| !scale.is_empty());
        image.push(Section::Scales, at, scales.flat_map(|scale| by_number(Some(scale))).collect::<Vec<_>>());
    }
    let factors = if settings.then.is_empty() { idf } else { by_number(None) };
    let parents = if is_ahead { parents } else { Vec::new() };
    RowsRecipe { weights, columns, numbers: numbers[1..].to_vec(), factors, parents }.plan(image, at);
    Ok(())
}

/// Appends what is summed ahead of features: see [`Ahead`].
fn plan_ahead(image: &mut ImagePlan<'_>, at: usize, norm: Option<Norm>, parents: &[u32], idf: &[f64]) {
    let squares: Vec<f64> = idf.iter().map(|idf| idf * idf).collect();
    let mut totals: Vec<f64> = match norm {
        None => vec![0.0; idf.len()],
        Some(Norm::L1) => idf.iter().map(|idf| idf.abs()).collect(),
        Some(Norm::L2) => squares.clone(),
    };
    for feature in 1..totals.len() {
        totals[feature] += totals[parents[feature] as usize]; // a parent's number is lower: its total is complete
    }
    image.push(Section::Squares, at, squares);
    image.push(Section::Totals, at, totals);
}

/// Appends an automaton over tokens, their index, and what finds them in a text.
fn plan_tokens(
    image: &mut ImagePlan<'_>,
    at: usize,
    settings: &NgramVectorizer,
    automaton: TokenAutomatonBuilder<'_>,
    numbers: &[u32],
) {
    let stop_words: BTreeSet<&[u8]> = settings.stop_words.iter().map(String::as_bytes).collect();
    let known = automaton.tokens.iter().copied().zip(1..).filter(|(token, _)| !stop_words.contains(token));
    let tokens: Vec<_> = known.chain(stop_words.iter().map(|&word| (word, STOP_WORD))).collect();
    let (slots, rests) = token_index::build(&tokens);
    let (states, steps) = automaton.finish(numbers);
    image.push(Section::TokenSlots, at, slots);
    image.push(Section::TokenRests, at, rests);
    image.push(Section::TokenStates, at, states);
    image.push(Section::TokenSteps, at, steps);
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
        let descend = parents.iter().zip(0..).all(|(&parent, feature)| parent < feature || feature == 0);
        if parents.first() != Some(&NO_FEATURE) || !descend {
            return Err(Defect::Image("its features do not fit together"));
        }
        let scoring = if sums_ahead(settings) {
            Scoring::Ahead(Ahead::from_image(image, at, parents, (settings.norm, lanes))?)
        } else {
            Scoring::Counts(Weighing::from_image(image, at, settings, (parents.len(), lanes))?)
        };
        let reader = Reader::from_image(image, at, settings, parents.len() - 1)?;
        Ok(Self { reader, parents, scoring, processor: Processor::detect() })
    }

    /// Buffers for [`Self::sum`].
    pub fn scratch(&self) -> FastScratch {
        let entries = self.parents.len();
        let (lanes, counters, counts) = match &self.scoring {
            Scoring::Ahead(ahead) => (ahead.lanes, if ahead.is_counted() { entries - 1 } else { 0 }, 0),
            Scoring::Counts(_) => (0, 0, entries),
        };
        let has_squares = counters > 0;
        let has_words = matches!(self.reader, Reader::CharWb(_));
        FastScratch {
            counters: Counters::new(counters),
            counts: Counts::new(counts),
            cache: has_words.then(|| WordCache::new(lanes, has_squares)),
            pattern: PatternScratch::default(),
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
        self.processor.run(self, characters, text, scratch, sums)
    }

    /// [`Self::sum`]. Always inlined, so that it is compiled for each kind of processor.
    #[inline(always)]
    fn sum_any(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut FastScratch,
        sums: &mut Vec<f64>,
    ) -> f64 {
        match &self.scoring {
            Scoring::Counts(weighing) => {
                let FastScratch { counts, cache, pattern, .. } = scratch;
                self.read(characters, text, cache, pattern, Counted { parents: self.parents, counts });
                weighing.weigh(counts, sums)
            }
            Scoring::Ahead(ahead) => {
                sums.clear();
                sums.resize(ahead.lanes, 0.0);
                match (ahead.lanes, ahead.is_counted()) {
                    (_, true) if ahead.rows.is_sparse() => {
                        self.sum_ahead::<Sparse, true>(*ahead, characters, text, scratch, sums)
                    }
                    (_, false) if ahead.rows.is_sparse() => {
                        self.sum_ahead::<Sparse, false>(*ahead, characters, text, scratch, sums)
                    }
                    (1, true) => self.sum_ahead::<One, true>(*ahead, characters, text, scratch, sums),
                    (4, true) => self.sum_ahead::<Four, true>(*ahead, characters, text, scratch, sums),
                    (_, true) => self.sum_ahead::<Vec<f64>, true>(*ahead, characters, text, scratch, sums),
                    (_, false) => self.sum_ahead::<Vec<f64>, false>(*ahead, characters, text, scratch, sums),
                }
            }
        }
    }

    #[inline(always)]
    fn sum_ahead<S: Sums, const COUNTED: bool>(
        &self,
        ahead: Ahead<'_>,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut FastScratch,
        sums: &mut Vec<f64>,
    ) -> f64 {
        let FastScratch { counters, cache, pattern, .. } = scratch;
        let most = 2 * text.len() + 2; // a word of one byte is padded to three
        let tally = Summed::<S, COUNTED>::new(ahead, counters, most, sums);
        self.read(characters, text, cache, pattern, tally).finish(sums)
    }

    /// Reads a text into `tally`, and returns it: passed by value, it stays in registers.
    #[inline(always)]
    fn read<T: Tally>(
        &self,
        characters: Characters<'_>,
        text: &str,
        cache: &mut Option<WordCache>,
        pattern: &mut PatternScratch,
        tally: T,
    ) -> T {
        match (self.reader, cache) {
            (Reader::Char(automaton), _) => char::read(automaton, characters, text, tally),
            (Reader::CharWb(automaton), Some(cache)) => {
                let record =
                    |longest: &mut dyn Iterator<Item = u32>, kept: &mut Record| self.record(longest, kept);
                char_wb::read(automaton, characters, text, cache, record, tally)
            }
            (Reader::CharWb(_), None) => unreachable!("the scratch is of another model"),
            (Reader::Word(reader), _) => reader.read(characters, text, pattern, tally),
        }
    }

    /// Puts together what a word contributes, of the longest feature at each of its places.
    fn record(&self, places: &mut dyn Iterator<Item = u32>, record: &mut Record) {
        for longest in places {
            if let Scoring::Ahead(ahead) = &self.scoring {
                ahead.rows.add_scaled(longest, 1.0, &mut record.row);
                record.total += ahead.totals[longest as usize];
                if !ahead.is_counted() {
                    continue;
                }
            }
            let mut feature = longest;
            while feature != NO_FEATURE {
                work::spend(1);
                record.features.push(feature);
                if let Scoring::Ahead(ahead) = &self.scoring {
                    record.squares.push(ahead.squares[feature as usize]);
                }
                feature = self.parents[feature as usize];
            }
        }
    }
}

impl<'i> Reader<'i> {
    /// Opens what reads for vectorizer `at`, whose features are numbered up to `features`.
    fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
        features: usize,
    ) -> Result<Self, Defect> {
        if settings.analyzer == Analyzer::Word {
            let states = image.section(Section::TokenStates, at)?;
            let automaton =
                TokenAutomaton::from_parts(states, image.section(Section::TokenSteps, at)?, features)?;
            let slots = image.section(Section::TokenSlots, at)?;
            let index = TokenIndex::from_parts(slots, image.section(Section::TokenRests, at)?)?;
            let tokens = analysis::tokens(image, at, settings)?;
            return WordReader::new(tokens, index, automaton).map(Self::Word);
        }
        let automaton = Automaton::from_cells(image.section(Section::Automaton, at)?, features)?;
        Ok(if settings.analyzer == Analyzer::Char { Self::Char(automaton) } else { Self::CharWb(automaton) })
    }
}
