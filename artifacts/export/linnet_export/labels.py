"""The classes of a model as JSON scalars, their type kept."""

from __future__ import annotations

import numpy as np

from .errors import refusal

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1


def class_names(step: str, classifier: object, read, labels) -> list:
    """The classes under the names that the user gave, which only a multilabel model needs: it knows numbers."""
    if labels is None:
        return read.classes
    if not read.manifest.get("multilabel"):
        raise refusal(step, classifier, "labels: only a multilabel model is given names")
    return check_labels(step, classifier, labels, len(read.classes))


def check_labels(step: str, classifier: object, labels: list, count: int) -> list:
    """Names that the user gave, one a column."""
    labels = [label_scalar(label) for label in labels]
    if len(labels) != count or len(set(map(str, labels))) != count:
        raise refusal(step, classifier, f"labels: expected {count} different names, got {len(labels)}")
    return _checked(step, classifier, labels, labels)


def read_classes(step: str, classifier: object) -> list:
    """`classes_` in its order: all str, all int or all bool."""
    classes = classifier.classes_
    if isinstance(classes, (list, tuple)) or np.ndim(classes) != 1:
        raise refusal(step, classifier, "classes_: a multi-output model is not supported")
    if len(classes) < 2:
        raise refusal(step, classifier, f"classes_: {len(classes)} class, at least 2 are needed")
    return _checked(step, classifier, [label_scalar(label) for label in classes], classes)


def _checked(step, classifier, labels, classes):
    """Labels that JSON can hold, all of one type."""
    kinds = {type(label) for label in labels}
    if len(kinds) != 1 or not kinds <= {str, int, bool}:
        names = sorted({type(label).__name__ for label in classes})
        raise refusal(
            step, classifier, f"classes_: labels must be all str, all int or all bool, not {', '.join(names)}"
        )
    for label in labels:
        if type(label) is str and any("\ud800" <= character <= "\udfff" for character in label):
            raise refusal(step, classifier, f"classes_: the label {label!r} holds a lone surrogate")
        if type(label) is int and not INTEGER_MIN <= label <= INTEGER_MAX:
            raise refusal(step, classifier, f"classes_: the label {label} does not fit 64 bits")
    return labels


def label_scalar(label: object) -> object:
    """A label as plain Python: numpy's str_, bool_ and integers lose their numpy type, all others stay as they are."""
    if isinstance(label, str):
        return str(label)
    if isinstance(label, np.generic):
        return label.item()
    return label
