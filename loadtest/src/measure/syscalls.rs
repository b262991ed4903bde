//! System calls per request, counted by strace.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::process_tree::process_ids;
use crate::drivers::on_path;
use crate::error::{Error, Result};

/// How long strace needs to attach to all threads.
const ATTACH: Duration = Duration::from_millis(500);

/// System calls by name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Syscalls {
    /// All calls for each request.
    pub(crate) per_request: f64,
    /// The names that occur most, with calls for each request.
    pub(crate) most: Vec<(String, f64)>,
}

/// A count under way.
pub(crate) struct Strace(Child);

impl Strace {
    /// Attaches to a process and its descendants.
    pub(crate) fn attach(root: i32) -> Result<Self> {
        let program = on_path("strace").ok_or_else(|| Error::Absent("strace is not on PATH".to_owned()))?;
        let mut command = Command::new(program);
        command.args(["-c", "-f", "-U", "name,calls"]);
        for pid in process_ids(root) {
            command.args(["-p", &pid.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        std::thread::sleep(ATTACH);
        if child.try_wait()?.is_none() {
            return Ok(Self(child));
        }
        let said = child.wait_with_output()?.stderr;
        Err(Error::Absent(format!("strace: {}", String::from_utf8_lossy(&said).trim())))
    }

    /// Detaches; the calls are shared among `requests`.
    pub(crate) fn finish(self, requests: u64) -> Result<Syscalls> {
        let pid = Pid::from_raw(self.0.id().cast_signed());
        kill(pid, Signal::SIGINT).map_err(std::io::Error::from)?;
        let said = self.0.wait_with_output()?.stderr;
        Ok(share(parse(&String::from_utf8_lossy(&said)), requests))
    }
}

/// Lines of a name and a number.
fn parse(text: &str) -> Vec<(String, u64)> {
    let row = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (name, calls) = (words.next()?, words.next()?.parse().ok()?);
        (words.next().is_none() && name != "total").then(|| (name.to_owned(), calls))
    };
    text.lines().filter_map(row).collect()
}

fn share(mut counts: Vec<(String, u64)>, requests: u64) -> Syscalls {
    let each = |calls: u64| calls as f64 / requests.max(1) as f64;
    counts.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
    Syscalls {
        per_request: each(counts.iter().map(|(_, calls)| calls).sum()),
        most: counts.into_iter().take(6).map(|(name, calls)| (name, each(calls))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let text = "strace: Process 12 attached\nsyscall              calls\n---------------- ---------\nrecvfrom               200\nepoll_wait             300\n---------------- ---------\ntotal                  500\n";
        let calls = share(parse(text), 100);
        assert!((calls.per_request - 5.0).abs() < 1e-9);
        assert_eq!(calls.most, [("epoll_wait".to_owned(), 3.0), ("recvfrom".to_owned(), 2.0)]);
    }
}
