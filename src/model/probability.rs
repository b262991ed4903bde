//! Decision values → labels and probabilities, as scikit-learn derives them.

use super::classifier::{CalibrationMethod, LinearClassifier, Probability, Ties, ZeroSum};

/// What becomes of a model's decision values: which classes, and how probable. A view, cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'i> {
    /// The classifier's settings, checked.
    pub settings: LinearClassifier,
    /// Number of classes.
    pub classes: usize,
    /// What maps each row to a probability; of a calibrated model alone.
    pub calibration: Calibrators<'i>,
}

/// What maps each row of a calibrated model to a probability.
#[derive(Clone, Copy, Debug)]
pub enum Calibrators<'i> {
    /// The model is not calibrated.
    None,
    /// `1 / (1 + e^(slope · d + intercept))`, one of each a row.
    Sigmoid {
        /// The factors.
        slopes: &'i [f64],
        /// The constants.
        intercepts: &'i [f64],
    },
    /// Straight lines between knots, constant beyond them.
    Isotonic {
        /// Where each row's knots end, ascending, each above the one before.
        ends: &'i [u32],
        /// The knots' decision values, ascending within a row.
        x: &'i [f64],
        /// The knots' probabilities.
        y: &'i [f64],
    },
}

impl Outcome<'_> {
    /// Whether scikit-learn's model has `predict_proba`.
    pub fn has_probabilities(self) -> bool {
        self.settings.probability.is_some()
    }

    /// Replaces `labels` by the indices of the predicted classes, ascending; exactly one unless the model is
    /// multilabel. `probabilities` is overwritten where the label depends on them.
    pub fn labels(self, decision: &[f64], probabilities: &mut Vec<f64>, labels: &mut Vec<usize>) {
        let calibrated = self.settings.probability == Some(Probability::Calibrated);
        let values = if calibrated {
            self.probabilities(decision, probabilities);
            probabilities.as_slice()
        } else {
            decision
        };
        labels.clear();
        if self.settings.multilabel {
            let threshold = if calibrated { 0.5 } else { 0.0 };
            labels
                .extend(values.iter().enumerate().filter(|&(_, &value)| value > threshold).map(|(at, _)| at));
        } else {
            labels.push(predicted_class(values, self.settings.ties));
        }
    }

    /// Replaces `out` by the probability of each class; by nothing where the model has none.
    pub fn probabilities(self, decision: &[f64], out: &mut Vec<f64>) {
        out.clear();
        match self.settings.probability {
            None => {}
            Some(Probability::OvrLogistic) => {
                out.extend(decision.iter().map(|&value| logistic(value)));
                self.share(out, 0);
            }
            Some(Probability::ModifiedHuber) => {
                out.extend(decision.iter().map(|&value| f64::midpoint(value.clamp(-1.0, 1.0), 1.0)));
                self.share(out, 0);
            }
            Some(Probability::Softmax) => softmax(decision.iter().copied(), out),
            Some(Probability::SoftmaxBinary) => {
                softmax(decision.iter().flat_map(|&value| [-value, value]), out);
            }
            Some(Probability::Calibrated) => self.calibrated(decision, out),
        }
    }

    /// Turns the single probabilities from `start` on into what each class gets of the whole, unless several classes
    /// can be right at once.
    fn share(self, out: &mut Vec<f64>, start: usize) {
        if self.settings.multilabel {
            return;
        }
        if let &[positive] = &out[start..] {
            out[start] = 1.0 - positive;
            out.push(positive);
            return;
        }
        let sum: f64 = out[start..].iter().sum();
        if sum != 0.0 {
            divide(&mut out[start..], sum);
        } else if self.settings.zero_sum == ZeroSum::Equal {
            out[start..].fill(1.0 / self.classes as f64);
        }
    }

    /// The mean of what the members say. `out` holds it in front, and one member's share behind.
    fn calibrated(self, decision: &[f64], out: &mut Vec<f64>) {
        out.resize(self.classes, 0.0);
        let outputs = self.settings.outputs(self.classes);
        for (member, values) in decision.chunks_exact(outputs).enumerate() {
            for (at, &value) in values.iter().enumerate() {
                out.push(self.calibration.probability(member * outputs + at, value));
            }
            self.share(out, self.classes);
            let (mean, member) = out.split_at_mut(self.classes);
            mean.iter_mut().zip(member).for_each(|(mean, member)| *mean += *member);
            out.truncate(self.classes);
        }
        divide(out, (decision.len() / outputs) as f64);
    }
}

impl Calibrators<'_> {
    /// Whether every row of `rows` has its own mapping, as [`Self::probability`] relies on.
    pub(super) fn fit(self, method: Option<CalibrationMethod>, rows: usize) -> bool {
        match (self, method) {
            (Self::None, None) => true,
            (Self::Sigmoid { slopes, intercepts }, Some(CalibrationMethod::Sigmoid)) => {
                slopes.len() == rows && intercepts.len() == rows
            }
            (Self::Isotonic { ends, x, y }, Some(CalibrationMethod::Isotonic)) => {
                let ascending = ends.first().is_some_and(|&end| end > 0) && ends.is_sorted_by(|a, b| a < b);
                let whole = ends.last().is_some_and(|&end| end as usize == x.len());
                ends.len() == rows && ascending && whole && x.len() == y.len()
            }
            _ => false,
        }
    }

    fn probability(self, row: usize, value: f64) -> f64 {
        match self {
            Self::None => f64::NAN, // excluded by `fit`
            Self::Sigmoid { slopes, intercepts } => logistic(-(slopes[row] * value + intercepts[row])),
            Self::Isotonic { ends, x, y } => {
                let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                let knots = start..ends[row] as usize;
                interpolate(value, &x[knots.clone()], &y[knots])
            }
        }
    }
}

/// The straight line between the two knots around `value`; `x` ascends and is not empty.
fn interpolate(value: f64, x: &[f64], y: &[f64]) -> f64 {
    let above = x.partition_point(|&knot| knot <= value);
    if above == 0 {
        return y[0];
    }
    if above == x.len() {
        return y[above - 1];
    }
    let slope = (y[above] - y[above - 1]) / (x[above] - x[above - 1]);
    slope * (value - x[above - 1]) + y[above - 1]
}

/// The index of the predicted class. One decision value: the positive class above 0 (`LinearClassifierMixin.predict`);
/// several: the largest, the first or the last of equal ones.
fn predicted_class(decision: &[f64], ties: Ties) -> usize {
    if let [value] = decision {
        return usize::from(*value > 0.0);
    }
    let mut best = 0;
    for (at, value) in decision.iter().enumerate() {
        if *value > decision[best] || (ties == Ties::Last && *value >= decision[best]) {
            best = at;
        }
    }
    best
}

/// `scipy.special.expit`.
fn logistic(value: f64) -> f64 {
    1.0 / (1.0 + (-value).exp())
}

/// `sklearn.utils.extmath.softmax`: the largest value is subtracted first.
fn softmax(values: impl IntoIterator<Item = f64>, out: &mut Vec<f64>) {
    out.extend(values);
    let largest = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for value in out.iter_mut() {
        *value = (*value - largest).exp();
    }
    let sum: f64 = out.iter().sum();
    divide(out, sum);
}

fn divide(values: &mut [f64], divisor: f64) {
    for value in values {
        *value /= divisor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(classes: usize, settings: &str) -> Outcome<'static> {
        let settings = serde_json::from_str(settings).unwrap();
        Outcome { settings, classes, calibration: Calibrators::None }
    }

    #[test]
    fn probabilities_are_scikit_learns() {
        type Case = (usize, &'static str, &'static [f64], &'static [f64]);
        let cases: &[Case] = &[
            (
                4,
                r#"{"rows": 4, "probability": "ovr_logistic"}"#,
                &[-800.0, -900.0, -1000.0, -1e308],
                &[0.25; 4],
            ),
            (3, r#"{"rows": 3, "probability": "ovr_logistic", "zero_sum": "zero"}"#, &[-800.0; 3], &[0.0; 3]),
            (2, r#"{"rows": 1, "probability": "ovr_logistic"}"#, &[0.0], &[0.5, 0.5]),
            (2, r#"{"rows": 1, "probability": "modified_huber"}"#, &[0.5], &[0.25, 0.75]),
            (2, r#"{"rows": 1, "probability": "modified_huber"}"#, &[-7.0], &[1.0, 0.0]),
            (3, r#"{"rows": 3, "probability": "modified_huber"}"#, &[1.0, -1.0, 5.0], &[0.5, 0.0, 0.5]),
            (4, r#"{"rows": 4, "probability": "modified_huber"}"#, &[-1.0; 4], &[0.25; 4]),
            (
                3,
                r#"{"rows": 3, "probability": "modified_huber", "multilabel": true}"#,
                &[0.0, 1.0, 9.0],
                &[0.5, 1.0, 1.0],
            ),
            (2, r#"{"rows": 2, "probability": "softmax"}"#, &[-700.0, -700.0], &[0.5, 0.5]),
            (2, r#"{"rows": 1, "probability": "softmax_binary"}"#, &[0.0], &[0.5, 0.5]),
            (2, r#"{"rows": 1, "probability": null}"#, &[0.0], &[]),
        ];
        let mut out = Vec::new();
        for &(classes, settings, decision, expected) in cases {
            outcome(classes, settings).probabilities(decision, &mut out);
            assert_eq!(out, expected, "{settings} {decision:?}");
        }
    }

    #[test]
    fn members_are_averaged_after_calibration() {
        let settings = r#"{"rows": 2, "probability": "calibrated", "decision_function": false,
            "calibration": {"method": "isotonic", "members": 2}}"#;
        let (x, y) = ([0.0, 1.0, 3.0, 5.0], [0.0, 0.5, 1.0, 0.25]);
        let calibration = Calibrators::Isotonic { ends: &[3, 4], x: &x, y: &y };
        assert!(calibration.fit(Some(CalibrationMethod::Isotonic), 2));
        let outcome = Outcome { calibration, ..outcome(2, settings) };
        let (mut out, mut labels) = (Vec::new(), Vec::new());
        for (first, mean) in [(-1.0, 0.125), (0.5, 0.25), (2.0, 0.5), (3.0, 0.625), (9.0, 0.625)] {
            outcome.labels(&[first, 7.0], &mut out, &mut labels);
            assert_eq!(out, [1.0 - mean, mean], "{first}");
            assert_eq!(labels, [usize::from(mean > 0.5)], "{first}: a tie falls to the first class");
        }
    }

    #[test]
    fn ties_fall_as_scikit_learns() {
        for (decision, first, last) in [
            (&[0.0][..], 0, 0),
            (&[-0.0], 0, 0),
            (&[1e-300], 1, 1),
            (&[-1.0], 0, 0),
            (&[1.0, 1.0, 0.0], 0, 1),
            (&[0.0, 1.0, 1.0], 1, 2),
            (&[-3.0, -2.0, -1.0], 2, 2),
        ] {
            assert_eq!(predicted_class(decision, Ties::First), first, "{decision:?}");
            assert_eq!(predicted_class(decision, Ties::Last), last, "{decision:?}");
        }
    }

    #[test]
    fn a_multilabel_model_may_predict_none_or_all() {
        let outcome = outcome(3, r#"{"rows": 3, "probability": null, "multilabel": true}"#);
        let (mut out, mut labels) = (Vec::new(), vec![9]);
        for (decision, expected) in
            [([0.0, -1.0, -0.0], &[][..]), ([1e-300, 0.0, 2.0], &[0, 2]), ([1.0; 3], &[0, 1, 2])]
        {
            outcome.labels(&decision, &mut out, &mut labels);
            assert_eq!(labels, expected, "{decision:?}");
        }
    }
}
