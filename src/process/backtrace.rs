//! What a worker says when the supervisor aborts it because its event loop has stopped: where it was.
#![expect(unsafe_code, reason = "a signal handler and glibc's backtrace; one of the files named for this")]

use std::io::Write as _;
use std::os::fd::{BorrowedFd, IntoRawFd as _};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::unistd::{getpid, pipe2, read, write};

use crate::config::LogFormat;
use crate::response::timestamp;

/// Frames that are told at most.
const FRAMES: u8 = 64;

/// Bytes of frames that are told at most as JSON; they fit into a pipe, and their line on the stack.
const TEXT: usize = 8 << 10;

/// Both ends of a pipe, through which the handler reads the frames where they become JSON; -1 where they stay text.
static FRAMES_OUT: AtomicI32 = AtomicI32::new(-1);
static FRAMES_IN: AtomicI32 = AtomicI32::new(-1);

/// From now on SIGABRT writes a backtrace to standard error, one line per frame (`program(+0xOFFSET)[0xADDRESS]`, for
/// `addr2line -e program OFFSET`) or all in one JSON object, and then ends the process as it always does.
///
/// # Errors
/// If the handler cannot be installed; SIGABRT then ends the process without a word.
pub(super) fn tell_on_abort(format: LogFormat) -> Result<(), Errno> {
    // The first call loads what it needs, which a signal handler must not do.
    write_backtrace(-1);
    if format == LogFormat::Json {
        let (out, into) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        FRAMES_OUT.store(out.into_raw_fd(), Ordering::Relaxed);
        FRAMES_IN.store(into.into_raw_fd(), Ordering::Relaxed);
    }
    let action = SigAction::new(SigHandler::Handler(aborted), SaFlags::SA_RESETHAND, SigSet::empty());
    // SAFETY: `aborted` does only what a signal handler may: see there.
    unsafe { sigaction(Signal::SIGABRT, &action) }?;
    Ok(())
}

/// The handler. It allocates nothing and takes no lock: `backtrace` walks the stack by unwind tables that are mapped
/// already, `backtrace_symbols_fd` writes straight to the descriptor, what becomes JSON is made on the stack, and a hang
/// here ends with the supervisor's SIGKILL. `SA_RESETHAND` has put the default action back, so that raising the signal
/// again ends the process.
extern "C" fn aborted(_: libc::c_int) {
    let (out, into) = (FRAMES_OUT.load(Ordering::Relaxed), FRAMES_IN.load(Ordering::Relaxed));
    if out < 0 {
        write_backtrace(libc::STDERR_FILENO);
    } else {
        write_backtrace(into);
        let mut frames = [0; TEXT];
        // SAFETY: `tell_on_abort` has given this descriptor away for good, so it stays open.
        let out = unsafe { BorrowedFd::borrow_raw(out) };
        // SAFETY: standard error is never closed.
        let stderr = unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) };
        if let Ok(length) = read(out, &mut frames) {
            let mut line = [0; 2 * TEXT];
            let length = write_json(&mut line, &frames[..length]);
            let _ = write(stderr, &line[..length]);
        }
    }
    let _ = raise(Signal::SIGABRT);
}

/// Writes lines of frames into `line` as an object like those of the log, and returns its length. Allocates nothing.
fn write_json(line: &mut [u8], frames: &[u8]) -> usize {
    let now = nix::time::ClockId::CLOCK_REALTIME.now().map(std::time::Duration::from).unwrap_or_default();
    let now = timestamp::format(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    let room = line.len();
    let mut rest = &mut *line;
    // There is room for all: a frame's byte becomes three at most, and few of them are ends of lines.
    let _ = rest.write_all(b"{\"timestamp\":\"").and_then(|()| rest.write_all(&now));
    let _ = write!(rest, "Z\",\"level\":\"ERROR\",\"role\":\"worker\",\"pid\":{},", getpid());
    let _ = rest.write_all(b"\"message\":\"backtrace\",\"fields\":{\"frames\":[\"");
    let frames = frames.strip_suffix(b"\n").unwrap_or(frames);
    for &byte in frames {
        let _ = match byte {
            b'\n' => rest.write_all(b"\",\""),
            // A path may hold anything; nobody needs its quotes.
            b'"' | b'\\' | 0..0x20 | 0x80.. => rest.write_all(b"?"),
            _ => rest.write_all(&[byte]),
        };
    }
    let _ = rest.write_all(b"\"]}}\n");
    room - rest.len()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_become_one_object() {
        let mut line = [0; 2 * TEXT];
        let length = write_json(&mut line, b"linnet(+0x1)[0x2]\na \"b\"\\(c)[0x3]\n");
        let object: serde_json::Value = serde_json::from_slice(&line[..length]).unwrap();
        assert_eq!(object["fields"]["frames"], serde_json::json!(["linnet(+0x1)[0x2]", "a ?b??(c)[0x3]"]));
        assert!(line[..length].ends_with(b"}\n"));
    }
}
