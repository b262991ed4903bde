//! All targets together: scenario by scenario, round by round, one target after the other.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Session;
use crate::drivers::open_loop::{self, Plan};
use crate::drivers::slow::SlowClients;
use crate::drivers::{oha, on_path, wrk};
use crate::error::{Error, Result};
use crate::measure::process_tree::{CpuSample, CpuTime};
use crate::report::model::{Cell, Level, OpenRun, Run, TargetReport};
use crate::report::table::figure;
use crate::requests::{RawRequest, Size};
use crate::scenario::{Load, Scenario, Work};
use crate::schedule::Arrivals;
use crate::targets::TargetName;
use crate::targets::process::Running;

/// Load before a measurement, not counted.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A target has come to rest when it uses less than this share of a core.
const AT_REST: f64 = 0.15;
/// How often that is looked at, and for how long at most.
const REST_STEP: Duration = Duration::from_millis(100);
const REST_LIMIT: Duration = Duration::from_secs(20);
/// The slowest open loop: a rate that is next to nothing would never end.
const RATE_MIN: f64 = 0.5;

/// One scenario on one running target.
struct Bench<'s> {
    session: &'s Session,
    running: &'s Running,
    scenario: &'s Scenario,
    requests: Vec<RawRequest>,
    scratch: PathBuf,
}

/// Measures every scenario on every target that is there.
pub(crate) fn measure(session: &Session, targets: &[TargetReport]) -> Vec<Cell> {
    let present = targets.iter().filter(|target| target.absent.is_none());
    let mut running: Vec<(TargetName, Result<Running>)> = present
        .map(|target| {
            (target.name, Running::start(target.name, &session.workshop, session.workers, &session.server))
        })
        .collect();
    let mut cells = Vec::new();
    for scenario in &session.scenarios {
        let mut row: Vec<Cell> = targets.iter().map(|target| empty_cell(scenario, target)).collect();
        for round in 0..session.runs {
            let mut lessons_rate = None;
            // The lesson's stack goes first, since another target is driven at its rate.
            running.sort_by_key(|(name, _)| *name != TargetName::Lesson);
            for (name, target) in &mut running {
                let Some(cell) = row.iter_mut().find(|cell| cell.target == *name) else { continue };
                if round >= session.runs_of(*name) || cell.absent.is_some() {
                    continue;
                }
                match one(session, scenario, round, lessons_rate, target, cell) {
                    Ok(run) => {
                        if *name == TargetName::Lesson {
                            lessons_rate = Some(run.per_second);
                        }
                        cell.runs.push(run);
                    }
                    Err(error) => {
                        session.progress.say(&format!("{} {}: {error}", scenario.name, name.name()));
                        cell.absent = Some(session.workshop.plain(&error.to_string()));
                    }
                }
            }
        }
        cells.extend(row);
    }
    cells
}

fn empty_cell(scenario: &Scenario, target: &TargetReport) -> Cell {
    Cell {
        scenario: scenario.name.to_owned(),
        target: target.name,
        absent: target.absent.clone(),
        commands: Vec::new(),
        runs: Vec::new(),
    }
}

/// One round of a cell; starts the target again if an earlier load has ended it.
fn one(
    session: &Session,
    scenario: &Scenario,
    round: usize,
    lessons_rate: Option<f64>,
    target: &mut Result<Running>,
    cell: &mut Cell,
) -> Result<Run> {
    if let Ok(running) = target
        && !running.is_alive()
    {
        *target = Running::start(cell.target, &session.workshop, session.workers, &session.server);
    }
    let running = target.as_ref().map_err(|error| Error::Absent(error.to_string()))?;
    let host = running.address.to_string();
    let requests = cell.target.dialect().requests(&scenario.load, &host);
    let requests = requests.ok_or_else(|| Error::Absent("its API has no such route".to_owned()))?;
    let scratch = session.workshop.folder("requests")?;
    let bench = Bench { session, running, scenario, requests, scratch };
    let run = bench.run(round, lessons_rate, &mut cell.commands)?;
    session.progress.say(&format!(
        "{:15} {:9} round {}: {:>8} requests/s, {:>7} µs CPU {}",
        scenario.name,
        cell.target.name(),
        round + 1,
        figure(run.per_second),
        figure(run.cpu.total_us()),
        run.failures
    ));
    Ok(run)
}

impl Bench<'_> {
    fn run(&self, round: usize, lessons_rate: Option<f64>, commands: &mut Vec<String>) -> Result<Run> {
        let load = &self.scenario.load;
        let _slow = (load.slow_clients > 0).then(|| {
            let request = self.requests[0].bytes.clone();
            let pin = self.session.client.clone();
            SlowClients::start(self.running.address, request, load.slow_clients, pin)
        });
        open_loop::drive(&self.plan(Arrivals::Saturate, Duration::ZERO, WARM_UP), &self.requests)?;
        let mut run = self.saturation(round, commands)?;
        self.rest();
        if round == 0 && self.session.oha && oha::can_drive(load) && on_path("oha").is_some() {
            run.oha = Some(self.oha(commands)?);
            self.rest();
        }
        let own = run.per_second;
        let mut levels = vec![(Level::Half, own * 0.5), (Level::FourFifths, own * 0.8)];
        if let (TargetName::Linnet, Some(rate)) = (self.running.name, lessons_rate) {
            levels.push((Level::LessonFourFifths, rate * 0.8));
        }
        if let Work::Mix { one_in, .. } = load.work {
            levels.push((Level::SinglesAlone, own * 0.5 * (one_in - 1) as f64 / one_in as f64));
        }
        for (level, rate) in levels {
            run.open.push(self.open(level, rate.max(RATE_MIN))?);
            self.rest();
        }
        Ok(run)
    }

    /// The rate at which a closed loop saturates the target, by wrk where it is to be had.
    fn saturation(&self, round: usize, commands: &mut Vec<String>) -> Result<Run> {
        let before = CpuSample::of_processes(self.running.pid());
        let cpu_for = |requests: u64| self.cpu_since(&before, requests);
        let (driver, per_second, cpu, failures) = if on_path("wrk").is_some() {
            let report = self.wrk(round, commands)?;
            let mut failures = Vec::new();
            for (count, what) in [(report.bad_status, "bad status"), (report.socket_errors, "socket errors")]
            {
                if count > 0 {
                    failures.push(format!("{count} {what}"));
                }
            }
            ("wrk", report.per_second, cpu_for(report.requests), failures.join(", "))
        } else {
            let plan = self.plan(Arrivals::Saturate, Duration::ZERO, self.session.duration);
            let drive = open_loop::drive(&plan, &self.requests)?;
            ("own", drive.per_second, cpu_for(drive.answered), drive.counts.failures())
        };
        Ok(Run { driver: driver.to_owned(), per_second, cpu, failures, oha: None, open: Vec::new() })
    }

    fn cpu_since(&self, before: &CpuSample, requests: u64) -> CpuTime {
        CpuSample::of_processes(self.running.pid()).since(before).per(requests)
    }

    fn wrk(&self, round: usize, commands: &mut Vec<String>) -> Result<wrk::WrkReport> {
        let script = self.session.workshop.root.join("loadtest/wrk/replay.lua");
        let file = self.scratch_file("http");
        wrk::write_requests(&file, &self.requests)?;
        let duration = self.session.duration;
        let command = wrk::command(&script, self.running.address, &self.scenario.load, &file, duration);
        self.note(round, &command, commands);
        wrk::run(&command, &self.session.client)
    }

    fn oha(&self, commands: &mut Vec<String>) -> Result<oha::OhaReport> {
        let file = self.scratch_file("jsonl");
        oha::write_bodies(&file, &self.requests)?;
        let (load, dialect) = (&self.scenario.load, self.running.name.dialect());
        let command = oha::command(self.running.address, dialect, load, &file, self.session.duration);
        self.note(0, &command, commands);
        oha::run(&command, &self.session.client)
    }

    fn scratch_file(&self, extension: &str) -> PathBuf {
        let name = format!("{}-{}.{extension}", self.scenario.name, self.running.name.name());
        self.scratch.join(Path::new(&name))
    }

    /// Keeps the command line of the first round.
    fn note(&self, round: usize, (program, args): &(PathBuf, Vec<String>), commands: &mut Vec<String>) {
        if round == 0 {
            let line = format!("{} {}", program.display(), args.join(" "));
            commands.push(self.session.workshop.plain(&line));
        }
    }

    /// An open-loop run at a rate.
    fn open(&self, level: Level, rate: f64) -> Result<OpenRun> {
        let singles: Vec<RawRequest>;
        let requests = if level == Level::SinglesAlone {
            singles = self.requests.iter().filter(|request| request.size == Size::Small).cloned().collect();
            &singles
        } else {
            &self.requests
        };
        let before = CpuSample::of_processes(self.running.pid());
        let plan = self.plan(Arrivals::PerSecond(rate), WARM_UP, self.session.duration);
        let drive = open_loop::drive(&plan, requests)?;
        Ok(OpenRun {
            level,
            rate,
            counts: drive.counts,
            latency: drive.small.summary(),
            large: drive.large.summary(),
            cpu: self.cpu_since(&before, drive.answered),
            lag_p99_us: drive.lag.summary().map(|lag| lag.p99_us),
        })
    }

    fn plan(&self, arrivals: Arrivals, warm_up: Duration, duration: Duration) -> Plan {
        let Load { connections, reconnect, pipeline, .. } = self.scenario.load;
        let address = self.running.address;
        Plan { address, connections, reconnect, pipeline, arrivals, warm_up, duration, timeout: TIMEOUT }
    }

    /// Waits until the target has worked off what a driver left behind.
    fn rest(&self) {
        let began = Instant::now();
        while began.elapsed() < REST_LIMIT {
            let before = CpuSample::of_processes(self.running.pid());
            std::thread::sleep(REST_STEP);
            let used = CpuSample::of_processes(self.running.pid()).since(&before).total_us();
            if used <= REST_STEP.as_micros() as f64 * AT_REST {
                return;
            }
        }
    }
}
