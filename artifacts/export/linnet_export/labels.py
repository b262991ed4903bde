"""The classes of a model as JSON scalars, their type kept."""

from __future__ import annotations

import numpy as np

from .errors import refusal

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1


def read_classes(step: str, classifier: object) -> list:
    """`classes_` in its order: all str, all int or all bool."""
    classes = classifier.classes_
    if isinstance(classes, (list, tuple)) or np.ndim(classes) != 1:
        raise refusal(step, classifier, "classes_: a multi-output model is not supported")
    labels = [label_scalar(label) for label in classes]
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
