//! Settings: what the operator typed, turned once into what it means.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits::Limits;

/// Where a listener is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// An IPv4 or IPv6 address with its port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix domain socket at this path.
    Unix(PathBuf),
}

/// The effective settings of one start: every value checked, every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Addresses to listen on; at least one.
    pub bind: Vec<BindAddress>,
    /// Length of each accept queue, in connections.
    pub backlog: u32,
    /// Workers to run; `auto` is already resolved. At least 1.
    pub workers: usize,
    /// Slots bound up front, so the most workers this start can ever run; at least `workers`.
    pub max_workers: usize,
    /// The directory that holds `manifest.json`.
    pub model: PathBuf,
    /// After TERM: how long everything is still answered while readiness says 503.
    pub drain_delay: Duration,
    /// After the drain delay: how long workers may take to finish.
    pub graceful_timeout: Duration,
    /// How long a retiring worker keeps idle keep-alive connections.
    pub keepalive_min: Duration,
    /// How long a worker may take to become ready.
    pub boot_timeout: Duration,
    /// Bounds on one request.
    pub limits: Limits,
}
