//! The request's target as the lesson's API shows it: decoded path, and the URL that the client used.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::SocketAddr;

use hyper::Uri;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The path, percent-decoded; what is not UTF-8 then becomes U+FFFD, as Python's `unquote` has it.
pub fn decoded_path(uri: &Uri) -> Cow<'_, str> {
    let path = uri.path();
    if path.contains('%') { percent_decode_str(path).decode_utf8_lossy() } else { Cow::Borrowed(path) }
}

/// What a proxy says that its client used.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What the headers say that an answer depends on, found in one pass: a request has few headers, and each look-up
/// would hash its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'h> {
    /// The first `Host`.
    pub host: Option<&'h [u8]>,
    /// The first `Content-Type`.
    pub content_type: Option<&'h [u8]>,
    /// The last `X-Forwarded-Proto`.
    forwarded_proto: Option<&'h [u8]>,
}

impl<'h> Said<'h> {
    /// Reads `headers`.
    pub fn new(headers: &'h HeaderMap) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            let value = value.as_bytes();
            if name == HOST {
                said.host.get_or_insert(value);
            } else if name == CONTENT_TYPE {
                said.content_type.get_or_insert(value);
            } else if name == X_FORWARDED_PROTO {
                said.forwarded_proto = Some(value);
            }
        }
        said
    }

    /// The scheme that the client used: what a trusted proxy says, word for word as uvicorn takes it, else `http`.
    pub fn scheme(&self, trusted: impl FnOnce() -> bool) -> Cow<'static, str> {
        let said = self.forwarded_proto.filter(|_| trusted());
        said.map_or(Cow::Borrowed("http"), |said| Cow::Owned(latin1(said.trim_ascii()).collect()))
    }
}

/// The characters of a header, as ASGI servers decode it.
fn latin1(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.iter().map(|&byte| char::from(byte))
}

/// Replaces `url` by `scheme://host/path?query`: the host as the client wrote it, the path decoded, the query as it
/// came. Without a `Host` (HTTP/1.0) the address of the listener stands in, its port left out when it is 80.
pub fn write_url(
    url: &mut String,
    scheme: &str,
    uri: &Uri,
    host: Option<&[u8]>,
    path: &str,
    local: Option<SocketAddr>,
) {
    url.clear();
    url.push_str(scheme);
    url.push_str("://");
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    match authority.or(host) {
        Some(host) => match std::str::from_utf8(host) {
            Ok(host) if host.is_ascii() => url.push_str(host),
            _ => url.extend(latin1(host)),
        },
        None => match local {
            Some(address) if address.port() == 80 => {
                let _ = write!(url, "{}", address.ip()); // writing to a String cannot fail
            }
            Some(address) => {
                let _ = write!(url, "{}:{}", address.ip(), address.port());
            }
            None => {}
        },
    }
    url.push_str(path);
    if let Some(query) = uri.query().filter(|query| !query.is_empty()) {
        url.push('?');
        url.push_str(query);
    }
}

/// What Starlette leaves as it is in a `location`: `quote(url, safe=":/%#?=@[]!$&'()*+,;")`.
const LOCATION: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b':')
    .remove(b'/')
    .remove(b'%')
    .remove(b'#')
    .remove(b'?')
    .remove(b'=')
    .remove(b'@')
    .remove(b'[')
    .remove(b']')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'~');

/// The value of a `location` header for `url`.
pub fn location(url: &str) -> String {
    utf8_percent_encode(url, LOCATION).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_as_the_client_used_them() {
        let local = Some(SocketAddr::from(([127, 0, 0, 1], 8000)));
        for (uri, host, expected) in [
            ("/predict", Some("localhost:8000"), "http://localhost:8000/predict"),
            ("/args/a%20b%2Fc?x=%20&y", Some("h"), "http://h/args/a b/c?x=%20&y"),
            ("/args/%C3%A9%FF", Some("h"), "http://h/args/é\u{fffd}"),
            ("/?", Some("h"), "http://h/"),
            ("/", None, "http://127.0.0.1:8000/"),
            ("http://other:81/x", Some("h"), "http://other:81/x"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let mut headers = HeaderMap::new();
            if let Some(host) = host {
                headers.insert(HOST, host.parse().unwrap());
            }
            let (mut url, path) = (String::new(), decoded_path(&uri));
            let said = Said::new(&headers);
            write_url(&mut url, &said.scheme(|| true), &uri, said.host, &path, local);
            assert_eq!(url, expected);
        }
        assert_eq!(location("http://h/args/a b/é?x=%20|"), "http://h/args/a%20b/%C3%A9?x=%20%7C");
    }
}
