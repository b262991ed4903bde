//! A target at work: started, awaited, stopped by its process id.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::workshop::Workshop;
use super::{Recipe, TargetName};
use crate::drivers::on_path;
use crate::error::{Error, Result};
use crate::measure::process_tree::{CpuSample, process_ids};
use crate::pin::Pin;
use crate::requests;
use crate::texts::LESSON_TEXT;

/// How long a target may take to its first answer.
const START_LIMIT: Duration = Duration::from_secs(90);
/// How long it may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two attempts to get the first answer.
const RETRY: Duration = Duration::from_millis(1);
/// How long one answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A target that answers; stopped when dropped.
pub(crate) struct Running {
    /// Which one.
    pub(crate) name: TargetName,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From its start to its first right answer.
    pub(crate) start_up: Duration,
    /// How it was started, for the report.
    pub(crate) command_line: String,
    /// What it is, for the report.
    pub(crate) version: String,
    child: Child,
}

/// A target has come to rest when it uses less than this share of a core: one tick of the kernel's in a step.
const AT_REST: f64 = 0.15;
/// How often that is looked at, and for how long at most.
const REST_STEP: Duration = Duration::from_millis(100);
const REST_LIMIT: Duration = Duration::from_secs(20);

/// A loopback address that was free a moment ago.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

impl Running {
    /// Starts a target and waits for its first answer to a request for a prediction.
    pub(crate) fn start(name: TargetName, workshop: &Workshop, workers: usize, pin: &Pin) -> Result<Self> {
        let address = free_address()?;
        Self::start_recipe(name, workshop, name.recipe(workshop, workers, address)?, address, pin)
    }

    /// The same, by a recipe of one's own.
    pub(crate) fn start_recipe(
        name: TargetName,
        workshop: &Workshop,
        recipe: Recipe,
        address: SocketAddr,
        pin: &Pin,
    ) -> Result<Self> {
        let log = workshop.folder("logs")?.join(format!("{}.log", name.name()));
        let command_line = workshop.plain(&describe(&recipe));
        let mut command = Command::new(resolve(&recipe)?);
        command.args(&recipe.args).envs(recipe.env.iter().cloned()).current_dir(&recipe.directory);
        command
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let began = Instant::now();
        let child = pin.spawn(&mut command)?;
        let version = recipe.version;
        let mut running = Self { name, address, start_up: Duration::ZERO, command_line, version, child };
        running.await_answer(began, &log)?;
        Ok(running)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Waits until it has worked off what a driver left behind, or until those of its workers are up that were not the
    /// first to answer.
    pub(crate) fn rest(&self) {
        let began = Instant::now();
        while began.elapsed() < REST_LIMIT {
            let before = CpuSample::of_processes(self.pid());
            std::thread::sleep(REST_STEP);
            let used = CpuSample::of_processes(self.pid()).since(&before).total_us();
            if used <= REST_STEP.as_micros() as f64 * AT_REST {
                return;
            }
        }
    }

    /// Whether it is still there.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn await_answer(&mut self, began: Instant, log: &PathBuf) -> Result<()> {
        let dialect = self.name.dialect();
        let body = dialect.body(&[LESSON_TEXT]);
        let request = requests::post(&self.address.to_string(), dialect.predict_path(), &body, true);
        loop {
            if exchange(self.address, &request).is_ok_and(|(status, _)| status == 200) {
                self.start_up = began.elapsed();
                return Ok(());
            }
            let ended = !self.is_alive();
            if ended || began.elapsed() > START_LIMIT {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                let last =
                    said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word of why");
                let what = if ended { "ended while starting" } else { "gave no answer in 90 s" };
                return Err(Error::Absent(format!("{what}: {last}")));
            }
            std::thread::sleep(RETRY);
        }
    }

    fn stop(&mut self) {
        let tree = process_ids(self.pid());
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGTERM);
        let asked = Instant::now();
        while asked.elapsed() < STOP_LIMIT && self.is_alive() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.is_alive() {
            for pid in tree {
                // Gone already, or it goes now.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn resolve(recipe: &Recipe) -> Result<PathBuf> {
    if recipe.program.components().count() > 1 {
        return Ok(recipe.program.clone());
    }
    let name = recipe.program.display().to_string();
    on_path(&name).ok_or_else(|| Error::Absent(format!("{name} is not on PATH")))
}

fn describe(recipe: &Recipe) -> String {
    let mut words = vec![recipe.program.display().to_string()];
    words.extend(recipe.args.iter().cloned());
    words.join(" ")
}

/// Sends one request that asks for the close, and returns status and body of the answer.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let bad = || io::Error::other("no HTTP answer");
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(bad)?;
    Ok((status.ok_or_else(bad)?, answer.split_off(end + 4)))
}
