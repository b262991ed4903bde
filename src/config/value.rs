//! The grammar of single values: from what was given to a typed value, and back to TOML.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::access_log::FormatError;
use super::{
    AccessLogFormat, AccessLogTarget, BindAddress, ControlSocket, LogFormat, LogLevel, TrustedPeers,
};

/// A value as it was given, before it is known what it is for. Flags and the environment give text; the file gives
/// text, numbers or lists. Every setting reads text, so one grammar serves all sources.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A list of strings.
    List(Vec<String>),
    /// Something that no setting takes (a boolean, a date, a table, a huge integer, a mixed list).
    Other,
}

impl Given {
    /// What a TOML value gives.
    pub(super) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.clone().into_owned()),
            DeValue::Integer(i) => {
                i64::from_str_radix(i.as_str(), i.radix()).map_or(Self::Other, Self::Integer)
            }
            DeValue::Float(f) => f.as_str().parse().map_or(Self::Other, Self::Float),
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map_or(Self::Other, Self::List)
            }
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => Self::Other,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()),
            _ => None,
        }
    }
}

/// The word `auto`.
pub(super) fn is_auto(given: &Given) -> bool {
    given.text().is_some_and(|text| text.eq_ignore_ascii_case("auto"))
}

/// An integer that is not negative.
pub(super) fn integer(given: &Given) -> Option<u64> {
    match given {
        Given::Integer(i) => u64::try_from(*i).ok(),
        Given::Text(text) => digits(text.trim()),
        _ => None,
    }
}

/// A duration: a number of seconds, or a number with the unit `ms`, `s`, `m` or `h`.
pub(super) fn seconds(given: &Given) -> Option<Duration> {
    match given {
        Given::Integer(i) => u64::try_from(*i).ok().map(Duration::from_secs),
        Given::Float(f) => Duration::try_from_secs_f64(*f).ok(),
        Given::Text(text) => {
            let (number, unit) = number_and_unit(text);
            let unit = match unit {
                "ms" => 0.001,
                "" | "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
            // The characters are digits and points alone: `inf`, `nan`, `1e9` and signs do not get here.
            Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
        }
        _ => None,
    }
}

/// Units of sizes, largest first: the order in which [`show_bytes`] tries the binary ones.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A size: an integer in bytes, or an integer with a unit (`16 MiB`, `1GB`).
pub(super) fn bytes(given: &Given) -> Option<u64> {
    let Some(text) = given.text() else { return integer(given) };
    let (number, unit) = number_and_unit(text);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == if unit.is_empty() { "B" } else { unit })?;
    digits(number)?.checked_mul(*factor)
}

/// A path; relative ones are relative to the working directory.
pub(super) fn path(given: &Given) -> Option<PathBuf> {
    match given {
        Given::Text(text) if !text.is_empty() && !text.contains('\0') => Some(PathBuf::from(text)),
        _ => None,
    }
}

/// What a text may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum TextKind {
    /// A path.
    File,
    /// A path, or gunicorn's `-` for the standard stream, which is the same as none.
    LogFile,
    /// A user or a group.
    Name,
    /// A number in octal.
    Octal,
    /// The beginning of a process's name, of which the kernel keeps 15 bytes.
    ProcessName,
}

impl TextKind {
    /// What it takes, in words that fit behind "expected".
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::File => "a path, or \"\" for none",
            Self::LogFile => "a path, or \"-\" or \"\" for standard error",
            Self::Name => "a name or a number, or \"\" for none",
            Self::Octal => "octal digits from \"0\" to \"0777\", or \"\" for what was inherited",
            Self::ProcessName => "1 to 10 printable ASCII characters without blanks",
        }
    }

    fn allows(self, text: &str) -> bool {
        match self {
            Self::File | Self::LogFile | Self::Name => !text.contains('\0'),
            Self::Octal => text.is_empty() || u32::from_str_radix(text, 8).is_ok_and(|mask| mask <= 0o777),
            Self::ProcessName => (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
        }
    }
}

/// A text of some kind.
pub(super) fn text(given: &Given, kind: TextKind) -> Option<String> {
    let text = match (kind, given.text()?) {
        (TextKind::LogFile, "-") => "",
        (_, text) => text,
    };
    kind.allows(text).then(|| text.to_owned())
}

/// Where the access log goes: a path, `-` for standard output, or nothing.
pub(super) fn access_log(given: &Given) -> Option<AccessLogTarget> {
    match given.text()? {
        "" => Some(AccessLogTarget::Off),
        "-" => Some(AccessLogTarget::Stdout),
        _ => path(given).map(AccessLogTarget::File),
    }
}

/// The access log's target as a TOML string.
pub(super) fn show_access_log(target: &AccessLogTarget) -> String {
    match target {
        AccessLogTarget::Off => show_text(""),
        AccessLogTarget::Stdout => show_text("-"),
        AccessLogTarget::File(path) => show_text(&path.to_string_lossy()),
    }
}

/// What a line of the access log holds; `None` for what is no text.
pub(super) fn access_log_format(given: &Given) -> Option<Result<AccessLogFormat, FormatError>> {
    given.text().map(AccessLogFormat::parse)
}

/// The name of a way to write the log, in any case.
pub(super) fn log_format(given: &Given) -> Option<LogFormat> {
    let text = given.text()?;
    LogFormat::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, format)| *format)
}

/// gunicorn's name of a log level, in any case.
pub(super) fn level(given: &Given) -> Option<LogLevel> {
    let text = given.text()?;
    LogLevel::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, level)| *level)
}

/// The place of the name that was given, in any case, among `names`.
pub(super) fn choice(given: &Given, names: &[&str]) -> Option<u64> {
    let Given::Text(text) = given else { return None };
    Some(names.iter().position(|name| name.eq_ignore_ascii_case(text.trim()))? as u64)
}

/// One address, several with commas between them, or a list; none twice, except where the system chooses the port.
pub(super) fn addresses(given: &Given) -> Option<Vec<BindAddress>> {
    let parts: Vec<&str> = match given {
        Given::Text(text) => text.split(',').collect(),
        Given::List(list) => list.iter().map(String::as_str).collect(),
        _ => return None,
    };
    let addresses = parts.into_iter().map(|part| address(part.trim())).collect::<Option<Vec<_>>>()?;
    let twice = |(i, address)| addresses[..i].contains(address) && !is_port_zero(address);
    (!addresses.is_empty() && !addresses.iter().enumerate().any(twice)).then_some(addresses)
}

/// An empty string.
pub(super) fn is_empty(given: &Given) -> bool {
    given.text().is_some_and(str::is_empty)
}

/// One address.
pub(super) fn one_address(given: &Given) -> Option<BindAddress> {
    address(given.text()?)
}

/// `auto`, a path, or nothing: an empty string or `off` (an empty variable counts as not set).
pub(super) fn control_socket(given: &Given) -> Option<ControlSocket> {
    let text = given.text()?;
    match text {
        "" | "off" => Some(ControlSocket::Off),
        _ if is_auto(given) => Some(ControlSocket::Auto),
        _ => (text.len() <= UNIX_PATH_MAX && !text.contains('\0')).then(|| ControlSocket::At(text.into())),
    }
}

/// Addresses of peers that are believed, or `*`; an empty string or list is nobody.
pub(super) fn peers(given: &Given) -> Option<TrustedPeers> {
    let parts: Vec<&str> = match given {
        Given::Text(text) => text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect(),
        Given::List(list) => list.iter().map(|part| part.trim()).collect(),
        _ => return None,
    };
    if parts.contains(&"*") {
        return Some(TrustedPeers::Any);
    }
    parts.into_iter().map(|part| part.parse().ok()).collect::<Option<_>>().map(TrustedPeers::These)
}

/// The longest path of a Unix socket, in bytes: `sun_path` holds 108, the last of them NUL (unix(7)).
const UNIX_PATH_MAX: usize = 107;

/// The port where none is given, as in gunicorn.
const DEFAULT_PORT: u16 = 8000;

/// `HOST:PORT`, `HOST`, `:PORT` or `unix:PATH`, read as gunicorn reads them: no host is every IPv4 address, no port is
/// 8000, an IPv6 address stands in brackets. Names are not resolved, so `localhost` is the only one: 127.0.0.1.
fn address(text: &str) -> Option<BindAddress> {
    if let Some(path) = text.strip_prefix("unix:") {
        let fits = (1..=UNIX_PATH_MAX).contains(&path.len()) && !path.contains('\0');
        return fits.then(|| BindAddress::Unix(path.into()));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, u16::try_from(digits(port)?).ok()?),
        _ => (text, DEFAULT_PORT),
    };
    let ip = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inside) => IpAddr::V6(inside.parse().ok()?),
        None if host.is_empty() && !text.is_empty() => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        None if host.eq_ignore_ascii_case("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        None => IpAddr::V4(host.parse().ok()?),
    };
    Some(BindAddress::Tcp(SocketAddr::new(ip, port)))
}

fn is_port_zero(address: &BindAddress) -> bool {
    matches!(address, BindAddress::Tcp(address) if address.port() == 0)
}

/// A number in plain digits: `u64::from_str` would take a plus sign too.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Splits `16 MiB` into `16` and `MiB`; the number is made of digits and points alone.
fn number_and_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// A TOML basic string.
pub(super) fn show_text(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => write!(out, "\\u{:04X}", u32::from(c)).expect("a string takes all"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Seconds, as an integer where that is exact.
pub(super) fn show_seconds(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        duration.as_secs().to_string()
    } else {
        duration.as_secs_f64().to_string()
    }
}

/// A size in the largest binary unit that is exact, as a TOML value.
pub(super) fn show_bytes(bytes: u64) -> String {
    let exact = |(name, factor): &&(&str, u64)| {
        name.ends_with("iB") && bytes >= *factor && bytes.is_multiple_of(*factor)
    };
    match UNITS.iter().find(exact) {
        Some((name, factor)) => format!("\"{} {name}\"", bytes / factor),
        None => bytes.to_string(),
    }
}

/// One address as a TOML string, several as a list.
pub(super) fn show_addresses(addresses: &[BindAddress]) -> String {
    let show = |address: &BindAddress| match address {
        BindAddress::Tcp(address) => show_text(&address.to_string()),
        BindAddress::Unix(path) => show_text(&format!("unix:{}", path.display())),
    };
    match addresses {
        [one] => show(one),
        many => format!("[{}]", many.iter().map(show).collect::<Vec<_>>().join(", ")),
    }
}

/// An address as a TOML string, empty for none.
pub(super) fn show_address_or_none(address: Option<&BindAddress>) -> String {
    address.map_or_else(|| show_text(""), |address| show_addresses(std::slice::from_ref(address)))
}

/// A control socket as a TOML string.
pub(super) fn show_control_socket(socket: &ControlSocket) -> String {
    match socket {
        ControlSocket::Auto => show_text("auto"),
        ControlSocket::Off => show_text(""),
        ControlSocket::At(path) => show_text(&path.to_string_lossy()),
    }
}

/// Peers as a TOML value: a string for one and for all, else a list.
pub(super) fn show_peers(peers: &TrustedPeers) -> String {
    match peers {
        TrustedPeers::Any => show_text("*"),
        TrustedPeers::These(addresses) => match addresses.as_slice() {
            [one] => show_text(&one.to_string()),
            many => {
                let shown: Vec<_> = many.iter().map(|address| show_text(&address.to_string())).collect();
                format!("[{}]", shown.join(", "))
            }
        },
    }
}
