//! The events themselves. Each returns when it is over: when the fleet is as it should be after it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::fleet::{MORE_WORKERS, SETTINGS, WORKERS};
use crate::support::linnet::{BINARY, SHIPPED_MODEL, is_alive, kill_9, send_signal, wait_until};
use crate::trial::Trial;

/// A SYN that is not answered for so long was dropped.
const DROPPED: Duration = Duration::from_millis(500);

pub(crate) fn hup(trial: &mut Trial) {
    let fleet = trial.fleet();
    let began = Instant::now();
    fleet.signal(Signal::SIGHUP);
    fleet.linnet.wait_for(" reloaded");
    trial.full_after = Some(began.elapsed());
}

pub(crate) fn hup_burst(trial: &mut Trial) {
    let fleet = trial.fleet();
    let began = Instant::now();
    for step in 0..25 {
        fleet.signal(Signal::SIGHUP);
        sleep(Duration::from_millis(step * 7 % 26));
    }
    fleet.linnet.wait_for(" reloaded");
    fleet.settle();
    trial.full_after = Some(began.elapsed());
}

pub(crate) fn hup_bad_config(trial: &mut Trial) {
    let fleet = trial.fleet();
    let workers = fleet.workers();
    fleet.change_settings("workers = 0\n");
    for round in 1..=5 {
        fleet.signal(Signal::SIGHUP);
        fleet.linnet.wait_for_nth("reload failed", round);
    }
    assert_eq!(fleet.workers(), workers, "the old generation stays");
}

pub(crate) fn hup_bad_model(trial: &mut Trial) {
    let fleet = trial.fleet();
    let workers = fleet.workers();
    let damaged = fleet.linnet.path("damaged");
    copy_damaged(Path::new(SHIPPED_MODEL), &damaged);
    let config = fleet.linnet.path("linnet.toml");
    fs::write(config, format!("model = '{}'\n{SETTINGS}", damaged.display())).unwrap();
    for round in 1..=5 {
        fleet.signal(Signal::SIGHUP);
        let line = fleet.linnet.wait_for_nth("reload failed", round);
        assert!(line.contains("model.safetensors"), "{line}");
    }
    assert_eq!(fleet.workers(), workers, "the old generation stays");
}

/// Copies a model, with one bit of its tensors turned.
fn copy_damaged(model: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(model).unwrap() {
        let entry = entry.unwrap();
        let mut bytes = fs::read(entry.path()).unwrap();
        if entry.file_name() == "model.safetensors" {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        fs::write(to.join(entry.file_name()), bytes).unwrap();
    }
}

/// As many more workers as there is room for, one after another, then as many fewer; three times over.
pub(crate) fn scale(trial: &mut Trial) {
    let (mut ready, mut gone) = (WORKERS, 0);
    for _ in 0..3 {
        let began = Instant::now();
        for _ in 0..MORE_WORKERS {
            trial.fleet().signal(Signal::SIGTTIN);
            ready += 1;
            trial.fleet().linnet.wait_for_nth("worker ready", ready);
        }
        trial.full_after = trial.full_after.max(Some(began.elapsed()));
        let more = trial.load.answered() + 500;
        trial.load.wait_for_answers(more);
        for _ in 0..MORE_WORKERS {
            trial.fleet().signal(Signal::SIGTTOU);
            gone += 1;
            trial.fleet().linnet.wait_for_nth("worker retiring", gone);
        }
        trial.fleet().linnet.wait_for_nth("worker gone", gone);
    }
}

pub(crate) fn recycle(trial: &mut Trial) {
    let gone = trial.fleet().linnet.logged("worker gone");
    trial.fleet().linnet.wait_for_nth("worker gone", gone + 2 * WORKERS);
}

pub(crate) fn upgrade(trial: &mut Trial) {
    let fleet = trial.fleet();
    fleet.install(&another_binary());
    trial.full_after = Some(trial.fleet().upgrade());
}

/// The binary under test as another file: bytes behind its end mean nothing.
fn another_binary() -> Vec<u8> {
    let mut bytes = fs::read(BINARY).unwrap();
    bytes.extend_from_slice(b"another");
    bytes
}

pub(crate) fn upgrade_fails(trial: &mut Trial) {
    let fleet = trial.fleet();
    let workers = fleet.workers();
    let fail = |program: &[u8], why: &str, round: usize| {
        fleet.install(program);
        fleet.signal(Signal::SIGUSR2);
        let line = fleet.linnet.wait_for_nth("upgrade failed", round);
        assert!(line.contains(why), "{line}");
    };
    fail(b"#!/bin/sh\nexit 7\n", "status 7", 1);
    fail(b"#!/nowhere\n", "cannot start", 2);
    fleet.change_settings("workers = 0\n");
    fail(&another_binary(), "workers = 0: expected", 3);
    assert_eq!(fleet.workers(), workers, "the old fleet stays");
}

pub(crate) fn upgrade_and_back(trial: &mut Trial) {
    let old = fs::read(BINARY).unwrap();
    upgrade(trial);
    let more = trial.load.answered() + 500;
    trial.load.wait_for_answers(more);
    trial.fleet().install(&old);
    trial.fleet().upgrade();
}

pub(crate) fn term(trial: &mut Trial) {
    trial.fleet().signal(Signal::SIGTERM);
    trial.load.wait_until_turned_off();
    let fleet = trial.fleet();
    fleet.is_ending();
    assert!(fleet.linnet.wait().success());
}

/// Twice nobody accepts until a SYN has been dropped: workers that stand still for a moment, and parked ones.
pub(crate) fn full_queues(trial: &mut Trial) {
    let workers = trial.fleet().workers();
    for worker in &workers {
        send_signal(*worker, Signal::SIGSTOP);
    }
    trial.load.wait_for_a_dropped_syn(DROPPED);
    for worker in &workers {
        send_signal(*worker, Signal::SIGCONT);
    }
    let more = trial.load.answered() + 500;
    trial.load.wait_for_answers(more);
    trial.fleet().signal(Signal::SIGWINCH);
    trial.fleet().linnet.wait_for_nth("worker gone", WORKERS);
    trial.load.wait_for_a_dropped_syn(DROPPED);
    let began = Instant::now();
    trial.fleet().signal(Signal::SIGHUP);
    trial.fleet().linnet.wait_for(" reloaded");
    trial.full_after = Some(began.elapsed());
}

pub(crate) fn kill_one(trial: &mut Trial) {
    let worker = trial.fleet().workers()[0];
    kill(trial, worker, 1);
}

pub(crate) fn kill_all(trial: &mut Trial) {
    for (death, worker) in (1..).zip(trial.fleet().workers()) {
        kill(trial, worker, death);
        let more = trial.load.answered() + 500;
        trial.load.wait_for_answers(more);
    }
}

/// Kills a worker, and waits for its successor. It is stopped first, so that what it holds can be counted.
fn kill(trial: &mut Trial, worker: i32, death: usize) {
    let held = trial.fleet().freeze(worker);
    trial.may_lose += held;
    let began = Instant::now();
    kill_9(worker);
    trial.fleet().linnet.wait_for_nth("worker ready", WORKERS + death);
    trial.full_after = trial.full_after.max(Some(began.elapsed()));
}

pub(crate) fn stand_still(trial: &mut Trial) {
    let began = Instant::now();
    let worker = trial.fleet().workers()[0];
    let held = trial.fleet().freeze(worker);
    trial.may_lose += held;
    let fleet = trial.fleet();
    fleet.linnet.wait_for("worker stuck");
    fleet.linnet.wait_for_nth("worker ready", WORKERS + 1);
    let full_after = began.elapsed();
    fleet.linnet.wait_for("worker died");
    assert!(!is_alive(worker));
    trial.full_after = Some(full_after);
}

pub(crate) fn kill_supervisor(trial: &mut Trial) {
    let fleet = trial.fleet();
    let (address, workers) = (fleet.linnet.address(), fleet.workers());
    fleet.is_ending();
    let began = Instant::now();
    kill_9(fleet.supervisor);
    wait_until("all workers are gone", || workers.iter().all(|pid| !is_alive(*pid)));
    wait_until("the port is free", || TcpListener::bind(address).is_ok());
    assert!(began.elapsed() < Duration::from_secs(1), "only after {:?}", began.elapsed());
}

pub(crate) fn proxied_hup(trial: &mut Trial) {
    let began = Instant::now();
    for fleet in &trial.fleets {
        fleet.signal(Signal::SIGHUP);
    }
    for fleet in &trial.fleets {
        fleet.linnet.wait_for(" reloaded");
    }
    trial.full_after = Some(began.elapsed());
}

pub(crate) fn proxied_upgrade(trial: &mut Trial) {
    for fleet in &mut trial.fleets {
        fleet.install(&another_binary());
        let took = fleet.upgrade();
        trial.full_after = trial.full_after.max(Some(took));
    }
}

pub(crate) fn proxied_restart(trial: &mut Trial) {
    let proxy = trial.proxy.as_ref().expect("this row has one");
    for (server, fleet) in trial.fleets.iter_mut().enumerate() {
        let began = Instant::now();
        fleet.restart();
        proxy.wait_until_up(server);
        trial.full_after = trial.full_after.max(Some(began.elapsed()));
    }
}
