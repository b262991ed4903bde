//! The requests in flight, oldest first; the oldest of them shows on the scoreboard, so that the supervisor can
//! say what a worker was doing when it stopped turning.
//!
//! Begins, ends and descriptions take constant time, whatever is in flight: a doubly linked list in a slab.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::scoreboard::{Route, SlotHandle};

/// No entry.
const NONE: usize = usize::MAX;

/// One request, or a free place (then only `after` counts: the next free one).
#[derive(Clone, Copy)]
struct Entry {
    since_micros: u64,
    bytes: u64,
    route: Route,
    before: usize,
    after: usize,
}

/// All requests in flight of one worker.
pub(super) struct InFlight {
    list: RefCell<List>,
    slot: SlotHandle,
    /// The same moment on both clocks.
    anchor: (Instant, Duration),
}

struct List {
    entries: Vec<Entry>,
    free: usize,
    oldest: usize,
    newest: usize,
}

/// A request's place among those in flight; it ends when this is dropped, so also when the client goes away.
pub(super) struct Ticket<'a> {
    all: &'a InFlight,
    place: usize,
}

impl InFlight {
    /// Nothing in flight in the worker behind `slot`.
    pub(super) fn new(slot: SlotHandle) -> Self {
        // The call cannot fail for this clock on Linux.
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
        let list = List { entries: Vec::new(), free: NONE, oldest: NONE, newest: NONE };
        Self { list: RefCell::new(list), slot, anchor: (Instant::now(), monotonic) }
    }

    /// A request has begun.
    pub(super) fn begin(&self, began: Instant, route: Route) -> Ticket<'_> {
        let since = self.anchor.1 + began.saturating_duration_since(self.anchor.0);
        let since_micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        let mut list = self.list.borrow_mut();
        let place = list.append(since_micros, route);
        if list.oldest == place {
            self.show(&list);
        }
        Ticket { all: self, place }
    }

    /// Shows the oldest request on the scoreboard. Nobody reads the three fields as one while the loop turns.
    fn show(&self, list: &List) {
        let (since, bytes, route) = list
            .entries
            .get(list.oldest)
            .map_or((0, 0, Route::Other), |e| (e.since_micros, e.bytes, e.route));
        let seat = self.slot.seat();
        seat.oldest_since_micros.store(since, Ordering::Relaxed);
        seat.oldest_bytes.store(bytes, Ordering::Relaxed);
        seat.oldest_route.store(route as u32, Ordering::Relaxed);
    }
}

impl Ticket<'_> {
    /// The request's body has this many bytes.
    pub(super) fn has_bytes(&self, bytes: usize) {
        let mut list = self.all.list.borrow_mut();
        list.entries[self.place].bytes = bytes as u64;
        if list.oldest == self.place {
            self.all.show(&list);
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut list = self.all.list.borrow_mut();
        let was_oldest = list.oldest == self.place;
        list.remove(self.place);
        if was_oldest {
            self.all.show(&list);
        }
    }
}

impl List {
    fn append(&mut self, since_micros: u64, route: Route) -> usize {
        let entry = Entry { since_micros, bytes: 0, route, before: self.newest, after: NONE };
        let place = if self.free == NONE {
            self.entries.push(entry);
            self.entries.len() - 1
        } else {
            let place = self.free;
            self.free = std::mem::replace(&mut self.entries[place], entry).after;
            place
        };
        match self.entries.get_mut(entry.before) {
            Some(before) => before.after = place,
            None => self.oldest = place,
        }
        self.newest = place;
        place
    }

    fn remove(&mut self, place: usize) {
        let Entry { before, after, .. } = self.entries[place];
        match self.entries.get_mut(before) {
            Some(entry) => entry.after = after,
            None => self.oldest = after,
        }
        match self.entries.get_mut(after) {
            Some(entry) => entry.before = before,
            None => self.newest = before,
        }
        self.entries[place].after = self.free;
        self.free = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(all: &InFlight) -> (bool, u64, u32) {
        let seat = all.slot.seat();
        let since = seat.oldest_since_micros.load(Ordering::Relaxed);
        (since > 0, seat.oldest_bytes.load(Ordering::Relaxed), seat.oldest_route.load(Ordering::Relaxed))
    }

    #[test]
    fn the_oldest_shows_in_whatever_order_requests_end() {
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 1, 0, 3]];
        let all = InFlight::new(SlotHandle::detached());
        for order in orders {
            let mut tickets: Vec<_> = (0..4)
                .map(|n| {
                    let ticket = all.begin(Instant::now(), Route::Predict);
                    ticket.has_bytes(n + 1);
                    Some(ticket)
                })
                .collect();
            for ended in order {
                tickets[ended] = None;
                let oldest = tickets.iter().position(Option::is_some);
                let expected = oldest.map_or((false, 0, 0), |n| (true, n as u64 + 1, Route::Predict as u32));
                assert_eq!(shown(&all), expected, "{order:?}, {ended} ended");
            }
        }
        assert_eq!(all.list.borrow().entries.len(), 4, "places are used again");
    }
}
