//! Text → decision values, over an image, with buffers that the caller keeps.

use super::analysis::{Analysis, AnalysisScratch};
use super::classifier::CalibrationMethod;
use super::document::Document;
use super::error::Defect;
use super::fast::{self, FastScratch, FastVectorizer};
use super::image::{Image, Section};
use super::index::TermIndex;
use super::manifest::{Cleaner as CleanerSettings, Label, Manifest, NgramVectorizer, Norm, Probes};
use super::murmur::bucket;
use super::probability::{Calibrators, Outcome};
use crate::text::characters::Characters;
use crate::text::cleaner::{Cleaner, CleanerScratch};

/// Width of a padded row of weights: a multiple of 4 `f64` (one AVX2 register), or 1 for a binary model.
pub const fn lanes(rows: usize) -> usize {
    if rows == 1 { 1 } else { rows.next_multiple_of(4) }
}

/// A signed count of 0, of a column that has been met.
const NOTHING_YET: u32 = 1 << 31;

/// A model ready to score: a view into an image.
#[derive(Debug)]
pub struct Model<'i> {
    manifest: Manifest,
    args: Document,
    performance: Document,
    characters: Characters<'i>,
    cleaner: Option<Cleaner>,
    vectorizers: Vec<Engine<'i>>,
    /// What each vectorizer does to a text before it counts.
    analyses: Vec<Analysis<'i>>,
    intercepts: &'i [f64],
    outcome: Outcome<'i>,
}

/// How a vectorizer is run: by the fast engine where it can be, else by the general one.
#[derive(Debug)]
enum Engine<'i> {
    Fast(NgramVectorizer, FastVectorizer<'i>),
    General(Vectorizer<'i>),
}

/// One vectorizer of the general engine with its share of the weights.
#[derive(Debug)]
struct Vectorizer<'i> {
    settings: NgramVectorizer,
    /// Empty for a hashing vectorizer.
    index: TermIndex<'i>,
    /// One a term, or none at all.
    idf: &'i [f64],
    /// `features × lanes`; the inverse document frequency is folded in, unless further rescalings come between.
    weights: &'i [f64],
    /// The factors of the further rescalings, one after the other.
    scales: &'i [f64],
}

/// Buffers that scoring keeps between texts. They grow to the longest text seen; the caller bounds texts.
#[derive(Debug, Default)]
pub struct Scratch {
    cleaner: CleanerScratch,
    cleaned: String,
    analysis: AnalysisScratch,
    /// One a vectorizer; `None` for one of the general engine.
    fast: Vec<Option<FastScratch>>,
    /// One a column of the widest vectorizer of the general engine; all zero between texts. A hashing vectorizer's
    /// counts, which have signs, stand above [`NOTHING_YET`], so that 0 says for them too that a column is untouched.
    counts: Vec<u32>,
    /// Columns whose count is not zero, in the order of their first n-gram.
    touched: Vec<u32>,
    /// Their values, where these are rescaled further.
    values: Vec<f64>,
    /// The decision values while they are summed, padded.
    sums: Vec<f64>,
    decision: Vec<f64>,
}

impl Scratch {
    /// How often a word was found in the word caches, and how often one was looked for.
    pub fn word_cache_hits(&self) -> (u64, u64) {
        let caches = self.fast.iter().flatten().map(FastScratch::cache_hits);
        caches.fold((0, 0), |(hits, lookups), (more, further)| (hits + more, lookups + further))
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
        // What the lesson's cleaner leaves is ASCII, and in lower case if it lowers.
        let is_lower = cleaner.as_ref().is_some_and(Cleaner::lowers);
        let analyses = manifest
            .pipeline
            .vectorizers
            .iter()
            .enumerate()
            .map(|(at, settings)| Analysis::from_image(image, at, settings.settings(), is_lower))
            .collect::<Result<_, _>>()?;
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
            analyses,
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
        self.vectorizers.iter().map(|engine| engine.settings().features).sum()
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
        let counted = self.vectorizers.iter().map(|engine| match engine {
            Engine::Fast(..) => 0,
            Engine::General(vectorizer) => vectorizer.settings.features,
        });
        let fast = self.vectorizers.iter().map(|engine| match engine {
            Engine::Fast(_, vectorizer) => Some(vectorizer.scratch()),
            Engine::General(_) => None,
        });
        Scratch { counts: vec![0; counted.max().unwrap_or(0)], fast: fast.collect(), ..Scratch::default() }
    }

    /// The decision values of `text`, one a row, as scikit-learn's `decision_function` has them.
    /// `scratch` comes from [`Self::scratch`] of this same model.
    pub fn decision<'s>(&self, text: &str, scratch: &'s mut Scratch) -> &'s [f64] {
        let Scratch { cleaner, cleaned, analysis, fast, counts, touched, values, sums, decision } = scratch;
        let text = match &self.cleaner {
            Some(rules) => {
                rules.clean_into(self.characters, text, cleaner, cleaned);
                cleaned.as_str()
            }
            None => text,
        };
        decision.clear();
        decision.extend_from_slice(self.intercepts);
        for ((engine, rules), fast) in self.vectorizers.iter().zip(&self.analyses).zip(fast) {
            let norm = match (engine, fast) {
                (Engine::Fast(_, vectorizer), Some(fast)) => vectorizer.sum(
                    self.characters,
                    rules.prepare(self.characters, text, analysis),
                    fast,
                    sums,
                ),
                (Engine::Fast(..), None) => unreachable!("the scratch is of another model"),
                (Engine::General(vectorizer), _) => {
                    vectorizer.count(rules, self.characters, text, analysis, counts, touched);
                    vectorizer.sum(counts, touched, values, lanes(self.intercepts.len()), sums)
                }
            };
            for (value, sum) in decision.iter_mut().zip(sums.iter()) {
                *value += sum / norm;
            }
        }
        decision
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
        if fast::supports(settings) {
            let vectorizer = FastVectorizer::from_image(image, at, settings, lanes(rows))?;
            return Ok(Self::Fast(settings.clone(), vectorizer));
        }
        Vectorizer::from_image(image, at, settings, rows).map(Self::General)
    }

    fn settings(&self) -> &NgramVectorizer {
        match self {
            Self::Fast(settings, _) => settings,
            Self::General(vectorizer) => &vectorizer.settings,
        }
    }
}

impl<'i> Vectorizer<'i> {
    fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
        rows: usize,
    ) -> Result<Self, Defect> {
        let index = TermIndex::from_parts(
            image.section(Section::Terms, at)?,
            image.section(Section::TermEnds, at)?,
            image.section(Section::TermTable, at)?,
        )?;
        let idf: &[f64] = image.section(Section::Idf, at)?;
        let weights: &[f64] = image.section(Section::Weights, at)?;
        let scales: &[f64] = image.section(Section::Scales, at)?;
        let features = settings.features;
        let terms = if settings.alternate_sign.is_some() { 0 } else { features };
        let idfs = if settings.idf { features } else { 0 };
        let factors = settings.then.iter().filter(|next| next.scale).count() * features;
        if index.len() != terms
            || idf.len() != idfs
            || weights.len() != features * lanes(rows)
            || scales.len() != factors
        {
            return Err(Defect::Image("its weights do not fit its terms"));
        }
        Ok(Self { settings: settings.clone(), index, idf, weights, scales })
    }

    /// Counts the n-grams of a cleaned text: `touched` gets the columns that were met, `counts` how often.
    fn count(
        &self,
        analysis: &Analysis<'_>,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut AnalysisScratch,
        counts: &mut [u32],
        touched: &mut Vec<u32>,
    ) {
        if let Some(alternate_sign) = self.settings.alternate_sign {
            let columns = self.settings.features as u32; // the manifest bounds it by 2³¹ − 1
            analysis.ngrams(characters, text, scratch, |ngram| {
                let bucket = bucket(ngram, columns);
                let count = &mut counts[bucket.column as usize];
                if *count == 0 {
                    touched.push(bucket.column);
                    *count = NOTHING_YET;
                }
                *count = if alternate_sign && bucket.negative { *count - 1 } else { *count + 1 };
            });
            return;
        }
        analysis.ngrams(characters, text, scratch, |ngram| {
            if let Some(column) = self.index.get(ngram) {
                let count = &mut counts[column as usize];
                if *count == 0 {
                    touched.push(column);
                }
                *count += 1;
            }
        });
    }

    /// Replaces `sums` by the weights of all counted columns, each times its value but for the norm; returns the norm
    /// to divide them by. Leaves `counts` all zero and `touched` empty.
    fn sum(
        &self,
        counts: &mut [u32],
        touched: &mut Vec<u32>,
        values: &mut Vec<f64>,
        lanes: usize,
        sums: &mut Vec<f64>,
    ) -> f64 {
        sums.clear();
        sums.resize(lanes, 0.0);
        let mut add = |column: u32, value: f64| {
            let weights = &self.weights[column as usize * lanes..][..lanes];
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        };
        let idf = |column: u32| if self.settings.idf { self.idf[column as usize] } else { 1.0 };
        let mut norm = 0.0;
        values.clear();
        for &column in touched.iter() {
            let tf = self.term_frequency(std::mem::take(&mut counts[column as usize]));
            let value = tf * idf(column);
            norm += match self.settings.norm {
                None => 0.0,
                Some(Norm::L1) => value.abs(),
                Some(Norm::L2) => value * value,
            };
            if self.settings.then.is_empty() {
                add(column, tf); // the weights hold the idf
            } else {
                values.push(value);
            }
        }
        let norm = match self.settings.norm {
            Some(_) if norm == 0.0 => 1.0, // scikit-learn leaves a zero vector as it is
            None => 1.0,
            Some(Norm::L1) => norm,
            Some(Norm::L2) => norm.sqrt(),
        };
        if !self.settings.then.is_empty() {
            for value in values.iter_mut() {
                *value /= norm;
            }
            self.rescale(touched, values);
            touched.iter().zip(values.iter()).for_each(|(&column, &value)| add(column, value));
        }
        touched.clear();
        if self.settings.then.is_empty() { norm } else { 1.0 }
    }

    /// The further rescalings of a vector.
    fn rescale(&self, columns: &[u32], values: &mut [f64]) {
        let mut scales = self.scales.chunks_exact(self.settings.features);
        for next in &self.settings.then {
            let scale = if next.scale { scales.next().unwrap_or_default() } else { &[] };
            next.apply(columns, values, scale);
        }
    }

    /// `tf` as `TfidfTransformer` has it.
    fn term_frequency(&self, count: u32) -> f64 {
        let tf = match self.settings.alternate_sign {
            _ if self.settings.binary => 1.0,
            None => f64::from(count),
            Some(_) => f64::from(count) - f64::from(NOTHING_YET),
        };
        if self.settings.sublinear_tf { 1.0 + tf.ln() } else { tf }
    }
}
