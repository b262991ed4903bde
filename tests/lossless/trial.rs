//! One trial: a fleet (or two behind a proxy) under load, an event, and the look back.

use std::time::Duration;

use crate::fleet::Fleet;
use crate::load::counts::Slice;
use crate::load::{Load, Plan};
use crate::proxy::Proxy;
use crate::rows::{Clients, Row};

/// A SYN that is dropped is sent again after 1 s, and then after 2 and after 4 more.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the fleets keep idle connections; see [`crate::support::linnet::Start`].
const KEEPALIVE_MIN: Duration = Duration::from_millis(500);

/// How long the fleets behind a proxy do: longer than it keeps an idle connection to them.
pub(crate) const KEEPALIVE_MIN_PROXIED: Duration = Duration::from_secs(3);

/// A trial under way, as an event sees it.
pub(crate) struct Trial {
    pub(crate) fleets: Vec<Fleet>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) load: Load,
    /// Requests that the event may have cost: what a worker held when it was killed.
    pub(crate) may_lose: u64,
    /// From the event until as many workers as are wanted are ready, where fewer were.
    pub(crate) full_after: Option<Duration>,
}

/// What a trial has shown.
pub(crate) struct Finding {
    pub(crate) slices: Vec<Slice>,
    pub(crate) may_lose: u64,
    pub(crate) full_after: Option<Duration>,
}

impl Trial {
    /// The only fleet, or the first.
    pub(crate) fn fleet(&mut self) -> &mut Fleet {
        &mut self.fleets[0]
    }
}

/// Runs a row once, with at least `quota` requests.
pub(crate) fn run(row: &Row, quota: u64, rate: Option<u32>) -> Finding {
    let proxied = row.clients == Clients::ThroughProxy;
    let fleets: Vec<_> = (0..if proxied { 2 } else { 1 }).map(|_| Fleet::start(row.start)).collect();
    let proxy = proxied.then(|| Proxy::start([fleets[0].linnet.address(), fleets[1].linnet.address()]));
    let plan = Plan {
        address: proxy.as_ref().map_or_else(|| fleets[0].linnet.address(), |proxy| proxy.address),
        keep_alive: 8,
        connect: 8,
        pausing: 4,
        pause_max: KEEPALIVE_MIN.mul_f64(1.5),
        rate,
        patience: PATIENCE,
        keepalive_min: if proxied { KEEPALIVE_MIN_PROXIED } else { KEEPALIVE_MIN },
        watch: row.clients == Clients::Watching,
    };
    let load = Load::start(&plan);
    let mut trial = Trial { fleets, proxy, load, may_lose: 0, full_after: None };
    trial.load.wait_for_answers(if row.ends { quota } else { quota / 3 });
    trial.load.mark("during");
    (row.event)(&mut trial);
    if !row.ends {
        trial.load.mark("after");
        trial.load.wait_for_answers(quota);
    }
    let Trial { mut fleets, proxy, load, may_lose, full_after } = trial;
    let slices = load.finish();
    drop(proxy);
    for fleet in &mut fleets {
        fleet.end();
        assert!(row.expects_deaths || fleet.mishaps() == 0, "a worker died, or a connection was cut off");
    }
    Finding { slices, may_lose, full_after }
}
