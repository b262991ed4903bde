//! oha, as users run it: a closed loop on tokio, with one body, or one body a line of a file.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::pin::Pin;
use crate::requests::{Dialect, RawRequest, body_of};
use crate::scenario::{Load, Work};

/// What oha reports.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct OhaReport {
    /// Answers a second.
    pub(crate) per_second: f64,
    /// The share of requests that were answered, from 0 to 1.
    pub(crate) success_rate: f64,
    /// Closed-loop median latency, in microseconds.
    pub(crate) p50_us: Option<f64>,
    /// Closed-loop 99th percentile, in microseconds.
    pub(crate) p99_us: Option<f64>,
}

/// Whether oha can make this load: it cannot pipeline.
pub(crate) fn can_drive(load: &Load) -> bool {
    load.pipeline == 1
}

/// Writes the bodies, one a line.
pub(crate) fn write_bodies(path: &Path, requests: &[RawRequest]) -> io::Result<()> {
    let mut file = io::BufWriter::new(std::fs::File::create(path)?);
    for request in requests {
        file.write_all(body_of(&request.bytes))?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// The command line of a run.
pub(crate) fn command(
    address: SocketAddr,
    dialect: Dialect,
    load: &Load,
    bodies: &Path,
    duration: Duration,
) -> (PathBuf, Vec<String>) {
    let mut args: Vec<String> = ["--no-tui", "--output-format", "json", "-z"].map(str::to_owned).into();
    args.push(format!("{}s", duration.as_secs().max(1)));
    args.push("-c".to_owned());
    args.push(load.connections.to_string());
    if load.reconnect {
        args.push("--disable-keepalive".to_owned());
    }
    let path = if let Work::Get(path) = load.work {
        path
    } else {
        args.extend(["-m", "POST", "-T", "application/json", "-Z"].map(str::to_owned));
        args.push(bodies.display().to_string());
        dialect.predict_path()
    };
    args.push(format!("http://{address}{path}"));
    (PathBuf::from("oha"), args)
}

/// Runs oha to its end.
pub(crate) fn run((program, args): &(PathBuf, Vec<String>), pin: &Pin) -> Result<OhaReport> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = pin.spawn(&mut command)?.wait_with_output()?;
    parse(&output.stdout).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Error::Driver { program: "oha", problem: format!("{}: {complaint}", output.status) }
    })
}

/// Reads oha's JSON; `None` if it is something else.
pub(crate) fn parse(json: &[u8]) -> Option<OhaReport> {
    let report: Value = serde_json::from_slice(json).ok()?;
    let micros = |name: &str| report["latencyPercentiles"][name].as_f64().map(|seconds| seconds * 1e6);
    Some(OhaReport {
        per_second: report["summary"]["requestsPerSec"].as_f64()?,
        success_rate: report["summary"]["successRate"].as_f64()?,
        p50_us: micros("p50"),
        p99_us: micros("p99"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_read() {
        let json = br#"{"summary":{"successRate":0.99,"requestsPerSec":1234.5},
            "latencyPercentiles":{"p50":0.001,"p99":0.25},"rps":{"mean":null}}"#;
        let expected = OhaReport {
            per_second: 1_234.5,
            success_rate: 0.99,
            p50_us: Some(1_000.0),
            p99_us: Some(250_000.0),
        };
        assert_eq!(parse(json), Some(expected));
        assert_eq!(parse(b"error: unexpected argument"), None);
    }
}
