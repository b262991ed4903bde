//! Listeners against the real binary: addresses of every kind, shared ones, passed-on ones, and their limits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::fs;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use support::linnet::{BINARY, Linnet, Start, is_alive, kill_9, leave_out, wait_until};
use support::load::{Load, Mode, get, receive, send};

const PATH: &str = "/health/live";
const CLIENTS: usize = 8;

/// One request over a Unix socket.
fn status_over(path: &Path) -> u16 {
    let mut stream = UnixStream::connect(path).unwrap();
    stream
        .write_all(format!("GET {PATH} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").as_bytes())
        .unwrap();
    receive(&mut BufReader::new(stream)).unwrap().status
}

/// Where it listens, by the log.
fn addresses(linnet: &Linnet) -> Vec<SocketAddr> {
    let lines = linnet.log();
    lines.iter().filter_map(|line| line.split("listening on http://").nth(1)?.trim().parse().ok()).collect()
}

/// A field of `linnet ctl status --json`.
fn status(linnet: &Linnet, field: &str) -> serde_json::Value {
    let output = linnet.ctl("status --json");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()[field].clone()
}

#[test]
fn every_kind_of_address_is_served_at_once_and_steered() {
    let start = Start::with_workers(2);
    let unix = start.path("linnet.sock");
    let bind = format!("127.0.0.1:0,[::1]:0,127.0.0.1:0,unix:{}", unix.display());
    let mut linnet = start.set("BIND", &bind).ready();
    let tcp = addresses(&linnet);
    assert_eq!((tcp.len(), tcp.iter().filter(|address| address.is_ipv6()).count()), (3, 1));
    kill_9(linnet.workers()[0]);
    for address in &tcp {
        for _ in 0..10 {
            assert_eq!(get(*address, PATH).unwrap().status, 200);
        }
    }
    assert_eq!(status_over(&unix), 200);
    assert_eq!(status(&linnet, "addresses").as_array().unwrap().len(), 4);
    assert_eq!((status(&linnet, "listen"), linnet.logged("cannot steer")), ("per_worker".into(), 0));
    linnet.signal(Signal::SIGTERM);
    assert!(linnet.wait().success());
    assert!(!unix.exists());
}

#[test]
fn a_shared_address_loses_nothing_in_death_reload_upgrade_and_stop() {
    for mode in [Mode::KeepAlive, Mode::Connect] {
        let mut linnet = Start::with_workers(3).set("LISTEN", "shared").ready();
        assert_eq!(status(&linnet, "listen"), "shared");
        let load = Load::start(linnet.address(), CLIENTS, mode, "/health/ready");
        load.wait_for_answers(200);
        linnet.signal(Signal::SIGHUP);
        linnet.wait_for(" reloaded");
        let old = linnet.pid();
        linnet.signal(Signal::SIGUSR2);
        linnet.wait_for("took over");
        wait_until("the old supervisor is gone", || !is_alive(old));
        load.wait_for_answers(200);
        let outcomes = load.finish();
        assert_eq!(
            (outcomes.lost(), outcomes.refused(), outcomes.server_errors()),
            (0, 0, 0),
            "{outcomes:?}"
        );
        let workers: Vec<i32> = worker_pids(&linnet);
        let load = Load::start(linnet.address(), CLIENTS, mode, PATH);
        load.wait_for_answers(100);
        kill_9(workers[0]);
        linnet.wait_for("worker died");
        load.wait_for_answers(200);
        assert_eq!(load.outcomes.refused(), 0);
        assert!(load.outcomes.lost() <= CLIENTS as u64);
        let lost = load.outcomes.lost();
        assert!(linnet.ctl("drain").status.success());
        linnet.wait();
        let outcomes = load.wait_until_refused();
        assert_eq!((outcomes.lost(), outcomes.server_errors()), (lost, 0), "{outcomes:?}");
    }
}

/// The workers' processes, as the supervisor tells.
fn worker_pids(linnet: &Linnet) -> Vec<i32> {
    let slots = status(linnet, "slots");
    let workers =
        slots.as_array().unwrap().iter().flat_map(|slot| slot["workers"].as_array().unwrap().clone());
    workers.map(|worker| i32::try_from(worker["pid"].as_i64().unwrap()).unwrap()).collect()
}

#[test]
fn a_worker_that_leaves_a_shared_queue_to_its_siblings_does_not_wait_for_it_to_be_empty() {
    // Far more than this test may take: the queue of a busy shared socket is never empty.
    let linnet = Start::with_workers(2).set("LISTEN", "shared").set("GRACEFUL_TIMEOUT", "60").ready();
    let load = Load::start(linnet.address(), 3 * CLIENTS, Mode::Connect, PATH);
    load.wait_for_answers(200);
    let began = Instant::now();
    linnet.signal(Signal::SIGTTOU);
    linnet.wait_for("worker gone");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    load.wait_for_answers(200);
    let outcomes = load.finish();
    assert_eq!((outcomes.lost(), outcomes.refused(), outcomes.server_errors()), (0, 0, 0), "{outcomes:?}");
}

/// Starts Linnet as a service manager does: with these descriptors from 3 on.
fn activated(start: Start, sockets: [OwnedFd; 2], environment: &str) -> Linnet {
    let [first, second] = sockets;
    let mut command = Command::new("sh");
    // `exec` keeps the process, so that its number is known before.
    command.args(["-c", &format!("{environment} exec '{BINARY}' 3<&0 4<&1 0</dev/null 1>/dev/null")]);
    start.command_line(command).standard_streams(first, second).spawn()
}

#[test]
fn sockets_that_are_passed_on_are_used_in_place_of_bind_and_stay_when_the_fleet_is_gone() {
    let start = Start::with_workers(2);
    let path = start.path("passed.sock");
    let (tcp, unix) = (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(&path).unwrap());
    let address = tcp.local_addr().unwrap();
    let sockets = || [tcp.try_clone().unwrap().into(), unix.try_clone().unwrap().into()];
    let environment = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:local";
    let mut linnet = activated(start, sockets(), environment);
    linnet.wait_for("fleet ready");
    assert_eq!(addresses(&linnet), [address]);
    assert!(linnet.log().iter().any(|line| line.contains("`bind` is not used")));
    assert_eq!(status(&linnet, "listen"), "passed_on");
    let load = Load::start(address, CLIENTS, Mode::Connect, "/health/ready");
    load.wait_for_answers(100);
    assert_eq!(status_over(&path), 200);
    let old = linnet.pid();
    linnet.signal(Signal::SIGUSR2);
    linnet.wait_for("took over");
    wait_until("the old supervisor is gone", || !is_alive(old));
    load.wait_for_answers(100);
    let outcomes = load.finish();
    assert_eq!((outcomes.lost(), outcomes.refused(), outcomes.server_errors()), (0, 0, 0), "{outcomes:?}");
    assert!(linnet.ctl("drain").status.success());
    linnet.wait();
    // Nobody serves, and nobody is refused: these wait for the next one, which starts with the same sockets.
    let mut waiting: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut waiting {
        send(stream, PATH).unwrap();
    }
    assert!(path.exists());
    let next = activated(Start::with_workers(1), sockets(), environment);
    next.wait_for("fleet ready");
    for stream in waiting {
        assert_eq!(receive(&mut BufReader::new(stream)).unwrap().status, 200);
    }
    assert_eq!(status_over(&path), 200);
}

#[test]
fn what_is_passed_on_and_is_of_no_use_is_named_in_one_line() {
    let udp = || std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for (count, says) in
        [("2", "descriptor 3 (one) is a socket of another type"), ("many", "LISTEN_FDS = \"many\"")]
    {
        let environment = format!("LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES=one:two");
        let mut linnet = activated(Start::with_workers(1), [udp().into(), udp().into()], &environment);
        assert_eq!(linnet.wait().code(), Some(1));
        assert!(linnet.log().len() == 1 && linnet.log()[0].contains(says), "{:?}", linnet.log());
    }
    // Meant for another process: no concern of this one.
    let linnet = activated(Start::with_workers(1), [udp().into(), udp().into()], "LISTEN_PID=1 LISTEN_FDS=2");
    linnet.wait_for("fleet ready");
    assert_eq!(get(linnet.address(), PATH).unwrap().status, 200);
}

#[test]
fn systemd_passes_sockets_on_as_expected() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &port.to_string()]);
    if Command::new("systemd-socket-activate").arg("--version").output().is_err() {
        return leave_out("no systemd-socket-activate (Debian: apt-get install systemd)");
    }
    let start = Start::with_workers(1);
    for name in ["BIND", "WORKERS", "MODEL", "CONTROL_SOCKET", "DRAIN_DELAY"] {
        // It hands on what it is told to, and nothing else of its environment.
        let value = start.value(&format!("LINNET_{name}"));
        command.args(["-E", &format!("LINNET_{name}={value}")]);
    }
    command.arg(BINARY);
    let linnet = start.command_line(command).spawn();
    // It waits for the first connection, which then waits for Linnet.
    let mut stream = None;
    wait_until("it listens", || {
        stream = TcpStream::connect(port).ok();
        stream.is_some()
    });
    let mut stream = stream.unwrap();
    send(&mut stream, PATH).unwrap();
    assert_eq!(receive(&mut BufReader::new(stream)).unwrap().status, 200);
    assert!(linnet.log().iter().any(|line| line.contains("`bind` is not used")), "{:?}", linnet.log());
}

#[test]
fn where_the_kernel_refuses_to_steer_the_start_says_what_holds_then() {
    // A network of its own, in which no socket may have a program as long as this one.
    let refusing = "echo 1 > /proc/sys/net/core/optmem_max && ";
    let network = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount-proc", "--pid", "--fork", "--kill-child", "sh", "-c", script]);
        command
    };
    let tried = network(&format!("{refusing} true")).output();
    if !tried.as_ref().is_ok_and(|output| output.status.success()) {
        return leave_out(&format!("no network can be made in which steering is refused: {tried:?}"));
    }
    let start = Start::with_workers(2);
    let unix = start.path("linnet.sock");
    let start = start.set("BIND", &format!("127.0.0.1:0,unix:{}", unix.display()));
    let linnet = start.command_line(network(&format!("{refusing} exec '{BINARY}'"))).spawn();
    linnet.wait_for("fleet ready");
    let line = linnet.wait_for("cannot steer connections");
    assert!(line.contains("the kernel spreads them over all slots"), "{line}");
    // Once, and it serves all the same.
    assert_eq!((linnet.logged("cannot steer"), status_over(&unix)), (1, 200));
}

#[test]
fn a_backlog_that_the_system_cuts_is_warned_about() {
    let longest: u32 = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    let cut = |backlog: u32| {
        let linnet = Start::with_workers(1).set("BACKLOG", &backlog.to_string()).ready();
        linnet
            .log()
            .iter()
            .any(|line| line.contains("net.core.somaxconn") && line.contains(&longest.to_string()))
    };
    if longest >= 65_535 {
        return leave_out("net.core.somaxconn is longer than any backlog");
    }
    assert!(cut(longest + 1) && !cut(longest));
}

#[test]
fn workers_are_bound_to_processors_where_that_is_asked_for() {
    let allowed = |pid: i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        line.trim().to_owned()
    };
    let count = std::thread::available_parallelism().unwrap().get();
    for (affinity, bound) in [("auto", true), ("none", false)] {
        let linnet = Start::with_workers(3).set("CPU_AFFINITY", affinity).ready();
        let processors: Vec<_> = worker_pids(&linnet).into_iter().map(allowed).collect();
        let all = allowed(linnet.pid());
        if bound {
            assert!(processors.iter().all(|p| p.parse::<usize>().is_ok()), "{processors:?}");
            let mut different = processors.clone();
            different.dedup();
            assert!(different.len() >= count.min(3), "{processors:?}");
            assert!(count > 1 || processors[0] == all);
        } else {
            assert!(processors.iter().all(|p| *p == all), "{processors:?}");
        }
    }
}

#[test]
fn a_worker_without_descriptors_pauses_counts_it_and_leaves_the_others_alone() {
    let mut command = Command::new("sh");
    // Both limits, since the soft one is raised to the hard one.
    command.args(["-c", &format!("ulimit -n 48; exec '{BINARY}'")]);
    let linnet = Start::with_workers(2).command_line(command).spawn();
    linnet.wait_for("fleet ready");
    let address = linnet.address();
    let mut held = Vec::new();
    wait_until("a worker has no descriptor left", || {
        held.push(TcpStream::connect(address).unwrap());
        linnet.logged("cannot accept") > 0
    });
    drop(held);
    // All are served again, and the pause was counted.
    for _ in 0..50 {
        assert_eq!(get(address, PATH).unwrap().status, 200);
    }
    let metrics = String::from_utf8(get(address, "/metrics").unwrap().body).unwrap();
    let errors =
        metrics.lines().find(|line| line.starts_with("linnet_errors_total{kind=\"accept\"}")).unwrap();
    assert!(errors.rsplit(' ').next().unwrap().parse::<u64>().unwrap() > 0, "{errors}");
    assert_eq!(
        (linnet.logged("worker died"), linnet.logged("cannot accept") <= 2),
        (0, true),
        "{:?}",
        linnet.log()
    );
}

#[test]
fn the_limit_of_descriptors_is_raised_to_what_the_system_allows() {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -Sn 100; exec '{BINARY}'")]);
    let linnet = Start::with_workers(1).command_line(command).spawn();
    linnet.wait_for("fleet ready");
    let limits = |pid: i32| {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        let mut numbers = line.split_whitespace().skip(3).map(str::to_owned);
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    for pid in [linnet.pid(), linnet.workers()[0]] {
        let (soft, hard) = limits(pid);
        assert_eq!(soft, hard);
    }
}

#[test]
fn memory_that_runs_out_in_a_control_group_is_named_as_the_cause() {
    let Some(group) = Group::make() else {
        return leave_out("no control group with a limit of memory can be made here");
    };
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("echo $$ > '{}' && exec '{BINARY}'", group.0.join("cgroup.procs").display())]);
    let linnet = Start::with_workers(1).command_line(command).spawn();
    linnet.wait_for("fleet ready");
    group.limit();
    // A body is kept while it arrives: many of them are more than there is.
    let head = format!("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", 15 << 20);
    let chunk = vec![b' '; 1 << 20];
    let mut held = Vec::new();
    wait_until("the worker is killed", || {
        let mut stream = TcpStream::connect(linnet.address()).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        let sent = stream
            .write_all(head.as_bytes())
            .and_then(|()| (0..14).try_for_each(|_| stream.write_all(&chunk)));
        if sent.is_ok() {
            held.push(stream);
        }
        linnet.logged("worker died") > 0
    });
    drop(held);
    assert!(linnet.wait_for("worker died").contains("cause=\"out_of_memory\""));
    linnet.wait_for_nth("worker ready", 2);
    assert_eq!(get(linnet.address(), PATH).unwrap().status, 200);
    drop(linnet);
}

/// A control group of this test's own.
struct Group(PathBuf);

impl Group {
    /// Version 2 where it governs memory, else version 1; none where neither lets this process.
    fn make() -> Option<Self> {
        let name = format!("linnet-test-{}", std::process::id());
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"];
        let usable =
            |path: &PathBuf| path.join("memory.max").exists() || path.join("memory.limit_in_bytes").exists();
        roots.iter().map(|root| Path::new(root).join(&name)).find_map(|path| {
            fs::create_dir(&path).ok()?;
            if usable(&path) {
                return Some(Self(path));
            }
            let _ = fs::remove_dir(&path);
            None
        })
    }

    /// Allows what is used now and 48 MiB more.
    fn limit(&self) {
        let read = |name: &str| fs::read_to_string(self.0.join(name)).ok()?.trim().parse::<u64>().ok();
        let used = read("memory.current").or_else(|| read("memory.usage_in_bytes")).unwrap();
        let file = ["memory.max", "memory.limit_in_bytes"].map(|name| self.0.join(name));
        fs::write(file.iter().find(|file| file.exists()).unwrap(), (used + (48 << 20)).to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Not before the last process has left it.
        wait_until("the control group is gone", || fs::remove_dir(&self.0).is_ok());
    }
}
