//! One supervisor after another, against the real binary: upgrades, failed ones, the way back, and parking.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use nix::sys::signal::Signal;

use support::linnet::{BINARY, Start, install, is_alive, send_signal, wait_until};
use support::load::{Load, Mode, get, receive, send};

const PATH: &str = "/health/ready";
const CLIENTS: usize = 8;

/// Somebody who asks for the state again and again, and expects an answer each time.
struct Asker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Asker {
    fn start(socket: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut answers = 0;
            while !stopped.load(Ordering::Relaxed) {
                let mut stream = UnixStream::connect(&socket).unwrap();
                stream.write_all(b"{\"command\":\"status\"}\n").unwrap();
                let mut line = String::new();
                BufReader::new(stream).read_line(&mut line).unwrap();
                assert!(line.contains("\"ok\":true"), "{line:?} after {answers} answers");
                answers += 1;
            }
            answers
        });
        Self { stop, thread }
    }

    fn finish(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn child_of(pid: i32) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let name = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let mine = name(&pid.to_string());
    // The successor runs a file of its own: the one that was there was renamed over, and shows as deleted.
    children.split_whitespace().find(|child| name(child) != mine).map(|child| child.parse().unwrap())
}

#[test]
fn an_upgrade_and_the_way_back_lose_nothing_under_load() {
    for mode in [Mode::KeepAlive, Mode::Connect] {
        let start = Start::with_workers(2);
        let program = start.path("linnet");
        let binary = fs::read(BINARY).unwrap();
        install(&program, &binary);
        let mut linnet = start.program(&program).ready();
        let load = Load::start(linnet.address(), CLIENTS, mode, PATH);
        let asker = Asker::start(linnet.path("ctl.sock"));
        load.wait_for_answers(300);
        let mut supervisor = linnet.pid();
        for round in 1..=2 {
            install(&program, &binary);
            send_signal(supervisor, Signal::SIGUSR2);
            linnet.wait_for_nth("upgrading", round);
            let mut successor = None;
            wait_until("the new supervisor runs", || {
                successor = child_of(supervisor);
                successor.is_some()
            });
            linnet.wait_for_nth("took over", round);
            load.wait_for_answers(300);
            wait_until("the old supervisor is gone", || !is_alive(supervisor));
            supervisor = successor.unwrap();
            load.wait_for_answers(300);
            // The control socket has changed hands, too.
            linnet.wait_for_nth("control socket", round + 1);
            let status = linnet.ctl("status --json");
            assert!(status.status.success(), "{status:?}");
        }
        assert!(asker.finish() > 10, "the control socket answers throughout");
        let outcomes = load.finish();
        let failed = (outcomes.lost(), outcomes.refused(), outcomes.server_errors());
        assert_eq!(failed, (0, 0, 0), "{mode:?} {outcomes:?}");
        send_signal(supervisor, Signal::SIGTERM);
        assert!(linnet.wait().success());
        assert_eq!(linnet.logged("stopped"), 3, "{:?}", linnet.log());
        assert_eq!(linnet.logged("killed") + linnet.logged("worker died"), 0, "{:?}", linnet.log());
    }
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_one_and_says_why() {
    let start = Start::with_workers(2);
    let (program, config) = (start.path("linnet"), start.path("config/linnet.toml"));
    install(&program, &fs::read(BINARY).unwrap());
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    let model = start.path("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/tagifai/1")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let linnet = start.set("MODEL", &model.display().to_string()).program(&program).ready();
    let workers = linnet.workers();
    let load = Load::start(linnet.address(), CLIENTS, Mode::Connect, PATH);
    load.wait_for_answers(100);
    // No program, then one that ends, then wrong settings, then no model.
    fs::remove_file(&program).unwrap();
    linnet.signal(Signal::SIGUSR2);
    assert!(linnet.wait_for("upgrade failed").contains("cannot start"));
    install(&program, b"#!/bin/sh\nexit 7\n");
    linnet.signal(Signal::SIGUSR2);
    assert!(linnet.wait_for_nth("upgrade failed", 2).contains("status 7"));
    install(&program, &fs::read(BINARY).unwrap());
    fs::write(&config, "wrokers = 2\n").unwrap();
    linnet.signal(Signal::SIGUSR2);
    assert!(linnet.wait_for_nth("upgrade failed", 3).contains("wrokers"));
    fs::remove_file(&config).unwrap();
    fs::remove_file(model.join("manifest.json")).unwrap();
    linnet.signal(Signal::SIGUSR2);
    assert!(linnet.wait_for_nth("upgrade failed", 4).contains("manifest.json"));
    load.wait_for_answers(100);
    let outcomes = load.finish();
    assert_eq!((outcomes.lost(), outcomes.refused(), outcomes.server_errors()), (0, 0, 0), "{outcomes:?}");
    assert_eq!(linnet.workers(), workers);
}

#[test]
fn parked_connections_wait_for_workers_to_come_back() {
    let linnet = Start::with_workers(2).ready();
    linnet.signal(Signal::SIGWINCH);
    linnet.wait_for_nth("worker gone", 2);
    assert_eq!(linnet.workers(), []);
    let mut waiting: Vec<_> = (0..10).map(|_| TcpStream::connect(linnet.address()).unwrap()).collect();
    for stream in &mut waiting {
        send(stream, "/health/live").unwrap();
    }
    linnet.signal(Signal::SIGHUP);
    for stream in waiting {
        assert!(receive(&mut BufReader::new(stream)).unwrap().status < 500);
    }
    linnet.wait_for(" reloaded");
    assert_eq!(get(linnet.address(), PATH).unwrap().status, 200);
}

#[test]
fn a_unix_socket_stays_through_an_upgrade() {
    let start = Start::with_workers(1);
    let path = start.path("linnet.sock");
    let linnet = start.set("BIND", &format!("unix:{}", path.display())).ready();
    let old = linnet.pid();
    linnet.signal(Signal::SIGUSR2);
    linnet.wait_for("took over");
    wait_until("the old supervisor is gone", || !is_alive(old));
    let log = linnet.log();
    assert!(path.exists(), "{log:?}");
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    assert!(receive(&mut BufReader::new(stream)).unwrap().status < 500);
}
