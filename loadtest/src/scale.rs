//! Scaling curves of Linnet: throughput against workers, texts a request, length of a text, classes and features.
//! Only what was measured is drawn; where the cores of the machine end, the page says so.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::drivers::open_loop::{self, Drive, Plan};
use crate::error::{Error, Result};
use crate::measure::process_tree::CpuSample;
use crate::pin::{Pin, cores, server_and_client};
use crate::progress::Progress;
use crate::report::model::Spread;
use crate::report::table::{Table, figure};
use crate::report::{charts, html, save};
use crate::scenario::{CONNECTIONS, Load, Work};
use crate::schedule::Arrivals;
use crate::targets::TargetName;
use crate::targets::process::Running;
use crate::targets::workshop::{Workshop, WorkshopArgs, run as run_command};

const WARM_UP: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_secs(10);

/// The command line of the scaling curves.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScaleArgs {
    /// Which curves, with commas between them: workers, texts, words, classes, features [default: all]
    #[arg(long, value_delimiter = ',', value_enum)]
    curves: Vec<Axis>,
    /// Rounds of each point
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Seconds of one measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    duration: u64,
    /// Where scale.json and scale.html go [default: target/loadtest]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    workshop: WorkshopArgs,
}

/// What grows along a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Axis {
    /// Worker processes.
    Workers,
    /// Texts in a request.
    Texts,
    /// Words in the one text of a request.
    Words,
    /// Classes of the model, at 20,000 features.
    Classes,
    /// Features of the model, at 4 classes.
    Features,
}

/// One point of a curve.
#[derive(Clone, Debug, Serialize)]
struct Point {
    x: usize,
    per_second: Spread,
    cpu_us: Spread,
    /// Where the server ran: only points with the same cores compare.
    server_cores: String,
}

#[derive(Clone, Debug, Serialize)]
struct Curve {
    axis: Axis,
    points: Vec<Point>,
    missing: Option<String>,
}

impl Axis {
    const ALL: [Self; 5] = [Self::Workers, Self::Texts, Self::Words, Self::Classes, Self::Features];

    fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Texts => "texts in a request",
            Self::Words => "words in a text",
            Self::Classes => "classes",
            Self::Features => "features",
        }
    }

    fn values(self) -> Vec<usize> {
        match self {
            Self::Workers => (1..=cores().len().max(2)).collect(),
            Self::Texts => vec![1, 2, 4, 8, 16, 64, 256, 1_000],
            Self::Words => vec![1, 4, 16, 64, 256, 1_024, 4_096],
            Self::Classes => vec![2, 4, 16, 64, 256, 1_000],
            Self::Features => vec![1_000, 10_000, 100_000, 1_000_000],
        }
    }
}

/// Measures, writes the page and the JSON, and returns the tables as text.
pub(crate) fn run(args: ScaleArgs) -> Result<String> {
    let progress = Progress::start();
    let workshop = args.workshop.open()?;
    let all_cores = Pin::to(&cores());
    let (server, client) = server_and_client();
    let axes = if args.curves.is_empty() { Axis::ALL.to_vec() } else { args.curves };
    let seconds = Duration::from_secs(args.duration.max(1));
    let bench = Bench { workshop, server, client, all_cores, seconds, runs: args.runs.max(1), progress };
    let curves: Vec<Curve> = axes.into_iter().map(|axis| bench.curve(axis)).collect();
    let tables: Vec<Table> = curves.iter().map(table).collect();
    let folder = args.out.unwrap_or_else(|| bench.workshop.root.join("target/loadtest"));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("scale.json");
    let json =
        serde_json::to_vec_pretty(&curves).map_err(|source| Error::Report { path: path.clone(), source })?;
    save(&path, &json)?;
    save(&folder.join("scale.html"), page(&curves, &tables)?.as_bytes())?;
    progress.say(&format!("written: {}/scale.html, scale.json", folder.display()));
    Ok(tables.iter().map(Table::text).chain([LIMIT.to_owned()]).collect())
}

const LIMIT: &str = "\nThe client needs a core. Points with as many workers as cores share that core with it: the curve \
    ends there, and nothing beyond is claimed.\n";

struct Bench {
    workshop: Workshop,
    server: Pin,
    client: Pin,
    all_cores: Pin,
    seconds: Duration,
    runs: usize,
    progress: Progress,
}

impl Bench {
    fn curve(&self, axis: Axis) -> Curve {
        let mut curve = Curve { axis, points: Vec::new(), missing: None };
        for x in axis.values() {
            match self.point(axis, x) {
                Ok(point) => {
                    let rate = figure(point.per_second.median);
                    self.progress.say(&format!("{x} {}: {rate} requests/s", axis.name()));
                    curve.points.push(point);
                }
                Err(error) => {
                    let reason = self.workshop.plain(&error.to_string());
                    self.progress.say(&format!("{x} {}: {reason}", axis.name()));
                    curve.missing = Some(reason);
                    break;
                }
            }
        }
        curve
    }

    fn point(&self, axis: Axis, x: usize) -> Result<Point> {
        let (mut workshop, mut workers, mut work) = (self.workshop.clone(), 1, Work::Texts(1));
        match axis {
            Axis::Workers => workers = x,
            Axis::Texts => work = Work::Texts(x),
            Axis::Words => work = Work::Words(x),
            Axis::Classes => workshop.model = self.synthetic_model(x, 20_000)?,
            Axis::Features => workshop.model = self.synthetic_model(4, x)?,
        }
        let server = if workers > 1 { &self.all_cores } else { &self.server };
        let client = if workers > 1 { &self.all_cores } else { &self.client };
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        let running = Running::start(TargetName::Linnet, &workshop, workers, server)?;
        client.apply();
        for _ in 0..self.runs {
            let before = CpuSample::of_processes(running.pid());
            let drive = self.drive(&running, work)?;
            let cpu = CpuSample::of_processes(running.pid()).since(&before).per(drive.answered);
            rates.push(drive.per_second);
            costs.push(cpu.total_us());
        }
        let nothing = || Error::Absent("no good answer".to_owned());
        Ok(Point {
            x,
            per_second: Spread::of(rates).filter(|rate| rate.min > 0.0).ok_or_else(nothing)?,
            cpu_us: Spread::of(costs).ok_or_else(nothing)?,
            server_cores: server.describe(),
        })
    }

    fn drive(&self, running: &Running, work: Work) -> Result<Drive> {
        let load = Load { work, connections: CONNECTIONS, reconnect: false, pipeline: 1, slow_clients: 0 };
        let requests =
            running.name.dialect().requests(&load, &running.address.to_string()).unwrap_or_default();
        let plan = Plan {
            address: running.address,
            connections: CONNECTIONS,
            reconnect: false,
            pipeline: 1,
            arrivals: Arrivals::Saturate,
            warm_up: WARM_UP,
            duration: self.seconds,
            timeout: TIMEOUT,
        };
        Ok(open_loop::drive(&plan, &requests)?)
    }

    /// An artifact of random weights, made on the first use by the exporter.
    fn synthetic_model(&self, classes: usize, features: usize) -> Result<PathBuf> {
        let folder = self.workshop.folder("models")?.join(format!("{classes}x{features}"));
        if !folder.join("manifest.json").exists() {
            let python = self.workshop.environment("lesson")?.join("python");
            run_command(
                Command::new(python)
                    .arg(self.workshop.root.join("loadtest/synthetic_artifact.py"))
                    .args(["--classes", &classes.to_string(), "--features", &features.to_string()])
                    .arg(&folder)
                    .envs(self.workshop.python_environment()),
            )?;
        }
        Ok(folder)
    }
}

fn table(curve: &Curve) -> Table {
    let head = [curve.axis.name(), "requests/s", "range", "CPU µs a request", "server on"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for point in &curve.points {
        let Spread { median, min, max } = point.per_second;
        let range = format!("{}–{}", figure(min), figure(max));
        let (cpu, cores) = (figure(point.cpu_us.median), point.server_cores.clone());
        rows.push(vec![figure(point.x as f64), figure(median), range, cpu, cores]);
    }
    let ends = curve.missing.as_ref().map_or(String::new(), |reason| format!(" (ends here: {reason})"));
    Table { title: format!("Linnet: requests/s against {}{ends}", curve.axis.name()), rows }
}

fn page(curves: &[Curve], tables: &[Table]) -> Result<String> {
    let mut body = format!("<p>{}</p>\n<div class=\"charts\">\n", html::escape(LIMIT));
    for curve in curves {
        let points: Vec<(f64, f64)> =
            curve.points.iter().map(|point| (point.x as f64, point.per_second.median)).collect();
        let title = format!("requests/s against {}", curve.axis.name());
        body.extend(charts::line(&title, curve.axis.name(), "requests/s", &points)?);
    }
    body.push_str("</div>\n");
    body.extend(tables.iter().map(html::html_table));
    Ok(html::document("How Linnet scales", &body))
}
