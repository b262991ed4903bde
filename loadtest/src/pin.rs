//! Cores: the server on one, whoever drives it on another.

use std::process::{Child, Command};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A set of cores for a process or thread; empty means: wherever the system likes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Pin(Vec<usize>);

impl Pin {
    /// These cores.
    pub(crate) fn to(cores: &[usize]) -> Self {
        Self(cores.to_vec())
    }

    /// Binds the calling thread, and so what it starts. Where that is forbidden it stays unbound.
    pub(crate) fn apply(&self) {
        let mut set = CpuSet::new();
        let known = self.0.iter().all(|&core| set.set(core).is_ok());
        if known && !self.0.is_empty() {
            // Checked once at the start by `cores`, which reads it back.
            let _ = sched_setaffinity(Pid::from_raw(0), &set);
        }
    }

    /// Starts a command on these cores: the child inherits them from the thread that starts it.
    pub(crate) fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        let before = cores();
        self.apply();
        let child = command.spawn();
        Self(before).apply();
        child
    }

    /// As the report says it.
    pub(crate) fn describe(&self) -> String {
        let cores: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        if cores.is_empty() { "any core".to_owned() } else { format!("core {}", cores.join(", ")) }
    }
}

/// The cores that this thread may use, in order.
pub(crate) fn cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|&core| set.is_set(core).unwrap_or(false)).collect()
}

/// Where the server and its drivers go: the first core and the second. With only one core nobody is bound.
pub(crate) fn server_and_client() -> (Pin, Pin) {
    match cores().as_slice() {
        [server, client, ..] => (Pin::to(&[*server]), Pin::to(&[*client])),
        _ => (Pin::default(), Pin::default()),
    }
}
