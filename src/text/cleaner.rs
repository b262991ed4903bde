//! The lesson's cleaning: lower case, stop words out, everything but ASCII letters and digits to single spaces,
//! links out. `TextCleaner` of the exporter is the same in Python, and so the definition.

use std::collections::HashMap;

use super::characters::Characters;
use super::head::{Head, first_marked, head, window};
use super::lower::lower_into;

/// A cleaner that has been checked: its stop words begin and end with word characters.
#[derive(Debug)]
pub struct Cleaner {
    lower: bool,
    /// Stop words by the run of word characters that they begin with, each list in the order that was given: of two
    /// that match, the earlier one wins, as in a regex alternation.
    stop_words: HashMap<String, Vec<String>>,
    /// The same, for texts of plain ASCII words.
    table: StopTable,
}

/// The runs with which stop words begin, where they are ASCII letters and digits of at most 16 bytes.
#[derive(Debug)]
struct StopTable {
    /// Open addressing, at most a quarter full; empty slots have an empty head.
    slots: Vec<StopRun>,
}

#[derive(Clone, Debug, Default)]
struct StopRun {
    head: Head,
    /// The stop words that begin with it, in order.
    words: Vec<String>,
}

impl StopTable {
    fn new(stop_words: &HashMap<String, Vec<String>>) -> Self {
        let mut table =
            Self { slots: vec![StopRun::default(); (4 * stop_words.len()).next_power_of_two().max(64)] };
        for (run, words) in stop_words {
            if run.len() <= 16 && run.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                let head = window(run.as_bytes(), 0);
                let at = table.slot_of(head);
                table.slots[at] = StopRun { head, words: words.clone() };
            }
        }
        table
    }

    /// Where `head` is, or the empty slot where it would be.
    #[inline(always)]
    fn slot_of(&self, head: Head) -> usize {
        let mask = self.slots.len() - 1;
        let mixed = (head[0] ^ head[1].rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut at = (mixed >> 40) as usize & mask;
        while self.slots[at].head != head && self.slots[at].head != [0, 0] {
            at = (at + 1) & mask;
        }
        at
    }
}

/// Buffers that a cleaner keeps between texts.
#[derive(Debug, Default)]
pub struct CleanerScratch {
    lowered: String,
    stopped: String,
    cleaned: Vec<u8>,
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
        Ok(Self { lower, table: StopTable::new(&by_first_run), stop_words: by_first_run })
    }

    /// Whether cleaned texts are in lower case.
    pub fn lowers(&self) -> bool {
        self.lower
    }

    /// Replaces `out` by the cleaned text, as [`Self::clean_plainly_into`] does, in one pass.
    pub fn clean_into(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut CleanerScratch,
        out: &mut String,
    ) {
        let CleanerScratch { lowered, cleaned, .. } = scratch;
        let text = if self.lower {
            lowered.clear();
            lower_into(characters, text, lowered);
            lowered.as_str()
        } else {
            text
        };
        let mut tokens = Tokens::new(text, cleaned);
        let mut at = 0;
        // Only runs of word characters matter: stop words begin at their starts, tokens lie inside them. What a stop
        // word leaves never joins two tokens, because a character that is no word character stands before it.
        while at < text.len() {
            let window = window(text.as_bytes(), at);
            let length = alphanumeric_length(window);
            let end = text.as_bytes().get(at + length).copied().unwrap_or(b' ');
            if length == 16 || end == b'_' || !end.is_ascii() {
                at += self.clean_run(characters, &text[at..], &mut tokens);
            } else if length == 0 {
                at += 1;
            } else if let Some(stopped) = self.stopped(characters, &text[at..], length, head(window, length))
            {
                at += stopped;
            } else {
                tokens.push_short(window, &text[at..at + length]);
                at += length;
            }
        }
        out.clear();
        out.push_str(tokens.as_str());
    }

    /// Length of the stop word at the start of `rest`, whose first run is `head`, `length` bytes long.
    #[inline(always)]
    fn stopped(&self, characters: Characters<'_>, rest: &str, length: usize, head: Head) -> Option<usize> {
        match self.table.slots[self.table.slot_of(head)].words.as_slice() {
            [] => None,
            [first, ..] if first.len() == length => Some(length), // it is the run itself
            words => first_match(characters, words, rest),
        }
    }

    /// Cleans one character that is no word character, or one run of word characters of any kind, or one stop word;
    /// returns its length.
    #[cold]
    fn clean_run(&self, characters: Characters<'_>, rest: &str, tokens: &mut Tokens<'_>) -> usize {
        let run = word_run(characters, rest);
        if run == 0 {
            return rest.chars().next().map_or(0, char::len_utf8);
        }
        if let Some(length) = self.stop_word_at(characters, rest, run) {
            return length;
        }
        let parts = rest[..run].split(|c: char| !c.is_ascii_alphanumeric());
        parts.filter(|token| !token.is_empty()).for_each(|token| tokens.push(token));
        run
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
        first_match(characters, self.stop_words.get(&rest[..run])?, rest)
    }
}

/// Length of the first of `words` that stands at the start of `rest`, up to the end of a word.
fn first_match(characters: Characters<'_>, words: &[String], rest: &str) -> Option<usize> {
    let ends = |after: &str| after.chars().next().is_none_or(|c| !characters.is_word(c)); // `\b` after a word
    let matches = |word: &&String| rest.strip_prefix(word.as_str()).is_some_and(ends);
    words.iter().find(matches).map(String::len)
}

/// Number of ASCII letters and digits at the start of `window`.
#[inline(always)]
fn alphanumeric_length(window: Head) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const UPPER_BITS: u64 = ONES * 0x80;
    // The upper bit of each byte whose lower seven bits are at least `least`; nothing is borrowed across bytes.
    let at_least = |word: u64, least: u8| (word | UPPER_BITS) - ONES * u64::from(least);
    first_marked(window.map(|word| {
        let lowered = word | (ONES * 0x20);
        let letter = at_least(lowered, b'a') & !at_least(lowered, b'z' + 1);
        let digit = at_least(word, b'0') & !at_least(word, b'9' + 1);
        !((letter | digit) & !word) & UPPER_BITS
    }))
}

/// The tokens of a cleaned text, as they are found.
struct Tokens<'b> {
    /// Room for the whole text and a token's window behind it.
    bytes: &'b mut Vec<u8>,
    length: usize,
    empty: bool,
    /// Whether there is a link anywhere in the text.
    links: bool,
}

impl<'b> Tokens<'b> {
    /// No tokens yet, of a text that has been put in lower case.
    fn new(text: &str, bytes: &'b mut Vec<u8>) -> Self {
        let needed = text.len() + 32;
        if bytes.len() < needed {
            bytes.resize(needed, 0);
        }
        Self { bytes, length: 0, empty: true, links: text.contains("http") }
    }

    fn space(&mut self) {
        self.bytes[self.length] = b' ';
        self.length += usize::from(!self.empty);
        self.empty = false;
    }

    /// Adds a token of fewer than 16 bytes, which are the first of `window`.
    #[inline(always)]
    fn push_short(&mut self, window: Head, token: &str) {
        self.space();
        if let Some(place) = self.bytes[self.length..].first_chunk_mut::<16>() {
            let whole = u128::from(window[0]) | u128::from(window[1]) << 64;
            *place = whole.to_le_bytes();
        }
        self.length += if self.links { link_start(token) } else { token.len() };
    }

    fn push(&mut self, token: &str) {
        self.space();
        let kept = &token.as_bytes()[..link_start(token)];
        self.bytes[self.length..self.length + kept.len()].copy_from_slice(kept);
        self.length += kept.len();
    }

    /// All tokens, single spaces between them.
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default() // they are ASCII
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
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::characters::{CharacterTables, rust_tables};
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

    proptest! {
        #[test]
        fn one_pass_cleans_as_the_steps_do(
            text in "((a|an|and|don't|don|t|http|x|https|the|The|é|İ|K|Σ|²|_|n'a|[a-zA-Z0-9_]{14,18})( |'|-|\t|\u{a0}|…|\u{301})?){0,12}",
            lower: bool,
        ) {
            static TABLES: LazyLock<CharacterTables> = LazyLock::new(rust_tables);
            let words = ["an", "a", "don't", "t", "the", "n'a", "x-the", "abcdefghijklmnopq", "é", "don't and"];
            let cleaner = Cleaner::new(lower, &words.map(String::from), TABLES.view()).unwrap();
            let (mut scratch, mut found, mut expected) = (CleanerScratch::default(), String::new(), String::new());
            cleaner.clean_into(TABLES.view(), &text, &mut scratch, &mut found);
            cleaner.clean_plainly_into(TABLES.view(), &text, &mut scratch, &mut expected);
            prop_assert_eq!(found, expected, "cleaned {:?}", text);
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
