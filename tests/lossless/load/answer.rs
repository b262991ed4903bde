//! One request as bytes, and what a right answer to it is.

use std::io::Write as _;
use std::net::SocketAddr;

const TEXT: &str = "Transfer learning with transformers for text classification.";
const LABEL: &str = "\"predicted_tag\":\"natural-language-processing\"";

/// Writes the request with this number; its answer must name the number.
pub(super) fn write_request(out: &mut Vec<u8>, address: SocketAddr, number: u64) {
    let length = r#"{"texts":[{"text":""}]}"#.len() + TEXT.len();
    write!(
        out,
        "POST /predict?n={number} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{{\"texts\":[{{\"text\":\"{TEXT}\"}}]}}"
    )
    .unwrap();
}

/// Writes the question of a load balancer.
pub(super) fn write_health_check(out: &mut Vec<u8>, address: SocketAddr) {
    write!(out, "GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
}

/// An answer that has arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer<'b> {
    pub(super) status: u16,
    /// The connection ends after it.
    pub(super) closes: bool,
    pub(super) body: &'b [u8],
}

impl Answer<'_> {
    /// Whether it is the answer to the request with this number.
    pub(super) fn is_to(&self, number: u64) -> bool {
        let body = std::str::from_utf8(self.body).unwrap_or_default();
        self.status == 200 && body.contains(&format!("/predict?n={number}\"")) && body.contains(LABEL)
    }
}

/// The answer in these bytes: `None` while some of it is missing, an error if it is none or more follows.
pub(super) fn read_answer(bytes: &[u8]) -> Result<Option<Answer<'_>>, ()> {
    let Some(head_end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(|_| ())?;
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or(())?;
    let (mut length, mut closes) = (0, false);
    for (name, value) in head.lines().filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| ())?;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
    let body = &bytes[head_end + 4..];
    match body.len().cmp(&length) {
        std::cmp::Ordering::Less => Ok(None),
        std::cmp::Ordering::Equal => {
            Ok(Some(Answer { status: status.parse().map_err(|_| ())?, closes, body }))
        }
        std::cmp::Ordering::Greater => Err(()),
    }
}
