//! The term index: n-gram → column, as an open-addressing hash table that lies in the image.

use rapidhash::v3::{DEFAULT_RAPID_SECRETS, rapidhash_v3_nano_inline};

use super::error::Defect;

/// A table entry: the upper half of the term's hash above, the column + 1 below; 0 is empty.
type Entry = u64;

/// A vectorizer's terms, ready to be looked up.
#[derive(Clone, Copy, Debug)]
pub struct TermIndex<'i> {
    terms: &'i [u8],
    ends: &'i [u32],
    /// A power of two, at most half full, so that every search meets an empty entry.
    table: &'i [Entry],
}

#[inline]
fn hash(term: &[u8]) -> u64 {
    rapidhash_v3_nano_inline::<true, false>(term, &DEFAULT_RAPID_SECRETS)
}

/// The table over `terms`, given in column order. The error is the column of a term that an earlier one equals.
pub fn build_table<'t>(terms: impl Iterator<Item = &'t [u8]>) -> Result<Vec<Entry>, usize> {
    let all: Vec<&[u8]> = terms.collect();
    let mut table: Vec<Entry> = vec![0; (all.len() * 2).next_power_of_two().max(2)];
    let mask = table.len() - 1;
    for (column, term) in all.iter().enumerate() {
        let hash = hash(term);
        let fingerprint = hash >> 32 << 32;
        let mut at = hash as usize & mask;
        while table[at] != 0 {
            if table[at] & !0xFFFF_FFFF == fingerprint && all[(table[at] as u32 - 1) as usize] == *term {
                return Err(column);
            }
            at = (at + 1) & mask;
        }
        table[at] = fingerprint | (column as u64 + 1);
    }
    Ok(table)
}

impl<'i> TermIndex<'i> {
    /// A view of an index that lies in an image; checks all that a look-up relies on.
    pub fn from_parts(terms: &'i [u8], ends: &'i [u32], table: &'i [Entry]) -> Result<Self, Defect> {
        let cut = ends.windows(2).all(|pair| pair[0] < pair[1])
            && ends.last().is_none_or(|&end| end as usize <= terms.len());
        if !cut {
            return Err(Defect::Image("its terms are cut wrongly"));
        }
        let used = table.iter().filter(|&&entry| entry != 0);
        let pointed = used.clone().all(|&entry| (1..=ends.len() as u64).contains(&(entry & 0xFFFF_FFFF)));
        if !table.len().is_power_of_two() || used.count() == table.len() || !pointed {
            return Err(Defect::Image("its hash table is broken"));
        }
        Ok(Self { terms, ends, table })
    }

    /// The column of `term`, if it is in the vocabulary.
    #[inline]
    pub fn get(self, term: &[u8]) -> Option<u32> {
        let hash = hash(term);
        let mask = self.table.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let entry = self.table[at];
            if entry == 0 {
                return None;
            }
            if entry >> 32 == hash >> 32 {
                let column = entry as u32 - 1;
                if self.term(column as usize) == term {
                    return Some(column);
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn term(self, column: usize) -> &'i [u8] {
        let start = if column == 0 { 0 } else { self.ends[column - 1] as usize };
        &self.terms[start..self.ends[column] as usize]
    }

    /// Number of columns.
    pub fn len(self) -> usize {
        self.ends.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(self) -> bool {
        self.ends.is_empty()
    }
}
