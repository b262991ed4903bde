//! One timer, on the monotonic clock.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// Readable from the set time on.
pub(crate) struct Timer {
    fd: TimerFd,
    set: Option<Duration>,
}

impl Timer {
    /// A timer that is not set.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Self { fd: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?, set: None })
    }

    /// Sets the timer to a time on the clock of `linnet::process::clock`, or off.
    pub(crate) fn set(&mut self, at: Option<Duration>) -> io::Result<()> {
        if at == self.set {
            return Ok(());
        }
        match at {
            // Time zero would switch it off.
            Some(at) => {
                let at = TimeSpec::from_duration(at.max(Duration::from_nanos(1)));
                self.fd.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
            None => self.fd.unset()?,
        }
        self.set = at;
        Ok(())
    }

    /// Takes note that it has fired.
    pub(crate) fn acknowledge(&mut self) {
        // Setting it anew clears it.
        self.set = None;
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
