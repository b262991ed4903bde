//! Damaged copies of good inputs, the same ones in every run.

/// What is put into damaged copies: what formats read specially.
const TOKENS: [&[u8]; 33] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\r\n",
    b"\t",
    b"\0",
    b"\x1f",
    b"\x7f",
    b"0",
    b"-1",
    b"1.5",
    b"e5",
    b"E",
    b"+",
    b"\\u00e9",
    b"\\ud83d",
    b"\\udc00",
    b"\xff",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"NaN",
    b"Infinity",
    b"null",
    b"true",
    b"#",
];

/// Numbers that look random (`SplitMix64`).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// A number below `bound`; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % bound.max(1) as u64) as usize
    }

    /// A copy of `bytes` with a few of them changed, dropped, doubled, moved, or others put between.
    pub(crate) fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let start = self.below(bytes.len() + 1);
            let end = (start + self.below(9)).min(bytes.len());
            match self.below(6) {
                0 => drop(bytes.drain(start..end)),
                1 => bytes.extend_from_within(start..end),
                2 if self.below(4) == 0 => bytes.truncate(end),
                3 => bytes[start..end].rotate_left(usize::from(end > start)),
                4 => bytes[start..end].fill(b"\0\xff\x80\"{[,\\\r\n 09-."[self.below(15)]),
                _ => drop(bytes.splice(start..start, TOKENS[self.below(TOKENS.len())].iter().copied())),
            }
        }
        bytes
    }
}
