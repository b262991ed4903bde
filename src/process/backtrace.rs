//! What a worker says when the supervisor aborts it because its event loop has stopped: where it was.
#![expect(unsafe_code, reason = "a signal handler and glibc's backtrace; one of the files named for this")]

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};

/// Frames that are told at most.
const FRAMES: u8 = 64;

/// From now on SIGABRT writes a backtrace to standard error, one line per frame (`program(+0xOFFSET)[0xADDRESS]`, for
/// `addr2line -e program OFFSET`), and then ends the process as it always does.
///
/// # Errors
/// If the handler cannot be installed; SIGABRT then ends the process without a word.
pub(super) fn tell_on_abort() -> Result<(), Errno> {
    // The first call loads what it needs, which a signal handler must not do.
    write_backtrace(-1);
    let action = SigAction::new(SigHandler::Handler(aborted), SaFlags::SA_RESETHAND, SigSet::empty());
    // SAFETY: `aborted` does only what a signal handler may: see there.
    unsafe { sigaction(Signal::SIGABRT, &action) }?;
    Ok(())
}

/// The handler. It allocates nothing and takes no lock: `backtrace` walks the stack by unwind tables that are mapped
/// already, `backtrace_symbols_fd` writes straight to the descriptor, and a hang here ends with the supervisor's
/// SIGKILL. `SA_RESETHAND` has put the default action back, so that raising the signal again ends the process.
extern "C" fn aborted(_: libc::c_int) {
    write_backtrace(libc::STDERR_FILENO);
    let _ = raise(Signal::SIGABRT);
}

#[cfg(target_env = "gnu")]
fn write_backtrace(descriptor: libc::c_int) {
    let mut frames = [std::ptr::null_mut(); FRAMES as usize];
    // SAFETY: the buffer has room for as many frames as are asked for, and only those written are read back; a
    // descriptor that is not open makes the writes fail, which the function ignores.
    unsafe {
        let count = libc::backtrace(frames.as_mut_ptr(), FRAMES.into());
        libc::backtrace_symbols_fd(frames.as_ptr(), count, descriptor);
    }
}

/// Other C libraries have no such function.
#[cfg(not(target_env = "gnu"))]
fn write_backtrace(_: libc::c_int) {}
