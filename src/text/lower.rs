//! `str.lower()`, as the Python that fitted the model does it.

use super::characters::{CASE_IGNORABLE, CASED, Characters, LOWERS};
use super::work;

const CAPITAL_SIGMA: char = 'Σ';

/// Appends the lower case of `text` to `out`.
///
/// ASCII runs take a short way; every other character goes through the model's table, and `Σ` through the
/// final-sigma rule.
pub fn lower_into(characters: Characters<'_>, text: &str, out: &mut String) {
    out.reserve(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = ascii_prefix(rest.as_bytes());
        let start = out.len();
        out.push_str(&rest[..ascii]);
        out[start..].make_ascii_lowercase();
        rest = &rest[ascii..];
        work::spend(1 + ascii / 32);
        let Some(character) = rest.chars().next() else { break };
        let before = &text[..text.len() - rest.len()];
        rest = &rest[character.len_utf8()..];
        if character == CAPITAL_SIGMA {
            out.push(if is_final(characters, before, rest) { 'ς' } else { 'σ' });
        } else if characters.flags(character) & LOWERS != 0 {
            out.extend(characters.lower(character));
        } else {
            out.push(character);
        }
    }
}

/// Number of ASCII bytes before the first other one.
fn ascii_prefix(bytes: &[u8]) -> usize {
    let blocks = bytes.chunks_exact(32).take_while(|block| block.is_ascii()).count() * 32;
    blocks + bytes[blocks..].iter().take_while(|byte| byte.is_ascii()).count()
}

/// Whether a capital sigma between `before` and `after` ends a word: `handle_capital_sigma` in `CPython`'s
/// `Objects/unicodeobject.c`. Both walks stop at the nearest character that is not case-ignorable, and a sigma is
/// cased, so a text full of sigmas is still read in linear time.
fn is_final(characters: Characters<'_>, before: &str, after: &str) -> bool {
    let cased = |walk: &mut dyn Iterator<Item = char>| {
        walk.inspect(|_| work::spend(1))
            .map(|c| characters.flags(c))
            .find(|flags| flags & CASE_IGNORABLE == 0)
            .is_some_and(|flags| flags & CASED != 0)
    };
    cased(&mut before.chars().rev()) && !cased(&mut after.chars())
}

#[cfg(test)]
mod tests {
    use super::super::characters::rust_tables;
    use super::*;

    #[test]
    fn lower_case_is_unicodes() {
        let tables = rust_tables();
        for text in [
            "",
            "ABC def",
            "ÀÉ",
            "İstanbul",
            "ΟΔΟΣ",
            "ΣΑΣ",
            "Σ",
            "ΑΣ",
            "ΑΣ Β",
            "Α.Σ",
            "ΑΣ.Β",
            "ΑΣ'",
            "ΣΣ",
            "ẞ",
            "Ⅷ",
            "𐐀",
            "A\u{301}Σ\u{301}",
            "Ǆ",
            "K",
            "Ａ",
        ] {
            let mut lowered = String::from("x");
            lower_into(tables.view(), text, &mut lowered);
            assert_eq!(lowered, format!("x{}", text.to_lowercase()), "lower case of {text:?}");
        }
    }
}
