//! The generator of our own: requests are due on a schedule that the server cannot slow down, and latency counts
//! from the moment at which a request was due, so waiting behind a slow answer is seen.
//!
//! One thread over epoll. It does not sleep while an arrival is near, so it wants a core of its own.

use std::collections::VecDeque;
use std::io;
use std::iter::Peekable;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::client::{Client, Sent};
use super::outcome::{Counts, Outcome};
use crate::histogram::Latencies;
use crate::requests::{RawRequest, Size};
use crate::schedule::{Arrivals, Schedule};

/// Below this distance of the next arrival the generator polls instead of sleeping.
const SPIN: Duration = Duration::from_millis(2);
/// How often it looks for requests that are overdue.
const SWEEP: Duration = Duration::from_millis(50);
/// Events taken at once.
const EVENTS: usize = 256;
/// Bytes read at once.
const READ_BYTES: usize = 256 << 10;

/// One run of the generator.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The server.
    pub(crate) address: SocketAddr,
    /// Connections at once.
    pub(crate) connections: usize,
    /// Whether each request has a connection of its own; the requests must then ask for the close.
    pub(crate) reconnect: bool,
    /// Requests that are due together and are written together on one connection.
    pub(crate) pipeline: usize,
    /// When requests are due.
    pub(crate) arrivals: Arrivals,
    /// At the start: requests that are sent but not counted.
    pub(crate) warm_up: Duration,
    /// How long requests are counted.
    pub(crate) duration: Duration,
    /// How long a request may take, from the moment at which it was due.
    pub(crate) timeout: Duration,
}

/// What a run found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drive {
    /// Requests by outcome, those of the warm-up left out.
    pub(crate) counts: Counts,
    /// Good answers a second, those of the warm-up left out.
    pub(crate) per_second: f64,
    /// Good answers of the whole run, warm-up included.
    pub(crate) answered: u64,
    /// Latencies of good answers to small requests.
    pub(crate) small: Latencies,
    /// Latencies of good answers to the batches of a mix.
    pub(crate) large: Latencies,
    /// How late requests were written though a connection was free: the generator's own error.
    pub(crate) lag: Latencies,
    /// Connections that were opened, those of the start included.
    pub(crate) opened: u64,
}

/// A request that is due.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Duration,
    request: usize,
}

/// Drives a server as `plan` says with `requests`, over and again in their order.
///
/// # Errors
/// Only what keeps the generator itself from working; the server's failures are counted.
pub(crate) fn drive(plan: &Plan, requests: &[RawRequest]) -> io::Result<Drive> {
    let mut generator = Generator::new(plan, requests)?;
    generator.connect_all()?;
    generator.run()?;
    let Generator { mut drive, .. } = generator;
    drive.per_second = drive.counts.ok as f64 / plan.duration.as_secs_f64();
    Ok(drive)
}

struct Generator<'p> {
    plan: &'p Plan,
    requests: &'p [RawRequest],
    schedule: Option<Peekable<Schedule>>,
    epoll: Epoll,
    clients: Vec<Client>,
    /// Connections with nothing to do; the one that has been free longest in front.
    idle: VecDeque<usize>,
    waiting: VecDeque<Due>,
    next_request: usize,
    started: Instant,
    drive: Drive,
    buffer: Vec<u8>,
}

impl<'p> Generator<'p> {
    fn new(plan: &'p Plan, requests: &'p [RawRequest]) -> io::Result<Self> {
        let schedule = match plan.arrivals {
            Arrivals::Saturate => None,
            Arrivals::PerSecond(rate) => Some(Schedule::new(rate, plan.pipeline, 1).peekable()),
        };
        Ok(Self {
            plan,
            requests,
            schedule,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            clients: (0..plan.connections).map(|_| Client::default()).collect(),
            idle: VecDeque::with_capacity(plan.connections),
            waiting: VecDeque::new(),
            next_request: 0,
            started: Instant::now(),
            drive: Drive::default(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Opens the kept connections before the clock starts.
    fn connect_all(&mut self) -> io::Result<()> {
        for at in 0..self.clients.len() {
            if !self.plan.reconnect {
                self.drive.opened += 1;
                self.clients[at].connect_and_wait(self.plan.address, &self.epoll, at as u64)?;
            }
            self.idle.push_back(at);
        }
        Ok(())
    }

    fn run(&mut self) -> io::Result<()> {
        self.started = Instant::now();
        let end = self.plan.warm_up + self.plan.duration;
        let mut next_sweep = SWEEP;
        let mut events = vec![EpollEvent::empty(); EVENTS];
        loop {
            let now = self.started.elapsed();
            if now < end {
                self.collect_due(now, end);
            } else if self.idle.len() == self.clients.len() && self.waiting.is_empty() {
                return Ok(());
            }
            self.send_waiting();
            if now >= next_sweep {
                self.sweep(now);
                next_sweep = now + SWEEP;
            }
            let patience = self.patience(now, end);
            let ready = match self.epoll.wait(&mut events, patience) {
                Ok(ready) => ready,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for event in &events[..ready] {
                self.serve(event.data() as usize, event.events());
            }
        }
    }

    /// Puts all that is due by now into the line.
    fn collect_due(&mut self, now: Duration, end: Duration) {
        match &mut self.schedule {
            Some(schedule) => {
                while let Some(at) = schedule.next_if(|&at| at <= now && at < end) {
                    self.waiting.push_back(Due { at, request: self.next_request });
                    self.next_request = (self.next_request + 1) % self.requests.len();
                }
            }
            None => {
                for _ in 0..self.idle.len() * self.plan.pipeline {
                    self.waiting.push_back(Due { at: now, request: self.next_request });
                    self.next_request = (self.next_request + 1) % self.requests.len();
                }
            }
        }
    }

    /// How long epoll may sleep.
    fn patience(&mut self, now: Duration, end: Duration) -> EpollTimeout {
        let next = self.schedule.as_mut().and_then(Peekable::peek).copied().unwrap_or(Duration::MAX);
        let gap = next.min(end.max(now + SWEEP)).saturating_sub(now);
        if gap < SPIN {
            return EpollTimeout::ZERO;
        }
        // Awake a millisecond early, since epoll may wake as much too late.
        let sleep = gap.min(SWEEP).saturating_sub(Duration::from_millis(1));
        EpollTimeout::try_from(sleep).unwrap_or(EpollTimeout::ZERO)
    }

    /// Writes what waits, as long as a connection is free; one pipeline's worth on each.
    fn send_waiting(&mut self) {
        while !self.waiting.is_empty() {
            let Some(at) = self.idle.pop_front() else { return };
            let count = self.waiting.len().min(self.plan.pipeline);
            let (plan, now) = (self.plan, self.started.elapsed());
            let client = &mut self.clients[at];
            for due in self.waiting.drain(..count) {
                // A connection has been free since before the request was due only if nobody had to wait for it.
                if client.free_since <= due.at && due.at >= plan.warm_up {
                    self.drive.lag.record(now.saturating_sub(due.at));
                }
                client.queue(Sent { due: due.at, request: due.request }, &self.requests[due.request].bytes);
            }
            let opened = if client.is_open() {
                Ok(())
            } else {
                self.drive.opened += 1;
                client.connect(plan.address, &self.epoll, at as u64)
            };
            if let Err(error) = opened.and_then(|()| client.write()) {
                self.fail(at, Outcome::of_error(&error));
            }
        }
    }

    /// One connection has news.
    fn serve(&mut self, at: usize, events: EpollFlags) {
        let client = &mut self.clients[at];
        if !client.is_open() {
            return;
        }
        if events.contains(EpollFlags::EPOLLOUT)
            && let Err(error) = client.write()
        {
            return self.fail(at, Outcome::of_error(&error));
        }
        let over = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        if events.intersects(EpollFlags::EPOLLIN | over) {
            self.read(at, events.intersects(over));
        }
    }

    fn read(&mut self, at: usize, to_the_end: bool) {
        loop {
            let count = match self.clients[at].read(&mut self.buffer) {
                Ok(0) => return self.fail(at, Outcome::EndOfFile),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.fail(at, Outcome::of_error(&error)),
            };
            if !self.take_in(at, count) || (count < READ_BYTES && !to_the_end) {
                return;
            }
        }
    }

    /// Takes in bytes that were read; returns whether the connection is still open.
    fn take_in(&mut self, at: usize, count: usize) -> bool {
        let now = self.started.elapsed();
        let (drive, plan, requests) = (&mut self.drive, self.plan, self.requests);
        let client = &mut self.clients[at];
        let was_busy = client.is_busy();
        let mut close = false;
        let fed = client.take_in(&self.buffer[..count], |sent, answered| {
            close |= answered.close;
            let good = (200..300).contains(&answered.status);
            drive.answered += u64::from(good);
            if sent.due >= plan.warm_up {
                drive.counts.add(Outcome::Answered(answered.status));
                if good {
                    let class = match requests[sent.request].size {
                        Size::Small => &mut drive.small,
                        Size::Large => &mut drive.large,
                    };
                    class.record(now.saturating_sub(sent.due));
                }
            }
        });
        if fed.is_err() {
            self.fail(at, Outcome::Malformed);
            return false;
        }
        if close && !client.is_busy() && !plan.reconnect {
            client.close();
        }
        // With a connection for each request, the server's close (end of file) frees the place.
        if was_busy && !client.is_busy() && !plan.reconnect {
            client.free_since = now;
            self.idle.push_back(at);
        }
        self.clients[at].is_open()
    }

    /// Ends a connection; what it still owed counts as `outcome`.
    fn fail(&mut self, at: usize, outcome: Outcome) {
        let client = &mut self.clients[at];
        let owed = client.is_busy();
        for sent in client.owed() {
            if sent.due >= self.plan.warm_up {
                self.drive.counts.add(outcome);
            }
        }
        client.close();
        if owed || self.plan.reconnect {
            client.free_since = self.started.elapsed();
            self.idle.push_back(at);
        }
    }

    /// Gives up what is overdue.
    fn sweep(&mut self, now: Duration) {
        let overdue = |at: Duration| now.saturating_sub(at) > self.plan.timeout;
        while self.waiting.front().is_some_and(|due| overdue(due.at)) {
            if self.waiting.pop_front().is_some_and(|due| due.at >= self.plan.warm_up) {
                self.drive.counts.add(Outcome::TimedOut);
            }
        }
        for at in 0..self.clients.len() {
            let client = &self.clients[at];
            if client.oldest().is_some_and(|sent| now.saturating_sub(sent.due) > self.plan.timeout) {
                self.fail(at, Outcome::TimedOut);
            } else if client.is_open() && !client.is_busy() && self.plan.reconnect {
                // Answered, but the server has not closed: do not wait for it for ever.
                if now.saturating_sub(client.answered_at) > self.plan.timeout {
                    self.fail(at, Outcome::EndOfFile);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "open_loop_tests.rs"]
mod tests;
