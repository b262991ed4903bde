//! All targets together: scenario by scenario, round by round, one target after the other.

use std::path::{Path, PathBuf};
use std::time::Duration;

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
/// The slowest open loop: a rate that is next to nothing would never end.
const RATE_MIN: f64 = 0.5;

/// One scenario on one running target.
struct Bench<'s> {
    session: &'s Session,
    running: &'s Running,
    scenario: &'s Scenario,
    requests: Vec<RawRequest>,
    scratch: PathBuf,
    /// At work as long as the bench is there.
    _slow: Option<SlowClients>,
}

/// Measures every scenario on every target that is there.
pub(crate) fn measure(session: &Session, targets: &[TargetReport]) -> Vec<Cell> {
    let present = targets.iter().filter(|target| target.absent.is_none());
    let mut stalls: Vec<Stall> = present.map(|target| Stall::new(session, target.name)).collect();
    let mut cells = Vec::new();
    for scenario in &session.scenarios {
        let mut row: Vec<Cell> = targets.iter().map(|target| empty_cell(scenario, target)).collect();
        for round in 0..session.runs {
            measure_round(session, scenario, round, &mut stalls, &mut row);
        }
        cells.extend(row);
    }
    cells
}

/// One round: all targets at saturation, close together in time since these figures are compared, then the open loops.
fn measure_round(
    session: &Session,
    scenario: &Scenario,
    round: usize,
    stalls: &mut [Stall],
    row: &mut [Cell],
) {
    let mut runs: Vec<(TargetName, Run)> = Vec::new();
    for (stall, cell) in matched(stalls, row) {
        if round < session.runs_of(stall.name) && cell.absent.is_none() {
            let bench = stall.bench(session, scenario);
            match bench.and_then(|bench| bench.saturation(round, &mut cell.commands)) {
                Ok(run) => runs.push((stall.name, run)),
                Err(error) => give_up(session, cell, &error),
            }
        }
    }
    let lesson = runs.iter().find(|(name, _)| *name == TargetName::Lesson);
    let lessons_rate = lesson.map(|(_, run)| run.per_second);
    for (stall, cell) in matched(stalls, row) {
        let Some(at) = runs.iter().position(|(name, _)| *name == stall.name) else { continue };
        let (_, mut run) = runs.swap_remove(at);
        let bench = stall.bench(session, scenario);
        match bench.and_then(|bench| bench.open_loops(round, lessons_rate, &mut run, &mut cell.commands)) {
            Ok(()) => cell.runs.push(run),
            Err(error) => give_up(session, cell, &error),
        }
    }
}

/// Each running target with its cell.
fn matched<'r>(
    stalls: &'r mut [Stall],
    row: &'r mut [Cell],
) -> impl Iterator<Item = (&'r mut Stall, &'r mut Cell)> {
    stalls.iter_mut().filter_map({
        let mut cells: Vec<&'r mut Cell> = row.iter_mut().collect();
        move |stall| {
            let at = cells.iter().position(|cell| cell.target == stall.name)?;
            Some((stall, cells.swap_remove(at)))
        }
    })
}

fn give_up(session: &Session, cell: &mut Cell, error: &Error) {
    session.progress.say(&format!("{} {}: {error}", cell.scenario, cell.target.name()));
    cell.absent = Some(session.workshop.plain(&error.to_string()));
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

/// A target's place: running, as a rule.
struct Stall {
    name: TargetName,
    running: Result<Running>,
}

impl Stall {
    fn new(session: &Session, name: TargetName) -> Self {
        Self { name, running: Running::start(name, &session.workshop, session.workers, &session.server) }
    }

    /// A bench for a scenario; starts the target again if an earlier load has ended it.
    fn bench<'s>(&'s mut self, session: &'s Session, scenario: &'s Scenario) -> Result<Bench<'s>> {
        if self.running.as_mut().is_ok_and(|running| !running.is_alive()) {
            *self = Self::new(session, self.name);
        }
        let running = self.running.as_ref().map_err(|error| Error::Absent(error.to_string()))?;
        let requests = self.name.dialect().requests(&scenario.load, &running.address.to_string());
        let requests = requests.ok_or_else(|| Error::Absent("its API has no such route".to_owned()))?;
        let load = &scenario.load;
        let slow = (load.slow_clients > 0).then(|| {
            let request = requests[0].bytes.clone();
            SlowClients::start(running.address, request, load.slow_clients, session.client.clone())
        });
        let scratch = session.workshop.folder("requests")?;
        Ok(Bench { session, running, scenario, requests, scratch, _slow: slow })
    }
}

impl Bench<'_> {
    /// The open-loop runs below saturation, and oha's in the first round.
    fn open_loops(
        &self,
        round: usize,
        lessons_rate: Option<f64>,
        run: &mut Run,
        commands: &mut Vec<String>,
    ) -> Result<()> {
        let load = &self.scenario.load;
        if round == 0 && self.session.oha && oha::can_drive(load) && on_path("oha").is_some() {
            run.oha = Some(self.oha(commands)?);
            self.running.rest();
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
            self.running.rest();
        }
        let p99 = |level| run.open(level).and_then(|open| Some(figure(open.latency.as_ref()?.p99_us)));
        self.session.progress.say(&format!(
            "{:15} {:9} round {}: p99 {} µs at 50 %, {} µs at 80 %",
            self.scenario.name,
            self.running.name.name(),
            round + 1,
            p99(Level::Half).unwrap_or_default(),
            p99(Level::FourFifths).unwrap_or_default(),
        ));
        Ok(())
    }

    /// The rate at which a closed loop saturates the target, by wrk where it is to be had.
    fn saturation(&self, round: usize, commands: &mut Vec<String>) -> Result<Run> {
        open_loop::drive(&self.plan(Arrivals::Saturate, Duration::ZERO, WARM_UP), &self.requests)?;
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
        self.running.rest();
        self.session.progress.say(&format!(
            "{:15} {:9} round {}: {:>8} requests/s, {:>7} µs CPU {failures}",
            self.scenario.name,
            self.running.name.name(),
            round + 1,
            figure(per_second),
            figure(cpu.total_us()),
        ));
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
}
