//! The answer to `linnet ctl status`: what the core knows, joined with what the scoreboard counts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use linnet::config::Settings;
use linnet::scoreboard::{Counters, SEATS_PER_SLOT, Scoreboard};

use crate::ctl::protocol::{LastExitStatus, SlotStatus, Status, WorkerStatus};
use crate::fleet::{Report, SlotReport, WorkerReport};
use crate::sample::Sampler;

/// Quantiles that are told.
const QUANTILES: [f64; 2] = [0.5, 0.99];

/// Joins the core's report with the scoreboard. `listen` says how the addresses are
/// listened on; `age` is the supervisor's own.
pub(crate) fn compose(
    report: Report,
    board: Scoreboard,
    sampler: &Sampler,
    settings: &Settings,
    listen: &str,
    age: Duration,
) -> Status {
    let shared = listen != "per_worker";
    let slots = report.slots.into_iter().map(|slot| slot_status(slot, board, sampler, shared));
    let slots: Vec<_> = slots.collect();
    let workers = || slots.iter().flat_map(|slot| &slot.workers);
    let (requests, [p50, p99]) = board.read_totals(|retired, seats| {
        let all = || std::iter::once(retired).chain(seats.iter().map(|seat| &seat.counters));
        let mut latency = retired.request_micros.snapshot();
        for seat in seats {
            seat.counters.request_micros.for_each(|value, count| latency.saturating_record_n(value, count));
        }
        (all().map(Counters::answers).sum(), quantiles(&latency))
    });
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        state: report.phase.to_owned(),
        reloading: report.reloading,
        age: age.as_secs_f64(),
        generation: report.generation,
        model: settings.model.display().to_string(),
        addresses: report.addresses,
        listen: listen.to_owned(),
        workers: report.wanted,
        max_workers: report.max_workers,
        ready_workers: workers().filter(|worker| worker.state == "ready").count(),
        deaths: report.deaths,
        requests,
        requests_per_second: sampler.total_rate(),
        in_flight: workers().map(|worker| worker.in_flight).sum(),
        p50,
        p99,
        slots,
    }
}

fn slot_status(slot: SlotReport, board: Scoreboard, sampler: &Sampler, shared: bool) -> SlotStatus {
    let first_seat = &board.seats()[slot.number * SEATS_PER_SLOT];
    SlotStatus {
        slot: slot.number,
        queue: (!shared).then(|| first_seat.accept_queue.load(Ordering::Relaxed)),
        deaths: slot.deaths,
        last_exit: slot.last_exit.map(|(last, ago)| LastExitStatus {
            pid: last.pid,
            exit: last.exit.to_string(),
            why: last.why,
            ago: ago.as_secs_f64(),
        }),
        workers: slot.workers.iter().map(|worker| worker_status(worker, board, sampler)).collect(),
    }
}

fn worker_status(worker: &WorkerReport, board: Scoreboard, sampler: &Sampler) -> WorkerStatus {
    let seat = &board.seats()[worker.seat];
    let [p50, p99] = quantiles(&seat.counters.request_micros.snapshot());
    WorkerStatus {
        pid: worker.pid,
        state: worker.state.to_owned(),
        generation: worker.generation,
        age: worker.age.as_secs_f64(),
        requests: seat.counters.answers(),
        requests_per_second: sampler.rate(worker.pid),
        in_flight: seat.in_flight.load(Ordering::Relaxed),
        connections: seat.connections.load(Ordering::Relaxed),
        p50,
        p99,
        rss: seat.rss_bytes.load(Ordering::Relaxed),
    }
}

/// Quantiles of a histogram of microseconds, in milliseconds; 0 for an empty one.
fn quantiles(micros: &linnet::scoreboard::histogram::Snapshot) -> [f64; 2] {
    QUANTILES.map(|quantile| micros.value_at_quantile(quantile) as f64 / 1e3)
}
