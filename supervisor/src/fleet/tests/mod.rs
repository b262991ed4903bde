//! The core against a fake clock and scripted children: chosen stories, and thousands of random ones.

mod asks;
mod random;
mod upgrades;
mod world;

use std::collections::BTreeSet;

use linnet::process::channel::Order;
use linnet::scoreboard::Cause;

use self::world::{Fake, MAX_WORKERS, SECOND, WORKERS, World, policy};
use super::{Command, Event, Exit, Notice, Policy};

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
fn a_reload_applies_its_settings_once_its_first_worker_is_proven() {
    let mut world = World::serving();
    world.settings = Ok(Policy { workers: 5, graceful_timeout: SECOND, max_workers: 99, ..policy() });
    world.tell(Event::Command(Command::Reload));
    world.finish_loading(true);
    assert_eq!((world.fleet.policy, world.fleet.wanted), (policy(), WORKERS));
    world.settle();
    assert_eq!(world.adopted, [2]);
    assert_eq!((world.fleet.policy.graceful_timeout, world.fleet.policy.max_workers), (SECOND, MAX_WORKERS));
    assert_eq!(world.state.ready_workers, 5);
    // By hand one more; a reload that leaves `workers` alone leaves it alone, too.
    world.tell(Event::Command(Command::ScaleUp));
    world.settle();
    world.tell(Event::Command(Command::Reload));
    world.finish_loading(true);
    world.settle();
    assert_eq!((world.adopted.len(), world.state.ready_workers), (2, 6));
}

#[test]
fn settings_that_cannot_be_applied_load_nothing_and_change_nothing() {
    let mut world = World::serving();
    world.settings = Err("linnet.toml:3: no".into());
    world.tell(Event::Command(Command::Reload));
    assert_eq!((world.loading, world.adopted.len()), (None, 0));
    let reason = "linnet.toml:3: no".to_owned();
    assert_eq!(world.said(|n| *n == Notice::ReloadFailed { generation: 2, reason: reason.clone() }), 1);
    // Good settings with a bad model are not adopted either.
    world.settings = Ok(Policy { workers: 1, ..policy() });
    world.tell(Event::Command(Command::Reload));
    world.finish_loading(false);
    world.settle();
    assert_eq!((world.adopted.len(), world.fleet.wanted), (0, WORKERS));
}

#[test]
fn a_roll_that_finds_nobody_tries_the_new_generation_with_one_worker() {
    let mut world = World::serving();
    world.tell(Event::Command(Command::Reload));
    for slot in 0..WORKERS {
        world.end(world.in_slot(slot), Exit::Signal("SIGSEGV"));
    }
    world.finish_loading(true);
    let new = |world: &World| {
        let of_new = world.children.iter().filter(|(_, c)| c.generation == 2);
        of_new.map(|(child, _)| *child).collect::<Vec<_>>()
    };
    assert_eq!(new(&world), []);
    for child in world.children.keys().copied().collect::<Vec<_>>() {
        world.end(child, Exit::Signal("SIGSEGV"));
    }
    world.pass(SECOND);
    let canary = new(&world);
    assert_eq!((canary.len(), world.children.len(), world.adopted.len()), (1, WORKERS, 0));
    world.end(canary[0], Exit::Status(3));
    assert_eq!(world.said(|n| matches!(n, Notice::ReloadFailed { .. })), 1);
    for _ in 0..2 {
        world.settle();
        world.pass(SECOND);
    }
    assert_eq!((world.state.ready_workers, world.adopted.len(), new(&world).len()), (WORKERS, 0, 0));
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
    assert_eq!(world.children[&world.in_slot(5)].orders, [Order::Serve, Order::StandDown]);
    for _ in 0..10 {
        world.tell(Event::Command(Command::ScaleDown));
    }
    world.settle();
    assert_eq!((world.state.ready_workers, world.children.len()), (1, 1));
    assert_eq!(world.said(|n| matches!(n, Notice::ScaleRefused { .. })), 7 + 6);
}

#[test]
fn a_stuck_worker_is_steered_around_aborted_killed_and_replaced() {
    let mut world = World::serving();
    let stuck = world.in_slot(1);
    world.children.get_mut(&stuck).unwrap().hangs = true;
    world.pass(29 * SECOND);
    assert!(!world.children[&stuck].aborted);
    world.pass(2 * SECOND);
    assert!(world.children[&stuck].aborted && !world.children[&stuck].killed);
    assert_eq!(world.fleet.steered, [0, 2]);
    assert_eq!(world.children.len(), WORKERS + 1, "its successor boots");
    let successor = *world.children.iter().find(|(_, c)| !c.ready).unwrap().0;
    world.become_ready(successor);
    assert_eq!(world.fleet.steered, [0, 1, 2]);
    world.pass(3 * SECOND);
    assert!(world.children[&stuck].killed);
    world.settle();
    assert_eq!((world.children.len(), world.state.exits[Cause::Timeout as usize]), (WORKERS, 1));
}

#[test]
fn a_suspension_of_the_supervisor_is_no_proof_against_workers() {
    let mut world = World::serving();
    world.suspend(600 * SECOND);
    world.pass(29 * SECOND);
    assert!(world.children.values().all(|c| !c.aborted));
    // One that hangs since before it is found out all the same, later.
    let stuck = world.in_slot(0);
    world.children.get_mut(&stuck).unwrap().hangs = true;
    world.pass(10 * SECOND);
    world.suspend(60 * SECOND);
    world.pass(29 * SECOND);
    assert!(!world.children[&stuck].aborted);
    world.pass(2 * SECOND);
    assert!(world.children[&stuck].aborted);
}

#[test]
fn ends_are_counted_by_cause() {
    let mut world = World::serving();
    let count = |world: &World, cause: Cause| world.state.exits[cause as usize];
    for (exit, cause) in [
        (Exit::Signal("SIGSEGV"), Cause::Signal),
        (Exit::OutOfMemory, Cause::OutOfMemory),
        (Exit::Status(101), Cause::Exited),
    ] {
        world.end(world.in_slot(0), exit);
        world.pass(SECOND);
        world.settle();
        assert_eq!(count(&world, cause), 1, "{exit}");
    }
    world.end(world.in_slot(0), Exit::Status(101));
    world.pass(SECOND);
    let booting = *world.children.iter().find(|(_, c)| !c.ready).unwrap().0;
    world.end(booting, Exit::Status(3));
    assert_eq!(count(&world, Cause::BootFailed), 1);
    world.pass(SECOND);
    world.settle();
    world.tell(Event::Command(Command::ScaleDown));
    world.settle();
    assert_eq!(count(&world, Cause::Asked), 1);
    assert_eq!(world.state.exits.iter().sum::<u64>(), 6);
}

#[test]
fn worn_workers_are_replaced_one_at_a_time_with_the_successor_ready_first() {
    let mut world = World::serving();
    let before: Vec<_> = world.children.keys().copied().collect();
    world.tell(Event::Worn(before[0]));
    world.tell(Event::Memory(before[1], 1 << 31));
    world.tell(Event::Memory(before[2], 1 << 20));
    let mut most = 0;
    for _ in 0..100 {
        assert!(world.state.ready_workers >= WORKERS);
        most = most.max(world.children.len());
        let hands_over = |c: &Fake| c.orders.contains(&Order::HandOver);
        let Some((&child, fake)) = world.children.iter().find(|(_, c)| !c.ready || hands_over(c)) else {
            break;
        };
        if fake.ready {
            world.end(child, Exit::Status(0));
        } else {
            world.become_ready(child);
        }
    }
    assert_eq!((most, world.children.len()), (WORKERS + 1, WORKERS));
    assert!(world.children.contains_key(&before[2]), "it was not worn");
    assert_eq!(world.state.exits[Cause::Recycled as usize], 2);
    assert_eq!(world.state.deaths, 0);
}

#[test]
fn age_wears_out_at_different_times() {
    let mut world = World::serving();
    let mut replaced = BTreeSet::new();
    for _ in 0..2_600 {
        world.pass(4 * SECOND);
        if world.children.len() > WORKERS {
            replaced.insert(world.now);
        }
        world.settle();
    }
    assert!(replaced.len() >= WORKERS, "{replaced:?}");
    assert!(world.state.exits[Cause::Recycled as usize] >= WORKERS as u64);
    assert_eq!(world.state.deaths, 0);
}

#[test]
fn a_successor_that_fails_leaves_the_worn_worker_serving() {
    let mut world = World::serving();
    let worn = world.in_slot(0);
    world.tell(Event::Worn(worn));
    for _ in 0..5 {
        world.pass(29 * SECOND);
        let booting = *world.children.iter().find(|(_, c)| !c.ready).expect("another try").0;
        world.end(booting, Exit::Status(3));
        assert!(world.children.contains_key(&worn) && world.state.ready_workers == WORKERS);
    }
    assert_eq!(world.said(|n| matches!(n, Notice::SlotFailing { .. })), 1);
}

#[test]
fn a_parked_fleet_has_no_workers_until_hup_or_ttin() {
    for (command, workers) in [(Command::Reload, WORKERS), (Command::ScaleUp, 1)] {
        let mut world = World::serving();
        world.tell(Event::Command(Command::Park));
        assert!(!world.state.ready);
        world.settle();
        world.pass(600 * SECOND);
        assert_eq!((world.children.len(), world.exit), (0, None));
        world.tell(Event::Command(command));
        world.settle();
        world.finish_loading(true);
        world.settle();
        assert_eq!((world.children.len(), world.state.ready_workers), (workers, workers));
        assert!(world.state.ready);
    }
}
