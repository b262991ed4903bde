//! Where the control socket is: the same answer for the supervisor and for `linnet ctl`.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use linnet::config::{BindAddress, ControlSocket};
use linnet::process::listener::bind_unix;
use nix::sys::stat::{Mode, umask};
use socket2::Socket;

/// Where system services keep their sockets.
const SYSTEM: &str = "/run";

/// Where a control socket may be, the best place first. `first` is the first bind address, its port resolved.
pub(crate) fn candidates(setting: &ControlSocket, first: &BindAddress) -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    match setting {
        ControlSocket::Off => Vec::new(),
        ControlSocket::At(path) => vec![path.clone()],
        ControlSocket::Auto => {
            // A relative directory would lie wherever the command is given.
            let runtime = runtime.filter(|directory| directory.is_absolute());
            let file = format!("{}.sock", name(first));
            [Some(PathBuf::from(SYSTEM)), runtime]
                .into_iter()
                .flatten()
                .map(|d| d.join("linnet").join(&file))
                .collect()
        }
    }
}

/// A name that two supervisors share only if they serve the same address.
fn name(address: &BindAddress) -> String {
    match address {
        BindAddress::Tcp(tcp) => tcp.to_string(),
        BindAddress::Unix(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            format!("unix-{:016x}", fnv1a(path.as_os_str().as_encoded_bytes()))
        }
    }
}

/// Fowler, Noll and Vo's hash, 64 bits wide: the same in every version of this program, as Rust's own is not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Binds the control socket, for the owner alone. A file that nobody listens on any more is replaced. Says also which
/// directory has been made for it, if one has.
pub(crate) fn bind(setting: &ControlSocket, path: &Path) -> io::Result<(Socket, Option<PathBuf>)> {
    let mut made = None;
    if let (ControlSocket::Auto, Some(directory)) = (setting, path.parent()) {
        // Others may look inside, since the files in it are closed to them.
        match DirBuilder::new().mode(0o755).create(directory) {
            Ok(()) => made = Some(directory.to_owned()),
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            Err(_) => {}
        }
    }
    // The file gets its mode with its name, not a moment later. One thread: nobody else makes a file meanwhile.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = bind_unix(path);
    umask(before);
    Ok((bound?, made))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn names_differ_as_addresses_do() {
        let tcp = |text: &str| BindAddress::Tcp(text.parse().unwrap());
        let unix = |path: &str| BindAddress::Unix(path.into());
        assert_eq!(name(&tcp("127.0.0.1:8000")), "127.0.0.1:8000");
        assert_eq!(name(&tcp("[::1]:80")), "[::1]:80");
        assert_ne!(name(&unix("/a/b")), name(&unix("/a/c")));
        assert_eq!(name(&unix("/a/b")), name(&unix("/a/./b")));
        assert!(!name(&unix(&"/x".repeat(50))).contains('/'));
    }

    #[test]
    fn the_socket_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("linnet").join("c.sock");
        let (socket, made) = bind(&ControlSocket::Auto, &path).unwrap();
        assert_eq!(made.as_deref(), path.parent());
        socket.listen(1).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(bind(&ControlSocket::Auto, &path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(socket);
        bind(&ControlSocket::At(path.clone()), &path).unwrap();
    }
}
