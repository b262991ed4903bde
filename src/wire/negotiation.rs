//! What a client says about the representation that it wants: may it be compressed, and has it one already (RFC 9110).

use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};

/// Whether the client takes `gzip`, by RFC 9110 §12.5.3. One that says nothing may not be able to: it gets the plain
/// form.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    for coding in members(headers, &ACCEPT_ENCODING) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let accepted = !parts.any(is_weight_of_nothing);
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return accepted;
        }
        any |= name == "*" && accepted;
    }
    any
}

/// Whether the client has the representation with this entity tag, quotes included (RFC 9110 §13.1.2). No tag here holds
/// a comma, so a list of tags can be cut there.
pub fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    members(headers, &IF_NONE_MATCH).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// `q=0`, `q=0.0` and so on.
fn is_weight_of_nothing(parameter: &str) -> bool {
    let weight = parameter.strip_prefix(['q', 'Q']).and_then(|rest| rest.trim_start().strip_prefix('='));
    weight.is_some_and(|weight| weight.trim().parse() == Ok(0.0))
}

/// The members of a header that is a list, in one line or several; a line that is not ASCII counts for nothing.
fn members<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).iter().filter_map(|line| HeaderValue::to_str(line).ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap()));
        lines.collect()
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (lines, expected) in [
            (&[][..], false),
            (&[""], false),
            (&["gzip"], true),
            (&["GZip"], true),
            (&["x-gzip"], true),
            (&["gzip, deflate, br, zstd"], true),
            (&["br", "gzip;q=0.1"], true),
            (&["br;q=1.0, gzip; q = 0.5"], true),
            (&["identity"], false),
            (&["gzip;q=0"], false),
            (&["gzip ; Q=0.000, *"], false),
            (&["*"], true),
            (&["*;q=0"], false),
            (&["gzipped"], false),
            (&["gzip;q=x"], true),
        ] {
            assert_eq!(accepts_gzip(&headers(&ACCEPT_ENCODING, lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_the_client_has_is_found_by_its_tag() {
        for (lines, expected) in [
            (&[][..], false),
            (&["\"a\""], true),
            (&["W/\"a\""], true),
            (&["\"b\", \"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["*"], true),
            (&["a"], false),
            (&["\"a-gzip\""], false),
            (&["\"A\""], false),
        ] {
            assert_eq!(has_already(&headers(&IF_NONE_MATCH, lines), "\"a\""), expected, "{lines:?}");
        }
    }
}
