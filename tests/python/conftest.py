"""Shared by the Python tests: own training texts, small fitted pipelines, the paths of the repository."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TRAIN = REPOSITORY / "artifacts" / "export" / "train_tagifai.py"
GOLDEN = REPOSITORY / "tests" / "golden"
# The exporter need not be installed for its tests.
sys.path[:0] = [str(REPOSITORY / "artifacts" / "export"), str(GOLDEN)]

import numpy as np  # noqa: E402
from golden_texts import PROJECTS, training_set  # noqa: E402
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


def label_matrix():
    """For each training text, which of four labels it has: overlapping, none and all of them included."""
    rows = [[name == "kitchen", not text.isascii(), " " in text, name != "harbour"] for text, name in zip(TEXTS, NAMES)]
    return np.array(rows).astype(int)


@pytest.fixture(scope="session")
def word_pipeline():
    """One fitted pipeline for the tests that do not care which. They must not change it."""
    return fit()


@pytest.fixture(scope="session")
def binary():
    """The binary under test. Without it these tests fail: they would prove nothing."""
    path = os.environ.get("LINNET_BIN")
    if not path:
        pytest.fail("LINNET_BIN is not set: give the path of the binary `linnet` (cargo build --release)")
    if not os.access(path, os.X_OK):
        pytest.fail(f"LINNET_BIN={path} is not an executable file")
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def data():
    """Paths of projects.csv and tags.csv, or None (said aloud) where own texts must do."""
    folder = os.environ.get("LINNET_DATA")
    if not folder:
        warnings.warn("LINNET_DATA is not set: own texts stand in for the 764 projects", stacklevel=1)
        return None
    paths = [os.path.join(folder, name) for name in ("projects.csv", "tags.csv")]
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        pytest.fail(f"LINNET_DATA={folder}: no file {', '.join(missing)}")
    return paths


@pytest.fixture(scope="session")
def project_texts(data):
    """The raw texts of the data set, or own ones of the same kind."""
    if data is None:
        return PROJECTS
    sys.path.insert(0, str(TRAIN.parent))
    from train_tagifai import read_projects

    texts, _ = read_projects(*data)
    assert len(texts) == 764
    return texts
