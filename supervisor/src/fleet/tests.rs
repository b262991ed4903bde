//! The core against a fake clock and scripted children: chosen stories, and thousands of random ones.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const WORKERS: usize = 3;
const MAX_WORKERS: usize = 6;
const SECOND: Duration = Duration::from_secs(1);

fn policy() -> Policy {
    Policy {
        workers: WORKERS,
        max_workers: MAX_WORKERS,
        drain_delay: 5 * SECOND,
        graceful_timeout: 20 * SECOND,
        boot_timeout: 30 * SECOND,
        seed: 42,
    }
}

/// What the fake system knows of one child.
#[derive(Clone, Debug)]
struct Fake {
    slot: usize,
    seat: usize,
    generation: Generation,
    ready: bool,
    served: bool,
    orders: Vec<Order>,
    killed: bool,
}

/// A fake system: does at once what the core asks, except that children take the time that the test gives.
struct World {
    fleet: Fleet,
    now: Duration,
    children: BTreeMap<ChildId, Fake>,
    loading: Option<Generation>,
    images: BTreeSet<Generation>,
    listening: Vec<usize>,
    state: FleetState,
    notices: Vec<Notice>,
    exit: Option<bool>,
    /// Earliest time at which a slot may get its next worker, after an unwanted death.
    forked_at: Vec<(Duration, usize)>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            fleet: Fleet::new(policy()),
            now: Duration::from_secs(1_000),
            children: BTreeMap::new(),
            loading: None,
            images: BTreeSet::new(),
            listening: Vec::new(),
            state: FleetState::default(),
            notices: Vec::new(),
            exit: None,
            forked_at: Vec::new(),
        };
        world.tell(Event::Start);
        world
    }

    /// A world in which all workers serve.
    fn serving() -> Self {
        let mut world = Self::new();
        world.finish_loading(true);
        world.settle();
        assert!(world.state.ready && world.state.ready_workers == WORKERS, "{:?}", world.state);
        world
    }

    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.fleet.step(self.now, event) {
                assert_eq!(self.exit, None, "{action:?} after the exit");
                events.extend(self.act(action));
            }
            self.check();
        }
    }

    fn act(&mut self, action: Action) -> Option<Event> {
        match action {
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
            Action::Fork { child, slot, seat, generation } => {
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
            Action::Kill(child) => {
                let fake = self.children.get_mut(&child).expect("a kill of a child that is gone");
                assert!(!std::mem::replace(&mut fake.killed, true), "killed twice");
            }
            Action::Steer(slots) => {
                assert!(!slots.is_empty() && slots.iter().all(|s| self.listening.contains(s)));
                for slot in slots {
                    assert!(
                        self.children.values().any(|c| c.slot == slot && c.ready),
                        "steered to a slot without a worker"
                    );
                }
            }
            Action::IgnoreNewConnections => assert!(self.state.draining || self.fleet.succeeded),
            Action::Publish(state) => self.state = state,
            Action::Log(notice) => self.notices.push(notice),
            Action::Exit { failed } => {
                assert!(self.children.is_empty() && self.loading.is_none(), "somebody was left behind");
                self.exit = Some(failed);
            }
        }
        None
    }

    /// What must hold after every step.
    fn check(&self) {
        for slot in &self.fleet.slots {
            assert!(slot.workers.len() <= 2);
            assert!(slot.workers.iter().filter(|w| w.is_ready()).count() <= 1);
            assert!(slot.workers.iter().filter(|w| w.is_booting()).count() <= 1);
        }
        let known: BTreeSet<_> = self.fleet.slots.iter().flat_map(|s| &s.workers).map(|w| w.id).collect();
        assert_eq!(known, self.children.keys().copied().collect(), "a child is forgotten or made up");
        let handing_over = self.fleet.children(Worker::hands_over).len();
        assert!(handing_over <= 1, "{handing_over} retire at once in a roll");
        assert!((1..=MAX_WORKERS).contains(&self.fleet.wanted));
        let served = self.children.values().any(|c| c.served);
        assert!(!self.state.ready || served || self.state.ready_workers == 0, "ready with nobody there");
    }

    fn finish_loading(&mut self, good: bool) {
        if let Some(generation) = self.loading.take() {
            if good {
                self.images.insert(generation);
                self.tell(Event::Loaded(generation));
            } else {
                self.tell(Event::LoadFailed(generation, "no such file".into()));
            }
        }
    }

    fn become_ready(&mut self, child: ChildId) {
        let fake = self.children.get_mut(&child).unwrap();
        if !fake.ready && !fake.killed && !fake.orders.contains(&Order::Quit) {
            fake.ready = true;
            self.tell(Event::Ready(child));
        }
    }

    fn end(&mut self, child: ChildId, exit: Exit) {
        self.children.remove(&child).unwrap();
        self.tell(Event::Exited(child, exit));
    }

    /// Lets everybody do what they have been told, until nothing moves without time passing.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            let Some((&child, fake)) = self
                .children
                .iter()
                .find(|(_, c)| !c.ready || c.killed || c.orders.iter().any(|o| *o != Order::Serve))
            else {
                return self.tell(Event::Tick);
            };
            if fake.killed {
                self.end(child, Exit::Signal("SIGKILL"));
            } else if fake.orders.iter().any(|o| *o != Order::Serve) {
                self.end(child, Exit::Status(0));
            } else {
                self.become_ready(child);
            }
        }
        panic!("the fleet does not settle");
    }

    /// Lets time pass, waking the core whenever it has asked for that.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut wakes = 0;
        while let Some(deadline) = self.fleet.next_deadline().filter(|d| *d <= end && self.exit.is_none()) {
            self.now = self.now.max(deadline);
            self.tell(Event::Tick);
            wakes += 1;
            assert!(wakes < 10_000, "the core spins at {deadline:?}");
        }
        self.now = end;
        self.tell(Event::Tick);
    }

    fn in_slot(&self, slot: usize) -> ChildId {
        *self.children.iter().find(|(_, c)| c.slot == slot && c.ready).unwrap().0
    }

    fn said(&self, which: impl Fn(&Notice) -> bool) -> usize {
        self.notices.iter().filter(|n| which(n)).count()
    }
}

#[test]
fn a_model_that_cannot_be_loaded_binds_nothing_and_fails_the_start() {
    let mut world = World::new();
    world.finish_loading(false);
    assert_eq!(world.exit, Some(true));
    assert_eq!(world.notices, [Notice::StartFailed { reason: "no such file".into() }]);
}

#[test]
fn a_loader_that_hangs_is_stopped() {
    let mut world = World::new();
    world.pass(31 * SECOND);
    assert_eq!(world.exit, Some(true));
}

#[test]
fn the_first_worker_that_fails_fails_the_start_and_ends_the_others() {
    let mut world = World::new();
    world.finish_loading(true);
    let first = *world.children.keys().next().unwrap();
    world.tell(Event::Refused(first, "a probe differs".into()));
    world.end(first, Exit::Status(3));
    world.settle();
    assert_eq!(world.exit, Some(true));
    assert_eq!(
        world.said(|n| matches!(n, Notice::StartFailed { reason } if reason.contains("a probe differs"))),
        1
    );
}

#[test]
fn a_dead_worker_is_replaced_at_once_and_its_slot_is_steered_around_until_then() {
    let mut world = World::serving();
    world.end(world.in_slot(1), Exit::Signal("SIGKILL"));
    assert_eq!(world.fleet.steered, [0, 2]);
    assert_eq!(world.children.len(), WORKERS);
    world.settle();
    assert_eq!(world.fleet.steered, [0, 1, 2]);
}

#[test]
fn a_crash_loop_backs_off_logs_changes_and_leaves_the_siblings_alone() {
    let mut world = World::serving();
    world.forked_at.clear();
    for _ in 0..12 {
        world.end(world.in_slot(0), Exit::Signal("SIGSEGV"));
        assert!(world.state.ready && world.state.ready_workers == WORKERS - 1);
        for _ in 0..31 {
            world.pass(SECOND);
            world.settle();
        }
    }
    let forks: Vec<_> = world.forked_at.iter().map(|(at, _)| *at).collect();
    assert_eq!(forks.len(), 12);
    assert_eq!(world.said(|n| matches!(n, Notice::WorkerDied { .. })), 3);
    assert_eq!(world.said(|n| matches!(n, Notice::SlotFailing { .. })), 1);
    assert_eq!(world.state.failing_slots, 1);
    world.pass(61 * SECOND);
    assert_eq!(world.said(|n| matches!(n, Notice::SlotRecovered { .. })), 1);
    assert_eq!(world.state.failing_slots, 0);
    let died = world.now;
    world.end(world.in_slot(0), Exit::Signal("SIGSEGV"));
    assert_eq!(world.forked_at.last(), Some(&(died, 0)), "at once again after a healthy minute");
}

#[test]
fn term_says_so_first_then_retires_all_then_kills_who_is_late() {
    let mut world = World::serving();
    world.tell(Event::Command(Command::Stop));
    assert!(!world.state.ready && world.state.draining);
    world.pass(4 * SECOND);
    assert!(world.children.values().all(|c| c.orders == [Order::Serve]));
    world.pass(2 * SECOND);
    assert!(world.children.values().all(|c| c.orders == [Order::Serve, Order::DrainQueue]));
    world.end(world.in_slot(0), Exit::Status(0));
    world.pass(25 * SECOND);
    assert!(world.children.len() == 2 && world.children.values().all(|c| c.killed));
    world.settle();
    assert_eq!(world.exit, Some(false));
}

#[test]
fn a_second_term_is_fast_and_so_is_int() {
    for commands in [vec![Command::Stop, Command::Stop], vec![Command::StopFast]] {
        let mut world = World::serving();
        for command in commands {
            world.tell(Event::Command(command));
        }
        assert!(world.children.values().all(|c| c.orders.contains(&Order::Quit)));
        world.pass(2 * SECOND);
        assert!(world.children.values().all(|c| c.killed));
        world.settle();
        assert_eq!(world.exit, Some(false));
    }
}

#[test]
fn a_worker_that_dies_during_the_drain_delay_is_replaced_and_so_is_its_queue_served() {
    let mut world = World::serving();
    world.tell(Event::Command(Command::Stop));
    world.end(world.in_slot(2), Exit::Signal("SIGKILL"));
    assert_eq!(world.children.len(), WORKERS);
    world.pass(6 * SECOND);
    world.end(world.in_slot(1), Exit::Signal("SIGKILL"));
    let replacement = *world.children.iter().find(|(_, c)| c.slot == 1).expect("its queue needs somebody").0;
    world.become_ready(replacement);
    assert_eq!(world.children[&replacement].orders, [Order::Serve, Order::DrainQueue]);
    world.settle();
    assert_eq!(world.exit, Some(false));
}

#[test]
fn a_roll_replaces_one_by_one_and_never_lacks_a_worker() {
    let mut world = World::serving();
    world.tell(Event::Command(Command::Reload));
    world.finish_loading(true);
    for _ in 0..100 {
        assert!(world.state.ready_workers >= WORKERS);
        assert!(world.children.len() <= WORKERS + 1);
        let Some((&child, fake)) =
            world.children.iter().find(|(_, c)| !c.ready || c.orders.contains(&Order::HandOver))
        else {
            break;
        };
        if fake.ready {
            world.end(child, Exit::Status(0));
        } else {
            world.become_ready(child);
        }
    }
    assert_eq!(world.said(|n| *n == Notice::Reloaded { generation: 2 }), 1);
    assert!(world.children.values().all(|c| c.generation == 2));
    assert_eq!(world.images, BTreeSet::from([2]));
}

#[test]
fn a_reload_that_fails_leaves_the_old_generation_alone() {
    let mut world = World::serving();
    let before: Vec<_> = world.children.keys().copied().collect();
    world.tell(Event::Command(Command::Reload));
    world.finish_loading(false);
    world.tell(Event::Command(Command::Reload));
    world.finish_loading(true);
    let canary = *world.children.iter().find(|(_, c)| c.generation == 3).unwrap().0;
    world.tell(Event::Refused(canary, "a probe differs".into()));
    world.end(canary, Exit::Status(3));
    world.pass(120 * SECOND);
    assert_eq!(world.said(|n| matches!(n, Notice::ReloadFailed { .. })), 2);
    assert_eq!(world.children.keys().copied().collect::<Vec<_>>(), before);
    assert_eq!(world.images, BTreeSet::from([1]));
}

#[test]
fn many_reloads_at_once_become_two() {
    let mut world = World::serving();
    for _ in 0..25 {
        world.tell(Event::Command(Command::Reload));
    }
    for _ in 0..3 {
        world.finish_loading(true);
        world.settle();
    }
    assert!(world.children.values().all(|c| c.generation == 3));
}

#[test]
fn scaling_stays_within_the_slots_and_steers_before_it_retires() {
    let mut world = World::serving();
    for _ in 0..10 {
        world.tell(Event::Command(Command::ScaleUp));
    }
    world.settle();
    assert_eq!(world.state.ready_workers, MAX_WORKERS);
    world.tell(Event::Command(Command::ScaleDown));
    assert_eq!(world.fleet.steered, [0, 1, 2, 3, 4]);
    for _ in 0..10 {
        world.tell(Event::Command(Command::ScaleDown));
    }
    world.settle();
    assert_eq!((world.state.ready_workers, world.children.len()), (1, 1));
    assert_eq!(world.said(|n| matches!(n, Notice::ScaleRefused { .. })), 7 + 6);
}

/// One random move of the world around the core.
#[derive(Clone, Debug)]
enum Move {
    Load(bool),
    Ready(usize),
    Refuse(usize),
    Die(usize),
    Obey(usize),
    Command(Command),
    Pass(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let command = prop_oneof![
        Just(Command::Reload),
        Just(Command::Reload),
        Just(Command::ScaleUp),
        Just(Command::ScaleUp),
        Just(Command::ScaleDown),
        Just(Command::ScaleDown),
        Just(Command::Stop),
        Just(Command::StopFast),
    ];
    let one = prop_oneof![
        2 => any::<bool>().prop_map(Move::Load),
        6 => (0..12_usize).prop_map(Move::Ready),
        1 => (0..12_usize).prop_map(Move::Refuse),
        2 => (0..12_usize).prop_map(Move::Die),
        6 => (0..12_usize).prop_map(Move::Obey),
        2 => command.prop_map(Move::Command),
        3 => (0..40_000_u64).prop_map(Move::Pass),
    ];
    proptest::collection::vec(one, 1..150)
}

fn play(world: &mut World, step: Move) {
    let nth = |world: &World, n: usize| {
        let count = world.children.len().max(1);
        world.children.keys().nth(n % count).copied()
    };
    match step {
        Move::Load(good) => world.finish_loading(good),
        Move::Command(command) => world.tell(Event::Command(command)),
        Move::Pass(millis) => world.pass(Duration::from_millis(millis)),
        Move::Ready(n) => {
            if let Some(child) = nth(world, n) {
                world.become_ready(child);
            }
        }
        Move::Refuse(n) => {
            if let Some(child) = nth(world, n).filter(|c| !world.children[c].ready) {
                world.tell(Event::Refused(child, "no".into()));
                world.end(child, Exit::Status(3));
            }
        }
        Move::Die(n) => {
            if let Some(child) = nth(world, n) {
                world.end(child, Exit::Signal("SIGSEGV"));
            }
        }
        Move::Obey(n) => {
            let obeys = |c: &Fake| c.killed || c.orders.iter().any(|o| *o != Order::Serve);
            if let Some(child) = nth(world, n).filter(|c| obeys(&world.children[c])) {
                world.end(child, Exit::Status(0));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// `World` checks its invariants after each step; here: whatever has happened, a fleet that is left alone
    /// comes back to full strength, and one that is asked to stop ends in bounded time with nobody left.
    #[test]
    fn whatever_happens_the_fleet_recovers_and_can_be_stopped(story in moves(), from_the_start in any::<bool>()) {
        let mut world = if from_the_start { World::new() } else { World::serving() };
        for step in story {
            if world.exit.is_some() {
                break;
            }
            play(&mut world, step);
        }
        if world.exit.is_none() && matches!(world.fleet.phase, Phase::Serving) && world.fleet.succeeded {
            for _ in 0..4 {
                world.finish_loading(true);
                for _ in 0..4 {
                    world.settle();
                    world.pass(31 * SECOND);
                }
            }
            prop_assert_eq!(world.state.ready_workers, world.fleet.wanted);
            prop_assert_eq!(world.children.len(), world.fleet.wanted);
            prop_assert_eq!(world.fleet.reload, None);
            prop_assert_eq!(world.images.len(), 1);
            let live: Vec<_> = (0..world.fleet.wanted).collect();
            prop_assert_eq!(&world.fleet.steered, &live);
        }
        if world.exit.is_none() {
            world.tell(Event::Command(Command::Stop));
            // 5 s delay, 20 s to finish, 1 s until the kill.
            for _ in 0..3 {
                world.pass(27 * SECOND);
                let killed: Vec<_> = world.children.iter().filter(|(_, c)| c.killed).map(|(id, _)| *id).collect();
                for child in killed {
                    world.end(child, Exit::Signal("SIGKILL"));
                }
            }
            prop_assert!(world.exit.is_some(), "still there: {:?}", world.fleet);
        }
    }
}
