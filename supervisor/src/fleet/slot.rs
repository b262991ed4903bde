//! A slot: the listeners with one number, and the one or two workers that serve them.

use std::time::Duration;

use linnet::scoreboard::SEATS_PER_SLOT;
use serde::{Deserialize, Serialize};

use super::backoff::{Backoff, HEALTHY};
use super::protocol::{ChildId, Generation};
use super::report::LastExit;

/// Where a worker is in its life. Times are deadlines, on the core's clock.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Stage {
    /// Forked (or about to be); killed at `until`.
    Booting { until: Duration },
    /// Proven and serving.
    Ready { since: Duration },
    /// Its event loop stands still; aborted, and killed at `until`.
    Stuck { until: Duration },
    /// Asked to finish; killed at `until`.
    Retiring { until: Duration, successor: bool },
    /// Told to exit now; killed at `until`.
    Quitting { until: Duration },
    /// Killed; only its end is awaited.
    Killed(Was),
}

/// What a worker was doing when it was killed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Was {
    /// It did not become ready in time.
    Booting,
    /// Its event loop stood still.
    Stuck,
    /// It would not go in time.
    Leaving,
}

impl Stage {
    /// When this stage must be over.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match *self {
            Self::Booting { until }
            | Self::Stuck { until }
            | Self::Retiring { until, .. }
            | Self::Quitting { until } => Some(until),
            Self::Ready { .. } | Self::Killed(_) => None,
        }
    }
}

/// One worker, as the core knows it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Worker {
    /// Its name.
    pub(crate) id: ChildId,
    /// Its process, 0 until forked.
    pub(crate) pid: i32,
    /// Its place on the scoreboard.
    pub(crate) seat: usize,
    /// What it serves.
    pub(crate) generation: Generation,
    /// Where it is in its life.
    pub(crate) stage: Stage,
    /// When its event loop was last known to turn.
    pub(crate) beat: Duration,
    /// It has served long enough when this time comes.
    pub(crate) expires: Option<Duration>,
    /// It has served long enough.
    pub(crate) worn: bool,
    /// When it was forked.
    pub(crate) forked: Duration,
    /// What it said about why it cannot start.
    pub(crate) refusal: Option<String>,
}

impl Worker {
    /// Whether it serves.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready { .. })
    }

    /// Whether it is on its way to serve.
    pub(crate) fn is_booting(&self) -> bool {
        matches!(self.stage, Stage::Booting { .. })
    }

    /// Whether a roll waits for it: its start is still to be judged, or its successor serves already.
    pub(crate) fn holds_up_a_roll(&self) -> bool {
        self.is_booting() || self.hands_over() || self.stage == Stage::Killed(Was::Booting)
    }

    /// Whether it has been asked to finish, because a successor is there.
    pub(crate) fn hands_over(&self) -> bool {
        matches!(self.stage, Stage::Retiring { successor: true, .. })
    }
}

/// One slot.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Slot {
    /// Its workers: at most one that boots, one that is ready, and two in all.
    pub(crate) workers: Vec<Worker>,
    /// Its sockets listen (from its first ready worker on, for ever).
    pub(crate) listening: bool,
    /// In the drain: its queue has been emptied, or cannot be.
    pub(crate) drained: bool,
    /// How its last worker ended.
    #[serde(skip)]
    pub(crate) last_exit: Option<LastExit>,
    /// Unwanted deaths.
    pub(crate) backoff: Backoff,
    /// When the last of them was.
    pub(crate) last_death: Duration,
    /// No new worker before this time.
    pub(crate) not_before: Duration,
}

impl Slot {
    /// Whether a worker serves this slot.
    pub(crate) fn is_ready(&self) -> bool {
        self.workers.iter().any(Worker::is_ready)
    }

    /// When it will have been healthy for a while, if it goes on so. A worker that serves says nothing of one that is to
    /// replace it and keeps dying, so deaths count as well.
    pub(crate) fn healthy_at(&self) -> Option<Duration> {
        let since = self.workers.iter().find_map(|worker| match worker.stage {
            Stage::Ready { since } => Some(since),
            _ => None,
        })?;
        (self.backoff.deaths() > 0).then(|| since.max(self.last_death) + HEALTHY)
    }

    /// Whether a worker serves this slot or is about to.
    pub(crate) fn is_manned(&self) -> bool {
        self.workers.iter().any(|w| w.is_ready() || w.is_booting())
    }

    /// The seat for another worker of slot `number`, if there is room for one.
    pub(crate) fn free_seat(&self, number: usize) -> Option<usize> {
        let first = number * SEATS_PER_SLOT;
        (first..first + SEATS_PER_SLOT).find(|seat| self.workers.iter().all(|w| w.seat != *seat))
    }
}
