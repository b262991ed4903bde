//! What was typed: every value with the place it came from, before it is known which one counts.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::DeTable;

use super::Settings;
use super::problem::{Problem, nearest};
use super::setting::Setting;
use super::table::SETTINGS;
use super::value::Given;

/// Everything that the settings are made from, as data.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The configuration file, if there is one.
    pub file: Option<ConfigFile>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The flags, in order: where one sets what another has set, the later counts.
    pub flags: Vec<Flag>,
    /// How many processors this process may use; at least 1 is assumed.
    pub cpus: usize,
    /// On a reload: the settings that the fleet runs under.
    pub running: Option<Settings>,
}

/// A configuration file that has been read.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Its path, as the operator gave it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// One flag of the command line that sets a setting.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag as the operator typed it: `--workers`, `--set`.
    pub flag: &'static str,
    /// The setting that it names or stands for.
    pub key: String,
    /// The value behind it.
    pub given: Given,
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// Its path.
        name: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag; behind `--set` comes the setting's name.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl Source {
    /// The place together with what stands there, written as it is written there.
    pub(super) fn with_value(&self, key: &str, given: &str) -> String {
        match self {
            Self::Default | Self::File { .. } => format!("{self}: {key} = {given}"),
            Self::Environment(_) => format!("{self}={given}"),
            Self::Flag(flag) if flag.starts_with("--set ") => format!("{self}={given}"),
            Self::Flag(_) => format!("{self} {given}"),
        }
    }
}

/// One value that was typed.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) setting: &'static Setting,
    pub(super) source: Source,
    pub(super) given: Given,
    /// The value as it was typed, shortened to one line of bounded length.
    pub(super) shown: String,
}

/// All that was typed, weakest source first, and what names no setting or is not readable at all.
pub(super) fn collect(inputs: &Inputs) -> (Vec<Typed>, Vec<Problem>) {
    let (mut typed, mut problems) = (Vec::new(), Vec::new());
    if let Some(file) = &inputs.file {
        from_file(file, &mut typed, &mut problems);
    }
    from_environment(&inputs.environment, &mut typed, &mut problems);
    from_flags(&inputs.flags, &mut typed, &mut problems);
    (typed, problems)
}

fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

fn from_file(file: &ConfigFile, typed: &mut Vec<Typed>, problems: &mut Vec<Problem>) {
    let line_of = |offset: usize| 1 + file.text.bytes().take(offset).filter(|b| *b == b'\n').count();
    // A file that is not TOML is not read further: what a parser makes of the rest would be guesses.
    let table = match DeTable::parse(&file.text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let line = line_of(error.span().map_or(0, |span| span.start.min(file.text.len())));
            let message = error.message().replace('\n', ", ");
            return problems.push(Problem::Syntax { file: file.name.clone(), line, message });
        }
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let line = line_of(key.span().start);
        match find(key.get_ref()) {
            Some(setting) => typed.push(Typed {
                setting,
                source: Source::File { name: file.name.clone(), line },
                given: Given::from_toml(value.get_ref()),
                shown: one_line(&file.text[value.span()]),
            }),
            None => problems.push(Problem::Unknown {
                place: format!("{}:{line}: {}", file.name, one_line(key.get_ref())),
                near: nearest(key.get_ref()).map(str::to_owned),
            }),
        }
    }
}

/// Variables named `LINNET_…` that are no setting's are left alone unless they look like a slip of the pen: Kubernetes
/// sets `LINNET_SERVICE_HOST` and more of that kind for a service called `linnet`. Names as short as `bind` are close to
/// too much (`LINNET_BIN`) for that, so they must be right by themselves. An empty variable counts as not set,
/// as container tools pass on variables that are not there.
fn from_environment(
    environment: &BTreeMap<String, String>,
    typed: &mut Vec<Typed>,
    problems: &mut Vec<Problem>,
) {
    let set = || environment.iter().filter(|(_, value)| !value.is_empty());
    for (variable, value) in set() {
        let Some(setting) = SETTINGS.iter().find(|s| s.platform == Some(variable)) else { continue };
        let source = Source::Environment(variable.clone());
        let shown = quoted(value);
        match (variable.as_str(), value.trim().parse::<u16>()) {
            ("PORT", Ok(port)) => {
                let given = Given::Text(format!("0.0.0.0:{port}"));
                typed.push(Typed { setting, source, given, shown });
            }
            ("PORT", Err(_)) => {
                let allowed = "a port from 0 to 65535".to_owned();
                problems.push(Problem::Value { place: source, key: setting.key, given: shown, allowed });
            }
            _ => typed.push(Typed { setting, source, given: Given::Text(value.clone()), shown }),
        }
    }
    // Linnet's own variables come after the platform's, so that they count more.
    for (variable, value) in set() {
        let Some(name) = variable.strip_prefix("LINNET_") else { continue };
        if let Some(setting) = SETTINGS.iter().find(|s| s.variable() == *variable) {
            typed.push(Typed {
                setting,
                source: Source::Environment(variable.clone()),
                given: Given::Text(value.clone()),
                shown: quoted(value),
            });
        } else if let Some(setting) = nearest(name).filter(|key| key.len() > 4).and_then(find) {
            let near = Some(setting.variable());
            let place = format!("environment {}", one_line(variable));
            problems.push(Problem::Unknown { place, near });
        }
    }
}

fn from_flags(flags: &[Flag], typed: &mut Vec<Typed>, problems: &mut Vec<Problem>) {
    for Flag { flag, key, given } in flags {
        let is_set = *flag == "--set";
        let Some(setting) = find(key) else {
            let near = nearest(key).map(str::to_owned);
            problems.push(Problem::Unknown { place: format!("flag {flag} {}", one_line(key)), near });
            continue;
        };
        let name = if is_set { format!("{flag} {key}") } else { (*flag).to_owned() };
        let shown = match given {
            Given::Text(text) => quoted(text),
            Given::List(list) => list.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(" "),
            other => format!("{other:?}"),
        };
        typed.push(Typed { setting, source: Source::Flag(name), given: given.clone(), shown });
    }
}

fn quoted(text: &str) -> String {
    one_line(&format!("{text:?}"))
}

/// `text` on one line, control characters made visible, cut where it would fill a screen.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut line: String = text.chars().take(LONGEST).flat_map(visible).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

fn visible(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}
