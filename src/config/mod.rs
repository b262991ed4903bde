//! Settings: what the operator typed, turned once into what it means.
//!
//! What was typed (`typed`: the file, the environment, the flags, each value with the place it came from) is merged by
//! precedence into what it means ([`Settings`]: checked, complete, nothing left to look up). One table ([`SETTINGS`])
//! says what exists; parsing, `linnet check --print`, the shipped `config/linnet.toml` and the classification of
//! changes on reload all follow it. All of this is pure. Files, environment variables and processor counts are read
//! in one place, [`Loader`].

pub mod access_log;
mod log;
mod problem;
mod read;
mod resolve;
mod setting;
mod table;
#[cfg(test)]
mod tests;
mod typed;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::limits::{ConnectionLimits, Limits};

pub use access_log::AccessLogFormat;
pub use log::{AccessLogTarget, LogFormat, LogLevel};
pub use problem::{Problem, Problems};
pub use read::{DEFAULT_FILE, Loader, usable_cpus};
pub use resolve::{Effective, resolve};
pub use setting::{Mark, Setting};
pub use table::SETTINGS;
pub use typed::{ConfigFile, Flag, Inputs, Source};
pub use value::Given;

/// Where a listener is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// An IPv4 or IPv6 address with its port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix domain socket at this path.
    Unix(PathBuf),
}

/// Peers whose word about the client is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedPeers {
    /// Every peer.
    Any,
    /// Peers with these addresses.
    These(Vec<IpAddr>),
}

impl TrustedPeers {
    /// Whether `peer` is believed. A peer without an address, on a Unix socket, is believed only with all others.
    pub fn contains(&self, peer: Option<IpAddr>) -> bool {
        match self {
            Self::Any => true,
            Self::These(addresses) => peer.is_some_and(|peer| addresses.contains(&peer.to_canonical())),
        }
    }
}

/// How workers share a TCP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// One listening socket, and so one accept queue, for each worker slot.
    PerWorker,
    /// One listening socket that all workers accept from.
    Shared,
}

impl Listen {
    /// All of them, in the order of their names in the table.
    pub const ALL: [Self; 2] = [Self::PerWorker, Self::Shared];
}

/// Which processors a worker may run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuAffinity {
    /// All that the supervisor may use.
    None,
    /// One: that whose place among these is the number of the worker's slot.
    Auto,
}

impl CpuAffinity {
    /// All of them, in the order of their names in the table.
    pub const ALL: [Self; 2] = [Self::None, Self::Auto];
}

/// Where `linnet ctl` reaches the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlSocket {
    /// At a path that follows from the first bind address, where a suitable directory exists.
    Auto,
    /// Nowhere.
    Off,
    /// At this path.
    At(PathBuf),
}

/// The effective settings of one start: every value checked, every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Addresses to listen on; at least one, none twice.
    pub bind: Vec<BindAddress>,
    /// How workers share a TCP address.
    pub listen: Listen,
    /// Length of each accept queue, in connections.
    pub backlog: u32,
    /// Which processors a worker may run on.
    pub cpu_affinity: CpuAffinity,
    /// Workers to run; `auto` is already resolved. At least 1.
    pub workers: usize,
    /// Slots bound up front, so the most workers this start can ever run; at least `workers`.
    pub max_workers: usize,
    /// The directory that holds `manifest.json`, relative to `chdir`.
    pub model: PathBuf,
    /// After TERM: how long everything is still answered while readiness says 503.
    pub drain_delay: Duration,
    /// After the drain delay: how long workers may take to finish.
    pub graceful_timeout: Duration,
    /// How long a retiring worker keeps idle keep-alive connections.
    pub keepalive_min: Duration,
    /// How long a worker may take to become ready.
    pub boot_timeout: Duration,
    /// How long a worker's event loop may stand still before the worker is replaced; zero: for ever.
    pub timeout: Duration,
    /// Requests after which a worker is replaced; 0: never.
    pub max_requests: u64,
    /// At most so many more, at random for each worker.
    pub max_requests_jitter: u64,
    /// Time after which a worker is replaced; zero: never.
    pub max_age: Duration,
    /// Bytes of anonymous memory above which a worker is replaced; 0: never.
    pub max_rss: u64,
    /// Proxies whose `X-Forwarded-Proto` and `X-Forwarded-For` are believed.
    pub forwarded_allow_ips: TrustedPeers,
    /// Bounds on one request.
    pub limits: Limits,
    /// Bounds on connections.
    pub connections: ConnectionLimits,
    /// Where `/metrics` is served, and nothing else; `None` where the public addresses serve it.
    pub metrics_bind: Option<BindAddress>,
    /// Whether the API's documentation is served: `/docs`, `/redoc` and `/openapi.json`.
    pub docs: bool,
    /// The API's name in its documentation.
    pub title: String,
    /// What the API is for, in Markdown.
    pub description: String,
    /// Where `linnet ctl` reaches the supervisor.
    pub control_socket: ControlSocket,
    /// The file that holds the supervisor's process id; empty: none.
    pub pidfile: String,
    /// The user to become once all sockets are bound, by name or number; empty: nobody else.
    pub user: String,
    /// The group to become; empty: the user's own.
    pub group: String,
    /// Permissions that new files do not get, in octal; empty: what was inherited.
    pub umask: String,
    /// What processes call themselves.
    pub proc_name: String,
    /// The file that the log is appended to; empty: standard error.
    pub errorlog: String,
    /// How lines of that log are written.
    pub log_format: LogFormat,
    /// How much is logged.
    pub loglevel: LogLevel,
    /// Where a line for each request goes.
    pub accesslog: AccessLogTarget,
    /// What such a line holds.
    pub access_log_format: AccessLogFormat,
    /// The working directory, entered before anything else; see [`Effective::enter_directory`].
    pub chdir: PathBuf,
}

impl Settings {
    /// The defaults on a machine where `cpus` processors may be used (at least 1 is assumed).
    pub fn defaults(cpus: usize) -> Self {
        let mut settings = Self::blank();
        for setting in SETTINGS {
            setting.set_default(&mut settings, cpus);
        }
        settings
    }

    /// The settings that differ between `self` and `other`, in the order of the table, each with what it takes to
    /// apply the difference to a running fleet.
    pub fn changed(&self, other: &Self) -> Vec<(&'static str, Mark)> {
        SETTINGS.iter().filter(|s| s.show(self) != s.show(other)).map(|s| (s.key, s.mark)).collect()
    }

    /// Meaningless values that the table's defaults overwrite, every one (a test holds this).
    fn blank() -> Self {
        Self {
            bind: Vec::new(),
            listen: Listen::Shared,
            cpu_affinity: CpuAffinity::Auto,
            backlog: 0,
            workers: 0,
            max_workers: 0,
            model: PathBuf::new(),
            drain_delay: Duration::MAX,
            graceful_timeout: Duration::MAX,
            keepalive_min: Duration::MAX,
            boot_timeout: Duration::MAX,
            timeout: Duration::MAX,
            max_requests: u64::MAX,
            max_requests_jitter: u64::MAX,
            max_age: Duration::MAX,
            max_rss: u64::MAX,
            forwarded_allow_ips: TrustedPeers::Any,
            limits: Limits {
                request_line: 0,
                fields: 0,
                field_bytes: 0,
                head_bytes: 0,
                body_bytes: 0,
                texts: 0,
                text_bytes: 0,
            },
            connections: ConnectionLimits {
                header_timeout: Duration::MAX,
                body_timeout: Duration::MAX,
                write_timeout: Duration::MAX,
                keepalive: Duration::MAX,
                requests: u64::MAX,
                age: Duration::MAX,
                connections: 0,
                in_flight: usize::MAX,
            },
            metrics_bind: Some(BindAddress::Unix(PathBuf::new())),
            docs: false,
            title: "?".to_owned(),
            description: "?".to_owned(),
            control_socket: ControlSocket::Off,
            pidfile: "?".to_owned(),
            user: "?".to_owned(),
            group: "?".to_owned(),
            umask: "?".to_owned(),
            proc_name: "?".to_owned(),
            errorlog: "?".to_owned(),
            log_format: LogFormat::Json,
            loglevel: LogLevel::Critical,
            accesslog: AccessLogTarget::Stdout,
            access_log_format: AccessLogFormat::json(),
            chdir: PathBuf::new(),
        }
    }
}
