//! Images and generations: the first load, and reloads, which roll the workers one by one.

use std::time::Duration;

use super::slot::Worker;
use super::{Action, Fleet, Generation, Notice, Phase, Policy, Reload};

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
            (Phase::Serving | Phase::Delaying { .. }, Some(Reload::Loading { policy, .. })) => {
                self.reload = Some(Reload::Rolling { generation, policy });
            }
            _ => {}
        }
    }

    pub(super) fn load_failed(&mut self, now: Duration, generation: Generation, reason: String) {
        self.loader_runs = false;
        match (self.phase, self.reload) {
            (Phase::Loading { .. }, _) => self.fail_start(now, reason),
            (_, Some(Reload::Loading { .. })) => self.fail_reload(generation, reason),
            _ => {}
        }
    }

    pub(super) fn fail_start(&mut self, now: Duration, reason: String) {
        self.failed = true;
        self.log(Notice::StartFailed { reason });
        self.end_workers(now);
    }

    pub(super) fn begin_reload(&mut self) {
        if self.reload.is_some() {
            // Whatever has changed since then is picked up by one more reload afterwards.
            self.reload_again = true;
            return;
        }
        let generation = self.newest + 1;
        self.newest = generation;
        self.log(Notice::Reloading { generation });
        self.reload = Some(Reload::Reading { generation });
        self.actions.push(Action::ReadSettings(generation));
    }

    pub(super) fn settings_read(
        &mut self,
        now: Duration,
        generation: Generation,
        outcome: Result<Policy, String>,
    ) {
        if self.reload != Some(Reload::Reading { generation }) {
            return;
        }
        match outcome {
            Ok(policy) => {
                let until = now + policy.boot_timeout;
                self.reload = Some(Reload::Loading { generation, policy, until });
                self.load(generation);
            }
            Err(reason) => self.fail_reload(generation, reason),
        }
    }

    /// From now on `generation` is what new workers get, and its settings are what the fleet goes by: all of a
    /// reload takes effect here, or none of it.
    pub(super) fn adopt(&mut self, now: Duration, generation: Generation) {
        if generation <= self.generation {
            return;
        }
        self.generation = generation;
        let Some(Reload::Rolling { policy, .. }) = self.reload else { return };
        let Policy { workers, max_workers, is_init, seed, .. } = self.policy;
        self.policy = Policy { max_workers, is_init, seed, ..policy };
        self.actions.push(Action::Adopt(generation));
        // Workers that were added by hand stay, unless the setting itself has changed.
        if policy.workers != workers && self.phase == Phase::Serving {
            self.scale(now, policy.workers);
        }
    }

    /// Replaces one worker after the other: the next only when the last one replaced is gone.
    pub(super) fn advance_roll(&mut self, now: Duration) {
        let Some(Reload::Rolling { generation, .. }) = self.reload else { return };
        if !self.children(Worker::holds_up_a_roll).is_empty() {
            return;
        }
        if let Some(number) = self.next_to_roll() {
            if self.slots[number].not_before <= now {
                self.spawn(now, number, generation);
            }
        } else if self.generation == generation
            && self.children(|w| w.is_ready() && w.generation < generation).is_empty()
        {
            self.log(Notice::Reloaded { generation });
            self.answer_reload(generation, &Ok(format!("every worker serves generation {generation}")));
            self.end_reload();
        }
    }

    /// The slot whose worker the roll replaces next.
    pub(super) fn next_to_roll(&self) -> Option<usize> {
        let Some(Reload::Rolling { generation, .. }) = self.reload else { return None };
        let is_old = |w: &Worker| w.is_ready() && w.generation < generation;
        if self.slots.iter().flat_map(|s| &s.workers).any(Worker::holds_up_a_roll) {
            return None;
        }
        self.slots[..self.wanted].iter().position(|s| s.workers.len() == 1 && s.workers.iter().any(is_old))
    }

    pub(super) fn fail_reload(&mut self, generation: Generation, reason: String) {
        self.answer_reload(generation, &Err(reason.clone()));
        self.log(Notice::ReloadFailed { generation, reason });
        self.end_reload();
    }

    pub(super) fn end_reload(&mut self) {
        self.reload = None;
        for old in self.images.extract_if(.., |image| *image != self.generation) {
            self.actions.push(Action::Discard(old));
        }
        if std::mem::take(&mut self.reload_again) && self.phase == Phase::Serving {
            self.begin_reload();
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
