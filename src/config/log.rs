//! What is logged, how, and where to.

use std::path::PathBuf;

/// How much is logged: gunicorn's five levels, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Each event in the life of the fleet.
    Info,
    /// What an operator should look at.
    Warning,
    /// What went wrong.
    Error,
    /// What ends the service. `tracing` knows no such level: the same as [`LogLevel::Error`].
    Critical,
}

impl LogLevel {
    /// All levels under the names that gunicorn gives them.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warning", Self::Warning),
        ("error", Self::Error),
        ("critical", Self::Critical),
    ];

    /// gunicorn's name of this level.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].0
    }

    /// The least important `tracing` level that is still logged.
    pub fn tracing(self) -> tracing::Level {
        match self {
            Self::Debug => tracing::Level::DEBUG,
            Self::Info => tracing::Level::INFO,
            Self::Warning => tracing::Level::WARN,
            Self::Error | Self::Critical => tracing::Level::ERROR,
        }
    }
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// All formats under their names.
    pub const NAMES: [(&'static str, Self); 2] = [("text", Self::Text), ("json", Self::Json)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Nowhere: there is none.
    Off,
    /// To standard output.
    Stdout,
    /// To the end of this file.
    File(PathBuf),
}
