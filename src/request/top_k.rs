//! `?top_k=K`: how many classes the client wants with their probabilities.

use super::query;
use super::refusal::Problem;

/// Longest number that pydantic 1 looks at, in characters.
const CHARACTERS_MAX: usize = 4300;

/// The code points of the digit zero in Unicode 14, which CPython 3.11 knows; 1 to 9 follow each.
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
    0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066,
    0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950,
    0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
    0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// Reads `top_k` from a query string as FastAPI reads `top_k: int = Query(None, ge=1)`; at most `classes`.
pub(super) fn parse(
    query: Option<&str>,
    has_probabilities: bool,
    classes: usize,
) -> Result<Option<usize>, Problem> {
    let Some(value) = query.and_then(|query| query::last(query, "top_k")) else { return Ok(None) };
    match integer(&value).ok_or(Problem::NotAnInteger)? {
        ..1 => Err(Problem::TooSmall(1)),
        _ if !has_probabilities => Err(Problem::NoProbabilities),
        top_k => Ok(Some(usize::try_from(top_k).unwrap_or(usize::MAX).min(classes))),
    }
}

/// Python's `int(text)`: white space around, a sign, decimal digits of any script, single underscores between them.
/// Numbers beyond `i64` saturate.
fn integer(text: &str) -> Option<i64> {
    if text.chars().take(CHARACTERS_MAX + 1).count() > CHARACTERS_MAX {
        return None;
    }
    let text = text.trim_matches(is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = digits.split('_').try_fold(0_i64, |sum, group| {
        let add = |sum: i64, character| Some(sum.saturating_mul(10).saturating_add(digit(character)?));
        if group.is_empty() { None } else { group.chars().try_fold(sum, add) }
    })?;
    Some(if negative { -magnitude } else { magnitude })
}

fn digit(character: char) -> Option<i64> {
    let code_point = u32::from(character);
    let after = ZEROS.partition_point(|&zero| zero <= code_point);
    let distance = code_point - ZEROS.get(after.checked_sub(1)?)?;
    (distance < 10).then_some(i64::from(distance))
}

/// White space to `int()`: unlike `str.isspace`, it does not take U+001C to U+001F for it.
fn is_space(character: char) -> bool {
    matches!(
        character,
        '\t'..='\r' | ' ' | '\u{85}' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{2028}' | '\u{2029}'
            | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_as_fastapi_does() {
        let nines = "9".repeat(4300);
        let too_long = "9".repeat(4301);
        for (value, expected) in [
            ("5", Ok(5)),
            ("%205%20", Ok(5)),
            ("+5", Ok(5)),
            ("%2B5", Ok(5)),
            ("%D9%A3", Ok(3)),
            ("%F0%9D%9F%97", Ok(9)),
            ("1_0", Ok(10)),
            ("005", Ok(5)),
            ("%355", Ok(55)),
            ("%C2%A05", Ok(5)),
            ("5%C2%85", Ok(5)),
            (nines.as_str(), Ok(100)),
            ("7&top_k=8", Ok(8)),
            ("0", Err(Problem::TooSmall(1))),
            ("-0", Err(Problem::TooSmall(1))),
            ("-9", Err(Problem::TooSmall(1))),
            (too_long.as_str(), Err(Problem::NotAnInteger)),
            ("", Err(Problem::NotAnInteger)),
            ("abc", Err(Problem::NotAnInteger)),
            ("5.0", Err(Problem::NotAnInteger)),
            ("1e2", Err(Problem::NotAnInteger)),
            ("0x5", Err(Problem::NotAnInteger)),
            ("true", Err(Problem::NotAnInteger)),
            ("_1", Err(Problem::NotAnInteger)),
            ("1_", Err(Problem::NotAnInteger)),
            ("1__0", Err(Problem::NotAnInteger)),
            ("%2B", Err(Problem::NotAnInteger)),
            ("%2B-5", Err(Problem::NotAnInteger)),
            ("%2B%205", Err(Problem::NotAnInteger)),
            ("5%00", Err(Problem::NotAnInteger)),
            ("%1c5", Err(Problem::NotAnInteger)),
            ("%C2%B2", Err(Problem::NotAnInteger)),
            ("%E2%88%925", Err(Problem::NotAnInteger)),
            ("%FF", Err(Problem::NotAnInteger)),
            ("2&top_k=x", Err(Problem::NotAnInteger)),
        ] {
            let query = format!("top_k={value}");
            assert_eq!(parse(Some(&query), true, 100), expected.map(Some), "{query}");
        }
    }

    #[test]
    fn is_optional_and_bounded_by_the_classes() {
        assert_eq!(parse(None, true, 4), Ok(None));
        assert_eq!(parse(Some("TOP_K=0&k=1"), true, 4), Ok(None));
        assert_eq!(parse(Some("top_k"), true, 4), Err(Problem::NotAnInteger));
        assert_eq!(parse(Some("top%5Fk=9"), true, 4), Ok(Some(4)));
        assert_eq!(parse(Some("top_k=3"), false, 4), Err(Problem::NoProbabilities));
        assert_eq!(parse(Some("top_k=0"), false, 4), Err(Problem::TooSmall(1)));
    }

    #[test]
    fn knows_each_digit() {
        assert!(ZEROS.is_sorted());
        for zero in ZEROS {
            let digits: Vec<_> = (zero..zero + 10).map(|c| digit(char::from_u32(c).unwrap())).collect();
            assert_eq!(digits, (0..10).map(Some).collect::<Vec<_>>());
        }
        assert_eq!(digit('/').or(digit(':')).or(digit('²')).or(digit('½')), None);
    }
}
