//! `word`: n-grams of tokens.
//!
//! A token is looked up once, by what stands in the text; its n-grams are then steps of an automaton over the numbers
//! of tokens, so no n-gram is ever put together or hashed whole.

use super::Defect;
use super::automaton::ROOT;
use super::tally::Tally;
use super::token_automaton::TokenAutomaton;
use super::token_index::{STOP_WORD, TokenIndex, UNKNOWN};
use super::words::Runs;
use crate::text::analyzer::Tokens;
use crate::text::characters::Characters;
use crate::text::head::{Head, head, window};
use crate::text::token_pattern::PatternScratch;

/// How a text is cut into tokens, and what they make: a view into an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct WordReader<'i> {
    tokens: Tokens<'i>,
    index: TokenIndex<'i>,
    automaton: TokenAutomaton<'i>,
}

impl<'i> WordReader<'i> {
    /// A reader from its parts; checks that they fit together.
    pub(super) fn new(
        tokens: Tokens<'i>,
        index: TokenIndex<'i>,
        automaton: TokenAutomaton<'i>,
    ) -> Result<Self, Defect> {
        if index.highest() as usize >= automaton.states() {
            return Err(Defect::Image("its tokens do not fit together"));
        }
        Ok(Self { tokens, index, automaton })
    }

    /// Reads a text into `tally`, and returns it.
    #[inline(always)]
    pub(super) fn read<T: Tally>(
        self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut PatternScratch,
        tally: T,
    ) -> T {
        // One for each kind of tokens: what a closure refers to would be kept in memory everywhere.
        match self.tokens {
            Tokens::Runs(shortest) => {
                let mut reading = Reading { reader: self, state: ROOT, tally };
                for (token, head) in Runs::new(characters, text, shortest) {
                    reading.take(token, head);
                }
                reading.tally
            }
            Tokens::Pattern(program) => {
                let mut reading = Reading { reader: self, state: ROOT, tally };
                program.find_all(text, scratch, |token| {
                    let token = token.as_bytes();
                    reading.take(token, head(window(token, 0), token.len()));
                });
                reading.tally
            }
        }
    }
}

/// A text that is being read.
struct Reading<'r, T> {
    reader: WordReader<'r>,
    state: u32,
    tally: T,
}

impl<T: Tally> Reading<'_, T> {
    #[inline(always)]
    fn take(&mut self, token: &[u8], head: Head) {
        let automaton = self.reader.automaton;
        self.state = match self.reader.index.find(token, head) {
            STOP_WORD => return,
            UNKNOWN => ROOT,
            token => automaton.next(self.state, token),
        };
        self.tally.place(automaton.feature(self.state));
    }
}
