//! One setting: its name, what it takes, what it means when left out, and how it is read and shown.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::value::{self, Given, TextKind};
use super::{
    AccessLogFormat, AccessLogTarget, BindAddress, ControlSocket, CpuAffinity, Listen, LogFormat, LogLevel,
    Settings, TrustedPeers, access_log,
};

/// What it takes to apply a changed value to a running fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A reload applies it at once.
    Live,
    /// A reload applies it to the workers that it starts in place of the old ones.
    NextWorker,
    /// Only a restart applies it; a reload that changes it is refused.
    Restart,
}

impl Mark {
    /// The words of `config/linnet.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::NextWorker => "next worker",
            Self::Restart => "restart",
        }
    }
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the file; gunicorn's where gunicorn has it. `LINNET_` and this in upper case is its variable.
    pub key: &'static str,
    /// What its values count, or are.
    pub unit: &'static str,
    /// Its default, as it would stand in the file.
    pub default: &'static str,
    /// When a changed value takes effect.
    pub mark: Mark,
    /// The heading it stands under in `config/linnet.toml`.
    pub group: &'static str,
    /// What it does; lines of at most 110 characters.
    pub help: &'static str,
    /// Its flag, where it has one of its own beside `--set`.
    pub flag: Option<&'static str>,
    /// The variable of hosting platforms that sets it too.
    pub platform: Option<&'static str>,
    pub(super) kind: Kind,
}

/// What a setting's values are, and where they live in [`Settings`].
#[derive(Debug)]
pub(super) enum Kind {
    Addresses(Lens<Vec<BindAddress>>),
    AddressOrNone(Lens<Option<BindAddress>>),
    ControlSocket(Lens<ControlSocket>),
    Integer(RangeInclusive<u64>, Lens<u64>),
    /// An integer, or `auto`: then computed from the settings before it in the table and the usable processors.
    IntegerOrAuto(RangeInclusive<u64>, Lens<u64>, fn(&Settings, usize) -> usize),
    Seconds(RangeInclusive<u64>, Lens<Duration>),
    Bytes(RangeInclusive<u64>, Lens<u64>),
    /// One of these names, by its place among them.
    Choice(&'static [&'static str], Lens<u64>),
    Path(Lens<PathBuf>),
    Peers(Lens<TrustedPeers>),
    Level(Lens<LogLevel>),
    LogFormat(Lens<LogFormat>),
    AccessLog(Lens<AccessLogTarget>),
    AccessLogFormat(Lens<AccessLogFormat>),
    /// Text, where the empty one means that the setting is not used.
    Text(TextKind, Lens<String>),
}

/// The field behind a setting.
#[derive(Debug)]
pub(super) struct Lens<T> {
    pub(super) get: fn(&Settings) -> T,
    pub(super) set: fn(&mut Settings, T),
}

macro_rules! lens {
    ($($field:ident).+) => { Lens { get: |s| s.$($field).+.clone(), set: |s, v| s.$($field).+ = v } };
    // The range of the setting bounds the value, so that no cast loses anything.
    ($($field:ident).+ as usize) => { Lens { get: |s| s.$($field).+ as u64, set: |s, v| s.$($field).+ = v as usize } };
}
pub(super) use lens;

pub(super) const BACKLOG: Lens<u64> = Lens { get: |s| s.backlog.into(), set: |s, v| s.backlog = v as u32 };

// The names of a choice bound its place, so that no place is out of range.
pub(super) const LISTEN: Lens<u64> =
    Lens { get: |s| s.listen as u64, set: |s, v| s.listen = Listen::ALL[usize::from(v != 0)] };
pub(super) const CPU_AFFINITY: Lens<u64> = Lens {
    get: |s| s.cpu_affinity as u64,
    set: |s, v| s.cpu_affinity = CpuAffinity::ALL[usize::from(v != 0)],
};

impl Setting {
    /// The name of its environment variable.
    pub fn variable(&self) -> String {
        format!("LINNET_{}", self.key.to_ascii_uppercase())
    }

    /// What it takes, in words that fit behind "expected".
    pub fn allowed(&self) -> String {
        match &self.kind {
            Kind::Addresses(_) => {
                "\"ADDRESS:PORT\", \":PORT\", \"[IPv6]:PORT\" or \"unix:PATH\" (no host names but \
                                   localhost), or a list of these, none twice"
                    .to_owned()
            }
            Kind::AddressOrNone(_) => {
                "\"ADDRESS:PORT\", \":PORT\", \"[IPv6]:PORT\", \"unix:PATH\", or \"\" for none".to_owned()
            }
            Kind::ControlSocket(_) => "\"auto\", a path, or \"\" (or \"off\") for none".to_owned(),
            Kind::Integer(range, _) => format!("an integer from {} to {}", range.start(), range.end()),
            Kind::IntegerOrAuto(range, ..) => {
                format!("\"auto\" or an integer from {} to {}", range.start(), range.end())
            }
            Kind::Seconds(range, _) => format!(
                "seconds from {} to {}, as a number or a string such as \"500ms\", \"20s\", \"2m\"",
                range.start(),
                range.end()
            ),
            Kind::Bytes(range, _) => format!(
                "bytes from {} to {}, as an integer or a string such as \"512 KiB\", \"16 MiB\", \"1 GB\"",
                range.start(),
                range.end()
            ),
            Kind::Choice(names, _) => {
                names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ")
            }
            Kind::Path(_) => "a path".to_owned(),
            Kind::Peers(_) => {
                "IP addresses, as a list or with commas between them, or \"*\" for every peer".to_owned()
            }
            Kind::Text(kind, _) => kind.allowed().to_owned(),
            Kind::LogFormat(_) => "\"text\" or \"json\"".to_owned(),
            Kind::AccessLog(_) => "a path, \"-\" for standard output, or \"\" for none".to_owned(),
            Kind::AccessLogFormat(_) => access_log::ALLOWED.to_owned(),
            Kind::Level(_) => {
                LogLevel::NAMES.map(|(name, _)| format!("\"{name}\"")).join(", ").replace(", \"c", " or \"c")
            }
        }
    }

    /// What it takes, in words that fit behind "expected", and what of `given` is not that, where this is not plain.
    pub(super) fn expected(&self, given: &Given) -> String {
        match (&self.kind, value::access_log_format(given)) {
            (Kind::AccessLogFormat(_), Some(Err(error))) => format!("{}: {error}", self.allowed()),
            _ => self.allowed(),
        }
    }

    /// Writes `given` into its field; false if it is not allowed, and then nothing is written.
    pub(super) fn set(&self, settings: &mut Settings, given: &Given, cpus: usize) -> bool {
        self.try_set(settings, given, cpus).is_some()
    }

    fn try_set(&self, settings: &mut Settings, given: &Given, cpus: usize) -> Option<()> {
        let within = |range: &RangeInclusive<u64>, value| range.contains(&value).then_some(value);
        match &self.kind {
            Kind::Addresses(lens) => (lens.set)(settings, value::addresses(given)?),
            Kind::AddressOrNone(lens) if value::is_empty(given) => (lens.set)(settings, None),
            Kind::AddressOrNone(lens) => (lens.set)(settings, Some(value::one_address(given)?)),
            Kind::ControlSocket(lens) => (lens.set)(settings, value::control_socket(given)?),
            Kind::Integer(range, lens) => (lens.set)(settings, within(range, value::integer(given)?)?),
            Kind::IntegerOrAuto(range, lens, auto) if value::is_auto(given) => {
                let computed = auto(settings, cpus) as u64;
                (lens.set)(settings, computed.clamp(*range.start(), *range.end()));
            }
            Kind::IntegerOrAuto(range, lens, _) => {
                (lens.set)(settings, within(range, value::integer(given)?)?);
            }
            Kind::Seconds(range, lens) => {
                let duration = value::seconds(given)?;
                let bounds = Duration::from_secs(*range.start())..=Duration::from_secs(*range.end());
                (lens.set)(settings, bounds.contains(&duration).then_some(duration)?);
            }
            Kind::Bytes(range, lens) => (lens.set)(settings, within(range, value::bytes(given)?)?),
            Kind::Choice(names, lens) => (lens.set)(settings, value::choice(given, names)?),
            Kind::Path(lens) => (lens.set)(settings, value::path(given)?),
            Kind::Peers(lens) => (lens.set)(settings, value::peers(given)?),
            Kind::Text(kind, lens) => (lens.set)(settings, value::text(given, *kind)?),
            Kind::Level(lens) => (lens.set)(settings, value::level(given)?),
            Kind::LogFormat(lens) => (lens.set)(settings, value::log_format(given)?),
            Kind::AccessLog(lens) => (lens.set)(settings, value::access_log(given)?),
            Kind::AccessLogFormat(lens) => (lens.set)(settings, value::access_log_format(given)?.ok()?),
        }
        Some(())
    }

    /// Writes its default into its field.
    pub(super) fn set_default(&self, settings: &mut Settings, cpus: usize) {
        let set = self.set(settings, &self.default_given(), cpus);
        debug_assert!(set, "{}: the default is not allowed", self.key);
    }

    /// Its default as if it had been typed.
    pub(super) fn default_given(&self) -> Given {
        DeValue::parse(self.default).map_or(Given::Other, |value| Given::from_toml(value.get_ref()))
    }

    /// True where `given` asks Linnet to choose the value.
    pub(super) fn is_auto(&self, given: &Given) -> bool {
        matches!(self.kind, Kind::IntegerOrAuto(..)) && value::is_auto(given)
    }

    /// Its value in `settings`, as TOML. Equal text means equal values.
    pub fn show(&self, settings: &Settings) -> String {
        match &self.kind {
            Kind::Addresses(lens) => value::show_addresses(&(lens.get)(settings)),
            Kind::AddressOrNone(lens) => value::show_address_or_none((lens.get)(settings).as_ref()),
            Kind::ControlSocket(lens) => value::show_control_socket(&(lens.get)(settings)),
            Kind::Integer(_, lens) | Kind::IntegerOrAuto(_, lens, _) => (lens.get)(settings).to_string(),
            Kind::Seconds(_, lens) => value::show_seconds((lens.get)(settings)),
            Kind::Bytes(_, lens) => value::show_bytes((lens.get)(settings)),
            Kind::Choice(names, lens) => {
                let place = usize::try_from((lens.get)(settings)).unwrap_or(usize::MAX);
                value::show_text(names.get(place).copied().unwrap_or_default())
            }
            Kind::Path(lens) => value::show_text(&(lens.get)(settings).to_string_lossy()),
            Kind::Peers(lens) => value::show_peers(&(lens.get)(settings)),
            Kind::Text(_, lens) => value::show_text(&(lens.get)(settings)),
            Kind::Level(lens) => value::show_text((lens.get)(settings).name()),
            Kind::LogFormat(lens) => value::show_text((lens.get)(settings).name()),
            Kind::AccessLog(lens) => value::show_access_log(&(lens.get)(settings)),
            Kind::AccessLogFormat(lens) => value::show_text((lens.get)(settings).text()),
        }
    }
}
