//! The access log and the log as JSON, against the real binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use support::linnet::{Linnet, Start, kill_9, wait_until};
use support::load::{Load, Mode, get, receive, send};

/// What gunicorn writes for a list of requests, and what Linnet should; `tests/access_log/record.py` records it.
const RECORDED: &str = include_str!("access_log/recorded.jsonl");

/// Sends one raw request, whose characters are bytes, and reads until the connection ends.
fn send_raw(address: SocketAddr, request: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let bytes: Vec<u8> = request.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    stream.write_all(&bytes).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

/// Ends it in an orderly way.
fn stop(linnet: &mut Linnet) {
    linnet.signal(Signal::SIGTERM);
    assert!(linnet.wait().success());
}

/// The line with what differs from run to run replaced, as `record.py` has it: times, durations and process ids.
fn shape(line: &str) -> String {
    let at = line.match_indices('|').rev().nth(5).unwrap().0;
    let mut shape = line[..at].to_owned();
    let mut last = ' ';
    for c in line[at..].chars() {
        if !(c.is_ascii_digit() && last == 'N') {
            shape.push(if c.is_ascii_digit() { 'N' } else { c });
        }
        last = if c.is_ascii_digit() { 'N' } else { c };
    }
    let month = shape.find("[N/").unwrap() + 3;
    shape.replace_range(month..month + 3, "Mon");
    shape
}

#[test]
fn lines_are_those_of_gunicorn_and_none_is_lost_at_the_end() {
    let mut cases = RECORDED.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let format = cases.next().unwrap()["format"].as_str().unwrap().to_owned();
    let start = Start::with_workers(1).set("ACCESS_LOG_FORMAT", &format);
    let log = start.path("access.log");
    let mut linnet = start.set("ACCESSLOG", &log.display().to_string()).ready();
    let address = linnet.address();
    let cases: Vec<Value> = cases.collect();
    for case in &cases {
        send_raw(address, case["request"].as_str().unwrap());
    }
    stop(&mut linnet);
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.is_ascii() && text.ends_with('\n'));
    assert_eq!(text.lines().count(), cases.len(), "{text}");
    for (line, case) in text.lines().zip(&cases) {
        assert_eq!(shape(line), case["linnet"], "{}", case["name"]);
        assert_eq!(case["linnet"] == case["gunicorn"], case["why"] == "", "{}", case["name"]);
    }
}

#[test]
fn a_rotation_under_load_loses_no_line() {
    let start = Start::with_workers(2);
    let log = start.path("access.log");
    let mut linnet = start.set("ACCESSLOG", &log.display().to_string()).ready();
    let load = Load::start(linnet.address(), 4, Mode::KeepAlive, "/health/live");
    let rotated: Vec<_> = (1..=5).map(|n| log.with_extension(format!("log.{n}"))).collect();
    for path in &rotated {
        load.wait_for_answers(500);
        fs::rename(&log, path).unwrap();
        linnet.signal(Signal::SIGUSR1);
        wait_until("a worker has opened the new file", || log.exists());
    }
    load.wait_for_answers(500);
    let outcomes = load.finish();
    assert_eq!((outcomes.lost(), outcomes.refused()), (0, 0));
    stop(&mut linnet);
    let mut lines = 0;
    for path in rotated.iter().chain([&log]) {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'), "{}", path.display());
        for line in text.lines() {
            assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
            assert!(line.ends_with("] \"GET /health/live HTTP/1.1\" 200 17 \"-\" \"-\""), "{line}");
            lines += 1;
        }
    }
    assert_eq!(lines, outcomes.answered());
}

#[test]
fn json_lines_hold_what_hostile_clients_send_and_whom_proxies_name() {
    let start = Start::with_workers(1).set("ACCESS_LOG_FORMAT", "json");
    let log = start.path("access.log");
    let mut linnet = start.set("ACCESSLOG", &log.display().to_string()).ready();
    let address = linnet.address();
    let hostile: Vec<(&str, &str)> = vec![
        ("GET /a%0A%7B%22status%22:200%7D%0A", "x"),
        ("GET /%00%1B[2J%7F", "\t\"}\\"),
        ("GET /\"},{\"", "\u{ff}\u{e9}"),
        ("GET /%E2%80%A8%FF", "\u{e2}\u{80}\u{a8}"),
    ];
    for (target, agent) in &hostile {
        let head = format!("{target} HTTP/1.1\r\nhost: test\r\nuser-agent: {agent}\r\n");
        send_raw(
            address,
            &format!("{head}x-forwarded-for: 1.2.3.4\", 203.0.113.9\r\nconnection: close\r\n\r\n"),
        );
    }
    stop(&mut linnet);
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), hostile.len());
    for line in &lines {
        assert_eq!((&line["status"], &line["method"]), (&404.into(), &"GET".into()), "{line}");
        assert_eq!((&line["peer"], &line["client"]), (&"127.0.0.1".into(), &"203.0.113.9".into()), "{line}");
        assert!(line["seconds"].as_f64().unwrap() > 0.0 && line["body_bytes"] == 22, "{line}");
    }
    assert_eq!(lines[0]["path"], "/a\n{\"status\":200}\n");
    assert_eq!(lines[1]["user_agent"], "\"}\\");
    assert_eq!(lines[2]["user_agent"], "\u{ff}\u{e9}");
    assert_eq!(lines[3]["path"], "/\u{2028}\u{fffd}");
    assert_eq!(lines[3]["user_agent"], "\u{2028}");
}

#[test]
fn a_reader_that_sleeps_holds_nobody_up_and_gets_whole_lines() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut linnet = Start::with_workers(2).set("ACCESSLOG", "-").stdout(writer).ready();
    let address = linnet.address();
    let target = format!("/health/live?{}", "x".repeat(3_000));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    // More than the pipe and what a worker keeps together.
    let requests = 400;
    for _ in 0..requests {
        send(&mut stream, &target).unwrap();
        assert_eq!(receive(&mut answers).unwrap().status, 200);
    }
    let lost = |page: &str| -> usize {
        let line = page.lines().find_map(|line| line.strip_prefix("linnet_access_log_lines_lost_total "));
        line.unwrap().parse().unwrap()
    };
    let page = String::from_utf8(get(address, "/metrics").unwrap().body).unwrap();
    let lost = lost(&page);
    assert!((1..requests).contains(&lost), "{lost} lost");
    drop((stream, answers));
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    // The end of the pipe comes once nobody has it open for writing.
    stop(&mut linnet);
    let text = reading.join().unwrap();
    let whole = text.lines().filter(|line| line.contains(&target) && line.ends_with("\"-\" \"-\"")).count();
    assert_eq!(whole, requests - lost);
    assert_eq!(text.lines().count(), whole + 1, "and that of the metrics");
}

#[test]
fn what_cannot_be_an_access_log_is_said_at_the_start() {
    for (name, value, status, said) in [
        ("ACCESSLOG", "/nowhere/access.log", 1, "accesslog = \"/nowhere/access.log\""),
        ("ACCESS_LOG_FORMAT", "%(h)s %(x)s", 2, "{variable}e; %% for %: %(x)s is none of them"),
        ("LOG_FORMAT", "xml", 2, "expected \"text\" or \"json\""),
    ] {
        let mut linnet = Start::with_workers(1).set(name, value).spawn();
        assert_eq!(linnet.wait().code(), Some(status), "{name}");
        assert!(linnet.wait_for(said).contains(value), "{name}");
    }
}

/// All lines so far, each one a JSON object that says when, how bad, who, and what.
fn objects(log: &Path) -> Vec<Value> {
    let file = BufReader::new(fs::File::open(log).unwrap());
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    for line in &lines {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["timestamp", "level", "role", "pid", "message", "fields"], "{line}");
        assert!(line["pid"].is_u64() && line["fields"].is_object(), "{line}");
    }
    lines
}

#[test]
fn with_json_every_line_of_the_log_is_an_object() {
    let start = Start::with_workers(2);
    let log = start.path("linnet.log");
    let settings = "workers = 2\nlog_format = 'json'\ntimeout = '1s'\nloglevel = 'debug'\n";
    let start = start.settings_file(&format!("{settings}errorlog = '{}'\n", log.display()));
    let mut linnet = start.spawn();
    let logged = |what: &str| {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.lines().filter(|line| line.contains(what)).count()
    };
    let wait_for = |what: &str, times: usize| wait_until(what, || logged(what) >= times);
    wait_for("\"fleet ready\"", 1);
    let listening = objects(&log).into_iter().find_map(|line| {
        Some(line["message"].as_str()?.strip_prefix("listening on http://")?.parse::<SocketAddr>().unwrap())
    });
    assert_eq!(get(listening.unwrap(), "/health/ready").unwrap().status, 200);
    linnet.signal(Signal::SIGHUP);
    wait_for("\"reloaded\"", 1);
    // A reload that fails, a worker that is killed, and one that hangs and tells where.
    let file = linnet.path("linnet.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, "workers = \"a \\\"b\\\"\"\n").unwrap();
    linnet.signal(Signal::SIGHUP);
    wait_for("reload failed", 1);
    fs::write(&file, good).unwrap();
    let ready = logged("worker ready");
    kill_9(linnet.workers()[0]);
    wait_for("worker ready", ready + 1);
    let stuck = linnet.workers()[0];
    support::linnet::send_signal(stuck, Signal::SIGSTOP);
    wait_for("worker stuck", 1);
    support::linnet::send_signal(stuck, Signal::SIGCONT);
    wait_for("worker ready", ready + 2);
    stop(&mut linnet);
    assert!(linnet.log().is_empty(), "nothing beside the log: {:?}", linnet.log());
    let lines = objects(&log);
    let with =
        |what: &str| lines.iter().find(|line| line["message"].as_str().unwrap().contains(what)).unwrap();
    assert_eq!(with("fleet ready")["fields"]["workers"], 2);
    assert_eq!(with("worker died")["fields"]["cause"], "signal");
    assert_eq!(with("reload failed")["level"], "ERROR");
    assert_eq!(with("backtrace")["role"], "worker");
    assert_eq!(with("backtrace")["pid"], stuck);
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

#[test]
fn the_access_log_is_the_users_own() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("left out: only root can become somebody else");
        return;
    }
    let start = Start::with_workers(1);
    let log = start.path("access.log");
    fs::set_permissions(log.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    // The model that ships may lie where this user cannot go.
    let model = start.path("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/tagifai/1")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let start = start.set("USER", "65534").set("GROUP", "65534").set("MODEL", &model.display().to_string());
    let mut linnet = start.set("ACCESSLOG", &log.display().to_string()).ready();
    assert_eq!(get(linnet.address(), "/health/live").unwrap().status, 200);
    stop(&mut linnet);
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 1);
    assert_eq!(fs::metadata(&log).unwrap().uid(), 65_534);
    assert_eq!(linnet.logged("cannot write the access log"), 0);
}
