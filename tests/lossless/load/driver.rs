//! The load's own process: many clients on one thread, over epoll. It is told what to do on standard input, a line at
//! a time, and answers each line with one line of JSON on standard output; it ends with its input.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::client::{Client, Done, Mode};
use super::counts::{Outcome, Slice};
use super::{Plan, State};

/// The key of standard input.
const COMMANDS: u64 = u64::MAX;
/// How often it looks for what is overdue.
const SWEEP: Duration = Duration::from_millis(50);
/// Longest sleep, so that pauses end and requests are sent about when they are due.
const NAP: Duration = Duration::from_millis(1);
/// Events taken at once.
const EVENTS: usize = 256;

/// Drives clients as `plan` says until standard input ends or says `stop`.
pub(crate) fn run(plan: Plan) -> io::Result<()> {
    fcntl(io::stdin(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut driver = Driver::new(plan)?;
    driver.epoll.add(io::stdin(), EpollEvent::new(EpollFlags::EPOLLIN, COMMANDS))?;
    let mut events = vec![EpollEvent::empty(); EVENTS];
    let mut swept = Instant::now();
    while !driver.is_over() {
        driver.begin_due();
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            for client in 0..driver.clients.len() {
                let done = driver.clients[client].sweep();
                driver.note(client, done);
            }
        }
        let nap = EpollTimeout::try_from(NAP).map_err(io::Error::other)?;
        let ready = match driver.epoll.wait(&mut events, nap) {
            Err(nix::errno::Errno::EINTR) => 0,
            ready => ready?,
        };
        for event in &events[..ready] {
            match event.data() {
                COMMANDS => driver.hear()?,
                client => driver.advance(client as usize),
            }
        }
    }
    say(&State { slices: driver.slices.iter().map(Into::into).collect(), ..driver.state() })
}

struct Driver {
    plan: Plan,
    epoll: Epoll,
    clients: Vec<Client>,
    /// Keep-alive and connecting clients with nothing to do; longest idle first.
    idle: VecDeque<usize>,
    /// When requests became due that no client was free for.
    waiting: VecDeque<Instant>,
    next_due: Instant,
    next_number: u64,
    slices: Vec<Slice>,
    answered: u64,
    refused: u64,
    /// The state of [`Self::fraction`].
    random: u64,
    /// What a client that watches readiness was told last.
    ready: bool,
    stopping: bool,
    heard: Vec<u8>,
}

impl Driver {
    fn new(plan: Plan) -> io::Result<Self> {
        let modes = [
            (Mode::KeepAlive, plan.keep_alive),
            (Mode::Connect, plan.connect),
            (Mode::Pausing, plan.pausing),
            (Mode::Watch, usize::from(plan.watch)),
        ];
        let modes = modes.into_iter().flat_map(|(mode, count)| std::iter::repeat_n(mode, count));
        let clients: Vec<_> = (0..).zip(modes).map(|(key, mode)| Client::new(mode, key, &plan)).collect();
        let paced = |client: &usize| matches!(clients[*client].mode, Mode::KeepAlive | Mode::Connect);
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            idle: (0..clients.len()).filter(paced).collect(),
            waiting: VecDeque::new(),
            next_due: Instant::now(),
            next_number: 1,
            slices: vec![Slice::new("before")],
            answered: 0,
            refused: 0,
            random: 1,
            ready: true,
            stopping: false,
            heard: Vec::new(),
            plan,
            clients,
        })
    }

    fn is_over(&self) -> bool {
        self.stopping && self.clients.iter().all(|client| !client.is_busy())
    }

    /// Begins the requests that are due, as far as clients are free.
    fn begin_due(&mut self) {
        let now = Instant::now();
        self.begin_own(now);
        if !self.ready || self.stopping {
            // What was due and not sent was never asked.
            self.waiting.clear();
            self.next_due = now;
            return;
        }
        if let Some(gap) = self.gap() {
            while self.next_due <= now {
                self.waiting.push_back(self.next_due);
                self.next_due += gap;
            }
        } else {
            self.waiting.resize(self.idle.len(), now);
        }
        for _ in 0..self.idle.len() {
            let (Some(client), Some(due)) = (self.idle.front(), self.waiting.front()) else { return };
            if self.clients[*client].rests_until > now {
                self.idle.rotate_left(1);
                continue;
            }
            let (client, due) = (*client, *due);
            self.idle.pop_front();
            self.waiting.pop_front();
            self.begin(client, due);
        }
    }

    /// Begins what clients ask in their own time.
    fn begin_own(&mut self, now: Instant) {
        for client in 0..self.clients.len() {
            let one = &self.clients[client];
            let wanted = match one.mode {
                Mode::KeepAlive | Mode::Connect => false,
                Mode::Pausing => self.ready && !self.stopping,
                Mode::Watch => !self.stopping,
            };
            if wanted && !one.is_busy() && one.rests_until <= now {
                self.begin(client, now);
            }
        }
    }

    /// Between two requests, if they come at a rate.
    fn gap(&self) -> Option<Duration> {
        self.plan.rate.map(|rate| Duration::from_secs_f64(1.0 / f64::from(rate)))
    }

    fn begin(&mut self, client: usize, due: Instant) {
        let number = self.next_number;
        self.next_number += 1;
        let done = self.clients[client].begin(number, due, self.slices.len() - 1, &self.epoll);
        self.note(client, done);
    }

    fn advance(&mut self, client: usize) {
        let done = self.clients[client].advance();
        self.note(client, done);
    }

    fn note(&mut self, client: usize, done: Option<Done>) {
        let Some(Done { outcome, slice, took }) = done else { return };
        let mode = self.clients[client].mode;
        if mode == Mode::Watch {
            self.ready = outcome == Outcome::Answered;
            return;
        }
        self.slices[slice].count(outcome, took);
        self.answered += u64::from(outcome == Outcome::Answered);
        self.refused += u64::from(outcome == Outcome::Refused);
        if mode == Mode::Pausing {
            let pause = self.plan.pause_max.mul_f64(self.fraction());
            self.clients[client].rests_until += pause;
        } else {
            self.idle.push_back(client);
        }
    }

    /// A number from 0 to 1 (xorshift64).
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random as f64 / u64::MAX as f64
    }

    fn hear(&mut self) -> io::Result<()> {
        let mut chunk = [0; 256];
        match io::stdin().lock().read(&mut chunk) {
            Ok(0) => std::process::exit(0),
            Ok(count) => self.heard.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = self.heard.drain(..=end).collect();
            match String::from_utf8_lossy(&line).trim_end() {
                // Answered at the end.
                "stop" => self.stopping = true,
                "state" => say(&self.state())?,
                mark => {
                    self.slices.push(Slice::new(mark));
                    say(&self.state())?;
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> State {
        let connecting = self.clients.iter().filter_map(Client::connecting_since);
        State {
            answered: self.answered,
            refused: self.refused,
            ready: self.ready,
            connecting_for: connecting.map(|since| since.elapsed()).max().unwrap_or_default(),
            slices: Vec::new(),
        }
    }
}

fn say(state: &State) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, state)?;
    out.write_all(b"\n")?;
    out.flush()
}
