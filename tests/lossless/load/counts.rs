//! What became of each request, by kind, and how long the answers took.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// An answer that took longer is late. A SYN that is dropped is sent again after 1 s, and then after 2 more.
pub(crate) const LATE: Duration = Duration::from_secs(1);

/// The end of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered whole, and right.
    Answered,
    /// Answered whole, with a status from 500 on.
    ServerError,
    /// Answered with something else than what was asked for.
    Wrong,
    /// No connection, because it was refused.
    Refused,
    /// No connection, for another reason.
    Unconnected,
    /// A reset before the answer was whole.
    Reset,
    /// The end of the connection before the answer was whole.
    Cut,
    /// No whole answer in time.
    TimedOut,
    /// Sent on a connection that had been idle for longer than `keepalive_min`, and met its end.
    Crossed,
}

/// How many requests ended in which way.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) answered: u64,
    pub(crate) server_errors: u64,
    pub(crate) wrong: u64,
    pub(crate) refused: u64,
    pub(crate) unconnected: u64,
    pub(crate) reset: u64,
    pub(crate) cut: u64,
    pub(crate) timed_out: u64,
    pub(crate) crossed: u64,
    /// Those of the answered that were [`LATE`].
    pub(crate) late: u64,
}

impl Counts {
    fn place(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Answered => &mut self.answered,
            Outcome::ServerError => &mut self.server_errors,
            Outcome::Wrong => &mut self.wrong,
            Outcome::Refused => &mut self.refused,
            Outcome::Unconnected => &mut self.unconnected,
            Outcome::Reset => &mut self.reset,
            Outcome::Cut => &mut self.cut,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Crossed => &mut self.crossed,
        }
    }

    /// Requests that were sent before a close was announced on their connection, and got no whole answer.
    pub(crate) fn lost(&self) -> u64 {
        self.reset + self.cut + self.timed_out
    }

    /// Requests that found nobody to take them.
    pub(crate) fn turned_away(&self) -> u64 {
        self.refused + self.unconnected
    }

    /// All requests.
    pub(crate) fn total(&self) -> u64 {
        self.answered + self.server_errors + self.wrong + self.turned_away() + self.lost() + self.crossed
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            answered,
            server_errors,
            wrong,
            refused,
            unconnected,
            reset,
            cut,
            timed_out,
            crossed,
            late,
        } = other;
        self.answered += answered;
        self.server_errors += server_errors;
        self.wrong += wrong;
        self.refused += refused;
        self.unconnected += unconnected;
        self.reset += reset;
        self.cut += cut;
        self.timed_out += timed_out;
        self.crossed += crossed;
        self.late += late;
    }
}

/// The requests that became due between two marks.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) counts: Counts,
    /// Microseconds from due to answered.
    latencies: Histogram<u64>,
}

impl Slice {
    pub(crate) fn new(name: &str) -> Self {
        // Grows as it needs to; three digits.
        let latencies = Histogram::new(3).unwrap();
        Self { name: name.to_owned(), counts: Counts::default(), latencies }
    }

    pub(crate) fn count(&mut self, outcome: Outcome, took: Duration) {
        *self.counts.place(outcome) += 1;
        if outcome == Outcome::Answered {
            self.counts.late += u64::from(took > LATE);
            self.latencies.record(u64::try_from(took.as_micros()).unwrap()).unwrap();
        }
    }

    /// Adds what another slice has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.latencies.add(&other.latencies).unwrap();
    }

    /// A quantile in milliseconds, if anything was answered.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<f64> {
        (!self.latencies.is_empty()).then(|| self.latencies.value_at_quantile(quantile) as f64 / 1e3)
    }
}

/// A slice as it goes through a pipe.
#[derive(Deserialize, Serialize)]
pub(crate) struct SliceMessage {
    name: String,
    counts: Counts,
    /// (microseconds, how many).
    latencies: Vec<(u64, u64)>,
}

impl From<&Slice> for SliceMessage {
    fn from(slice: &Slice) -> Self {
        let recorded = slice.latencies.iter_recorded();
        let latencies = recorded.map(|step| (step.value_iterated_to(), step.count_at_value())).collect();
        Self { name: slice.name.clone(), counts: slice.counts.clone(), latencies }
    }
}

impl From<SliceMessage> for Slice {
    fn from(message: SliceMessage) -> Self {
        let mut slice = Self::new(&message.name);
        slice.counts = message.counts;
        for (micros, count) in message.latencies {
            slice.latencies.record_n(micros, count).unwrap();
        }
        slice
    }
}
