//! What operators do, against the real binary: reload settings.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::fs;

use nix::sys::signal::Signal;

use support::linnet::{Linnet, Start, wait_until};
use support::load::{Load, Mode};

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
