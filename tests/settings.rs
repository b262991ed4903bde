//! Settings, from the outside: what is typed against what `linnet check` says of it.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// `linnet` with `arguments`, in `directory`, with nothing in the environment but `environment`.
fn linnet(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.args(arguments).current_dir(directory).env_clear().envs(environment.iter().copied());
    command
}

/// What came of it: status, standard output, standard error.
fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A directory with `config/linnet.toml`, unless that is `None`.
fn directory_with(file: Option<&str>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    if let Some(text) = file {
        fs::create_dir(directory.path().join("config")).unwrap();
        fs::write(directory.path().join("config/linnet.toml"), text).unwrap();
    }
    directory
}

/// File, environment, flags behind `linnet check --print`, and lines that must be printed.
type Good =
    (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);

const GOOD: &[Good] = &[
    // The order of the sources, one setting.
    (
        "",
        &[],
        &["--set", "workers=9"],
        &["workers = 9 # flag --set workers", "max_workers = 18 # default, auto"],
    ),
    ("workers = 2", &[], &[], &["workers = 2 # config/linnet.toml:1"]),
    ("\n\nworkers = 2", &[("WEB_CONCURRENCY", "3")], &[], &["workers = 3 # environment WEB_CONCURRENCY"]),
    (
        "workers = 2",
        &[("WEB_CONCURRENCY", "3"), ("LINNET_WORKERS", "4")],
        &[],
        &["workers = 4 # environment LINNET_WORKERS"],
    ),
    ("workers = 2", &[("LINNET_WORKERS", "4")], &["--workers", "5"], &["workers = 5 # flag --workers"]),
    ("", &[], &["--set", "workers=9", "--workers", "5"], &["workers = 5 # flag --workers"]),
    ("workers = 2", &[("WEB_CONCURRENCY", "")], &[], &["workers = 2 # config/linnet.toml:1"]),
    // One setting's source is not another's.
    (
        "workers = 1\nbacklog = 7 # short\ndrain_delay = '250ms'",
        &[("LINNET_LOGLEVEL", "Warning")],
        &["--set", "limit_request_body=2 MiB", "--model", "m"],
        &[
            "workers = 1 # config/linnet.toml:1",
            "max_workers = 3 # default, auto",
            "backlog = 7 # config/linnet.toml:2",
            "drain_delay = 0.25 # config/linnet.toml:3",
            "loglevel = \"warning\" # environment LINNET_LOGLEVEL",
            "limit_request_body = \"2 MiB\" # flag --set limit_request_body",
            "model = \"m\" # flag --model",
            "graceful_timeout = 20 # default",
        ],
    ),
    // Addresses.
    ("", &[("PORT", "8080")], &[], &["bind = \"0.0.0.0:8080\" # environment PORT"]),
    ("bind = ':1'", &[("PORT", "8080")], &[], &["bind = \"0.0.0.0:8080\" # environment PORT"]),
    (
        "",
        &[("PORT", "8080"), ("LINNET_BIND", "[::1]:9")],
        &[],
        &["bind = \"[::1]:9\" # environment LINNET_BIND"],
    ),
    (
        "bind = ':1'",
        &[],
        &["--bind", ":2", "--bind", "unix:/run/a b.sock"],
        &["bind = [\"0.0.0.0:2\", \"unix:/run/a b.sock\"] # flag --bind"],
    ),
    // What Kubernetes sets for a service called linnet is no setting.
    (
        "",
        &[("LINNET_PORT", "tcp://10.0.0.1:80"), ("LINNET_SERVICE_HOST", "10.0.0.1"), ("LINNET_BIN", "x")],
        &[],
        &["backlog = 2048 # default"],
    ),
];

#[test]
fn the_strongest_source_counts_and_is_named() {
    for (file, environment, flags, expected) in GOOD {
        let directory = directory_with(Some(file));
        let arguments = [&["check", "--print"], *flags].concat();
        let output = linnet(directory.path(), &arguments, environment).output().unwrap();
        let (status, printed, said) = outcome(&output);
        // The settings are good; the model is not there, and that is said after them.
        assert_eq!(status, 1, "{file} {environment:?} {flags:?}: {said}");
        assert_eq!(said.lines().next(), Some("config OK"), "{said}");
        let printed: Vec<String> =
            printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in *expected {
            assert!(printed.iter().any(|p| p == line), "{file:?}: {line} is not in {printed:#?}");
        }
    }
}

/// File, environment, flags behind `linnet check`, and all that must be said.
type Bad =
    (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);

const BAD: &[Bad] = &[
    (
        "workers = \"many\"",
        &[],
        &[],
        &["config/linnet.toml:1: workers = \"many\": expected \"auto\" or an integer from 1 to 1024"],
    ),
    (
        "# a comment\n\nbacklog = 0\nworkrs = 2\nthreads = 4\n[server]\nbind = ':1'",
        &[("LINNET_WORKERS", "x"), ("PORT", "http"), ("LINNET_LOG_LEVEL", "info"), ("WEB_CONCURRENCY", "-1")],
        &["--workers", "0", "--set", "drain_delay=soon", "--set", "Backlog=1"],
        &[
            "config/linnet.toml:4: workrs: unknown setting; did you mean workers?",
            "config/linnet.toml:5: threads: unknown setting; `linnet check --print` lists all settings",
            "config/linnet.toml:6: server: unknown setting; `linnet check --print` lists all settings",
            "environment PORT=\"http\": expected a port from 0 to 65535",
            "environment LINNET_LOG_LEVEL: unknown setting; did you mean LINNET_LOGLEVEL?",
            "flag --set Backlog: unknown setting; did you mean backlog?",
            "environment WEB_CONCURRENCY=\"-1\": expected \"auto\" or an integer from 1 to 1024",
            "environment LINNET_WORKERS=\"x\": expected \"auto\" or an integer from 1 to 1024",
            "flag --workers \"0\": expected \"auto\" or an integer from 1 to 1024",
            "config/linnet.toml:3: backlog = 0: expected an integer from 1 to 65535",
            "flag --set drain_delay=\"soon\": expected seconds from 0 to 3600, as a number or a string such as \
             \"500ms\", \"20s\", \"2m\"",
        ],
    ),
    ("workers = 3\nworkers = 4", &[], &[], &["config/linnet.toml:2: not TOML: duplicate key"]),
    (
        "workers = 5\nmax_workers = 4",
        &[],
        &[],
        &["config/linnet.toml:2: max_workers = 4: 4 is less than workers = 5 (config/linnet.toml:1)"],
    ),
    (
        "",
        &[],
        &["--bind", "example.com:80", "--bind", ":1"],
        &["flag --bind \"example.com:80\" \":1\": expected \"ADDRESS:PORT\", \":PORT\", \"[IPv6]:PORT\" or \
           \"unix:PATH\" (no host names but localhost), or a list of these, none twice"],
    ),
    ("", &[], &["-c", "missing.toml"], &["missing.toml: No such file or directory (os error 2)"]),
    (
        "chdir = 'nowhere'",
        &[],
        &[],
        &["config/linnet.toml:1: chdir = 'nowhere': No such file or directory (os error 2)"],
    ),
    // A wrong value is wrong also where a stronger one counts.
    (
        "loglevel = 'loud'",
        &[],
        &["--set", "loglevel=info"],
        &[
            "config/linnet.toml:1: loglevel = 'loud': expected \"debug\", \"info\", \"warning\", \"error\" or \"critical\"",
        ],
    ),
];

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    for (file, environment, flags, expected) in BAD {
        let directory = directory_with(Some(file));
        let arguments = [&["check", "--print"], *flags].concat();
        let output = linnet(directory.path(), &arguments, environment).output().unwrap();
        let (status, printed, said) = outcome(&output);
        assert_eq!(said.lines().collect::<Vec<_>>(), *expected);
        assert_eq!((status, printed.as_str()), (2, ""), "{file}");
    }
}

#[test]
fn a_file_that_is_no_settings_file_is_refused() {
    let directory = directory_with(None);
    let large = "#".repeat((1 << 20) + 1);
    let cases: &[(&[u8], &str)] = &[
        (b"workers = 1\nbind = \"\xff\"", "f.toml: not UTF-8 (first bad byte at 20)"),
        (large.as_bytes(), "f.toml: larger than 1048576 bytes"),
        (b"workers = 1\nbind = [", "f.toml:2: not TOML: "),
    ];
    for (content, expected) in cases {
        fs::write(directory.path().join("f.toml"), content).unwrap();
        let output = linnet(directory.path(), &["check", "-c", "f.toml"], &[]).output().unwrap();
        let (status, _, said) = outcome(&output);
        assert!(status == 2 && said.starts_with(expected) && said.lines().count() == 1, "{status} {said}");
    }
    for device in ["/dev/zero", "."] {
        let output = linnet(directory.path(), &["check", "-c", device], &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{device}");
    }
}

#[test]
fn without_a_file_the_defaults_count() {
    let directory = directory_with(None);
    let output = linnet(directory.path(), &["check", "--print"], &[]).output().unwrap();
    let (status, printed, said) = outcome(&output);
    assert!(
        printed.lines().all(|line| line.ends_with("# default") || line.ends_with("# default, auto")),
        "{printed}"
    );
    assert_eq!(status, 1);
    assert!(said.starts_with("config OK\nartifacts/tagifai/1/manifest.json: "), "{said}");
    assert_eq!(said.lines().count(), 2);
}

#[test]
fn what_is_printed_is_a_file_that_means_the_same() {
    let directory =
        directory_with(Some("bind = [':1', 'unix:a']\nkeepalive_min = 0.5\nmodel = 'a\"b'\nworkers = 3"));
    let print = |arguments: &[&str]| outcome(&linnet(directory.path(), arguments, &[]).output().unwrap()).1;
    let values =
        |printed: &str| printed.lines().map(|l| l.split(" #").next().unwrap().to_owned()).collect::<Vec<_>>();
    let first = print(&["check", "--print"]);
    fs::write(directory.path().join("again.toml"), &first).unwrap();
    let again = print(&["check", "--print", "-c", "again.toml"]);
    assert_eq!(values(&first), values(&again));
    assert!(again.contains("# again.toml:1") && first.contains("keepalive_min = 0.5"), "{first}{again}");
}

#[test]
fn relative_paths_start_in_chdir_and_the_settings_file_does_not() {
    let directory = directory_with(Some("chdir = 'inside'\nmodel = 'm'"));
    fs::create_dir_all(directory.path().join("inside/m")).unwrap();
    // A manifest that is there and bad tells itself from one that is not there.
    fs::write(directory.path().join("inside/m/manifest.json"), "{").unwrap();
    let (status, _, said) = outcome(&linnet(directory.path(), &["check"], &[]).output().unwrap());
    assert_eq!(status, 1);
    assert!(said.starts_with("config OK\nm/manifest.json: ") && !said.contains("No such file"), "{said}");
}

#[test]
fn wrong_usage_has_status_2_and_help_names_the_statuses() {
    let directory = directory_with(None);
    let usage: &[&[&str]] =
        &[&["--wrokers", "1"], &["chekc"], &["check", "--set", "workers"], &["predict"], &["serve", "x"]];
    for arguments in usage {
        let (status, printed, said) = outcome(&linnet(directory.path(), arguments, &[]).output().unwrap());
        assert_eq!((status, printed.as_str()), (2, ""), "{arguments:?}");
        assert!(said.starts_with("error: "), "{said}");
    }
    for arguments in [&["--help"][..], &["check", "--help"], &["predict", "--help"]] {
        let (status, printed, _) = outcome(&linnet(directory.path(), arguments, &[]).output().unwrap());
        assert!(status == 0 && printed.contains("Exit status: 0 "), "{printed}");
    }
    let (status, printed, _) = outcome(&linnet(directory.path(), &["--version"], &[]).output().unwrap());
    assert_eq!((status, printed), (0, format!("linnet {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn check_does_not_bind() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = directory_with(None);
    let (_, _, said) =
        outcome(&linnet(directory.path(), &["check", "--bind", &address], &[]).output().unwrap());
    assert!(said.starts_with("config OK\n"), "{said}");
}

#[test]
fn auto_follows_the_affinity_mask() {
    let directory = directory_with(None);
    let binary = env!("CARGO_BIN_EXE_linnet");
    let Ok(output) = Command::new("taskset")
        .args(["-c", "0", binary, "check", "--print"])
        .current_dir(directory.path())
        .output()
    else {
        writeln!(std::io::stderr(), "skipped: taskset is not there").unwrap();
        return;
    };
    let (_, printed, said) = outcome(&output);
    assert!(printed.lines().any(|line| line.starts_with("workers = 1 ")), "{printed}{said}");
}

#[test]
fn a_closed_standard_output_changes_no_verdict() {
    let directory = directory_with(None);
    let mut child = linnet(directory.path(), &["check", "--print"], &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let (status, _, said) = outcome(&child.wait_with_output().unwrap());
    assert!(status == 1 && said.starts_with("config OK\n"), "{status} {said}");
}
