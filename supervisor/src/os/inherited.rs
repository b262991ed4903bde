//! Descriptors that another program has left open for this one.
#![expect(
    unsafe_code,
    reason = "a number becomes a descriptor that is owned; one of the files named for this"
)]

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Takes an open descriptor that this process was started with, and keeps it from programs that it starts itself.
///
/// # Errors
/// If it is not open, or is one of the standard ones.
pub(crate) fn adopt(descriptor: RawFd) -> io::Result<OwnedFd> {
    if descriptor <= 2 {
        return Err(io::Error::other(format!("descriptor {descriptor} cannot be passed on")));
    }
    // SAFETY: borrowed for this one call, which fails cleanly for a number that is no open descriptor.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    fcntl(borrowed.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, by the call above, and was open when this program began: whoever started it left it for the
    // one place that asks for this number. Each number is adopted once, before anything else is opened from it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
