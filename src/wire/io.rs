//! One connection's bytes, with the bookkeeping that a clean end needs.
//!
//! [`Io`] stands between hyper and the socket. It knows when the connection is idle, can end an idle one
//! without losing a request that has just arrived, and does not cut off its own last answer. Timers for idle
//! and slow clients, and a gate in front of hyper's parser, belong here too.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep};

/// How long a closed connection still takes in what its client is sending, so that the client reads the last
/// answer instead of a reset.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that are read at once outside of hyper's buffers.
const CHUNK: usize = 4_096;

/// Answers up to this length are written in one piece: for them a copy costs less than the kernel's walk over several.
const JOINED: usize = 1_024;

/// All of `bufs` in one piece, if that fits.
fn join<'j>(bufs: &[io::IoSlice<'_>], joined: &'j mut [u8]) -> Option<&'j [u8]> {
    let mut length = 0;
    for buf in bufs {
        let end = length + buf.len();
        joined.get_mut(length..end)?.copy_from_slice(buf);
        length = end;
    }
    Some(&joined[..length])
}

/// What is known of one connection. Shared by its [`Io`], its requests, and the sweep that ends idle ones.
pub struct Activity {
    /// A request is with the app.
    in_flight: Cell<bool>,
    /// Bytes came after the last answer: a request is on its way.
    arriving: Cell<bool>,
    /// The socket takes no more bytes for now: an answer is on its way out.
    blocked: Cell<bool>,
    /// When the connection was last known to do something.
    since: Cell<Instant>,
    /// Read once more from the socket itself, and take "nothing there" for the end.
    last_read: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Activity {
    /// Of a connection accepted now.
    pub fn new() -> Self {
        Self {
            in_flight: Cell::new(false),
            arriving: Cell::new(false),
            blocked: Cell::new(false),
            since: Cell::new(Instant::now()),
            last_read: Cell::new(false),
            waker: RefCell::new(None),
        }
    }

    /// A request has reached the app.
    pub fn request_began(&self) {
        self.in_flight.set(true);
    }

    /// The app has answered (or the request was given up).
    pub fn request_ended(&self) {
        self.in_flight.set(false);
        self.arriving.set(false);
        self.since.set(Instant::now());
    }

    /// Since when nothing has happened and nothing is expected; `None` while a request is under way.
    pub fn idle_since(&self) -> Option<Instant> {
        let busy = self.in_flight.get() || self.arriving.get() || self.blocked.get();
        (!busy).then(|| self.since.get())
    }

    /// Ends the connection, unless a request turns out to have arrived: then that is answered first.
    pub fn end_when_dry(&self) {
        self.last_read.set(true);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Remembers whom [`Self::end_when_dry`] has to wake.
    pub fn remember_task(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes of one connection, as hyper wants them.
pub struct Io<S> {
    stream: TokioIo<S>,
    activity: Rc<Activity>,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Io<S> {
    /// Wraps an accepted stream.
    pub fn new(stream: S, activity: Rc<Activity>) -> Self {
        Self { stream: TokioIo::new(stream), activity, linger: None }
    }

    /// Reads from the socket itself. tokio remembers what epoll last said, which may be older than the bytes.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*socket2::SockRef::from(self.stream.inner())).read(buffer)
    }

    fn poll_last_read(&mut self, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        let room = buf.remaining().min(CHUNK);
        match self.read_now(&mut chunk[..room]) {
            Ok(count) => {
                buf.put_slice(&chunk[..count]);
                self.activity.arriving.set(count > 0);
                Poll::Ready(Ok(()))
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Poll::Ready(Ok(())),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                self.activity.last_read.set(true);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(e) => Poll::Ready(Err(e)),
        }
    }

    /// After the last answer: takes in what the client still sends. Closing a socket with unread bytes makes
    /// the kernel send a reset, which can overtake the answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            let unread = matches!(self.read_now(&mut [0; CHUNK]), Ok(1..));
            if !unread {
                return Poll::Ready(Ok(()));
            }
            self.linger = Some(Box::pin(sleep(LINGER)));
        }
        let Some(limit) = &mut self.linger else { return Poll::Ready(Ok(())) };
        if limit.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut chunk = [0; CHUNK];
        let mut buffer = tokio::io::ReadBuf::new(&mut chunk);
        ready!(pin!(self.stream.inner_mut()).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
        // More may be there; let other connections run in between.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.activity.last_read.take() {
            return self.poll_last_read(cx, buf);
        }
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if result.is_ready() {
            self.activity.arriving.set(true);
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Write for Io<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.activity.blocked.set(result.is_pending());
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        self.poll_linger(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut joined = [0; JOINED];
        let result = match join(bufs, &mut joined) {
            Some(joined) => Pin::new(&mut self.stream).poll_write(cx, joined),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
        };
        self.activity.blocked.set(result.is_pending());
        result
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use hyper::rt::ReadBuf;

    use super::*;

    /// Runs `test` with a connection and its client's end, inside a runtime whose reactor gets no turn.
    fn with_connection(test: impl FnOnce(&mut Io<tokio::net::UnixStream>, &Activity, UnixStream)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, server) = UnixStream::pair().unwrap();
            server.set_nonblocking(true).unwrap();
            let activity = Rc::new(Activity::new());
            let stream = tokio::net::UnixStream::from_std(server).unwrap();
            test(&mut Io::new(stream, Rc::clone(&activity)), &activity, client);
        });
    }

    /// What one `poll_read` gives: `None` for "not yet".
    fn read(io: &mut Io<tokio::net::UnixStream>) -> Option<Vec<u8>> {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(Waker::noop());
        let polled = Pin::new(io).poll_read(&mut cx, buffer.unfilled());
        polled.is_ready().then(|| buffer.filled().to_vec())
    }

    #[test]
    fn the_last_read_finds_what_the_reactor_has_not_told_yet() {
        with_connection(|io, activity, mut client| {
            assert_eq!(read(io), None);
            client.write_all(b"GET").unwrap();
            assert_eq!(read(io), None, "the reactor had a turn, so this tests nothing");
            activity.end_when_dry();
            assert_eq!(read(io).unwrap(), b"GET");
            assert!(activity.idle_since().is_none());
            // Half a request: the connection goes on until all of it is there.
            assert_eq!(read(io), None);
        });
    }

    #[test]
    fn an_idle_connection_ends_when_nothing_is_there() {
        with_connection(|io, activity, _client| {
            assert!(activity.idle_since().is_some());
            activity.end_when_dry();
            assert_eq!(read(io).unwrap(), b"");
        });
    }

    #[test]
    fn what_a_client_still_sends_is_taken_in_before_the_close() {
        with_connection(|io, _, mut client| {
            let mut cx = Context::from_waker(Waker::noop());
            client.write_all(&[0; 1_000]).unwrap();
            assert!(Pin::new(&mut *io).poll_shutdown(&mut cx).is_pending());
        });
        with_connection(|io, _, _client| {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut *io).poll_shutdown(&mut cx).is_ready());
        });
    }
}
