//! One program after another: the part of it that acts.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use linnet::scoreboard::Layout;

use super::Performer;
use super::running::Running;
use crate::ctl::server::ControlServer;
use crate::fleet::{Event, FleetEstate};
use crate::pidfile::Pidfile;
use crate::sockets::Sockets;
use crate::upgrade::become_heir;
use crate::upgrade::beside::{News, Predecessor, Relay, Successor};
use crate::upgrade::estate::{Estate, VERSION};

impl Performer {
    // The old one, with the new one beside it.

    pub(super) fn upgrade(&mut self) {
        let started = Successor::start(&self.invocation, self.relay());
        self.note_successor(started);
    }

    fn note_successor(&mut self, started: std::io::Result<Successor>) {
        match started {
            Ok(successor) => self.successor = Some(successor),
            Err(error) => {
                let program = self.invocation.program.display();
                self.events.push_back(Event::UpgradeFailed(format!("cannot start {program}: {error}")));
            }
        }
    }

    fn relay(&self) -> Relay {
        let listeners = self.sockets.as_ref().map(Sockets::legacy).unwrap_or_default();
        Relay::of(listeners, self.control.as_ref().map(ControlServer::legacy))
    }

    pub(super) fn collect_successor(&mut self) {
        let Some(successor) = &mut self.successor else { return };
        match successor.news() {
            None => {}
            Some(News::Serves(slots)) => {
                self.notifier.tell_main_process(successor.pid());
                self.events.push_back(Event::Replaced(slots));
            }
            Some(News::Proven) => {
                self.successor = None;
                self.proven = true;
            }
            Some(News::Failed(reason)) => {
                self.successor = None;
                self.events.push_back(Event::UpgradeFailed(reason));
            }
        }
    }

    /// The successor serves: what has a name in the file system is its own from now on.
    pub(super) fn let_go(&mut self) {
        self.sockets.iter_mut().for_each(Sockets::leave_files);
        self.control.iter_mut().for_each(ControlServer::leave);
    }

    // The new one, beside the old one.

    /// Takes the place of a predecessor that is gone.
    pub(super) fn collect_predecessor(&mut self) {
        if self.predecessor.as_mut().is_some_and(Predecessor::is_gone) {
            self.predecessor = None;
            if let Some(Err(error)) = self.pidfile.as_mut().map(Pidfile::settle) {
                tracing::warn!(%error, "the pidfile keeps its second name");
            }
        }
    }

    pub(super) fn take_over(&mut self, slots: usize) {
        self.sockets.iter_mut().for_each(Sockets::own_files);
        self.control.iter_mut().for_each(ControlServer::own);
        if let Some(path) = self.stale_control.take() {
            // Gone already is just as well.
            let _ = std::fs::remove_file(path);
        }
        if let Some(predecessor) = &mut self.predecessor {
            predecessor.tell_serving(slots);
        }
    }

    // In place.

    /// Whether the program on disk has proven itself since the last call.
    pub(crate) fn take_proof(&mut self) -> bool {
        std::mem::take(&mut self.proven)
    }

    pub(super) fn prove(&mut self, fleet: FleetEstate) {
        let estate = self.estate(fleet);
        let started = estate.write().and_then(|document| {
            Successor::start_proof(&self.invocation, document.as_raw_fd(), estate.descriptors())
        });
        self.note_successor(started);
    }

    /// Lets the program on disk take this one's place. Returns only if that fails.
    pub(super) fn give_place(&mut self, fleet: FleetEstate) {
        let estate = self.estate(fleet);
        let error = match estate.write() {
            Ok(document) => become_heir(&self.invocation, &document, &self.kept_open()),
            Err(error) => error,
        };
        let program = self.invocation.program.display();
        self.events.push_back(Event::UpgradeFailed(format!("cannot execute {program}: {error}")));
    }

    fn estate(&self, fleet: FleetEstate) -> Estate {
        let images = self.images.iter().map(|(number, image)| (*number, image.as_raw_fd()));
        Estate {
            version: VERSION,
            settings: self.settings.fixed(),
            scoreboard: self.scoreboard_file.as_raw_fd(),
            layout: Layout::of(self.scoreboard.seats().len()),
            relay: self.relay(),
            images: images.collect(),
            workers: self.running.iter().map(Running::estate).collect(),
            fleet,
        }
    }

    /// The descriptors that the estate names.
    fn kept_open(&self) -> Vec<BorrowedFd<'_>> {
        let listeners = self.sockets.iter().flat_map(Sockets::legacy).flat_map(|legacy| legacy.sockets);
        let control = self.control.iter().map(|control| control.legacy().socket);
        let workers = self.running.iter().flat_map(|r| [r.child.pidfd(), r.channel.as_fd()]);
        let images = self.images.values().map(OwnedFd::as_fd);
        listeners.chain(control).chain(workers).chain(images).chain([self.scoreboard_file.as_fd()]).collect()
    }
}
