//! Decision values → label and probabilities, as scikit-learn derives them.

use super::manifest::Probability;

/// The index of the predicted class. One decision value: the positive class above 0 (`LinearClassifierMixin.predict`);
/// several: the largest, the first of equal ones (`argmax`).
pub fn predicted_class(decision: &[f64]) -> usize {
    if let [value] = decision {
        return usize::from(*value > 0.0);
    }
    let mut best = 0;
    for (at, value) in decision.iter().enumerate() {
        if *value > decision[best] {
            best = at;
        }
    }
    best
}

impl Probability {
    /// Replaces `out` by the probability of each class.
    pub fn probabilities(self, decision: &[f64], out: &mut Vec<f64>) {
        out.clear();
        match (self, decision) {
            (Self::OvrLogistic, &[value]) => {
                let positive = logistic(value);
                out.extend([1.0 - positive, positive]);
            }
            (Self::OvrLogistic, values) => {
                out.extend(values.iter().map(|&value| logistic(value)));
                let sum: f64 = out.iter().sum();
                if sum == 0.0 {
                    let equal = 1.0 / out.len() as f64; // all underflowed: scikit-learn calls them equal then
                    out.fill(equal);
                } else {
                    divide(out, sum);
                }
            }
            (Self::SoftmaxBinary, &[value]) => softmax([-value, value], out),
            (Self::Softmax | Self::SoftmaxBinary, values) => softmax(values.iter().copied(), out),
        }
    }
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

    #[test]
    fn values_that_all_underflow_are_equally_probable() {
        let mut out = Vec::new();
        Probability::OvrLogistic.probabilities(&[-800.0, -900.0, -1000.0, -1e308], &mut out);
        assert_eq!(out, [0.25; 4]);
    }

    #[test]
    fn ties_fall_as_scikit_learns() {
        for (decision, class) in [
            (&[0.0][..], 0),
            (&[-0.0], 0),
            (&[1e-300], 1),
            (&[-1.0], 0),
            (&[1.0, 1.0, 0.0], 0),
            (&[0.0, 1.0, 1.0], 1),
            (&[-3.0, -2.0, -1.0], 2),
        ] {
            assert_eq!(predicted_class(decision), class, "{decision:?}");
        }
    }
}
