//! The table: everything that happens to a fleet, and what it may cost.

use crate::events;
use crate::support::linnet::Start;
use crate::trial::{KEEPALIVE_MIN_PROXIED, Trial};

/// One event.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The settings that it needs.
    pub(crate) start: fn(Start) -> Start,
    pub(crate) event: fn(&mut Trial),
    pub(crate) expect: Expect,
    /// Whether the fleet is over after it.
    pub(crate) ends: bool,
    /// Whether workers die or have to be killed in it.
    pub(crate) expects_deaths: bool,
    pub(crate) clients: Clients,
}

/// How the clients reach what the event happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    /// One fleet, directly.
    Direct,
    /// One fleet, whose readiness they watch, as a load balancer does: they stop sending when it is off.
    Watching,
    /// Two fleets, through a real HAProxy.
    ThroughProxy,
}

/// What an event may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing but what the trial itself says a killed worker held.
    Nothing,
    /// The same, and some answers must be late: else the event has not happened.
    Late,
    /// Whatever it costs: there is nobody left who could answer.
    Anything,
}

const fn row(name: &'static str, event: fn(&mut Trial)) -> Row {
    Row {
        name,
        start: std::convert::identity,
        event,
        expect: Expect::Nothing,
        ends: false,
        expects_deaths: false,
        clients: Clients::Direct,
    }
}

const fn death(name: &'static str, event: fn(&mut Trial)) -> Row {
    Row { expects_deaths: true, ..row(name, event) }
}

const fn proxied(name: &'static str, event: fn(&mut Trial)) -> Row {
    Row { clients: Clients::ThroughProxy, start: behind_a_proxy, ..row(name, event) }
}

/// All rows, in the order of the report.
pub(crate) const ROWS: &[Row] = &[
    row("HUP", events::hup),
    row("25 HUPs, 0 to 25 ms apart", events::hup_burst),
    row("HUP with a bad config", events::hup_bad_config),
    row("HUP with a bad model", events::hup_bad_model),
    row("TTIN and TTOU, in turn", events::scale),
    Row { start: |start| start.set("MAX_REQUESTS", "50"), ..row("max_requests = 50", events::recycle) },
    row("USR2", events::upgrade),
    row("USR2 that fails", events::upgrade_fails),
    row("USR2, and back to the old binary", events::upgrade_and_back),
    Row {
        start: |start| start.set("DRAIN_DELAY", "1s"),
        clients: Clients::Watching,
        ends: true,
        ..row("TERM behind a readiness check", events::term)
    },
    Row {
        start: |start| start.set("BACKLOG", "1"),
        expect: Expect::Late,
        ..row("full accept queues", events::full_queues)
    },
    death("kill -9 of a worker", events::kill_one),
    death("kill -9 of every worker in turn", events::kill_all),
    Row {
        start: |start| start.set("TIMEOUT", "3"),
        expect: Expect::Late,
        ..death("SIGSTOP of a worker, past the heartbeat", events::stand_still)
    },
    Row {
        expect: Expect::Anything,
        ends: true,
        ..death("kill -9 of the supervisor", events::kill_supervisor)
    },
    proxied("HAProxy: HUP", events::proxied_hup),
    proxied("HAProxy: USR2", events::proxied_upgrade),
    proxied("HAProxy: TERM and start, one by one", events::proxied_restart),
];

/// Settings of a fleet behind a proxy: an address whose port nobody else is given while it is started again, a delay
/// longer than the proxy takes to notice, and idle connections kept longer than the proxy keeps them.
pub(crate) fn behind_a_proxy(start: Start) -> Start {
    let keep = format!("{}ms", KEEPALIVE_MIN_PROXIED.as_millis());
    start.set("BIND", "127.0.0.2:0").set("DRAIN_DELAY", "2s").set("KEEPALIVE_MIN", &keep)
}
