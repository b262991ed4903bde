//! A target by itself: start-up, memory, idle connections, system calls, spread over workers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Session;
use crate::drivers::open_loop::{self, Drive, Plan};
use crate::error::{Error, Result};
use crate::measure::process_tree::{CpuSample, process_ids, pss_kib, spread};
use crate::measure::syscalls::{Strace, Syscalls};
use crate::report::model::{Spread, TargetReport};
use crate::requests;
use crate::scenario::{CONNECTIONS, Load, Work};
use crate::schedule::Arrivals;
use crate::targets::TargetName;
use crate::targets::check::check;
use crate::targets::process::Running;
use crate::texts::LESSON_TEXT;

/// Connections that are kept idle.
const IDLE_CONNECTIONS: usize = 1_000;
/// Workers over which the spread is taken, and the connections that they share.
const SEVERAL_WORKERS: usize = 4;
const SPREAD_CONNECTIONS: usize = 64;
/// How long a request may take in any of these loads.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Starts a target a few times and takes its figures. A target that cannot start, or answers wrongly, is absent.
pub(crate) fn measure(session: &Session, name: TargetName) -> TargetReport {
    let mut report = TargetReport {
        name,
        absent: None,
        version: String::new(),
        command_line: String::new(),
        start_up_ms: None,
        ready_pss_kib: None,
        busy_pss_kib: None,
        further_worker_kib: None,
        idle_connection_bytes: None,
        worker_spread: None,
        syscalls: None,
        missing: Vec::new(),
    };
    session.progress.say(&format!("{}: by itself", name.name()));
    if let Err(error) = take(session, &mut report) {
        let reason = session.workshop.plain(&error.to_string());
        session.progress.say(&format!("{}: absent: {reason}", name.name()));
        report.absent = Some(reason);
    }
    report
}

fn take(session: &Session, report: &mut TargetReport) -> Result<()> {
    let (mut start_up, mut ready, mut busy, mut idle) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..session.runs_of(report.name) {
        let running = Running::start(report.name, &session.workshop, session.workers, &session.server)?;
        start_up.push(running.start_up.as_secs_f64() * 1e3);
        running.rest();
        ready.push(pss_kib(running.pid()) as f64);
        if round == 0 {
            check(&running, &session.workshop)?;
            report.version.clone_from(&running.version);
            report.command_line.clone_from(&running.command_line);
        }
        saturate(&running, CONNECTIONS, session.duration)?;
        busy.push(pss_kib(running.pid()) as f64);
        if round == 0 {
            match syscalls(&running, session.duration) {
                Ok(calls) => report.syscalls = Some(calls),
                Err(error) => report.missing.push(format!("system calls: {error}")),
            }
        }
        let loaded = pss_kib(running.pid());
        match idle_connections(&running) {
            Ok(connections) => {
                let more = pss_kib(running.pid()).saturating_sub(loaded);
                idle.push(more as f64 * 1_024.0 / connections.len() as f64);
            }
            Err(error) if round == 0 => report.missing.push(format!("idle connections: {error}")),
            Err(_) => {}
        }
    }
    report.start_up_ms = Spread::of(start_up);
    report.ready_pss_kib = Spread::of(ready);
    report.busy_pss_kib = Spread::of(busy);
    report.idle_connection_bytes = Spread::of(idle);
    if let Err(error) = several_workers(session, report) {
        report.missing.push(format!("several workers: {error}"));
    }
    Ok(())
}

/// Drives a target with single texts as fast as it answers.
pub(crate) fn saturate(running: &Running, connections: usize, duration: Duration) -> Result<Drive> {
    let load = Load { work: Work::LessonText, connections, reconnect: false, pipeline: 1, slow_clients: 0 };
    let requests = running.name.dialect().requests(&load, &running.address.to_string()).unwrap_or_default();
    let plan = Plan {
        address: running.address,
        connections,
        reconnect: false,
        pipeline: 1,
        arrivals: Arrivals::Saturate,
        warm_up: Duration::ZERO,
        duration,
        timeout: TIMEOUT,
    };
    let drive = open_loop::drive(&plan, &requests)?;
    if drive.counts.ok == 0 {
        return Err(Error::Absent(format!("no good answer under load: {}", drive.counts.failures())));
    }
    Ok(drive)
}

/// Connections that have each had one answer and then stay open.
fn idle_connections(running: &Running) -> Result<Vec<TcpStream>> {
    let dialect = running.name.dialect();
    let body = dialect.body(&[LESSON_TEXT]);
    let request = requests::post(&running.address.to_string(), dialect.predict_path(), &body, false);
    (0..IDLE_CONNECTIONS).map(|_| Ok(kept_connection(running.address, &request)?)).collect()
}

fn kept_connection(address: SocketAddr, request: &[u8]) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request)?;
    if stream.read(&mut [0; 8_192])? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(stream)
}

fn syscalls(running: &Running, duration: Duration) -> Result<Syscalls> {
    let strace = Strace::attach(running.pid())?;
    let drive = saturate(running, CONNECTIONS, duration);
    // Detach in any case.
    let calls = strace.finish(drive.as_ref().map_or(1, |drive| drive.answered));
    drive.and(calls)
}

/// Hottest ÷ mean of four workers under load, and what each after the first takes of memory. Where there is only one
/// process, its threads are the workers.
fn several_workers(session: &Session, report: &mut TargetReport) -> Result<()> {
    let (mut found, mut further) = (Vec::new(), Vec::new());
    for _ in 0..session.runs_of(report.name) {
        let running = Running::start(report.name, &session.workshop, SEVERAL_WORKERS, &session.server)?;
        running.rest(); // until all workers are up: the first answer says that one is
        if let Some(first) = report.ready_pss_kib {
            let more = pss_kib(running.pid()) as f64 - first.median;
            further.push(more / SEVERAL_WORKERS.saturating_sub(session.workers).max(1) as f64);
        }
        let threads = process_ids(running.pid()).len() == 1;
        let sample = || {
            if threads {
                CpuSample::of_threads(running.pid())
            } else {
                CpuSample::of_processes(running.pid())
            }
        };
        let before = sample();
        saturate(&running, SPREAD_CONNECTIONS, session.duration)?;
        found.extend(spread(&sample().each_since(&before), SEVERAL_WORKERS));
    }
    report.worker_spread = Spread::of(found);
    report.further_worker_kib = Spread::of(further);
    Ok(())
}
