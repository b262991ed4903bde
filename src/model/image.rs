//! The model image: everything that a worker needs to score, in one block of bytes without pointers.
//!
//! Layout, all integers little-endian as the machine has them:
//!
//! | bytes | what |
//! |---|---|
//! | 0–7   | `LINNETIM` |
//! | 8–15  | version of this layout |
//! | 16–23 | offset of the section table |
//! | 24–31 | number of sections |
//! | 64–   | sections, each at a multiple of 64, so that a row of weights starts on a cache line |
//! | table | four `u64` a section: kind, index among its kind, offset, length in bytes |
//!
//! An image is written and read by the same binary (it never touches a disk), so it has no byte order or
//! compatibility of its own. Reading checks every offset all the same: a damaged image is an error, not a crash.

use bytemuck::Pod;

use super::error::Defect;

/// `LINNETIM`.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"LINNETIM");
/// Raised with every change of a section's meaning.
pub(super) const VERSION: u64 = 2;
/// Sections start at multiples of this, in bytes.
pub(super) const ALIGNMENT: usize = 64;
/// Words of one entry of the section table.
pub(super) const ENTRY_WORDS: usize = 4;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Section {
    /// `manifest.json` as it stands in the artifact.
    Manifest = 1,
    /// `args.json` as it stands in the artifact.
    Args,
    /// `performance.json` as it stands in the artifact.
    Performance,
    /// `u16`, one a block of code points.
    CharacterStages,
    /// `u8`, flags of characters.
    CharacterFlags,
    /// `[u32; 4]`, lower-case entries.
    CharacterLower,
    /// `u8`, a vectorizer's terms.
    Terms,
    /// `u32`, where each term ends.
    TermEnds,
    /// `u64`, a vectorizer's hash table.
    TermTable,
    /// `f64`, inverse document frequency of each term; empty where the vectorizer uses none.
    Idf,
    /// `f64`, the rows of weights: one padded row a term, or the entries of all rows that are not 0.
    Weights,
    /// `u64`, where each row's entries end in the weights; empty where rows are padded.
    RowEnds,
    /// `u16`, the place in its row of each entry; empty where rows are padded.
    RowPlaces,
    /// `f64`, one a decision value.
    Intercepts,
    /// `[u32; 4]`, one a state of a fast vectorizer's automaton.
    Automaton,
    /// `[u64; 4]`, the table of a fast vectorizer's tokens.
    TokenSlots,
    /// `u8`, what long tokens have beyond what the table holds.
    TokenRests,
    /// `[u32; 3]`, one a state of an automaton over tokens.
    TokenStates,
    /// `[u32; 3]`, the table of its steps.
    TokenSteps,
    /// `u32`, the longest feature that is a proper suffix of each.
    Parents,
    /// `f64`, the square of each feature's inverse document frequency.
    Squares,
    /// `f64`, what each feature and its suffixes together add to the norm.
    Totals,
    /// `f64`, the factors of a vectorizer's further rescalings, one after the other.
    Scales,
    /// `u32`, characters that are replaced where accents are stripped; index 0 for ASCII, 1 for Unicode.
    AccentCodes,
    /// `u32`, where each replacement ends.
    AccentEnds,
    /// `u8`, all replacements.
    AccentText,
    /// `[u32; 3]`, a token pattern's instructions.
    PatternProgram,
    /// `[u32; 2]`, the code points of its sets.
    PatternRanges,
    /// `u32`, where each set ends.
    PatternSetEnds,
    /// `f64`, of a sigmoid calibration: the factor of each decision value. Empty for another classifier.
    CalibrationSlopes,
    /// `f64`, of a sigmoid calibration: the constant of each decision value.
    CalibrationIntercepts,
    /// `u32`, of an isotonic calibration: where each decision value's knots end.
    CalibrationEnds,
    /// `f64`, of an isotonic calibration: the knots' decision values.
    CalibrationX,
    /// `f64`, of an isotonic calibration: the knots' probabilities.
    CalibrationY,
}

/// A view of an image whose header and table have been checked.
#[derive(Clone, Copy, Debug)]
pub struct Image<'i> {
    bytes: &'i [u8],
    table: &'i [u64],
}

impl<'i> Image<'i> {
    /// Checks the header and that every section lies inside `bytes`, which must be aligned to 8 bytes.
    pub fn open(bytes: &'i [u8]) -> Result<Self, Defect> {
        let words: &[u64] =
            bytemuck::try_cast_slice(bytes).map_err(|_| Defect::Image("its length or place is uneven"))?;
        let [MAGIC, VERSION, offset, count, ..] = *words else {
            return Err(Defect::Image("its header is another one"));
        };
        let table = usize::try_from(offset / 8)
            .ok()
            .zip(usize::try_from(count).ok().and_then(|count| count.checked_mul(ENTRY_WORDS)))
            .and_then(|(start, length)| words.get(start..start.checked_add(length)?))
            .ok_or(Defect::Image("its section table lies outside it"))?;
        Ok(Self { bytes, table })
    }

    /// The content of a section.
    pub fn section<T: Pod>(self, section: Section, index: usize) -> Result<&'i [T], Defect> {
        let (entries, _) = self.table.as_chunks::<ENTRY_WORDS>();
        let entry = entries
            .iter()
            .find(|entry| entry[0] == section as u64 && entry[1] == index as u64)
            .ok_or(Defect::Image("a section is missing"))?;
        let (offset, length) = (entry[2] as usize, entry[3] as usize);
        let bytes = offset.checked_add(length).and_then(|end| self.bytes.get(offset..end));
        let bytes = bytes.ok_or(Defect::Image("a section lies outside it"))?;
        bytemuck::try_cast_slice(bytes).map_err(|_| Defect::Image("a section has a broken length"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::image_plan::{ImageBuffer, ImagePlan};
    use super::*;

    #[test]
    fn sections_come_back_as_they_were_pushed() {
        let mut plan = ImagePlan::default();
        plan.push(Section::Args, 0, &b"{}"[..]);
        plan.push(Section::Weights, 0, vec![1.5, -2.0]);
        plan.push::<f64>(Section::Weights, 1, &[][..]);
        let mut buffer = ImageBuffer::zeroed(plan.size());
        plan.write(&mut buffer).unwrap();
        let image = Image::open(buffer.as_bytes()).unwrap();
        assert_eq!(image.section::<u8>(Section::Args, 0).unwrap(), b"{}");
        assert_eq!(image.section::<f64>(Section::Weights, 0).unwrap(), [1.5, -2.0]);
        assert!(image.section::<f64>(Section::Weights, 1).unwrap().is_empty());
        assert!(image.section::<f64>(Section::Weights, 2).is_err());
        assert!(image.section::<f64>(Section::Args, 0).is_err(), "two bytes are no f64");
    }

    #[test]
    fn no_damage_of_one_word_reaches_outside() {
        let mut plan = ImagePlan::default();
        plan.push(Section::Args, 0, &b"{}"[..]);
        let mut buffer = ImageBuffer::zeroed(plan.size());
        plan.write(&mut buffer).unwrap();
        let words: &[u64] = bytemuck::cast_slice(buffer.as_bytes());
        for at in 0..words.len() {
            for value in [0, 1, 7, 1 << 40, u64::MAX, u64::MAX - 7] {
                let mut damaged = words.to_vec();
                damaged[at] = value;
                if let Ok(image) = Image::open(bytemuck::cast_slice(&damaged)) {
                    let _ = image.section::<u8>(Section::Args, 0); // must not panic
                }
            }
        }
        for length in 0..words.len() {
            assert!(Image::open(bytemuck::cast_slice(&words[..length])).is_err(), "{length} words");
        }
    }
}
