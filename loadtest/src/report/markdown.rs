//! `RESULTS.md`: figures, method and limits, as one page of Markdown.

use std::fmt::Write as _;

use super::model::Report;
use super::table::tables;

/// How figures are taken; the same words in every form of the report.
pub(crate) const METHOD: &[&str] = &[
    "Every target serves the same model and must first give scikit-learn's labels for the artifact's probe texts. The \
     ceiling reads the same bodies and answers with fixed bodies of the same size.",
    "Start-up, memory, system calls and the spread over workers are taken with the target alone. All targets run \
     while scenarios are measured, but only one has load at a time. In each round of a scenario the targets are \
     saturated one after the other (A B A B), then driven in open loops one after the other.",
    "Saturation is found by wrk in a closed loop (by our own generator where there is no wrk). Latencies are taken in an \
     open loop: requests are due at random times (Poisson) that the server cannot delay, and latency counts from \
     the due time. A request that fails is counted by kind and has no latency.",
    "CPU time is that of the whole process tree, from /proc, while wrk drives it. PSS is summed over the tree.",
    "Figures are medians over the rounds, with the range beside the rate. Ratios are formed within a round first.",
];

/// What the figures do not say.
pub(crate) const LIMITS: &[&str] = &[
    "Client and server share one machine and its loopback: no network card, no other tenant of the cache, or several, \
     unknown, on a rented machine. Compare figures of one run only.",
    "One worker on one core. How things scale beyond the cores of this machine is not measured and not claimed.",
    "wrk's latencies are not used: a closed loop waits for slow answers and so hides them.",
    "Where the generator's own lateness (the last column) is not small beside a latency, that latency is \
     the generator's. A percentile of fewer than a thousand requests is mostly chance; slow targets have few.",
    "CPU time comes in ticks of the kernel; the split between user and system time is sampled.",
    "System calls are counted under strace, which slows the server, so more answers share one wait than without it.",
];

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let mut out = String::from(
        "# Results\n\nWritten by `loadtest compare`; do not edit. `README.md` says how to read it.\n\n",
    );
    let machine = &report.machine;
    let method = &report.method;
    let cores = machine.cores;
    let virtual_machine = if machine.is_virtual { ", a virtual machine" } else { "" };
    let memory = machine.memory_kib / 1_000_000;
    // Writing to a string cannot fail.
    let _ = writeln!(out, "- Machine: {}, {cores} cores{virtual_machine}, {memory} GB", machine.processor);
    let _ = writeln!(out, "- Kernel: {}", machine.kernel);
    let _ = writeln!(
        out,
        "- Commit: {}; began {} UTC, took {:.0} s",
        machine.commit, method.began, method.took_s
    );
    let _ = writeln!(out, "- Servers on {}, drivers on {}", method.server_cores, method.client_cores);
    let (workers, runs, seconds) = (method.workers, method.runs, method.seconds);
    let _ = writeln!(
        out,
        "- Workers of each target: {workers}; rounds: {runs} (Python: at most 3); {seconds} s each"
    );
    for (tool, version) in &machine.tools {
        let _ = writeln!(out, "- {tool}: {version}");
    }
    let _ = writeln!(out, "- Command: `{}`\n", method.command_line);
    out.push_str("## Targets\n\n");
    for target in &report.targets {
        let name = target.name.name();
        let _ = write!(out, "- **{name}**: {}. ", target.name.about());
        match &target.absent {
            Some(reason) => _ = writeln!(out, "**Absent**: {reason}"),
            None => _ = writeln!(out, "{}. `{}`", target.version, target.command_line),
        }
        for missing in &target.missing {
            let _ = writeln!(out, "  - not measured: {missing}");
        }
    }
    out.push_str("\n## Figures\n\n");
    for table in tables(report) {
        out.push_str(&table.markdown());
    }
    for (title, points) in [("Method", METHOD), ("Limits", LIMITS)] {
        let _ = writeln!(out, "## {title}\n");
        for point in points {
            let _ = writeln!(out, "- {point}");
        }
        out.push('\n');
    }
    out.push_str(&command_lines(report));
    out
}

/// The drivers' command lines, and cells that were not measured.
fn command_lines(report: &Report) -> String {
    let mut out = String::from("## Command lines of the drivers\n\n");
    for cell in &report.cells {
        let (scenario, target) = (&cell.scenario, cell.target.name());
        if let Some(reason) = &cell.absent {
            let _ = writeln!(out, "- {scenario}, {target}: not measured, {reason}");
        }
        for command in &cell.commands {
            let _ = writeln!(out, "- {scenario}, {target}: `{command}`");
        }
    }
    out
}
