//! Request bodies: collected without a copy where hyper read them in one piece. The gate has bounded their size.

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::gate::Refusal;

/// Why a body did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The gate refuses it. It has been counted.
    Refused(Refusal),
    /// The client broke off.
    Broken,
}

/// How much of a body that nobody wants is read, so that the connection can go on behind it.
const SKIPPED: u64 = 64 << 10;

/// The whole body.
pub async fn collect(body: &mut Incoming) -> Result<Bytes, BodyError> {
    let declared = body.size_hint().lower();
    let Some(first) = next_data(body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity((declared as usize).max(2 * first.len()));
    whole.extend_from_slice(&first);
    while let Some(piece) = next_data(body).await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// [`collect`], and whether it had to wait for the client.
pub async fn collect_timed(body: &mut Incoming) -> (Result<Bytes, BodyError>, bool) {
    let mut collecting = pin!(collect(body));
    let mut waited = false;
    let collected = poll_fn(|cx| {
        let polled = collecting.as_mut().poll(cx);
        waited |= polled.is_pending();
        polled
    })
    .await;
    (collected, waited)
}

/// Reads a body that nobody wants to its end; false if it is too long for that.
pub async fn skip(body: &mut Incoming) -> Result<bool, BodyError> {
    let mut left = SKIPPED;
    if body.size_hint().lower() > left {
        return Ok(false);
    }
    while let Some(piece) = next_data(body).await? {
        let Some(rest) = left.checked_sub(piece.len() as u64) else { return Ok(false) };
        left = rest;
    }
    Ok(true)
}

/// The next piece of data; trailers are passed over.
async fn next_data(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| why(&error))?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The gate's reason, where it was the gate that ended the body.
fn why(error: &hyper::Error) -> BodyError {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let refusal = cause.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref());
    refusal.map_or(BodyError::Broken, |refusal| BodyError::Refused(*refusal))
}
