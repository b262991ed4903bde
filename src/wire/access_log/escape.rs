//! What a client sends, in a line that it must not be able to end, forge or make unreadable.

/// Appends `bytes`: quotes and backslashes behind a backslash, what is no printable ASCII as `\xNN`. So is a blank
/// outside of quotes, where it would end a field.
pub(super) fn write(out: &mut Vec<u8>, bytes: &[u8], quoted: bool) {
    let is_plain = |byte: u8| match byte {
        b'"' | b'\\' => false,
        b' ' => quoted,
        byte => byte.is_ascii_graphic(),
    };
    let mut rest = bytes;
    loop {
        let plain = rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else { return };
        if matches!(byte, b'"' | b'\\') {
            out.extend_from_slice(&[b'\\', byte]);
        } else {
            let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
            out.extend_from_slice(&[b'\\', b'x', hex(byte >> 4), hex(byte & 0xF)]);
        }
        rest = &rest[plain + 1..];
    }
}

/// A `fmt::Write` that escapes what is written to it.
pub(super) struct Escaped<'a> {
    /// Where it goes.
    pub(super) out: &'a mut Vec<u8>,
    /// Whether quotes stand around it.
    pub(super) quoted: bool,
}

impl std::fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        write(self.out, text.as_bytes(), self.quoted);
        Ok(())
    }
}

/// Decodes base64 (RFC 4648, padding optional) up to the byte `end`, and calls `each` with every byte before it. False if it
/// is not base64.
pub(super) fn base64_until(encoded: &[u8], end: u8, mut each: impl FnMut(u8)) -> bool {
    let (mut bits, mut count, mut ended) = (0_u32, 0, false);
    let unpadded = encoded.len() - encoded.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    for &byte in &encoded[..unpadded] {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            let decoded = (bits >> count) as u8;
            ended |= decoded == end;
            if !ended {
                each(decoded);
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_field_or_its_line() {
        for (given, quoted, unquoted) in [
            ("plain/%20~", "plain/%20~", "plain/%20~"),
            ("a b", "a b", "a\\x20b"),
            ("\" 200 0 \"", "\\\" 200 0 \\\"", "\\\"\\x20200\\x200\\x20\\\""),
            ("\\", "\\\\", "\\\\"),
            (
                "\r\n\t\0\u{1b}[2J\u{7f}",
                "\\x0d\\x0a\\x09\\x00\\x1b[2J\\x7f",
                "\\x0d\\x0a\\x09\\x00\\x1b[2J\\x7f",
            ),
            ("é\u{2028}", "\\xc3\\xa9\\xe2\\x80\\xa8", "\\xc3\\xa9\\xe2\\x80\\xa8"),
        ] {
            for (expected, is_quoted) in [(quoted, true), (unquoted, false)] {
                let mut out = Vec::new();
                write(&mut out, given.as_bytes(), is_quoted);
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }

    #[test]
    fn the_user_of_basic_authentication_is_what_stands_before_the_colon() {
        for (encoded, expected) in [
            ("QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some("Aladdin")),
            ("QWxhZGRpbjpvcGVuIHNlc2FtZQ", Some("Aladdin")),
            ("dXNlcg==", Some("user")),
            ("Og==", Some("")),
            ("", Some("")),
            ("===", None),
            ("a b", None),
            ("\"", None),
        ] {
            let mut user = Vec::new();
            let good = base64_until(encoded.as_bytes(), b':', |byte| user.push(byte));
            assert_eq!(good.then(|| String::from_utf8(user).unwrap()).as_deref(), expected, "{encoded}");
        }
    }
}
