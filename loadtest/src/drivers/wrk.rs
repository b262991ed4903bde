//! wrk, as users run it: a closed loop in C, the cheapest client there is, so the one that finds saturation.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::pin::Pin;
use crate::requests::RawRequest;
use crate::scenario::Load;

/// What wrk reports.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct WrkReport {
    /// Answers.
    pub(crate) requests: u64,
    /// Answers a second.
    pub(crate) per_second: f64,
    /// Answers with a status of 400 or more (wrk calls them Non-2xx or 3xx).
    pub(crate) bad_status: u64,
    /// Connect, read, write and timeout errors together.
    pub(crate) socket_errors: u64,
}

/// Writes requests as `loadtest/wrk/replay.lua` reads them.
pub(crate) fn write_requests(path: &Path, requests: &[RawRequest]) -> io::Result<()> {
    let mut file = io::BufWriter::new(std::fs::File::create(path)?);
    for request in requests {
        writeln!(file, "{}", request.bytes.len())?;
        file.write_all(&request.bytes)?;
    }
    file.flush()
}

/// The command line of a run.
pub(crate) fn command(
    script: &Path,
    address: SocketAddr,
    load: &Load,
    requests: &Path,
    duration: Duration,
) -> (PathBuf, Vec<String>) {
    let seconds = duration.as_secs().max(1);
    let args = vec![
        "-t1".to_owned(),
        format!("-c{}", load.connections),
        format!("-d{seconds}s"),
        "--timeout".to_owned(),
        "10s".to_owned(),
        "-s".to_owned(),
        script.display().to_string(),
        format!("http://{address}"),
        "--".to_owned(),
        requests.display().to_string(),
        load.pipeline.to_string(),
    ];
    (PathBuf::from("wrk"), args)
}

/// Runs wrk to its end.
pub(crate) fn run((program, args): &(PathBuf, Vec<String>), pin: &Pin) -> Result<WrkReport> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = pin.spawn(&mut command)?.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse(&text).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Error::Driver { program: "wrk", problem: format!("{}: {}{}", output.status, text, complaint) }
    })
}

/// Reads what wrk prints; `None` if it did not come to its summary.
pub(crate) fn parse(text: &str) -> Option<WrkReport> {
    let mut report = WrkReport::default();
    let mut complete = false;
    for line in text.lines().map(str::trim) {
        if let Some((count, _)) = line.split_once(" requests in ") {
            report.requests = count.parse().ok()?;
        } else if let Some(rate) = line.strip_prefix("Requests/sec:") {
            report.per_second = rate.trim().parse().ok()?;
            complete = true;
        } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
            report.bad_status = count.trim().parse().ok()?;
        } else if let Some(errors) = line.strip_prefix("Socket errors:") {
            let numbers = errors.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
            report.socket_errors = numbers.filter_map(|digits| digits.parse::<u64>().ok()).sum();
        }
    }
    complete.then_some(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read() {
        let text = "Running 2s test @ http://127.0.0.1:8000\n  1 threads and 32 connections\n  Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency   267.61us   46.09us   1.73ms   84.70%\n    Req/Sec   118.35k     4.69k  125.73k    85.00%\n  247195 requests in 2.10s, 74.26MB read\n  Socket errors: connect 0, read 3, write 1, timeout 2\n  Non-2xx or 3xx responses: 7\nRequests/sec: 117711.58\nTransfer/sec:     35.36MB\n";
        let expected =
            WrkReport { requests: 247_195, per_second: 117_711.58, bad_status: 7, socket_errors: 6 };
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("unable to connect to 127.0.0.1:1 Connection refused\n"), None);
    }
}
