//! One supervisor after another: the old one starts the new one, which adopts the listeners, proves its workers while
//! they accept nothing yet, and takes over in one step. Until then the old one can stay as if nothing had been.

use std::time::Duration;

use linnet::process::channel::Order;

use super::slot::Worker;
use super::{Action, Fleet, Notice, Phase};

/// What a successor may need beside the time for its model and the time for its workers.
const START_UP: Duration = Duration::from_secs(5);

impl Fleet {
    // The old one.

    pub(super) fn begin_upgrade(&mut self, now: Duration) {
        if self.upgrade.is_some() {
            return;
        }
        let reason = if !self.announced {
            "not all workers of this supervisor have been ready yet"
        } else if self.reload.is_some() {
            "a reload is under way"
        } else {
            self.upgrade = Some(now + 2 * self.policy.boot_timeout + START_UP);
            let in_place = self.policy.is_init;
            self.log(Notice::Upgrading { in_place });
            let prove = || Action::Prove(Box::new(self.estate()));
            let action = if in_place { prove() } else { Action::Upgrade };
            return self.actions.push(action);
        };
        self.log(Notice::UpgradeFailed { reason: reason.to_owned() });
    }

    pub(super) fn upgrade_failed(&mut self, reason: String) {
        if self.upgrade.take().is_some() {
            self.log(Notice::UpgradeFailed { reason });
        }
    }

    /// Ends a successor that takes too long.
    pub(super) fn judge_upgrade(&mut self, now: Duration) {
        if self.upgrade.is_some_and(|until| until <= now) {
            self.abandon_upgrade();
        }
    }

    pub(super) fn abandon_upgrade(&mut self) {
        if self.upgrade.is_some_and(|until| until < Duration::MAX) {
            // Its end is still to be heard of.
            self.upgrade = Some(Duration::MAX);
            self.actions.push(Action::StopUpgrade);
        }
    }

    /// Lets the program on disk, which has proven itself, take this one's place: as PID 1, whose end would be the end of
    /// its container. Workers serve on throughout, and the new program rolls them. If it cannot be executed, its failure
    /// follows, and nothing has changed.
    pub(super) fn give_place(&mut self) {
        if self.upgrade.is_none_or(|until| until == Duration::MAX) {
            return;
        }
        if self.phase != Phase::Serving {
            return self.upgrade_failed("the fleet was asked to stop".to_owned());
        }
        self.refuse_asks("the supervisor is being upgraded; ask again");
        self.gives_place = true;
    }

    /// Finishes: the successor serves slots `0..slots`, whose queues are left to it. The others, which it has led
    /// connections away from, are emptied. Readiness stays as it is: whoever asks an old worker means the service.
    pub(super) fn replaced(&mut self, now: Duration, slots: usize) {
        if self.upgrade.take().is_none() || matches!(self.phase, Phase::Stopping | Phase::Over) {
            return;
        }
        self.log(Notice::Replaced);
        self.abandon_reload();
        self.replaced = true;
        self.phase = Phase::Draining { until: now + self.policy.graceful_timeout };
        self.actions.push(Action::LetGo);
        for (number, slot) in self.slots.iter_mut().enumerate() {
            slot.drained = number < slots;
        }
        for child in self.children(Worker::is_ready) {
            let successor = self.worker(child).is_some_and(|(number, _)| number < slots);
            self.retire(now, child, successor);
        }
        for child in self.children(Worker::is_booting) {
            self.quit(now, child);
        }
    }

    // The new one.

    /// All workers are proven: let them serve, lead new connections to them, and tell the predecessor.
    pub(super) fn take_over(&mut self) {
        self.takes_over = false;
        self.succeeded = true;
        self.announced = true;
        self.publish();
        for number in self.ready_slots().collect::<Vec<_>>() {
            self.listen(number);
        }
        for child in self.children(Worker::is_ready) {
            self.actions.push(Action::Tell(child, Order::Serve));
        }
        self.steer();
        self.actions.push(Action::TakeOver(self.wanted));
        self.log(Notice::Listening(self.addresses.clone()));
        self.log(Notice::TookOver { workers: self.wanted });
        self.log(Notice::FleetReady { workers: self.wanted });
    }

    // Parking: no workers, but the listeners and what waits in them.

    pub(super) fn park(&mut self, now: Duration) {
        if std::mem::replace(&mut self.parked, true) {
            return;
        }
        self.log(Notice::Parked);
        for child in self.children(Worker::is_ready) {
            self.retire(now, child, true);
        }
        for child in self.children(Worker::is_booting) {
            self.quit(now, child);
        }
    }

    pub(super) fn unpark(&mut self, workers: usize) {
        if std::mem::replace(&mut self.parked, false) {
            self.wanted = workers;
            self.log(Notice::Unparked { workers });
        }
    }
}
