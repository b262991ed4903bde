//! The counters that only grow, of one worker or of all that are gone.

use std::sync::atomic::{AtomicU64, Ordering};

use super::classes::CLASS_PLACES;
use super::histogram::Histogram;
use super::kinds::{ErrorKind, ROUTES, STATUS_PLACES};

/// A count for each place of a class.
#[repr(C)]
pub struct PlacedCounts([AtomicU64; CLASS_PLACES]);

impl Default for PlacedCounts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; CLASS_PLACES])
    }
}

impl std::ops::Deref for PlacedCounts {
    type Target = [AtomicU64; CLASS_PLACES];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Counters that only grow; summed over all workers, dead ones included.
#[derive(Default)]
#[repr(C)]
pub struct Counters {
    /// Answers by route and by place of the status ([`status_name`](super::status_name)).
    pub requests: [[AtomicU64; STATUS_PLACES]; ROUTES],
    /// What went wrong, by [`ErrorKind`].
    pub errors: [AtomicU64; ErrorKind::ALL.len()],
    /// Predictions by place of the class ([`ClassKeys::place`](super::classes::ClassKeys::place)).
    pub predictions: PlacedCounts,
    /// Words looked for in the worker's word cache.
    pub cache_lookups: AtomicU64,
    /// Words found there.
    pub cache_hits: AtomicU64,
    /// N-grams of texts that were looked at.
    pub ngrams: AtomicU64,
    /// Those among them that the model's vocabulary lacks.
    pub unknown_ngrams: AtomicU64,
    /// Processor time of the workers, in microseconds.
    pub cpu_micros: AtomicU64,
    /// Texts predicted.
    pub texts: AtomicU64,
    /// Lines of the access log that could not be written.
    pub access_log_lost: AtomicU64,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Time from a request's head to its answer, in microseconds.
    pub request_micros: Histogram,
    /// Time of the predictions alone, in microseconds.
    pub predict_micros: Histogram,
}

impl Counters {
    /// Answers given, whatever their route and status.
    pub fn answers(&self) -> u64 {
        self.requests.iter().flatten().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Adds all of `other` to `self`, and empties `other`.
    pub(super) fn absorb(&self, other: &Self) {
        let move_count = |to: &AtomicU64, from: &AtomicU64| {
            to.fetch_add(from.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        };
        for (to, from) in self.requests.iter().flatten().zip(other.requests.iter().flatten()) {
            move_count(to, from);
        }
        for (to, from) in self.errors.iter().zip(&other.errors) {
            move_count(to, from);
        }
        for (to, from) in self.predictions.iter().zip(other.predictions.iter()) {
            move_count(to, from);
        }
        move_count(&self.cache_lookups, &other.cache_lookups);
        move_count(&self.cache_hits, &other.cache_hits);
        move_count(&self.ngrams, &other.ngrams);
        move_count(&self.unknown_ngrams, &other.unknown_ngrams);
        move_count(&self.cpu_micros, &other.cpu_micros);
        move_count(&self.texts, &other.texts);
        move_count(&self.access_log_lost, &other.access_log_lost);
        move_count(&self.accepted, &other.accepted);
        self.request_micros.absorb(&other.request_micros);
        self.predict_micros.absorb(&other.predict_micros);
    }
}

/// Adds to a counter that only this thread writes. A plain load and store, not a locked instruction: the
/// worker is the seat's only writer while it lives.
pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}
