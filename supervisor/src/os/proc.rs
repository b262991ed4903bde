//! What the kernel tells about a process (`proc(5)`).

use std::fs;

/// Where a process is, as seen from outside; a part that the kernel does not tell is empty.
pub(crate) struct Snapshot {
    /// One letter: `R` running, `S` sleeping, `D` waiting for a device, `T` stopped.
    pub(crate) state: String,
    /// The kernel function that it waits in.
    pub(crate) kernel_function: String,
    /// The number of the system call that it is in, its arguments, stack pointer and program counter; or `running`.
    pub(crate) system_call: String,
}

impl Snapshot {
    /// Looks at process `pid`.
    pub(crate) fn take(pid: i32) -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let stat = read("stat");
        // The name, in parentheses before the state, may hold anything.
        let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
        Self {
            state: state.unwrap_or_default().to_owned(),
            kernel_function: read("wchan").trim().to_owned(),
            system_call: read("syscall").trim().to_owned(),
        }
    }
}

/// The longest accept queue that the system allows (`net.core.somaxconn`).
pub(crate) fn longest_backlog() -> Option<u32> {
    fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?.trim().parse().ok()
}

/// What a process uses, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All that is in memory of it (`VmRSS`).
    pub(crate) resident: u64,
    /// What it shares with nobody's file (`RssAnon`): without the model image.
    pub(crate) anonymous: u64,
}

impl Memory {
    /// Looks at process `pid`; none if it is gone.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        let bytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
        };
        Some(Self { resident: bytes("VmRSS:")?, anonymous: bytes("RssAnon:")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "VmRSS:\t    2652 kB\nRssAnon:\t    1652 kB\nRssFile: 2 kB\n";
        assert_eq!(Memory::parse(status), Some(Memory { resident: 2_715_648, anonymous: 1_691_648 }));
        assert_eq!(Memory::parse("Name: x\nVmRSS: 1 kB\n"), None);
        let own = Memory::of(std::process::id().cast_signed()).unwrap();
        assert!(own.anonymous > 0 && own.resident >= own.anonymous);
    }
}
