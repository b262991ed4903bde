//! The proof that a model answers as scikit-learn did: its probe texts, scored before it serves.

use super::classifier::Probability;
use super::error::Defect;
use super::manifest::{Label, Probe};
use super::score::{Model, Scratch};

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
        for (row, (found, expected)) in decision.iter().zip(&probe.decision).enumerate() {
            if is_off(*found, *expected, tolerance * expected.abs().max(1.0)) {
                return differs(format!("decision value {row}"), found, expected);
            }
        }
        let Buffers { probabilities, labels } = buffers;
        outcome.labels(decision, probabilities, labels);
        outcome.probabilities(decision, probabilities);
        let found: Vec<&Label> = labels.iter().map(|&class| &self.classes()[class]).collect();
        let expected: Vec<&Label> = probe.label.iter().chain(probe.labels.iter().flatten()).collect();
        let (values, threshold) = match outcome.settings.probability {
            Some(Probability::Calibrated) => (probabilities.as_slice(), 0.5),
            _ => (decision, 0.0),
        };
        if found != expected && !is_near_tie(values, threshold, outcome.settings.multilabel, tolerance) {
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

/// Whether the label hangs on a difference that is smaller than the tolerance.
fn is_near_tie(values: &[f64], threshold: f64, multilabel: bool, tolerance: f64) -> bool {
    if multilabel || values.len() == 1 {
        return values.iter().any(|value| (value - threshold).abs() <= tolerance);
    }
    let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let close = |value: f64| (best - value).abs() <= tolerance * best.abs().max(1.0);
    values.iter().filter(|&&value| close(value)).count() > 1
}
