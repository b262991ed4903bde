//! Request bodies: collected up to a limit, without a copy where hyper read them in one piece.

use std::future::{Future, poll_fn};
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Why a body was not collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is longer than the limit.
    TooLarge,
    /// The client broke off, or framed it wrongly.
    Broken,
}

/// How much of a body that is too large is still read and thrown away, as a multiple of the limit. A client that is
/// still sending when the connection closes would lose the answer that says why.
const DISCARD_FACTOR: usize = 4;

/// The whole body, of at most `limit` bytes.
pub async fn collect(body: &mut Incoming, limit: usize) -> Result<Bytes, BodyError> {
    let declared = body.size_hint().lower();
    if declared > limit as u64 {
        pass_over(body, limit).await;
        return Err(BodyError::TooLarge);
    }
    let Some(first) = next_data(body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return if first.len() > limit { Err(BodyError::TooLarge) } else { Ok(first) };
    }
    let mut whole = BytesMut::with_capacity((declared as usize).max(2 * first.len()).min(limit));
    let mut piece = first;
    loop {
        if whole.len() + piece.len() > limit {
            pass_over(body, limit).await;
            return Err(BodyError::TooLarge);
        }
        whole.extend_from_slice(&piece);
        match next_data(body).await? {
            Some(next) => piece = next,
            None => return Ok(whole.freeze()),
        }
    }
}

/// [`collect`], and whether it had to wait for the client.
pub async fn collect_timed(body: &mut Incoming, limit: usize) -> (Result<Bytes, BodyError>, bool) {
    let mut collecting = pin!(collect(body, limit));
    let mut waited = false;
    let collected = poll_fn(|cx| {
        let polled = collecting.as_mut().poll(cx);
        waited |= polled.is_pending();
        polled
    })
    .await;
    (collected, waited)
}

/// The next piece of data; trailers are passed over.
async fn next_data(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Reads a body that nobody wants, so that the connection can go on behind it. Returns whether it came to its end:
/// not if it is broken, or longer than [`DISCARD_FACTOR`] times `limit`.
pub async fn pass_over(body: &mut Incoming, limit: usize) -> bool {
    let mut left = limit.saturating_mul(DISCARD_FACTOR);
    loop {
        match next_data(body).await {
            Ok(Some(piece)) if piece.len() <= left => left -= piece.len(),
            Ok(None) => return true,
            _ => return false,
        }
    }
}
