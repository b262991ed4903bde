//! Walking a text that has passed [`check`](super::check): values are slices of it, found again when asked for.
//!
//! On a text that has not passed, the walk still ends and never panics, but what it yields means nothing.

use std::borrow::Cow;

use super::encoding::push_code_point;
use super::write::plain_length;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number without fraction and exponent.
    Integer,
    /// Any other number, `NaN` and the infinities included.
    Float,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One value of a document: the text from its first byte to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// The value of a whole document.
    pub fn of_document(text: &'a [u8]) -> Self {
        let start = skip_space(text, 0);
        Self(&text[start..value_end(text, start)])
    }

    /// What the value is.
    pub fn kind(self) -> Kind {
        match self.0.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'n') | None => Kind::Null,
            _ if self.0.iter().all(|byte| matches!(byte, b'-' | b'0'..=b'9')) => Kind::Integer,
            _ => Kind::Float,
        }
    }

    /// The value's text.
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// A float's value, rounded as Python rounds it; beyond the range of `f64` it is infinite.
    pub fn float(self) -> f64 {
        match self.0 {
            b"Infinity" => f64::INFINITY,
            b"-Infinity" => f64::NEG_INFINITY,
            number => std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN),
        }
    }

    /// An integer's digits as `str(int)` writes them: as they are, but zero has no sign.
    pub fn integer(self) -> &'a [u8] {
        if self.0 == b"-0" { b"0" } else { self.0 }
    }

    /// A string's text in generalised UTF-8; borrowed if it has no escape.
    pub fn string(self) -> Cow<'a, [u8]> {
        let inner = self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default();
        let plain = plain_length(inner);
        if plain == inner.len() { Cow::Borrowed(inner) } else { Cow::Owned(unescape(inner, plain)) }
    }

    /// The values of an array, in order.
    pub fn elements(self) -> Elements<'a> {
        Elements(Walk::inside(self.0))
    }

    /// The members of an object, in order, duplicates included. Each name is a string.
    pub fn members(self) -> Members<'a> {
        Members(Walk::inside(self.0))
    }
}

/// The values of an array.
pub struct Elements<'a>(Walk<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.0.value()
    }
}

/// The members of an object.
pub struct Members<'a>(Walk<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<(Value<'a>, Value<'a>)> {
        Some((self.0.value()?, self.0.value()?))
    }
}

/// The values of one container, names among them.
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn inside(container: &'a [u8]) -> Self {
        Self { text: container, at: 1 }
    }

    /// The next value, beyond white space and delimiters.
    fn value(&mut self) -> Option<Value<'a>> {
        let mut start = skip_space(self.text, self.at);
        while let Some(b',' | b':') = self.text.get(start) {
            start = skip_space(self.text, start + 1);
        }
        if matches!(self.text.get(start), None | Some(b']' | b'}')) {
            return None;
        }
        self.at = value_end(self.text, start);
        Some(Value(&self.text[start..self.at]))
    }
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

/// Where the value that begins at `start` ends.
fn value_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut depth = 0_usize;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => at += text[at..].iter().take_while(|&&byte| !ends_scalar(byte)).count(),
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn ends_scalar(byte: u8) -> bool {
    matches!(byte, b',' | b':' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')
}

/// Where the string that begins at `start` ends: behind its closing quote.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        at += plain_length(&text[at..]);
        match text.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at = (at + 2).min(text.len()),
            Some(_) => at += 1,
            None => return at,
        }
    }
}

/// Replaces the escapes of a string's inner text, of which the first `plain` bytes hold none.
fn unescape(inner: &[u8], plain: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    let mut plain = plain;
    loop {
        text.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        let [b'\\', escape, after @ ..] = rest else { return text };
        rest = after;
        match escape {
            b'b' => text.push(0x08),
            b'f' => text.push(0x0C),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let (code_point, length) = code_point(after);
                // Cannot fail: four digits, or a pair of surrogates, stay below 0x110000.
                let _ = push_code_point(&mut text, code_point);
                rest = after.get(length..).unwrap_or_default();
            }
            other => text.push(*other),
        }
        plain = plain_length(rest);
    }
}

/// The code point of the escape whose digits `bytes` begin with, joined with a second escape if the two are a
/// surrogate pair, and the number of bytes read.
fn code_point(bytes: &[u8]) -> (u32, usize) {
    let first = hex(bytes);
    if (0xD800..0xDC00).contains(&first)
        && let Some([b'\\', b'u', second @ ..]) = bytes.get(4..)
    {
        let second = hex(second);
        if (0xDC00..0xE000).contains(&second) {
            return (0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00)), 10);
        }
    }
    (first, 4)
}

fn hex(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |sum, &digit| sum << 4 | char::from(digit).to_digit(16).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Value<'_> {
        super::super::check(text.as_bytes()).unwrap();
        Value::of_document(text.as_bytes())
    }

    fn raw(value: Value<'_>) -> &str {
        std::str::from_utf8(value.raw()).unwrap()
    }

    #[test]
    fn yields_elements_in_order() {
        let value = document(" [ 1 ,\"a,]\\\"\", [2,[3]] ,{ \"b\" : [ ] },null\t] ");
        let elements: Vec<_> = value.elements().map(|e| (e.kind(), raw(e))).collect();
        assert_eq!(
            elements,
            [
                (Kind::Integer, "1"),
                (Kind::String, "\"a,]\\\"\""),
                (Kind::Array, "[2,[3]]"),
                (Kind::Object, "{ \"b\" : [ ] }"),
                (Kind::Null, "null"),
            ]
        );
        assert_eq!(document(" [ ] ").elements().count(), 0);
    }

    #[test]
    fn yields_members_in_order() {
        let members: Vec<_> = document(r#"{"a":{"b":1}, "a" : -1.5e3 , "":true}"#)
            .members()
            .map(|(k, v)| (raw(k), raw(v)))
            .collect();
        assert_eq!(members, [("\"a\"", "{\"b\":1}"), ("\"a\"", "-1.5e3"), ("\"\"", "true")]);
        assert_eq!(document("{ }").members().count(), 0);
    }

    #[test]
    fn unescapes_strings() {
        for (text, expected) in [
            (r#""""#, "".as_bytes()),
            (r#""é""#, "é".as_bytes()),
            (r#""\"\\\/\b\f\n\r\t""#, b"\"\\/\x08\x0C\n\r\t"),
            (r#""a\u00E9b\u00e9""#, "aébé".as_bytes()),
            (r#""\ud83d\uDE00!""#, "😀!".as_bytes()),
            (r#""\ud83d!""#, b"\xED\xA0\xBD!"),
            (r#""\ude00\ud83d""#, b"\xED\xB8\x80\xED\xA0\xBD"),
            (r#""\ud83d\ud83d\ude00""#, b"\xED\xA0\xBD\xF0\x9F\x98\x80"),
            (r#""\ud83d\n""#, b"\xED\xA0\xBD\n"),
        ] {
            assert_eq!(document(text).string().as_ref(), expected, "{text}");
        }
    }

    #[test]
    fn reads_numbers() {
        assert_eq!(document("-0").integer(), b"0");
        assert_eq!(document("-10").integer(), b"-10");
        assert_eq!(document("1e400").float().to_bits(), f64::INFINITY.to_bits());
        assert_eq!(document("-Infinity").float().to_bits(), f64::NEG_INFINITY.to_bits());
        assert_eq!(document("-0.0").float().to_bits(), (-0.0_f64).to_bits());
        assert!(document("NaN").float().is_nan());
    }

    #[test]
    fn ends_on_text_that_is_not_json() {
        for text in ["", "[", "[[", "{\"", "{\"a\\", "]", ",", "[:,:", "\"\\u", "\\"] {
            let value = Value::of_document(text.as_bytes());
            let _ = (value.kind(), value.string(), value.float());
            assert!(value.elements().count() + value.members().count() <= text.len());
        }
    }
}
