//! The classifier as the manifest describes it: how decision values are laid out, and what becomes of them.

use serde::Deserialize;

use super::error::Defect;

/// The classifier.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Classifier {
    /// Decision values `coef · x + intercept`.
    Linear(LinearClassifier),
}

/// A linear classifier.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearClassifier {
    /// Number of decision values: 1 for a binary model, else one a class; so many for each calibrated member.
    pub rows: usize,
    /// How probabilities come from decision values; `None` where scikit-learn has no `predict_proba`.
    pub probability: Option<Probability>,
    /// Whether a text can belong to any number of classes.
    #[serde(default)]
    pub multilabel: bool,
    /// Whether scikit-learn's model has a `decision_function`, so that its values are part of an answer.
    #[serde(default = "yes")]
    pub decision_function: bool,
    /// Which of equal decision values wins.
    #[serde(default)]
    pub ties: Ties,
    /// What each class has where single probabilities add up to 0.
    #[serde(default)]
    pub zero_sum: ZeroSum,
    /// The members of a calibrated model.
    pub calibration: Option<Calibration>,
    /// How the tensors hold the weights.
    #[serde(default)]
    pub weights: WeightStorage,
}

fn yes() -> bool {
    true
}

/// How `predict_proba` turns decision values into probabilities.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Probability {
    /// `LinearClassifierMixin._predict_proba_lr`: a logistic function for each value; several divided by their sum.
    OvrLogistic,
    /// Softmax over the decision values; two rows or more.
    Softmax,
    /// Softmax over `[-d, d]` of a binary model's one decision value.
    SoftmaxBinary,
    /// `(clip(d, -1, 1) + 1) / 2` for each value; several divided by their sum.
    ModifiedHuber,
    /// Each value through its calibration; several divided by their sum; the mean over the members.
    Calibrated,
}

/// How the tensors hold the weights.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum WeightStorage {
    /// One for each row and column.
    #[default]
    Dense,
    /// Those that are not 0, column by column.
    Sparse,
}

/// Which of equal decision values wins.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// The first in `classes_`.
    #[default]
    First,
    /// The last: `OneVsRestClassifier` before scikit-learn 1.9.
    Last,
}

/// What each class has where single probabilities add up to 0.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ZeroSum {
    /// All the same: 1 / classes.
    #[default]
    Equal,
    /// Nothing: `OneVsRestClassifier`.
    Zero,
}

/// The members of a `CalibratedClassifierCV`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What maps a decision value to a probability.
    pub method: CalibrationMethod,
    /// Number of members; each has its own rows.
    pub members: usize,
}

/// What maps a decision value to a probability.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// A logistic function with its own slope and intercept for each row.
    Sigmoid,
    /// A piecewise linear function for each row.
    Isotonic,
}

impl Classifier {
    /// The linear classifier.
    pub fn linear(&self) -> &LinearClassifier {
        let Self::Linear(linear) = self;
        linear
    }

    /// Number of decision values.
    pub fn rows(&self) -> usize {
        self.linear().rows
    }
}

impl LinearClassifier {
    /// Decision values of one member: 1 for a binary model, else one a class.
    pub fn outputs(&self, classes: usize) -> usize {
        if classes == 2 && !self.multilabel { 1 } else { classes }
    }

    /// Checks that everything fits together and to the number of classes.
    pub(super) fn check(&self, classes: usize) -> Result<(), Defect> {
        let defect = |key: &str, found: String, expected: String| {
            Err(Defect::value(format!("pipeline.classifier.{key}"), found, expected))
        };
        let outputs = self.outputs(classes);
        let members = self.calibration.map_or(1, |calibration| calibration.members);
        if members == 0 {
            return defect("calibration.members", "0".to_owned(), "1 or more".to_owned());
        }
        if (self.probability == Some(Probability::Calibrated)) != self.calibration.is_some() {
            let expected = "calibration, if and only if probability is \"calibrated\"".to_owned();
            return defect("probability", format!("{:?}", self.probability), expected);
        }
        // Naive Bayes has two rows for two classes, and no decision_function to show them.
        let two_rows = classes == 2 && self.rows == 2 && self.probability == Some(Probability::Softmax);
        if Some(self.rows) != outputs.checked_mul(members) && !two_rows {
            let expected = format!("{outputs} for {classes} classes and each of {members} members");
            return defect("rows", self.rows.to_string(), expected);
        }
        if self.decision_function && (two_rows || self.calibration.is_some()) {
            let expected = "false for two rows of two classes, and for a calibrated model".to_owned();
            return defect("decision_function", "true".to_owned(), expected);
        }
        let fits = match self.probability {
            Some(Probability::Softmax) => self.rows > 1 && !self.multilabel,
            Some(Probability::SoftmaxBinary) => self.rows == 1 && !self.multilabel,
            _ => true,
        };
        if !fits {
            let expected = "softmax with two rows or more, softmax_binary with one, neither multilabel";
            return defect("probability", format!("{:?}", self.probability), expected.to_owned());
        }
        Ok(())
    }
}
