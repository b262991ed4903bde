//! Words of a text, as `str.split()` cuts them: at white space of the model's Python.

use crate::text::characters::Characters;
use crate::text::head::{Head, first_marked, head, window};

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
            let mut length = plain_length(window);
            // Most words are short, ASCII, and end with a space.
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

/// Number of bytes before the first one of `window` that is no printable ASCII character other than the space; 16 if
/// there is none such.
#[inline(always)]
fn plain_length(window: Head) -> usize {
    const ONES: u64 = u64::MAX / 255;
    // The upper bit of each byte below 0x21 or above 0x7F. A borrow runs only from a byte that is marked itself, and
    // the lowest one counts.
    first_marked(window.map(|word| (word.wrapping_sub(ONES * 0x21) | word) & (ONES * 0x80)))
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
    }
}
