//! What the log says about the fleet: one line per event.

use std::time::Duration;

use linnet::scoreboard::Cause;

use super::protocol::{Exit, Generation};

/// A log line, before it is worded. `pid` is 0 where no process exists (yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The first worker is ready: these addresses answer.
    Listening(Vec<String>),
    /// All wanted workers are ready for the first time.
    FleetReady { workers: usize },
    /// A worker serves.
    WorkerReady { slot: usize, pid: i32, generation: Generation },
    /// A worker is gone that nobody asked to go.
    WorkerDied { slot: usize, pid: i32, cause: Cause, exit: Exit, reason: String, respawn_in: Duration },
    /// The same in a slot that is known to fail: told at debug level.
    WorkerDiedAgain { slot: usize, pid: i32, cause: Cause, exit: Exit, reason: String, respawn_in: Duration },
    /// From now on a slot counts as failing, and its deaths are not told one by one.
    SlotFailing { slot: usize, deaths: u32 },
    /// A slot's worker has been healthy for a minute again.
    SlotRecovered { slot: usize },
    /// A worker is asked to finish.
    WorkerRetiring { slot: usize, pid: i32 },
    /// A worker has finished.
    WorkerRetired { slot: usize, pid: i32, exit: Exit },
    /// A worker's event loop stands still.
    WorkerStuck { slot: usize, pid: i32, silent: Duration },
    /// A worker has served long enough, and will be replaced.
    WorkerWorn { slot: usize, pid: i32, why: &'static str },
    /// A worker is killed because it took too long.
    WorkerKilled { slot: usize, pid: i32, why: &'static str },
    /// TERM.
    Draining { delay: Duration },
    /// The drain delay is over.
    Retiring { timeout: Duration },
    /// INT, QUIT, or a second TERM.
    StoppingFast,
    /// The last worker is gone.
    Stopped,
    /// The first start failed.
    StartFailed { reason: String },
    /// HUP.
    Reloading { generation: Generation },
    /// Every worker serves the new generation.
    Reloaded { generation: Generation },
    /// The old generation stays.
    ReloadFailed { generation: Generation, reason: String },
    /// USR2; `in_place`: as PID 1.
    Upgrading { in_place: bool },
    /// The successor serves; this fleet finishes.
    Replaced,
    /// This fleet serves on.
    UpgradeFailed { reason: String },
    /// This fleet serves in place of its predecessor.
    TookOver { workers: usize },
    /// This program serves on with the workers of another, whose place it has taken in this process.
    TookOverInPlace { workers: usize },
    /// WINCH.
    Parked,
    /// HUP or TTIN after WINCH.
    Unparked { workers: usize },
    /// TTIN, TTOU.
    Scaled { workers: usize },
    /// TTIN or TTOU at the end of the range.
    ScaleRefused { workers: usize, max_workers: usize },
}
