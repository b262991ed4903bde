//! `GET /metrics`: the scoreboard in Prometheus' text format, the same from whichever worker is asked.

mod page;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use self::page::Page;
use crate::scoreboard::histogram::Histogram;
use crate::scoreboard::{
    CLASS_PLACES, Cause, Counters, ErrorKind, ROUTES, Route, SEATS_PER_SLOT, STATUS_PLACES, Scoreboard, Seat,
    WorkerState, status_name,
};

/// The content type of the text format, version 0.0.4.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the duration buckets, in microseconds. A duration counts by the lower end of its step in the
/// scoreboard's histogram, which is less than 1 % below it.
const LADDER_MICROS: [u64; 18] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// What the page tells that is not on the scoreboard.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The model's name.
    pub model_name: &'a str,
    /// The model's version.
    pub model_version: &'a str,
    /// The model's classes, as the label of a series, each with its place on the scoreboard.
    pub classes: &'a [(String, usize)],
}

/// The whole page.
pub fn render(board: Scoreboard, about: &About<'_>) -> String {
    let totals = board.read_totals(|retired, seats| {
        let mut totals = Totals::default();
        std::iter::once(retired).chain(seats.iter().map(|seat| &seat.counters)).for_each(|c| totals.add(c));
        totals
    });
    let mut page = Page(String::with_capacity(16 << 10));
    let (name, version) = (about.model_name, about.model_version);
    let build = [("version", env!("CARGO_PKG_VERSION").to_owned())];
    page.one("linnet_build_info", "gauge", "What runs.", &build, 1);
    let model = [("name", name.to_owned()), ("version", version.to_owned())];
    page.one("linnet_model_info", "gauge", "The model of the worker that answers this.", &model, 1);
    write_fleet(&mut page, board);
    write_totals(&mut page, &totals, about);
    write_slots(&mut page, board);
    page.0
}

/// The counters of all workers, dead ones included.
#[derive(Default)]
struct Totals {
    requests: BTreeMap<(usize, usize), u64>,
    errors: [u64; ErrorKind::ALL.len()],
    predictions: Vec<u64>,
    texts: u64,
    accepted: u64,
    access_log_lost: u64,
    cache: [u64; 2],
    ngrams: [u64; 2],
    cpu_micros: u64,
    request: Durations,
    predict: Durations,
}

/// Durations by the ladder: not yet cumulative, the last is all that are longer.
#[derive(Default)]
struct Durations {
    buckets: [u64; LADDER_MICROS.len() + 1],
    sum_micros: u64,
}

impl Totals {
    fn add(&mut self, counters: &Counters) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        for (route, statuses) in counters.requests.iter().enumerate() {
            for (status, count) in statuses.iter().map(read).enumerate().filter(|(_, count)| *count > 0) {
                *self.requests.entry((route, status)).or_default() += count;
            }
        }
        for (total, count) in self.errors.iter_mut().zip(&counters.errors) {
            *total += read(count);
        }
        self.predictions.resize(CLASS_PLACES, 0);
        for (total, count) in self.predictions.iter_mut().zip(counters.predictions.iter()) {
            *total += read(count);
        }
        self.texts += read(&counters.texts);
        self.accepted += read(&counters.accepted);
        self.access_log_lost += read(&counters.access_log_lost);
        self.cache[0] += read(&counters.cache_lookups);
        self.cache[1] += read(&counters.cache_hits);
        self.ngrams[0] += read(&counters.ngrams);
        self.ngrams[1] += read(&counters.unknown_ngrams);
        self.cpu_micros += read(&counters.cpu_micros);
        self.request.add(&counters.request_micros);
        self.predict.add(&counters.predict_micros);
    }
}

impl Durations {
    fn add(&mut self, histogram: &Histogram) {
        histogram.for_each(|micros, count| {
            self.buckets[LADDER_MICROS.partition_point(|bound| *bound < micros)] += count;
        });
        self.sum_micros += histogram.sum();
    }
}

fn write_fleet(page: &mut Page, board: Scoreboard) {
    let fleet = board.fleet();
    let gauges: [(&str, &str, &AtomicU32); 5] = [
        ("linnet_ready", "1 while load balancers should send requests here.", &fleet.ready),
        ("linnet_draining", "1 once the fleet was asked to stop.", &fleet.draining),
        ("linnet_generation", "What new workers serve; one more with each reload.", &fleet.generation),
        ("linnet_workers_wanted", "Workers that should serve.", &fleet.wanted_workers),
        ("linnet_slots_failing", "Slots whose workers keep dying.", &fleet.failing_slots),
    ];
    for (name, help, gauge) in gauges {
        page.one(name, "gauge", help, &[], gauge.load(Ordering::Relaxed));
    }
    page.head("linnet_workers", "gauge", "Workers by what they are doing.");
    let states = [
        ("booting", WorkerState::Booting),
        ("ready", WorkerState::Ready),
        ("retiring", WorkerState::Retiring),
    ];
    for (name, state) in states {
        let count = board.seats().iter().filter(|s| s.state.load(Ordering::Relaxed) == state as u32).count();
        page.sample("linnet_workers", &[("state", name.to_owned())], count);
    }
    page.head("linnet_worker_exits_total", "counter", "Workers that have ended, by cause.");
    for cause in Cause::ALL {
        let count = fleet.exits[cause as usize].load(Ordering::Relaxed);
        page.sample("linnet_worker_exits_total", &[("cause", cause.name().to_owned())], count);
    }
    let respawns = fleet.respawns.load(Ordering::Relaxed);
    let help = "Workers that were replaced after a death that nobody had asked for.";
    page.one("linnet_worker_respawns_total", "counter", help, &[], respawns);
    let started = fleet.started_micros.load(Ordering::Relaxed) as f64 / 1e6;
    let help = "When the supervisor started, in seconds since 1970-01-01 UTC.";
    page.one("process_start_time_seconds", "gauge", help, &[], started);
}

fn write_totals(page: &mut Page, totals: &Totals, about: &About<'_>) {
    page.head("linnet_requests_total", "counter", "Requests answered, by route and status.");
    // The one series that always exists, so that a rate of it does.
    let always = ((Route::Predict as usize, 0), 0);
    let mut requests = BTreeMap::from([always]);
    requests.extend(&totals.requests);
    debug_assert!(requests.keys().all(|(route, status)| *route < ROUTES && *status < STATUS_PLACES));
    for ((route, status), count) in requests {
        let route = Route::name(u32::try_from(route).unwrap_or(0)).to_owned();
        page.sample("linnet_requests_total", &[("route", route), ("status", status_name(status))], count);
    }
    page.head("linnet_errors_total", "counter", "What went wrong, by kind.");
    for kind in ErrorKind::ALL {
        let labels = [("kind", kind.name().to_owned())];
        page.sample("linnet_errors_total", &labels, totals.errors[kind as usize]);
    }
    page.head(
        "linnet_predictions_total",
        "counter",
        "How often each class was predicted; of a multilabel model's classes, a text counts for each that it has.",
    );
    for (class, place) in about.classes.iter().filter(|(_, place)| *place < CLASS_PLACES - 1) {
        page.sample("linnet_predictions_total", &[("class", class.clone())], totals.predictions[*place]);
    }
    let others = totals.predictions[CLASS_PLACES - 1];
    page.one(
        "linnet_predictions_uncounted_total",
        "counter",
        "Predictions of classes beyond those with a series.",
        &[],
        others,
    );
    page.one("linnet_texts_total", "counter", "Texts predicted.", &[], totals.texts);
    let lookups = "Words looked for in the word caches.";
    page.one("linnet_word_cache_lookups_total", "counter", lookups, &[], totals.cache[0]);
    page.one("linnet_word_cache_hits_total", "counter", "Words found there.", &[], totals.cache[1]);
    let looked_at = "N-grams in a sample of the texts (the first 4 KiB of a request's first text, ten times a second \
                     and worker at most), without those that are hashed.";
    page.one("linnet_sampled_ngrams_total", "counter", looked_at, &[], totals.ngrams[0]);
    let unknown =
        "Those of them that the model's vocabulary lacks; a share that grows shows that texts drift.";
    page.one("linnet_sampled_ngrams_unknown_total", "counter", unknown, &[], totals.ngrams[1]);
    page.one("linnet_connections_total", "counter", "Connections accepted.", &[], totals.accepted);
    let lost = "Lines of the access log that could not be written.";
    page.one("linnet_access_log_lines_lost_total", "counter", lost, &[], totals.access_log_lost);
    let cpu = "Processor time of all workers, user and system.";
    page.one("process_cpu_seconds_total", "counter", cpu, &[], totals.cpu_micros as f64 / 1e6);
    let help = "Time from a request's head to its answer.";
    page.histogram("linnet_request_duration_seconds", help, &totals.request);
    let help = "Time from a whole body to its predictions, per request.";
    page.histogram("linnet_predict_duration_seconds", help, &totals.predict);
}

/// What a gauge of a slot is made of: its seats, and how they go together.
type SlotGauge = fn(&[Seat]) -> f64;

fn write_slots(page: &mut Page, board: Scoreboard) {
    let gauges: [(&str, &str, SlotGauge); 5] = [
        ("linnet_requests_in_flight", "Requests in flight.", |seats| {
            seats.iter().map(|s| f64::from(s.in_flight.load(Ordering::Relaxed))).sum()
        }),
        ("linnet_connections_open", "Connections open.", |seats| {
            seats.iter().map(|s| f64::from(s.connections.load(Ordering::Relaxed))).sum()
        }),
        (
            "linnet_accept_queue_connections",
            "Connections that wait to be accepted, a second ago at most.",
            |seats| f64::from(seats[0].accept_queue.load(Ordering::Relaxed)),
        ),
        ("linnet_resident_memory_bytes", "Resident memory, the shared model included.", |seats| {
            seats.iter().map(|s| s.rss_bytes.load(Ordering::Relaxed) as f64).sum()
        }),
        (
            "linnet_event_loop_lag_seconds",
            "How late the event loop last woke from its heartbeat's sleep.",
            |seats| {
                let micros = seats.iter().map(|s| s.lag_micros.load(Ordering::Relaxed)).max().unwrap_or(0);
                micros as f64 / 1e6
            },
        ),
    ];
    let taken = |seats: &&[Seat]| {
        let empty = WorkerState::Empty as u32;
        seats.iter().any(|seat| seat.state.load(Ordering::Relaxed) != empty)
            || seats[0].accept_queue.load(Ordering::Relaxed) > 0
    };
    for (name, help, gauge) in gauges {
        page.head(name, "gauge", help);
        for (slot, seats) in
            board.seats().chunks(SEATS_PER_SLOT).enumerate().filter(|(_, seats)| taken(seats))
        {
            page.sample(name, &[("slot", slot.to_string())], gauge(seats));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    fn about() -> About<'static> {
        About { model_name: "a \"b\"\n\\", model_version: "1", classes: &[] }
    }

    fn value(page: &str, series: &str) -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{page}")).parse().unwrap()
    }

    #[test]
    fn the_page_counts_the_living_and_the_dead() {
        let board = Scoreboard::private(4);
        let classes = [("x".to_owned(), board.fleet().classes.place("x"))];
        for (seat, status) in [(0, 200), (2, 200), (2, 422), (2, 299)] {
            board.handle(seat).count_request(Route::Predict, status, Duration::from_micros(90));
            board.handle(seat).count_error(ErrorKind::BodyTooLarge);
            board.handle(seat).count_prediction(2, Duration::from_secs(40));
            board.handle(seat).seat().counters.predictions[0].store(7, Ordering::Relaxed);
        }
        let before = render(board, &About { classes: &classes, ..about() });
        board.retire_seat(2);
        let page = render(board, &About { classes: &classes, ..about() });
        assert_eq!(page, before, "nobody sees that a worker is gone");
        for (series, expected) in [
            ("linnet_requests_total{route=\"/predict\",status=\"200\"}", 2.0),
            ("linnet_requests_total{route=\"/predict\",status=\"422\"}", 1.0),
            ("linnet_requests_total{route=\"/predict\",status=\"other\"}", 1.0),
            ("linnet_errors_total{kind=\"body_too_large\"}", 4.0),
            ("linnet_predictions_total{class=\"x\"}", 14.0),
            ("linnet_texts_total", 8.0),
            ("linnet_request_duration_seconds_bucket{le=\"0.00005\"}", 0.0),
            ("linnet_request_duration_seconds_bucket{le=\"0.0001\"}", 4.0),
            ("linnet_request_duration_seconds_count", 4.0),
            ("linnet_request_duration_seconds_sum", 0.000_36),
            ("linnet_predict_duration_seconds_bucket{le=\"30\"}", 0.0),
            ("linnet_predict_duration_seconds_bucket{le=\"+Inf\"}", 4.0),
            ("linnet_model_info{name=\"a \\\"b\\\"\\n\\\\\",version=\"1\"}", 1.0),
        ] {
            assert!((value(&page, series) - expected).abs() < 1e-12, "{series}");
        }
    }

    #[test]
    fn each_family_has_one_head_and_each_series_is_told_once() {
        let board = Scoreboard::private(4);
        board.seats()[3].occupy(1);
        let page = render(board, &about());
        let (mut families, mut series, mut family) = (BTreeSet::new(), BTreeSet::new(), String::new());
        for line in page.lines() {
            if let Some(head) = line.strip_prefix("# HELP ") {
                family = head.split(' ').next().unwrap().to_owned();
                assert!(families.insert(family.clone()), "{family} twice");
            } else if let Some(head) = line.strip_prefix("# TYPE ") {
                assert_eq!(head.split(' ').next().unwrap(), family);
                assert_eq!(head.ends_with(" counter"), family.ends_with("_total"), "{head}");
            } else {
                assert!(line.starts_with(&family), "{line} in {family}");
                assert!(series.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "{line} twice");
            }
        }
        assert!(page.contains("linnet_requests_in_flight{slot=\"1\"} 0"));
        assert!(!page.contains("slot=\"0\""), "nobody has sat there");
    }
}
