"""A fitted linear classifier as manifest entry and tensors, or the reason why it has no exact representation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np
from sklearn import linear_model, naive_bayes
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from .errors import refusal
from .labels import class_names, read_classes

LINEAR = (
    SGDClassifier,
    LogisticRegression,
    linear_model.LogisticRegressionCV,
    LinearSVC,
    linear_model.RidgeClassifier,
    linear_model.RidgeClassifierCV,
    linear_model.Perceptron,
    getattr(linear_model, "PassiveAggressiveClassifier", SGDClassifier),  # on its way out of scikit-learn
)
SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")


@dataclass
class Classifier:
    """What the artifact says of the classifier.

    `kinds` are the probability kinds that it may have, likeliest first; `decide` gives the decision values of feature
    vectors as scikit-learn has them, [texts, rows]; `presence` says that all that counts of a feature is whether it is
    above zero.
    """

    manifest: dict
    classes: list
    kinds: list
    tensors: dict
    decide: Callable
    presence: bool = False


def best_estimator(estimator: object) -> object:
    """What a search over parameters has found, or the estimator itself."""
    while type(estimator).__name__ in SEARCHES and hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    return estimator


def read_classifier(step: str, classifier: object, features: int, labels: Optional[list] = None) -> Classifier:
    """Read a fitted classifier over `features` columns; tensors are named without their `classifier.` prefix.

    `labels` names the classes of a multilabel model, which knows its columns by number alone.
    """
    from .calibrated import read_calibrated  # both hold classifiers themselves
    from .naive_bayes import read_naive_bayes
    from .one_vs_rest import read_one_vs_rest

    if type(classifier) in LINEAR:
        read = read_linear(step, classifier, features)
    elif type(classifier) in (naive_bayes.MultinomialNB, naive_bayes.ComplementNB, naive_bayes.BernoulliNB):
        read = read_naive_bayes(step, classifier, features)
    elif type(classifier) is OneVsRestClassifier:
        read = read_one_vs_rest(step, classifier, features)
    elif type(classifier) is CalibratedClassifierCV:
        read = read_calibrated(step, classifier, features)
    else:
        raise refusal(step, classifier, "this step is not supported as the last one (linear classifiers are)")
    read.classes = class_names(step, classifier, read, labels)
    return read


def read_linear(step: str, classifier: object, features: int) -> Classifier:
    """Read a classifier whose decision values are `coef_ @ x + intercept_`."""
    if not hasattr(classifier, "coef_") or not hasattr(classifier, "classes_"):
        raise refusal(step, classifier, "is not fitted")
    binarizer = getattr(classifier, "_label_binarizer", None)  # of RidgeClassifier, which can be multilabel
    multilabel = getattr(binarizer, "y_type_", "").startswith("multilabel")
    classes = read_classes(step, classifier)
    rows = 1 if len(classes) == 2 and not multilabel else len(classes)
    # sparsify() leaves a scipy matrix behind; its values are the same.
    coef = classifier.coef_.toarray() if hasattr(classifier.coef_, "toarray") else np.asarray(classifier.coef_)
    intercept = np.ravel(classifier.intercept_)
    if np.ndim(classifier.intercept_) == 0 and not classifier.fit_intercept:
        intercept = np.zeros(rows)
    tensors = {"coef": np.atleast_2d(coef), "intercept": intercept}
    check_tensors(step, classifier, tensors, {"coef": (rows, features), "intercept": (rows,)})
    manifest = {"kind": "linear", "rows": rows, "probability": None}
    if multilabel:
        manifest["multilabel"] = True
    return Classifier(manifest, classes, _kinds(classifier, len(classes)), tensors, decision_values(classifier))


def decision_values(classifier: object) -> Callable:
    """`decision_function` with one row a text, one column a decision value."""
    return lambda vectors: np.asarray(classifier.decision_function(vectors)).reshape(vectors.shape[0], -1)


def check_tensors(step: str, classifier: object, tensors: dict, shapes: dict) -> None:
    """Refuse weights that are not what the classifier's classes and columns ask for, or not finite."""
    for name, shape in shapes.items():
        values = tensors[name]
        if values.shape != shape:
            raise refusal(step, classifier, f"{name}_: its shape is {values.shape}, expected {shape}")
        if values.dtype != np.float64:
            raise refusal(step, classifier, f"{name}_: its dtype is {values.dtype}, not float64")
        if not np.isfinite(values).all():
            raise refusal(step, classifier, f"{name}_: it holds a value that is not finite")


def _kinds(classifier, classes):
    """The kinds that this class of model can have; which one it has is asked of the model itself."""
    if not hasattr(classifier, "predict_proba"):
        return [None]
    if isinstance(classifier, LogisticRegression):
        # Which one depends on solver, multi_class and scikit-learn's version.
        return ["ovr_logistic", "softmax_binary"] if classes == 2 else ["softmax", "ovr_logistic"]
    return ["modified_huber" if classifier.loss == "modified_huber" else "ovr_logistic"]
