//! `GET /health/live` and `GET /health/ready`: what a load balancer asks.

use hyper::StatusCode;

use crate::scoreboard::FleetView;

/// This process answers, so it lives.
pub fn live() -> (StatusCode, &'static [u8]) {
    (StatusCode::OK, br#"{"status":"live"}"#)
}

/// Whether the fleet, of which this worker is one, should get traffic. A fleet in which a slot's workers keep dying still
/// should: its others serve, and a request that kills workers would else turn off every instance that it reaches.
pub fn ready(fleet: FleetView) -> (StatusCode, &'static [u8]) {
    if fleet.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, br#"{"status":"draining"}"#)
    } else if fleet.is_ready() && fleet.is_degraded() {
        (StatusCode::OK, br#"{"status":"degraded"}"#)
    } else if fleet.is_ready() {
        (StatusCode::OK, br#"{"status":"ready"}"#)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, br#"{"status":"starting"}"#)
    }
}
