//! The state of the fleet as a page tells it: a copy, without what only the core needs.

use std::time::Duration;

use super::slot::{Stage, Was, Worker};
use super::{Exit, Fleet, Generation, Phase};

/// The whole fleet at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// What the fleet is doing, in one word.
    pub(crate) phase: &'static str,
    /// Whether a reload is under way.
    pub(crate) reloading: bool,
    /// What new workers serve.
    pub(crate) generation: Generation,
    /// Workers that should serve.
    pub(crate) wanted: usize,
    /// Slots that exist.
    pub(crate) max_workers: usize,
    /// Unwanted deaths so far.
    pub(crate) deaths: u64,
    /// Where the fleet listens, as URLs.
    pub(crate) addresses: Vec<String>,
    /// The slots that should have a worker, or have one, or have had one.
    pub(crate) slots: Vec<SlotReport>,
}

/// One slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotReport {
    /// Its number.
    pub(crate) number: usize,
    /// Its workers: one, or two in a roll, or none.
    pub(crate) workers: Vec<WorkerReport>,
    /// Unwanted deaths since it was last healthy.
    pub(crate) deaths: u32,
    /// How its last worker ended, and how long ago.
    pub(crate) last_exit: Option<(LastExit, Duration)>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerReport {
    /// Its process.
    pub(crate) pid: i32,
    /// Its place on the scoreboard.
    pub(crate) seat: usize,
    /// What it is doing, in one word.
    pub(crate) state: &'static str,
    /// What it serves.
    pub(crate) generation: Generation,
    /// Time since its fork.
    pub(crate) age: Duration,
}

/// How and why a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastExit {
    /// Its process.
    pub(crate) pid: i32,
    /// How the process ended.
    pub(crate) exit: Exit,
    /// Why, as far as the supervisor knows.
    pub(crate) why: String,
    /// When, on the core's clock.
    pub(crate) at: Duration,
}

impl LastExit {
    /// The end of `worker`, which has just been heard of.
    pub(super) fn of(worker: &Worker, exit: Exit, now: Duration) -> Self {
        let why = match &worker.stage {
            Stage::Booting { .. } => worker.refusal.as_deref().unwrap_or("before it was ready"),
            Stage::Ready { .. } => "while it served",
            Stage::Retiring { .. } => "asked to retire",
            Stage::Quitting { .. } => "told to exit",
            Stage::Killed(Was::Booting) => "not ready within boot_timeout",
            Stage::Stuck { .. } | Stage::Killed(Was::Stuck) => "stuck for longer than timeout",
            Stage::Killed(Was::Leaving) => "not done in time",
        };
        Self { pid: worker.pid, exit, why: why.to_owned(), at: now }
    }
}

impl Stage {
    fn name(&self) -> &'static str {
        match self {
            Self::Booting { .. } => "booting",
            Self::Ready { .. } => "ready",
            Self::Retiring { .. } => "retiring",
            Self::Quitting { .. } => "quitting",
            Self::Stuck { .. } => "stuck",
            Self::Killed(_) => "killed",
        }
    }
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Loading { .. } | Self::Binding => "starting",
            Self::Serving => "serving",
            Self::Delaying { .. } | Self::Draining { .. } => "draining",
            Self::Stopping | Self::Over => "stopping",
        }
    }
}

impl Fleet {
    pub(super) fn report(&self, now: Duration) -> Report {
        let has_news = |(number, slot): &(usize, &super::Slot)| {
            *number < self.wanted || !slot.workers.is_empty() || slot.last_exit.is_some()
        };
        let slots = self.slots.iter().enumerate().filter(has_news).map(|(number, slot)| SlotReport {
            number,
            workers: slot.workers.iter().map(|worker| worker.report(now)).collect(),
            deaths: slot.backoff.deaths(),
            last_exit: slot.last_exit.clone().map(|last| (last.clone(), now.saturating_sub(last.at))),
        });
        Report {
            phase: self.phase.name(),
            reloading: self.reload.is_some(),
            generation: self.generation,
            wanted: self.wanted,
            max_workers: self.policy.max_workers,
            deaths: self.deaths,
            addresses: self.addresses.clone(),
            slots: slots.collect(),
        }
    }
}

impl Worker {
    fn report(&self, now: Duration) -> WorkerReport {
        WorkerReport {
            pid: self.pid,
            seat: self.seat,
            state: self.stage.name(),
            generation: self.generation,
            age: now.saturating_sub(self.forked),
        }
    }
}
