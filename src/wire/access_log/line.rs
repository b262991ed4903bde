//! One line of the access log.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, REFERER, USER_AGENT};

use super::Exchange;
use super::escape::{self, Escaped, base64_until};
use percent_encoding::percent_decode_str;

use crate::config::TrustedPeers;
use crate::config::access_log::{Atom, Line, Piece};
use crate::json::escape_json_string;
use crate::response::timestamp;
use crate::wire::forwarded;
use crate::wire::target::decoded_path;

/// What a line tells beside the exchange.
pub(super) struct Context<'a> {
    /// Time since 1970-01-01T00:00:00 UTC.
    pub(super) now: Duration,
    /// The same in the common log format.
    pub(super) clock: &'a [u8],
    /// The worker's process id.
    pub(super) pid: u32,
    /// Whose `X-Forwarded-For` is believed.
    pub(super) trusted_proxies: &'a TrustedPeers,
}

/// Appends the line of an exchange, with its line feed.
pub(super) fn write(out: &mut Vec<u8>, line: &Line, exchange: &Exchange<'_>, about: &Context<'_>) {
    match line {
        Line::Json => write_json(out, exchange, about),
        Line::Pieces(pieces) => {
            for piece in pieces {
                match piece {
                    Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                    Piece::Atom { atom, quoted } => write_atom(out, atom, *quoted, exchange, about),
                }
            }
        }
    }
    out.push(b'\n');
}

/// Writing to a vector cannot fail.
macro_rules! put {
    ($out:expr, $($what:tt)+) => {{ let _ = write!($out, $($what)+); }};
}

fn write_atom(out: &mut Vec<u8>, atom: &Atom, quoted: bool, exchange: &Exchange<'_>, about: &Context<'_>) {
    let Exchange { method, uri, version, headers, .. } = exchange;
    match atom {
        Atom::Client => write_address(out, client(exchange, about)),
        Atom::Nothing => out.push(b'-'),
        Atom::User => write_user(out, headers, quoted),
        Atom::Time => out.extend_from_slice(about.clock),
        Atom::RequestLine => {
            put!(Escaped { out, quoted }, "{method}");
            out.push(b' ');
            put!(Escaped { out, quoted }, "{uri}");
            put!(out, " {version:?}");
        }
        Atom::Method => put!(Escaped { out, quoted }, "{method}"),
        Atom::Target => put!(Escaped { out, quoted }, "{uri}"),
        Atom::Path => {
            percent_decode_str(uri.path()).for_each(|byte| escape::write(out, &[byte], quoted));
        }
        Atom::Query => escape::write(out, uri.query().unwrap_or("").as_bytes(), quoted),
        Atom::Protocol => put!(out, "{version:?}"),
        Atom::Status => put!(out, "{}", exchange.status),
        Atom::BodyBytes => put!(out, "{}", sent_bytes(exchange)),
        Atom::Seconds => put!(out, "{}", exchange.took.as_secs()),
        Atom::Milliseconds => put!(out, "{}", exchange.took.as_millis()),
        Atom::Microseconds => put!(out, "{}", exchange.took.as_micros()),
        Atom::DecimalSeconds => put!(out, "{}", DecimalSeconds(exchange.took)),
        Atom::ProcessId => put!(out, "<{}>", about.pid),
        Atom::RequestHeader(name) => write_header(out, last(headers, name), quoted),
        Atom::AnswerHeader(name) if name == CONTENT_LENGTH.as_str() => put!(out, "{}", exchange.body_bytes),
        Atom::AnswerHeader(name) => write_header(out, last(exchange.answer_headers, name), quoted),
        Atom::PeerAddress => write_address(out, exchange.peer.map(|peer| peer.ip().to_canonical())),
        Atom::PeerPort => match exchange.peer {
            Some(peer) => put!(out, "{}", peer.port()),
            None => out.push(b'-'),
        },
    }
}

/// Bytes of the body that went out: the answer to `HEAD` has none.
fn sent_bytes(exchange: &Exchange<'_>) -> u64 {
    if exchange.method == Method::HEAD { 0 } else { exchange.body_bytes }
}

/// Seconds with six digits behind the point.
struct DecimalSeconds(Duration);

impl std::fmt::Display for DecimalSeconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

fn client(exchange: &Exchange<'_>, about: &Context<'_>) -> Option<IpAddr> {
    forwarded::client(
        exchange.headers,
        exchange.peer.map(|peer| peer.ip().to_canonical()),
        about.trusted_proxies,
    )
}

fn write_address(out: &mut Vec<u8>, address: Option<IpAddr>) {
    match address {
        Some(address) => put!(out, "{address}"),
        None => out.push(b'-'),
    }
}

/// The last value of a header, as gunicorn tells it where a client sends several.
fn last<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers.get_all(name).iter().next_back().map(HeaderValue::as_bytes)
}

fn write_header(out: &mut Vec<u8>, value: Option<&[u8]>, quoted: bool) {
    match value {
        Some(value) => escape::write(out, value, quoted),
        None => out.push(b'-'),
    }
}

fn write_user(out: &mut Vec<u8>, headers: &HeaderMap, quoted: bool) {
    let before = out.len();
    let good = basic_credentials(headers)
        .is_some_and(|encoded| base64_until(encoded, b':', |byte| escape::write(out, &[byte], quoted)));
    if !good || out.len() == before {
        out.truncate(before);
        out.push(b'-');
    }
}

/// What stands behind `Basic` in the request's `Authorization`.
fn basic_credentials(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then(|| encoded.trim_ascii())
}

fn write_json(out: &mut Vec<u8>, exchange: &Exchange<'_>, about: &Context<'_>) {
    let Exchange { method, uri, version, headers, .. } = exchange;
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(&timestamp::format(u64::try_from(about.now.as_micros()).unwrap_or(u64::MAX)));
    put!(out, "Z\",\"pid\":{}", about.pid);
    for (key, address) in
        [("client", client(exchange, about)), ("peer", exchange.peer.map(|peer| peer.ip().to_canonical()))]
    {
        match address {
            Some(address) => put!(out, ",\"{key}\":\"{address}\""),
            None => put!(out, ",\"{key}\":null"),
        }
    }
    write_json_member(out, "method", Some(method.as_str().as_bytes()));
    write_json_member(out, "path", Some(decoded_path(uri).as_bytes()));
    write_json_member(out, "query", uri.query().map(str::as_bytes));
    put!(out, ",\"protocol\":\"{version:?}\",\"status\":{}", exchange.status);
    put!(out, ",\"body_bytes\":{},\"seconds\":{}", sent_bytes(exchange), DecimalSeconds(exchange.took));
    write_json_member(out, "referer", last(headers, REFERER.as_str()));
    write_json_member(out, "user_agent", last(headers, USER_AGENT.as_str()));
    out.push(b'}');
}

/// Appends a member whose value a client has sent; what is not UTF-8 is read as Latin-1.
fn write_json_member(out: &mut Vec<u8>, key: &str, value: Option<&[u8]>) {
    put!(out, ",\"{key}\":");
    match value.map(|value| (value, std::str::from_utf8(value))) {
        None => out.extend_from_slice(b"null"),
        Some((_, Ok(text))) => escape_json_string(out, text),
        Some((bytes, Err(_))) => {
            out.push(b'"');
            for &byte in bytes {
                match byte {
                    b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                    b' '..=b'~' => out.push(byte),
                    _ => put!(out, "\\u{byte:04x}"),
                }
            }
            out.push(b'"');
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::config::AccessLogFormat;
    use crate::config::access_log::COMBINED;

    /// Renders an exchange that is as hostile as a client can make it.
    fn line(format: &str) -> String {
        let request = Request::builder()
            .method("POST")
            .uri("/args/\"%20b%0A?x=1&y=%22")
            .header("authorization", "basic QWxhZCBkaW46b3Blbg==")
            .header("user-agent", HeaderValue::from_bytes(b"a \"b\\ \xe9").unwrap())
            .header("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.2")
            .header("x-twice", "1")
            .header("x-twice", "2");
        let (request, ()) = request.body(()).unwrap().into_parts();
        let mut answer_headers = HeaderMap::new();
        answer_headers.insert("content-type", "application/json".parse().unwrap());
        let exchange = Exchange {
            method: &request.method,
            uri: &request.uri,
            version: request.version,
            headers: &request.headers,
            peer: Some(([127, 0, 0, 1], 4711).into()),
            status: 200,
            answer_headers: &answer_headers,
            body_bytes: 42,
            took: Duration::from_micros(2_034_567),
        };
        let about = Context {
            now: Duration::from_micros(1_653_481_414_381_614),
            clock: &timestamp::common_log(1_653_481_414),
            pid: 77,
            trusted_proxies: &TrustedPeers::These(vec![[127, 0, 0, 1].into(), [10, 0, 0, 2].into()]),
        };
        let mut out = Vec::new();
        let format = AccessLogFormat::parse(format).unwrap();
        write(&mut out, format.line(), &exchange, &about);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_tell_what_their_format_asks_for() {
        for (format, expected) in [
            (
                COMBINED,
                r#"198.51.100.7 - Alad\x20din [25/May/2022:12:23:34 +0000] "POST /args/\"%20b%0A?x=1&y=%22 HTTP/1.1" 200 42 "-" "a \"b\\ \xe9""#,
            ),
            ("%(m)s %(U)s %(q)s %(H)s", r#"POST /args/\"\x20b\x0a x=1&y=%22 HTTP/1.1"#),
            ("\"%(U)s\" \"%(u)s\"", r#""/args/\" b\x0a" "Alad din""#),
            ("%(T)s %(M)s %(D)s %(L)s %(p)s %(B)s", "2 2034 2034567 2.034567 <77> 42"),
            ("%({remote_addr}e)s %({remote_port}e)s", "127.0.0.1 4711"),
            ("%({raw_uri}e)s", r#"/args/\"%20b%0A?x=1&y=%22"#),
            ("%({x-twice}i)s %({X-Absent}i)s %({http_x_twice}e)s", "2 - 2"),
            ("%({content-type}o)s %({content-length}o)s %({etag}o)s", "application/json 42 -"),
            ("100%% \u{e9}", "100% \u{e9}"),
            (
                "json",
                r#"{"time":"2022-05-25T12:23:34.381614Z","pid":77,"client":"198.51.100.7","peer":"127.0.0.1","method":"POST","path":"/args/\" b\n","query":"x=1&y=%22","protocol":"HTTP/1.1","status":200,"body_bytes":42,"seconds":2.034567,"referer":null,"user_agent":"a \"b\\ \u00e9"}"#,
            ),
        ] {
            assert_eq!(line(format), format!("{expected}\n"), "{format}");
        }
        serde_json::from_str::<serde_json::Value>(&line("json")).unwrap();
    }
}
