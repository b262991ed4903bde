//! Waiting for any of several descriptors.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until at least one of `reading` is readable, or of `writing` writable, or any is closed; says of each, those
/// to read first, whether it is.
pub(crate) fn any_ready(reading: &[BorrowedFd<'_>], writing: &[BorrowedFd<'_>]) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = reading.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    polled.extend(writing.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLOUT)));
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) => return Ok(polled.iter().map(|p| p.any().unwrap_or(true)).collect()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
