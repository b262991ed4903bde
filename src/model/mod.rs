//! The model, in three stages: artifact (what the files say, checked whole) → image (what runs: index and padded
//! weights, without pointers) → scores, with buffers that the caller keeps.

pub mod analysis;
pub mod artifact;
pub mod classifier;
pub mod coverage;
pub mod document;
pub mod error;
pub mod fast;
pub mod general;
pub mod image;
pub mod image_plan;
pub mod index;
pub mod manifest;
mod murmur;
pub mod plain;
pub mod probability;
mod probe;
pub mod rows;
pub mod score;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod vectorizer;
mod weighing;

use std::ops::DerefMut;
use std::path::Path;

use self::artifact::{Artifact, SparseWeights, Vocabulary};
pub use self::coverage::{Coverage, CoverageScratch};
pub use self::error::{Defect, ModelError};
use self::image::Section;
pub use self::image_plan::{ImageBuffer, ImagePlan};
pub use self::manifest::Label;
use self::rows::RowsRecipe;
pub use self::score::{Model, Scratch};
use crate::text::token_pattern::TokenPattern;

/// Reads and checks the artifact in `directory`, builds its image, and scores its probe texts with it.
///
/// The error is one line that names the file and its defect.
pub fn build_image(directory: &Path) -> Result<ImageBuffer, ModelError> {
    build_image_in(directory, |size| Ok(ImageBuffer::zeroed(size)))
}

/// [`build_image`] in memory that `make_place` gives: as many zeros as it is asked for, aligned to 8 bytes.
pub fn build_image_in<P: DerefMut<Target = [u8]>>(
    directory: &Path,
    make_place: impl FnOnce(usize) -> std::io::Result<P>,
) -> Result<P, ModelError> {
    let artifact = Artifact::open(directory)?;
    let in_tensors = |defect: Defect| defect.of(directory.join("model.safetensors"));
    let sparse = artifact.weights.sparse_form().map_err(in_tensors)?;
    let plan = plan_image(&artifact, sparse.as_deref()).map_err(in_tensors)?;
    let mut place = make_place(plan.size()).map_err(|error| Defect::NoRoom(error).of(directory))?;
    plan.write(&mut place).map_err(in_tensors)?;
    drop(sparse);
    drop(artifact);
    Model::from_image(&place)
        .and_then(|model| model.prove())
        .map_err(|defect| defect.of(directory.join("manifest.json")))?;
    Ok(place)
}

/// The image of an artifact that has been checked.
pub fn write_image(artifact: &Artifact) -> Result<ImageBuffer, Defect> {
    let sparse = artifact.weights.sparse_form()?;
    let plan = plan_image(artifact, sparse.as_deref())?;
    let mut image = ImageBuffer::zeroed(plan.size());
    plan.write(&mut image)?;
    Ok(image)
}

/// The sections of the image of an artifact; `sparse` are its weights without zeros, where there are few others.
fn plan_image<'a>(
    artifact: &'a Artifact,
    sparse: Option<&'a SparseWeights>,
) -> Result<ImagePlan<'a>, Defect> {
    let mut image = ImagePlan::default();
    image.push(Section::Manifest, 0, &artifact.manifest_bytes[..]);
    image.push(Section::Args, 0, &artifact.args[..]);
    image.push(Section::Performance, 0, &artifact.performance[..]);
    image.push(Section::CharacterStages, 0, &artifact.characters.stages[..]);
    image.push(Section::CharacterFlags, 0, &artifact.characters.flags[..]);
    image.push(Section::CharacterLower, 0, &artifact.characters.lower[..]);
    let mut first_column = 0;
    for (at, vocabulary) in artifact.vocabularies.iter().enumerate() {
        let weights = rows::Source {
            weights: &artifact.weights,
            sparse,
            first_column,
            lanes: score::lanes(artifact.intercepts.len()),
        };
        let mut program = None;
        if let Some(pattern) = &vocabulary.pattern {
            program = TokenPattern::from_parts(&pattern.program, &pattern.ranges, &pattern.set_ends).ok();
            image.push(Section::PatternProgram, at, &pattern.program[..]);
            image.push(Section::PatternRanges, at, &pattern.ranges[..]);
            image.push(Section::PatternSetEnds, at, &pattern.set_ends[..]);
        }
        let planned = if fast::supports(&vocabulary.settings, program) {
            fast::plan(&mut image, at, vocabulary, weights)
        } else {
            plan_general(&mut image, at, vocabulary, weights)
        };
        planned.map_err(|column| {
            let name = format!("vectorizer.{at}.terms");
            Defect::tensor_value(&name, format!("term {column} stands there twice"))
        })?;
        first_column += vocabulary.settings.features;
    }
    for (at, tables) in artifact.accents.iter().enumerate() {
        if let Some(tables) = tables {
            image.push(Section::AccentCodes, at, &tables.codes[..]);
            image.push(Section::AccentEnds, at, &tables.ends[..]);
            image.push(Section::AccentText, at, &tables.text[..]);
        }
    }
    image.push(Section::Intercepts, 0, &artifact.intercepts[..]);
    image.push(Section::CalibrationSlopes, 0, &artifact.calibration.slopes[..]);
    image.push(Section::CalibrationIntercepts, 0, &artifact.calibration.intercepts[..]);
    image.push(Section::CalibrationEnds, 0, &artifact.calibration.ends[..]);
    image.push(Section::CalibrationX, 0, &artifact.calibration.x[..]);
    image.push(Section::CalibrationY, 0, &artifact.calibration.y[..]);
    Ok(image)
}

/// The sections of a vectorizer of the general engine. The error is the column of a term that an earlier one equals.
fn plan_general<'a>(
    image: &mut ImagePlan<'a>,
    at: usize,
    vocabulary: &'a Vocabulary,
    weights: rows::Source<'a>,
) -> Result<(), usize> {
    let table = index::build_table(vocabulary.terms())?;
    image.push(Section::Terms, at, &vocabulary.terms[..]);
    image.push(Section::TermEnds, at, &vocabulary.ends[..]);
    image.push(Section::TermTable, at, table);
    image.push(Section::Idf, at, vocabulary.idf.as_deref().unwrap_or_default());
    image.push(Section::Scales, at, vocabulary.scales.concat());
    let features = vocabulary.settings.features;
    // The inverse document frequency is folded in, unless further rescalings come between.
    let idf = vocabulary.idf.as_ref().filter(|_| vocabulary.settings.then.is_empty());
    let columns: Vec<u32> = (0..features as u32).collect(); // the manifest bounds it by 2³¹ − 1
    let recipe = RowsRecipe {
        weights,
        numbers: columns.clone(),
        columns,
        factors: idf.cloned().unwrap_or_else(|| vec![1.0; features]),
        parents: Vec::new(),
    };
    recipe.plan(image, at);
    Ok(())
}
