//! The supervisor's one loop: wait, hear, decide, act.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

use linnet::process::clock;
use nix::sys::signal::Signal;

use crate::fleet::{Command, Event, Fleet, Policy};
use crate::os::signals::Signals;
use crate::os::timer::Timer;
use crate::os::wait::any_ready;
use crate::perform::Performer;
use crate::settings::SettingsBook;
use crate::upgrade::{Invocation, Origin};

/// Runs the fleet until it is over.
///
/// # Errors
/// If the supervisor itself lacks what it needs: descriptors or shared memory.
pub(crate) fn run(settings: SettingsBook, invocation: Invocation, origin: Origin) -> io::Result<bool> {
    let signals = Signals::take()?;
    let mut timer = Timer::new()?;
    let policy = settings.policy();
    let (mut fleet, mut performer) = match origin {
        Origin::InPlace(inheritance) => {
            let fleet = Fleet::inherit(policy, inheritance.fleet.clone());
            (fleet, Performer::inherit(settings, invocation, *inheritance)?)
        }
        Origin::Beside(predecessor) => {
            let fleet = Fleet::new(Policy { succeeds: true, ..policy });
            (fleet, Performer::new(settings, invocation, Some(predecessor))?)
        }
        Origin::ToProve(proof) => return Ok(!proof.give(&settings)),
        Origin::Fresh(sockets) => {
            let performer = Performer::new(settings, invocation, None)?;
            (Fleet::new(policy), performer.with_sockets(sockets))
        }
    };
    handle(&mut fleet, &mut performer, Event::Start);
    loop {
        if let Some(failed) = performer.exit() {
            return Ok(failed);
        }
        timer.set(fleet.next_deadline().into_iter().chain(performer.next_deadline()).min())?;
        let mut reading = vec![signals.as_fd(), timer.as_fd()];
        let (more, writing) = performer.descriptors();
        reading.extend(more);
        let timer_fired = any_ready(&reading, &writing)?[1];
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
        // Last, when nothing is left to be told: the program that takes over hears nothing of what was on its way.
        if performer.take_proof() {
            handle(&mut fleet, &mut performer, Event::Proven);
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
        Signal::SIGUSR2 => Command::Upgrade,
        // A terminal sends this whenever its window changes its size.
        Signal::SIGWINCH if !has_terminal() => Command::Park,
        Signal::SIGUSR1 => Command::ReopenLogs,
        // SIGCHLD only ends the wait.
        _ => return None,
    })
}

fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}
