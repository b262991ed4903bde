//! What `model.safetensors` holds: every tensor that the manifest asks for, checked.

use super::super::classifier::{CalibrationMethod, LinearClassifier, WeightStorage};
use super::super::error::Defect;
use super::super::manifest::{Manifest, Vectorizer};
use super::super::vectorizer::StripAccents;
use super::file::CheckedFile;
use super::tensors::Tensors;
use super::{ACCENTS, AccentTables, CalibrationTensors, PatternTables, SparseWeights, Vocabulary, Weights};
use crate::text::characters::CharacterTables;

/// What `model.safetensors` holds.
pub(super) struct Parts {
    pub(super) vocabularies: Vec<Vocabulary>,
    pub(super) weights: Weights,
    pub(super) intercepts: Vec<f64>,
    pub(super) accents: [Option<AccentTables>; 2],
    pub(super) calibration: CalibrationTensors,
    pub(super) characters: CharacterTables,
}

impl Parts {
    /// Reads and checks all tensors; dense weights stay in the file, and are checked when they are read.
    pub(super) fn read(manifest: &Manifest, file: CheckedFile) -> Result<Self, Defect> {
        let mut tensors = Tensors::open(file)?;
        let vocabularies = manifest
            .pipeline
            .vectorizers
            .iter()
            .enumerate()
            .map(|(at, vectorizer)| read_vocabulary(&mut tensors, at, vectorizer))
            .collect::<Result<Vec<_>, _>>()?;
        let columns = vocabularies.iter().map(|vocabulary| vocabulary.settings.features).sum();
        let classifier = manifest.pipeline.classifier.linear();
        let rows = classifier.rows;
        let parts = Self {
            vocabularies,
            weights: match classifier.weights {
                WeightStorage::Dense => Weights::Dense(tensors.weights("classifier.coef", rows, columns)?),
                WeightStorage::Sparse => Weights::Sparse(read_sparse_weights(&mut tensors, rows, columns)?),
            },
            intercepts: tensors.finite("classifier.intercept", &[rows])?,
            accents: read_accents(&mut tensors, &manifest.pipeline.vectorizers)?,
            calibration: read_calibration(&mut tensors, classifier)?,
            characters: tensors.characters()?,
        };
        tensors.finish()?;
        Ok(parts)
    }
}

fn read_sparse_weights(tensors: &mut Tensors, rows: usize, columns: usize) -> Result<SparseWeights, Defect> {
    let name = "classifier.coef.ends";
    let ends = tensors.u32(name, &[columns])?;
    if !ends.is_sorted() {
        return Err(Defect::tensor_value(name, "a column's end is below the one before"));
    }
    let used = ends.last().map_or(0, |&end| end as usize);
    let name = "classifier.coef.rows";
    let weights = SparseWeights {
        ends,
        rows: tensors.u32(name, &[used])?,
        values: tensors.finite("classifier.coef.values", &[used])?,
    };
    let wrong = (0..columns).find(|&column| {
        let of_column = weights.column(column).0;
        !of_column.is_sorted_by(|a, b| a < b) || of_column.last().is_some_and(|&row| row as usize >= rows)
    });
    match wrong {
        None => Ok(weights),
        Some(column) => {
            let defect = format!("those of column {column} do not ascend, or are not below {rows}");
            Err(Defect::tensor_value(name, defect))
        }
    }
}

fn read_calibration(
    tensors: &mut Tensors,
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
    tensors: &mut Tensors,
    vectorizers: &[Vectorizer],
) -> Result<[Option<AccentTables>; 2], Defect> {
    let mut read = [None, None];
    for kind in [StripAccents::Ascii, StripAccents::Unicode] {
        if vectorizers.iter().any(|vectorizer| vectorizer.settings().strip_accents == Some(kind)) {
            let name = |part: &str| format!("{}.{part}", ACCENTS[kind as usize]);
            let tables = AccentTables {
                codes: tensors.numbers(&name("codes"))?,
                ends: tensors.numbers(&name("ends"))?,
                text: tensors.bytes(&name("text"))?,
            };
            tables.view(kind)?;
            read[kind as usize] = Some(tables);
        }
    }
    Ok(read)
}

fn read_vocabulary(tensors: &mut Tensors, at: usize, vectorizer: &Vectorizer) -> Result<Vocabulary, Defect> {
    let name = |tensor: &str| format!("vectorizer.{at}.{tensor}");
    let settings = vectorizer.settings();
    let features = settings.features;
    let idf = settings.idf.then(|| tensors.finite(&name("idf"), &[features])).transpose()?;
    let (terms, ends) = match vectorizer {
        Vectorizer::Hashing(_) => (Vec::new(), Vec::new()),
        Vectorizer::Vocabulary(_) => {
            let ends = tensors.u32(&name("term_ends"), &[features])?;
            (tensors.bytes(&name("terms"))?, ends)
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
