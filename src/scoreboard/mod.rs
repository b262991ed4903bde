//! The scoreboard: what supervisor and workers tell each other, in memory that they share.
//!
//! Layout only: atomics in cache-line-padded blocks. `process/shared_memory.rs` maps it. One [`FleetBlock`],
//! written by the supervisor alone, and one [`Seat`] per running worker, written by that worker. A slot owns
//! two seats, because a worker that retires and its successor serve the same slot for a while. When a worker
//! is gone the supervisor folds its counters into the retired totals, so no sum over the fleet ever steps back.
//!
//! No lock: a worker that dies in the middle of an update can leave nothing locked. No field holds user text.

pub mod classes;
mod counters;
mod fleet;
mod handle;
pub mod histogram;
mod kinds;
mod seat;

use std::sync::atomic::{Ordering, fence};

use serde::{Deserialize, Serialize};

pub use self::classes::CLASS_PLACES;
pub(crate) use self::counters::add;
pub use self::counters::{Counters, PlacedCounts};
pub use self::fleet::{FleetBlock, FleetView};
pub use self::handle::SlotHandle;
pub use self::kinds::{CAUSES, Cause, ErrorKind, ROUTES, Route, STATUS_PLACES, status_name};
pub use self::seat::{Seat, WorkerState};

/// Seats of one slot: the worker that serves it and the one that it replaces.
pub const SEATS_PER_SLOT: usize = 2;

/// Counts the arrangements that the blocks have had, for those that a size does not tell apart. A field that is moved or
/// gets another meaning raises it.
const ARRANGEMENT: u32 = 1;

/// How a scoreboard lies in memory: two programs can share one only if they agree on all of this.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// How many seats there are.
    pub seats: usize,
    arrangement: u32,
    fleet_bytes: usize,
    seat_bytes: usize,
}

impl Layout {
    /// What this program makes of a scoreboard with `seats` seats.
    pub fn of(seats: usize) -> Self {
        let (fleet_bytes, seat_bytes) = (size_of::<FleetBlock>(), size_of::<Seat>());
        Self { seats, arrangement: ARRANGEMENT, fleet_bytes, seat_bytes }
    }

    /// Bytes in all; `None` if no memory can hold them.
    pub fn bytes(&self) -> Option<usize> {
        self.seats.checked_mul(self.seat_bytes)?.checked_add(self.fleet_bytes)
    }
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
        SlotHandle::new(self, seat)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
