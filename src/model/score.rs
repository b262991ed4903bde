//! Text → decision values, over an image, with buffers that the caller keeps.

use super::analysis::{self, Analysis, AnalysisScratch};
use super::classifier::CalibrationMethod;
use super::coverage::{Coverage, CoverageScratch, LOOKED_AT};
use super::document::Document;
use super::error::Defect;
use super::fast::{self, FastScratch, FastVectorizer};
use super::general::{GeneralScratch, GeneralVectorizer};
use super::image::{Image, Section};
use super::manifest::{Cleaner as CleanerSettings, Label, Manifest, NgramVectorizer, Probes};
use super::probability::{Calibrators, Outcome};
use crate::text::characters::Characters;
use crate::text::cleaner::{Cleaner, CleanerScratch};

/// Width of a padded row of weights: a multiple of 4 `f64` (one AVX2 register), or 1 for a binary model.
pub const fn lanes(rows: usize) -> usize {
    if rows == 1 { 1 } else { rows.next_multiple_of(4) }
}

/// What each buffer that grows with a text keeps, in bytes: what a longer text has needed is given back after it.
const KEPT_BYTES: usize = 256 << 10;

/// A model ready to score: a view into an image.
#[derive(Debug)]
pub struct Model<'i> {
    manifest: Manifest,
    args: Document,
    performance: Document,
    characters: Characters<'i>,
    cleaner: Option<Cleaner>,
    vectorizers: Vec<Engine<'i>>,
    intercepts: &'i [f64],
    outcome: Outcome<'i>,
}

/// How a vectorizer is run: by the fast engine where it can be, else by the general one.
#[derive(Debug)]
enum Engine<'i> {
    Fast(Analysis<'i>, FastVectorizer<'i>),
    General(GeneralVectorizer<'i>),
}

/// Buffers that scoring keeps between texts. Those that grow with a text are given back above 256 KiB; all others
/// are as large as the model makes them.
#[derive(Debug, Default)]
pub struct Scratch {
    cleaner: CleanerScratch,
    cleaned: String,
    analysis: AnalysisScratch,
    /// One a vectorizer.
    engines: Vec<EngineScratch>,
    /// The decision values while they are summed, padded.
    sums: Vec<f64>,
    decision: Vec<f64>,
}

#[derive(Debug)]
enum EngineScratch {
    Fast(Box<FastScratch>),
    General(GeneralScratch),
}

impl Scratch {
    /// How often a word was found in the word caches, and how often one was looked for.
    pub fn word_cache_hits(&self) -> (u64, u64) {
        let each = self.engines.iter().map(|engine| match engine {
            EngineScratch::Fast(scratch) => scratch.cache_hits(),
            EngineScratch::General(_) => (0, 0),
        });
        each.fold((0, 0), |(hits, lookups), (h, l)| (hits + h, lookups + l))
    }

    /// Bytes of all buffers that grow with a text.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let engines = self.engines.iter().map(|engine| match engine {
            EngineScratch::Fast(scratch) => scratch.memory(),
            EngineScratch::General(_) => 0,
        });
        self.cleaner.memory() + self.cleaned.capacity() + self.analysis.memory() + engines.sum::<usize>()
    }

    /// Works without the word caches from now on: for a measurement of what they cost and gain.
    pub fn turn_word_cache_off(&mut self) {
        for engine in &mut self.engines {
            if let EngineScratch::Fast(scratch) = engine {
                scratch.turn_cache_off();
            }
        }
    }
}

impl<'i> Model<'i> {
    /// Opens an image made by [`super::build_image`]; checks all that scoring relies on.
    pub fn from_image(bytes: &'i [u8]) -> Result<Self, Defect> {
        let image = Image::open(bytes)?;
        let manifest = Manifest::parse(image.section(Section::Manifest, 0)?)?;
        let characters = Characters::from_parts(
            image.section(Section::CharacterStages, 0)?,
            image.section(Section::CharacterFlags, 0)?,
            image.section(Section::CharacterLower, 0)?,
        )
        .ok_or(Defect::Image("its character tables do not fit together"))?;
        let intercepts: &[f64] = image.section(Section::Intercepts, 0)?;
        if intercepts.len() != manifest.pipeline.classifier.rows() {
            return Err(Defect::Image("its intercepts do not fit its manifest"));
        }
        let outcome = outcome(image, &manifest)?;
        let cleaner = match &manifest.pipeline.cleaner {
            Some(CleanerSettings::Lesson { lower, stop_words }) => {
                Some(Cleaner::new(*lower, stop_words, characters)?)
            }
            None => None,
        };
        let vectorizers = manifest
            .pipeline
            .vectorizers
            .iter()
            .enumerate()
            .map(|(at, settings)| Engine::from_image(image, at, settings.settings(), intercepts.len()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            args: Document::parse(image.section(Section::Args, 0)?)?,
            performance: Document::parse(image.section(Section::Performance, 0)?)?,
            manifest,
            characters,
            cleaner,
            vectorizers,
            intercepts,
            outcome,
        })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The model's version.
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// The texts with scikit-learn's answers that came with the artifact.
    pub(super) fn probes(&self) -> &Probes {
        &self.manifest.probes
    }

    /// `classes_`.
    pub fn classes(&self) -> &[Label] {
        &self.manifest.pipeline.classes
    }

    /// Number of columns of all vectorizers together.
    pub fn features(&self) -> usize {
        self.manifest.pipeline.vectorizers.iter().map(|vectorizer| vectorizer.settings().features).sum()
    }

    /// What becomes of decision values: labels and probabilities.
    pub fn outcome(&self) -> Outcome<'i> {
        self.outcome
    }

    /// `args.json`: the arguments of the training run.
    pub fn args(&self) -> &Document {
        &self.args
    }

    /// `performance.json`: the figures of the evaluation.
    pub fn performance(&self) -> &Document {
        &self.performance
    }

    /// Buffers for [`Self::decision`], of the right sizes from the start.
    pub fn scratch(&self) -> Scratch {
        let engines = self.vectorizers.iter().map(|engine| match engine {
            Engine::Fast(_, vectorizer) => EngineScratch::Fast(Box::new(vectorizer.scratch())),
            Engine::General(vectorizer) => EngineScratch::General(vectorizer.scratch()),
        });
        Scratch { engines: engines.collect(), ..Scratch::default() }
    }

    /// The decision values of `text`, one a row, as scikit-learn's `decision_function` has them.
    /// `scratch` comes from [`Self::scratch`] of this same model.
    pub fn decision<'s>(&self, text: &str, scratch: &'s mut Scratch) -> &'s [f64] {
        let Scratch { cleaner, cleaned, analysis, engines, sums, decision } = scratch;
        let text = match &self.cleaner {
            Some(rules) => {
                rules.clean_into(self.characters, text, cleaner, cleaned);
                cleaned.as_str()
            }
            None => text,
        };
        decision.clear();
        decision.extend_from_slice(self.intercepts);
        // What the lesson's cleaner leaves is ASCII, and in lower case if it lowers.
        let lowered = self.cleaner.as_ref().is_some_and(Cleaner::lowers);
        for (engine, scratch) in self.vectorizers.iter().zip(engines) {
            let norm = match (engine, scratch) {
                (Engine::Fast(steps, vectorizer), EngineScratch::Fast(scratch)) => {
                    let text = steps.prepare(self.characters, text, lowered, analysis);
                    let norm = vectorizer.sum(self.characters, text, scratch, sums);
                    scratch.shrink(KEPT_BYTES);
                    norm
                }
                (Engine::General(vectorizer), EngineScratch::General(scratch)) => {
                    vectorizer.sum(self.characters, text, analysis, scratch, sums)
                }
                _ => unreachable!("the scratch is of another model"),
            };
            for (value, sum) in decision.iter_mut().zip(sums.iter()) {
                *value += sum / norm;
            }
        }
        cleaner.shrink(KEPT_BYTES);
        cleaned.clear();
        cleaned.shrink_to(KEPT_BYTES);
        analysis.shrink(KEPT_BYTES);
        decision
    }
}

impl Model<'_> {
    /// How many n-grams of the first [`LOOKED_AT`] bytes of `text` the model knows.
    pub fn coverage(&self, text: &str, scratch: &mut CoverageScratch) -> Coverage {
        let CoverageScratch { cleaner, cleaned, analysis } = scratch;
        let mut text = &text[..text.floor_char_boundary(LOOKED_AT)];
        if let Some(rules) = &self.cleaner {
            rules.clean_into(self.characters, text, cleaner, cleaned);
            text = cleaned;
        }
        let mut sum = Coverage::default();
        for engine in &self.vectorizers {
            let one = match engine {
                Engine::General(vectorizer) => vectorizer.coverage(self.characters, text, analysis),
                Engine::Fast(steps, vectorizer) => {
                    let mut ngrams = 0;
                    steps.ngrams(self.characters, text, analysis, |_| ngrams += 1);
                    let text = steps.prepare(self.characters, text, false, analysis);
                    Coverage { ngrams, known: vectorizer.known(self.characters, text) }
                }
            };
            sum = Coverage { ngrams: sum.ngrams + one.ngrams, known: sum.known + one.known };
        }
        sum
    }
}

fn outcome<'i>(image: Image<'i>, manifest: &Manifest) -> Result<Outcome<'i>, Defect> {
    let settings = *manifest.pipeline.classifier.linear();
    let method = settings.calibration.map(|calibration| calibration.method);
    let calibration = match method {
        None => Calibrators::None,
        Some(CalibrationMethod::Sigmoid) => Calibrators::Sigmoid {
            slopes: image.section(Section::CalibrationSlopes, 0)?,
            intercepts: image.section(Section::CalibrationIntercepts, 0)?,
        },
        Some(CalibrationMethod::Isotonic) => Calibrators::Isotonic {
            ends: image.section(Section::CalibrationEnds, 0)?,
            x: image.section(Section::CalibrationX, 0)?,
            y: image.section(Section::CalibrationY, 0)?,
        },
    };
    if !calibration.fit(method, settings.rows) {
        return Err(Defect::Image("its calibration does not fit its rows"));
    }
    Ok(Outcome { settings, classes: manifest.pipeline.classes.len(), calibration })
}

impl<'i> Engine<'i> {
    fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
        rows: usize,
    ) -> Result<Self, Defect> {
        if fast::supports(settings, analysis::program(image, at, settings)?) {
            let analysis = Analysis::from_image(image, at, settings)?;
            let vectorizer = FastVectorizer::from_image(image, at, settings, lanes(rows))?;
            return Ok(Self::Fast(analysis, vectorizer));
        }
        GeneralVectorizer::from_image(image, at, settings, rows).map(Self::General)
    }
}
