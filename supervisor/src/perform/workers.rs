//! Workers: forked, told, led traffic to, aborted.

use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use linnet::config::CpuAffinity;
use linnet::process::channel::Order;
use linnet::process::clock;
use linnet::process::log_file::lead_stderr_to;
use linnet::process::worker::{self, Worker};
use linnet::scoreboard::Route;
use nix::sys::signal::Signal;

use super::Performer;
use super::running::Running;
use crate::fleet::{Birth, ChildId, Event};
use crate::log::{self, Role};
use crate::os::proc::Snapshot;
use crate::os::{affinity, child};

impl Performer {
    pub(super) fn fork(&mut self, birth: Birth) {
        self.tell_loaded(birth.generation);
        let event = match self.try_fork(birth) {
            Ok(running) => {
                let pid = running.child.pid();
                self.running.push(running);
                Event::Forked(birth.child, pid)
            }
            Err(error) => Event::ForkFailed(birth.child, error.to_string()),
        };
        self.events.push_back(event);
    }

    fn try_fork(&self, birth: Birth) -> io::Result<Running> {
        let Birth { child, slot, seat, generation, max_requests } = birth;
        let image = self.images.get(&generation).ok_or_else(|| io::Error::other("no such model image"))?;
        let image = image.try_clone()?;
        let listeners = self.sockets.as_ref().map(|sockets| sockets.of_slot(slot)).transpose()?;
        let listeners = listeners.unwrap_or_default();
        let (channel, theirs) = UnixStream::pair()?;
        channel.set_nonblocking(true)?;
        let mut keep = vec![image.as_raw_fd(), theirs.as_raw_fd()];
        keep.extend(listeners.iter().map(|listener| listener.socket.as_raw_fd()));
        self.scoreboard.seats()[seat].occupy(generation);
        let worker = Worker {
            slot_number: slot,
            settings: self.settings.of(generation).clone(),
            image,
            listeners,
            max_requests,
            slot: self.scoreboard.handle(seat),
            channel: theirs,
        };
        let name = format!("{}-w{slot}", self.settings.running().proc_name);
        let process = child::spawn(&keep, &name, || {
            log::enter(Role::Worker);
            // The first worker of a generation is forked before its settings count here.
            log::set_level(worker.settings.loglevel);
            if worker.settings.cpu_affinity == CpuAffinity::Auto
                && let Err(error) = affinity::bind_to(slot)
            {
                tracing::warn!(slot, %error, "cannot bind the worker to a processor");
            }
            worker::run(worker)
        })?;
        Ok(Running::new(child, seat, process, channel))
    }

    /// Takes in what workers have said, that their event loops turn, and who has ended.
    pub(super) fn collect_workers(&mut self) {
        for running in &mut self.running {
            running.listen_to(&mut self.events);
            running.feel(self.scoreboard, &mut self.events);
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
    }

    pub(super) fn tell(&mut self, child: ChildId, order: Order) {
        if let Some(running) = self.find(child) {
            // One byte into an empty buffer never blocks; a worker that is gone will be reaped.
            let _ = running.channel.write(&[order.to_byte()]);
        }
    }

    pub(super) fn steer(&mut self, slots: &[usize]) {
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
    pub(super) fn abort(&mut self, child: ChildId) {
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

    pub(super) fn find(&mut self, child: ChildId) -> Option<&mut Running> {
        self.running.iter_mut().find(|running| running.id == child)
    }

    pub(super) fn reopen_logs(&mut self) {
        let file = &self.settings.running().errorlog;
        if !file.is_empty() {
            match lead_stderr_to(Path::new(file)) {
                Ok(()) => tracing::info!("log file opened again"),
                Err(error) => tracing::warn!(%error, "cannot open the log file again"),
            }
        }
        for running in &mut self.running {
            // As in `tell`.
            let _ = running.channel.write(&[Order::ReopenLogs.to_byte()]);
        }
    }
}
