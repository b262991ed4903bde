//! The fleet's state on the scoreboard.

use std::sync::atomic::Ordering;

use linnet::scoreboard::Scoreboard;

use crate::fleet::FleetState;

/// Writes it.
pub(super) fn publish(scoreboard: Scoreboard, state: FleetState) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let fleet = scoreboard.fleet();
    fleet.ready.store(u32::from(state.ready), Ordering::Release);
    fleet.draining.store(u32::from(state.draining), Ordering::Release);
    fleet.ready_workers.store(count(state.ready_workers), Ordering::Relaxed);
    fleet.wanted_workers.store(count(state.wanted_workers), Ordering::Relaxed);
    fleet.failing_slots.store(count(state.failing_slots), Ordering::Relaxed);
    fleet.generation.store(state.generation, Ordering::Relaxed);
    fleet.respawns.store(state.deaths, Ordering::Relaxed);
    for (cell, count) in fleet.exits.iter().zip(state.exits) {
        cell.store(count, Ordering::Relaxed);
    }
}
