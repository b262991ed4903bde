//! Logs as files. The log is standard error, led to its file, so that whatever a process says about its end is in it, too.

use std::fs::{Metadata, OpenOptions};
use std::io;
use std::path::Path;

use nix::unistd::dup2_stderr;

/// Makes a file to append to, unless there is a file that can be appended to, or a pipe or a device.
///
/// # Errors
/// If the file can be neither made nor opened.
pub fn make(path: &Path) -> io::Result<()> {
    let is_special = |found: &Metadata| !found.is_file() && !found.is_dir();
    if path.metadata().is_ok_and(|found| is_special(&found)) {
        return Ok(()); // opening a pipe would wait for its reader
    }
    OpenOptions::new().create(true).append(true).open(path)?;
    Ok(())
}

/// Leads standard error to the end of `path`, which is made if it is not there. Again after a rotation.
///
/// # Errors
/// If the file cannot be opened; standard error then stays where it was.
pub fn lead_stderr_to(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    dup2_stderr(&file)?;
    Ok(())
}
