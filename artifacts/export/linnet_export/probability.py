"""Decision values to probabilities and labels: the format's own rules, and the choice of those that a model follows.

`classifier` is always the manifest's object of that name, `tensors` the classifier's tensors by their short names.
"""

from __future__ import annotations

import numpy as np

from .errors import refusal

PROBABILITY_TOLERANCE = 1e-10  # finer than any two kinds differ, coarser than naive Bayes rounds
SIGMOID, ISOTONIC = "sigmoid", "isotonic"


def outputs(classifier: dict, classes: int) -> int:
    """How many decision values decide: one of a binary model, else one a class."""
    return 1 if classes == 2 and not classifier.get("multilabel") else classes


def probabilities(classifier: dict, tensors: dict, classes: int, decision):
    """Probabilities, one row a text, one column a class, from decision values [texts, rows]."""
    kind = classifier["probability"]
    if kind == "calibrated":
        return _calibrated(classifier, tensors, classes, decision)
    if kind == "softmax_binary":
        decision = np.hstack([-decision, decision])
    if kind in ("softmax", "softmax_binary"):
        powers = np.exp(decision - decision.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    single = _expit(decision) if kind == "ovr_logistic" else (np.clip(decision, -1, 1) + 1) / 2
    return _shares(classifier, single)


def label_columns(classifier: dict, decision, shares) -> list:
    """The columns of the predicted classes of one text, of which there is one unless the model is multilabel."""
    calibrated = classifier["probability"] == "calibrated"
    values = np.asarray(shares if calibrated else decision)
    if classifier.get("multilabel"):
        return np.flatnonzero(values > (0.5 if calibrated else 0)).tolist()
    if len(values) == 1:
        return [int(values[0] > 0)]
    if classifier.get("ties") == "last":
        return [len(values) - 1 - int(values[::-1].argmax())]
    return [int(values.argmax())]


def _shares(classifier, single):
    """What each class gets of the whole, unless several classes can be right at once."""
    if classifier.get("multilabel"):
        return single
    if single.shape[1] == 1:
        return np.hstack([1 - single, single])
    total = single.sum(axis=1, keepdims=True)
    # A sum of 0 has no shares: scikit-learn's models call all classes equally likely, its OneVsRestClassifier none.
    empty = 0.0 if classifier.get("zero_sum") == "zero" else 1 / single.shape[1]
    return np.where(total == 0, empty, single / np.where(total == 0, 1, total))


def _calibrated(classifier, tensors, classes, decision):
    """The mean of what the members say after calibration."""
    width, members = outputs(classifier, classes), classifier["calibration"]["members"]
    single = _calibrate(classifier["calibration"]["method"], tensors, decision)
    mean = 0
    for member in range(members):
        mean = mean + _shares(classifier, single[:, member * width : (member + 1) * width]) / members
    return mean


def _calibrate(method, tensors, decision):
    if method == SIGMOID:
        return _expit(-(tensors["calibration.slope"] * decision + tensors["calibration.intercept"]))
    columns, start = [], 0
    for row, end in enumerate(tensors["calibration.ends"].tolist()):
        x, y = tensors["calibration.x"][start:end], tensors["calibration.y"][start:end]
        columns.append(np.interp(decision[:, row], x, y))  # constant beyond both ends
        start = end
    return np.stack(columns, axis=1)


def _expit(values):
    with np.errstate(over="ignore"):  # 0 below -709, as scipy's
        return 1 / (1 + np.exp(-values))


def choose_probability(step: str, estimator: object, classifier, decide, vectors) -> None:
    """Settle which of the classifier's possible kinds reproduces `predict_proba` on the given feature vectors.

    Longer vectors tell the kinds apart where short texts leave all decision values near zero. `decide` gives the
    decision values [texts, rows] of vectors.
    """
    if classifier.kinds == [None]:
        return
    stretches = [vectors * factor for factor in (1.0, 4.0, 16.0)]
    for kind in classifier.kinds:
        classifier.manifest["probability"] = kind
        if all(_reproduces(estimator, classifier, decide, stretched) for stretched in stretches):
            return
    kinds = ", ".join(classifier.kinds)
    raise refusal(step, estimator, f"predict_proba: none of the kinds {kinds} reproduces it")


def _reproduces(estimator, classifier, decide, vectors):
    with np.errstate(invalid="ignore"):
        expected = np.asarray(estimator.predict_proba(vectors))
    # Older versions of scikit-learn divide 0 by 0 where all values are zero. No kind repeats that.
    finite = np.isfinite(expected)
    found = probabilities(classifier.manifest, classifier.tensors, len(classifier.classes), decide(vectors))
    return np.allclose(found[finite], expected[finite], rtol=0, atol=PROBABILITY_TOLERANCE)
