//! One fleet under trial: a Linnet, whichever of its supervisors is in charge.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::census::{Census, census, living_in_group};
use crate::support::linnet::{
    Linnet, Start, children_of, install, is_alive, send_signal, successor_of, wait_until,
};

/// How many workers each fleet has.
pub(crate) const WORKERS: usize = 3;

/// For how many further ones each has room.
pub(crate) const MORE_WORKERS: usize = 3;

/// The settings file of each fleet, below the line that names the model.
pub(crate) const SETTINGS: &str = "workers = 3\nmax_workers = 6\n";

/// A fleet and what it held when it was new.
pub(crate) struct Fleet {
    pub(crate) linnet: Linnet,
    /// The supervisor in charge.
    pub(crate) supervisor: i32,
    program: PathBuf,
    change: fn(Start) -> Start,
    census: Census,
    is_over: bool,
}

impl Fleet {
    /// Starts a fleet with the row's own settings, and waits until all of its workers serve.
    pub(crate) fn start(change: fn(Start) -> Start) -> Self {
        Self::start_with(change, |start| start)
    }

    fn start_with(change: fn(Start) -> Start, more: impl FnOnce(Start) -> Start) -> Self {
        let start = Start::with_workers(WORKERS);
        let program = start.path("linnet");
        // A copy of its own, so that a trial can put another program in its place.
        install(&program, &fs::read(crate::support::linnet::BINARY).unwrap());
        let linnet = more(change(start.program(&program).settings_file(SETTINGS))).ready();
        let supervisor = linnet.pid();
        let mut fleet = Self { linnet, supervisor, program, change, census: Census::new(), is_over: false };
        fleet.settle();
        fleet.census = census(supervisor);
        fleet
    }

    /// Sends the supervisor in charge a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        send_signal(self.supervisor, signal);
    }

    /// The living workers.
    pub(crate) fn workers(&self) -> Vec<i32> {
        children_of(self.supervisor)
    }

    /// What `linnet ctl status --json` says; asked for without a process in between, since workers may stand still
    /// meanwhile.
    pub(crate) fn status(&self) -> Value {
        let mut socket = UnixStream::connect(self.linnet.path("ctl.sock")).unwrap();
        socket.write_all(b"{\"command\":\"status\"}\n").unwrap();
        // To the end, so that the supervisor no longer holds the connection when its descriptors are counted.
        let mut line = String::new();
        socket.read_to_string(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["ok"], true, "{line}");
        answer["status"].take()
    }

    /// Waits until the fleet has nothing under way: as many ready workers as wanted, no other, and no reload.
    pub(crate) fn settle(&self) {
        wait_until("the fleet has settled", || {
            let status = self.status();
            let slots = status["slots"].as_array().unwrap();
            let workers: usize = slots.iter().map(|slot| slot["workers"].as_array().unwrap().len()).sum();
            status["reloading"] == false
                && status["ready_workers"] == status["workers"]
                && status["workers"] == workers
                && self.workers().len() == workers
        });
    }

    /// Writes other settings, which keep the model, for the next reload.
    pub(crate) fn change_settings(&self, settings: &str) {
        let path = self.linnet.path("linnet.toml");
        let model = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
        fs::write(path, format!("{model}\n{settings}")).unwrap();
    }

    /// Puts another program in the place of the one that runs.
    pub(crate) fn install(&self, program: &[u8]) {
        install(&self.program, program);
    }

    /// Asks for an upgrade, and waits until the successor is in charge alone. Returns how long all that took.
    pub(crate) fn upgrade(&mut self) -> Duration {
        let round = self.linnet.logged("took over") + 1;
        let began = Instant::now();
        self.signal(Signal::SIGUSR2);
        let mut successor = None;
        wait_until("the new supervisor runs", || {
            successor = successor_of(self.supervisor);
            successor.is_some()
        });
        self.linnet.wait_for_nth("took over", round);
        let took = began.elapsed();
        wait_until("the old supervisor is gone", || !is_alive(self.supervisor));
        self.linnet.wait_for_nth("control socket", round + 1);
        self.supervisor = successor.unwrap();
        took
    }

    /// Ends the fleet as an operator does, and starts it again at the same address.
    pub(crate) fn restart(&mut self) {
        let address = self.linnet.address().to_string();
        self.end();
        *self = Self::start_with(self.change, |start| start.set("BIND", &address));
    }

    /// Stops a worker in its tracks, and returns how many connections it holds: what its death can cost.
    pub(crate) fn freeze(&self, worker: i32) -> u64 {
        send_signal(worker, Signal::SIGSTOP);
        wait_until("the worker stands still", || {
            let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap();
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        });
        let status = self.status();
        let slots = status["slots"].as_array().unwrap();
        let mut workers = slots.iter().flat_map(|slot| slot["workers"].as_array().unwrap());
        let held = workers.find(|one| one["pid"] == worker).unwrap()["connections"].as_u64().unwrap();
        // It may have been stopped between taking a connection and counting it.
        held + 1
    }

    /// How many lines of the log tell of something that should not happen where nothing may be lost.
    pub(crate) fn mishaps(&self) -> usize {
        ["worker died", "worker killed", "cut off"].iter().map(|what| self.linnet.logged(what)).sum()
    }

    /// Notes that the supervisor is gone, or about to be.
    pub(crate) fn is_ending(&mut self) {
        self.is_over = true;
    }

    /// Holds the supervisor to what it held when it was new; then ends it, and looks for what it leaves behind.
    pub(crate) fn end(&mut self) {
        if !self.is_over {
            self.settle();
            let mut now = Census::new();
            wait_until(&format!("no more is held than before: {:?}", self.census), || {
                now = census(self.supervisor);
                now == self.census
            });
            self.signal(Signal::SIGTERM);
        }
        let status = self.linnet.wait();
        assert!(status.success() || self.is_over, "{status:?}");
        let group = self.linnet.pid();
        wait_until("no process is left", || living_in_group(group).is_empty());
        let log = self.linnet.log().join("\n");
        assert!(!log.contains("panicked"), "a panic in the log:\n{log}");
    }
}
