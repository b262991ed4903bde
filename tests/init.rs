//! Linnet as PID 1 of a namespace of its own, as in a container: signals, orphans, and upgrades in the same process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use support::linnet::{
    BINARY, Linnet, Start, children_of, install, is_alive, leave_out, send_signal, wait_until,
};
use support::load::{Load, Mode, get};

const PATH: &str = "/health/ready";
const CLIENTS: usize = 8;

/// A Linnet as PID 1, started from a program of its own, which can be replaced.
fn init(workers: usize) -> Option<Linnet> {
    let start = Start::with_workers(workers);
    let program = start.path("linnet");
    install(&program, &fs::read(BINARY).unwrap());
    Some(start.in_namespace(&program)?.ready())
}

/// The supervisor, as it is called out here.
fn supervisor(linnet: &Linnet) -> i32 {
    let pid = linnet.workers()[0];
    let inside = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let names = inside.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    assert_eq!(names.split_whitespace().last(), Some("1"), "{names}");
    pid
}

#[test]
fn as_pid_1_signals_mean_what_they_mean_elsewhere_and_lose_nothing() {
    let Some(mut linnet) = init(2) else { return };
    let pid = supervisor(&linnet);
    let load = Load::start(linnet.address(), CLIENTS, Mode::Connect, PATH);
    load.wait_for_answers(200);
    send_signal(pid, Signal::SIGHUP);
    linnet.wait_for(" reloaded");
    load.wait_for_answers(200);
    let outcomes = load.finish();
    assert_eq!((outcomes.lost(), outcomes.refused(), outcomes.server_errors()), (0, 0, 0), "{outcomes:?}");
    let load = Load::start(linnet.address(), CLIENTS, Mode::Connect, "/health/live");
    load.wait_for_answers(200);
    send_signal(pid, Signal::SIGTERM);
    assert!(linnet.wait().success());
    let outcomes = load.wait_until_refused();
    assert_eq!((outcomes.lost(), outcomes.server_errors()), (0, 0), "{outcomes:?}");
}

#[test]
fn as_pid_1_orphans_are_reaped_and_mean_nothing() {
    let Some(linnet) = init(2) else { return };
    let pid = supervisor(&linnet);
    let workers = children_of(pid);
    // Each leaves a child behind, which is then PID 1's, and ends with a status or a signal.
    for end in ["exit 3", "kill -9 $$", "exit 0"] {
        let orphan = format!("sh -c 'read line; {end}' < '{}' &", linnet.path("pipe").display());
        let _ = fs::remove_file(linnet.path("pipe"));
        nix::unistd::mkfifo(&linnet.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let entered =
            Command::new("nsenter").args(["-t", &pid.to_string(), "-p", "sh", "-c", &orphan]).status();
        if !entered.as_ref().is_ok_and(std::process::ExitStatus::success) {
            return leave_out(&format!("no process can be put into the namespace: {entered:?}"));
        }
        wait_until("PID 1 is given it", || children_of(pid).len() == workers.len() + 1);
        fs::write(linnet.path("pipe"), "go\n").unwrap();
        let all = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        // A zombie would stand among them still.
        wait_until("it is reaped", || all().split_whitespace().count() == workers.len());
    }
    assert_eq!(children_of(pid), workers);
    assert_eq!(get(linnet.address(), PATH).unwrap().status, 200);
    assert_eq!(linnet.logged("worker died") + linnet.logged("worker gone"), 0, "{:?}", linnet.log());
}

#[test]
fn as_pid_1_an_upgrade_keeps_the_process_and_the_workers_and_loses_nothing() {
    for mode in [Mode::KeepAlive, Mode::Connect] {
        let Some(mut linnet) = init(2) else { return };
        let (pid, program, binary) = (supervisor(&linnet), linnet.path("linnet"), fs::read(BINARY).unwrap());
        let load = Load::start(linnet.address(), CLIENTS, mode, PATH);
        load.wait_for_answers(300);
        for round in 1..=2 {
            let runs = || fs::read_link(format!("/proc/{pid}/exe")).unwrap();
            install(&program, &binary);
            assert!(runs().to_string_lossy().ends_with("(deleted)"), "{:?}", runs());
            let old = children_of(pid);
            send_signal(pid, Signal::SIGUSR2);
            linnet.wait_for_nth("took the place", round);
            assert_eq!(runs(), program);
            linnet.wait_for_nth(" reloaded", round);
            load.wait_for_answers(300);
            wait_until("the old workers are gone", || old.iter().all(|worker| !is_alive(*worker)));
            let status = linnet.ctl("status --json");
            let text = String::from_utf8_lossy(&status.stdout).into_owned();
            assert!(status.status.success() && text.contains("\"pid\": 1,"), "{status:?}");
        }
        // What the workers before have counted is there still.
        let outcomes = load.finish();
        let metrics = String::from_utf8(get(linnet.address(), "/metrics").unwrap().body).unwrap();
        assert!(counted(&metrics) >= outcomes.answered(), "{metrics}");
        let failed = (outcomes.lost(), outcomes.refused(), outcomes.server_errors());
        assert_eq!(failed, (0, 0, 0), "{mode:?} {outcomes:?}");
        assert_eq!(supervisor(&linnet), pid);
        assert_eq!(linnet.logged("killed") + linnet.logged("worker died"), 0, "{:?}", linnet.log());
        assert_eq!(descriptors(pid, "linnet-model"), 1, "one image is kept");
        assert_eq!(descriptors(pid, "linnet-estate"), 0, "and no document");
        send_signal(pid, Signal::SIGTERM);
        assert!(linnet.wait().success());
    }
}

/// All requests that a page of metrics counts.
fn counted(metrics: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.starts_with("linnet_requests_total{"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// How many descriptors of a process lead to a memory file of this name.
fn descriptors(pid: i32, name: &str) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().contains(name)).count()
}

#[test]
fn as_pid_1_an_upgrade_that_cannot_be_proven_changes_nothing_and_says_why() {
    let start = Start::with_workers(2);
    let (program, config) = (start.path("linnet"), start.path("config/linnet.toml"));
    let binary = fs::read(BINARY).unwrap();
    install(&program, &binary);
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    let model = start.path("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/tagifai/1")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let start = start.set("MODEL", &model.display().to_string());
    let Some(start) = start.in_namespace(&program) else { return };
    let linnet = start.ready();
    let pid = supervisor(&linnet);
    let workers = children_of(pid);
    let load = Load::start(linnet.address(), CLIENTS, Mode::Connect, PATH);
    load.wait_for_answers(100);
    let fails = |nth: usize, with: &str| {
        send_signal(pid, Signal::SIGUSR2);
        let line = linnet.wait_for_nth("upgrade failed", nth);
        assert!(line.contains(with), "{line}");
    };
    fs::remove_file(&program).unwrap();
    fails(1, "cannot start");
    install(&program, b"#!/bin/sh\nexit 7\n");
    fails(2, "status 7");
    // A program that says nothing, but ends well, has proven nothing.
    install(&program, b"#!/bin/sh\nexit 0\n");
    fails(3, "status 0");
    install(&program, &binary);
    fs::write(&config, "wrokers = 2\n").unwrap();
    fails(4, "wrokers");
    fs::write(&config, "backlog = 7\n").unwrap();
    fails(5, "only a restart can change backlog");
    fs::remove_file(&config).unwrap();
    let manifest = fs::read(model.join("manifest.json")).unwrap();
    fs::remove_file(model.join("manifest.json")).unwrap();
    fails(6, "manifest.json");
    fs::write(model.join("manifest.json"), manifest).unwrap();
    load.wait_for_answers(100);
    // Proven, and then gone.
    let script = format!("#!/bin/sh\nrm -f '{}'\nexec '{BINARY}' \"$@\"\n", program.display());
    install(&program, script.as_bytes());
    fails(7, "cannot execute");
    assert_eq!((supervisor(&linnet), children_of(pid)), (pid, workers));
    // And then it works.
    install(&program, &binary);
    send_signal(pid, Signal::SIGUSR2);
    linnet.wait_for("took the place");
    linnet.wait_for(" reloaded");
    load.wait_for_answers(100);
    let outcomes = load.finish();
    assert_eq!((outcomes.lost(), outcomes.refused(), outcomes.server_errors()), (0, 0, 0), "{outcomes:?}");
}
