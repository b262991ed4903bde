//! What systemd is told (`sd_notify(3)`, for `Type=notify-reload`): a datagram of `NAME=value` lines.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use linnet::process::clock;

use crate::fleet::Notice;

/// The way to the service manager, if there is one.
pub(crate) struct Notifier {
    socket: Option<UnixDatagram>,
    /// How often it wants to hear that all is well.
    watchdog: Option<Duration>,
    told: Duration,
    reloading: bool,
}

impl Notifier {
    /// Follows `NOTIFY_SOCKET` and `WATCHDOG_USEC`. A socket that cannot be reached is logged, and not asked again.
    pub(crate) fn from_environment() -> Self {
        let socket = connect().unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot reach the service manager's socket");
            None
        });
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        // The variables are passed on in an upgrade, to a process with another id; the new one is watched in turn.
        let watchdog = number("WATCHDOG_USEC").filter(|usec| *usec > 0 && socket.is_some());
        let watchdog = watchdog.map(|usec| Duration::from_micros(usec / 2));
        Self { socket, watchdog, told: Duration::ZERO, reloading: false }
    }

    /// Tells what a notice means to the service manager, if anything.
    pub(crate) fn tell(&mut self, notice: &Notice) {
        match notice {
            Notice::Listening(addresses) => {
                self.send(&format!("READY=1\nSTATUS=serving on {}", addresses.join(", ")));
            }
            Notice::Reloading { .. } => {
                self.reloading = true;
                let now = clock::monotonic_micros();
                self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reloading"));
            }
            Notice::Reloaded { .. } if self.reloading => {
                self.reloading = false;
                self.send("READY=1\nSTATUS=reloaded");
            }
            Notice::ReloadFailed { reason, .. } if self.reloading => {
                self.reloading = false;
                let reason = reason.replace('\n', " ");
                self.send(&format!("READY=1\nSTATUS=reload failed, the old generation serves: {reason}"));
            }
            Notice::Draining { .. } | Notice::StoppingFast => self.send("STOPPING=1\nSTATUS=stopping"),
            _ => {}
        }
    }

    /// Names the process to watch from now on.
    pub(crate) fn tell_main_process(&self, pid: i32) {
        self.send(&format!("MAINPID={pid}"));
    }

    /// Says that all is well, as often as that is wanted.
    pub(crate) fn tell_well(&mut self) {
        let Some(interval) = self.watchdog else { return };
        let now = clock::monotonic();
        if now >= self.told + interval {
            self.told = now;
            self.send("WATCHDOG=1");
        }
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            // A manager that does not listen must not stop the fleet.
            let _ = socket.send(message.as_bytes());
        }
    }
}

fn connect() -> io::Result<Option<UnixDatagram>> {
    let Some(path) = env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else { return Ok(None) };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(Some(socket))
}
