//! The automaton over n-grams of tokens: Aho–Corasick whose alphabet is the numbers of tokens.
//!
//! A state is the longest sequence of the last tokens that begins some n-gram. State t, for a token t, has read that
//! token alone, so what leads on from the root needs no table; all other steps stand in one hash table.

use std::collections::HashMap;

use super::Defect;
use super::automaton::{NO_FEATURE, ROOT};
use crate::text::work;

/// A state: its longest feature; the longest suffix, itself included, from which a step leads on; the next shorter one.
pub(super) type State = [u32; 3];
/// A step of the table: from which state, by which token, to which. Empty slots lead to [`ROOT`].
pub(super) type Step = [u32; 3];

/// Columns of a [`State`].
const FEATURE: usize = 0;
const FROM: usize = 1;
const SHORTER: usize = 2;

/// A view of an automaton that lies in an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenAutomaton<'i> {
    states: &'i [State],
    /// A power of two, at most half full.
    steps: &'i [Step],
}

/// Where the search for a step begins.
#[inline(always)]
fn hash(state: u32, token: u32) -> usize {
    let key = u64::from(state) << 32 | u64::from(token);
    let mixed = u128::from(key ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93;
    (mixed as u64 ^ (mixed >> 64) as u64) as usize
}

impl<'i> TokenAutomaton<'i> {
    /// A view of an automaton over the tokens 1 to `tokens` that lies in an image; checks that no text can lead outside
    /// of it or into an endless loop, and that features are at most `features`.
    pub(super) fn from_parts(
        states: &'i [State],
        steps: &'i [Step],
        features: usize,
    ) -> Result<Self, Defect> {
        let inside = |(at, &[feature, from, shorter]): (u32, &State)| {
            let descends = from <= at && (shorter < from || shorter == ROOT);
            feature as usize <= features && descends
        };
        let leads = |step: &Step| (step[2] as usize) < states.len();
        let is_open = steps.iter().any(|step| step[2] == ROOT);
        // Only what `shorter` of `from` says is followed further: it must descend, too.
        if states.is_empty()
            || !(0..).zip(states).all(inside)
            || !steps.len().is_power_of_two()
            || !is_open
            || !steps.iter().all(leads)
        {
            return Err(Defect::Image("its automaton is broken"));
        }
        Ok(Self { states, steps })
    }

    /// Number of states.
    pub(super) fn states(self) -> usize {
        self.states.len()
    }

    /// The state after `state` has read `token`.
    #[inline(always)]
    pub(super) fn next(self, state: u32, token: u32) -> u32 {
        let mut from = self.states[state as usize][FROM];
        while from != ROOT {
            let reached = find(self.steps, from, token);
            if reached != ROOT {
                return reached;
            }
            from = self.states[from as usize][SHORTER];
        }
        token
    }

    /// The longest feature that ends at `state`; [`NO_FEATURE`] if none does.
    #[inline(always)]
    pub(super) fn feature(self, state: u32) -> u32 {
        self.states[state as usize][FEATURE]
    }
}

/// Where a step leads; [`ROOT`] if there is none.
#[inline(always)]
fn find(steps: &[Step], state: u32, token: u32) -> u32 {
    let mask = steps.len() - 1;
    let mut at = hash(state, token) & mask;
    loop {
        work::spend(1);
        let [from, by, to] = steps[at];
        if to == ROOT || (from, by) == (state, token) {
            return to;
        }
        at = (at + 1) & mask;
    }
}

/// An automaton being built, with what is known of its features: they are numbered by the order of their terms, from 1.
#[derive(Debug)]
pub(super) struct TokenAutomatonBuilder<'t> {
    /// The tokens of all terms: the first has number 1.
    pub(super) tokens: Vec<&'t [u8]>,
    states: Vec<State>,
    steps: HashMap<(u32, u32), u32>,
    /// For each feature, from 1, the longest feature that is a proper suffix of it; entry 0 stands for none.
    parents: Vec<u32>,
}

impl<'t> TokenAutomatonBuilder<'t> {
    /// The automaton over `terms`, which differ: tokens with one space between them.
    pub(super) fn new(terms: &[&'t [u8]]) -> Self {
        let (tokens, sequences) = number_tokens(terms);
        let mut builder = Self {
            states: vec![[NO_FEATURE, ROOT, ROOT]; tokens.len() + 1],
            steps: HashMap::new(),
            parents: vec![NO_FEATURE; terms.len() + 1],
            tokens,
        };
        let mut fails = vec![ROOT; builder.states.len()];
        // The state that each term has reached. Level by level: the fail link of a state leads to a shallower one, which
        // is complete by then.
        let mut reached = vec![ROOT; terms.len()];
        let mut waiting: Vec<usize> = (0..terms.len()).collect();
        for depth in 0.. {
            for &term in &waiting {
                let token = sequences[term][depth];
                let next = if depth == 0 { token } else { builder.step(reached[term], token, &mut fails) };
                reached[term] = next;
            }
            let ends = |term: &usize| sequences[*term].len() == depth + 1;
            for &term in waiting.iter().filter(|&term| ends(term)) {
                let feature = term as u32 + 1; // the vocabulary's size is below 2³² − 1
                let state = &mut builder.states[reached[term] as usize];
                builder.parents[feature as usize] = std::mem::replace(&mut state[FEATURE], feature);
            }
            waiting.retain(|term| !ends(term));
            if waiting.is_empty() {
                break;
            }
        }
        builder.link(&fails);
        builder
    }

    /// The state that `state`, which is not the root, reaches by `token`; it is made where there is none.
    fn step(&mut self, state: u32, token: u32, fails: &mut Vec<u32>) -> u32 {
        if let Some(&next) = self.steps.get(&(state, token)) {
            return next;
        }
        let mut fail = fails[state as usize];
        let fail = loop {
            if fail == ROOT {
                break token;
            }
            if let Some(&next) = self.steps.get(&(fail, token)) {
                break next;
            }
            fail = fails[fail as usize];
        };
        let next = self.states.len() as u32; // at most one a token of a term
        self.states.push([self.states[fail as usize][FEATURE], ROOT, ROOT]);
        fails.push(fail);
        self.steps.insert((state, token), next);
        next
    }

    /// Notes for each state from where steps lead on. A fail link leads to a lower number.
    fn link(&mut self, fails: &[u32]) {
        let mut leads_on = vec![false; self.states.len()];
        for &(state, _) in self.steps.keys() {
            leads_on[state as usize] = true;
        }
        for state in 1..self.states.len() {
            let shorter = self.states[fails[state] as usize][FROM];
            self.states[state][SHORTER] = if leads_on[state] { shorter } else { ROOT };
            self.states[state][FROM] = if leads_on[state] { state as u32 } else { shorter };
        }
    }

    /// The parents of the features, entry 0 standing for none.
    pub(super) fn parents(&self) -> &[u32] {
        &self.parents
    }

    /// The states and the table of steps, with every feature numbered anew.
    pub(super) fn finish(mut self, renumbered: &[u32]) -> (Vec<State>, Vec<Step>) {
        for state in &mut self.states {
            state[FEATURE] = renumbered[state[FEATURE] as usize];
        }
        let mut steps = vec![[0, 0, ROOT]; (self.steps.len() * 2).next_power_of_two().max(2)];
        let mask = steps.len() - 1;
        let mut made: Vec<_> = self.steps.into_iter().collect();
        made.sort_unstable_by_key(|&(_, to)| to); // an image is the same every time
        for ((state, token), to) in made {
            let mut at = hash(state, token) & mask;
            while steps[at][2] != ROOT {
                at = (at + 1) & mask;
            }
            steps[at] = [state, token, to];
        }
        (self.states, steps)
    }
}

/// The different tokens of `terms`, and each term as numbers of tokens, from 1.
fn number_tokens<'t>(terms: &[&'t [u8]]) -> (Vec<&'t [u8]>, Vec<Vec<u32>>) {
    let (mut tokens, mut numbers) = (Vec::new(), HashMap::new());
    let mut number = |token: &'t [u8]| {
        *numbers.entry(token).or_insert_with(|| {
            tokens.push(token);
            tokens.len() as u32
        })
    };
    let sequences = terms.iter().map(|term| term.split(|&byte| byte == b' ').map(&mut number).collect());
    let sequences = sequences.collect();
    (tokens, sequences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_ngram_that_ends_with_each_token_is_found() {
        let terms: Vec<&[u8]> = ["a", "a b", "a b c", "b", "b d", "c c", "x y z"].map(str::as_bytes).to_vec();
        let builder = TokenAutomatonBuilder::new(&terms);
        // "a b" ends with "b"; all others end with no other term.
        assert_eq!(builder.parents(), [0, 0, 4, 0, 0, 0, 0, 0]);
        let tokens = builder.tokens.clone();
        let numbers: Vec<u32> = (0..=terms.len() as u32).collect();
        let (states, steps) = builder.finish(&numbers);
        let automaton = TokenAutomaton::from_parts(&states, &steps, terms.len()).unwrap();
        let cases = [
            ("a b c c", [1, 2, 3, 6]),
            ("a b d a", [1, 2, 5, 1]),
            ("c c c b", [0, 6, 6, 4]),
            ("x y a b", [0, 0, 1, 2]),
            ("x y z x", [0, 0, 7, 0]),
        ];
        for (text, expected) in cases {
            let mut state = ROOT;
            let found = text.split(' ').map(|token| {
                let token = tokens.iter().position(|known| *known == token.as_bytes()).unwrap() as u32 + 1;
                state = automaton.next(state, token);
                automaton.feature(state)
            });
            assert_eq!(found.collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn automata_that_lead_astray_are_refused() {
        let open = [[0, 0, ROOT]; 2];
        let broken: [(&[State], &[Step]); 6] = [
            (&[], &open),
            (&[[0; 3], [9, 0, 0]], &open),
            (&[[0; 3], [0, 2, 0]], &open),
            (&[[0; 3], [0, 1, 1]], &open),
            (&[[0; 3]], &[[0, 1, 5], [0, 0, ROOT]]),
            (&[[0; 3], [0; 3]], &[[0, 1, 1]]),
        ];
        for (states, steps) in broken {
            assert!(TokenAutomaton::from_parts(states, steps, 1).is_err(), "{states:?} {steps:?}");
        }
    }
}
