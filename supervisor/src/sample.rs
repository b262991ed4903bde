//! Once a second: what only the supervisor can see of workers and queues, for the scoreboard and for `status`.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use linnet::scoreboard::{SEATS_PER_SLOT, Scoreboard};
use nix::unistd::{SysconfVar, sysconf};

use crate::sockets::Sockets;

/// Time between two samples.
const PERIOD: Duration = Duration::from_secs(1);

/// Takes the samples, and keeps what the next one is compared with.
pub(crate) struct Sampler {
    next: Duration,
    last: Option<Duration>,
    page_bytes: u64,
    /// By process: requests at the last sample, and requests per second before it.
    workers: BTreeMap<i32, (u64, f64)>,
}

impl Sampler {
    /// A sampler whose first sample is due at once.
    pub(crate) fn new() -> Self {
        let page_bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().map_or(4_096, i64::cast_unsigned);
        Self { next: Duration::ZERO, last: None, page_bytes, workers: BTreeMap::new() }
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

    /// Takes a sample if it is due. `running` are the workers: seat and pid.
    pub(crate) fn sample(
        &mut self,
        now: Duration,
        board: Scoreboard,
        sockets: Option<&Sockets>,
        running: impl Iterator<Item = (usize, i32)>,
    ) {
        if now < self.next {
            return;
        }
        self.next = now + PERIOD;
        let elapsed = self.last.replace(now).map(|last| now.saturating_sub(last).as_secs_f64());
        let before = std::mem::take(&mut self.workers);
        for (number, pid) in running {
            let seat = &board.seats()[number];
            seat.rss_bytes.store(resident_pages(pid).unwrap_or(0) * self.page_bytes, Ordering::Relaxed);
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
    }
}

/// Resident pages of a process (`proc_pid_statm(5)`); none if it is gone.
fn resident_pages(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    text.split(' ').nth(1)?.parse().ok()
}
