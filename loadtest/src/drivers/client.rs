//! One connection of the generator: what it has sent, what it still has to write, what has come back.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use socket2::{Domain, Socket, Type};

use super::response::{Answered, Malformed, ResponseParser};

/// How long the connections of the start may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// When it was due, since the start of the run.
    pub(crate) due: Duration,
    /// Its place among the requests.
    pub(crate) request: usize,
}

/// A connection, open or not.
#[derive(Debug, Default)]
pub(crate) struct Client {
    stream: Option<TcpStream>,
    sent: VecDeque<Sent>,
    out: Vec<u8>,
    written: usize,
    parser: ResponseParser,
    /// Since when it has had nothing to do, since the start of the run.
    pub(crate) free_since: Duration,
    /// When the oldest answered request was due; a bound for how long a close is awaited.
    pub(crate) answered_at: Duration,
}

impl Client {
    /// Starts to connect, and registers with `epoll` under `key`.
    pub(crate) fn connect(&mut self, address: SocketAddr, epoll: &Epoll, key: u64) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), None)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EINPROGRESS) => {}
            other => other?,
        }
        self.register(socket.into(), epoll, key)
    }

    /// Connects and waits until the connection stands.
    pub(crate) fn connect_and_wait(
        &mut self,
        address: SocketAddr,
        epoll: &Epoll,
        key: u64,
    ) -> io::Result<()> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
        stream.set_nonblocking(true)?;
        self.register(stream, epoll, key)
    }

    fn register(&mut self, stream: TcpStream, epoll: &Epoll, key: u64) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        epoll.add(&stream, EpollEvent::new(flags, key))?;
        self.stream = Some(stream);
        self.written = 0;
        self.parser.reset();
        Ok(())
    }

    /// Closes the connection and forgets all that belongs to it.
    pub(crate) fn close(&mut self) {
        self.stream = None; // closing also takes it out of epoll
        self.sent.clear();
        self.out.clear();
        self.written = 0;
        self.parser.reset();
    }

    /// Whether there is a connection.
    pub(crate) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Whether answers are missing.
    pub(crate) fn is_busy(&self) -> bool {
        !self.sent.is_empty()
    }

    /// The request that has been waiting longest.
    pub(crate) fn oldest(&self) -> Option<&Sent> {
        self.sent.front()
    }

    /// All requests without an answer.
    pub(crate) fn owed(&mut self) -> impl Iterator<Item = Sent> {
        std::mem::take(&mut self.sent).into_iter()
    }

    /// Puts a request behind those to be written.
    pub(crate) fn queue(&mut self, sent: Sent, bytes: &[u8]) {
        self.sent.push_back(sent);
        self.out.extend_from_slice(bytes);
    }

    /// Writes as much as the socket takes; fine if it takes nothing yet.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while self.written < self.out.len() {
            match stream.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads once.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Some(stream) => stream.read(buffer),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Takes bytes in, and calls `each` for every request that they answer.
    pub(crate) fn take_in(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Sent, Answered),
    ) -> Result<(), Malformed> {
        let (sent, answered_at) = (&mut self.sent, &mut self.answered_at);
        let mut unasked = false;
        self.parser.feed(bytes, |answered| match sent.pop_front() {
            Some(request) => {
                *answered_at = request.due;
                each(request, answered);
            }
            None => unasked = true,
        })?;
        if unasked { Err(Malformed) } else { Ok(()) }
    }
}
