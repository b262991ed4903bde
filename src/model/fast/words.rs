//! Words of a text, as `str.split()` cuts them: at white space of the model's Python.

use crate::text::characters::Characters;

/// A word of at most 16 bytes in two integers, first byte lowest, zeros behind it; of a longer one, its first 16 bytes.
pub(super) type Head = [u64; 2];

/// Calls `each` with every word of `text` and its head.
#[inline(always)]
pub(super) fn for_each_word(characters: Characters<'_>, text: &str, mut each: impl FnMut(&[u8], Head)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let window = window(bytes, at);
        let length = match plain_length(window) {
            // Most words are short, ASCII, and end with a space.
            Some(length) if at + length == bytes.len() || bytes[at + length] == b' ' => length,
            _ => word_length(characters, &text[at..]),
        };
        if length > 0 {
            each(&bytes[at..at + length], head(window, length));
            at += length;
        }
        // Over the white space, of which the text's end has none.
        at += match bytes.get(at) {
            Some(b' ') => 1,
            Some(_) => text[at..].chars().next().map_or(0, char::len_utf8),
            None => 0,
        };
    }
}

/// The 16 bytes from `at` on, with zeros behind the end.
#[inline(always)]
fn window(bytes: &[u8], at: usize) -> Head {
    let chunk = match bytes[at..].first_chunk::<16>() {
        Some(chunk) => *chunk,
        None => {
            let mut chunk = [0; 16];
            let rest = &bytes[at..];
            chunk[..rest.len()].copy_from_slice(rest);
            chunk
        }
    };
    let whole = u128::from_le_bytes(chunk);
    [whole as u64, (whole >> 64) as u64]
}

/// Number of bytes before the first one of `window` that is no printable ASCII character other than the space; `None`
/// if there is none such.
#[inline(always)]
fn plain_length(window: Head) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    // The upper bit of each byte below 0x21 or above 0x7F. A borrow runs only from a byte that is found itself, and
    // the lowest one counts.
    let stops = |word: u64| (word.wrapping_sub(ONES * 0x21) | word) & (ONES * 0x80);
    let (low, high) = (stops(window[0]), stops(window[1]));
    if low != 0 {
        Some(low.trailing_zeros() as usize / 8)
    } else if high != 0 {
        Some(8 + high.trailing_zeros() as usize / 8)
    } else {
        None
    }
}

/// Length in bytes of what stands before the first white space of `text`.
#[cold]
fn word_length(characters: Characters<'_>, text: &str) -> usize {
    text.find(|c| characters.is_space(c)).unwrap_or(text.len())
}

/// The first `length` bytes of `window`.
#[inline(always)]
fn head(window: Head, length: usize) -> Head {
    if length >= 16 {
        return window;
    }
    let mask = (1u128 << (8 * length)) - 1;
    [window[0] & mask as u64, window[1] & (mask >> 64) as u64]
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
            let mut words = Vec::new();
            for_each_word(CHARACTERS.view(), &text, |word, head| {
                let mut bytes = [0; 16];
                let kept = word.len().min(16);
                bytes[..kept].copy_from_slice(&word[..kept]);
                let whole = u128::from_le_bytes(bytes);
                assert_eq!(head, [whole as u64, (whole >> 64) as u64]);
                words.push(word.to_vec());
            });
            let expected: Vec<_> =
                text.split(is_space).filter(|w| !w.is_empty()).map(|w| w.as_bytes().to_vec()).collect();
            prop_assert_eq!(words, expected);
        }
    }
}
