//! The settings that the fleet runs under, and those that a reload has read for its next generation.

use std::collections::BTreeMap;

use linnet::config::{Loader, Mark, Settings};
use linnet::process::clock;

use crate::fleet::{Generation, Policy, Recycling};

/// The running settings, the staged ones, and where both come from.
pub(crate) struct SettingsBook {
    loader: Loader,
    running: Settings,
    /// Read by a reload, and not adopted (yet).
    staged: BTreeMap<Generation, Settings>,
}

impl SettingsBook {
    /// Begins with the settings of the start, which `loader` has loaded.
    pub(crate) fn new(loader: Loader, running: Settings) -> Self {
        Self { loader, running, staged: BTreeMap::new() }
    }

    /// The settings that count.
    pub(crate) fn running(&self) -> &Settings {
        &self.running
    }

    /// The settings that a generation's model is loaded and its workers are started with.
    pub(crate) fn of(&self, generation: Generation) -> &Settings {
        self.staged.get(&generation).unwrap_or(&self.running)
    }

    /// What the core goes by.
    pub(crate) fn policy(&self) -> Policy {
        policy(&self.running)
    }

    /// Reads file and environment again, and stages what they mean for `generation`.
    ///
    /// # Errors
    /// In one line: everything that is wrong with them, or the changed settings that only a restart can apply.
    pub(crate) fn read(&mut self, generation: Generation) -> Result<Policy, String> {
        // One reload at a time: whatever an earlier one has left here was never adopted.
        self.staged.clear();
        let next = self.loader.reload(&self.running).map_err(|p| p.to_string().replace('\n', "; "))?.settings;
        let changed = self.running.changed(&next);
        let fixed: Vec<_> =
            changed.iter().filter(|(_, mark)| *mark == Mark::Restart).map(|(key, _)| *key).collect();
        if !fixed.is_empty() {
            return Err(format!("only a restart can change {}", fixed.join(", ")));
        }
        let policy = policy(&next);
        self.staged.insert(generation, next);
        Ok(policy)
    }

    /// Makes a generation's settings the running ones.
    pub(crate) fn adopt(&mut self, generation: Generation) {
        if let Some(settings) = self.staged.remove(&generation) {
            self.running = settings;
        }
    }
}

fn policy(settings: &Settings) -> Policy {
    Policy {
        workers: settings.workers,
        max_workers: settings.max_workers,
        drain_delay: settings.drain_delay,
        graceful_timeout: settings.graceful_timeout,
        boot_timeout: settings.boot_timeout,
        timeout: Some(settings.timeout).filter(|timeout| !timeout.is_zero()),
        recycling: recycling(settings),
        succeeds: false,
        is_init: std::process::id() == 1,
        // Any number that differs between supervisors that start together.
        seed: u64::from(std::process::id()) ^ clock::monotonic_micros().rotate_left(32),
    }
}

fn recycling(settings: &Settings) -> Recycling {
    Recycling {
        max_requests: Some(settings.max_requests).filter(|most| *most > 0),
        max_requests_jitter: settings.max_requests_jitter,
        max_age: Some(settings.max_age).filter(|most| !most.is_zero()),
        max_rss: Some(settings.max_rss).filter(|most| *most > 0),
    }
}
