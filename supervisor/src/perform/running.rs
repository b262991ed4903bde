//! A worker process as the operating system knows it: what it says, and what can be seen of it.

use std::collections::VecDeque;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use linnet::process::channel::{FAILED, MAX_REASON, READY, WORN};
use linnet::scoreboard::Scoreboard;

use crate::fleet::{ChildId, Event};
use crate::os::child::Child;
use crate::upgrade::estate::WorkerEstate;

/// A running worker, as the operating system knows it.
pub(super) struct Running {
    pub(super) id: ChildId,
    pub(super) seat: usize,
    pub(super) child: Child,
    pub(super) channel: UnixStream,
    said: Vec<u8>,
    /// The heartbeat that was last told, in microseconds.
    beat: u64,
}

impl Running {
    /// A worker that has just been forked.
    pub(super) fn new(id: ChildId, seat: usize, child: Child, channel: UnixStream) -> Self {
        Self { id, seat, child, channel, said: Vec::new(), beat: 0 }
    }

    /// One that another program has left.
    pub(super) fn inherit(worker: WorkerEstate<OwnedFd>) -> Self {
        let WorkerEstate { id, pid, seat, pidfd, channel, said } = worker;
        Self { id, seat, child: Child::inherit(pid, pidfd), channel: channel.into(), said, beat: 0 }
    }

    /// For the program that takes this one's place.
    pub(super) fn estate(&self) -> WorkerEstate<RawFd> {
        WorkerEstate {
            id: self.id,
            pid: self.child.pid(),
            seat: self.seat,
            pidfd: self.child.pidfd().as_raw_fd(),
            channel: self.channel.as_raw_fd(),
            said: self.said.clone(),
        }
    }

    /// Takes in the heartbeat, if there is a new one.
    pub(super) fn feel(&mut self, scoreboard: Scoreboard, events: &mut VecDeque<Event>) {
        let beat = scoreboard.seats()[self.seat].heartbeat_micros.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.beat, beat) != beat {
            events.push_back(Event::Beat(self.id, Duration::from_micros(beat)));
        }
    }

    /// Takes in what the worker has said since.
    pub(super) fn listen_to(&mut self, events: &mut VecDeque<Event>) {
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
