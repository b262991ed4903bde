//! `GET /metrics` against the real binary: the same from every worker, true to what clients counted, never stepping back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use nix::sys::signal::Signal;

use support::linnet::{Start, kill_9, wait_until};
use support::load::{Answer, Load, Mode, get, receive};

/// Series and values.
type Page = BTreeMap<String, f64>;

fn scrape(address: SocketAddr) -> Page {
    let answer = get(address, "/metrics").unwrap();
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(s, v)| (s.to_owned(), v.parse().unwrap()))
        .collect()
}

/// Sum of the series of this family that have these labels.
fn sum(page: &Page, family: &str, labels: &str) -> f64 {
    let of_family = |series: &str| series.split('{').next() == Some(family) && series.contains(labels);
    page.iter().filter(|(series, _)| of_family(series)).map(|(_, value)| value).sum()
}

fn whole(count: f64) -> u64 {
    format!("{count:.0}").parse().unwrap()
}

/// Whether a series only grows.
fn is_monotone(series: &str) -> bool {
    let name = series.split('{').next().unwrap();
    ["_total", "_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end))
}

fn post(address: SocketAddr, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {length}"
    );
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    receive(&mut BufReader::new(stream)).unwrap()
}

#[test]
fn totals_are_what_the_clients_counted_through_deaths_and_reloads() {
    const LIVE: &str = "route=\"/health\",status=\"200\"";
    let linnet = Start::with_workers(2).ready();
    let address = linnet.address();
    let load = Load::start(address, 4, Mode::KeepAlive, "/health/live");
    let mut last = Page::new();
    let mut look = || {
        for _ in 0..5 {
            let page = scrape(address);
            for (series, value) in last.iter().filter(|(series, _)| is_monotone(series)) {
                assert!(page.get(series).is_some_and(|now| now >= value), "{series} fell from {value}");
            }
            last = page;
        }
    };
    for round in 1..=3 {
        load.wait_for_answers(300);
        look();
        linnet.signal(Signal::SIGHUP);
        linnet.wait_for_nth(" reloaded", round);
        look();
    }
    let planned = scrape(address);
    assert_eq!(whole(sum(&planned, "linnet_worker_exits_total", "cause=\"asked\"")), 6);
    for death in 1..=3 {
        let ready = linnet.logged("worker ready");
        kill_9(linnet.workers()[0]);
        look();
        linnet.wait_for_nth("worker ready", ready + 1);
        load.wait_for_answers(100);
        look();
        assert_eq!(linnet.logged("worker died"), death);
    }
    let outcomes = load.finish();
    let page = scrape(address);
    let counted = whole(sum(&page, "linnet_requests_total", LIVE));
    // A killed worker may have counted an answer that its client did not get.
    let range = outcomes.answered()..=outcomes.answered() + outcomes.lost();
    assert!(range.contains(&counted), "{counted} not in {range:?}");
    assert_eq!(whole(sum(&page, "linnet_worker_exits_total", "cause=\"signal\"")), 3);
    assert_eq!(whole(page["linnet_generation"]), 4);
    assert_eq!(whole(page["linnet_workers{state=\"ready\"}"]), 2);
    // The answer to this very question is not counted yet.
    let requests = whole(sum(&page, "linnet_requests_total", ""));
    assert_eq!(whole(page["linnet_request_duration_seconds_count"]), requests);
    assert_eq!(whole(page["linnet_request_duration_seconds_bucket{le=\"+Inf\"}"]), requests);
}

#[test]
fn predictions_errors_and_statuses_are_counted_exactly() {
    let linnet = Start::with_workers(2).set("LIMIT_REQUEST_BODY", "1 KiB").ready();
    let address = linnet.address();
    for _ in 0..7 {
        assert_eq!(
            post(address, r#"{"texts":[{"text":"transfer learning"},{"text":"graphs"}]}"#).status,
            200
        );
    }
    for _ in 0..3 {
        assert_eq!(post(address, r#"{"texts":[]}"#).status, 422);
    }
    assert_eq!(post(address, &"x".repeat(2_000)).status, 413);
    assert_eq!(get(address, "/nowhere").unwrap().status, 404);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"no HTTP\r\n\r\n").unwrap();
    assert_eq!(receive(&mut BufReader::new(stream)).unwrap().status, 400);
    // The ends of connections come after their answers.
    wait_until("all connections but the asker's have ended", || {
        let page = scrape(address);
        let open = whole(sum(&page, "linnet_connections_open", ""));
        (open, whole(page["linnet_errors_total{kind=\"bad_http\"}"])) == (1, 1)
    });
    let page = scrape(address);
    assert!(page["linnet_connections_total"] >= 14.0);
    for (family, labels, expected) in [
        ("linnet_requests_total", "route=\"/predict\",status=\"200\"", 7),
        ("linnet_requests_total", "route=\"/predict\",status=\"422\"", 3),
        ("linnet_requests_total", "route=\"other\",status=\"413\"", 1),
        ("linnet_requests_total", "route=\"other\",status=\"400\"", 1),
        ("linnet_requests_total", "route=\"other\",status=\"404\"", 1),
        ("linnet_errors_total", "kind=\"invalid_request\"", 3),
        ("linnet_errors_total", "kind=\"body_too_large\"", 1),
        ("linnet_errors_total", "kind=\"bad_http\"", 1),
        ("linnet_texts_total", "", 14),
        ("linnet_predictions_total", "", 14),
        ("linnet_predict_duration_seconds_count", "", 7),
        ("linnet_requests_in_flight", "", 1),
    ] {
        assert_eq!(whole(sum(&page, family, labels)), expected, "{family} {labels}: {page:?}");
    }
    let (lookups, hits) = (page["linnet_word_cache_lookups_total"], page["linnet_word_cache_hits_total"]);
    assert!(lookups >= 21.0 && hits > 0.0 && hits < lookups, "{hits} of {lookups}");
    assert!(page.contains_key("linnet_predictions_total{class=\"natural-language-processing\"}"), "{page:?}");
}

#[test]
fn metrics_with_an_address_of_their_own_are_served_there_alone() {
    let linnet = Start::with_workers(2).set("METRICS_BIND", "127.0.0.1:0").ready();
    let line = linnet.wait_for("metrics on http://");
    let text = line.rsplit("http://").next().unwrap().trim().trim_end_matches("/metrics");
    let (public, metrics) = (linnet.address(), text.parse().unwrap());
    for (address, path, status) in [
        (public, "/metrics", 404),
        (public, "/", 200),
        (metrics, "/metrics", 200),
        (metrics, "/health/ready", 200),
        (metrics, "/", 404),
        (metrics, "/args", 404),
    ] {
        assert_eq!(get(address, path).unwrap().status, status, "{address}{path}");
    }
    assert_eq!(post(metrics, r#"{"texts":[{"text":"a"}]}"#).status, 404);
    // It outlives workers, as the public addresses do.
    for _ in 0..2 {
        let ready = linnet.logged("worker ready");
        kill_9(linnet.workers()[0]);
        linnet.wait_for_nth("worker ready", ready + 1);
        assert_eq!(whole(scrape(metrics)["linnet_ready"]), 1);
    }
}
