//! The lesson's cleaning in one pass over tables: what [`Cleaner::clean_plainly_into`] does step by step.

use std::collections::HashMap;

use super::characters::Characters;
use super::cleaner::{Cleaner, CleanerScratch, first_match, link_start, word_run};
use super::head::{Head, alphanumeric_length, head, window};
use super::lower::lower_into;
use super::work;

/// The runs with which stop words begin, where they are ASCII letters and digits of at most 16 bytes.
#[derive(Debug, Default)]
pub(super) struct StopTable {
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
    pub(super) fn new(stop_words: &HashMap<String, Vec<String>>) -> Self {
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

impl Cleaner {
    /// Replaces `out` by the cleaned text, as [`Self::clean_plainly_into`] does, in one pass.
    pub fn clean_into(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut CleanerScratch,
        out: &mut String,
    ) {
        if !self.suffixes.is_empty() {
            return self.clean_plainly_into(characters, text, scratch, out);
        }
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
            work::spend(1);
            let window = window(text.as_bytes(), at);
            let length = alphanumeric_length(window, b'0');
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
        work::spend(run);
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::characters::{CharacterTables, rust_tables};
    use super::*;

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
}
