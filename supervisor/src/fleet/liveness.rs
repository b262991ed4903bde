//! Whether workers turn: a heartbeat on the scoreboard, judged by a clock that knows when it was asleep itself.

use std::time::Duration;

use linnet::process::worker::heartbeat_interval;

use super::protocol::ABORT_GRACE;
use super::slot::{Stage, Worker};
use super::{Action, Fleet, Notice};

/// How often workers are looked at where `timeout` is off.
const LOOK: Duration = Duration::from_secs(1);

/// A pause between two looks this much longer than wanted counts as the supervisor's own.
const SLACK: Duration = Duration::from_millis(500);

impl Fleet {
    /// When workers are looked at next, if any is to be.
    pub(super) fn next_look(&self) -> Option<Duration> {
        let looks = self.policy.recycling.max_rss.map(|_| LOOK);
        let interval = self.policy.timeout.map(heartbeat_interval).or(looks)?;
        let watched = self.slots.iter().flat_map(|s| &s.workers).any(Worker::is_ready);
        watched.then(|| self.last_step + interval)
    }

    /// Takes note of a gap in this process's own steps. It was suspended, or starved; so may its workers have been,
    /// and their silence means nothing until they have had time to speak.
    pub(super) fn notice_a_pause(&mut self, now: Duration) {
        if self.next_look().is_none_or(|wanted| now > wanted + SLACK) {
            self.awake_since = now;
        }
        self.last_step = now;
    }

    /// Gives up on workers whose event loop stands still.
    pub(super) fn judge_liveness(&mut self, now: Duration) {
        let Some(timeout) = self.policy.timeout else { return };
        for (number, slot) in self.slots.iter_mut().enumerate() {
            for worker in slot.workers.iter_mut().filter(|worker| worker.is_ready()) {
                if now < worker.beat.max(self.awake_since) + timeout {
                    continue;
                }
                let silent = now.saturating_sub(worker.beat);
                worker.stage = Stage::Stuck { until: now + ABORT_GRACE };
                self.actions.push(Action::Abort(worker.id));
                self.notices.push(Notice::WorkerStuck { slot: number, pid: worker.pid, silent });
            }
        }
    }
}
