//! One client: at most one request outstanding, on a connection that it keeps or not.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use socket2::{Domain, Socket, Type};

use super::Plan;
use super::answer::{read_answer, write_health_check, write_request};
use super::counts::Outcome;

/// After a connection that could not be made: what a client waits before the next.
const REST: Duration = Duration::from_millis(10);

/// Between two questions of a client that watches readiness.
const WATCH: Duration = Duration::from_millis(50);

/// Bytes read at once; an answer has fewer.
const READ_BYTES: usize = 4_096;

/// How a client uses connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One connection for as long as the server keeps it.
    KeepAlive,
    /// One connection, and pauses of a random length on it.
    Pausing,
    /// A new one for each request.
    Connect,
    /// Asks for readiness over and over, as a load balancer does; sends no other request.
    Watch,
}

/// What a client has outstanding.
#[derive(Clone, Copy, Debug)]
struct Request {
    number: u64,
    due: Instant,
    begun: Instant,
    /// The place of its slice.
    slice: usize,
    /// How long its connection had been idle, if it is not the connection's first.
    idle: Option<Duration>,
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) slice: usize,
    pub(super) took: Duration,
}

/// A client, connected or not.
pub(super) struct Client {
    pub(super) mode: Mode,
    key: u64,
    address: SocketAddr,
    patience: Duration,
    keepalive_min: Duration,
    stream: Option<TcpStream>,
    is_connected: bool,
    request: Option<Request>,
    out: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    idle_since: Instant,
    /// Nothing is begun before.
    pub(super) rests_until: Instant,
}

impl Client {
    pub(super) fn new(mode: Mode, key: u64, plan: &Plan) -> Self {
        let now = Instant::now();
        Self {
            mode,
            key,
            address: plan.address,
            patience: plan.patience,
            keepalive_min: plan.keepalive_min,
            stream: None,
            is_connected: false,
            request: None,
            out: Vec::new(),
            written: 0,
            input: Vec::new(),
            idle_since: now,
            rests_until: now,
        }
    }

    /// Whether a request is outstanding.
    pub(super) fn is_busy(&self) -> bool {
        self.request.is_some()
    }

    /// Since when it has been trying to connect, if it has.
    pub(super) fn connecting_since(&self) -> Option<Instant> {
        self.request.filter(|_| self.stream.is_some() && !self.is_connected).map(|request| request.begun)
    }

    /// Sends the request with this number, on a new connection if need be.
    pub(super) fn begin(&mut self, number: u64, due: Instant, slice: usize, epoll: &Epoll) -> Option<Done> {
        // What a pool does with a connection from the shelf: an end that has already arrived is no loss.
        if self.stream.is_some() && !self.is_silent() {
            self.close();
        }
        let idle = self.stream.is_some().then(|| self.idle_since.elapsed());
        self.request = Some(Request { number, due, begun: Instant::now(), slice, idle });
        self.input.clear();
        self.out.clear();
        self.written = 0;
        match self.mode {
            Mode::Watch => write_health_check(&mut self.out, self.address),
            _ => write_request(&mut self.out, self.address, number),
        }
        let begun = if self.stream.is_some() { Ok(()) } else { self.connect(epoll) };
        match begun.and_then(|()| self.write()) {
            Ok(()) => None,
            Err(error) => Some(self.fail(&error)),
        }
    }

    fn is_silent(&self) -> bool {
        let Some(stream) = &self.stream else { return true };
        stream.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    fn connect(&mut self, epoll: &Epoll) -> io::Result<()> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(self.address), kind, None)?;
        match socket.connect(&self.address.into()) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EINPROGRESS) => {}
            other => other?,
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        epoll.add(&stream, EpollEvent::new(flags, self.key))?;
        self.stream = Some(stream);
        Ok(())
    }

    fn close(&mut self) {
        self.stream = None; // which takes it out of epoll, too
        self.is_connected = false;
    }

    /// Does what can be done on the connection; tells of a request that has ended.
    pub(super) fn advance(&mut self) -> Option<Done> {
        let stream = self.stream.as_ref()?;
        if self.request.is_none() {
            // Idle: bytes or an end, both close it.
            if !self.is_silent() {
                self.close();
            }
            return None;
        }
        if let Ok(Some(error)) = stream.take_error() {
            return Some(self.fail(&error));
        }
        match self.write().and_then(|()| self.read()) {
            Ok(done) => done,
            Err(error) => Some(self.fail(&error)),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while self.written < self.out.len() {
            match stream.write(&self.out[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.is_connected = true;
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {
                    break;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<Option<Done>> {
        let mut chunk = [0; READ_BYTES];
        loop {
            let Some(stream) = &mut self.stream else { return Ok(None) };
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(Some(self.end(Outcome::Cut))),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::NotConnected => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
            if let Some(done) = self.judge() {
                return Ok(Some(done));
            }
        }
    }

    /// What has arrived, if it is an answer.
    fn judge(&mut self) -> Option<Done> {
        let number = self.request?.number;
        let (outcome, closes) = match read_answer(&self.input) {
            Ok(None) => return None,
            Ok(Some(answer)) if answer.status >= 500 => (Outcome::ServerError, answer.closes),
            Ok(Some(answer)) if self.mode == Mode::Watch || answer.is_to(number) => {
                (Outcome::Answered, answer.closes)
            }
            Ok(Some(_)) | Err(()) => (Outcome::Wrong, true),
        };
        let keeps = !closes && matches!(self.mode, Mode::KeepAlive | Mode::Pausing);
        let connection = if keeps { self.stream.take() } else { None };
        let done = self.end(outcome);
        self.is_connected = connection.is_some();
        self.stream = connection;
        Some(done)
    }

    /// Ends what is overdue.
    pub(super) fn sweep(&mut self) -> Option<Done> {
        let overdue = self.request.is_some_and(|request| request.begun.elapsed() > self.patience);
        overdue.then(|| self.end(Outcome::TimedOut))
    }

    fn fail(&mut self, error: &io::Error) -> Done {
        let outcome = match error.kind() {
            io::ErrorKind::ConnectionRefused => Outcome::Refused,
            _ if self.is_connected => Outcome::Reset,
            // A reset of a connection that stands, before anything could be written.
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Outcome::Reset,
            _ => Outcome::Unconnected,
        };
        self.end(outcome)
    }

    /// Ends the request, and the connection.
    fn end(&mut self, outcome: Outcome) -> Done {
        let request = self.request.take().expect("only a request can end");
        let crosses = self.input.is_empty() && request.idle.is_some_and(|idle| idle >= self.keepalive_min);
        let outcome = match outcome {
            Outcome::Reset | Outcome::Cut if crosses => Outcome::Crossed,
            other => other,
        };
        self.close();
        let now = Instant::now();
        self.idle_since = now;
        self.rests_until = match outcome {
            _ if self.mode == Mode::Watch => now + WATCH,
            Outcome::Refused | Outcome::Unconnected => now + REST,
            _ => now,
        };
        Done { outcome, slice: request.slice, took: now.duration_since(request.due) }
    }
}
