//! The first bytes of a word in integers, which are compared and hashed at once.

/// The first 16 bytes of something, lowest first, zeros where it is shorter.
pub type Head = [u64; 2];

/// The 16 bytes from `at` on, with zeros behind the end. `at` is at most the length.
#[inline]
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
#[inline]
pub fn head(window: Head, length: usize) -> Head {
    if length >= 16 {
        return window;
    }
    let mask = (1u128 << (8 * length)) - 1;
    [window[0] & mask as u64, window[1] & (mask >> 64) as u64]
}

/// Where the first byte lies whose upper bit is set in `marks`; 16 if there is none.
#[inline]
pub fn first_marked(marks: Head) -> usize {
    let [low, high] = marks;
    if low != 0 { low.trailing_zeros() as usize / 8 } else { 8 + high.trailing_zeros() as usize / 8 }
}
