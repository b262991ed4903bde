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

/// The first `length` bytes of `window`, zeros behind them.
#[inline(always)]
pub fn head(window: Head, length: usize) -> Head {
    if length >= 16 {
        return window;
    }
    let mask = (1u128 << (8 * length)) - 1;
    [window[0] & mask as u64, window[1] & (mask >> 64) as u64]
}

/// Where the first byte lies whose upper bit is set in `marks`; 16 if there is none.
#[inline(always)]
pub fn first_marked(marks: Head) -> usize {
    let [low, high] = marks;
    if low != 0 { low.trailing_zeros() as usize / 8 } else { 8 + high.trailing_zeros() as usize / 8 }
}

/// All bytes 1.
const ONES: u64 = u64::MAX / 255;
const UPPER_BITS: u64 = ONES * 0x80;

/// Marks the bytes of a word that are neither ASCII letters nor digits, nor `other`, which is ASCII.
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

/// Number of bytes at the start of `window` that are ASCII letters, digits, or `other`, which is ASCII, too.
#[inline(always)]
pub fn alphanumeric_length([low, high]: Head, other: u8) -> usize {
    first_marked([marks_of_others(low, other), marks_of_others(high, other)])
}
