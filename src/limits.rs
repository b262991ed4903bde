//! Bounds on what clients may ask for. Every bound that an operator can set is a field here.

use std::time::Duration;

/// Limits on one request; see `config/linnet.toml` for the settings behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line, in bytes, without its CR LF; beyond it the answer is 414.
    pub request_line: usize,
    /// Most header fields; beyond it the answer is 431.
    pub fields: usize,
    /// Longest line of one header field, in bytes, with its CR LF; beyond it the answer is 431.
    pub field_bytes: usize,
    /// Longest head: request line and all header fields, in bytes; beyond it the answer is 431.
    pub head_bytes: usize,
    /// Largest request body, in bytes; beyond it the answer is 413.
    pub body_bytes: usize,
    /// Most texts in one request; beyond it the answer is 422.
    pub texts: usize,
    /// Longest single text, in bytes of UTF-8; beyond it the answer is 422.
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 4_094,
            fields: 100,
            field_bytes: 8_190,
            head_bytes: 64 << 10,
            body_bytes: 16 << 20,
            texts: 10_000,
            text_bytes: 1 << 20,
        }
    }
}

/// Bounds on what one client and all clients together may hold on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How long a head may take, from its first byte on.
    pub header_timeout: Duration,
    /// How long a body may stand still; see `wire/watch.rs` for the least rate.
    pub body_timeout: Duration,
    /// How long a client may take nothing of its answer.
    pub write_timeout: Duration,
    /// How long a connection may be idle.
    pub keepalive: Duration,
    /// Requests after which a connection ends; 0: never.
    pub requests: u64,
    /// Time after which a connection ends; zero: never.
    pub age: Duration,
    /// Connections of one worker.
    pub connections: usize,
    /// Requests in flight of one worker; 0: as many as there are connections.
    pub in_flight: usize,
}
