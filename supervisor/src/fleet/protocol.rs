//! What the core hears ([`Event`]) and what it wants done ([`Action`]).

use std::fmt;
use std::time::Duration;

use linnet::process::channel::Order;
use linnet::scoreboard::CAUSES;
use serde::{Deserialize, Serialize};

use super::ask::{Ask, AskId, Outcome};
use super::estate::FleetEstate;
use super::notice::Notice;
use super::report::Report;

/// One worker process, from before its fork to after its end. Never used twice, unlike a pid.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct ChildId(pub(crate) u64);

/// A model image and the settings that go with it; each reload makes the next one.
pub(crate) type Generation = u32;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// By a signal.
    Signal(&'static str),
    /// By SIGKILL from the kernel, which was out of memory.
    OutOfMemory,
    /// It could not be forked.
    NeverRan,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Signal(signal) => write!(f, "{signal}"),
            Self::OutOfMemory => write!(f, "SIGKILL, out of memory"),
            Self::NeverRan => write!(f, "never ran"),
        }
    }
}

/// What an operator asks for, by signal now; a control socket asks for the same things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// TERM: drain, then stop. A second one is fast.
    Stop,
    /// INT, QUIT: stop now.
    StopFast,
    /// HUP: read the settings and load the model again, and roll the workers.
    Reload,
    /// TTIN: one worker more.
    ScaleUp,
    /// TTOU: one worker fewer.
    ScaleDown,
    /// USR2: start the program on disk beside this one, and give way to it once all its workers are ready.
    Upgrade,
    /// USR1: open the log file again.
    ReopenLogs,
    /// WINCH: let all workers finish, and stay.
    Park,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The settings are checked: begin.
    Start,
    /// The settings were read again for this generation: what they mean, or why they cannot be applied.
    SettingsRead(Generation, Result<Policy, String>),
    /// The loader has left a sealed image.
    Loaded(Generation),
    /// The loader is gone without one.
    LoadFailed(Generation, String),
    /// All sockets are bound, to these addresses.
    Bound(Vec<String>),
    /// An address cannot be bound.
    BindFailed(String),
    /// A worker has been forked.
    Forked(ChildId, i32),
    /// A worker cannot be forked.
    ForkFailed(ChildId, String),
    /// A worker has proven itself.
    Ready(ChildId),
    /// A worker says why it cannot start; its end follows.
    Refused(ChildId, String),
    /// A worker's event loop turned at this time.
    Beat(ChildId, Duration),
    /// A worker has answered as many requests as it should.
    Worn(ChildId),
    /// A worker uses this much anonymous memory, in bytes.
    Memory(ChildId, u64),
    /// A worker is gone, and reaped.
    Exited(ChildId, Exit),
    /// The supervisor that was started to replace this one serves in so many slots.
    Replaced(usize),
    /// The program on disk has shown that it can take this one's place. Told when nothing else is left to be told.
    Proven,
    /// It is gone, or could not be started.
    UpgradeFailed(String),
    /// An operator asks for something.
    Command(Command),
    /// Somebody asks over the control socket, and waits for the answer.
    Asked(AskId, Ask),
    /// Whoever asked this has gone away.
    AskDropped(AskId),
    /// Time has passed.
    Tick,
}

/// What the scoreboard should say about the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FleetState {
    /// Send requests here?
    pub(crate) ready: bool,
    /// Asked to stop?
    pub(crate) draining: bool,
    /// Workers that serve.
    pub(crate) ready_workers: usize,
    /// Workers that should.
    pub(crate) wanted_workers: usize,
    /// Slots whose workers keep dying.
    pub(crate) failing_slots: usize,
    /// Generation of new workers.
    pub(crate) generation: Generation,
    /// Unwanted deaths so far.
    pub(crate) deaths: u64,
    /// Workers that are gone, by cause.
    pub(crate) exits: [u64; CAUSES],
}

/// A worker to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    /// Its name from now on.
    pub(crate) child: ChildId,
    /// Whose listeners it serves.
    pub(crate) slot: usize,
    /// Its place on the scoreboard.
    pub(crate) seat: usize,
    /// What it serves.
    pub(crate) generation: Generation,
    /// Requests after which it should say that it is worn out, if ever.
    pub(crate) max_requests: Option<u64>,
}

/// What is to be done, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Read the settings again; they go with this generation.
    ReadSettings(Generation),
    /// Run under this generation's settings from now on: one of its workers has proven itself.
    Adopt(Generation),
    /// Start a loader that makes this generation's image.
    Load(Generation),
    /// End the loader.
    StopLoader,
    /// Forget an image that no worker will be started with.
    Discard(Generation),
    /// Bind all sockets.
    Bind,
    /// Fork a worker.
    Fork(Birth),
    /// Let a slot's sockets listen.
    Listen(usize),
    /// Give a worker an order.
    Tell(ChildId, Order),
    /// Say what a stuck worker is doing, then SIGABRT, on which it says where it is.
    Abort(ChildId),
    /// SIGKILL.
    Kill(ChildId),
    /// Lead new connections to these slots alone.
    Steer(Vec<usize>),
    /// Lead new connections nowhere.
    IgnoreNewConnections,
    /// Start the program on disk as this supervisor's successor, with the listeners.
    Upgrade,
    /// Start the program on disk as a child that shows whether it can take this one's place, with what it would find there.
    Prove(Box<FleetEstate>),
    /// The last action: let the program on disk take this one's place in this process. If it returns, it has failed.
    Become(Box<FleetEstate>),
    /// End the successor, or the child that is to prove itself.
    StopUpgrade,
    /// Tell the predecessor that this fleet serves, in so many slots.
    TakeOver(usize),
    /// Leave to the successor what is not in this process, such as files.
    LetGo,
    /// Open the log file again, here and in all children.
    ReopenLogs,
    /// Write the fleet's state to the scoreboard.
    Publish(FleetState),
    /// Answer a question about the fleet's state.
    Report(AskId, Box<Report>),
    /// Answer any other question.
    Answer(AskId, Outcome),
    /// Write a line to the log.
    Log(Notice),
    /// The last action: end with success or not.
    Exit {
        /// Whether the start failed.
        failed: bool,
    },
}

/// What the core goes by: settings, and the bounds that are not settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Workers at the start.
    pub(crate) workers: usize,
    /// Slots that exist.
    pub(crate) max_workers: usize,
    /// From TERM to the retirement of the workers.
    pub(crate) drain_delay: Duration,
    /// How long a worker may take to retire.
    pub(crate) graceful_timeout: Duration,
    /// How long a worker (or the loader) may take to become ready.
    pub(crate) boot_timeout: Duration,
    /// How long a worker's event loop may stand still, if there is a bound.
    pub(crate) timeout: Option<Duration>,
    /// When workers are replaced for having served long.
    pub(crate) recycling: Recycling,
    /// Whether a predecessor serves, which gives way once all workers of this fleet are ready.
    pub(crate) succeeds: bool,
    /// Whether this process is PID 1, whose end is the end of its container.
    pub(crate) is_init: bool,
    /// Where random delays come from.
    pub(crate) seed: u64,
}

/// When a worker has served long enough; `None` is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "they are the settings' names")]
pub(crate) struct Recycling {
    /// After so many requests…
    pub(crate) max_requests: Option<u64>,
    /// … and at most so many more, at random.
    pub(crate) max_requests_jitter: u64,
    /// After so long, or up to a quarter less, at random.
    pub(crate) max_age: Option<Duration>,
    /// With more than so many bytes of anonymous memory.
    pub(crate) max_rss: Option<u64>,
}

/// A worker ends its connections itself at `graceful_timeout`, and answers what it finds then; this much later
/// it is killed.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(1);

/// After SIGABRT: how long a stuck worker may take to say where it is before it is killed.
pub(crate) const ABORT_GRACE: Duration = Duration::from_secs(2);

/// After a fast stop: how long a worker may take to exit before it is killed.
pub(crate) const FAST_GRACE: Duration = Duration::from_secs(1);
