//! Raw bytes against the real binary: what is sent, how it arrives, and every answer that comes back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod cases;
#[path = "../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use cases::Case;
use support::linnet::{SOON, Start};

/// Whether the connection can be used after the last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    Closed,
}

/// How the bytes of a case are sent.
#[derive(Clone, Copy, Debug)]
enum Pace {
    AtOnce,
    /// In two pieces, the first of so many bytes.
    Cut(usize),
    ByteByByte,
}

/// One answer: status, head in lower case, body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// Takes one answer off `bytes`, `None` where it is not whole; `to_head` where it has no body.
fn take_answer(bytes: &mut Vec<u8>, to_head: bool) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length =
        head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    let length = if to_head { 0 } else { length };
    let body = String::from_utf8(bytes.get(end..end + length)?.to_vec()).unwrap();
    bytes.drain(..end + length);
    Some(Answer { status, head, body })
}

/// Asked behind the case's own requests, to see whether the connection is open.
const PROBE: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: probe\r\n\r\n";

fn send(stream: &mut TcpStream, bytes: &[u8], pace: Pace) {
    let pieces: Vec<&[u8]> = match pace {
        Pace::AtOnce => vec![bytes],
        Pace::Cut(at) => vec![&bytes[..at], &bytes[at..]],
        Pace::ByteByByte => bytes.chunks(1).collect(),
    };
    for piece in pieces {
        // A refusal may come before all is sent.
        let _ = stream.write_all(piece);
        std::thread::yield_now();
    }
}

/// Sends one case, and gives what is wrong with what comes back.
fn run(address: SocketAddr, case: &Case, pace: Pace, half_close: bool) -> Result<(), String> {
    let (_, bytes, statuses, end) = *case;
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    send(&mut stream, bytes, pace);
    if half_close {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    if end == End::Open {
        stream.write_all(PROBE).map_err(|error| error.to_string())?;
    }
    let to_head = bytes.starts_with(b"HEAD");
    let (mut received, mut answers, mut piece) = (Vec::new(), Vec::new(), [0; 4_096]);
    let wanted = statuses.len() + usize::from(end == End::Open);
    // On an open connection nothing tells that no further answer comes, but that the probe's comes last.
    while end == End::Closed || answers.len() < wanted {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&piece[..count]),
            Err(error) => return Err(format!("{error} after {:?}", statuses_of(&answers))),
        }
        while let Some(answer) = take_answer(&mut received, to_head) {
            answers.push(answer);
        }
    }
    if !received.is_empty() {
        return Err(format!("{} bytes too many", received.len()));
    }
    let mut expected = statuses.to_vec();
    expected.extend((end == End::Open).then_some(200));
    if statuses_of(&answers) != expected {
        return Err(format!("{:?}, expected {expected:?}", statuses_of(&answers)));
    }
    answers.iter().try_for_each(|answer| check(answer, to_head))
}

fn statuses_of(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// Every refusal is JSON that says what is wrong; one that ends the connection says so.
fn check(answer: &Answer, to_head: bool) -> Result<(), String> {
    let Answer { status, head, body } = answer;
    let wants = |part: &str| if head.contains(part) { Ok(()) } else { Err(format!("no {part:?} in {head}")) };
    if *status >= 200 {
        wants("\r\ndate: ")?;
    }
    if *status >= 400 {
        wants("\r\ncontent-type: application/json\r\n")?;
        let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        if json.get("detail").is_none() && !to_head {
            return Err(format!("{status} with {body:?}"));
        }
    }
    if matches!(status, 400 | 408 | 413 | 414 | 417 | 431 | 501 | 505) {
        wants("\r\nconnection: close\r\n")?;
    }
    Ok(())
}

/// Runs all cases of the groups in every pace, several at a time; panics with all that went wrong.
fn run_all(groups: &[(&str, &[Case])], half_close: bool) -> usize {
    let linnet = Start::with_workers(2).set("LIMIT_REQUEST_BODY", "2 KiB").ready();
    let (address, workers) = (linnet.address(), linnet.workers());
    let mut runs = Vec::new();
    for (group, cases) in groups {
        for case in *cases {
            let cuts = (1..case.1.len()).map(Pace::Cut);
            runs.extend(cuts.chain([Pace::AtOnce, Pace::ByteByByte]).map(|pace| (*group, case, pace)));
        }
    }
    let (next, failures) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((group, case, pace)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(problem) = run(address, case, *pace, half_close) {
                        failures.lock().unwrap().push(format!("{group}: {}, {pace:?}: {problem}", case.0));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), runs.len(), failures.join("\n"));
    assert_eq!(linnet.workers(), workers, "a worker died of it");
    assert_eq!(linnet.logged("hyper refuses"), 0, "gate and hyper disagree");
    groups.iter().map(|(_, cases)| cases.len()).sum()
}

#[test]
fn every_raw_request_has_its_outcome_however_it_arrives() {
    let groups: &[(&str, &[Case])] = &[
        ("request line", cases::LINES),
        ("target", cases::TARGETS),
        ("host", cases::HOSTS),
        ("field", cases::FIELDS),
        ("framing", cases::FRAMING),
        ("chunks", cases::CHUNKS),
        ("connection", cases::CONNECTIONS),
    ];
    assert!(run_all(groups, false) >= 120);
}

#[test]
fn every_half_sent_request_has_its_outcome() {
    run_all(&[("half closed", cases::HALF_CLOSED)], true);
}

/// A GET with these header fields behind `Host`.
fn get_with(fields: &str) -> Vec<u8> {
    format!("GET /health/live HTTP/1.1\r\nHost: h\r\n{fields}\r\n").into_bytes()
}

#[test]
fn every_limit_on_a_head_is_a_setting() {
    let linnet = Start::with_workers(1)
        .set("LIMIT_REQUEST_LINE", "200")
        .set("LIMIT_REQUEST_FIELDS", "10")
        .set("LIMIT_REQUEST_FIELD_SIZE", "300")
        .set("LIMIT_REQUEST_HEAD", "1 KiB")
        .ready();
    let line =
        |length: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(length - 14)).into_bytes();
    let field = |length: usize| get_with(&format!("X: {}\r\n", "x".repeat(length - 5)));
    let fields = |count: usize| get_with(&"X: y\r\n".repeat(count - 1));
    let head = |length: usize| get_with(&long_fields(length));
    let table: [(Vec<u8>, u16); 8] = [
        (line(200), 404),
        (line(201), 414),
        (field(300), 200),
        (field(301), 431),
        (fields(10), 200),
        (fields(11), 431),
        (head(1_024), 200),
        (head(1_025), 431),
    ];
    for (bytes, status) in table {
        let end = if status < 410 { End::Open } else { End::Closed };
        let statuses: &'static [u16] = Box::leak(Box::new([status]));
        let case: Case = ("limit", Box::leak(bytes.clone().into_boxed_slice()), statuses, end);
        for pace in [Pace::AtOnce, Pace::Cut(40), Pace::ByteByByte] {
            let shown = String::from_utf8_lossy(&bytes[..40.min(bytes.len())]).into_owned();
            run(linnet.address(), &case, pace, false)
                .unwrap_or_else(|problem| panic!("{shown:?}: {problem}"));
        }
    }
}

/// Fields that make [`get_with`] `length` bytes long.
fn long_fields(length: usize) -> String {
    let left = length - get_with("").len();
    // No rest that is too short for a field.
    let (whole, rest) = (left / 150 - 1, left % 150 + 150);
    let field = |length: usize| format!("X: {}\r\n", "x".repeat(length - 5));
    field(150).repeat(whole) + &field(rest)
}
