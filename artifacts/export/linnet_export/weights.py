"""How an artifact holds the weights: all of them, or those alone that are not 0, where that is smaller."""

from __future__ import annotations

import numpy as np

COEF = "classifier.coef"
SPARSE_MAX = 2**32 - 1  # weights, which 32 bits count


def store_weights(classifier: dict, tensors: dict) -> None:
    """Replace the dense weights by a list of those that are not 0, column by column, where the file gets smaller.

    `classifier` is the manifest's entry, `tensors` are all of the artifact's.
    """
    coef = tensors[COEF]
    used = np.count_nonzero(coef)
    if used > SPARSE_MAX or used * (8 + 4) + coef.shape[1] * 4 >= coef.nbytes:
        return
    columns, rows = np.nonzero(coef.T)
    del tensors[COEF]
    tensors[f"{COEF}.ends"] = np.cumsum(np.bincount(columns, minlength=coef.shape[1])).astype(np.uint32)
    tensors[f"{COEF}.rows"] = rows.astype(np.uint32)
    tensors[f"{COEF}.values"] = coef[rows, columns]
    classifier["weights"] = "sparse"


def read_weights(classifier: dict, tensors: dict, columns: list) -> np.ndarray:
    """The weights of some columns of an artifact, one row a decision value."""
    if classifier.get("weights", "dense") == "dense":
        return tensors[COEF][:, columns]
    weights = np.zeros((classifier["rows"], len(columns)))
    ends, rows, values = (tensors[f"{COEF}.{name}"] for name in ("ends", "rows", "values"))
    for place, column in enumerate(columns):
        of_column = slice(int(ends[column - 1]) if column else 0, int(ends[column]))
        weights[rows[of_column], place] = values[of_column]
    return weights
