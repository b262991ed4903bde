//! What operators do, against the real binary: reload settings, ask and steer by `linnet ctl`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use support::linnet::{Linnet, Start, kill_9, wait_until};
use support::load::{Load, Mode, get};

/// A cheap route; the tests look at whether it is answered, not at what.
const PATH: &str = "/health/live";

/// Writes other settings into the file that [`Start::settings_file`] has made; the model stays.
fn change_settings(linnet: &Linnet, settings: &str) {
    let path = linnet.path("linnet.toml");
    let model = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    fs::write(path, format!("{model}\n{settings}")).unwrap();
}

#[test]
fn a_reload_reads_the_settings_again_and_loses_nothing() {
    let linnet = Start::with_workers(1).settings_file("workers = 1\nmax_workers = 4\n").ready();
    let load = Load::start(linnet.address(), 4, Mode::KeepAlive, PATH);
    let write = |settings: &str| change_settings(&linnet, settings);
    write("workers = 3\nmax_workers = 4\nloglevel = 'warning'\n");
    linnet.signal(Signal::SIGHUP);
    wait_until("three workers run", || linnet.workers().len() == 3);
    // Back to a level at which the end of a reload is logged.
    write("workers = 1\nmax_workers = 4\n");
    linnet.signal(Signal::SIGHUP);
    linnet.wait_for(" reloaded");
    wait_until("one worker runs", || linnet.workers().len() == 1);
    assert_eq!(linnet.logged(" reloaded"), 1, "the first reload ended at another level: {:?}", linnet.log());
    load.wait_for_answers(100);
    let outcomes = load.finish();
    assert_eq!((outcomes.lost(), outcomes.refused(), outcomes.server_errors()), (0, 0, 0), "{outcomes:?}");
}

#[test]
fn a_reload_that_cannot_be_applied_says_why_and_changes_nothing() {
    let linnet = Start::with_workers(2).settings_file("workers = 2\n").ready();
    let workers = linnet.workers();
    let cases = [
        ("workers = 'many'\n", "linnet.toml:2: workers = 'many': expected"),
        ("workers = 3\nbacklog = 7\nchdir = '/'\n", "only a restart can change backlog, chdir"),
        ("workers = \n", "linnet.toml:2: not TOML"),
        ("a = 1\nb = 2\n", "linnet.toml:2: a: unknown setting; `linnet check --print` lists all settings; "),
    ];
    for (round, (settings, reason)) in (1..).zip(cases) {
        change_settings(&linnet, settings);
        linnet.signal(Signal::SIGHUP);
        let line = linnet.wait_for_nth("reload failed", round);
        assert!(line.contains("the old generation stays") && line.contains(reason), "{line}");
    }
    fs::write(linnet.path("linnet.toml"), "model = 'nowhere'\nworkers = 1\n").unwrap();
    linnet.signal(Signal::SIGHUP);
    let line = linnet.wait_for_nth("reload failed", cases.len() + 1);
    assert!(line.contains("nowhere/manifest.json"), "{line}");
    assert_eq!(linnet.workers(), workers);
    assert_eq!(linnet.logged("scaled"), 0);
}

/// Exit status, standard output and standard error of a `linnet ctl`.
fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().trim_end().to_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn status(linnet: &Linnet) -> Value {
    let (code, out, _) = said(&linnet.ctl("status --json"));
    assert_eq!(code, 0);
    serde_json::from_str(&out).unwrap()
}

#[test]
fn ctl_status_tells_of_addresses_workers_requests_and_deaths() {
    let linnet = Start::with_workers(2).ready();
    for _ in 0..10 {
        get(linnet.address(), PATH).unwrap();
    }
    let victim = linnet.workers()[0];
    kill_9(victim);
    linnet.wait_for_nth("worker ready", 3);
    let seen = status(&linnet);
    assert_eq!(seen["addresses"][0], format!("http://{}", linnet.address()));
    let expected = serde_json::json!({
        "state": "serving", "generation": 1, "workers": 2, "ready_workers": 2, "deaths": 1, "requests": 10
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&seen[key], value, "{key} in {seen}");
    }
    let slots = seen["slots"].as_array().unwrap();
    let mut pids: Vec<_> = slots.iter().map(|slot| slot["workers"][0]["pid"].as_i64().unwrap()).collect();
    let mut running: Vec<_> = linnet.workers().into_iter().map(i64::from).collect();
    pids.sort_unstable();
    running.sort_unstable();
    assert_eq!(pids, running);
    let last = slots.iter().find(|slot| !slot["last_exit"].is_null()).unwrap();
    assert_eq!(last["last_exit"]["pid"], victim);
    assert_eq!(last["last_exit"]["exit"], "SIGKILL");
    assert_eq!(last["last_exit"]["why"], "while it served");
    // Sampled once a second.
    wait_until("memory is told", || {
        status(&linnet)["slots"][0]["workers"][0]["rss"].as_u64().unwrap() > 1 << 20
    });
    let (code, page, _) = said(&linnet.ctl("status"));
    let told = ["SLOT", "LAST EXIT", "2 of 2 workers ready", "SIGKILL, while it served", "http://127.0.0.1:"];
    assert!(code == 0 && told.iter().all(|text| page.contains(text)), "{page}");
}

#[test]
fn ctl_reload_ends_with_the_roll_or_with_the_reason() {
    let linnet = Start::with_workers(2).settings_file("workers = 2\nmax_workers = 4\n").ready();
    let before = linnet.workers();
    assert_eq!(said(&linnet.ctl("reload")), (0, "every worker serves generation 2".into(), String::new()));
    assert!(linnet.workers().iter().all(|pid| !before.contains(pid)), "the roll is not over");
    assert_eq!(linnet.workers().len(), 2);
    let after = linnet.workers();
    for (settings, reason) in [
        ("workers = 0\n", "linnet.toml:2: workers = 0: expected"),
        ("max_workers = 5\nworkers = 4\n", "only a restart can change max_workers"),
    ] {
        change_settings(&linnet, settings);
        let (code, out, why) = said(&linnet.ctl("reload"));
        assert!(code == 1 && out.is_empty() && why.contains(reason), "{code} {out} {why}");
    }
    assert_eq!(linnet.workers(), after);
}

#[test]
fn ctl_scale_ends_when_exactly_so_many_serve() {
    let linnet = Start::with_workers(1).set("MAX_WORKERS", "4").ready();
    for (workers, answer) in [("4", "4 workers serve"), ("2", "2 workers serve")] {
        assert_eq!(said(&linnet.ctl(&format!("scale {workers}"))), (0, answer.into(), String::new()));
        assert_eq!(linnet.workers().len().to_string(), workers);
    }
    let reason = "linnet ctl: 5 workers are not within 1 to max_workers = 4";
    assert_eq!(said(&linnet.ctl("scale 5")), (1, String::new(), reason.into()));
    assert_eq!(linnet.workers().len(), 2);
}

#[test]
fn ctl_drain_and_stop_end_with_the_fleet() {
    let mut linnet = Start::with_workers(2).ready();
    let address = linnet.address();
    let load = Load::start(address, 4, Mode::KeepAlive, PATH);
    load.wait_for_answers(100);
    let drains = [linnet.start_ctl("drain"), linnet.start_ctl("drain")];
    for drain in drains {
        assert_eq!(
            said(&drain.wait_with_output().unwrap()),
            (0, "drained and stopped".into(), String::new())
        );
    }
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(linnet.wait().success() && !linnet.path("ctl.sock").exists());
    let outcomes = load.wait_until_refused();
    assert_eq!((outcomes.lost(), outcomes.server_errors()), (0, 0), "{outcomes:?}");
    let (code, _, why) = said(&linnet.ctl("status"));
    assert!(code == 3 && why.contains("no supervisor answers at"), "{why}");

    let mut linnet = Start::with_workers(1).set("DRAIN_DELAY", "1h").ready();
    let drain = linnet.start_ctl("drain");
    linnet.wait_for("readiness is off");
    assert_eq!(said(&linnet.ctl("stop")), (0, "stopped".into(), String::new()));
    let (code, _, why) = said(&drain.wait_with_output().unwrap());
    assert!(code == 1 && why.contains("stopped at once"), "{why}");
    assert!(linnet.wait().success());
}

#[test]
fn stuck_control_clients_cost_nothing_and_only_the_owner_gets_in() {
    let linnet = Start::with_workers(1).ready();
    let path = linnet.path("ctl.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // Silent ones, and one that asks and never reads.
    let mut stuck: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).unwrap()).collect();
    stuck[0].write_all(b"{\"command\":\"status\"}\n").unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(get(linnet.address(), PATH).unwrap().status, 200);
    }
    kill_9(linnet.workers()[0]);
    linnet.wait_for_nth("worker ready", 2);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // Beyond the bound they are told so; the silent ones are cut off in time, and then there is room again.
    let mut refusal = String::new();
    BufReader::new(stuck.last().unwrap()).read_line(&mut refusal).unwrap();
    assert!(refusal.contains("more than 16 control connections"), "{refusal}");
    stuck[1].set_read_timeout(Some(support::linnet::SOON)).unwrap();
    assert_eq!(stuck[1].read(&mut [0]).unwrap(), 0);
    assert_eq!(linnet.ctl("status").status.code(), Some(0));
}

#[test]
fn ctl_finds_the_supervisor_by_its_settings() {
    let linnet = Start::with_workers(1).settings_file("control_socket = 'ctl.sock'\n").ready();
    let ctl = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        command.current_dir(linnet.path("")).arg("ctl").args(arguments);
        said(&command.env_remove("LINNET_CONTROL_SOCKET").output().unwrap())
    };
    let (code, page, why) = ctl(&["-c", "linnet.toml", "status"]);
    assert!(code == 0 && page.contains("serving"), "{page} {why}");
    let (code, _, why) = ctl(&["--set", "control_socket=off", "status"]);
    assert!(code == 2 && why.contains("off in these settings"), "{why}");
    let (code, _, why) = ctl(&["--bind", ":0", "status"]);
    assert!(code == 2 && why.contains("--socket"), "{why}");
    let (code, _, why) = ctl(&["--socket", "ctl.sock", "top"]);
    assert!(code == 2 && why.contains("terminal"), "{why}");
}

#[test]
fn a_control_socket_that_cannot_be_bound_fails_the_start_and_a_stale_one_is_replaced() {
    let start = Start::with_workers(1);
    let stale = start.path("ctl.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let linnet = start.ready();
    assert_eq!(linnet.ctl("status").status.code(), Some(0));
    let taken = stale.display().to_string();
    let mut second = Start::with_workers(1).set("CONTROL_SOCKET", &taken).spawn();
    assert_eq!(second.wait().code(), Some(1));
    let log = second.log();
    assert!(log.len() == 1 && log[0].contains(&format!("cannot bind control_socket {taken}")), "{log:?}");
    assert_eq!(linnet.ctl("status").status.code(), Some(0), "the first one keeps its socket");
}
