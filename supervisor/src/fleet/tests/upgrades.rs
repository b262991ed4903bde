//! Upgrades: two supervisors after each other, and one program in the place of another.

use std::collections::BTreeSet;

use linnet::process::channel::Order;
use linnet::scoreboard::Cause;

use super::world::{Fake, SECOND, WORKERS, World, policy};
use crate::fleet::{Ask, Command, Event, Exit, Notice, Policy};

/// A fleet that takes over from another, with all workers forked.
fn successor() -> World {
    let mut world = World::with(Policy { succeeds: true, ..policy() });
    world.finish_loading(true);
    assert_eq!(world.children.len(), WORKERS);
    world
}

#[test]
fn a_successor_serves_nobody_until_all_its_workers_are_ready() {
    let mut world = successor();
    let children: Vec<_> = world.children.keys().copied().collect();
    for child in &children[1..] {
        world.become_ready(*child);
        assert!(world.listening.is_empty() && world.fleet.steered.is_empty() && world.took_over.is_none());
        assert!(world.children.values().all(|c| !c.served));
    }
    world.become_ready(children[0]);
    assert_eq!((world.took_over, world.listening.len()), (Some(WORKERS), WORKERS));
    assert_eq!(world.said(|n| matches!(n, Notice::FleetReady { .. })), 1);
    world.end(world.in_slot(1), Exit::Signal("SIGKILL"));
    world.settle();
    assert_eq!((world.took_over, world.state.ready_workers), (Some(WORKERS), WORKERS));
}

#[test]
fn a_successor_that_lacks_one_worker_fails_as_a_whole() {
    let mut world = successor();
    let children: Vec<_> = world.children.keys().copied().collect();
    world.become_ready(children[0]);
    world.end(children[1], Exit::Status(3));
    world.settle();
    assert_eq!((world.exit, world.took_over), (Some(true), None));
}

#[test]
fn a_replaced_fleet_leaves_the_queues_that_are_served_and_empties_the_others() {
    let mut world = World::serving();
    world.tell(Event::Command(Command::Upgrade));
    world.tell(Event::Command(Command::Upgrade));
    assert!(world.upgrading);
    world.tell(Event::Replaced(WORKERS - 1));
    assert!(world.let_go && world.state.ready && !world.state.draining, "{:?}", world.state);
    let orders = |world: &World, slot| world.children[&world.in_slot(slot)].orders.clone();
    assert_eq!(orders(&world, 0), [Order::Serve, Order::HandOver]);
    assert_eq!(orders(&world, WORKERS - 1), [Order::Serve, Order::StandDown]);
    // Nobody has emptied this queue, nobody else will.
    world.end(world.in_slot(WORKERS - 1), Exit::Signal("SIGKILL"));
    assert_eq!(world.children.len(), WORKERS);
    world.settle();
    assert_eq!(world.exit, Some(false));
}

#[test]
fn an_upgrade_that_fails_or_hangs_changes_nothing() {
    let mut world = World::serving();
    let before: Vec<_> = world.children.keys().copied().collect();
    world.tell(Event::Command(Command::Upgrade));
    world.tell(Event::UpgradeFailed("a probe differs".into()));
    world.tell(Event::Command(Command::Upgrade));
    world.pass(66 * SECOND);
    assert!(!world.upgrading, "it was stopped");
    assert_eq!(world.said(|n| matches!(n, Notice::UpgradeFailed { .. })), 2);
    assert_eq!(world.children.keys().copied().collect::<Vec<_>>(), before);
    world.tell(Event::Command(Command::Upgrade));
    world.tell(Event::Command(Command::StopFast));
    assert!(!world.upgrading);
    world.settle();
    assert_eq!(world.exit, Some(false));
}

#[test]
fn a_fleet_that_has_not_started_refuses_an_upgrade() {
    let mut world = World::new();
    world.finish_loading(true);
    world.tell(Event::Command(Command::Upgrade));
    assert!(!world.upgrading);
    assert_eq!(world.said(|n| matches!(n, Notice::UpgradeFailed { .. })), 1);
}

/// A fleet of PID 1 with an upgrade under way.
fn upgrading_init() -> World {
    let mut world = World::serving_under(Policy { is_init: true, ..policy() });
    world.tell(Event::Command(Command::Upgrade));
    assert!(world.upgrading);
    world
}

#[test]
fn as_pid_1_the_new_program_keeps_the_workers_and_rolls_them() {
    let mut world = upgrading_init();
    let before: Vec<_> = world.children.keys().copied().collect();
    world.settings = Ok(Policy { workers: WORKERS + 1, is_init: true, ..policy() });
    let waiting = world.ask(Ask::Drain);
    world.tell(Event::Command(Command::Reload));
    world.tell(Event::Proven);
    // It was asked to drain meanwhile: that counts more.
    assert_eq!((world.became, world.answer(waiting)), (0, None));
    let mut world = upgrading_init();
    world.settings = Ok(Policy { workers: WORKERS + 1, is_init: true, ..policy() });
    world.tell(Event::Proven);
    assert_eq!((world.became, world.children.keys().copied().collect::<Vec<_>>()), (1, before));
    assert_eq!(world.said(|n| *n == Notice::Reloading { generation: 2 }), 1);
    for _ in 0..100 {
        assert!(world.state.ready && world.state.ready_workers >= WORKERS);
        world.finish_loading(true);
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
    assert!(world.children.values().all(|c| c.generation == 2));
    assert_eq!(
        (world.children.len(), world.said(|n| matches!(n, Notice::Reloaded { .. }))),
        (WORKERS + 1, 1)
    );
}

#[test]
fn whatever_a_worker_is_doing_the_new_program_takes_it_over() {
    let mut world = upgrading_init();
    // One dies and boots again, one is stuck, one retires since it was replaced.
    world.end(world.in_slot(0), Exit::Signal("SIGKILL"));
    let stuck = world.in_slot(1);
    world.children.get_mut(&stuck).unwrap().hangs = true;
    world.pass(31 * SECOND);
    assert!(world.children[&stuck].aborted);
    let worn = world.in_slot(2);
    world.tell(Event::Worn(worn));
    world.tell(Event::Proven);
    assert_eq!(world.became, 1);
    world.finish_loading(true);
    for _ in 0..4 {
        world.settle();
        world.pass(SECOND);
    }
    assert_eq!((world.state.ready_workers, world.state.exits[Cause::Timeout as usize]), (WORKERS, 1));
    assert!(world.children.values().all(|c| c.generation == 2));
}

#[test]
fn a_place_that_cannot_be_taken_stays() {
    let mut world = upgrading_init();
    let before: Vec<_> = world.children.keys().copied().collect();
    world.exec_fails = true;
    world.tell(Event::Proven);
    world.tell(Event::Command(Command::Upgrade));
    world.tell(Event::UpgradeFailed("the model is bad".into()));
    assert_eq!((world.became, world.said(|n| matches!(n, Notice::UpgradeFailed { .. }))), (0, 2));
    // What it says after its time is over counts no more.
    world.tell(Event::Command(Command::Upgrade));
    world.pass(66 * SECOND);
    world.tell(Event::Proven);
    assert_eq!((world.became, world.said(|n| matches!(n, Notice::UpgradeFailed { .. }))), (0, 3));
    assert_eq!(world.children.keys().copied().collect::<Vec<_>>(), before);
}

#[test]
fn the_shape_of_what_is_left_is_that_of_its_version() {
    let mut world = upgrading_init();
    world.end(world.in_slot(0), Exit::Signal("SIGKILL"));
    let shape = shape_of(&serde_json::to_value(world.fleet.estate()).unwrap());
    // Where this changes, so must `VERSION` in `upgrade/estate.rs`: another program reads what this one has written.
    let worker = |stage: &str, expires: &str| {
        format!(
            "{{id:number,pid:number,seat:number,generation:number,stage:{{{stage}}},beat:time,expires:{expires},\
             worn:bool,forked:time,refusal:null}}"
        )
    };
    let slot = |workers: &str| {
        format!(
            "{{workers:[{workers}],listening:bool,drained:bool,backoff:{{deaths:number}},last_death:time,\
             not_before:time}}"
        )
    };
    let slots = [
        slot(""),
        slot(&worker("Booting:{until:time}", "null")),
        slot(&worker("Ready:{since:time}", "time")),
    ];
    let expected = format!(
        "{{wanted:number,workers:number,generation:number,newest:number,addresses:[text],next_child:number,\
         deaths:number,exits:[number],kills:number,slots:[{}]}}",
        slots.join("|")
    );
    assert_eq!((crate::upgrade::estate::VERSION, shape), (1, expected));
}

/// The names and kinds in a document, without its values.
fn shape_of(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(fields) if fields.keys().eq(["secs", "nanos"]) => "time".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("{key}:{}", shape_of(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(values) => {
            let kinds: BTreeSet<_> = values.iter().map(shape_of).collect();
            format!("[{}]", kinds.into_iter().collect::<Vec<_>>().join("|"))
        }
        Value::String(_) => "text".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Null => "null".to_owned(),
    }
}
