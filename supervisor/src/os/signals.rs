//! Signals as a descriptor in the supervisor, and none of them in its children.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What the supervisor listens to.
const HEARD: [Signal; 10] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCHLD,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGUSR1,
];

/// The supervisor's signals. They stay blocked in its children, which obey their channel instead.
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// Blocks the signals, here and in all children to come, and opens the descriptor that reports them.
    pub(crate) fn take() -> io::Result<Self> {
        let set = SigSet::from_iter(HEARD);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// The next pending signal. Equal ones have merged; different ones come by number.
    pub(crate) fn next(&self) -> Option<Signal> {
        let info = self.0.read_signal().ok().flatten()?;
        Signal::try_from(info.ssi_signo.cast_signed()).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
