//! Reading into hyper's own buffer, such that somebody can look at the bytes before hyper does.
#![expect(
    unsafe_code,
    reason = "hyper's read cursor has no safe way to show what was read; one of the files named for this"
)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, ReadBuf};

/// Reads from `stream` into `buf`, shows `look` what was read, and hands on as many of these bytes as it says: the first
/// ones, at most all. Gives how many were read; 0 is the end of the stream.
pub(super) fn poll_read_into(
    stream: Pin<&mut impl AsyncRead>,
    cx: &mut Context<'_>,
    buf: &mut ReadBufCursor<'_>,
    look: impl FnOnce(&[u8]) -> usize,
) -> Poll<io::Result<usize>> {
    // SAFETY: nothing is uninitialised there: `ReadBuf` gives out only what has been filled, and a stream fills.
    let mut read = ReadBuf::uninit(unsafe { buf.as_mut() });
    ready!(stream.poll_read(cx, &mut read))?;
    let count = read.filled().len();
    let passed = look(read.filled()).min(count);
    // SAFETY: `ReadBuf` has initialised its first `count` bytes, and `passed` is at most that.
    unsafe { buf.advance(passed) };
    Poll::Ready(Ok(count))
}
