//! The proof that a model answers as scikit-learn did: its probe texts, scored before it serves.

use super::classifier::Probability;
use super::error::Defect;
use super::manifest::{Label, Probe};
use super::score::{Model, Scratch};

impl Probe {
    /// What a row's tolerance is relative to: max(1, Σ|wᵢxᵢ|), which is at least |d| but for the intercept.
    fn magnitude(&self, row: usize) -> f64 {
        let terms = self.magnitudes.as_ref().map_or(0.0, |magnitudes| magnitudes[row]);
        self.decision[row].abs().max(terms).max(1.0)
    }
}

impl Model<'_> {
    /// Scores the probe texts that came with the artifact; the error names the first that differs.
    pub fn prove(&self) -> Result<(), Defect> {
        let (mut scratch, mut buffers) = (self.scratch(), Buffers::default());
        for (at, probe) in self.probes().texts.iter().enumerate() {
            self.prove_one(probe, &mut scratch, &mut buffers).map_err(|differs| Defect::Probe {
                probe: at,
                what: differs.what,
                found: differs.found,
                expected: differs.expected,
            })?;
        }
        Ok(())
    }

    fn prove_one(&self, probe: &Probe, scratch: &mut Scratch, buffers: &mut Buffers) -> Result<(), Differs> {
        let (outcome, tolerance) = (self.outcome(), self.probes().tolerance);
        let decision = self.decision(&probe.text, scratch);
        let Buffers { allowed, probabilities, labels } = buffers;
        allowed.clear();
        allowed.extend((0..decision.len()).map(|row| tolerance * probe.magnitude(row)));
        for (row, (found, expected)) in decision.iter().zip(&probe.decision).enumerate() {
            if is_off(*found, *expected, allowed[row]) {
                return differs(format!("decision value {row}"), found, expected);
            }
        }
        outcome.labels(decision, probabilities, labels);
        outcome.probabilities(decision, probabilities);
        let found: Vec<&Label> = labels.iter().map(|&class| &self.classes()[class]).collect();
        let expected: Vec<&Label> = probe.label.iter().chain(probe.labels.iter().flatten()).collect();
        let (values, threshold) = match outcome.settings.probability {
            Some(Probability::Calibrated) => {
                allowed.clear();
                allowed.resize(probabilities.len(), tolerance);
                (probabilities.as_slice(), 0.5)
            }
            _ => (decision, 0.0),
        };
        if found != expected && !is_near_tie(values, threshold, outcome.settings.multilabel, allowed) {
            return differs("the label".to_owned(), &list(&found), &list(&expected));
        }
        if let Some(expected) = &probe.probabilities {
            for (class, (found, expected)) in probabilities.iter().zip(expected).enumerate() {
                if is_off(*found, *expected, tolerance) {
                    return differs(format!("the probability of class {class}"), found, expected);
                }
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Buffers {
    /// The largest allowed difference of each value.
    allowed: Vec<f64>,
    probabilities: Vec<f64>,
    labels: Vec<usize>,
}

/// One value that is not what scikit-learn said.
struct Differs {
    what: String,
    found: String,
    expected: String,
}

fn differs(what: String, found: &dyn ToString, expected: &dyn ToString) -> Result<(), Differs> {
    Err(Differs { what, found: found.to_string(), expected: expected.to_string() })
}

/// Whether the difference is more than allowed, or no number.
fn is_off(found: f64, expected: f64, allowed: f64) -> bool {
    let difference = (found - expected).abs();
    difference.is_nan() || difference > allowed
}

fn list(labels: &[&Label]) -> String {
    labels.iter().map(|label| label.json.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether the label hangs on a difference that is no larger than what is `allowed` of each value.
fn is_near_tie(values: &[f64], threshold: f64, multilabel: bool, allowed: &[f64]) -> bool {
    if multilabel || values.len() == 1 {
        return values.iter().zip(allowed).any(|(value, allowed)| (value - threshold).abs() <= *allowed);
    }
    let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let close = |(value, allowed): (&f64, &f64)| best - value <= *allowed;
    values.iter().zip(allowed).filter(|&pair| close(pair)).count() > 1
}

#[cfg(test)]
mod tests {
    use super::super::artifact::{Artifact, Weights};
    use super::super::manifest::Manifest;
    use super::super::testing::Recipe;
    use super::super::write_image;
    use super::*;

    /// A model whose terms weigh a thousand million times what a text comes to, with a probe that is off by so much.
    fn cancelling(off: f64, magnitudes: Option<[f64; 3]>) -> Artifact {
        let recipe = Recipe {
            binary: false,
            sublinear_tf: false,
            analyzer: "char",
            ngram_range: (1, 1),
            norm: None,
            idf: false,
            lowercase: false,
            rows: 3,
            terms: vec!["a".to_owned(), "b".to_owned()],
        };
        let mut artifact = recipe.artifact();
        artifact.weights = Weights::dense(2, vec![1e9, -1e9, 2e9, -2e9, 0.0, 0.0]);
        let mut manifest: serde_json::Value = serde_json::from_slice(&artifact.manifest_bytes).unwrap();
        let probe = &mut manifest["probes"]["texts"][0];
        probe["text"] = "ab".into();
        probe["decision"] = vec![0.5 + off, 0.5, 0.5].into();
        probe["magnitudes"] = serde_json::to_value(magnitudes).unwrap();
        artifact.manifest_bytes = manifest.to_string().into_bytes();
        artifact.manifest = Manifest::parse(&artifact.manifest_bytes).unwrap();
        artifact
    }

    #[test]
    fn the_tolerance_of_a_decision_value_follows_its_terms() {
        let is_proven = |off: f64, magnitudes: Option<[f64; 3]>| {
            let image = write_image(&cancelling(off, magnitudes)).unwrap();
            Model::from_image(&image).unwrap().prove().is_ok()
        };
        let magnitudes = Some([2e9, 4e9, 0.0]);
        assert!(is_proven(0.0, None));
        assert!(!is_proven(1e-7, None), "without large terms this is too much");
        assert!(is_proven(1e-7, magnitudes), "1e-9 of what cancels is allowed");
        assert!(!is_proven(3.0, magnitudes), "and no more");
        assert!(!is_proven(f64::MAX, magnitudes));
    }
}
