//! Which terms can be counted at all, and in which order their features lie.

use super::automaton::NO_FEATURE;
use crate::text::analyzer::{Analyzer, NgramRange};

/// Whether the analyzer can cut `term` out of some text. An explicit vocabulary may hold others; they never count.
pub(super) fn can_occur(analyzer: Analyzer, range: NgramRange, term: &[u8]) -> bool {
    if analyzer == Analyzer::Word {
        let tokens = term.split(|&byte| byte == b' ').count();
        return (range.min..=range.max).contains(&tokens);
    }
    // Bytes that do not continue a character.
    let characters = term.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
    if (range.min..=range.max).contains(&characters) {
        return true;
    }
    // A padded word that is shorter than the smallest n counts once, whole.
    let is_padded_word = characters > 2 && term.starts_with(b" ") && term.ends_with(b" ");
    analyzer == Analyzer::CharWb && characters < range.min && is_padded_word
}

/// The terms that can occur and whose column counts, ascending, each with its column among all. The error is the column of a term that an
/// earlier one equals.
pub(super) fn select<'t>(
    analyzer: Analyzer,
    range: NgramRange,
    terms: impl Iterator<Item = &'t [u8]>,
    counts: impl Fn(u32) -> bool,
) -> Result<(Vec<&'t [u8]>, Vec<u32>), usize> {
    let mut all: Vec<(&[u8], u32)> = terms.zip(0..).collect();
    if !all.is_sorted_by_key(|(term, _)| *term) {
        all.sort_unstable(); // of equal terms the lower column comes first
    }
    if let Some(pair) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(pair[1].1 as usize);
    }
    Ok(all.into_iter().filter(|&(term, column)| counts(column) && can_occur(analyzer, range, term)).unzip())
}

/// New numbers for features, and the parents by these numbers. Entry 0 stands for none and stays.
pub(super) fn renumber(parents: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let numbers = depth_first(parents);
    let mut renumbered = vec![NO_FEATURE; numbers.len()];
    for (feature, &parent) in parents.iter().enumerate() {
        renumbered[numbers[feature] as usize] = numbers[parent as usize];
    }
    (numbers, renumbered)
}

/// New numbers for features, so that a feature comes right behind its parent where it can: what ends with the same
/// characters is counted together, and so lies together. Entry 0 stands for none and stays.
fn depth_first(parents: &[u32]) -> Vec<u32> {
    // The children of each feature, as linked lists; the roots hang below entry 0.
    let mut first_child = vec![NO_FEATURE; parents.len()];
    let mut next_sibling = vec![NO_FEATURE; parents.len()];
    for feature in (1..parents.len()).rev() {
        let parent = parents[feature] as usize;
        next_sibling[feature] = std::mem::replace(&mut first_child[parent], feature as u32);
    }
    let mut numbers = vec![NO_FEATURE; parents.len()];
    let (mut stack, mut next) = (vec![first_child[0]], 1);
    while let Some(feature) = stack.pop() {
        if feature != NO_FEATURE {
            numbers[feature as usize] = next;
            next += 1;
            stack.push(next_sibling[feature as usize]);
            stack.push(first_child[feature as usize]);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_analyzer_cuts_can_occur() {
        let range = NgramRange { min: 4, max: 5 };
        let cases = [
            ("abcd", true, true),
            ("abc", false, false),
            ("abcdef", false, false),
            ("äöüß", true, true),
            (" a ", true, false),
            ("  ", false, false),
            (" ab", false, false),
            ("é", false, false),
        ];
        let two = NgramRange { min: 2, max: 2 };
        for (term, word) in [("a", false), ("a b", true), ("a ", true), ("a b c", false)] {
            assert_eq!(can_occur(Analyzer::Word, two, term.as_bytes()), word, "word {term:?}");
        }
        for (term, char_wb, char) in cases {
            assert_eq!(can_occur(Analyzer::CharWb, range, term.as_bytes()), char_wb, "char_wb {term:?}");
            assert_eq!(can_occur(Analyzer::Char, range, term.as_bytes()), char, "char {term:?}");
        }
    }

    #[test]
    fn a_feature_stands_behind_its_parent() {
        // 1 ← 3 ← 4, 1 ← 5, 2
        let numbers = depth_first(&[0, 0, 0, 1, 3, 1]);
        assert_eq!(numbers, [0, 1, 5, 2, 3, 4]);
    }
}
