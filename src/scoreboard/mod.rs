//! The scoreboard: what supervisor and workers tell each other, in memory that they share.
//!
//! Layout only: atomics in cache-line-padded blocks. `process/shared_memory.rs` maps it. One [`FleetBlock`],
//! written by the supervisor alone, and one [`Seat`] per running worker, written by that worker. A slot owns
//! two seats, because a worker that retires and its successor serve the same slot for a while. When a worker
//! is gone the supervisor folds its counters into the retired totals, so no sum over the fleet ever steps back.
//!
//! No lock: a worker that dies in the middle of an update can leave nothing locked. No field holds user text.

pub mod classes;
pub mod histogram;

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

pub use self::classes::CLASS_PLACES;
use self::classes::ClassKeys;
use self::histogram::Histogram;

/// Seats of one slot: the worker that serves it and the one that it replaces.
pub const SEATS_PER_SLOT: usize = 2;

/// The routes that requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Route {
    /// Anything that matches no route.
    Other = 0,
    /// `GET /`.
    Index = 1,
    /// `GET /performance`.
    Performance = 2,
    /// `GET /args` and `GET /args/{arg}`.
    Args = 3,
    /// `POST /predict`.
    Predict = 4,
    /// `GET /health/live` and `GET /health/ready`.
    Health = 5,
    /// `GET /metrics`.
    Metrics = 6,
}

impl Route {
    /// The name of the route with this number, for a log or a page of metrics.
    pub fn name(number: u32) -> &'static str {
        match number {
            1 => "/",
            2 => "/performance",
            3 => "/args",
            4 => "/predict",
            5 => "/health",
            6 => "/metrics",
            _ => "other",
        }
    }
}

/// Why a worker is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Cause {
    /// It was asked to go: a stop, a roll, a scale-down.
    Asked = 0,
    /// It had served long enough, by `max_requests`, `max_age` or `max_rss`.
    Recycled = 1,
    /// It did not become ready.
    BootFailed = 2,
    /// It exited by itself.
    Exited = 3,
    /// A signal that the supervisor did not send.
    Signal = 4,
    /// The kernel killed it because the memory of the machine or the control group was used up.
    OutOfMemory = 5,
    /// Its event loop stood still for longer than `timeout`.
    Timeout = 6,
}

/// How many [`Cause`]s have room in a block; more than are named, so that a new cause moves nothing.
pub const CAUSES: usize = 8;

impl Cause {
    /// All causes, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Asked,
        Self::Recycled,
        Self::BootFailed,
        Self::Exited,
        Self::Signal,
        Self::OutOfMemory,
        Self::Timeout,
    ];

    /// Its name, for a log or a page of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Recycled => "recycled",
            Self::BootFailed => "boot_failed",
            Self::Exited => "exited",
            Self::Signal => "signal",
            Self::OutOfMemory => "out_of_memory",
            Self::Timeout => "timeout",
        }
    }
}

/// How many [`Route`]s have room in a block; more than are named, so that a new route moves nothing.
pub const ROUTES: usize = 16;

/// The statuses that are counted by themselves, the usual one first.
const STATUSES: [u16; 15] = [200, 204, 304, 307, 400, 404, 405, 408, 411, 413, 414, 422, 431, 500, 503];

/// Places for statuses; the last one is for all that have none of their own.
pub const STATUS_PLACES: usize = STATUSES.len() + 1;

/// The status in this place, for a page of metrics.
pub fn status_name(place: usize) -> String {
    STATUSES.get(place).map_or_else(|| "other".to_owned(), u16::to_string)
}

/// What went wrong, where the status alone does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum ErrorKind {
    /// Bytes that are no HTTP request; the connection ends.
    BadHttp = 0,
    /// A body that broke off, or was framed wrongly.
    BrokenBody = 1,
    /// A body beyond `limit_request_body`.
    BodyTooLarge = 2,
    /// A body that asks for no prediction, or for one that is not allowed.
    InvalidRequest = 3,
    /// No descriptor or memory for one more connection; accepting pauses.
    Accept = 4,
    /// A connection cut off at `graceful_timeout`.
    CutOff = 5,
}

impl ErrorKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::BadHttp,
        Self::BrokenBody,
        Self::BodyTooLarge,
        Self::InvalidRequest,
        Self::Accept,
        Self::CutOff,
    ];

    /// Its name, for a page of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadHttp => "bad_http",
            Self::BrokenBody => "broken_body",
            Self::BodyTooLarge => "body_too_large",
            Self::InvalidRequest => "invalid_request",
            Self::Accept => "accept",
            Self::CutOff => "cut_off",
        }
    }
}

/// A count for each place of a class.
#[repr(C)]
pub struct PlacedCounts([AtomicU64; CLASS_PLACES]);

impl Default for PlacedCounts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; CLASS_PLACES])
    }
}

impl std::ops::Deref for PlacedCounts {
    type Target = [AtomicU64; CLASS_PLACES];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Counters that only grow; summed over all workers, dead ones included.
#[derive(Default)]
#[repr(C)]
pub struct Counters {
    /// Answers by route and by place of the status ([`status_name`]).
    pub requests: [[AtomicU64; STATUS_PLACES]; ROUTES],
    /// What went wrong, by [`ErrorKind`].
    pub errors: [AtomicU64; ErrorKind::ALL.len()],
    /// Predictions by place of the class ([`ClassKeys::place`]).
    pub predictions: PlacedCounts,
    /// Words looked for in the worker's word cache.
    pub cache_lookups: AtomicU64,
    /// Words found there.
    pub cache_hits: AtomicU64,
    /// Texts predicted.
    pub texts: AtomicU64,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Time from a request's head to its answer, in microseconds.
    pub request_micros: Histogram,
    /// Time of the predictions alone, in microseconds.
    pub predict_micros: Histogram,
}

impl Counters {
    /// Answers given, whatever their route and status.
    pub fn answers(&self) -> u64 {
        self.requests.iter().flatten().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Adds all of `other` to `self`, and empties `other`.
    fn absorb(&self, other: &Self) {
        let move_count = |to: &AtomicU64, from: &AtomicU64| {
            to.fetch_add(from.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        };
        for (to, from) in self.requests.iter().flatten().zip(other.requests.iter().flatten()) {
            move_count(to, from);
        }
        for (to, from) in self.errors.iter().zip(&other.errors) {
            move_count(to, from);
        }
        for (to, from) in self.predictions.iter().zip(other.predictions.iter()) {
            move_count(to, from);
        }
        move_count(&self.cache_lookups, &other.cache_lookups);
        move_count(&self.cache_hits, &other.cache_hits);
        move_count(&self.texts, &other.texts);
        move_count(&self.accepted, &other.accepted);
        self.request_micros.absorb(&other.request_micros);
        self.predict_micros.absorb(&other.predict_micros);
    }
}

/// What a worker is doing, as its seat tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum WorkerState {
    /// Nobody sits here.
    Empty = 0,
    /// Forked, not yet proven.
    Booting = 1,
    /// Serving.
    Ready = 2,
    /// Finishing what it has accepted.
    Retiring = 3,
}

/// The block of one running worker. Written by that worker; cleared by the supervisor once it is gone.
#[derive(Default)]
#[repr(C, align(128))]
pub struct Seat {
    /// A [`WorkerState`].
    pub state: AtomicU32,
    /// Process id; 0 when empty.
    pub pid: AtomicI32,
    /// Generation of the model image and settings that the worker serves.
    pub generation: AtomicU32,
    /// Connections open now.
    pub connections: AtomicU32,
    /// Requests in flight now.
    pub in_flight: AtomicU32,
    /// Route of the oldest request in flight, a [`Route`].
    pub oldest_route: AtomicU32,
    /// When the event loop last turned, in microseconds of the monotonic clock; 0 = not yet.
    pub heartbeat_micros: AtomicU64,
    /// When the oldest request in flight began, same clock; 0 = none.
    pub oldest_since_micros: AtomicU64,
    /// Body bytes of the oldest request in flight.
    pub oldest_bytes: AtomicU64,
    /// How late the event loop last woke from its heartbeat's sleep, in microseconds.
    pub lag_micros: AtomicU64,
    /// Resident memory in bytes, the shared model included. Written by the supervisor, once a second.
    pub rss_bytes: AtomicU64,
    /// Connections that wait in the slot's accept queues; kept in the first of the slot's seats. Written by the
    /// supervisor, once a second.
    pub accept_queue: AtomicU32,
    /// This worker's share of the counters.
    pub counters: Counters,
}

impl Seat {
    /// Says what the worker in this seat is doing.
    pub fn set_state(&self, state: WorkerState) {
        self.state.store(state as u32, Ordering::Release);
    }

    /// Prepares the seat for a worker that is about to be forked.
    pub fn occupy(&self, generation: u32) {
        self.generation.store(generation, Ordering::Relaxed);
        self.set_state(WorkerState::Booting);
    }

    fn vacate(&self) {
        self.set_state(WorkerState::Empty);
        self.pid.store(0, Ordering::Relaxed);
        for gauge in [&self.generation, &self.connections, &self.in_flight, &self.oldest_route] {
            gauge.store(0, Ordering::Relaxed);
        }
        let gauges = [
            &self.heartbeat_micros,
            &self.lag_micros,
            &self.oldest_since_micros,
            &self.oldest_bytes,
            &self.rss_bytes,
        ];
        for gauge in gauges {
            gauge.store(0, Ordering::Relaxed);
        }
    }
}

/// The state of the whole fleet. Written by the supervisor alone, but for `classes`.
#[derive(Default)]
#[repr(C, align(128))]
pub struct FleetBlock {
    /// 1 while a load balancer should send requests here.
    pub ready: AtomicU32,
    /// 1 from the stop signal on.
    pub draining: AtomicU32,
    /// Workers that serve now.
    pub ready_workers: AtomicU32,
    /// Workers that should serve.
    pub wanted_workers: AtomicU32,
    /// Slots whose workers keep dying, and so wait before the next try.
    pub failing_slots: AtomicU32,
    /// Generation that new workers get.
    pub generation: AtomicU32,
    /// Workers replaced after an unwanted death.
    pub respawns: AtomicU64,
    /// Workers that are gone, by [`Cause`].
    pub exits: [AtomicU64; CAUSES],
    /// Places of classes; workers take them.
    pub classes: ClassKeys,
    /// Odd while a dead worker's counters are being moved; see [`Scoreboard::read_totals`].
    moves: AtomicU64,
    /// The counters of all workers that are gone.
    pub retired: Counters,
}

/// The whole scoreboard, as mapped into this process. Copies are cheap and see the same memory.
#[derive(Clone, Copy)]
pub struct Scoreboard {
    fleet: &'static FleetBlock,
    seats: &'static [Seat],
}

impl Scoreboard {
    /// A scoreboard over mapped (or leaked) blocks.
    pub fn new(fleet: &'static FleetBlock, seats: &'static [Seat]) -> Self {
        Self { fleet, seats }
    }

    /// A scoreboard in private memory that is never freed: for tests and for commands without workers.
    pub fn private(seats: usize) -> Self {
        let seats: Vec<Seat> = (0..seats).map(|_| Seat::default()).collect();
        Self::new(Box::leak(Box::default()), Box::leak(seats.into_boxed_slice()))
    }

    /// The fleet's own block.
    pub fn fleet(self) -> &'static FleetBlock {
        self.fleet
    }

    /// All seats, in the order of slots.
    pub fn seats(self) -> &'static [Seat] {
        self.seats
    }

    /// The handle that the worker in `seat` keeps.
    ///
    /// # Panics
    /// If there is no such seat.
    pub fn handle(self, seat: usize) -> SlotHandle {
        SlotHandle { seat: &self.seats[seat], view: FleetView { board: self } }
    }

    /// Moves a dead worker's counters into the retired totals and empties its seat. Supervisor only.
    ///
    /// # Panics
    /// If there is no such seat.
    pub fn retire_seat(self, seat: usize) {
        let moves = &self.fleet.moves;
        let before = moves.load(Ordering::Relaxed);
        moves.store(before + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.fleet.retired.absorb(&self.seats[seat].counters);
        moves.store(before + 2, Ordering::Release);
        self.seats[seat].vacate();
    }

    /// Runs `sum` over the retired totals and all seats such that no count is seen twice or missed while the
    /// supervisor moves a dead worker's counters. Tries a bounded number of times, then takes what it sees.
    pub fn read_totals<T>(self, sum: impl Fn(&Counters, &[Seat]) -> T) -> T {
        const TRIES: usize = 1_000;
        for _ in 0..TRIES {
            let before = self.fleet.moves.load(Ordering::Acquire);
            if before.is_multiple_of(2) {
                let total = sum(&self.fleet.retired, self.seats);
                fence(Ordering::Acquire);
                if self.fleet.moves.load(Ordering::Relaxed) == before {
                    return total;
                }
            }
            std::hint::spin_loop();
        }
        sum(&self.fleet.retired, self.seats)
    }
}

/// What a worker knows of the fleet: the same answer, whichever worker is asked.
#[derive(Clone, Copy)]
pub struct FleetView {
    board: Scoreboard,
}

impl FleetView {
    /// Whether a load balancer should send requests to this fleet: at least one worker serves, and nobody
    /// has asked the fleet to stop.
    pub fn is_ready(self) -> bool {
        self.board.fleet.ready.load(Ordering::Acquire) != 0
    }

    /// Whether the workers of some slot keep dying, while others serve.
    pub fn is_degraded(self) -> bool {
        self.board.fleet.failing_slots.load(Ordering::Relaxed) != 0
    }

    /// Whether the fleet has been asked to stop.
    pub fn is_draining(self) -> bool {
        self.board.fleet.draining.load(Ordering::Acquire) != 0
    }

    /// Workers that serve now, and workers that should.
    pub fn workers(self) -> (u32, u32) {
        let fleet = self.board.fleet;
        (fleet.ready_workers.load(Ordering::Relaxed), fleet.wanted_workers.load(Ordering::Relaxed))
    }

    /// The scoreboard itself, for a page that tells about every worker.
    pub fn scoreboard(self) -> Scoreboard {
        self.board
    }
}

/// A worker's handle: its own seat, and its view of the fleet. `Copy`, so every task may keep one.
#[derive(Clone, Copy)]
pub struct SlotHandle {
    seat: &'static Seat,
    view: FleetView,
}

impl SlotHandle {
    /// A handle to a scoreboard of one seat in private memory: for tests.
    pub fn detached() -> Self {
        Scoreboard::private(1).handle(0)
    }

    /// The fleet's state.
    pub fn fleet(self) -> FleetView {
        self.view
    }

    /// This worker's own block.
    pub fn seat(self) -> &'static Seat {
        self.seat
    }

    /// Counts one answer and how long it took.
    pub fn count_request(self, route: Route, status: u16, took: Duration) {
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        let counters = &self.seat.counters;
        add(&counters.requests[route as usize][place], 1);
        counters.request_micros.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts something that went wrong.
    pub fn count_error(self, kind: ErrorKind) {
        add(&self.seat.counters.errors[kind as usize], 1);
    }

    /// Counts texts that were predicted together, and how long that took.
    pub fn count_prediction(self, texts: u64, took: Duration) {
        let counters = &self.seat.counters;
        add(&counters.texts, texts);
        counters.predict_micros.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

/// Adds to a counter that only this thread writes. A plain load and store, not a locked instruction: the
/// worker is the seat's only writer while it lives.
pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(board: Scoreboard) -> u64 {
        let count =
            |c: &Counters| -> u64 { c.requests.iter().flatten().map(|n| n.load(Ordering::Relaxed)).sum() };
        board.read_totals(|retired, seats| {
            count(retired) + seats.iter().map(|s| count(&s.counters)).sum::<u64>()
        })
    }

    #[test]
    fn totals_survive_the_death_of_a_worker() {
        let board = Scoreboard::private(4);
        board.seats()[2].occupy(1);
        let worker = board.handle(2);
        for status in [200, 200, 422, 500, 99, 999] {
            worker.count_request(Route::Predict, status, Duration::from_millis(1));
        }
        assert_eq!(answers(board), 6);
        board.retire_seat(2);
        assert_eq!(answers(board), 6);
        assert_eq!(board.seats()[2].state.load(Ordering::Relaxed), WorkerState::Empty as u32);
        assert_eq!(board.seats()[2].counters.request_micros.count(), 0);
        assert_eq!(board.fleet().retired.request_micros.count(), 6);
    }

    #[test]
    fn totals_never_step_back_while_seats_are_retired() {
        let board = Scoreboard::private(2);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let now = answers(board);
                    assert!(now >= last, "{now} after {last}");
                    last = now;
                }
            });
            for round in 0..2_000 {
                let seat = round % 2;
                board.handle(seat).count_request(Route::Index, 200, Duration::ZERO);
                board.retire_seat(seat);
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(answers(board), 2_000);
    }

    #[test]
    fn causes_have_the_numbers_of_their_places() {
        for (number, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, number);
        }
        assert!(Cause::ALL.len() <= CAUSES);
        assert_eq!(Route::name(Route::Predict as u32), "/predict");
    }

    #[test]
    fn readiness_is_the_fleets() {
        let board = Scoreboard::private(2);
        let (one, other) = (board.handle(0), board.handle(1));
        assert!(!one.fleet().is_ready());
        board.fleet().ready.store(1, Ordering::Release);
        assert!(one.fleet().is_ready() && other.fleet().is_ready());
    }
}
