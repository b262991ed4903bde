//! What drives a server: our own generator, wrk and oha.

mod client;
pub(crate) mod oha;
pub(crate) mod open_loop;
pub(crate) mod outcome;
mod response;
pub(crate) mod slow;
pub(crate) mod wrk;

use std::path::PathBuf;

/// Where a program is that PATH leads to.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}
