//! One line → its text, or what is wrong with it.
//!
//! simd-json reads the usual line in place, in a kept buffer, and accepts only what it can be certain about. What it
//! will not say goes, from the bytes as they came, to the judge (`serde_json`), who has the last word and the messages.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use simd_json::{Buffers, INPUT_PADDING, Node, Tape};

/// Longest line for simd-json, in bytes. Its tape may need 24 bytes for each byte pair of a hostile line.
const FAST_BYTES_MAX: usize = 1 << 20;

/// Bytes that the buffers may keep from one line to the next.
const KEPT_BYTES: usize = 256 << 10;

/// Why a line is bad. Not a word of its text is in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadLine {
    /// Longer than allowed.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// Longest line, in bytes.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    Encoding {
        /// The first byte that does not fit, counted from 1.
        at: usize,
    },
    /// Not JSON.
    #[error("not JSON: {message} at byte {at}")]
    Syntax {
        /// What was found or expected.
        message: String,
        /// Where, counted from 1.
        at: usize,
    },
    /// JSON, but no object.
    #[error("not a JSON object")]
    NoObject,
    /// An object without a `text`.
    #[error("no \"text\"")]
    NoText,
    /// A `text` of another type.
    #[error("\"text\" is not a string")]
    NoString,
}

/// Reads lines one after the other, in kept buffers.
pub(super) struct LineReader {
    /// The line, padded; parsed in place, so that its text lies in it, unescaped.
    input: Vec<u8>,
    buffers: Buffers,
    /// Empty between two lines; only its memory is kept.
    tape: Tape<'static>,
}

impl LineReader {
    /// A reader without buffers yet.
    pub(super) fn new() -> Self {
        Self { input: Vec::new(), buffers: Buffers::new(0), tape: Tape(Vec::new()) }
    }

    /// The text of `line`, which comes without its end.
    pub(super) fn text<'t>(&'t mut self, line: &[u8]) -> Result<Cow<'t, str>, BadLine> {
        match self.read(line) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => judge(line).map(Cow::Owned),
        }
    }

    /// The text of `line` if simd-json is certain about it.
    fn read(&mut self, line: &[u8]) -> Option<&str> {
        if line.len() > FAST_BYTES_MAX {
            return None;
        }
        let Self { input, buffers, tape } = self;
        if input.len() > KEPT_BYTES || tape.0.capacity() > KEPT_BYTES / size_of::<Node<'_>>() {
            // The line before this one was a huge one; it gives back what it has grown.
            *input = Vec::new();
            *buffers = Buffers::new(0);
            *tape = Tape(Vec::new());
        }
        input.clear();
        input.reserve(line.len() + INPUT_PADDING);
        input.extend_from_slice(line);
        input.resize(line.len() + INPUT_PADDING, b' ');
        let mut filled = std::mem::replace(tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(input, line.len(), buffers, &mut filled);
        let text = parsed.ok().and_then(|()| text_of(&filled.0));
        *tape = filled.reset();
        text
    }
}

/// The text on a tape. `None` means: not certain.
fn text_of<'t>(tape: &[Node<'t>]) -> Option<&'t str> {
    let (Node::Object { len, .. }, mut rest) = tape.split_first()? else { return None };
    let mut text = None;
    for _ in 0..*len {
        let [Node::String(name), value, after @ ..] = rest else { return None };
        rest = match value {
            Node::String(value) => {
                if *name == "text" {
                    text = Some(*value); // of several, the last one counts, as in Python
                }
                after
            }
            _ if *name == "text" => return None,
            Node::Static(_) => after,
            Node::Array { count, .. } | Node::Object { count, .. } => after.get(*count..)?,
        };
    }
    text
}

/// The text of a good line, or what is wrong with a bad one.
fn judge(line: &[u8]) -> Result<String, BadLine> {
    let line = std::str::from_utf8(line).map_err(|e| BadLine::Encoding { at: e.valid_up_to() + 1 })?;
    let mut json = serde_json::Deserializer::from_str(line);
    let found = json.deserialize_any(Object).and_then(|found| json.end().map(|()| found));
    match found {
        Ok(Found::Text(text)) => Ok(text),
        Ok(Found::NoText) => Err(BadLine::NoText),
        Ok(Found::OtherText) => Err(BadLine::NoString),
        Err(error) if error.is_data() => Err(BadLine::NoObject),
        Err(error) => {
            // serde_json knows only of line 1.
            let (message, place) = (error.to_string(), format!(" at line 1 column {}", error.column()));
            let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
            Err(BadLine::Syntax { message, at: error.column() })
        }
    }
}

enum Found {
    Text(String),
    NoText,
    OtherText,
}

/// An object with a `text`; as in Python, the last of several counts.
struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::NoText;
        while let Some(key) = map.next_key::<String>()? {
            if key == "text" {
                found = match map.next_value::<serde_json::Value>()? {
                    serde_json::Value::String(text) => Found::Text(text),
                    _ => Found::OtherText,
                };
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_is_read_by_its_kind() {
        let good: &[(&str, &str)] = &[
            (r#"{"text": "a"}"#, "a"),
            (r#" {"id": [1, {"text": 2}], "text": "", "x": 1e400} "#, ""),
            ("{\"text\":\"a\u{2028}b\u{85}c\"}\r", "a\u{2028}b\u{85}c"),
            (r#"{"text": "\ud83d\ude00 \u0000"}"#, "😀 \0"),
            (r#"{"text": 1, "text": "last"}"#, "last"),
            (r#"{"text": "first", "x": [[]], "text": "last"}"#, "last"),
            (r#"{"\u0074ext": "escaped key"}"#, "escaped key"),
            (r#"{"x": {"text": "inner"}, "text": "outer", "y": {"text": 1}}"#, "outer"),
            (r#"{"x": 123456789012345678901234567890, "text": "a"}"#, "a"),
        ];
        let mut reader = LineReader::new();
        for (line, text) in good {
            assert_eq!(reader.text(line.as_bytes()).as_deref(), Ok(*text), "{line}");
        }
        let bad: &[(&[u8], &str)] = &[
            (b"", "not JSON: EOF while parsing a value at byte 0"),
            (b"nonsense", "not JSON: expected ident at byte 2"),
            (br#"["text"]"#, "not a JSON object"),
            (br#""text""#, "not a JSON object"),
            (b"null", "not a JSON object"),
            (b"{}", r#"no "text""#),
            (br#"{"Text": "a"}"#, r#"no "text""#),
            (br#"{"text": null}"#, r#""text" is not a string"#),
            (br#"{"text": "a", "text": 1}"#, r#""text" is not a string"#),
            (br#"{"text": NaN}"#, "not JSON: expected value at byte 10"),
            (br#"{"text": "\ud800"}"#, "not JSON: unexpected end of hex escape at byte 17"),
            (br#"{"text": "\udc00"}"#, "not JSON: lone leading surrogate in hex escape at byte 16"),
            (br#"{"text": "a"} {"text": "b"}"#, "not JSON: trailing characters at byte 15"),
            (
                b"{\"text\": \"a\tb\"}",
                "not JSON: control character (\\u0000-\\u001F) found while parsing a string at byte 12",
            ),
            (b"{\"text\": \"\xff\"}", "not UTF-8 at byte 11"),
            ("\u{feff}{\"text\": \"a\"}".as_bytes(), "not JSON: expected value at byte 1"),
        ];
        for (line, reason) in bad {
            let found = reader.text(line).map_err(|bad| bad.to_string());
            assert_eq!(found, Err((*reason).to_owned()), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn the_usual_line_does_not_need_the_judge() {
        let mut reader = LineReader::new();
        for line in [
            r#"{"text": "a"}"#,
            r#"{"id": 7, "text": "\u00e9\n\"", "tags": ["x", {"y": null}], "at": 1.5, "ok": true}"#,
        ] {
            assert!(reader.read(line.as_bytes()).is_some(), "{line}");
        }
    }

    #[test]
    fn deep_nesting_is_a_bad_line_and_not_a_crash() {
        let mut reader = LineReader::new();
        let nested =
            |depth| format!("{{\"x\": {}{}, \"text\": \"a\"}}", "[".repeat(depth), "]".repeat(depth));
        for depth in [1, 100, 127, 128, 129, 1000, 1023, 1024, 1025, 100_000] {
            assert_eq!(reader.text(nested(depth).as_bytes()).as_deref(), Ok("a"), "{depth} lists");
        }
        for deep in [format!("{{\"text\": {}", "[".repeat(900_000)), "{\"x\":".repeat(500_000)] {
            assert!(reader.text(deep.as_bytes()).is_err());
        }
    }

    #[test]
    fn a_huge_line_gives_its_memory_back() {
        let mut reader = LineReader::new();
        let huge = format!("{{\"x\": [{}0], \"text\": \"a\"}}", "0,".repeat(400_000));
        for line in [huge.as_str(), r#"{"text": "a"}"#] {
            assert_eq!(reader.text(line.as_bytes()).as_deref(), Ok("a"));
        }
        let kept = reader.input.capacity() + reader.tape.0.capacity() * size_of::<Node<'_>>();
        assert!(kept <= 2 * KEPT_BYTES, "{kept} bytes");
    }

    /// Pieces of JSON that make objects often, and broken ones as often.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\t",
            "\r",
            "\u{c}",
            "\0",
            "\"text\"",
            "\"text\":",
            "\"t\\u0065xt\":",
            "\"x\":",
            "\"a\"",
            "\"\"",
            "\"é\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\u12\"",
            "\"\\q\"",
            "\"a\tb\"",
            "\"\u{7f}\u{2028}\"",
            "0",
            "-0",
            "01",
            "1.",
            "1e5",
            "1e400",
            "-1e-400",
            "99999999999999999999",
            "NaN",
            "Infinity",
            "true",
            "nul",
            "null",
            "\u{feff}",
            "\\",
            "\"",
            "/*x*/",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    /// Objects around such pieces, so that most are JSON.
    fn objects() -> impl Strategy<Value = String> {
        let value =
            prop_oneof![any::<String>().prop_map(|s| serde_json::Value::from(s).to_string()), pieces()];
        let name = prop::sample::select(vec!["text", "text", "x", "t\\u0065xt", "text ", "Text"]);
        prop::collection::vec((name, value), 0..4).prop_map(|members| {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
            format!("{{{}}}", members.join(", "))
        })
    }

    proptest! {
        #[test]
        fn the_fast_reader_says_what_the_judge_says(
            lines in prop::collection::vec(prop_oneof![pieces(), objects()], 1..4),
            flipped in any::<Option<(u16, u8)>>(),
        ) {
            let mut reader = LineReader::new();
            for line in lines {
                let mut line = line.into_bytes();
                if let Some((at, byte)) = flipped && !line.is_empty() {
                    let at = usize::from(at) % line.len();
                    line[at] = byte;
                }
                if let Some(text) = reader.read(&line) {
                    prop_assert_eq!(judge(&line), Ok(text.to_owned()), "{}", line.escape_ascii());
                }
            }
        }
    }
}
