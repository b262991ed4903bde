//! `Host`, and the authority of an absolute target: a name or an address, and perhaps a port.

use std::net::Ipv6Addr;

use super::classes::{self, HOST};

/// Whether `authority` names a host beyond doubt: letters, digits, `-`, `.`, `_` and `~`, or an IPv6 address in
/// brackets; behind a colon a port. RFC 3986 allows more (sub-delimiters, percent-encoding, user information, an empty
/// port, zones), which no name in use needs and on which implementations differ.
pub(super) fn is_authority(authority: &[u8]) -> bool {
    let (host_is_good, rest) = if let [b'[', inside @ ..] = authority {
        let Some(end) = inside.iter().position(|byte| *byte == b']') else { return false };
        let address = std::str::from_utf8(&inside[..end]).ok();
        (address.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok()), &inside[end + 1..])
    } else {
        let end = classes::run_end(authority, 0, HOST);
        (end > 0, &authority[end..])
    };
    host_is_good && (rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_port))
}

fn is_port(digits: &[u8]) -> bool {
    let value = |digits: &[u8]| digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) && value(digits) <= 65_535
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in [
            "h",
            "localhost:8000",
            "EXAMPLE.com:80",
            "a_b-c.d~e",
            "127.0.0.1",
            "[::1]",
            "[2001:db8::1]:65535",
            "h:0",
        ] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        let bad = [
            "",
            ":80",
            "h:",
            "h:x",
            "h:65536",
            "h:000080",
            "h:-1",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "a@b",
            "a,b",
            "a;b",
            "a%20b",
            "[::1",
            "[]",
            "[::1]x",
            "[::1%25eth0]",
            "[::1]:",
            "::1",
            "a:1:2",
            "h:80 ",
            "[v1.x]",
            "a\u{e9}",
        ];
        for bad in bad {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
