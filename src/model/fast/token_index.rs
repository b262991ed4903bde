//! The index of tokens: what stands in a text → the token's number, as an open-addressing table that lies in an image.

use super::Defect;
use crate::text::head::{Head, head, window};
use crate::text::work;

/// The number of what is no token of any n-gram.
pub(super) const UNKNOWN: u32 = 0;
/// The number of what is left out, as if it did not stand in the text.
pub(super) const STOP_WORD: u32 = u32::MAX;

/// A slot of the table: the first 16 bytes; the number above the length; where the rest begins among all rests. The
/// number of an empty slot is [`UNKNOWN`].
pub(super) type Slot = [u64; 4];

/// A view of an index that lies in an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenIndex<'i> {
    /// A power of two, at most a quarter full: most searches end at the first slot.
    slots: &'i [Slot],
    /// What long tokens have beyond their sixteenth byte.
    rests: &'i [u8],
}

/// Where a search begins. The seed is fixed: what the table holds comes from the model, and what texts ask for can meet
/// no more of it than its longest run of slots.
#[inline(always)]
fn hash(token: &[u8], head: Head) -> usize {
    const FACTORS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93];
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let mut hash = fold(head[0] ^ FACTORS[0], head[1].wrapping_add(token.len() as u64) ^ FACTORS[1]);
    for chunk in token.get(16..).unwrap_or_default().chunks(8) {
        hash = fold(hash ^ window(chunk, 0)[0], FACTORS[1]);
    }
    hash as usize
}

impl<'i> TokenIndex<'i> {
    /// A view of a table that lies in an image; checks that no search can leave it or go on for ever.
    pub(super) fn from_parts(slots: &'i [Slot], rests: &'i [u8]) -> Result<Self, Defect> {
        let number = |slot: &Slot| (slot[2] >> 32) as u32;
        let fits = |slot: &Slot| {
            let rest = u64::from(slot[2] as u32).saturating_sub(16);
            number(slot) == UNKNOWN || slot[3].checked_add(rest).is_some_and(|end| end <= rests.len() as u64)
        };
        let is_open = slots.iter().any(|slot| number(slot) == UNKNOWN);
        if !slots.len().is_power_of_two() || !is_open || !slots.iter().all(fits) {
            return Err(Defect::Image("its index of tokens is broken"));
        }
        Ok(Self { slots, rests })
    }

    /// The number of a token, whose first bytes are `head`: [`UNKNOWN`], [`STOP_WORD`], or what it was given.
    #[inline(always)]
    pub(super) fn find(self, token: &[u8], head: Head) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = hash(token, head) & mask;
        loop {
            work::spend(1);
            let [low, high, number_and_length, rest] = self.slots[at];
            let number = (number_and_length >> 32) as u32;
            if number == UNKNOWN {
                return UNKNOWN;
            }
            let length = number_and_length as u32 as usize;
            let is_alike = [low, high] == head && length == token.len();
            if is_alike && (length <= 16 || self.rests[rest as usize..][..length - 16] == token[16..]) {
                return number;
            }
            at = (at + 1) & mask;
        }
    }

    /// The highest number but for [`STOP_WORD`].
    pub(super) fn highest(self) -> u32 {
        let numbers = self.slots.iter().map(|slot| (slot[2] >> 32) as u32);
        numbers.filter(|&number| number != STOP_WORD).max().unwrap_or(UNKNOWN)
    }
}

/// The sections of an index over tokens, none of them twice, each with its number.
pub(super) fn build(tokens: &[(&[u8], u32)]) -> (Vec<Slot>, Vec<u8>) {
    let mut slots = vec![[0; 4]; (tokens.len() * 4).next_power_of_two().max(2)];
    let (mut rests, mask) = (Vec::new(), slots.len() - 1);
    for &(token, number) in tokens {
        let head = head(window(token, 0), token.len());
        let mut at = hash(token, head) & mask;
        while slots[at] != [0; 4] {
            at = (at + 1) & mask;
        }
        let length = token.len() as u64; // a term is shorter than 4 GiB
        slots[at] = [head[0], head[1], u64::from(number) << 32 | length, rests.len() as u64];
        rests.extend_from_slice(token.get(16..).unwrap_or_default());
    }
    (slots, rests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_numbers_and_nothing_else_has_one() {
        let long = ["a".repeat(40), format!("{}b", "a".repeat(39)), "a".repeat(16), "a".repeat(17)];
        let tokens: Vec<&[u8]> = ["", "a", "a\0", "é"]
            .into_iter()
            .chain(long.iter().map(String::as_str))
            .map(str::as_bytes)
            .collect();
        let (slots, rests) = build(&tokens.iter().copied().zip(1..).collect::<Vec<_>>());
        let index = TokenIndex::from_parts(&slots, &rests).unwrap();
        let find = |token: &[u8]| index.find(token, head(window(token, 0), token.len()));
        for (token, number) in tokens.iter().zip(1..) {
            assert_eq!(find(token), number, "{token:?}");
        }
        for other in ["b", "\0", "aa", &"a".repeat(39), &"a".repeat(41)] {
            assert_eq!(find(other.as_bytes()), UNKNOWN, "{other:?}");
        }
        assert_eq!(index.highest() as usize, tokens.len());
    }

    #[test]
    fn an_index_that_leads_astray_is_refused() {
        let broken: [&[Slot]; 4] =
            [&[], &[[0, 0, 1 << 32, 0]], &[[0; 4], [0; 4], [0; 4]], &[[0; 4], [0, 0, 1 << 32 | 0x12, 0]]];
        for slots in broken {
            assert!(TokenIndex::from_parts(slots, b"x").is_err(), "{slots:?}");
        }
    }
}
