//! Whether the kernel killed a process because memory had run out: the control group's own count tells.

use std::fs;
use std::path::PathBuf;

use crate::fleet::Exit;

/// Watches the count of kills for lack of memory in this process's control group.
pub(crate) struct OomKills {
    file: Option<PathBuf>,
    seen: u64,
}

impl OomKills {
    /// Finds the count; without one (no control groups, the root group) nothing is ever explained.
    pub(crate) fn find() -> Self {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let file = candidates(&groups).into_iter().find(|path| count_in(path).is_some());
        let seen = file.as_ref().and_then(count_in).unwrap_or(0);
        Self { file, seen }
    }

    /// `exit`, or that memory had run out, if one more such kill has been counted since the last time.
    pub(crate) fn explain(&mut self, exit: Exit) -> Exit {
        if exit != Exit::Signal("SIGKILL") {
            return exit;
        }
        let count = self.file.as_ref().and_then(count_in).unwrap_or(self.seen);
        if count > self.seen {
            // One kill explains one end.
            self.seen += 1;
            return Exit::OutOfMemory;
        }
        exit
    }
}

/// Files that may hold the count, for the groups that `/proc/self/cgroup` names (`cgroups(7)`): version 2 first. In a
/// container the path may be that of the host, while the group itself is mounted at the root.
fn candidates(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let path = path.trim_start_matches('/');
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.events"),
            _ if controllers.split(',').any(|c| c == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.oom_control")
            }
            _ => continue,
        };
        files.extend([PathBuf::from(root).join(path).join(name), PathBuf::from(root).join(name)]);
    }
    files
}

fn count_in(file: &PathBuf) -> Option<u64> {
    parse(&fs::read_to_string(file).ok()?)
}

/// The line `oom_kill N`, which both versions have.
fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_and_read() {
        let files = candidates("9:name=systemd:/\n4:memory:/a/b\n0::/c\n");
        let files: Vec<_> = files.iter().map(|f| f.to_str().unwrap()).collect();
        let expected = [
            "/sys/fs/cgroup/memory/a/b/memory.oom_control",
            "/sys/fs/cgroup/memory/memory.oom_control",
            "/sys/fs/cgroup/c/memory.events",
            "/sys/fs/cgroup/memory.events",
        ];
        assert_eq!(files, expected);
        assert_eq!(parse("low 0\nhigh 0\noom 3\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), Some(5));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn one_kill_explains_one_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory.events");
        fs::write(&file, "oom_kill 1\n").unwrap();
        let mut kills = OomKills { file: Some(file.clone()), seen: 1 };
        let killed = Exit::Signal("SIGKILL");
        assert_eq!(kills.explain(killed), killed);
        fs::write(&file, "oom_kill 2\n").unwrap();
        assert_eq!(kills.explain(Exit::Signal("SIGSEGV")), Exit::Signal("SIGSEGV"));
        assert_eq!(kills.explain(killed), Exit::OutOfMemory);
        assert_eq!(kills.explain(killed), killed);
    }
}
