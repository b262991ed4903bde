//! The query string, decoded as the lesson's server does it: `urllib.parse.parse_qsl(…, keep_blank_values=True)`.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The value of the last parameter called `name`, decoded; a parameter without `=` is empty.
pub fn last<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    pairs(query).filter(|(found, _)| found == name).last().map(|(_, value)| value)
}

/// The parameters in order, names and values decoded. Only `&` separates them; empty pieces count for nothing.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|piece| !piece.is_empty()).map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        (decode(name), decode(value))
    })
}

/// `+` is a space, `%XX` a byte of UTF-8. Each maximal invalid sequence becomes U+FFFD; a `%` without two
/// hexadecimal digits stays as it is. Allocates only if something changes.
fn decode(component: &str) -> Cow<'_, str> {
    if !component.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return Cow::Borrowed(component);
    }
    let spaced = component.replace('+', " ");
    Cow::Owned(percent_decode(spaced.as_bytes()).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queries and what `parse_qsl` makes of them on CPython 3.11.7.
    const CASES: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("&&", &[]),
        ("a", &[("a", "")]),
        ("a=", &[("a", "")]),
        ("=a", &[("", "a")]),
        ("=", &[("", "")]),
        ("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
        ("a=b=c", &[("a", "b=c")]),
        ("a=1;b=2", &[("a", "1;b=2")]),
        ("a+b=c+d", &[("a b", "c d")]),
        ("a=%2B%26%3D+", &[("a", "+&= ")]),
        ("%61=%C3%A9%f0%9f%98%80", &[("a", "é😀")]),
        ("a=%FF%C3", &[("a", "\u{fffd}\u{fffd}")]),
        ("a=%F0%9F%98", &[("a", "\u{fffd}")]),
        ("a=%ED%A0%80", &[("a", "\u{fffd}\u{fffd}\u{fffd}")]),
        ("a=%&b=%3&c=%zz&d=%%41", &[("a", "%"), ("b", "%3"), ("c", "%zz"), ("d", "%A")]),
        ("a=%00", &[("a", "\0")]),
    ];

    #[test]
    fn decodes_as_parse_qsl_does() {
        for &(query, expected) in CASES {
            let found: Vec<_> = pairs(query).collect();
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
            assert_eq!(found, expected, "{query}");
        }
    }

    #[test]
    fn the_last_of_a_name_counts() {
        assert_eq!(last("a=1&b=2&%61=3", "a").as_deref(), Some("3"));
        assert_eq!(last("A=1", "a"), None);
    }
}
