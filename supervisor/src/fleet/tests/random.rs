//! Random stories: whatever happens in whatever order.

use std::time::Duration;

use linnet::process::channel::Order;
use proptest::prelude::*;

use super::world::{Fake, MAX_WORKERS, SECOND, World, policy};
use crate::fleet::{Ask, Command, Event, Exit, Phase, Policy};

/// One random move of the world around the core.
#[derive(Clone, Debug)]
enum Move {
    Load(bool),
    Ready(usize),
    Refuse(usize),
    Die(usize),
    Obey(usize),
    Command(Command),
    Hang(usize),
    Succeed(usize),
    Prove(bool),
    Fail,
    Wear(usize),
    Grow(usize),
    Settings(Option<usize>),
    Ask(Ask),
    Pass(u64),
    Suspend(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let command = prop_oneof![
        Just(Command::Reload),
        Just(Command::Reload),
        Just(Command::ScaleUp),
        Just(Command::ScaleUp),
        Just(Command::ScaleDown),
        Just(Command::ScaleDown),
        Just(Command::Upgrade),
        Just(Command::ReopenLogs),
        Just(Command::Park),
        Just(Command::Stop),
        Just(Command::StopFast),
    ];
    let ask = prop_oneof![
        2 => Just(Ask::Status),
        2 => Just(Ask::Reload),
        2 => (0..MAX_WORKERS + 2).prop_map(Ask::Scale),
        1 => Just(Ask::Drain),
        1 => Just(Ask::Stop),
    ];
    let one = prop_oneof![
        2 => any::<bool>().prop_map(Move::Load),
        6 => (0..12_usize).prop_map(Move::Ready),
        1 => (0..12_usize).prop_map(Move::Refuse),
        2 => (0..12_usize).prop_map(Move::Die),
        6 => (0..12_usize).prop_map(Move::Obey),
        2 => command.prop_map(Move::Command),
        1 => (0..12_usize).prop_map(Move::Hang),
        1 => (1..6_usize).prop_map(Move::Succeed),
        2 => any::<bool>().prop_map(Move::Prove),
        1 => Just(Move::Fail),
        1 => (0..12_usize).prop_map(Move::Wear),
        1 => (0..12_usize).prop_map(Move::Grow),
        2 => ask.prop_map(Move::Ask),
        1 => proptest::option::weighted(0.8, 1..=MAX_WORKERS).prop_map(Move::Settings),
        3 => (0..40_000_u64).prop_map(Move::Pass),
        1 => (0..90_000_u64).prop_map(Move::Suspend),
    ];
    proptest::collection::vec(one, 1..150)
}

fn play(world: &mut World, step: &Move) {
    let is_init = world.fleet.policy.is_init;
    let nth = |world: &World, n: usize| {
        let count = world.children.len().max(1);
        world.children.keys().nth(n % count).copied()
    };
    match *step {
        Move::Load(good) => world.finish_loading(good),
        Move::Command(command) => world.tell(Event::Command(command)),
        Move::Settings(workers) => {
            world.settings = workers
                .map(|workers| Policy { workers, is_init, ..policy() })
                .ok_or_else(|| "bad".to_owned());
        }
        Move::Ask(ask) => {
            world.ask(ask);
        }
        Move::Pass(millis) => world.pass(Duration::from_millis(millis)),
        Move::Suspend(millis) => world.suspend(Duration::from_millis(millis)),
        Move::Succeed(slots) if world.upgrading && !is_init => world.tell(Event::Replaced(slots)),
        Move::Prove(exec_fails) if world.upgrading && is_init => {
            world.exec_fails = exec_fails;
            world.tell(Event::Proven);
        }
        Move::Fail if world.upgrading => world.tell(Event::UpgradeFailed("no".into())),
        Move::Succeed(_) | Move::Prove(_) | Move::Fail => {}
        Move::Wear(n) => {
            if let Some(child) = nth(world, n) {
                world.tell(Event::Worn(child));
            }
        }
        Move::Grow(n) => {
            if let Some(child) = nth(world, n) {
                world.tell(Event::Memory(child, (n as u64) << 28));
            }
        }
        Move::Hang(n) => {
            if let Some(child) = nth(world, n) {
                world.children.get_mut(&child).unwrap().hangs = true;
            }
        }
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
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// `World` checks its invariants after each step; here: whatever has happened, a fleet that is left alone
    /// comes back to full strength, and one that is asked to stop ends in bounded time with nobody left.
    #[test]
    fn whatever_happens_the_fleet_recovers_and_can_be_stopped(
        story in moves(),
        from_the_start in any::<bool>(),
        is_init in any::<bool>(),
    ) {
        let policy = Policy { is_init, ..policy() };
        let mut world = if from_the_start { World::with(policy) } else { World::serving_under(policy) };
        for step in story {
            if world.exit.is_some() {
                break;
            }
            play(&mut world, &step);
        }
        if world.exit.is_none() && matches!(world.fleet.phase, Phase::Serving) && world.fleet.succeeded {
            world.tell(Event::Command(Command::Reload));
            for _ in 0..5 {
                world.finish_loading(true);
                for _ in 0..4 {
                    world.settle();
                    world.pass(31 * SECOND);
                }
            }
            // What a last recycling has begun.
            world.settle();
            prop_assert_eq!(world.state.ready_workers, world.fleet.wanted);
            prop_assert_eq!(world.children.len(), world.fleet.wanted);
            prop_assert_eq!(world.fleet.reload, None);
            prop_assert_eq!(world.images.len(), 1);
            prop_assert!(world.asked.is_empty(), "no answer to {:?}", world.asked);
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
