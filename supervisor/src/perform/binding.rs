//! Everything that has a name outside of this process: sockets, control socket, pidfile; and whose they are.

use std::os::fd::OwnedFd;
use std::path::Path;

use linnet::config::AccessLogTarget;
use linnet::process::log_file;

use super::Performer;
use crate::ctl::place;
use crate::ctl::server::{ControlServer, LegacyControl};
use crate::fleet::Event;
use crate::os::proc::longest_backlog;
use crate::pidfile::Pidfile;
use crate::sockets::{Given, Sockets};
use crate::upgrade::beside::{Predecessor, Relayed};

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
        let (listeners, control) = match self.predecessor.as_mut().and_then(Predecessor::take_relayed) {
            Some(relayed) => (Given::Legacy(relayed.listeners), relayed.control),
            None => (std::mem::replace(&mut self.given, Given::Nothing), None),
        };
        self.bind_sockets(listeners)?;
        if let Some(address) = self.sockets.as_ref().and_then(Sockets::metrics) {
            tracing::info!("metrics on {address}/metrics");
        }
        self.take_control(control)?;
        self.write_pidfile()?;
        self.make_access_log()
    }

    /// Workers open it by its name; this shows at the start whether it can be, and makes what is then given to the user.
    fn make_access_log(&self) -> Result<(), String> {
        let AccessLogTarget::File(path) = &self.settings.running().accesslog else { return Ok(()) };
        log_file::make(path).map_err(|e| format!("accesslog = {:?}: {e}", path.display()))
    }

    /// Goes on with what another program has had in this process.
    pub(super) fn keep_names(&mut self, relayed: Relayed) -> Result<(), String> {
        self.bind_sockets(Given::Legacy(relayed.listeners))?;
        self.sockets.iter_mut().for_each(Sockets::own_files);
        self.take_control(relayed.control)?;
        self.control.iter_mut().for_each(ControlServer::own);
        self.write_pidfile()
    }

    fn bind_sockets(&mut self, given: Given) -> Result<(), String> {
        let settings = self.settings.running();
        let sockets = Sockets::bind(settings, given).map_err(|e| e.to_string())?;
        if let Some(longest) = longest_backlog().filter(|longest| *longest < settings.backlog) {
            tracing::warn!(backlog = settings.backlog, longest, "net.core.somaxconn cuts the accept queues");
        }
        self.sockets = Some(sockets);
        Ok(())
    }

    fn take_control(&mut self, legacy: Option<LegacyControl<OwnedFd>>) -> Result<(), String> {
        let settings = self.settings.running();
        let first = self.sockets.as_ref().and_then(Sockets::first).or(settings.bind.first());
        let Some(first) = first else { return Ok(()) };
        let candidates = place::candidates(&settings.control_socket, first);
        self.control = match legacy {
            Some(legacy) if candidates.contains(&legacy.path) => Some(ControlServer::inherit(legacy)),
            given_up => {
                self.stale_control = given_up.map(|legacy| legacy.path);
                ControlServer::bind(&settings.control_socket, first)?
            }
        };
        Ok(())
    }

    fn write_pidfile(&mut self) -> Result<(), String> {
        let path = &self.settings.running().pidfile;
        if !path.is_empty() {
            let file = Pidfile::write(Path::new(path)).map_err(|e| format!("pidfile: {e}"))?;
            self.pidfile = Some(file);
        }
        Ok(())
    }

    pub(super) fn listen(&mut self, slot: usize) {
        if let Some(Err(error)) = self.sockets.as_mut().map(|sockets| sockets.let_listen(slot)) {
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
