//! Token patterns: `re.findall` of any pattern that the exporter could rewrite into a small program.
//!
//! The program runs as Pike's machine does: all ways to match go through the text side by side, in the order in which a
//! backtracking matcher would try them, so that the way that wins is Python's, and a text of n characters costs at most
//! n × program steps. What a match has looked at behind its end, and in vain, is noted, so that the next one does not look
//! there again. What a character class holds was asked of Python's own `re`.

use super::work;

/// Most instructions of a program; each may cost a step at every character.
pub const PROGRAM_MAX: usize = 4096;

/// Most bytes of notes on what was looked at in vain. A larger product of text and program goes without, and may cost
/// steps that grow with the square of the text, as they do in Python.
const NOTES_BYTES_MAX: usize = 64 << 20;

const MATCH: u32 = 0;
const SET: u32 = 1;
const SPLIT: u32 = 2;
const JUMP: u32 = 3;
const ASSERT: u32 = 4;
const SAVE: u32 = 5;

/// A checked program; a view, cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct TokenPattern<'p> {
    program: &'p [[u32; 3]],
    /// Inclusive ranges of code points, ascending within a set.
    ranges: &'p [[u32; 2]],
    /// Where each set ends in `ranges`.
    set_ends: &'p [u32],
}

/// Buffers that matching keeps between texts.
#[derive(Debug, Default)]
pub struct PatternScratch {
    now: Threads,
    next: Threads,
    /// Instructions that are still to be followed at this position, with the thread as it gets there.
    pending: Vec<Thread>,
    dead: Dead,
}

/// The instructions that, from some position of the present text on, lead to no match: a bit for each of them at each
/// position. Empty until there is something to note.
#[derive(Debug, Default)]
struct Dead {
    bits: Vec<u64>,
}

/// One way to match, as far as it has come.
#[derive(Clone, Copy, Debug)]
struct Thread {
    at: u32,
    start: usize,
    group: [usize; 2],
}

/// The threads at one position, the one that a backtracking matcher would try first in front.
#[derive(Debug, Default)]
struct Threads {
    list: Vec<Thread>,
    /// For each instruction, the position (+ 1) at which it was last reached.
    reached: Vec<usize>,
}

/// No such place in a text.
const NOWHERE: usize = usize::MAX;

impl<'p> TokenPattern<'p> {
    /// A program from its parts, checked so that running it stays within them. The error says what is wrong.
    pub fn from_parts(
        program: &'p [[u32; 3]],
        ranges: &'p [[u32; 2]],
        set_ends: &'p [u32],
    ) -> Result<Self, String> {
        if program.is_empty() || program.len() > PROGRAM_MAX {
            return Err(format!("{} instructions; expected 1 to {PROGRAM_MAX}", program.len()));
        }
        let (length, sets) = (program.len() as u32, set_ends.len() as u32);
        for (at, &[code, a, b]) in program.iter().enumerate() {
            let next = (at as u32) + 1 < length;
            let fits = match code {
                MATCH => true,
                SET => next && a < sets,
                SPLIT => a < length && b < length,
                JUMP => a < length,
                ASSERT => next && (a <= 4 || (a <= 6 && b < sets)),
                SAVE => next && a <= 1,
                _ => false,
            };
            if !fits {
                return Err(format!("instruction {at} is [{code}, {a}, {b}]"));
            }
        }
        let mut start = 0;
        for (set, &end) in set_ends.iter().enumerate() {
            let members = ranges.get(start as usize..end as usize).unwrap_or_default();
            let ascending = members.windows(2).all(|pair| pair[0][1] < pair[1][0]);
            if end < start || members.len() != (end - start) as usize || !ascending {
                return Err(format!("set {set} is not a list of ascending ranges"));
            }
            if members.iter().any(|range| range[0] > range[1]) {
                return Err(format!("set {set} has a range that ends before it begins"));
            }
            start = end;
        }
        if start as usize != ranges.len() {
            return Err("ranges are left after the last set".to_owned());
        }
        Ok(Self { program, ranges, set_ends })
    }

    /// Whether a token may hold this character.
    pub fn reads(self, character: char) -> bool {
        self.program.iter().any(|&[code, set, _]| code == SET && self.holds(set, character))
    }

    /// Calls `emit` with each token of `text`: the group, or the whole match where the pattern has no group.
    pub fn find_all(self, text: &str, scratch: &mut PatternScratch, mut emit: impl FnMut(&str)) {
        scratch.dead.bits.clear();
        let has_group = self.program.iter().any(|&[code, ..]| code == SAVE);
        let (mut from, mut must_advance) = (0, false);
        while let Some((found, end)) = self.find(text, from, must_advance, scratch) {
            match found.group {
                _ if !has_group => emit(&text[found.start..end]),
                [start, end] if start != NOWHERE && end != NOWHERE => emit(&text[start..end]),
                _ => emit(""),
            }
            // As in Python: an empty match may follow another match, but not an empty one at the same place.
            must_advance = end == found.start;
            from = end;
        }
    }

    /// The first match from `from` on, and where it ends.
    fn find(
        self,
        text: &str,
        from: usize,
        must_advance: bool,
        scratch: &mut PatternScratch,
    ) -> Option<(Thread, usize)> {
        let PatternScratch { now, next, pending, dead } = scratch;
        now.clear(self.program.len());
        next.clear(self.program.len());
        let mut found = None;
        let mut position = from;
        loop {
            if found.is_none() {
                pending.push(Thread { at: 0, start: position, group: [NOWHERE; 2] });
                self.follow(text, position, pending, now, (false, dead));
            }
            if now.list.is_empty() && found.is_some() {
                return found;
            }
            let character = text[position..].chars().next();
            let after = position + character.map_or(0, char::len_utf8);
            for thread in now.list.drain(..) {
                let [code, set, _] = self.program[thread.at as usize];
                if code == MATCH {
                    if !(must_advance && position == from) {
                        // The next match begins here: only what lies behind is known to be in vain.
                        dead.revive(self.program.len() * position, self.program.len());
                        found = Some((thread, position));
                        break; // whatever comes behind would be tried later
                    }
                } else if character.is_some_and(|c| self.holds(set, c)) {
                    pending.push(Thread { at: thread.at + 1, ..thread });
                    self.follow(text, after, pending, next, (found.is_some(), dead));
                }
            }
            if character.is_none() {
                return found;
            }
            position = after;
            std::mem::swap(now, next);
            next.list.clear();
        }
    }

    /// Takes the pending thread through everything that reads no character; what then waits for one, or has matched, is
    /// added to `threads` in the order of trying. Whatever stands behind a match that was found (`is_behind`) is noted as
    /// dead: it is, unless it becomes a match that wins.
    fn follow(
        self,
        text: &str,
        position: usize,
        pending: &mut Vec<Thread>,
        threads: &mut Threads,
        (is_behind, dead): (bool, &mut Dead),
    ) {
        let instructions = self.program.len();
        while let Some(mut thread) = pending.pop() {
            work::spend(1);
            let reached = &mut threads.reached[thread.at as usize];
            if *reached == position + 1 {
                continue; // an earlier way got here
            }
            *reached = position + 1;
            let [code, a, b] = self.program[thread.at as usize];
            match code {
                SPLIT => {
                    pending.push(Thread { at: b, ..thread });
                    pending.push(Thread { at: a, ..thread });
                }
                JUMP => pending.push(Thread { at: a, ..thread }),
                ASSERT if self.stands(a, b, text, position) => {
                    pending.push(Thread { at: thread.at + 1, ..thread });
                }
                ASSERT => {}
                SAVE => {
                    thread.group[a as usize] = position;
                    pending.push(Thread { at: thread.at + 1, ..thread });
                }
                _ if dead.has(instructions * position + thread.at as usize) => {}
                _ => {
                    if is_behind {
                        dead.note(
                            instructions * (text.len() + 1),
                            instructions * position + thread.at as usize,
                        );
                    }
                    threads.list.push(thread);
                }
            }
        }
    }

    /// Whether an assertion holds at a position.
    fn stands(self, kind: u32, set: u32, text: &str, position: usize) -> bool {
        let (before, after) = text.split_at(position);
        let (last, first) = (before.chars().next_back(), after.chars().next());
        let holds = |character: Option<char>| character.is_some_and(|c| self.holds(set, c));
        match kind {
            0 => last.is_none(),
            1 => first.is_none(),
            2 => last.is_none_or(|c| c == '\n'),
            3 => first.is_none_or(|c| c == '\n'),
            4 => matches!(after, "" | "\n"),
            5 => holds(last) != holds(first),
            _ => !text.is_empty() && holds(last) == holds(first),
        }
    }

    /// Whether a set holds a character.
    fn holds(self, set: u32, character: char) -> bool {
        let set = set as usize;
        let start = if set == 0 { 0 } else { self.set_ends[set - 1] as usize };
        let ranges = &self.ranges[start..self.set_ends[set] as usize];
        let code = character as u32;
        let at = ranges.partition_point(|range| range[1] < code);
        ranges.get(at).is_some_and(|range| range[0] <= code)
    }
}

impl Dead {
    /// Whether bit `at` is noted.
    fn has(&self, at: usize) -> bool {
        self.bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Notes bit `at` of `length`, where there is room for so many.
    fn note(&mut self, length: usize, at: usize) {
        if self.bits.is_empty() && length / 8 <= NOTES_BYTES_MAX {
            self.bits.resize(length.div_ceil(64), 0);
        }
        if let Some(word) = self.bits.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    /// Takes `count` notes from bit `first` on back.
    fn revive(&mut self, first: usize, count: usize) {
        if !self.bits.is_empty() {
            (first..first + count).for_each(|at| self.bits[at / 64] &= !(1 << (at % 64)));
        }
    }
}

impl PatternScratch {
    /// Gives back what the notes have above `bytes`; all other buffers are bounded by the program.
    pub fn shrink(&mut self, bytes: usize) {
        self.dead.bits.clear();
        self.dead.bits.shrink_to(bytes / 8);
    }

    /// Bytes of the notes.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.dead.bits.capacity() * 8
    }
}

impl Threads {
    fn clear(&mut self, instructions: usize) {
        self.list.clear();
        self.reached.clear();
        self.reached.resize(instructions, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: &[[u32; 2]] = &[[0x61, 0x62], [0x61, 0x61], [0x63, 0x63]];
    const SETS: &[u32] = &[1, 2, 3]; // [ab], a, c

    fn tokens(program: &[[u32; 3]], text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let pattern = TokenPattern::from_parts(program, RANGES, SETS).unwrap();
        pattern.find_all(text, &mut PatternScratch::default(), |token| found.push(token.to_owned()));
        found
    }

    #[test]
    fn tokens_are_those_of_findall() {
        // The program, what the pattern is in Python, and re.findall's answers.
        type Case = (&'static [[u32; 3]], &'static [(&'static str, &'static [&'static str])]);
        let cases: &[Case] = &[
            // [ab]+
            (&[[1, 0, 0], [2, 0, 2], [0; 3]], &[("abcaéb", &["ab", "a", "b"]), ("", &[]), ("cc", &[])]),
            // [ab]+?
            (&[[1, 0, 0], [2, 2, 0], [0; 3]], &[("abc", &["a", "b"])]),
            // a*: an empty match behind another one, and none twice at one place
            (&[[2, 1, 3], [1, 1, 0], [3, 0, 0], [0; 3]], &[("aab", &["aa", "", ""]), ("", &[""])]),
            // a(b?)|x: the group alone; [ab] stands for b
            (&[[1, 1, 0], [5, 0, 0], [2, 3, 4], [1, 0, 0], [5, 1, 0], [0; 3]], &[("ab a c", &["b", ""])]),
            // a|aa: the first alternative wins, though the second is longer
            (&[[2, 1, 3], [1, 1, 0], [3, 5, 0], [1, 1, 0], [1, 1, 0], [0; 3]], &[("aa", &["a", "a"])]),
            // \b[ab], the boundary between [ab] and the rest
            (&[[4, 5, 0], [1, 0, 0], [0; 3]], &[("ab ba", &["a", "b"])]),
            // a(?:a*c)?: what was looked at in vain is not looked at again, but for where the next match begins
            (
                LOOKS_AHEAD,
                &[
                    ("aaa", &["a", "a", "a"]),
                    ("aacaacaa", &["aac", "aac", "a", "a"]),
                    ("aabac", &["a", "a", "ac"]),
                ],
            ),
            // [ab]$
            (&[[1, 0, 0], [4, 4, 0], [0; 3]], &[("ab\n", &["b"]), ("a\nb\n\n", &[])]),
        ];
        for (program, texts) in cases {
            for (text, expected) in *texts {
                assert_eq!(tokens(program, text), *expected, "{program:?} in {text:?}");
            }
        }
    }

    /// `a(?:a*c)?`
    const LOOKS_AHEAD: &[[u32; 3]] =
        &[[1, 1, 0], [2, 2, 6], [2, 3, 5], [1, 1, 0], [3, 2, 0], [1, 2, 0], [0; 3]];

    /// Where a match from `position` on ends, as a backtracking matcher finds it: one way after the other.
    fn backtrack(
        program: &[[u32; 3]],
        at: usize,
        text: &[u8],
        position: usize,
        least: usize,
    ) -> Option<usize> {
        let [code, a, b] = program[at];
        let on = |at: u32, position| backtrack(program, at as usize, text, position, least);
        match code {
            MATCH => (position >= least).then_some(position),
            SET => {
                let [low, high] = RANGES[a as usize];
                let is_in = text.get(position).is_some_and(|&byte| (low..=high).contains(&u32::from(byte)));
                if is_in { on(at as u32 + 1, position + 1) } else { None }
            }
            SPLIT => on(a, position).or_else(|| on(b, position)),
            _ => on(a, position),
        }
    }

    /// A tangle of ways that look ahead of each other.
    const LOOKS_AROUND: &[[u32; 3]] = &[
        [2, 1, 9],
        [1, 1, 0],
        [2, 3, 7],
        [2, 4, 6],
        [1, 1, 0],
        [3, 3, 0],
        [1, 2, 0],
        [2, 0, 8],
        [1, 0, 0],
        [2, 10, 14],
        [1, 0, 0],
        [2, 13, 12],
        [1, 0, 0],
        [1, 2, 0],
        [0; 3],
    ];

    proptest::proptest! {
        #[test]
        fn tokens_are_those_of_a_backtracking_matcher(text in "[abc]{0,18}") {
            for program in [LOOKS_AHEAD, LOOKS_AROUND] {
                let (mut expected, mut from, mut must_advance) = (Vec::new(), 0, false);
                while let Some((start, end)) = (from..=text.len()).find_map(|start| {
                    let least = if must_advance && start == from { from + 1 } else { 0 };
                    backtrack(program, 0, text.as_bytes(), start, least).map(|end| (start, end))
                }) {
                    expected.push(&text[start..end]);
                    (from, must_advance) = (end, start == end);
                }
                proptest::prop_assert_eq!(tokens(program, &text), expected, "{:?} in {:?}", program, text);
            }
        }
    }

    #[test]
    fn a_pattern_that_looks_ahead_in_vain_takes_linear_time() {
        let steps = |length: usize| {
            work::spent(|| assert_eq!(tokens(LOOKS_AHEAD, &"a".repeat(length)).len(), length))
        };
        let (short, long) = (steps(500), steps(5_000));
        assert!(long <= 11 * short, "{long} steps, {short} for a tenth of the text");
    }

    #[test]
    fn programs_that_reach_outside_are_refused() {
        let programs: [&[[u32; 3]]; 8] = [
            &[],
            &[[9, 0, 0]],
            &[[1, 0, 0]],
            &[[1, 3, 0], [0; 3]],
            &[[2, 0, 2], [0; 3]],
            &[[3, 7, 0]],
            &[[4, 6, 3], [0; 3]],
            &[[5, 2, 0], [0; 3]],
        ];
        for program in programs {
            assert!(TokenPattern::from_parts(program, RANGES, SETS).is_err(), "{program:?}");
        }
        for (ranges, ends) in
            [(&[[2, 1]][..], &[1][..]), (&[[1, 2], [2, 3]], &[2]), (&[[1, 2]], &[2]), (&[[1, 2]], &[])]
        {
            assert!(TokenPattern::from_parts(&[[0; 3]], ranges, ends).is_err(), "{ranges:?} {ends:?}");
        }
    }
}
