//! Images and generations: the first load, and reloads, which roll the workers one by one.

use std::time::Duration;

use super::slot::Worker;
use super::{Action, Fleet, Generation, Notice, Phase, Reload};

impl Fleet {
    pub(super) fn load(&mut self, generation: Generation) {
        self.newest = generation;
        self.loader_runs = true;
        self.actions.push(Action::Load(generation));
    }

    pub(super) fn loaded(&mut self, generation: Generation) {
        self.loader_runs = false;
        self.images.push(generation);
        match (self.phase, self.reload) {
            (Phase::Loading { .. }, _) => {
                self.phase = Phase::Binding;
                self.actions.push(Action::Bind);
            }
            (Phase::Serving | Phase::Delaying { .. }, Some(Reload::Loading { .. })) => {
                self.reload = Some(Reload::Rolling { generation });
            }
            _ => {}
        }
    }

    pub(super) fn load_failed(&mut self, now: Duration, generation: Generation, reason: String) {
        self.loader_runs = false;
        match (self.phase, self.reload) {
            (Phase::Loading { .. }, _) => self.fail_start(now, reason),
            (_, Some(Reload::Loading { .. })) => self.fail_reload(now, generation, reason),
            _ => {}
        }
    }

    pub(super) fn fail_start(&mut self, now: Duration, reason: String) {
        self.failed = true;
        self.log(Notice::StartFailed { reason });
        self.end_workers(now);
    }

    pub(super) fn begin_reload(&mut self, now: Duration) {
        if self.reload.is_some() {
            // Whatever has changed since then is picked up by one more reload afterwards.
            self.reload_again = true;
            return;
        }
        let generation = self.newest + 1;
        self.log(Notice::Reloading { generation });
        self.reload = Some(Reload::Loading { generation, until: now + self.policy.boot_timeout });
        self.load(generation);
    }

    /// Replaces one worker after the other: the next only when the last one replaced is gone.
    pub(super) fn advance_roll(&mut self, now: Duration) {
        let Some(Reload::Rolling { generation }) = self.reload else { return };
        if !self.children(Worker::holds_up_a_roll).is_empty() {
            return;
        }
        if let Some(number) = self.next_to_roll() {
            if self.slots[number].not_before <= now {
                self.spawn(now, number, generation);
            }
        } else if self.children(|w| w.is_ready() && w.generation < generation).is_empty() {
            self.generation = generation;
            self.log(Notice::Reloaded { generation });
            self.end_reload(now);
        }
    }

    /// The slot whose worker the roll replaces next.
    pub(super) fn next_to_roll(&self) -> Option<usize> {
        let Some(Reload::Rolling { generation }) = self.reload else { return None };
        let is_old = |w: &Worker| w.is_ready() && w.generation < generation;
        if self.slots.iter().flat_map(|s| &s.workers).any(Worker::holds_up_a_roll) {
            return None;
        }
        self.slots[..self.wanted].iter().position(|s| s.workers.len() == 1 && s.workers.iter().any(is_old))
    }

    pub(super) fn fail_reload(&mut self, now: Duration, generation: Generation, reason: String) {
        self.log(Notice::ReloadFailed { generation, reason });
        self.end_reload(now);
    }

    pub(super) fn end_reload(&mut self, now: Duration) {
        self.reload = None;
        for old in self.images.extract_if(.., |image| *image != self.generation) {
            self.actions.push(Action::Discard(old));
        }
        if std::mem::take(&mut self.reload_again) && self.phase == Phase::Serving {
            self.begin_reload(now);
        }
    }

    pub(super) fn abandon_reload(&mut self) {
        self.reload = None;
        self.reload_again = false;
        if self.loader_runs {
            self.actions.push(Action::StopLoader);
        }
    }
}
