//! How far the work is, for a person who waits at a terminal.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nix::sys::stat::{SFlag, fstat};

/// With a known size: how much of it is done, how fast, and when it ends.
const SIZED: &str = "{wide_bar} {bytes} of {total_bytes}, {msg} lines, {binary_bytes_per_sec}, {eta} left";
/// Without: how much is done, and how fast.
const OPEN: &str = "{spinner} {bytes}, {msg} lines, {binary_bytes_per_sec}";

/// A line on standard error that tells how far the work is; or nothing, where nobody would see it or it would be in the
/// way.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Progress where standard error is a terminal and answers and texts are not typed or read there: input is a file
    /// (then its size is known) or a pipe, and output is no terminal.
    pub(super) fn of_standard_streams() -> Self {
        let shown = io::stderr().is_terminal() && !io::stdout().is_terminal();
        let Some(total) = input_size().filter(|_| shown) else { return Self::none() };
        let (bar, template) = match total {
            Size::Known(bytes) => (ProgressBar::new(bytes), SIZED),
            Size::Open => (ProgressBar::no_length(), OPEN),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        // A template that cannot be read would be no reason to stop; a test reads both.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message("0");
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// No progress.
    pub(super) fn none() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So many more bytes of input have been answered; that makes so many lines in all.
    pub(super) fn advance(&self, bytes: usize, lines: u64) {
        if !self.0.is_hidden() {
            self.0.set_message(lines.to_string());
            self.0.inc(bytes as u64);
        }
    }

    /// Writes something else to standard error, with the progress out of the way.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }

    /// Takes the progress off the screen.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

enum Size {
    Known(u64),
    Open,
}

/// How much standard input has: `None` where someone may be typing, or where it is neither file nor pipe.
fn input_size() -> Option<Size> {
    let status = fstat(io::stdin().as_fd()).ok()?;
    match SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG => Some(Size::Known(u64::try_from(status.st_size).unwrap_or(0))),
        SFlag::S_IFIFO => Some(Size::Open),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_can_be_read() {
        for template in [SIZED, OPEN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
