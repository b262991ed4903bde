"""CalibratedClassifierCV over linear models: the rows of its members, and what maps each row to a probability."""

from __future__ import annotations

import numpy as np

from .classifier import Classifier, best_estimator, read_classifier
from .errors import refusal
from .labels import read_classes
from .probability import ISOTONIC, SIGMOID, outputs

# A decision value may be off by some 1e-15 of its terms; a slope beyond this would make more of it than the tolerance.
STEEPEST = 1e5


def read_calibrated(step: str, classifier: object, features: int) -> Classifier:
    """Read a fitted CalibratedClassifierCV, whose members are the models of its folds (or one model)."""
    if not hasattr(classifier, "calibrated_classifiers_"):
        raise refusal(step, classifier, "is not fitted")
    classes, method = read_classes(step, classifier), classifier.method
    if method not in (SIGMOID, ISOTONIC):
        raise refusal(step, classifier, f"method={method!r} is not supported")
    parts = [_read_member(step, classifier, member, classes, features) for member in classifier.calibrated_classifiers_]
    linear, calibrations = [part.tensors for part, _ in parts], [calibration for _, calibration in parts]
    tensors = {name: np.concatenate([values[name] for values in linear]) for name in ("coef", "intercept")}
    tensors.update(join(calibrations))
    manifest = {
        "kind": "linear",
        "rows": len(tensors["coef"]),
        "probability": "calibrated",
        "decision_function": False,
        "calibration": {"method": method, "members": len(parts)},
    }
    decide = [part.decide for part, _ in parts]
    return Classifier(
        manifest, classes, ["calibrated"], tensors, lambda vectors: np.hstack([one(vectors) for one in decide])
    )


def _read_member(step, classifier, member, classes, features):
    """The linear model of one member, and its calibration tensors."""
    part = read_classifier(step, best_estimator(member.estimator), features)
    rows = part.manifest["rows"]
    wrong = not part.manifest.get("decision_function", True) or part.manifest.get("multilabel")
    if wrong or rows != outputs({}, len(classes)) or len(member.calibrators) != rows:
        raise refusal(step, classifier, "estimator: it is not a linear model with a decision_function")
    if part.classes != classes:
        raise refusal(step, classifier, "a fold has not seen all classes")
    if classifier.method == SIGMOID:
        slope, intercept = ([float(getattr(one, name)) for one in member.calibrators] for name in ("a_", "b_"))
        return part, {"calibration.slope": np.array(slope), "calibration.intercept": np.array(intercept)}
    return part, _isotonic(step, classifier, member.calibrators)


def _isotonic(step, classifier, calibrators):
    knots = [(np.asarray(one.X_thresholds_), np.asarray(one.y_thresholds_)) for one in calibrators]
    for x, y in knots:
        steepest = np.max(np.diff(y) / np.diff(x), initial=0)
        if x.dtype != np.float64 or y.dtype != np.float64:
            raise refusal(step, classifier, f"method='isotonic': its thresholds are {x.dtype}, not float64")
        if not steepest <= STEEPEST:
            what = f"method='isotonic': a slope of {steepest:.3g} makes rounding errors visible"
            raise refusal(step, classifier, what)
    return {
        "calibration.ends": np.cumsum([len(x) for x, _ in knots]).astype(np.uint32),
        "calibration.x": np.concatenate([x for x, _ in knots]),
        "calibration.y": np.concatenate([y for _, y in knots]),
    }


def join(parts: list) -> dict:
    """Calibration tensors of some rows, and of the rows behind them."""
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if "calibration.ends" in joined:
        shifts = np.cumsum([0] + [part["calibration.ends"][-1] for part in parts[:-1]])
        ends = [part["calibration.ends"] + shift for part, shift in zip(parts, shifts)]
        joined["calibration.ends"] = np.concatenate(ends).astype(np.uint32)
    return joined


def interleave(parts: list) -> dict:
    """Tensors of models that have one row a member each: all first members, then all second ones, and so on."""
    rows = [row for member in zip(*map(_split, parts)) for row in member]
    linear = {name: np.concatenate([row[name] for row in rows]) for name in ("coef", "intercept")}
    calibrations = [{name: row[name] for name in row if name not in linear} for row in rows]
    return {**linear, **(join(calibrations) if calibrations[0] else {})}


def _split(tensors):
    """The tensors of each row on its own."""
    ends = tensors.get("calibration.ends")
    for row in range(len(tensors["coef"])):
        one = {}
        for name, values in tensors.items():
            if name in ("calibration.x", "calibration.y"):
                one[name] = values[ends[row - 1] if row else 0 : ends[row]]
            else:
                one[name] = values[row : row + 1]
        if ends is not None:
            one["calibration.ends"] = np.array([len(one["calibration.x"])], dtype=np.uint32)
        yield one
