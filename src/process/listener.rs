//! Listening sockets: one per worker slot in a `SO_REUSEPORT` group, or one that all share.
//!
//! Facts that the order of calls here rests on (Linux): a socket joins its group at `listen()`; the index in
//! the group is the order of those calls; a bound socket that does not listen gets no traffic; a socket that
//! is open in any process stays in the group, so its accept queue outlives a dead worker.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockAddr, SockFilter, Socket, Type};

use crate::config::BindAddress;

/// Binds the one TCP socket of an address: fails if any other process listens there, even one that would share it.
pub fn bind_alone(address: SocketAddr) -> io::Result<Socket> {
    let socket = tcp_socket(address)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Binds the first TCP socket of a group, as [`bind_alone`] does, and only then opens the address to this process's further
/// slots.
pub fn bind_first(address: SocketAddr) -> io::Result<Socket> {
    let socket = bind_alone(address)?;
    socket.set_reuse_port(true)?;
    Ok(socket)
}

/// Binds one more TCP socket to an address whose first socket [`bind_first`] made.
pub fn bind_further(address: SocketAddr) -> io::Result<Socket> {
    let socket = tcp_socket(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn tcp_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), None)?;
    // Connections of an earlier run in TIME_WAIT must not stop a start.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Binds a Unix socket. A socket file that nobody listens on any more is removed first.
///
/// # Errors
/// `AddrInUse` if somebody listens there, or if the path is something else than a socket.
pub fn bind_unix(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse && is_stale(path, &address)? => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        other => other?,
    }
    Ok(socket)
}

fn is_stale(path: &Path, address: &SockAddr) -> io::Result<bool> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    Ok(probe.connect(address).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused))
}

/// The address that a socket is really bound to, as `BindAddress` (port 0 resolved).
pub fn bound_address(socket: &Socket, asked: &BindAddress) -> io::Result<BindAddress> {
    match asked {
        BindAddress::Tcp(_) => {
            let real = socket.local_addr()?.as_socket();
            real.map(BindAddress::Tcp).ok_or_else(|| io::Error::other("a TCP socket without an IP address"))
        }
        BindAddress::Unix(path) => Ok(BindAddress::Unix(path.clone())),
    }
}

/// Most slots that a steering table can name; beyond it the kernel's hash spreads connections.
pub const MAX_STEERED: usize = 1_024;

/// Spreads new connections evenly at random over the sockets with the given indexes (order of `listen()`)
/// of `member`'s group. Needs no privilege; replaces the program that was attached before.
///
/// # Errors
/// If the kernel refuses the program; the group then keeps what it had.
pub fn steer(member: &Socket, live: &[usize]) -> io::Result<()> {
    let mut program = steering_program(live);
    let prog = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_mut_ptr(),
    };
    setsockopt(member, sockopt::AttachReusePortCbpf, &prog)?;
    Ok(())
}

fn instruction(code: u32, k: u32, jump_false: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: jump_false, k }
}

/// `live[random() % live.len()]`, as classic BPF: a chain of comparisons, bounded by [`MAX_STEERED`].
fn steering_program(live: &[usize]) -> Vec<libc::sock_filter> {
    let live = &live[..live.len().min(MAX_STEERED)];
    let random = (libc::SKF_AD_OFF + libc::SKF_AD_RANDOM).cast_unsigned();
    let mut program = vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, random, 0),
        instruction(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, live.len().max(1) as u32, 0),
    ];
    for (turn, &index) in live.iter().enumerate() {
        program.push(instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, turn as u32, 1));
        program.push(instruction(libc::BPF_RET | libc::BPF_K, index as u32, 0));
    }
    // Never reached with a live slot; an index out of range means: fall back to the kernel's hash.
    program.push(instruction(libc::BPF_RET | libc::BPF_K, u32::MAX, 0));
    program
}

/// Makes a TCP listener ignore connections that are only now being opened (SYN), while handshakes under way
/// still complete. Closing a listener resets what is in its queue; after this, the queue can be emptied first.
/// A client that comes now retries after a second, and is then refused by the closed port.
pub fn ignore_new_connections(socket: &Socket) -> io::Result<()> {
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    let code = |code: u32| code as u16;
    socket.attach_filter(&[
        SockFilter::new(code(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS), 0, 0, FLAGS_OFFSET),
        SockFilter::new(code(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K), 0, 1, SYN),
        SockFilter::new(code(libc::BPF_RET | libc::BPF_K), 0, 0, 0),
        SockFilter::new(code(libc::BPF_RET | libc::BPF_K), 0, 0, u32::MAX),
    ])
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    /// Takes everything out of a listener's queue, and counts it.
    fn empty_queue(socket: &Socket) -> usize {
        std::iter::from_fn(|| socket.accept().ok()).count()
    }

    fn group(size: usize) -> (SocketAddr, Vec<Socket>) {
        let first = bind_first("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap().as_socket().unwrap();
        let mut sockets = vec![first];
        sockets.extend((1..size).map(|_| bind_further(address).unwrap()));
        (address, sockets)
    }

    #[test]
    fn an_address_in_use_is_refused_even_though_slots_share_it() {
        let (address, sockets) = group(2);
        sockets[0].listen(8).unwrap();
        assert_eq!(bind_first(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn connections_go_to_live_slots_alone() {
        let (address, sockets) = group(3);
        for socket in &sockets {
            socket.listen(128).unwrap();
        }
        steer(&sockets[0], &[0, 2]).unwrap();
        let clients: Vec<_> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
        let queues: Vec<_> = sockets.iter().map(empty_queue).collect();
        assert_eq!(queues.iter().sum::<usize>(), clients.len());
        assert_eq!(queues[1], 0);
        assert!(queues[0] > 0 && queues[2] > 0, "{queues:?}");
    }

    #[test]
    fn a_bound_socket_that_does_not_listen_gets_nothing() {
        let (address, sockets) = group(2);
        assert!(TcpStream::connect(address).is_err());
        sockets[1].listen(128).unwrap();
        let _clients: Vec<_> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
        assert_eq!(empty_queue(&sockets[1]), 20);
    }

    #[test]
    fn a_closing_listener_keeps_its_queue_and_takes_nobody_new() {
        let (address, sockets) = group(1);
        sockets[0].listen(8).unwrap();
        let _waiting = TcpStream::connect(address).unwrap();
        ignore_new_connections(&sockets[0]).unwrap();
        let late = TcpStream::connect_timeout(&address, Duration::from_millis(100));
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(empty_queue(&sockets[0]), 1);
    }

    #[test]
    fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(bind_unix(&path).unwrap());
        let live = bind_unix(&path).unwrap();
        live.listen(1).unwrap();
        assert_eq!(bind_unix(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let file = folder.path().join("f");
        std::fs::write(&file, "not a socket").unwrap();
        assert_eq!(bind_unix(&file).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
