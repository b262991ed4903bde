//! `GET /health/live` and `GET /health/ready`: what a load balancer asks.

use hyper::StatusCode;

use crate::scoreboard::FleetView;

/// This process answers, so it lives.
pub fn live() -> (StatusCode, &'static [u8]) {
    (StatusCode::OK, br#"{"status":"live"}"#)
}

/// Whether the fleet, of which this worker is one, should get traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It should.
    Ready,
    /// It should, though one of its slots has no worker that lasts: its others serve, and a request that kills workers
    /// would else turn off every instance that it reaches.
    Degraded,
    /// Not yet.
    Starting,
    /// No longer.
    Draining,
}

impl Readiness {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Degraded, Self::Starting, Self::Draining];

    /// The state of a fleet.
    pub fn of(fleet: FleetView) -> Self {
        match (fleet.is_draining(), fleet.is_ready(), fleet.is_degraded()) {
            (true, ..) => Self::Draining,
            (_, true, true) => Self::Degraded,
            (_, true, false) => Self::Ready,
            (_, false, _) => Self::Starting,
        }
    }

    /// What `GET /health/ready` says then.
    pub fn answer(self) -> (StatusCode, &'static [u8]) {
        match self {
            Self::Ready => (StatusCode::OK, br#"{"status":"ready"}"#),
            Self::Degraded => (StatusCode::OK, br#"{"status":"degraded"}"#),
            Self::Starting => (StatusCode::SERVICE_UNAVAILABLE, br#"{"status":"starting"}"#),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, br#"{"status":"draining"}"#),
        }
    }
}
