"""OneVsRestClassifier: one binary linear model a class, put together as rows; multilabel too."""

from __future__ import annotations

import copy

import numpy as np

from .calibrated import interleave
from .classifier import Classifier, best_estimator, decision_values, read_classifier
from .errors import refusal
from .labels import read_classes


def read_one_vs_rest(step: str, classifier: object, features: int) -> Classifier:
    """Read a fitted OneVsRestClassifier over linear models of one kind."""
    if not hasattr(classifier, "estimators_"):
        raise refusal(step, classifier, "is not fitted")
    classes, multilabel = read_classes(step, classifier), bool(classifier.multilabel_)
    constant = [type(estimator).__name__ == "_ConstantPredictor" for estimator in classifier.estimators_]
    if all(constant):
        raise refusal(step, classifier, "no class has both texts that are in it and texts that are not")
    binary = [
        None if lone else read_classifier(step, best_estimator(estimator), features)
        for lone, estimator in zip(constant, classifier.estimators_)
    ]
    first = next(part for part in binary if part is not None)
    if any(part is not None and _shape(part) != _shape(first) for part in binary):
        raise refusal(step, classifier, "its estimators are not all alike")
    if len(first.classes) != 2 or first.presence:
        raise refusal(step, classifier, "estimator: it is not a binary linear model over the counts")
    if not first.manifest.get("decision_function", True) and len(binary) > 1 and not multilabel:
        raise refusal(step, classifier, "estimator: it has no decision_function, and probabilities of 1 would tie")
    if any(constant) and hasattr(classifier, "predict_proba"):
        raise refusal(step, classifier, "a class that every text is in, or none, has no linear probability")
    manifest = {**first.manifest, "rows": len(binary) * first.manifest.get("calibration", {"members": 1})["members"]}
    if multilabel:
        manifest["multilabel"] = True
    elif len(binary) > 1 and hasattr(classifier, "decision_function") and _last_of_ties(classifier, features):
        manifest["ties"] = "last"
    if first.kinds != [None] and not multilabel and len(binary) > 1:
        manifest["zero_sum"] = "zero"  # older versions of scikit-learn divide 0 by 0 there
    parts = [_rows(part, estimator, features) for part, estimator in zip(binary, classifier.estimators_)]
    tensors = interleave(parts)
    decide = decision_values(classifier) if manifest.get("decision_function", True) else _stacked(binary)
    kinds = ["ovr_logistic"] if first.kinds == ["softmax"] else first.kinds  # two rows have become one
    return Classifier(manifest, classes, kinds, tensors, decide)


def _shape(part):
    return part.manifest, part.kinds


def _rows(part, estimator, features):
    """The tensors of one class; a constant one has its constant as intercept."""
    if part is not None:
        return _one_row(part)
    return {"coef": np.zeros((1, features)), "intercept": np.asarray(estimator.y_, dtype=float).reshape(1)}


def _one_row(part):
    """A binary model's row; of two (naive Bayes), what the positive class has over the other."""
    tensors = part.tensors
    if "calibration" in part.manifest or len(tensors["coef"]) == 1:
        return tensors
    return {name: values[1:] - values[:1] for name, values in tensors.items()}


def _stacked(binary):
    """Decision values of the parts, members outside, classes inside: the order of the rows."""

    def decide(vectors):
        values = [part.decide(vectors) for part in binary]
        if "calibration" not in binary[0].manifest:
            values = [value[:, -1:] - value[:, :1] for value in values]
        return np.stack(values, axis=2).reshape(vectors.shape[0], -1)

    return decide


def _last_of_ties(classifier, features):
    """Whether the last of equal decision values wins, as it did before scikit-learn 1.9."""
    alike = copy.copy(classifier)
    alike.estimators_ = [next(e for e in classifier.estimators_ if hasattr(e, "coef_"))] * len(classifier.estimators_)
    return alike.predict(np.zeros((1, features)))[0] == classifier.classes_[-1]

