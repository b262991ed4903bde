"""Shared by the Python tests: own training texts, small fitted pipelines, the paths of the repository."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = REPOSITORY / "tests" / "golden"
# The exporter need not be installed for its tests.
sys.path[:0] = [str(REPOSITORY / "artifacts" / "export"), str(GOLDEN)]

import numpy as np  # noqa: E402
from golden_texts import training_set  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.linear_model import SGDClassifier  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402

TEXTS, NAMES = training_set()


def fit(vectorizer=None, classifier=None, *, cleaner=None, labels=None):
    """A pipeline of clones, fitted on the golden models' training texts; `labels` maps their class names."""
    vectorizer = clone(vectorizer) if vectorizer is not None else TfidfVectorizer()
    classifier = clone(classifier) if classifier is not None else SGDClassifier(loss="log_loss", random_state=0)
    steps = [("tfidf", vectorizer), ("classifier", classifier)]
    if cleaner is not None:
        steps.insert(0, ("clean", clone(cleaner)))
    names = np.array(NAMES if labels is None else [labels[name] for name in NAMES])
    return Pipeline(steps).fit(TEXTS, names)


@pytest.fixture(scope="session")
def word_pipeline():
    """One fitted pipeline for the tests that do not care which. They must not change it."""
    return fit()
