//! One listening socket per worker against one that all share: latency, throughput, and how evenly workers are loaded, for
//! so many workers and so many kept connections. It is what the default of the setting `listen` rests on.

use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::drivers::open_loop::{self, Drive, Plan};
use crate::error::{Error, Result};
use crate::pin::{Pin, cores};
use crate::progress::Progress;
use crate::report::model::Spread;
use crate::report::save;
use crate::report::table::{Table, figure};
use crate::requests::RawRequest;
use crate::scenario::{Load, Work};
use crate::schedule::Arrivals;
use crate::targets::TargetName;
use crate::targets::native::linnet_with;
use crate::targets::process::{Running, free_address};
use crate::targets::workshop::{Workshop, WorkshopArgs};

const TIMEOUT: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_millis(300);

/// The share of the slower way's saturation at which latencies are taken: the same rate for both.
const SHARE: f64 = 0.5;

/// The command line of this comparison.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListenArgs {
    /// Short measurements and one round: a look, in a minute
    #[arg(long)]
    quick: bool,
    /// Rounds of each point; the two ways take turns
    #[arg(long, default_value_t = 2)]
    runs: usize,
    /// Numbers of workers, with commas between them
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 8])]
    workers: Vec<usize>,
    /// Numbers of kept connections, with commas between them
    #[arg(long, value_delimiter = ',', default_values_t = [10, 50, 1_000])]
    connections: Vec<usize>,
    #[command(flatten)]
    workshop: WorkshopArgs,
}

/// The two ways, by the values of the setting.
const WAYS: [&str; 2] = ["per_worker", "shared"];

/// What one way has shown at one point.
#[derive(Clone, Debug, Default, Serialize)]
struct Found {
    per_second: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    hottest: Vec<f64>,
    failures: u64,
}

/// One point: so many workers, so many connections.
#[derive(Clone, Debug, Serialize)]
struct Point {
    workers: usize,
    connections: usize,
    /// By way.
    found: [Found; 2],
}

/// Measures, writes listen.json, and returns the table as text.
pub(crate) fn run(args: ListenArgs) -> Result<String> {
    let progress = Progress::start();
    let workshop = args.workshop.open()?;
    let (saturated, paced) = if args.quick { (500, 1_000) } else { (2_000, 4_000) };
    let bench = Bench {
        workshop,
        runs: if args.quick { 1 } else { args.runs.max(1) },
        saturated: Duration::from_millis(saturated),
        paced: Duration::from_millis(paced),
    };
    let mut points = Vec::new();
    for &workers in &args.workers {
        let fleets = [bench.start(WAYS[0], workers)?, bench.start(WAYS[1], workers)?];
        for &connections in &args.connections {
            let found = bench.measure(&fleets, connections)?;
            progress.say(&format!("{workers} workers, {connections} connections: measured"));
            points.push(Point { workers, connections, found });
        }
    }
    let folder = bench.workshop.root.join("target/loadtest");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("listen.json");
    let json = serde_json::to_vec_pretty(&points);
    save(&path, &json.map_err(|source| Error::Report { path: path.clone(), source })?)?;
    progress.say(&format!("written: {}", path.display()));
    let table = table(&points);
    Ok(format!("{}\n{}\n{}", table.text(), note(), table.markdown()))
}

fn note() -> String {
    format!(
        "requests/s: as fast as answers come. p50 and p99: at {} % of what the slower of the two can do, the same rate for\n\
         both, from when a request was due. hottest/mean: requests of the busiest worker against the average. Medians of\n\
         the rounds. The client shares the machine's {} cores with the workers.\n",
        SHARE * 100.0,
        cores().len()
    )
}

struct Bench {
    workshop: Workshop,
    runs: usize,
    saturated: Duration,
    paced: Duration,
}

/// A running fleet, and where it can be asked.
struct Fleet {
    running: Running,
    control: std::path::PathBuf,
    workers: usize,
}

impl Bench {
    fn start(&self, way: &str, workers: usize) -> Result<Fleet> {
        let address = free_address()?;
        let control = self.workshop.folder("control")?.join(format!("{}-{way}.sock", std::process::id()));
        let settings = [format!("listen={way}"), format!("control_socket={}", control.display())];
        let recipe = linnet_with(&self.workshop, workers, address, &settings)?;
        let running =
            Running::start_recipe(TargetName::Linnet, &self.workshop, recipe, address, &Pin::default())?;
        running.rest();
        Ok(Fleet { running, control, workers })
    }

    fn measure(&self, fleets: &[Fleet; 2], connections: usize) -> Result<[Found; 2]> {
        let mut found = [Found::default(), Found::default()];
        for _ in 0..self.runs {
            for (fleet, found) in fleets.iter().zip(&mut found) {
                let before = self.requests(fleet)?;
                let drive = drive(fleet, connections, Arrivals::Saturate, self.saturated)?;
                found.hottest.extend(hottest(&before, &self.requests(fleet)?));
                found.per_second.push(drive.per_second);
                found.failures += drive.counts.failed();
            }
            let slower = found.iter().filter_map(|f| f.per_second.last().copied()).fold(f64::MAX, f64::min);
            for (fleet, found) in fleets.iter().zip(&mut found) {
                let arrivals = Arrivals::PerSecond((slower * SHARE).max(1.0));
                let drive = drive(fleet, connections, arrivals, self.paced)?;
                found.failures += drive.counts.failed();
                if let Some(summary) = drive.small.summary() {
                    found.p50_us.push(summary.p50_us);
                    found.p99_us.push(summary.p99_us);
                }
            }
        }
        Ok(found)
    }

    /// Requests that each worker has answered so far, in the order of slots.
    fn requests(&self, fleet: &Fleet) -> Result<Vec<u64>> {
        let mut command = Command::new(&self.workshop.linnet);
        command.args(["ctl", "--socket"]).arg(&fleet.control).args(["status", "--json"]);
        let counts = requests_in(&command.output()?.stdout);
        counts.filter(|counts| counts.len() == fleet.workers).ok_or_else(|| {
            Error::Absent(format!("`linnet ctl status` does not tell of {} workers", fleet.workers))
        })
    }
}

/// Drives a fleet with the lesson's single-text request over kept connections.
fn drive(fleet: &Fleet, connections: usize, arrivals: Arrivals, duration: Duration) -> Result<Drive> {
    let load = Load { work: Work::Texts(1), connections, reconnect: false, pipeline: 1, slow_clients: 0 };
    let address = fleet.running.address;
    let requests: Vec<RawRequest> =
        TargetName::Linnet.dialect().requests(&load, &address.to_string()).unwrap_or_default();
    let plan = Plan {
        address,
        connections,
        reconnect: false,
        pipeline: 1,
        arrivals,
        warm_up: WARM_UP,
        duration,
        timeout: TIMEOUT,
    };
    Ok(open_loop::drive(&plan, &requests)?)
}

/// Requests by worker, in what `linnet ctl status --json` says.
fn requests_in(status: &[u8]) -> Option<Vec<u64>> {
    let status: Value = serde_json::from_slice(status).ok()?;
    let workers = status["slots"].as_array()?.iter().filter_map(|slot| slot["workers"].as_array()).flatten();
    workers.map(|worker| worker["requests"].as_u64()).collect()
}

/// What the busiest worker has done, against the average.
fn hottest(before: &[u64], after: &[u64]) -> Option<f64> {
    let done: Vec<u64> =
        after.iter().zip(before).map(|(after, before)| after.saturating_sub(*before)).collect();
    let mean = done.iter().sum::<u64>() as f64 / done.len() as f64;
    (mean > 0.0).then(|| done.iter().copied().max().unwrap_or(0) as f64 / mean)
}

fn table(points: &[Point]) -> Table {
    let head =
        ["workers × connections", "listen", "requests/s", "p50 µs", "p99 µs", "hottest/mean", "failed"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for point in points {
        for (way, found) in WAYS.iter().zip(&point.found) {
            let median = |values: &[f64]| {
                Spread::of(values.to_vec()).map_or("-".to_owned(), |spread| figure(spread.median))
            };
            let hottest =
                Spread::of(found.hottest.clone()).map_or("-".to_owned(), |s| format!("{:.2}", s.median));
            rows.push(vec![
                format!("{} × {}", point.workers, point.connections),
                (*way).to_owned(),
                median(&found.per_second),
                median(&found.p50_us),
                median(&found.p99_us),
                hottest,
                found.failures.to_string(),
            ]);
        }
    }
    Table { title: "One listening socket per worker against a shared one".to_owned(), rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_worker_is_found_in_what_the_fleet_says() {
        let status =
            br#"{"slots":[{"workers":[{"requests":5}]},{"workers":[]},{"workers":[{"requests":9}]}]}"#;
        assert_eq!(requests_in(status), Some(vec![5, 9]));
        assert_eq!(requests_in(b"no supervisor answers"), None);
        assert_eq!(hottest(&[5, 9], &[35, 19]), Some(1.5));
        assert_eq!(hottest(&[5, 9], &[5, 9]), None);
    }
}
