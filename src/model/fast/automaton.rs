//! The automaton over n-grams: byte-wise Aho–Corasick in a double array, as it lies in the image.
//!
//! A state is the longest suffix of what has been read that begins some term. Where a byte leads nowhere, the fail link
//! goes to the next shorter such suffix. UTF-8 is self-synchronising, so a suffix that starts inside a character
//! never equals a term.

use super::super::error::Defect;
use super::double_array::{Cell, EMPTY, Placer};
use crate::text::work;

/// The state before anything has been read.
pub(super) const ROOT: u32 = 0;
/// Stands for "no feature": features are numbered from 1.
pub(super) const NO_FEATURE: u32 = 0;

/// Columns of a [`Cell`].
const BASE: usize = 0;
const FAIL: usize = 1;
const CHECK: usize = 2;
const FEATURE: usize = 3;

/// A view of an automaton that lies in an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Automaton<'i> {
    cells: &'i [Cell],
}

impl<'i> Automaton<'i> {
    /// A view of cells that lie in an image; checks that no text can lead outside of them or into an endless loop,
    /// and that features are at most `features`.
    pub(super) fn from_cells(cells: &'i [Cell], features: usize) -> Result<Self, Defect> {
        let length = cells.len();
        let inside = |cell: &Cell| {
            (cell[BASE] as usize) < length
                && (cell[FAIL] as usize) < length
                && cell[FEATURE] as usize <= features
        };
        if length == 0 || !length.is_multiple_of(256) || !cells.iter().all(inside) || !fails_end(cells) {
            return Err(Defect::Image("its automaton is broken"));
        }
        Ok(Self { cells })
    }

    /// The state after `state` has read `byte`.
    #[inline(always)]
    pub(super) fn next(self, mut state: u32, byte: u8) -> u32 {
        loop {
            work::spend(1);
            let cell = &self.cells[state as usize];
            let next = cell[BASE] ^ u32::from(byte);
            if self.cells[next as usize][CHECK] == u32::from(byte) {
                return next;
            }
            if state == ROOT {
                return ROOT;
            }
            state = cell[FAIL];
        }
    }

    /// The longest feature that ends at `state`; [`NO_FEATURE`] if none does.
    #[inline(always)]
    pub(super) fn feature(self, state: u32) -> u32 {
        self.cells[state as usize][FEATURE]
    }
}

/// Whether every chain of fail links ends at the root.
fn fails_end(cells: &[Cell]) -> bool {
    const UNSEEN: u8 = 0;
    const OPEN: u8 = 1;
    const ENDS: u8 = 2;
    let mut marks = vec![UNSEEN; cells.len()];
    marks[ROOT as usize] = ENDS;
    for start in 0..cells.len() {
        let mut at = start;
        while marks[at] == UNSEEN {
            marks[at] = OPEN;
            at = cells[at][FAIL] as usize;
        }
        if marks[at] == OPEN {
            return false;
        }
        let mut at = start;
        while marks[at] == OPEN {
            marks[at] = ENDS;
            at = cells[at][FAIL] as usize;
        }
    }
    true
}

/// An automaton being built, with what is known of its features: they are numbered by the order of their terms, from 1.
#[derive(Debug)]
pub(super) struct AutomatonBuilder {
    cells: Vec<Cell>,
    /// For each feature, from 1, the longest feature that is a proper suffix of it; entry 0 stands for none.
    parents: Vec<u32>,
}

/// A state whose children are still to be placed, and the terms that begin with its string.
struct Pending {
    state: u32,
    first: usize,
    end: usize,
}

impl AutomatonBuilder {
    /// The automaton over `terms`, which ascend strictly.
    pub(super) fn new(terms: &[&[u8]]) -> Self {
        let mut placer = Placer::new();
        let mut parents = vec![NO_FEATURE; terms.len() + 1];
        let mut level = vec![Pending { state: ROOT, first: 0, end: terms.len() }];
        let (mut codes, mut starts) = (Vec::new(), Vec::new());
        let mut depth = 0;
        // Level by level: the fail link of a state leads to a shallower one, which is complete by then.
        while !level.is_empty() {
            let mut deeper = Vec::with_capacity(level.len());
            for pending in &level {
                let own_term = terms[pending.first..pending.end].first().is_some_and(|t| t.len() == depth);
                let first = pending.first + usize::from(own_term);
                group_by_byte(&terms[first..pending.end], depth, &mut codes, &mut starts);
                let fail = placer.cells[pending.state as usize][FAIL];
                if codes.is_empty() {
                    // A leaf goes on as its fail state does, which saves a step each time.
                    let [base, fail, ..] = placer.cells[fail as usize];
                    placer.cells[pending.state as usize][BASE] = base;
                    placer.cells[pending.state as usize][FAIL] = fail;
                    continue;
                }
                let base = placer.place(&codes);
                placer.cells[pending.state as usize][BASE] = base;
                for (at, &code) in codes.iter().enumerate() {
                    let child = Pending {
                        state: base ^ u32::from(code),
                        first: first + starts[at],
                        end: starts.get(at + 1).map_or(pending.end, |start| first + start),
                    };
                    let child_fail =
                        if pending.state == ROOT { ROOT } else { goto(&placer.cells, fail, code) };
                    let mut feature = placer.cells[child_fail as usize][FEATURE];
                    if terms[child.first].len() == depth + 1 {
                        parents[child.first + 1] = feature;
                        feature = child.first as u32 + 1; // the vocabulary's size is below 2³² − 1
                    }
                    placer.cells[child.state as usize] = [0, child_fail, u32::from(code), feature];
                    deeper.push(child);
                }
            }
            level = deeper;
            depth += 1;
        }
        for cell in &mut placer.cells {
            if cell[CHECK] == EMPTY {
                cell[FAIL] = ROOT;
            }
        }
        Self { cells: placer.cells, parents }
    }

    /// The parents of the features, entry 0 standing for none.
    pub(super) fn parents(&self) -> &[u32] {
        &self.parents
    }

    /// The cells, with every feature numbered anew.
    pub(super) fn finish(mut self, renumbered: &[u32]) -> Vec<Cell> {
        for cell in &mut self.cells {
            cell[FEATURE] = renumbered[cell[FEATURE] as usize];
        }
        self.cells
    }
}

/// The state after `state` has read `byte`, in cells that are being built.
fn goto(cells: &[Cell], mut state: u32, byte: u8) -> u32 {
    loop {
        let next = cells[state as usize][BASE] ^ u32::from(byte);
        let is_placed = cells[next as usize][CHECK] == u32::from(byte);
        if is_placed {
            return next;
        }
        if state == ROOT {
            return ROOT;
        }
        state = cells[state as usize][FAIL];
    }
}

/// Replaces `codes` by the different bytes at `depth`, and `starts` by where the terms of each begin.
fn group_by_byte(terms: &[&[u8]], depth: usize, codes: &mut Vec<u8>, starts: &mut Vec<usize>) {
    codes.clear();
    starts.clear();
    for (at, term) in terms.iter().enumerate() {
        let code = term[depth];
        if codes.last() != Some(&code) {
            codes.push(code);
            starts.push(at);
        }
    }
}
