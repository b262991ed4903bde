//! What is known of one connection: shared by its bytes, its requests, and the sweep over all connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::gate::{Refusal, Stage};
use super::watch::{Overdue, Snapshot, Watch};
use crate::limits::ConnectionLimits;
use crate::scoreboard::{Route, SlotHandle};

/// Why the socket itself is read once more, rather than tokio's memory of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The connection is idle: it ends if nothing is there.
    Dry,
    /// A request has not arrived within this time: it is refused if nothing more is there.
    Late(Duration),
}

/// What is known of one connection.
pub struct Activity {
    slot: SlotHandle,
    opened: Instant,
    /// Where the client is, and how many heads it has sent, as the gate has it.
    stage: Cell<Stage>,
    heads: Cell<u64>,
    /// A request is with the app.
    in_flight: Cell<bool>,
    /// The socket takes no more bytes for now: an answer is on its way out.
    blocked: Cell<bool>,
    /// Bytes that have come and gone.
    moved: Cell<u64>,
    /// Requests that have reached the app.
    requests: Cell<u64>,
    /// When the connection was last known to do something.
    since: Cell<Instant>,
    look: Cell<Option<Look>>,
    is_cut_off: Cell<bool>,
    /// The client has been told that nothing more comes.
    is_shut: Cell<bool>,
    watch: Cell<Watch>,
    waker: RefCell<Option<Waker>>,
}

impl Activity {
    /// Of a connection accepted now, by the worker behind `slot`.
    pub fn new(slot: SlotHandle) -> Self {
        let now = Instant::now();
        Self {
            slot,
            opened: now,
            stage: Cell::default(),
            heads: Cell::default(),
            in_flight: Cell::default(),
            blocked: Cell::default(),
            moved: Cell::default(),
            requests: Cell::default(),
            since: Cell::new(now),
            look: Cell::default(),
            is_cut_off: Cell::default(),
            is_shut: Cell::default(),
            watch: Cell::new(Watch::new(now)),
            waker: RefCell::default(),
        }
    }

    /// `count` bytes have come, and this is where the client is now.
    pub(super) fn received(&self, count: usize, stage: Stage, heads: u64) {
        self.moved.set(self.moved.get() + count as u64);
        self.stage.set(stage);
        self.heads.set(heads);
    }

    /// This came of a write.
    pub(super) fn wrote(&self, result: &Poll<io::Result<usize>>) {
        self.blocked.set(result.is_pending());
        if let Poll::Ready(Ok(count)) = result {
            self.moved.set(self.moved.get() + *count as u64);
        }
    }

    /// A request is refused; `answered` where nobody else will count the answer.
    pub(super) fn refused(&self, refusal: Refusal, answered: bool) {
        self.slot.count_error(refusal.kind());
        if answered {
            let took = self.watch.get().for_how_long();
            self.slot.count_request(Route::Other, refusal.status().as_u16(), took);
        }
    }

    /// The client has been told that nothing more comes.
    pub(super) fn shut(&self) {
        self.is_shut.set(true);
    }

    /// Whether the client has been told that nothing more comes.
    pub fn is_shut(&self) -> bool {
        self.is_shut.get()
    }

    /// A request has reached the app; gives how many have.
    pub fn request_began(&self) -> u64 {
        self.in_flight.set(true);
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    /// The app has answered (or the request was given up).
    pub fn request_ended(&self) {
        self.in_flight.set(false);
        self.since.set(Instant::now());
    }

    /// Since when nothing has happened and nothing is expected; `None` while a request is under way.
    pub fn idle_since(&self) -> Option<Instant> {
        let busy = self.in_flight.get() || self.stage.get() != Stage::Idle || self.blocked.get();
        (!busy).then(|| self.since.get())
    }

    /// How long ago the connection was accepted.
    pub fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Ends the connection, unless a request turns out to have arrived: then that is answered first.
    pub fn end_when_dry(&self) {
        self.look(Look::Dry);
        self.wake();
    }

    /// Asks for a look at the socket at the next read.
    pub(super) fn look(&self, look: Look) {
        self.look.set(Some(look));
    }

    /// The look that is asked for, once.
    pub(super) fn take_look(&self) -> Option<Look> {
        self.look.take()
    }

    /// Looks whether the client is overdue at `now`, and does what follows from it.
    pub fn sweep(&self, now: Instant, limits: &ConnectionLimits) {
        if self.is_shut() {
            return;
        }
        let snapshot = Snapshot {
            stage: self.stage.get(),
            heads: self.heads.get(),
            in_flight: self.in_flight.get(),
            blocked: self.blocked.get(),
            moved: self.moved.get(),
            age: now.saturating_duration_since(self.opened),
        };
        let mut watch = self.watch.get();
        let overdue = watch.observe(snapshot, now, limits);
        self.watch.set(watch);
        match overdue {
            None => return,
            Some(Overdue::Idle) => self.look(Look::Dry),
            Some(Overdue::Head) => self.look(Look::Late(limits.header_timeout)),
            Some(Overdue::Body) => self.look(Look::Late(limits.body_timeout)),
            Some(Overdue::Answer) => {
                self.slot.count_error(crate::scoreboard::ErrorKind::WriteTimeout);
                self.is_cut_off.set(true);
            }
        }
        self.wake();
    }

    /// Whether the connection has to end at once, whatever is under way.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off.get()
    }

    /// Remembers whom a look has to wake.
    pub fn remember_task(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}
