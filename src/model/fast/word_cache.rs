//! What a word contributes to a text, kept for the next time: bounded, and without allocation once it is full.
//!
//! A word is kept when it comes a second time; until then only a fingerprint says that it has been seen. So a stream of
//! words that never come again fills nothing, and costs no more than one cache line of tags a word. When the room is used
//! up, everything is forgotten at once: the words that matter are back after their next occurrence. While hardly any word
//! comes again, most words are read without a look.
//!
//! A word that comes several times in a text is only mentioned while the text is read: what it contributes is taken once,
//! with its number of occurrences.

use std::hash::{BuildHasher, RandomState};

use crate::text::head::Head;
use crate::text::work;

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
/// What a word takes beside its row, in bytes: a generous guess.
const WORD_OVERHEAD: usize = 512;

/// `f64`s of the arena of a cache for rows of `lanes` weights.
fn arena_length(lanes: usize) -> usize {
    let bytes = (WORDS_MAX * (lanes * 8 + WORD_OVERHEAD)).clamp(BYTES_MIN, BYTES_MAX);
    (bytes - SLOTS * (size_of::<Slot>() + size_of::<Tags>()) - WORDS_MAX * 4) / 8
}

/// Words after which is asked whether look-ups pay.
const STRETCH: u32 = 1024;
/// They do where at least one of so many finds its word.
const PAYS_ONE_IN: u64 = 16;
/// Where they do not, so many stretches are read without them before they are tried again.
const REST: u32 = 7;

/// Words and what they contribute.
#[derive(Debug)]
pub(super) struct WordCache {
    /// One a slot: what decides about most words without a look at the slot.
    tags: Vec<Tags>,
    slots: Vec<Slot>,
    words: usize,
    /// For each word, at [`Slot::at`]: its total and its row, then the idf² of its occurrences of features, then the
    /// features themselves (two to an `f64`), then the bytes of a long word.
    arena: Vec<f64>,
    /// Most `f64`s in the arena.
    arena_length: usize,
    /// Slots of the words that the present text has, each once.
    mentioned: Vec<u32>,
    /// The record of a word while it is made.
    record: Record,
    /// Drawn anew in each process, so that nobody can choose words that meet in one slot.
    seeds: [u64; 2],
    is_allowed: bool,
    /// Whether words are looked up at present.
    is_on: bool,
    /// Words until this is asked again.
    left: u32,
    /// Hits and look-ups when it was last asked.
    asked: (u64, u64),
    /// Words found, and words looked for.
    pub(super) hits: u64,
    pub(super) lookups: u64,
}

/// Parts of hashes; 0 stands for none.
#[derive(Clone, Copy, Debug, Default)]
struct Tags {
    /// Of the word in the slot.
    kept: u16,
    /// Of the word that was last looked for here and not found.
    seen: u16,
}

/// One word of the table.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    head: Head,
    /// Where the word's record begins in the arena.
    at: u32,
    /// How often the present text has the word, as far as it has been read.
    times: u32,
    /// Occurrences of features in the record, a multiple of 4.
    occurrences: u16,
    /// The word's length in bytes.
    length: u16,
}

/// What a word contributes, while it is put together.
#[derive(Debug)]
pub(super) struct Record {
    /// The sum of its features' rows; of the cache's lanes.
    pub(super) row: Vec<f64>,
    /// Σ idf² (L2) or Σ |idf| (L1) over its occurrences of features.
    pub(super) total: f64,
    /// Its features, each as often as it occurs, where they are counted.
    pub(super) features: Vec<u32>,
    /// The idf² of each of `features`; nothing at all where it is not asked for.
    pub(super) squares: Vec<f64>,
    /// Whether there are squares.
    pub(super) has_squares: bool,
}

/// What a word contributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contribution<'c> {
    /// See [`Record::row`].
    pub(super) row: &'c [f64],
    /// See [`Record::total`].
    pub(super) total: f64,
    /// See [`Record::features`]. The list is filled up with feature 0.
    pub(super) features: &'c [[u32; 4]],
    /// See [`Record::squares`]; 0 for feature 0.
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
    /// An empty cache for rows of `lanes` weights, with or without squares of features.
    pub(super) fn new(lanes: usize, has_squares: bool) -> Self {
        let random = RandomState::new();
        Self {
            tags: vec![Tags::default(); SLOTS + PROBES],
            slots: vec![Slot::default(); SLOTS + PROBES],
            words: 0,
            arena: Vec::with_capacity(arena_length(lanes)),
            arena_length: arena_length(lanes),
            mentioned: Vec::with_capacity(WORDS_MAX),
            record: Record {
                row: vec![0.0; lanes],
                total: 0.0,
                features: Vec::new(),
                squares: Vec::new(),
                has_squares,
            },
            seeds: [random.hash_one(0), random.hash_one(1)],
            is_allowed: true,
            is_on: true,
            left: STRETCH,
            asked: (0, 0),
            hits: 0,
            lookups: 0,
        }
    }

    /// Keeps and finds nothing from now on: for a measurement of what the cache costs.
    pub(super) fn turn_off(&mut self) {
        (self.is_allowed, self.is_on) = (false, false);
    }

    /// A stretch of words is over: looks words up in the next one unless that has not paid. Where words hardly ever come
    /// again, most are read without a look.
    #[cold]
    fn next_stretch(&mut self) {
        let (hits, lookups) = (self.hits - self.asked.0, self.lookups - self.asked.1);
        let has_paid = hits * PAYS_ONE_IN >= lookups; // so a rest has, too, and look-ups are tried after it
        self.asked = (self.hits, self.lookups);
        self.is_on = self.is_allowed && has_paid;
        self.left = if has_paid { STRETCH } else { REST * STRETCH };
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
        self.left -= 1;
        if self.left == 0 {
            self.next_stretch();
        }
        if !self.is_on {
            return Lookup::New;
        }
        self.lookups += 1;
        if word.len() > WORD_BYTES_MAX {
            return Lookup::New;
        }
        let hash = self.hash(word, head);
        let (first, tag) = (hash as usize % SLOTS, tag(hash));
        for at in first..first + PROBES {
            work::spend(1);
            let kept = self.tags[at].kept;
            if kept == tag && self.is_at(at, word, head) {
                self.hits += 1;
                return Lookup::Found(at);
            }
            if kept == 0 {
                break;
            }
        }
        let seen = &mut self.tags[first].seen;
        if std::mem::replace(seen, tag) == tag { Lookup::Again(hash) } else { Lookup::New }
    }

    /// Whether slot `at` has this word.
    #[inline(always)]
    fn is_at(&self, at: usize, word: &[u8], head: Head) -> bool {
        let slot = &self.slots[at];
        let is_alike = slot.head == head && usize::from(slot.length) == word.len();
        is_alike && (word.len() <= 16 || self.tail(slot) == &word[16..])
    }

    /// Notes that the present text has the word in slot `at` once more.
    #[inline(always)]
    pub(super) fn mention(&mut self, at: usize) {
        let times = &mut self.slots[at].times;
        if *times == 0 {
            self.mentioned.push(at as u32);
        }
        *times += 1;
    }

    /// Takes a word that has been mentioned: its slot, and how often it was.
    #[inline(always)]
    pub(super) fn next_mentioned(&mut self) -> Option<(usize, u32)> {
        let at = self.mentioned.pop()? as usize;
        Some((at, std::mem::take(&mut self.slots[at].times)))
    }

    /// What the word in slot `at` contributes.
    #[inline(always)]
    pub(super) fn contribution(&self, at: usize) -> Contribution<'_> {
        let slot = &self.slots[at];
        let occurrences = usize::from(slot.occurrences);
        let record = &self.arena[slot.at as usize..];
        let (row, record) = record[1..].split_at(self.record.row.len());
        let (squares, record) = record.split_at(if self.record.has_squares { occurrences } else { 0 });
        Contribution {
            row,
            total: self.arena[slot.at as usize],
            features: bytemuck::cast_slice::<f64, u32>(&record[..occurrences / 2]).as_chunks().0,
            squares: squares.as_chunks().0,
        }
    }

    /// The bytes of a long word beyond the sixteenth.
    fn tail(&self, slot: &Slot) -> &[u8] {
        let start = slot.at as usize + self.record.length(slot.occurrences.into());
        &bytemuck::cast_slice::<f64, u8>(&self.arena[start..])[..usize::from(slot.length) - 16]
    }

    /// Keeps `word`, whose hash is that of [`Lookup::Again`], with what `fill` puts into its empty record. Forgets all
    /// others first if there is no room; so no word may be mentioned.
    #[cold]
    pub(super) fn learn(&mut self, hash: u64, (word, head): (&[u8], Head), fill: impl FnOnce(&mut Record)) {
        debug_assert!(self.mentioned.is_empty(), "a slot that is mentioned must keep its word");
        self.record.clear();
        fill(&mut self.record);
        self.record.fill_up();
        let Ok(occurrences) = u16::try_from(self.record.features.len()) else { return };
        let tail = word.get(16..).unwrap_or_default();
        let needed = self.record.length(occurrences.into()) + tail.len().div_ceil(8);
        if needed > self.arena_length {
            return;
        }
        if self.words == WORDS_MAX || self.arena.len() + needed > self.arena_length {
            self.forget();
        }
        let first = hash as usize % SLOTS;
        let Some(at) = (first..first + PROBES).find(|&at| self.tags[at].kept == 0) else { return };
        self.tags[at].kept = tag(hash);
        self.slots[at] =
            Slot { head, at: self.arena.len() as u32, times: 0, occurrences, length: word.len() as u16 };
        self.words += 1;
        let Record { row, total, features, squares, .. } = &self.record;
        self.arena.push(*total);
        self.arena.extend_from_slice(row);
        self.arena.extend_from_slice(squares);
        let pairs = features.as_chunks().0.iter();
        self.arena.extend(pairs.map(|&pair: &[u32; 2]| bytemuck::cast::<_, f64>(pair)));
        for chunk in tail.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            self.arena.push(f64::from_ne_bytes(bytes));
        }
    }

    fn forget(&mut self) {
        work::spend(SLOTS);
        for tags in &mut self.tags {
            tags.kept = 0;
        }
        self.arena.clear();
        self.words = 0;
    }
}

/// What of a hash stands in a tag: bits that do not choose the slot, and never 0.
#[inline(always)]
fn tag(hash: u64) -> u16 {
    (hash >> 48) as u16 | 1
}

impl Record {
    fn clear(&mut self) {
        self.row.fill(0.0);
        self.total = 0.0;
        self.features.clear();
        self.squares.clear();
    }

    /// Fills the lists up to a multiple of 4.
    fn fill_up(&mut self) {
        let filled = self.features.len().next_multiple_of(4);
        self.features.resize(filled, 0);
        self.squares.resize(if self.has_squares { filled } else { 0 }, 0.0);
    }

    /// `f64`s of a record with so many occurrences of features.
    fn length(&self, occurrences: usize) -> usize {
        let squares = if self.has_squares { occurrences } else { 0 };
        1 + self.row.len() + squares + occurrences / 2
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
                let row = found.row[0];
                (0..3).for_each(|_| cache.mention(at));
                assert_eq!((cache.next_mentioned(), cache.next_mentioned()), (Some((at, 3)), None));
                Some(row)
            }
            Lookup::Again(hash) => {
                cache.learn(hash, (word, head(word)), |record| {
                    record.row.fill(value);
                    record.total = -value;
                    record.features.extend([1, 2, 3]);
                    record.squares.extend([value, 0.5, 0.25]);
                });
                None
            }
            Lookup::New => None,
        }
    }

    #[test]
    fn a_word_is_kept_from_its_second_time_on() {
        let mut cache = WordCache::new(4, true);
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
        let mut cache = WordCache::new(4, true);
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
