//! One supervisor after another: the part of it that acts.

use super::Performer;
use crate::ctl::server::ControlServer;
use crate::fleet::Event;
use crate::pidfile::Pidfile;
use crate::sockets::Sockets;
use crate::upgrade::{Predecessor, Successor};

impl Performer {
    pub(super) fn upgrade(&mut self) {
        let Some(sockets) = &self.sockets else { return };
        match Successor::start(
            &self.invocation,
            sockets.legacy(),
            self.control.as_ref().map(ControlServer::legacy),
        ) {
            Ok(successor) => self.successor = Some(successor),
            Err(error) => {
                let program = self.invocation.program.display();
                self.events.push_back(Event::UpgradeFailed(format!("cannot start {program}: {error}")));
            }
        }
    }

    pub(super) fn collect_successor(&mut self) {
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
    pub(super) fn let_go(&mut self) {
        self.sockets.iter_mut().for_each(Sockets::leave_files);
        self.control.iter_mut().for_each(ControlServer::leave);
    }

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
}
