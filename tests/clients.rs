//! Clients that are slow, idle or many, against the real binary: each limit on connections is a setting and does what it
//! says, and nobody else notices.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use support::linnet::{Linnet, SOON, Start, wait_until};
use support::load::{Answer, Load, Mode, get, receive};

const HALF_A_HEAD: &[u8] = b"POST /predict HTTP/1.1\r\nHost: h\r\nX: ";
const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n";
const INDEX: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// The head of a prediction with a body of `length` bytes.
fn predict_head(length: usize) -> Vec<u8> {
    format!("POST /predict HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn exchange(stream: &mut TcpStream, request: &[u8]) -> Answer {
    stream.write_all(request).unwrap();
    receive(&mut BufReader::new(stream)).unwrap()
}

/// Whether the server has closed in good order: nothing more comes.
fn is_at_end(stream: &mut TcpStream) -> bool {
    stream.read(&mut [0; 16]).unwrap() == 0
}

/// The series of this name in the metrics, added up; `label` picks some.
fn metric(address: SocketAddr, name: &str, label: &str) -> u64 {
    let page = String::from_utf8(get(address, "/metrics").unwrap().body).unwrap();
    let series = page.lines().filter(|line| line.starts_with(name) && line.contains(label));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Sends `piece` every `pause` until something comes back, then reads that.
fn trickle(mut stream: TcpStream, piece: &[u8], pause: Duration) -> io::Result<Answer> {
    let began = Instant::now();
    stream.set_nonblocking(true)?;
    while stream.peek(&mut [0]).is_err() {
        assert!(began.elapsed() < SOON, "nothing comes back");
        stream.write_all(piece)?;
        thread::sleep(pause); // the pace under test
    }
    stream.set_nonblocking(false)?;
    receive(&mut BufReader::new(stream))
}

#[test]
fn a_head_that_does_not_come_is_answered_with_408() {
    let linnet = Start::with_workers(1).set("HEADER_TIMEOUT", "1").ready();
    let address = linnet.address();
    for pace in [None, Some(Duration::from_millis(50))] {
        let mut stream = connect(address);
        let began = Instant::now();
        // A request before it, and an idle time, do not count.
        assert_eq!(exchange(&mut stream, LIVE).status, 200);
        stream.write_all(HALF_A_HEAD).unwrap();
        let answer = match pace {
            None => receive(&mut BufReader::new(&stream)).unwrap(),
            Some(pause) => trickle(stream, b"x", pause).unwrap(),
        };
        assert_eq!((answer.status, answer.closes), (408, true));
        assert!(String::from_utf8(answer.body).unwrap().contains("within 1 seconds"));
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    }
    assert_eq!(metric(address, "linnet_errors_total", "header_timeout"), 2);
    assert_eq!(metric(address, "linnet_requests_total", "408"), 2);
}

#[test]
fn an_idle_connection_is_closed_after_keepalive_and_no_sooner() {
    let linnet = Start::with_workers(1).set("KEEPALIVE", "1").set("HEADER_TIMEOUT", "1").ready();
    let began = Instant::now();
    let [mut fresh, mut used, mut busy] = std::array::from_fn(|_| connect(linnet.address()));
    assert!(!exchange(&mut used, LIVE).closes);
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(250)); // less than the limit, again and again
        assert!(!exchange(&mut busy, LIVE).closes);
    }
    assert!(is_at_end(&mut fresh) && is_at_end(&mut used) && is_at_end(&mut busy));
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn a_body_that_stands_still_or_crawls_is_answered_with_408() {
    let linnet = Start::with_workers(1).set("BODY_TIMEOUT", "1").ready();
    let address = linnet.address();
    for pace in [None, Some(Duration::from_millis(50))] {
        let mut stream = connect(address);
        stream.write_all(&predict_head(5_000)).unwrap();
        let answer = match pace {
            None => receive(&mut BufReader::new(&stream)).unwrap(),
            Some(pause) => trickle(stream, b" ", pause).unwrap(),
        };
        assert_eq!((answer.status, answer.closes), (408, true));
    }
    // One that keeps coming at a fair pace may take longer than the limit.
    let body = format!("{}{{\"texts\":[{{\"text\":\"a\"}}]}}", " ".repeat(8_000));
    let mut fair = connect(address);
    fair.write_all(&predict_head(body.len())).unwrap();
    for piece in body.as_bytes().chunks(400) {
        fair.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(100)); // the pace under test
    }
    assert_eq!(receive(&mut BufReader::new(fair)).unwrap().status, 200);
    assert_eq!(metric(address, "linnet_errors_total", "body_timeout"), 2);
}

#[test]
fn a_client_that_does_not_take_its_answers_is_cut_off() {
    let linnet = Start::with_workers(1).set("WRITE_TIMEOUT", "1").ready();
    let mut stream = connect(linnet.address());
    stream.set_nonblocking(true).unwrap();
    let began = Instant::now();
    // Asks for more and more until nothing can be sent any more, and then until the connection is gone.
    let request = b"GET /performance HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
    loop {
        match stream.write(&request) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => {
                assert!(
                    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe),
                    "{error}"
                );
                break;
            }
        }
        assert!(began.elapsed() < SOON, "still connected");
    }
    assert_eq!(metric(linnet.address(), "linnet_errors_total", "write_timeout"), 1);
}

#[test]
fn a_connection_ends_after_its_requests_and_its_time() {
    let linnet = Start::with_workers(1).set("KEEPALIVE_REQUESTS", "3").ready();
    let mut stream = connect(linnet.address());
    let closes: Vec<_> = (0..3).map(|_| exchange(&mut stream, LIVE).closes).collect();
    assert_eq!(closes, [false, false, true]);
    assert!(is_at_end(&mut stream));

    let linnet = Start::with_workers(1).set("KEEPALIVE_TIME", "1").ready();
    let [mut busy, mut idle] = std::array::from_fn(|_| connect(linnet.address()));
    let began = Instant::now();
    assert!(!exchange(&mut idle, LIVE).closes);
    while !exchange(&mut busy, LIVE).closes {
        assert!(began.elapsed() < SOON, "it never ends");
    }
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(is_at_end(&mut busy) && is_at_end(&mut idle));
}

/// A request for a prediction that is under way, since its body is not whole.
fn half_a_prediction(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(&predict_head(24)).unwrap();
    stream.write_all(b"{\"texts\":[").unwrap();
    stream
}

fn finish(mut stream: TcpStream) -> u16 {
    stream.write_all(b"{\"text\":\"a\"}]}").unwrap();
    receive(&mut BufReader::new(stream)).unwrap().status
}

#[test]
fn beyond_limit_in_flight_requests_get_503_and_health_is_answered() {
    let linnet = Start::with_workers(1).set("LIMIT_IN_FLIGHT", "2").ready();
    let address = linnet.address();
    let halves: Vec<_> = (0..2).map(|_| half_a_prediction(address)).collect();
    wait_until("both are under way", || metric(address, "linnet_requests_in_flight", "") == 3);
    let mut stream = connect(address);
    let mut refused = predict_head(24);
    refused.extend_from_slice(b"{\"texts\":[{\"text\":\"a\"}]}");
    stream.write_all(&refused).unwrap();
    let mut head = [0; 512];
    let length = stream.read(&mut head).unwrap();
    let answer = String::from_utf8(head[..length].to_vec()).unwrap().to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 503 ") && answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert!(
        answer.contains("{\"detail\":\"this worker has as many requests under way as it may have, 2"),
        "{answer}"
    );
    // The connection goes on; health and metrics are answered on it.
    assert_eq!(exchange(&mut stream, LIVE).status, 200);
    assert_eq!(exchange(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    assert_eq!(exchange(&mut stream, INDEX).status, 503);
    for half in halves {
        assert_eq!(finish(half), 200);
    }
    assert_eq!(exchange(&mut stream, INDEX).status, 200);
    assert_eq!(metric(address, "linnet_errors_total", "too_many_requests"), 2);
}

#[test]
fn beyond_worker_connections_requests_get_503_and_health_is_answered() {
    let linnet = Start::with_workers(1).set("WORKER_CONNECTIONS", "3").set("KEEPALIVE_MIN", "60").ready();
    let address = linnet.address();
    let mut kept: Vec<_> = (0..3).map(|_| connect(address)).collect();
    for stream in &mut kept {
        assert_eq!(exchange(stream, INDEX).status, 200);
    }
    let mut surplus = connect(address);
    let answer = exchange(&mut surplus, INDEX);
    assert_eq!((answer.status, answer.closes), (503, true));
    assert!(String::from_utf8(answer.body).unwrap().contains("as many open connections as it may have, 3"));
    assert!(is_at_end(&mut surplus));
    let answer = exchange(&mut connect(address), LIVE);
    assert_eq!((answer.status, answer.closes), (200, true));
    assert_eq!(metric(address, "linnet_errors_total", "too_many_connections"), 1);
    // Beyond the spare ones clients wait, and are served when there is room again.
    let spare: Vec<_> = (0..64).map(|_| connect(address)).collect();
    let mut waiting = connect(address);
    waiting.write_all(INDEX).unwrap();
    drop(kept);
    drop(spare);
    assert!(receive(&mut BufReader::new(waiting)).is_ok());
    wait_until("there is room", || exchange(&mut connect(address), INDEX).status == 200);
}

#[test]
fn beyond_worker_connections_the_longest_idle_gives_way() {
    let linnet = Start::with_workers(1).set("WORKER_CONNECTIONS", "3").set("KEEPALIVE_MIN", "0").ready();
    let address = linnet.address();
    let mut kept: Vec<_> = (0..3).map(|_| connect(address)).collect();
    for stream in &mut kept {
        assert_eq!(exchange(stream, INDEX).status, 200);
    }
    let answer = exchange(&mut connect(address), INDEX);
    assert_eq!((answer.status, answer.closes), (200, false));
    assert!(is_at_end(&mut kept[0]));
    assert_eq!(exchange(&mut kept[2], INDEX).status, 200);
}

/// Requests that are garbage, one after the other, each on a connection of its own, until `more` says no.
fn garbage(linnet: &Linnet, more: impl Fn() -> bool) -> u64 {
    let kinds: [&[u8]; 4] =
        [b"\x16\x03\x01\x02", b"GET  / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX : y\r\n\r\n", b"\0\0\0\0"];
    let mut sent = 0;
    for kind in kinds.iter().cycle() {
        if !more() {
            break;
        }
        let mut stream = connect(linnet.address());
        stream.write_all(kind).unwrap();
        assert_eq!(receive(&mut BufReader::new(stream)).unwrap().status, 400);
        sent += 1;
    }
    sent
}

#[test]
fn under_slow_clients_and_garbage_no_good_request_is_lost() {
    const SLOW: usize = 500;
    let linnet = Start::with_workers(2).set("HEADER_TIMEOUT", "3").ready();
    let address = linnet.address();
    let mut slow: Vec<_> = (0..SLOW).map(|_| connect(address)).collect();
    for stream in &mut slow {
        stream.write_all(HALF_A_HEAD).unwrap();
    }
    let load = Load::start(address, 8, Mode::KeepAlive, "/health/live");
    let began = Instant::now();
    let garbage = thread::scope(|scope| {
        let garbage = scope.spawn(|| garbage(&linnet, || began.elapsed() < Duration::from_secs(2)));
        for _ in 0..4 {
            for stream in &mut slow {
                let _ = stream.write_all(b"x"); // may have got its 408
            }
            load.wait_for_answers(500);
        }
        garbage.join().unwrap()
    });
    let outcomes = load.finish();
    let failed = (outcomes.lost(), outcomes.refused(), outcomes.server_errors());
    assert_eq!(failed, (0, 0, 0), "{outcomes:?}");
    for stream in slow {
        assert_eq!(receive(&mut BufReader::new(stream)).unwrap().status, 408);
    }
    assert_eq!(metric(address, "linnet_errors_total", "header_timeout"), SLOW as u64);
    assert_eq!(metric(address, "linnet_errors_total", "bad_http"), garbage);
}
