//! One connection's bytes, with the gate and the bookkeeping that a clean end needs.
//!
//! [`Io`] stands between hyper and the socket. It lets hyper see only what the gate has passed, writes the gate's
//! refusals behind hyper's last answer, ends idle connections without losing a request that has just arrived, and
//! does not cut off its own last answer.

use std::future::Future;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::{Activity, Look};
use super::gate::{Gate, Refusal, Stage};
use super::read_into::poll_read_into;
use crate::limits::Limits;

/// How long a closed connection waits for more of what its client is sending, so that the client reads the last
/// answer instead of a reset.
const LINGER: Duration = Duration::from_secs(2);

/// How long it does so at most, however much comes.
const LINGER_MAX: Duration = Duration::from_secs(10);

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

/// The bytes of one connection, as hyper wants them.
pub struct Io<S> {
    stream: S,
    activity: Rc<Activity>,
    gate: Gate,
    /// What has come and hyper has not seen: first what the gate has passed, then what it cannot judge yet.
    held: Vec<u8>,
    /// So many of the held bytes may pass.
    passed: usize,
    /// Why nothing more passes.
    refusal: Option<Refusal>,
    end: End,
}

/// What a read does after one look at the stream.
enum Step {
    /// Return: hyper has got bytes, or the end of the stream.
    Return,
    /// Look at what is held, and read again.
    Again,
}

/// How far the end of a connection has come.
enum End {
    /// It has not.
    Open,
    /// These bytes of our own are still to be written.
    Answering(Vec<u8>),
    /// The client has been told that nothing more comes, and may still be sending. It has this long, in all and until it
    /// sends something.
    Lingering(Instant, Pin<Box<Sleep>>),
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Io<S> {
    /// Wraps an accepted stream.
    pub fn new(stream: S, activity: Rc<Activity>, limits: Limits) -> Self {
        let gate = Gate::new(limits);
        Self { stream, activity, gate, held: Vec::new(), passed: 0, refusal: None, end: End::Open }
    }

    /// Reads from the socket itself. tokio remembers what epoll last said, which may be older than the bytes.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*socket2::SockRef::from(&self.stream)).read(buffer)
    }

    /// Gives hyper held bytes that may pass; false if there are none.
    fn hand_over(&mut self, buf: &mut ReadBufCursor<'_>) -> bool {
        if self.passed == 0 {
            return false;
        }
        let count = self.passed.min(buf.remaining());
        buf.put_slice(&self.held[..count]);
        self.passed -= count;
        if count == self.held.len() {
            self.held = Vec::new(); // rarely needed again, so not kept
        } else {
            self.held.drain(..count);
        }
        true
    }

    /// Reads more; [`Step::Return`] if hyper has got bytes, or the end of the stream.
    fn poll_more(&mut self, cx: &mut Context<'_>, buf: &mut ReadBufCursor<'_>) -> Poll<io::Result<Step>> {
        if !self.held.is_empty() {
            let mut chunk = [0; CHUNK];
            let mut read = tokio::io::ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
            return Poll::Ready(Ok(self.take(read.filled())));
        }
        let Self { stream, gate, held, refusal, .. } = self;
        let mut passed = 0;
        let count = ready!(poll_read_into(Pin::new(stream), cx, buf, |bytes| {
            let verdict = gate.judge(bytes);
            (passed, *refusal) = (verdict.pass, verdict.refusal);
            if refusal.is_none() && passed < bytes.len() {
                held.extend_from_slice(&bytes[passed..]);
            }
            passed
        }))?;
        self.note(count);
        Poll::Ready(Ok(if passed > 0 || count == 0 { Step::Return } else { Step::Again }))
    }

    /// Takes in what was read outside of hyper's buffer; nothing is the end of the stream.
    fn take(&mut self, bytes: &[u8]) -> Step {
        if bytes.is_empty() {
            if self.gate.stage() != Stage::Head {
                return Step::Return;
            }
            self.refusal = Some(Refusal::BrokenHead);
        } else {
            self.held.extend_from_slice(bytes);
            let verdict = self.gate.judge(&self.held);
            (self.passed, self.refusal) = (verdict.pass, verdict.refusal);
            self.note(bytes.len());
        }
        Step::Again
    }

    /// Shows the sweep what the gate knows, after `count` bytes have come.
    fn note(&self, count: usize) {
        self.activity.received(count, self.gate.stage(), self.gate.heads());
    }

    /// Looks once more at the socket itself, because the client's time is up.
    fn last_look(&mut self, look: Look) -> io::Result<Step> {
        let mut chunk = [0; CHUNK];
        match self.read_now(&mut chunk) {
            Ok(count) => Ok(self.take(&chunk[..count])),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                match (look, self.gate.stage()) {
                    (Look::Dry, Stage::Idle) => return Ok(Step::Return),
                    (Look::Late(limit), Stage::Head) => self.refusal = Some(Refusal::SlowHead(limit)),
                    (Look::Late(_), Stage::Body) => self.refusal = Some(Refusal::SlowBody),
                    // It has got on since, or is no longer idle.
                    _ => {}
                }
                Ok(Step::Again)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                self.activity.look(look);
                Ok(Step::Again)
            }
            Err(e) => Err(e),
        }
    }

    /// Ends the stream for hyper. In a body that is an error, which the app answers. Between requests it is a quiet end,
    /// behind which our own answer follows.
    fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        if self.gate.stage() == Stage::Body {
            self.activity.refused(refusal, false);
            return Err(io::Error::new(io::ErrorKind::InvalidData, refusal));
        }
        if matches!(self.end, End::Open) {
            self.activity.refused(refusal, true);
            self.end = End::Answering(refusal.answer(self.gate.is_head(), SystemTime::now()));
        }
        Ok(())
    }

    /// Fails where the client has been cut off; what it has not taken is then forgotten, by the kernel too.
    fn check_cut_off(&self) -> io::Result<()> {
        if !self.activity.is_cut_off() {
            return Ok(());
        }
        // Fails only where there is nothing left to forget.
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        Err(io::ErrorKind::TimedOut.into())
    }

    /// After the last answer: takes in what the client still sends. Closing a socket with unread bytes makes
    /// the kernel send a reset, which can overtake the answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let End::Lingering(last, limit) = &mut self.end else { return Poll::Ready(Ok(())) };
        if limit.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut chunk = [0; CHUNK];
        let mut buffer = tokio::io::ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
        limit.as_mut().reset((*last).min(Instant::now() + LINGER));
        // More may be there; let other connections run in between.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.hand_over(&mut buf) {
                return Poll::Ready(Ok(()));
            }
            if let Some(refusal) = self.refusal {
                return Poll::Ready(self.refuse(refusal));
            }
            let step = match self.activity.take_look() {
                Some(look) => self.last_look(look)?,
                None => ready!(self.poll_more(cx, &mut buf))?,
            };
            if matches!(step, Step::Return) {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + AsFd + Unpin> Write for Io<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check_cut_off()?;
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.activity.wrote(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        while let End::Answering(answer) = &mut me.end {
            if answer.is_empty() {
                break;
            }
            if me.activity.is_cut_off() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let result = Pin::new(&mut me.stream).poll_write(cx, answer);
            me.activity.wrote(&result);
            let count = ready!(result)?;
            answer.drain(..count);
        }
        if !matches!(me.end, End::Lingering(..)) {
            ready!(Pin::new(&mut me.stream).poll_shutdown(cx))?;
            me.activity.shut();
            let is_sending = me.refusal.is_some()
                || me.gate.stage() == Stage::Body
                || matches!(me.read_now(&mut [0; CHUNK]), Ok(1..));
            if !is_sending {
                return Poll::Ready(Ok(()));
            }
            me.end = End::Lingering(Instant::now() + LINGER_MAX, Box::pin(sleep(LINGER)));
        }
        me.poll_linger(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_cut_off()?;
        let mut joined = [0; JOINED];
        let result = match join(bufs, &mut joined) {
            Some(joined) => Pin::new(&mut self.stream).poll_write(cx, joined),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
        };
        self.activity.wrote(&result);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::task::Waker;

    use hyper::rt::ReadBuf;

    use super::*;
    use crate::scoreboard::SlotHandle;

    type TestIo = Io<tokio::net::UnixStream>;

    /// Runs `test` with a connection and its client's end, inside a runtime whose reactor gets no turn unless it awaits.
    fn with_connection(test: impl AsyncFnOnce(&mut TestIo, &Activity, UnixStream)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, server) = UnixStream::pair().unwrap();
            server.set_nonblocking(true).unwrap();
            let activity = Rc::new(Activity::new(SlotHandle::detached()));
            let stream = tokio::net::UnixStream::from_std(server).unwrap();
            let mut io = Io::new(stream, Rc::clone(&activity), Limits::default());
            client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            test(&mut io, &activity, client).await;
        });
    }

    /// What one `poll_read` gives: `None` for "not yet".
    fn read(io: &mut TestIo) -> Option<io::Result<Vec<u8>>> {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(io).poll_read(&mut cx, buffer.unfilled()) {
            Poll::Pending => None,
            Poll::Ready(result) => Some(result.map(|()| buffer.filled().to_vec())),
        }
    }

    /// Makes the next read look at the socket itself, so that the reactor need not have had a turn.
    fn read_now(io: &mut TestIo, activity: &Activity) -> Option<Vec<u8>> {
        activity.end_when_dry();
        read(io).map(Result::unwrap)
    }

    /// What one `poll_shutdown` gives, once the stream is known to take bytes: whether it is over.
    async fn shutdown(io: &mut TestIo) -> bool {
        io.stream.writable().await.unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(io).poll_shutdown(&mut cx).is_ready()
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";

    #[test]
    fn the_last_read_finds_what_the_reactor_has_not_told_yet() {
        with_connection(async |io, activity, mut client| {
            assert!(read(io).is_none());
            client.write_all(REQUEST).unwrap();
            assert!(read(io).is_none(), "the reactor had a turn, so this tests nothing");
            assert_eq!(read_now(io, activity).unwrap(), REQUEST);
        });
    }

    #[test]
    fn half_a_request_is_withheld_and_keeps_a_connection_from_being_idle() {
        with_connection(async |io, activity, mut client| {
            client.write_all(b"\r\n").unwrap();
            assert!(read_now(io, activity).is_none());
            assert!(activity.idle_since().is_some(), "an empty line is no request");
            assert_eq!(read_now(io, activity).unwrap(), b"");
        });
        with_connection(async |io, activity, mut client| {
            client.write_all(&REQUEST[..9]).unwrap();
            assert!(read_now(io, activity).is_none());
            assert!(activity.idle_since().is_none());
            // Nothing more comes for now, and that is not the end.
            assert!(read_now(io, activity).is_none());
            client.write_all(&REQUEST[9..]).unwrap();
            assert_eq!(read_now(io, activity).unwrap(), REQUEST);
            assert!(activity.idle_since().is_some());
        });
    }

    #[test]
    fn an_idle_connection_ends_when_nothing_is_there() {
        with_connection(async |io, activity, _client| {
            assert!(activity.idle_since().is_some());
            assert_eq!(read_now(io, activity).unwrap(), b"");
        });
    }

    #[test]
    fn a_refusal_follows_the_requests_before_it_and_lingers() {
        with_connection(async |io, activity, mut client| {
            client.write_all(&[REQUEST, b"GET /\r\n"].concat()).unwrap();
            assert_eq!(read_now(io, activity).unwrap(), REQUEST);
            assert_eq!(read(io).unwrap().unwrap(), b"", "hyper sees a quiet end");
            assert!(!shutdown(io).await, "it waits for the client to have read this");
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        });
    }

    #[test]
    fn a_refusal_that_hyper_does_not_ask_for_is_not_sent() {
        with_connection(async |io, activity, mut client| {
            client.write_all(&[REQUEST, b"GET /\r\n"].concat()).unwrap();
            assert_eq!(read_now(io, activity).unwrap(), REQUEST);
            // The request before it closes the connection, say.
            shutdown(io).await;
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "");
        });
    }

    #[test]
    fn a_bad_body_is_an_error_that_tells_why() {
        with_connection(async |io, activity, mut client| {
            client.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nx").unwrap();
            read_now(io, activity).unwrap();
            let error = read(io).unwrap().unwrap_err();
            let refusal = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>());
            assert_eq!(refusal, Some(&Refusal::ChunkSize));
        });
    }

    #[test]
    fn what_is_late_is_refused_unless_it_has_come_after_all() {
        let late = Look::Late(Duration::from_secs(3));
        with_connection(async |io, activity, mut client| {
            client.write_all(&REQUEST[..9]).unwrap();
            assert!(read_now(io, activity).is_none());
            client.write_all(&REQUEST[9..]).unwrap();
            activity.look(late);
            assert_eq!(read(io).unwrap().unwrap(), REQUEST);
            client.write_all(&REQUEST[..9]).unwrap();
            assert!(read_now(io, activity).is_none());
            activity.look(late);
            assert_eq!(read(io).unwrap().unwrap(), b"");
            shutdown(io).await;
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("within 3 seconds"), "{answer}");
        });
    }

    #[test]
    fn what_a_client_still_sends_is_taken_in_before_the_close() {
        with_connection(async |io, _, mut client| {
            client.write_all(&[0; 1_000]).unwrap();
            assert!(!shutdown(io).await);
        });
        with_connection(async |io, _, _client| assert!(shutdown(io).await));
    }
}
