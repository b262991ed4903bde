//! Everything that has a name outside of this process: sockets, control socket, pidfile; and whose they are.

use std::path::Path;

use linnet::config::AccessLogTarget;
use linnet::process::log_file;

use super::Performer;
use crate::ctl::place;
use crate::ctl::server::ControlServer;
use crate::fleet::Event;
use crate::os::proc::longest_backlog;
use crate::pidfile::Pidfile;
use crate::sockets::Sockets;
use crate::upgrade::Predecessor;

impl Performer {
    pub(super) fn bind(&mut self) {
        let outcome = self.take_names().and_then(|()| self.give_up_privileges());
        self.events.push_back(match outcome {
            Ok(()) => Event::Bound(self.sockets.as_ref().map(Sockets::addresses).unwrap_or_default()),
            Err(reason) => Event::BindFailed(reason),
        });
    }

    /// All that may need privileges. What has been made is kept even if what follows fails, so that it is removed again.
    fn take_names(&mut self) -> Result<(), String> {
        self.bind_sockets()?;
        let settings = self.settings.running();
        let first = self.sockets.as_ref().and_then(Sockets::first).or(settings.bind.first());
        if let Some(first) = first {
            let legacy = self.predecessor.as_mut().and_then(Predecessor::take_control);
            let (kept, given_up) = match legacy {
                Some(l) if place::candidates(&settings.control_socket, first).contains(&l.path) => {
                    (Some(l), None)
                }
                other => (None, other),
            };
            self.control = match kept {
                Some(legacy) => Some(ControlServer::inherit(legacy)),
                None => ControlServer::bind(&settings.control_socket, first)?,
            };
            self.stale_control = given_up.map(|legacy| legacy.path);
        }
        if !settings.pidfile.is_empty() {
            let file = Pidfile::write(Path::new(&settings.pidfile)).map_err(|e| format!("pidfile: {e}"))?;
            self.pidfile = Some(file);
        }
        self.make_access_log()
    }

    /// Workers open it by its name; this shows at the start whether it can be, and makes what is then given to the user.
    fn make_access_log(&self) -> Result<(), String> {
        let AccessLogTarget::File(path) = &self.settings.running().accesslog else { return Ok(()) };
        log_file::make(path).map_err(|e| format!("accesslog = {:?}: {e}", path.display()))
    }

    fn bind_sockets(&mut self) -> Result<(), String> {
        let legacy = self.predecessor.as_mut().map(Predecessor::take_listeners);
        let settings = self.settings.running();
        let metrics = settings.metrics_bind.as_ref();
        let sockets = Sockets::bind(&settings.bind, metrics, settings.max_workers, settings.backlog, legacy)
            .map_err(|e| e.to_string())?;
        if let Some(longest) = longest_backlog().filter(|longest| *longest < settings.backlog) {
            tracing::warn!(backlog = settings.backlog, longest, "net.core.somaxconn cuts the accept queues");
        }
        if let Some(address) = sockets.metrics() {
            tracing::info!("metrics on {address}/metrics");
        }
        self.sockets = Some(sockets);
        Ok(())
    }

    pub(super) fn listen(&mut self, slot: usize) {
        if let Some(Err(error)) = self.sockets.as_mut().map(|sockets| sockets.listen(slot)) {
            tracing::error!(slot, %error, "cannot listen");
        }
    }

    pub(super) fn ignore_new_connections(&mut self) {
        if let Some(Err(error)) = self.sockets.as_mut().map(Sockets::ignore_new_connections) {
            tracing::warn!(%error, "connections that come during the drain may be reset");
        }
    }

    /// The last act.
    pub(super) fn remove_names(&mut self) {
        self.sockets.iter_mut().for_each(Sockets::remove_files);
        self.control.iter().for_each(ControlServer::remove_file);
        self.pidfile.iter().for_each(Pidfile::remove);
    }

    /// Becomes the user that the settings name, to whom everything that has been made belongs from now on.
    fn give_up_privileges(&self) -> Result<(), String> {
        let Some(identity) = &self.identity else { return Ok(()) };
        let log = Path::new(&self.settings.running().errorlog);
        let sockets = self.sockets.iter().flat_map(Sockets::files);
        let control = self.control.iter().flat_map(ControlServer::files);
        let pidfile = self.pidfile.iter().filter_map(Pidfile::where_it_is);
        let files = sockets.chain(control).chain(pidfile).chain((!log.as_os_str().is_empty()).then_some(log));
        let access_log = match &self.settings.running().accesslog {
            AccessLogTarget::File(path) if path.is_file() => Some(path.as_path()), // a device is nobody's
            _ => None,
        };
        let files = files.chain(access_log);
        for file in files {
            identity.own(file).map_err(|e| format!("cannot give {} away: {e}", file.display()))?;
        }
        identity.assume().map_err(|e| format!("cannot become the user: {e}"))
    }
}
