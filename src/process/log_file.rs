//! The log as a file: standard error, led there, so that whatever a process says about its end is in it, too.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use nix::unistd::dup2_stderr;

/// Leads standard error to the end of `path`, which is made if it is not there. Again after a rotation.
///
/// # Errors
/// If the file cannot be opened; standard error then stays where it was.
pub fn lead_stderr_to(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    dup2_stderr(&file)?;
    Ok(())
}
