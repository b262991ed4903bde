//! What became of each request, by kind.

use std::io;

use serde::{Deserialize, Serialize};

/// The end of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered with this status.
    Answered(u16),
    /// The connection was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection ended before the answer was whole.
    EndOfFile,
    /// The answer was not HTTP as this generator reads it.
    Malformed,
    /// No answer in time, or never sent because all connections were taken.
    TimedOut,
}

impl Outcome {
    /// What an error of a connection means for its requests.
    pub(crate) fn of_error(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::UnexpectedEof => Self::EndOfFile,
            _ => Self::Reset,
        }
    }
}

/// How many requests ended in which way.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// 2xx.
    pub(crate) ok: u64,
    /// 4xx.
    pub(crate) client_error: u64,
    /// 5xx.
    pub(crate) server_error: u64,
    /// Any other status.
    pub(crate) other_status: u64,
    /// Connections refused.
    pub(crate) refused: u64,
    /// Connections reset.
    pub(crate) reset: u64,
    /// Connections that ended too early.
    pub(crate) eof: u64,
    /// Answers that were not understood.
    pub(crate) malformed: u64,
    /// Requests without an answer in time.
    pub(crate) timeout: u64,
}

impl Counts {
    /// Counts one.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        let place = match outcome {
            Outcome::Answered(200..=299) => &mut self.ok,
            Outcome::Answered(400..=499) => &mut self.client_error,
            Outcome::Answered(500..=599) => &mut self.server_error,
            Outcome::Answered(_) => &mut self.other_status,
            Outcome::Refused => &mut self.refused,
            Outcome::Reset => &mut self.reset,
            Outcome::EndOfFile => &mut self.eof,
            Outcome::Malformed => &mut self.malformed,
            Outcome::TimedOut => &mut self.timeout,
        };
        *place += 1;
    }

    /// Each kind with its name.
    pub(crate) fn kinds(&self) -> [(&'static str, u64); 9] {
        [
            ("ok", self.ok),
            ("4xx", self.client_error),
            ("5xx", self.server_error),
            ("other", self.other_status),
            ("refused", self.refused),
            ("reset", self.reset),
            ("EOF", self.eof),
            ("malformed", self.malformed),
            ("timeout", self.timeout),
        ]
    }

    /// All requests.
    pub(crate) fn total(&self) -> u64 {
        self.kinds().iter().map(|(_, count)| count).sum()
    }

    /// All but the good ones.
    pub(crate) fn failed(&self) -> u64 {
        self.total() - self.ok
    }

    /// The bad kinds that occurred, as in `3 reset, 1 timeout`; empty if none did.
    pub(crate) fn failures(&self) -> String {
        let bad = self.kinds().into_iter().skip(1).filter(|(_, count)| *count > 0);
        bad.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_once() {
        let mut counts = Counts::default();
        let refused = Outcome::of_error(&io::ErrorKind::ConnectionRefused.into());
        let broken = Outcome::of_error(&io::ErrorKind::BrokenPipe.into());
        for outcome in [200, 204, 404, 500, 307].map(Outcome::Answered) {
            counts.add(outcome);
        }
        for outcome in [refused, broken, Outcome::EndOfFile, Outcome::Malformed, Outcome::TimedOut] {
            counts.add(outcome);
        }
        assert_eq!((counts.ok, counts.total(), counts.failed()), (2, 10, 8));
        let all = "1 4xx, 1 5xx, 1 other, 1 refused, 1 reset, 1 EOF, 1 malformed, 1 timeout";
        assert_eq!(counts.failures(), all);
    }
}
