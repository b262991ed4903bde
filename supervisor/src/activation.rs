//! Sockets that a service manager has opened and passes on (`sd_listen_fds(3)`): they are used in place of `bind`, as
//! gunicorn does.

use std::env;
use std::io;
use std::os::fd::{OwnedFd, RawFd};

use linnet::config::BindAddress;
use socket2::{Socket, Type};

use crate::os::inherited;

/// The first descriptor that is passed on.
const FIRST: RawFd = 3;

/// The variables that tell of them. They mean nothing to programs that this one starts.
pub(crate) const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// A listening socket that was passed on.
pub(crate) struct Activated {
    /// The socket.
    pub(crate) socket: Socket,
    /// Where it listens.
    pub(crate) address: BindAddress,
}

/// Why what was passed on cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActivationError {
    /// Not a number of descriptors.
    #[error("LISTEN_FDS = {0:?}: expected the number of sockets that are passed on")]
    Count(String),
    /// One of them is of no use.
    #[error(
        "LISTEN_FDS: descriptor {descriptor}{name} {problem}; expected a listening stream socket, TCP or Unix"
    )]
    Descriptor {
        /// Its number.
        descriptor: RawFd,
        /// Its name, where it has one.
        name: String,
        /// What it is instead.
        problem: String,
    },
}

/// Takes the sockets that were passed on to this process; none if none were. Call it before anything else is opened.
pub(crate) fn take() -> Result<Vec<Activated>, ActivationError> {
    let [pid, count, names] = VARIABLES.map(|name| env::var(name).unwrap_or_default());
    if count.is_empty() || pid.parse() != Ok(std::process::id()) {
        return Ok(Vec::new());
    }
    let number: u16 = count.parse().map_err(|_| ActivationError::Count(count))?;
    let mut names = names.split(':').map(str::to_owned);
    (FIRST..FIRST + RawFd::from(number))
        .map(|fd| take_numbered(fd, names.next().unwrap_or_default()))
        .collect()
}

fn take_numbered(descriptor: RawFd, name: String) -> Result<Activated, ActivationError> {
    let name = if name.is_empty() { name } else { format!(" ({name})") };
    let problem = |problem: String| ActivationError::Descriptor { descriptor, name: name.clone(), problem };
    let owned = inherited::adopt(descriptor).map_err(|error| problem(format!("is not open: {error}")))?;
    take_one(owned).map_err(problem)
}

/// Takes a descriptor if it is what can be used, else says what it is.
pub(crate) fn take_one(descriptor: OwnedFd) -> Result<Activated, String> {
    let socket = Socket::from(descriptor);
    let kind = socket.r#type().map_err(|_| "is no socket".to_owned())?;
    if kind != Type::STREAM {
        return Err("is a socket of another type".to_owned());
    }
    if !socket.is_listener().map_err(|e| e.to_string())? {
        return Err("does not listen".to_owned());
    }
    let local = socket.local_addr().map_err(|e| e.to_string())?;
    let address = match (local.as_socket(), local.as_pathname()) {
        (Some(tcp), _) => BindAddress::Tcp(tcp),
        (None, Some(path)) => BindAddress::Unix(path.to_owned()),
        // Nobody could be told where it is.
        (None, None) => return Err("has neither an IP address nor a path".to_owned()),
    };
    socket.set_nonblocking(true).map_err(|e: io::Error| e.to_string())?;
    Ok(Activated { socket, address })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn problem(descriptor: impl Into<OwnedFd>) -> String {
        take_one(descriptor.into()).map(|found| found.address).unwrap_err()
    }

    #[test]
    fn listening_stream_sockets_are_taken_and_others_named() {
        let folder = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("[::1]:0").unwrap();
        let at = tcp.local_addr().unwrap();
        assert_eq!(take_one(tcp.into()).map(|found| found.address), Ok(BindAddress::Tcp(at)));
        let path = folder.path().join("s");
        let unix = UnixListener::bind(&path).unwrap();
        assert_eq!(take_one(unix.into()).map(|found| found.address), Ok(BindAddress::Unix(path)));
        assert!(problem(UdpSocket::bind("127.0.0.1:0").unwrap()).contains("another type"));
        assert!(problem(std::fs::File::open("/dev/null").unwrap()).contains("no socket"));
        let bound = Socket::new(socket2::Domain::IPV4, Type::STREAM, None).unwrap();
        assert!(problem(bound).contains("does not listen"));
    }
}
