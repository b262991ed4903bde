//! The systems that are compared: how each is started, and how it is checked.

pub(crate) mod check;
pub(crate) mod native;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod workshop;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::requests::Dialect;
use workshop::Workshop;

/// A system under test.
#[derive(Clone, Copy, Debug, Deserialize, Hash, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TargetName {
    /// The product.
    Linnet,
    /// Bare hyper.
    Ceiling,
    /// axum, `serde_json` and a hash map.
    Afternoon,
    /// The lesson's app under gunicorn with uvicorn workers.
    Lesson,
    /// The lesson's app under Granian.
    Granian,
    /// `MLServer` with its scikit-learn runtime.
    Mlserver,
    /// A `BentoML` service.
    Bentoml,
}

/// How to start a target at an address.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Variables beside the inherited ones.
    pub(crate) env: Vec<(String, String)>,
    /// Where it runs.
    pub(crate) directory: PathBuf,
    /// What is running, for the report.
    pub(crate) version: String,
}

impl TargetName {
    /// All targets, in the order of the report.
    pub(crate) const ALL: [Self; 7] = [
        Self::Linnet,
        Self::Ceiling,
        Self::Afternoon,
        Self::Lesson,
        Self::Granian,
        Self::Mlserver,
        Self::Bentoml,
    ];

    /// The name on the command line and in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linnet => "linnet",
            Self::Ceiling => "ceiling",
            Self::Afternoon => "afternoon",
            Self::Lesson => "lesson",
            Self::Granian => "granian",
            Self::Mlserver => "mlserver",
            Self::Bentoml => "bentoml",
        }
    }

    /// One line for the report.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Linnet => "Linnet",
            Self::Ceiling => "bare hyper, the same body read, a fixed answer of the same size",
            Self::Afternoon => "axum, serde_json, one fast-hash look-up for each n-gram",
            Self::Lesson => "the lesson's FastAPI app, gunicorn with uvicorn workers",
            Self::Granian => "the lesson's FastAPI app under Granian",
            Self::Mlserver => "MLServer with its scikit-learn runtime, Open Inference Protocol",
            Self::Bentoml => "a BentoML service of the same scikit-learn pipeline",
        }
    }

    /// How it wants to be asked.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Linnet | Self::Afternoon | Self::Lesson | Self::Granian => Dialect::Lesson,
            Self::Ceiling => Dialect::Fixed,
            Self::Mlserver => Dialect::OpenInference,
            Self::Bentoml => Dialect::Bento,
        }
    }

    /// How to start it with so many workers at an address. Makes what it needs first (virtual environment, model).
    ///
    /// # Errors
    /// `Error::Absent` with the reason, if it cannot be had here.
    pub(crate) fn recipe(self, workshop: &Workshop, workers: usize, address: SocketAddr) -> Result<Recipe> {
        match self {
            Self::Linnet => native::linnet(workshop, workers, address),
            Self::Ceiling => Ok(native::ceiling(workshop, workers, address)),
            Self::Afternoon => Ok(native::afternoon(workshop, workers, address)),
            Self::Lesson => python::lesson(workshop, workers, address),
            Self::Granian => python::granian(workshop, workers, address),
            Self::Mlserver => python::mlserver(workshop, workers, address),
            Self::Bentoml => python::bentoml(workshop, workers, address),
        }
    }
}
