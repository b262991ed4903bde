//! What the kernel knows of a listening TCP socket.
#![expect(
    unsafe_code,
    reason = "TCP_INFO has no safe form in nix or socket2; one of the files named for this"
)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _};

use nix::errno::Errno;
use nix::libc;

/// Connections that wait to be accepted from a listening socket (0 for one that only is bound).
pub(crate) fn accept_queue(socket: &impl AsFd) -> io::Result<u32> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).map_err(io::Error::other)?;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: `info` is `length` bytes long, and the kernel writes no more than that; the descriptor is open, since it
    // is borrowed.
    let result = unsafe {
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut length)
    };
    Errno::result(result)?;
    // SAFETY: all fields are integers, for which zeroes, and whatever the kernel has written over them, are valid.
    let info = unsafe { info.assume_init() };
    // For a listener `tcpi_unacked` is the length of its accept queue (tcp_get_info in the kernel's net/ipv4/tcp.c).
    let listens = u32::from(info.tcpi_state) == TCP_LISTEN;
    Ok(if listens { info.tcpi_unacked } else { 0 })
}

/// `TCP_LISTEN` of the kernel's `include/net/tcp_states.h`.
const TCP_LISTEN: u32 = 10;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_queue_is_as_long_as_clients_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        assert_eq!(accept_queue(&listener).unwrap(), 3);
        listener.accept().unwrap();
        assert_eq!(accept_queue(&listener).unwrap(), 2);
        assert_eq!(accept_queue(&clients[0]).unwrap(), 0);
    }
}
