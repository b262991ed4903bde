//! `strip_accents`: what scikit-learn's `strip_accents_ascii` and `strip_accents_unicode` make of a text.
//!
//! Both normalize by NFKD, then drop characters one by one: all but ASCII, or those that combine. Which characters stay
//! does not depend on their neighbours, so a table from character to replacement is the whole of it.

/// A table of replacements; a view, cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Accents<'t> {
    /// The characters that are replaced, ascending.
    codes: &'t [u32],
    /// Where each replacement ends in `text`.
    ends: &'t [u32],
    /// All replacements, one after the other; each may be empty.
    text: &'t str,
    /// Whether a character that is neither ASCII nor in the table is dropped; else it stays.
    ascii: bool,
}

impl<'t> Accents<'t> {
    /// A table from its parts. The error says what is wrong with them.
    pub fn from_parts(
        codes: &'t [u32],
        ends: &'t [u32],
        text: &'t [u8],
        ascii: bool,
    ) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(text).map_err(|_| "its replacements are not UTF-8")?;
        let whole = ends.last().map_or(0, |&end| end as usize) == text.len();
        if codes.len() != ends.len() || !whole || !ends.is_sorted() {
            return Err("its replacements are cut wrongly");
        }
        if !codes.is_sorted_by(|a, b| a < b) || codes.first().is_some_and(|&code| code < 0x80) {
            return Err("its characters do not ascend from U+0080");
        }
        if !ends.iter().all(|&end| text.is_char_boundary(end as usize)) {
            return Err("a replacement ends within a character");
        }
        Ok(Self { codes, ends, text, ascii })
    }

    /// Replaces `out` by `text` without its accents.
    pub fn strip_into(self, text: &str, out: &mut String) {
        out.clear();
        let mut rest = text;
        while !rest.is_empty() {
            let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            out.push_str(&rest[..ascii]);
            rest = &rest[ascii..];
            let Some(character) = rest.chars().next() else { break };
            rest = &rest[character.len_utf8()..];
            match self.codes.binary_search(&(character as u32)) {
                Ok(at) => {
                    let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
                    out.push_str(&self.text[start..self.ends[at] as usize]);
                }
                Err(_) if self.ascii => {}
                Err(_) => out.push(character),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_replaced_dropped_or_kept() {
        let (codes, ends, text) = ([0xE9, 0x301, 0xFB01], [1, 1, 3], b"efi");
        for (ascii, expected) in [(true, "caffi e "), (false, "caffi e ß")] {
            let accents = Accents::from_parts(&codes, &ends, text, ascii).unwrap();
            let mut out = "x".to_owned();
            accents.strip_into("ca\u{301}f\u{fb01} \u{e9} \u{df}", &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        type Parts = (&'static [u32], &'static [u32], &'static [u8]);
        let broken: [Parts; 7] = [
            (&[0xE9], &[1, 1], b"e"),
            (&[0xE9], &[2], b"e"),
            (&[0xE9, 0xE8], &[1, 1], b"e"),
            (&[0x41], &[1], b"e"),
            (&[0xE9, 0xEA], &[1, 2], "é".as_bytes()),
            (&[0xE9], &[1], b"\xFF"),
            (&[], &[], b"e"),
        ];
        for (codes, ends, text) in broken {
            assert!(Accents::from_parts(codes, ends, text, true).is_err(), "{codes:?} {ends:?} {text:?}");
        }
    }
}
