//! An artifact: what the files of a model directory say, read and checked whole. `artifacts/README.md` is the
//! specification.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::analysis::Analysis;
use super::classifier::{CalibrationMethod, LinearClassifier};
use super::document::Document;
use super::error::{Defect, ModelError};
use super::manifest::{Cleaner as CleanerSettings, FileEntry, Manifest, NgramVectorizer, Vectorizer};
use super::tensors::Tensors;
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
    /// Weights, row by row: `rows × columns`, where the columns are those of all vectorizers side by side.
    pub coefficients: Vec<f64>,
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
        for (name, required) in [(TENSORS, true), (ARGS, false), (PERFORMANCE, false)] {
            if required && !manifest.files.contains_key(name) {
                return Err(Defect::UnlistedFile(name).of(&manifest_path));
            }
        }
        if let Some(name) =
            manifest.files.keys().find(|name| ![TENSORS, ARGS, PERFORMANCE].contains(&name.as_str()))
        {
            return Err(Defect::UnknownFile(name.clone()).of(&manifest_path));
        }
        let read = |name: &str, most: u64| match manifest.files.get(name) {
            Some(entry) => {
                let path = directory.join(name);
                read_listed(&path, entry, most).map_err(|defect| defect.of(&path))
            }
            None => Ok(b"{}".to_vec()),
        };
        let (args, performance) = (read(ARGS, DOCUMENT_BYTES_MAX)?, read(PERFORMANCE, DOCUMENT_BYTES_MAX)?);
        for (name, document) in [(ARGS, &args), (PERFORMANCE, &performance)] {
            Document::parse(document).map_err(|error| Defect::from(error).of(directory.join(name)))?;
        }
        let tensors = read(TENSORS, TENSORS_BYTES_MAX)?;
        let parts = Parts::read(&manifest, &tensors).map_err(|defect| defect.of(directory.join(TENSORS)))?;
        let artifact = Self {
            args,
            performance,
            vocabularies: parts.vocabularies,
            coefficients: parts.coefficients,
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

/// What `model.safetensors` holds.
struct Parts {
    vocabularies: Vec<Vocabulary>,
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    accents: [Option<AccentTables>; 2],
    calibration: CalibrationTensors,
    characters: CharacterTables,
}

impl Parts {
    fn read(manifest: &Manifest, bytes: &[u8]) -> Result<Self, Defect> {
        let mut tensors = Tensors::parse(bytes)?;
        let vocabularies = manifest
            .pipeline
            .vectorizers
            .iter()
            .enumerate()
            .map(|(at, vectorizer)| read_vocabulary(&mut tensors, at, vectorizer))
            .collect::<Result<Vec<_>, _>>()?;
        let columns = vocabularies.iter().map(|vocabulary| vocabulary.settings.features).sum();
        let rows = manifest.pipeline.classifier.rows();
        let parts = Self {
            vocabularies,
            coefficients: tensors.finite("classifier.coef", &[rows, columns])?,
            intercepts: tensors.finite("classifier.intercept", &[rows])?,
            accents: read_accents(&mut tensors, &manifest.pipeline.vectorizers)?,
            calibration: read_calibration(&mut tensors, manifest.pipeline.classifier.linear())?,
            characters: tensors.characters()?,
        };
        tensors.finish()?;
        Ok(parts)
    }
}

fn read_calibration(
    tensors: &mut Tensors<'_>,
    classifier: &LinearClassifier,
) -> Result<CalibrationTensors, Defect> {
    let rows = classifier.rows;
    let mut read = CalibrationTensors::default();
    match classifier.calibration.map(|calibration| calibration.method) {
        None => {}
        Some(CalibrationMethod::Sigmoid) => {
            read.slopes = tensors.finite("classifier.calibration.slope", &[rows])?;
            read.intercepts = tensors.finite("classifier.calibration.intercept", &[rows])?;
        }
        Some(CalibrationMethod::Isotonic) => {
            let name = "classifier.calibration.ends";
            read.ends = tensors.u32(name, &[rows])?;
            let knots = read.ends.last().map_or(0, |&end| end as usize);
            if read.ends.first() == Some(&0) || !read.ends.is_sorted_by(|a, b| a < b) {
                return Err(Defect::tensor_value(
                    name,
                    "a row has no knots, or its end is not above the one before",
                ));
            }
            let name = "classifier.calibration.x";
            read.x = tensors.finite(name, &[knots])?;
            let mut start = 0;
            for &end in &read.ends {
                if !read.x[start..end as usize].is_sorted_by(|a, b| a < b) {
                    return Err(Defect::tensor_value(
                        name,
                        format!("the knots from {start} on do not ascend"),
                    ));
                }
                start = end as usize;
            }
            read.y = tensors.finite("classifier.calibration.y", &[knots])?;
        }
    }
    Ok(read)
}

fn read_accents(
    tensors: &mut Tensors<'_>,
    vectorizers: &[Vectorizer],
) -> Result<[Option<AccentTables>; 2], Defect> {
    let mut read = [None, None];
    for kind in [StripAccents::Ascii, StripAccents::Unicode] {
        if vectorizers.iter().any(|vectorizer| vectorizer.settings().strip_accents == Some(kind)) {
            let name = |part: &str| format!("{}.{part}", ACCENTS[kind as usize]);
            let tables = AccentTables {
                codes: tensors.numbers(&name("codes"))?,
                ends: tensors.numbers(&name("ends"))?,
                text: tensors.bytes(&name("text"))?.to_vec(),
            };
            tables.view(kind)?;
            read[kind as usize] = Some(tables);
        }
    }
    Ok(read)
}

fn read_vocabulary(
    tensors: &mut Tensors<'_>,
    at: usize,
    vectorizer: &Vectorizer,
) -> Result<Vocabulary, Defect> {
    let name = |tensor: &str| format!("vectorizer.{at}.{tensor}");
    let settings = vectorizer.settings();
    let features = settings.features;
    let idf = settings.idf.then(|| tensors.finite(&name("idf"), &[features])).transpose()?;
    let (terms, ends) = match vectorizer {
        Vectorizer::Hashing(_) => (Vec::new(), Vec::new()),
        Vectorizer::Vocabulary(_) => {
            let ends = tensors.u32(&name("term_ends"), &[features])?;
            (tensors.bytes(&name("terms"))?.to_vec(), ends)
        }
    };
    let mut scales = Vec::new();
    for (number, next) in settings.then.iter().enumerate() {
        let name = name(&format!("then.{number}.scale"));
        scales.push(if next.scale { tensors.finite(&name, &[features])? } else { Vec::new() });
    }
    let pattern = if settings.has_program() {
        let tables = PatternTables {
            program: tensors.rows(&name("token_pattern.program"))?,
            ranges: tensors.rows(&name("token_pattern.sets"))?,
            set_ends: tensors.numbers(&name("token_pattern.set_ends"))?,
        };
        tables.view(at)?;
        Some(tables)
    } else {
        None
    };
    let vocabulary = Vocabulary { settings: settings.clone(), terms, ends, idf, scales, pattern };
    check_terms(&vocabulary).map_err(|defect| Defect::tensor_value(&name("term_ends"), defect))?;
    Ok(vocabulary)
}

/// Terms must be cut out of `terms` without gap or overlap, be UTF-8, and differ.
fn check_terms(vocabulary: &Vocabulary) -> Result<(), String> {
    let mut start = 0;
    for (at, &end) in vocabulary.ends.iter().enumerate() {
        if end <= start || end as usize > vocabulary.terms.len() {
            return Err(format!("end {end} of term {at} is not above {start} and within the terms"));
        }
        if std::str::from_utf8(&vocabulary.terms[start as usize..end as usize]).is_err() {
            return Err(format!("term {at} is not UTF-8"));
        }
        start = end;
    }
    if start as usize != vocabulary.terms.len() {
        return Err(format!("the last term ends at {start}, the terms at {}", vocabulary.terms.len()));
    }
    Ok(())
}

/// Reads a file of at most `most` bytes.
fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, Defect> {
    let file = File::open(path)?;
    let found = file.metadata()?.len();
    if found > most {
        return Err(Defect::TooLarge { found, allowed: most });
    }
    let mut bytes = Vec::with_capacity(found as usize + 1);
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file and holds it to its entry in the manifest.
fn read_listed(path: &Path, entry: &FileEntry, most: u64) -> Result<Vec<u8>, Defect> {
    let bytes = read_bounded(path, most)?;
    if bytes.len() as u64 != entry.bytes {
        return Err(Defect::Length { found: bytes.len() as u64, expected: entry.bytes });
    }
    if is_hex_of(&Sha256::digest(&bytes), &entry.sha256) { Ok(bytes) } else { Err(Defect::Checksum) }
}

/// Whether `hex` is `digest` in lower-case hexadecimal digits.
fn is_hex_of(digest: &[u8], hex: &str) -> bool {
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    hex.bytes().eq(nibbles.map(|nibble| b"0123456789abcdef"[usize::from(nibble)]))
}
