//! Replacing workers that have served long: their successor is ready first, and one at a time in the whole fleet.

use std::time::Duration;

use super::slot::Worker;
use super::{ChildId, Fleet, Notice, Phase};

impl Fleet {
    /// How many requests the next worker may answer.
    pub(super) fn draw_max_requests(&mut self) -> Option<u64> {
        let recycling = self.policy.recycling;
        let more = self.jitter.up_to(recycling.max_requests_jitter);
        recycling.max_requests.map(|most| most.saturating_add(more))
    }

    /// How long the next worker may serve.
    pub(super) fn draw_age(&mut self) -> Option<Duration> {
        self.policy.recycling.max_age.map(|most| self.jitter.shorten(most))
    }

    /// When the next worker has served long enough.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        let fresh = self.slots.iter().flat_map(|s| &s.workers).filter(|w| w.is_ready() && !w.worn);
        fresh.filter_map(|worker| worker.expires).min()
    }

    /// Notes that a worker should be replaced.
    pub(super) fn wear_out(&mut self, child: ChildId, why: &'static str) {
        let Some((slot, worker)) = self.worker(child) else { return };
        if worker.is_ready() && !std::mem::replace(&mut worker.worn, true) {
            let pid = worker.pid;
            self.log(Notice::WorkerWorn { slot, pid, why });
        }
    }

    /// Finds the workers that have served for long enough.
    pub(super) fn judge_age(&mut self, now: Duration) {
        for child in self.children(|w| w.expires.is_some_and(|at| at <= now)) {
            self.wear_out(child, "max_age");
        }
    }

    /// Starts the successor of one worn worker, unless a start or a hand-over is under way anywhere.
    pub(super) fn advance_recycling(&mut self, now: Duration) {
        if let Some(number) = self.next_to_recycle()
            && self.slots[number].not_before <= now
        {
            self.spawn(now, number, self.generation);
        }
    }

    /// The slot whose worn worker is replaced next: the oldest, so that all get their turn. A reload replaces all workers, so recycling waits for its end.
    pub(super) fn next_to_recycle(&self) -> Option<usize> {
        let busy = self.slots.iter().flat_map(|s| &s.workers).any(Worker::holds_up_a_roll);
        if busy || self.reload.is_some() || self.phase != Phase::Serving {
            return None;
        }
        let worn = self.slots[..self.wanted].iter().enumerate().filter_map(|(number, slot)| {
            let [only] = slot.workers.as_slice() else { return None };
            (only.is_ready() && only.worn).then_some((only.id, number))
        });
        worn.min().map(|(_, number)| number)
    }
}
