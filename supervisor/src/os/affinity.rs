//! Which processors a process may run on.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Binds this process to one of the processors that it may use: the one whose place among them is `number`, in turn.
pub(crate) fn bind_to(number: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let allowed: Vec<usize> =
        (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).collect();
    let mut only = CpuSet::new();
    if let Some(cpu) = allowed.get(number % allowed.len().max(1)) {
        only.set(*cpu)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &only)?)
}
