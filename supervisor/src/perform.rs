//! Performs the core's actions, and decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use linnet::config::ControlSocket;
use linnet::process::channel::{FAILED, MAX_REASON, Order, READY, WORN};
use linnet::process::clock;
use linnet::process::log_file::lead_stderr_to;
use linnet::process::shared_memory::map_scoreboard;
use linnet::process::worker::{self, Worker};
use linnet::scoreboard::{Route, SEATS_PER_SLOT, Scoreboard};

use nix::sys::signal::Signal;

use crate::ctl::protocol::Response;
use crate::ctl::server::{ControlServer, Heard};
use crate::fleet::{Action, AskId, ChildId, Event, FleetState, Generation, Notice};
use crate::identity::Identity;
use crate::loader::Loader;
use crate::log;
use crate::notify::Notifier;
use crate::os::child::{self, Child, reap_strangers};
use crate::os::oom::OomKills;
use crate::os::proc::{Snapshot, anonymous_memory, longest_backlog};
use crate::pidfile::Pidfile;
use crate::sample::Sampler;
use crate::settings::SettingsBook;
use crate::sockets::Sockets;
use crate::status;
use crate::upgrade::{Invocation, Predecessor, Successor};

/// How often a worker's memory is looked at.
const WEIGH_INTERVAL: Duration = Duration::from_secs(1);

/// How often a successor tries to bind the control socket that its predecessor has not given up yet…
const CONTROL_INTERVAL: Duration = Duration::from_millis(200);

/// … and for how long: the predecessor gives it up when it hears of its successor.
const CONTROL_PATIENCE: Duration = Duration::from_secs(10);

/// A running worker, as the operating system knows it.
struct Running {
    id: ChildId,
    seat: usize,
    child: Child,
    channel: UnixStream,
    said: Vec<u8>,
    /// The heartbeat that was last told, in microseconds.
    beat: u64,
    /// When its memory was last looked at.
    weighed: Duration,
}

/// The things that actions act on.
pub(crate) struct Performer {
    settings: SettingsBook,
    scoreboard: Scoreboard,
    sockets: Option<Sockets>,
    images: BTreeMap<Generation, OwnedFd>,
    loader: Option<Loader>,
    /// How to start this program again, and what this one was started with.
    invocation: Invocation,
    predecessor: Option<Predecessor>,
    successor: Option<Successor>,
    running: Vec<Running>,
    /// What performing brought about; taken by the loop.
    events: VecDeque<Event>,
    control: Option<ControlServer>,
    /// When to try next to take the control socket over from a predecessor, and when to give that up.
    control_from: Option<(Duration, Duration)>,
    sampler: Sampler,
    began: Duration,
    /// Set by the last action of all.
    exit: Option<bool>,
    steering_works: bool,
    memory: OomKills,
    identity: Option<Identity>,
    pidfile: Option<Pidfile>,
    notifier: Notifier,
}

impl Performer {
    /// A performer with nothing but a scoreboard.
    pub(crate) fn new(
        settings: SettingsBook,
        invocation: Invocation,
        predecessor: Option<Predecessor>,
    ) -> io::Result<Self> {
        let identity = Identity::resolve(&settings.running().user, &settings.running().group)?;
        child::call_process(&settings.running().proc_name);
        let scoreboard = map_scoreboard(settings.running().max_workers * SEATS_PER_SLOT)?;
        Ok(Self {
            settings,
            scoreboard,
            sockets: None,
            images: BTreeMap::new(),
            loader: None,
            invocation,
            predecessor,
            successor: None,
            running: Vec::new(),
            events: VecDeque::new(),
            control: None,
            control_from: None,
            sampler: Sampler::new(),
            began: clock::monotonic(),
            exit: None,
            steering_works: true,
            memory: OomKills::find(),
            identity,
            pidfile: None,
            notifier: Notifier::from_environment(),
        })
    }

    /// Performs one action.
    pub(crate) fn perform(&mut self, action: Action) {
        match action {
            Action::ReadSettings(generation) => {
                let outcome = self.settings.read(generation);
                self.events.push_back(Event::SettingsRead(generation, outcome));
            }
            Action::Adopt(generation) => {
                self.settings.adopt(generation);
                log::set_level(self.settings.running().loglevel);
            }
            Action::Load(generation) => self.load(generation),
            Action::StopLoader => self.loader.iter().for_each(Loader::kill),
            Action::Discard(generation) => drop(self.images.remove(&generation)),
            Action::Bind => self.bind(),
            Action::Fork { child, slot, seat, generation, max_requests } => {
                self.fork(child, slot, seat, generation, max_requests);
            }
            Action::Listen(slot) => {
                if let Some(sockets) = &mut self.sockets
                    && let Err(error) = sockets.listen(slot)
                {
                    tracing::error!(slot, %error, "cannot listen");
                }
            }
            Action::Tell(child, order) => self.tell(child, order),
            Action::Abort(child) => self.abort(child),
            Action::Kill(child) => self.find(child).into_iter().for_each(|running| running.child.kill()),
            Action::Steer(slots) => self.steer(&slots),
            Action::IgnoreNewConnections => {
                if let Some(Err(error)) = self.sockets.as_mut().map(Sockets::ignore_new_connections) {
                    tracing::warn!(%error, "connections that come during the drain may be reset");
                }
            }
            Action::Upgrade => self.upgrade(),
            Action::StopUpgrade => self.successor.iter().for_each(Successor::kill),
            Action::TakeOver(slots) => self.take_over(slots),
            Action::ReopenLogs => self.reopen_logs(),
            Action::LetGo => self.let_go(),
            Action::Publish(state) => publish(self.scoreboard, state),
            Action::Report(id, report) => {
                let age = clock::monotonic().saturating_sub(self.began);
                let settings = self.settings.running();
                let status = status::compose(*report, self.scoreboard, &self.sampler, settings, age);
                self.answer(id, &Response::with(status));
            }
            Action::Answer(id, outcome) => self.answer(id, &Response::of(outcome)),
            Action::Log(notice) => {
                if let (Notice::StartFailed { reason }, Some(predecessor)) = (&notice, &mut self.predecessor)
                {
                    predecessor.tell_failure(reason);
                }
                log::write(&notice);
                self.notifier.tell(&notice);
            }
            Action::Exit { failed } => {
                if let Some(sockets) = &mut self.sockets {
                    sockets.remove_files();
                }
                self.control.iter().for_each(ControlServer::remove_file);
                self.pidfile.iter().for_each(Pidfile::remove);
                self.exit = Some(failed);
            }
        }
    }

    /// What performing has brought about since the last call.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether all is over, and then whether the start failed.
    pub(crate) fn exit(&self) -> Option<bool> {
        self.exit
    }

    /// When [`Self::collect`] is wanted next, if nothing tells.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let clients = self.control.iter().filter_map(ControlServer::next_deadline);
        clients.chain([self.sampler.next_deadline()]).chain(self.control_from.map(|(from, _)| from)).min()
    }

    /// All descriptors that tell about children and clients: those to read, and those to write.
    pub(crate) fn descriptors(&self) -> (Vec<BorrowedFd<'_>>, Vec<BorrowedFd<'_>>) {
        let (mut reading, writing) =
            self.control.as_ref().map(ControlServer::descriptors).unwrap_or_default();
        reading.extend(self.running.iter().flat_map(|r| [r.channel.as_fd(), r.child.pidfd()]));
        reading.extend(self.loader.iter().map(Loader::pidfd));
        reading.extend(self.successor.iter().flat_map(Successor::descriptors));
        reading.extend(self.predecessor.iter().map(Predecessor::descriptor));
        (reading, writing)
    }

    /// Takes in what children and clients have said, and which children have ended. Cheap enough to look at them all.
    pub(crate) fn collect(&mut self) {
        for running in &mut self.running {
            running.listen_to(&mut self.events);
            running.feel(self.scoreboard, &mut self.events);
            if self.settings.running().max_rss > 0 {
                running.weigh(&mut self.events);
            }
        }
        let ended = |running: &mut Running| running.child.try_wait().map(|exit| (running.id, exit));
        let mut exits = Vec::new();
        self.running.retain_mut(|running| match ended(running) {
            Some(exit) => {
                // Its last words may have come just now.
                running.listen_to(&mut self.events);
                self.scoreboard.retire_seat(running.seat);
                exits.push(exit);
                false
            }
            None => true,
        });
        for (id, exit) in exits {
            let exit = self.memory.explain(exit);
            self.events.push_back(Event::Exited(id, exit));
        }
        self.collect_loader();
        self.collect_successor();
        self.collect_predecessor();
        if self.scoreboard.fleet().ready_workers.load(Ordering::Relaxed) > 0 {
            self.notifier.tell_well();
        }
        let others = self.loader.iter().map(Loader::pid).chain(self.successor.iter().map(Successor::pid));
        let known: Vec<_> = self.running.iter().map(|r| r.child.pid()).chain(others).collect();
        reap_strangers(&known);
        let now = clock::monotonic();
        let running = self.running.iter().map(|r| (r.seat, r.child.pid()));
        self.sampler.sample(now, self.scoreboard, self.sockets.as_ref(), running);
        self.take_over_control(now);
        let heard = self.control.iter_mut().flat_map(|control| control.turn(now));
        self.events.extend(heard.map(|heard| match heard {
            Heard::Asked(id, ask) => Event::Asked(id, ask),
            Heard::Dropped(id) => Event::AskDropped(id),
        }));
    }

    /// Binds the control socket of a predecessor, once that has given it up.
    fn take_over_control(&mut self, now: Duration) {
        let Some((_, until)) = self.control_from.filter(|(from, _)| now >= *from) else { return };
        let settings = self.settings.running();
        let sockets = self.sockets.as_ref();
        let Some(first) = sockets.and_then(Sockets::first).or(settings.bind.first()) else { return };
        self.control = ControlServer::take_over(&settings.control_socket, first);
        self.control_from = None;
        if self.control.is_none() && now < until {
            self.control_from = Some((now + CONTROL_INTERVAL, until));
        } else if self.control.is_none() && settings.control_socket != ControlSocket::Off {
            tracing::warn!("no control socket, so no `linnet ctl`");
        }
    }

    fn answer(&mut self, id: AskId, response: &Response) {
        if let Some(control) = &mut self.control {
            control.answer(clock::monotonic(), id, response);
        }
    }

    fn collect_loader(&mut self) {
        let Some(exit) = self.loader.as_ref().and_then(Loader::try_wait) else { return };
        let Some(loader) = self.loader.take() else { return };
        let generation = loader.generation();
        self.events.push_back(match loader.result(exit) {
            Ok(image) => {
                self.images.insert(generation, image);
                Event::Loaded(generation)
            }
            Err(reason) => Event::LoadFailed(generation, reason),
        });
    }

    fn reopen_logs(&mut self) {
        let file = &self.settings.running().errorlog;
        if file.is_empty() {
            return;
        }
        match lead_stderr_to(Path::new(file)) {
            Ok(()) => tracing::info!("log file opened again"),
            Err(error) => tracing::warn!(%error, "cannot open the log file again"),
        }
        for running in &mut self.running {
            // As in `tell`.
            let _ = running.channel.write(&[Order::ReopenLogs.to_byte()]);
        }
    }

    fn upgrade(&mut self) {
        let Some(sockets) = &self.sockets else { return };
        match Successor::start(&self.invocation, sockets.legacy()) {
            Ok(successor) => self.successor = Some(successor),
            Err(error) => {
                let program = self.invocation.program.display();
                self.events.push_back(Event::UpgradeFailed(format!("cannot start {program}: {error}")));
            }
        }
    }

    fn collect_successor(&mut self) {
        let Some(successor) = &mut self.successor else { return };
        if let Some(slots) = successor.serves() {
            self.notifier.tell_main_process(successor.pid());
            self.events.push_back(Event::Replaced(slots));
        }
        if let Some(exit) = successor.try_wait() {
            let reason = successor.reason(exit);
            self.successor = None;
            self.events.push_back(Event::UpgradeFailed(reason));
        }
    }

    /// The successor serves: what has a name in the file system is its own from now on.
    fn let_go(&mut self) {
        self.sockets.iter_mut().for_each(Sockets::leave_files);
        if let Some(control) = self.control.take() {
            control.remove_file();
        }
    }

    /// Takes the place of a predecessor that is gone.
    fn collect_predecessor(&mut self) {
        if self.predecessor.as_mut().is_some_and(Predecessor::is_gone) {
            self.predecessor = None;
            if let Some(Err(error)) = self.pidfile.as_mut().map(Pidfile::settle) {
                tracing::warn!(%error, "the pidfile keeps its second name");
            }
        }
    }

    fn take_over(&mut self, slots: usize) {
        self.sockets.iter_mut().for_each(Sockets::own_files);
        let now = clock::monotonic();
        self.control_from = Some((now, now + CONTROL_PATIENCE));
        if let Some(predecessor) = &mut self.predecessor {
            predecessor.tell_serving(slots);
        }
    }

    fn load(&mut self, generation: Generation) {
        let settings = self.settings.of(generation);
        let name = format!("{}-load", settings.proc_name);
        match Loader::start(generation, &settings.model, self.identity.as_ref(), &name) {
            Ok(loader) => self.loader = Some(loader),
            Err(error) => {
                let reason = format!("cannot start the model loader: {error}");
                self.events.push_back(Event::LoadFailed(generation, reason));
            }
        }
    }

    fn bind(&mut self) {
        let event = match self.try_bind() {
            Ok(addresses) => Event::Bound(addresses),
            Err(reason) => Event::BindFailed(reason),
        };
        self.events.push_back(event);
    }

    /// All that may need privileges, and then their end.
    fn try_bind(&mut self) -> Result<Vec<String>, String> {
        let legacy = self.predecessor.as_mut().map(Predecessor::take_listeners);
        let settings = self.settings.running();
        let metrics = settings.metrics_bind.as_ref();
        let sockets = Sockets::bind(&settings.bind, metrics, settings.max_workers, settings.backlog, legacy)
            .map_err(|e| e.to_string())?;
        if let Some(longest) = longest_backlog().filter(|longest| *longest < settings.backlog) {
            tracing::warn!(backlog = settings.backlog, longest, "net.core.somaxconn cuts the accept queues");
        }
        let addresses = sockets.addresses();
        if let Some(address) = sockets.metrics() {
            tracing::info!("metrics on {address}/metrics");
        }
        let mut files: Vec<_> = sockets.files().map(Path::to_owned).collect();
        let first = sockets.first().or(settings.bind.first());
        // A predecessor still has it; see `take_over_control`.
        let first = first.filter(|_| self.predecessor.is_none());
        let control = first.map(|first| ControlServer::bind(&settings.control_socket, first));
        files.extend(Some(&settings.errorlog).filter(|file| !file.is_empty()).map(PathBuf::from));
        // Kept even if what follows fails, so that its files are removed again.
        self.sockets = Some(sockets);
        self.control = control.transpose()?.flatten();
        files.extend(self.control.iter().map(|control| control.path().to_owned()));
        if !settings.pidfile.is_empty() {
            let file = Pidfile::write(Path::new(&settings.pidfile)).map_err(|e| format!("pidfile: {e}"))?;
            self.pidfile = Some(file);
        }
        if let Some(identity) = &self.identity {
            let files =
                files.iter().map(PathBuf::as_path).chain(self.pidfile.iter().map(Pidfile::where_it_is));
            for file in files {
                identity.own(file).map_err(|e| format!("cannot give {} away: {e}", file.display()))?;
            }
            identity.assume().map_err(|e| format!("cannot become the user: {e}"))?;
        }
        Ok(addresses)
    }

    fn fork(
        &mut self,
        id: ChildId,
        slot: usize,
        seat: usize,
        generation: Generation,
        max_requests: Option<u64>,
    ) {
        let event = match self.try_fork(id, slot, seat, generation, max_requests) {
            Ok(pid) => Event::Forked(id, pid),
            Err(error) => Event::ForkFailed(id, error.to_string()),
        };
        self.events.push_back(event);
    }

    fn try_fork(
        &mut self,
        id: ChildId,
        slot: usize,
        seat: usize,
        generation: Generation,
        max_requests: Option<u64>,
    ) -> io::Result<i32> {
        let image = self.images.get(&generation).ok_or_else(|| io::Error::other("no such model image"))?;
        let image = image.try_clone()?;
        let sockets = match &self.sockets {
            Some(sockets) => sockets.of_slot(slot)?,
            None => Vec::new(),
        };
        let (channel, theirs) = UnixStream::pair()?;
        channel.set_nonblocking(true)?;
        let mut keep = vec![image.as_raw_fd(), theirs.as_raw_fd()];
        keep.extend(sockets.iter().map(AsRawFd::as_raw_fd));
        self.scoreboard.seats()[seat].occupy(generation);
        let worker = Worker {
            slot_number: slot,
            settings: self.settings.of(generation).clone(),
            image,
            sockets,
            max_requests,
            slot: self.scoreboard.handle(seat),
            channel: theirs,
        };
        let name = format!("{}-w{slot}", self.settings.running().proc_name);
        let child = child::spawn(&keep, &name, || {
            // The first worker of a generation is forked before its settings count here.
            log::set_level(worker.settings.loglevel);
            worker::run(worker)
        })?;
        let pid = child.pid();
        self.running.push(Running {
            id,
            seat,
            child,
            channel,
            said: Vec::new(),
            beat: 0,
            weighed: clock::monotonic(),
        });
        Ok(pid)
    }

    fn tell(&mut self, child: ChildId, order: Order) {
        if let Some(running) = self.find(child) {
            // One byte into an empty buffer never blocks; a worker that is gone will be reaped.
            let _ = running.channel.write(&[order.to_byte()]);
        }
    }

    fn steer(&mut self, slots: &[usize]) {
        let Some(sockets) = &self.sockets else { return };
        if !self.steering_works {
            return;
        }
        if let Err(error) = sockets.steer(slots) {
            self.steering_works = false;
            tracing::warn!(
                %error,
                "cannot steer connections: the kernel spreads them over all slots, so those of a slot without \
                 a worker wait for its next one"
            );
        }
    }

    /// Says what a worker is doing, as far as it can be seen from outside, and tells it to say the rest.
    fn abort(&mut self, child: ChildId) {
        let scoreboard = self.scoreboard;
        let Some(running) = self.find(child) else { return };
        let seat = &scoreboard.seats()[running.seat];
        let Snapshot { state, kernel_function, system_call } = Snapshot::take(running.child.pid());
        let since = seat.oldest_since_micros.load(Ordering::Relaxed);
        let pid = running.child.pid();
        if since > 0 {
            let age = Duration::from_micros(clock::monotonic_micros().saturating_sub(since));
            let route = Route::name(seat.oldest_route.load(Ordering::Relaxed));
            let bytes = seat.oldest_bytes.load(Ordering::Relaxed);
            let in_flight = seat.in_flight.load(Ordering::Relaxed);
            tracing::error!(pid, route, bytes, ?age, in_flight, "the oldest request of a stuck worker");
        }
        tracing::error!(pid, state, kernel_function, system_call, "where the kernel sees the stuck worker");
        running.child.signal(Signal::SIGABRT);
    }

    fn find(&mut self, child: ChildId) -> Option<&mut Running> {
        self.running.iter_mut().find(|running| running.id == child)
    }
}

impl Running {
    /// Takes in its memory, once a second.
    fn weigh(&mut self, events: &mut VecDeque<Event>) {
        let now = clock::monotonic();
        if now < self.weighed + WEIGH_INTERVAL {
            return;
        }
        self.weighed = now;
        if let Some(bytes) = anonymous_memory(self.child.pid()) {
            events.push_back(Event::Memory(self.id, bytes));
        }
    }

    /// Takes in the heartbeat, if there is a new one.
    fn feel(&mut self, scoreboard: Scoreboard, events: &mut VecDeque<Event>) {
        let beat = scoreboard.seats()[self.seat].heartbeat_micros.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.beat, beat) != beat {
            events.push_back(Event::Beat(self.id, Duration::from_micros(beat)));
        }
    }

    /// Takes in what the worker has said since.
    fn listen_to(&mut self, events: &mut VecDeque<Event>) {
        let mut chunk = [0; 512];
        while let Ok(count @ 1..) = self.channel.read(&mut chunk) {
            let room = (MAX_REASON + 1).saturating_sub(self.said.len());
            self.said.extend_from_slice(&chunk[..count.min(room)]);
        }
        while let Some(&first) = self.said.first() {
            events.push_back(match first {
                READY => Event::Ready(self.id),
                WORN => Event::Worn(self.id),
                _ => break,
            });
            self.said.remove(0);
        }
        if let Some((&FAILED, reason)) = self.said.split_first() {
            events.push_back(Event::Refused(self.id, String::from_utf8_lossy(reason).into_owned()));
        }
    }
}

fn publish(scoreboard: Scoreboard, state: FleetState) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let fleet = scoreboard.fleet();
    fleet.ready.store(u32::from(state.ready), Ordering::Release);
    fleet.draining.store(u32::from(state.draining), Ordering::Release);
    fleet.ready_workers.store(count(state.ready_workers), Ordering::Relaxed);
    fleet.wanted_workers.store(count(state.wanted_workers), Ordering::Relaxed);
    fleet.failing_slots.store(count(state.failing_slots), Ordering::Relaxed);
    fleet.generation.store(state.generation, Ordering::Relaxed);
    fleet.respawns.store(state.deaths, Ordering::Relaxed);
    for (cell, count) in fleet.exits.iter().zip(state.exits) {
        cell.store(count, Ordering::Relaxed);
    }
}
