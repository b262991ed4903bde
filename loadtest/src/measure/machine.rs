//! The machine and the versions of all that took part.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::pin;

/// What a reader must know to judge the figures.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) processor: String,
    /// Cores that the load test may use.
    pub(crate) cores: usize,
    /// Memory, in KiB.
    pub(crate) memory_kib: u64,
    /// Kernel name and release.
    pub(crate) kernel: String,
    /// Whether the processor says that it is a virtual machine's.
    pub(crate) is_virtual: bool,
    /// The commit of the source, with `+` behind it if files were changed.
    pub(crate) commit: String,
    /// Tools and their versions.
    pub(crate) tools: Vec<(String, String)>,
}

impl Machine {
    /// This machine, with the source in `root`.
    pub(crate) fn describe(root: &Path) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = value_of(&meminfo, "MemTotal").unwrap_or_default();
        let git = |args: &[&str]| {
            first_line(Command::new("git").arg("-C").arg(root).args(args)).unwrap_or_default()
        };
        let changed =
            if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { "+" };
        let tools = [("rustc", "--version"), ("wrk", "-v"), ("oha", "--version"), ("strace", "--version")];
        Self {
            processor: value_of(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            cores: pin::cores().len(),
            memory_kib: memory.trim_end_matches(" kB").parse().unwrap_or(0),
            kernel: first_line(Command::new("uname").arg("-sr")).unwrap_or_default(),
            is_virtual: value_of(&cpuinfo, "flags").is_some_and(|f| f.split(' ').any(|f| f == "hypervisor")),
            commit: format!("{}{changed}", git(&["rev-parse", "--short=12", "HEAD"])),
            tools: tools
                .iter()
                .map(|(name, flag)| {
                    let version = first_line(Command::new(name).arg(flag));
                    ((*name).to_owned(), version.unwrap_or_else(|| "not on PATH".to_owned()))
                })
                .collect(),
        }
    }
}

/// The value behind `name` in a file of `name : value` lines.
fn value_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The first line that a command writes, whichever way; `None` if it cannot run.
pub(crate) fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&text).lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name() {
        let text = "model name\t: A CPU @ 3 GHz\nMemTotal:       24000 kB\n";
        assert_eq!(value_of(text, "model name"), Some("A CPU @ 3 GHz"));
        assert_eq!(value_of(text, "MemTotal"), Some("24000 kB"));
        assert_eq!(value_of(text, "name"), None);
    }
}
