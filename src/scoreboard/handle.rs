//! A worker's handle to the scoreboard.

use std::time::Duration;

use super::Scoreboard;
use super::counters::add;
use super::fleet::FleetView;
use super::kinds::{ErrorKind, Route, STATUSES};
use super::seat::Seat;

/// A worker's handle: its own seat, and its view of the fleet. `Copy`, so every task may keep one.
#[derive(Clone, Copy)]
pub struct SlotHandle {
    seat: &'static Seat,
    view: FleetView,
}

impl SlotHandle {
    /// The handle of the worker in `seat` of `board`.
    pub(super) fn new(board: Scoreboard, seat: usize) -> Self {
        Self { seat: &board.seats()[seat], view: FleetView { board } }
    }

    /// A handle to a scoreboard of one seat in private memory: for tests.
    pub fn detached() -> Self {
        Scoreboard::private(1).handle(0)
    }

    /// The fleet's state.
    pub fn fleet(self) -> FleetView {
        self.view
    }

    /// This worker's own block.
    pub fn seat(self) -> &'static Seat {
        self.seat
    }

    /// Counts one answer and how long it took.
    pub fn count_request(self, route: Route, status: u16, took: Duration) {
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        let counters = &self.seat.counters;
        add(&counters.requests[route as usize][place], 1);
        counters.request_micros.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts something that went wrong.
    pub fn count_error(self, kind: ErrorKind) {
        add(&self.seat.counters.errors[kind as usize], 1);
    }

    /// Counts texts that were predicted together, and how long that took.
    pub fn count_prediction(self, texts: u64, took: Duration) {
        let counters = &self.seat.counters;
        add(&counters.texts, texts);
        counters.predict_micros.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}
