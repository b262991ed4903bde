//! Words of a text: as `str.split()` cuts them, at white space of the model's Python, and as `\w+` finds them.

use crate::text::characters::Characters;
use crate::text::head::{Head, alphanumeric_length, head, printable_length, window};

/// The words of a text in order, each with its head.
pub(super) struct Words<'t> {
    characters: Characters<'t>,
    text: &'t str,
    at: usize,
}

impl<'t> Words<'t> {
    pub(super) fn new(characters: Characters<'t>, text: &'t str) -> Self {
        Self { characters, text, at: 0 }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = (&'t [u8], Head);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() {
            let start = self.at;
            let window = window(bytes, start);
            let mut length = printable_length(window);
            // Most words are short, printable ASCII, and end with a space.
            if start + length != bytes.len() && bytes.get(start + length) != Some(&b' ') {
                length = word_length(self.characters, &self.text[start..]);
            }
            let end = start + length;
            // Over the white space, of which the text's end has none.
            self.at = end
                + match bytes.get(end) {
                    Some(byte) if byte.is_ascii() => 1,
                    _ => self.text[end..].chars().next().map_or(0, char::len_utf8),
                };
            if length > 0 {
                return Some((&bytes[start..end], head(window, length)));
            }
        }
        None
    }
}

/// The runs of word characters of a text in order, each with its head, but for those that are too short.
pub(super) struct Runs<'t> {
    characters: Characters<'t>,
    text: &'t str,
    at: usize,
    /// Fewest characters.
    shortest: usize,
}

impl<'t> Runs<'t> {
    #[inline(always)]
    pub(super) fn new(characters: Characters<'t>, text: &'t str, shortest: usize) -> Self {
        Self { characters, text, at: 0, shortest }
    }
}

impl<'t> Iterator for Runs<'t> {
    type Item = (&'t [u8], Head);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() {
            let start = self.at;
            let window = window(bytes, start);
            let mut length = alphanumeric_length(window, b'_');
            let mut is_long = length >= self.shortest;
            self.at = start + length + 1;
            // Most runs are short, ASCII, and end with an ASCII character.
            if bytes.get(start + length).is_some_and(|byte| length == 16 || !byte.is_ascii()) {
                (length, is_long) = run_length(self.characters, &self.text[start..], self.shortest);
                let end = start + length;
                self.at = end + self.text[end..].chars().next().map_or(0, char::len_utf8);
            }
            if is_long {
                return Some((&bytes[start..start + length], head(window, length)));
            }
        }
        None
    }
}

/// Length in bytes of the run of word characters at the start of `text`, and whether it has at least `shortest` of them.
#[cold]
fn run_length(characters: Characters<'_>, text: &str, shortest: usize) -> (usize, bool) {
    let length = text.find(|c| !characters.is_word(c)).unwrap_or(text.len());
    (length, text[..length].chars().nth(shortest - 1).is_some())
}

/// Length in bytes of what stands before the first white space of `text`.
#[cold]
fn word_length(characters: Characters<'_>, text: &str) -> usize {
    text.find(|c| characters.is_space(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::testing::CHARACTERS;
    use super::*;

    proptest! {
        #[test]
        fn words_are_those_of_a_split_at_white_space(text in "([a-c\0\u{7f}é]{0,20}[ \t\n\u{1c}\u{a0}\u{3000}]{0,2}){0,6}") {
            let is_space = |c| CHARACTERS.view().is_space(c);
            let words: Vec<_> = Words::new(CHARACTERS.view(), &text).map(|(word, head)| {
                let mut bytes = [0; 16];
                let kept = word.len().min(16);
                bytes[..kept].copy_from_slice(&word[..kept]);
                let whole = u128::from_le_bytes(bytes);
                assert_eq!(head, [whole as u64, (whole >> 64) as u64]);
                word.to_vec()
            }).collect();
            let expected: Vec<_> =
                text.split(is_space).filter(|w| !w.is_empty()).map(|w| w.as_bytes().to_vec()).collect();
            prop_assert_eq!(words, expected);
        }

        #[test]
        fn runs_are_those_of_word_characters(text in "([a-cZ_0\0\u{7f}é²日-]{0,20}[ \t.@`{/:\\[\u{a0}\u{3000}]{0,2}){0,6}", shortest in 1..4_usize) {
            let runs: Vec<_> = Runs::new(CHARACTERS.view(), &text, shortest).map(|(run, found)| {
                assert_eq!(found, head(window(run, 0), run.len()));
                run.to_vec()
            }).collect();
            let all = text.split(|c| !CHARACTERS.view().is_word(c));
            let expected: Vec<_> =
                all.filter(|run| run.chars().count() >= shortest).map(|run| run.as_bytes().to_vec()).collect();
            prop_assert_eq!(runs, expected);
        }
    }
}
