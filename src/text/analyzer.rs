//! Analyzers: a text → its n-grams, as scikit-learn's `CountVectorizer` cuts them.
//!
//! The rules are those of `_char_wb_ngrams`, `_char_ngrams` and `_word_ngrams` in
//! `sklearn/feature_extraction/text.py`; the comments name what is easily got wrong.

use std::collections::HashSet;

use super::characters::Characters;
use super::token_pattern::{PatternScratch, TokenPattern};

/// How a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyzer {
    /// Character n-grams inside one word, which is padded with a space on each side.
    CharWb,
    /// Character n-grams over the whole text, across words.
    Char,
    /// Word n-grams, the words joined by one space.
    Word,
}

/// Smallest and largest n; `1 ≤ min ≤ max` is held by whoever makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NgramRange {
    /// Smallest n.
    pub min: usize,
    /// Largest n.
    pub max: usize,
}

/// Buffers that an analyzer keeps between texts.
#[derive(Debug, Default)]
pub struct AnalyzerScratch {
    /// The word or text that is being cut, as it is cut (padded, folded, or joined).
    folded: String,
    /// Byte offset of each character of `folded`, and its length at the end (`char_*`); of each token (`word`).
    starts: Vec<usize>,
    /// End of each token (`word`).
    ends: Vec<usize>,
    pattern: PatternScratch,
}

/// What is a token to [`Analyzer::Word`].
#[derive(Debug)]
pub struct Tokenizer<'p> {
    /// How tokens are found.
    pub tokens: Tokens<'p>,
    /// Tokens that are left out.
    pub stop_words: HashSet<String>,
}

/// How tokens are found.
#[derive(Clone, Copy, Debug)]
pub enum Tokens<'p> {
    /// The runs of at least so many word characters: `(?u)\b\w\w+\b` and `(?u)\b\w+\b`.
    Runs(usize),
    /// What a pattern matches.
    Pattern(TokenPattern<'p>),
}

impl Default for Tokenizer<'_> {
    fn default() -> Self {
        Self { tokens: Tokens::Runs(2), stop_words: HashSet::new() }
    }
}

impl AnalyzerScratch {
    /// Gives back what each buffer has above `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        for places in [&mut self.starts, &mut self.ends] {
            places.truncate(bytes / size_of::<usize>());
            places.shrink_to(bytes / size_of::<usize>());
        }
        self.folded.clear();
        self.folded.shrink_to(bytes);
        self.pattern.shrink(bytes);
    }

    /// Bytes of all buffers that grow with a text.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.pattern.memory()
            + self.folded.capacity()
            + (self.starts.capacity() + self.ends.capacity()) * size_of::<usize>()
    }

    /// Calls `emit` with each n-gram of `text`, in scikit-learn's order; an n-gram comes as often as it occurs.
    /// `tokenizer` matters to [`Analyzer::Word`] alone.
    pub fn ngrams(
        &mut self,
        analyzer: Analyzer,
        tokenizer: &Tokenizer<'_>,
        range: NgramRange,
        characters: Characters<'_>,
        text: &str,
        emit: impl FnMut(&[u8]),
    ) {
        match analyzer {
            Analyzer::CharWb => self.char_wb(range, characters, text, emit),
            Analyzer::Char => self.char(range, characters, text, emit),
            Analyzer::Word => self.word(tokenizer, range, characters, text, emit),
        }
    }

    fn char_wb(
        &mut self,
        range: NgramRange,
        characters: Characters<'_>,
        text: &str,
        mut emit: impl FnMut(&[u8]),
    ) {
        // `split()` on white space makes the folding of runs before it a no-op.
        for word in text.split(|c| characters.is_space(c)).filter(|word| !word.is_empty()) {
            self.folded.clear();
            self.folded.push(' ');
            self.folded.push_str(word);
            self.folded.push(' ');
            self.find_characters();
            let length = self.starts.len() - 1;
            for n in range.min..=range.max {
                self.windows(n.min(length), &mut emit);
                if n >= length {
                    break; // a word no longer than n counts once, not once for every larger n
                }
            }
        }
    }

    fn char(
        &mut self,
        range: NgramRange,
        characters: Characters<'_>,
        text: &str,
        mut emit: impl FnMut(&[u8]),
    ) {
        fold_white_space(characters, text, &mut self.folded);
        self.find_characters();
        let length = self.starts.len() - 1;
        for n in range.min..=range.max.min(length) {
            self.windows(n, &mut emit);
        }
    }

    fn word(
        &mut self,
        tokenizer: &Tokenizer<'_>,
        range: NgramRange,
        characters: Characters<'_>,
        text: &str,
        mut emit: impl FnMut(&[u8]),
    ) {
        let Self { folded, starts, ends, pattern } = self;
        folded.clear();
        starts.clear();
        ends.clear();
        let mut add = |token: &str| {
            if tokenizer.stop_words.is_empty() || !tokenizer.stop_words.contains(token) {
                if !starts.is_empty() {
                    folded.push(' ');
                }
                starts.push(folded.len());
                folded.push_str(token);
                ends.push(folded.len());
            }
        };
        match tokenizer.tokens {
            Tokens::Runs(shortest) => {
                let long = |token: &&str| token.chars().nth(shortest - 1).is_some();
                text.split(|c| !characters.is_word(c)).filter(long).for_each(add);
            }
            Tokens::Pattern(program) => program.find_all(text, pattern, &mut add),
        }
        // With max_n 1 scikit-learn never looks at min_n; they are equal then, by the order that it enforces.
        for n in range.min..=range.max.min(self.starts.len()) {
            for (&start, &end) in self.starts.iter().zip(&self.ends[n - 1..]) {
                emit(&self.folded.as_bytes()[start..end]);
            }
        }
    }

    /// Notes where each character of `folded` starts.
    fn find_characters(&mut self) {
        self.starts.clear();
        self.starts.extend(self.folded.char_indices().map(|(at, _)| at));
        self.starts.push(self.folded.len());
    }

    /// All windows of `n` characters; `n` is at most their number.
    fn windows(&self, n: usize, emit: &mut impl FnMut(&[u8])) {
        for (&start, &end) in self.starts.iter().zip(&self.starts[n..]) {
            emit(&self.folded.as_bytes()[start..end]);
        }
    }
}

/// `re.sub(r"\s\s+", " ", text)`: a run of two or more becomes one space; a lone tab stays a tab.
fn fold_white_space(characters: Characters<'_>, text: &str, out: &mut String) {
    out.clear();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let mut run = false;
        while characters.is_space(character) && rest.next_if(|&c| characters.is_space(c)).is_some() {
            run = true;
        }
        out.push(if run { ' ' } else { character });
    }
}

#[cfg(test)]
mod tests {
    use super::super::characters::rust_tables;
    use super::*;

    #[test]
    fn ngrams_are_scikit_learns() {
        // What `CountVectorizer(analyzer=…, ngram_range=…, lowercase=False).build_analyzer()` of 1.9.1 returns.
        type Case = (Analyzer, (usize, usize), &'static str, &'static [&'static str]);
        let cases: &[Case] = &[
            (Analyzer::CharWb, (2, 3), "ab c", &[" a", "ab", "b ", " ab", "ab ", " c", "c ", " c "]),
            (Analyzer::CharWb, (5, 8), "ab", &[" ab "]),
            (Analyzer::CharWb, (4, 5), "ab", &[" ab "]),
            (Analyzer::CharWb, (1, 2), "é", &[" ", "é", " ", " é", "é "]),
            (Analyzer::CharWb, (2, 2), " \t\u{a0} ", &[]),
            (Analyzer::Char, (1, 2), "a\tb", &["a", "\t", "b", "a\t", "\tb"]),
            (Analyzer::Char, (3, 3), "a \t b", &["a b"]),
            (Analyzer::Char, (2, 9), "ab", &["ab"]),
            (Analyzer::Char, (2, 3), "", &[]),
            (Analyzer::Char, (2, 3), "a", &[]),
            (Analyzer::Word, (1, 1), "I am a_b, 42 7 ok", &["am", "a_b", "42", "ok"]),
            (Analyzer::Word, (1, 2), "aa b cc", &["aa", "cc", "aa cc"]),
            (Analyzer::Word, (2, 3), "aa", &[]),
            (Analyzer::Word, (1, 2), "", &[]),
        ];
        let tables = rust_tables();
        let mut scratch = AnalyzerScratch::default();
        for (analyzer, (min, max), text, expected) in cases {
            let mut got = Vec::new();
            let range = NgramRange { min: *min, max: *max };
            scratch.ngrams(*analyzer, &Tokenizer::default(), range, tables.view(), text, |ngram| {
                got.push(String::from_utf8(ngram.to_vec()).unwrap());
            });
            assert_eq!(got, *expected, "{analyzer:?} {range:?} of {text:?}");
        }
    }
}
