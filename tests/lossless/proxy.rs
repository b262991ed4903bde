//! A real HAProxy in front of two fleets.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::support::linnet::wait_until;

/// Its settings; the servers and the descriptor of the listener come from the environment.
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/lossless/haproxy.cfg");

/// The servers' names there.
const SERVERS: [&str; 2] = ["a", "b"];

/// A running HAProxy.
pub(crate) struct Proxy {
    process: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

/// Whether there is one to run. Debian puts it where a plain user's path may not lead.
pub(crate) fn is_installed() -> bool {
    program().is_some()
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("haproxy")).find(|program| program.exists())
}

impl Proxy {
    /// Starts it in front of these servers, and waits until it finds both ready.
    pub(crate) fn start(servers: [SocketAddr; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program().expect("installed"));
        command.args(["-db", "-f", CONFIG]).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("LISTENER", listener.as_raw_fd().to_string());
        for (name, server) in ["SERVER_A", "SERVER_B"].iter().zip(servers) {
            command.env(name, server.to_string());
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let process = command.stderr(log).spawn().unwrap();
        let proxy = Self { process, address: listener.local_addr().unwrap(), folder };
        (0..SERVERS.len()).for_each(|server| proxy.wait_until_up(server));
        proxy
    }

    /// Waits until it finds this server ready.
    pub(crate) fn wait_until_up(&self, server: usize) {
        wait_until("HAProxy finds the server ready", || {
            let statistics = self.statistics().unwrap_or_default();
            let line = format!("linnet,{},", SERVERS[server]);
            statistics
                .lines()
                .any(|known| known.starts_with(&line) && known.split(',').any(|field| field == "UP"))
        });
    }

    /// Its `show stat`.
    fn statistics(&self) -> std::io::Result<String> {
        let mut socket = UnixStream::connect(self.folder.path().join("stats.sock"))?;
        socket.write_all(b"show stat\n")?;
        let mut page = String::new();
        socket.read_to_string(&mut page)?;
        Ok(page)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("--- log of HAProxy\n{log}");
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
