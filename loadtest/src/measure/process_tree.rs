//! A process with all its descendants, as /proc shows them: CPU time and memory.

use std::collections::HashMap;
use std::fs;
use std::ops::Sub;

use nix::unistd::{SysconfVar, sysconf};
use serde::{Deserialize, Serialize};

/// CPU time, in microseconds. The kernel counts it in ticks (10 ms as a rule), so a run should take a second or more.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct CpuTime {
    /// In the program.
    pub(crate) user_us: f64,
    /// In the kernel for the program.
    pub(crate) system_us: f64,
}

impl CpuTime {
    /// Both together.
    pub(crate) fn total_us(self) -> f64 {
        self.user_us + self.system_us
    }

    /// This, shared among `count`.
    pub(crate) fn per(self, count: u64) -> Self {
        let count = count.max(1) as f64;
        Self { user_us: self.user_us / count, system_us: self.system_us / count }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { user_us: self.user_us - earlier.user_us, system_us: self.system_us - earlier.system_us }
    }
}

/// What `/proc/PID/stat` says of a process or thread.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    parent: i32,
    cpu: CpuTime,
}

/// CPU time of each unit of a tree at one moment: what a later moment is compared with.
#[derive(Clone, Debug, Default)]
pub(crate) struct CpuSample(HashMap<i32, CpuTime>);

/// The process ids of a process and all its descendants.
pub(crate) fn process_ids(root: i32) -> Vec<i32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok())
            && let Some(stat) = read_stat(&format!("/proc/{pid}/stat"))
        {
            parents.push((pid, stat.parent));
        }
    }
    descendants(root, &parents)
}

fn descendants(root: i32, parents: &[(i32, i32)]) -> Vec<i32> {
    let mut tree = vec![root];
    let mut at = 0;
    while at < tree.len() {
        let this = tree[at];
        tree.extend(parents.iter().filter(|(_, parent)| *parent == this).map(|(pid, _)| *pid));
        at += 1;
    }
    tree
}

fn read_stat(path: &str) -> Option<Stat> {
    parse_stat(&fs::read_to_string(path).ok()?, ticks_per_second())
}

fn ticks_per_second() -> f64 {
    sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64
}

/// `pid (name) state ppid … utime stime …`; the name may hold spaces and brackets (`proc_pid_stat(5)`).
fn parse_stat(text: &str, ticks_per_second: f64) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let micros = |at: usize| -> Option<f64> {
        Some(fields.get(at)?.parse::<u64>().ok()? as f64 * 1e6 / ticks_per_second)
    };
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        cpu: CpuTime { user_us: micros(11)?, system_us: micros(12)? },
    })
}

impl CpuSample {
    /// The processes of the tree now.
    pub(crate) fn of_processes(root: i32) -> Self {
        let read = |pid: i32| Some((pid, read_stat(&format!("/proc/{pid}/stat"))?.cpu));
        Self(process_ids(root).into_iter().filter_map(read).collect())
    }

    /// The threads of one process now.
    pub(crate) fn of_threads(pid: i32) -> Self {
        let folder = format!("/proc/{pid}/task");
        let tasks = fs::read_dir(&folder).into_iter().flatten().flatten();
        let read = |name: &str| Some((name.parse().ok()?, read_stat(&format!("{folder}/{name}/stat"))?.cpu));
        Self(tasks.filter_map(|entry| read(entry.file_name().to_str()?)).collect())
    }

    /// All CPU time since `earlier`. A process that came and went in between is not seen.
    pub(crate) fn since(&self, earlier: &Self) -> CpuTime {
        self.each_since(earlier).into_iter().fold(CpuTime::default(), |sum, (_, cpu)| CpuTime {
            user_us: sum.user_us + cpu.user_us,
            system_us: sum.system_us + cpu.system_us,
        })
    }

    /// CPU time since `earlier` of each unit that is still there.
    pub(crate) fn each_since(&self, earlier: &Self) -> Vec<(i32, CpuTime)> {
        let before = |id: &i32| earlier.0.get(id).copied().unwrap_or_default();
        self.0.iter().map(|(id, &now)| (*id, now - before(id))).collect()
    }
}

/// Hottest ÷ mean over the workers, from the CPU time of each since `earlier`: 1 is a perfect spread. The workers are
/// the `workers` busiest units.
pub(crate) fn spread(each: &[(i32, CpuTime)], workers: usize) -> Option<f64> {
    let mut times: Vec<f64> = each.iter().map(|(_, cpu)| cpu.total_us()).collect();
    times.sort_by(|a, b| b.total_cmp(a));
    times.truncate(workers);
    let mean = times.iter().sum::<f64>() / workers as f64;
    (mean > 0.0).then(|| times[0] / mean)
}

/// Proportional set size of the whole tree, in KiB: shared pages count in part, so nothing counts twice.
pub(crate) fn pss_kib(root: i32) -> u64 {
    let read = |pid: i32| parse_pss(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?);
    process_ids(root).into_iter().filter_map(read).sum()
}

fn parse_pss(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_whatever_the_name() {
        let text = "42 (a) b) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 9 9 20 0 1 0 100 1000 10";
        let cpu = CpuTime { user_us: 1_500_000.0, system_us: 500_000.0 };
        assert_eq!(parse_stat(text, 100.0), Some(Stat { parent: 7, cpu }));
        assert_eq!(parse_stat("42 (a) S", 100.0), None);
    }

    #[test]
    fn a_tree_is_all_descendants() {
        let parents = [(2, 1), (3, 2), (4, 1), (5, 9), (6, 3)];
        assert_eq!(descendants(2, &parents), [2, 3, 6]);
    }

    #[test]
    fn pss_is_read() {
        let text = "55d4 rollup\nRss:  9000 kB\nPss:                5120 kB\nPss_Dirty:  100 kB\n";
        assert_eq!(parse_pss(text), Some(5_120));
        assert_eq!(parse_pss("Rss: 1 kB"), None);
    }

    #[test]
    fn this_process_costs_cpu_and_memory() {
        let pid = std::process::id().cast_signed();
        let before = CpuSample::of_processes(pid);
        let began = std::time::Instant::now();
        let mut sum = 0_u64;
        while CpuSample::of_threads(pid).since(&CpuSample::default()).total_us() == 0.0 || sum == 0 {
            sum = (0..1_000_000).fold(sum | 1, |sum, at| sum.wrapping_mul(31) + at);
            assert!(began.elapsed().as_secs() < 60);
        }
        assert!(CpuSample::of_processes(pid).since(&before).total_us() >= 0.0);
        assert!(pss_kib(pid) > 100);
    }

    #[test]
    fn spread_is_hottest_over_mean_of_the_workers() {
        let cpu = |user_us| CpuTime { user_us, system_us: 0.0 };
        let each = [(1, cpu(0.0)), (2, cpu(30.0)), (3, cpu(10.0))];
        assert_eq!(spread(&each, 2), Some(1.5));
        assert_eq!(spread(&each, 3), Some(30.0 / (40.0 / 3.0)));
        assert_eq!(spread(&[], 2), None);
    }
}
