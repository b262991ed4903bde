//! The block of one running worker.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use super::counters::Counters;

/// What a worker is doing, as its seat tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum WorkerState {
    /// Nobody sits here.
    Empty = 0,
    /// Forked, not yet proven.
    Booting = 1,
    /// Serving.
    Ready = 2,
    /// Finishing what it has accepted.
    Retiring = 3,
}

/// The block of one running worker. Written by that worker; cleared by the supervisor once it is gone.
#[derive(Default)]
#[repr(C, align(128))]
pub struct Seat {
    /// A [`WorkerState`].
    pub state: AtomicU32,
    /// Process id; 0 when empty.
    pub pid: AtomicI32,
    /// Generation of the model image and settings that the worker serves.
    pub generation: AtomicU32,
    /// Connections open now.
    pub connections: AtomicU32,
    /// Requests in flight now.
    pub in_flight: AtomicU32,
    /// Route of the oldest request in flight, a [`Route`](super::Route).
    pub oldest_route: AtomicU32,
    /// When the event loop last turned, in microseconds of the monotonic clock; 0 = not yet.
    pub heartbeat_micros: AtomicU64,
    /// When the oldest request in flight began, same clock; 0 = none.
    pub oldest_since_micros: AtomicU64,
    /// Body bytes of the oldest request in flight.
    pub oldest_bytes: AtomicU64,
    /// How late the event loop last woke from its heartbeat's sleep, in microseconds.
    pub lag_micros: AtomicU64,
    /// Resident memory in bytes, the shared model included. Written by the supervisor, once a second.
    pub rss_bytes: AtomicU64,
    /// Connections that wait in the slot's accept queues; kept in the first of the slot's seats. Written by the
    /// supervisor, once a second.
    pub accept_queue: AtomicU32,
    /// This worker's share of the counters.
    pub counters: Counters,
}

impl Seat {
    /// Says what the worker in this seat is doing.
    pub fn set_state(&self, state: WorkerState) {
        self.state.store(state as u32, Ordering::Release);
    }

    /// Adds to the requests in flight. Only the seat's worker may call this: no locked instruction guards it.
    pub fn add_in_flight(&self, by: i32) {
        let now = self.in_flight.load(Ordering::Relaxed);
        self.in_flight.store(now.wrapping_add_signed(by), Ordering::Relaxed);
    }

    /// Prepares the seat for a worker that is about to be forked.
    pub fn occupy(&self, generation: u32) {
        self.generation.store(generation, Ordering::Relaxed);
        self.set_state(WorkerState::Booting);
    }

    pub(super) fn vacate(&self) {
        self.set_state(WorkerState::Empty);
        self.pid.store(0, Ordering::Relaxed);
        for gauge in [&self.generation, &self.connections, &self.in_flight, &self.oldest_route] {
            gauge.store(0, Ordering::Relaxed);
        }
        let gauges = [
            &self.heartbeat_micros,
            &self.lag_micros,
            &self.oldest_since_micros,
            &self.oldest_bytes,
            &self.rss_bytes,
        ];
        for gauge in gauges {
            gauge.store(0, Ordering::Relaxed);
        }
    }
}
