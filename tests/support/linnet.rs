//! A Linnet under test: the real binary on a port that the system chooses, and its log.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_linnet");

/// Longest wait for anything that should happen at once, on a machine that is busy with other things.
pub(crate) const SOON: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    news: Condvar,
}

/// A running supervisor; killed, with its workers, when dropped.
pub(crate) struct Linnet {
    child: Child,
    log: Arc<Log>,
    folder: tempfile::TempDir,
}

/// How to start one.
pub(crate) struct Start {
    command: Command,
    folder: tempfile::TempDir,
}

impl Start {
    /// A start with `workers` workers on a free port, with a model and short drains.
    pub(crate) fn with_workers(workers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(BINARY);
        // Nothing of the developer's own environment may reach the test.
        for (name, _) in std::env::vars() {
            if name.starts_with("LINNET_") || name == "PORT" || name == "WEB_CONCURRENCY" {
                command.env_remove(name);
            }
        }
        command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut start = Self { command, folder };
        start = start.set("BIND", "127.0.0.1:0").set("WORKERS", &workers.to_string());
        start = start.set("DRAIN_DELAY", "300ms").set("KEEPALIVE_MIN", "500ms");
        start = start.set("CONTROL_SOCKET", "ctl.sock");
        let model = start.model();
        start.set("MODEL", &model.display().to_string())
    }

    /// The model under test: the one that ships.
    fn model(&self) -> PathBuf {
        let shipped = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/tagifai/1"));
        if shipped.join("manifest.json").exists() {
            return shipped;
        }
        let empty = self.folder.path().join("model");
        fs::create_dir_all(&empty).unwrap();
        fs::write(empty.join("manifest.json"), "{}").unwrap();
        empty
    }

    /// Sets a variable of the environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets a setting, named as in the environment without the prefix.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.command.env(format!("LINNET_{name}"), value);
        self
    }

    /// Writes settings to `linnet.toml` in the test's own folder, and starts with that file. They count less than
    /// what [`Self::set`] sets, so `workers` and `model` are no longer set there.
    pub(crate) fn settings_file(mut self, toml: &str) -> Self {
        let path = self.path("linnet.toml");
        let model = format!("model = '{}'\n", self.model().display());
        fs::write(&path, model + toml).unwrap();
        self.command.env_remove("LINNET_WORKERS").env_remove("LINNET_MODEL").arg("-c").arg(path);
        self
    }

    /// Runs this program instead of the one under test.
    pub(crate) fn program(self, program: &Path) -> Self {
        self.command_line(Command::new(program))
    }

    /// Runs this program as PID 1 of a namespace of its own; none, and a loud word, where that is not permitted.
    pub(crate) fn in_namespace(self, program: &Path) -> Option<Self> {
        let mut options = vec!["--pid", "--fork", "--kill-child", "--mount-proc"];
        if !nix::unistd::geteuid().is_root() {
            options.extend(["--user", "--map-root-user"]);
        }
        let tried = Command::new("unshare").args(&options).arg("true").output();
        if !tried.as_ref().is_ok_and(|output| output.status.success()) {
            leave_out(&format!("no PID namespace can be made here: {tried:?}"));
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(options).arg(program);
        Some(self.command_line(command))
    }

    /// Runs this command line, which ends in a Linnet, under the settings so far.
    pub(crate) fn command_line(mut self, mut command: Command) -> Self {
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// Starts with these as standard input and output.
    pub(crate) fn standard_streams(mut self, input: OwnedFd, output: OwnedFd) -> Self {
        self.command.stdin(Stdio::from(input)).stdout(Stdio::from(output));
        self
    }

    /// What a variable of the environment was set to.
    pub(crate) fn value(&self, name: &str) -> String {
        let value = self.command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value);
        value.unwrap().to_str().unwrap().to_owned()
    }

    /// Leads its standard output there.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// A path in the test's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn spawn(mut self) -> Linnet {
        // A group of its own, so that a supervisor that this one has started can be ended with it.
        let mut child = self.command.process_group(0).spawn().unwrap();
        let log = Arc::new(Log::default());
        let (stderr, writer) = (child.stderr.take().unwrap(), Arc::clone(&log));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                writer.lines.lock().unwrap().0.push(line);
                writer.news.notify_all();
            }
            writer.lines.lock().unwrap().1 = true;
            writer.news.notify_all();
        });
        Linnet { child, log, folder: self.folder }
    }

    /// Starts it, and waits until all workers serve.
    pub(crate) fn ready(self) -> Linnet {
        let linnet = self.spawn();
        linnet.wait_for("fleet ready");
        linnet
    }
}

impl Linnet {
    /// Waits for a line that contains `what`, and returns it.
    pub(crate) fn wait_for(&self, what: &str) -> String {
        self.wait_for_nth(what, 1)
    }

    /// Waits for the `nth` line that contains `what`, and returns it.
    pub(crate) fn wait_for_nth(&self, what: &str, nth: usize) -> String {
        let deadline = Instant::now() + SOON;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.0.iter().filter(|line| line.contains(what)).nth(nth - 1) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.1 {
                // Not with the lock held: the end of the test wants the log, too.
                drop(lines);
                panic!("no line {nth} with {what:?}");
            }
            lines = self.log.news.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().0.clone()
    }

    /// How often a line with `what` has been logged.
    pub(crate) fn logged(&self, what: &str) -> usize {
        self.log().iter().filter(|line| line.contains(what)).count()
    }

    /// A path in the test's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.wait_for("listening on http://");
        // In a log of JSON objects the message's quote comes behind it.
        line.rsplit("http://").next().unwrap().split('"').next().unwrap().trim().parse().unwrap()
    }

    /// The supervisor's process id.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Process ids of its living children.
    pub(crate) fn workers(&self) -> Vec<i32> {
        children_of(self.pid())
    }

    /// Runs `linnet ctl` with these arguments, to its end.
    pub(crate) fn ctl(&self, arguments: &str) -> Output {
        self.start_ctl(arguments).wait_with_output().unwrap()
    }

    /// Starts `linnet ctl` with these arguments.
    pub(crate) fn start_ctl(&self, arguments: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        command.args(["ctl", "--socket"]).arg(self.path("ctl.sock")).args(arguments.split(' '));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Sends the supervisor a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        send_signal(self.pid(), signal);
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the supervisor ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        // All of the log, too.
        wait_until("the log ends", || self.log.lines.lock().unwrap().1);
        status.unwrap()
    }
}

impl Drop for Linnet {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(-self.pid()), Signal::SIGKILL);
        let _ = self.child.wait();
        let log = self.log().join("\n");
        if thread::panicking() {
            eprintln!("--- log of the supervisor\n{log}");
        } else {
            assert!(!log.contains("panicked"), "a panic in the log:\n{log}");
        }
    }
}

/// Says that a part of a test is not run here, and why; `tests/run` repeats it at its end.
pub(crate) fn leave_out(why: &str) {
    eprintln!("left out: {why}");
    if let Some(file) = std::env::var_os("LINNET_LEFT_OUT") {
        let mut file = fs::File::options().create(true).append(true).open(file).unwrap();
        std::io::Write::write_all(&mut file, format!("{why}\n").as_bytes()).unwrap();
    }
}

/// Puts a program at `path` as an installer does: written beside it, then renamed over it.
pub(crate) fn install(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&beside, path).unwrap();
}

/// Living children of a process.
pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().map(|pid| pid.parse().unwrap()).filter(|pid| is_alive(*pid)).collect()
}

/// Sends a process a signal.
pub(crate) fn send_signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Kills a process as nothing can prevent.
pub(crate) fn kill_9(pid: i32) {
    send_signal(pid, Signal::SIGKILL);
}

/// Whether a process runs: neither gone nor a zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}

/// Waits until `condition` holds; fails, naming `what`, when that takes too long.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
