//! Child processes: fork, pidfd, wait, kill.
#![expect(unsafe_code, reason = "fork and pidfd_open have no safe form; one of the files named for this")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

use linnet::process::worker::EXIT_ORPHANED;

use crate::fleet::Exit;

/// A child process that has not been waited for, so its pid cannot mean anybody else.
pub(crate) struct Child {
    pid: Pid,
    pidfd: OwnedFd,
}

/// Forks a child called `name` that runs `body` and exits with the status that it returns. The child dies with this process,
/// and keeps no descriptors but the standard ones and `keep`: a forgotten listener would be an orphan queue, a
/// forgotten channel would hide the end of its peer.
pub(crate) fn spawn(keep: &[RawFd], name: &str, body: impl FnOnce() -> u8) -> io::Result<Child> {
    let parent = getpid();
    // SAFETY: the supervisor has one thread, so the child's copy of it is whole: no lock is held by a thread
    // that does not exist there.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(Child { pid: child, pidfd: pidfd_open(child)? }),
        ForkResult::Child => {
            call_process(name);
            let status = if die_with(parent) && close_all_but(keep).is_ok() {
                // A panic must not run on into the parent's code.
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101)
            } else {
                EXIT_ORPHANED
            };
            // SAFETY: `_exit` ends the process at once; the parent's exit handlers and buffers are not this
            // process's to run or flush.
            unsafe { libc::_exit(i32::from(status)) }
        }
    }
}

/// Runs another program as a child that outlives this process, with the descriptors `pass_on` left open.
pub(crate) fn execute(mut command: Command, pass_on: Vec<RawFd>) -> io::Result<Child> {
    let keep_open = move || {
        for descriptor in &pass_on {
            // SAFETY: the caller holds these descriptors open, and the child has its own copies of them.
            let descriptor = unsafe { BorrowedFd::borrow_raw(*descriptor) };
            fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec this makes system calls only; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(keep_open) };
    let pid = Pid::from_raw(command.spawn()?.id().cast_signed());
    Ok(Child { pid, pidfd: pidfd_open(pid)? })
}

/// Gives this process a name for `ps` and `top`; the kernel keeps its first 15 bytes.
pub(crate) fn call_process(name: &str) {
    if let Ok(name) = CString::new(name) {
        // A name is a convenience: no reason to fail.
        let _ = prctl::set_name(&name);
    }
}

/// Asks the kernel to kill this process when its parent goes; false if the parent is gone already.
fn die_with(parent: Pid) -> bool {
    prctl::set_pdeathsig(Signal::SIGKILL).is_ok() && getppid() == parent
}

/// Closes all descriptors above the standard ones but those in `keep`.
fn close_all_but(keep: &[RawFd]) -> io::Result<()> {
    let mut kept: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    kept.sort_unstable();
    let mut first = 3;
    for end in kept.into_iter().chain([u32::MAX]) {
        if first < end {
            // SAFETY: the descriptors closed here belong to the parent's values, which this child never uses
            // or drops: it runs `body`, which has only `keep`, and ends with `_exit`.
            Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, end - 1, 0) })?;
        }
        first = end.saturating_add(1);
    }
    Ok(())
}

fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: a system call with two integers; it touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just given us this descriptor (close-on-exec), and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).map_err(io::Error::other)?) })
}

impl Child {
    /// A child of the program whose place this one has taken, and so of this process.
    pub(crate) fn inherit(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid: Pid::from_raw(pid), pidfd }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Readable once the process has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Reaps the process if it has ended.
    pub(crate) fn try_wait(&self) -> Option<Exit> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        match waitid(Id::PIDFd(self.pidfd()), flags) {
            Ok(WaitStatus::Exited(_, status)) => Some(Exit::Status(status)),
            Ok(WaitStatus::Signaled(_, signal, _)) => Some(Exit::Signal(signal.as_str())),
            // Reaped by nobody we know of: it is gone all the same.
            Err(Errno::ECHILD) => Some(Exit::NeverRan),
            _ => None,
        }
    }

    /// Kills the process. One that has ended already is left alone.
    pub(crate) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Sends the process a signal. One that has ended already is left alone.
    pub(crate) fn signal(&self, signal: Signal) {
        let (fd, signal) = (self.pidfd.as_raw_fd(), signal as libc::c_int);
        // SAFETY: a system call with integers and a null pointer, which it allows (no extra signal data).
        let _ = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, std::ptr::null::<libc::siginfo_t>(), 0)
        };
    }
}

/// Reaps processes that are not in `known`: as PID 1, or as a subreaper, we are given orphans.
pub(crate) fn reap_strangers(known: &[i32]) {
    // One that is known and has ended would hide those behind it, but not for long: its own pidfd gets it
    // reaped in the same turn of the loop, and the next SIGCHLD comes back here.
    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(status) = waitid(Id::All, peek) {
        let Some(pid) = status.pid().filter(|pid| !known.contains(&pid.as_raw())) else { return };
        let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
    }
}
