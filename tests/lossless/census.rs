//! What a process holds, by kind: to compare with what it held before.

use std::collections::BTreeMap;
use std::fs;

/// Descriptors and shared mappings of a process: how many of each kind.
pub(crate) type Census = BTreeMap<String, usize>;

/// Counts what the process with this id holds.
pub(crate) fn census(pid: i32) -> Census {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let descriptors = links.map(|link| format!("descriptor {}", kind(&link.to_string_lossy())));
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let shared: Vec<_> = maps.lines().filter(|line| is_shared(line)).collect();
    let mappings = shared.iter().map(|line| {
        let name = line.split_whitespace().nth(5).unwrap_or("nameless");
        format!("mapping {name}")
    });
    let mut census = Census::new();
    for thing in descriptors.chain(mappings) {
        *census.entry(thing).or_default() += 1;
    }
    census
}

/// `socket:[123]` and `pipe:[456]` without their numbers.
fn kind(link: &str) -> &str {
    if link.starts_with("anon_inode") { link } else { link.split(":[").next().unwrap_or(link) }
}

/// A mapping of memory that other processes see, or of an image (which is private, but of a memfd).
fn is_shared(line: &str) -> bool {
    line.split_whitespace().nth(1).is_some_and(|rights| rights.ends_with('s')) || line.contains("/memfd:")
}

/// The living processes of a group: neither gone nor zombies.
pub(crate) fn living_in_group(group: i32) -> Vec<String> {
    let entries =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let stats = entries.filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok());
    stats.filter(|stat| is_alive_in(stat, group)).collect()
}

fn is_alive_in(stat: &str, group: i32) -> bool {
    // The name may hold blanks and brackets; what follows the last bracket does not: state, parent, group.
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let state = fields.next().unwrap_or("X");
    !matches!(state, "Z" | "X") && fields.nth(1) == Some(&group.to_string())
}
