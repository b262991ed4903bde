//! Questions over the control socket: each gets one answer, when it is known.

use super::world::{MAX_WORKERS, SECOND, WORKERS, World};
use crate::fleet::{Ask, AskId, Command, Event, Exit};

/// The answer to a question that must have one.
fn answer(world: &World, id: AskId) -> Result<&str, &str> {
    world.answer(id).unwrap().as_deref().map_err(String::as_str)
}

#[test]
fn a_reload_is_answered_when_the_roll_is_over_or_with_the_reason() {
    let mut world = World::serving();
    let first = world.ask(Ask::Reload);
    // Asked while a reload runs: answered by the one after it.
    let second = world.ask(Ask::Reload);
    world.finish_loading(true);
    assert_eq!((world.answer(first), world.answer(second)), (None, None));
    world.settle();
    assert_eq!(answer(&world, first), Ok("every worker serves generation 2"));
    assert_eq!(world.answer(second), None);
    world.finish_loading(false);
    assert_eq!(answer(&world, second), Err("no such file"));
    world.settings = Err("linnet.toml:1: no".into());
    let third = world.ask(Ask::Reload);
    assert_eq!(answer(&world, third), Err("linnet.toml:1: no"));
}

#[test]
fn a_scale_is_answered_when_exactly_so_many_serve() {
    let mut world = World::serving();
    let more = world.ask(Ask::Scale(MAX_WORKERS));
    assert_eq!(world.answer(more), None);
    world.settle();
    assert_eq!(answer(&world, more), Ok("6 workers serve"));
    let fewer = world.ask(Ask::Scale(1));
    assert_eq!(world.answer(fewer), None, "the others have not gone yet");
    let other = world.ask(Ask::Scale(2));
    assert_eq!(answer(&world, fewer), Err("2 workers were asked for since"));
    world.settle();
    assert_eq!(answer(&world, other), Ok("2 workers serve"));
    for workers in [0, MAX_WORKERS + 1] {
        let refused = world.ask(Ask::Scale(workers));
        let reason = format!("{workers} workers are not within 1 to max_workers = 6");
        assert_eq!(answer(&world, refused), Err(reason.as_str()));
    }
}

#[test]
fn a_scale_whose_workers_keep_dying_is_answered_so() {
    let mut world = World::serving();
    let more = world.ask(Ask::Scale(WORKERS + 1));
    for _ in 0..3 {
        let child = *world.children.iter().find(|(_, c)| c.slot == WORKERS).unwrap().0;
        world.end(child, Exit::Status(3));
        world.pass(SECOND);
    }
    assert_eq!(answer(&world, more), Err("the workers of slot 3 keep dying"));
}

#[test]
fn a_drain_may_be_asked_twice_and_a_stop_cuts_it_short() {
    let mut world = World::serving();
    let drains = [world.ask(Ask::Drain), world.ask(Ask::Drain)];
    world.pass(6 * SECOND);
    assert!(drains.iter().all(|drain| world.answer(*drain).is_none()));
    world.settle();
    assert_eq!(world.exit, Some(false));
    assert!(drains.iter().all(|drain| answer(&world, *drain) == Ok("drained and stopped")));

    let mut world = World::serving();
    let (scale, drain) = (world.ask(Ask::Scale(4)), world.ask(Ask::Drain));
    assert_eq!(answer(&world, scale), Err("the fleet was asked to stop"));
    let stop = world.ask(Ask::Stop);
    world.settle();
    assert_eq!(answer(&world, stop), Ok("stopped"));
    assert_eq!(answer(&world, drain), Err("stopped at once, before the drain was done"));

    let mut world = World::serving();
    let drain = world.ask(Ask::Drain);
    world.pass(60 * SECOND);
    world.settle();
    let late = "stopped; 3 workers were not done within graceful_timeout";
    assert_eq!(answer(&world, drain), Err(late));
}

#[test]
fn who_has_gone_away_gets_no_answer_and_what_was_asked_goes_on() {
    let mut world = World::serving();
    let reload = world.ask(Ask::Reload);
    world.asked.remove(&reload);
    world.tell(Event::AskDropped(reload));
    world.finish_loading(true);
    world.settle();
    assert!(world.children.values().all(|c| c.generation == 2));
    // And nothing can be reloaded while the fleet stops, by whoever asks.
    world.tell(Event::Command(Command::Stop));
    let late = world.ask(Ask::Reload);
    assert_eq!(answer(&world, late), Err("the fleet is draining"));
}
