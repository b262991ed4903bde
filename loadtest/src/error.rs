//! What can go wrong, in words that help.

use std::io;
use std::path::PathBuf;

/// A failure of the load test itself; what servers do wrong is counted instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The operating system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The same, with the file's name.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        source: io::Error,
    },
    /// A report that is not one.
    #[error("{path}: {source}")]
    Report {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        source: serde_json::Error,
    },
    /// wrk or oha failed.
    #[error("{program} failed: {problem}")]
    Driver {
        /// Which one.
        program: &'static str,
        /// What it said.
        problem: String,
    },
    /// A target cannot be measured; it is reported as absent with this reason.
    #[error("{0}")]
    Absent(String),
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] linnet::model::ModelError),
    /// A chart could not be drawn.
    #[error("cannot draw a chart: {0}")]
    Chart(String),
    /// The command line asks for something that is not there.
    #[error("{0}")]
    Usage(String),
}

/// `Result` with this crate's error.
pub(crate) type Result<T> = std::result::Result<T, Error>;
