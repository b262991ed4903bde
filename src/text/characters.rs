//! What a character is to the Python that fitted the model: white space, word character, cased, and its lower case.

use std::ops::RangeInclusive;

/// Number of code points, and so the first value that is none.
const CODE_POINTS: usize = 0x11_0000;
/// Code points in one block of the two-stage table.
const BLOCK: usize = 256;
/// Number of blocks that all code points make; the length of [`CharacterTables::stages`].
pub const STAGES: usize = CODE_POINTS / BLOCK;

/// `str.isspace()`, which is also `\s` of Python's `re`.
pub const SPACE: u8 = 1;
/// `\w` of Python's `re`.
pub const WORD: u8 = 1 << 1;
/// `\d` of Python's `re`.
pub const DIGIT: u8 = 1 << 2;
/// Cased and not case-ignorable: ends the look-around of the final-sigma rule.
pub const CASED: u8 = 1 << 3;
/// Case-ignorable: the final-sigma rule looks past it.
pub const CASE_IGNORABLE: u8 = 1 << 4;
/// `str.lower()` changes it; [`Characters::lower`] says to what.
pub const LOWERS: u8 = 1 << 5;

/// One entry of the lower-case table: a code point and the one to three that replace it, padded with `u32::MAX`.
pub type LowerEntry = [u32; 4];

/// The tables in the form that runs, owned: made once when a model is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CharacterTables {
    /// For each block of 256 code points, which stretch of `flags` describes it. Length [`STAGES`].
    pub stages: Vec<u16>,
    /// Flag bytes, 256 a stretch; equal stretches are stored once.
    pub flags: Vec<u8>,
    /// Lower-case entries, ascending by code point.
    pub lower: Vec<LowerEntry>,
}

impl CharacterTables {
    /// Builds the two-stage table from the ranges of each property and the lower-case entries.
    ///
    /// The caller has checked that the ranges lie below U+110000 and that `lower` ascends.
    pub fn new(properties: &[(u8, Vec<RangeInclusive<u32>>)], lower: Vec<LowerEntry>) -> Self {
        let mut flat = vec![0u8; CODE_POINTS];
        for (flag, ranges) in properties {
            for range in ranges {
                for flags in &mut flat[*range.start() as usize..=*range.end() as usize] {
                    *flags |= flag;
                }
            }
        }
        for entry in &lower {
            flat[entry[0] as usize] |= LOWERS;
        }
        let mut tables = Self { stages: Vec::with_capacity(STAGES), flags: Vec::new(), lower };
        let mut seen = std::collections::HashMap::new();
        for block in flat.chunks_exact(BLOCK) {
            let next = seen.len();
            let stage = *seen.entry(block).or_insert_with(|| {
                tables.flags.extend_from_slice(block);
                next
            });
            tables.stages.push(stage as u16); // at most 4,352 blocks
        }
        tables
    }

    /// The tables as they are read while texts are scored.
    pub fn view(&self) -> Characters<'_> {
        Characters { stages: &self.stages, flags: &self.flags, lower: &self.lower }
    }
}

/// The tables as they are read while texts are scored; a view, cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Characters<'t> {
    stages: &'t [u16],
    flags: &'t [u8],
    lower: &'t [LowerEntry],
}

impl<'t> Characters<'t> {
    /// A view of tables that lie in an image. `None` where they do not fit together: a wrong number of stages, or a
    /// stage that points past the flags.
    pub fn from_parts(stages: &'t [u16], flags: &'t [u8], lower: &'t [LowerEntry]) -> Option<Self> {
        let fits = |&stage: &u16| (usize::from(stage) + 1) * BLOCK <= flags.len();
        (stages.len() == STAGES && stages.iter().all(fits)).then_some(Self { stages, flags, lower })
    }

    /// All flags of one character.
    #[inline]
    pub fn flags(self, character: char) -> u8 {
        let code = character as usize;
        self.flags[usize::from(self.stages[code / BLOCK]) * BLOCK + code % BLOCK]
    }

    /// `str.isspace()`.
    #[inline]
    pub fn is_space(self, character: char) -> bool {
        self.flags(character) & SPACE != 0
    }

    /// Whether `\w` matches.
    #[inline]
    pub fn is_word(self, character: char) -> bool {
        self.flags(character) & WORD != 0
    }

    /// What `str.lower()` makes of one character on its own (the final-sigma rule is [`super::lower`]'s).
    pub fn lower(self, character: char) -> impl Iterator<Item = char> + use<> {
        let entry = match self.lower.binary_search_by_key(&(character as u32), |entry| entry[0]) {
            Ok(at) if self.flags(character) & LOWERS != 0 => self.lower[at],
            _ => [0, character as u32, u32::MAX, u32::MAX],
        };
        entry.into_iter().skip(1).filter_map(char::from_u32) // the padding is no character
    }
}

/// Tables of a small imaginary Python, for unit tests that need no model: Rust's own Unicode.
#[cfg(test)]
pub(crate) fn rust_tables() -> CharacterTables {
    let all = (0..CODE_POINTS as u32).filter_map(char::from_u32);
    let single = |c: char| c as u32..=c as u32;
    let cased = |c: &char| format!("{c}Σ").to_lowercase().ends_with('ς');
    let ignorable = |c: &char| !cased(c) && format!("A{c}Σ").to_lowercase().ends_with('ς');
    let python_space = |c: &char| c.is_whitespace() || ('\x1c'..='\x1f').contains(c);
    let lower = all.clone().filter(|&c| c.to_lowercase().ne([c])).map(|c| {
        let mut entry = [c as u32, u32::MAX, u32::MAX, u32::MAX];
        c.to_lowercase().zip(&mut entry[1..]).for_each(|(l, e)| *e = l as u32);
        entry
    });
    let properties = [
        (SPACE, all.clone().filter(python_space).map(single).collect()),
        (WORD, all.clone().filter(|&c| c.is_alphanumeric() || c == '_').map(single).collect()),
        (CASED, all.clone().filter(cased).map(single).collect()),
        (CASE_IGNORABLE, all.clone().filter(ignorable).map(single).collect()),
    ];
    CharacterTables::new(&properties, lower.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_answer_as_their_source() {
        let tables = rust_tables();
        let view = tables.view();
        for code in 0..CODE_POINTS as u32 {
            let Some(c) = char::from_u32(code) else { continue };
            assert!(view.lower(c).eq(c.to_lowercase()), "lower of U+{code:04X}");
            assert_eq!(view.is_word(c), c.is_alphanumeric() || c == '_', "word U+{code:04X}");
        }
        assert!(tables.flags.len() < 100_000, "equal blocks are stored once: {}", tables.flags.len());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let tables = rust_tables();
        let short = &tables.flags[..tables.flags.len() - 1];
        assert!(Characters::from_parts(&tables.stages, short, &tables.lower).is_none());
        assert!(Characters::from_parts(&tables.stages[1..], &tables.flags, &tables.lower).is_none());
        assert!(Characters::from_parts(&tables.stages, &tables.flags, &tables.lower).is_some());
    }
}
