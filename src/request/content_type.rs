//! Does FastAPI 0.78 read a body of this content type as JSON?

/// Decides by the value of the first `content-type` header. An absent or empty one means JSON; so does
/// `application/json` or `application/…+json` in any case, whatever parameters follow.
pub(super) fn is_json(content_type: Option<&[u8]>) -> bool {
    let Some(value) = content_type.filter(|value| !value.is_empty()) else { return true };
    let media_type = value.split(|&byte| byte == b';').next().unwrap_or_default();
    let mut parts = strip(media_type).split(|&byte| byte == b'/');
    let (Some(main), Some(sub), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let suffix = sub.len().checked_sub("+json".len()).map(|start| &sub[start..]);
    main.eq_ignore_ascii_case(b"application")
        && (sub.eq_ignore_ascii_case(b"json") || suffix.is_some_and(|s| s.eq_ignore_ascii_case(b"+json")))
}

/// `str.strip()` of a header's value, which Python reads as Latin-1.
fn strip(mut value: &[u8]) -> &[u8] {
    let is_space = |byte: u8| matches!(byte, 0x09..=0x0D | 0x1C..=0x20 | 0x85 | 0xA0);
    while let [first, rest @ ..] = value
        && is_space(*first)
    {
        value = rest;
    }
    while let [rest @ .., last] = value
        && is_space(*last)
    {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_as_fastapi_does() {
        let json: [&[u8]; 11] = [
            b"",
            b"application/json",
            b"application/json; charset=latin-1",
            b"application/json;",
            b"Application/JSON",
            b"application/vnd.api+json",
            b"application/+json",
            b"application/x+JSON;q=1",
            b" application/json\t",
            b"\x85application/json\xa0",
            b"application/json\x0b;",
        ];
        let other: [&[u8]; 14] = [
            b" ",
            b"json",
            b"application",
            b"application/",
            b"application/json/x",
            b"application /json",
            b"application/ json",
            b";application/json",
            b"\"application/json\"",
            b"application/jsonx",
            b"application/x-json",
            b"application/json, text/plain",
            b"text/json",
            b"\xe9",
        ];
        assert!(is_json(None));
        for value in json {
            assert!(is_json(Some(value)), "{value:?}");
        }
        for value in other {
            assert!(!is_json(Some(value)), "{value:?}");
        }
    }
}
