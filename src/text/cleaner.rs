//! The lesson's cleaning: lower case, stop words out, everything but ASCII letters and digits to single spaces,
//! links out. `TextCleaner` of the exporter is the same in Python, and so the definition.

use std::collections::HashMap;

use super::characters::Characters;
use super::lower::lower_into;
use super::one_pass::StopTable;

/// A cleaner that has been checked: its stop words are not empty.
#[derive(Debug, Default)]
pub struct Cleaner {
    pub(super) lower: bool,
    /// Stop words by the run of word characters that they begin with, each list in the order that was given: of two
    /// that match, the earlier one wins, as in a regex alternation.
    pub(super) stop_words: HashMap<String, Vec<String>>,
    /// Stop words that begin with another character (`'s`), in order: they match only right behind a word.
    pub(super) suffixes: Vec<String>,
    /// The stop words for the one pass over texts of plain ASCII words.
    pub(super) table: StopTable,
}

/// Buffers that a cleaner keeps between texts.
#[derive(Debug, Default)]
pub struct CleanerScratch {
    pub(super) lowered: String,
    stopped: String,
    pub(super) cleaned: Vec<u8>,
}

impl CleanerScratch {
    /// Gives back what each buffer has above `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        for text in [&mut self.lowered, &mut self.stopped] {
            text.clear();
            text.shrink_to(bytes);
        }
        self.cleaned.truncate(bytes);
        self.cleaned.shrink_to(bytes);
    }

    /// Bytes of all buffers.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.lowered.capacity() + self.stopped.capacity() + self.cleaned.capacity()
    }
}

/// A stop word that would match at every word boundary.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stop word is empty")]
pub struct StopWordError;

impl Cleaner {
    /// A cleaner that lowers if `lower` is set, and removes `stop_words`.
    pub fn new(
        lower: bool,
        stop_words: &[String],
        characters: Characters<'_>,
    ) -> Result<Self, StopWordError> {
        let mut cleaner = Self { lower, ..Self::default() };
        for word in stop_words {
            match word_run(characters, word) {
                _ if word.is_empty() => return Err(StopWordError),
                0 => cleaner.suffixes.push(word.clone()),
                run => cleaner.stop_words.entry(word[..run].to_owned()).or_default().push(word.clone()),
            }
        }
        cleaner.table = StopTable::new(&cleaner.stop_words);
        Ok(cleaner)
    }

    /// Whether cleaned texts are in lower case.
    pub fn lowers(&self) -> bool {
        self.lower
    }

    /// Replaces `out` by the cleaned text: ASCII letters and digits, single spaces between them, none at the ends —
    /// but where a link was removed its spaces stay, as in the lesson. Step by step, as the lesson does it: this is the
    /// definition of [`Self::clean_into`].
    pub fn clean_plainly_into(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut CleanerScratch,
        out: &mut String,
    ) {
        let text = if self.lower {
            scratch.lowered.clear();
            lower_into(characters, text, &mut scratch.lowered);
            &scratch.lowered
        } else {
            text
        };
        let text = if self.stop_words.is_empty() && self.suffixes.is_empty() {
            text
        } else {
            scratch.stopped.clear();
            self.remove_stop_words(characters, text, &mut scratch.stopped);
            &scratch.stopped
        };
        out.clear();
        // Spacing the punctuation, as the lesson does first, changes nothing: it becomes a space here.
        let tokens = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|token| !token.is_empty());
        for (at, token) in tokens.enumerate() {
            if at > 0 {
                out.push(' ');
            }
            out.push_str(&token[..link_start(token)]);
        }
    }

    /// `re.sub(r"\b(w1|w2|…)\b\s*", "", text)`.
    fn remove_stop_words(&self, characters: Characters<'_>, text: &str, out: &mut String) {
        let mut rest = text;
        // A match begins at a word boundary of the text as it came: where a run of word characters begins, or right
        // behind one. So only these places are looked at; what stands between them is copied.
        while !rest.is_empty() {
            let gap = rest.find(|c| characters.is_word(c)).unwrap_or(rest.len());
            out.push_str(&rest[..gap]);
            rest = &rest[gap..];
            let run = word_run(characters, rest);
            let mut behind_word = run > 0;
            if let Some(length) = self.stop_word_at(characters, rest, run) {
                (rest, behind_word) = after_match(characters, rest, length);
            } else {
                out.push_str(&rest[..run]);
                rest = &rest[run..];
            }
            while behind_word && let Some(length) = self.suffix_at(characters, rest) {
                (rest, behind_word) = after_match(characters, rest, length);
            }
        }
    }

    /// Length of the stop word at the start of `rest`, whose first run of word characters has `run` bytes.
    pub(super) fn stop_word_at(&self, characters: Characters<'_>, rest: &str, run: usize) -> Option<usize> {
        first_match(characters, self.stop_words.get(&rest[..run])?, rest)
    }

    /// Length of the stop word at the start of `rest`, which follows a word.
    fn suffix_at(&self, characters: Characters<'_>, rest: &str) -> Option<usize> {
        first_match(characters, &self.suffixes, rest)
    }
}

/// Length of the first of `candidates` that `rest` begins with and that ends at a word boundary.
pub(super) fn first_match(characters: Characters<'_>, candidates: &[String], rest: &str) -> Option<usize> {
    let is_word = |c: Option<char>| c.is_some_and(|c| characters.is_word(c));
    let matches = |word: &&String| {
        let after = rest.strip_prefix(word.as_str());
        after.is_some_and(|after| is_word(word.chars().next_back()) != is_word(after.chars().next()))
    };
    candidates.iter().find(matches).map(String::len)
}

/// What follows a match of `length` bytes and the white space behind it, and whether a word stands right before that.
fn after_match<'t>(characters: Characters<'_>, rest: &'t str, length: usize) -> (&'t str, bool) {
    let after = &rest[length..];
    let trimmed = after.trim_start_matches(|c| characters.is_space(c));
    let ends_in_word = rest[..length].chars().next_back().is_some_and(|c| characters.is_word(c));
    (trimmed, ends_in_word && trimmed.len() == after.len())
}

/// Length in bytes of the run of word characters at the start of `text`.
pub(super) fn word_run(characters: Characters<'_>, text: &str) -> usize {
    text.find(|c| !characters.is_word(c)).unwrap_or(text.len())
}

/// Where `http\S+` begins in a token, or the token's length: the first `http` that has a character behind it.
pub(super) fn link_start(token: &str) -> usize {
    match token.find("http") {
        Some(at) if at + "http".len() < token.len() => at,
        _ => token.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::characters::rust_tables;
    use super::*;

    #[test]
    fn cleaning_is_the_lessons() {
        let words = ["i", "you", "you're", "s", "t", "don", "don't", "the", "ain't"].map(String::from);
        // What the exporter's TextCleaner(stop_words=words) makes of each.
        let cases = [
            ("", ""),
            ("The cat, THE dog!", "cat dog"),
            ("you're here", "re here"),
            ("don't panic", "panic"),
            ("ain't ain'tx the_ theory", "ain tx the theory"),
            ("see https://x.org/y now", "see  x org y now"),
            ("a https b", "a  b"),
            ("https b", " b"),
            ("http", "http"),
            ("xhttp xhttpz", "xhttp x"),
            ("I'S é the\u{a0}\u{2028}ö x", "x"),
            ("na\u{ef}ve \u{130}stanbul", "na ve stanbul"),
            ("a\0b\tc", "a b c"),
        ];
        let tables = rust_tables();
        let cleaner = Cleaner::new(true, &words, tables.view()).unwrap();
        let (mut scratch, mut out) = (CleanerScratch::default(), String::new());
        for (text, expected) in cases {
            cleaner.clean_into(tables.view(), text, &mut scratch, &mut out);
            assert_eq!(out, expected, "cleaned {text:?}");
            cleaner.clean_plainly_into(tables.view(), text, &mut scratch, &mut out);
            assert_eq!(out, expected, "plainly cleaned {text:?}");
        }
    }

    #[test]
    fn stop_words_of_any_characters_match_at_word_boundaries() {
        // What `re.sub(r"\b(" + "|".join(map(re.escape, words)) + r")\b\s*", "", text)` makes of each.
        let words = ["'s", "e.g.", "it", "-", "n't", "don", "..."].map(String::from);
        let cases = [
            ("it's", ""),
            ("he's in", "hein"),
            ("e.g. this e.g.that", "e.g. this that"),
            ("a-b a - b a--b", "ab a - b a--b"),
            ("don't isn't", "'t isn't"),
            ("x...y z... w", "xy z... w"),
            ("it...it", ""),
        ];
        let tables = rust_tables();
        let cleaner = Cleaner::new(false, &words, tables.view()).unwrap();
        for (text, expected) in cases {
            let mut out = String::new();
            cleaner.remove_stop_words(tables.view(), text, &mut out);
            assert_eq!(out, expected, "stop words out of {text:?}");
        }
        assert_eq!(Cleaner::new(false, &[String::new()], tables.view()).unwrap_err(), StopWordError);
    }
}
