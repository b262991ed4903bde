//! Performs the core's actions, and decides nothing.

mod binding;
mod images;
mod publish;
mod running;
mod succession;
mod workers;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use linnet::process::clock;
use linnet::process::shared_memory::{make_scoreboard, map_scoreboard};
use linnet::scoreboard::{SEATS_PER_SLOT, Scoreboard};

use self::publish::publish;
use self::running::Running;
use crate::activation::Activated;
use crate::ctl::protocol::Response;
use crate::ctl::server::{ControlServer, Heard};
use crate::fleet::{Action, AskId, Event, Generation, Notice, Report};
use crate::identity::Identity;
use crate::loader::{Loaded, Loader};
use crate::log;
use crate::notify::Notifier;
use crate::os::child::{self, reap_strangers};
use crate::os::oom::OomKills;
use crate::pidfile::Pidfile;
use crate::sample::Sampler;
use crate::settings::SettingsBook;
use crate::sockets::{Given, Sockets};
use crate::status;
use crate::upgrade::Invocation;
use crate::upgrade::beside::{Predecessor, Successor};
use crate::upgrade::estate::Inheritance;

/// The things that actions act on.
pub(crate) struct Performer {
    settings: SettingsBook,
    scoreboard: Scoreboard,
    scoreboard_file: OwnedFd,
    /// What the sockets are to be made from.
    given: Given,
    sockets: Option<Sockets>,
    images: BTreeMap<Generation, OwnedFd>,
    /// What the last load took, until it has been told.
    loaded: Option<(Generation, Loaded)>,
    loader: Option<Loader>,
    /// How to start this program again, and what this one was started with.
    invocation: Invocation,
    predecessor: Option<Predecessor>,
    /// The program on disk, started beside this one, or as a child that is to prove itself.
    successor: Option<Successor>,
    /// It has proven itself, and this has not been told.
    proven: bool,
    running: Vec<Running>,
    /// What performing brought about; taken by the loop.
    events: VecDeque<Event>,
    control: Option<ControlServer>,
    /// The file of a predecessor's control socket that the settings have no place for any more.
    stale_control: Option<PathBuf>,
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
        let seats = settings.running().max_workers * SEATS_PER_SLOT;
        let (scoreboard, scoreboard_file) = make_scoreboard(seats)?;
        Ok(Self {
            settings,
            scoreboard,
            scoreboard_file,
            given: Given::Nothing,
            sockets: None,
            images: BTreeMap::new(),
            loaded: None,
            loader: None,
            invocation,
            predecessor,
            successor: None,
            proven: false,
            running: Vec::new(),
            events: VecDeque::new(),
            control: None,
            stale_control: None,
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

    /// The same, to use the sockets that a service manager has passed on, if there are any.
    pub(crate) fn with_sockets(mut self, activated: Vec<Activated>) -> Self {
        if !activated.is_empty() {
            tracing::info!(
                sockets = activated.len(),
                "`bind` is not used: listening on what was passed on (LISTEN_FDS)"
            );
            self.given = Given::Activated(activated);
        }
        self
    }

    /// A performer with all that another program has left it in this process.
    pub(crate) fn inherit(
        settings: SettingsBook,
        invocation: Invocation,
        inheritance: Inheritance,
    ) -> io::Result<Self> {
        let mut performer = Self::new(settings, invocation, None)?;
        performer.scoreboard = map_scoreboard(&inheritance.scoreboard, inheritance.layout.seats)?;
        performer.scoreboard_file = inheritance.scoreboard;
        performer.images = inheritance.images;
        performer.running = inheritance.workers.into_iter().map(Running::inherit).collect();
        performer.keep_names(inheritance.relayed).map_err(io::Error::other)?;
        Ok(performer)
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
            Action::Fork(birth) => self.fork(birth),
            Action::Listen(slot) => self.listen(slot),
            Action::Tell(child, order) => self.tell(child, order),
            Action::Abort(child) => self.abort(child),
            Action::Kill(child) => self.find(child).into_iter().for_each(|running| running.child.kill()),
            Action::Steer(slots) => self.steer(&slots),
            Action::IgnoreNewConnections => self.ignore_new_connections(),
            Action::Upgrade => self.upgrade(),
            Action::Prove(fleet) => self.prove(*fleet),
            Action::Become(fleet) => self.give_place(*fleet),
            Action::StopUpgrade => self.successor.iter().for_each(Successor::kill),
            Action::TakeOver(slots) => self.take_over(slots),
            Action::ReopenLogs => self.reopen_logs(),
            Action::LetGo => self.let_go(),
            Action::Publish(state) => publish(self.scoreboard, state),
            Action::Report(id, report) => self.report(id, *report),
            Action::Answer(id, outcome) => self.answer(id, &Response::of(outcome)),
            Action::Log(notice) => self.log(&notice),
            Action::Exit { failed } => {
                self.remove_names();
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
        clients.chain([self.sampler.next_deadline()]).min()
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
        self.collect_workers();
        self.collect_loader();
        self.collect_successor();
        self.collect_predecessor();
        self.reap_strangers();
        if self.scoreboard.fleet().ready_workers.load(Ordering::Relaxed) > 0 {
            self.notifier.tell_well();
        }
        let now = clock::monotonic();
        self.sample(now);
        let heard = self.control.iter_mut().flat_map(|control| control.turn(now));
        self.events.extend(heard.map(|heard| match heard {
            Heard::Asked(id, ask) => Event::Asked(id, ask),
            Heard::Dropped(id) => Event::AskDropped(id),
        }));
    }

    /// As PID 1, or as a subreaper, this process is given orphans.
    fn reap_strangers(&self) {
        let others = self.loader.iter().map(Loader::pid).chain(self.successor.iter().map(Successor::pid));
        let known: Vec<_> = self.running.iter().map(|r| r.child.pid()).chain(others).collect();
        reap_strangers(&known);
    }

    fn sample(&mut self, now: Duration) {
        let running = self.running.iter().map(|r| (r.id, r.seat, r.child.pid()));
        let memory = self.sampler.sample(now, self.scoreboard, self.sockets.as_ref(), running);
        self.events.extend(memory.into_iter().map(|(id, bytes)| Event::Memory(id, bytes)));
    }

    fn report(&mut self, id: AskId, report: Report) {
        let age = clock::monotonic().saturating_sub(self.began);
        let settings = self.settings.running();
        let listen = self.sockets.as_ref().map_or("", Sockets::listen);
        let status = status::compose(report, self.scoreboard, &self.sampler, settings, listen, age);
        self.answer(id, &Response::with(status));
    }

    fn log(&mut self, notice: &Notice) {
        if let (Notice::StartFailed { reason }, Some(predecessor)) = (notice, &mut self.predecessor) {
            predecessor.tell_failure(reason);
        }
        log::write(notice);
        self.notifier.tell(notice);
    }

    fn answer(&mut self, id: AskId, response: &Response) {
        if let Some(control) = &mut self.control {
            control.answer(clock::monotonic(), id, response);
        }
    }
}
