//! The settings that the fleet runs under, and those that a reload has read for its next generation.

use std::collections::BTreeMap;

use linnet::config::{Effective, Loader, Mark, Problems, SETTINGS, Setting, Settings};
use linnet::process::clock;

use crate::fleet::{Generation, Policy, Recycling};

/// The running settings, the staged ones, and where both come from.
pub(crate) struct SettingsBook {
    loader: Loader,
    running: Settings,
    /// Read by a reload, and not adopted (yet).
    staged: BTreeMap<Generation, Settings>,
}

/// Loads the settings of a program that takes the place of another in the same process. What only a restart can change
/// must be as it was there: `fixed`, by name. `max_workers` is that program's, too, unless the settings name another.
///
/// # Errors
/// In one line: everything that is wrong with them, or the changed settings that only a restart can apply.
pub(crate) fn load_in_place(
    loader: &Loader,
    fixed: &BTreeMap<String, String>,
    max_workers: usize,
) -> Result<Effective, String> {
    let line = |problems: Problems| problems.to_string().replace('\n', "; ");
    let fresh = loader.load().map_err(line)?.settings;
    let effective = loader.reload(&Settings { max_workers, ..fresh }).map_err(line)?;
    let settings = &effective.settings;
    let differs =
        |setting: &&Setting| fixed.get(setting.key).is_some_and(|old| *old != setting.show(settings));
    let changed: Vec<_> = SETTINGS.iter().filter(differs).map(|setting| setting.key).collect();
    if changed.is_empty() { Ok(effective) } else { Err(needs_restart(&changed)) }
}

fn needs_restart(changed: &[&str]) -> String {
    format!("only a restart can change {}", changed.join(", "))
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

    /// The settings that only a restart can change, by name, as they would stand in the file.
    pub(crate) fn fixed(&self) -> BTreeMap<String, String> {
        let fixed = SETTINGS.iter().filter(|setting| setting.mark == Mark::Restart);
        fixed.map(|setting| (setting.key.to_owned(), setting.show(&self.running))).collect()
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
            return Err(needs_restart(&fixed));
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
