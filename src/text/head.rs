//! The first bytes of a word in integers, which are compared and hashed at once.

/// The first 16 bytes of something, lowest first, zeros where it is shorter.
pub type Head = [u64; 2];

/// The 16 bytes from `at` on, with zeros behind the end. `at` is at most the length.
#[inline(always)]
pub fn window(bytes: &[u8], at: usize) -> Head {
    let rest = &bytes[at..];
    let chunk = rest.first_chunk::<16>().copied().unwrap_or_else(|| {
        let mut chunk = [0; 16];
        chunk[..rest.len()].copy_from_slice(rest);
        chunk
    });
    let whole = u128::from_le_bytes(chunk);
    [whole as u64, (whole >> 64) as u64]
}

/// What stays of a window, for each length.
const MASKS: [Head; 17] = {
    let mut masks = [[u64::MAX; 2]; 17];
    let mut length = 0;
    while length < 16 {
        let mask = (1u128 << (8 * length)) - 1;
        masks[length] = [mask as u64, (mask >> 64) as u64];
        length += 1;
    }
    masks
};

/// The first `length` bytes of `window`, zeros behind them.
#[inline(always)]
pub fn head(window: Head, length: usize) -> Head {
    let mask = MASKS[length.min(16)];
    [window[0] & mask[0], window[1] & mask[1]]
}

/// All bytes 1.
const ONES: u64 = u64::MAX / 255;
const UPPER_BITS: u64 = ONES * 0x80;

/// Number of bytes at the start of `window` that are ASCII letters, digits, or `other`, which is ASCII, too.
#[inline(always)]
pub fn alphanumeric_length([low, high]: Head, other: u8) -> usize {
    first_marked([marks_of_others(low, other), marks_of_others(high, other)])
}

/// Marks the bytes of a word that are neither ASCII letters nor digits, nor `other`.
#[inline(always)]
fn marks_of_others(word: u64, other: u8) -> u64 {
    // The upper bit of each byte whose lower seven bits are at least `least`; nothing is borrowed across bytes.
    let at_least = |least: u8| (word | UPPER_BITS) - ONES * u64::from(least);
    let lowered_at_least = |least: u8| (word | (ONES * 0x20) | UPPER_BITS) - ONES * u64::from(least);
    let letter = lowered_at_least(b'a') & !lowered_at_least(b'z' + 1);
    let digit = at_least(b'0') & !at_least(b'9' + 1);
    let other = at_least(other) & !at_least(other + 1);
    !((letter | digit | other) & !word) & UPPER_BITS
}

/// Number of bytes at the start of `window` that are printable ASCII other than the space.
#[inline(always)]
pub fn printable_length([low, high]: Head) -> usize {
    // The upper bit of each byte below 0x21 or above 0x7F. A borrow runs only from a byte that is marked itself, and
    // the lowest one counts.
    let marks = |word: u64| (word.wrapping_sub(ONES * 0x21) | word) & UPPER_BITS;
    first_marked([marks(low), marks(high)])
}

/// Where the first byte lies whose upper bit is set in `marks`; 16 if there is none.
#[inline(always)]
fn first_marked([low, high]: Head) -> usize {
    // Of the whole at once: where words end is nothing that a processor could guess.
    let whole = u128::from(low) | u128::from(high) << 64;
    whole.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_counts_are_those_of_the_bytes() {
        let text = b"abcdefghijklmnopqrstuvw";
        for length in 0..text.len() {
            let mut expected = [0; 16];
            let kept = length.min(16);
            expected[..kept].copy_from_slice(&text[..kept]);
            assert_eq!(head(window(text, 0), length), window(&expected, 0), "{length} bytes");
        }
    }

    #[test]
    fn lengths_are_those_of_the_bytes() {
        for place in 0..=16 {
            for byte in 0..=u8::MAX {
                let mut bytes = [b'x'; 17];
                bytes[place] = byte;
                let window = window(&bytes, 0);
                let alphanumeric =
                    |other| bytes[..16].iter().position(|b| !b.is_ascii_alphanumeric() && *b != other);
                assert_eq!(alphanumeric_length(window, b'_'), alphanumeric(b'_').unwrap_or(16), "{bytes:?}");
                assert_eq!(alphanumeric_length(window, b'0'), alphanumeric(b'0').unwrap_or(16), "{bytes:?}");
                let printable = bytes[..16].iter().position(|b| !(0x21..0x80).contains(b));
                assert_eq!(printable_length(window), printable.unwrap_or(16), "{bytes:?}");
            }
        }
    }
}
