"""A matrix of pipelines: whatever can be exported answers as scikit-learn does, on real and on hard texts.

Needs `LINNET_BIN`; `LINNET_DATA` brings the real texts (see `conftest.py`).
"""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from comparison import check, predict
from conftest import NAMES, TEXTS, label_matrix
from golden_texts import hard_texts, spelled_out
from linnet_export import export
from linnet_export.reference import Artifact
from sklearn import linear_model
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectFromModel, SelectKBest, SelectPercentile, VarianceThreshold
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MaxAbsScaler, Normalizer, StandardScaler
from sklearn.svm import LinearSVC

# The classes of the training texts, under labels of every kind.
STRINGS = {"kitchen": 'kitchen "küche"', "harbour": "ΛΙΜΆΝΙ\n⚓", "workshop": "work\\shop/é"}
NUMBERS = {"kitchen": -7, "harbour": 0, "workshop": 9_007_199_254_740_993}
BOOLS = {"kitchen": False, "harbour": True, "workshop": False}
TWO = {"kitchen": "no", "harbour": "yes", "workshop": "no"}
MULTILABEL = "multilabel"
MANY = "many classes"


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


def hashing(**parameters):
    """Hashed n-grams: into few columns, so that they meet there."""
    return HashingVectorizer(**{"n_features": 257, "analyzer": "char_wb", "ngram_range": (1, 2), **parameters})


def pattern(token_pattern, **parameters):
    """Counts of what a pattern finds."""
    return CountVectorizer(token_pattern=token_pattern, **parameters)


LOG = sgd("log_loss")
# Tokens with hostile characters among them, in the case that lowering leaves.
STOP = ["the", "in", "and", "σας", "straße", "日本語", "²"]

VECTORIZERS = {
    "count char": [CountVectorizer(analyzer="char", ngram_range=(1, 3)), LOG],
    "count binary": [words(binary=True), LogisticRegression()],
    "count float": [words(dtype=np.float64, max_features=60), MultinomialNB()],
    "count then tfidf": [words(), TfidfTransformer(sublinear_tf=True), LinearSVC()],
    "count then tf": [CountVectorizer(analyzer="char_wb"), TfidfTransformer(use_idf=False, norm="l1"), LOG],
    "count bernoulli": [words(), BernoulliNB()],
    "tfidf twice": [tfidf(norm="l1"), TfidfTransformer(), LOG],
    "long n-grams": [tfidf(ngram_range=(1, 90)), LOG],
    "hashing": [hashing(), LOG],
    "hashing unsigned": [hashing(alternate_sign=False, norm="l1"), MultinomialNB()],
    "hashing binary": [hashing(binary=True, norm=None), LogisticRegression()],
    "hashing few": [hashing(n_features=3, norm=None), LogisticRegression()],
    "hashing the lowest hash": [hashing(analyzer="word", n_features=1000, norm=None), LogisticRegression()],
    "hashing words": [hashing(analyzer="word", n_features=2**20, stop_words="english"), LOG],
    "hashing then tfidf": [hashing(norm=None), TfidfTransformer(), LinearSVC()],
    "hashing then all": [hashing(alternate_sign=False), TfidfTransformer(sublinear_tf=True, norm="l1"), LOG],
    "hashing bernoulli": [hashing(alternate_sign=False), BernoulliNB()],
    "hashing binary bernoulli": [hashing(binary=True), BernoulliNB()],
    "accents ascii": [tfidf(strip_accents="ascii"), LOG],
    "accents unicode": [tfidf(strip_accents="unicode"), LOG],
    "accents, case kept": [words(strip_accents="unicode", lowercase=False), LOG],
    "accents of words": [words(strip_accents="ascii", token_pattern=r"(?u)\b\w+\b"), LOG],
    "stop words": [words(stop_words=STOP, token_pattern=r"(?u)\b\w+\b"), LogisticRegression()],
    "stop words english": [words(stop_words="english", strip_accents="unicode"), LOG],
    **{
        f"pattern {token_pattern}": [pattern(token_pattern, lowercase=False, ngram_range=(1, 2)), LogisticRegression()]
        for token_pattern in (
            r"(?u)\b\w+\b",
            r"\w",
            r"[^\W\d_]+",
            r"\S+",
            r"(?a)\b\w\w+\b",
            r"(?i)[a-z]+",
            r"(?i)ς|[sk]|straße",
            r"(?s)n.",
            r"(?m)^.|.$",
            r"\b(\w)\w*",
            r"(?x) [A-Z] [a-z]{1,3}?  # a comment",
            r"(?:a|b|ab|in)(?:on|n)?|\d+(?:[.,:]\d+)*",
            r"\B\w{2}\B|(?i:THE)",
            r"[^a-m\s]{2,}?",
            r".\Z|\A.",
        )
    },
}

STEPS = {
    "union": [
        FeatureUnion([("chars", tfidf()), ("words", words())], transformer_weights={"chars": 0.3, "words": 2}),
        LOG,
    ],
    "union of pipelines": [
        FeatureUnion(
            [
                ("a", Pipeline([("count", words()), ("best", SelectKBest(k=40)), ("tfidf", TfidfTransformer())])),
                ("nothing", "drop"),
                ("b", FeatureUnion([("c", hashing(n_features=64)), ("d", tfidf(strip_accents="ascii"))])),
            ],
            transformer_weights={"b": 0.5},
        ),
        MaxAbsScaler(),
        LinearSVC(),
    ],
    "union bernoulli": [FeatureUnion([("a", tfidf()), ("b", words())]), BernoulliNB()],
    "select best": [tfidf(), SelectKBest(k=100), LOG],
    "select percentile": [words(), TfidfTransformer(norm="l1"), SelectPercentile(percentile=30), MultinomialNB()],
    "select then norm": [words(), SelectKBest(k=50), Normalizer(), LogisticRegression()],
    "select from model": [tfidf(norm=None), SelectFromModel(LinearSVC()), LogisticRegression()],
    "select then presence": [tfidf(), SelectKBest(k=80), BernoulliNB()],
    "select then select": [tfidf(), SelectKBest(k=200), SelectPercentile(percentile=20), Perceptron()],
    "max abs": [words(), MaxAbsScaler(), LOG],
    "standard": [tfidf(), StandardScaler(with_mean=False), LOG],
    "normalizer": [hashing(norm=None), Normalizer("l1"), LOG],
    "everything": [
        words(),
        VarianceThreshold(0.001),
        TfidfTransformer(sublinear_tf=True, norm=None),
        StandardScaler(with_mean=False),
        SelectKBest(k=120),
        Normalizer("l1"),
        MaxAbsScaler(),
        CalibratedClassifierCV(LinearSVC(), cv=2),
    ],
    "nested": [Pipeline([("a", words()), ("b", "passthrough")]), Pipeline([("c", TfidfTransformer()), ("d", LOG)])],
    "searched": [tfidf(), GridSearchCV(LogisticRegression(), {"C": [0.1, 10]}, cv=2)],
}

# Models of twelve classes whose weights are mostly 0: their artifacts list those that are not.
L1 = {"penalty": "l1", "random_state": 0}
SPARSE = {
    "svc": [tfidf(), LinearSVC(dual=False, **L1)],
    "no norm": [CountVectorizer(analyzer="char_wb", ngram_range=(1, 4)), LinearSVC(dual=False, C=0.1, **L1)],
    "char": [tfidf(analyzer="char", norm="l1"), LinearSVC(dual=False, C=50, **L1)],
    "saga": [tfidf(), LogisticRegression(solver="saga", C=20, max_iter=50, **L1)],
    "liblinear": [words(), OneVsRestClassifier(LogisticRegression(solver="liblinear", **L1))],
    "sgd": [words(), TfidfTransformer(norm=None), sgd("log_loss", penalty="l1", alpha=1e-3)],
    "sublinear": [tfidf(sublinear_tf=True), LinearSVC(dual=False, **L1)],
    "selected": [tfidf(ngram_range=(2, 4)), SelectKBest(k=60), LinearSVC()],
    "hashing": [hashing(n_features=2**12), LinearSVC(dual=False, **L1)],
    "union": [FeatureUnion([("chars", tfidf()), ("words", words())]), LinearSVC(dual=False, **L1)],
    "calibrated": [tfidf(), CalibratedClassifierCV(LinearSVC(dual=False, **L1), cv=2)],
}


@pytest.fixture(scope="session")
def texts(project_texts):
    """Real texts, and hard ones but for the very long: those are `test_oracle.py`'s."""
    hard = [text for text in map(spelled_out, hard_texts()) if len(text) < 5_000]
    lowest = "akqlrggi kqlrggia"  # the hash of the first is -2**31
    return [*hard, lowest, "in on at " * 3_000, "ΑΣ" * 5_000, "e\u0301" * 5_000, *project_texts]


def train(labels, *steps):
    """A pipeline fitted on texts that hold the hostile words too."""
    pipeline = Pipeline([(f"step{number}", step) for number, step in enumerate(steps)])
    if labels == MULTILABEL:
        target = label_matrix()
    elif labels == MANY:
        target = np.arange(len(TEXTS)) % 12
    else:
        target = np.array([labels[name] for name in NAMES])
    try:
        return pipeline.fit(TEXTS, target)
    except (TypeError, AttributeError) as error:
        if sklearn.__version__ >= "1.4":
            raise
        return pytest.skip(f"scikit-learn {sklearn.__version__} does not fit this with the scipy that is here: {error}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CLASSIFIERS)
def test_classifiers(case, binary, texts, tmp_path, record_property):
    labels, *steps = CLASSIFIERS[case]
    pipeline = train(labels, *steps)
    named = ["a", 'b "', "Ω", "d"] if labels == MULTILABEL and case.startswith("one") else None
    directory = export(pipeline, tmp_path / "model" / "1", labels=named)
    record_property("largest differences", check(binary, directory, pipeline, texts, named))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [*VECTORIZERS, *STEPS])
def test_vectorizers_and_steps(case, binary, texts, tmp_path, record_property):
    pipeline = train(STRINGS, *map(clone, {**VECTORIZERS, **STEPS}[case]))
    directory = export(pipeline, tmp_path / "model" / "1")
    record_property("largest differences", check(binary, directory, pipeline, texts))


@pytest.mark.filterwarnings("ignore")
def test_a_searched_pipeline(binary, texts, tmp_path):
    pipeline = Pipeline([("words", words()), ("tfidf", TfidfTransformer()), ("classifier", LOG)])
    search = RandomizedSearchCV(pipeline, {"tfidf__norm": ["l1", "l2"]}, n_iter=2, cv=2, random_state=0)
    search.fit(TEXTS, NAMES)
    check(binary, export(search, tmp_path / "model" / "1"), search, texts)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sparsify", [False, True])
@pytest.mark.parametrize("case", SPARSE)
def test_models_that_are_mostly_zero(case, sparsify, binary, texts, tmp_path, record_property):
    pipeline = train(MANY, *map(clone, SPARSE[case]))
    classifier = pipeline.steps[-1][1]
    if sparsify:
        if not hasattr(classifier, "sparsify"):
            pytest.skip("this classifier has no sparsify()")
        classifier.sparsify()
    directory = export(pipeline, tmp_path / "model" / "1")
    assert "classifier.coef.values" in Artifact(directory).tensors
    record_property("largest differences", check(binary, directory, pipeline, texts))


def test_large_terms_that_cancel_are_no_reason_to_refuse_a_model(binary, tmp_path):
    pipeline = train(STRINGS, CountVectorizer(analyzer="char"), LinearSVC())
    classifier = pipeline.steps[-1][1]
    classifier.coef_ = np.where(np.arange(classifier.coef_.shape[1]) % 2, 1e9, -1e9) + classifier.coef_
    artifact = Artifact(export(pipeline, tmp_path / "model" / "1"))
    assert any("magnitudes" in probe for probe in artifact.manifest["probes"]["texts"])
    assert predict(binary, tmp_path / "model" / "1", [b'{"text": "a"}']).returncode == 0
