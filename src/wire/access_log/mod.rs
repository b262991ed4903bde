//! The access log: one line for each answer, written in batches.
//!
//! A line is rendered into the worker's buffer (`line`), and the buffer is written to the end of a file (`sink`): when
//! 64 KiB have come together, every second, before the file is opened again, and when the worker ends. Nothing here can
//! hold up or fail a request.

mod escape;
mod line;
mod sink;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::{HeaderMap, Method, Uri, Version};
use tokio::time::sleep;

use self::sink::Sink;
use crate::config::access_log::Line;
use crate::config::{AccessLogTarget, Settings, TrustedPeers};
use crate::response::timestamp;
use crate::scoreboard::{SlotHandle, add};

/// Bytes that are written at once, about.
const BATCH: usize = 64 << 10;

/// Bytes that wait at most where they cannot be written; what comes then is dropped.
const KEPT: usize = 256 << 10;

/// At the end: how long a reader that is slow is waited for.
const LAST_WRITES: Duration = Duration::from_millis(500);

/// How long a line waits at most before it is written.
const PERIOD: Duration = Duration::from_secs(1);

/// What a line tells.
pub struct Exchange<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// Its target.
    pub uri: &'a Uri,
    /// Its protocol.
    pub version: Version,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The other end of the connection; `None` for a Unix socket.
    pub peer: Option<SocketAddr>,
    /// The answer's status.
    pub status: u16,
    /// The answer's headers, without those that hyper adds.
    pub answer_headers: &'a HeaderMap,
    /// Bytes of the answer's body; to `HEAD` they are not sent.
    pub body_bytes: u64,
    /// Time from the request's head to its answer.
    pub took: Duration,
}

/// The access log of one worker.
pub struct AccessLog {
    line: Line,
    trusted_proxies: TrustedPeers,
    /// As it stands in a line.
    pid: u32,
    slot: SlotHandle,
    state: RefCell<State>,
}

struct State {
    /// Whole lines that are to be written.
    lines: Vec<u8>,
    sink: Sink,
    /// The last second that was formatted.
    second: (u64, [u8; timestamp::COMMON_LOG_LENGTH]),
}

impl AccessLog {
    /// Opens the access log that `settings` ask for, if any.
    pub fn open(settings: &Settings, slot: SlotHandle) -> Option<Rc<Self>> {
        if settings.accesslog == AccessLogTarget::Off {
            return None;
        }
        let state = State {
            lines: Vec::with_capacity(BATCH + BATCH / 8),
            sink: Sink::open(settings.accesslog.clone()),
            second: (0, timestamp::common_log(0)),
        };
        Some(Rc::new(Self {
            line: settings.access_log_format.line().clone(),
            trusted_proxies: settings.forwarded_allow_ips.clone(),
            pid: std::process::id(),
            slot,
            state: RefCell::new(state),
        }))
    }

    /// Notes one answer.
    pub fn note(&self, exchange: &Exchange<'_>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut state = self.state.borrow_mut();
        let State { lines, sink, second } = &mut *state;
        if second.0 != now.as_secs() {
            *second = (now.as_secs(), timestamp::common_log(now.as_secs()));
        }
        let before = lines.len();
        let about =
            line::Context { now, clock: &second.1, pid: self.pid, trusted_proxies: &self.trusted_proxies };
        line::write(lines, &self.line, exchange, &about);
        if sink.is_blocked() && lines.len() > KEPT {
            lines.truncate(before);
            add(&self.slot.seat().counters.access_log_lost, 1);
        } else if !sink.is_blocked() && lines.len() >= BATCH {
            sink.write(lines);
        }
    }

    /// Writes what waits.
    pub fn flush(&self) {
        let mut state = self.state.borrow_mut();
        let State { lines, sink, .. } = &mut *state;
        sink.write(lines);
    }

    /// Writes what waits, and opens the file again: it may have been renamed.
    pub fn reopen(&self) {
        self.flush();
        self.state.borrow_mut().sink.reopen();
    }

    /// Writes what waits every second, for ever.
    pub async fn write_regularly(self: Rc<Self>) {
        loop {
            sleep(PERIOD).await;
            self.flush();
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        let State { lines, sink, .. } = self.state.get_mut();
        sink.write_last(lines, LAST_WRITES);
        let lost = lines.split_inclusive(|byte| *byte == b'\n').count();
        add(&self.slot.seat().counters.access_log_lost, lost as u64);
    }
}
