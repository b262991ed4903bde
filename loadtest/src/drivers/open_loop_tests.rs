//! The generator against small servers that answer, wait, close and lie.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::requests;

/// Serves on a free port until the test ends; `answer` writes to a connection once for every request read.
fn server(answer: fn(&mut TcpStream, usize) -> io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || -> io::Result<()> {
                let (mut stream, mut seen) = (stream?, 0);
                let mut buffer = [0; 4 << 10];
                loop {
                    let count = stream.read(&mut buffer)?;
                    if count == 0 {
                        return Ok(());
                    }
                    for _ in 0..buffer[..count].windows(4).filter(|four| four == b"\r\n\r\n").count() {
                        answer(&mut stream, seen)?;
                        seen += 1;
                    }
                }
            });
        }
    });
    address
}

fn plan(address: SocketAddr, arrivals: Arrivals) -> Plan {
    Plan {
        address,
        connections: 4,
        reconnect: false,
        pipeline: 1,
        arrivals,
        warm_up: Duration::from_millis(20),
        duration: Duration::from_millis(400),
        timeout: Duration::from_secs(20), // a starved machine is late, not wrong
    }
}

fn gets(close: bool) -> Vec<RawRequest> {
    vec![RawRequest { bytes: requests::get("h", "/", close), size: Size::Small }]
}

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn arrivals_are_all_answered_and_timed() {
    let address = server(|stream, _| stream.write_all(GOOD));
    let found = drive(&plan(address, Arrivals::PerSecond(500.0)), &gets(false)).unwrap();
    assert_eq!(found.counts.failed(), 0, "{}", found.counts.failures());
    assert!((120..290).contains(&found.counts.ok), "{}", found.counts.ok);
    assert_eq!((found.small.len(), found.opened), (found.counts.ok, 4));
    assert!(found.answered >= found.counts.ok);
}

#[test]
fn waiting_for_a_slow_answer_counts_as_latency() {
    // The first answer takes 100 ms; those due meanwhile wait behind it, since there is one connection.
    let address = server(|stream, seen| {
        if seen == 0 {
            std::thread::sleep(Duration::from_millis(100));
        }
        stream.write_all(GOOD)
    });
    let mut plan = plan(address, Arrivals::PerSecond(200.0));
    (plan.connections, plan.warm_up) = (1, Duration::ZERO);
    let found = drive(&plan, &gets(false)).unwrap().small.summary().unwrap();
    // A closed loop would see one slow request; here a tenth or more were late.
    assert!(found.p90_us > 10_000.0 && found.max_us >= 100_000.0, "{found:?}");
}

#[test]
fn saturation_pipelines_and_reconnects() {
    let address = server(|stream, _| stream.write_all(GOOD));
    let pipelined = Plan { pipeline: 8, ..plan(address, Arrivals::Saturate) };
    let found = drive(&pipelined, &gets(false)).unwrap();
    assert!(found.counts.ok > 0 && found.counts.failed() == 0, "{}", found.counts.failures());

    let closing = server(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
        stream.shutdown(std::net::Shutdown::Both)
    });
    let reconnecting = Plan { reconnect: true, ..plan(closing, Arrivals::PerSecond(300.0)) };
    let found = drive(&reconnecting, &gets(true)).unwrap();
    assert_eq!(found.counts.failed(), 0, "{}", found.counts.failures());
    assert!(found.opened >= found.counts.ok && found.counts.ok > 50, "{found:?}");
}

#[test]
fn every_failure_has_its_kind() {
    type Kind = fn(&Counts) -> u64;
    type Answer = fn(&mut TcpStream, usize) -> io::Result<()>;
    let cases: [(Answer, Kind); 5] = [
        (|stream, _| stream.write_all(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"), |c| c.server_error),
        (|stream, _| stream.write_all(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n"), |c| c.client_error),
        (|stream, _| stream.write_all(b"what? \r\n\r\n"), |c| c.malformed),
        (|stream, _| stream.shutdown(std::net::Shutdown::Both), |c| c.eof),
        (|_, _| Ok(()), |c| c.timeout),
    ];
    for (at, (answer, kind)) in cases.into_iter().enumerate() {
        let mut plan = plan(server(answer), Arrivals::PerSecond(100.0));
        if kind(&Counts { timeout: 1, ..Counts::default() }) == 1 {
            plan.timeout = Duration::from_millis(100);
        }
        let found = drive(&plan, &gets(false)).unwrap();
        let counts = found.counts;
        assert!(kind(&counts) > 5 && kind(&counts) == counts.total(), "case {at}: {}", counts.failures());
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = Plan { reconnect: true, ..plan(gone, Arrivals::PerSecond(100.0)) };
    let counts = drive(&refused, &gets(true)).unwrap().counts;
    assert!(counts.refused > 5 && counts.refused == counts.total(), "{}", counts.failures());
}
