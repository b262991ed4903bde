//! The gate alone, and the gate against hyper.

use super::*;
use crate::limits::Limits;

/// What comes of `bytes` when they arrive in these pieces: the bytes that pass, and the refusal at the end.
fn feed<'p>(gate: &mut Gate, pieces: impl IntoIterator<Item = &'p [u8]>) -> (Vec<u8>, Option<Refusal>) {
    let (mut passed, mut withheld) = (Vec::new(), Vec::new());
    for piece in pieces {
        withheld.extend_from_slice(piece);
        let verdict = gate.judge(&withheld);
        passed.extend(withheld.drain(..verdict.pass));
        if verdict.refusal.is_some() {
            return (passed, verdict.refusal);
        }
    }
    (passed, None)
}

fn small() -> Limits {
    Limits {
        request_line: 60,
        fields: 4,
        field_bytes: 50,
        head_bytes: 150,
        body_bytes: 100,
        ..Limits::default()
    }
}

/// Requests that pass, as heads and bodies.
const GOOD: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "get /a%20b?c=`d HTTP/1.1\r\nhost:\t h:80 \t\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n",
    "GET HTTP://h?x HTTP/1.1\r\nHost: other\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 005\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nexpect: 100-Continue\r\nContent-Length: 1\r\n\r\n\n",
    "POST / HTTP/1.0\r\nexpect: a miracle\r\nX: \u{e9}\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding: \tCHUNKED \r\n\r\n5\r\nhello\r\n0a;x=\"y z\"\r\n0123456789\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\nZ:\r\n\r\n",
];

#[test]
fn good_requests_pass_untouched_however_they_arrive() {
    let all = GOOD.concat();
    let bytes = all.as_bytes();
    for cut in 0..=bytes.len() {
        let mut gate = Gate::new(small());
        assert_eq!(feed(&mut gate, [&bytes[..cut], &bytes[cut..]]), (bytes.to_vec(), None), "cut at {cut}");
        assert_eq!((gate.heads(), gate.data(), gate.stage()), (GOOD.len() as u64, 21, Stage::Idle));
    }
    let mut gate = Gate::new(small());
    assert_eq!(feed(&mut gate, bytes.chunks(1)), (bytes.to_vec(), None));
}

#[test]
fn a_head_is_withheld_until_it_is_whole_and_stages_tell_where_the_client_is() {
    let mut gate = Gate::new(small());
    for (input, pass, stage) in [
        ("\r\n", 0, Stage::Idle),
        ("\r\nGET / HTTP/1.1\r\nHo", 0, Stage::Head),
        ("\r\nGET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n", 48, Stage::Body),
        ("x", 1, Stage::Body),
        ("yGE", 1, Stage::Head),
    ] {
        assert_eq!(gate.judge(input.as_bytes()), Verdict { pass, refusal: None }, "{input}");
        assert_eq!(gate.stage(), stage, "{input}");
    }
}

/// What is refused. `{}` stands for a request line and a host.
const BAD: &[(&str, Refusal)] = &[
    ("\r\n\r\n", Refusal::EmptyLines),
    ("\n", Refusal::BareLf),
    ("\rG", Refusal::BareCr),
    (" GET", Refusal::Method),
    ("G=T / ", Refusal::Method),
    ("ABCDEFGHIJKLMNOPQRSTU", Refusal::Method),
    ("GET\n", Refusal::BareLf),
    ("CONNECT h:1 HTTP/1.1\r\n", Refusal::Connect),
    ("GET  / HTTP/1.1\r\n", Refusal::Target),
    ("GET a HTTP/1.1\r\n", Refusal::Target),
    ("GET http:///x HTTP/1.1\r\n", Refusal::Target),
    ("GET http://a@b/ HTTP/1.1\r\n", Refusal::Target),
    ("GET ftp://a/ HTTP/1.1\r\n", Refusal::Target),
    ("GET /#x", Refusal::Fragment),
    ("GET /\u{e9}", Refusal::TargetByte),
    ("GET /\0", Refusal::TargetByte),
    ("GET /<", Refusal::TargetByte),
    ("GET /?\"", Refusal::TargetByte),
    ("GET /\r\n", Refusal::RequestLine),
    ("GET / \r\n", Refusal::RequestLine),
    ("GET / HTTP/1.1 \r\n", Refusal::RequestLine),
    ("GET / http/1.1\r\n", Refusal::RequestLine),
    ("GET /\tHTTP/1.1\r\n", Refusal::RequestLine),
    ("GET / HTTP/1.2\r\n", Refusal::Version),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal::Version),
    ("GET / HTTP/1.1\n", Refusal::BareLf),
    ("GET / HTTP/1.1\rX", Refusal::BareCr),
    ("GET /0123456789012345678901234567890123456789012345678 HTTP/1.1", Refusal::LongRequestLine(60)),
    ("GET / HTTP/1.1\r\n\r\n", Refusal::NoHost),
    ("{}Host: b\r\n", Refusal::TwoHosts),
    ("GET / HTTP/1.1\r\nHost: a b\r\n", Refusal::Host),
    ("{} X: y\r\n", Refusal::Folded),
    ("{}X : y\r\n", Refusal::SpaceBeforeColon),
    ("{}: y\r\n", Refusal::FieldName),
    ("{}X\r\n", Refusal::FieldName),
    ("{}X\u{e9}: y\r\n", Refusal::FieldName),
    ("{}X: y\n", Refusal::BareLf),
    ("{}X\n", Refusal::BareLf),
    ("{}X: y\rz", Refusal::BareCr),
    ("{}X: y\0\r\n", Refusal::ControlCharacter),
    ("{}X: y\x7f\r\n", Refusal::ControlCharacter),
    ("{}X\x01: y\r\n", Refusal::ControlCharacter),
    ("{}\n", Refusal::BareLf),
    ("{}\rX", Refusal::BareCr),
    ("{}X: 01234567890123456789012345678901234567890123456789\r\n", Refusal::LongField(50)),
    ("{}A:\r\nB:\r\nC:\r\nD:\r\n", Refusal::ManyFields(4)),
    (
        "{}A: 012345678901234567890123456789012345678901\r\nB: 012345678901234567890123456789012345678901\r\nC: 0123456789012345678901234567890123456789",
        Refusal::LongHead(150),
    ),
    ("{}Expect: x\r\n", Refusal::Expectation),
    ("{}Content-Length: +5\r\n", Refusal::Length),
    ("{}Content-Length:\r\n", Refusal::Length),
    ("{}Content-Length: 5, 5\r\n", Refusal::Length),
    ("{}Content-Length: 00000000000000000005\r\n", Refusal::Length),
    ("{}Content-Length: 5\r\nContent-Length: 5\r\n", Refusal::TwoLengths),
    ("{}Content-Length: 101\r\n\r\n", Refusal::LargeBody(100)),
    ("{}Content-Length: 9999999999999999999\r\n\r\n", Refusal::LargeBody(100)),
    ("{}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::LengthAndCoding),
    ("{}Transfer-Encoding: gzip, chunked\r\n", Refusal::UnknownCoding),
    ("{}Transfer-Encoding: chunked, chunked\r\n", Refusal::Coding),
    ("{}Transfer-Encoding: chunked, gzip\r\n", Refusal::Coding),
    ("{}Transfer-Encoding: , chunked\r\n", Refusal::Coding),
    ("{}Transfer-Encoding: identity, chunked\r\n", Refusal::Coding),
    ("{}Transfer-Encoding: gzip\r\n", Refusal::Coding),
    ("{}Transfer-Encoding: \r\n", Refusal::Coding),
    ("{}Transfer-Encoding: xchunked\r\n", Refusal::Coding),
    ("{}Transfer-Encoding: \"chunked\"\r\n", Refusal::Coding),
    ("{}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Refusal::Coding),
    ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", Refusal::CodingInHttp10),
];

const HEAD: &str = "GET / HTTP/1.1\r\nHost: h\r\n";

#[test]
fn bad_heads_are_refused_and_none_of_their_bytes_pass() {
    for (text, expected) in BAD {
        let bad = text.replace("{}", HEAD);
        let bytes = [GOOD[6], &bad].concat().into_bytes();
        for pieces in [bytes.len(), 1, 7] {
            let (passed, refusal) = feed(&mut Gate::new(small()), bytes.chunks(pieces));
            assert_eq!((passed.as_slice(), refusal), (GOOD[6].as_bytes(), Some(*expected)), "{bad:?}");
        }
    }
}

#[test]
fn bad_chunks_are_refused_where_they_stand() {
    let extension = format!("1;{}", "x".repeat(5_000));
    let trailer = format!("0\r\nX: {}", "x".repeat(9_000));
    let trailers = format!("0\r\n{}", "X:\r\n".repeat(65));
    let cases: &[(&str, &str, Refusal)] = &[
        ("", "\r\n", Refusal::ChunkSize),
        ("", "0x5\r\n", Refusal::ChunkSize),
        ("", "+5\r\n", Refusal::ChunkSize),
        ("", "-5\r\n", Refusal::ChunkSize),
        ("", " 5\r\n", Refusal::ChunkSize),
        ("", "5 \r\n", Refusal::ChunkSize),
        ("", "5\n", Refusal::ChunkSize),
        ("", "5;a\n", Refusal::ChunkSize),
        ("", "5;a\0\r\n", Refusal::ChunkSize),
        ("", "5;\u{e9}\r\n", Refusal::ChunkSize),
        ("", "5\rx", Refusal::BareCr),
        ("", "5g\r\n", Refusal::ChunkSize),
        ("", "00000000000000005\r\n", Refusal::ChunkSize),
        ("", "ffffffffffffffff\r\n", Refusal::LargeBody(100)),
        ("64\r\n", "", Refusal::LargeBody(100)),
        ("5\r\nhello", "x", Refusal::ChunkEnd),
        ("5\r\nhello", "\n", Refusal::ChunkEnd),
        ("5\r\nhello\r\n", "\r\n", Refusal::ChunkSize),
        ("", &extension, Refusal::LongExtensions(4_096)),
        ("0\r\n", &trailer[3..], Refusal::LongTrailers(8_192, 64)),
        (&trailers[..3 + 64 * 4], &trailers[3 + 64 * 4..], Refusal::LongTrailers(8_192, 64)),
        ("0\r\n", "Content-Length: 5\r\n", Refusal::FramingTrailer),
        ("0\r\n", " X: y\r\n", Refusal::Folded),
        ("0\r\n", "X: \x01\r\n", Refusal::ControlCharacter),
        ("0\r\n", "GET / HTTP/1.1\r\n", Refusal::SpaceBeforeColon),
        ("0\r\nX: y\r\n", "\n", Refusal::BareLf),
    ];
    let head = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    for (good, bad, expected) in cases {
        let mut good = good.to_string();
        let mut bad = bad.to_string();
        if bad.is_empty() {
            // A second chunk brings the body beyond its limit; a first one does not.
            good = format!("64\r\n{}\r\n", "x".repeat(100));
            bad = "1\r\n".to_owned();
        }
        let bytes = [&head, &good, &bad].map(String::as_bytes).concat();
        for pieces in [bytes.len(), 1, 7] {
            let (passed, refusal) = feed(&mut Gate::new(small()), bytes.chunks(pieces));
            let expected = ([head.as_bytes(), good.as_bytes()].concat(), Some(*expected));
            assert_eq!((passed, refusal), expected, "{good:?} {bad:.50?}");
        }
    }
}

#[test]
fn a_refused_head_request_is_known_as_one() {
    for (request, is_head) in
        [("HEAD / HTTP/1.1\r\nX", true), ("HEAD", false), ("GET / HTTP/1.1\r\nX", false)]
    {
        let mut gate = Gate::new(small());
        let _ = gate.judge(request.as_bytes());
        assert_eq!(gate.is_head(), is_head, "{request}");
    }
}
