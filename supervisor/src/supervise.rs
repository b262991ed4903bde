//! The supervisor's one loop: wait, hear, decide, act.

use std::io;
use std::os::fd::AsFd as _;

use linnet::config::Settings;
use linnet::process::clock;
use nix::sys::signal::Signal;

use crate::fleet::{Command, Event, Fleet, Policy, Recycling};
use crate::os::signals::Signals;
use crate::os::timer::Timer;
use crate::os::wait::any_readable;
use crate::perform::Performer;

/// Runs the fleet until it is over.
///
/// # Errors
/// If the supervisor itself lacks what it needs: descriptors or shared memory.
pub(crate) fn run(settings: Settings) -> io::Result<bool> {
    let signals = Signals::take()?;
    let mut timer = Timer::new()?;
    let mut fleet = Fleet::new(policy(&settings));
    let mut performer = Performer::new(settings)?;
    handle(&mut fleet, &mut performer, Event::Start);
    loop {
        if let Some(failed) = performer.exit() {
            return Ok(failed);
        }
        timer.set(fleet.next_deadline())?;
        let mut descriptors = vec![signals.as_fd(), timer.as_fd()];
        descriptors.extend(performer.descriptors());
        let timer_fired = any_readable(&descriptors)?[1];
        if timer_fired {
            timer.acknowledge();
        }
        // Children first: a worker that has become ready or died is no matter of what is asked next.
        performer.collect();
        handle(&mut fleet, &mut performer, Event::Tick);
        while let Some(signal) = signals.next() {
            if let Some(command) = command(signal) {
                handle(&mut fleet, &mut performer, Event::Command(command));
            }
        }
    }
}

/// Takes in what has been collected, then an event, and all that acting on these brings about.
fn handle(fleet: &mut Fleet, performer: &mut Performer, event: Event) {
    let mut asked = Some(event);
    while let Some(event) = performer.next_event().or_else(|| asked.take()) {
        for action in fleet.step(clock::monotonic(), event) {
            performer.perform(action);
        }
    }
}

fn command(signal: Signal) -> Option<Command> {
    Some(match signal {
        Signal::SIGTERM => Command::Stop,
        Signal::SIGINT | Signal::SIGQUIT => Command::StopFast,
        Signal::SIGHUP => Command::Reload,
        Signal::SIGTTIN => Command::ScaleUp,
        Signal::SIGTTOU => Command::ScaleDown,
        // SIGCHLD only ends the wait; SIGUSR1 and SIGUSR2 have no meaning yet.
        _ => return None,
    })
}

fn recycling(settings: &Settings) -> Recycling {
    Recycling {
        max_requests: Some(settings.max_requests).filter(|most| *most > 0),
        max_requests_jitter: settings.max_requests_jitter,
        max_age: Some(settings.max_age).filter(|most| !most.is_zero()),
        max_rss: Some(settings.max_rss).filter(|most| *most > 0),
    }
}

fn policy(settings: &Settings) -> Policy {
    Policy {
        workers: settings.workers,
        max_workers: settings.max_workers,
        drain_delay: settings.drain_delay,
        graceful_timeout: settings.graceful_timeout,
        boot_timeout: settings.boot_timeout,
        timeout: Some(settings.timeout).filter(|timeout| !timeout.is_zero()),
        recycling: recycling(settings),
        // Any number that differs between supervisors that start together.
        seed: u64::from(std::process::id()) ^ clock::monotonic_micros().rotate_left(32),
    }
}
