//! Gate and hyper over the same bytes: what passes the gate, hyper reads as the same messages, and refuses none of it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// A connection that brings these pieces, then its end, and takes any answer.
struct Script(Vec<Vec<u8>>);

impl Read for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(piece) = self.0.first_mut() {
            let count = piece.len().min(buf.remaining());
            buf.put_slice(&piece[..count]);
            piece.drain(..count);
            if piece.is_empty() {
                self.0.remove(0);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper made of it: for each request its body's length, if the body was whole; and whether the last one asked
/// for the connection's end.
#[derive(Default)]
struct Seen {
    bodies: Vec<Option<u64>>,
    ends: bool,
}

/// Lets hyper read `pieces`.
fn read_with_hyper(pieces: Vec<Vec<u8>>) -> (Seen, Result<(), hyper::Error>) {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let noted = Rc::clone(&seen);
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = Rc::clone(&noted);
        async move {
            let says = |word| {
                let values = request.headers().get_all(CONNECTION);
                values.iter().map(HeaderValue::as_bytes).any(|value| value.to_ascii_lowercase() == word)
            };
            let ends = says(b"close".to_vec())
                || request.version() == Version::HTTP_10 && !says(b"keep-alive".to_vec());
            let body = request.into_body().collect().await.ok().map(|body| body.to_bytes().len() as u64);
            seen.borrow_mut().bodies.push(body);
            seen.borrow_mut().ends |= ends;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .half_close(true)
            .header_read_timeout(None)
            .serve_connection(Script(pieces), service)
    );
    let mut cx = Context::from_waker(Waker::noop());
    let result =
        std::iter::repeat_with(|| connection.as_mut().poll(&mut cx)).take(100_000).find_map(|polled| {
            match polled {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            }
        });
    (
        Rc::try_unwrap(seen).map_or_else(|seen| seen.take(), RefCell::into_inner),
        result.expect("hyper comes to an end"),
    )
}

/// Feeds `bytes`, cut at `cuts`, to a gate, and what passes to hyper; panics where they disagree.
fn check_agreement(bytes: &[u8], cuts: &[usize]) {
    let mut gate = Gate::new(Limits { body_bytes: 1_000, ..Limits::default() });
    let (mut passed, mut withheld, mut refusal) = (Vec::new(), Vec::new(), None);
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let mut begin = 0;
    for end in ends {
        withheld.extend_from_slice(&bytes[begin..end.max(begin)]);
        begin = end.max(begin);
        let verdict = gate.judge(&withheld);
        let rest = withheld.split_off(verdict.pass);
        passed.push(std::mem::replace(&mut withheld, rest));
        refusal = verdict.refusal;
        if refusal.is_some() {
            break;
        }
    }
    passed.retain(|piece| !piece.is_empty());
    let whole = passed.concat();
    assert_eq!(whole, bytes[..whole.len()], "the gate changed something");
    let mut at_once = Gate::new(Limits { body_bytes: 1_000, ..Limits::default() });
    let verdict = at_once.judge(bytes);
    assert_eq!(
        (verdict.pass, verdict.refusal.is_some()),
        (whole.len(), refusal.is_some()),
        "{refusal:?} {verdict:?}"
    );

    let (seen, result) = read_with_hyper(passed);
    assert!(
        !result.as_ref().is_err_and(hyper::Error::is_parse),
        "hyper refuses what the gate passed: {result:?}"
    );
    if seen.ends {
        assert!(seen.bodies.len() as u64 <= gate.heads());
        return;
    }
    assert_eq!(seen.bodies.len() as u64, gate.heads(), "requests");
    if gate.stage() == Stage::Body {
        let (last, whole) = seen.bodies.split_last().expect("a request whose body is under way");
        assert!(last.is_none() && whole.iter().all(Option::is_some), "{:?}", seen.bodies);
    } else {
        let data: u64 = seen.bodies.iter().map(|body| body.expect("all bodies are over")).sum();
        assert_eq!(data, gate.data(), "bytes of data");
    }
}

/// Pieces of requests, good and evil, that make much of what attackers send when they are put together.
const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /predict HTTP/1.1\r\n",
    "HEAD /a?b HTTP/1.1\r\n",
    "GET http://h/x HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "Host: h\r\n",
    "Host: h\r\n\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 3\r\n\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\n\r\n",
    "transfer-encoding:\tCHUNKED \r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding\x0b: chunked\r\n",
    "Transfer-Encoding: chunked\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: +5\r\n",
    "Content_Length: 5\r\n",
    "X: y\r\n",
    " folded\r\n",
    "X:\r\n",
    "Expect: 100-continue\r\n",
    "Upgrade: h2c\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "hello",
    "5\r\nhello\r\n",
    "5\r\nhel",
    "0\r\n\r\n",
    "0\r\n",
    "0\r\nX: y\r\n\r\n",
    "3;a=b\r\nabc\r\n",
    "5 ;a\r\n",
    "a\r\n0123456789\r\n",
    "0x5\r\n",
    "00\r\n\r\n",
    "1\r\nZ\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "\0",
    "\t",
    " ",
    ":",
    ";",
    "\x7f",
    "\u{e9}",
];

fn traffic() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    let pieces = vec(select(PIECES), 1..12);
    let changes =
        vec((any::<Index>(), prop_oneof![any::<u8>(), select(&b"\r\n :;\t05aC"[..])], 0..3_u8), 0..3);
    (pieces, changes, vec(any::<Index>(), 0..6)).prop_map(|(pieces, changes, cuts)| {
        let mut bytes = pieces.concat().into_bytes();
        for (place, byte, change) in changes {
            let at = place.index(bytes.len());
            match change {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        (bytes, cuts)
    })
}

#[test]
fn hyper_reads_what_passes_as_the_same_messages() {
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 5_000, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let run = runner.run(&traffic(), |(bytes, cuts)| {
        check_agreement(&bytes, &cuts);
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}
