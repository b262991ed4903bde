//! Load: blocking clients in threads that count every outcome by its kind.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::linnet::{SOON, wait_until};

/// A client's patience: a SYN that is dropped is sent again after 1 s, and then after 2 more.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How a client uses connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One connection for as long as the server keeps it.
    KeepAlive,
    /// A new one for each request.
    Connect,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) closes: bool,
    pub(crate) body: Vec<u8>,
}

/// Outcomes of all clients together.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Whole answers below 500.
    pub(crate) answered: AtomicU64,
    /// Whole answers from 500 on.
    pub(crate) server_errors: AtomicU64,
    /// No connection, because it was refused.
    pub(crate) refused: AtomicU64,
    /// No connection, for another reason.
    pub(crate) unconnected: AtomicU64,
    /// A reset after the request was sent.
    pub(crate) reset: AtomicU64,
    /// The end of the connection after the request was sent, without a whole answer.
    pub(crate) cut: AtomicU64,
    /// No answer in time.
    pub(crate) timeout: AtomicU64,
}

impl Outcomes {
    /// Requests that were sent on a connection whose end nobody had announced, and got no whole answer.
    pub(crate) fn lost(&self) -> u64 {
        [&self.reset, &self.cut, &self.timeout].iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed) + self.unconnected.load(Ordering::Relaxed)
    }

    pub(crate) fn server_errors(&self) -> u64 {
        self.server_errors.load(Ordering::Relaxed)
    }
}

/// Sends one request without a body.
pub(crate) fn send(stream: &mut TcpStream, path: &str) -> io::Result<()> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes())
}

/// Reads one whole answer.
pub(crate) fn receive(reader: &mut impl BufRead) -> io::Result<Answer> {
    let (mut status, mut length, mut closes) = (None, 0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        match line.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().map_err(io::Error::other)?,
            Some(("connection", value)) => closes = value.trim() == "close",
            _ if status.is_none() => status = line.split(' ').nth(1).and_then(|s| s.parse().ok()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Answer { status: status.ok_or_else(|| io::Error::other("no status"))?, closes, body })
}

/// One request on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    send(&mut stream, path)?;
    receive(&mut BufReader::new(stream))
}

/// Clients at work.
pub(crate) struct Load {
    pub(crate) outcomes: Arc<Outcomes>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts `clients` clients; each has one request outstanding at a time. A client ends when it gets no
    /// connection after `until_refused`, else it notes the outcome and goes on.
    pub(crate) fn start(address: SocketAddr, clients: usize, mode: Mode, path: &'static str) -> Self {
        let (outcomes, stop) = (Arc::new(Outcomes::default()), Arc::new(AtomicBool::new(false)));
        let client = |_| {
            let (outcomes, stop) = (Arc::clone(&outcomes), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if !converse(address, mode, path, &outcomes, &stop) {
                        break;
                    }
                }
            })
        };
        let threads = (0..clients).map(client).collect();
        Self { outcomes, stop, threads }
    }

    /// Waits until `more` further requests have been answered.
    pub(crate) fn wait_for_answers(&self, more: u64) {
        let goal = self.outcomes.answered() + more;
        wait_until("enough requests are answered", || self.outcomes.answered() >= goal);
    }

    /// Waits until every client has ended because nobody listens any more, then returns the outcomes.
    pub(crate) fn wait_until_refused(self) -> Arc<Outcomes> {
        wait_until("all clients are refused", || self.threads.iter().all(JoinHandle::is_finished));
        self.finish()
    }

    /// Lets the clients finish their requests, and returns the outcomes.
    pub(crate) fn finish(self) -> Arc<Outcomes> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.outcomes
    }
}

/// Uses one connection for as long as it lasts; false if none could be made.
fn converse(address: SocketAddr, mode: Mode, path: &str, outcomes: &Outcomes, stop: &AtomicBool) -> bool {
    let count = |n: &AtomicU64| n.fetch_add(1, Ordering::Relaxed);
    let stream = TcpStream::connect_timeout(&address, TIMEOUT);
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            count(&outcomes.refused);
            return false;
        }
        Err(_) => {
            count(&outcomes.unconnected);
            return false;
        }
    };
    let _ = stream.set_nodelay(true);
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while !stop.load(Ordering::Relaxed) {
        let answer = send(&mut stream, path).and_then(|()| receive(&mut reader));
        match answer {
            Ok(answer) => {
                count(if answer.status >= 500 { &outcomes.server_errors } else { &outcomes.answered });
                if answer.closes || mode == Mode::Connect {
                    break;
                }
            }
            Err(e) => {
                use io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut, WouldBlock};
                count(match e.kind() {
                    ConnectionReset | BrokenPipe => &outcomes.reset,
                    TimedOut | WouldBlock => &outcomes.timeout,
                    _ => &outcomes.cut,
                });
                break;
            }
        }
    }
    true
}

/// Waits until connections to `address` are refused, and returns how long that took.
pub(crate) fn wait_until_refused(address: SocketAddr) -> Duration {
    let began = Instant::now();
    while TcpStream::connect_timeout(&address, SOON).is_ok() {
        assert!(began.elapsed() < SOON, "{address} still accepts");
        thread::sleep(Duration::from_millis(2));
    }
    began.elapsed()
}
