//! The block of the whole fleet, and what a worker sees of it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::Scoreboard;
use super::classes::ClassKeys;
use super::counters::Counters;
use super::kinds::CAUSES;

/// The state of the whole fleet. Written by the supervisor alone, but for `classes`.
#[derive(Default)]
#[repr(C, align(128))]
pub struct FleetBlock {
    /// 1 while a load balancer should send requests here.
    pub ready: AtomicU32,
    /// 1 from the stop signal on.
    pub draining: AtomicU32,
    /// Workers that serve now.
    pub ready_workers: AtomicU32,
    /// Workers that should serve.
    pub wanted_workers: AtomicU32,
    /// Slots whose workers keep dying, and so wait before the next try.
    pub failing_slots: AtomicU32,
    /// Generation that new workers get.
    pub generation: AtomicU32,
    /// When the supervisor started, in microseconds since 1970-01-01 UTC.
    pub started_micros: AtomicU64,
    /// Workers replaced after an unwanted death.
    pub respawns: AtomicU64,
    /// Workers that are gone, by [`Cause`](super::Cause).
    pub exits: [AtomicU64; CAUSES],
    /// Places of classes; workers take them.
    pub classes: ClassKeys,
    /// Odd while a dead worker's counters are being moved; see [`Scoreboard::read_totals`].
    pub(super) moves: AtomicU64,
    /// The counters of all workers that are gone.
    pub retired: Counters,
}

/// What a worker knows of the fleet: the same answer, whichever worker is asked.
#[derive(Clone, Copy)]
pub struct FleetView {
    pub(super) board: Scoreboard,
}

impl FleetView {
    /// Whether a load balancer should send requests to this fleet: at least one worker serves, and nobody
    /// has asked the fleet to stop.
    pub fn is_ready(self) -> bool {
        self.board.fleet.ready.load(Ordering::Acquire) != 0
    }

    /// Whether the workers of some slot keep dying, while others serve.
    pub fn is_degraded(self) -> bool {
        self.board.fleet.failing_slots.load(Ordering::Relaxed) != 0
    }

    /// Whether the fleet has been asked to stop.
    pub fn is_draining(self) -> bool {
        self.board.fleet.draining.load(Ordering::Acquire) != 0
    }

    /// Workers that serve now, and workers that should.
    pub fn workers(self) -> (u32, u32) {
        let fleet = self.board.fleet;
        (fleet.ready_workers.load(Ordering::Relaxed), fleet.wanted_workers.load(Ordering::Relaxed))
    }

    /// The scoreboard itself, for a page that tells about every worker.
    pub fn scoreboard(self) -> Scoreboard {
        self.board
    }
}
