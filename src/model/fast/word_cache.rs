//! What a word contributes to a text, kept for the next time: bounded, and without allocation once it is full.
//!
//! A word is kept when it comes a second time; until then only a fingerprint says that it has been seen. So a stream of
//! words that never come again fills nothing. When the room is used up, everything is forgotten at once: the words that
//! matter are back after their next occurrence.

use std::hash::{BuildHasher, RandomState};

use crate::text::head::Head;

/// Room for the words of one worker, in bytes, where rows are short.
const BYTES_MIN: usize = 8 << 20;
/// Room for the words of one worker, in bytes, however long the rows are.
const BYTES_MAX: usize = 64 << 20;
/// Longest word that is kept, in bytes.
const WORD_BYTES_MAX: usize = 64;
/// Slots of the table; a power of two.
const SLOTS: usize = 1 << 14;
/// Words that are kept at most, so that a search soon meets an empty slot.
const WORDS_MAX: usize = SLOTS / 4 * 3;
/// Slots that a search looks at.
const PROBES: usize = 8;
/// Fingerprints of words seen; a power of two.
const FINGERPRINTS: usize = 1 << 14;
/// What a word takes beside its row, in bytes: a generous guess.
const WORD_OVERHEAD: usize = 512;

/// `f64`s of the arena of a cache for rows of `lanes` weights.
fn arena_length(lanes: usize) -> usize {
    let bytes = (WORDS_MAX * (lanes * 8 + WORD_OVERHEAD)).clamp(BYTES_MIN, BYTES_MAX);
    (bytes - SLOTS * size_of::<Slot>() - FINGERPRINTS * 2) / 8
}

/// Words and what they contribute.
#[derive(Debug)]
pub(super) struct WordCache {
    slots: Vec<Slot>,
    words: usize,
    /// For each word, at [`Slot::at`]: its row, then the idf² of its occurrences of features, then the features
    /// themselves (two to an `f64`), then the bytes of a long word.
    arena: Vec<f64>,
    /// Most `f64`s in the arena.
    arena_length: usize,
    fingerprints: Vec<u16>,
    /// Drawn anew in each process, so that nobody can choose words that meet in one slot.
    seeds: [u64; 2],
    lanes: usize,
    /// Words found, and words looked for.
    pub(super) hits: u64,
    pub(super) lookups: u64,
}

/// One word of the table.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    head: Head,
    /// Σ idf² (L2) or Σ |idf| (L1) over the word's occurrences of features.
    total: f64,
    /// Where the word's record begins in the arena.
    at: u32,
    /// Occurrences of features in the record, a multiple of 4.
    occurrences: u16,
    /// The word's length in bytes; 0 in an empty slot.
    length: u16,
}

/// What a word contributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contribution<'c> {
    /// The sum of its features' rows.
    pub(super) row: &'c [f64],
    /// See [`Slot::total`].
    pub(super) total: f64,
    /// Its features, each as often as it occurs; for the L2 norm only. The list is filled up with feature 0.
    pub(super) features: &'c [[u32; 4]],
    /// The idf² of each of `features`; 0 for feature 0.
    pub(super) squares: &'c [[f64; 4]],
}

/// What a look-up finds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lookup {
    /// The word is kept, in this slot.
    Found(usize),
    /// The word has been seen before, and may be kept now, under this hash.
    Again(u64),
    /// The word is new, or too long to be kept.
    New,
}

impl WordCache {
    /// An empty cache for rows of `lanes` weights.
    pub(super) fn new(lanes: usize) -> Self {
        let random = RandomState::new();
        Self {
            slots: vec![Slot::default(); SLOTS],
            words: 0,
            arena: Vec::with_capacity(arena_length(lanes)),
            arena_length: arena_length(lanes),
            fingerprints: vec![0; FINGERPRINTS],
            seeds: [random.hash_one(0), random.hash_one(1)],
            lanes,
            hits: 0,
            lookups: 0,
        }
    }

    #[inline(always)]
    fn hash(&self, word: &[u8], head: Head) -> u64 {
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            product as u64 ^ (product >> 64) as u64
        };
        let mut hash = fold(head[0] ^ self.seeds[0], head[1].wrapping_add(word.len() as u64) ^ self.seeds[1]);
        if word.len() > 16 {
            for chunk in word[16..].chunks(8) {
                let mut bytes = [0; 8];
                bytes[..chunk.len()].copy_from_slice(chunk);
                hash = fold(hash ^ u64::from_le_bytes(bytes), self.seeds[1]);
            }
        }
        hash
    }

    /// Looks for `word`, whose first bytes are `head`.
    #[inline(always)]
    pub(super) fn find(&mut self, word: &[u8], head: Head) -> Lookup {
        self.lookups += 1;
        if word.len() > WORD_BYTES_MAX {
            return Lookup::New;
        }
        let hash = self.hash(word, head);
        for probe in 0..PROBES {
            let at = (hash as usize).wrapping_add(probe) % SLOTS;
            let slot = &self.slots[at];
            if slot.length == 0 {
                break;
            }
            let alike = slot.head == head && usize::from(slot.length) == word.len();
            if alike && (word.len() <= 16 || self.tail(slot) == &word[16..]) {
                self.hits += 1;
                return Lookup::Found(at);
            }
        }
        let fingerprint = (hash >> 48) as u16 | 1;
        let seen = &mut self.fingerprints[(hash >> 32) as usize % FINGERPRINTS];
        if std::mem::replace(seen, fingerprint) == fingerprint { Lookup::Again(hash) } else { Lookup::New }
    }

    /// What the word in slot `at` contributes.
    #[inline(always)]
    pub(super) fn contribution(&self, at: usize) -> Contribution<'_> {
        let slot = &self.slots[at];
        let record = &self.arena[slot.at as usize..];
        let (row, record) = record.split_at(self.lanes);
        let (squares, record) = record.split_at(slot.occurrences.into());
        let features = &record[..usize::from(slot.occurrences) / 2];
        Contribution {
            row,
            total: slot.total,
            features: bytemuck::cast_slice::<f64, u32>(features).as_chunks().0,
            squares: squares.as_chunks().0,
        }
    }

    /// The bytes of a long word beyond the sixteenth.
    fn tail(&self, slot: &Slot) -> &[u8] {
        let start = slot.at as usize + self.lanes + usize::from(slot.occurrences) / 2 * 3;
        &bytemuck::cast_slice::<f64, u8>(&self.arena[start..])[..usize::from(slot.length) - 16]
    }

    /// Keeps `word`, whose hash is that of [`Lookup::Again`]. Forgets all others first if there is no room.
    ///
    /// `features` and `squares` are of one length, a multiple of 4; `row` has the cache's lanes.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        (word, head): (&[u8], Head),
        (row, total): (&[f64], f64),
        (features, squares): (&[u32], &[f64]),
    ) {
        let Ok(occurrences) = u16::try_from(features.len()) else { return };
        let tail = word.get(16..).unwrap_or_default();
        let needed = row.len() + features.len() / 2 * 3 + tail.len().div_ceil(8);
        if needed > self.arena_length {
            return;
        }
        if self.words == WORDS_MAX || self.arena.len() + needed > self.arena_length {
            self.forget();
        }
        let free = (0..PROBES).map(|probe| (hash as usize).wrapping_add(probe) % SLOTS);
        let Some(at) = free.into_iter().find(|&at| self.slots[at].length == 0) else { return };
        self.slots[at] =
            Slot { head, total, at: self.arena.len() as u32, occurrences, length: word.len() as u16 };
        self.words += 1;
        self.arena.extend_from_slice(row);
        self.arena.extend_from_slice(squares);
        self.arena
            .extend(features.as_chunks().0.iter().map(|&pair: &[u32; 2]| bytemuck::cast::<_, f64>(pair)));
        for chunk in tail.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            self.arena.push(f64::from_ne_bytes(bytes));
        }
    }

    fn forget(&mut self) {
        self.slots.fill(Slot::default());
        self.arena.clear();
        self.words = 0;
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is put in comes out unchanged")]
mod tests {
    use super::*;

    fn head(word: &[u8]) -> Head {
        let mut bytes = [0; 16];
        let kept = word.len().min(16);
        bytes[..kept].copy_from_slice(&word[..kept]);
        let (words, _) = bytes.as_chunks::<8>();
        [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
    }

    /// Looks `word` up and keeps it if it is seen again, under a value by which it is known.
    fn see(cache: &mut WordCache, word: &[u8], value: f64) -> Option<f64> {
        match cache.find(word, head(word)) {
            Lookup::Found(at) => {
                let found = cache.contribution(at);
                assert_eq!((found.total, found.features), (-value, &[[1, 2, 3, 0]][..]));
                assert_eq!(found.squares, [[value, 0.5, 0.25, 0.0]]);
                Some(found.row[0])
            }
            Lookup::Again(hash) => {
                let occurrences = (&[1, 2, 3, 0][..], &[value, 0.5, 0.25, 0.0][..]);
                cache.insert(hash, (word, head(word)), (&[value; 4], -value), occurrences);
                None
            }
            Lookup::New => None,
        }
    }

    #[test]
    fn a_word_is_kept_from_its_second_time_on() {
        let mut cache = WordCache::new(4);
        let words =
            [&b"a"[..], b"a\0", b"0123456789abcdef", b"0123456789abcdefg", b"0123456789abcdefh", &[b'x'; 64]];
        for (at, word) in words.iter().enumerate() {
            let value = at as f64;
            assert_eq!([(); 3].map(|()| see(&mut cache, word, value)), [None, None, Some(value)], "{word:?}");
        }
        let too_long = [b'x'; 65];
        assert_eq!([(); 3].map(|()| see(&mut cache, &too_long, 0.0)), [None; 3]);
        assert_eq!((cache.hits, cache.lookups), (6, 21));
    }

    #[test]
    fn whatever_comes_the_cache_keeps_its_bound_and_its_answers() {
        let mut cache = WordCache::new(4);
        let capacity = cache.arena.capacity();
        for round in 0..4u32 {
            for number in 0..20_000u32 {
                let word = format!("word{number}");
                let value = f64::from(number);
                for _ in 0..3 {
                    assert!(see(&mut cache, word.as_bytes(), value).is_none_or(|found| found == value));
                }
            }
            assert!(cache.words <= WORDS_MAX && cache.arena.capacity() == capacity, "round {round}");
        }
        assert!(cache.hits > 70_000, "most third times are hits: {}", cache.hits);
    }
}
