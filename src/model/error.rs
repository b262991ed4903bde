//! Why a model cannot be served: which file, and which defect in it.

use std::path::{Path, PathBuf};

use crate::json::DocumentError;
use crate::text::cleaner::StopWordError;

/// A defect of one file of an artifact. Prints as one line: the file, then what is wrong and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{}: {defect}", file.display())]
pub struct ModelError {
    /// The file in which the defect is.
    pub file: PathBuf,
    /// What is wrong with it.
    pub defect: Defect,
}

/// One way for an artifact to be wrong.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// The file cannot be read, or is not there.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// The file is larger than anything this server would load.
    #[error("has {found} bytes; at most {allowed} are allowed")]
    TooLarge {
        /// Its size in bytes.
        found: u64,
        /// The bound, in bytes.
        allowed: u64,
    },
    /// The manifest does not list the file, or lists one that this format does not have.
    #[error("lists file {0:?}, which this format does not have")]
    UnknownFile(String),
    /// The manifest lacks the entry of a file that must be there.
    #[error("does not list {0:?}")]
    UnlistedFile(&'static str),
    /// The file's length is not what the manifest says.
    #[error("has {found} bytes; the manifest says {expected} (truncated or replaced?)")]
    Length {
        /// Its size in bytes.
        found: u64,
        /// The size in the manifest.
        expected: u64,
    },
    /// The file's content is not what the manifest says.
    #[error("does not match the SHA-256 in the manifest (damaged or replaced?)")]
    Checksum,
    /// The file was written to after it had been checked.
    #[error("changed while it was read; a model directory must not be changed in place")]
    Changed,
    /// Not JSON, or JSON of another shape.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A document that the API could not pass through.
    #[error("{0}")]
    Document(#[from] DocumentError),
    /// Another program's file.
    #[error("has format {0:?}; expected \"linnet\"")]
    Format(String),
    /// A format that this server does not know.
    #[error("has format_version {found}; this server reads version {supported}")]
    FormatVersion {
        /// The version in the manifest.
        found: u64,
        /// The one version that this server reads.
        supported: u64,
    },
    /// A value of the manifest that is out of its range, or contradicts another.
    #[error("{what}: {found}; expected {expected}")]
    Value {
        /// Which value.
        what: String,
        /// What it is.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// A stop word that the cleaner cannot remove exactly.
    #[error("pipeline.cleaner: {0}")]
    StopWord(#[from] StopWordError),
    /// Not a safetensors file, or a damaged one.
    #[error("is not a valid safetensors file: {0}")]
    SafeTensors(#[from] safetensors::SafeTensorError),
    /// A tensor that must be there is not.
    #[error("has no tensor {0:?}")]
    NoTensor(String),
    /// A tensor has another type or shape than the manifest asks for.
    #[error("tensor {name:?} is {found}; expected {expected}")]
    TensorShape {
        /// The tensor's name.
        name: String,
        /// Its type and shape.
        found: String,
        /// The type and shape that fit the manifest.
        expected: String,
    },
    /// A tensor holds a value that it must not hold.
    #[error("tensor {name:?}: {defect}")]
    TensorValue {
        /// The tensor's name.
        name: String,
        /// What is wrong, and where.
        defect: String,
    },
    /// The file holds a tensor that the manifest does not account for.
    #[error("has an unknown tensor {0:?}")]
    UnknownTensor(String),
    /// The model answers a probe text otherwise than scikit-learn did.
    #[error("probe text {probe}: {what} is {found}, scikit-learn said {expected}")]
    Probe {
        /// The number of the probe, from 0.
        probe: usize,
        /// Which value differs.
        what: String,
        /// This server's value.
        found: String,
        /// scikit-learn's value.
        expected: String,
    },
    /// The model does not fit the image's offsets, which have 32 bits where they are many.
    #[error("is too large for one image: {0}")]
    ImageTooLarge(String),
    /// There is no memory for the image.
    #[error("no memory for its image: {0}")]
    NoRoom(std::io::Error),
    /// An image that this version did not write, or a damaged one.
    #[error("is not a model image of this version: {0}")]
    Image(&'static str),
}

#[expect(clippy::needless_pass_by_value, reason = "callers pass values that they have just made")]
impl Defect {
    /// The defect, in `file`.
    pub fn of(self, file: impl AsRef<Path>) -> ModelError {
        ModelError { file: file.as_ref().to_owned(), defect: self }
    }

    pub(super) fn value(what: impl Into<String>, found: impl ToString, expected: impl ToString) -> Self {
        Self::Value { what: what.into(), found: found.to_string(), expected: expected.to_string() }
    }

    pub(super) fn tensor_value(name: &str, defect: impl ToString) -> Self {
        Self::TensorValue { name: name.to_owned(), defect: defect.to_string() }
    }
}
