//! Classes of bytes, by table, and the search for the end of a text, eight bytes at a time.

/// A letter, digit or `-`, `_`: what methods are made of.
pub(super) const METHOD: u8 = 1;
/// A token of RFC 9110 §5.6.2: what field names are made of.
pub(super) const TOKEN: u8 = 2;
/// What a path is made of: printable ASCII, but for `#`, `<`, `>`, `` ` `` and the `?` that ends it.
pub(super) const PATH: u8 = 4;
/// What a query is made of: printable ASCII, but for `"`, `#`, `<` and `>`.
pub(super) const QUERY: u8 = 8;
/// What the name of a host is made of.
pub(super) const HOST: u8 = 16;

const fn classes_of(byte: u8) -> u8 {
    let word = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let token = word
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'.' | b'^' | b'`' | b'|' | b'~'
        );
    let path = byte.is_ascii_graphic() && !matches!(byte, b'#' | b'<' | b'>' | b'`' | b'?');
    let query = byte.is_ascii_graphic() && !matches!(byte, b'#' | b'<' | b'>' | b'"');
    let host = word || matches!(byte, b'.' | b'~');
    let mut classes = 0;
    if word {
        classes |= METHOD;
    }
    if token {
        classes |= TOKEN;
    }
    if path {
        classes |= PATH;
    }
    if query {
        classes |= QUERY;
    }
    if host {
        classes |= HOST;
    }
    classes
}

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = classes_of(byte as u8);
        byte += 1;
    }
    classes
};

/// The first place from `from` on that is not of `class`; the length where all are.
#[inline]
pub(super) fn run_end(bytes: &[u8], from: usize, class: u8) -> usize {
    let mut at = from;
    loop {
        // Most of what comes is letters and hyphens, which are of every class.
        while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let others = no_letters(u64::from_le_bytes(*eight));
            if others != 0 {
                at += others.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        match bytes.get(at) {
            Some(byte) if CLASSES[usize::from(*byte)] & class != 0 => at += 1,
            _ => return at,
        }
    }
}

/// Whether all of `bytes` are of `class`.
pub(super) fn all(bytes: &[u8], class: u8) -> bool {
    run_end(bytes, 0, class) == bytes.len()
}

/// The first place from `from` on that holds a control character other than a tab; the length where none does. A
/// line ends there, or is broken.
#[inline]
pub(super) fn text_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let controls = controls(u64::from_le_bytes(*eight));
        if controls == 0 {
            at += 8;
            continue;
        }
        at += controls.trailing_zeros() as usize / 8;
        if bytes[at] != b'\t' {
            return at;
        }
        at += 1;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t').unwrap_or(rest.len())
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is neither an ASCII letter nor a hyphen.
fn no_letters(word: u64) -> u64 {
    // Sums of seven bits and less stay within their byte, so no byte decides about its neighbour.
    let at_least = |bytes: u64, least: u8| (bytes & !HIGHS) + ONES * u64::from(0x80 - least);
    let small = word | (ONES * 0x20);
    let letter = at_least(small, b'a') & !at_least(small, b'z' + 1) & !small;
    let hyphen = word ^ (ONES * u64::from(b'-'));
    let hyphen = !(((hyphen & !HIGHS) + (ONES * 0x7F)) | hyphen);
    !(letter | hyphen) & HIGHS
}

/// The high bit of each byte that is below 0x20 or is 0x7F. Exact for the lowest such byte; above it a borrow may
/// mark others.
fn controls(word: u64) -> u64 {
    let below_blank = word.wrapping_sub(ONES * 0x20) & !word;
    let flipped = word ^ (ONES * 0x7F);
    let delete = flipped.wrapping_sub(ONES) & !flipped;
    (below_blank | delete) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_at_each_control_character_wherever_it_stands() {
        for byte in 0..=255_u8 {
            for place in 0..20 {
                let mut text = [b'x'; 24];
                text[place] = byte;
                let ends = byte.is_ascii_control() && byte != b'\t';
                for from in 0..=place {
                    assert_eq!(text_end(&text, from), if ends { place } else { 24 }, "{byte} at {place}");
                }
                // What stands before it must not hide it or bring it forward.
                text[..place].fill(b'\t');
                text[place + 1..].fill(0xFF);
                assert_eq!(text_end(&text, 0), if ends { place } else { 24 });
            }
        }
    }

    #[test]
    fn runs_end_where_their_table_says_wherever_that_is() {
        for class in [METHOD, TOKEN, PATH, QUERY, HOST] {
            for byte in 0..=255_u8 {
                for place in 0..20 {
                    for around in *b"a-Z0" {
                        let mut text = [around; 24];
                        text[place] = byte;
                        let ends = CLASSES[usize::from(byte)] & class == 0;
                        assert_eq!(
                            run_end(&text, 0, class),
                            if ends { place } else { 24 },
                            "{byte} at {place}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn classes_are_those_of_the_specifications() {
        let members =
            |class| (0..=255_u8).filter(|byte| all(&[*byte], class)).map(char::from).collect::<String>();
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let sorted = |text: String| {
            let mut all: Vec<_> = text.chars().collect();
            all.sort_unstable();
            all.into_iter().collect::<String>()
        };
        let words = format!("0123456789{letters}{}", letters.to_lowercase());
        assert_eq!(members(METHOD), sorted(format!("{words}-_")));
        assert_eq!(members(TOKEN), sorted(format!("{words}!#$%&'*+-.^_`|~")));
        assert_eq!(members(HOST), sorted(format!("{words}-_.~")));
        assert_eq!(members(PATH), sorted(format!("{words}!\"$%&'()*+,-./:;=@[\\]^_{{|}}~")));
        assert_eq!(members(QUERY), sorted(format!("{words}!$%&'()*+,-./:;=?@[\\]^_`{{|}}~")));
    }
}
