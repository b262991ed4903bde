"""A fitted linear classifier as manifest entry and tensors, or the reason why it has no exact representation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, SGDClassifier

from .errors import refusal
from .labels import read_classes

PROBABILITY_TOLERANCE = 1e-12


@dataclass
class Classifier:
    """What the artifact says of the classifier; `kinds` are the probability kinds that it may have, likeliest first."""

    rows: int
    classes: list
    kinds: list
    tensors: dict


def read_classifier(step: str, classifier: object, features: int) -> Classifier:
    """Read a fitted classifier over `features` columns; tensors are named without their `classifier.` prefix."""
    if type(classifier) not in (SGDClassifier, LogisticRegression):
        raise refusal(
            step, classifier, "this step is not supported as the last one (SGDClassifier and LogisticRegression are)"
        )
    if not hasattr(classifier, "coef_") or not hasattr(classifier, "classes_"):
        raise refusal(step, classifier, "is not fitted")
    classes = read_classes(step, classifier)
    if len(classes) < 2:
        raise refusal(step, classifier, f"classes_: {len(classes)} class, at least 2 are needed")
    rows = 1 if len(classes) == 2 else len(classes)
    # sparsify() leaves a scipy matrix behind; its values are the same.
    coef = classifier.coef_.toarray() if hasattr(classifier.coef_, "toarray") else np.asarray(classifier.coef_)
    intercept = np.ravel(classifier.intercept_)
    tensors = {"coef": coef, "intercept": intercept}
    for name, shape in (("coef", (rows, features)), ("intercept", (rows,))):
        values = tensors[name]
        if values.shape != shape:
            raise refusal(step, classifier, f"{name}_: its shape is {values.shape}, expected {shape}")
        if values.dtype != np.float64:
            raise refusal(step, classifier, f"{name}_: its dtype is {values.dtype}, not float64")
        if not np.isfinite(values).all():
            raise refusal(step, classifier, f"{name}_: it holds a value that is not finite")
    return Classifier(rows, classes, _probability_kinds(step, classifier, len(classes)), tensors)


def _probability_kinds(step, classifier, classes):
    """The kinds that this class of model can have; which one it has is asked of the model itself."""
    if not hasattr(classifier, "predict_proba"):
        return [None]
    if type(classifier) is LogisticRegression:
        # Which one depends on solver, multi_class and scikit-learn's version.
        return ["ovr_logistic", "softmax_binary"] if classes == 2 else ["softmax", "ovr_logistic"]
    if classifier.loss in ("log_loss", "log"):  # "log" is the older name, valid before scikit-learn 1.3
        return ["ovr_logistic"]
    raise refusal(
        step, classifier, f"loss={classifier.loss!r} is not supported: its probabilities have no kind in the format"
    )


def probability_kind(step: str, classifier: object, kinds: list, vectors) -> object:
    """The kind that reproduces `predict_proba` on the given feature vectors (sparse, one a row), and on longer ones.

    The longer ones tell the kinds apart where short texts leave all decision values near zero.
    """
    if kinds == [None]:
        return None
    stretches = [vectors * factor for factor in (1.0, 4.0, 16.0)]
    for kind in kinds:
        if all(_reproduces(kind, classifier, stretched) for stretched in stretches):
            return kind
    raise refusal(step, classifier, f"predict_proba: none of the kinds {', '.join(kinds)} reproduces it")


def _reproduces(kind, classifier, vectors):
    with np.errstate(invalid="ignore"):
        expected = classifier.predict_proba(vectors)
    decision = np.asarray(classifier.decision_function(vectors)).reshape(len(expected), -1)
    # Older versions of scikit-learn divide 0 by 0 where expit underflows in every row. No kind repeats that.
    finite = np.isfinite(expected)
    found = probabilities(kind, decision)
    return np.allclose(found[finite], expected[finite], rtol=0, atol=PROBABILITY_TOLERANCE)


def probabilities(kind: str, decision):
    """Probabilities of a kind, one row per text, one column per class, from decision values [texts, rows]."""
    if kind == "ovr_logistic":
        single = _expit(decision)
        if decision.shape[1] == 1:
            return np.hstack([1 - single, single])
        total = single.sum(axis=1, keepdims=True)
        # All zero means that expit underflowed in every row; scikit-learn then calls all classes equally likely.
        return np.where(total == 0, 1 / decision.shape[1], single / np.where(total == 0, 1, total))
    if kind == "softmax_binary":
        decision = np.hstack([-decision, decision])
    powers = np.exp(decision - decision.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _expit(values):
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1 / (1 + small), small / (1 + small))
