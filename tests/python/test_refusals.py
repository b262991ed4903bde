"""The exporter refuses in one line what it cannot represent exactly, and writes nothing."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
from conftest import NAMES, TEXTS, fit
from linnet_export import ExportError, TextCleaner, export
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier


def shout(text):
    """A custom callable, importable for pickle."""
    return text.upper()


class Lying(SGDClassifier):
    """A subclass may answer anything."""


class OtherPipeline(Pipeline):
    """So may this one."""


def changed(**attributes):
    """A fitted pipeline whose classifier has other attributes after the fit."""

    def build():
        pipeline = fit()
        for name, value in attributes.items():
            setattr(pipeline.named_steps["classifier"], name, value(pipeline.named_steps["classifier"]))
        return pipeline

    return build


def changed_vectorizer(change, **parameters):
    """A fitted pipeline whose vectorizer was tampered with after the fit."""

    def build():
        pipeline = fit(TfidfVectorizer(**parameters))
        change(pipeline.named_steps["tfidf"])
        return pipeline

    return build


def vectorizer(**parameters):
    """A pipeline fitted with these parameters of TfidfVectorizer."""
    return lambda: fit(TfidfVectorizer(**parameters))


def poisoned(values):
    """A copy whose first number is not finite."""
    values = np.array(values, dtype=float)
    values.flat[0] = np.nan
    return values


def rename_term(vectorizer, new):
    """Give the first column another term."""
    old = next(term for term, column in vectorizer.vocabulary_.items() if column == 0)
    vectorizer.vocabulary_ = {new if t == old else t: c for t, c in vectorizer.vocabulary_.items()}


def with_infinite_idf(vectorizer):
    """What smooth_idf=False makes of a term of an explicit vocabulary that no text holds."""
    idf = vectorizer.idf_.copy()
    idf[0] = np.inf
    vectorizer.idf_ = idf


def calibrated(estimator=None, **parameters):
    """A calibrated model of two folds."""
    return CalibratedClassifierCV(estimator or LinearSVC(), cv=2, **parameters)


def steep(pipeline):
    """An isotonic calibration with two knots at the same place."""
    regression = pipeline[-1].calibrated_classifiers_[0].calibrators[0]
    regression.X_thresholds_, regression.y_thresholds_ = np.array([0.5, 0.5]), np.array([0.0, 1.0])
    return pipeline


def union(*others):
    """Two vectorizers side by side, and what else is to stand there."""
    return FeatureUnion([("a", CountVectorizer().fit(TEXTS)), ("b", HashingVectorizer(n_features=64)), *others])


def signed(middle):
    """Hashed counts with signs, and what comes behind."""
    steps = [("hash", HashingVectorizer(n_features=64)), ("middle", middle), ("c", SGDClassifier())]
    steps[1][1].fit(steps[0][1].transform(TEXTS))
    return Pipeline(steps)


def three_steps(middle):
    """A selector or projection between vectorizer and classifier."""
    steps = [("tfidf", TfidfVectorizer()), ("middle", middle), ("classifier", SGDClassifier())]
    return lambda: Pipeline(steps).fit(TEXTS, NAMES)


REFUSED = {
    "not a pipeline": (lambda: {"a": 1}, "expected a fitted sklearn.pipeline.Pipeline, got builtins.dict"),
    "only a classifier": (lambda: SGDClassifier(), "got sklearn.linear_model._stochastic_gradient.SGDClassifier"),
    "subclass of Pipeline": (lambda: OtherPipeline(fit().steps), "OtherPipeline"),
    "no classifier": (lambda: fit()[:1], "needs a vectorizer and a classifier"),
    "no vectorizer": (
        lambda: Pipeline([("classifier", SGDClassifier())]),
        "step 'classifier' (SGDClassifier): this step",
    ),
    "unfitted": (
        lambda: Pipeline([("tfidf", TfidfVectorizer()), ("c", SGDClassifier())]),
        "step 'tfidf' (TfidfVectorizer): is not fitted",
    ),
    "unfitted vocabulary": (
        lambda: Pipeline([("tfidf", TfidfVectorizer(vocabulary=["a"])), ("c", SGDClassifier())]),
        "step 'tfidf' (TfidfVectorizer): is not fitted",
    ),
    "unfitted classifier": (
        lambda: Pipeline([("tfidf", TfidfVectorizer().fit(TEXTS)), ("c", SGDClassifier())]),
        "step 'c' (SGDClassifier): is not fitted",
    ),
    "TruncatedSVD": (three_steps(TruncatedSVD(2)), "step 'middle' (TruncatedSVD): this step is not supported"),
    "DictVectorizer": (
        lambda: Pipeline([("words", DictVectorizer()), ("c", SGDClassifier())]),
        "step 'words' (DictVectorizer): this step is not supported here",
    ),
    "unfitted selector": (
        lambda: Pipeline([fit().steps[0], ("best", SelectKBest()), fit().steps[1]]),
        "step 'best' (SelectKBest): is not fitted",
    ),
    "with_mean": (
        lambda: Pipeline([fit().steps[0], ("scaler", StandardScaler()), fit().steps[1]]),
        "step 'scaler' (StandardScaler): with_mean=True is not supported",
    ),
    "norm max": (three_steps(Normalizer("max")), "step 'middle' (Normalizer): norm='max' is not supported"),
    "norm over a union": (
        lambda: Pipeline([("all", union()), ("norm", Normalizer()), ("c", SGDClassifier())]).fit(TEXTS, NAMES),
        "step 'norm' (Normalizer): norm='l2': over several vectorizers this step is not supported",
    ),
    "regressor": (
        lambda: fit(classifier=Ridge(), labels={"kitchen": 0.5, "harbour": 1.5, "workshop": 2.5}),
        "step 'classifier' (Ridge): this step is not supported as the last one (linear classifiers are)",
    ),
    "passthrough in a union": (
        lambda: Pipeline([("all", union(("rest", "passthrough"))), ("c", SGDClassifier())]),
        "step 'rest' (str): this step is not supported here",
    ),
    "nothing in a union": (
        lambda: Pipeline([("all", FeatureUnion([("a", "drop")])), ("c", SGDClassifier())]),
        "step 'all' (FeatureUnion): transformer_list: nothing is left of it",
    ),
    "signed sublinear": (
        lambda: signed(TfidfTransformer(sublinear_tf=True)),
        "step 'middle' (TfidfTransformer): sublinear_tf=True is not supported after alternate_sign=True",
    ),
    "signed presence": (
        lambda: Pipeline([("hash", HashingVectorizer(n_features=64)), ("c", BernoulliNB())]).fit(TEXTS, NAMES),
        "step 'c' (BernoulliNB): binarize: values above zero are not",
    ),
    "many columns": (
        lambda: Pipeline([("hash", HashingVectorizer(n_features=2**31)), ("c", SGDClassifier())]),
        "step 'hash' (HashingVectorizer): n_features=2147483648 is not supported",
    ),
    "long hashed n-grams": (
        lambda: Pipeline([("hash", HashingVectorizer(ngram_range=(1, 65))), ("c", SGDClassifier())]),
        "step 'hash' (HashingVectorizer): ngram_range=(1, 65) is not supported beyond 64",
    ),
    "SVC": (lambda: fit(classifier=SVC()), "step 'classifier' (SVC): this step is not supported"),
    "temperature": (
        lambda: fit(classifier=calibrated(method="temperature")),
        "step 'classifier' (CalibratedClassifierCV): method='temperature' is not supported",
    ),
    "calibrated bayes": (
        lambda: fit(classifier=calibrated(MultinomialNB())),
        "(CalibratedClassifierCV): estimator: it is not a linear model with a decision_function",
    ),
    "steep isotonic": (
        lambda: steep(fit(classifier=calibrated(method="isotonic"))),
        "method='isotonic': a slope of inf makes rounding errors visible",
    ),
    "one vs rest bayes": (
        lambda: fit(classifier=OneVsRestClassifier(MultinomialNB())),
        "(OneVsRestClassifier): estimator: it has no decision_function",
    ),
    "one vs rest presence": (
        lambda: fit(classifier=OneVsRestClassifier(BernoulliNB())),
        "(OneVsRestClassifier): estimator: it is not a binary linear model",
    ),
    "one vs rest of forests": (
        lambda: fit(classifier=OneVsRestClassifier(DecisionTreeClassifier())),
        "step 'classifier' (DecisionTreeClassifier): this step is not supported",
    ),
    "binarize": (
        lambda: fit(classifier=BernoulliNB(binarize=0.1)),
        "step 'classifier' (BernoulliNB): binarize=0.1 is not supported",
    ),
    "subclass": (lambda: fit(classifier=Lying()), "step 'classifier' (Lying): this step is not supported"),
    "preprocessor": (vectorizer(preprocessor=shout), "(TfidfVectorizer): preprocessor=<function shout"),
    "tokenizer": (vectorizer(tokenizer=str.split, token_pattern=None), "(TfidfVectorizer): tokenizer="),
    "analyzer": (vectorizer(analyzer=str.split), "(TfidfVectorizer): analyzer="),
    "strip_accents": (vectorizer(strip_accents=shout), "(TfidfVectorizer): strip_accents=<function shout"),
    "stop_words": (vectorizer(stop_words=["a\ud800"]), "stop_words: 'a\\ud800' is not a str without lone"),
    **{
        f"token_pattern {pattern}": (vectorizer(token_pattern=pattern), f"is not supported: {why}")
        for pattern, why in {
            r"(?<!x)\w+": "assert_not in it",
            r"(\w)(?:\w)\1": "groupref in it",
            r"(?:\w?)*n": "a repetition of what may match nothing",
            r"(?:(\w)n)+": "a capturing group within a repetition",
            r"\w{1,4000}\w{1,4000}": "its program has more than 4096 steps",
        }.items()
    },
    "count dtype": (lambda: fit(CountVectorizer(dtype=np.int8)), "dtype=<class 'numpy.int8'> is not supported"),
    "dtype": (vectorizer(dtype=np.float32), "dtype=<class 'numpy.float32'> is not supported"),
    "input": (changed_vectorizer(lambda v: v.set_params(input="file")), "input='file' is not supported"),
    "ngram_range zero": (vectorizer(ngram_range=(0, 2), analyzer="char"), "ngram_range=(0, 2) is not supported"),
    "use_idf changed": (changed_vectorizer(lambda v: v._tfidf.set_params(use_idf=False)), "use_idf was changed"),
    "empty term": (changed_vectorizer(lambda v: rename_term(v, "")), "vocabulary: it holds the empty term"),
    "term not str": (changed_vectorizer(lambda v: rename_term(v, b"x")), "vocabulary: the term b'x' is not a str"),
    "surrogate term": (changed_vectorizer(lambda v: rename_term(v, "a\ud800")), "holds a lone surrogate"),
    "column twice": (changed_vectorizer(lambda v: v.vocabulary_.update(new=0)), "is out of range or taken twice"),
    "idf infinite": (changed_vectorizer(with_infinite_idf), "idf: it holds a value that is not finite"),
    "coef nan": (changed(coef_=lambda c: poisoned(c.coef_)), "coef_: it holds a value that is not finite"),
    "intercept nan": (changed(intercept_=lambda c: poisoned(c.intercept_)), "intercept_: it holds a value that is"),
    "coef float32": (changed(coef_=lambda c: c.coef_.astype(np.float32)), "coef_: its dtype is float32"),
    "coef shape": (changed(coef_=lambda c: c.coef_[:, 1:]), "coef_: its shape is"),
    "labels float": (
        changed(classes_=lambda c: np.array([0.5, 1.5, 2.5])),
        "labels must be all str, all int or all bool",
    ),
    "labels mixed": (changed(classes_=lambda c: np.array(["a", 1, "b"], dtype=object)), "not int, str"),
    "labels none": (changed(classes_=lambda c: np.array([None, 1, 2], dtype=object)), "not NoneType, int"),
    "labels surrogate": (changed(classes_=lambda c: np.array(["a", "\udc80", "b"])), "holds a lone surrogate"),
    "labels beyond 64 bits": (changed(classes_=lambda c: np.array([1, 2, 2**63], dtype=np.uint64)), "64 bits"),
    "multi-output": (changed(classes_=lambda c: [c.classes_, c.classes_]), "multi-output"),
    "one class": (changed(classes_=lambda c: c.classes_[:1]), "1 class, at least 2 are needed"),
    "lying predict_proba": (
        changed(predict_proba=lambda c: lambda X: np.full((X.shape[0], 3), 1 / 3)),
        "predict_proba: none of the kinds ovr_logistic reproduces it",
    ),
    "stem": (
        lambda: Pipeline([("clean", TextCleaner(stem=True)), *fit().steps]),
        "step 'clean' (TextCleaner): stem=True is not supported",
    ),
    "cleaner's words": (
        lambda: Pipeline([("clean", TextCleaner(stop_words=["a", ""])), *fit().steps]),
        "step 'clean' (TextCleaner): stop_words: ''",
    ),
    "cleaner's surrogate": (
        lambda: Pipeline([("clean", TextCleaner(stop_words=["\ud800"])), *fit().steps]),
        "step 'clean' (TextCleaner): stop_words: '\\ud800' is not a word",
    ),
    "cleaner after vectorizer": (
        lambda: Pipeline([fit().steps[0], ("clean", TextCleaner()), fit().steps[1]]),
        "step 'clean' (TextCleaner): this step is not supported between",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line_and_nothing_written(case, tmp_path):
    build, fragment = REFUSED[case]
    with pytest.raises(ExportError) as caught:
        export(build(), tmp_path / "new" / "1")
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


DOCUMENTS = {
    "NaN": ({"args": {"a": float("nan")}}, "args: not writable as JSON"),
    "infinity": ({"performance": {"a": [float("inf")]}}, "performance: not writable as JSON"),
    "not an object": ({"args": [1]}, "args: expected a JSON object (a dict), got list"),
    "numpy": ({"args": {"a": np.float32(1)}}, "args: not writable as JSON"),
    "surrogate": ({"args": {"a": "\ud800"}}, "args: not writable as JSON"),
    "no probes": ({"probe_texts": []}, "probe_texts: at least one"),
    "one probe": ({"probe_texts": "text"}, "probe_texts: expected a list"),
    "bad probe": ({"probe_texts": ["a", 5]}, "probe_texts[1]: not a text"),
    "surrogate probe": ({"probe_texts": ["\ud800"]}, "probe_texts[0]: not a text"),
    "labels": ({"labels": ["a", "b", "c"]}, "labels: only a multilabel model is given names"),
    "empty name": ({"name": ""}, "name: expected a non-empty str"),
    "version": ({"version": 1.5}, "version: expected a non-empty str, got 1.5"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_bad_documents_are_refused(case, word_pipeline, tmp_path):
    arguments, fragment = DOCUMENTS[case]
    with pytest.raises(ExportError, match=re.escape(fragment)):
        export(word_pipeline, tmp_path / "new", **arguments)
    assert os.listdir(tmp_path) == []
