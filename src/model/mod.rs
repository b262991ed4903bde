//! The model, in three stages: artifact (what the files say, checked whole) → image (what runs: index and padded
//! weights, without pointers) → scores, with buffers that the caller keeps.

pub mod analysis;
pub mod artifact;
pub mod classifier;
pub mod document;
pub mod error;
pub mod fast;
pub mod general;
pub mod image;
pub mod index;
pub mod manifest;
mod murmur;
pub mod plain;
pub mod probability;
mod probe;
pub mod score;
mod tensors;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod vectorizer;
mod weighing;

use std::path::Path;

use self::artifact::{Artifact, Vocabulary};
pub use self::error::{Defect, ModelError};
pub use self::image::ImageBuffer;
use self::image::{ImageWriter, Section};
pub use self::manifest::Label;
pub use self::score::{Model, Scratch};
use crate::text::token_pattern::TokenPattern;

/// Reads and checks the artifact in `directory`, builds its image, and scores its probe texts with it.
///
/// The error is one line that names the file and its defect.
pub fn build_image(directory: &Path) -> Result<ImageBuffer, ModelError> {
    let artifact = Artifact::open(directory)?;
    let image = write_image(&artifact).map_err(|defect| defect.of(directory.join("model.safetensors")))?;
    Model::from_image(image.as_bytes())
        .and_then(|model| model.prove())
        .map_err(|defect| defect.of(directory.join("manifest.json")))?;
    Ok(image)
}

/// The image of an artifact that has been checked.
pub fn write_image(artifact: &Artifact) -> Result<ImageBuffer, Defect> {
    let mut image = ImageWriter::default();
    image.push(Section::Manifest, 0, &artifact.manifest_bytes);
    image.push(Section::Args, 0, &artifact.args);
    image.push(Section::Performance, 0, &artifact.performance);
    image.push(Section::CharacterStages, 0, &artifact.characters.stages);
    image.push(Section::CharacterFlags, 0, &artifact.characters.flags);
    image.push(Section::CharacterLower, 0, &artifact.characters.lower);
    let mut first_column = 0;
    for (at, vocabulary) in artifact.vocabularies.iter().enumerate() {
        let twice = |column| {
            let name = format!("vectorizer.{at}.terms");
            Defect::tensor_value(&name, format!("term {column} stands there twice"))
        };
        let mut program = None;
        if let Some(pattern) = &vocabulary.pattern {
            program = TokenPattern::from_parts(&pattern.program, &pattern.ranges, &pattern.set_ends).ok();
            image.push(Section::PatternProgram, at, &pattern.program);
            image.push(Section::PatternRanges, at, &pattern.ranges);
            image.push(Section::PatternSetEnds, at, &pattern.set_ends);
        }
        if fast::supports(&vocabulary.settings, program) {
            let coefficients = fast::Coefficients {
                values: &artifact.coefficients,
                columns: artifact.columns(),
                first_column,
            };
            let lanes = score::lanes(artifact.intercepts.len());
            fast::write(&mut image, at, vocabulary, coefficients, lanes).map_err(twice)?;
            first_column += vocabulary.ends.len();
            continue;
        }
        let table = index::build_table(vocabulary.terms()).map_err(twice)?;
        image.push(Section::Terms, at, &vocabulary.terms);
        image.push(Section::TermEnds, at, &vocabulary.ends);
        image.push(Section::TermTable, at, &table);
        image.push(Section::Idf, at, vocabulary.idf.as_deref().unwrap_or_default());
        image.push(Section::Weights, at, &weights(artifact, vocabulary, first_column));
        image.push(Section::Scales, at, &vocabulary.scales.concat());
        first_column += vocabulary.settings.features;
    }
    for (at, tables) in artifact.accents.iter().enumerate() {
        if let Some(tables) = tables {
            image.push(Section::AccentCodes, at, &tables.codes);
            image.push(Section::AccentEnds, at, &tables.ends);
            image.push(Section::AccentText, at, &tables.text);
        }
    }
    image.push(Section::Intercepts, 0, &artifact.intercepts);
    image.push(Section::CalibrationSlopes, 0, &artifact.calibration.slopes);
    image.push(Section::CalibrationIntercepts, 0, &artifact.calibration.intercepts);
    image.push(Section::CalibrationEnds, 0, &artifact.calibration.ends);
    image.push(Section::CalibrationX, 0, &artifact.calibration.x);
    image.push(Section::CalibrationY, 0, &artifact.calibration.y);
    Ok(image.finish())
}

/// One row of weights a column, padded with zeros to [`score::lanes`]; the inverse document frequency is folded in,
/// unless further rescalings come between.
fn weights(artifact: &Artifact, vocabulary: &Vocabulary, first_column: usize) -> Vec<f64> {
    let (columns, rows) = (artifact.columns(), artifact.intercepts.len());
    let lanes = score::lanes(rows);
    let mut weights = vec![0.0; vocabulary.settings.features * lanes];
    let idf = vocabulary.idf.as_ref().filter(|_| vocabulary.settings.then.is_empty());
    for (term, padded) in weights.chunks_exact_mut(lanes).enumerate() {
        let idf = idf.map_or(1.0, |idf| idf[term]);
        for (row, weight) in padded[..rows].iter_mut().enumerate() {
            *weight = idf * artifact.coefficients[row * columns + first_column + term];
        }
    }
    weights
}
