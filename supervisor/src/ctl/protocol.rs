//! What goes over the control socket: one [`Request`] a connection, one [`Response`], each one line of JSON.

use serde::{Deserialize, Serialize};

use crate::fleet::{Ask, Outcome};

/// Longest request line, in bytes, with its line feed.
pub(crate) const MAX_REQUEST: usize = 1_024;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Request {
    /// The state of the fleet, at once.
    Status,
    /// Reload, and wait for the end of the roll.
    Reload,
    /// Run this many workers, and wait until they serve.
    Scale {
        /// How many.
        workers: usize,
    },
    /// Drain and stop, and wait for the end.
    Drain,
    /// Stop at once, and wait for the end.
    Stop,
}

impl Request {
    /// Reads a request line, without its line feed.
    ///
    /// # Errors
    /// In one line: why it is no request.
    pub(crate) fn from_line(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))
    }

    /// What the core is asked.
    pub(crate) fn ask(self) -> Ask {
        match self {
            Self::Status => Ask::Status,
            Self::Reload => Ask::Reload,
            Self::Scale { workers } => Ask::Scale(workers),
            Self::Drain => Ask::Drain,
            Self::Stop => Ask::Stop,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Response {
    /// Whether what was asked for is done.
    pub(crate) ok: bool,
    /// What is done, or why it is not.
    pub(crate) message: String,
    /// For [`Request::Status`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
}

impl Response {
    /// The answer to anything but a question for the state.
    pub(crate) fn of(outcome: Outcome) -> Self {
        let ok = outcome.is_ok();
        Self { ok, message: outcome.unwrap_or_else(|reason| reason), status: None }
    }

    /// The answer to a question for the state.
    pub(crate) fn with(status: Status) -> Self {
        Self { ok: true, message: String::new(), status: Some(status) }
    }

    /// As it goes over the socket.
    ///
    /// # Panics
    /// Never: these types have no map with keys that are not strings, the one thing that JSON cannot write.
    pub(crate) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("plain structs are JSON");
        line.push(b'\n');
        line
    }
}

/// The state of the fleet. Times are in seconds, sizes in bytes, latencies in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Linnet's version.
    pub(crate) version: String,
    /// The supervisor's process.
    pub(crate) pid: u32,
    /// `starting`, `serving`, `draining` or `stopping`.
    pub(crate) state: String,
    /// Whether a reload is under way.
    pub(crate) reloading: bool,
    /// Seconds since the supervisor began.
    pub(crate) age: f64,
    /// What new workers serve: 1 at the start, one more with each reload.
    pub(crate) generation: u32,
    /// The directory of the model.
    pub(crate) model: String,
    /// Where the fleet listens, ports resolved.
    pub(crate) addresses: Vec<String>,
    /// How: `per_worker`, `shared`, or `passed_on` by a service manager.
    pub(crate) listen: String,
    /// Workers that should serve.
    pub(crate) workers: usize,
    /// The most that this start can run.
    pub(crate) max_workers: usize,
    /// Workers that serve.
    pub(crate) ready_workers: usize,
    /// Workers that have ended although nobody asked them to.
    pub(crate) deaths: u64,
    /// Requests answered since the start, by workers that are gone, too.
    pub(crate) requests: u64,
    /// Requests answered in the last second.
    pub(crate) requests_per_second: f64,
    /// Requests in flight.
    pub(crate) in_flight: u32,
    /// Half of the requests since the start were answered within this.
    pub(crate) p50: f64,
    /// 99 of 100 requests since the start were answered within this.
    pub(crate) p99: f64,
    /// Every slot that should have a worker, has one or has had one.
    pub(crate) slots: Vec<SlotStatus>,
}

/// One slot: a worker's listeners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SlotStatus {
    /// Its number.
    pub(crate) slot: usize,
    /// Connections that wait to be accepted; `null` where sockets are shared.
    pub(crate) queue: Option<u32>,
    /// Unwanted deaths since it was last healthy.
    pub(crate) deaths: u32,
    /// How its last worker ended.
    pub(crate) last_exit: Option<LastExitStatus>,
    /// Its workers: one; two while one replaces the other; none while it waits for the next try.
    pub(crate) workers: Vec<WorkerStatus>,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastExitStatus {
    /// Its process.
    pub(crate) pid: i32,
    /// Exit status or signal.
    pub(crate) exit: String,
    /// Why.
    pub(crate) why: String,
    /// How long ago.
    pub(crate) ago: f64,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WorkerStatus {
    /// Its process.
    pub(crate) pid: i32,
    /// `booting`, `ready`, `stuck`, `retiring`, `quitting` or `killed`.
    pub(crate) state: String,
    /// What it serves.
    pub(crate) generation: u32,
    /// Seconds since its fork.
    pub(crate) age: f64,
    /// Requests that it has answered.
    pub(crate) requests: u64,
    /// Requests that it has answered in the last second.
    pub(crate) requests_per_second: f64,
    /// Requests in flight.
    pub(crate) in_flight: u32,
    /// Connections open.
    pub(crate) connections: u32,
    /// Half of its requests were answered within this.
    pub(crate) p50: f64,
    /// 99 of 100 of its requests were answered within this.
    pub(crate) p99: f64,
    /// Resident memory, the shared model included.
    pub(crate) rss: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_strictly() {
        let read = |line: &str| Request::from_line(line.as_bytes());
        assert_eq!(read(r#"{"command":"status"}"#), Ok(Request::Status));
        assert_eq!(read(r#"{"command":"scale","workers":3}"#), Ok(Request::Scale { workers: 3 }));
        for line in [
            "",
            "status",
            "{}",
            r#"{"command":"scale"}"#,
            r#"{"command":"scale","workers":-1}"#,
            r#"{"command":"scale","workers":3,"x":1}"#,
            r#"{"command":"Stop"}"#,
            r#"{"command":"stop"} {"command":"stop"}"#,
        ] {
            assert!(read(line).is_err_and(|reason| !reason.contains('\n')), "{line}");
        }
    }

    #[test]
    fn an_answer_is_one_line() {
        let line = Response::of(Err("one\ntwo".to_owned())).to_line();
        assert_eq!(line, b"{\"ok\":false,\"message\":\"one\\ntwo\"}\n");
    }
}
