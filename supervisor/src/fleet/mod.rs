//! The supervising logic: state + event + now → actions. Pure: no system call, no clock, no randomness but a
//! seed. `perform.rs` does what it says; `LIFECYCLE.md` explains it.

mod backoff;
mod notice;
mod protocol;
mod slot;
#[cfg(test)]
mod tests;

use std::time::Duration;

use linnet::process::channel::Order;

use self::backoff::{HEALTHY, Jitter};
pub(crate) use self::notice::Notice;
pub(crate) use self::protocol::{Action, ChildId, Command, Event, Exit, FleetState, Generation, Policy};
use self::protocol::{FAST_GRACE, KILL_GRACE};
use self::slot::{Slot, Stage, Worker};

/// Where the whole fleet is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The model is being loaded for the first time; killed at `until`.
    Loading { until: Duration },
    /// The sockets are being bound.
    Binding,
    /// Workers boot, serve, die and are replaced.
    Serving,
    /// Asked to stop: readiness says no, everything is answered still.
    Delaying { until: Duration },
    /// All workers finish.
    Draining { until: Duration },
    /// All workers were told to exit now.
    Stopping,
    /// The exit has been ordered; nothing follows.
    Over,
}

/// A reload under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reload {
    /// The loader works; killed at `until`.
    Loading { generation: Generation, until: Duration },
    /// Workers are replaced one by one.
    Rolling { generation: Generation },
}

/// The state of the fleet.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    policy: Policy,
    phase: Phase,
    slots: Vec<Slot>,
    wanted: usize,
    /// Generation that a plain respawn gets: one that has proven itself.
    generation: Generation,
    newest: Generation,
    images: Vec<Generation>,
    reload: Option<Reload>,
    reload_again: bool,
    loader_runs: bool,
    /// A worker has been ready: from now on only an operator stops the fleet.
    succeeded: bool,
    announced: bool,
    failed: bool,
    addresses: Vec<String>,
    next_child: u64,
    jitter: Jitter,
    deaths: u64,
    steered: Vec<usize>,
    published: FleetState,
    actions: Vec<Action>,
}

impl Fleet {
    /// A fleet that has not begun; [`Event::Start`] begins it.
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: Phase::Loading { until: Duration::MAX },
            slots: vec![Slot::default(); policy.max_workers],
            wanted: policy.workers,
            generation: 1,
            newest: 1,
            images: Vec::new(),
            reload: None,
            reload_again: false,
            loader_runs: false,
            succeeded: false,
            announced: false,
            failed: false,
            addresses: Vec::new(),
            next_child: 0,
            jitter: Jitter::new(policy.seed),
            deaths: 0,
            steered: Vec::new(),
            published: FleetState::default(),
            actions: Vec::new(),
        }
    }

    /// Takes in one event, and returns what is to be done about it.
    pub(crate) fn step(&mut self, now: Duration, event: Event) -> Vec<Action> {
        if self.phase != Phase::Over {
            self.take_in(now, event);
            self.meet_deadlines(now);
            self.man_slots(now);
            self.advance_roll(now);
            self.steer();
            self.publish();
            self.finish();
        }
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] is wanted next, if at all.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let phase = match self.phase {
            Phase::Loading { until } | Phase::Delaying { until } => Some(until),
            _ => None,
        };
        let reload = match self.reload {
            Some(Reload::Loading { until, .. }) => Some(until),
            _ => None,
        };
        let workers = self.slots.iter().flat_map(|s| &s.workers).filter_map(|w| w.stage.deadline());
        // A vacancy without a free seat waits for the end of a worker, which is an event of its own.
        let vacant = self.vacancies().filter(|n| self.slots[*n].free_seat(*n).is_some());
        let respawns = vacant.chain(self.next_to_roll()).map(|number| self.slots[number].not_before);
        let recoveries = self.slots.iter().filter(|s| s.backoff.deaths() > 0).filter_map(ready_since);
        workers
            .chain(respawns)
            .chain(recoveries.map(|since| since + HEALTHY))
            .chain(phase)
            .chain(reload)
            .min()
    }

    fn take_in(&mut self, now: Duration, event: Event) {
        match event {
            Event::Start => {
                self.phase = Phase::Loading { until: now + self.policy.boot_timeout };
                self.load(self.generation);
            }
            Event::Loaded(generation) => self.loaded(generation),
            Event::LoadFailed(generation, reason) => self.load_failed(now, generation, reason),
            Event::Bound(addresses) if self.phase == Phase::Binding => {
                self.addresses = addresses;
                self.phase = Phase::Serving;
            }
            Event::BindFailed(reason) if self.phase == Phase::Binding => self.fail_start(now, reason),
            Event::Bound(_) | Event::BindFailed(_) | Event::Tick => {}
            Event::Forked(child, pid) => {
                if let Some((_, worker)) = self.worker(child) {
                    worker.pid = pid;
                }
            }
            Event::ForkFailed(child, reason) => {
                if let Some((slot, worker)) = self.remove(child) {
                    self.died(now, slot, &worker, Exit::NeverRan, format!("cannot fork: {reason}"));
                }
            }
            Event::Ready(child) => self.ready(now, child),
            Event::Refused(child, reason) => {
                if let Some((_, worker)) = self.worker(child) {
                    worker.refusal = Some(reason);
                }
            }
            Event::Exited(child, exit) => self.exited(now, child, exit),
            Event::Command(command) => self.command(now, command),
        }
    }

    // Loading.

    fn load(&mut self, generation: Generation) {
        self.newest = generation;
        self.loader_runs = true;
        self.actions.push(Action::Load(generation));
    }

    fn loaded(&mut self, generation: Generation) {
        self.loader_runs = false;
        self.images.push(generation);
        match (self.phase, self.reload) {
            (Phase::Loading { .. }, _) => {
                self.phase = Phase::Binding;
                self.actions.push(Action::Bind);
            }
            (Phase::Serving | Phase::Delaying { .. }, Some(Reload::Loading { .. })) => {
                self.reload = Some(Reload::Rolling { generation });
            }
            _ => {}
        }
    }

    fn load_failed(&mut self, now: Duration, generation: Generation, reason: String) {
        self.loader_runs = false;
        match (self.phase, self.reload) {
            (Phase::Loading { .. }, _) => self.fail_start(now, reason),
            (_, Some(Reload::Loading { .. })) => self.fail_reload(now, generation, reason),
            _ => {}
        }
    }

    fn fail_start(&mut self, now: Duration, reason: String) {
        self.failed = true;
        self.log(Notice::StartFailed { reason });
        self.end_workers(now);
    }

    // Workers.

    /// Starts a worker in `number` if there is room and the slot need not wait.
    fn spawn(&mut self, now: Duration, number: usize, generation: Generation) {
        let slot = &mut self.slots[number];
        let Some(seat) = slot.free_seat(number) else { return };
        let id = ChildId(self.next_child);
        self.next_child += 1;
        let until = match self.phase {
            Phase::Draining { until } => until + KILL_GRACE,
            _ => now + self.policy.boot_timeout,
        };
        let stage = Stage::Booting { until };
        slot.workers.push(Worker { id, pid: 0, seat, generation, stage, refusal: None });
        self.actions.push(Action::Fork { child: id, slot: number, seat, generation });
    }

    fn ready(&mut self, now: Duration, child: ChildId) {
        let Some((number, worker)) = self.worker(child) else { return };
        if !worker.is_booting() {
            return;
        }
        worker.stage = Stage::Ready { since: now };
        let (pid, generation) = (worker.pid, worker.generation);
        if !std::mem::replace(&mut self.slots[number].listening, true) {
            self.actions.push(Action::Listen(number));
        }
        self.actions.push(Action::Tell(child, Order::Serve));
        self.generation = self.generation.max(generation);
        if !std::mem::replace(&mut self.succeeded, true) {
            self.log(Notice::Listening(self.addresses.clone()));
        }
        self.log(Notice::WorkerReady { slot: number, pid, generation });
        let replaced = self.slots[number].workers.iter().find(|w| w.is_ready() && w.id != child);
        if let Some(replaced) = replaced.map(|w| w.id) {
            self.retire(now, replaced, true);
        }
        if matches!(self.phase, Phase::Draining { .. }) {
            self.retire(now, child, false);
        }
        let ready = self.ready_slots().count();
        if !self.announced && ready >= self.wanted {
            self.announced = true;
            self.log(Notice::FleetReady { workers: ready });
        }
    }

    /// Asks a worker to finish; `successor` says whether another one serves the same listeners.
    fn retire(&mut self, now: Duration, child: ChildId, successor: bool) {
        let graceful = match self.phase {
            Phase::Draining { until } => until,
            _ => now + self.policy.graceful_timeout,
        };
        let Some((slot, worker)) = self.worker(child) else { return };
        worker.stage = Stage::Retiring { until: graceful + KILL_GRACE, successor };
        let notice = Notice::WorkerRetiring { slot, pid: worker.pid };
        // Whoever retires without a successor gets no new connections before it empties its queue.
        self.steer();
        self.actions.push(Action::Tell(child, if successor { Order::HandOver } else { Order::DrainQueue }));
        self.log(notice);
    }

    /// Tells a worker to exit now.
    fn quit(&mut self, now: Duration, child: ChildId) {
        let Some((_, worker)) = self.worker(child) else { return };
        if !matches!(worker.stage, Stage::Killed { .. } | Stage::Quitting { .. }) {
            worker.stage = Stage::Quitting { until: now + FAST_GRACE };
            self.actions.push(Action::Tell(child, Order::Quit));
        }
    }

    fn exited(&mut self, now: Duration, child: ChildId, exit: Exit) {
        let Some((slot, mut worker)) = self.remove(child) else { return };
        let pid = worker.pid;
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
            Stage::Quitting { .. } | Stage::Killed { while_booting: false } => {
                self.log(Notice::WorkerRetired { slot, pid, exit });
                self.slots[slot].drained = true;
            }
            Stage::Killed { while_booting: true } => {
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
    fn died(&mut self, now: Duration, number: usize, worker: &Worker, exit: Exit, reason: String) {
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
        // The drain does not wait for a slot whose workers keep dying.
        slot.drained |= matches!(self.phase, Phase::Draining { .. }) && !respawn_in.is_zero();
        let (deaths, fails) = (slot.backoff.deaths(), slot.backoff.is_failing());
        let pid = worker.pid;
        self.log(if was_failing && fails {
            Notice::WorkerDiedAgain { slot: number, pid, exit, reason: reason.clone(), respawn_in }
        } else {
            Notice::WorkerDied { slot: number, pid, exit, reason: reason.clone(), respawn_in }
        });
        if fails && !was_failing {
            self.log(Notice::SlotFailing { slot: number, deaths });
        }
        if worker.generation > self.generation {
            self.fail_reload(now, worker.generation, reason);
        }
    }

    /// Numbers of the slots that should have a worker and have none on its way.
    fn vacancies(&self) -> impl Iterator<Item = usize> {
        (0..self.wanted).filter(|number| {
            let slot = &self.slots[*number];
            match self.phase {
                Phase::Serving | Phase::Delaying { .. } => !slot.is_manned(),
                // A queue that nobody has emptied yet still needs a worker.
                Phase::Draining { .. } => slot.workers.is_empty() && slot.listening && !slot.drained,
                _ => false,
            }
        })
    }

    fn man_slots(&mut self, now: Duration) {
        for number in self.vacancies().collect::<Vec<_>>() {
            if self.slots[number].not_before <= now {
                self.spawn(now, number, self.generation);
            }
        }
    }

    fn meet_deadlines(&mut self, now: Duration) {
        match self.phase {
            Phase::Loading { until } if until <= now && self.loader_runs => {
                self.phase = Phase::Loading { until: Duration::MAX };
                self.actions.push(Action::StopLoader);
            }
            Phase::Delaying { until } if until <= now => self.drain(now),
            _ => {}
        }
        if let Some(Reload::Loading { generation, until }) = self.reload
            && until <= now
        {
            self.reload = Some(Reload::Loading { generation, until: Duration::MAX });
            self.actions.push(Action::StopLoader);
        }
        for (number, slot) in self.slots.iter_mut().enumerate() {
            if slot.backoff.deaths() > 0 && ready_since(slot).is_some_and(|since| since + HEALTHY <= now) {
                if slot.backoff.is_failing() {
                    self.actions.push(Action::Log(Notice::SlotRecovered { slot: number }));
                }
                slot.backoff.recovered();
            }
            for worker in &mut slot.workers {
                if worker.stage.deadline().is_some_and(|until| until <= now) {
                    let while_booting = worker.is_booting();
                    let why = match worker.stage {
                        Stage::Booting { .. } => "not ready within boot_timeout",
                        Stage::Retiring { .. } => "not done within graceful_timeout",
                        _ => "did not exit when told to",
                    };
                    worker.stage = Stage::Killed { while_booting };
                    self.actions.push(Action::Kill(worker.id));
                    self.actions.push(Action::Log(Notice::WorkerKilled {
                        slot: number,
                        pid: worker.pid,
                        why,
                    }));
                }
            }
        }
    }

    // What operators ask for.

    fn command(&mut self, now: Duration, command: Command) {
        match (command, self.phase) {
            (_, Phase::Over | Phase::Stopping) => {}
            (Command::StopFast, _) => self.stop_fast(now),
            (Command::Stop, Phase::Serving) if self.succeeded => {
                self.log(Notice::Draining { delay: self.policy.drain_delay });
                self.phase = Phase::Delaying { until: now + self.policy.drain_delay };
            }
            // The second time, or before anybody was served.
            (Command::Stop, _) => self.stop_fast(now),
            (Command::Reload, Phase::Serving) if self.succeeded => self.begin_reload(now),
            (Command::ScaleUp, Phase::Serving) => self.scale(now, self.wanted + 1),
            (Command::ScaleDown, Phase::Serving) => self.scale(now, self.wanted.saturating_sub(1)),
            (Command::Reload | Command::ScaleUp | Command::ScaleDown, _) => {}
        }
    }

    fn drain(&mut self, now: Duration) {
        let timeout = self.policy.graceful_timeout;
        self.phase = Phase::Draining { until: now + timeout };
        self.abandon_reload();
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

    fn stop_fast(&mut self, now: Duration) {
        self.log(Notice::StoppingFast);
        self.end_workers(now);
    }

    fn end_workers(&mut self, now: Duration) {
        self.phase = Phase::Stopping;
        self.abandon_reload();
        for child in self.children(|_| true) {
            self.quit(now, child);
        }
    }

    fn scale(&mut self, now: Duration, workers: usize) {
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

    // Reload.

    fn begin_reload(&mut self, now: Duration) {
        if self.reload.is_some() {
            // Whatever has changed since then is picked up by one more reload afterwards.
            self.reload_again = true;
            return;
        }
        let generation = self.newest + 1;
        self.log(Notice::Reloading { generation });
        self.reload = Some(Reload::Loading { generation, until: now + self.policy.boot_timeout });
        self.load(generation);
    }

    /// Replaces one worker after the other: the next only when the last one replaced is gone.
    fn advance_roll(&mut self, now: Duration) {
        let Some(Reload::Rolling { generation }) = self.reload else { return };
        if !self.children(Worker::holds_up_a_roll).is_empty() {
            return;
        }
        if let Some(number) = self.next_to_roll() {
            if self.slots[number].not_before <= now {
                self.spawn(now, number, generation);
            }
        } else if self.children(|w| w.is_ready() && w.generation < generation).is_empty() {
            self.generation = generation;
            self.log(Notice::Reloaded { generation });
            self.end_reload(now);
        }
    }

    /// The slot whose worker the roll replaces next.
    fn next_to_roll(&self) -> Option<usize> {
        let Some(Reload::Rolling { generation }) = self.reload else { return None };
        let is_old = |w: &Worker| w.is_ready() && w.generation < generation;
        if self.slots.iter().flat_map(|s| &s.workers).any(Worker::holds_up_a_roll) {
            return None;
        }
        self.slots[..self.wanted].iter().position(|s| s.workers.len() == 1 && s.workers.iter().any(is_old))
    }

    fn fail_reload(&mut self, now: Duration, generation: Generation, reason: String) {
        self.log(Notice::ReloadFailed { generation, reason });
        self.end_reload(now);
    }

    fn end_reload(&mut self, now: Duration) {
        self.reload = None;
        for old in self.images.extract_if(.., |image| *image != self.generation) {
            self.actions.push(Action::Discard(old));
        }
        if std::mem::take(&mut self.reload_again) && self.phase == Phase::Serving {
            self.begin_reload(now);
        }
    }

    fn abandon_reload(&mut self) {
        self.reload = None;
        self.reload_again = false;
        if self.loader_runs {
            self.actions.push(Action::StopLoader);
        }
    }

    // What follows from the state.

    fn steer(&mut self) {
        if !matches!(self.phase, Phase::Serving | Phase::Delaying { .. }) {
            return;
        }
        let live: Vec<_> = self.ready_slots().collect();
        // With nobody ready every queue is as good as the next: leave it as it is.
        if !live.is_empty() && live != self.steered {
            self.steered.clone_from(&live);
            self.actions.push(Action::Steer(live));
        }
    }

    fn publish(&mut self) {
        let ready_workers = self.ready_slots().count();
        let state = FleetState {
            ready: self.phase == Phase::Serving && ready_workers > 0,
            draining: !matches!(self.phase, Phase::Loading { .. } | Phase::Binding | Phase::Serving),
            ready_workers,
            wanted_workers: self.wanted,
            failing_slots: self.slots[..self.wanted].iter().filter(|s| s.backoff.is_failing()).count(),
            generation: self.generation,
            deaths: self.deaths,
        };
        if state != self.published {
            self.published = state;
            self.actions.push(Action::Publish(state));
        }
    }

    fn finish(&mut self) {
        let ending = matches!(self.phase, Phase::Draining { .. } | Phase::Stopping);
        let empty = self.slots.iter().all(|s| s.workers.is_empty());
        if ending && empty && !self.loader_runs {
            self.phase = Phase::Over;
            if !self.failed {
                self.log(Notice::Stopped);
            }
            self.actions.push(Action::Exit { failed: self.failed });
        }
    }

    // Small helpers.

    fn log(&mut self, notice: Notice) {
        self.actions.push(Action::Log(notice));
    }

    fn worker(&mut self, child: ChildId) -> Option<(usize, &mut Worker)> {
        let mut slots = self.slots.iter_mut().enumerate();
        slots.find_map(|(n, slot)| slot.workers.iter_mut().find(|w| w.id == child).map(|w| (n, w)))
    }

    fn remove(&mut self, child: ChildId) -> Option<(usize, Worker)> {
        let (number, _) = self.worker(child)?;
        let workers = &mut self.slots[number].workers;
        let place = workers.iter().position(|w| w.id == child)?;
        Some((number, workers.remove(place)))
    }

    fn children(&self, which: impl Fn(&Worker) -> bool) -> Vec<ChildId> {
        self.slots.iter().flat_map(|s| &s.workers).filter(|w| which(w)).map(|w| w.id).collect()
    }

    fn ready_slots(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.is_ready()).map(|(number, _)| number)
    }
}

/// Since when a slot's worker has been serving.
fn ready_since(slot: &Slot) -> Option<Duration> {
    slot.workers.iter().find_map(|w| match w.stage {
        Stage::Ready { since } => Some(since),
        _ => None,
    })
}
