//! Workers: started, proven, retired, killed, mourned and replaced.

use std::time::Duration;

use linnet::process::channel::Order;
use linnet::scoreboard::Cause;

use super::protocol::{FAST_GRACE, KILL_GRACE};
use super::report::LastExit;
use super::slot::{Stage, Was, Worker};
use super::{Action, Birth, ChildId, Exit, Fleet, Generation, Notice, Phase, Reload};

impl Fleet {
    /// Starts a worker in `number` if there is room and the slot need not wait.
    pub(super) fn spawn(&mut self, now: Duration, number: usize, generation: Generation) {
        let slot = &mut self.slots[number];
        let Some(seat) = slot.free_seat(number) else { return };
        let id = ChildId(self.next_child);
        self.next_child += 1;
        let until = match self.phase {
            Phase::Draining { until } => until + KILL_GRACE,
            _ => now + self.policy.boot_timeout,
        };
        let stage = Stage::Booting { until };
        let (expires, worn) = (None, false);
        slot.workers.push(Worker {
            id,
            pid: 0,
            seat,
            generation,
            stage,
            forked: now,
            beat: now,
            expires,
            worn,
            refusal: None,
        });
        let max_requests = self.draw_max_requests();
        self.actions.push(Action::Fork(Birth { child: id, slot: number, seat, generation, max_requests }));
    }

    pub(super) fn ready(&mut self, now: Duration, child: ChildId) {
        let expires = self.draw_age().map(|age| now + age);
        let Some((number, worker)) = self.worker(child) else { return };
        if !worker.is_booting() {
            return;
        }
        worker.stage = Stage::Ready { since: now };
        worker.beat = now;
        worker.expires = expires;
        let (pid, generation) = (worker.pid, worker.generation);
        if self.takes_over {
            self.log(Notice::WorkerReady { slot: number, pid, generation });
            if self.ready_slots().count() >= self.wanted {
                self.take_over();
            }
            return;
        }
        self.listen(number);
        self.actions.push(Action::Tell(child, Order::Serve));
        if !std::mem::replace(&mut self.succeeded, true) {
            self.log(Notice::Listening(self.addresses.clone()));
        }
        self.log(Notice::WorkerReady { slot: number, pid, generation });
        let replaced = self.slots[number].workers.iter().find(|w| w.is_ready() && w.id != child);
        if let Some(replaced) = replaced.map(|w| w.id) {
            self.retire(now, replaced, true);
        }
        self.adopt(now, generation);
        if matches!(self.phase, Phase::Draining { .. }) {
            self.retire(now, child, false);
        }
        let ready = self.ready_slots().count();
        if !self.announced && ready >= self.wanted && self.phase == Phase::Serving {
            self.announced = true;
            self.log(Notice::FleetReady { workers: ready });
        }
    }

    /// Lets a slot's sockets listen, if they do not yet.
    pub(super) fn listen(&mut self, number: usize) {
        if !std::mem::replace(&mut self.slots[number].listening, true) {
            self.actions.push(Action::Listen(number));
        }
    }

    /// Asks a worker to finish; `successor` says whether another one serves the same listeners.
    pub(super) fn retire(&mut self, now: Duration, child: ChildId, successor: bool) {
        let graceful = match self.phase {
            Phase::Draining { until } => until,
            _ => now + self.policy.graceful_timeout,
        };
        let Some((slot, worker)) = self.worker(child) else { return };
        worker.stage = Stage::Retiring { until: graceful + KILL_GRACE, successor };
        let notice = Notice::WorkerRetiring { slot, pid: worker.pid };
        // Whoever retires without a successor gets no new connections before it empties its queue.
        self.steer();
        let is_stop = matches!(self.phase, Phase::Draining { .. }) && !self.replaced;
        let order = match (successor, is_stop) {
            (true, _) => Order::HandOver,
            (false, true) => Order::DrainQueue,
            (false, false) => Order::StandDown,
        };
        self.actions.push(Action::Tell(child, order));
        self.log(notice);
    }

    /// Tells a worker to exit now.
    pub(super) fn quit(&mut self, now: Duration, child: ChildId) {
        let Some((_, worker)) = self.worker(child) else { return };
        if !matches!(worker.stage, Stage::Killed(_) | Stage::Quitting { .. }) {
            worker.stage = Stage::Quitting { until: now + FAST_GRACE };
            self.actions.push(Action::Tell(child, Order::Quit));
        }
    }

    pub(super) fn exited(&mut self, now: Duration, child: ChildId, exit: Exit) {
        let Some((slot, mut worker)) = self.remove(child) else { return };
        self.slots[slot].last_exit = Some(LastExit::of(&worker, exit, now));
        let pid = worker.pid;
        self.exits[cause(&worker, exit) as usize] += 1;
        match worker.stage {
            Stage::Retiring { successor, .. } => {
                let done = exit == Exit::Status(0);
                self.slots[slot].drained |= done && !successor;
                if done || successor {
                    self.log(Notice::WorkerRetired { slot, pid, exit });
                } else {
                    self.died(now, slot, &worker, exit, "while it retired".to_owned());
                }
            }
            Stage::Quitting { .. } | Stage::Killed(Was::Leaving) => {
                self.log(Notice::WorkerRetired { slot, pid, exit });
                self.slots[slot].drained = true;
            }
            Stage::Stuck { .. } | Stage::Killed(Was::Stuck) => {
                self.died(now, slot, &worker, exit, "its event loop stood still".to_owned());
            }
            Stage::Killed(Was::Booting) => {
                let reason = format!("not ready within {:?}", self.policy.boot_timeout);
                self.died(now, slot, &worker, exit, reason);
            }
            Stage::Booting { .. } => {
                let reason = worker.refusal.take().unwrap_or_else(|| "before it was ready".to_owned());
                self.died(now, slot, &worker, exit, reason);
            }
            Stage::Ready { .. } => self.died(now, slot, &worker, exit, "while it served".to_owned()),
        }
    }

    /// A worker is gone that nobody asked to go.
    pub(super) fn died(&mut self, now: Duration, number: usize, worker: &Worker, exit: Exit, reason: String) {
        if self.phase == Phase::Stopping {
            return;
        }
        if !self.succeeded {
            return self.fail_start(now, format!("a worker failed to start: {reason} ({exit})"));
        }
        self.deaths += 1;
        let served = match worker.stage {
            Stage::Ready { since } => now.saturating_sub(since),
            _ => Duration::ZERO,
        };
        let slot = &mut self.slots[number];
        let was_failing = slot.backoff.is_failing();
        let respawn_in = slot.backoff.died(served, &mut self.jitter);
        slot.not_before = now + respawn_in;
        slot.last_death = now;
        // The drain does not wait for a slot whose workers keep dying.
        slot.drained |= matches!(self.phase, Phase::Draining { .. }) && !respawn_in.is_zero();
        let (deaths, fails) = (slot.backoff.deaths(), slot.backoff.is_failing());
        let (pid, cause) = (worker.pid, cause(worker, exit));
        self.log(if was_failing && fails {
            Notice::WorkerDiedAgain { slot: number, pid, cause, exit, reason: reason.clone(), respawn_in }
        } else {
            Notice::WorkerDied { slot: number, pid, cause, exit, reason: reason.clone(), respawn_in }
        });
        if fails && !was_failing {
            self.log(Notice::SlotFailing { slot: number, deaths });
        }
        if worker.generation > self.generation {
            self.fail_reload(worker.generation, reason);
        }
    }

    /// Numbers of the slots that should have a worker and have none on its way.
    pub(super) fn vacancies(&self) -> impl Iterator<Item = usize> {
        (0..self.wanted).filter(|number| {
            let slot = &self.slots[*number];
            match self.phase {
                Phase::Serving | Phase::Delaying { .. } => !slot.is_manned() && !self.parked,
                // A queue that nobody has emptied yet still needs a worker.
                Phase::Draining { .. } => slot.workers.is_empty() && slot.listening && !slot.drained,
                _ => false,
            }
        })
    }

    pub(super) fn man_slots(&mut self, now: Duration) {
        for number in self.vacancies().collect::<Vec<_>>() {
            if self.slots[number].not_before <= now {
                self.spawn(now, number, self.respawn_generation());
            }
        }
    }

    /// What a respawn serves: a generation that has proven itself. But where a roll finds nobody that serves,
    /// one worker tries the new generation: it may be the cure.
    fn respawn_generation(&self) -> Generation {
        match self.reload {
            Some(Reload::Rolling { generation, .. })
                if self.children(|w| w.is_ready() || w.generation == generation).is_empty() =>
            {
                generation
            }
            _ => self.generation,
        }
    }

    pub(super) fn meet_deadlines(&mut self, now: Duration) {
        match self.phase {
            Phase::Loading { until } if until <= now && self.loader_runs => {
                self.phase = Phase::Loading { until: Duration::MAX };
                self.actions.push(Action::StopLoader);
            }
            Phase::Delaying { until } if until <= now => self.drain(now),
            _ => {}
        }
        if let Some(Reload::Loading { generation, policy, until }) = self.reload
            && until <= now
        {
            self.reload = Some(Reload::Loading { generation, policy, until: Duration::MAX });
            self.actions.push(Action::StopLoader);
        }
        for (number, slot) in self.slots.iter_mut().enumerate() {
            if slot.healthy_at().is_some_and(|at| at <= now) {
                if slot.backoff.is_failing() {
                    self.notices.push(Notice::SlotRecovered { slot: number });
                }
                slot.backoff.recovered();
            }
            for worker in &mut slot.workers {
                if worker.stage.deadline().is_some_and(|until| until <= now) {
                    let (was, why) = match worker.stage {
                        Stage::Booting { .. } => (Was::Booting, "not ready within boot_timeout"),
                        Stage::Stuck { .. } => (Was::Stuck, "stuck, and did not abort"),
                        Stage::Retiring { .. } => (Was::Leaving, "not done within graceful_timeout"),
                        _ => (Was::Leaving, "did not exit when told to"),
                    };
                    worker.stage = Stage::Killed(was);
                    self.kills += 1;
                    self.actions.push(Action::Kill(worker.id));
                    self.notices.push(Notice::WorkerKilled { slot: number, pid: worker.pid, why });
                }
            }
        }
    }
}

/// Why `worker`, which ended with `exit`, is gone.
fn cause(worker: &Worker, exit: Exit) -> Cause {
    let by_itself = match exit {
        Exit::OutOfMemory => Cause::OutOfMemory,
        Exit::Signal(_) => Cause::Signal,
        Exit::Status(_) | Exit::NeverRan => Cause::Exited,
    };
    match worker.stage {
        Stage::Stuck { .. } | Stage::Killed(Was::Stuck) => Cause::Timeout,
        Stage::Booting { .. } | Stage::Killed(Was::Booting) if exit != Exit::OutOfMemory => Cause::BootFailed,
        Stage::Retiring { successor: true, .. } if worker.worn && exit == Exit::Status(0) => Cause::Recycled,
        Stage::Retiring { .. } if exit == Exit::Status(0) => Cause::Asked,
        Stage::Quitting { .. } | Stage::Killed(Was::Leaving) => Cause::Asked,
        _ => by_itself,
    }
}
