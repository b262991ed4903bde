//! `char_wb`: the n-grams of each word, which a space on each side belongs to.

use super::automaton::{Automaton, ROOT};
use super::tally::Tally;
use super::word_cache::{Lookup, Record, WordCache};
use super::words::Words;
use crate::text::characters::Characters;

/// Reads a text into `tally`, and returns it. What a word contributes, which `record` makes of its places, is taken from the cache where
/// it is there.
#[inline(always)]
pub(super) fn read<T: Tally>(
    automaton: Automaton<'_>,
    characters: Characters<'_>,
    text: &str,
    cache: &mut WordCache,
    record: impl Fn(&mut dyn Iterator<Item = u32>, &mut Record),
    mut tally: T,
) -> T {
    for (word, head) in Words::new(characters, text) {
        match cache.find(word, head) {
            Lookup::Found(slot) => {
                cache.mention(slot);
                continue;
            }
            Lookup::Again(hash) => {
                settle(cache, &mut tally); // what is mentioned might be forgotten
                cache.learn(hash, (word, head), |kept| record(&mut Places::new(automaton, word), kept));
            }
            Lookup::New => {}
        }
        for longest in Places::new(automaton, word) {
            tally.place(longest);
        }
    }
    settle(cache, &mut tally);
    tally
}

/// Reads a text into `tally`, and returns it; every word is read byte by byte.
pub(super) fn read_without_cache<T: Tally>(
    automaton: Automaton<'_>,
    characters: Characters<'_>,
    text: &str,
    mut tally: T,
) -> T {
    for (word, _) in Words::new(characters, text) {
        Places::new(automaton, word).for_each(|longest| tally.place(longest));
    }
    tally
}

/// Adds the words that were mentioned, each as often as it was.
#[inline(always)]
fn settle<T: Tally>(cache: &mut WordCache, tally: &mut T) {
    while let Some((slot, times)) = cache.next_mentioned() {
        tally.word(cache.contribution(slot), times);
    }
}

/// The longest feature that ends at each place of a word with a space before and behind it.
struct Places<'w> {
    automaton: Automaton<'w>,
    state: u32,
    word: &'w [u8],
    /// Bytes read so far, the space before the word among them.
    read: usize,
}

impl<'w> Places<'w> {
    #[inline(always)]
    fn new(automaton: Automaton<'w>, word: &'w [u8]) -> Self {
        Self { automaton, state: ROOT, word, read: 0 }
    }
}

impl Iterator for Places<'_> {
    type Item = u32;

    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        if self.read == self.word.len() + 2 {
            return None;
        }
        let byte = self.word.get(self.read.wrapping_sub(1)).copied().unwrap_or(b' ');
        self.read += 1;
        self.state = self.automaton.next(self.state, byte);
        Some(self.automaton.feature(self.state))
    }
}
