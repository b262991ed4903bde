//! The load: clients in a process of their own, which count every outcome by its kind.
//!
//! The process is this test's own program, started with `load PLAN`. So `cargo test` builds it with the test, for
//! either profile, and nothing else has to be there first.

mod answer;
mod client;
pub(crate) mod counts;
pub(crate) mod driver;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::support::linnet::SOON;
use counts::{Slice, SliceMessage};

/// What a load is to do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    /// Clients that keep their connection.
    pub(crate) keep_alive: usize,
    /// Clients with a connection for each request.
    pub(crate) connect: usize,
    /// Clients that keep their connection, and pause on it.
    pub(crate) pausing: usize,
    /// The longest of those pauses.
    pub(crate) pause_max: Duration,
    /// Requests due a second, whatever the server does; else each client sends when it has its answer. Clients that
    /// pause come on top.
    pub(crate) rate: Option<u32>,
    /// How long a client waits for the answer to what it has begun to send.
    pub(crate) patience: Duration,
    /// How long the server promises to keep an idle connection.
    pub(crate) keepalive_min: Duration,
    /// Whether it asks for readiness over and over, and sends only while the answer is yes.
    pub(crate) watch: bool,
}

/// What a load tells of itself.
#[derive(Deserialize, Serialize)]
struct State {
    answered: u64,
    refused: u64,
    /// Whether readiness was on when last asked for.
    ready: bool,
    /// How long the client has been waiting that has been trying to connect for longest.
    connecting_for: Duration,
    /// Only at the end.
    slices: Vec<SliceMessage>,
}

/// Clients at work.
pub(crate) struct Load {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Load {
    /// Starts the process, and with it the clients.
    pub(crate) fn start(plan: &Plan) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("load").arg(serde_json::to_string(plan).unwrap());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, commands, answers }
    }

    fn ask(&mut self, command: &str) -> State {
        self.commands.write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("the load's process has ended early")
    }

    /// From now on, requests that become due belong to the slice with this name.
    pub(crate) fn mark(&mut self, name: &str) {
        self.ask(name);
    }

    /// How many requests have been answered.
    pub(crate) fn answered(&mut self) -> u64 {
        self.ask("state").answered
    }

    /// Waits until so many have been answered in all; fails when none is answered for long.
    pub(crate) fn wait_for_answers(&mut self, goal: u64) {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let answered = self.answered();
            if answered >= goal {
                return;
            }
            if answered > last {
                (last, since) = (answered, Instant::now());
            }
            assert!(since.elapsed() < SOON, "no answer for {SOON:?}, after {answered}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a client has been trying to connect for so long: its SYN was dropped.
    pub(crate) fn wait_for_a_dropped_syn(&mut self, long: Duration) {
        let deadline = Instant::now() + SOON;
        while self.ask("state").connecting_for < long {
            assert!(Instant::now() < deadline, "every client has its connection");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the clients that watch readiness have stopped.
    pub(crate) fn wait_until_turned_off(&mut self) {
        let deadline = Instant::now() + SOON;
        while self.ask("state").ready {
            assert!(Instant::now() < deadline, "readiness stays on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a client has found nobody to take its request.
    pub(crate) fn wait_until_refused(&mut self) {
        let deadline = Instant::now() + SOON;
        while self.ask("state").refused == 0 {
            assert!(Instant::now() < deadline, "nobody is refused");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets the clients finish their requests, and returns what they have counted.
    pub(crate) fn finish(mut self) -> Vec<Slice> {
        let slices = self.ask("stop").slices;
        assert!(self.process.wait().unwrap().success());
        slices.into_iter().map(Into::into).collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Already over, unless a trial has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
