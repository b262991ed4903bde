//! Bytes → text, as `json.loads` decodes a `bytes` object: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

use std::borrow::Cow;

/// The bytes are no text in the encoding that they look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document is not valid in the encoding that its first bytes suggest")]
pub struct BadEncoding;

#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Utf16 { big_endian: bool },
    Utf32 { big_endian: bool },
}

/// Decodes a JSON document to generalised UTF-8, without its byte order mark. UTF-8 is borrowed as it is.
///
/// Lone surrogates pass in every encoding (Python decodes with `errors="surrogatepass"`).
pub fn decode(document: &[u8]) -> Result<Cow<'_, [u8]>, BadEncoding> {
    let (encoding, mark_length) = detect(document);
    let units = &document[mark_length..];
    match encoding {
        Encoding::Utf8 if is_generalised_utf8(units) => Ok(Cow::Borrowed(units)),
        Encoding::Utf8 => Err(BadEncoding),
        Encoding::Utf16 { big_endian } => from_utf16(units, big_endian).map(Cow::Owned),
        Encoding::Utf32 { big_endian } => from_utf32(units, big_endian).map(Cow::Owned),
    }
}

/// `json.detect_encoding`: the encoding, and the length of its byte order mark.
fn detect(document: &[u8]) -> (Encoding, usize) {
    match document {
        [0, 0, 0xFE, 0xFF, ..] => (Encoding::Utf32 { big_endian: true }, 4),
        [0xFF, 0xFE, 0, 0, ..] => (Encoding::Utf32 { big_endian: false }, 4),
        [0xFE, 0xFF, ..] => (Encoding::Utf16 { big_endian: true }, 2),
        [0xFF, 0xFE, ..] => (Encoding::Utf16 { big_endian: false }, 2),
        [0xEF, 0xBB, 0xBF, ..] => (Encoding::Utf8, 3),
        [0, 0, _, _, ..] => (Encoding::Utf32 { big_endian: true }, 0),
        [_, 0, 0, 0, ..] => (Encoding::Utf32 { big_endian: false }, 0),
        // Two bytes alone can be one UTF-16 unit; three are not looked at.
        [0, _, _, _, ..] | [0, _] => (Encoding::Utf16 { big_endian: true }, 0),
        [_, 0, _, _, ..] | [_, 0] => (Encoding::Utf16 { big_endian: false }, 0),
        _ => (Encoding::Utf8, 0),
    }
}

/// Whether `bytes` are UTF-8 but for lone surrogates.
fn is_generalised_utf8(mut bytes: &[u8]) -> bool {
    while let Err(error) = std::str::from_utf8(bytes) {
        match &bytes[error.valid_up_to()..] {
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, rest @ ..] => bytes = rest,
            _ => return false,
        }
    }
    true
}

fn from_utf16(bytes: &[u8], big_endian: bool) -> Result<Vec<u8>, BadEncoding> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(BadEncoding);
    }
    let units = pairs
        .iter()
        .map(|&pair| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
    let mut text = Vec::with_capacity(bytes.len());
    for unit in char::decode_utf16(units) {
        push_code_point(&mut text, unit.map_or_else(|lone| u32::from(lone.unpaired_surrogate()), u32::from))?;
    }
    Ok(text)
}

fn from_utf32(bytes: &[u8], big_endian: bool) -> Result<Vec<u8>, BadEncoding> {
    let (units, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(BadEncoding);
    }
    let mut text = Vec::with_capacity(bytes.len() / 2);
    for &unit in units {
        let code_point = if big_endian { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) };
        push_code_point(&mut text, code_point)?;
    }
    Ok(text)
}

/// Appends one code point, which may be a surrogate.
pub(super) fn push_code_point(text: &mut Vec<u8>, code_point: u32) -> Result<(), BadEncoding> {
    if let Some(character) = char::from_u32(code_point) {
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        return Ok(());
    }
    if !(0xD800..=0xDFFF).contains(&code_point) {
        return Err(BadEncoding);
    }
    let continuation = |shift: u32| 0x80 | (code_point >> shift & 0x3F) as u8;
    text.extend_from_slice(&[0xED, continuation(6), continuation(0)]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents and what Python's decoder makes of them.
    const CASES: &[(&[u8], Option<&[u8]>)] = &[
        (b"", Some(b"")),
        (b"{}", Some(b"{}")),
        (b"\xEF\xBB\xBF{}", Some(b"{}")),
        (b"\xEF\xBB\xBF\xEF\xBB\xBF{}", Some(b"\xEF\xBB\xBF{}")),
        (b"\xFF\xFE5\0", Some(b"5")),
        (b"\xFE\xFF\x005", Some(b"5")),
        (b"\xFF\xFE\0\x005\0\0\0", Some(b"5")),
        (b"\0\0\xFE\xFF\0\0\x005", Some(b"5")),
        (b"5\0", Some(b"5")),
        (b"\x005", Some(b"5")),
        (b"5\0\0", Some(b"5\0\0")),
        (b"5\x005\0", Some(b"55")),
        (b"\x005\x005", Some(b"55")),
        (b"5\0\0\0", Some(b"5")),
        (b"\0\0\x005", Some(b"5")),
        (b"5\x005\x005", None),
        (b"5\0\0\x006", None),
        (b"\"\0\x3D\xD8\x00\xDE", Some("\"😀".as_bytes())),
        (b"\"\0\x00\xDE\x3D\xD8", Some(b"\"\xED\xB8\x80\xED\xA0\xBD")),
        (b"\"\0\0\0\0\xD8\0\0", Some(b"\"\xED\xA0\x80")),
        (b"\"\0\0\0\0\0\x11\0", None),
        (b"\"\xED\xA0\xBD\xED\xB8\x80\"", Some(b"\"\xED\xA0\xBD\xED\xB8\x80\"")),
        (b"\"\xED\xA0", None),
        (b"\"\xFF\"", None),
        (b"\"\xC0\x80\"", None),
        (b"\"\xF4\x90\x80\x80\"", None),
        (b"\xFF\xFE", Some(b"")),
        (b"\xFF\xFE\0", None),
    ];

    #[test]
    fn decodes_as_python_does() {
        for &(document, expected) in CASES {
            assert_eq!(decode(document).ok().as_deref(), expected, "{document:x?}");
        }
    }
}
