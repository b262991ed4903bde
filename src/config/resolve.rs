//! From what was typed to what it means.

use std::fmt::Write as _;

use super::problem::{Problem, Problems};
use super::setting::Mark;
use super::table::SETTINGS;
use super::typed::{self, Inputs, Source};
use super::{Given, Settings};

/// Settings, and where each of them is from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// What counts.
    pub settings: Settings,
    /// In the order of [`SETTINGS`].
    origins: Vec<Origin>,
}

/// Where the value that counts came from.
#[derive(Clone, Debug)]
struct Origin {
    source: Source,
    given: Given,
    shown: String,
}

/// Merges `inputs` (flag over environment over file over default, setting by setting). Every value that was typed is
/// checked, also where a stronger one counts: a wrong line does not wait for the day when the flag is gone.
pub fn resolve(inputs: &Inputs) -> Result<Effective, Problems> {
    let (typed, mut problems) = typed::collect(inputs);
    let cpus = inputs.cpus.max(1);
    let mut settings = Settings::blank();
    let mut origins = Vec::with_capacity(SETTINGS.len());
    for setting in SETTINGS {
        setting.set_default(&mut settings, cpus);
        let mut origin = Origin {
            source: Source::Default,
            given: setting.default_given(),
            shown: setting.default.to_owned(),
        };
        // Weakest first: the last that is allowed counts.
        for value in typed.iter().filter(|value| value.setting.key == setting.key) {
            let (source, given, shown) = (value.source.clone(), value.given.clone(), value.shown.clone());
            if setting.set(&mut settings, &given, cpus) {
                origin = Origin { source, given, shown };
            } else {
                let allowed = setting.expected(&given);
                problems.push(Problem::Value { place: source, key: setting.key, given: shown, allowed });
            }
        }
        if let Some(running) = &inputs.running
            && setting.mark == Mark::Restart
            && setting.is_auto(&origin.given)
        {
            setting.set(&mut settings, &Given::Text(setting.show(running)), cpus);
        }
        origins.push(origin);
    }
    let effective = Effective { settings, origins };
    effective.cross_check(&mut problems);
    if problems.is_empty() { Ok(effective) } else { Err(Problems(problems)) }
}

impl Effective {
    /// Where the value of the setting `key` is from; `default` for a name that is no setting's.
    pub fn source(&self, key: &str) -> &Source {
        self.origin(key).map_or(&Source::Default, |origin| &origin.source)
    }

    /// The settings as TOML, in the order of `config/linnet.toml`, each with where it is from.
    pub fn print(&self) -> String {
        let mut out = String::new();
        for (setting, origin) in SETTINGS.iter().zip(&self.origins) {
            let line = format!("{} = {}", setting.key, setting.show(&self.settings));
            let auto = if setting.is_auto(&origin.given) { ", auto" } else { "" };
            // A file's name may hold anything; a comment ends with its line.
            let source = origin.source.to_string().replace(char::is_control, "\u{FFFD}");
            writeln!(out, "{line:<40} # {source}{auto}").expect("a string takes all");
        }
        out
    }

    /// A problem with the value of `key` that only shows once it is used.
    pub(super) fn conflict(&self, key: &'static str, reason: String) -> Option<Problem> {
        let Origin { source, shown, .. } = self.origin(key)?.clone();
        Some(Problem::Conflict { place: source, key, given: shown, reason })
    }

    fn origin(&self, key: &str) -> Option<&Origin> {
        SETTINGS.iter().position(|setting| setting.key == key).map(|i| &self.origins[i])
    }

    /// What must hold between settings.
    fn cross_check(&self, problems: &mut Vec<Problem>) {
        let Settings { workers, max_workers, .. } = self.settings;
        if max_workers < workers {
            let reason =
                format!("{max_workers} is less than workers = {workers} ({})", self.source("workers"));
            problems.extend(self.conflict("max_workers", reason));
        }
    }
}
