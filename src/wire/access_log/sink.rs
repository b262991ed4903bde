//! Where lines go: whole lines at the end of a file, without ever waiting for whoever reads them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::config::AccessLogTarget;

/// Bytes that go into a pipe as a whole, whoever else writes to it (`PIPE_BUF` of pipe(7)).
const PIPE_BYTES: usize = 4_096;

/// Standard output by a name that can be opened.
const STDOUT: &str = "/proc/self/fd/1";

/// The end of a file, a pipe or a terminal.
pub(super) struct Sink {
    target: AccessLogTarget,
    out: Option<Out>,
    /// The last try has not written everything; it was told if it was for more than a full pipe.
    blocked: bool,
    told: bool,
    /// The last line in the file is broken off; it is written once more, behind a line feed.
    torn: bool,
}

struct Out {
    file: File,
    /// A file takes a batch as a whole, and others append before or behind it. A pipe does so up to [`PIPE_BYTES`].
    is_file: bool,
}

impl Sink {
    /// Opens a target. If that fails it is said, and tried again with each [`Self::write`].
    pub(super) fn open(target: AccessLogTarget) -> Self {
        let mut sink = Self { target, out: None, blocked: false, told: false, torn: false };
        sink.reopen();
        sink
    }

    /// Opens the target again.
    pub(super) fn reopen(&mut self) {
        (self.out, self.torn) = (None, false);
        match Out::open(&self.target) {
            Ok(out) => self.out = out,
            Err(error) => self.fail(&error),
        }
    }

    /// Whether lines wait because they could not be written.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Writes as many of `lines` as can be written now, and takes them away.
    pub(super) fn write(&mut self, lines: &mut Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        if self.out.is_none() {
            self.reopen();
        }
        let Some(out) = &mut self.out else { return };
        if std::mem::take(&mut self.torn) {
            lines.insert(0, b'\n');
        }
        let mut written = 0;
        let mut result = Ok(());
        while written < lines.len() && result.is_ok() {
            match out.write_some(&lines[written..]) {
                Ok(count) => written += count,
                Err(error) => result = Err(error),
            }
        }
        let whole = lines[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.torn = whole < written;
        lines.drain(..whole);
        match result {
            Ok(()) => {
                if std::mem::take(&mut self.told) {
                    tracing::info!(pid = std::process::id(), "the access log is written again");
                }
                self.blocked = false;
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Writes `lines` as far as a reader takes them within `patience`. For a process that has nothing else to do any more.
    pub(super) fn write_last(&mut self, lines: &mut Vec<u8>, patience: Duration) {
        let began = Instant::now();
        loop {
            self.write(lines);
            let left = patience.saturating_sub(began.elapsed());
            let Some(out) = self.out.as_ref().filter(|_| !lines.is_empty() && !left.is_zero()) else {
                return;
            };
            let millis = u16::try_from(left.as_millis()).unwrap_or(u16::MAX);
            // A full disk and a reader that is gone are nothing to wait for.
            if self.told || !out.is_writable(millis.into()).is_ok_and(|yes| yes) {
                return;
            }
        }
    }

    /// Takes note of a failure, and tells the first of a row. A pipe that is full is no news.
    fn fail(&mut self, error: &io::Error) {
        self.blocked = true;
        if error.kind() != io::ErrorKind::WouldBlock && !std::mem::replace(&mut self.told, true) {
            let pid = std::process::id();
            tracing::warn!(pid, %error, "cannot write the access log: lines wait, and are dropped in the end");
        }
    }
}

impl Out {
    fn open(target: &AccessLogTarget) -> io::Result<Option<Self>> {
        let file = match target {
            AccessLogTarget::Off => return Ok(None),
            AccessLogTarget::File(path) => append(path, true)?,
            AccessLogTarget::Stdout => {
                let shared = File::from(io::stdout().as_fd().try_clone_to_owned()?);
                // A pipe is opened anew, so that it can be one that does not wait; the old one is shared with whoever
                // started this. Not every pipe can be, nor a socket: see `write_some`.
                let own = shared.metadata()?.file_type().is_fifo().then(|| append(Path::new(STDOUT), false));
                own.and_then(Result::ok).unwrap_or(shared)
            }
        };
        let is_file = file.metadata()?.is_file();
        Ok(Some(Self { file, is_file }))
    }

    /// Whether something can be written now, or within `timeout`.
    fn is_writable(&self, timeout: PollTimeout) -> io::Result<bool> {
        Ok(poll(&mut [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)], timeout)? > 0)
    }

    /// Writes the beginning of `lines`: what goes out as a whole. Fails rather than to wait for a reader.
    fn write_some(&mut self, lines: &[u8]) -> io::Result<usize> {
        let batch = if self.is_file {
            lines
        } else if self.is_writable(PollTimeout::ZERO)? {
            &lines[..whole_lines(lines, PIPE_BYTES)]
        } else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        match self.file.write(batch) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            result => result,
        }
    }
}

/// Opens the end of a file. A pipe without a reader is an error, not a reason to wait.
fn append(path: &Path, create: bool) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().append(true).create(create).custom_flags(flags.bits()).open(path)
}

/// Length of the most whole lines at the beginning of `lines` that fit into `room` bytes; at least one line.
fn whole_lines(lines: &[u8], room: usize) -> usize {
    let fits = lines[..room.min(lines.len())].iter().rposition(|byte| *byte == b'\n');
    let first = || lines.iter().position(|byte| *byte == b'\n');
    fits.or_else(first).map_or(lines.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn lines_are_appended_and_go_to_the_new_file_after_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("log"), folder.path().join("log.1"));
        std::fs::write(&path, "before\n").unwrap();
        let mut sink = Sink::open(AccessLogTarget::File(path.clone()));
        let write = |sink: &mut Sink, text: &str| {
            let mut lines = text.as_bytes().to_vec();
            sink.write(&mut lines);
            lines
        };
        assert!(write(&mut sink, "one\ntwo\n").is_empty());
        std::fs::rename(&path, &rotated).unwrap();
        write(&mut sink, "three\n");
        sink.reopen();
        write(&mut sink, "four\n");
        assert_eq!(std::fs::read_to_string(&rotated).unwrap(), "before\none\ntwo\nthree\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "four\n");
        assert!(!sink.is_blocked());
    }

    #[test]
    fn what_cannot_be_written_stays_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not yet").join("log");
        let mut sink = Sink::open(AccessLogTarget::File(path.clone()));
        let mut lines = b"one\n".to_vec();
        sink.write(&mut lines);
        assert!(sink.is_blocked() && lines == b"one\n");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        sink.write(&mut lines);
        assert!(!sink.is_blocked() && lines.is_empty());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n");
        // The device that is always full.
        let mut sink = Sink::open(AccessLogTarget::File("/dev/full".into()));
        lines.extend_from_slice(b"two\n");
        sink.write(&mut lines);
        assert!(sink.is_blocked() && lines == b"two\n");
    }

    #[test]
    fn a_full_pipe_is_not_waited_for_and_gets_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let mut sink = Sink::open(AccessLogTarget::File(path.clone()));
        assert!(sink.is_blocked(), "nobody reads");
        let mut reader =
            OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).unwrap();
        let line = [&[b'x'; 99][..], b"\n"].concat();
        let mut lines = line.repeat(2_000);
        sink.write(&mut lines);
        assert!(sink.is_blocked() && !lines.is_empty() && lines.len().is_multiple_of(100));
        let mut read = vec![0; 300_000];
        let mut total = 0;
        while !lines.is_empty() {
            total += reader.read(&mut read).unwrap();
            sink.write(&mut lines);
        }
        while let Ok(count @ 1..) = reader.read(&mut read) {
            total += count;
        }
        assert_eq!(total, 200_000);
        assert!(!sink.is_blocked());
    }

    #[test]
    fn a_line_that_was_broken_off_is_written_again_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut sink = Sink::open(AccessLogTarget::File(path.clone()));
        sink.torn = true; // as after a write that the disk took half of
        let mut lines = b"one\n".to_vec();
        sink.write(&mut lines);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "\none\n");
    }

    #[test]
    fn batches_end_with_lines() {
        for (lines, room, expected) in
            [("ab\ncd\n", 6, 6), ("ab\ncd\n", 5, 3), ("ab\ncd\n", 3, 3), ("abcd\ne\n", 3, 5), ("abc", 2, 3)]
        {
            assert_eq!(whole_lines(lines.as_bytes(), room), expected, "{lines:?} {room}");
        }
    }
}
