//! `manifest.json`: what the model is, in words. `artifacts/README.md` is the specification.

use std::collections::BTreeMap;

use serde::Deserialize;

pub use super::classifier::{Classifier, LinearClassifier, Probability};
use super::error::Defect;
pub use super::vectorizer::{NgramVectorizer, Norm, Vectorizer};

/// The one format version that this server reads.
pub const FORMAT_VERSION: u64 = 1;
/// Largest n of an n-gram. scikit-learn has no bound; this one keeps the work per character bounded.
pub const NGRAM_MAX: usize = 64;
/// Most classes, and so decision values, of one model.
pub const CLASSES_MAX: usize = 65_536;

/// The whole manifest, checked as far as it can be without the tensors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    format_version: u64,
    /// The model's name.
    pub name: String,
    /// The model's version; in the repository layout an integer.
    pub version: String,
    /// What wrote the artifact; kept for people.
    #[serde(default)]
    pub exporter: BTreeMap<String, String>,
    /// Every other file of the artifact.
    pub files: BTreeMap<String, FileEntry>,
    /// What turns a text into decision values.
    pub pipeline: Pipeline,
    /// Texts with scikit-learn's answers.
    pub probes: Probes,
}

/// What the manifest says of another file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// The fitted pipeline, step by step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// What happens to a text before it is vectorized.
    pub cleaner: Option<Cleaner>,
    /// The vectorizers, whose columns stand side by side in this order.
    pub vectorizers: Vec<Vectorizer>,
    /// The linear model over those columns.
    pub classifier: Classifier,
    /// `classes_`, in its order.
    pub classes: Vec<Label>,
}

/// What happens to a text before it is vectorized.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cleaner {
    /// The lesson's `clean_text`.
    Lesson {
        /// Whether the text is put in lower case first.
        lower: bool,
        /// The words that are removed, in the order of the regex alternation.
        stop_words: Vec<String>,
    },
}

/// One element of `classes_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// As it stands in an answer: JSON, its type kept.
    pub json: String,
    /// `str(label)`, as it stands where JSON wants a string.
    pub text: String,
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde_json::Value;
        let value = Value::deserialize(deserializer)?;
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            Value::Number(number) if !number.is_f64() => number.to_string(),
            other => {
                let what = format!("class label {other}: expected a string, an integer or a boolean");
                return Err(serde::de::Error::custom(what));
            }
        };
        // `Value` prints strings as Python's `json.dumps(…, ensure_ascii=False)` does.
        Ok(Self { json: value.to_string(), text })
    }
}

/// Texts with scikit-learn's answers, which a server must reproduce before it serves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probes {
    /// Largest allowed difference, relative as `artifacts/README.md` says.
    pub tolerance: f64,
    /// The texts.
    pub texts: Vec<Probe>,
}

/// One text and scikit-learn's answer to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The text, before cleaning.
    pub text: String,
    /// `decision_function`, one value a row.
    pub decision: Vec<f64>,
    /// `predict`; `None` for a multilabel model.
    pub label: Option<Label>,
    /// `predict` of a multilabel model; `None` for another.
    pub labels: Option<Vec<Label>>,
    /// `predict_proba`, one value a class.
    pub probabilities: Option<Vec<f64>>,
    /// Σ|wᵢxᵢ| of each row, where that is more than the decision value shows: large terms that cancel each other.
    pub magnitudes: Option<Vec<f64>>,
}

impl Manifest {
    /// Reads a manifest and checks it whole, but for what only the tensors can show.
    pub fn parse(bytes: &[u8]) -> Result<Self, Defect> {
        /// The two keys that say whether the rest can be understood at all.
        #[derive(Deserialize)]
        struct Head {
            format: String,
            format_version: u64,
        }
        let head: Head = serde_json::from_slice(bytes)?;
        if head.format != "linnet" {
            return Err(Defect::Format(head.format));
        }
        if head.format_version != FORMAT_VERSION {
            return Err(Defect::FormatVersion { found: head.format_version, supported: FORMAT_VERSION });
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        debug_assert!(manifest.format == head.format && manifest.format_version == head.format_version);
        manifest.pipeline.check()?;
        manifest.check_probes()?;
        Ok(manifest)
    }

    fn check_probes(&self) -> Result<(), Defect> {
        let tolerance = self.probes.tolerance;
        if !(tolerance > 0.0 && tolerance <= 1e-6) {
            return Err(Defect::value("probes.tolerance", tolerance, "a number above 0 and at most 1e-6"));
        }
        if self.probes.texts.is_empty() {
            return Err(Defect::value("probes.texts", "an empty list", "at least one probe text"));
        }
        let (rows, classes) = (self.pipeline.classifier.rows(), self.pipeline.classes.len());
        for (at, probe) in self.probes.texts.iter().enumerate() {
            if probe.decision.len() != rows {
                let what = format!("probes.texts[{at}].decision");
                let found = format!("{} values", probe.decision.len());
                return Err(Defect::value(what, found, format!("{rows} values")));
            }
            if probe.magnitudes.as_ref().is_some_and(|m| m.len() != rows || m.iter().any(|m| *m < 0.0)) {
                let what = format!("probes.texts[{at}].magnitudes");
                return Err(Defect::value(what, "other values", format!("{rows} values, none below 0")));
            }
            let multilabel = self.pipeline.classifier.linear().multilabel;
            if probe.label.is_some() == multilabel || probe.labels.is_some() != multilabel {
                let expected = if multilabel { "labels" } else { "label" };
                return Err(Defect::value(format!("probes.texts[{at}]"), "another kind of answer", expected));
            }
            if probe.probabilities.as_ref().is_some_and(|p| p.len() != classes) {
                let what = format!("probes.texts[{at}].probabilities");
                return Err(Defect::value(what, "another number of values", format!("{classes} values")));
            }
        }
        Ok(())
    }
}

impl Pipeline {
    fn check(&self) -> Result<(), Defect> {
        let classes = self.classes.len();
        if !(2..=CLASSES_MAX).contains(&classes) {
            let expected = format!("2 to {CLASSES_MAX}");
            return Err(Defect::value("pipeline.classes", format!("{classes} classes"), expected));
        }
        self.classifier.linear().check(classes)?;
        if self.vectorizers.is_empty() {
            return Err(Defect::value("pipeline.vectorizers", "an empty list", "at least one vectorizer"));
        }
        for (at, vectorizer) in self.vectorizers.iter().enumerate() {
            vectorizer.check().map_err(|(key, found, expected)| {
                Defect::value(format!("pipeline.vectorizers[{at}].{key}"), found, expected)
            })?;
        }
        Ok(())
    }
}
