//! What operators ask for: stop, stop fast, scale.

use std::time::Duration;

use super::slot::{Stage, Worker};
use super::{Action, Command, Fleet, Notice, Phase};

impl Fleet {
    pub(super) fn command(&mut self, now: Duration, command: Command) {
        match (command, self.phase) {
            (Command::ReopenLogs, _) => self.actions.push(Action::ReopenLogs),
            (_, Phase::Over | Phase::Stopping) => {}
            (Command::Stop, Phase::Serving) if self.succeeded => {
                self.log(Notice::Draining { delay: self.policy.drain_delay });
                self.phase = Phase::Delaying { until: now + self.policy.drain_delay };
            }
            // Asked for; or TERM for the second time, or before anybody was served.
            (Command::StopFast | Command::Stop, _) => self.stop_fast(now),
            (Command::Reload, Phase::Serving) if self.upgrade.is_some() => {
                self.unpark(self.wanted);
                let (generation, reason) = (self.newest, "an upgrade is under way".to_owned());
                self.log(Notice::ReloadFailed { generation, reason });
            }
            (Command::Reload, Phase::Serving) if self.succeeded => {
                self.unpark(self.wanted);
                self.begin_reload();
            }
            (Command::ScaleUp, Phase::Serving) if self.parked => self.unpark(1),
            // The successor has been told which slots listen.
            (Command::ScaleUp, Phase::Serving) if self.upgrade.is_some() => {}
            (Command::ScaleUp, Phase::Serving) => self.scale(now, self.wanted + 1),
            (Command::ScaleDown, Phase::Serving) => self.scale(now, self.wanted.saturating_sub(1)),
            (Command::Upgrade, Phase::Serving) => self.begin_upgrade(now),
            (Command::Park, Phase::Serving) if self.succeeded => self.park(now),
            (
                Command::Reload | Command::ScaleUp | Command::ScaleDown | Command::Upgrade | Command::Park,
                _,
            ) => {}
        }
    }

    pub(super) fn drain(&mut self, now: Duration) {
        let timeout = self.policy.graceful_timeout;
        self.phase = Phase::Draining { until: now + timeout };
        self.abandon_reload();
        self.abandon_upgrade();
        self.log(Notice::Retiring { timeout });
        self.actions.push(Action::IgnoreNewConnections);
        for slot in &mut self.slots {
            // One more try for a queue that waits for a respawn.
            slot.not_before = now;
            slot.drained = false;
        }
        for child in self.children(Worker::is_ready) {
            self.retire(now, child, false);
        }
    }

    pub(super) fn stop_fast(&mut self, now: Duration) {
        self.log(Notice::StoppingFast);
        self.end_workers(now);
    }

    pub(super) fn end_workers(&mut self, now: Duration) {
        self.stopped_fast = true;
        self.phase = Phase::Stopping;
        self.abandon_reload();
        self.abandon_upgrade();
        for child in self.children(|_| true) {
            self.quit(now, child);
        }
    }

    pub(super) fn scale(&mut self, now: Duration, workers: usize) {
        let max_workers = self.policy.max_workers;
        if !(1..=max_workers).contains(&workers) {
            return self.log(Notice::ScaleRefused { workers: self.wanted, max_workers });
        }
        self.wanted = workers;
        self.log(Notice::Scaled { workers });
        let surplus: Vec<_> = self.slots[workers..].iter().flat_map(|s| &s.workers).cloned().collect();
        for worker in surplus {
            match worker.stage {
                Stage::Ready { .. } => self.retire(now, worker.id, false),
                Stage::Booting { .. } => self.quit(now, worker.id),
                _ => {}
            }
        }
    }
}
