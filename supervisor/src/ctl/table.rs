//! The state of a fleet as a page for people.

use std::time::Duration;

use super::protocol::{SlotStatus, Status, WorkerStatus};

/// The columns of the table of workers.
pub(crate) const COLUMNS: [&str; 14] = [
    "SLOT",
    "PID",
    "STATE",
    "GEN",
    "AGE",
    "REQUESTS",
    "REQ/S",
    "IN FLIGHT",
    "CONNS",
    "QUEUE",
    "P50",
    "P99",
    "RSS",
    "LAST EXIT",
];

/// The lines above the table.
pub(crate) fn head(status: &Status) -> Vec<String> {
    let Status { version, pid, state, workers, max_workers, ready_workers, generation, .. } = status;
    let reloading = if status.reloading { ", reloading" } else { "" };
    vec![
        format!("linnet {version}, pid {pid}, {state}{reloading} for {}", duration(status.age)),
        format!("{} on {} ({})", status.model, status.addresses.join(", "), status.listen.replace('_', " ")),
        format!(
            "generation {generation}; {ready_workers} of {workers} workers ready, at most {max_workers}; {} deaths",
            status.deaths
        ),
        format!(
            "{} requests, {:.1} a second, {} in flight; half within {}, 99 % within {}",
            status.requests,
            status.requests_per_second,
            status.in_flight,
            millis(status.p50),
            millis(status.p99)
        ),
    ]
}

/// The table of workers, one row each; a slot without a worker has a row, too.
pub(crate) fn rows(status: &Status) -> Vec<[String; COLUMNS.len()]> {
    let of_slot = |slot: &SlotStatus| -> Vec<_> {
        if slot.workers.is_empty() {
            return vec![row(slot, None)];
        }
        slot.workers.iter().map(|worker| row(slot, Some(worker))).collect()
    };
    status.slots.iter().flat_map(of_slot).collect()
}

fn row(slot: &SlotStatus, worker: Option<&WorkerStatus>) -> [String; COLUMNS.len()] {
    let of = |text: fn(&WorkerStatus) -> String| worker.map_or_else(|| "-".to_owned(), text);
    let last = slot.last_exit.as_ref();
    [
        slot.slot.to_string(),
        of(|w| w.pid.to_string()),
        of(|w| w.state.clone()),
        of(|w| w.generation.to_string()),
        of(|w| duration(w.age)),
        of(|w| w.requests.to_string()),
        of(|w| format!("{:.1}", w.requests_per_second)),
        of(|w| w.in_flight.to_string()),
        of(|w| w.connections.to_string()),
        slot.queue.map_or_else(|| "-".to_owned(), |queue| queue.to_string()),
        of(|w| millis(w.p50)),
        of(|w| millis(w.p99)),
        of(|w| format!("{:.1} MiB", w.rss as f64 / f64::from(1 << 20))),
        last.map_or_else(
            || "-".to_owned(),
            |last| format!("{} ago: {}, {}", duration(last.ago), last.exit, last.why),
        ),
    ]
}

/// Everything as plain text, columns aligned.
pub(crate) fn text(status: &Status) -> String {
    let mut table = vec![COLUMNS.map(str::to_owned)];
    table.extend(rows(status));
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(width);
    let mut lines = head(status);
    lines.push(String::new());
    for row in &table {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    }
    lines.join("\n") + "\n"
}

/// A time in the two largest units that it fills.
fn duration(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m{s}s"),
        (0, h, m, _) => format!("{h}h{m}m"),
        (d, h, ..) => format!("{d}d{h}h"),
    }
}

fn millis(millis: f64) -> String {
    if millis >= 1_000.0 { format!("{:.2} s", millis / 1_000.0) } else { format!("{millis:.3} ms") }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ctl::protocol::LastExitStatus;

    /// A fleet with a serving worker, and a slot that waits for its next one.
    pub(crate) fn example() -> Status {
        let worker = WorkerStatus {
            pid: 12,
            state: "ready".into(),
            generation: 2,
            age: 3_725.0,
            requests: 1_000,
            requests_per_second: 12.34,
            in_flight: 1,
            connections: 3,
            p50: 0.05,
            p99: 2_500.0,
            rss: 9 << 20,
        };
        let last =
            LastExitStatus { pid: 11, exit: "SIGKILL".into(), why: "while it served".into(), ago: 61.0 };
        let empty =
            SlotStatus { slot: 1, queue: None, deaths: 1, last_exit: Some(last), workers: Vec::new() };
        let slot = SlotStatus { slot: 0, queue: Some(4), deaths: 0, last_exit: None, workers: vec![worker] };
        Status {
            version: "1.2.3".into(),
            pid: 10,
            state: "serving".into(),
            reloading: true,
            age: 200_000.0,
            generation: 2,
            model: "m/1".into(),
            addresses: vec!["http://127.0.0.1:8000".into()],
            listen: "per_worker".into(),
            workers: 2,
            max_workers: 4,
            ready_workers: 1,
            deaths: 1,
            requests: 1_234,
            requests_per_second: 12.34,
            in_flight: 1,
            p50: 0.05,
            p99: 2_500.0,
            slots: vec![slot, empty],
        }
    }

    #[test]
    fn a_page_tells_all_of_it() {
        let expected = "\
linnet 1.2.3, pid 10, serving, reloading for 2d7h
m/1 on http://127.0.0.1:8000 (per worker)
generation 2; 1 of 2 workers ready, at most 4; 1 deaths
1234 requests, 12.3 a second, 1 in flight; half within 0.050 ms, 99 % within 2.50 s

SLOT  PID  STATE  GEN  AGE   REQUESTS  REQ/S  IN FLIGHT  CONNS  QUEUE  P50       P99     RSS      LAST EXIT
0     12   ready  2    1h2m  1000      12.3   1          3      4      0.050 ms  2.50 s  9.0 MiB  -
1     -    -      -    -     -         -      -          -      -      -         -       -        1m1s ago: SIGKILL, while it served
";
        assert_eq!(text(&example()), expected);
    }
}
