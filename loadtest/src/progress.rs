//! What is going on, on standard error, while figures are taken.

use std::io::Write as _;
use std::time::Instant;

/// Lines with the time since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress(Instant);

impl Progress {
    /// Begins now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Says one line. A closed standard error does not stop the run.
    pub(crate) fn say(&self, line: &str) {
        let seconds = self.0.elapsed().as_secs();
        let _ = writeln!(std::io::stderr(), "[{:3}:{:02}] {line}", seconds / 60, seconds % 60);
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
