//! What surrounds the fleet, against the real binary: pidfile, user, process names, and what systemd is told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use support::linnet::{Start, is_alive, kill_9, leave_out, send_signal, wait_until};
use support::load::get;

const PATH: &str = "/health/live";

fn line_of_status(pid: i32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().replace('\t', " ")
}

/// Puts the shipped model at `to`, readable for everybody.
fn copy_model(to: &Path) {
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/tagifai/1")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        open(&to.join(entry.file_name()), 0o644);
    }
    open(to, 0o755);
}

fn pid_in(file: &Path) -> Option<i32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[test]
fn a_pidfile_names_the_supervisor_refuses_a_second_one_and_moves_in_an_upgrade() {
    let start = Start::with_workers(1);
    let file = start.path("linnet.pid");
    let name = file.display().to_string();
    fs::write(&file, "99999999\n").unwrap();
    let mut linnet = start.set("PIDFILE", &name).set("PROC_NAME", "texts").ready();
    let old = linnet.pid();
    assert_eq!(pid_in(&file), Some(old), "a stale one is replaced");
    assert_eq!(line_of_status(old, "Name:"), "texts");
    assert_eq!(line_of_status(linnet.workers()[0], "Name:"), "texts-w0");

    let mut second = Start::with_workers(1).set("PIDFILE", &name).spawn();
    assert_eq!(second.wait().code(), Some(1));
    assert!(second.wait_for("running already").contains(&old.to_string()));
    assert_eq!(pid_in(&file), Some(old));

    linnet.signal(Signal::SIGUSR2);
    linnet.wait_for("took over");
    wait_until("the old supervisor is gone", || !is_alive(old));
    wait_until("the pidfile names the new one", || pid_in(&file).is_some_and(|pid| pid != old));
    let new = pid_in(&file).unwrap();
    assert!(is_alive(new));
    wait_until("it has one name", || !file.with_extension("pid.2").exists());
    send_signal(new, Signal::SIGTERM);
    linnet.wait();
    wait_until("the pidfile is gone", || !file.exists());
}

#[test]
fn root_gives_itself_up_before_the_first_worker_and_reads_the_model_as_the_user() {
    if !nix::unistd::geteuid().is_root() {
        return leave_out("only root can become somebody else");
    }
    let start = Start::with_workers(2);
    let model = start.path("model");
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(model.parent().unwrap(), 0o755);
    copy_model(&model);
    let start = start.set("USER", "65534").set("GROUP", "65533").set("MODEL", &model.display().to_string());
    let mut linnet = start.ready();
    let workers = linnet.workers();
    for pid in workers.iter().copied().chain([linnet.pid()]) {
        assert_eq!(line_of_status(pid, "Uid:"), "65534 65534 65534 65534");
        assert_eq!(line_of_status(pid, "Gid:"), "65533 65533 65533 65533");
        assert!(!line_of_status(pid, "Groups:").split(' ').any(|group| group == "0"));
    }
    // Scaling, reloading and steering need no privilege.
    linnet.signal(Signal::SIGTTIN);
    linnet.wait_for_nth("worker ready", 3);
    linnet.signal(Signal::SIGHUP);
    linnet.wait_for(" reloaded");
    assert_eq!(linnet.logged("cannot steer"), 0);
    assert_eq!(get(linnet.address(), PATH).unwrap().status, 200);
    // What the user may not read cannot be loaded, though root could.
    open(&model, 0o700);
    linnet.signal(Signal::SIGHUP);
    assert!(linnet.wait_for("reload failed").to_lowercase().contains("permission denied"));
    let workers = linnet.workers();
    kill_9(linnet.pid());
    linnet.wait();
    wait_until("all workers are gone", || workers.iter().all(|pid| !is_alive(*pid)));
}

/// What root makes where only root may: the user that it becomes takes it along in an upgrade, and leaves nothing that
/// misleads.
#[test]
fn an_upgrade_after_the_change_of_user_needs_no_directory_of_that_users() {
    if !nix::unistd::geteuid().is_root() {
        return leave_out("only root can become somebody else");
    }
    let start = Start::with_workers(1);
    let (model, file) = (start.path("model"), start.path("linnet.pid"));
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(model.parent().unwrap(), 0o755);
    copy_model(&model);
    let start = start.set("USER", "65534").set("PIDFILE", &file.display().to_string());
    let mut linnet = start.set("MODEL", &model.display().to_string()).ready();
    let old = linnet.pid();
    linnet.signal(Signal::SIGUSR2);
    linnet.wait_for("took over");
    wait_until("the old supervisor is gone", || !is_alive(old));
    wait_until("the pidfile names the new one", || pid_in(&file).is_some_and(|pid| pid != old));
    let status = linnet.ctl("status --json");
    assert!(status.status.success(), "{status:?}");
    let drained = linnet.ctl("drain");
    assert!(drained.status.success(), "{drained:?}");
    linnet.wait();
    assert_eq!(fs::read_to_string(&file).unwrap(), "", "it names nobody");
}

#[test]
fn an_unknown_user_is_one_line_and_a_status() {
    let mut linnet = Start::with_workers(1).set("USER", "nobody-of-this-name").spawn();
    assert_eq!(linnet.wait().code(), Some(1));
    assert!(linnet.log().len() == 1 && linnet.log()[0].contains("nobody-of-this-name"), "{:?}", linnet.log());
}

#[test]
fn systemd_is_told_when_a_worker_serves_of_reloads_of_life_and_of_the_end() {
    let start = Start::with_workers(2);
    let path = start.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let start = start.environment("NOTIFY_SOCKET", &path.display().to_string());
    let mut linnet = start.environment("WATCHDOG_USEC", "200000").spawn();
    let hear = |what: &str| loop {
        let mut message = [0; 4_096];
        let count = manager.recv(&mut message).unwrap();
        let message = std::str::from_utf8(&message[..count]).unwrap().to_owned();
        if message.starts_with(what) {
            return message;
        }
        assert!(message.starts_with("WATCHDOG=1"), "{message} before {what}");
    };
    assert!(hear("READY=1").contains("http://127.0.0.1:"));
    assert_eq!(get(linnet.address(), "/health/ready").unwrap().status, 200);
    linnet.wait_for("fleet ready");
    linnet.signal(Signal::SIGHUP);
    let reloading = hear("RELOADING=1");
    let usec = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(usec.parse::<u64>().unwrap() > 0);
    hear("READY=1");
    hear("WATCHDOG=1");
    linnet.signal(Signal::SIGTERM);
    hear("STOPPING=1");
    assert!(linnet.wait().success());
}

#[test]
fn usr1_opens_the_log_file_again_in_all_processes() {
    let start = Start::with_workers(2);
    let (file, rotated) = (start.path("linnet.log"), start.path("linnet.log.1"));
    let linnet = start.set("ERRORLOG", &file.display().to_string()).spawn();
    let text = |file: &Path| fs::read_to_string(file).unwrap_or_default();
    wait_until("the fleet is ready", || text(&file).contains("fleet ready"));
    fs::rename(&file, &rotated).unwrap();
    let (workers, led_to) =
        (linnet.workers(), |pid: i32| fs::read_link(format!("/proc/{pid}/fd/2")).unwrap());
    assert!(workers.iter().all(|pid| led_to(*pid) == rotated));
    linnet.signal(Signal::SIGUSR1);
    wait_until("all write to the new file", || {
        workers.iter().chain([&linnet.pid()]).all(|pid| led_to(*pid) == file)
    });
    wait_until("it says so", || text(&file).contains("opened again"));
    assert!(!text(&rotated).contains("opened again"));
    assert!(linnet.log().is_empty(), "nothing on the old standard error");
}
