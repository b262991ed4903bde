//! The lesson's envelope: `message`, `method`, `status-code`, `timestamp`, `url`, and `data` last.

use super::timestamp;
use crate::json::escape_json_string;

/// What every answer of the lesson's API says about its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'r> {
    /// The request's method.
    pub method: &'r str,
    /// When it was answered, in microseconds since 1970-01-01 UTC.
    pub time: u64,
    /// The URL as the client used it, its path percent-decoded.
    pub url: &'r str,
}

impl Envelope<'_> {
    /// Appends a 200 answer up to and including `"data":`; the caller writes the value and then [`END`].
    pub fn begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"message\":\"OK\",\"method\":");
        escape_json_string(out, self.method);
        out.extend_from_slice(b",\"status-code\":200,\"timestamp\":\"");
        out.extend_from_slice(&timestamp::format(self.time));
        out.extend_from_slice(b"\",\"url\":");
        escape_json_string(out, self.url);
        out.extend_from_slice(b",\"data\":");
    }

    /// Appends a whole 200 answer whose `data` the caller writes.
    pub fn write(&self, out: &mut Vec<u8>, data: impl FnOnce(&mut Vec<u8>)) {
        self.begin(out);
        data(out);
        out.extend_from_slice(END);
    }
}

/// Closes what [`Envelope::begin`] opened.
pub const END: &[u8] = b"}";
