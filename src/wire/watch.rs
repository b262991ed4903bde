//! When a client has taken too long: decided from what a sweep sees of its connection now and has seen before.
//!
//! No timer and no look at the clock per connection or request: one sweep looks at all connections a few times a second
//! and notes when each was last seen in another state. So a limit may be passed by one interval of the sweep, and is never
//! applied early.

use std::time::{Duration, Instant};

use super::gate::Stage;
use crate::limits::ConnectionLimits;

/// The least average rate of a body that has taken longer than `body_timeout`, in bytes a second: a client that sends a
/// byte now and then would else hold its request open for ever. (Apache's `RequestReadTimeout` has the same.)
const LEAST_RATE: u64 = 500;

/// What a sweep sees of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    pub(super) stage: Stage,
    /// How many heads have come: tells one request from the next.
    pub(super) heads: u64,
    pub(super) in_flight: bool,
    /// An answer waits for the client to take more.
    pub(super) blocked: bool,
    /// Bytes that have come and gone.
    pub(super) moved: u64,
    pub(super) age: Duration,
}

/// What a client has taken too long with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Its next request.
    Idle,
    /// The head of a request.
    Head,
    /// The body of a request.
    Body,
    /// Taking its answer.
    Answer,
}

/// What the sweep has seen of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// The state in which it was last seen.
    state: (Stage, u64, bool, bool),
    /// Since when it has been seen in this state, and what had moved then.
    since: (Instant, u64),
    /// When it was last seen to have moved something, and what had moved then.
    moved: (Instant, u64),
    /// When it was last seen.
    seen: Instant,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self { state: (Stage::Idle, 0, false, false), since: (now, 0), moved: (now, 0), seen: now }
    }

    /// How long the connection had been in its state when it was last seen.
    pub(super) fn for_how_long(&self) -> Duration {
        self.seen.saturating_duration_since(self.since.0)
    }

    /// Notes what is seen at `now`, and decides whether the client is overdue.
    pub(super) fn observe(
        &mut self,
        seen: Snapshot,
        now: Instant,
        limits: &ConnectionLimits,
    ) -> Option<Overdue> {
        let state = (seen.stage, seen.heads, seen.in_flight, seen.blocked);
        if std::mem::replace(&mut self.state, state) != state {
            self.since = (now, seen.moved);
        }
        if self.moved.1 != seen.moved || self.since.0 == now {
            self.moved = (now, seen.moved);
        }
        self.seen = now;
        let lasted = now.saturating_duration_since(self.since.0);
        let still = now.saturating_duration_since(self.moved.0);
        let came = seen.moved - self.since.1;
        if seen.blocked {
            return (still >= limits.write_timeout).then_some(Overdue::Answer);
        }
        let is_old = !limits.age.is_zero() && seen.age >= limits.age;
        match seen.stage {
            Stage::Idle if seen.in_flight => None,
            Stage::Idle => (still >= limits.keepalive || is_old).then_some(Overdue::Idle),
            Stage::Head => (lasted >= limits.header_timeout).then_some(Overdue::Head),
            Stage::Body => {
                let is_slow = lasted >= limits.body_timeout && came < LEAST_RATE * lasted.as_secs();
                (still >= limits.body_timeout || is_slow).then_some(Overdue::Body)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_mins(1),
        keepalive: Duration::from_secs(75),
        requests: 0,
        age: Duration::ZERO,
        connections: 1,
        in_flight: 0,
    };

    /// The second at which a connection is overdue that is seen every second; `at` says what is seen.
    fn overdue(limits: &ConnectionLimits, at: impl Fn(u64) -> Snapshot) -> Option<(u64, Overdue)> {
        let begin = Instant::now();
        let mut watch = Watch::new(begin);
        (0..200).find_map(|second| {
            let now = begin + Duration::from_secs(second);
            let snapshot = Snapshot { age: Duration::from_secs(second), ..at(second) };
            watch.observe(snapshot, now, limits).map(|overdue| (second, overdue))
        })
    }

    fn seen(stage: Stage, moved: u64) -> Snapshot {
        Snapshot {
            stage,
            heads: 0,
            in_flight: stage == Stage::Body,
            blocked: false,
            moved,
            age: Duration::ZERO,
        }
    }

    #[test]
    fn each_stage_has_its_limit() {
        use Stage::{Body, Head, Idle};
        let blocked = |moved| Snapshot { blocked: true, ..seen(Idle, moved) };
        let at = |second, overdue| Some((second, overdue));
        assert_eq!(overdue(&LIMITS, |_| seen(Idle, 0)), at(75, Overdue::Idle));
        assert_eq!(overdue(&LIMITS, |_| Snapshot { in_flight: true, ..seen(Idle, 0) }), None);
        // A head has its time in all, whatever it moves; from its first byte on.
        assert_eq!(overdue(&LIMITS, |second| seen(Head, second)), at(10, Overdue::Head));
        assert_eq!(overdue(&LIMITS, |s| seen(if s < 50 { Idle } else { Head }, 0)), at(60, Overdue::Head));
        assert_eq!(overdue(&LIMITS, |s| Snapshot { heads: s / 9, ..seen(Head, 0) }), None);
        // A body must move, and after its time must have moved enough.
        assert_eq!(overdue(&LIMITS, |_| seen(Body, 0)), at(30, Overdue::Body));
        assert_eq!(overdue(&LIMITS, |second| seen(Body, second)), at(30, Overdue::Body));
        assert_eq!(overdue(&LIMITS, |second| seen(Body, 600 * second)), None);
        assert_eq!(overdue(&LIMITS, |second| seen(Body, 1_000_000 * second.min(5))), at(35, Overdue::Body));
        // An answer must move, however slowly.
        assert_eq!(overdue(&LIMITS, |_| blocked(0)), at(60, Overdue::Answer));
        assert_eq!(overdue(&LIMITS, |second| blocked(second / 50)), None);
    }

    #[test]
    fn an_old_connection_ends_when_it_is_idle() {
        let limits = ConnectionLimits { age: Duration::from_secs(20), ..LIMITS };
        assert_eq!(overdue(&limits, |second| seen(Stage::Idle, second)), Some((20, Overdue::Idle)));
        let busy = |second| Snapshot { in_flight: second < 50, ..seen(Stage::Idle, second) };
        assert_eq!(overdue(&limits, busy), Some((50, Overdue::Idle)));
    }
}
