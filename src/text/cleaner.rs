//! The lesson's cleaning: lower case, stop words out, everything but ASCII letters and digits to single spaces,
//! links out. `TextCleaner` of the exporter is the same in Python, and so the definition.

use std::collections::HashMap;

use super::characters::Characters;
use super::lower::lower_into;

/// A cleaner that has been checked: its stop words begin and end with word characters.
#[derive(Debug)]
pub struct Cleaner {
    lower: bool,
    /// Stop words by the run of word characters that they begin with, each list in the order that was given: of two
    /// that match, the earlier one wins, as in a regex alternation.
    stop_words: HashMap<String, Vec<String>>,
}

/// Buffers that a cleaner keeps between texts.
#[derive(Debug, Default)]
pub struct CleanerScratch {
    lowered: String,
    stopped: String,
}

/// A stop word that could match where no word of the text begins or ends, which this cleaner does not do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("stop word {0:?} must begin and end with a letter, a digit or an underscore")]
pub struct StopWordError(pub String);

impl Cleaner {
    /// A cleaner that lowers if `lower` is set, and removes `stop_words`.
    pub fn new(
        lower: bool,
        stop_words: &[String],
        characters: Characters<'_>,
    ) -> Result<Self, StopWordError> {
        let mut by_first_run: HashMap<String, Vec<String>> = HashMap::new();
        for word in stop_words {
            let is_word = |c: Option<char>| c.is_some_and(|c| characters.is_word(c));
            if !is_word(word.chars().next()) || !is_word(word.chars().next_back()) {
                return Err(StopWordError(word.clone()));
            }
            let run = &word[..word_run(characters, word)];
            by_first_run.entry(run.to_owned()).or_default().push(word.clone());
        }
        Ok(Self { lower, stop_words: by_first_run })
    }

    /// Replaces `out` by the cleaned text: ASCII letters and digits, single spaces between them, none at the ends —
    /// but where a link was removed its spaces stay, as in the lesson.
    pub fn clean_into(
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
        let text = if self.stop_words.is_empty() {
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
        // A match starts where a run of word characters starts (`\b` before a word character), so only run starts
        // are looked at; what stands before a run is copied.
        while !rest.is_empty() {
            let gap = rest.find(|c| characters.is_word(c)).unwrap_or(rest.len());
            out.push_str(&rest[..gap]);
            rest = &rest[gap..];
            let run = word_run(characters, rest);
            if let Some(length) = self.stop_word_at(characters, rest, run) {
                rest = rest[length..].trim_start_matches(|c| characters.is_space(c));
            } else {
                out.push_str(&rest[..run]);
                rest = &rest[run..];
            }
        }
    }

    /// Length of the stop word at the start of `rest`, whose first run of word characters has `run` bytes.
    fn stop_word_at(&self, characters: Characters<'_>, rest: &str, run: usize) -> Option<usize> {
        let candidates = self.stop_words.get(&rest[..run])?;
        let ends = |after: &str| after.chars().next().is_none_or(|c| !characters.is_word(c)); // `\b` after a word
        let matches = |word: &&String| rest.strip_prefix(word.as_str()).is_some_and(ends);
        candidates.iter().find(matches).map(String::len)
    }
}

/// Length in bytes of the run of word characters at the start of `text`.
fn word_run(characters: Characters<'_>, text: &str) -> usize {
    text.find(|c| !characters.is_word(c)).unwrap_or(text.len())
}

/// Where `http\S+` begins in a token, or the token's length: the first `http` that has a character behind it.
fn link_start(token: &str) -> usize {
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
        }
    }

    #[test]
    fn a_stop_word_at_no_word_boundary_is_refused() {
        let tables = rust_tables();
        for word in ["", "'tis", "a ", "…"] {
            let refused = Cleaner::new(true, &[word.to_owned()], tables.view()).unwrap_err();
            assert_eq!(refused, StopWordError(word.to_owned()));
        }
    }
}
