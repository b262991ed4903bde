"""A matrix of pipelines: whatever can be exported answers as scikit-learn does, on real and on hard texts.

Needs `LINNET_BIN`; `LINNET_DATA` brings the real texts (see `conftest.py`).
"""

from __future__ import annotations

import numpy as np
import pytest
from comparison import check
from conftest import NAMES, TEXTS, label_matrix
from golden_texts import hard_texts, spelled_out
from linnet_export import export
from sklearn import linear_model
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

# The classes of the training texts, under labels of every kind.
STRINGS = {"kitchen": 'kitchen "küche"', "harbour": "ΛΙΜΆΝΙ\n⚓", "workshop": "work\\shop/é"}
NUMBERS = {"kitchen": -7, "harbour": 0, "workshop": 9_007_199_254_740_993}
BOOLS = {"kitchen": False, "harbour": True, "workshop": False}
TWO = {"kitchen": "no", "harbour": "yes", "workshop": "no"}
MULTILABEL = "multilabel"


def passive_aggressive():
    """The classifier that scikit-learn is going to drop, or what replaces it."""
    kind = getattr(linear_model, "PassiveAggressiveClassifier", None)
    return kind(random_state=0) if kind else SGDClassifier(loss="hinge", penalty=None, random_state=0)


def sgd(loss, **parameters):
    """A reproducible SGDClassifier."""
    return SGDClassifier(loss=loss, random_state=0, **parameters)


def tfidf(**parameters):
    """Character n-grams by TF-IDF: every character of a text counts."""
    return TfidfVectorizer(**{"analyzer": "char_wb", "ngram_range": (1, 3), **parameters})


def words(**parameters):
    """Counts of words."""
    return CountVectorizer(**{"ngram_range": (1, 2), **parameters})


CLASSIFIERS = {
    "svc": (STRINGS, tfidf(), LinearSVC()),
    "svc binary": (BOOLS, tfidf(), LinearSVC(fit_intercept=False)),
    "svc crammer": (NUMBERS, tfidf(), LinearSVC(multi_class="crammer_singer")),
    "ridge": (STRINGS, tfidf(), RidgeClassifier()),
    "ridge binary": (TWO, tfidf(), RidgeClassifier(fit_intercept=False)),
    "ridge multilabel": (MULTILABEL, tfidf(), RidgeClassifier()),
    "ridge cv": (NUMBERS, tfidf(), linear_model.RidgeClassifierCV(alphas=[0.5, 2])),
    "perceptron": (STRINGS, tfidf(), Perceptron()),
    "perceptron binary": (BOOLS, tfidf(norm=None), Perceptron()),
    "passive aggressive": (NUMBERS, tfidf(), passive_aggressive()),
    "logistic cv": (TWO, tfidf(), linear_model.LogisticRegressionCV(cv=2, Cs=2)),
    **{
        f"sgd {loss} {kind}": (labels, tfidf(), sgd(loss))
        for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "huber")
        for kind, labels in (("three", STRINGS), ("two", TWO))
    },
    "modified huber far out": (NUMBERS, tfidf(norm=None), sgd("modified_huber")),
    "squared error": (STRINGS, tfidf(), sgd("squared_error", eta0=1e-4)),
    "sparse": (STRINGS, tfidf(), sgd("log_loss", penalty="l1", average=True)),
    "multinomial": (STRINGS, tfidf(), MultinomialNB()),
    "multinomial two": (TWO, tfidf(), MultinomialNB(alpha=0.1, fit_prior=False)),
    "complement": (NUMBERS, tfidf(), ComplementNB()),
    "complement norm": (STRINGS, tfidf(), ComplementNB(norm=True)),
    "complement two": (BOOLS, tfidf(), ComplementNB(norm=True)),
    "bernoulli": (STRINGS, tfidf(), BernoulliNB()),
    "bernoulli two": (TWO, tfidf(sublinear_tf=True, norm="l1"), BernoulliNB(alpha=0.3)),
    "one vs rest": (STRINGS, tfidf(), OneVsRestClassifier(LinearSVC())),
    "one vs rest two": (TWO, tfidf(), OneVsRestClassifier(LogisticRegression())),
    "one vs rest logistic": (NUMBERS, tfidf(), OneVsRestClassifier(LogisticRegression())),
    "one vs rest huber": (STRINGS, tfidf(norm=None), OneVsRestClassifier(sgd("modified_huber"))),
    "one vs rest multilabel": (MULTILABEL, tfidf(), OneVsRestClassifier(LinearSVC())),
    "one vs rest multilabel logistic": (MULTILABEL, tfidf(), OneVsRestClassifier(LogisticRegression(C=10))),
    "one vs rest multilabel huber": (MULTILABEL, tfidf(), OneVsRestClassifier(sgd("modified_huber"))),
    "one vs rest multilabel bayes": (MULTILABEL, tfidf(), OneVsRestClassifier(MultinomialNB())),
    "calibrated": (STRINGS, tfidf(), CalibratedClassifierCV(LinearSVC(), cv=2)),
    "calibrated two": (BOOLS, tfidf(), CalibratedClassifierCV(LinearSVC(), cv=2)),
    "calibrated one": (STRINGS, tfidf(), CalibratedClassifierCV(LinearSVC(), cv=2, ensemble=False)),
    "calibrated logistic": (TWO, tfidf(), CalibratedClassifierCV(LogisticRegression(), cv=3, ensemble=False)),
    "isotonic": (NUMBERS, tfidf(), CalibratedClassifierCV(LinearSVC(), cv=2, method="isotonic")),
    "isotonic two": (TWO, tfidf(), CalibratedClassifierCV(RidgeClassifier(), cv=2, method="isotonic", ensemble=False)),
    "calibrated multilabel": (
        MULTILABEL,
        tfidf(),
        OneVsRestClassifier(CalibratedClassifierCV(LinearSVC(), cv=2)),
    ),
    "isotonic multilabel": (
        MULTILABEL,
        tfidf(),
        OneVsRestClassifier(CalibratedClassifierCV(LinearSVC(), cv=2, method="isotonic")),
    ),
}


@pytest.fixture(scope="session")
def texts(project_texts):
    """Real texts, and hard ones but for the very long: those are `test_oracle.py`'s."""
    hard = [text for text in map(spelled_out, hard_texts()) if len(text) < 5_000]
    return [*hard, "in on at " * 3_000, "ΑΣ" * 5_000, "e\u0301" * 5_000, *project_texts]


def train(labels, *steps):
    """A pipeline fitted on texts that hold the hostile words too."""
    pipeline = Pipeline([(f"step{number}", step) for number, step in enumerate(steps)])
    target = label_matrix() if labels == MULTILABEL else np.array([labels[name] for name in NAMES])
    return pipeline.fit(TEXTS, target)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CLASSIFIERS)
def test_classifiers(case, binary, texts, tmp_path, record_property):
    labels, *steps = CLASSIFIERS[case]
    pipeline = train(labels, *steps)
    named = ["a", 'b "', "Ω", "d"] if labels == MULTILABEL and case.startswith("one") else None
    directory = export(pipeline, tmp_path / "model" / "1", labels=named)
    record_property("largest differences", check(binary, directory, pipeline, texts, named))
