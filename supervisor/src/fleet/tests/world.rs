//! A fake system with a fake clock: does at once what the core asks, except that children take the time that the
//! test gives. Holds the core's invariants after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linnet::process::channel::Order;

use crate::fleet::slot::Worker;
use crate::fleet::{
    Action, Ask, AskId, Birth, ChildId, Command, Event, Exit, Fleet, FleetEstate, FleetState, Generation,
    Notice, Outcome, Policy, Recycling,
};

pub(super) const WORKERS: usize = 3;
pub(super) const MAX_WORKERS: usize = 6;
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn policy() -> Policy {
    Policy {
        workers: WORKERS,
        max_workers: MAX_WORKERS,
        drain_delay: 5 * SECOND,
        graceful_timeout: 20 * SECOND,
        boot_timeout: 30 * SECOND,
        timeout: Some(30 * SECOND),
        recycling: Recycling {
            max_requests: Some(1_000),
            max_requests_jitter: 100,
            max_age: Some(10_000 * SECOND),
            max_rss: Some(1 << 30),
        },
        succeeds: false,
        is_init: false,
        seed: 42,
    }
}

/// What the fake system knows of one child.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Fake {
    pub(super) slot: usize,
    pub(super) seat: usize,
    pub(super) generation: Generation,
    pub(super) ready: bool,
    pub(super) served: bool,
    pub(super) orders: Vec<Order>,
    pub(super) killed: bool,
    /// Its event loop stands still.
    pub(super) hangs: bool,
    pub(super) aborted: bool,
}

/// The fake system, with the core that runs in it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) now: Duration,
    pub(super) children: BTreeMap<ChildId, Fake>,
    /// What the settings say when they are read next.
    pub(super) settings: Result<Policy, String>,
    /// Generations whose settings were adopted.
    pub(super) adopted: Vec<Generation>,
    pub(super) loading: Option<Generation>,
    pub(super) images: BTreeSet<Generation>,
    pub(super) listening: Vec<usize>,
    pub(super) state: FleetState,
    pub(super) notices: Vec<Notice>,
    pub(super) exit: Option<bool>,
    /// WINCH was sent: all workers may hand over at once.
    pub(super) parked: bool,
    pub(super) upgrading: bool,
    pub(super) took_over: Option<usize>,
    /// How often another program has taken this one's place.
    pub(super) became: usize,
    pub(super) exec_fails: bool,
    pub(super) let_go: bool,
    /// When the children last showed that they turn.
    beaten: Duration,
    /// Questions without an answer, and the answers.
    pub(super) asked: BTreeSet<AskId>,
    pub(super) answers: Vec<(AskId, Outcome)>,
    /// When which slot got a worker.
    pub(super) forked_at: Vec<(Duration, usize)>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(policy())
    }

    pub(super) fn with(policy: Policy) -> Self {
        let mut world = Self {
            fleet: Fleet::new(policy),
            now: Duration::from_secs(1_000),
            children: BTreeMap::new(),
            settings: Ok(policy),
            adopted: Vec::new(),
            loading: None,
            images: BTreeSet::new(),
            listening: Vec::new(),
            state: FleetState::default(),
            notices: Vec::new(),
            exit: None,
            parked: false,
            upgrading: false,
            took_over: None,
            became: 0,
            exec_fails: false,
            let_go: false,
            beaten: Duration::ZERO,
            asked: BTreeSet::new(),
            answers: Vec::new(),
            forked_at: Vec::new(),
        };
        world.tell(Event::Start);
        world
    }

    /// A world in which all workers serve.
    pub(super) fn serving() -> Self {
        Self::serving_under(policy())
    }

    pub(super) fn serving_under(policy: Policy) -> Self {
        let mut world = Self::with(policy);
        world.finish_loading(true);
        world.settle();
        assert!(world.state.ready && world.state.ready_workers == WORKERS, "{:?}", world.state);
        world
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.parked |= event == Event::Command(Command::Park);
        if matches!(event, Event::Replaced(_) | Event::UpgradeFailed(_) | Event::Proven) {
            self.upgrading = false;
        }
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.fleet.step(self.now, event) {
                assert_eq!(self.exit, None, "{action:?} after the exit");
                events.extend(self.act(action));
            }
            self.check();
        }
    }

    /// Asks a question, and returns its name.
    pub(super) fn ask(&mut self, ask: Ask) -> AskId {
        let id = AskId((self.asked.len() + self.answers.len()) as u64);
        self.asked.insert(id);
        self.tell(Event::Asked(id, ask));
        id
    }

    /// The answer to a question, if it is known.
    pub(super) fn answer(&self, id: AskId) -> Option<&Outcome> {
        self.answers.iter().find(|(answered, _)| *answered == id).map(|(_, outcome)| outcome)
    }

    #[expect(clippy::too_many_lines, reason = "one arm an action, each held to what must be true then")]
    pub(super) fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::ReadSettings(generation) => {
                return Some(Event::SettingsRead(generation, self.settings.clone()));
            }
            Action::Adopt(generation) => {
                let proven = |c: &Fake| c.ready && c.generation == generation;
                assert!(self.children.values().any(proven), "adopted without proof");
                assert!(self.adopted.last() < Some(&generation), "adopted twice, or backwards");
                self.adopted.push(generation);
            }
            Action::Load(generation) => {
                assert_eq!(self.loading.replace(generation), None, "two loaders");
            }
            Action::StopLoader => {
                let generation = self.loading.take().expect("a loader to stop");
                return Some(Event::LoadFailed(generation, "stopped".into()));
            }
            Action::Discard(generation) => {
                assert!(self.images.remove(&generation), "discarded twice");
            }
            Action::Bind => return Some(Event::Bound(vec!["http://127.0.0.1:1".into()])),
            Action::Fork(Birth { child, slot, seat, generation, max_requests }) => {
                assert!(max_requests.is_some_and(|most| (1_000..=1_100).contains(&most)));
                assert!(slot < self.fleet.wanted && seat / 2 == slot);
                assert!(self.images.contains(&generation), "no image {generation}");
                assert!(self.children.values().all(|c| c.seat != seat), "two in a seat");
                self.forked_at.push((self.now, slot));
                let fake = Fake {
                    slot,
                    seat,
                    generation,
                    ready: false,
                    served: false,
                    orders: Vec::new(),
                    killed: false,
                    hangs: false,
                    aborted: false,
                };
                assert!(self.children.insert(child, fake).is_none(), "a child's name used twice");
                return Some(Event::Forked(child, 100 + i32::try_from(child.0).unwrap()));
            }
            Action::Listen(slot) => {
                assert!(!self.listening.contains(&slot), "listens twice");
                self.listening.push(slot);
            }
            Action::Tell(child, order) => {
                let fake = self.children.get_mut(&child).expect("an order to a child that is gone");
                if order == Order::Serve {
                    assert!(self.listening.contains(&fake.slot) && fake.ready);
                    fake.served = true;
                }
                fake.orders.push(order);
            }
            Action::Abort(child) => {
                let fake = self.children.get_mut(&child).expect("an abort of a child that is gone");
                assert!(fake.hangs, "aborted although it beats");
                assert!(!std::mem::replace(&mut fake.aborted, true), "aborted twice");
            }
            Action::Kill(child) => {
                let fake = self.children.get_mut(&child).expect("a kill of a child that is gone");
                assert!(!std::mem::replace(&mut fake.killed, true), "killed twice");
            }
            Action::Steer(slots) => {
                assert!(!slots.is_empty() && slots.iter().all(|s| self.listening.contains(s)));
                for slot in slots {
                    assert!(
                        self.children.values().any(|c| c.slot == slot && c.ready && !c.aborted),
                        "steered to a slot without a worker"
                    );
                }
            }
            Action::Prove(_) => assert!(!std::mem::replace(&mut self.upgrading, true), "two to be proven"),
            Action::Become(_) if self.exec_fails => {
                return Some(Event::UpgradeFailed("not executable".into()));
            }
            Action::Become(estate) => {
                assert_eq!(
                    estate.children().collect::<BTreeSet<_>>(),
                    self.children.keys().copied().collect()
                );
                assert!(self.asked.is_empty(), "no answer to {:?}", self.asked);
                let document = serde_json::to_vec(&estate).unwrap();
                let read: FleetEstate = serde_json::from_slice(&document).unwrap();
                assert_eq!(serde_json::to_vec(&read).unwrap(), document);
                self.became += 1;
                self.fleet = Fleet::inherit(self.settings.clone().unwrap_or_else(|_| policy()), read);
                return Some(Event::Start);
            }
            Action::Upgrade => assert!(!std::mem::replace(&mut self.upgrading, true), "two successors"),
            Action::StopUpgrade => {
                assert!(std::mem::replace(&mut self.upgrading, false), "no successor to stop");
                return Some(Event::UpgradeFailed("stopped".into()));
            }
            Action::TakeOver(slots) => {
                assert!(self.state.ready && self.fleet.steered.len() == slots);
                let serve = self.children.values().filter(|c| c.served).count();
                assert_eq!(serve, slots, "all serve before the predecessor gives way");
                assert_eq!(self.took_over.replace(slots), None);
            }
            Action::LetGo => self.let_go = true,
            Action::ReopenLogs => {}
            Action::IgnoreNewConnections => assert!(!self.let_go, "the sockets are the successor's"),
            Action::Publish(state) => self.state = state,
            Action::Report(id, report) => {
                assert!(self.asked.remove(&id));
                let workers: Vec<_> = report.slots.iter().flat_map(|s| &s.workers).collect();
                assert_eq!(workers.len(), self.children.len());
                let ready = workers.iter().filter(|w| w.state == "ready").count();
                assert_eq!(ready, self.fleet.ready_slots().count());
                self.answers.push((id, Ok(report.phase.to_owned())));
            }
            Action::Answer(id, outcome) => {
                assert!(self.asked.remove(&id), "{id:?} is answered twice, or was not asked");
                self.answers.push((id, outcome));
            }
            Action::Log(notice) => {
                match notice {
                    Notice::Listening(_) | Notice::FleetReady { .. } => assert!(self.state.ready),
                    Notice::Draining { .. } => assert!(!self.state.ready && self.state.draining),
                    _ => {}
                }
                self.notices.push(notice);
            }
            Action::Exit { failed } => {
                assert!(self.children.is_empty() && self.loading.is_none(), "somebody was left behind");
                assert!(self.asked.is_empty(), "no answer to {:?}", self.asked);
                self.exit = Some(failed);
            }
        }
        None
    }

    /// What must hold after every step.
    pub(super) fn check(&self) {
        for slot in &self.fleet.slots {
            assert!(slot.workers.len() <= 2);
            assert!(slot.workers.iter().filter(|w| w.is_ready()).count() <= 1);
            assert!(slot.workers.iter().filter(|w| w.is_booting()).count() <= 1);
        }
        let known: BTreeSet<_> = self.fleet.slots.iter().flat_map(|s| &s.workers).map(|w| w.id).collect();
        assert_eq!(known, self.children.keys().copied().collect(), "a child is forgotten or made up");
        let handing_over = self.fleet.children(Worker::hands_over).len();
        assert!(
            handing_over <= 1 || self.fleet.replaced || self.parked,
            "{handing_over} retire at once in a roll"
        );
        assert!((1..=MAX_WORKERS).contains(&self.fleet.wanted));
        let served = self.children.values().any(|c| c.served);
        assert!(!self.state.ready || served || self.state.ready_workers == 0, "ready with nobody there");
    }

    pub(super) fn finish_loading(&mut self, good: bool) {
        if let Some(generation) = self.loading.take() {
            if good {
                self.images.insert(generation);
                self.tell(Event::Loaded(generation));
            } else {
                self.tell(Event::LoadFailed(generation, "no such file".into()));
            }
        }
    }

    pub(super) fn become_ready(&mut self, child: ChildId) {
        let fake = self.children.get_mut(&child).unwrap();
        if !fake.ready && !fake.killed && !fake.orders.contains(&Order::Quit) {
            fake.ready = true;
            self.tell(Event::Ready(child));
        }
    }

    pub(super) fn end(&mut self, child: ChildId, exit: Exit) {
        self.children.remove(&child).unwrap();
        self.tell(Event::Exited(child, exit));
    }

    /// Lets everybody do what they have been told, until nothing moves without time passing.
    pub(super) fn settle(&mut self) {
        for _ in 0..1_000 {
            let Some((&child, fake)) = self.children.iter().find(|(_, c)| {
                !c.ready || c.killed || c.aborted || c.orders.iter().any(|o| *o != Order::Serve)
            }) else {
                return self.tell(Event::Tick);
            };
            if fake.killed {
                self.end(child, Exit::Signal("SIGKILL"));
            } else if fake.aborted {
                self.end(child, Exit::Signal("SIGABRT"));
            } else if fake.orders.iter().any(|o| *o != Order::Serve) {
                self.end(child, Exit::Status(0));
            } else {
                self.become_ready(child);
            }
        }
        panic!("the fleet does not settle");
    }

    /// Lets time pass, waking the core whenever it has asked for that.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut wakes = 0;
        while let Some(deadline) = self.fleet.next_deadline().filter(|d| *d <= end && self.exit.is_none()) {
            self.now = self.now.max(deadline);
            self.beat();
            self.tell(Event::Tick);
            wakes += 1;
            assert!(wakes < 10_000, "the core spins at {deadline:?}");
        }
        self.now = end;
        self.beat();
        self.tell(Event::Tick);
    }

    /// Lets the event loops of all that do not hang turn, now and then.
    fn beat(&mut self) {
        if self.now < self.beaten + 10 * SECOND {
            return;
        }
        self.beaten = self.now;
        let beats = |c: &Fake| c.ready && !c.hangs && !c.killed;
        let alive: Vec<_> = self.children.iter().filter(|(_, c)| beats(c)).map(|(id, _)| *id).collect();
        for child in alive {
            if self.children.contains_key(&child) {
                self.tell(Event::Beat(child, self.now));
            }
        }
    }

    /// The supervisor and all workers sleep, then the supervisor wakes first.
    pub(super) fn suspend(&mut self, time: Duration) {
        self.now += time;
        self.tell(Event::Tick);
    }

    pub(super) fn in_slot(&self, slot: usize) -> ChildId {
        *self.children.iter().find(|(_, c)| c.slot == slot && c.ready).unwrap().0
    }

    pub(super) fn said(&self, which: impl Fn(&Notice) -> bool) -> usize {
        self.notices.iter().filter(|n| which(n)).count()
    }
}
