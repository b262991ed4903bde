//! The supervising logic: state + event + now → actions. Pure: no system call, no clock, no randomness but a
//! seed. `perform` does what it says; `LIFECYCLE.md` explains it.

mod ask;
mod backoff;
mod command;
mod estate;
mod liveness;
mod notice;
mod protocol;
mod recycle;
mod reload;
mod report;
mod slot;
#[cfg(test)]
mod tests;
mod upgrade;
mod workers;

use std::time::Duration;

use linnet::scoreboard::CAUSES;

use self::ask::Awaited;
pub(crate) use self::ask::{Ask, AskId, Outcome};
use self::backoff::Jitter;
pub(crate) use self::estate::FleetEstate;
pub(crate) use self::notice::Notice;
pub(crate) use self::protocol::{
    Action, Birth, ChildId, Command, Event, Exit, FleetState, Generation, Policy, Recycling,
};
pub(crate) use self::report::{Report, SlotReport, WorkerReport};
use self::slot::{Slot, Worker};

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
    /// The settings are being read.
    Reading { generation: Generation },
    /// The loader works; killed at `until`.
    Loading { generation: Generation, policy: Policy, until: Duration },
    /// Workers are replaced one by one.
    Rolling { generation: Generation, policy: Policy },
}

/// The state of the fleet.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own line of explanation")]
pub(crate) struct Fleet {
    policy: Policy,
    phase: Phase,
    slots: Vec<Slot>,
    wanted: usize,
    /// Generation that a plain respawn gets: one that has proven itself.
    generation: Generation,
    /// The last generation that was begun.
    newest: Generation,
    /// Generations whose images are kept.
    images: Vec<Generation>,
    reload: Option<Reload>,
    /// A reload was asked for while one was under way.
    reload_again: bool,
    /// A loader has been started, and its end has not been heard of.
    loader_runs: bool,
    /// A worker has been ready: from now on only an operator stops the fleet.
    succeeded: bool,
    /// All workers have been ready at once, and that has been said.
    announced: bool,
    /// The start has failed.
    failed: bool,
    addresses: Vec<String>,
    next_child: u64,
    jitter: Jitter,
    deaths: u64,
    /// Workers that are gone, by cause.
    exits: [u64; CAUSES],
    /// Until when a successor may take to get ready; `MAX` once it has been told to end.
    upgrade: Option<Duration>,
    /// A successor serves; this fleet finishes.
    replaced: bool,
    /// This step ends with the program on disk in this one's place.
    gives_place: bool,
    /// A predecessor serves until all workers here are ready.
    takes_over: bool,
    /// There should be no workers for now.
    parked: bool,
    /// When the last step was, and since when there has been no pause that this process slept through.
    last_step: Duration,
    awake_since: Duration,
    /// Workers that were killed for being late.
    kills: u64,
    /// The end was ordered at once, without a drain (or before it was over).
    stopped_fast: bool,
    /// Questions whose answers are not known yet.
    waiting: Vec<(AskId, Awaited)>,
    /// The slots that new connections were last led to.
    steered: Vec<usize>,
    published: FleetState,
    actions: Vec<Action>,
    notices: Vec<Notice>,
    answers: Vec<(AskId, Outcome)>,
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
            exits: [0; CAUSES],
            upgrade: None,
            replaced: false,
            gives_place: false,
            takes_over: policy.succeeds,
            parked: false,
            last_step: Duration::ZERO,
            awake_since: Duration::ZERO,
            kills: 0,
            stopped_fast: false,
            waiting: Vec::new(),
            steered: Vec::new(),
            published: FleetState::default(),
            actions: Vec::new(),
            notices: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Takes in one event, and returns what is to be done about it.
    pub(crate) fn step(&mut self, now: Duration, event: Event) -> Vec<Action> {
        if self.phase != Phase::Over {
            self.notice_a_pause(now);
            self.take_in(now, event);
        }
        // What another program takes over must be what this one has left: nothing is begun in that step any more.
        if self.phase != Phase::Over && !self.gives_place {
            self.meet_deadlines(now);
            self.judge_liveness(now);
            self.judge_age(now);
            self.judge_upgrade(now);
            self.man_slots(now);
            self.advance_roll(now);
            self.advance_recycling(now);
            self.steer();
            self.publish();
        }
        let over = self.finish();
        self.answer_asks(over);
        // The log tells what has been done: who reads "listening" may rely on readiness saying so, too.
        self.actions.extend(self.notices.drain(..).map(Action::Log));
        self.actions.extend(self.answers.drain(..).map(|(id, outcome)| Action::Answer(id, outcome)));
        self.actions.extend(over.then_some(Action::Exit { failed: self.failed }));
        if std::mem::take(&mut self.gives_place) {
            self.actions.push(Action::Become(Box::new(self.estate())));
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
        let respawns = vacant
            .chain(self.next_to_roll())
            .chain(self.next_to_recycle())
            .map(|number| self.slots[number].not_before);
        let recoveries = self.slots.iter().filter_map(Slot::healthy_at);
        workers
            .chain(respawns)
            .chain(recoveries)
            .chain(phase)
            .chain(reload)
            .chain(self.next_look())
            .chain(self.next_expiry())
            .chain(self.upgrade.filter(|until| *until < Duration::MAX))
            .min()
    }

    fn take_in(&mut self, now: Duration, event: Event) {
        match event {
            Event::Start if self.succeeded => {
                self.log(Notice::TookOverInPlace { workers: self.ready_slots().count() });
                self.begin_reload();
            }
            Event::Start => {
                self.phase = Phase::Loading { until: now + self.policy.boot_timeout };
                self.load(self.generation);
            }
            Event::SettingsRead(generation, outcome) => self.settings_read(now, generation, outcome),
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
            Event::Beat(child, at) => {
                if let Some((_, worker)) = self.worker(child) {
                    worker.beat = worker.beat.max(at);
                }
            }
            Event::Worn(child) => self.wear_out(child, "max_requests"),
            Event::Memory(child, bytes) => {
                if self.policy.recycling.max_rss.is_some_and(|most| bytes > most) {
                    self.wear_out(child, "max_rss");
                }
            }
            Event::Exited(child, exit) => self.exited(now, child, exit),
            Event::Replaced(slots) => self.replaced(now, slots),
            Event::Proven => self.give_place(),
            Event::UpgradeFailed(reason) => self.upgrade_failed(reason),
            Event::Command(command) => self.command(now, command),
            Event::Asked(id, ask) => self.asked(now, id, ask),
            Event::AskDropped(id) => self.forget_ask(id),
        }
    }

    // What follows from the state.

    fn steer(&mut self) {
        if self.takes_over || !matches!(self.phase, Phase::Serving | Phase::Delaying { .. }) {
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
            ready: self.phase == Phase::Serving && ready_workers > 0 && !self.takes_over || self.replaced,
            draining: !matches!(self.phase, Phase::Loading { .. } | Phase::Binding | Phase::Serving)
                && !self.replaced,
            ready_workers,
            wanted_workers: self.wanted,
            failing_slots: self.slots[..self.wanted].iter().filter(|s| s.backoff.is_failing()).count(),
            generation: self.generation,
            deaths: self.deaths,
            exits: self.exits,
        };
        if state != self.published {
            self.published = state;
            self.actions.push(Action::Publish(state));
        }
    }

    /// Whether this is the end: asked for, and nobody is left.
    fn finish(&mut self) -> bool {
        let ending = matches!(self.phase, Phase::Draining { .. } | Phase::Stopping);
        let empty = self.slots.iter().all(|s| s.workers.is_empty());
        let over = ending && empty && !self.loader_runs && self.upgrade.is_none();
        if over {
            self.phase = Phase::Over;
            if !self.failed {
                self.log(Notice::Stopped);
            }
        }
        over
    }

    // Small helpers.

    fn log(&mut self, notice: Notice) {
        self.notices.push(notice);
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
