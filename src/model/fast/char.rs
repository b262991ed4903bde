//! `char`: the n-grams of the whole text.

use super::automaton::{Automaton, ROOT};
use super::tally::Tally;
use crate::text::characters::Characters;

/// Reads a text into `tally`, and returns it.
#[inline(always)]
pub(super) fn read<T: Tally>(
    automaton: Automaton<'_>,
    characters: Characters<'_>,
    text: &str,
    mut tally: T,
) -> T {
    let mut state = ROOT;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        // `\s\s+` becomes one space; a lone tab stays a tab.
        let mut character = character;
        if characters.is_space(character) {
            while rest.next_if(|&c| characters.is_space(c)).is_some() {
                character = ' ';
            }
        }
        for &byte in character.encode_utf8(&mut [0; 4]).as_bytes() {
            state = automaton.next(state, byte);
            tally.place(automaton.feature(state));
        }
    }
    tally
}
