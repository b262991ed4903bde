//! Once a second: what only the supervisor can see of workers and queues, for the scoreboard and for `status`.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use linnet::scoreboard::{SEATS_PER_SLOT, Scoreboard};

use crate::fleet::ChildId;
use crate::os::proc::Memory;
use crate::sockets::Sockets;

/// Time between two samples.
const PERIOD: Duration = Duration::from_secs(1);

/// Takes the samples, and keeps what the next one is compared with.
pub(crate) struct Sampler {
    next: Duration,
    last: Option<Duration>,
    /// By process: requests at the last sample, and requests per second before it.
    workers: BTreeMap<i32, (u64, f64)>,
}

impl Sampler {
    /// A sampler whose first sample is due at once.
    pub(crate) fn new() -> Self {
        Self { next: Duration::ZERO, last: None, workers: BTreeMap::new() }
    }

    /// When the next sample is due.
    pub(crate) fn next_deadline(&self) -> Duration {
        self.next
    }

    /// Requests per second that a process has lately answered.
    pub(crate) fn rate(&self, pid: i32) -> f64 {
        self.workers.get(&pid).map_or(0.0, |(_, rate)| *rate)
    }

    /// The same of all processes.
    pub(crate) fn total_rate(&self) -> f64 {
        self.workers.values().map(|(_, rate)| rate).sum()
    }

    /// Takes a sample if it is due, and returns how much memory of its own each worker uses, in bytes. `running` are the
    /// workers: name, seat and pid.
    pub(crate) fn sample(
        &mut self,
        now: Duration,
        board: Scoreboard,
        sockets: Option<&Sockets>,
        running: impl Iterator<Item = (ChildId, usize, i32)>,
    ) -> Vec<(ChildId, u64)> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + PERIOD;
        let elapsed = self.last.replace(now).map(|last| now.saturating_sub(last).as_secs_f64());
        let before = std::mem::take(&mut self.workers);
        let mut anonymous = Vec::new();
        for (id, number, pid) in running {
            let seat = &board.seats()[number];
            let memory = Memory::of(pid);
            seat.rss_bytes.store(memory.map_or(0, |memory| memory.resident), Ordering::Relaxed);
            anonymous.extend(memory.map(|memory| (id, memory.anonymous)));
            let requests = seat.counters.answers();
            let rate = match (before.get(&pid), elapsed) {
                (Some((last, _)), Some(elapsed)) => requests.saturating_sub(*last) as f64 / elapsed,
                _ => 0.0,
            };
            self.workers.insert(pid, (requests, rate));
        }
        for (slot, seats) in board.seats().chunks(SEATS_PER_SLOT).enumerate() {
            let queue = sockets.map_or(0, |sockets| sockets.queue(slot));
            seats[0].accept_queue.store(queue, Ordering::Relaxed);
        }
        anonymous
    }
}
