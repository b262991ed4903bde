//! An artifact: what the files of a model directory say, read and checked whole. `artifacts/README.md` is the
//! specification.

mod file;
mod parts;
mod tensors;
mod weights;

use std::path::Path;

use self::file::{CheckedFile, read_bounded, read_listed};
use self::parts::Parts;
pub use self::weights::{DenseWeights, SparseWeights, Weights};
use super::analysis::Analysis;
use super::document::Document;
use super::error::{Defect, ModelError};
use super::manifest::{Cleaner as CleanerSettings, Manifest, NgramVectorizer};
use super::vectorizer::StripAccents;
use crate::text::accents::Accents;
use crate::text::characters::CharacterTables;
use crate::text::cleaner::Cleaner;
use crate::text::token_pattern::TokenPattern;

/// Largest manifest, `args.json` or `performance.json`.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;
/// Largest `model.safetensors`.
const TENSORS_BYTES_MAX: u64 = 64 << 30;

const MANIFEST: &str = "manifest.json";
const TENSORS: &str = "model.safetensors";
const ARGS: &str = "args.json";
const PERFORMANCE: &str = "performance.json";

/// A model directory, read and checked: what is in here fits together.
#[derive(Debug)]
pub struct Artifact {
    /// The manifest.
    pub manifest: Manifest,
    /// The manifest as it stands in the file.
    pub manifest_bytes: Vec<u8>,
    /// `args.json` as it stands in the file; `{}` without one.
    pub args: Vec<u8>,
    /// `performance.json` as it stands in the file; `{}` without one.
    pub performance: Vec<u8>,
    /// One vocabulary for each vectorizer of the manifest.
    pub vocabularies: Vec<Vocabulary>,
    /// The weights, over the columns of all vectorizers side by side.
    pub weights: Weights,
    /// One a row.
    pub intercepts: Vec<f64>,
    /// What stripping accents replaces: ASCII, then Unicode; `None` where no vectorizer strips so.
    pub accents: [Option<AccentTables>; 2],
    /// What a calibrated model has beside its weights.
    pub calibration: CalibrationTensors,
    /// What a character is to the Python that fitted the model.
    pub characters: CharacterTables,
}

/// What maps each row of a calibrated model to a probability; empty where its method needs none of it.
#[derive(Debug, Default)]
pub struct CalibrationTensors {
    /// Sigmoid: one a row.
    pub slopes: Vec<f64>,
    /// Sigmoid: one a row.
    pub intercepts: Vec<f64>,
    /// Isotonic: where each row's knots end.
    pub ends: Vec<u32>,
    /// Isotonic: the knots' decision values, ascending within a row.
    pub x: Vec<f64>,
    /// Isotonic: the knots' probabilities.
    pub y: Vec<f64>,
}

/// The tables of [`Accents`].
#[derive(Debug)]
pub struct AccentTables {
    /// The characters that are replaced, ascending.
    pub codes: Vec<u32>,
    /// Where each replacement ends in `text`.
    pub ends: Vec<u32>,
    /// All replacements.
    pub text: Vec<u8>,
}

/// The tables of [`TokenPattern`].
#[derive(Debug)]
pub struct PatternTables {
    /// The instructions.
    pub program: Vec<[u32; 3]>,
    /// The code points of all sets.
    pub ranges: Vec<[u32; 2]>,
    /// Where each set ends.
    pub set_ends: Vec<u32>,
}

/// The n-grams of one vectorizer, in column order, and what is known of each.
#[derive(Debug)]
pub struct Vocabulary {
    /// The vectorizer's parameters.
    pub settings: NgramVectorizer,
    /// All terms, one after the other; none for a hashing vectorizer.
    pub terms: Vec<u8>,
    /// Where each term ends in `terms`; strictly ascending.
    pub ends: Vec<u32>,
    /// Inverse document frequency of each term; `None` where the vectorizer uses none.
    pub idf: Option<Vec<f64>>,
    /// The factors of each further rescaling; none where it has none.
    pub scales: Vec<Vec<f64>>,
    /// The token pattern's program, where it needs one.
    pub pattern: Option<PatternTables>,
}

impl Artifact {
    /// Reads and checks the artifact in `directory`. The error names the file and its defect.
    pub fn open(directory: &Path) -> Result<Self, ModelError> {
        let manifest_path = directory.join(MANIFEST);
        let manifest_bytes =
            read_bounded(&manifest_path, DOCUMENT_BYTES_MAX).map_err(|defect| defect.of(&manifest_path))?;
        let manifest = Manifest::parse(&manifest_bytes).map_err(|defect| defect.of(&manifest_path))?;
        if !manifest.files.contains_key(TENSORS) {
            return Err(Defect::UnlistedFile(TENSORS).of(&manifest_path));
        }
        if let Some(name) =
            manifest.files.keys().find(|name| ![TENSORS, ARGS, PERFORMANCE].contains(&name.as_str()))
        {
            return Err(Defect::UnknownFile(name.clone()).of(&manifest_path));
        }
        let read = |name: &str| match manifest.files.get(name) {
            Some(entry) => {
                let path = directory.join(name);
                read_listed(&path, entry, DOCUMENT_BYTES_MAX).map_err(|defect| defect.of(&path))
            }
            None => Ok(b"{}".to_vec()),
        };
        let (args, performance) = (read(ARGS)?, read(PERFORMANCE)?);
        for (name, document) in [(ARGS, &args), (PERFORMANCE, &performance)] {
            Document::parse(document).map_err(|error| Defect::from(error).of(directory.join(name)))?;
        }
        let tensors_path = directory.join(TENSORS);
        let parts = CheckedFile::open(&tensors_path, &manifest.files[TENSORS], TENSORS_BYTES_MAX)
            .and_then(|file| Parts::read(&manifest, file))
            .map_err(|defect| defect.of(tensors_path))?;
        let artifact = Self {
            args,
            performance,
            vocabularies: parts.vocabularies,
            weights: parts.weights,
            intercepts: parts.intercepts,
            accents: parts.accents,
            calibration: parts.calibration,
            characters: parts.characters,
            manifest,
            manifest_bytes,
        };
        artifact.cleaner().map_err(|defect| defect.of(manifest_path))?;
        Ok(artifact)
    }

    /// The cleaner that the manifest describes.
    pub fn cleaner(&self) -> Result<Option<Cleaner>, Defect> {
        let Some(CleanerSettings::Lesson { lower, stop_words }) = &self.manifest.pipeline.cleaner else {
            return Ok(None);
        };
        Ok(Some(Cleaner::new(*lower, stop_words, self.characters.view())?))
    }

    /// Number of columns of all vectorizers together.
    pub fn columns(&self) -> usize {
        self.vocabularies.iter().map(|vocabulary| vocabulary.settings.features).sum()
    }

    /// What vectorizer number `at` does to a text before it counts.
    pub fn analysis(&self, at: usize) -> Result<Analysis<'_>, Defect> {
        let vocabulary = &self.vocabularies[at];
        let settings = &vocabulary.settings;
        let accents = settings
            .strip_accents
            .and_then(|kind| self.accents[kind as usize].as_ref().map(|tables| tables.view(kind)))
            .transpose()?;
        let program = vocabulary.pattern.as_ref().map(|tables| tables.view(at)).transpose()?;
        Ok(Analysis::new(settings, accents, program))
    }
}

impl AccentTables {
    fn view(&self, kind: StripAccents) -> Result<Accents<'_>, Defect> {
        Accents::from_parts(&self.codes, &self.ends, &self.text, kind == StripAccents::Ascii)
            .map_err(|defect| Defect::tensor_value(ACCENTS[kind as usize], defect))
    }
}

impl PatternTables {
    fn view(&self, at: usize) -> Result<TokenPattern<'_>, Defect> {
        TokenPattern::from_parts(&self.program, &self.ranges, &self.set_ends)
            .map_err(|defect| Defect::tensor_value(&format!("vectorizer.{at}.token_pattern"), defect))
    }
}

impl Vocabulary {
    /// The terms, in column order.
    pub fn terms(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.terms[start as usize..end as usize])
    }
}

/// Names of the tables of [`StripAccents`], in its order.
const ACCENTS: [&str; 2] = ["characters.accents_ascii", "characters.accents_unicode"];
